package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Cookies that carry a step of signing in from one page to the next.
const (
	flowCookie   = "binnacle_flow"   // of a passkey or of single sign-on
	factorCookie = "binnacle_factor" // between the password and the code
	stepTerm     = 10 * time.Minute
)

// doorPage is a page of the door: one card with a form.
type doorPage struct {
	Shell
	Next     string
	Email    string
	Name     string
	Org      string
	Action   string
	Passkeys bool
	Buttons  []auth.Button
	Problem  string // what is wrong with the whole form
	Errors   map[string]string
	Welcome  *auth.Welcome
	MySelf   bool // who is signed in is who was invited
	Link     string
	Roles    string
}

// LinkPath is where a one-time link of a kind ("invitation", "reset",
// "sign-in") with a secret is opened.
func LinkPath(kind, secret string) string {
	if kind == "sign-in" {
		return "/sign-in/link/" + secret
	}
	return "/" + kind + "/" + secret
}

func doorPages() []PageDef {
	public := func(id, method, pattern, template string, h func(*Ctx) (any, error)) PageDef {
		return PageDef{ID: id, Method: method, Pattern: pattern, Template: template, Verb: auth.Public, Handle: h}
	}
	return []PageDef{
		public("welcome", "GET", "/welcome", "welcome.html", welcome),
		public("welcome.link", "GET", "/welcome/{secret}", "welcome.html", welcomeForm),
		public("welcome.do", "POST", "/welcome/{secret}", "welcome.html", welcomeDo),
		public("sign-in", "GET", "/sign-in", "signin.html", signIn),
		public("sign-in.do", "POST", "/sign-in", "signin.html", signInDo),
		public("sign-in.passkey", "POST", "/sign-in/passkey/options", "", passkeyOptions),
		public("sign-in.passkey.do", "POST", "/sign-in/passkey", "", passkeySignIn),
		public("sign-in.code", "GET", "/sign-in/code", "code.html", codeForm),
		public("sign-in.code.do", "POST", "/sign-in/code", "code.html", codeDo),
		public("sign-in.sso", "GET", "/sign-in/sso/{provider}", "", ssoStart),
		public("sign-in.callback", "GET", "/sign-in/callback", "signin.html", ssoFinish),
		public("sign-in.link", "GET", "/sign-in/link/{secret}", "link.html", linkForm),
		public("sign-in.link.do", "POST", "/sign-in/link/{secret}", "link.html", linkDo),
		public("invitation", "GET", "/invitation/{secret}", "invitation.html", invitation),
		public("invitation.do", "POST", "/invitation/{secret}", "invitation.html", invitationDo),
		public("reset", "GET", "/reset/{secret}", "reset.html", resetForm),
		public("reset.do", "POST", "/reset/{secret}", "reset.html", resetDo),
		public("sign-out", "POST", "/sign-out", "", signOut),
		{ID: "organisation", Method: "POST", Pattern: "/organisation", Verb: auth.Whoami, Handle: switchOrg},
	}
}

// SignIn returns the page that somebody without a session is sent to: the first
// start as long as there is no account.
func (a *App) SignIn(r *http.Request) string {
	if done, err := a.Auth.SetUp(r.Context()); err == nil && !done {
		return "/welcome"
	}
	return "/sign-in"
}

// visitor is where the request comes from.
func (c *Ctx) visitor() auth.Visitor {
	return auth.Visitor{IP: c.Caller.IP, Agent: c.R.UserAgent(), Via: "web"}
}

func (c *Ctx) doorPage(key string) *doorPage {
	p := &doorPage{Next: door.SafeNext(c.R.FormValue("next")), Errors: map[string]string{}}
	p.Title, p.Bare = c.T(key), true
	return p
}

// fail puts an error beside its field, or above the form. What the reader
// cannot mend is returned, save a missing key file: a recovery code or a
// password still lets them in.
func (p *doorPage) fail(c *Ctx, err error) error {
	kind := fault.KindOf(err)
	reason, ok := auth.ReasonOf(err)
	keyless := ok && reason.Code == "no-key"
	if kind == fault.Internal || kind == fault.Unavailable && !keyless {
		return err
	}
	if keyless {
		c.App.Log.ErrorContext(c.R.Context(), "sign-in without the key file", "error", err)
	}
	p.Status = kind.Status()
	if kind == fault.Unauthenticated {
		p.Status = http.StatusUnprocessableEntity // 401 asks the browser for a password
	}
	for _, pr := range fault.ProblemsOf(err) {
		p.Errors[pr.Field] = c.Say(err)
	}
	if len(p.Errors) == 0 {
		p.Problem = c.Say(err)
	}
	if f, ok := faultOf(err); ok && f.RetryAfter > 0 {
		p.Problem = c.T("door.wait", c.Say(err), int(f.RetryAfter.Minutes())+1)
	}
	return nil
}

