package objectives

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// closePage shows what a cycle will be scored at, and asks what was learned.
type closePage struct {
	web.Shell
	Cycle *cycleHead
	Early bool // it is not over yet
	Score string
	Zones []zoneLine
	Goals []closeGoal
	Weak  int // key results without live evidence
}

type zoneLine struct {
	Name, Range string
	N           int
}

// closeGoal is an objective to be closed.
type closeGoal struct {
	Ref, ID, Title, Score string
	Derived               string
	Outcomes              []choice
	Lesson                string
	Lines                 []closeLine
}

type closeLine struct {
	Title, Href string
	State, Word string
	Value       string
	Score       string
	Zone        string
	Trust       string
}

func showClose(c *web.Ctx) (any, error) {
	_, shown, err := askedCycle(c, c.Param("cycle"))
	if err != nil {
		return nil, err
	}
	p := &closePage{Cycle: headOf(c, shown)}
	p.Title = c.T("okr.close.title", shown.DisplayTitle())
	p.Crumbs, p.Short = []web.Crumb{{Href: address("/objectives", "cycle", p.Cycle.Name), Label: c.T("okr.title")}}, c.T("okr.close.short")
	p.Early = shown.span != nil && c.Now.Before(shown.span.End())
	var whole []okr.Part
	var progresses []*float64
	for _, o := range shown.Objectives {
		if o.State == Draft || o.State == Dropped {
			continue
		}
		g, score := p.goal(c, o, &progresses)
		p.Goals = append(p.Goals, g)
		whole = append(whole, okr.Part{Weight: o.Weight, Progress: score})
	}
	if score := okr.Score(whole); score != nil {
		p.Score = lang.Float(c.Lang, *score, 2)
	}
	counts := okr.CountZones(progresses)
	for _, z := range okr.Zones {
		p.Zones = append(p.Zones, zoneLine{c.T("okr.zone." + string(z)), c.T("okr.zone." + string(z) + ".range"), counts[z]})
	}
	return p, nil
}

// askedCycle returns the goals and the cycle of a name that a form or an address
// gives; the present one for "".
func askedCycle(c *web.Ctx, name string) (*board, *cycle, error) {
	b, err := loadBoard(c.R.Context(), c.Catalog(), c.Caller)
	if err != nil {
		return nil, nil, err
	}
	shown := b.cycle(name)
	if name == "" {
		shown = cmp.Or(b.current(c.Now), shown)
	}
	if shown == nil {
		return nil, nil, fault.New(fault.NotFound, "there is no cycle %q", name).Coded("cycle.none")
	}
	return b, shown, nil
}

// achievedAt is the score from which on an objective is proposed as achieved:
// the lower end of the target zone.
const achievedAt = okr.TargetAt

func (p *closePage) goal(c *web.Ctx, o *objective, progresses *[]*float64) (closeGoal, *float64) {
	g := closeGoal{Ref: shortOf(o.Ref()), ID: "o-" + o.Metadata.UID, Title: o.DisplayTitle(), Lesson: o.Lesson}
	var parts []okr.Part
	for _, kr := range o.Results {
		r := closing(&kr.KeyResult, kr.status)
		final := r.final(c.Now)
		if kr.Final != nil {
			final = kr.Final
		}
		parts = append(parts, okr.Part{Weight: kr.Weight, Progress: &final.Score})
		*progresses = append(*progresses, &final.Score)
		s := standingOf(final.Standing)
		line := closeLine{Title: kr.DisplayTitle(), Href: c.Href(kr.Ref()), State: stateClass(s, final.Standing == string(s)), Word: word(c, s), Score: lang.Float(c.Lang, final.Score, 2),
			Zone: c.T("okr.zone." + string(okr.ZoneOf(&final.Score))), Trust: c.T("okr.trust." + final.Trust)}
		if final.Value != nil {
			line.Value = writeValue(c, &kr.KeyResult, *final.Value)
		}
		if final.Trust != string(okr.Live) {
			p.Weak++
		}
		g.Lines = append(g.Lines, line)
	}
	score := okr.Score(parts)
	chosen := Missed
	if score != nil {
		g.Score, g.Derived = lang.Float(c.Lang, *score, 2), derivation(c, parts, *score)
		if *score >= achievedAt {
			chosen = Achieved
		}
	}
	if o.State != Active {
		chosen = o.State
	}
	for _, e := range c.Catalog().Kinds().Get("Objective").Field("spec.state").Enum {
		if e.Value == Achieved || e.Value == Missed || e.Value == Dropped {
			g.Outcomes = append(g.Outcomes, choice{Value: e.Value, Label: c.In(e.Label), On: e.Value == chosen})
		}
	}
	return g, score
}

