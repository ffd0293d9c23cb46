package operations

import (
	"slices"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func answersCard() web.Card {
	return web.Card{ID: "answers", Kinds: software, Slot: web.Side, Order: 50, Title: "operations.answers", Template: "answers.html",
		Load: loadAnswers, Replaces: []string{"spec.owner", "metadata.owner"}}
}

// shownPeople is how many members of the owning team are named.
const shownPeople = 6

// answers says who answers for something and how to reach them.
type answers struct {
	Owner   *thing // nil: nobody is named
	Person  bool   // the owner is one person
	Leads   []thing
	People  []thing // the first of the others
	More    int     // how many are not named
	Count   int     // of people in the owning team
	Email   string
	OnCall  []outLink
	Channel []outLink
	Edit    string // where an owner is named; "" when the reader may not
}

func loadAnswers(c *web.Ctx, e *entity.Entity) (any, error) {
	a := &answers{}
	if c.CanKind("write", c.Catalog().Kinds().Get(e.Kind)) {
		a.Edit = c.Href(e.Ref()) + "/edit"
	}
	owner, err := ownerThing(c, e)
	if err != nil || owner == nil {
		return a, err
	}
	a.Owner, a.Person = owner, owner.Ref.Kind == "user"
	owner.Sub = ""
	var group *entity.Entity
	if !owner.Missing && !a.Person {
		if group, err = a.team(c, owner.Ref); err != nil {
			return nil, err
		}
	}
	a.OnCall = append(linksFor(e, onCallWords...), linksFor(group, onCallWords...)...)
	a.Channel = append(linksFor(e, chatWords...), linksFor(group, chatWords...)...)
	return a, nil
}

var (
	onCallWords = []string{"on-call", "oncall", "on call", "pagerduty", "opsgenie", "guardia"}
	chatWords   = []string{"slack", "chat", "teams.microsoft", "mattermost", "zulip", "discord"}
)

// ownerThing returns who answers for e: what exists, or the name that was
// written; nil when nobody is named.
func ownerThing(c *web.Ctx, e *entity.Entity) (*thing, error) {
	owners, err := c.Related(e.Ref(), "ownedBy")
	if err != nil {
		return nil, err
	}
	if len(owners) > 0 {
		return &owners[0], nil
	}
	if text := commonOf(e).Owner; text != "" {
		return &thing{Title: text, Missing: true}, nil
	}
	return nil, nil
}

// team reads the members, leads and address of the owning group.
func (a *answers) team(c *web.Ctx, ref entity.Ref) (*entity.Entity, error) {
	group, err := c.Find(ref)
	if err != nil || group == nil {
		return nil, err
	}
	a.Email = commonOf(group).Profile.Email
	if a.Leads, err = c.Related(ref, "ledBy"); err != nil {
		return nil, err
	}
	members, err := c.Related(ref, "hasMember")
	for _, m := range members {
		if m.Missing {
			continue
		}
		a.Count++
		switch {
		case slices.Contains(a.Leads, m):
		case len(a.People) < shownPeople:
			a.People = append(a.People, m)
		default:
			a.More++
		}
	}
	return group, err
}
