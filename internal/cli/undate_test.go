package cli_test

import (
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// writeUndated writes stdout or stderr, undated, to the file "undated".
func writeUndated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: undate stdout")
	}
	text := strings.ReplaceAll(undate(ts.ReadFile(args[0])), ts.Getenv("WORK"), "$WORK")
	ts.Check(os.WriteFile(ts.MkAbs("undated"), []byte(text), 0o600))
}

var unstable = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`), "<when>"},
	{regexp.MustCompile(`"uid": "[^"]*"|uid: \S+`), "<uid>"},
	{regexp.MustCompile(`(?m)\b\d+[smhd]$`), "<ago>"},
	{regexp.MustCompile(`[\d.]+ [kMGT]?B\b`), "<size>"},
	{regexp.MustCompile(`bnc_\w+|/(reset|sign-in|invitation)/\S+|\b[a-z2-7]{26}\b|\b[0-9a-f]{64}\b`), "<secret>"},
	{regexp.MustCompile(`http://127\.0\.0\.1:\d+`), "<server>"},
	{regexp.MustCompile(` +\n`), "\n"},
}

// undate takes times, ids and addresses out of a text.
func undate(text string) string {
	for _, u := range unstable {
		text = u.pattern.ReplaceAllString(text, u.by)
	}
	return text
}
