package sample

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Event is what is done at one moment of the past, by whom.
type Event struct {
	At     time.Time
	By     string // the name of a user; "": a file or a machine
	Step   *Step  // what it comes from; nil for a night
	Docs   []catalog.Document
	Reason string   // why Docs are as they are
	Number *float64 // of a measure's or a file's series
	Note   string
	Night  bool // what is done each night: tests, reports of machines
	Plans  bool // and forecasts, which take the most time of it
}

// Says reports whether the event is a person's word about a claim.
func (e *Event) Says() bool {
	return e.Step != nil && e.Docs == nil && (e.Step.Types != "" || e.Step.Attests != "")
}

// What names the event for somebody who looks for it in the files.
func (e *Event) What() string {
	if e.Step == nil {
		if len(e.Docs) > 0 {
			return "the beginning"
		}
		return "the night"
	}
	return fmt.Sprintf("%s:%d", e.Step.file, e.Step.line)
}

// founded is when the organisation began to use the program.
const (
	founded = -731 // day
	nightly = "05:40"
)

// Nights are carried out more often the nearer they are: one of four weeks at
// first, one of a week in the last weeks, every one in the last days.
const (
	weekly = 14 // weeks
	daily  = 10 // days
)

// Founded is the moment at which everything was there that no step creates.
func (o *Organisation) Founded() time.Time {
	t, _ := o.calendar.at(o.calendar.day(founded), "09:00")
	return t
}

// planned is how many days lie between two nights with forecasts in the last
// days.
const planned = 3

// nights are what happens each night. The last is the present.
func (o *Organisation) nights() []Event {
	var days []int
	for d := -7 * weekly; d > founded; d -= 28 {
		days = append(days, d)
	}
	slices.Reverse(days)
	for d := -7 * (weekly - 1); d < -daily; d += 7 {
		days = append(days, d)
	}
	for d := -daily; d <= 0; d++ {
		days = append(days, d)
	}
	var out []Event
	for _, d := range days {
		if t, _ := o.calendar.at(o.calendar.day(d), nightly); t.Before(o.Now) {
			out = append(out, Event{At: t, Night: true, Plans: d < 0 && (d < -daily || d%planned == 0)})
		}
	}
	return append(out, Event{At: o.Now, Night: true, Plans: true})
}

// Timeline returns everything that happened, in order. Kinds reads the files.
func (o *Organisation) Timeline(kinds *catalog.Kinds) ([]Event, error) {
	t := &timeline{o: o, now: map[string]catalog.Document{}, lives: map[string]*life{}}
	for _, f := range o.Files {
		docs, err := kinds.Decode(f.Name, f.Data)
		if err != nil {
			return nil, err
		}
		for _, d := range docs {
			if err := t.add(d); err != nil {
				return nil, err
			}
		}
	}
	for i := range o.Steps {
		if err := t.step(&o.Steps[i], kinds); err != nil {
			return nil, fault.Bad("a step cannot be carried out", fault.Problem{File: o.Steps[i].file, Line: o.Steps[i].line, Code: "step", Msg: err.Error()})
		}
	}
	if err := t.live(); err != nil {
		return nil, err
	}
	t.events = append(t.events, o.nights()...)
	slices.SortStableFunc(t.events, func(a, b Event) int { return cmp.Or(a.At.Compare(b.At), b.rank()-a.rank()) })
	return t.events, nil
}

// rank orders what happens at one moment: what comes to be, then the rest, then
// the night.
func (e *Event) rank() int {
	switch {
	case e.Docs != nil:
		return 2
	case e.Night:
		return 0
	}
	return 1
}

// timeline is being made.
type timeline struct {
	o      *Organisation
	order  []string                    // references
	now    map[string]catalog.Document // as the files have them
	lives  map[string]*life
	events []Event
}

// life is what happened to one entity.
type life struct {
	born    *Step // nil: it was there from the beginning
	changes []*Step
}

func short(e *entity.Entity) string { return strings.ToLower(e.Kind) + ":" + e.Metadata.Name }

