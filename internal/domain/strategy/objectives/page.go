package objectives

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func pages() []web.PageDef {
	to := func(kind string) func(*http.Request) (auth.Resource, error) {
		return func(*http.Request) (auth.Resource, error) { return mayWrite(kind), nil }
	}
	return []web.PageDef{
		{ID: "objectives", Pattern: "/objectives", Verb: auth.Read, Template: "okr-board.html", Handle: showBoard},
		{ID: "objectives.alignment", Nav: "objectives", Pattern: "/objectives/alignment", Verb: auth.Read, Template: "okr-alignment.html", Handle: showAlignment},
		{ID: "objectives.checkin", Nav: "objectives", Pattern: "/objectives/check-in", Verb: auth.Write, Resource: to(auth.KindCheckIn), Template: "okr-checkin.html", Handle: showCheckIns},
		{ID: "objectives.checkin.do", Nav: "objectives", Method: "POST", Pattern: "/objectives/check-in", Verb: auth.Write, Resource: to(auth.KindCheckIn), Template: "okr-checkin.html", Handle: takeCheckIn},
		{ID: "objectives.close", Nav: "objectives", Pattern: "/objectives/close", Verb: auth.Write, Resource: to("Cycle"), Template: "okr-close.html", Handle: showClose},
		{ID: "objectives.close.do", Nav: "objectives", Method: "POST", Pattern: "/objectives/close", Verb: auth.Write, Resource: to("Cycle"), Template: "okr-close.html", Handle: closeCycle},
		{ID: "objectives.carry", Nav: "objectives", Pattern: "/objectives/carry", Verb: auth.Write, Resource: to("Objective"), Template: "okr-carry.html", Handle: showCarry},
		{ID: "objectives.carry.do", Nav: "objectives", Method: "POST", Pattern: "/objectives/carry", Verb: auth.Write, Resource: to("Objective"), Template: "okr-carry.html", Handle: carryOver},
	}
}

// choice is one of several things to look at.
type choice struct {
	Value, Label, Href string
	On                 bool
}

// boardPage is a cycle with its objectives, the worst first.
type boardPage struct {
	web.Shell
	Vision   *web.Thing
	Horizon  string
	Recent   []choice // cycles with a button of their own, the newest at the end
	Older    []choice
	Cycle    *cycleHead
	Counts   []countLine
	Filters  []boardFilter
	Filtered bool
	Clear    string
	Blocks   []objectiveBlock
	Hidden   int         // objectives that the filter leaves out
	Lost     []web.Thing // whose cycle is not there

	CanWrite, CanCheckIn, CanClose, CanCarry bool
	Empty                                    bool // there is no cycle at all
	NoGoals                                  bool // the cycle has no objective
}

// cycleHead is what a page says of a cycle.
type cycleHead struct {
	Name, Title, Href string
	State, Word       string
	Day, Days, Done   int
	Text, Note        string
	Score             string
	Closed            bool
}

// countLine is how many key results stand so.
type countLine struct {
	State, Text, Href string
	On                bool
}

type boardFilter struct {
	Name, Label, Any string
	Options          []choice
}

type objectiveBlock struct {
	ID, Href, Title string
	State, Word     string
	Score           string
	Derived         string // how the score comes about
	Owner           *web.Thing
	Draft           bool
	Outcome         string // of one that is closed
	OutcomeState    string
	Lines           []krLine
	rank            int
	score           float64
}

// own are the parameters of the board; any other is one of the kit's list.
var own = []string{"cycle", "pillar", "owner", "standing", "window"}

func showBoard(c *web.Ctx) (any, error) {
	for name := range c.R.URL.Query() {
		if !slices.Contains(own, name) {
			return web.Redirect{To: "/objectives/list?" + c.R.URL.RawQuery}, nil
		}
	}
	b, err := loadBoard(c.R.Context(), c.Catalog(), c.Caller)
	if err != nil {
		return nil, err
	}
	p := &boardPage{CanWrite: c.Can(auth.Write, mayWrite("Objective")), CanCheckIn: c.Can(auth.Write, mayWrite(auth.KindCheckIn))}
	p.Title = c.T("okr.title")
	if err := p.vision(c); err != nil {
		return nil, err
	}
	for _, o := range b.Lost {
		p.Lost = append(p.Lost, c.Thing(o.Entity))
	}
	if p.Empty = len(b.Cycles) == 0; p.Empty {
		return p, nil
	}
	shown, err := chosenCycle(c, b)
	if err != nil {
		return nil, err
	}
	p.Cycle = headOf(c, shown)
	p.cycles(c, b, shown)
	p.NoGoals = len(shown.Objectives) == 0
	p.CanClose = p.CanWrite && shown.State != Closed && !p.NoGoals
	p.CanCarry = p.CanWrite && shown.State == Closed && !p.NoGoals
	return p, p.fill(c, shown)
}

