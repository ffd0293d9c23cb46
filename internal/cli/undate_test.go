package cli_test

import "regexp"

var unstable = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`), "<when>"},
	{regexp.MustCompile(`"uid": "[^"]*"|uid: \S+`), "<uid>"},
	{regexp.MustCompile(`\b\d+[smh]( +|$)`), "<ago>"},
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
