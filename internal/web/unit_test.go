package web

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func TestDiffLines(t *testing.T) {
	f := func(a, b, want string) {
		t.Helper()
		var got strings.Builder
		for _, l := range diffLines(strings.Fields(a), strings.Fields(b)) {
			if l.Op == "skip" {
				got.WriteString("[" + itoa(int64(l.Skipped)) + "] ")
				continue
			}
			got.WriteString(l.Op + ":" + l.Old + ">" + l.New + " ")
		}
		if s := strings.TrimSpace(got.String()); s != want {
			t.Errorf("%q to %q: %s, want %s", a, b, s, want)
		}
	}
	f("", "", "")
	f("a", "a", "")
	f("", "a b", "add:>a add:>b")
	f("a b", "", "del:a> del:b>")
	f("a b c", "a x c", "same:a>a mod:b>x same:c>c")
	f("a b", "a x y b", "same:a>a add:>x add:>y same:b>b")
	f("1 2 3 4 5 6 7 8 9", "1 2 3 4 5 6 7 8 x", "[5] same:6>6 same:7>7 same:8>8 mod:9>x")
}

func TestJoinTrees(t *testing.T) {
	f := func(base, mine, theirs string, keepTheirs []string, want string) {
		t.Helper()
		keep := map[string]bool{}
		for _, p := range keepTheirs {
			keep[p] = true
		}
		got := joinTrees(tree(t, base), tree(t, mine), tree(t, theirs), "", keep)
		if diff := cmp.Diff(got, tree(t, want)); diff != "" {
			t.Errorf("base %s mine %s theirs %s (-got +want):\n%s", base, mine, theirs, diff)
		}
	}
	f(`{}`, `{}`, `{}`, nil, `{}`)
	f(`{"a":1}`, `{"a":2}`, `{"a":1}`, nil, `{"a":2}`)
	f(`{"a":1}`, `{"a":1}`, `{"a":3}`, nil, `{"a":3}`)
	f(`{"a":1}`, `{"a":2}`, `{"a":3}`, nil, `{"a":2}`)
	f(`{"a":1}`, `{"a":2}`, `{"a":3}`, []string{"a"}, `{"a":3}`)
	f(`{"a":1}`, `{}`, `{"a":1,"b":2}`, nil, `{"b":2}`)
	f(`{"a":{"x":1,"y":1}}`, `{"a":{"x":2,"y":1}}`, `{"a":{"x":1,"y":2}}`, nil, `{"a":{"x":2,"y":2}}`)
	f(`{"l":{"a.b/c":"1"}}`, `{"l":{"a.b/c":"2"}}`, `{"l":{"a.b/c":"3"}}`, []string{`l["a.b/c"]`}, `{"l":{"a.b/c":"3"}}`)
	f(`{"a":[1]}`, `{"a":[1,2]}`, `{"a":[1]}`, nil, `{"a":[1,2]}`)
}

func tree(t *testing.T, s string) map[string]any {
	t.Helper()
	m, err := decodeTree([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{"Búsqueda de Trenes": "busqueda-de-trenes", "  A/B  testing! ": "a-b-testing", "日本": "", "Ñandú": "nandu", "x": "x", strings.Repeat("long ", 40): strings.Trim(strings.Repeat("long-", 12), "-")} {
		if got := slug(in); got != want {
			t.Errorf("slug(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "a=b": "a=b"} {
		if got := Harmless(in); got != want {
			t.Errorf("Harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarked(t *testing.T) {
	if got := string(marked("a \x02<b>\x03 c")); got != "a <mark>&lt;b&gt;</mark> c" {
		t.Errorf("got %q", got)
	}
}

type sample struct {
	Text string            `json:"text" en:"T" es:"T"`
	N    int               `json:"n" en:"N" es:"N"`
	Tags []string          `json:"tags" en:"T" es:"T"`
	Rows []sampleRow       `json:"rows" en:"R" es:"R"`
	Env  map[string]string `json:"env" en:"E" es:"E"`
	Any  any               `json:"any" en:"A" es:"A"`
	On   bool              `json:"on" en:"O" es:"O"`
}

type sampleRow struct {
	A string `json:"a" en:"A" es:"A"`
	B int    `json:"b" en:"B" es:"B"`
}

func sampleKind() *catalog.Kind {
	return catalog.Of[sample](catalog.Kind{Name: "Sample", Plural: "samples", Room: "people", Title: lang.T("S", "S"), Titles: lang.T("S", "S"), Doc: lang.T("S", "S")}, nil)
}

// Whatever a browser sends, decoding does not fail, and what it gives is JSON.
func FuzzDecodeForm(f *testing.F) {
	f.Add("fields=spec.text&spec.text=a&fields=spec.n&spec.n=1,5&fields=spec.rows&spec.rows.0.a=x&spec.rows.7.b=2&spec.rows.0~was=9")
	f.Add("fields=spec.env&spec.env.0.key=a&spec.env.0.value=b&spec.env.1.value=c&fields=spec.any&spec.any={")
	f.Add("fields=spec.tags&spec.tags=a,,b&spec.rows.99999999999999999999.a=1&fields=spec.on")
	kind := sampleKind()
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		d := &decoder{form: form}
		m := map[string]any{"spec": map[string]any{"rows": []any{map[string]any{"a": "old", "kept": true}}, "n": json.Number("3")}}
		d.into(m, kind.Fields)
		if _, err := json.Marshal(m); err != nil {
			t.Errorf("%q gives what is no JSON: %v", query, err)
		}
	})
}

// What is left is rounded as people do: a link for seven days has seven days
// left when it is made.
func TestUntil(t *testing.T) {
	texts, err := lang.Load(Texts)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)
	w := writer{&App{Config: Config{Clock: func() time.Time { return now }}, texts: texts}, lang.English}
	for left, want := range map[time.Duration]string{
		7*24*time.Hour - time.Second: "7 days left", 60 * time.Hour: "3 days left", 49 * time.Hour: "2 days left", 48*time.Hour - time.Second: "48 h left",
		90 * time.Minute: "2 h left", 59*time.Minute + 1: "60 min left", time.Second: "1 min left", -time.Hour: "ended 22 Sep",
	} {
		if got := string(w.stamp(now.Add(left), writer.left)); !strings.Contains(got, ">"+want+"<") {
			t.Errorf("%s: %s, want %s", left, got, want)
		}
	}
}
