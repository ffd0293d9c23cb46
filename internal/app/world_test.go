package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// actor is somebody, or something, that asks.
type actor struct {
	name      string
	account   string // address; "" for a machine and for nobody
	principal auth.Principal
	cookie    string // secret of a session
	token     string
}

// request is what an actor sends.
type request struct {
	path        string
	contentType string
	body        string
	headers     []string // names and values
}

// world is a house with two organisations and everybody who may come to it.
type world struct {
	*house
	actors  []*actor // of the home organisation, the widest role first
	owner   *actor
	expired *actor // a member whose time has ended
	nobody  *actor
	other   *actor // an owner of the other organisation
	spare   map[string]string
	next    func() string
	seen    int // requests sent
}

const otherOrg = "rival"

func newWorld(t *testing.T, cfg app.Config) *world {
	h := open(t, cfg)
	w := &world{house: h, spare: map[string]string{}, next: numbered("aimed"), nobody: &actor{name: "nobody"}}
	w.own("owner@acme.example")
	for _, r := range auth.Roles {
		if r.Role == auth.RoleIngest {
			continue // of machines only
		}
		email := string(r.Role) + "@acme.example"
		if r.Role != auth.RoleOwner {
			h.join(auth.HomeID, email, r.Role)
		}
		w.actors = append(w.actors, w.person(string(r.Role), email))
	}
	w.owner = w.actors[0]
	w.actors = append(w.actors, w.machines()...)
	w.expired = w.ended()
	_, err := h.auth.CreateOrg(t.Context(), h.local, otherOrg, "Rival")
	h.must(err)
	h.join(otherOrg, "owner@rival.example", auth.RoleOwner)
	w.other = w.person("owner elsewhere", "owner@rival.example")
	return w
}

// takesEvents opens the way of events, as a server does.
func (w *world) takesEvents() {
	w.Helper()
	w.must(w.app.OpenIntake(w.Context()))
	w.Cleanup(func() { w.app.CloseIntake(context.Background()) })
}

func (w *world) person(name, email string) *actor {
	w.Helper()
	s := w.signIn(email)
	return &actor{name: name, account: email, principal: s.Principal, cookie: s.Secret}
}

// renew gives an actor another session when the one they had has ended.
func (w *world) renew(a *actor) {
	w.Helper()
	if a.account == "" {
		return
	}
	if _, err := w.auth.BySession(w.Context(), a.cookie); err != nil {
		s := w.signIn(a.account)
		a.principal, a.cookie = s.Principal, s.Secret
	}
}

// machines are a token that reads with an owner's rights and one that only
// writes events.
func (w *world) machines() []*actor {
	w.Helper()
	_, reads, err := w.auth.CreateToken(w.Context(), w.owner.principal, auth.NewToken{Name: "reads", Scopes: []auth.Scope{"read"}})
	w.must(err)
	_, writes, err := w.auth.CreateIngestToken(w.Context(), w.local, "events", time.Time{})
	w.must(err)
	var out []*actor
	for name, secret := range map[string]string{"token:read": reads, "token:ingest": writes} {
		p, err := w.auth.ByToken(w.Context(), secret)
		w.must(err)
		out = append(out, &actor{name: name, principal: p, token: secret})
	}
	if out[0].name != "token:read" {
		out[0], out[1] = out[1], out[0]
	}
	return out
}

// ended is a person whose membership ends while they are signed in.
func (w *world) ended() *actor {
	w.Helper()
	id := w.join(auth.HomeID, "past@acme.example", auth.RoleMember)
	a := w.person("member until yesterday", "past@acme.example")
	_, err := w.app.DB.Exec(w.Context(), `UPDATE auth_memberships SET expires = ? WHERE account = ?`, time.Now().Add(-24*time.Hour).UnixMicro(), id)
	w.must(err)
	return a
}

