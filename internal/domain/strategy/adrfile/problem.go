package adrfile

import (
	"embed"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Text holds the messages of problems in each language, as lang.Load reads
// them: problem.<code> and problem.<code>.hint, with {0}, {1}, … for Args.
//
//go:embed text.en.json text.es.json
var Text embed.FS

// newProblem makes a problem from its code, "adr." before it.
var newProblem = fault.Coded("adr", Text)
