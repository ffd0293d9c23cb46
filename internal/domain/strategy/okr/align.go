package okr

import (
	"cmp"
	"slices"
	"strings"
)

// Aim is an objective as alignment sees it.
type Aim struct {
	ID         string
	Level      int    // 0: not given; 1 is the whole organisation, and more is further down
	Parent     string // ID of the aim or key result it serves; "" without one
	Pillar     string // "" without one
	Draft      bool   // not begun: it may still lack key results
	KeyResults int
}

// Result is a key result as alignment sees it.
type Result struct {
	ID     string
	Aim    string
	Number string // what its number is read from; "" when it is typed
}

// GapKind is a way in which goals do not lead to each other.
type GapKind string

// The gaps. They are listed and not scored: a tree without gaps is not yet a
// good strategy.
const (
	Orphan    GapKind = "orphan"     // it serves nothing: no parent and no pillar
	NoResult  GapKind = "no-result"  // it has no key result
	LevelSkip GapKind = "level-skip" // it serves one more than one level above, or none above
	SameValue GapKind = "same-value" // two key results are read from one number
	Gone      GapKind = "gone"       // what it serves is not there
	Circle    GapKind = "circle"     // it serves itself, by way of others
)

// Gap is one of them.
type Gap struct {
	Kind  GapKind
	ID    string // the aim, or the key result
	Other string // the aim above, the other key result, or what is gone
}

// Gaps lists what is missing, in the order of the kinds and then by ID.
func Gaps(aims []Aim, results []Result) []Gap {
	t := tree{aims: map[string]*Aim{}, of: map[string]string{}}
	for i := range aims {
		t.aims[aims[i].ID] = &aims[i]
	}
	for _, r := range results {
		t.of[r.ID] = r.Aim
	}
	var out []Gap
	for i := range aims {
		out = append(out, t.gaps(&aims[i])...)
	}
	out = append(out, shared(results)...)
	order := []GapKind{Orphan, NoResult, LevelSkip, SameValue, Gone, Circle}
	slices.SortStableFunc(out, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.ID, b.ID), strings.Compare(a.Other, b.Other))
	})
	return out
}

type tree struct {
	aims map[string]*Aim
	of   map[string]string // key result to aim
}

// above returns the aim that an aim serves, directly or by a key result of it;
// nil when it is not among those given.
func (t tree) above(a *Aim) *Aim {
	if of, ok := t.of[a.Parent]; ok {
		return t.aims[of]
	}
	return t.aims[a.Parent]
}

func (t tree) gaps(a *Aim) []Gap {
	var out []Gap
	up := t.above(a)
	if a.Parent == "" && a.Pillar == "" {
		out = append(out, Gap{Kind: Orphan, ID: a.ID})
	}
	if a.KeyResults == 0 && !a.Draft {
		out = append(out, Gap{Kind: NoResult, ID: a.ID})
	}
	if a.Parent != "" && up == nil {
		out = append(out, Gap{Gone, a.ID, a.Parent})
	}
	if up != nil && a.Level > 0 && up.Level > 0 && a.Level-up.Level != 1 && a.Level != up.Level {
		out = append(out, Gap{LevelSkip, a.ID, up.ID})
	}
	if t.circles(a) {
		out = append(out, Gap{Circle, a.ID, a.Parent})
	}
	return out
}

func (t tree) circles(a *Aim) bool {
	seen := map[string]bool{}
	for up := t.above(a); up != nil && !seen[up.ID]; up = t.above(up) {
		if up.ID == a.ID {
			return true
		}
		seen[up.ID] = true
	}
	return false
}

// shared finds numbers that more than one key result is read from: each after
// the first is a gap.
func shared(results []Result) []Gap {
	first := map[string]string{}
	var out []Gap
	for _, r := range slices.SortedFunc(slices.Values(results), func(a, b Result) int { return strings.Compare(a.ID, b.ID) }) {
		if r.Number == "" {
			continue
		}
		if other, ok := first[r.Number]; ok {
			out = append(out, Gap{SameValue, r.ID, other})
			continue
		}
		first[r.Number] = r.ID
	}
	return out
}