// chosenCycle is the cycle that the address asks for.
func chosenCycle(c *web.Ctx, b *board) (*cycle, error) {
	name := c.Param("cycle")
	if name == "" {
		return b.current(c.Now), nil
	}
	shown := b.cycle(name)
	if shown == nil {
		return nil, fault.New(fault.NotFound, "there is no cycle %q", name).Coded("cycle.none")
	}
	return shown, nil
}

// vision shows the sentence that all leads to: of the vision whose horizon is
// the furthest.
func (p *boardPage) vision(c *web.Ctx) error {
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Vision"}, Sort: "spec.horizon", Desc: true, Limit: 1, NoTotal: true})
	if err != nil || len(page.Items) == 0 {
		return err
	}
	t := c.Thing(page.Items[0])
	p.Vision = &t
	s, err := catalog.Spec[Vision](page.Items[0])
	p.Horizon = s.Horizon
	return err
}

func headOf(c *web.Ctx, x *cycle) *cycleHead {
	h := &cycleHead{Name: shortOf(x.Ref()), Title: x.DisplayTitle(), Href: c.Href(x.Ref()), Closed: x.State == Closed}
	k := c.Catalog().Kinds().Get("Cycle")
	if e := k.Field("spec.state").EnumFor(x.State); e != nil {
		h.State, h.Word = e.State, c.In(e.Label)
	}
	if x.status.Score != nil {
		h.Score = lang.Float(c.Lang, *x.status.Score, 2)
	}
	if x.span == nil {
		return h
	}
	h.Day, h.Days, h.Done = x.span.Day(c.Now), x.span.Days(), percent(x.span.Elapsed(c.Now))
	end := lang.Date(c.Lang, x.span.Last, c.Here())
	switch {
	case h.Closed:
		h.Text, h.Note, h.Done = c.T("okr.cycle.closed"), c.T("okr.cycle.ended", end), 100
	case h.Day < 1:
		h.Text, h.Note = c.T("okr.cycle.before", 1-h.Day), c.T("okr.cycle.days", h.Days)
	case h.Day > h.Days:
		h.Text, h.Note = c.T("okr.cycle.after", h.Day-h.Days), c.T("okr.cycle.toscore")
	default:
		h.Text, h.Note = c.T("okr.cycle.day", h.Day, h.Days), c.T("okr.cycle.scored", end)
	}
	return h
}

// recentCycles is how many cycles have a button of their own.
const recentCycles = 3

func (p *boardPage) cycles(c *web.Ctx, b *board, shown *cycle) {
	at := slices.Index(b.Cycles, shown)
	from := min(max(at-1, 0), max(len(b.Cycles)-recentCycles, 0))
	for i, x := range b.Cycles {
		ch := choice{Value: shortOf(x.Ref()), Label: x.DisplayTitle(), Href: "/objectives?cycle=" + url.QueryEscape(shortOf(x.Ref())), On: x == shown}
		if x.State == Planning {
			ch.Label = c.T("okr.cycle.draft", ch.Label)
		}
		if i >= from && i < from+recentCycles {
			p.Recent = append(p.Recent, ch)
		} else {
			p.Older = slices.Insert(p.Older, 0, ch)
		}
	}
}

// windows are how far back the small lines may reach.
var windows = []struct {
	name string
	days int
}{{"", 0}, {"30d", 30}, {"90d", 90}, {"365d", 365}}

// since is the day from which values are shown: the first of the cycle, or as
// the address says.
func since(c *web.Ctx, span *okr.Span) time.Time {
	for _, w := range windows {
		if w.days > 0 && c.Param("window") == w.name {
			return c.Now.AddDate(0, 0, -w.days)
		}
	}
	if span != nil {
		return span.First.AddDate(0, 0, -7)
	}
	return c.Now.AddDate(0, 0, -90)
}

