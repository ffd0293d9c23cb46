// Package quiet keeps a library of the event engine from writing to the error
// stream of every command on machines without pressure statistics: it does so
// while the program's packages are set up, before any of our code runs. Package
// logs, which imports it, lets the standard log speak again.
//
// It works since it needs nothing but the standard library: packages are set up
// in the order of their paths as soon as what they import is, and that library
// waits for others whose paths are later than this one's.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