// welcome says where the link is by which the first owner comes in.
func welcome(c *Ctx) (any, error) {
	if done, err := c.App.Auth.SetUp(c.R.Context()); err != nil || done {
		return Redirect{To: "/"}, err
	}
	return c.doorPage("welcome.title"), nil
}

// welcomeForm is the first owner's form, for who has the link that the program
// printed.
func welcomeForm(c *Ctx) (any, error) {
	answer, err := welcome(c)
	p, ok := answer.(*doorPage)
	if err != nil || !ok {
		return answer, err
	}
	if err := c.App.Auth.PeekSetup(c.R.Context(), c.R.PathValue("secret")); err != nil {
		return p, p.fail(c, err)
	}
	p.Action = c.R.URL.Path
	return p, nil
}

func welcomeDo(c *Ctx) (any, error) {
	p := c.doorPage("welcome.title")
	p.Email, p.Name, p.Org, p.Action = c.Form("email"), c.Form("name"), c.Form("organisation"), c.R.URL.Path
	owner := auth.NewAccount{Email: p.Email, Name: p.Name, Password: c.R.PostFormValue("password")}
	session, err := c.App.Auth.SetUpByLink(c.R.Context(), c.R.PathValue("secret"), owner, p.Org, c.visitor())
	if fault.Is(err, fault.Unauthenticated) {
		p.Action = "" // the form would not help
	}
	if err != nil {
		return p, p.fail(c, err)
	}
	return c.enter(&session, "/")
}

// enter gives the browser its session and the preferences of the account.
func (c *Ctx) enter(session *auth.NewSession, next string) (any, error) {
	c.App.door.StartSession(c.W, session.Secret, time.Time{})
	c.dropStep(factorCookie)
	me, err := c.App.Auth.Me(c.R.Context(), session.Principal)
	if err == nil {
		for pref, cookie := range map[string]string{"lang": langCookie, "theme": themeCookie, "keys": keysCookie} {
			if v := me.Preferences[pref]; v != "" {
				c.App.setPreference(c.W, cookie, v)
			}
		}
	}
	return Redirect{To: next}, nil
}

// keepPreferences stores what the reader chose with the account.
func (c *Ctx) keepPreferences() error {
	if !c.Caller.SignedIn() || c.Caller.Session == "" {
		return nil
	}
	changes := map[string]string{}
	for _, name := range []string{"lang", "theme", "keys"} {
		if v := c.Form(name); v != "" {
			changes[name] = v
		}
	}
	return c.App.Auth.SetPreferences(c.R.Context(), c.Caller.Principal, changes)
}

func signIn(c *Ctx) (any, error) {
	if c.Caller.SignedIn() {
		return Redirect{To: c.Next("/")}, nil
	}
	if to := c.App.SignIn(c.R); to != "/sign-in" {
		return Redirect{To: to}, nil
	}
	return c.signInPage()
}

func (c *Ctx) signInPage() (*doorPage, error) {
	p := c.doorPage("signin.title")
	p.Passkeys = c.App.Auth.PasskeysOn()
	var err error
	p.Buttons, err = c.App.Auth.SignInButtons(c.R.Context(), "")
	return p, err
}

func signInDo(c *Ctx) (any, error) {
	p, err := c.signInPage()
	if err != nil {
		return nil, err
	}
	p.Email = c.Form("email")
	step, err := c.App.Auth.SignIn(c.R.Context(), p.Email, c.R.PostFormValue("password"), c.visitor())
	if err != nil {
		return p, p.fail(c, err)
	}
	return c.step(step, p.Next)
}

// step goes on after one step of signing in: in, or to the second factor.
func (c *Ctx) step(s auth.Step, next string) (any, error) {
	if s.Next != "" {
		next = door.SafeNext(s.Next)
	}
	if s.Session != nil {
		return c.enter(s.Session, next)
	}
	c.keepStep(factorCookie, s.Factor)
	return Redirect{To: address("/sign-in/code", url.Values{"next": {next}})}, nil
}

