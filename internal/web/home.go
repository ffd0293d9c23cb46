package web

import (
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
)

// homePage is where one arrives: what there is, and what changed last.
type homePage struct {
	Shell
	Rooms   []homeRoom
	Recent  []recentLine
	Steps   []homeStep
	Empty   bool
	Greeted string
}

type homeRoom struct {
	Label string
	Kinds []homeKind
}

type homeKind struct {
	Label, Doc, Href, Icon string
	Count                  int
}

type recentLine struct {
	Href, Title, Kind, Icon string
	At                      time.Time
}

type homeStep struct {
	Text, Href, Command string
	Done                bool
}

func home(c *Ctx) (any, error) {
	p := &homePage{}
	p.Title = c.T("home.title")
	if c.Caller.OrgTitle != "" {
		p.Title = c.Caller.OrgTitle
	}
	total := 0
	for _, room := range c.App.rooms {
		r := homeRoom{Label: c.In(room.Title)}
		for _, k := range c.Catalog().Kinds().All() {
			if k.Room != room.ID || !c.CanKind(auth.Read, k) {
				continue
			}
			n, err := c.Catalog().Count(c.R.Context(), c.Caller, k.Name)
			if err != nil {
				return nil, err
			}
			total += n
			r.Kinds = append(r.Kinds, homeKind{c.In(k.Titles), firstSentence(c.In(k.Doc)), "/" + k.Plural, k.Icon, n})
		}
		if len(r.Kinds) > 0 {
			p.Rooms = append(p.Rooms, r)
		}
	}
	p.Empty = total == 0
	if p.Empty {
		p.Steps = c.firstSteps()
		return p, nil
	}
	return p, c.recent(p)
}

func (c *Ctx) recent(p *homePage) error {
	page, err := c.Catalog().List(catalog.NamesOnly(c.R.Context()), c.Caller, catalog.Query{Sort: "updated", Desc: true, Limit: 12, NoTotal: true})
	if err != nil {
		return err
	}
	for _, e := range page.Items {
		line := recentLine{Href: c.Href(e.Ref()), Title: titleOf(e), At: timeOf(e.Metadata.Updated), Icon: "file"}
		if k := c.Catalog().Kinds().Get(e.Kind); k != nil {
			line.Kind, line.Icon = c.In(k.Title), k.Icon
		}
		p.Recent = append(p.Recent, line)
	}
	return nil
}

// firstSteps lead from an empty house to the first things in it.
func (c *Ctx) firstSteps() []homeStep {
	steps := []homeStep{{Text: c.T("home.step.account"), Href: "/account", Done: true}}
	if len(c.App.importers(c)) > 0 {
		steps = append(steps, homeStep{Text: c.T("home.step.import"), Href: "/import", Command: "binnacle apply ./catalog"})
	}
	if kinds := c.App.createLinks(c); len(kinds) > 0 {
		steps = append(steps, homeStep{Text: kinds[0].Label, Href: kinds[0].Href})
	}
	if c.Can(auth.Admin, auth.Resource{Kind: auth.KindAccount}) {
		steps = append(steps, homeStep{Text: c.T("home.step.people"), Href: "/settings"})
	}
	return steps
}

// firstSentence cuts a text after its first sentence.
func firstSentence(s string) string {
	first, _ := cutSentence(s)
	return first
}

// cutSentence parts a text after its first sentence.
func cutSentence(s string) (first, rest string) {
	i := strings.Index(s, ". ")
	if i < 0 {
		return s, ""
	}
	return s[:i+1], s[i+2:]
}
