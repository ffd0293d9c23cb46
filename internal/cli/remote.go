package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
)

// remote is a server.
type remote struct {
	*client
	kinds *catalog.Kinds
	path  func(kind, secret string) string
}

func (s *session) remote() (*installation, error) {
	r := &remote{s.client(s.place.server, s.place.token), s.Kinds, s.Path}
	return &installation{entities: r, people: r, ledger: r, proofs: r, overview: r, talking: r, events: r, where: s.place.server, far: r}, nil
}

func (s *session) client(server, token string) *client {
	return &client{http: &http.Client{}, base: server, token: token, version: s.Version, lang: string(s.code)}
}

// address returns the path of an entity. A kind this program does not know is
// left to the server.
func (r *remote) address(ref entity.Ref) string {
	plural := ref.Kind
	if k := r.kinds.Get(ref.Kind); k != nil {
		plural = k.Plural
	}
	return "/" + plural + "/" + url.PathEscape(ref.Namespace) + "/" + url.PathEscape(ref.Name)
}

func (h hand) query() url.Values {
	q := url.Values{}
	if h.reason != "" {
		q.Set("reason", h.reason)
	}
	return q
}

func (r *remote) Get(ctx context.Context, ref entity.Ref) (*entity.Entity, error) {
	var e entity.Entity
	if err := r.get(ctx, r.address(ref), nil, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// listPath returns where a query is asked and its parameters.
func (r *remote) listPath(q catalog.Query) (string, url.Values) {
	v := selectQuery(q)
	path := "/entities"
	if len(q.Kinds) == 1 {
		v.Del("kind")
		path = "/" + q.Kinds[0]
		if k := r.kinds.Get(q.Kinds[0]); k != nil {
			path = "/" + k.Plural
		}
	}
	for field, values := range q.Fields {
		v[field] = values
	}
	if q.Sort != "" {
		sort := q.Sort
		if q.Desc {
			sort = "-" + sort
		}
		v.Set("sort", sort)
	}
	return path, v
}

func selectQuery(q catalog.Query) url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"namespace": q.Namespace, "labels": q.Labels, "owner": q.Owner, "filter": q.CEL, "q": q.Text} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, t := range q.Tags {
		v.Add("tag", t)
	}
	for _, k := range q.Kinds {
		v.Add("kind", k)
	}
	return v
}

// Each reads page after page, so that a limit costs no more than it needs.
func (r *remote) Each(ctx context.Context, q catalog.Query, f func(*entity.Entity) error) error {
	path, v := r.listPath(q)
	v.Set("total", "false")
	v.Set("limit", strconv.Itoa(min(cmp.Or(q.Limit, catalog.MaxLimit), catalog.MaxLimit)))
	return upTo(q.Limit, f, func(f func(*entity.Entity) error) error {
		for {
			var page struct {
				Items []*entity.Entity `json:"items"`
				Next  string           `json:"next"`
			}
			if err := r.get(ctx, path, v, &page); err != nil {
				return err
			}
			for _, e := range page.Items {
				if err := f(e); err != nil {
					return err
				}
			}
			if page.Next == "" {
				return nil
			}
			v.Set("cursor", page.Next)
		}
	})
}

func (r *remote) Search(ctx context.Context, text string, kinds []string, limit int) ([]catalog.Hit, error) {
	var out struct{ Items []catalog.Hit }
	err := r.get(ctx, "/search", url.Values{"q": {text}, "kind": kinds, "limit": {strconv.Itoa(limit)}}, &out)
	return out.Items, err
}

func (r *remote) Relations(ctx context.Context, ref entity.Ref) ([]catalog.Relation, error) {
	var out struct{ Items []catalog.Relation }
	err := r.get(ctx, r.address(ref)+"/relations", nil, &out)
	return out.Items, err
}

func (r *remote) History(ctx context.Context, ref entity.Ref, limit int) ([]catalog.Revision, error) {
	var out struct{ Items []catalog.Revision }
	err := r.get(ctx, r.address(ref)+"/history", url.Values{"limit": {strconv.Itoa(limit)}}, &out)
	return out.Items, err
}

