package talk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

func (w *world) told(who string, want ...string) {
	w.Helper()
	if want == nil {
		want = []string{}
	}
	if d := cmp.Diff(want, w.inbox(who)); d != "" {
		w.Errorf("%s was told (-want +got):\n%s", who, d)
	}
}

func TestWhoIsTold(t *testing.T) {
	each(t, func(w *world) {
		first := w.say("bea", talk.Draft{Body: "Hello @ana"})
		w.say("leo", talk.Draft{Body: "Hi", Thread: first.ID})
		w.change("olga", w.shop, "new")
		w.change("ana", w.shop, "newer")
		d := w.say("aud", talk.Draft{Body: "No", Kind: talk.Dispute})
		w.say("ana", talk.Draft{Body: "Yes", Kind: talk.Answer, Thread: d.ID})
		w.follow()
		w.told("ana", "Shop: Aud disputes this (owner)!", "Shop: Olga changed notes (owner)", "Shop: Leo replied (owner)", "Shop: Bea mentioned you (mentioned)!")
		w.told("leo", "Shop: Ana answered the dispute (owner)", "Shop: Aud disputes this (owner)!", "Shop: Ana changed notes (owner)", "Shop: Olga changed notes (owner)", "Shop: Bea commented (owner)")
		w.told("bea", "Shop: Ana answered the dispute (commented)", "Shop: Aud disputes this (commented)", "Shop: Ana changed notes (commented)", "Shop: Olga changed notes (commented)", "Shop: Leo replied to you (began)!")
		w.told("aud", "Shop: Ana answered the dispute (began)!")
		w.told("olga")
	})
}

// A changed comment is told only to those it calls now and did not call before.
func TestEditsAreQuiet(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	c := w.say("bea", talk.Draft{Body: "Look, @ana"})
	w.follow()
	w.later()
	_, err := w.talk.Edit(t.Context(), w.who["bea"], c.ID, "Look, @ana and @aud and @leo")
	w.must(err)
	w.follow()
	w.told("ana", "Shop: Bea mentioned you (mentioned)!")
	w.told("leo", "Shop: Bea mentioned you (mentioned)!", "Shop: Bea commented (owner)")
}

// Muting keeps all but a mention away; choosing to watch brings what does not
// concern one.
func TestMuteAndWatch(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		set := func(who string, s talk.State) {
			w.Helper()
			w.must(w.talk.SetWatch(ctx, w.who[who].Principal, w.shop, s))
		}
		get := func(who string, want talk.Watch) {
			w.Helper()
			if got, err := w.talk.GetWatch(ctx, w.who[who].Principal, w.shop); err != nil || got != want {
				w.Errorf("%s watches %+v, %v; want %+v", who, got, err, want)
			}
		}
		get("ana", talk.Watch{On: true, Why: talk.Owner})
		get("aud", talk.Watch{})
		set("ana", talk.Muted)
		set("aud", talk.Watching)
		get("ana", talk.Watch{Set: talk.Muted, Why: talk.Owner})
		get("aud", talk.Watch{On: true, Set: talk.Watching, Why: talk.Chose})
		w.change("olga", w.shop, "new")
		w.say("bea", talk.Draft{Body: "Still, @ana"})
		w.follow()
		w.told("ana", "Shop: Bea mentioned you (mentioned)!")
		w.told("aud", "Shop: Bea commented (chose)", "Shop: Olga changed notes (chose)")
		get("ana", talk.Watch{Set: talk.Muted, Why: talk.Owner}) // the mention did not unmute it
		set("ana", talk.Default)
		set("aud", talk.Default)
		get("ana", talk.Watch{On: true, Why: talk.Owner})
		get("aud", talk.Watch{})
		set("bea", talk.Muted)
		list, err := w.talk.Watches(ctx, w.who["bea"].Principal)
		if err != nil || len(list) != 1 || list[0].State != talk.Muted || list[0].Entity.Metadata.Name != "shop" {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestAssigned(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	w.shop = w.make("Part", "task", "", `{"assignee":"bea"}`)
	w.follow()
	w.told("bea", "Task: Olga made this (assigned)")
}

// What one person changes in one go is told as one, however the feed is cut into
// batches, and a replay tells nothing again.
func TestOneGoIsOneNotification(t *testing.T) {
	for _, batch := range []int{1, 2, 7, 100} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
			var b strings.Builder
			for i := range 12 {
				fmt.Fprintf(&b, "---\napiVersion: binnacle.dev/v1\nkind: Part\nmetadata: {name: p%02d, owner: 'group:platform'}\nspec: {tier: 1}\n", i)
			}
			docs, err := w.cat.Decode("f.yaml", []byte(b.String()))
			w.must(err)
			_, err = w.cat.Apply(t.Context(), w.who["olga"], docs, catalog.ApplyOptions{})
			w.must(err)
			entries := w.entries()
			w.handle(entries, batch)
			w.told("ana", "p00: Olga made 12 records (owner)")
			w.handle(entries, batch)
			w.handle(entries[3:], 5)
			w.told("ana", "p00: Olga made 12 records (owner)")
			w.later()
			w.change("olga", w.get(entity.NewRef("part", "", "p03")), "x")
			w.follow()
			w.told("ana", "p03: Olga changed notes (owner)", "p00: Olga made 12 records (owner)")
		})
	}
}

