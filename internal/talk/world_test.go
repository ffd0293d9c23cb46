package talk_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

type part struct {
	Tier     int    `json:"tier" en:"Tier" es:"Nivel"`
	Notes    string `json:"notes" en:"Notes" es:"Notas"`
	Assignee string `json:"assignee" en:"Assignee" es:"Asignado a" ref:"user" rel:"assignedTo,assignmentOf"`
}

type group struct {
	Members []string `json:"members" en:"Members" es:"Miembros" ref:"user" rel:"hasMember,memberOf"`
}

type user struct {
	MemberOf []string `json:"memberOf" en:"Member of" es:"Miembro de" ref:"group" rel:"memberOf,hasMember"`
}

func kinds() *catalog.Kinds {
	return catalog.NewKinds(
		catalog.Of[part](catalog.Kind{Name: "Part", Plural: "parts", Room: auth.Operations, Title: lang.T("Part", "Parte"), Titles: lang.T("Parts", "Partes")}, nil),
		catalog.Of[group](catalog.Kind{Name: "Group", Plural: "groups", Room: auth.People, Title: lang.T("Group", "Grupo"), Titles: lang.T("Groups", "Grupos")}, nil),
		catalog.Of[user](catalog.Kind{Name: "User", Plural: "users", Room: auth.People, Personal: true, Title: lang.T("Person", "Persona"), Titles: lang.T("People", "Personas")}, nil))
}

var tables = slices.Concat(feed.Migrations(), audit.Migrations(), auth.Migrations(), catalog.Migrations(), action.Migrations(), talk.Migrations())

// mute is a mailer that sends nothing: what is logged is what counts.
type mute struct{}

func (mute) Send(context.Context, action.Act) error { return nil }

// world is an organisation in which people talk: Olga runs it, Ana and Leo are
// the platform group that owns the part shop, Bea works beside them and Aud
// audits.
type world struct {
	*testing.T
	db   *sqldb.DB
	cat  *catalog.Catalog
	auth *auth.Service
	talk *talk.Service
	feed *feed.Feed
	now  time.Time
	who  map[string]catalog.Caller
	shop *entity.Entity
	seen int64 // what the watch was given
}

func each(t *testing.T, suite func(w *world)) {
	t.Helper()
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) { suite(newWorld(t, db, talk.Config{})) })
}

