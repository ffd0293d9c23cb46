package adrfile

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// FuzzParse holds the parser to its promises: it returns a record or says why
// not, an unchanged record is the same bytes, and an edit is either read back or
// refused.
func FuzzParse(f *testing.F) {
	for _, text := range []string{madr4, nygard, list, strings.ReplaceAll(madr4, "\n", "\r\n"), "---\n---\n", "A\n=\n- Date: x", "#\n```\n", "\ufeff---\na: &x b\nstatus: *x\n---\n# [a](b.md)"} {
		f.Add(text, "New title", true)
	}
	f.Fuzz(func(t *testing.T, text, title string, superseded bool) {
		d, problems, ok := Parse("docs/adr/0012-a.md", []byte(text))
		for _, p := range problems {
			if p.Line > strings.Count(text, "\n")+1 || p.Msg == "" || p.Hint == "" {
				t.Fatalf("problem %+v", p)
			}
		}
		if !ok {
			if len(problems) == 0 {
				t.Fatal("refused without a reason")
			}
			return
		}
		if got, err := d.Render(nil); err != nil || got != text {
			t.Fatalf("unchanged: error %v (-want +got):\n%s", err, cmp.Diff(text, got))
		}
		edited(t, d, title, superseded)
	})
}

func edited(t *testing.T, d Decision, title string, superseded bool) {
	d.Title, d.Date, d.Deciders = title, time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC), []string{"Ana", "Luis"}
	if d.Status = Rejected; superseded {
		d.Status, d.SupersededBy = Superseded, "0099-x"
	}
	text, err := d.Render(nil)
	if err != nil {
		if fault.KindOf(err) != fault.Invalid {
			t.Fatal(err)
		}
		return
	}
	back, _, ok := Parse(d.File, []byte(text))
	if !ok || back.Status != d.Status || !back.Date.Equal(d.Date) || !cmp.Equal(back.Deciders, d.Deciders) || back.Title != oneLine(title) {
		t.Fatalf("wrote\n%s\nread %+v", text, back)
	}
	if back.Body != d.Body {
		t.Fatalf("the body changed (-want +got):\n%s", cmp.Diff(d.Body, back.Body))
	}
}