// Replaying everything writes and sends nothing twice.
func TestReplay(t *testing.T) {
	each(t, func(w *world) {
		w.say("bea", talk.Draft{Body: "Hello @ana"})
		w.change("olga", w.shop, "new")
		entries := w.entries()
		w.handle(entries, 10)
		ana, mails := w.inbox("ana"), len(w.mails())
		if len(ana) != 2 || mails != 1 {
			t.Fatalf("got %v and %d mails", ana, mails)
		}
		w.handle(entries, 1)
		if d := cmp.Diff(ana, w.inbox("ana")); d != "" || len(w.mails()) != mails {
			t.Errorf("after a replay: %s, %d mails", d, len(w.mails()))
		}
	})
}

// The watch runs over the real feed, and begins at its end.
func TestWatchBeginsAtTheEnd(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	w.say("bea", talk.Draft{Body: "Before"})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	f := feed.New(w.db, feed.WithPoll(10*time.Millisecond))
	go func() { done <- f.Run(ctx, []feed.Watch{w.talk.Watch()}, nil) }()
	for w.count(`SELECT count(*) FROM feed_cursors`) == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	w.say("bea", talk.Draft{Body: "After"})
	for deadline := time.Now().Add(10 * time.Second); len(w.inbox("ana")) == 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	w.told("ana", "Shop: Bea commented (owner)")
	stop()
	w.must(<-done)
}

func TestNobodyIsToldOfWhatTheyMayNotRead(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	w.must(w.talk.SetWatch(t.Context(), w.who["bea"].Principal, w.shop, talk.Watching))
	w.must(w.talk.SetWatch(t.Context(), w.who["aud"].Principal, w.shop, talk.Watching))
	_, err := w.db.Exec(t.Context(), `UPDATE auth_memberships SET role = 'ingest' WHERE account = ?`, w.who["bea"].Account)
	w.must(err)
	_, err = w.db.Exec(t.Context(), `UPDATE auth_memberships SET expires = 1 WHERE account = ?`, w.who["aud"].Account)
	w.must(err)
	w.change("olga", w.shop, "secret")
	w.follow()
	for _, who := range []string{"bea", "aud"} {
		if n := w.count(`SELECT count(*) FROM notifications WHERE account = ?`, w.who[who].Account); n != 0 {
			t.Errorf("%s was told", who)
		}
	}
	// What was told before the right was lost is shown no more.
	w.told("ana", "Shop: Olga changed notes (owner)")
	ana := w.who["ana"]
	ana.Role = auth.RoleIngest
	if items, err := w.talk.Inbox(t.Context(), ana.Principal, false, time.Time{}, 0); !fault.Is(err, fault.Forbidden) || len(items) != 0 {
		t.Errorf("got %v, %v", items, err)
	}
}

