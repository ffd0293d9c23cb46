package claimweb

import (
	"net/url"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// aboutCard says on every record what is claimed of it.
func aboutCard() web.Card {
	return web.Card{ID: "claims", Slot: web.Main, Order: 40, Title: "claims.about", Template: "about.html", Flush: true, Load: loadAbout}
}

// about is what is claimed of a thing, the worst first.
type about struct {
	Claims []statement
	More   int
	All    string // the list of all of them
	New    string // where another is made; "" for who may not
}

// statement is a claim with its evidence hanging from it.
type statement struct {
	Title, Href string
	State       claim.State
	Why         string
	Evidence    []line
}

// mostStatements is how many claims stand on a record.
const mostStatements = 12

func loadAbout(c *web.Ctx, e *entity.Entity) (any, error) {
	if !has(c, e, "hasClaim") {
		return nil, nil
	}
	views, err := c.App.Claims.Views(c.R.Context(), c.Caller, claim.Filter{Subject: e.Ref().String()})
	if err != nil || len(views) == 0 {
		return nil, err
	}
	out := about{All: "/claims?" + url.Values{"spec.subject": {e.Ref().String()}}.Encode()}
	if n := len(views); n > mostStatements {
		views, out.More = views[:mostStatements], n-mostStatements
	}
	for _, v := range views {
		out.Claims = append(out.Claims, stated(c, v))
	}
	if k := c.Catalog().Kinds().Get(auth.KindClaim); c.CanKind(auth.Write, k) {
		out.New = "/claims/new?" + url.Values{"spec.subject": {e.Ref().String()}}.Encode()
	}
	return out, nil
}

// has reports whether a thing has a relation of some type, at either end.
func has(c *web.Ctx, e *entity.Entity, types ...string) bool {
	rels, err := c.Relations(e.Ref())
	return err != nil || slices.ContainsFunc(rels, func(r catalog.Relation) bool { return slices.Contains(types, r.Type) && r.Exists })
}

// stated makes a claim ready to be shown beside what it is about.
func stated(c *web.Ctx, v *claim.View) statement {
	s := statement{Title: v.Statement, Href: c.Href(v.Entity.Ref()), State: v.State, Why: c.In(v.Why)}
	for i := range v.Evidence {
		s.Evidence = append(s.Evidence, lineOf(c, v, &v.Evidence[i], false))
	}
	return s
}

// holdsCard and leansCard show both ends of the lines that doubt travels along.
func holdsCard() web.Card {
	return web.Card{ID: "holds-up", Slot: web.Side, Order: 20, Title: "claims.holds", Template: "leans.html", Flush: true,
		Load: func(c *web.Ctx, e *entity.Entity) (any, error) { return loadLeans(c, e, false) }}
}

func leansCard() web.Card {
	return web.Card{ID: "leans-on-it", Slot: web.Side, Order: 25, Title: "claims.leans", Template: "leans.html", Flush: true,
		Load: func(c *web.Ctx, e *entity.Entity) (any, error) { return loadLeans(c, e, true) }}
}

// leaning is one thing at the other end of a line.
type leaning struct {
	web.Thing
	State  claim.State // "" for a thing of which nothing is claimed
	Kind   string
	Beyond []claim.Doubt // what is in doubt beneath it, where its own evidence is not
}

func loadLeans(c *web.Ctx, e *entity.Entity, up bool) (any, error) {
	if !has(c, e, "leansOn", "holdsUp", "hasClaim", "claimedOf") {
		return nil, nil
	}
	on, of, err := c.App.Claims.Leans(c.R.Context(), c.Caller, e)
	if err != nil {
		return nil, err
	}
	list := on
	if up {
		list = of
	}
	var out []leaning
	for _, l := range list {
		x := leaning{Thing: c.Thing(l.Entity), State: l.State, Kind: c.In(c.Catalog().Kinds().Get(l.Entity.Kind).Title)}
		if l.State == claim.Weak || !l.Claim {
			x.Beyond = l.Doubts
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}
