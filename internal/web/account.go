package web

import (
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/morning"
)

// accountPage is what a person sees and changes of their own account.
type accountPage struct {
	Shell
	Me       auth.AccountInfo
	Record   string // address of the person in the catalog
	Passkeys bool   // can be used here
	Sessions []auth.Session
	Tokens   []auth.Token
	Scopes   []option
	Buttons  []auth.Button
	Role     string
	Places   []NavLink // of modules

	Errors  map[string]string // by field, of the form that was sent
	Problem string
	At      string // id of the panel the problem belongs to
	Codes   []string
	Secret  string // of a token just made, shown this once
	Made    string // its name
	TOTP    *totpSetup
	Name    string // given to the form that failed
}

type totpSetup struct {
	Secret, URL string
	QR          template.HTML
}

func accountPages() []PageDef {
	self := func(id, method, pattern, template string, h func(*Ctx) (any, error)) PageDef {
		return PageDef{ID: id, Nav: "account", Method: method, Pattern: pattern, Template: template, Verb: auth.Self, Handle: h}
	}
	act := func(id, pattern string, h func(*Ctx, *accountPage) (any, error)) PageDef {
		return self("account."+id, "POST", "/account/"+pattern, "account.html", func(c *Ctx) (any, error) { return c.accountAct(strings.SplitN(id, ".", 2)[0], h) })
	}
	return []PageDef{
		self("account", "GET", "/account", "account.html", account),
		act("profile", "profile", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.saved.profile", c.App.Auth.Rename(c.R.Context(), c.Caller.Principal, c.Form("name")))
		}),
		act("password", "password", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.password", c.App.Auth.ChangePassword(c.R.Context(), c.Caller.Principal, c.R.PostFormValue("current"), c.R.PostFormValue("password")))
		}),
		self("account.passkeys.options", "POST", "/account/passkeys/options", "", func(c *Ctx) (any, error) {
			return c.begin(c.App.Auth.BeginPasskey(c.R.Context(), c.Caller.Principal))
		}),
		self("account.passkeys.add", "POST", "/account/passkeys", "", addPasskey),
		act("passkeys", "passkeys/remove", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.passkey.removed", c.App.Auth.RemovePasskey(c.R.Context(), c.Caller.Principal, c.Form("id")))
		}),
		act("factor", "factor", beginFactor),
		act("factor.confirm", "factor/confirm", confirmFactor),
		act("factor.codes", "factor/codes", newCodes),
		act("factor.off", "factor/off", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.factor.off", c.App.Auth.DisableTOTP(c.R.Context(), c.Caller.Principal, c.Form("code")))
		}),
		act("identities", "identities/remove", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.identity.removed", c.App.Auth.Unlink(c.R.Context(), c.Caller.Principal, c.Form("provider"), c.Form("subject")))
		}),
		self("account.identities.add", "GET", "/account/identities/{provider}", "", linkIdentity),
		act("sessions", "sessions/end", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.session.ended", c.App.Auth.EndSession(c.R.Context(), c.Caller.Principal, c.Form("id")))
		}),
		act("sessions.others", "sessions/end-others", func(c *Ctx, p *accountPage) (any, error) {
			_, err := c.App.Auth.EndOtherSessions(c.R.Context(), c.Caller.Principal)
			return c.done("toast.sessions.ended", err)
		}),
		act("tokens", "tokens", createToken),
		act("tokens.revoke", "tokens/revoke", func(c *Ctx, p *accountPage) (any, error) {
			return c.done("toast.token.revoked", c.App.Auth.RevokeToken(c.R.Context(), c.Caller.Principal, c.Form("id")))
		}),
		self("account.data", "GET", "/account/data", "mydata.html", myData),
	}
}

// done goes back to the account with a toast.
func (c *Ctx) done(toast string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return Redirect{To: "/account", Toast: &Toast{Key: toast}}, nil
}

