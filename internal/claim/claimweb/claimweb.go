// Package claimweb is the part of the web that shows claims: a card on every
// record says what is claimed of it and what leans on it, the record of a claim
// shows its number over time, its tests, its runs and what can be done about it,
// and every run has a page with what was asked, what came back and its place in
// the chain.
//
// What bears a claim is known by its kind; the pages and cards here are the same
// for all of them.
package claimweb

import (
	"embed"
	"net/http"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

//go:embed text.en.json text.es.json *.html
var files embed.FS

// Room is the ID of the group of the navigation.
const Room = "evidence"

// Module returns the pages and cards of claims. Bearers are the kinds whose
// entities bear one, library what is ready to be added.
func Module(bearers []*catalog.Kind, library []claim.Ready) web.Module {
	var names []string
	for _, k := range bearers {
		names = append(names, k.Name)
	}
	return web.Module{
		Room:  web.Room{ID: Room, House: true, Title: lang.T("Evidence", "Evidencia"), Icon: "claim", Order: 80},
		Texts: files, Templates: files,
		Pages: append(pages(bearers), libraryPages(library)...),
		Cards: append(claimCards(names), aboutCard(), holdsCard(), leansCard(), deciding()),
		Nav: []web.NavItem{
			{Kind: auth.KindClaim, Key: "c", Count: doubtful},
			{Kind: auth.KindMeasure},
			{Kind: auth.KindException, Count: undecided},
			{ID: "library", Label: "claims.nav.library", Href: "/library", Icon: "book"},
			{ID: "packs", Label: "claims.nav.packs", Href: "/evidence", Icon: "download"},
		},
	}
}

func pages(bearers []*catalog.Kind) []web.PageDef {
	out := []web.PageDef{
		{ID: "packs", Pattern: "/evidence", Template: "packs.html", Verb: auth.Read, Handle: packs},
		{ID: "packs.file", Nav: "packs", Pattern: "/evidence/pack", Template: "packs.html", Verb: auth.Read, Stream: true, Handle: pack},
		{ID: "packs.verify", Nav: "packs", Method: http.MethodPost, Pattern: "/evidence/verify", Template: "packs.html", Verb: auth.Audit, Handle: verify},
		{ID: "exceptions.decide", Nav: "exceptions", Method: http.MethodPost, Pattern: "/exceptions/{namespace}/{name}/decide", Verb: auth.Write,
			Resource: func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: auth.KindException}, nil }, Handle: decide},
	}
	for _, k := range bearers {
		out = append(out, kindPages(k)...)
	}
	return out
}

// kindPages are the pages that every thing of a kind that bears claims has.
func kindPages(k *catalog.Kind) []web.PageDef {
	record := "/" + k.Plural + "/{namespace}/{name}"
	page := func(id, method, pattern, template string, verb auth.Verb, h func(*web.Ctx, *catalog.Kind) (any, error)) web.PageDef {
		return web.PageDef{ID: k.Plural + ".claim." + id, Nav: k.Plural, Room: groupOf(k), Method: method, Pattern: record + pattern, Template: template, Verb: verb,
			Resource: func(*http.Request) (auth.Resource, error) { return k.Resource(), nil },
			Handle:   func(c *web.Ctx) (any, error) { return h(c, k) }}
	}
	return []web.PageDef{
		page("run", "", "/runs/{seq}", Room+"/run.html", auth.Read, showRun),
		page("members", "", "/runs/{seq}/members", Room+"/members.html", auth.Read, members),
		page("test", http.MethodPost, "/test", "", auth.Comment, testNow),
		page("word", "", "/word", Room+"/word.html", auth.Comment, wordForm),
		page("word.say", http.MethodPost, "/word", Room+"/word.html", auth.Comment, sayWord),
	}
}

// groupOf is the group of the navigation a page of a kind stands in.
func groupOf(k *catalog.Kind) string {
	if k.Room == auth.House {
		return Room
	}
	return k.Room
}