func newWorld(t *testing.T, db *sqldb.DB, cfg talk.Config) *world {
	t.Helper()
	w := &world{T: t, db: db, who: map[string]catalog.Caller{}, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	keys, err := auth.OpenKeyring(t.Context(), db, filepath.Join(t.TempDir(), "key"))
	w.must(err)
	w.auth, err = auth.New(t.Context(), auth.Config{DB: db, Keys: keys, Hash: auth.HashParams{Memory: 8, Passes: 1, Lanes: 1}})
	w.must(err)
	w.feed = feed.New(db)
	clock := func() time.Time { return w.now }
	w.cat = catalog.New(db, kinds(), catalog.WithClock(clock))
	cfg.Catalog, cfg.Auth, cfg.Base, cfg.Now = w.cat, w.auth, "https://binnacle.acme.example", clock
	cfg.Path = func(r entity.Ref) string { return "/" + r.Kind + "s/" + r.Namespace + "/" + r.Name }
	if cfg.Outbox == nil {
		cfg.Outbox = action.NewOutbox(db, w.feed, action.WithSender(action.Mail, mute{}))
	}
	w.talk = talk.New(cfg)
	w.people()
	w.shop = w.make("Part", "shop", "group:platform", `{"tier":1}`)
	w.settle()
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) people() {
	w.Helper()
	s, err := w.auth.CreateFirstOwner(w.Context(), auth.NewAccount{Email: "olga@acme.example", Name: "Olga", Password: "a long enough password"}, "Acme", auth.Visitor{Via: "web"})
	w.must(err)
	w.who["olga"] = catalog.Caller{Principal: s.Principal, Manager: "form"}
	for name, role := range map[string]auth.Role{"ana": auth.RoleLead, "leo": auth.RoleMember, "bea": auth.RoleMember, "aud": auth.RoleAuditor} {
		m := auth.Membership{Org: auth.HomeID, Role: role, UserRef: "user:default/" + name}
		id, err := w.auth.CreateAccount(w.Context(), auth.Local(auth.HomeID, "console", "cli"), auth.NewAccount{Email: name + "@acme.example", Name: strings.ToUpper(name[:1]) + name[1:]}, m)
		w.must(err)
		w.who[name] = catalog.Caller{Principal: auth.Principal{Account: id, Name: strings.ToUpper(name[:1]) + name[1:], Org: auth.HomeID, Role: role, UserRef: m.UserRef, Session: "s", Via: "web"}, Manager: "form"}
	}
	w.make("User", "ana", "", `{"memberOf":["platform"]}`)
	w.make("User", "leo", "", `{}`)
	w.make("User", "bea", "", `{}`)
	w.make("Group", "platform", "", `{"members":["leo"]}`)
}

// later lets a minute pass.
func (w *world) later() { w.now = w.now.Add(time.Minute) }

func (w *world) make(kind, name, owner, spec string) *entity.Entity {
	w.Helper()
	w.later()
	_, err := w.cat.Create(w.Context(), w.who["olga"], &entity.Entity{APIVersion: entity.APIVersion, Kind: kind, Metadata: entity.Metadata{Name: name, Title: strings.ToUpper(name[:1]) + name[1:], Owner: owner}, Spec: []byte(spec)})
	w.must(err)
	return w.get(entity.NewRef(kind, "", name))
}

func (w *world) get(ref entity.Ref) *entity.Entity {
	w.Helper()
	e, err := w.cat.Get(w.Context(), w.who["olga"], ref)
	w.must(err)
	return e
}

// change sets the notes of a part.
func (w *world) change(who string, on *entity.Entity, notes string) {
	w.Helper()
	w.later()
	e := w.get(on.Ref())
	e.Spec = []byte(fmt.Sprintf(`{"tier":1,"notes":%q}`, notes))
	_, err := w.cat.Update(w.Context(), w.who[who], e, catalog.UpdateOptions{})
	w.must(err)
}

// say makes a comment.
func (w *world) say(who string, d talk.Draft) talk.Comment {
	w.Helper()
	w.later()
	c, err := w.talk.Add(w.Context(), w.who[who], w.shop, d)
	w.must(err)
	return c
}

// entries returns what is new in the feed.
func (w *world) entries() []feed.Entry {
	w.Helper()
	list, err := w.feed.Read(w.Context(), "", w.seen, 10_000)
	w.must(err)
	if len(list) > 0 {
		w.seen = list[len(list)-1].Seq
	}
	return list
}

func (w *world) settle() { w.entries() }

// handle gives the watch entries, in batches of a size.
func (w *world) handle(entries []feed.Entry, batch int) {
	w.Helper()
	watch := w.talk.Watch()
	for part := range slices.Chunk(entries, batch) {
		w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return watch.Handle(w.Context(), tx, part) }))
	}
}

// follow tells of what is new.
func (w *world) follow() { w.Helper(); w.handle(w.entries(), 100) }

// inbox is what somebody was told, the newest first: "Shop: Bea commented (owner)".
func (w *world) inbox(who string) []string {
	w.Helper()
	items, err := w.talk.Inbox(w.Context(), w.who[who].Principal, false, time.Time{}, 0)
	w.must(err)
	out := []string{}
	for _, it := range items {
		line := it.Title + ": " + it.Says.En + " (" + string(it.Why) + ")"
		if it.Direct {
			line += "!"
		}
		out = append(out, line)
	}
	return out
}

// mails are the mails logged, the oldest first: "ana@acme.example: Shop: …".
func (w *world) mails() []action.Act {
	w.Helper()
	list, err := action.Acts(w.Context(), w.db, auth.HomeID, action.Mail, "", 1000)
	w.must(err)
	slices.SortFunc(list, func(a, b action.Act) int { return strings.Compare(a.Target+a.Key, b.Target+b.Key) })
	return list
}

func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.db.QueryRow(w.Context(), query, args...).Scan(&n))
	return n
}