// send lets an actor ask, each time from another address, so that no limit of
// addresses is met.
func (w *world) send(a *actor, method string, r request) *httptest.ResponseRecorder {
	w.Helper()
	w.seen++
	req := httptest.NewRequest(method, r.path, strings.NewReader(r.body))
	req.RemoteAddr = fmt.Sprintf("198.18.%d.%d:1000", w.seen>>8, w.seen&255)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if a.cookie != "" {
		req.AddCookie(&http.Cookie{Name: "binnacle_session", Value: a.cookie})
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(r.headers); i += 2 {
		req.Header.Set(r.headers[i], r.headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec
}

// page reads a page as the owner.
func (w *world) page(path string) string {
	w.Helper()
	w.renew(w.owner)
	rec := w.send(w.owner, "GET", request{path: path})
	if rec.Code != http.StatusOK {
		w.Fatalf("GET %s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// form reads the form that page sends to action and changes some of its fields.
func (w *world) form(page, action string, changes ...string) request {
	w.Helper()
	values, ok := formOf(w.page(page), action)
	if !ok {
		w.Fatalf("%s has no form to %s", page, action)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
	}
	return post(action, values)
}

func post(path string, values url.Values) request {
	return request{path: path, contentType: "application/x-www-form-urlencoded", body: values.Encode()}
}

// fields makes a form of names and values.
func fields(path string, pairs ...string) request {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return post(path, values)
}

func asJSON(path, body string) request {
	return request{path: path, contentType: "application/json", body: body}
}

// upload is a form with one file.
func upload(path, name, data string, pairs ...string) request {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		m.WriteField(pairs[i], pairs[i+1])
	}
	f, err := m.CreateFormFile("files", name)
	if err == nil {
		_, err = io.WriteString(f, data)
	}
	if err = cmp.Or(err, m.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return request{path: path, contentType: m.FormDataContentType(), body: b.String()}
}

// visit is one asking of one route by one actor.
type visit struct {
	*world
	route door.Route
	kind  *catalog.Kind // of a route that every kind has
	who   *actor
	of    *actor // whose things of one's own are aimed at
}

// document is a new entity of the kind as an API takes it.
func (v *visit) document(name string) *entity.Entity {
	v.Helper()
	for _, yaml := range v.kind.Examples {
		docs, err := v.app.Catalog.Decode("example.yaml", []byte(yaml))
		v.must(err)
		for _, d := range docs {
			if d.Entity.Kind == v.kind.Name {
				e := d.Entity.Clone()
				e.Metadata.Name, e.Metadata.Namespace = name, "default"
				return e
			}
		}
	}
	v.Fatalf("%s has no example", v.kind.Name)
	return nil
}

// json writes an entity.
func (v *visit) json(e *entity.Entity) string {
	v.Helper()
	data, err := json.Marshal(e)
	v.must(err)
	return string(data)
}

// entity returns namespace and name of an entity of the kind in the home
// organisation that nobody has touched.
func (v *visit) entity() string {
	v.Helper()
	name := v.spare[v.kind.Name]
	if name == "" {
		name = v.next()
		_, err := v.app.Catalog.Create(v.Context(), v.as(), v.secret(v.document(name)))
		v.must(err)
		v.spare[v.kind.Name] = name
	}
	return "default/" + name
}

// used says that the spare entity is no longer what it was.
func (v *visit) used() { delete(v.spare, v.kind.Name) }

// marker stands in everything the home organisation keeps to itself, and word
// beside it, for searches.
const (
	marker = "zqsecret"
	word   = "lichenous"
)

// secret puts the marker into whatever every kind has.
func (v *visit) secret(e *entity.Entity) *entity.Entity {
	e.Metadata.Title = "Zqsecret title " + word
	e.Metadata.Description = "Words of zqsecret and " + word + "."
	e.Metadata.Tags = append(e.Metadata.Tags, "zqsecret-tag")
	e.Metadata.Labels = map[string]string{"zqsecret-label": "zqsecret"}
	e.Metadata.Owner = "group:default/zqsecret-owners"
	return e
}

// member adds an ordinary member to the home organisation.
func (v *visit) member() string {
	v.Helper()
	return v.join(auth.HomeID, v.next()+"@zqsecret.example", auth.RoleMember)
}

func (v *visit) invitation() string {
	v.Helper()
	link, err := v.auth.Invite(v.Context(), v.local, auth.Invitation{Email: v.next() + "@zqsecret.example", Role: auth.RoleMember})
	v.must(err)
	return link.ID
}

func (v *visit) ingestToken() string {
	v.Helper()
	t, _, err := v.auth.CreateIngestToken(v.Context(), v.local, "zqsecret events", time.Time{})
	v.must(err)
	return t.ID
}

// myToken is a token of whose things are aimed at.
func (v *visit) myToken() string {
	v.Helper()
	t, _, err := v.auth.CreateToken(v.Context(), v.of.principal, auth.NewToken{Name: "zqsecret token", Scopes: []auth.Scope{"read"}})
	v.must(err)
	return t.ID
}

// mySession is another session of theirs.
func (v *visit) mySession() string {
	v.Helper()
	return v.signIn(v.of.account).Principal.Session
}

// myView is a saved view of theirs.
func (v *visit) myView() string {
	v.Helper()
	id := v.next()
	_, err := v.app.DB.Exec(v.Context(), `INSERT INTO views (id, org, kind, name, query, account, shared, created) VALUES (?, ?, ?, 'zqsecret view', '', ?, 0, 0)`, id, v.of.principal.Org, v.kind.Name, v.of.principal.Account)
	v.must(err)
	return id
}

func (v *visit) provider() string {
	v.Helper()
	id, err := v.auth.SaveProvider(v.Context(), v.local, auth.Provider{Title: "Id", Issuer: "https://zqsecret.example", ClientID: "b", Secret: "s", DefaultRole: auth.RoleMember})
	v.must(err)
	return id
}

// talked is a record of the home organisation that people talk about.
func (v *visit) talked() *entity.Entity {
	v.Helper()
	of := *v
	of.kind = v.app.Catalog.Kinds().Get("Component")
	ns, name, _ := strings.Cut(of.entity(), "/")
	e, err := v.app.Catalog.Get(v.Context(), v.as(), entity.NewRef("component", ns, name))
	v.must(err)
	return e
}

// comment is one of theirs, that can still be changed.
func (v *visit) comment() string {
	v.Helper()
	c, err := v.app.Talk.Add(v.Context(), catalog.Caller{Principal: v.of.principal, Manager: "form"}, v.talked(), talk.Draft{Body: "Words of zqsecret."})
	v.must(err)
	return c.ID
}

func (v *visit) closedComment() string {
	v.Helper()
	id := v.comment()
	_, err := v.app.Talk.Resolve(v.Context(), catalog.Caller{Principal: v.of.principal, Manager: "form"}, id, true)
	v.must(err)
	return id
}

func (v *visit) attachment() string {
	v.Helper()
	a, err := v.app.Files.Add(v.Context(), catalog.Caller{Principal: v.of.principal, Manager: "form"}, v.talked(), "zqsecret.txt", strings.NewReader("zqsecret"))
	v.must(err)
	return a.ID
}

// notification is one of theirs.
func (v *visit) notification() string {
	v.Helper()
	id, e := v.next(), v.talked()
	_, err := v.app.DB.Exec(v.Context(), `INSERT INTO notifications (id, org, account, cause, first, last, n, at, type, why, direct, uid, ref, actor, actor_name, data, seen)
		VALUES (?, ?, ?, ?, 1, 1, 1, ?, 'comment.added', 'chose', 0, ?, ?, '', 'Zqsecret', '{}', 0)`, id, v.of.principal.Org, v.of.principal.Account, id, time.Now().UnixMicro(), e.Metadata.UID, e.Ref().String())
	v.must(err)
	return id
}

func (v *visit) hook(p auth.Principal, account string) string {
	v.Helper()
	_, err := v.app.DB.Exec(v.Context(), `DELETE FROM action_hooks WHERE account = ?`, account) // there is a limit
	v.must(err)
	k, _, err := v.app.Hooks.Create(v.Context(), p, action.Hook{Account: account, Name: "zqsecret hook", URL: "https://zqsecret.example/in"})
	v.must(err)
	return k.ID
}

// myHook is a webhook of theirs, orgHook one of the organisation.
func (v *visit) myHook() string  { v.Helper(); return v.hook(v.of.principal, v.of.principal.Account) }
func (v *visit) orgHook() string { v.Helper(); return v.hook(v.local, "") }
