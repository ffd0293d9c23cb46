package morning

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// How much the overview shows; what is left out is counted.
const (
	mostRed     = 7
	mostChanged = 7
	mostDays    = 14 // days of the agenda
	mostOfDay   = 6
	mostDoubted = 8
	mostPinned  = 8 // instruments of a room
	weeks       = 12
)

// Today is the overview of one reader.
type Today struct {
	Org        string // its title
	Now        time.Time
	Since      time.Time // since when Changed is; the reader left then
	First      bool      // the reader had not looked before: Since is a week ago
	Asked      bool      // Since is what was asked for
	Inbox      *Inbox
	Red        []Red
	RedMore    int
	Changed    []Line
	More       int // changes beyond those shown
	Turned     int // claims among all changes
	Strips     []Strip
	Days       []Day
	Doubted    Doubted
	Exceptions []Exception // for who looks after evidence
	Evidence   bool        // evidence stands before decisions
	Claims     int         // how many the reader may read
	// Failed names the parts that could not be found out: waiting, red, changed,
	// instruments, days, doubted, exceptions.
	Failed map[string]bool
	Name   func(ref string) string
}

// Red is a claim that is contradicted or disputed.
type Red struct {
	Ref, Title string
	Owner      string // a full reference
	Room       string
	Word       lang.Text // contradicted, disputed
	Since      time.Time
	Why        lang.Text
	Mine       bool
}

// Strip is the instruments of one room, with how its claims stand.
type Strip struct {
	Room
	Counts      map[claim.State]int
	Total       int
	Instruments []Instrument
	More        int // instruments beyond those shown
}

// Instrument is one number on the wall.
type Instrument struct {
	Ref, Title, Owner string
	Scale             claim.Scale
	Value             *float64
	State             string    // ok, warn, bad, no or idle: how it is marked; never ok unless all its evidence is live
	Word              lang.Text // on target, at risk, off track, or the state of its claim
	Marks             []float64 // twelve weeks, NaN where no number held
	Target            *float64
	Before            *float64  // the number that held four weeks ago; nil: none did
	AsOf              time.Time // of Value
	Stale             bool      // Value has grown too old
	Asserted          bool      // it is somebody's word
	By                string    // whose
	Mine              bool
}

// Day is one day of the agenda.
type Day struct {
	Date  time.Time // midnight
	Items []Entry
	More  int
}

// Entry is something on a day.
type Entry struct {
	Ref, Title string
	What       lang.Text // "Review of a decision"
	How        string    // decide, expire, end, meet, or "" for something to do
	At         time.Time
	Timed      bool
	Mine       bool
}

// Doubted are the claims that are not to be trusted today, by why.
type Doubted struct {
	Disputed, Unsupported, Stale, Asserted, Partial, Leaning int
	Total                                                    int
	List                                                     []Doubt // the worst first
}

// Doubt is one of them.
type Doubt struct {
	Ref, Title, Owner string
	State             string
	Word              lang.Text
	Why               lang.Text
	Since             time.Time
}

// Exception is one that was asked for or holds.
type Exception struct {
	Ref, Title string
	From       string
	State      string
	Word       lang.Text
	Until      string
}

// Options steer Today.
type Options struct {
	Since time.Time // zero: since the reader left the page
	Visit bool      // the reader looks at the page now
}

// Page is the name under which looks at the overview are kept.
const Page = "today"