// closeCycle closes a cycle: outcomes and lessons of its objectives, the state
// of the cycle, and the scores of its key results, all together.
func closeCycle(c *web.Ctx) (any, error) {
	_, shown, err := askedCycle(c, c.Form("cycle"))
	if err != nil {
		return nil, err
	}
	err = c.Catalog().DB().Tx(c.R.Context(), func(tx *sqldb.Tx) error {
		in := c.Catalog().In(tx)
		for _, o := range shown.Objectives {
			if err := outcome(c, in, o); err != nil {
				return err
			}
		}
		closed, err := in.Patch(c.R.Context(), c.Caller, shown.Ref(), encode(map[string]any{"spec": map[string]any{"state": Closed}}), catalog.UpdateOptions{})
		if err != nil {
			return err
		}
		return (&steward{c.R.Context(), in, c.Caller.Org}).cycle(closed.Entity)
	})
	if err != nil {
		return nil, err
	}
	c.App.Feed.Notify()
	return web.Redirect{To: address("/objectives", "cycle", shortOf(shown.Ref())), Toast: &web.Toast{Key: "okr.toast.closed", Args: []string{shown.DisplayTitle()}}}, nil
}

// outcome writes what the form says of an objective.
func outcome(c *web.Ctx, in *catalog.Catalog, o *objective) error {
	state, lesson := c.Form("outcome."+shortOf(o.Ref())), unixLines(c.R.PostFormValue("lesson."+shortOf(o.Ref())))
	if state == "" && lesson == o.Lesson {
		return nil
	}
	spec := map[string]any{}
	if state == Achieved || state == Missed || state == Dropped {
		spec["state"] = state
	}
	if lesson != "" {
		spec["lesson"] = lesson
	}
	_, err := in.Patch(c.R.Context(), c.Caller, o.Ref(), encode(map[string]any{"spec": spec}), catalog.UpdateOptions{})
	return err
}

// carryPage asks which goals go on in another cycle.
type carryPage struct {
	web.Shell
	Cycle   *cycleHead
	Targets []choice
	Goals   []carryGoal
	Problem string
}

type carryGoal struct {
	Ref, Title, Score  string
	State, Word        string
	On, Done           bool // proposed; carried over already
	Results            []carryResult
	Outcome, OutcomeOf string
}

type carryResult struct {
	Ref, Title, Word, State string
	On                      bool
	From                    string // where the new one starts
}

// nextCycle stands in the form for a cycle that is not there yet.
const nextCycle = "+"

func showCarry(c *web.Ctx) (any, error) { return carryForm(c, c.Param("cycle")) }

func carryForm(c *web.Ctx, name string) (*carryPage, error) {
	b, shown, err := askedCycle(c, name)
	if err != nil {
		return nil, err
	}
	p := &carryPage{Cycle: headOf(c, shown)}
	p.Title = c.T("okr.carry.title", shown.DisplayTitle())
	p.Crumbs, p.Short = []web.Crumb{{Href: address("/objectives", "cycle", p.Cycle.Name), Label: c.T("okr.title")}}, c.T("okr.carry.short")
	for _, x := range b.Cycles {
		if x.State != Closed && x != shown && x.Start > shown.Start {
			p.Targets = append(p.Targets, choice{Value: shortOf(x.Ref()), Label: x.DisplayTitle()})
		}
	}
	if title, _, ok := following(shown); ok && b.cycle(nameOf(title)) == nil {
		p.Targets = append(p.Targets, choice{Value: nextCycle, Label: c.T("okr.carry.new", title)})
	}
	if len(p.Targets) > 0 {
		p.Targets[0].On = true
	}
	done := carried(b)
	for _, o := range shown.Objectives {
		p.Goals = append(p.Goals, carryLine(c, o, done[o.Ref()]))
	}
	return p, nil
}

