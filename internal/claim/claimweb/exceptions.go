package claimweb

import (
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// deciding is the card on an exception where another person than the one who
// asks decides on it.
func deciding() web.Card {
	return web.Card{ID: "decide", Kinds: []string{auth.KindException}, Slot: web.Main, Order: 10, Title: "claims.decide", Template: "decide.html", Load: loadDecide}
}

func loadDecide(c *web.Ctx, e *entity.Entity) (any, error) {
	v, err := excusedBy(c, e)
	if err != nil {
		return nil, err
	}
	return excuseOf(c, e, v)
}

// excusedBy returns the claim an exception is about; nil when it is not there, or
// not for the reader.
func excusedBy(c *web.Ctx, e *entity.Entity) (*claim.View, error) {
	s, err := catalog.Spec[claim.ExceptionSpec](e)
	if err != nil {
		return nil, err
	}
	ref, err := entity.ParseRef(s.Claim, "claim", e.Metadata.Namespace)
	if err != nil {
		return nil, nil
	}
	x, err := c.Find(ref)
	if err != nil || x == nil || !c.App.Claims.Bears(x.Kind) {
		return nil, err
	}
	return viewOf(c, x)
}

// decide approves or refuses a request; the guard of the kind sees to who may.
func decide(c *web.Ctx) (any, error) {
	ref := c.Ref(exceptionKind(c))
	state := c.Form("state")
	if state != "approved" && state != "refused" {
		return nil, fault.New(fault.Invalid, "the form does not say what is decided").Coded("claim.undecided")
	}
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if err != nil {
		return nil, err
	}
	s, err := catalog.Spec[claim.ExceptionSpec](e)
	if err != nil {
		return nil, err
	}
	s.State = state
	if err := catalog.SetSpec(e, s); err != nil {
		return nil, err
	}
	if _, err := c.Catalog().Update(c.R.Context(), c.Caller, e, catalog.UpdateOptions{}); err != nil {
		return nil, err
	}
	return web.Redirect{To: c.Next(c.Href(e.Ref())), Toast: &web.Toast{Key: "claims.decided." + state, Args: []string{e.DisplayTitle()}}}, nil
}