func (r *remote) Revision(ctx context.Context, ref entity.Ref, rev int64) (*catalog.Revision, error) {
	var out catalog.Revision
	return &out, r.get(ctx, r.address(ref)+"/history/"+strconv.FormatInt(rev, 10), nil, &out)
}

func (r *remote) Apply(ctx context.Context, files []catalog.File, opts catalog.ApplyOptions, h hand) (*catalog.ApplyResult, error) {
	q := h.query()
	for name, on := range map[string]bool{"dryRun": opts.DryRun, "force": opts.Force} {
		if on {
			q.Set(name, "true")
		}
	}
	for name, value := range map[string]string{"prune": opts.Prune, "manager": h.manager} {
		if value != "" {
			q.Set(name, value)
		}
	}
	var out catalog.ApplyResult
	return &out, r.upload(ctx, "/apply", q, files, h.progress, &out)
}

func (r *remote) Update(ctx context.Context, e *entity.Entity, base int64, h hand) (*catalog.Change, error) {
	body := e.Clone()
	body.Metadata.ResourceVersion = strconv.FormatInt(base, 10)
	return r.change(ctx, "PUT", r.address(e.Ref()), h, body)
}

func (r *remote) change(ctx context.Context, method, path string, h hand, body any) (*catalog.Change, error) {
	var out catalog.Change
	if body == nil {
		return &out, r.json(ctx, ask{method: method, path: path, query: h.query()}, &out)
	}
	return &out, r.send(ctx, method, path, h.query(), body, &out)
}

func (r *remote) Delete(ctx context.Context, ref entity.Ref, h hand) (*catalog.Change, error) {
	return r.change(ctx, "DELETE", r.address(ref), h, nil)
}

func (r *remote) Rename(ctx context.Context, ref entity.Ref, name string, h hand) (*catalog.Change, error) {
	return r.change(ctx, "POST", r.address(ref)+"/rename", h, map[string]string{"name": name})
}

func (r *remote) Restore(ctx context.Context, ref entity.Ref, rev int64, h hand) (*catalog.Change, error) {
	return r.change(ctx, "POST", r.address(ref)+"/restore", h, map[string]int64{"rev": rev})
}

func (r *remote) Import(ctx context.Context, format string, files []catalog.File, opts catalog.ImportOptions, h hand) (*catalog.ImportReport, error) {
	q := h.query()
	q["arg"] = args(opts.Args)
	if opts.DryRun {
		q.Set("dryRun", "true")
	}
	var out catalog.ImportReport
	return &out, r.upload(ctx, "/import/"+url.PathEscape(format), q, files, h.progress, &out)
}

func args(m map[string]string) []string {
	var out []string
	for k, v := range m {
		out = append(out, k+"="+v)
	}
	return out
}

func (r *remote) Export(ctx context.Context, name string, opts catalog.ExportOptions) ([]catalog.File, error) {
	q := selectQuery(opts.Query)
	q["arg"] = args(opts.Args)
	q.Set("archive", "tar")
	if opts.Format != "" {
		q.Set("as", opts.Format)
	}
	resp, err := r.do(ctx, ask{method: "GET", path: "/export/" + url.PathEscape(name), query: q, accept: "*/*"})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return untar(resp.Body)
}

// Follow stays until ctx ends or the server stops.
func (r *remote) Follow(ctx context.Context, types []string, ready func() error, f func(feed.Entry) error) error {
	first := true
	return r.lines(ctx, ask{method: "GET", path: "/feed", query: url.Values{"follow": {"true"}, "type": types}}, func(line []byte) error {
		var e feed.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if first {
			first = false
			if err := ready(); err != nil {
				return err
			}
		}
		if e.Type == "heartbeat" {
			return nil
		}
		return f(e)
	})
}

func (r *remote) Whoami(ctx context.Context) (auth.Principal, error) {
	var in struct {
		Account, Name, Email, Role, Token string
		Organisation                      struct {
			ID, Title string
			Home      bool
		}
	}
	err := r.get(ctx, "/whoami", nil, &in)
	o := in.Organisation
	return auth.Principal{Account: in.Account, Name: in.Name, Email: in.Email, Role: auth.Role(in.Role), Token: in.Token, Org: o.ID, OrgTitle: o.Title, Home: o.Home}, err
}