// carried lists the goals that are continued in a later cycle.
func carried(b *board) map[entity.Ref]bool {
	out := map[entity.Ref]bool{}
	for _, x := range b.Cycles {
		for _, o := range x.Objectives {
			if ref, err := entity.ParseRef(o.Continues, "objective", o.Metadata.Namespace); err == nil {
				out[ref] = true
			}
		}
	}
	return out
}

func carryLine(c *web.Ctx, o *objective, done bool) carryGoal {
	w := cmp.Or(o.status.Standing, string(okr.Unknown))
	s := standingOf(w)
	g := carryGoal{Ref: shortOf(o.Ref()), Title: o.DisplayTitle(), State: stateClass(s, w == string(s)), Word: word(c, s), Done: done, On: !done && o.State != Achieved && o.State != Dropped}
	if o.status.Score != nil {
		g.Score = lang.Float(c.Lang, *o.status.Score, 2)
	}
	if e := c.Catalog().Kinds().Get("Objective").Field("spec.state").EnumFor(o.State); e != nil {
		g.Outcome, g.OutcomeOf = c.In(e.Label), e.State
	}
	for _, kr := range o.Results {
		kw := cmp.Or(kr.status.Standing, string(okr.Unknown))
		ks := standingOf(kw)
		r := carryResult{Ref: shortOf(kr.Ref()), Title: kr.DisplayTitle(), State: stateClass(ks, kw == string(ks)), Word: word(c, ks), On: ks != okr.Met}
		if next := kr.successor(); next.Start != nil {
			r.From = writeValue(c, &next, *next.Start)
		}
		g.Results = append(g.Results, r)
	}
	return g
}

// following is the cycle that comes after one, of the same length: the next
// quarter, half or year where it is one.
func following(x *cycle) (title string, next Cycle, ok bool) {
	if x.span == nil {
		return "", Cycle{}, false
	}
	from := x.span.Last.AddDate(0, 0, 1)
	to := from.AddDate(0, 0, x.span.Days()-1)
	for _, months := range []int{1, 3, 4, 6, 12} {
		if x.span.First.AddDate(0, months, 0).Equal(from) {
			to = from.AddDate(0, months, -1)
		}
	}
	next = Cycle{Start: from.Format(time.DateOnly), End: to.Format(time.DateOnly), State: Planning, TimeZone: x.TimeZone, Follows: x.Metadata.Name}
	return periodName(from, to), next, true
}

// successor is the key result that goes on where this one ended.
func (kr *result) successor() KeyResult {
	s := kr.KeyResult
	s.Final, s.Continues = nil, kr.Metadata.Name
	value := kr.status.Value
	if kr.Final != nil {
		value = kr.Final.Value
	}
	if s.Kind == string(okr.Metric) && !s.keeps() && value != nil && s.Target != nil {
		moved := s
		moved.Start = value
		if moved.Goal().Check() == nil && moved.Goal().Direction == s.Goal().Direction {
			s.Start = value
		}
	}
	return s
}

