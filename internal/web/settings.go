package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// settingsPage is one page of an organisation's settings.
type settingsPage struct {
	Shell
	Places []NavLink
	Here   string // id of the place

	Errors  map[string]string
	Problem string
	Values  map[string]string // what was typed into a form that failed

	// People.
	Members     []memberLine
	Invitations []auth.Invitation
	Roles       []roleOption // that the reader may give
	Made        *madeLink
	Me          string

	// Single sign-on.
	Providers []auth.Provider
	Provider  *auth.Provider // the one in the form
	Callback  string
	RoleMap   string

	// Tokens.
	Tokens []auth.Token
	Secret string // of a token just made, shown this once
	Named  string // that token's name
	Ingest bool   // tokens of machines may be made

	// Secrets for other systems.
	Secrets []auth.Secret

	// General.
	Org     auth.Org
	Orgs    []auth.Membership
	CanName bool
	CanMake bool
}

type memberLine struct {
	auth.Member
	Role      string
	Href      string
	Roles     []roleOption
	Governed  bool // the reader may change it
	Until     string
	Suspended bool
}

type roleOption struct {
	Value, Label, Summary string
	On                    bool
}

// madeLink is a one-time link just made, shown this once.
type madeLink struct {
	Kind, Email, URL string
	Expires          time.Time
}

func settingsPages() []PageDef {
	admin := func(id, method, pattern, kind string, h func(*Ctx) (any, error)) PageDef {
		return PageDef{ID: id, Nav: "settings", Method: method, Pattern: pattern, Template: "settings.html", Verb: auth.Admin, Handle: h,
			Resource: func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: kind}, nil }}
	}
	people := func(id, pattern string, act func(*Ctx, *settingsPage) (*Toast, error)) PageDef {
		return admin("settings.people."+id, "POST", "/settings/people/"+pattern, auth.KindAccount, func(c *Ctx) (any, error) { return c.settingsAct("people", act) })
	}
	sso := func(id, pattern string, act func(*Ctx, *settingsPage) (*Toast, error)) PageDef {
		return admin("settings.sso."+id, "POST", "/settings/sign-in"+pattern, auth.KindProvider, func(c *Ctx) (any, error) { return c.settingsAct("sign-in", act) })
	}
	tokens := func(id, pattern, kind string, act func(*Ctx, *settingsPage) (*Toast, error)) PageDef {
		return admin("settings.tokens."+id, "POST", "/settings/tokens"+pattern, kind, func(c *Ctx) (any, error) { return c.settingsAct("tokens", act) })
	}
	secrets := func(id, pattern string, act func(*Ctx, *settingsPage) (*Toast, error)) PageDef {
		return admin("settings.secrets."+id, "POST", "/settings/secrets"+pattern, auth.KindSettings, func(c *Ctx) (any, error) { return c.settingsAct("secrets", act) })
	}
	show := func(id, pattern, kind string) PageDef {
		return admin("settings."+id, "GET", pattern, kind, func(c *Ctx) (any, error) { return c.settingsPage(id) })
	}
	return []PageDef{
		{ID: "settings", Pattern: "/settings", Verb: auth.Self, Template: "settings.html", Handle: func(c *Ctx) (any, error) { return c.settingsPage("general") }},
		admin("settings.rename", "POST", "/settings/organisation", auth.KindOrganisation, func(c *Ctx) (any, error) { return c.settingsAct("general", renameOrg) }),
		{ID: "settings.neworg", Nav: "settings", Method: "POST", Pattern: "/settings/organisations", Verb: auth.Backup, Template: "settings.html",
			Resource: func(*http.Request) (auth.Resource, error) { return auth.Resource{Kind: auth.KindOrganisation}, nil },
			Handle:   func(c *Ctx) (any, error) { return c.settingsAct("general", createOrg) }},
		show("people", "/settings/people", auth.KindAccount),
		people("invite", "invite", invite), people("uninvite", "uninvite", uninvite), people("role", "role", setRole),
		people("disable", "disable", setDisabled), people("remove", "remove", removeMember), people("reset", "reset", resetLink), people("factor", "factor", resetFactor),
		show("sign-in", "/settings/sign-in", auth.KindProvider),
		sso("save", "", saveProvider), sso("remove", "/remove", removeProvider),
		show("secrets", "/settings/secrets", auth.KindSettings),
		secrets("set", "", setSecret), secrets("delete", "/delete", deleteSecret),
		show("tokens", "/settings/tokens", auth.KindIngestToken),
		tokens("make", "", auth.KindIngestToken, createIngest), tokens("revoke", "/revoke", auth.KindIngestToken, revokeToken),
	}
}

