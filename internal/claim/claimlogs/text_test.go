package claimlogs

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/claim"
)

func TestFilter(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if got := Filter(text); got != want {
			t.Errorf("Filter(%q) = %q, want %q", text, got, want)
		}
	}
	f("", "*")
	f(" | stats count()", "*")
	f("error | stats count()", "error")
	f(`a:="x|y" | stats by (a) count()`, `a:="x|y"`)
	f(`a:in(b:c | fields a) | stats count()`, `a:in(b:c | fields a)`)
	f(`{host=~"a|b"} x:range[1, 2) | limit 1`, `{host=~"a|b"} x:range[1, 2)`)
	f("a:'it\\'s | so' | limit 1", "a:'it\\'s | so'")
	f("a:`\\` | limit 1", "a:`\\`")
	f("a # b | c\n b | limit 1", "a # b | c\n b")
	f(`a:"open | limit 1`, `a:"open | limit 1`)
}

func TestNarrow(t *testing.T) {
	f := func(text, want string, pairs ...string) {
		t.Helper()
		var fields []claim.FieldValue
		for i := 0; i < len(pairs); i += 2 {
			fields = append(fields, claim.FieldValue{Name: pairs[i], Value: pairs[i+1]})
		}
		if got := Narrow(text, fields); got != want {
			t.Errorf("Narrow(%q, %v) = %q, want %q", text, pairs, got, want)
		}
	}
	f("a or b | stats count()", "a or b")
	f("a or b | stats by (host.name) count()", `(a or b) host.name:="web \"1\""`, "host.name", `web "1"`)
	f("* | stats count()", `host.name:="x" user.name:""`, "host.name", "x", "user.name", "")
	f("*", `"a b":="|"`, "a b", "|")
}

func TestLasting(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		err := lasting(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("lasting(%q) = %v, want %q", text, err, want)
		}
	}
	f("a | stats by (_time:1d) count()", "")
	f(`a:"_time:5m" b.c_time:x`, "")
	f("_time:day_range[08:00, 18:00) a", "")
	f("_time:5m a", "leave _time out")
	f("a (_time : 5m or b)", "leave _time out")
	f("a:in(_time:5m b | fields a)", "leave _time out")
	f("a | math now() as n", "now(")
	f("options(ignore_global_time_filter=true) a", "options(")
	f(`a:"now()"`, "")
}

// FuzzFilter: whatever is written, a filter is a beginning of it, and narrowing
// fails on nothing.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "a | b", `"`, "'\\", "a:in(b|c)|d", "#\n|", ")|(", "{a=\"|\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(blanked(text)) != len(text) {
			t.Fatal("blanking moves what stands where")
		}
		got := Filter(text)
		if got != "*" && !strings.HasPrefix(strings.TrimSpace(text), got) {
			t.Errorf("Filter(%q) = %q", text, got)
		}
		if again := Filter(got); again != got {
			t.Errorf("Filter(%q) = %q, and again %q", text, got, again)
		}
		_ = Narrow(text, []claim.FieldValue{{Name: text, Value: text}})
		_ = lasting(text)
	})
}