func TestMailAtOnce(t *testing.T) {
	each(t, func(w *world) {
		p := w.who["leo"].Principal
		set := talk.DefaultSettings
		set.Mail = talk.None
		w.must(w.talk.SetSettings(w.Context(), p, set))
		set = talk.DefaultSettings
		set.Mail = talk.All
		w.must(w.talk.SetSettings(w.Context(), w.who["ana"].Principal, set))
		w.must(w.auth.SetPreferences(w.Context(), w.who["ana"].Principal, map[string]string{"lang": "es"}))
		w.say("bea", talk.Draft{Body: "Look,\n@leo and @platform"})
		w.change("olga", w.shop, "new")
		w.say("aud", talk.Draft{Body: "No", Kind: talk.Dispute})
		w.follow()
		var got []string
		for _, a := range w.mails() {
			var m action.Message
			w.must(json.Unmarshal(a.Payload, &m))
			got = append(got, a.Target+" "+m.Subject)
			if m.List != "notification" || m.Thread != "default/"+w.shop.Metadata.UID || !strings.HasPrefix(m.Unsubscribe, "https://") {
				t.Errorf("got %+v", m)
			}
			if strings.Contains(m.Subject, "mencionó") && m.Text != "Bea te mencionó:\n\n> Look,\n> @leo and @platform\n\nShop\nhttps://binnacle.acme.example/parts/default/shop\n\n-- \nLo recibes porque te mencionaron.\nCambia lo que recibes: https://binnacle.acme.example/account/notifications\n" {
				t.Errorf("got %q", m.Text)
			}
		}
		want := map[string]bool{"ana@acme.example Shop: Bea te mencionó": true, "ana@acme.example Shop: Olga cambió notas": true, "ana@acme.example Shop: Aud objeta esto": true}
		for _, g := range got {
			if !want[g] {
				t.Errorf("an unwanted mail: %s", g)
			}
			delete(want, g)
		}
		for m := range want {
			t.Errorf("missing: %s", m)
		}
	})
}

func TestOwnWebhook(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	hooks := action.NewHooks(db, plainSealer{}, action.NewClient(action.Guard{}))
	w := newWorld(t, db, talk.Config{Hooks: hooks})
	_, _, err := hooks.Create(t.Context(), w.who["ana"].Principal, action.Hook{Account: "me", Name: "phone", URL: "https://push.example/ana"})
	w.must(err)
	set := talk.DefaultSettings
	set.Hook = talk.Direct
	w.must(w.talk.SetSettings(t.Context(), w.who["ana"].Principal, set))
	w.say("bea", talk.Draft{Body: "@ana"})
	w.change("olga", w.shop, "not direct")
	w.follow()
	list, err := action.Acts(t.Context(), db, auth.HomeID, action.Webhook, "", 10)
	if err != nil || len(list) != 1 || !strings.Contains(string(list[0].Payload), `"text":"Bea mentioned you"`) || !strings.Contains(string(list[0].Payload), "/parts/default/shop") {
		t.Errorf("got %v, %v", list, err)
	}
}

type plainSealer struct{}

func (plainSealer) Seal(_ context.Context, secret []byte, _ string) (string, error) {
	return string(secret), nil
}

func (plainSealer) Open(_ context.Context, sealed, _ string) ([]byte, error) {
	return []byte(sealed), nil
}

// A room says how its entries read, and whom they reach.
func TestNotices(t *testing.T) {
	var world *world
	failing := errors.New("not now")
	var fail error
	cfg := talk.Config{Notices: []talk.Notice{{Type: "claim.*", State: "bad", Alone: true,
		Says:   func(t talk.Told) lang.Text { return lang.T("is now\n"+t.Field("state"), "está "+t.Field("state")) },
		Direct: func(w talk.Why) bool { return w == talk.Owner },
		To: func(context.Context, sqldb.Querier, feed.Entry) (map[string]talk.Why, error) {
			return map[string]talk.Why{world.who["aud"].Account: talk.Chose, "nobody": talk.Chose}, fail
		}}}}
	w := newWorld(t, sqldbtest.SQLite(t, tables), cfg)
	world = w
	entry := feed.Entry{Seq: 9000, Org: auth.HomeID, At: w.now, Type: "claim.state", UID: w.shop.Metadata.UID, Ref: "part:default/shop", Actor: "system", Data: json.RawMessage(`{"state":"contradicted"}`)}
	w.handle([]feed.Entry{entry, {Seq: 9001, Org: auth.HomeID, Type: "run", UID: w.shop.Metadata.UID}, {Seq: 9002, Org: auth.HomeID, Type: "claim.state", UID: "unknown"}, {Seq: 9003, Type: "claim.state"}}, 10)
	w.told("ana", "Shop: is now contradicted (owner)!")
	w.told("aud", "Shop: is now contradicted (chose)")
	fail, entry.Seq = failing, 9004
	err := w.db.Tx(t.Context(), func(tx *sqldb.Tx) error { return w.talk.Watch().Handle(t.Context(), tx, []feed.Entry{entry}) })
	if !errors.Is(err, failing) {
		t.Errorf("got %v", err)
	}
}

