package action_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// sealer seals in a way that a test can see through.
type sealer struct{}

func (sealer) Seal(_ context.Context, secret []byte, context string) (string, error) {
	return "sealed:" + base64.StdEncoding.EncodeToString([]byte(context+"|"+string(secret))), nil
}

func (sealer) Open(_ context.Context, sealed, context string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sealed, "sealed:"))
	secret, ok := strings.CutPrefix(string(raw), context+"|")
	if err != nil || !ok {
		return nil, errors.New("does not open")
	}
	return []byte(secret), nil
}

// receiver is somebody's server.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []delivered
	answer func(http.ResponseWriter)
}

type delivered struct {
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.got = append(r.got, delivered{req.Header, string(body)})
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) all() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]delivered(nil), r.got...)
}

func (r *receiver) answers(f func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func hooksOn(db *sqldb.DB) *action.Hooks {
	client := action.NewClient(action.Guard{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	return action.NewHooks(db, sealer{}, client)
}

func as(role auth.Role, account string) auth.Principal {
	return auth.Principal{Account: account, Name: account, Org: "acme", Role: role, Session: "s"}
}

var owner = as(auth.RoleOwner, "olga")

func hookWork(t *testing.T, db *sqldb.DB, h *action.Hooks) {
	t.Helper()
	work(t, outbox(db, &sender{}, action.WithSender(action.Webhook, h)))
}

func TestHookIsTold(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		ctx, r, h := t.Context(), newReceiver(t), hooksOn(db)
		k, secret, err := h.Create(ctx, owner, action.Hook{Name: "chat", URL: r.URL + "/in?x=1", Types: []string{"comment.*", "entity.deleted"}})
		if err != nil || !strings.HasPrefix(secret, "whsec_") {
			t.Fatal(secret, err)
		}
		at := time.Now().Add(time.Second)
		batch := []feed.Entry{
			{Seq: 1, Org: "acme", At: at, Type: "comment.added", Ref: "component:default/shop", UID: "u1", Actor: "ana", Data: json.RawMessage(`{"comment":"c1"}`)},
			{Seq: 2, Org: "acme", At: at, Type: "entity.updated", Ref: "component:default/shop"},
			{Seq: 3, Org: "rival", At: at, Type: "comment.added"},
			{Seq: 4, Org: "acme", At: at.Add(-time.Hour), Type: "comment.added"},
		}
		for range 2 { // a replay tells nothing twice
			err = db.Tx(ctx, func(tx *sqldb.Tx) error { return h.Watch().Handle(ctx, tx, batch) })
			if err != nil {
				t.Fatal(err)
			}
		}
		hookWork(t, db, h)
		eventually(t, "told", func() bool { return len(r.all()) > 0 })
		time.Sleep(30 * time.Millisecond)
		got := r.all()
		if len(got) != 1 {
			t.Fatalf("told %d times: %+v", len(got), got)
		}
		var body struct {
			Type string
			Data struct {
				Seq        int64
				Ref, Actor string
				Data       struct{ Comment string }
			}
		}
		if err := json.Unmarshal([]byte(got[0].body), &body); err != nil || body.Type != "comment.added" || body.Data.Seq != 1 || body.Data.Data.Comment != "c1" || body.Data.Ref != "component:default/shop" {
			t.Errorf("got %s, %v", got[0].body, err)
		}
		head := got[0].header
		if !strings.HasPrefix(head.Get("Webhook-Id"), "msg_") || head.Get("Webhook-Timestamp") == "" || !strings.HasPrefix(head.Get("Webhook-Signature"), "v1,") || head.Get("Content-Type") != "application/json" {
			t.Errorf("got %v", head)
		}
		list, err := h.Deliveries(ctx, owner, k.ID, 10)
		if err != nil || len(list) != 1 || list[0].State != action.Sent {
			t.Errorf("got %+v, %v", list, err)
		}
	})
}

func TestHookAnswers(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		ctx, r, h := t.Context(), newReceiver(t), hooksOn(db)
		hookWork(t, db, h)
		f := func(name string, answer func(http.ResponseWriter), want action.State, says string) {
			t.Helper()
			r.answers(answer)
			k, _, err := h.Create(ctx, owner, action.Hook{Name: name, URL: r.URL})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Test(ctx, owner, k.ID); err != nil {
				t.Fatal(err)
			}
			var a action.Act
			eventually(t, name, func() bool {
				list, err := h.Deliveries(ctx, owner, k.ID, 1)
				if err != nil || len(list) == 0 {
					return false
				}
				a = list[0]
				return a.State != action.Waiting
			})
			if a.State != want || !strings.Contains(a.Error, says) {
				t.Errorf("%s: got %s (%s), want %s (%s)", name, a.State, a.Error, want, says)
			}
			if k, err = h.Get(ctx, owner, k.ID); err != nil || k.Disabled.IsZero() == (name == "gone") {
				t.Errorf("%s: disabled %v (%s), %v", name, k.Disabled, k.Reason, err)
			}
		}
		status := func(code int) func(http.ResponseWriter) {
			return func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(code) }
		}
		f("taken", status(204), action.Sent, "")
		f("gone", status(410), action.Failed, "410")
		f("broken", status(500), action.GivenUp, "500")
		f("moved", status(302), action.GivenUp, "redirects are not followed")
		f("huge", func(w http.ResponseWriter) { w.Write(make([]byte, 11<<20)) }, action.Sent, "")
	})
}

