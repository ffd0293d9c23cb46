package operations

import (
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func apisCard() web.Card {
	return web.Card{ID: "apis", Kinds: []string{"Component"}, Slot: web.Main, Order: 60, Title: "operations.apis", Template: "apis.html", Flush: true, Load: loadAPIs}
}

// apiRow is an API of a component, and who stands on its other side.
type apiRow struct {
	thing
	Provided  bool
	Lifecycle badge
	Others    []thing
	More      int
}

func loadAPIs(c *web.Ctx, e *entity.Entity) (any, error) {
	var rows []apiRow
	for _, side := range []struct{ relation, far string }{{"providesApi", "apiConsumedBy"}, {"consumesApi", "apiProvidedBy"}} {
		apis, err := c.Related(e.Ref(), side.relation)
		if err != nil {
			return nil, err
		}
		for i, api := range apis {
			if i == maxAPIs {
				break
			}
			row, err := apiRowOf(c, api, side.far)
			if err != nil {
				return nil, err
			}
			row.Provided = side.relation == "providesApi"
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return rows, nil
}

func apiRowOf(c *web.Ctx, api thing, far string) (apiRow, error) {
	row := apiRow{thing: api}
	if api.Missing {
		return row, nil
	}
	e, err := c.Find(api.Ref)
	if err != nil || e == nil {
		return row, err
	}
	if l := commonOf(e).Lifecycle; l != "" {
		row.Lifecycle = badge{lifecycleState(l), c.Label(c.Catalog().Kinds().Get("API"), "spec.lifecycle", l)}
	}
	row.Others, err = c.Related(api.Ref, far)
	if n := len(row.Others); n > 4 {
		row.Others, row.More = row.Others[:4], n-4
	}
	return row, err
}
