package catalog

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Selector chooses entities by their labels, in the form Kubernetes uses:
//
//	tier=1, env!=dev, team in (web, pay), region notin (eu), gpu, !legacy
//
// All terms must hold. A term on a label that is missing holds only for !=,
// notin and !.
type Selector []term

type term struct {
	key    string
	not    bool
	values []string // nil: the key alone
}

var termPattern = regexp.MustCompile(`^(?:(!)\s*([^\s!=(),]+)|([^\s!=(),]+)\s*(?:(==|=|!=)\s*([^\s!=(),]*)|\s(in|notin)\s*\(([^()]*)\))?)$`)

// ParseSelector reads a selector; the empty text selects everything.
func ParseSelector(s string) (Selector, error) {
	var sel Selector
	for _, part := range splitTerms(s) {
		m := termPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fault.Bad("the label selector cannot be read", fault.Problem{Field: "labels", Code: "selector", Args: []string{part},
				Msg: fmt.Sprintf("%q is not a term", strings.TrimSpace(part)), Hint: "write key=value, key!=value, key in (a, b), key or !key, separated by commas"}).Coded("selector")
		}
		sel = append(sel, termOf(m))
	}
	return sel, nil
}

func termOf(m []string) term {
	switch {
	case m[1] != "":
		return term{key: m[2], not: true}
	case m[4] != "":
		return term{key: m[3], not: m[4] == "!=", values: []string{m[5]}}
	case m[6] != "":
		t := term{key: m[3], not: m[6] == "notin", values: []string{}}
		for _, v := range strings.Split(m[7], ",") {
			t.values = append(t.values, strings.TrimSpace(v))
		}
		return t
	}
	return term{key: m[3]}
}

// splitTerms splits at commas that are not inside brackets.
func splitTerms(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	var parts []string
	depth, start := 0, 0
	for i, r := range s {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				parts = append(parts, s[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, s[start:])
}

// Matches reports whether e has the labels.
func (sel Selector) Matches(e *entity.Entity) bool {
	for _, t := range sel {
		v, there := e.Metadata.Labels[t.key]
		hit := there
		if t.values != nil {
			hit = false
			for _, want := range t.values {
				hit = hit || there && v == want
			}
		}
		if hit == t.not {
			return false
		}
	}
	return true
}

// sql returns the condition on an entity e.
func (sel Selector) sql() (string, []any) {
	conds, args := []string{"1 = 1"}, []any{}
	for _, t := range sel {
		f := facetIn{key: "metadata.labels." + t.key, values: t.values}
		cond, a := f.exists()
		if t.not {
			cond = "NOT " + cond
		}
		conds, args = append(conds, cond), append(args, a...)
	}
	return strings.Join(conds, " AND "), args
}

// facetIn asks for entities with one of the values under a key; any value when
// values is nil, or any with a beginning when there is one.
type facetIn struct {
	key       string
	values    []string
	beginning string
}

func (f facetIn) exists() (string, []any) {
	cond, args := `EXISTS (SELECT 1 FROM facets f WHERE f.id = e.id AND f.key = ?`, []any{f.key}
	if f.values != nil {
		cond += ` AND f.value IN ` + sqldb.In(len(f.values))
		args = append(args, sqldb.Args(f.values)...)
	}
	return cond + `)`, args
}