func TestSeeing(t *testing.T) {
	each(t, func(w *world) {
		ctx, p := w.Context(), w.who["ana"].Principal
		unseen := func(want int) {
			w.Helper()
			if n, err := w.talk.Unseen(ctx, p); err != nil || n != want {
				w.Errorf("%d unseen, %v; want %d", n, err, want)
			}
		}
		other := w.make("Part", "other", "group:platform", `{}`)
		w.say("bea", talk.Draft{Body: "@ana"})
		w.change("olga", w.shop, "1")
		w.change("olga", other, "2")
		w.follow()
		unseen(4)
		set := talk.DefaultSettings
		set.Bell = talk.Direct
		w.must(w.talk.SetSettings(ctx, p, set))
		unseen(1)
		set.Bell = talk.None
		w.must(w.talk.SetSettings(ctx, p, set))
		unseen(0)
		set.Bell = talk.All
		w.must(w.talk.SetSettings(ctx, p, set))
		items, err := w.talk.Inbox(ctx, p, true, time.Time{}, 0)
		w.must(err)
		groups := talk.Grouped(items)
		if len(groups) != 2 || groups[0].Title != "Other" || len(groups[0].Items) != 2 || groups[1].Unseen != 2 {
			t.Errorf("got %+v", groups)
		}
		if _, err := w.talk.Follow(ctx, w.who["leo"].Principal, items[0].ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("another's: %v", err)
		}
		it, err := w.talk.Follow(ctx, p, items[0].ID)
		if err != nil || it.Entity.Metadata.Name != "other" {
			t.Errorf("got %+v, %v", it, err)
		}
		unseen(3)
		if n, err := w.talk.See(ctx, p, "", w.shop.Metadata.UID, time.Time{}); err != nil || n != 2 {
			t.Errorf("saw %d, %v", n, err)
		}
		unseen(1)
		if n, err := w.talk.See(ctx, p, "", "", items[3].At.Add(-time.Hour)); err != nil || n != 0 {
			t.Errorf("saw %d, %v", n, err)
		}
		if n, err := w.talk.See(ctx, p, "", "", time.Time{}); err != nil || n != 1 {
			t.Errorf("saw %d, %v", n, err)
		}
		w.now = w.now.AddDate(0, 0, 91)
		w.must(w.talk.Sweep(ctx))
		if n := w.count(`SELECT count(*) FROM notifications WHERE account = ?`, p.Account); n != 0 {
			t.Errorf("%d seen ones are kept", n)
		}
		if n := w.count(`SELECT count(*) FROM notifications`); n == 0 {
			t.Error("those not seen went too")
		}
	})
}

// The texts of the kernel's notices are there in both languages, for every type
// and every reason.
func TestNoticesRead(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	data := json.RawMessage(`{"paths":["spec.tier","metadata.owner","spec.notes","spec.rows[2].x","metadata.labels.a"],"name":"f.pdf","thread":"t","kind":"comment"}`)
	for _, n := range w.talk.Notices {
		for _, why := range []talk.Why{talk.Mentioned, talk.Began, talk.Assigned, talk.Owner, talk.Commented, talk.Chose} {
			for _, many := range []int{1, 3} {
				text := n.Says(talk.Told{Type: n.Type, Actor: "Ana", Why: why, N: many, Kind: w.cat.Kinds().Get("Part"), Data: data})
				if !strings.HasPrefix(text.En, "Ana ") || !strings.HasPrefix(text.Es, "Ana ") || text.En == text.Es || strings.Contains(text.En+text.Es, "{0}") {
					t.Errorf("%s, %s, %d: %+v", n.Type, why, many, text)
				}
			}
		}
	}
	updated := w.talk.Notices[6]
	if got := updated.Says(talk.Told{Actor: "Ana", N: 1, Kind: w.cat.Kinds().Get("Part"), Data: data}); got.En != "Ana changed tier, owner, notes and 2 more" || got.Es != "Ana cambió nivel, responsable, notas y 2 más" {
		t.Errorf("got %+v", got)
	}
}

