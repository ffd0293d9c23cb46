package hunt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTerms(t *testing.T) {
	for _, x := range []struct {
		query string
		want  []string
		or    bool
		piped string
	}{
		{"", nil, false, ""},
		{"*", nil, false, ""},
		{"failed password", nil, false, ""},
		{`user.name:eva`, []string{"user.name eva"}, false, ""},
		{`user.name:="eva maria" -host.name:web*`, []string{`user.name =eva maria`, `not host.name web*`}, false, ""},
		{`!a:b AND "quoted: not a field" c:in(x, y)`, []string{"not a b", "c in(x, y)"}, false, ""},
		{"a:b or c:d", []string{"a b", "c d"}, true, ""},
		{`a:"x | y" | stats count() n`, []string{"a x | y"}, false, "| stats count() n"},
		{`(a:b or c:d) e:f`, []string{"e f"}, false, ""},
		{"\"odd name\":=`a\\b`", []string{`odd name =a\b`}, false, ""},
		{`a:="say \"no\" \\ twice"`, []string{`a =say "no" \ twice`}, false, ""},
		{`a:="\u200b\x07" b:'it\'s'`, []string{"a =\u200b\a", "b it's"}, false, ""},
		{"--a:b", []string{"a b"}, false, ""},
		{"http://x", []string{"http //x"}, false, ""},
		{"a:", nil, false, ""},
		{`a: b -c :="d e" "f g" : h or i`, []string{"a b", "not c =d e", "f g h"}, true, ""},
		{"a:~ `x y` b:> 5 | c: d", []string{"a ~ `x y`", "b > 5"}, false, "| c: d"},
		{`- a:b ! c:d not e:f not not g:h`, []string{"not a b", "not c d", "not e f", "g h"}, false, ""},
		{`a:"b"*"c"`, []string{`a "b"*"c"`}, false, ""},
		{`a:"open`, []string{`a "open`}, false, ""},
	} {
		r := read(x.query)
		var got []string
		for _, term := range r.terms {
			s := term.Field + " "
			if term.Exact {
				s += "="
			}
			if s += term.Value; term.Not {
				s = "not " + s
			}
			got = append(got, s)
		}
		piped := ""
		if r.pipe >= 0 {
			piped = x.query[r.pipe:]
		}
		if diff := cmp.Diff(x.want, got); diff != "" || r.or != x.or || piped != x.piped {
			t.Errorf("read(%q): or %v, pipe %q, terms (-want +got):\n%s", x.query, r.or, piped, diff)
		}
	}
}

func TestWith(t *testing.T) {
	for _, x := range [][3]string{
		{"", `a:="b"`, `a:="b"`},
		{"*", `a:="b"`, `a:="b"`},
		{"failed", `a:="b"`, `failed a:="b"`},
		{"x or y", `a:="b"`, `(x or y) a:="b"`},
		{"x | stats count()", `a:="b"`, `x a:="b" | stats count()`},
		{"* | fields x", `a:="b"`, `a:="b" | fields x`},
		{`x -a:="b" y`, `a:="b"`, `x y a:="b"`},
		{`a:="b"`, `a:="b"`, `a:="b"`},
	} {
		if got := with(x[0], x[1]); got != x[2] {
			t.Errorf("with(%q, %q) = %q, want %q", x[0], x[1], got, x[2])
		}
	}
}

func TestWithout(t *testing.T) {
	for _, x := range [][2]string{
		{`a:b`, ``}, {`not a:b c`, `c`}, {`c not a:b d`, `c d`}, {`a:b c`, `c`}, {`c a:b`, `c`}, {`c and a:b and d`, `c and d`}, {`a:b AND c`, `c`}, {`c AND a:b`, `c`}, {`c a:b | fields x`, `c | fields x`},
	} {
		for _, term := range read(x[0]).terms {
			if term.Field != "a" {
				continue
			}
			if got := without(x[0], term); got != x[1] {
				t.Errorf("without(%q) = %q, want %q", x[0], got, x[1])
			}
		}
	}
}

func FuzzTerms(f *testing.F) {
	for _, s := range []string{`a:="b" -c:d`, "x | y", `"q":"\"`, "-", "a:(b", "a:`", "é:ñ or", "'"} {
		f.Add(s, "field", "value")
	}
	f.Fuzz(func(t *testing.T, query, field, value string) {
		r := read(query)
		for _, term := range r.terms {
			if term.from < 0 || term.to > len(query) || term.from >= term.to {
				t.Fatalf("a term of %q stands at %d to %d", query, term.from, term.to)
			}
			without(query, term)
		}
		if field == "" || strings.ContainsAny(field+value, "\x00") {
			return
		}
		got, ok := termOf(only(field, value, true))
		if !ok || got.Field != field || got.Value != value || !got.Not || !got.Exact {
			t.Fatalf("only(%q, %q) is read as %+v", field, value, got)
		}
		read(with(query, only(field, value, false)))
	})
}