func (c *Ctx) keepStep(name, value string) {
	http.SetCookie(c.W, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(stepTerm / time.Second), Secure: c.App.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (c *Ctx) dropStep(name string) {
	http.SetCookie(c.W, &http.Cookie{Name: name, Path: "/", MaxAge: -1, Secure: c.App.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func codeForm(c *Ctx) (any, error) {
	if cookie(c.R, factorCookie) == "" {
		return Redirect{To: "/sign-in"}, nil
	}
	return c.doorPage("code.title"), nil
}

func codeDo(c *Ctx) (any, error) {
	p := c.doorPage("code.title")
	step, err := c.App.Auth.SecondFactor(c.R.Context(), cookie(c.R, factorCookie), c.Form("code"), c.visitor())
	if err != nil {
		return p, p.fail(c, err)
	}
	return c.step(step, p.Next)
}

// writeJSON answers the script.
func (c *Ctx) writeJSON(v any) (any, error) {
	c.W.Header().Set("Content-Type", "application/json")
	c.W.Header().Set("Cache-Control", "no-store")
	return nil, json.NewEncoder(c.W).Encode(v)
}

func (c *Ctx) begin(ceremony auth.Ceremony, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	c.keepStep(flowCookie, ceremony.Flow)
	return c.writeJSON(ceremony.Options)
}

func passkeyOptions(c *Ctx) (any, error) {
	return c.begin(c.App.Auth.BeginPasskeySignIn(c.R.Context()))
}

// answer reads what the browser's authenticator said.
func (c *Ctx) credential() ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(c.R.Body, 64<<10))
	c.dropStep(flowCookie)
	return data, err
}

func passkeySignIn(c *Ctx) (any, error) {
	data, err := c.credential()
	if err != nil {
		return nil, err
	}
	step, err := c.App.Auth.FinishPasskeySignIn(c.R.Context(), cookie(c.R, flowCookie), data, c.visitor())
	if err != nil {
		return nil, asForm(err)
	}
	next := door.SafeNext(c.Param("next"))
	answer, err := c.step(step, next)
	if err != nil {
		return nil, err
	}
	return c.writeJSON(map[string]string{"location": answer.(Redirect).To})
}

// asForm turns a refused sign-in into an error of the form: 401 would send the
// script to the sign-in page again.
func asForm(err error) error {
	f, ok := faultOf(err)
	if !ok || f.Kind != fault.Unauthenticated {
		return err
	}
	shown := *f
	shown.Kind = fault.Invalid
	return &shown
}

// base is the address people reach the installation at.
func (c *Ctx) base() string {
	scheme := "http"
	if c.App.secure() || c.R.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + c.R.Host
}

func ssoStart(c *Ctx) (any, error) {
	provider, redirect, next := c.R.PathValue("provider"), c.base()+"/sign-in/callback", door.SafeNext(c.Param("next"))
	start, err := c.App.Auth.StartSSO(c.R.Context(), provider, redirect, next)
	if err != nil {
		return nil, err
	}
	c.keepStep(flowCookie, start.Flow)
	http.Redirect(c.W, c.R, start.URL, http.StatusSeeOther)
	return nil, nil
}

func ssoFinish(c *Ctx) (any, error) {
	step, err := c.App.Auth.FinishSSO(c.R.Context(), c.Caller.Principal, cookie(c.R, flowCookie), c.R.URL.Query(), c.visitor())
	c.dropStep(flowCookie)
	if err != nil {
		p, pageErr := c.signInPage()
		if pageErr != nil {
			return nil, pageErr
		}
		return p, p.fail(c, err)
	}
	if step.Session == nil && step.Factor == "" { // an identity was tied to the account
		return Redirect{To: door.SafeNext(step.Next)}, nil
	}
	return c.step(step, "/")
}

// linkForm asks for one press, so that a program that looks at links in mail
// does not use it up.
func linkForm(c *Ctx) (any, error) {
	p := c.doorPage("link.title")
	p.Action = c.R.URL.Path
	return p, nil
}

func linkDo(c *Ctx) (any, error) {
	p := c.doorPage("link.title")
	p.Action = c.R.URL.Path
	step, err := c.App.Auth.SignInByLink(c.R.Context(), c.R.PathValue("secret"), c.visitor())
	if err != nil {
		return p, p.fail(c, err)
	}
	return c.step(step, "/")
}

func (c *Ctx) invitationPage() (*doorPage, error) {
	p := c.doorPage("invitation.title")
	p.Action = c.R.URL.Path
	w, err := c.App.Auth.PeekInvitation(c.R.Context(), c.R.PathValue("secret"))
	if err != nil {
		p.Title = c.T("invitation.bad")
		return p, p.fail(c, err)
	}
	p.Welcome, p.Email, p.Name = &w, w.Email, w.Name
	p.Roles = c.In(w.Role.Info().Title)
	if w.OrgTitle != "" {
		p.Title = c.T("invitation.to", w.OrgTitle)
	}
	p.MySelf = c.Caller.SignedIn() && sameEmail(c.Caller.Email, w.Email)
	return p, nil
}

func sameEmail(a, b string) bool {
	x, _ := auth.FoldEmail(a)
	y, _ := auth.FoldEmail(b)
	return x == y
}

func invitation(c *Ctx) (any, error) { return c.invitationPage() }

func invitationDo(c *Ctx) (any, error) {
	p, err := c.invitationPage()
	if err != nil || p.Welcome == nil {
		return p, err
	}
	secret := c.R.PathValue("secret")
	if p.MySelf {
		if _, err := c.App.Auth.JoinByInvitation(c.R.Context(), c.Caller.Principal, secret); err != nil {
			return p, p.fail(c, err)
		}
		return Redirect{To: "/", Toast: &Toast{Key: "toast.joined", Args: []string{p.Welcome.OrgTitle}}}, nil
	}
	p.Name = c.Form("name")
	session, err := c.App.Auth.AcceptInvitation(c.R.Context(), secret, p.Name, c.R.PostFormValue("password"), c.visitor())
	if err != nil {
		return p, p.fail(c, err)
	}
	return c.enter(&session, "/")
}

func (c *Ctx) resetPage() (*doorPage, error) {
	p := c.doorPage("reset.title")
	p.Action = c.R.URL.Path
	email, err := c.App.Auth.PeekReset(c.R.Context(), c.R.PathValue("secret"))
	if err != nil {
		return p, p.fail(c, err)
	}
	p.Email = email
	return p, nil
}

func resetForm(c *Ctx) (any, error) { return c.resetPage() }

func resetDo(c *Ctx) (any, error) {
	p, err := c.resetPage()
	if err != nil || p.Email == "" {
		return p, err
	}
	if err := c.App.Auth.ResetPassword(c.R.Context(), c.R.PathValue("secret"), c.R.PostFormValue("password"), c.visitor()); err != nil {
		return p, p.fail(c, err)
	}
	return Redirect{To: "/sign-in", Toast: &Toast{Key: "toast.password"}}, nil
}

func signOut(c *Ctx) (any, error) {
	if secret := c.App.door.SessionSecret(c.R); secret != "" {
		if err := c.App.Auth.SignOut(c.R.Context(), secret, c.visitor()); err != nil && fault.KindOf(err) == fault.Internal {
			return nil, err
		}
	}
	c.App.door.EndSession(c.W)
	return Redirect{To: "/sign-in", Toast: &Toast{Key: "toast.signedout"}}, nil
}

func switchOrg(c *Ctx) (any, error) {
	p, err := c.App.Auth.Switch(c.R.Context(), c.Caller.Principal, c.Form("org"))
	if err != nil {
		return nil, err
	}
	return Redirect{To: c.Next("/"), Toast: &Toast{Key: "toast.switched", Args: []string{p.OrgTitle}}}, nil
}

// orgChoices are the organisations the reader may switch to.
func (c *Ctx) orgChoices() []OrgChoice {
	if c.App.Auth == nil || c.Caller.Session == "" {
		return nil
	}
	all, err := c.App.Auth.Orgs(c.R.Context(), c.Caller.Principal)
	if err != nil {
		return nil
	}
	var out []OrgChoice
	for _, m := range all {
		out = append(out, OrgChoice{ID: m.Org, Title: orgTitle(m.OrgTitle, m.Org), Role: m.Role.Info().Title.In(c.Lang), Current: m.Org == c.Caller.Org})
	}
	return out
}

func orgTitle(title, id string) string {
	if title != "" {
		return title
	}
	return id
}