// add takes in a document as the files have it. Check-ins come from steps, and
// the score of a key result is what the program makes of them.
func (t *timeline) add(d catalog.Document) (err error) {
	switch d.Entity.Kind {
	case "CheckIn":
		return nil
	case "KeyResult":
		if d, err = patched(d, map[string]any{"spec": map[string]any{"final": nil}}); err != nil {
			return err
		}
	}
	ref := short(d.Entity)
	t.order, t.now[ref], t.lives[ref] = append(t.order, ref), d, &life{}
	return nil
}

// step takes one step in.
func (t *timeline) step(s *Step, kinds *catalog.Kinds) error {
	switch {
	case s.Creates != nil:
		return t.creates(s)
	case s.Changes != "":
		return t.each(s.Changes, func(ref string) (err error) {
			t.lives[ref].changes = append(t.lives[ref].changes, s)
			t.now[ref], err = patched(t.now[ref], s.Now)
			return err
		})
	case s.ChecksIn != "":
		return t.checksIn(s, kinds)
	case s.serial():
		for _, p := range s.Series.points(t.o.calendar) {
			t.events = append(t.events, Event{At: p.at, By: s.By, Step: s, Number: p.value, Note: p.note})
		}
		return nil
	}
	t.events = append(t.events, Event{At: s.when, By: s.By, Step: s, Note: s.Note})
	return nil
}

