package morning

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// News tells of what happened that is worth a line, beside claims that turned.
// It is about a change of a field of a kind, or about entries of some types.
type News struct {
	Kind  string   // name of a kind: what changed of its entities, on the whole
	Path  string   // with Kind: only where this field changed; "" is any
	Types []string // types of feed entries; the newest of each thing is told
	// Tell returns the line; nil when it is not worth one.
	Tell func(*Look, Event) *Line
	// Many, with Kind, is one line in place of those of many new things, as after
	// an import; nil: each has its own. It is given how many, as "12", or "200+"
	// when there are more than are looked at.
	Many func(n string) *Line
}

// few is how many new things are told each by itself.
const few = 5

// Event is what a News tells of. Before and After are there for a Kind: the
// thing as it was at the beginning of the time, nil when it is new, and as it is
// now.
type Event struct {
	Entry         feed.Entry
	Before, After *entity.Entity
}

// Line is one change, in the words of the overview.
type Line struct {
	Ref   string // a full reference
	Title string
	Owner string // a full reference
	Room  string
	At    time.Time
	State string    // ok, warn, bad or info: how it is marked
	Word  lang.Text // what the mark says: "Now contradicted"
	Was   lang.Text // empty where there was none
	Is    lang.Text
	More  lang.Text // one more sentence
	Claim bool      // a claim that turned
	Head  lang.Text // instead of Title, for what is about several things
	Href  string    // where it leads; "": to the thing itself

	fresh bool // of something that is new
}

// severity orders lines, the worst first.
var severity = map[string]int{"bad": 0, "warn": 1, "no": 1, "info": 2, "idle": 2, "ok": 3}

// worstFirst orders lines: the worst first, then the newest.
func worstFirst(a, b Line) int {
	return cmp.Or(severity[a.State]-severity[b.State], b.At.Compare(a.At), cmp.Compare(a.Title, b.Title))
}

// changes returns everything worth a line since a moment.
func (d *Desk) changes(l *Look, since time.Time) ([]Line, error) {
	shifts, err := d.Claims.Shifts(l.Ctx, l.Caller, since)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, s := range shifts {
		if line, ok := turned(s); ok {
			out = append(out, line)
		}
	}
	more, err := d.news(l, since)
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	slices.SortStableFunc(out, worstFirst)
	return out, nil
}

// zoneWords are what people call the reading of a number.
var zoneWords = map[claim.Zone]lang.Text{
	claim.OK: lang.T("on target", "en objetivo"), claim.Warn: lang.T("at risk", "en riesgo"), claim.Bad: lang.T("off track", "fuera de plazo"), "": lang.T("not read", "sin lectura"),
}

// turned makes a line of a shift. A claim that is new has not turned: it is told
// only when it is contradicted or disputed from the beginning.
func turned(s claim.Shift) (Line, bool) {
	line := Line{Ref: s.Ref, Title: s.Title, Owner: s.Owner, Room: s.Room, At: s.At, State: s.State.Class(), Was: s.Was.Word(), Is: s.State.Word(), Claim: true}
	if s.Was == "" {
		line.Was = lang.T("new", "nueva")
		line.Word = lang.T("New, "+line.Is.En, "Nueva, "+line.Is.Es)
		return line, line.State == "bad"
	}
	if s.Was == s.State {
		line.Was, line.Is, line.State = zoneWords[s.WasZone], zoneWords[s.Zone], cmp.Or(string(s.Zone), "info")
	}
	line.Word = lang.T("Now "+line.Is.En, "Ahora "+line.Is.Es)
	return line, true
}

const (
	mostEntries = 2000 // of the feed that are looked through
	mostThings  = 200  // of which is told
)

