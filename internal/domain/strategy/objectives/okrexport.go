package objectives

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okrfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func exporter() catalog.Exporter {
	return catalog.Exporter{
		Name: "okr", Room: Room, Formats: []string{"appfire"},
		Title: lang.T("Objectives and key results", "Objetivos y resultados clave"),
		Doc: lang.T("Objectives with their key results as the CSV of Appfire OKR for Jira; importing it again changes nothing. Arguments: cycle names one, all when it is not given; units=no leaves units out of the numbers.",
			"Objetivos con sus resultados clave en el CSV de Appfire OKR for Jira; importarlo de nuevo no cambia nada. Argumentos: cycle nombra uno, todos si no se da; units=no quita las unidades de los números."),
		Args: []catalog.Arg{
			{Name: "cycle", Doc: lang.T("the one to write; all when it is not given", "el que se escribe; todos si no se da")},
			{Name: "units", Doc: lang.T("no leaves units out of the numbers", "no quita las unidades de los números")},
		},
		Write: exportGoals,
	}
}

func exportGoals(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	b, err := loadBoard(ctx, c, caller)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(opts.Args["cycle"])
	if name != "" && b.cycle(name) == nil {
		return nil, fault.New(fault.NotFound, "there is no cycle %q", name).Coded("goal.no-cycle").WithHint("binnacle get cycles lists them")
	}
	x := &goalExport{board: b, people: map[string]string{}}
	if err := x.addresses(ctx, c, caller); err != nil {
		return nil, err
	}
	for _, cycle := range b.Cycles {
		if name != "" && cycle != b.cycle(name) {
			continue
		}
		if err := x.current(ctx, c, caller, cycle); err != nil {
			return nil, err
		}
		x.roots(cycle)
	}
	var out bytes.Buffer
	if err := okrfile.Write(&out, x.goals, opts.Args["units"] == "no"); err != nil {
		return nil, err
	}
	return []catalog.File{{Name: cmp.Or(name, "objectives") + ".csv", Data: out.Bytes()}}, nil
}

// goalExport is one export under way.
type goalExport struct {
	board  *board
	people map[string]string // reference in full to address
	goals  []okrfile.Goal
	cycle  *cycle
	number int // of the last objective at the top
	done   map[entity.Ref]bool
}

// current fills in the numbers of check-ins that no server has come to yet.
func (x *goalExport) current(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, in *cycle) error {
	for _, o := range in.Objectives {
		for _, kr := range o.Results {
			if !kr.typed() {
				continue
			}
			now, err := present(ctx, c, caller, kr.Entity)
			if err != nil {
				return err
			}
			kr.status.Value = now
		}
	}
	return nil
}

// addresses reads by which address people are known elsewhere.
func (x *goalExport) addresses(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) error {
	k := c.Kinds().Get("User")
	if k == nil || caller.Can(auth.Read, k.Resource()) != nil {
		return nil
	}
	return c.Each(ctx, caller, catalog.Query{Kinds: []string{"User"}}, func(e *entity.Entity) error {
		x.people[e.Ref().String()] = emailOf(e)
		return nil
	})
}

// profile is what a person's record says of how to reach them.
func profile(e *entity.Entity) (email, name string) {
	var s struct {
		Profile struct {
			Email       string `json:"email"`
			DisplayName string `json:"displayName"`
		} `json:"profile"`
	}
	if e.Kind != "User" || json.Unmarshal(e.Spec, &s) != nil {
		return "", ""
	}
	return s.Profile.Email, s.Profile.DisplayName
}

func emailOf(e *entity.Entity) string { email, _ := profile(e); return email }

func displayNameOf(e *entity.Entity) string { _, name := profile(e); return name }

// roots writes the objectives of a cycle that are below no other of it.
func (x *goalExport) roots(c *cycle) {
	x.cycle, x.done = c, map[entity.Ref]bool{}
	for _, o := range c.Objectives {
		if x.above(o) == (entity.Ref{}) {
			x.number++
			x.objective(o, fmt.Sprint(x.number), -1)
		}
	}
	for _, o := range c.Objectives { // what leads round in a circle
		if !x.done[o.Ref()] {
			x.number++
			x.objective(o, fmt.Sprint(x.number), -1)
		}
	}
}

// above is what an objective is written below: an objective or key result of
// the same cycle.
func (x *goalExport) above(o *objective) entity.Ref {
	if o.parent == (entity.Ref{}) {
		return entity.Ref{}
	}
	for _, other := range x.cycle.Objectives {
		if other.Ref() == o.parent || slices.ContainsFunc(other.Results, func(kr *result) bool { return kr.Ref() == o.parent }) {
			return o.parent
		}
	}
	return entity.Ref{}
}

func (x *goalExport) objective(o *objective, order string, parent int) {
	if x.done[o.Ref()] || strings.Count(order, ".") >= okrfile.MaxDepth-2 {
		return
	}
	x.done[o.Ref()] = true
	g := x.goal(o.Entity, order, parent)
	g.Kind, g.Weight, g.Status, g.Level = okrfile.Objective, o.Weight, label("Objective", "spec.state", o.State), label("Objective", "spec.level", o.Level)
	here := len(x.goals)
	x.goals = append(x.goals, g)
	n := 0
	for _, kr := range o.Results {
		n++
		x.result(kr, fmt.Sprintf("%s.%d", order, n), here)
	}
	for _, below := range x.cycle.Objectives {
		if below.parent == o.Ref() {
			n++
			x.objective(below, fmt.Sprintf("%s.%d", order, n), here)
		}
	}
}

func (x *goalExport) result(kr *result, order string, parent int) {
	g := x.goal(kr.Entity, order, parent)
	g.Kind, g.Weight, g.Unit, g.Status = okrfile.KeyResult, kr.Weight, kr.Unit, label("KeyResult", "status.standing", kr.status.Standing)
	scale := kr.scale()
	if goal := kr.Goal(); goal.Kind != okr.Metric || goal.Direction != okr.Keep {
		g.Start, g.Target = scale.Start, scale.Target
	}
	if g.Current = kr.status.Value; kr.Final != nil {
		g.Current = kr.Final.Value
	}
	here := len(x.goals)
	x.goals = append(x.goals, g)
	n := 0
	for _, below := range x.cycle.Objectives {
		if below.parent == kr.Ref() {
			n++
			x.objective(below, fmt.Sprintf("%s.%d", order, n), here)
		}
	}
}

// goal writes what objectives and key results have.
func (x *goalExport) goal(e *entity.Entity, order string, parent int) okrfile.Goal {
	m := e.Metadata
	g := okrfile.Goal{Order: order, Parent: parent, Title: strings.Join(strings.Fields(e.DisplayTitle()), " "), Description: strings.TrimSpace(m.Description), Labels: m.Tags, Period: x.cycle.DisplayTitle()}
	g.From, _ = time.Parse(time.DateOnly, x.cycle.Start) // days, by the schema
	g.To, _ = time.Parse(time.DateOnly, x.cycle.End)
	if teams := m.Annotations[teamsKey]; teams != "" {
		g.Teams = strings.Split(teams, ", ")
	}
	if ref, err := entity.ParseRef(m.Owner, "group", m.Namespace); err == nil {
		g.Owner = cmp.Or(x.people[ref.String()], ref.Kind+":"+shortOf(ref))
	}
	return g
}

// label writes a value of a field in English, as files have it.
func label(kind, path, value string) string {
	for _, k := range Module().Kinds {
		if k.Name != kind {
			continue
		}
		if f := k.Field(path); f != nil {
			if e := f.EnumFor(value); e != nil {
				return e.Label.En
			}
		}
	}
	return value
}