func (t *timeline) creates(s *Step) error {
	for _, pattern := range s.Creates {
		err := t.each(pattern, func(ref string) error {
			l := t.lives[ref]
			if l.born != nil {
				return fmt.Errorf("%s creates something a second time", pattern)
			}
			l.born = s
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls f for what a pattern names.
func (t *timeline) each(pattern string, f func(ref string) error) error {
	n := 0
	for _, ref := range t.order {
		if ok, err := path.Match(pattern, ref); err != nil {
			return err
		} else if !ok {
			continue
		}
		if err := f(ref); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("nothing in the files is called %s", pattern)
	}
	return nil
}

func (t *timeline) checksIn(s *Step, kinds *catalog.Kinds) error {
	if t.lives["keyresult:"+s.ChecksIn] == nil {
		return fmt.Errorf("there is no key result %s in the files", s.ChecksIn)
	}
	for _, x := range s.checkIns(t.o.calendar) {
		docs, err := kinds.Decode(s.file, []byte(x.yaml()))
		if err != nil {
			return err
		}
		t.events = append(t.events, Event{At: x.at, By: s.By, Step: s, Docs: docs})
	}
	return nil
}

// live turns the lives of all entities into events: one for each time that
// somebody wrote something.
func (t *timeline) live() error {
	type key struct {
		step *Step
		at   time.Time
	}
	at := map[key]int{}
	for _, ref := range t.order {
		versions, err := t.versions(ref)
		if err != nil {
			return err
		}
		for _, v := range versions {
			k := key{v.step, v.at}
			if v.step != nil && v.step.Changes != "" {
				k.step = nil // together with what the same person did in the same moment
			}
			i, ok := at[k]
			if !ok || t.events[i].By != v.by || t.events[i].Reason != v.why {
				i = len(t.events)
				at[k] = i
				t.events = append(t.events, Event{At: v.at, By: v.by, Step: v.step, Reason: v.why})
			}
			t.events[i].Docs = append(t.events[i].Docs, v.doc)
		}
	}
	return nil
}

// version is an entity as it was written at a moment.
type version struct {
	at      time.Time
	by, why string
	step    *Step
	doc     catalog.Document
}

// versions returns how an entity was written, the oldest first: from the present
// backwards, each change undone by what it says that was before.
func (t *timeline) versions(ref string) ([]version, error) {
	l, doc := t.lives[ref], t.now[ref]
	slices.SortStableFunc(l.changes, func(a, b *Step) int { return a.when.Compare(b.when) })
	var out []version
	for _, s := range slices.Backward(l.changes) {
		if l.born != nil && s.pattern() && s.when.Before(l.born.when) {
			continue // what was changed then is what was there
		}
		before, rest, err := s.undone(doc)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", s.file, s.line, err)
		}
		if rest == same {
			continue
		}
		out = append(out, version{s.when, s.By, s.Why, s, doc})
		if rest == nothing {
			if l.born != nil {
				return nil, fmt.Errorf("%s:%d: %s comes to be twice", s.file, s.line, ref)
			}
			l.born = s
			break
		}
		doc = before
	}
	if l.born == nil || l.born.Creates != nil {
		first, err := t.first(l.born, doc)
		if err != nil {
			return nil, err
		}
		out = append(out, first)
	}
	slices.Reverse(out)
	if len(out) > 1 && !out[0].at.Before(out[1].at) {
		return nil, fmt.Errorf("%s is changed before it is created", ref)
	}
	return out, nil
}

// pattern reports whether the step changes more than one thing.
func (s *Step) pattern() bool { return strings.ContainsAny(s.Changes, "*?[") }

// first is how an entity was when it came to be.
func (t *timeline) first(born *Step, doc catalog.Document) (version, error) {
	if born == nil {
		return version{at: t.o.Founded(), doc: doc}, nil
	}
	doc, err := patched(doc, born.Was)
	return version{at: born.when, by: born.By, why: born.Why, step: born, doc: doc}, err
}

// left says what is left of an entity when a step is undone.
type left int

const (
	nothing left = iota
	same
	other
)

// undone returns an entity as it was before a step.
func (s *Step) undone(d catalog.Document) (catalog.Document, left, error) {
	before, err := patched(d, s.Was)
	if err != nil || s.Had == nil && s.Adds == nil {
		return before, other, err
	}
	var spec map[string]any
	if err := json.Unmarshal(before.Entity.Spec, &spec); err != nil {
		return d, other, err
	}
	changed := restored(spec, s.Had)
	if s.Adds != nil {
		list, _ := spec[s.Adds.List].([]any)
		kept := slices.DeleteFunc(slices.Clone(list), s.Adds.among)
		if len(list) > 0 && len(kept) == 0 {
			return d, nothing, nil
		}
		spec[s.Adds.List], changed = kept, changed || len(kept) < len(list)
	}
	if !changed {
		return d, same, nil
	}
	before, err = patched(before, map[string]any{"spec": spec})
	return before, other, err
}

// among reports whether an item of the list is one of those that were added.
func (a *Added) among(x any) bool {
	item, _ := x.(map[string]any)
	return item[a.Field] == a.Is
}

// restored gives fields of some names the values they had, and reports whether
// there were any.
func restored(tree any, had map[string]any) bool {
	found := false
	switch x := tree.(type) {
	case map[string]any:
		for name, v := range x {
			if was, ok := had[name]; ok {
				x[name], found = was, true
			} else if restored(v, had) {
				found = true
			}
		}
	case []any:
		for _, v := range x {
			found = restored(v, had) || found
		}
	}
	return found
}

// patched returns a document with a merge patch (RFC 7386) applied.
func patched(d catalog.Document, patch map[string]any) (catalog.Document, error) {
	data, err := json.Marshal(d.Entity)
	if err != nil {
		return d, err
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return d, err
	}
	if data, err = json.Marshal(merge(tree, patch)); err != nil {
		return d, err
	}
	d.Entity = &entity.Entity{}
	return d, json.Unmarshal(data, d.Entity)
}

func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for k, v := range patch {
		inner, ok := v.(map[string]any)
		switch {
		case v == nil:
			delete(target, k)
		case ok:
			old, _ := target[k].(map[string]any)
			target[k] = merge(old, inner)
		default:
			target[k] = v
		}
	}
	return target
}

// scored lists the key results whose cycle is closed: those that have a score.
func (o *Organisation) scored() (map[string]bool, error) {
	out := map[string]bool{}
	for _, f := range o.Files {
		d := yaml.NewDecoder(strings.NewReader(string(f.Data)))
		for {
			var x struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     struct{ Final map[string]any }
			}
			if d.Decode(&x) != nil {
				break // its mistakes are found when it is read as what it is
			}
			if x.Kind == "KeyResult" && x.Spec.Final != nil {
				out[x.Metadata.Name] = true
			}
		}
	}
	return out, nil
}
