package web

import (
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
)

// homePage is where one arrives in a house without a room of reviews: what there
// is, and what changed last.
type homePage struct {
	Shell
	Start
	Recent []recentLine
}

// Start is what there is, and what to do first where there is nothing. The shared
// templates "startsteps" and "startkinds" draw it.
type Start struct {
	Rooms []homeRoom
	Steps []homeStep
	Empty bool
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
	start, err := c.Start()
	if err != nil {
		return nil, err
	}
	p := &homePage{Start: *start}
	p.Title = c.T("home.title")
	if c.Caller.OrgTitle != "" {
		p.Title = c.Caller.OrgTitle
	}
	if p.Empty {
		return p, nil
	}
	return p, c.recent(p)
}

// Start counts what the reader may read, room by room.
func (c *Ctx) Start() (*Start, error) {
	p := &Start{}
	total := 0
	for _, room := range c.App.rooms {
		r := homeRoom{Label: c.In(room.Title)}
		for _, k := range c.Catalog().Kinds().All() {
			if c.App.group(k) != room.ID || !c.CanKind(auth.Read, k) {
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
	if p.Empty = total == 0; p.Empty {
		p.Steps = c.firstSteps()
	}
	return p, nil
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
