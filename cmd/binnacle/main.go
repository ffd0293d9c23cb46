// Command binnacle is the operating system of a technology organisation: one
// program in which every claim shows its live evidence.
package main

import (
	"os"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/cli"
)

func main() { os.Exit(cli.Main(app.Program())) }
