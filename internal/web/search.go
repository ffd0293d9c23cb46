package web

import (
	"cmp"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// searchLimit is how many results the search page shows.
const searchLimit = 100

type searchPage struct {
	Shell
	Query string
	Kind  string // plural of the kind the results are narrowed to; "" is all
	Kinds []option
	Hits  []hitLine
	More  bool
}

type hitLine struct {
	Href, Title, Icon, Kind, Owner string
	Name                           string
	Snippet                        template.HTML
	Updated                        time.Time
}

func searchFor(c *Ctx) (any, error) {
	p := &searchPage{Query: c.Param("q"), Kind: c.Param("kind")}
	p.Title, p.Fragment = c.T("search.title"), "hits"
	if p.Query == "" {
		return p, nil
	}
	hits, err := c.Catalog().Search(c.R.Context(), c.Caller, p.Query, nil, searchLimit)
	if err != nil {
		return nil, err
	}
	lines, err := c.hits(hits)
	if err != nil {
		return nil, err
	}
	p.More = len(hits) == searchLimit
	counts := map[string]int{}
	for i, h := range hits {
		counts[h.Kind]++
		line := lines[i]
		if k := c.Catalog().Kinds().Get(h.Kind); p.Kind == "" || k != nil && k.Plural == p.Kind {
			p.Hits = append(p.Hits, line)
		}
	}
	p.Kinds = c.kindOptions(counts, p.Kind)
	return p, nil
}

func (c *Ctx) kindOptions(counts map[string]int, on string) []option {
	var out []option
	for _, k := range c.Catalog().Kinds().All() {
		if n := counts[k.Name]; n > 0 {
			out = append(out, option{Value: k.Plural, Label: c.In(k.Titles), Count: n, On: on == k.Plural})
		}
	}
	return out
}

// hits writes what was found, each with what its owner is called.
func (c *Ctx) hits(found []catalog.Hit) ([]hitLine, error) {
	lines, owners := make([]hitLine, len(found)), map[int]entity.Ref{}
	for i, h := range found {
		lines[i] = c.hit(h)
		if ref, err := entity.ParseRef(h.Owner, "group", ""); err == nil {
			owners[i] = ref
		}
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, slices.Collect(maps.Values(owners)))
	for i, ref := range owners {
		lines[i].Owner = cmp.Or(titles[ref.String()], ref.Name)
	}
	return lines, err
}

func (c *Ctx) hit(h catalog.Hit) hitLine {
	line := hitLine{Title: h.Title, Updated: h.Updated, Snippet: marked(h.Snippet), Icon: "file", Href: c.App.HrefOf(h.Ref)}
	if ref, err := entity.ParseRef(h.Ref, "", ""); err == nil {
		line.Name = ref.Name
	}
	if line.Title == "" {
		line.Title = line.Name
	}
	if k := c.Catalog().Kinds().Get(h.Kind); k != nil {
		line.Kind = c.In(k.Title)
		if k.Icon != "" {
			line.Icon = k.Icon
		}
	}
	return line
}

// marked turns the marks of a search into <mark> and escapes the rest.
func marked(s string) template.HTML {
	return template.HTML(strings.NewReplacer("\x02", "<mark>", "\x03", "</mark>").Replace(esc(s)))
}

// paletteLimit is how many things the palette finds.
const paletteLimit = 8

// palettePage is what the palette shows beneath the list of the page: things
// with their actions, and kinds to make something of.
type palettePage struct {
	Shell
	Query  string
	Things []hitLine
	Edit   *hitLine // the first thing, when the reader may change it
	Create []NavLink
	Search string
}

func palette(c *Ctx) (any, error) {
	p := &palettePage{Query: c.Param("q")}
	p.Title, p.Fragment = c.T("find"), "palette"
	if p.Query == "" {
		return p, nil
	}
	hits, err := c.Catalog().Search(catalog.NamesOnly(c.R.Context()), c.Caller, p.Query, nil, paletteLimit)
	if err != nil {
		return nil, err
	}
	if p.Things, err = c.hits(hits); err != nil {
		return nil, err
	}
	if len(hits) > 0 {
		if k := c.Catalog().Kinds().Get(hits[0].Kind); k != nil && c.CanKind(auth.Write, k) {
			p.Edit = &p.Things[0]
		}
	}
	p.Search = address("/search", map[string][]string{"q": {p.Query}})
	return p, nil
}

// suggest answers a field that asks for references: the options of a datalist.
func suggest(c *Ctx) (any, error) {
	p := &suggestPage{}
	p.Title, p.Fragment = c.T("find"), "options"
	q := c.Param("q")
	if name := c.R.Header.Get("HX-Trigger-Name"); name != "" {
		q = c.Param(name)
	}
	var kinds []string
	for _, name := range strings.Split(c.Param("kinds"), ",") {
		if k := c.Catalog().Kinds().Get(name); k != nil && c.CanKind(auth.Read, k) && !slices.Contains(kinds, k.Name) {
			kinds = append(kinds, k.Name)
		}
	}
	if len(kinds) == 0 {
		return p, nil
	}
	var err error
	if p.Options, err = c.refOptions(kinds, q); err != nil {
		return nil, err
	}
	return p, nil
}

type suggestPage struct {
	Shell
	Options []option
}

// refOptions offers entities of some kinds: those that match, or without words
// the first by name.
func (c *Ctx) refOptions(kinds []string, q string) ([]option, error) {
	var out []option
	ctx := catalog.NamesOnly(c.R.Context())
	if q == "" {
		page, err := c.Catalog().List(ctx, c.Caller, catalog.Query{Kinds: kinds, Limit: 100, NoTotal: true})
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			out = append(out, option{Value: e.Ref().Short(), Label: e.DisplayTitle()})
		}
		return out, nil
	}
	hits, err := c.Catalog().Search(ctx, c.Caller, q, kinds, 30)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if ref, err := entity.ParseRef(h.Ref, "", ""); err == nil {
			out = append(out, option{Value: ref.Short(), Label: h.Title})
		}
	}
	return out, nil
}
