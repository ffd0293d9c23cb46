package people

import (
	"cmp"
	"slices"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Limits of what is read at once. An organisation beyond them is shown as far
// as they reach, and the page says so.
const (
	maxGroups = 3000
	maxPeople = 10000
)

// org is the organisation as its groups and people tell it. Either side may say
// that they belong together.
type org struct {
	c       *web.Ctx
	groups  []*entity.Entity
	people  []*entity.Entity
	specs   map[entity.Ref]Group
	group   map[entity.Ref]*entity.Entity
	person  map[entity.Ref]*entity.Entity
	parents map[entity.Ref][]entity.Ref // of a group, its own word first
	members map[entity.Ref][]entity.Ref // of a group, people that exist
	in      map[entity.Ref][]entity.Ref // of a person, groups that exist
	missing []tie                       // memberships and parents that lead nowhere
	whole   bool                        // people were read, all of them
	cut     bool
}

// tie is a reference in a group or a person.
type tie struct {
	from entity.Ref
	to   entity.Ref
	text string
}

// loadOrg reads all groups, and all people when they are wanted.
func loadOrg(c *web.Ctx, withPeople bool) (*org, error) {
	o := &org{c: c, specs: map[entity.Ref]Group{}, group: map[entity.Ref]*entity.Entity{}, person: map[entity.Ref]*entity.Entity{},
		parents: map[entity.Ref][]entity.Ref{}, members: map[entity.Ref][]entity.Ref{}, in: map[entity.Ref][]entity.Ref{}}
	var err error
	if o.groups, err = o.all("Group", maxGroups); err != nil {
		return nil, err
	}
	if withPeople {
		if o.people, err = o.all("User", maxPeople); err != nil {
			return nil, err
		}
	}
	for _, p := range o.people {
		o.person[p.Ref()] = p
	}
	for _, g := range o.groups {
		if o.specs[g.Ref()], err = catalog.Spec[Group](g); err != nil {
			return nil, err
		}
		o.group[g.Ref()] = g
	}
	o.whole = withPeople && !o.cut
	o.tie()
	return o, nil
}

func (o *org) all(kind string, most int) ([]*entity.Entity, error) {
	var out []*entity.Entity
	q := catalog.Query{Kinds: []string{kind}, Sort: "title", Limit: 1000, NoTotal: true}
	for {
		page, err := o.c.Catalog().List(o.c.R.Context(), o.c.Caller, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, page.Items...); page.Next == "" {
			return out, nil
		}
		if len(out) >= most {
			o.cut = true
			return out, nil
		}
		q.Cursor = page.Next
	}
}

// tie joins what groups and people say of each other.
func (o *org) tie() {
	for _, g := range o.groups {
		s, ref := o.specs[g.Ref()], g.Ref()
		for _, up := range o.refs(g, "group", s.Parent) {
			o.below(ref, up, ref)
		}
		for _, m := range o.refs(g, "user", s.Members...) {
			o.join(ref, m, ref)
		}
	}
	for _, g := range o.groups {
		for _, down := range o.refs(g, "group", o.specs[g.Ref()].Children...) {
			o.below(down, g.Ref(), g.Ref())
		}
	}
	for _, p := range o.people {
		s, err := catalog.Spec[User](p)
		if err != nil {
			continue
		}
		for _, g := range o.refs(p, "group", s.MemberOf...) {
			o.join(g, p.Ref(), p.Ref())
		}
	}
}

// refs reads references; what is none leads nowhere.
func (o *org) refs(in *entity.Entity, kind string, texts ...string) []entity.Ref {
	var out []entity.Ref
	for _, t := range texts {
		if t == "" {
			continue
		}
		ref, err := entity.ParseRef(t, kind, in.Metadata.Namespace)
		if err != nil {
			o.missing = append(o.missing, tie{from: in.Ref(), text: t})
			continue
		}
		out = append(out, ref)
	}
	return out
}

// below notes that a group lies under another; by says so.
func (o *org) below(ref, up, by entity.Ref) {
	switch {
	case o.group[up] == nil:
		o.missing = append(o.missing, tie{from: by, to: up, text: up.Name})
	case o.group[ref] == nil:
		o.missing = append(o.missing, tie{from: by, to: ref, text: ref.Name})
	case !slices.Contains(o.parents[ref], up):
		o.parents[ref] = append(o.parents[ref], up)
	}
}

// join notes that a person belongs to a group; by says so. Without the people
// read, all are taken to exist.
func (o *org) join(group, person, by entity.Ref) {
	switch {
	case o.group[group] == nil:
		o.missing = append(o.missing, tie{from: by, to: group, text: group.Name})
		return
	case o.whole && o.person[person] == nil:
		o.missing = append(o.missing, tie{from: by, to: person, text: person.Name})
		return
	}
	if !slices.Contains(o.members[group], person) {
		o.members[group] = append(o.members[group], person)
		o.in[person] = append(o.in[person], group)
	}
}

// parent is the group above; the zero Ref for a root.
func (o *org) parent(ref entity.Ref) entity.Ref {
	if up := o.parents[ref]; len(up) > 0 {
		return up[0]
	}
	return entity.Ref{}
}

// circles returns the groups that lie above themselves, each circle once.
func (o *org) circles() [][]entity.Ref {
	var out [][]entity.Ref
	done := map[entity.Ref]bool{}
	for _, g := range o.groups {
		var path []entity.Ref
		at := g.Ref()
		for at != (entity.Ref{}) && !done[at] && !slices.Contains(path, at) {
			path = append(path, at)
			at = o.parent(at)
		}
		if i := slices.Index(path, at); i >= 0 && !done[at] {
			out = append(out, path[i:])
		}
		for _, p := range path {
			done[p] = true
		}
	}
	return out
}

// totals counts the people in each group and all below it, each once.
func (o *org) totals() map[entity.Ref]int {
	under := map[entity.Ref]map[entity.Ref]bool{}
	for _, g := range o.groups {
		seen := map[entity.Ref]bool{}
		for at := g.Ref(); at != (entity.Ref{}) && !seen[at]; at = o.parent(at) {
			seen[at] = true
			if under[at] == nil {
				under[at] = map[entity.Ref]bool{}
			}
			for _, p := range o.members[g.Ref()] {
				under[at][p] = true
			}
		}
	}
	out := map[entity.Ref]int{}
	for ref, people := range under {
		out[ref] = len(people)
	}
	return out
}

// name is what a group or a person is called.
func (o *org) name(ref entity.Ref) string {
	if g := cmp.Or(o.group[ref], o.person[ref]); g != nil {
		return g.DisplayTitle()
	}
	return ref.Name
}
