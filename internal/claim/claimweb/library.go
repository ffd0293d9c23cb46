package claimweb

import (
	"net/http"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

func libraryPages(library []claim.Ready) []web.PageDef {
	write := func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: auth.KindClaim}, nil }
	return []web.PageDef{
		{ID: "library", Pattern: "/library", Template: "library.html", Verb: auth.Read, Handle: func(c *web.Ctx) (any, error) { return showLibrary(c, library) }},
		{ID: "library.add", Nav: "library", Method: http.MethodPost, Pattern: "/library", Verb: auth.Write, Resource: write,
			Handle: func(c *web.Ctx) (any, error) { return addReady(c, library) }},
	}
}

// libraryPage shows what is ready to be added, by room.
type libraryPage struct {
	web.Shell
	Rooms []libraryRoom
}

type libraryRoom struct {
	ID, Label string
	Items     []libraryItem
}

type libraryItem struct {
	Name, Title, Doc, Kind string
	Href                   string // of the one that was added; "" when there is none
	CanAdd                 bool
}

func showLibrary(c *web.Ctx, library []claim.Ready) (any, error) {
	p := &libraryPage{}
	p.Title = c.T("claims.library")
	for _, r := range library {
		k := c.Catalog().Kinds().Get(r.Kind)
		item := libraryItem{Name: r.Name, Title: c.In(r.Title), Doc: c.In(r.Doc), Kind: c.In(k.Title)}
		ref := entity.NewRef(r.Kind, "", r.Name)
		e, err := c.Find(ref)
		if err != nil {
			return nil, err
		}
		if e != nil {
			item.Href = c.Href(e.Ref())
		} else {
			item.CanAdd = c.CanKind(auth.Write, k) && c.Can(auth.Write, auth.Resource{Room: r.Room, Kind: r.Kind})
		}
		i := slices.IndexFunc(p.Rooms, func(x libraryRoom) bool { return x.ID == r.Room })
		if i < 0 {
			p.Rooms = append(p.Rooms, libraryRoom{ID: r.Room, Label: c.Label(k, "spec.room", r.Room)})
			i = len(p.Rooms) - 1
		}
		p.Rooms[i].Items = append(p.Rooms[i].Items, item)
	}
	return p, nil
}

// addReady makes an entity of one that is ready, in the reader's language.
func addReady(c *web.Ctx, library []claim.Ready) (any, error) {
	i := slices.IndexFunc(library, func(r claim.Ready) bool { return r.Name == c.Form("name") })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "there is no ready-made measure %q", c.Form("name")).Coded("claim.ready-none")
	}
	e, err := library[i].Entity(c.Lang, c.Form("owner"))
	if err != nil {
		return nil, err
	}
	ch, err := c.Catalog().Create(c.R.Context(), c.Caller, e)
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: c.App.HrefOf(ch.Ref), Toast: &web.Toast{Key: "toast.created", Args: []string{e.DisplayTitle()}}}, nil
}
