package correlate

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
)

// snapshotVersion changes when what is written does.
const snapshotVersion = 1

type snapshot struct {
	Version       int
	Shard, Shards int
	Newest, Water int64
	Stats         Stats
	Waiting       []savedEntry
	Correlations  []savedCorrelation
}

type savedCorrelation struct {
	Identity, Print string
	Groups          []savedGroup // the one that was quiet longest first
}

type savedGroup struct {
	Key                     string
	First, Last, Quiet, Due int64
	IsGrown                 bool
	Window                  savedWindow
}

// savedWindow is what any window remembers; each kind uses some of it.
type savedWindow struct {
	Times   []int64
	Counts  []int
	Numbers []float64
	Values  []string
	Marks   []savedMark
	Cut     int64
	Chains  []savedChain
}

type savedMark struct {
	At     int64
	ID     string
	IsUp   bool // it has fields for parents, or is a hit
	IsHit  bool
	Fields []string
	Events []string
}

type savedChain struct {
	Track, Cell int
	Start       int64
	Marks       []savedMark
}

type savedEntry struct {
	Correlation int // in snapshot.Correlations
	Source      int
	Key, Value  string
	Number      float64
	Mark        savedMark
}

// Snapshot writes what the Correlator remembers, so that Restore goes on from
// here. Written between two calls of Add and stored together with the place in
// the stream, it makes a restart tell exactly what an unbroken run tells.
func (c *Correlator) Snapshot(w io.Writer) error {
	s := snapshot{
		Version: snapshotVersion, Shard: c.opt.Shard, Shards: c.opt.Shards,
		Newest: c.newest, Water: c.water, Stats: c.stats,
	}
	for _, r := range c.running {
		s.Correlations = append(s.Correlations, r.save())
	}
	c.queue.each(func(e *entry) {
		s.Waiting = append(s.Waiting, savedEntry{int(e.spec), int(e.source), e.key, e.value, e.number, saveMark(e.mark())})
	})
	if err := gob.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("correlate: write snapshot: %w", err)
	}
	return nil
}

func (r *running) save() savedCorrelation {
	s := savedCorrelation{Identity: r.identity, Print: r.print()}
	for g := r.root.next; g != &r.root; g = g.next {
		due := int64(never)
		if g.slot != noSlot {
			due = g.due
		}
		s.Groups = append(s.Groups, savedGroup{g.key, g.first, g.last, g.quiet, due, g.isGrown, g.window.save()})
	}
	return s
}

// print is all of a correlation that gives its memory a meaning.
func (s *spec) print() string {
	r := s.rule
	out := fmt.Sprintf("%s by %q aliases %q in %d if %q %v %v %v %#v carry %q",
		r.Type, r.GroupBy, r.Aliases, s.span, s.fields, s.percent, s.kind, r.Condition.Bounds, r.Condition.Expr, s.carry)
	for _, src := range s.sources {
		out += fmt.Sprintf(" of %q", src.names)
	}
	return out
}

// Restore returns a Correlator that goes on where a snapshot was written. The
// memory of correlations that are not in the set any more, or say something
// else now, is dropped; forgotten has their ids (or names, or titles). Options
// may differ, but for the shard.
func Restore(set *Set, o Options, from io.Reader) (c *Correlator, forgotten []string, err error) {
	var s snapshot
	if err := gob.NewDecoder(from).Decode(&s); err != nil {
		return nil, nil, fmt.Errorf("correlate: read snapshot: %w", err)
	}
	c = New(set, o)
	if s.Version != snapshotVersion {
		return nil, nil, fmt.Errorf("correlate: the snapshot has version %d, this program reads %d; start without it and replay", s.Version, snapshotVersion)
	}
	if s.Shard != c.opt.Shard || s.Shards != c.opt.Shards {
		return nil, nil, fmt.Errorf("correlate: the snapshot is of shard %d of %d, not %d of %d; start without it and replay",
			s.Shard, s.Shards, c.opt.Shard, c.opt.Shards)
	}
	now := map[string]*running{}
	for _, r := range c.running {
		now[r.identity+"\x00"+r.print()] = r
	}
	c.newest, c.water = s.Newest, s.Water
	places := make([]*running, len(s.Correlations))
	for i, saved := range s.Correlations {
		r := now[saved.Identity+"\x00"+saved.Print]
		if places[i] = r; r == nil {
			forgotten = append(forgotten, saved.Identity)
			continue
		}
		if err := r.load(saved.Groups, s.Water); err != nil {
			return nil, nil, err
		}
	}
	for _, e := range s.Waiting {
		if e.Correlation < 0 || e.Correlation >= len(places) || !isTime(e.Mark.At) || e.Mark.At < s.Water {
			return nil, nil, errDamaged
		}
		r := places[e.Correlation]
		if r == nil {
			continue
		}
		if e.Source < 0 || e.Source >= len(r.sources) {
			return nil, nil, errDamaged
		}
		c.queue.push(e.load(r))
	}
	c.stats = s.Stats // last, since loading into smaller windows loses what was counted as lost in its time
	if c.stats.Lost == nil {
		c.stats.Lost = map[Reason]int64{}
	}
	return c, forgotten, nil
}

var errDamaged = errors.New("correlate: the snapshot is damaged; start without it and replay")

// isTime reports whether a time is one that matches can have.
func isTime(at int64) bool { return at >= earliest.UnixNano() && at <= latest.UnixNano() }

