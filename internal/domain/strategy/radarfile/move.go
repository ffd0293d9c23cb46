package radarfile

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Moves computes the movement of every blip: result[i][j] belongs to
// editions[i].Blips[j]. The editions are in the order given.
//
// A blip is compared with its last known ring, the one it had on the latest
// earlier edition that shows it, however long ago: it is New when there is
// none, In when it came nearer to the centre, Out when it went away from it. A
// blip is known by its name and segment together, so that two things of one
// name in two segments stay two. Names and rings are compared folded (see Fold
// and FoldRing), so that hold and caution are one ring. Rings are ordered as
// RingOrder(editions, rings) has them.
func Moves(editions []Edition, rings []string) [][]Move {
	rank := ranks(RingOrder(editions, rings))
	last := map[string]int{}
	moves := make([][]Move, len(editions))
	for i, e := range editions {
		moves[i] = make([]Move, len(e.Blips))
		now := map[string]int{}
		for j, b := range e.Blips {
			ring := rank[FoldRing(b.Ring)]
			before, known := last[b.key()]
			moves[i][j], now[b.key()] = compare(before, ring, known), ring
		}
		for key, ring := range now {
			last[key] = ring
		}
	}
	return moves
}

// Publish returns the editions with their computed movement as the published
// one, ready to be written.
func Publish(editions []Edition, rings []string) []Edition {
	out := slices.Clone(editions)
	for i, moves := range Moves(editions, rings) {
		out[i].Blips = slices.Clone(out[i].Blips)
		for j, m := range moves {
			out[i].Blips[j].PublishedMove, out[i].Blips[j].IsNew = m, m == New
		}
	}
	return out
}

func compare(before, now int, known bool) Move {
	switch {
	case !known:
		return New
	case now < before:
		return In
	case now > before:
		return Out
	}
	return Unchanged
}

func ranks(rings []string) map[string]int {
	rank := map[string]int{}
	for i, r := range rings {
		rank[FoldRing(r)] = i
	}
	return rank
}

func (b Blip) key() string { return Fold(b.Name) + "\x00" + FoldSegment(b.Segment) }

// Fold returns the form in which two spellings of a name are one: without
// regard to case and to the number and sort of spaces.
func Fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

var spacedWords = strings.NewReplacer("-", " ", "_", " ", "&", " and ")

// FoldSegment is Fold for segments, where hyphens count as spaces and an
// ampersand as "and": "languages-and-frameworks" is "Languages & Frameworks".
func FoldSegment(s string) string {
	return Fold(spacedWords.Replace(s))
}

// FoldRing is Fold for rings, where caution, the later name of hold, is hold.
func FoldRing(s string) string {
	if s = Fold(s); s == "caution" {
		return "hold"
	}
	return s
}

// knownRings are the rings every public radar orders alike.
var knownRings = []string{"adopt", "trial", "assess", "hold"}

// Known reports whether a ring is one that every public radar orders alike.
func Known(ring string) bool { return knownRank(ring) < len(knownRings) }

// RingOrder returns the rings of the editions from the centre outwards: first
// those given, then the others as the editions list them. A ring that an
// edition lists before one already placed is placed before it. Adopt, trial,
// assess and hold (or caution) always stand in that order; a ring that no
// edition lists comes last, in order of appearance. The spelling is the first
// one met.
func RingOrder(editions []Edition, given []string) []string {
	order := merge(nil, 0, given...)
	fixed := len(order)
	for _, e := range editions {
		order = merge(order, fixed, e.Rings...)
		order = merge(order, fixed, blipRings(e)...)
	}
	sortKnown(order[fixed:])
	return order
}

// blipRings returns the rings its blips name, the known ones first.
func blipRings(e Edition) []string {
	var rings []string
	for _, b := range e.Blips {
		if indexRing(rings, b.Ring) < 0 {
			rings = append(rings, b.Ring)
		}
	}
	slices.SortStableFunc(rings, func(a, b string) int { return cmp.Compare(knownRank(a), knownRank(b)) })
	return rings
}