// A room tells of things that are no records: with their own titles, pages and
// rights, and by whatever names its people go.
func TestThings(t *testing.T) {
	to := map[string]talk.Why{}
	cfg := talk.Config{Notices: []talk.Notice{{Type: "alert.paged", Icon: "bell", State: "bad", Mailed: true,
		Says:   func(t talk.Told) lang.Text { return lang.T(t.Actor+" calls", t.Actor+" llama") },
		Direct: func(w talk.Why) bool { return w == talk.Called },
		To:     func(context.Context, sqldb.Querier, feed.Entry) (map[string]talk.Why, error) { return to, nil },
		Thing: func(data json.RawMessage) talk.Thing {
			no := talk.Told{Data: data}.Field("no")
			return talk.Thing{Title: "AL-" + no + ":\nA shell", Path: "/alerts/AL-" + no, Kind: lang.T("Alert", "Alerta"), Resource: auth.Resource{Room: auth.Security, Kind: "Alert"}}
		}}}}
	w := newWorld(t, sqldbtest.SQLite(t, tables), cfg)
	w.must(w.talk.SetSettings(t.Context(), w.who["leo"].Principal, talk.Settings{Bell: talk.All, Mail: talk.All, Hook: talk.None, Digest: talk.Daily, Hour: 0, Weekday: time.Monday, Zone: "UTC"}))
	_, err := w.db.Exec(t.Context(), `UPDATE auth_memberships SET user_ref = '' WHERE account = ?`, w.who["bea"].Account)
	w.must(err)
	_, err = w.db.Exec(t.Context(), `UPDATE auth_memberships SET role = 'ingest' WHERE account = ?`, w.who["aud"].Account)
	w.must(err)
	to["user:default/ana"], to["group:default/platform"], to["bea@acme.example"], to[w.who["aud"].Account], to["nobody"], to[""] = talk.Called, talk.Assigned, talk.Called, talk.Called, talk.Called, talk.Called
	page := func(seq int64, no string) feed.Entry {
		return feed.Entry{Seq: seq, Org: auth.HomeID, At: w.now, Type: "alert.paged", UID: "alert/AL-" + no, Actor: "system", Data: json.RawMessage(`{"no":"` + no + `"}`)}
	}
	w.handle([]feed.Entry{page(9000, "1")}, 10)
	w.later()
	w.handle([]feed.Entry{page(9001, "2"), page(9000, "1")}, 10)
	w.told("ana", "AL-2: A shell: Binnacle calls (called)!", "AL-1: A shell: Binnacle calls (called)!")
	w.told("leo", "AL-2: A shell: Binnacle calls (assigned)", "AL-1: A shell: Binnacle calls (assigned)")
	w.told("bea", "AL-2: A shell: Binnacle calls (called)!", "AL-1: A shell: Binnacle calls (called)!")
	w.told("olga")
	if n := w.count(`SELECT count(*) FROM notifications WHERE account = ?`, w.who["aud"].Account); n != 0 {
		t.Error("somebody was told of what they may not read")
	}
	if got := w.mails(); len(got) != 0 {
		t.Errorf("the room mails by itself, and there are %d more mails", len(got))
	}
	items, err := w.talk.Inbox(t.Context(), w.who["ana"].Principal, true, time.Time{}, 0)
	w.must(err)
	groups := talk.Grouped(items)
	if len(groups) != 2 || groups[0].Gone || groups[0].Thing == nil || groups[0].Thing.Path != "/alerts/AL-2" || groups[0].Title != "AL-2: A shell" {
		t.Errorf("got %+v", groups)
	}
	if it, err := w.talk.Follow(t.Context(), w.who["ana"].Principal, items[0].ID); err != nil || it.Thing == nil || it.Says.Es != "Binnacle llama" {
		t.Errorf("got %+v, %v", it, err)
	}
	// In a digest they lead to their pages.
	w.now = w.now.Add(24 * time.Hour)
	w.must(w.talk.Digests(t.Context()))
	mails := w.mails()
	if len(mails) != 1 || !strings.Contains(string(mails[0].Payload), "https://binnacle.acme.example/alerts/AL-2") {
		t.Errorf("the digest is %v", mails)
	}
	// Whoever may not read them any more does not see them.
	ana := w.who["ana"].Principal
	ana.Scopes, ana.Token = []auth.Scope{"self"}, "t"
	if items, err := w.talk.Inbox(t.Context(), ana, false, time.Time{}, 0); err != nil || len(items) != 0 {
		t.Errorf("got %v, %v", items, err)
	}
}