// Today returns the overview. A part that cannot be found out is named in
// Failed and leaves the others standing.
func (d *Desk) Today(ctx context.Context, caller catalog.Caller, o Options) (*Today, error) {
	l, err := d.look(ctx, caller)
	if err != nil {
		return nil, err
	}
	t := &Today{Org: caller.OrgTitle, Now: l.Now, Since: o.Since, Asked: !o.Since.IsZero(), Failed: map[string]bool{}, Name: l.Name}
	if t.Since.IsZero() {
		ask := d.Since
		if o.Visit {
			ask = d.Visit
		}
		if t.Since, err = ask(ctx, caller, Page); err != nil {
			return nil, err
		}
	}
	if t.First = t.Since.IsZero(); t.First {
		t.Since = l.Now.Add(-firstLook)
	}
	t.Since = t.Since.In(l.Zone)
	v := lensOf(caller.Role)
	t.Evidence = v.evidence
	parts := []struct {
		name string
		fill func(*Look, lens, *Today) error
	}{{"waiting", d.fillInbox}, {"red", d.fillRed}, {"changed", d.fillChanged}, {"instruments", d.fillStrips}, {"days", d.fillDays}, {"doubted", d.fillDoubted}, {"exceptions", d.fillExceptions}}
	for _, p := range parts {
		if err := p.fill(l, v, t); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			d.Log.ErrorContext(ctx, "a part of the overview cannot be found out", "part", p.name, "error", err)
			t.Failed[p.name] = true
		}
	}
	return t, l.Names(t.refs()...)
}

// refs are those whose names the overview shows.
func (t *Today) refs() []string {
	var out []string
	for _, x := range t.Red {
		out = append(out, x.Owner)
	}
	for _, x := range t.Changed {
		out = append(out, x.Owner)
	}
	for _, x := range t.Doubted.List {
		out = append(out, x.Owner)
	}
	for _, x := range t.Exceptions {
		out = append(out, x.From)
	}
	for _, s := range t.Strips {
		for _, x := range s.Instruments {
			out = append(out, x.By)
		}
	}
	return out
}

func (d *Desk) fillInbox(l *Look, _ lens, t *Today) (err error) {
	t.Inbox = &Inbox{Now: l.Now, Names: l.Name}
	b, err := d.inbox(l, false)
	if err == nil {
		t.Inbox = b
	}
	return err
}

func (d *Desk) fillRed(l *Look, v lens, t *Today) error {
	glances, err := l.Glances()
	if err != nil {
		return err
	}
	t.Claims = len(glances)
	var red []claim.Glance
	for _, g := range glances {
		if g.State == claim.Contradicted || g.State == claim.Disputed {
			red = append(red, g)
		}
	}
	slices.SortStableFunc(red, claim.Glance.Compare)
	ownFirst(l, v, red, func(g claim.Glance) string { return g.Owner })
	t.RedMore = max(0, len(red)-mostRed)
	red = red[:min(len(red), mostRed)]
	why, err := d.why(l, red)
	for _, g := range red {
		t.Red = append(t.Red, Red{Ref: g.Ref, Title: g.Title, Owner: g.Owner, Room: g.Room, Word: g.State.Word(), Since: g.Since.In(l.Zone), Why: why[g.UID], Mine: v.mine && l.Is(g.Owner)})
	}
	return err
}

// why returns the reasons of some claims' states, by identity.
func (d *Desk) why(l *Look, list []claim.Glance) (map[string]lang.Text, error) {
	var uids []string
	for _, g := range list {
		uids = append(uids, g.UID)
	}
	views, err := d.Claims.ViewsByUID(l.Ctx, l.Caller, uids)
	out := map[string]lang.Text{}
	for _, v := range views {
		out[v.UID] = v.Why
	}
	return out, err
}

func (d *Desk) fillChanged(l *Look, v lens, t *Today) error {
	lines, err := d.changes(l, t.Since)
	if err != nil {
		return err
	}
	for _, x := range lines {
		if x.Claim {
			t.Turned++
		}
	}
	ownFirst(l, v, lines, func(x Line) string { return x.Owner })
	t.More = max(0, len(lines)-mostChanged)
	t.Changed = lines[:min(len(lines), mostChanged)]
	return nil
}