func (p *boardPage) fill(c *web.Ctx, shown *cycle) error {
	var all []*result
	spans := map[entity.Ref]*okr.Span{}
	for _, o := range shown.Objectives {
		for _, kr := range o.Results {
			all = append(all, kr)
			spans[kr.Ref()] = shown.span
		}
	}
	l, err := look(c, all, spans, since(c, shown.span))
	if err != nil {
		return err
	}
	by, err := mine(c)
	if err != nil {
		return err
	}
	owners, err := p.owners(c, shown)
	if err != nil {
		return err
	}
	counted, proven := map[okr.Standing]int{}, map[okr.Standing]int{}
	for _, o := range shown.Objectives {
		if !p.wanted(c, o, by) {
			p.Hidden++
			continue
		}
		block, err := l.block(o)
		if err != nil {
			return err
		}
		if o.counts() || o.State == Draft {
			for _, kr := range o.Results {
				r := l.reading(kr)
				counted[r.Standing]++
				if r.Green {
					proven[r.Standing]++
				}
			}
		}
		if standing := c.Param("standing"); standing != "" {
			kept := slices.DeleteFunc(slices.Clone(o.Results), func(kr *result) bool { r := l.reading(kr); return string(r.Standing) != standing })
			if len(kept) == 0 {
				p.Hidden++
				continue
			}
			block.Lines = slices.DeleteFunc(block.Lines, func(line krLine) bool {
				return !slices.ContainsFunc(kept, func(kr *result) bool { return "kr-"+kr.Metadata.UID == line.ID })
			})
		}
		if t, ok := owners[o.Metadata.Owner]; ok && o.Metadata.Owner != "" {
			block.Owner = &t
		}
		p.Blocks = append(p.Blocks, block)
	}
	slices.SortStableFunc(p.Blocks, func(a, b objectiveBlock) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.score, b.score), strings.Compare(a.Title, b.Title))
	})
	p.counts(c, counted, proven)
	return p.filters(c, shown)
}

// owners names those who answer for objectives.
func (p *boardPage) owners(c *web.Ctx, shown *cycle) (map[string]web.Thing, error) {
	var written []web.Written
	for _, o := range shown.Objectives {
		if o.Metadata.Owner != "" {
			written = append(written, web.Written{In: o.Entity, Text: o.Metadata.Owner, Kind: "group"})
		}
	}
	things, err := c.Named(written)
	out := map[string]web.Thing{}
	for i, t := range things {
		out[written[i].Text] = t
	}
	return out, err
}

// wanted reports whether the filter of the address leaves an objective in.
func (p *boardPage) wanted(c *web.Ctx, o *objective, by map[string]bool) bool {
	if pillar := c.Param("pillar"); pillar != "" && shortOf(o.pillar) != pillar {
		return false
	}
	switch owner := c.Param("owner"); owner {
	case "":
		return true
	case "me":
		ref, err := entity.ParseRef(o.Metadata.Owner, "group", o.Metadata.Namespace)
		return err == nil && by[ref.String()] || slices.ContainsFunc(o.Results, func(kr *result) bool { return kr.answered(by) })
	default:
		ref, err := entity.ParseRef(o.Metadata.Owner, "group", o.Metadata.Namespace)
		return err == nil && ref.String() == owner
	}
}

// block makes the panel of an objective.
func (l *lens) block(o *objective) (objectiveBlock, error) {
	c := l.c
	b := objectiveBlock{ID: "o-" + o.Metadata.UID, Href: c.Href(o.Ref()), Title: o.DisplayTitle(), Draft: o.State == Draft}
	var shown []string
	var parts []okr.Part
	for _, kr := range o.Results {
		b.Lines = append(b.Lines, l.line(kr))
		r := l.reading(kr)
		shown = append(shown, r.shown())
		parts = append(parts, okr.Part{Weight: kr.Weight, Progress: r.Progress})
	}
	if err := l.work(b.Lines, o.Results); err != nil {
		return b, err
	}
	sortLines(b.Lines)
	w := worst(shown)
	standing := standingOf(w)
	b.State, b.Word, b.rank = stateClass(standing, w == string(standing)), word(c, standing), slices.Index(okr.Standings, standing)
	if b.Draft {
		b.State, b.Word, b.rank = "idle", c.T("okr.state.draft"), len(okr.Standings)
	}
	if score := okr.Score(parts); score != nil {
		b.Score, b.score = lang.Float(c.Lang, *score, 2), *score
		b.Derived = derivation(c, parts, *score)
	}
	if o.State != Active && o.State != Draft {
		if e := c.Catalog().Kinds().Get("Objective").Field("spec.state").EnumFor(o.State); e != nil {
			b.Outcome, b.OutcomeState = c.In(e.Label), e.State
		}
	}
	return b, nil
}

// sortLines puts the worst first.
func sortLines(lines []krLine) {
	order := []string{"bad", "no", "warn", "idle", "ok"}
	slices.SortStableFunc(lines, func(a, b krLine) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), cmp.Compare(a.Now, b.Now))
	})
}

