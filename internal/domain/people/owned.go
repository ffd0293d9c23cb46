package people

import (
	"net/url"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// ownedKind is what somebody answers for, of one kind.
type ownedKind struct {
	Title  string
	Href   string // the list of all of it
	Total  int
	Things []web.Thing
}

// shownOwned is how many things of a kind are named.
const shownOwned = 12

// loadOwned lists what names a group or a person as its owner, by kind.
func loadOwned(c *web.Ctx, e *entity.Entity) (any, error) {
	kinds, err := owned(c, e.Ref(), shownOwned)
	if err != nil {
		return nil, err
	}
	return kinds, nil
}

// owned counts by kind what somebody answers for and names the first most of
// each.
func owned(c *web.Ctx, ref entity.Ref, most int) ([]ownedKind, error) {
	q := catalog.Query{Owner: ref.String()}
	counts, err := c.Catalog().Facets(c.R.Context(), c.Caller, q, "kind", 50)
	if err != nil {
		return nil, err
	}
	var out []ownedKind
	for _, k := range c.Catalog().Kinds().All() {
		for _, f := range counts {
			if c.Catalog().Kinds().Get(f.Value) != k {
				continue
			}
			o := ownedKind{Title: c.In(k.Titles), Href: "/" + k.Plural + "?" + url.Values{"owner": {ref.String()}}.Encode(), Total: f.Count}
			if o.Things, err = firstOwned(c, k, ref, most); err != nil {
				return nil, err
			}
			out = append(out, o)
		}
	}
	return out, nil
}

func firstOwned(c *web.Ctx, k *catalog.Kind, owner entity.Ref, most int) ([]web.Thing, error) {
	if most == 0 {
		return nil, nil
	}
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{k.Name}, Owner: owner.String(), Sort: "title", Limit: most, NoTotal: true})
	if err != nil {
		return nil, err
	}
	var out []web.Thing
	for _, e := range page.Items {
		out = append(out, c.Thing(e))
	}
	return out, nil
}

// More is how many are not named.
func (o ownedKind) More() int { return o.Total - len(o.Things) }
