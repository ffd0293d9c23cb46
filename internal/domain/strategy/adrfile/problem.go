package adrfile

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Text holds the messages of problems in each language, as lang.Load reads
// them: problem.<code> and problem.<code>.hint, with {0}, {1}, … for Args.
//
//go:embed text.en.json text.es.json
var Text embed.FS

var english = sync.OnceValue(func() map[string]string {
	data, err := Text.ReadFile("text.en.json")
	if err != nil {
		panic(err) // embedded above
	}
	texts := map[string]string{}
	if err := json.Unmarshal(data, &texts); err != nil {
		panic(err)
	}
	return texts
})

func newProblem(file string, line int, code string, args ...string) fault.Problem {
	code = "adr." + code
	return fault.Problem{
		File: file, Line: line, Code: code, Args: args,
		Msg:  fill(english()["problem."+code], args),
		Hint: fill(english()["problem."+code+".hint"], args),
	}
}

func fill(template string, args []string) string {
	for i, arg := range args {
		template = strings.ReplaceAll(template, fmt.Sprintf("{%d}", i), arg)
	}
	return template
}
