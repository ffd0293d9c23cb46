package talk_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
)

func TestMentions(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		var got []string
		for _, m := range talk.Mentions(text) {
			if text[m.Start:m.End] != "@"+m.Text {
				t.Errorf("%q: %q stands at %d to %d: %q", text, m.Text, m.Start, m.End, text[m.Start:m.End])
			}
			got = append(got, m.Text)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
	f("")
	f("@ana please", "ana")
	f("ask @ana, @group:platform and (@user:eu/leo).", "ana", "group:platform", "user:eu/leo")
	f("@marta.quiroga: look", "marta.quiroga")
	f("**@ana** _@bea_ [@leo](x) cc:@eva", "ana", "leo", "eva")
	f("@ana.", "ana")
	f("@ana@bea", []string(nil)...)
	f("mail ana@acme.example and https://x.example/@ana and a\\@b and \\@ana")
	f("`@ana` and ``x ` @bea`` and @leo", "leo")
	f("a ` that @ana opens", "ana")
	f("```\n@ana\n```\n@bea", "bea")
	f("~~~~ text\n@ana\n~~~\n@leo\n~~~~\n@bea", "bea")
	f("```\n@ana")
	f("@", []string(nil)...)
	f("@ ana", []string(nil)...)
	f("@añil", []string(nil)...)
	f("ñ@ana", []string(nil)...)
	f("¿@ana?", "ana")
	f("@a/b/c", []string(nil)...)
	f("@component:shop", "component:shop")
}

func FuzzMentions(f *testing.F) {
	for _, s := range []string{"@ana", "`@a` ``` @b", "~~~\n@c\n~~~", "\\@d", "@e.@f/", "```x`\n@g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, m := range talk.Mentions(s) {
			if m.Start < last || m.End <= m.Start || m.End > len(s) || s[m.Start:m.End] != "@"+m.Text {
				t.Fatalf("%q: %+v after %d", s, m, last)
			}
			last = m.End
		}
		none := talk.Linked(s, func(entity.Ref) (string, string) { return "", "" })
		if none != s {
			t.Errorf("%q becomes %q though nobody is known", s, none)
		}
	})
}

func TestLinked(t *testing.T) {
	link := func(r entity.Ref) (string, string) {
		if r.Name == "ana" && r.Kind == "user" || r.Name == "platform" && r.Kind == "group" {
			return "A[n]a_*", "/" + r.Kind + "s/default/" + r.Name
		}
		return "", ""
	}
	got := talk.Linked("@ana, @platform, @nobody and `@ana`", link)
	want := `[@A\[n\]a\_\*](/users/default/ana), [@A\[n\]a\_\*](/groups/default/platform), @nobody and ` + "`@ana`"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if strings.Contains(talk.Linked("component:@ana", link), "](") != true {
		t.Error("a mention after a colon is one")
	}
}