// accountAct runs what a form of the account page asks for; an error that the
// reader can mend is shown in its panel.
func (c *Ctx) accountAct(panel string, act func(*Ctx, *accountPage) (any, error)) (any, error) {
	p, err := c.accountPage()
	if err != nil {
		return nil, err
	}
	answer, err := act(c, p)
	if err == nil {
		return answer, nil
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal || kind == fault.Unavailable {
		return nil, err
	}
	p.At, p.Status = panel, kind.Status()
	if kind == fault.Unauthenticated {
		p.Status = http.StatusUnprocessableEntity
	}
	for _, pr := range fault.ProblemsOf(err) {
		p.Errors[pr.Field] = c.Say(err)
	}
	if len(p.Errors) == 0 {
		p.Problem = c.Say(err)
	}
	return p, nil
}

func account(c *Ctx) (any, error) { return c.accountPage() }

func (c *Ctx) accountPage() (*accountPage, error) {
	ctx, who, svc := c.R.Context(), c.Caller.Principal, c.App.Auth
	p := &accountPage{Errors: map[string]string{}, Passkeys: svc.PasskeysOn(), Role: c.In(who.Role.Info().Title), Record: c.App.HrefOf(who.UserRef)}
	p.Title, p.Places = c.T("account.title"), c.Places(true, "account")[1:]
	var err error
	if p.Me, err = svc.Me(ctx, who); err != nil {
		return nil, err
	}
	p.Name = p.Me.Name
	if p.Sessions, err = svc.Sessions(ctx, who); err != nil {
		return nil, err
	}
	if p.Tokens, err = svc.Tokens(ctx, who); err != nil {
		return nil, err
	}
	if p.Buttons, err = svc.SignInButtons(ctx, who.Org); err != nil {
		return nil, err
	}
	p.Buttons = slices.DeleteFunc(p.Buttons, func(b auth.Button) bool {
		return slices.ContainsFunc(p.Me.Identities, func(i auth.Identity) bool { return i.Provider == b.ID })
	})
	for _, s := range auth.Scopes {
		p.Scopes = append(p.Scopes, option{Value: string(s), Label: c.T("scope." + string(s))})
	}
	return p, nil
}

func addPasskey(c *Ctx) (any, error) {
	data, err := c.credential()
	if err != nil {
		return nil, err
	}
	name := c.Param("name")
	if name == "" {
		name = c.T("passkey.unnamed")
	}
	if _, err := c.App.Auth.FinishPasskey(c.R.Context(), c.Caller.Principal, cookie(c.R, flowCookie), name, data); err != nil {
		return nil, asForm(err)
	}
	c.flash(&Toast{Key: "toast.passkey.added", Args: []string{name}})
	return c.writeJSON(map[string]string{"location": "/account"})
}

func beginFactor(c *Ctx, p *accountPage) (any, error) {
	setup, err := c.App.Auth.BeginTOTP(c.R.Context(), c.Caller.Principal)
	if err != nil {
		return nil, err
	}
	return p, p.showFactor(c, setup.Secret, setup.URL)
}

// showFactor draws the QR code of a secret.
func (p *accountPage) showFactor(c *Ctx, secret, address string) error {
	if !strings.HasPrefix(address, "otpauth://") {
		return fault.New(fault.Invalid, "that is no address of an authenticator").Coded("authenticator")
	}
	drawn, err := qrCode(address, c.T("factor.qr"))
	p.TOTP, p.At = &totpSetup{Secret: secret, URL: address, QR: drawn}, "factor"
	return err
}

// confirmFactor checks the first code. A wrong one leaves the QR code on the
// page.
func confirmFactor(c *Ctx, p *accountPage) (any, error) {
	codes, err := c.App.Auth.ConfirmTOTP(c.R.Context(), c.Caller.Principal, c.Form("code"))
	if err != nil {
		if shown := p.showFactor(c, c.Form("secret"), c.Form("url")); shown != nil {
			return nil, shown
		}
		return nil, err
	}
	return c.showCodes(p, codes)
}

func (c *Ctx) showCodes(p *accountPage, codes []string) (any, error) {
	fresh, err := c.accountPage()
	if err != nil {
		return nil, err
	}
	*p = *fresh
	p.Codes, p.At = codes, "factor"
	return p, nil
}

func newCodes(c *Ctx, p *accountPage) (any, error) {
	codes, err := c.App.Auth.NewRecoveryCodes(c.R.Context(), c.Caller.Principal, c.Form("code"))
	if err != nil {
		return nil, err
	}
	return c.showCodes(p, codes)
}

// qrCode draws a text as a QR code: one path of squares in a view box.
func qrCode(text, label string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", err
	}
	const quiet = 2 // modules around it
	size := code.Bounds().Dx()
	var b strings.Builder
	b.WriteString(`<svg role="img" aria-label="` + esc(label) + `" viewBox="0 0 ` + strconv.Itoa(size+2*quiet) + ` ` + strconv.Itoa(size+2*quiet) + `" shape-rendering="crispEdges"><path d="`)
	for y := range size {
		for x := 0; x < size; x++ {
			if r, _, _, _ := code.At(x, y).RGBA(); r != 0 {
				continue
			}
			from := x
			for x+1 < size {
				if r, _, _, _ := code.At(x+1, y).RGBA(); r != 0 {
					break
				}
				x++
			}
			b.WriteString("M" + strconv.Itoa(from+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(x-from+1) + "v1H" + strconv.Itoa(from+quiet) + "z")
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}

func linkIdentity(c *Ctx) (any, error) {
	start, err := c.App.Auth.StartSSOLink(c.R.Context(), c.Caller.Principal, c.R.PathValue("provider"), c.base()+"/sign-in/callback", "/account")
	if err != nil {
		return nil, err
	}
	c.keepStep(flowCookie, start.Flow)
	http.Redirect(c.W, c.R, start.URL, http.StatusSeeOther)
	return nil, nil
}

func createToken(c *Ctx, p *accountPage) (any, error) {
	n := auth.NewToken{Name: c.Form("name")}
	for _, s := range c.R.PostForm["scope"] {
		n.Scopes = append(n.Scopes, auth.Scope(s))
	}
	if d, err := strconv.Atoi(c.Form("days")); err == nil && d > 0 {
		n.Expires = c.Now.Add(time.Duration(d) * 24 * time.Hour)
	}
	made, secret, err := c.App.Auth.CreateToken(c.R.Context(), c.Caller.Principal, n)
	if err != nil {
		return nil, err
	}
	fresh, err := c.accountPage()
	if err != nil {
		return nil, err
	}
	*p = *fresh
	p.Secret, p.Made, p.At = secret, made.Name, "tokens"
	return p, nil
}

// myDataPage is all that is held about the person who asks, and who looked.
type myDataPage struct {
	Shell
	Me     auth.AccountInfo
	Record string
	Looks  []audit.Look
	Acts   []audit.Record
	Today  time.Time // when they last looked at the first page
}

// myDataLimit is how many entries of the audit log are shown.
const myDataLimit = 50

func myData(c *Ctx) (any, error) {
	ctx, who := c.R.Context(), c.Caller.Principal
	me, err := c.App.Auth.Me(ctx, who)
	if err != nil {
		return nil, err
	}
	p := &myDataPage{Me: me, Record: c.App.HrefOf(who.UserRef)}
	p.Title, p.Crumbs = c.T("mydata.title"), []Crumb{{"/account", c.T("account.title")}}
	if c.App.Audit != nil {
		if p.Acts, _, err = c.App.Audit.Search(ctx, who.Org, audit.Query{Actor: who.Account, Limit: myDataLimit}); err != nil {
			return nil, err
		}
		if who.UserRef != "" {
			if p.Looks, _, err = c.App.Audit.Looks(ctx, who.Org, who.UserRef, myDataLimit); err != nil {
				return nil, err
			}
		}
	}
	if c.App.Morning != nil {
		if p.Today, err = c.App.Morning.Looked(ctx, c.Caller, morning.Page); err != nil {
			return nil, err
		}
	}
	if c.Param("format") == "json" {
		held := map[string]any{"account": p.Me, "looks": p.Looks, "acts": p.Acts, "today": p.Today}
		for _, m := range c.App.Modules {
			if m.Held == nil {
				continue
			}
			more, err := m.Held(c)
			if err != nil {
				return nil, err
			}
			maps.Copy(held, more)
		}
		data, err := json.MarshalIndent(held, "", "  ")
		return File{Name: "my-data.json", Type: "application/json", Data: data}, err
	}
	return p, nil
}