// settingsPlaces are the pages of the settings that the reader may open.
func (c *Ctx) settingsPlaces(here string) []NavLink {
	all := []struct{ id, href, kind, icon string }{
		{"general", "/settings", "", "settings"}, {"people", "/settings/people", auth.KindAccount, "people"},
		{"sign-in", "/settings/sign-in", auth.KindProvider, "key"}, {"tokens", "/settings/tokens", auth.KindIngestToken, "token"},
		{"secrets", "/settings/secrets", auth.KindSettings, "lock"},
	}
	var out []NavLink
	for _, pl := range all {
		if pl.kind == "" || c.Can(auth.Admin, auth.Resource{Kind: pl.kind}) {
			out = append(out, NavLink{ID: pl.id, Label: c.T("settings." + pl.id), Href: pl.href, Icon: pl.icon, Current: pl.id == here})
		}
	}
	return out
}

func (c *Ctx) settingsPage(here string) (*settingsPage, error) {
	p := &settingsPage{Here: here, Places: c.Places(false, here), Errors: map[string]string{}, Values: map[string]string{}, Me: c.Caller.Account}
	p.Title, p.Short = c.T("settings.title"), c.T("settings."+here)
	p.Crumbs = []Crumb{{"/settings", p.Title}}
	if here == "general" {
		p.Crumbs = nil
	}
	for i := range p.Places {
		p.Places[i].Current = p.Places[i].ID == here
	}
	fill := map[string]func(*Ctx) error{"general": p.general, "people": p.people, "sign-in": p.signOn, "tokens": p.tokens, "secrets": p.secrets}
	return p, fill[here](c)
}

// settingsAct runs what a form of the settings asks for. What the reader can
// mend is shown on the page; a nil toast means that the page itself shows the
// result.
func (c *Ctx) settingsAct(here string, act func(*Ctx, *settingsPage) (*Toast, error)) (any, error) {
	p, err := c.settingsPage(here)
	if err != nil {
		return nil, err
	}
	toast, err := act(c, p)
	if err == nil && toast == nil {
		made, secret, named := p.Made, p.Secret, p.Named
		if p, err = c.settingsPage(here); err != nil {
			return nil, err
		}
		p.Made, p.Secret, p.Named = made, secret, named
		return p, nil
	}
	if err == nil {
		to := "/settings"
		if here != "general" {
			to += "/" + here
		}
		return Redirect{To: to, Toast: toast}, nil
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal || kind == fault.Unavailable {
		return nil, err
	}
	p.Status = kind.Status()
	for name, values := range c.R.PostForm {
		if !strings.Contains(name, "secret") {
			p.Values[name] = values[0]
		}
	}
	for _, pr := range fault.ProblemsOf(err) {
		p.Errors[pr.Field] = c.Say(err)
	}
	p.Problem = c.Say(err)
	return p, nil
}

func (p *settingsPage) general(c *Ctx) error {
	ctx, who := c.R.Context(), c.Caller.Principal
	var err error
	if p.Org, err = c.App.Auth.Org(ctx, who.Org); err != nil {
		return err
	}
	p.CanName = c.Can(auth.Admin, auth.Resource{Kind: auth.KindOrganisation})
	p.CanMake = c.Can(auth.Backup, auth.Resource{Kind: auth.KindOrganisation})
	p.Orgs, err = c.App.Auth.Orgs(ctx, who)
	return err
}

func renameOrg(c *Ctx, p *settingsPage) (*Toast, error) {
	if err := c.App.Auth.RenameOrg(c.R.Context(), c.Caller.Principal, c.Form("title")); err != nil {
		return nil, err
	}
	if !c.R.PostForm.Has("zone") {
		return &Toast{Key: "toast.org.renamed"}, nil
	}
	return &Toast{Key: "toast.org.renamed"}, c.App.Auth.SetZone(c.R.Context(), c.Caller.Principal, c.Form("zone"))
}

func createOrg(c *Ctx, p *settingsPage) (*Toast, error) {
	org, err := c.App.Auth.CreateOrg(c.R.Context(), c.Caller.Principal, c.Form("id"), c.Form("newtitle"))
	return &Toast{Key: "toast.org.made", Args: []string{org.Title}}, err
}

func (p *settingsPage) people(c *Ctx) error {
	ctx, who := c.R.Context(), c.Caller.Principal
	members, err := c.App.Auth.Members(ctx, who)
	if err != nil {
		return err
	}
	gives := who.Role.Gives()
	for _, m := range members {
		line := memberLine{Member: m, Role: c.In(m.Role.Info().Title), Href: c.App.HrefOf(m.UserRef), Suspended: m.Disabled}
		line.Governed = slices.Contains(gives, m.Role)
		line.Roles = c.roleOptions(gives, m.Role)
		if !m.Expires.IsZero() {
			line.Until = m.Expires.UTC().Format(time.DateOnly)
		}
		p.Members = append(p.Members, line)
	}
	p.Roles = c.roleOptions(gives, auth.RoleMember)
	p.Invitations, err = c.App.Auth.Invitations(ctx, who)
	return err
}

func (c *Ctx) roleOptions(gives []auth.Role, on auth.Role) []roleOption {
	var out []roleOption
	for _, r := range gives {
		info := r.Info()
		out = append(out, roleOption{string(r), c.In(info.Title), c.In(info.Summary), r == on})
	}
	return out
}

// day reads a date of a form as the end of that day; the zero time for none.
func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fault.Bad("not a date", fault.Problem{Field: "expires", Code: "date", Msg: "is not a day", Args: []string{s}}).Coded("date")
	}
	return t.Add(24*time.Hour - time.Second), nil
}