// news returns the lines of the registered News.
func (d *Desk) news(l *Look, since time.Time) ([]Line, error) {
	var kinds, types []string
	for _, n := range d.News {
		if n.Kind != "" && l.reads(n.Kind) {
			kinds = append(kinds, strings.ToLower(n.Kind))
		}
		types = append(types, n.Types...)
	}
	slices.Sort(kinds)
	entries, err := d.Feed.About(l.Ctx, l.Caller.Org, since, mostEntries, slices.Compact(kinds), types)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, n := range d.News {
		var lines []Line
		if n.Kind != "" {
			lines, err = d.kindNews(l, n, entries)
		} else {
			lines = l.typeNews(n, entries)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	return out, nil
}

func (l *Look) reads(kind string) bool {
	k := l.Catalog.Kinds().Get(kind)
	return k != nil && l.Caller.Can("read", k.Resource()) == nil
}

// typeNews tells the newest entry of each thing.
func (l *Look) typeNews(n News, entries []feed.Entry) []Line {
	var out []Line
	told := map[string]bool{}
	for _, x := range entries {
		kind, _, _ := strings.Cut(x.Ref, ":")
		if !slices.Contains(n.Types, x.Type) || told[x.UID+x.Ref] || kind != "" && !l.reads(kind) {
			continue
		}
		told[x.UID+x.Ref] = true
		if line := n.Tell(l, Event{Entry: x}); line != nil && len(out) < mostThings {
			line.At = x.At
			out = append(out, *line)
		}
	}
	return out
}

// changed is what entries of one thing say together; entries come newest first.
type changed struct {
	newest feed.Entry
	first  int64 // the revision of the oldest
	paths  []string
	fresh  bool
}

func (d *Desk) kindNews(l *Look, n News, entries []feed.Entry) ([]Line, error) {
	by := map[string]*changed{}
	var order []*changed
	for _, x := range entries {
		kind, _, _ := strings.Cut(x.Ref, ":")
		if kind != strings.ToLower(n.Kind) || x.Type == "entity."+string(catalog.Restated) || x.Rev == 0 {
			continue
		}
		c := by[x.UID]
		if c == nil {
			c = &changed{newest: x}
			by[x.UID] = c
			order = append(order, c)
		}
		var data struct {
			Paths []string `json:"paths"`
		}
		_ = json.Unmarshal(x.Data, &data)
		c.first, c.paths, c.fresh = x.Rev, append(c.paths, data.Paths...), x.Type == "entity."+string(catalog.Created)
	}
	var out []Line
	cut, told := len(entries) == mostEntries, map[bool]int{}
	for _, c := range order {
		if n.Path != "" && !c.fresh && !slices.ContainsFunc(c.paths, func(p string) bool { return strings.HasPrefix(p, n.Path) }) {
			continue
		}
		if told[c.fresh] == mostThings { // many new things do not push out what changed
			cut = cut || c.fresh
			continue
		}
		line, err := d.tell(l, n, c)
		if err != nil {
			return nil, err
		}
		if line != nil {
			told[c.fresh]++
			out = append(out, *line)
		}
	}
	return n.gather(out, cut), nil
}

// gather puts one line in place of those of many new things. cut says that there
// are more than these.
func (n News) gather(lines []Line, cut bool) []Line {
	var fresh, rest []Line
	for _, x := range lines {
		if x.fresh {
			fresh = append(fresh, x)
		} else {
			rest = append(rest, x)
		}
	}
	if n.Many == nil || len(fresh) <= few {
		return lines
	}
	count := strconv.Itoa(len(fresh))
	if cut {
		count += "+"
	}
	one := n.Many(count)
	one.At = fresh[0].At
	return append(rest, *one)
}

func (d *Desk) tell(l *Look, n News, c *changed) (*Line, error) {
	ref, err := entity.ParseRef(c.newest.Ref, "", "")
	if err != nil {
		return nil, nil
	}
	ev := Event{Entry: c.newest}
	if ev.After, err = d.Catalog.Get(l.Ctx, l.Caller, ref); fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return nil, nil // deleted since
	}
	if err == nil && c.first > 1 {
		var before *catalog.Revision
		if before, err = d.Catalog.Revision(l.Ctx, l.Caller, ev.After.Ref(), c.first-1); err == nil && before.Op != catalog.Deleted {
			ev.Before = before.Entity
		}
	}
	if err != nil {
		return nil, err
	}
	line := n.Tell(l, ev)
	if line != nil {
		line.At, line.Ref, line.fresh = c.newest.At, ev.After.Ref().String(), ev.Before == nil
		line.Title, line.Owner = cmp.Or(line.Title, ev.After.DisplayTitle()), cmp.Or(line.Owner, fullRef(ev.After.Metadata.Owner, ev.After.Metadata.Namespace))
	}
	return line, nil
}

// fullRef completes the reference of an owner; "" for none.
func fullRef(text, namespace string) string {
	ref, err := entity.ParseRef(text, "group", namespace)
	if err != nil {
		return ""
	}
	return ref.String()
}

// Log is everything that changed for a reader since a moment.
type Log struct {
	Now, Since time.Time
	Lines      []Line
	Names      func(ref string) string
}

// Changes returns every line since a moment, the newest first.
func (d *Desk) Changes(ctx context.Context, caller catalog.Caller, since time.Time) (*Log, error) {
	l, err := d.look(ctx, caller)
	if err != nil {
		return nil, err
	}
	lines, err := d.changes(l, since)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return b.At.Compare(a.At) })
	var refs []string
	for _, x := range lines {
		refs = append(refs, x.Owner)
	}
	return &Log{Now: l.Now, Since: since.In(l.Zone), Lines: lines, Names: l.Name}, l.Names(refs...)
}