func (d *Desk) fillStrips(l *Look, v lens, t *Today) error {
	glances, err := l.Glances()
	if err != nil {
		return err
	}
	pinned, err := d.Claims.Pinned(l.Ctx, l.Caller)
	if err != nil {
		return err
	}
	ownFirst(l, v, pinned, func(x *claim.View) string { return x.Owner })
	for _, r := range v.rooms() {
		s := Strip{Room: r, Counts: map[claim.State]int{}}
		for _, g := range glances {
			if g.Room == r.ID {
				s.Counts[g.State]++
				s.Total++
			}
		}
		var views []*claim.View
		for _, x := range pinned {
			if x.Room == r.ID {
				views = append(views, x)
			}
		}
		s.More = max(0, len(views)-mostPinned)
		if s.Instruments, err = d.instruments(l, views[:min(len(views), mostPinned)]); err != nil {
			return err
		}
		if s.Total+len(s.Instruments) > 0 {
			t.Strips = append(t.Strips, s)
		}
	}
	return nil
}

// instruments reads the history of some measures: at the end of each of twelve
// weeks, and four weeks ago.
func (d *Desk) instruments(l *Look, views []*claim.View) ([]Instrument, error) {
	at := make([]time.Time, weeks)
	for i := range at {
		at[i] = l.Now.AddDate(0, 0, -7*(weeks-1-i))
	}
	marks, err := d.Claims.Marks(l.Ctx, l.Caller.Org, views, at)
	if err != nil {
		return nil, err
	}
	var out []Instrument
	for _, v := range views {
		out = append(out, l.instrument(v, marks[v.UID]))
	}
	return out, nil
}

// fourWeeks is where among the marks the one of four weeks ago stands.
const fourWeeks = weeks - 1 - 4

func (l *Look) instrument(v *claim.View, marks []*float64) Instrument {
	x := Instrument{Ref: v.Ref, Title: v.Statement, Owner: v.Owner, Scale: v.Scale, Value: v.Value, AsOf: v.AsOf.In(l.Zone), Target: v.Scale.Target,
		Asserted: v.Asserted, Stale: v.Health() == claim.Stale, Mine: l.Is(v.Owner)}
	x.State, x.Word = reading(v)
	for _, m := range marks {
		if m == nil {
			x.Marks = append(x.Marks, math.NaN())
		} else {
			x.Marks = append(x.Marks, *m)
		}
	}
	if len(marks) == weeks {
		x.Before = marks[fourWeeks]
	}
	if v.Asserted && len(v.Evidence) > 0 && v.Evidence[0].Last != nil {
		x.By = v.Evidence[0].Last.By
	}
	return x
}

// reading says how an instrument is marked. What is not supported is never
// green.
func reading(v *claim.View) (string, lang.Text) {
	switch {
	case v.Value == nil || v.Health() == claim.Missing:
		return "no", lang.T("no data", "sin datos")
	case v.State == claim.Disputed:
		return "bad", v.State.Word()
	case v.Zone == claim.Bad:
		return "bad", zoneWords[v.Zone]
	case v.Health() == claim.Stale:
		return "idle", claim.Stale.Word()
	case v.Zone == claim.Warn:
		return "warn", zoneWords[v.Zone]
	case v.State != claim.Supported:
		return "idle", v.State.Word()
	case v.Zone == "":
		return "idle", lang.T("no target", "sin objetivo")
	}
	return "ok", zoneWords[v.Zone]
}

