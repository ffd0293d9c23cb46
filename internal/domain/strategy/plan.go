package strategy

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/workfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/forecast"
)

// plan is the initiatives of an organisation with what their dates hang on, as
// they were read at one moment.
type plan struct {
	initiatives  []*initiative // in the order they are worked on
	by           map[entity.Ref]*initiative
	dependencies []dependency
	milestones   []milestone
	capacities   []TeamCapacity // their teams are full references
	blackouts    []blackout
	backlog      *backlog
	widen        float64 // what calibration learned; 1 for nothing
	now          time.Time
}

type dependency struct {
	*entity.Entity
	Spec     Dependency
	from, to entity.Ref
}

type milestone struct {
	*entity.Entity
	Spec Milestone
}

type blackout struct {
	*entity.Entity
	Spec  Blackout
	teams []string
}

// initiative is one of the roadmap with the work that belongs to it.
type initiative struct {
	*entity.Entity
	Spec    Initiative
	teams   []string // references of groups
	serves  []entity.Ref
	after   []entity.Ref // what must be done before it, its dependencies among them
	items   []*item
	open    map[string]int // items left, by team
	done    map[string]int
	outlook *Outlook
}

// loadPlan reads the roadmap as it is now.
func loadPlan(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) (*plan, error) {
	p := &plan{by: map[entity.Ref]*initiative{}, widen: 1, now: c.Now()}
	err := c.Each(ctx, caller, catalog.Query{Kinds: []string{"initiative", "dependency", "milestone", "teamcapacity", "blackout"}}, p.add)
	if err != nil {
		return nil, err
	}
	rows, err := c.Observed(ctx, caller, workTable, p.now)
	if err != nil {
		return nil, err
	}
	seen, err := c.ObservedAt(ctx, caller, workTable)
	if err != nil {
		return nil, err
	}
	p.backlog = newBacklog(rows, seen, p.now)
	p.link()
	return p, nil
}

// add takes one entity in.
func (p *plan) add(e *entity.Entity) (err error) {
	switch e.Kind {
	case "Initiative":
		in := &initiative{Entity: e, open: map[string]int{}, done: map[string]int{}}
		if in.Spec, err = catalog.Spec[Initiative](e); err == nil {
			in.teams, in.serves, in.after = groupsOf(e, in.Spec.Teams), refsOf(e, "objective", in.Spec.Serves), refsOf(e, "initiative", in.Spec.DependsOn)
			p.initiatives, p.by[e.Ref()] = append(p.initiatives, in), in
		}
	case "Dependency":
		d := dependency{Entity: e}
		if d.Spec, err = catalog.Spec[Dependency](e); err == nil {
			d.from, _ = entity.ParseRef(d.Spec.From, "initiative", e.Metadata.Namespace)
			d.to, _ = entity.ParseRef(d.Spec.To, "initiative", e.Metadata.Namespace)
			p.dependencies = append(p.dependencies, d)
		}
	case "Milestone":
		m := milestone{Entity: e}
		m.Spec, err = catalog.Spec[Milestone](e)
		p.milestones = append(p.milestones, m)
	case "TeamCapacity":
		var s TeamCapacity
		if s, err = catalog.Spec[TeamCapacity](e); err == nil {
			s.Team = strings.Join(groupsOf(e, []string{s.Team}), "")
			p.capacities = append(p.capacities, s)
		}
	case "Blackout":
		b := blackout{Entity: e}
		if b.Spec, err = catalog.Spec[Blackout](e); err == nil {
			b.teams = groupsOf(e, b.Spec.Teams)
			p.blackouts = append(p.blackouts, b)
		}
	}
	return err
}

func refsOf(e *entity.Entity, kind string, texts []string) []entity.Ref {
	var out []entity.Ref
	for _, text := range texts {
		if ref, err := entity.ParseRef(text, kind, e.Metadata.Namespace); err == nil {
			out = append(out, ref)
		}
	}
	return out
}

func groupsOf(e *entity.Entity, texts []string) []string {
	var out []string
	for _, ref := range refsOf(e, "group", texts) {
		out = append(out, ref.String())
	}
	return out
}

