package fault

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// Coded returns a function that makes the problems of a format or a kind from
// its English texts: text.en.json in fsys, with the keys problem.<code> and
// problem.<code>.hint and {0}, {1}, … for the arguments, as lang.Load reads
// them. The code of a problem is prefix, a dot, and the code given.
//
// A file that is missing or no object of texts panics at the first problem: it
// is compiled in.
func Coded(prefix string, fsys fs.FS) func(file string, line int, code string, args ...string) Problem {
	texts := sync.OnceValue(func() map[string]string {
		data, err := fs.ReadFile(fsys, "text.en.json")
		if err != nil {
			panic(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(data, &texts); err != nil {
			panic(err)
		}
		return texts
	})
	return func(file string, line int, code string, args ...string) Problem {
		code = prefix + "." + code
		return Problem{File: file, Line: line, Code: code, Args: args,
			Msg: fill(texts()["problem."+code], args), Hint: fill(texts()["problem."+code+".hint"], args)}
	}
}

func fill(text string, args []string) string {
	for i, arg := range args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), arg)
	}
	return text
}
