package sigma_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/plain"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// chance makes rules and events of few words, so that they meet often.
type chance struct{ *rand.Rand }

func pick[T any](c chance, of ...T) T { return of[c.IntN(len(of))] }

func (c chance) field() string {
	return pick(c, "F", "F", "G", "G", "H", "Field with eight or more", "a.b", "a.b.c", "a", "")
}

func (c chance) word() string {
	return pick(c, "cmd", "CMD", ".exe", `\`, `C:\Windows\`, "powershell", "-enc ", " ", "x", "Ä", "ä", "K", "k", "\u212a", "ſ", "S",
		"1", "10", "4624", "true", "null", "\"", "\n", "…", "mimikatz", "lsadump::", "secret_key", "[x^y]@", "/", "/mimikatz", "/mimikatz", "*", "😀", "<>&", "\x01", "ab", "abc")
}

func (c chance) words(most int) string {
	var b strings.Builder
	for range c.IntN(most + 1) {
		b.WriteString(c.word())
	}
	return b.String()
}

func (c chance) number() string {
	return pick(c, "0", "1", "10", "10.0", "1e1", "-1", "4624", "0.5", "12345678901234567890", "-0")
}

func (c chance) time() string {
	return pick(c, "2026-01-02T03:04:05Z", "2026-01-02 13:04:05", "2026-11-28T23:59:59.5+02:00", "2026-01-02")
}

func (c chance) address() string {
	return pick(c, "10.0.0.1", "10.1.2.3", "::ffff:10.0.0.1", "fe80::1", "fe80::1%eth0", "192.168.0.1")
}

func (c chance) text() string {
	switch c.IntN(8) {
	case 0:
		return c.number()
	case 1:
		return c.time()
	case 2:
		return c.address()
	}
	return c.words(6)
}

func (c chance) string() sigma.String {
	star, question := sigma.String{Parts: []sigma.Part{{Kind: sigma.Star}}}, sigma.String{Parts: []sigma.Part{{Kind: sigma.Question}}}
	text := sigma.PlainString(c.words(3))
	s := pick(c, text,
		sigma.Concat(star, text, star), sigma.Concat(star, text), sigma.Concat(text, star),
		sigma.Concat(text, star, sigma.PlainString(c.words(2))),
		sigma.Concat(text, question, sigma.PlainString(c.words(2)), star),
		sigma.Concat(star, question, text, question), star, sigma.Concat(question, question))
	s.Cased = c.IntN(5) == 0
	return s
}

func (c chance) value() sigma.Value {
	op := pick(c, sigma.Less, sigma.LessOrEqual, sigma.Greater, sigma.GreaterOrEqual)
	switch c.IntN(20) {
	case 0, 1:
		text := c.number()
		value, _ := sigma.ParseNumber(text)
		return sigma.Number{Text: text, Value: value}
	case 2:
		return sigma.Bool(c.IntN(2) == 0)
	case 3:
		return sigma.Null{}
	case 4:
		return sigma.Exists(c.IntN(2) == 0)
	case 5, 6:
		return sigma.Regex{Expr: pick(c, `cmd`, `^cmd`, `(?:cmd|power)shell?`, `[0-9]{2,}`, `k.*k`, `\.exe$`, `a(?!b)`, `x|`, `(?i)mimikatz`, `(cmd)+x?`),
			IgnoreCase: c.IntN(2) == 0, MultiLine: c.IntN(2) == 0, DotsAreAll: c.IntN(2) == 0}
	case 7:
		return sigma.CIDR{Prefix: netip.MustParsePrefix(pick(c, "10.0.0.0/8", "10.0.0.1/32", "fe80::/10", "::/0", "10.1.2.3/16"))}
	case 8:
		return sigma.Compare{Op: op, Value: pick(c, 0.0, 1, 10, 4624, -0.5)}
	case 9:
		return sigma.FieldRef{Field: pick(c, "F", "G", "H", "a.b"), At: pick(c, sigma.Whole, sigma.Start, sigma.End, sigma.Anywhere), Cased: c.IntN(3) == 0}
	case 10:
		return sigma.TimePart{Part: pick(c, "minute", "hour", "day", "week", "month", "year"), Op: pick(c, op, ""), Value: pick(c, 1, 2, 3, 4, 13, 21, 2026)}
	case 11:
		return sigma.Any{c.string(), c.string(), c.string()}
	}
	return c.string()
}

func (c chance) node(depth int) sigma.Node {
	if depth > 0 && c.IntN(2) == 0 {
		g := &sigma.Group{Any: c.IntN(2) == 0}
		for range c.IntN(4) {
			g.Nodes = append(g.Nodes, c.node(depth-1))
		}
		return g
	}
	item := &sigma.Item{Field: c.field(), All: c.IntN(4) == 0, Not: c.IntN(6) == 0}
	for range 1 + c.IntN(3) {
		item.Values = append(item.Values, c.value())
	}
	return item
}

func (c chance) expr(depth int) sigma.Expr {
	if depth == 0 {
		return pick[sigma.Expr](c, sigma.Ref("a"), sigma.Ref("b"), sigma.Ref("c"))
	}
	switch c.IntN(4) {
	case 0:
		return sigma.And{c.expr(depth - 1), c.expr(depth - 1)}
	case 1:
		return sigma.Or{c.expr(depth - 1), c.expr(depth - 1)}
	case 2:
		return sigma.Not{Of: c.expr(depth - 1)}
	}
	return c.expr(0)
}

func (c chance) rule(id int) *sigma.Rule {
	r := &sigma.Rule{ID: fmt.Sprint(id), Title: fmt.Sprint(id)}
	for _, name := range []string{"a", "b", "c"} {
		r.Detection.Searches = append(r.Detection.Searches, &sigma.Search{Name: name, Body: c.node(2)})
	}
	for range 1 + c.IntN(2) {
		r.Detection.Conditions = append(r.Detection.Conditions, sigma.Condition{Expr: c.expr(2)})
	}
	return r
}

// found is what stands in a field of an event.
func (c chance) found(depth int) any {
	switch c.IntN(14) {
	case 0:
		return nil
	case 1:
		return c.IntN(2) == 0
	case 2, 3:
		return json.Number(c.number())
	case 4, 5:
		list := []any{}
		for range c.IntN(4) {
			if depth > 0 {
				list = append(list, c.found(depth-1))
			}
		}
		return list
	case 6, 7:
		if depth > 0 {
			return c.event(depth - 1)
		}
	}
	return c.text()
}

func (c chance) event(depth int) map[string]any {
	event := map[string]any{}
	for range c.IntN(5) {
		event[pick(c, "F", "G", "H", "Field with eight or more", "a", "a", "b", "b", "c", "a.b", "b.c", "other", "f", `\`)] = c.found(depth)
	}
	return event
}

// keywords is a rule that looks for words anywhere, so that lines are filtered.
func (c chance) keywords(id int) *sigma.Rule {
	r := c.rule(id)
	item := &sigma.Item{}
	for range 1 + c.IntN(3) {
		text := sigma.PlainString(pick(c, "", c.word()) + pick(c, "mimikatz", "lsadump::", "powershell", "kkkkkkkk", "/mimikatz", "SECRET_KEY", "[x^y]@"))
		star := sigma.String{Parts: []sigma.Part{{Kind: sigma.Star}}}
		item.Values = append(item.Values, sigma.Concat(star, text, star))
	}
	r.Detection.Searches = []*sigma.Search{{Name: "a", Body: item}, {Name: "b", Body: &sigma.Item{Field: "F", Values: []sigma.Value{c.string()}}}, {Name: "c", Body: &sigma.Group{}}}
	return r
}

// The engine matches and finds what the plain evaluators do, whatever rules stand beside
// each other, with the line and without it.
func TestAgainstPlain(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(2026, 11))}
	matched, looked, findings, plainly := 0, 0, 0, 0
	for range 1500 {
		var rules []*sigma.Rule
		for id := range 1 + c.IntN(1+c.IntN(30)) {
			rules = append(rules, c.rule(id))
		}
		if c.IntN(3) == 0 {
			rules = []*sigma.Rule{c.keywords(0), c.keywords(1)}
		}
		engine, err := sigma.Compile(rules)
		if err != nil {
			t.Fatal(err)
		}
		s := engine.Scanner()
		for range 12 {
			event := c.event(3)
			line := c.line(t, event)
			looked++
			got, err := s.Match(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			for i := range got {
				want := s.PlainFindings(i)
				findings += len(want)
				if diff := cmp.Diff(want, s.Findings(i)); diff != "" {
					t.Fatalf("found (-plainly +got): %s\n%s\n%s", diff, line, described(got[i]))
				}
			}
			got = slices.Clone(got)
			members, err := jsonline.Places(nil, line)
			if err != nil {
				t.Fatal(err)
			}
			known := jsonline.Members{Places: members}
			known.Plain = !bytes.Contains(line, []byte(`\u`)) && !slices.ContainsFunc(line, func(c byte) bool { return c >= 0x80 }) &&
				!slices.ContainsFunc(members, func(p jsonline.Place) bool { return jsonline.Escaped(p.Key(line)) })
			if known.Plain {
				plainly++
			}
			if again, err := s.MatchMembers(line, known); err != nil || !slices.Equal(again, got) {
				t.Fatalf("%s: with the places of its members it matches %d rules, not %d: %v", line, len(again), len(got), err)
			}
			for _, rule := range rules {
				want, err := plain.Match(rule, event)
				if err != nil {
					t.Fatal(err)
				}
				if want {
					matched++
				}
				if slices.Contains(got, rule) != want {
					t.Fatalf("the engine says %v, and plainly it is %v:\n%s\n%s",
						slices.Contains(got, rule), want, line, described(rule))
				}
			}
		}
	}
	if matched < looked || 2*findings < looked || 4*plainly < looked || plainly == looked {
		t.Fatalf("only %d matches and %d findings in %d events, %d of them plain: the test tests nothing", matched, findings, looked, plainly)
	}
}

// A route that renames fields is as one to the rule that was renamed.
func TestRouteNames(t *testing.T) {
	c := chance{rand.New(rand.NewPCG(2026, 12))}
	matched, found := 0, 0
	for range 400 {
		var named, renamed []sigma.Routed
		for id := range 1 + c.IntN(8) {
			rule := c.rule(id)
			a, b := sigma.Routed{Rule: rule}, sigma.Routed{Rule: rule}
			for range 1 + c.IntN(3) {
				names := map[string]string{}
				for range c.IntN(4) {
					names[pick(c, "F", "G", "H", "a", "a.b", "b")] = pick(c, "F", "G", "a", "b.c", "c", "other")
				}
				var when []sigma.Test
				if c.IntN(2) == 0 {
					when = []sigma.Test{{Field: pick(c, "F", "a", "b")}}
				}
				a.Routes = append(a.Routes, sigma.Route{When: when, Rule: rule, Names: names})
				b.Routes = append(b.Routes, sigma.Route{When: when, Rule: pipeline.Rename(rule, names)})
			}
			named, renamed = append(named, a), append(renamed, b)
		}
		one, err := sigma.NewRouter(named)
		if err != nil {
			t.Fatal(err)
		}
		other, err := sigma.NewRouter(renamed)
		if err != nil {
			t.Fatal(err)
		}
		s, plainly := one.Scanner(), other.Scanner()
		for range 12 {
			line := c.line(t, c.event(3))
			got, err := s.Match(line)
			if err != nil {
				t.Fatal(err)
			}
			want, err := plainly.Match(line)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) || s.Routed() != plainly.Routed() {
				t.Fatalf("%s matches %d rules, want %d", line, len(got), len(want))
			}
			for i := range got {
				matched++
				want := plainly.Findings(i)
				found += len(want)
				if diff := cmp.Diff(want, s.Findings(i)); diff != "" {
					t.Fatalf("found (-want +got): %s\n%s\n%s", diff, line, described(got[i]))
				}
			}
		}
	}
	if matched < 2000 || found < 1000 {
		t.Fatalf("only %d matches and %d findings: the test tests nothing", matched, found)
	}
}

// line writes an event as JSON in one of several ways.
func (c chance) line(t *testing.T, event map[string]any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(c.IntN(2) == 0)
	if err := e.Encode(event); err != nil {
		t.Fatal(err)
	}
	line := bytes.TrimSpace(b.Bytes())
	if c.IntN(4) == 0 {
		line = bytes.ReplaceAll(line, []byte("k"), []byte(`\u006b`))
	}
	if c.IntN(4) == 0 {
		line = bytes.ReplaceAll(line, []byte("/"), []byte(`\/`))
	}
	return line
}

func described(rule *sigma.Rule) string {
	var b strings.Builder
	for _, s := range rule.Detection.Searches {
		fmt.Fprintf(&b, "%s: %s\n", s.Name, describedNode(s.Body))
	}
	for _, c := range rule.Detection.Conditions {
		fmt.Fprintf(&b, "%#v\n", c.Expr)
	}
	return b.String()
}

func describedNode(n sigma.Node) string {
	if item, ok := n.(*sigma.Item); ok {
		return fmt.Sprintf("%q all %v not %v %#v", item.Field, item.All, item.Not, item.Values)
	}
	g := n.(*sigma.Group)
	var parts []string
	for _, part := range g.Nodes {
		parts = append(parts, describedNode(part))
	}
	return fmt.Sprintf("any %v (%s)", g.Any, strings.Join(parts, "; "))
}