func invite(c *Ctx, p *settingsPage) (*Toast, error) {
	expires, err := day(c.Form("expires"))
	if err != nil {
		return nil, err
	}
	link, err := c.App.Auth.Invite(c.R.Context(), c.Caller.Principal, auth.Invitation{Email: c.Form("email"), Name: c.Form("name"), Role: auth.Role(c.Form("role")), UserRef: c.Form("userref"), Expires: expires})
	if err != nil {
		return nil, err
	}
	p.Made = &madeLink{"invitation", c.Form("email"), c.base() + LinkPath("invitation", link.Secret), link.Expires}
	return nil, nil
}

func uninvite(c *Ctx, p *settingsPage) (*Toast, error) {
	return &Toast{Key: "toast.uninvited"}, c.App.Auth.RevokeInvitation(c.R.Context(), c.Caller.Principal, c.Form("id"))
}

func setRole(c *Ctx, p *settingsPage) (*Toast, error) {
	expires, err := day(c.Form("expires"))
	if err != nil {
		return nil, err
	}
	m := auth.Membership{Account: c.Form("account"), Org: c.Caller.Org, Role: auth.Role(c.Form("role")), UserRef: c.Form("userref"), Expires: expires}
	return &Toast{Key: "toast.role"}, c.App.Auth.SetMembership(c.R.Context(), c.Caller.Principal, m)
}

func setDisabled(c *Ctx, p *settingsPage) (*Toast, error) {
	off := c.Form("disabled") == "true"
	key := "toast.enabled"
	if off {
		key = "toast.disabled"
	}
	return &Toast{Key: key}, c.App.Auth.SetDisabled(c.R.Context(), c.Caller.Principal, c.Form("account"), off)
}

func removeMember(c *Ctx, p *settingsPage) (*Toast, error) {
	return &Toast{Key: "toast.removed"}, c.App.Auth.RemoveMember(c.R.Context(), c.Caller.Principal, c.Form("account"))
}

func resetLink(c *Ctx, p *settingsPage) (*Toast, error) {
	link, err := c.App.Auth.ResetLink(c.R.Context(), c.Caller.Principal, c.Form("account"))
	if err != nil {
		return nil, err
	}
	p.Made = &madeLink{"reset", c.Form("email"), c.base() + LinkPath("reset", link.Secret), link.Expires}
	return nil, nil
}

