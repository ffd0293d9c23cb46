package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// providerSettings are what an administrator chooses for a single sign-on.
type providerSettings struct {
	Title       string            `json:"title" min:"1" max:"200" doc:"On the button of the sign-in page."`
	Issuer      string            `json:"issuer" min:"1" doc:"The https address that discovery starts from."`
	ClientID    string            `json:"clientId" min:"1"`
	Scopes      []string          `json:"scopes,omitempty" doc:"Asked for beside openid, email and profile."`
	RoleClaim   string            `json:"roleClaim,omitempty" doc:"The claim that roles maps, as realm_access.roles."`
	Roles       map[string]string `json:"roles,omitempty" doc:"From values of the claim to roles."`
	DefaultRole string            `json:"defaultRole,omitempty" doc:"Of who has no mapped value; none refuses them."`
	Domains     []string          `json:"domains,omitempty" doc:"Of verified addresses that may come in; none is any."`
	AutoCreate  bool              `json:"autoCreate,omitempty" doc:"Make accounts for people not known yet."`
	Disabled    bool              `json:"disabled,omitempty"`
}

type provider struct {
	ID string `json:"id"`
	providerSettings
	Created time.Time `json:"created"`
}

type providerList struct {
	Items []provider `json:"items"`
}

type providerChange struct {
	providerSettings
	Secret string `json:"secret,omitempty" doc:"The client's secret; without it the one there is stays."`
}

func (a *API) providerOps(s schemas) []operation {
	what := resource{Kind: auth.KindProvider}
	taken := &body{types: objectTypes, schema: s.typed(providerChange{}), doc: "The settings, all of them."}
	return tagged("administration", []operation{
		{method: "GET", path: "/providers", id: "listProviders", summary: "List the single sign-ons", verb: auth.Admin, resource: what, handle: (*call).listProviders,
			answers: []answer{{status: 200, doc: "The providers, without their secrets.", types: objectTypes, schema: s.typed(providerList{})}}},
		{method: "POST", path: "/providers", id: "createProvider", summary: "Add a single sign-on", verb: auth.Admin, resource: what, body: taken, handle: (*call).createProvider,
			answers: []answer{{status: 201, doc: "The provider.", types: objectTypes, schema: s.typed(provider{})}}},
		{method: "PUT", path: "/providers/{id}", id: "putProvider", summary: "Change a single sign-on", verb: auth.Admin, resource: what, body: taken, handle: (*call).putProvider,
			answers: []answer{{status: 200, doc: "The provider.", types: objectTypes, schema: s.typed(provider{})}}},
		{method: "DELETE", path: "/providers/{id}", id: "removeProvider", summary: "Remove a single sign-on", verb: auth.Admin, resource: what, doc: "Nobody can sign in by it any more.", handle: (*call).removeProvider, answers: gone("It is removed.")},
	})
}

func providerOf(v auth.Provider) provider {
	p := provider{ID: v.ID, Created: v.Created, providerSettings: providerSettings{Title: v.Title, Issuer: v.Issuer, ClientID: v.ClientID, Scopes: v.Scopes,
		RoleClaim: v.RoleClaim, DefaultRole: string(v.DefaultRole), Domains: v.Domains, AutoCreate: v.AutoCreate, Disabled: v.Disabled}}
	for value, role := range v.Roles {
		if p.Roles == nil {
			p.Roles = map[string]string{}
		}
		p.Roles[value] = string(role)
	}
	return p
}

func (c *call) listProviders() error {
	all, err := c.Auth.Providers(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	out := providerList{Items: []provider{}}
	for _, v := range all {
		out.Items = append(out.Items, providerOf(v))
	}
	return c.send(http.StatusOK, out)
}

func (c *call) createProvider() error { return c.saveProvider(http.StatusCreated, "") }

func (c *call) putProvider() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.saveProvider(http.StatusOK, id)
}

func (c *call) saveProvider(status int, id string) error {
	var in providerChange
	if err := c.into(&in); err != nil {
		return err
	}
	v := auth.Provider{ID: id, Title: in.Title, Issuer: in.Issuer, ClientID: in.ClientID, Secret: in.Secret, Scopes: in.Scopes, RoleClaim: in.RoleClaim,
		Roles: map[string]auth.Role{}, DefaultRole: auth.Role(in.DefaultRole), Domains: in.Domains, AutoCreate: in.AutoCreate, Disabled: in.Disabled}
	for value, role := range in.Roles {
		v.Roles[value] = auth.Role(role)
	}
	id, err := c.Auth.SaveProvider(c.r.Context(), c.caller.Principal, v)
	if err != nil {
		return err
	}
	all, err := c.Auth.Providers(c.r.Context(), c.caller.Principal)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(v auth.Provider) bool { return v.ID == id })
	if i < 0 {
		return fault.New(fault.NotFound, "There is no single sign-on with the id %q.", id)
	}
	return c.send(status, providerOf(all[i]))
}

func (c *call) removeProvider() error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return c.nothing(c.Auth.RemoveProvider(c.r.Context(), c.caller.Principal, id))
}