// load takes groups as they were saved. Their times must be such that each
// look at a group comes after the one before.
func (r *running) load(groups []savedGroup, water int64) error {
	last := int64(always)
	for _, s := range groups {
		isDue := s.Due == never || s.Due >= water && s.Due-r.span-1 <= s.Last
		if !isTime(s.First) || !isTime(s.Last) || s.First > s.Last || s.Last < last || s.Last >= water || !isDue || r.groups[s.Key] != nil {
			return errDamaged
		}
		last = s.Last
		g := r.get(s.Key, s.Last)
		g.first, g.last, g.quiet, g.isGrown = s.First, s.Last, s.Quiet, s.IsGrown
		g.window.load(s.Window)
		r.c.timers.set(g, s.Due)
	}
	return nil
}

func (s savedEntry) load(r *running) entry {
	m := s.Mark.load()
	return entry{at: m.at, spec: r.index, source: int32(s.Source), key: s.Key, id: m.id, value: s.Value, number: s.Number, more: m.more}
}

func saveMark(m mark) savedMark {
	s := savedMark{At: m.at, ID: m.id}
	if m.more != nil {
		s.IsUp, s.IsHit, s.Fields, s.Events = true, m.more.events != nil, m.more.fields, m.more.events
	}
	return s
}

func (s savedMark) load() mark {
	m := mark{at: s.At, id: s.ID}
	if s.IsUp {
		m.more = &carried{fields: s.Fields, events: s.Events}
	}
	if s.IsHit && s.Events == nil {
		m.more.events = []string{}
	}
	return m
}

func (t *trail) save() (out []savedMark) {
	t.each(func(m mark) { out = append(out, saveMark(m)) })
	return out
}

func (t *trail) load(marks []savedMark, most int) {
	for _, m := range marks {
		t.keep(m.load(), most)
	}
}

func (w *eventWindow) save() savedWindow {
	s := savedWindow{Marks: w.trail.save()}
	for i := range w.times.len() {
		s.Times = append(s.Times, w.times.at(i).at)
		s.Counts = append(s.Counts, w.times.at(i).n)
	}
	return s
}

func (w *eventWindow) load(s savedWindow) {
	w.trail.load(s.Marks, w.limits.marks)
	for i := range min(len(s.Times), len(s.Counts)) {
		w.count(s.Times[i], s.Counts[i])
	}
}

func (w *valueWindow) save() (s savedWindow) {
	for c := w.ring().next; c != &w.root; c = c.next {
		s.Marks = append(s.Marks, saveMark(c.mark))
		s.Values = append(s.Values, c.value)
	}
	return s
}

func (w *valueWindow) load(s savedWindow) {
	for i := range min(len(s.Marks), len(s.Values)) {
		m := s.Marks[i].load()
		w.add(&entry{at: m.at, id: m.id, more: m.more, value: s.Values[i]})
	}
}

func (w *shareWindow) save() savedWindow {
	s := savedWindow{Marks: w.events.trail.save()}
	for i := range w.queue.len() {
		s.Times = append(s.Times, w.queue.at(i).at)
		s.Values = append(s.Values, w.queue.at(i).value)
	}
	return s
}

func (w *shareWindow) load(s savedWindow) {
	w.events.trail.load(s.Marks, w.events.limits.marks)
	for i := range min(len(s.Times), len(s.Values)) {
		w.put(valued{s.Times[i], s.Values[i]})
	}
}

func (w *numberWindow) save() savedWindow {
	s := savedWindow{Marks: w.trail.save()}
	for i := range w.queue.len() {
		s.Times = append(s.Times, w.queue.at(i).at)
		s.Numbers = append(s.Numbers, w.queue.at(i).x)
	}
	return s
}

func (w *numberWindow) load(s savedWindow) {
	w.trail.load(s.Marks, w.limits.marks)
	for i := range min(len(s.Times), len(s.Numbers)) {
		w.put(numbered{s.Times[i], s.Numbers[i]})
	}
}

func (w *ruleWindow) save() (s savedWindow) {
	for _, m := range w.last {
		s.Marks = append(s.Marks, saveMark(m))
	}
	return s
}

func (w *ruleWindow) load(s savedWindow) {
	for i := range min(len(s.Marks), len(w.last)) {
		if m := s.Marks[i].load(); m.at != always {
			w.add(&entry{at: m.at, source: int32(i), id: m.id, more: m.more})
		}
	}
}

func (w *orderWindow) save() savedWindow {
	s := w.met.save()
	s.Cut = w.cut
	for i, t := range w.tracks {
		t.settle()
		for j, c := range t.before {
			if c.end == nil {
				continue
			}
			saved := savedChain{Track: i, Cell: j, Start: c.start}
			c.end.each(func(m mark) { saved.Marks = append(saved.Marks, saveMark(m)) })
			s.Chains = append(s.Chains, saved)
		}
	}
	return s
}

func (w *orderWindow) load(s savedWindow) {
	w.met.load(s)
	w.cut = s.Cut
	for _, c := range s.Chains {
		if c.Track < 0 || c.Track >= len(w.tracks) || c.Cell < 0 || c.Cell >= len(w.tracks[c.Track].before) {
			continue
		}
		var end *link
		for _, m := range c.Marks {
			end = &link{m.load(), end}
		}
		w.tracks[c.Track].before[c.Cell] = chain{c.Start, end}
	}
}
