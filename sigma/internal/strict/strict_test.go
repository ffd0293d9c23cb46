package strict_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// read takes a document of known form and returns what it says and what is
// wrong with it.
func read(text string) (said string, problems []strict.Problem) {
	r := &strict.Reader{}
	m := r.Parse([]byte(text), "a thing")
	if m == nil {
		return "", r.Problems
	}
	said = fmt.Sprint(m.Text("name"), m.Texts("list"), m.Bool("on", true), m.Int("n", 7), m.OneOf("kind", "plain", "fancy"), m.Any("any"))
	if sub := m.Sub("sub"); sub != nil {
		said += fmt.Sprint(sub.Keys(), sub.Texts(""))
		sub.Free()
		sub.Done()
	}
	m.Done()
	return said, r.Problems
}

func TestRead(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"name: a", "a[] true 7plain<nil>"},
		{"name: 5\nlist: [a, 1]\non: false\nn: 0x10\nkind: fancy\nany: {a: [1]}", "5[a 1] false 16fancymap[a:[1]]"},
		{"list: &l [a]\nsub: {x: *l, ~: *l, y: 1}", "[a] true 7plain<nil>[x  y] [a]"},
	} {
		got, problems := read(test.text)
		if len(problems) > 0 || got != test.want {
			t.Errorf("%s\ngot %s, %v\nwant %s", test.text, got, problems, test.want)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		text string
		line int
		want string
	}{
		{"", 0, "the file is empty; it must hold a thing"},
		{"# nothing", 0, "the file is empty"},
		{"a: [", 0, "this is no YAML"},
		{"- a", 1, "a thing must be a map of names to values"},
		{"name: a\n---\nname: b", 2, "the file must hold one document"},
		{"name: a\nname: b", 2, `"name" is there twice in a thing`},
		{"name: a\nnames: b", 2, `a thing does not know "names"; did you mean "name"?`},
		{"name: a\nquite other: b", 2, `a thing does not know "quite other"`},
		{"name: [a]", 1, `"name" must be a text`},
		{"name:", 1, `"name" must be a text`},
		{"list: [[a]]", 1, `"list" must be a text`},
		{"on: maybe", 1, `"on" must be true or false`},
		{"n: 1.5", 1, `"n" must be a whole number`},
		{"kind: fanci", 1, `"kind" must be one of plain, fancy; did you mean "fancy"?`},
		{"sub: a", 1, `"sub" must be a map`},
		{"[a]: b", 1, "a name in a thing must be a plain text"},
		{"sub: &a {b: *a}", 0, `the anchor "a" contains itself`},
		{"a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]", 0, "the aliases make the document too large"},
	} {
		_, problems := read(test.text)
		if len(problems) == 0 || problems[0].Line != test.line || !strings.Contains(problems[0].Text, test.want) {
			t.Errorf("%s\n got %v\nwant line %d, %s", test.text, problems, test.line, test.want)
		}
	}
}