func (d *Desk) fillDays(l *Look, v lens, t *Today) error {
	from, to := l.Midnight(0), l.Midnight(mostDays)
	list, err := d.Catalog.Due(l.Ctx, l.Caller, catalog.DueQuery{From: from, To: to})
	if err != nil {
		return err
	}
	ends, err := d.Claims.Endings(l.Ctx, l.Caller, l.Now, to)
	if err != nil {
		return err
	}
	by := map[string][]Entry{}
	put := func(day time.Time, x Entry) {
		key := day.Format(time.DateOnly)
		by[key] = append(by[key], x)
	}
	for _, x := range list {
		put(x.Day(l.Zone), Entry{Ref: x.Ref, Title: x.Title, What: x.What.Label, How: x.What.How, At: x.At.In(l.Zone), Timed: x.Timed, Mine: l.Is(x.Who)})
	}
	for _, x := range ends {
		at := x.Until.In(l.Zone)
		put(at, Entry{Ref: x.Ref, Title: x.Title, What: lang.T("A word runs out", "Caduca una palabra"), How: catalog.Expire, At: at, Timed: true, Mine: l.Is(x.Owner)})
	}
	for i := range mostDays {
		day := Day{Date: l.Midnight(i)}
		items := by[day.Date.Format(time.DateOnly)]
		slices.SortStableFunc(items, func(a, b Entry) int {
			switch {
			case a.Mine == b.Mine:
				return 0
			case a.Mine:
				return -1
			}
			return 1
		})
		day.More = max(0, len(items)-mostOfDay)
		day.Items = items[:min(len(items), mostOfDay)]
		t.Days = append(t.Days, day)
	}
	return nil
}

func (d *Desk) fillDoubted(l *Look, v lens, t *Today) error {
	glances, err := l.Glances()
	if err != nil {
		return err
	}
	var list []claim.Glance
	for _, g := range glances {
		switch g.State {
		case claim.Disputed, claim.Unsupported, claim.Weak:
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, claim.Glance.Compare)
	ownFirst(l, v, list, func(g claim.Glance) string { return g.Owner })
	t.Doubted.Total = len(list)
	var uids []string // of those that are shown, and whose reason is to be counted
	for i, g := range list {
		if i < mostDoubted || g.State == claim.Weak {
			uids = append(uids, g.UID)
		}
	}
	views, err := d.Claims.ViewsByUID(l.Ctx, l.Caller, uids)
	if err != nil {
		return err
	}
	by := map[string]*claim.View{}
	for _, view := range views {
		by[view.UID] = view
	}
	for _, g := range list {
		t.Doubted.add(l, g, by[g.UID])
	}
	return nil
}

// add counts a claim under the first reason that fits.
func (x *Doubted) add(l *Look, g claim.Glance, v *claim.View) {
	word := g.State.Word()
	switch {
	case g.State == claim.Disputed:
		x.Disputed++
	case g.State == claim.Unsupported:
		x.Unsupported++
	case v != nil && has(v, claim.Stale):
		x.Stale++
		word = claim.Stale.Word()
	case g.Asserted:
		x.Asserted++
		word = lang.T("somebody's word", "palabra de alguien")
	case v != nil && has(v, claim.Missing):
		x.Partial++
	default:
		x.Leaning++
	}
	if len(x.List) == mostDoubted {
		return
	}
	doubt := Doubt{Ref: g.Ref, Title: g.Title, Owner: g.Owner, State: g.State.Class(), Word: word, Since: g.Since.In(l.Zone)}
	if v != nil {
		doubt.Why = v.Why
	}
	x.List = append(x.List, doubt)
}

func has(v *claim.View, h claim.Health) bool {
	return slices.ContainsFunc(v.Evidence, func(e claim.Evidence) bool { return e.Health == h })
}

// fillExceptions lists the exceptions that were asked for or hold, for who looks
// after evidence.
func (d *Desk) fillExceptions(l *Look, v lens, t *Today) error {
	if !v.evidence {
		return nil
	}
	list, err := l.exceptions("requested", "approved")
	if err != nil {
		return err
	}
	words := map[string]lang.Text{"requested": lang.T("asked for", "pedida"), "approved": lang.T("holds", "vigente")}
	for _, e := range list {
		s, err := catalog.Spec[claim.ExceptionSpec](e)
		if err != nil {
			return err
		}
		if end, _ := s.Holds(l.Now); l.Now.Before(end) {
			t.Exceptions = append(t.Exceptions, Exception{e.Ref().String(), e.DisplayTitle(), s.RequestedBy, s.State, words[s.State], s.Until})
		}
	}
	slices.SortStableFunc(t.Exceptions, func(a, b Exception) int { return strings.Compare(a.Until, b.Until) })
	return nil
}