// derivation writes how a score comes about: "0.37 = (1·0.39 + 1·0.72 + 1·0) / 3".
func derivation(c *web.Ctx, parts []okr.Part, score float64) string {
	var terms []string
	weights := 0.0
	for _, p := range parts {
		terms = append(terms, lang.Float(c.Lang, p.W(), -1)+"·"+lang.Float(c.Lang, p.P(), 2))
		weights += p.W()
	}
	return lang.Float(c.Lang, score, 2) + " = (" + strings.Join(terms, " + ") + ") / " + lang.Float(c.Lang, weights, -1)
}

// counts says how many key results stand how; each is a filter. Good ones that
// are not proven are told apart.
func (p *boardPage) counts(c *web.Ctx, n, proven map[okr.Standing]int) {
	for _, s := range []okr.Standing{okr.Met, okr.OnTrack, okr.AtRisk, okr.Unknown, okr.OffTrack} {
		if n[s] == 0 {
			continue
		}
		line := countLine{State: stateClass(s, proven[s] > 0), Text: c.T("okr.count."+string(s), n[s]), On: c.Param("standing") == string(s)}
		if rest := n[s] - proven[s]; rest > 0 && (s == okr.Met || s == okr.OnTrack) {
			line.Text += c.T("okr.count.unproven", rest)
		}
		line.Href = p.with(c, "standing", string(s))
		if line.On {
			line.Href = p.with(c, "standing", "")
		}
		p.Counts = append(p.Counts, line)
	}
}

// with is the address of the page with one parameter changed.
func (p *boardPage) with(c *web.Ctx, name, value string) string {
	q := c.R.URL.Query()
	if q.Del(name); value != "" {
		q.Set(name, value)
	}
	if enc := q.Encode(); enc != "" {
		return "/objectives?" + enc
	}
	return "/objectives"
}

func (p *boardPage) filters(c *web.Ctx, shown *cycle) error {
	owner := boardFilter{Name: "owner", Label: c.T("okr.filter.owner"), Any: c.T("okr.filter.anybody")}
	if c.Caller.UserRef != "" {
		owner.Options = append(owner.Options, choice{Value: "me", Label: c.T("okr.filter.me"), On: c.Param("owner") == "me"})
	}
	things, err := p.owners(c, shown)
	if err != nil {
		return err
	}
	for _, t := range things {
		if !t.Missing && !slices.ContainsFunc(owner.Options, func(o choice) bool { return o.Value == t.Ref.String() }) {
			owner.Options = append(owner.Options, choice{Value: t.Ref.String(), Label: t.Title, On: c.Param("owner") == t.Ref.String()})
		}
	}
	slices.SortStableFunc(owner.Options, func(a, b choice) int {
		return cmp.Or(boolOrder(a.Value == "me", b.Value == "me"), strings.Compare(a.Label, b.Label))
	})
	pillar := boardFilter{Name: "pillar", Label: c.T("okr.filter.pillar"), Any: c.T("okr.filter.anypillar")}
	err = c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Pillar"}, Sort: "spec.order"}, func(e *entity.Entity) error {
		pillar.Options = append(pillar.Options, choice{Value: shortOf(e.Ref()), Label: e.DisplayTitle(), On: c.Param("pillar") == shortOf(e.Ref())})
		return nil
	})
	window := boardFilter{Name: "window", Label: c.T("okr.filter.window"), Any: c.T("okr.filter.cycle")}
	for _, w := range windows[1:] {
		window.Options = append(window.Options, choice{Value: w.name, Label: c.T("okr.filter.days", w.days), On: c.Param("window") == w.name})
	}
	for _, f := range []boardFilter{owner, pillar, window} {
		if len(f.Options) > 0 {
			p.Filters = append(p.Filters, f)
		}
	}
	p.Filtered = c.Param("owner") != "" || c.Param("pillar") != "" || c.Param("standing") != ""
	p.Clear = "/objectives"
	if name := c.Param("cycle"); name != "" {
		p.Clear += "?cycle=" + url.QueryEscape(name)
	}
	return err
}

// boolOrder sorts what is true first.
func boolOrder(a, b bool) int {
	n := map[bool]int{true: 0, false: 1}
	return n[a] - n[b]
}

// troubled counts the key results of running cycles that are off track.
func troubled(c *web.Ctx) (web.Count, error) {
	var names []string
	err := c.Catalog().Each(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Cycle"}, Fields: map[string][]string{"spec.state": {Running}}}, func(e *entity.Entity) error {
		names = append(names, shortOf(e.Ref()))
		return nil
	})
	if err != nil || len(names) == 0 {
		return web.Count{}, err
	}
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"KeyResult"}, Fields: map[string][]string{"status.cycle": names, "status.standing": {string(okr.OffTrack)}}, Limit: 1})
	if err != nil || page.Total == 0 {
		return web.Count{}, err
	}
	return web.Count{N: page.Total, State: "bad"}, nil
}