// merge adds to order the rings of a list that it lacks, each before the next
// ring of the list that it has, but never among the first fixed.
func merge(order []string, fixed int, list ...string) []string {
	for i, ring := range list {
		if FoldRing(ring) == "" || indexRing(order, ring) >= 0 {
			continue
		}
		at := len(order)
		for _, next := range list[i+1:] {
			if k := indexRing(order, next); k >= fixed {
				at = k
				break
			}
		}
		order = slices.Insert(order, at, ring)
	}
	return order
}

func indexRing(rings []string, ring string) int {
	key := FoldRing(ring)
	return slices.IndexFunc(rings, func(r string) bool { return FoldRing(r) == key })
}

func knownRank(ring string) int {
	if i := slices.Index(knownRings, FoldRing(ring)); i >= 0 {
		return i
	}
	return len(knownRings)
}

// sortKnown puts the known rings in their order, in the places they hold.
func sortKnown(rings []string) {
	var places []int
	var known []string
	for i, r := range rings {
		if knownRank(r) < len(knownRings) {
			places, known = append(places, i), append(known, r)
		}
	}
	slices.SortFunc(known, func(a, b string) int { return cmp.Compare(knownRank(a), knownRank(b)) })
	for i, place := range places {
		rings[place] = known[i]
	}
}

// When says what is known of the time of an edition.
type When struct {
	Name  string
	Date  time.Time // zero: not known
	Place int       // in the order, from 1, where there is no date; 0: not given
}

// Sort puts editions in order of time, as Order has it.
func Sort(editions []Edition) {
	list := make([]When, len(editions))
	for i, e := range editions {
		list[i] = When{Name: e.Name, Date: e.Date}
	}
	sorted := make([]Edition, len(editions))
	for i, from := range Order(list) {
		sorted[i] = editions[from]
	}
	copy(editions, sorted)
}

// Order returns the indexes of a list in order of time.
//
// What has a date stands by it, and by its name where two have one date. What
// has none and a place comes to that place. The rest comes by its name, compared
// as people do (Natural): directly after the one whose name is the next before
// it, or, when there is none, before the first. Editions without any date and
// place are so in the order of their names.
func Order(list []When) []int {
	var order, placed, named []int
	for i, w := range list {
		switch {
		case !w.Date.IsZero():
			order = append(order, i)
		case w.Place > 0:
			placed = append(placed, i)
		default:
			named = append(named, i)
		}
	}
	byName := func(a, b int) int { return Natural(list[a].Name, list[b].Name) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Or(list[a].Date.Compare(list[b].Date), byName(a, b)) })
	slices.SortStableFunc(placed, func(a, b int) int { return cmp.Or(cmp.Compare(list[a].Place, list[b].Place), byName(a, b)) })
	slices.SortStableFunc(named, byName)
	next := 0 // of those with a place, the later one never comes before the earlier
	for _, i := range placed {
		at := min(max(list[i].Place-1, next), len(order))
		order, next = slices.Insert(order, at, i), at+1
	}
	for _, i := range named {
		at, before := 0, ""
		for k, j := range order {
			if name := list[j].Name; byName(j, i) < 0 && (at == 0 || Natural(name, before) >= 0) {
				at, before = k+1, name
			}
		}
		order = slices.Insert(order, at, i)
	}
	return order
}

// Natural compares two names as a person orders them: volume-2 before
// volume-10, without regard to case.
func Natural(a, b string) int {
	x, y := strings.ToLower(a), strings.ToLower(b)
	for x != "" && y != "" {
		var p, q string
		p, x = chunk(x)
		q, y = chunk(y)
		if c := compareChunks(p, q); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// chunk cuts off the leading run of digits, or of anything else.
func chunk(s string) (head, rest string) {
	i := 1
	for i < len(s) && isDigit(s[i]) == isDigit(s[0]) {
		i++
	}
	return s[:i], s[i:]
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func compareChunks(a, b string) int {
	if !isDigit(a[0]) || !isDigit(b[0]) {
		return cmp.Compare(a, b)
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
