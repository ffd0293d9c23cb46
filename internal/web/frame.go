package web

import (
	"html/template"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// Frame is what surrounds every page: who is signed in, where one can go, what
// one can make. The kit fills it in.
type Frame struct {
	Lang     lang.Code
	Theme    string // "light", "dark", or "" for the system's
	Keys     bool   // single keys do something
	Here     string // address of this page, to come back to
	User     *User  // nil: nobody is signed in
	Orgs     []OrgChoice
	Top      []NavLink // above the rooms
	Rooms    []NavRoom
	House    []NavLink // pages of the house for the palette: search, settings
	Create   []NavLink
	Do       []NavLink
	Bar      []NavLink // icons in the bar at the top
	RoomName string
	RoomHref string
	Toast    *Shown
	Version  string
	System   bool   // the reader may see how the program does
	Config   string // of htmx
	Bare     bool   // without navigation: the door's pages

	ctx *Ctx
}

// User is who is signed in.
type User struct{ Name, Initials, Role, Org, Href string }

// OrgChoice is an organisation the reader may switch to.
type OrgChoice struct {
	ID, Title, Role string
	Current         bool
}

// NavRoom is a group of the side navigation.
type NavRoom struct {
	Room
	Label string
	Open  bool
	State string // the worst state of its counts
	Count int    // how many need a person
	Items []NavLink
}

// NavLink is one place.
type NavLink struct {
	ID, Label, Href, Icon, Key, Area string
	Current                          bool
	Count                            int
	State                            string
}

// frame fills in what surrounds a page.
func (a *App) frame(c *Ctx, def *PageDef, sh *Shell) *Frame {
	f := &Frame{
		Lang: c.Lang, Theme: theme(c.R), Keys: keysOn(c.R), Here: c.R.URL.RequestURI(), Toast: c.takeFlash(),
		Version: a.Version, System: c.Can(auth.Monitor, auth.Resource{}), Config: static.HTMXConfig, Bare: sh.Bare || !c.Caller.SignedIn(), ctx: c,
	}
	if c.R.Method != "GET" {
		f.Here = c.R.URL.Path
	}
	if f.Bare {
		return f
	}
	p := c.Caller.Principal
	f.User = &User{Name: p.Name, Initials: initials(p.Name), Role: c.In(p.Role.Info().Title), Org: p.OrgTitle}
	if ref := p.UserRef; ref != "" {
		f.User.Href = a.HrefOf(ref)
	}
	f.Orgs = c.orgChoices()
	a.navigation(c, f, def)
	f.House, f.Bar = a.houseLinks(c), a.barLinks(c)
	f.Create, f.Do = a.createLinks(c), a.commandLinks(c)
	return f
}

func (a *App) navigation(c *Ctx, f *Frame, def *PageDef) {
	for _, m := range a.Modules {
		for i := range m.Top {
			if link, ok := a.navLink(c, m.Room, &m.Top[i]); ok {
				link.Current, link.Area = link.ID == def.nav(), ""
				f.Top = append(f.Top, link)
			}
		}
	}
	top := slices.ContainsFunc(f.Top, func(l NavLink) bool { return l.Current }) // above the rooms, and in none
	for _, room := range a.rooms {
		g := NavRoom{Room: room, Label: c.In(room.Title), Open: room.ID == def.Room && !top}
		for _, m := range a.Modules {
			if m.Room.ID != room.ID {
				continue
			}
			for i := range m.Nav {
				if link, ok := a.navLink(c, room, &m.Nav[i]); ok {
					link.Current = link.ID == def.nav()
					g.Items = append(g.Items, link)
				}
			}
		}
		if len(g.Items) == 0 {
			continue
		}
		g.sum()
		if g.Open {
			f.RoomName, f.RoomHref = g.Label, g.Items[0].Href
		}
		f.Rooms = append(f.Rooms, g)
	}
}

// nav is the place in the navigation a page belongs to.
func (p *PageDef) nav() string {
	if p.Nav != "" {
		return p.Nav
	}
	return p.ID
}

// sum adds up what needs a person; the state is the worst one.
func (g *NavRoom) sum() {
	for _, it := range g.Items {
		if it.State == "" || it.Count == 0 {
			continue
		}
		g.Count += it.Count
		if g.State == "" || it.State == "bad" {
			g.State = it.State
		}
	}
}

func (a *App) navLink(c *Ctx, room Room, it *NavItem) (NavLink, bool) {
	link := NavLink{ID: it.ID, Href: it.Href, Icon: it.Icon, Key: it.Key, Area: c.In(room.Title)}
	if it.Label != "" {
		link.Label = c.T(it.Label)
	}
	count := it.Count
	if it.Kind != "" {
		k := a.Catalog.Kinds().Get(it.Kind)
		if k == nil || !c.CanKind(auth.Read, k) {
			return link, false
		}
		kindLink(c, &link, k)
		if count == nil {
			n, err := a.Catalog.Count(c.R.Context(), c.Caller, k.Name)
			if err == nil {
				link.Count = n
			}
		}
	}
	if link.Icon == "" {
		link.Icon = room.Icon
	}
	if count != nil {
		if n, err := count(c); err == nil {
			link.Count, link.State = n.N, n.State
		} else {
			a.Log.WarnContext(c.R.Context(), "count in the navigation", "item", link.ID, "error", err)
		}
	}
	return link, true
}

func kindLink(c *Ctx, link *NavLink, k *catalog.Kind) {
	if link.ID == "" {
		link.ID = k.Plural
	}
	if link.Label == "" {
		link.Label = c.In(k.Titles)
	}
	if link.Href == "" {
		link.Href = "/" + k.Plural
	}
	if link.Icon == "" {
		link.Icon = k.Icon
	}
}

// houseLinks are the pages that belong to no room.
func (a *App) houseLinks(c *Ctx) []NavLink {
	links := []NavLink{
		{Label: c.T("nav.search"), Href: "/search", Icon: "search"},
		{Label: c.T("nav.account"), Href: "/account", Icon: "user"},
	}
	if c.Can(auth.Write, auth.Resource{Room: auth.Somewhere}) {
		links = append(links, NavLink{Label: c.T("nav.import"), Href: "/import", Icon: "import"})
	}
	if c.Can(auth.Admin, auth.Resource{Kind: auth.KindAccount}) {
		links = append(links, NavLink{Label: c.T("nav.settings"), Href: "/settings", Icon: "settings"})
	}
	if c.Can(auth.Audit, auth.Resource{}) {
		links = append(links, NavLink{Label: c.T("nav.audit"), Href: "/audit", Icon: "audit"})
	}
	if c.Can(auth.Monitor, auth.Resource{}) {
		links = append(links, NavLink{Label: c.T("nav.system"), Href: "/system", Icon: "server"})
	}
	return links
}

// barLinks are what modules put into the bar at the top.
func (a *App) barLinks(c *Ctx) []NavLink {
	var links []NavLink
	for _, m := range a.Modules {
		for i := range m.Bar {
			if link, ok := a.navLink(c, m.Room, &m.Bar[i]); ok {
				links = append(links, link)
			}
		}
	}
	return links
}

// Places are the pages of one's own account or of the settings that the reader
// may open, the kit's first.
func (c *Ctx) Places(account bool, here string) []NavLink {
	links := []NavLink{{ID: "account", Label: c.T("account.title"), Href: "/account", Icon: "user", Current: here == "account"}}
	if !account {
		links = c.settingsPlaces(here)
	}
	for _, m := range c.App.Modules {
		for _, pl := range m.Places {
			if pl.Account == account && c.Can(pl.Verb, pl.Resource) {
				links = append(links, NavLink{ID: pl.ID, Label: c.T(pl.Label), Href: pl.Href, Icon: pl.Icon, Current: pl.ID == here})
			}
		}
	}
	return links
}

func (a *App) createLinks(c *Ctx) []NavLink {
	var links []NavLink
	for _, k := range a.Catalog.Kinds().All() {
		if c.CanKind(auth.Write, k) {
			links = append(links, NavLink{Label: c.T("create.kind", lower(c.In(k.Title))), Href: "/" + k.Plural + "/new", Icon: "plus", Area: c.In(k.Titles)})
		}
	}
	return links
}

func (a *App) commandLinks(c *Ctx) []NavLink {
	var links []NavLink
	for _, m := range a.Modules {
		for _, cmd := range m.Commands {
			if c.Can(cmd.Verb, cmd.Resource) {
				links = append(links, NavLink{Label: c.T(cmd.Label), Href: cmd.Href, Icon: cmd.Icon, Area: c.In(m.Room.Title)})
			}
		}
	}
	return links
}

// Words are the texts of the script, with their plural forms.
func (f *Frame) Words() map[string]any {
	words := map[string]any{}
	for _, k := range static.WordKeys() {
		if slices.Contains(static.PluralKeys(), k) {
			words[k] = map[string]string{"one": f.ctx.T("js." + k + ".one"), "other": f.ctx.T("js." + k + ".other")}
		} else {
			words[k] = f.ctx.T("js." + k)
		}
	}
	return words
}

// Other is the language that is not shown.
func (f *Frame) Other() lang.Code {
	if f.Lang == lang.Spanish {
		return lang.English
	}
	return lang.Spanish
}

// ThemeIcon is the icon of the theme now chosen.
func (f *Frame) ThemeIcon() template.HTML {
	switch f.Theme {
	case "light":
		return static.Icon("i-sun")
	case "dark":
		return static.Icon("i-moon")
	}
	return static.Icon("i-auto")
}

// NextTheme is the theme after the one now chosen.
func (f *Frame) NextTheme() string {
	return map[string]string{"": "light", "light": "dark", "dark": "system"}[f.Theme]
}

// ThemeName is the key of the theme now chosen.
func (f *Frame) ThemeName() string {
	if f.Theme == "" {
		return "js.theme.system"
	}
	return "js.theme." + f.Theme
}

// LangName is the language now shown, in two letters.
func (f *Frame) LangName() string { return strings.ToUpper(string(f.Lang)) }

// Shortcuts are the places that have a letter.
func (f *Frame) Shortcuts() []NavLink {
	var links []NavLink
	for _, r := range append([]NavRoom{{Items: f.Top}}, f.Rooms...) {
		for _, it := range r.Items {
			if it.Key != "" {
				links = append(links, it)
			}
		}
	}
	return links
}

func lower(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' { // an acronym, as API
		return s
	}
	return strings.ToLower(s)
}
