package sigma

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a file holds, reading it ends, every document is kept or named, and
// what is kept can be run.
func FuzzParse(f *testing.F) {
	problems, err := os.ReadFile("testdata/problems.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, doc := range strings.Split(string(problems), "\n---\n") {
		f.Add([]byte(doc))
	}
	values, err := os.ReadFile("testdata/values.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, line := range strings.Split(string(values), "\n") {
		search, _, _ := strings.Cut(line, " => ")
		f.Add([]byte("detection:\n  sel: " + search + "\n  condition: sel\n"))
	}
	f.Add([]byte("correlation: {type: temporal, timespan: 2d, condition: a and not b}\n---\nname: a\ndetection: {s: x, condition: s}"))
	f.Add([]byte("action: global\nname: x\n---\naction: repeat\n---\n<<: [{a: b}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Parse("fuzz.yml", data)
		for _, p := range c.Problems {
			if p.Message == "" || p.Fix == "" || p.Code == "" {
				t.Errorf("a problem that does not say enough: %+v", p)
			}
		}
		for _, r := range c.Rules {
			runnable(t, r)
			Check(r)
		}
	})
}

// runnable fails when a rule has something that an engine cannot run.
func runnable(t *testing.T, r *Rule) {
	names := map[Expr]bool{}
	for _, s := range r.Detection.Searches {
		names[Ref(s.Name)] = true
	}
	if len(r.Detection.Conditions) == 0 {
		t.Errorf("%s: no condition", r.Pos)
	}
	for _, c := range r.Detection.Conditions {
		for _, ref := range Refs(c.Expr) {
			if !names[Ref(ref)] {
				t.Errorf("%s: the condition %q names %q", r.Pos, c.Text, ref)
			}
		}
	}
	for item := range r.Detection.Items() {
		if len(item.Values) == 0 {
			t.Errorf("%s: the item %q has no values", r.Pos, item.Field)
		}
		for _, v := range item.Values {
			for _, v := range flat(v) {
				switch v := v.(type) {
				case Regex:
					m, err := v.Compile()
					if err != nil {
						t.Errorf("%s: %v", r.Pos, err)
						continue
					}
					m.Match("some text")
				case String:
					for _, p := range v.Parts {
						if !utf8.ValidString(p.Text) {
							t.Errorf("%s: %q is no text", r.Pos, p.Text)
						}
					}
				}
			}
		}
	}
}

// A condition that is read has only searches of the rule.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{"a", "not a and (b or c_1)", "1 of c_*", "all of them", "any of *", "a and", ")(", "1 of"} {
		f.Add(text)
	}
	searches := []string{"a", "b", "c_1", "c_2", "_d"}
	f.Fuzz(func(t *testing.T, text string) {
		expr, err := ParseCondition(text, searches)
		if err != nil {
			return
		}
		again, err := ParseCondition(showExpr(expr), searches)
		if err != nil || showExpr(again) != showExpr(expr) {
			t.Errorf("%q is %s, which reads %v, %v", text, showExpr(expr), again, err)
		}
	})
}

// A string that is written reads back as it was.
func FuzzString(f *testing.F) {
	for _, text := range []string{"", `a\*b`, `\\`, `\\\*?`, "*?*", `C:\x\`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := ParseString(text)
		if again := ParseString(s.String()); again.String() != s.String() || len(again.Parts) != len(s.Parts) {
			t.Errorf("%q: %#v, written %q, read %#v", text, s, s.String(), again)
		}
	})
}

// An expression that looks around and one that says the same without it find
// the same.
func FuzzLookaround(f *testing.F) {
	f.Add("a+b", "xaab")
	f.Add("^a|b$", "ab\n")
	f.Add(`(?i)\bÄ[^x]*`, "ä y")
	f.Fuzz(func(t *testing.T, expr, text string) {
		if looksAround(expr) || len(expr) > 200 || len(text) > 2000 {
			return
		}
		plain, err := Regex{Expr: expr}.Compile()
		if err != nil {
			return
		}
		for _, empty := range []string{"(?=)", "(?<=)", "(?!(?!))"} {
			look, err := Regex{Expr: "(?:" + expr + ")" + empty}.Compile()
			if err != nil {
				return // (?:x) of an unclosed class or flag
			}
			if got, want := look.Match(text), plain.Match(text); got != want {
				t.Errorf("%q with %s on %q: %v, want %v", expr, empty, text, got, want)
			}
		}
	})
}