// memberJSON is a member as the API writes one.
type memberJSON struct {
	Account, Email, Name, User string
	Role                       auth.Role
	Expires, Created, SignedIn time.Time
	Disabled, TOTP             bool
	Passkeys                   int
}

func (r *remote) Members(ctx context.Context) ([]auth.Member, error) {
	var in struct{ Items []memberJSON }
	err := r.get(ctx, "/members", nil, &in)
	var out []auth.Member
	for _, m := range in.Items {
		out = append(out, auth.Member{Membership: auth.Membership{Account: m.Account, Role: m.Role, UserRef: m.User, Expires: m.Expires, Created: m.Created},
			Email: m.Email, Name: m.Name, Disabled: m.Disabled, TOTP: m.TOTP, Passkeys: m.Passkeys, SignedIn: m.SignedIn})
	}
	return out, err
}

// invitation is what the API takes.
type invitation struct {
	Email   string    `json:"email"`
	Name    string    `json:"name,omitempty"`
	Role    auth.Role `json:"role"`
	User    string    `json:"user,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
}

// linkJSON is a one-time link as the API writes one.
type linkJSON struct {
	Secret  string
	Expires time.Time
}

func (r *remote) AddMember(ctx context.Context, m newMember) (added, error) {
	if m.password != "" {
		return added{}, usage("a server takes no password for somebody else", "un servidor no acepta la contraseña de otra persona").
			hinting("leave it out: the person chooses one by the invitation", "omítela: la persona la elige con la invitación")
	}
	var out linkJSON
	err := r.send(ctx, "POST", "/invitations", nil, invitation{m.email, m.name, m.role, m.userRef, m.expires}, &out)
	return added{invited: true, link: r.link("invitation", out)}, err
}

func (r *remote) link(kind string, l linkJSON) link {
	return link{r.base + r.path(kind, l.Secret), l.Expires}
}

func (r *remote) SetRole(ctx context.Context, m auth.Member, role auth.Role, expires time.Time) error {
	body := struct {
		Role    auth.Role `json:"role"`
		User    string    `json:"user,omitempty"`
		Expires time.Time `json:"expires,omitzero"`
	}{role, m.UserRef, expires}
	return r.send(ctx, "PUT", "/members/"+url.PathEscape(m.Account), nil, body, nil)
}

func (r *remote) SetDisabled(ctx context.Context, account string, disabled bool) error {
	return r.send(ctx, "PUT", "/members/"+url.PathEscape(account)+"/disabled", nil, map[string]bool{"disabled": disabled}, nil)
}

func (r *remote) RemoveMember(ctx context.Context, account string) error {
	return r.json(ctx, ask{method: "DELETE", path: "/members/" + url.PathEscape(account)}, nil)
}

func (r *remote) ResetLink(ctx context.Context, account string) (link, error) {
	var out linkJSON
	err := r.json(ctx, ask{method: "POST", path: "/members/" + url.PathEscape(account) + "/reset-link"}, &out)
	return r.link("reset", out), err
}

func (r *remote) SignInLink(context.Context, string) (link, error) {
	return link{}, failed(exitRefused, "only who holds the data folder may make a sign-in link", "solo quien tiene la carpeta de datos puede crear un enlace de entrada").
		hinting("use binnacle user reset-link, or --data DIR on the server's machine", "usa binnacle user reset-link, o --data DIR en la máquina del servidor")
}

// tokenJSON is a token as the API writes one.
type tokenJSON struct {
	ID, Name, Prefix, Account, Owner, CreatedBy, Secret string
	Cap                                                 auth.Role
	Scopes                                              []auth.Scope
	Created, Expires, Used                              time.Time
}

func (t tokenJSON) token() auth.Token {
	return auth.Token{ID: t.ID, Name: t.Name, Prefix: t.Prefix, Account: t.Account, Owner: t.Owner, Cap: t.Cap, Scopes: t.Scopes, CreatedBy: t.CreatedBy, Created: t.Created, Expires: t.Expires, Used: t.Used}
}

// tokenBody is a token to be made, as the API takes it.
type tokenBody struct {
	Name    string       `json:"name"`
	Scopes  []auth.Scope `json:"scopes,omitempty"`
	Cap     auth.Role    `json:"cap,omitempty"`
	Expires time.Time    `json:"expires,omitzero"`
}

func (r *remote) CreateToken(ctx context.Context, n newToken) (auth.Token, string, error) {
	if n.owner != "" {
		return auth.Token{}, "", usage("a server makes tokens for oneself only", "un servidor solo crea tokens para uno mismo").
			hinting("leave --owner out, or act on the data folder with --data DIR", "omite --owner, o actúa sobre la carpeta de datos con --data DIR")
	}
	path, body := "/account/tokens", tokenBody{n.name, n.scopes, n.cap, n.expires}
	if n.ingest {
		path, body = "/tokens", tokenBody{Name: n.name, Expires: n.expires}
	}
	var out tokenJSON
	err := r.send(ctx, "POST", path, nil, body, &out)
	return out.token(), out.Secret, err
}

func (r *remote) Tokens(ctx context.Context, all bool) ([]auth.Token, error) {
	path := "/account/tokens"
	if all {
		path = "/tokens"
	}
	var in struct{ Items []tokenJSON }
	err := r.get(ctx, path, nil, &in)
	var out []auth.Token
	for _, t := range in.Items {
		out = append(out, t.token())
	}
	return out, err
}

// RevokeToken tries one's own tokens first, then the organisation's.
func (r *remote) RevokeToken(ctx context.Context, id string) error {
	err := r.json(ctx, ask{method: "DELETE", path: "/account/tokens/" + url.PathEscape(id)}, nil)
	if !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
		return err
	}
	other := r.json(ctx, ask{method: "DELETE", path: "/tokens/" + url.PathEscape(id)}, nil)
	if fault.Is(other, fault.Forbidden) {
		return err
	}
	return other
}

func auditQuery(q audit.Query) url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"text": q.Text, "actor": q.Actor, "action": q.Action, "target": q.Target, "outcome": q.Outcome, "via": q.Via} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return v
}

func (r *remote) SearchAudit(ctx context.Context, q audit.Query) ([]audit.Record, int64, error) {
	v := auditQuery(q)
	v.Set("limit", strconv.Itoa(q.Limit))
	if q.Before > 0 {
		v.Set("before", strconv.FormatInt(q.Before, 10))
	}
	var out struct {
		Items []audit.Record
		Next  int64
	}
	err := r.get(ctx, "/audit", v, &out)
	return out.Items, out.Next, err
}

func (r *remote) ExportAudit(ctx context.Context, w io.Writer, format string, q audit.Query) error {
	v := auditQuery(q)
	v.Set("format", format)
	return r.copy(ctx, "/audit/export", v, w)
}

// copy writes an answer to w as it is.
func (r *remote) copy(ctx context.Context, path string, query url.Values, w io.Writer) error {
	resp, err := r.do(ctx, ask{method: "GET", path: path, query: query, accept: "*/*"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return failed(exitFailed, "the answer broke off", "la respuesta se cortó").because(err).hinting("try again", "repite")
	}
	return nil
}

func (r *remote) VerifyAudit(ctx context.Context, anchors []audit.Anchor) (audit.Report, error) {
	if len(anchors) == 0 {
		anchors = []audit.Anchor{{}}
	}
	var out audit.Report
	for _, a := range anchors {
		v := url.Values{}
		if a.Seq > 0 {
			v = url.Values{"seq": {strconv.FormatInt(a.Seq, 10)}, "hash": {a.Hash}}
		}
		if err := r.get(ctx, "/audit/verify", v, &out); err != nil || !out.OK {
			return out, err
		}
	}
	return out, nil
}

// isLoopback reports whether an address names this machine.
func isLoopback(server string) bool {
	u, err := url.Parse(server)
	return err == nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1")
}
