package people

import (
	"html/template"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func groupCards() []web.Card {
	group := []string{"Group"}
	return []web.Card{
		{ID: "people-head", Kinds: []string{"Group", "User"}, Slot: web.Head, Template: "head.html", Load: loadHead},
		{ID: "people-actions", Kinds: []string{"Group", "User"}, Slot: web.Actions, Template: "actions.html", Load: loadActions},
		{ID: "members", Kinds: group, Slot: web.Main, Order: 50, Title: "people.members", Template: "members.html", Flush: true, Load: loadMembers,
			Replaces: []string{"neighbours", "relations", "spec.members", "spec.leader", "spec.profile"}},
		{ID: "owned", Kinds: group, Slot: web.Main, Order: 60, Title: "people.owned", Template: "owned.html", Load: loadOwned},
		{ID: "place", Kinds: group, Slot: web.Side, Order: 50, Title: "people.place", Template: "place.html", Flush: true, Load: loadPlace,
			Replaces: []string{"spec.parent", "spec.children"}},
	}
}

// head are the tags beside the name of a group or person.
type head struct{ Tags []string }

func loadHead(c *web.Ctx, e *entity.Entity) (any, error) {
	if e.Kind == "User" {
		if role := roleOf(e); role != "" {
			return head{[]string{role}}, nil
		}
		return nil, nil
	}
	members, err := c.Related(e.Ref(), "hasMember")
	if err != nil {
		return nil, err
	}
	return head{[]string{c.Thing(e).Sub, c.T("people.count", existing(members))}}, nil
}

func existing(things []web.Thing) int {
	n := 0
	for _, t := range things {
		if !t.Missing {
			n++
		}
	}
	return n
}

// loadActions offers to write to a group or a person.
func loadActions(_ *web.Ctx, e *entity.Entity) (any, error) {
	if email := emailOf(e); email != "" {
		return email, nil
	}
	return nil, nil
}

// memberRow is one member of a group.
type memberRow struct {
	web.Thing
	Role, Email string
	Lead        bool
}

// maxRoles is how many members are looked up for their role and address.
const maxRoles = 1000

func loadMembers(c *web.Ctx, e *entity.Entity) (any, error) {
	members, err := c.Related(e.Ref(), "hasMember")
	if err != nil {
		return nil, err
	}
	leads, err := c.Related(e.Ref(), "ledBy")
	if err != nil {
		return nil, err
	}
	about, err := aboutPeople(c, e.Ref())
	if err != nil {
		return nil, err
	}
	var rows, rest []memberRow
	for _, m := range members {
		row := memberRow{Thing: m}
		if p := about[m.Ref]; p != nil {
			row.Role, row.Email = roleOf(p), emailOf(p)
		}
		if row.Lead = contains(leads, m.Ref); row.Lead {
			rows = append(rows, row)
		} else {
			rest = append(rest, row)
		}
	}
	for _, l := range leads {
		if !contains(members, l.Ref) {
			rows = append(rows, memberRow{Thing: l, Lead: true})
		}
	}
	return append(rows, rest...), nil
}

func contains(things []web.Thing, ref entity.Ref) bool {
	for _, t := range things {
		if t.Ref == ref {
			return true
		}
	}
	return false
}

// aboutPeople reads the people who name a group as theirs, as the directory
// shows them.
func aboutPeople(c *web.Ctx, group entity.Ref) (map[entity.Ref]*entity.Entity, error) {
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"User"}, Fields: map[string][]string{"spec.memberOf": {group.String()}}, Limit: maxRoles, NoTotal: true})
	if err != nil {
		return nil, err
	}
	out := map[entity.Ref]*entity.Entity{}
	for _, e := range page.Items {
		out[e.Ref()] = e
	}
	return out, nil
}

// maxChain is how many groups up are shown; more is a circle.
const maxChain = 12

// loadPlace draws a group between those above it and those directly below.
func loadPlace(c *web.Ctx, e *entity.Entity) (any, error) {
	me := branch(c, c.Thing(e))
	me.Current, me.Href = true, ""
	below, err := c.Related(e.Ref(), "parentOf")
	if err != nil {
		return nil, err
	}
	for _, t := range below {
		me.Children = append(me.Children, branch(c, t))
	}
	ref, seen := e.Ref(), map[entity.Ref]bool{e.Ref(): true}
	alone := len(below) == 0
	for range maxChain {
		up, err := c.Related(ref, "childOf")
		if err != nil {
			return nil, err
		}
		if len(up) == 0 {
			break
		}
		alone = false
		if seen[up[0].Ref] {
			me = chart.Branch{Name: c.T("people.place.circle", up[0].Title), State: chart.Bad, Icon: "s-bad", Href: up[0].Href, Children: []chart.Branch{me}}
			break
		}
		b := branch(c, up[0])
		b.Children = []chart.Branch{me}
		me, ref = b, up[0].Ref
		seen[ref] = true
	}
	if alone {
		return nil, nil
	}
	return template.HTML(chart.Tree{Name: c.T("people.place"), Roots: []chart.Branch{me}, Words: c.App.ChartWords(c)}.HTML()), nil
}

func branch(c *web.Ctx, t web.Thing) chart.Branch {
	b := chart.Branch{Name: t.Title, Sub: t.Sub, Href: t.Href, Icon: "i-group"}
	if t.Missing {
		b.Sub, b.State, b.Icon = c.T("people.gone"), chart.Bad, "s-bad"
	}
	return b
}