// carryOver makes successors of the goals that were chosen.
func carryOver(c *web.Ctx) (any, error) {
	b, shown, err := askedCycle(c, c.Form("cycle"))
	if err != nil {
		return nil, err
	}
	chosen, results := c.R.PostForm["objective"], c.R.PostForm["result"]
	if len(chosen) == 0 {
		p, err := carryForm(c, shortOf(shown.Ref()))
		if err == nil {
			p.Status, p.Problem = 422, c.T("okr.carry.none")
		}
		return p, err
	}
	var to *cycle
	n := 0
	err = c.Catalog().DB().Tx(c.R.Context(), func(tx *sqldb.Tx) (err error) {
		m := &carrying{c: c, in: c.Catalog().In(tx), refs: map[entity.Ref]entity.Ref{}}
		if to, err = m.target(b, shown, c.Form("to")); err != nil {
			return err
		}
		n, err = m.carry(shown, to, chosen, results)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.App.Feed.Notify()
	return web.Redirect{To: address("/objectives", "cycle", shortOf(to.Ref())), Toast: &web.Toast{Key: "okr.toast.carried", Args: []string{fmt.Sprint(n), to.DisplayTitle()}}}, nil
}

// carrying is a carry-over under way.
type carrying struct {
	c    *web.Ctx
	in   *catalog.Catalog
	refs map[entity.Ref]entity.Ref // what became of a goal
}

// target is the cycle that goals go to, made where it is not there yet.
func (m *carrying) target(b *board, from *cycle, name string) (*cycle, error) {
	if name != nextCycle {
		x := b.cycle(name)
		if x == nil || x.State == Closed {
			return nil, fault.New(fault.Invalid, "there is no open cycle %q", name).Coded("cycle.not-open")
		}
		return x, nil
	}
	title, spec, ok := following(from)
	if !ok {
		return nil, fault.New(fault.Invalid, "the days of %s are not known", from.DisplayTitle()).Coded("cycle.days")
	}
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: "Cycle", Metadata: entity.Metadata{Name: nameOf(title), Namespace: from.Metadata.Namespace, Title: title}}
	e.Spec = encode(spec)
	if there, err := there(m.in.Get(m.c.R.Context(), m.c.Caller, e.Ref())); err != nil || there != nil {
		return &cycle{Entity: e, Cycle: spec}, err
	}
	_, err := m.in.Create(m.c.R.Context(), m.c.Caller, e)
	return &cycle{Entity: e, Cycle: spec}, err
}

// carry makes the successors: first the objectives that others lead to.
func (m *carrying) carry(from, to *cycle, chosen, results []string) (int, error) {
	var list []*objective
	for _, o := range from.Objectives {
		if slices.Contains(chosen, shortOf(o.Ref())) {
			list = append(list, o)
			m.refs[o.Ref()] = m.nameIn(o.Entity, to)
			for _, kr := range o.Results {
				if slices.Contains(results, shortOf(kr.Ref())) {
					m.refs[kr.Ref()] = m.nameIn(kr.Entity, to)
				}
			}
		}
	}
	n := 0
	for _, o := range list {
		made, err := m.objective(o, to)
		if err != nil {
			return n, err
		}
		if made {
			n++
		}
		for _, kr := range o.Results {
			if ref, ok := m.refs[kr.Ref()]; ok {
				if err := m.result(kr, ref); err != nil {
					return n, err
				}
			}
		}
	}
	return n, nil
}

// nameIn is the name of a successor: that of the goal with the cycle's, so that
// carrying over twice makes it once.
func (m *carrying) nameIn(e *entity.Entity, to *cycle) entity.Ref {
	base := e.Metadata.Name
	if i := strings.LastIndex(base, "--"); i > 0 {
		base = base[:i]
	}
	return entity.NewRef(e.Kind, e.Metadata.Namespace, cut(base, 80)+"--"+to.Metadata.Name)
}

// make stores a successor, unless it is there.
func (m *carrying) make(from *entity.Entity, ref entity.Ref, spec any) (bool, error) {
	if there, err := there(m.in.Get(m.c.R.Context(), m.c.Caller, ref)); err != nil || there != nil {
		return false, err
	}
	e := catalog.Clean(from)
	e.Metadata.Name, e.Spec = ref.Name, json.RawMessage(encode(spec))
	_, err := m.in.Create(m.c.R.Context(), m.c.Caller, e)
	return err == nil, err
}

func (m *carrying) objective(o *objective, to *cycle) (bool, error) {
	s := o.Objective
	s.Cycle, s.State, s.Lesson, s.Continues = nearRef(to.Ref(), o.Entity), Active, "", o.Metadata.Name
	if to.State == Planning {
		s.State = Draft
	}
	parent, ok := m.refs[o.parent]
	if s.Parent = ""; ok {
		s.Parent = parent.Kind + ":" + shortOf(parent)
	}
	return m.make(o.Entity, m.refs[o.Ref()], s)
}

// nearRef names an entity as one in the namespace of another would.
func nearRef(ref entity.Ref, from *entity.Entity) string {
	if ref.Namespace == from.Ref().Namespace {
		return ref.Name
	}
	return ref.Namespace + "/" + ref.Name
}

func (m *carrying) result(kr *result, ref entity.Ref) error {
	s := kr.successor()
	s.Objective = nearRef(m.refs[kr.of.Ref()], kr.Entity)
	_, err := m.make(kr.Entity, ref, s)
	return err
}