func resetFactor(c *Ctx, p *settingsPage) (*Toast, error) {
	return &Toast{Key: "toast.factor.reset"}, c.App.Auth.ResetFactor(c.R.Context(), c.Caller.Principal, c.Form("account"))
}

func (p *settingsPage) signOn(c *Ctx) error {
	var err error
	p.Providers, err = c.App.Auth.Providers(c.R.Context(), c.Caller.Principal)
	p.Callback = c.base() + "/sign-in/callback"
	p.Provider = &auth.Provider{AutoCreate: true, DefaultRole: auth.RoleMember}
	if id := c.Param("id"); id != "" {
		for i := range p.Providers {
			if p.Providers[i].ID == id {
				p.Provider = &p.Providers[i]
			}
		}
	}
	p.RoleMap = roleMap(p.Provider.Roles)
	p.Roles = c.roleOptions(c.Caller.Role.Gives(), p.Provider.DefaultRole)
	return err
}

// roleMap writes the roles of a provider's groups, one to a line.
func roleMap(m map[string]auth.Role) string {
	var lines []string
	for group, role := range m {
		lines = append(lines, group+" = "+string(role))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func parseRoleMap(s string) map[string]auth.Role {
	out := map[string]auth.Role{}
	for line := range strings.Lines(unixLines(s)) {
		if group, role, ok := strings.Cut(line, "="); ok {
			out[strings.TrimSpace(group)] = auth.Role(strings.TrimSpace(role))
		}
	}
	return out
}

func saveProvider(c *Ctx, p *settingsPage) (*Toast, error) {
	p.Provider = &auth.Provider{ID: c.Form("id"), Title: c.Form("title"), Issuer: c.Form("issuer"), ClientID: c.Form("clientId"), Secret: c.Form("secret"),
		Scopes: strings.Fields(c.Form("scopes")), RoleClaim: c.Form("roleClaim"), Roles: parseRoleMap(c.R.PostFormValue("roles")), DefaultRole: auth.Role(c.Form("defaultRole")),
		Domains: words(c.Form("domains")), AutoCreate: c.Form("autoCreate") != "", Disabled: c.Form("disabled") != ""}
	p.RoleMap = c.R.PostFormValue("roles")
	_, err := c.App.Auth.SaveProvider(c.R.Context(), c.Caller.Principal, *p.Provider)
	return &Toast{Key: "toast.provider.saved", Args: []string{p.Provider.Title}}, err
}

func removeProvider(c *Ctx, p *settingsPage) (*Toast, error) {
	return &Toast{Key: "toast.provider.removed"}, c.App.Auth.RemoveProvider(c.R.Context(), c.Caller.Principal, c.Form("id"))
}

func (p *settingsPage) tokens(c *Ctx) error {
	p.Ingest = true
	var err error
	p.Tokens, err = c.App.Auth.OrgTokens(c.R.Context(), c.Caller.Principal)
	return err
}

func (p *settingsPage) secrets(c *Ctx) error {
	var err error
	p.Secrets, err = c.App.Auth.Secrets(c.R.Context(), c.Caller.Principal)
	return err
}

func setSecret(c *Ctx, _ *settingsPage) (*Toast, error) {
	name := c.Form("name")
	return &Toast{Key: "toast.secret.set", Args: []string{name}}, c.App.Auth.SetSecret(c.R.Context(), c.Caller.Principal, name, c.Form("secretvalue"))
}

func deleteSecret(c *Ctx, _ *settingsPage) (*Toast, error) {
	name := c.Form("name")
	return &Toast{Key: "toast.secret.deleted", Args: []string{name}}, c.App.Auth.DeleteSecret(c.R.Context(), c.Caller.Principal, name)
}

func createIngest(c *Ctx, p *settingsPage) (*Toast, error) {
	expires, err := day(c.Form("expires"))
	if err != nil {
		return nil, err
	}
	made, secret, err := c.App.Auth.CreateIngestToken(c.R.Context(), c.Caller.Principal, c.Form("name"), expires)
	p.Secret, p.Named = secret, made.Name
	return nil, err
}

func revokeToken(c *Ctx, p *settingsPage) (*Toast, error) {
	return &Toast{Key: "toast.token.revoked"}, c.App.Auth.RevokeToken(c.R.Context(), c.Caller.Principal, c.Form("id"))
}
