package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// record is what all pages of one entity have in common: its head and tabs.
type record struct {
	Shell
	Kind    *catalog.Kind
	Entity  *entity.Entity
	Path    string
	Name    string
	Lede    string
	Tags    []tagLink
	Head    []template.HTML
	Actions []template.HTML
	Tabs    []tabLink
	Rev     int64
	Deleted bool

	CanWrite, CanDelete bool
}

type tagLink struct{ Text, Href string }

type tabLink struct {
	Label, Href string
	Count       int
	Current     bool
}

// panel is a card as it stands on the page.
type panel struct {
	ID, Title string
	Slot      Slot
	Order     int
	Body      template.HTML
	Tools     template.HTML
	Note      string
	Failed    bool
	Flush     bool // the body brings its own padding
}

type detailPage struct {
	record
	Bands            []template.HTML
	Main, Side, Wide []panel
}

// open reads the entity of a page and fills in its head. A name that was
// changed leads to the present one.
func (c *Ctx) open(k *catalog.Kind, tab string) (*record, *Redirect, error) {
	ref := c.Ref(k)
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err != nil {
		return nil, nil, err
	}
	if e.Ref() != ref && c.R.Method == http.MethodGet {
		to := strings.Replace(c.R.URL.RequestURI(), recordPath(k.Plural, ref), c.Href(e.Ref()), 1)
		return nil, &Redirect{To: to}, nil
	}
	return c.recordOf(k, e, tab), nil, nil
}

func (c *Ctx) recordOf(k *catalog.Kind, e *entity.Entity, tab string) *record {
	r := &record{Kind: k, Entity: e, Path: c.Href(e.Ref()), Name: e.Metadata.Name, Rev: revisionOf(e)}
	r.Title = titleOf(e)
	r.Crumbs = []Crumb{{"/" + k.Plural, c.In(k.Titles)}}
	if tab != "" {
		r.Crumbs = append(r.Crumbs, Crumb{r.Path, r.Title})
	}
	r.CanWrite, r.CanDelete = c.CanKind(auth.Write, k) && !k.Once, c.CanKind(auth.Delete, k) && !k.Once
	if text := e.Metadata.Description; isLede(text) {
		r.Lede = text
	}
	for _, t := range e.Metadata.Tags {
		r.Tags = append(r.Tags, tagLink{t, address("/"+k.Plural, map[string][]string{"tag": {t}})})
	}
	c.tabs(r, tab)
	return r
}

// isLede reports whether a description fits under the title: one short
// paragraph without Markdown.
func isLede(text string) bool {
	return text != "" && len(text) <= 280 && !strings.ContainsAny(text, "\n*`[_#|<")
}

func (c *Ctx) tabs(r *record, current string) {
	add := func(id, key, path string) {
		r.Tabs = append(r.Tabs, tabLink{Label: c.T(key), Href: r.Path + path, Current: id == current})
	}
	add("", "tab.overview", "")
	for i := range c.App.cards {
		if card := &c.App.cards[i]; card.Slot == Tab && card.shows(r.Kind) {
			add(card.ID, card.Title, "/"+card.ID)
		}
	}
	add("relations", "tab.relations", "/relations")
	add("history", "tab.history", "/history")
	add("yaml", "tab.yaml", "/yaml")
}

func (card *Card) shows(k *catalog.Kind) bool {
	return len(card.Kinds) == 0 || slices.Contains(card.Kinds, k.Name)
}

// detail is the page of an entity: what it is on the left, the facts right.
func detail(c *Ctx, k *catalog.Kind) (any, error) {
	r, moved, err := c.open(k, "")
	if fault.Is(err, fault.NotFound) {
		if p := c.gone(k); p != nil {
			return p, nil
		}
	}
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	p := &detailPage{record: *r}
	replaced := c.App.replaced(k)
	panels, err := c.sections(&p.record, replaced)
	if err != nil {
		return nil, err
	}
	for i := range c.App.cards {
		card := &c.App.cards[i]
		if card.Slot == Tab || !card.shows(k) || replaced[card.ID] && !slices.Contains(card.Replaces, card.ID) {
			continue
		}
		if drawn, ok := c.card(card, r.Entity); ok {
			panels = append(panels, drawn)
		}
	}
	slices.SortStableFunc(panels, func(a, b panel) int { return a.Order - b.Order })
	for _, pn := range panels {
		p.place(pn)
	}
	return p, nil
}