func TestHookRotation(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	ctx, r, h := t.Context(), newReceiver(t), hooksOn(db)
	k, _, err := h.Create(ctx, owner, action.Hook{Name: "x", URL: r.URL})
	if err != nil {
		t.Fatal(err)
	}
	k, _, err = h.Rotate(ctx, owner, k.ID)
	if err != nil || time.Until(k.OldUntil) < 23*time.Hour {
		t.Fatal(k, err)
	}
	hookWork(t, db, h)
	signs := func(n int) {
		t.Helper()
		before := len(r.all())
		if _, err := h.Test(ctx, owner, k.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "told", func() bool { return len(r.all()) > before })
		if got := strings.Fields(r.all()[before].header.Get("Webhook-Signature")); len(got) != n {
			t.Errorf("got the signatures %v, want %d", got, n)
		}
	}
	signs(2)
	if _, err := db.Exec(ctx, `UPDATE action_hooks SET old_until = 1`); err != nil {
		t.Fatal(err)
	}
	signs(1)
	var sealed string
	if err := db.QueryRow(ctx, `SELECT secret FROM action_hooks`).Scan(&sealed); err != nil || strings.Contains(sealed, "whsec_") {
		t.Errorf("the secret lies open: %s, %v", sealed, err)
	}
}

func TestHookRights(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	ctx, h := t.Context(), hooksOn(db)
	shared, _, err := h.Create(ctx, owner, action.Hook{Name: "x", URL: "https://hooks.example/x"})
	if err != nil {
		t.Fatal(err)
	}
	member := as(auth.RoleMember, "mia")
	if _, _, err := h.Create(ctx, member, action.Hook{Name: "x", URL: "https://hooks.example/x"}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member made the organisation's: %v", err)
	}
	mine, _, err := h.Create(ctx, member, action.Hook{Account: "somebody else", Name: "mine", URL: "https://hooks.example/mine"})
	if err != nil || mine.Account != "mia" {
		t.Errorf("got %+v, %v", mine, err)
	}
	rival := owner
	rival.Org = "rival"
	for name, c := range map[string]struct {
		p    auth.Principal
		id   string
		want fault.Kind
	}{"the owner sees a person's own": {owner, mine.ID, fault.NotFound}, "a member sees the organisation's": {member, shared.ID, fault.Forbidden}, "another organisation": {rival, shared.ID, fault.NotFound}, "nobody": {auth.Principal{Org: "acme"}, shared.ID, fault.Unauthenticated}} {
		for what, try := range map[string]func() error{
			"get":        func() error { _, err := h.Get(ctx, c.p, c.id); return err },
			"update":     func() error { _, err := h.Update(ctx, c.p, c.id, shared); return err },
			"disable":    func() error { _, err := h.SetDisabled(ctx, c.p, c.id, true); return err },
			"rotate":     func() error { _, _, err := h.Rotate(ctx, c.p, c.id); return err },
			"test":       func() error { _, err := h.Test(ctx, c.p, c.id); return err },
			"deliveries": func() error { _, err := h.Deliveries(ctx, c.p, c.id, 1); return err },
			"remove":     func() error { return h.Remove(ctx, c.p, c.id) },
		} {
			if err := try(); !fault.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %s", name, what, err, c.want)
			}
		}
	}
	if list, err := h.List(ctx, member, true); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	for range 4 {
		if _, _, err := h.Create(ctx, member, action.Hook{Account: "mia", Name: "mine", URL: "https://hooks.example/mine"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := h.Create(ctx, member, action.Hook{Account: "mia", Name: "mine", URL: "https://hooks.example/mine"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("the sixth: got %v", err)
	}
}

func TestHookChecks(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	h := hooksOn(db)
	for _, bad := range []action.Hook{
		{URL: "https://x.example"}, {Name: "x"}, {Name: "x", URL: "ftp://x.example"}, {Name: "x", URL: "https://u:p@x.example"}, {Name: "a\nb", URL: "https://x.example"},
		{Name: "x", URL: "https://x.example", Types: []string{"entity.*.x"}}, {Name: "x", URL: "https://x.example", Types: []string{"*"}}, {Name: "x", URL: "https://x.example", Types: make([]string, 51)},
	} {
		if _, _, err := h.Create(t.Context(), owner, bad); !fault.Is(err, fault.Invalid) || len(fault.ProblemsOf(err)) != 1 {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

// What waits for a webhook that is disabled or removed ends; nothing is sent to
// a private address.
func TestHookStops(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		ctx, r := t.Context(), newReceiver(t)
		h := action.NewHooks(db, sealer{}, action.NewClient(action.Guard{}))
		off, _, err := h.Create(ctx, owner, action.Hook{Name: "x", URL: r.URL})
		if err != nil {
			t.Fatal(err)
		}
		removed, _, err := h.Create(ctx, owner, action.Hook{Name: "y", URL: r.URL})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{off.ID, removed.ID} {
			if _, err := h.Test(ctx, owner, id); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := h.SetDisabled(ctx, owner, off.ID, true); err != nil {
			t.Fatal(err)
		}
		if err := h.Remove(ctx, owner, removed.ID); err != nil {
			t.Fatal(err)
		}
		if n, err := action.Counts(ctx, db); err != nil || n[action.Waiting] != 0 || n[action.Failed] != 2 {
			t.Errorf("got %v, %v", n, err)
		}
		if _, err := h.Test(ctx, owner, off.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("testing a disabled one: %v", err)
		}
		if _, err := h.SetDisabled(ctx, owner, off.ID, false); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Test(ctx, owner, off.ID); err != nil {
			t.Fatal(err)
		}
		hookWork(t, db, h)
		eventually(t, "refused by the guard", func() bool {
			list, err := h.Deliveries(context.Background(), owner, off.ID, 1)
			return err == nil && len(list) == 1 && list[0].State == action.GivenUp && strings.Contains(list[0].Error, "not a public address")
		})
		if got := r.all(); len(got) != 0 {
			t.Errorf("a private address was told: %v", got)
		}
	})
}
