package people

import (
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func userCards() []web.Card {
	user := []string{"User"}
	return []web.Card{
		{ID: "groups", Kinds: user, Slot: web.Main, Order: 50, Title: "people.groups", Template: "groups.html", Flush: true, Load: loadGroups,
			Replaces: []string{"neighbours", "relations", "spec.memberOf", "spec.leaderOf"}},
		{ID: "answers-for", Kinds: user, Slot: web.Main, Order: 60, Title: "people.owned", Template: "answersfor.html", Load: loadAnswersFor},
		{ID: "line", Kinds: user, Slot: web.Side, Order: 50, Title: "people.line", Template: "line.html", Load: loadLine, Replaces: []string{"spec.manager", "spec.profile"}},
		{ID: "held", Kinds: user, Slot: web.Side, Order: 600, Title: "people.held", Template: "held.html", Load: loadHeld},
	}
}

// personResource is what authorisation is asked about for people.
func personResource(*http.Request) (auth.Resource, error) {
	return auth.Resource{Room: Room, Kind: "User"}, nil
}

// groupRow is a group of a person.
type groupRow struct {
	web.Thing
	Above  []web.Thing // the nearest first
	Lead   bool
	People int
}

// maxOfPerson is how many groups of one person are followed up.
const maxOfPerson = 30

func loadGroups(c *web.Ctx, e *entity.Entity) (any, error) {
	groups, err := c.Related(e.Ref(), "memberOf")
	if err != nil {
		return nil, err
	}
	leads, err := c.Related(e.Ref(), "leaderOf")
	if err != nil {
		return nil, err
	}
	for _, l := range leads {
		if !contains(groups, l.Ref) {
			groups = append(groups, l)
		}
	}
	var rows []groupRow
	for i, g := range groups {
		row := groupRow{Thing: g, Lead: contains(leads, g.Ref)}
		if !g.Missing && i < maxOfPerson {
			if err := row.follow(c); err != nil {
				return nil, err
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// follow counts the people of a group and finds what is above it.
func (r *groupRow) follow(c *web.Ctx) error {
	members, err := c.Related(r.Ref, "hasMember")
	if err != nil {
		return err
	}
	r.People = existing(members)
	ref := r.Ref
	for range maxChain {
		up, err := c.Related(ref, "childOf")
		if err != nil || len(up) == 0 || up[0].Missing || up[0].Ref == r.Ref || contains(r.Above, up[0].Ref) {
			return err
		}
		up[0].Sub = ""
		r.Above = append(r.Above, up[0])
		ref = up[0].Ref
	}
	return nil
}

// answersFor is what a person answers for: alone, and with each group.
type answersFor struct {
	Own []ownedKind
	Via []viaGroup
}

type viaGroup struct {
	Group web.Thing
	Kinds []ownedKind // counted, not named
}

func loadAnswersFor(c *web.Ctx, e *entity.Entity) (any, error) {
	var a answersFor
	var err error
	if a.Own, err = owned(c, e.Ref(), shownOwned); err != nil {
		return nil, err
	}
	groups, err := c.Related(e.Ref(), "memberOf")
	if err != nil {
		return nil, err
	}
	for i, g := range groups {
		if g.Missing || i == maxOfPerson {
			continue
		}
		kinds, err := owned(c, g.Ref, 0)
		if err != nil {
			return nil, err
		}
		if g.Sub = ""; len(kinds) > 0 {
			a.Via = append(a.Via, viaGroup{g, kinds})
		}
	}
	return a, nil
}

// line is who is above and below a person, and how to reach them.
type line struct {
	Manager, Reports []web.Thing
	Email            string
}

func loadLine(c *web.Ctx, e *entity.Entity) (any, error) {
	l := line{Email: emailOf(e)}
	var err error
	if l.Manager, err = c.Related(e.Ref(), "reportsTo"); err != nil {
		return nil, err
	}
	if l.Reports, err = c.Related(e.Ref(), "managerOf"); err != nil {
		return nil, err
	}
	if len(l.Manager)+len(l.Reports) == 0 && l.Email == "" {
		return nil, nil
	}
	return l, nil
}

// held tells persons what is kept about them and who looked.
type held struct {
	Path  string
	Looks []look
	More  bool
}

type look struct {
	Name, Via string
	At        time.Time
	Shown     int  // how many people at once
	Perhaps   bool // the person may have been among them
}

// shownLooks is how many looks are listed.
const shownLooks = 8

// loadHeld is for a person's own page alone.
func loadHeld(c *web.Ctx, e *entity.Entity) (any, error) {
	if c.Caller.UserRef == "" || c.Caller.UserRef != e.Ref().String() {
		return nil, nil
	}
	looks, more, err := audit.New(c.Catalog().DB()).Looks(c.R.Context(), c.Caller.Org, e.Ref().String(), shownLooks)
	if err != nil {
		return nil, err
	}
	h := held{Path: c.Href(e.Ref()), More: more}
	for _, l := range looks {
		h.Looks = append(h.Looks, look{l.ActorName, l.Via, l.At, l.Shown, l.Perhaps})
	}
	return h, nil
}