// replaced is what the cards of the rooms show in place of the kit on the pages
// of a kind.
func (a *App) replaced(k *catalog.Kind) map[string]bool {
	out := map[string]bool{}
	for i := range a.cards {
		if card := &a.cards[i]; card.shows(k) {
			for _, id := range card.Replaces {
				out[id] = true
			}
		}
	}
	return out
}

// orRedirect keeps a nil redirect from becoming an answer.
func orRedirect(r *Redirect) any {
	if r == nil {
		return nil
	}
	return *r
}

func (p *detailPage) place(pn panel) {
	switch pn.Slot {
	case Head:
		p.Head = append(p.Head, pn.Body)
	case Actions:
		p.Actions = append(p.Actions, pn.Body)
	case Band:
		p.Bands = append(p.Bands, pn.Body)
	case Side:
		p.Side = append(p.Side, pn)
	case Wide:
		p.Wide = append(p.Wide, pn)
	default:
		p.Main = append(p.Main, pn)
	}
}

// card loads and draws one card; false when it has nothing to say. What goes
// wrong is logged and said in the card's place.
func (c *Ctx) card(card *Card, e *entity.Entity) (panel, bool) {
	pn := panel{ID: "card-" + card.ID, Slot: card.Slot, Order: card.Order, Flush: card.Flush}
	if card.Title != "" {
		pn.Title = c.T(card.Title)
	}
	data, err := c.load(card, e)
	if err == nil && data == nil {
		return pn, false
	}
	if err == nil {
		pn.Body, pn.Tools, err = c.drawCard(card, data)
	}
	if err != nil {
		c.App.Log.ErrorContext(c.R.Context(), "card", "card", card.ID, "ref", e.Ref().String(), "error", err)
		if card.Slot == Head || card.Slot == Actions || card.Slot == Band {
			return pn, false
		}
		pn.Failed, pn.Body, pn.Note = true, "", c.cardFailure(err)
	}
	return pn, true
}

// load calls the card's Load; a panic in it is the card's failure alone.
func (c *Ctx) load(card *Card, e *entity.Entity) (data any, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("card %s: panic: %v", card.ID, p)
		}
	}()
	return card.Load(c, e)
}

func (c *Ctx) drawCard(card *Card, data any) (body, tools template.HTML, err error) {
	set := c.App.cardSet(card, c.Lang)
	var b, t bytes.Buffer
	if err := set.ExecuteTemplate(&b, card.Template, data); err != nil {
		return "", "", err
	}
	if err := set.ExecuteTemplate(&t, "tools", data); err != nil {
		return "", "", err
	}
	return template.HTML(b.String()), template.HTML(strings.TrimSpace(t.String())), nil
}

func (c *Ctx) cardFailure(err error) string {
	if text := c.Say(err); text != "" {
		return text
	}
	return c.T("card.failed.text")
}

// tabPages are the pages behind the tabs that modules bring.
func (a *App) tabPages(k *catalog.Kind, resource func(*http.Request) (auth.Resource, error)) []PageDef {
	var pages []PageDef
	for i := range a.cards {
		card := &a.cards[i]
		if card.Slot != Tab || !card.shows(k) {
			continue
		}
		pages = append(pages, PageDef{ID: k.Plural + "." + card.ID, Nav: k.Plural, Room: a.group(k), Pattern: "/" + k.Plural + "/{namespace}/{name}/" + card.ID,
			Template: "tab.html", Verb: auth.Read, Resource: resource, Handle: func(c *Ctx) (any, error) { return tabPage(c, k, card) }})
	}
	return pages
}

type cardTab struct {
	record
	Panel panel
}

func tabPage(c *Ctx, k *catalog.Kind, card *Card) (any, error) {
	r, moved, err := c.open(k, card.ID)
	if err != nil || moved != nil {
		return orRedirect(moved), err
	}
	p := &cardTab{record: *r}
	p.Short = c.T(card.Title)
	var ok bool
	if p.Panel, ok = c.card(card, r.Entity); !ok {
		p.Panel.Note = c.T("card.empty")
	}
	return p, nil
}
