package talk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
	"github.com/binnaclehq/binnacle/internal/talk"
)

func TestComments(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		first := w.say("bea", talk.Draft{Body: "  Is this\r\nstill so, @ana and @platform and @nobody?\x00 "})
		if first.Body != "Is this\nstill so, @ana and @platform and @nobody?" || first.Kind != talk.Remark || first.By != "Bea" {
			t.Errorf("got %+v", first)
		}
		if got := strings.Join(first.Mentions, " "); got != "user:default/ana group:default/platform" {
			t.Errorf("mentions %s", got)
		}
		reply := w.say("aud", talk.Draft{Body: "I wonder too.", Thread: first.ID})
		deep := w.say("ana", talk.Draft{Body: "It is.", Thread: reply.ID})
		if deep.Thread != first.ID {
			t.Errorf("a reply to a reply is in thread %q, want %q", deep.Thread, first.ID)
		}
		w.say("leo", talk.Draft{Body: "Another matter."})
		got, err := w.talk.List(ctx, w.who["aud"].Principal, w.shop, time.Time{}, 0)
		if err != nil || len(got) != 2 || len(got[0].Replies) != 2 || got[0].Body != first.Body || got[1].By != "Leo" {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err = w.talk.List(ctx, w.who["aud"].Principal, w.shop, time.Time{}, 1); err != nil || len(got) != 1 || got[0].By != "Leo" {
			t.Errorf("the newest: got %+v, %v", got, err)
		}
		if got, err = w.talk.List(ctx, w.who["aud"].Principal, w.shop, got[0].Created, 1); err != nil || len(got) != 1 || got[0].By != "Bea" {
			t.Errorf("before it: got %+v, %v", got, err)
		}
		if n, err := w.talk.Count(ctx, auth.HomeID, w.shop.Metadata.UID); err != nil || n != 4 {
			t.Errorf("%d comments, %v", n, err)
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'comment.added' AND target = 'part:default/shop'`); n != 4 {
			t.Errorf("%d audit records", n)
		}
		for _, e := range w.entries() {
			if e.UID != w.shop.Metadata.UID || e.Type != "comment.added" || strings.Contains(string(e.Data), "still so") {
				t.Errorf("in the feed: %+v %s", e, e.Data)
			}
		}
	})
}

func TestCommentRefusals(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	w := newWorld(t, db, talk.Config{Disputable: func(k *catalog.Kind) bool { return k.Name != "Group" }})
	other := w.make("Part", "other", "", `{}`)
	group := w.get(entity.NewRef("group", "", "platform"))
	there := w.say("bea", talk.Draft{Body: "x"})
	local := catalog.Caller{Principal: auth.Local(auth.HomeID, "console", "cli"), Manager: "cli"}
	ingest := catalog.Caller{Principal: auth.Principal{Org: auth.HomeID, Role: auth.RoleIngest, Token: "t", Scopes: []auth.Scope{"ingest"}}}
	reads := w.who["bea"]
	reads.Token, reads.Scopes = "t", []auth.Scope{"read"}
	rival := w.who["olga"]
	rival.Org = "rival"
	f := func(name string, c catalog.Caller, on *entity.Entity, d talk.Draft, want fault.Kind) {
		t.Helper()
		if _, err := w.talk.Add(t.Context(), c, on, d); !fault.Is(err, want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	f("nothing", w.who["bea"], w.shop, talk.Draft{Body: " \n "}, fault.Invalid)
	f("too long", w.who["bea"], w.shop, talk.Draft{Body: strings.Repeat("x", talk.MaxBody+1)}, fault.Invalid)
	f("no kind", w.who["bea"], w.shop, talk.Draft{Body: "x", Kind: "shout"}, fault.Invalid)
	f("no thread", w.who["bea"], w.shop, talk.Draft{Body: "x", Thread: "none"}, fault.NotFound)
	f("a thread elsewhere", w.who["bea"], other, talk.Draft{Body: "x", Thread: there.ID}, fault.NotFound)
	f("a machine", ingest, w.shop, talk.Draft{Body: "x"}, fault.Forbidden)
	f("a token that only reads", reads, w.shop, talk.Draft{Body: "x"}, fault.Forbidden)
	f("a dispute of nobody", local, w.shop, talk.Draft{Body: "x", Kind: talk.Dispute}, fault.Forbidden)
	f("a dispute as a reply", w.who["bea"], w.shop, talk.Draft{Body: "x", Kind: talk.Dispute, Thread: there.ID}, fault.Invalid)
	f("a kind without claims", w.who["bea"], group, talk.Draft{Body: "x", Kind: talk.Dispute}, fault.Invalid)
	f("an answer to no dispute", w.who["ana"], w.shop, talk.Draft{Body: "x", Kind: talk.Answer, Thread: there.ID}, fault.Conflict)
	f("an auditor's approval", w.who["aud"], w.shop, talk.Draft{Body: "x", Kind: talk.Approval}, fault.Forbidden)
	for name, try := range map[string]func() error{
		"get":      func() error { _, _, err := w.talk.Get(t.Context(), rival, there.ID); return err },
		"edit":     func() error { _, err := w.talk.Edit(t.Context(), rival, there.ID, "y"); return err },
		"withdraw": func() error { _, err := w.talk.Withdraw(t.Context(), rival, there.ID); return err },
		"resolve":  func() error { _, err := w.talk.Resolve(t.Context(), rival, there.ID, true); return err },
	} {
		if err := try(); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s from another organisation: %v", name, err)
		}
	}
	if c := w.say("olga", talk.Draft{Body: "Signed off.", Kind: talk.Approval}); c.Kind != talk.Approval {
		t.Errorf("got %+v", c)
	}
}

func TestEditAndCorrect(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		c := w.say("bea", talk.Draft{Body: "It is rde."})
		if _, err := w.talk.Edit(ctx, w.who["olga"], c.ID, "no"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another edits: %v", err)
		}
		w.now = c.Created.Add(talk.EditTerm - time.Second)
		edited, err := w.talk.Edit(ctx, w.who["bea"], c.ID, "It is red, @leo.")
		if err != nil || edited.Body != "It is red, @leo." || edited.Edited.IsZero() || len(edited.Mentions) != 1 {
			t.Errorf("got %+v, %v", edited, err)
		}
		if n := w.count(`SELECT count(*) FROM comment_edits WHERE body = 'It is rde.'`); n != 1 {
			t.Error("what it said before is not kept")
		}
		w.now = c.Created.Add(talk.EditTerm)
		if _, err := w.talk.Edit(ctx, w.who["bea"], c.ID, "late"); !fault.Is(err, fault.Conflict) || !strings.Contains(fault.HintOf(err), "correct") {
			t.Errorf("a late edit: %v (%s)", err, fault.HintOf(err))
		}
		if _, err := w.talk.Correct(ctx, w.who["olga"], c.ID, "no"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another corrects: %v", err)
		}
		fix, err := w.talk.Correct(ctx, w.who["bea"], c.ID, "It is green after all.")
		if err != nil || fix.Thread != c.ID || fix.Corrects != c.ID {
			t.Errorf("got %+v, %v", fix, err)
		}
		got, err := w.talk.List(ctx, w.who["aud"].Principal, w.shop, time.Time{}, 0)
		if err != nil || len(got) != 1 || got[0].CorrectedBy != fix.ID || got[0].Body != "It is red, @leo." || got[0].Edited.IsZero() {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestWithdraw(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		c := w.say("bea", talk.Draft{Body: "The password is hunter2."})
		_, err := w.talk.Edit(ctx, w.who["bea"], c.ID, "The password was hunter2.")
		w.must(err)
		if _, err := w.talk.Withdraw(ctx, w.who["leo"], c.ID); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another member withdraws: %v", err)
		}
		gone, err := w.talk.Withdraw(ctx, w.who["ana"], c.ID) // a lead may delete the record
		if err != nil || gone.Body != "" || gone.WithdrawnBy != "Ana" {
			t.Errorf("got %+v, %v", gone, err)
		}
		if n := w.count(`SELECT count(*) FROM comments WHERE body LIKE '%hunter2%'`) + w.count(`SELECT count(*) FROM comment_edits`) + w.count(`SELECT count(*) FROM audit WHERE detail LIKE '%hunter2%'`); n != 0 {
			t.Errorf("the text is still there %d times", n)
		}
		for name, try := range map[string]func() error{
			"again":   func() error { _, err := w.talk.Withdraw(ctx, w.who["bea"], c.ID); return err },
			"edit":    func() error { _, err := w.talk.Edit(ctx, w.who["bea"], c.ID, "x"); return err },
			"correct": func() error { _, err := w.talk.Correct(ctx, w.who["bea"], c.ID, "x"); return err },
		} {
			if err := try(); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

func TestDisputes(t *testing.T) {
	each(t, func(w *world) {
		ctx, uid := w.Context(), w.shop.Metadata.UID
		open := func() int {
			w.Helper()
			got, err := w.talk.OpenDisputes(ctx, w.db, auth.HomeID, uid, "another")
			w.must(err)
			return len(got[uid])
		}
		d := w.say("aud", talk.Draft{Body: "The log says otherwise.", Kind: talk.Dispute})
		if open() != 1 || !d.Open() {
			t.Errorf("%d open", open())
		}
		w.say("olga", talk.Draft{Body: "Let me look.", Thread: d.ID})
		if _, err := w.talk.Add(ctx, w.who["bea"], w.shop, talk.Draft{Body: "No.", Kind: talk.Answer, Thread: d.ID}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("who does not own it answers: %v", err)
		}
		for _, who := range []string{"olga", "ana"} {
			if _, err := w.talk.Resolve(ctx, w.who[who], d.ID, true); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s puts another's dispute to rest: %v", who, err)
			}
		}
		a := w.say("leo", talk.Draft{Body: "It was fixed.", Kind: talk.Answer, Thread: d.ID})
		if open() != 0 || a.Thread != d.ID {
			t.Errorf("%d open after the answer %+v", open(), a)
		}
		if _, err := w.talk.Add(ctx, w.who["ana"], w.shop, talk.Draft{Body: "Too.", Kind: talk.Answer, Thread: d.ID}); !fault.Is(err, fault.Conflict) {
			t.Errorf("answered twice: %v", err)
		}
		if _, err := w.talk.Resolve(ctx, w.who["aud"], d.ID, false); err != nil || open() != 1 {
			t.Errorf("who raised it may open it again: %v, %d open", err, open())
		}
		if got, err := w.talk.Resolve(ctx, w.who["aud"], d.ID, true); err != nil || open() != 0 || got.ClosedBy != "Aud" {
			t.Errorf("and let it rest: %+v, %v", got, err)
		}
		types := map[string]int{}
		for _, e := range w.entries() {
			types[e.Type]++
		}
		if types["comment.disputed"] != 1 || types["comment.answered"] != 1 || types["comment.reopened"] != 1 || types["comment.resolved"] != 1 {
			t.Errorf("in the feed: %v", types)
		}
	})
}

// A record whose owner nobody can sign in as is answered for by who may write it.
func TestDisputeWithoutOwner(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	w.shop = w.make("Part", "orphan", "group:nobody", `{}`)
	d := w.say("aud", talk.Draft{Body: "No.", Kind: talk.Dispute})
	if may, err := w.talk.MayAnswer(t.Context(), w.who["aud"].Principal, w.shop); err != nil || may {
		t.Errorf("an auditor may answer: %v", err)
	}
	w.say("bea", talk.Draft{Body: "Yes.", Kind: talk.Answer, Thread: d.ID})
}

func TestResolve(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	c := w.say("aud", talk.Draft{Body: "Why?"})
	reply := w.say("bea", talk.Draft{Body: "Because.", Thread: c.ID})
	if _, err := w.talk.Resolve(t.Context(), w.who["bea"], reply.ID, true); !fault.Is(err, fault.Invalid) {
		t.Errorf("a reply: %v", err)
	}
	got, err := w.talk.Resolve(t.Context(), w.who["bea"], c.ID, true) // a member may write parts
	if err != nil || got.ClosedBy != "Bea" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := w.talk.Resolve(t.Context(), w.who["aud"], c.ID, true); !fault.Is(err, fault.Conflict) {
		t.Errorf("resolved twice: %v", err)
	}
	if got, err = w.talk.Resolve(t.Context(), w.who["aud"], c.ID, false); err != nil || !got.Closed.IsZero() {
		t.Errorf("who began it opens it again: %+v, %v", got, err)
	}
	other := w.say("bea", talk.Draft{Body: "Hm."})
	if _, err := w.talk.Resolve(t.Context(), w.who["aud"], other.ID, true); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an auditor resolves another's: %v", err)
	}
}

// Comments about a person follow the rights of the kind, and looks at them are
// written down.
func TestPersonalKind(t *testing.T) {
	w := newWorld(t, sqldbtest.SQLite(t, tables), talk.Config{})
	ana := w.get(entity.NewRef("user", "", "ana"))
	c, err := w.talk.Add(t.Context(), w.who["olga"], ana, talk.Draft{Body: "Leads well."})
	w.must(err)
	before := w.count(`SELECT count(*) FROM audit WHERE action = 'personal.read'`)
	if _, _, err := w.talk.Get(t.Context(), w.who["bea"], c.ID); err != nil {
		t.Error(err)
	}
	if n := w.count(`SELECT count(*) FROM audit WHERE action = 'personal.read'`) - before; n != 1 {
		t.Errorf("a look was written %d times", n)
	}
}
