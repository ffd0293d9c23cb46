package people

import (
	"net/url"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func directoryPage() web.PageDef {
	return web.PageDef{ID: "directory", Nav: "users", Pattern: "/people", Verb: auth.Read, Template: "directory.html", Handle: directory,
		Resource: personResource}
}

// directoryPageData is the list of people with how to reach them.
type directoryPageData struct {
	web.Shell
	Text        string
	Rows        []directoryRow
	Total       int
	Next, First string
	Empty       bool // there is nobody at all
}

type directoryRow struct {
	web.Thing
	Role, Place, Email string
	Groups             []web.Thing
}

// directoryPageSize is how many people stand on a page.
const directoryPageSize = 60

func directory(c *web.Ctx) (any, error) {
	p := &directoryPageData{Text: c.Param("q")}
	p.Title, p.Fragment = c.T("people.directory"), "results"
	found, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"User"}, Text: p.Text, Sort: "title", Limit: directoryPageSize, Cursor: c.Param("cursor")})
	if err != nil {
		return nil, err
	}
	o, err := loadOrg(c, false)
	if err != nil {
		return nil, err
	}
	for _, e := range found.Items {
		p.Rows = append(p.Rows, o.row(e))
	}
	p.Total = found.Total
	p.Empty = p.Text == "" && found.Total == 0
	if found.Next != "" {
		p.Next = "/people?" + url.Values{"q": {p.Text}, "cursor": {found.Next}}.Encode()
	}
	if c.Param("cursor") != "" {
		p.First = "/people?" + url.Values{"q": {p.Text}}.Encode()
	}
	return p, nil
}

// row names the groups a person is in, whichever side says so.
func (o *org) row(e *entity.Entity) directoryRow {
	r := directoryRow{Thing: o.c.Thing(e), Role: roleOf(e), Email: emailOf(e)}
	s, err := catalog.Spec[User](e)
	if err == nil {
		r.Place = s.Location
	}
	refs := append(o.in[e.Ref()], o.refs(e, "group", s.MemberOf...)...)
	seen := map[entity.Ref]bool{}
	for _, ref := range refs {
		if seen[ref] {
			continue
		}
		seen[ref] = true
		t := web.Thing{Ref: ref, Title: ref.Name, Missing: true}
		if g := o.group[ref]; g != nil {
			t = o.c.Thing(g)
			t.Sub = ""
		}
		r.Groups = append(r.Groups, t)
	}
	return r
}

func roleOf(e *entity.Entity) string {
	s, err := catalog.Spec[User](e)
	if err != nil {
		return ""
	}
	return s.Role
}

// emailOf returns the address in the profile of a person or a group.
func emailOf(e *entity.Entity) string {
	s, err := catalog.Spec[struct {
		Profile Profile `json:"profile"`
	}](e)
	if err != nil {
		return ""
	}
	return s.Profile.Email
}