// link orders the initiatives and joins them with dependencies and work.
func (p *plan) link() {
	slices.SortStableFunc(p.initiatives, before)
	slices.SortFunc(p.milestones, func(a, b milestone) int {
		return cmp.Or(cmp.Compare(a.Spec.Date, b.Spec.Date), cmp.Compare(a.Metadata.Name, b.Metadata.Name))
	})
	for _, d := range p.dependencies {
		from := p.by[d.from]
		if from == nil || p.by[d.to] == nil || d.Spec.State == DependencyRejected || d.Spec.State == DependencyDelivered || slices.Contains(from.after, d.to) {
			continue
		}
		from.after = append(from.after, d.to)
	}
	for _, in := range p.initiatives {
		in.items = p.backlog.picked(in.Spec.Work)
		for _, it := range in.items {
			if it.team == "" && len(in.teams) == 1 {
				it.team = in.teams[0]
			}
		}
	}
	for _, in := range p.initiatives {
		in.tally()
	}
}

// before orders initiatives as they are worked on: what is expedited first, then
// by lane, rank and name.
func before(a, b *initiative) int {
	urgent := func(in *initiative) int {
		if in.Spec.Class == "expedite" && in.Spec.Lane != LaneLater {
			return 0
		}
		return 1
	}
	lane := func(in *initiative) int { return slices.Index([]string{LaneNow, LaneNext, LaneLater}, in.Spec.Lane) }
	return cmp.Or(urgent(a)-urgent(b), lane(a)-lane(b), cmp.Compare(rankOf(a), rankOf(b)), cmp.Compare(a.Ref().String(), b.Ref().String()))
}

func rankOf(in *initiative) int {
	if in.Spec.Rank == 0 {
		return 1 << 30
	}
	return in.Spec.Rank
}

// tally counts the work that belongs to the initiative, by team.
func (in *initiative) tally() {
	for _, it := range in.items {
		switch it.category {
		case workfile.Open:
			in.open[it.team] += it.left()
		case workfile.Done:
			in.done[it.team]++
		}
	}
}

// sum adds counts up.
func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// share returns how much of the work is done, from 0 to 1; 0 when nothing is
// known.
func (in *initiative) share() float64 {
	if in.Spec.State == InitiativeDone {
		return 1
	}
	done := float64(sum(in.done))
	all := done
	for _, size := range in.parts() {
		all += size.Mean()
	}
	if all == 0 {
		return 0
	}
	return done / all
}

// parts returns what each team has left to do. While the work is being written
// down, what was estimated counts if it is more: else a forecast would get
// better by leaving work unwritten.
func (in *initiative) parts() map[string]forecast.PMF {
	teams := map[string]bool{}
	for _, t := range in.teams {
		teams[t] = true
	}
	for t := range in.open {
		teams[t] = true
	}
	if len(teams) == 0 {
		teams[""] = true
	}
	out := map[string]forecast.PMF{}
	estimated := in.Spec.Size != nil && !in.Spec.BrokenDown
	for t := range teams {
		out[t] = forecast.Exactly(in.open[t])
		if estimated && (len(in.teams) == 0 || slices.Contains(in.teams, t)) {
			n := max(1, len(in.teams))
			part := func(size int) int { return (size + n - 1) / n }
			z := in.Spec.Size
			out[t] = forecast.Between(part(z.Low), part(z.Likely), part(z.High)).Minus(in.done[t]).AtLeast(in.open[t])
		}
	}
	return out
}

// sized reports whether anybody has said how much work it is.
func (in *initiative) sized() bool {
	return len(in.items) > 0 || in.Spec.Size != nil && !in.Spec.BrokenDown
}

// calendar returns the days on which a team works.
func (p *plan) calendar(team string) forecast.Calendar {
	var off []forecast.Span
	for _, b := range p.blackouts {
		if len(b.teams) == 0 || slices.Contains(b.teams, team) {
			off = append(off, b.Spec.span())
		}
	}
	return forecast.NewCalendar(off...)
}

// teamRefs returns the groups that the roadmap names.
func (p *plan) teamRefs() []entity.Ref {
	names := map[string]bool{}
	for _, in := range p.initiatives {
		for t := range in.parts() {
			names[t] = true
		}
	}
	for _, c := range p.capacities {
		names[c.Team] = true
	}
	var out []entity.Ref
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if ref, err := entity.ParseRef(name, "group", ""); err == nil {
			out = append(out, ref)
		}
	}
	return out
}
