package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var ctx = context.Background()

// quick are the costs of hashing in tests.
var quick = HashParams{Memory: 64, Passes: 1, Lanes: 1}

const (
	password = "correct horse battery"
	testRPID = "binnacle.example"
	origin   = "https://binnacle.example"
)

// house is a Service with its home organisation, an owner and a clock that the
// test sets.
type house struct {
	*Service
	t     *testing.T
	db    *sqldb.DB
	owner Principal
	mu    sync.Mutex
	clock time.Time
}

func steps() []sqldb.Migration { return append(audit.Migrations(), Migrations()...) }

// both runs a test in a new house on each database.
func both(t *testing.T, test func(t *testing.T, h *house)) {
	sqldbtest.Run(t, steps(), func(t *testing.T, db *sqldb.DB) { test(t, newHouse(t, db)) })
}

func newHouse(t *testing.T, db *sqldb.DB) *house {
	h := emptyHouse(t, db)
	n, err := h.CreateFirstOwner(ctx, NewAccount{"Olga@Example.org", "Olga Owner", password}, "Home", Visitor{IP: "192.0.2.1", Agent: "Firefox", Via: "web"})
	if err != nil {
		t.Fatal(err)
	}
	h.owner = n.Principal
	return h
}

func emptyHouse(t *testing.T, db *sqldb.DB) *house {
	keys, err := OpenKeyring(ctx, db, filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, clock: time.Now().UTC().Truncate(time.Second)}
	h.Service, err = New(ctx, Config{DB: db, Keys: keys, Client: http.DefaultClient, RPID: testRPID, Origins: []string{origin}, Hash: quick, Now: h.time})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) time() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// join invites somebody to p's organisation, lets them accept, and returns them.
func (h *house) join(p Principal, name string, role Role, expires time.Time) Principal {
	h.t.Helper()
	l, err := h.Invite(ctx, p, Invitation{Email: name + "@example.org", Role: role, Expires: expires})
	if err != nil {
		h.t.Fatal(err)
	}
	n, err := h.AcceptInvitation(ctx, l.Secret, name, password, from("198.51.100.7"))
	if err != nil {
		h.t.Fatal(err)
	}
	return n.Principal
}

// other makes a second organisation with an owner of its own.
func (h *house) other(id string) Principal {
	h.t.Helper()
	if _, err := h.CreateOrg(ctx, h.owner, id, strings.ToUpper(id)); err != nil {
		h.t.Fatal(err)
	}
	p, err := h.Switch(ctx, h.owner, id)
	if err != nil {
		h.t.Fatal(err)
	}
	q := h.join(p, "owner-of-"+id, RoleOwner, time.Time{})
	if err := h.RemoveMember(ctx, q, h.owner.Account); err != nil {
		h.t.Fatal(err)
	}
	n, err := h.SignIn(ctx, h.owner.Email, password, from("192.0.2.1"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.owner = n.Session.Principal
	return q
}

func from(ip string) Visitor { return Visitor{IP: ip, Agent: "test", Via: "web"} }

// want fails unless err is of the kind and reason given; "" is no error.
func (h *house) want(what string, err error, kind fault.Kind, code string) {
	h.t.Helper()
	wantFault(h.t, what, err, kind, code)
}

func wantFault(t *testing.T, what string, err error, kind fault.Kind, code string) {
	t.Helper()
	reason, ok := ReasonOf(err)
	switch {
	case code == "" && err == nil:
	case code == "":
		t.Errorf("%s: %v", what, err)
	case !ok || reason.Code != code || fault.KindOf(err) != kind:
		t.Errorf("%s: got %v (%s), want %s %s", what, err, fault.KindOf(err), kind, code)
	case reason.Text.En == "" || reason.Text.Es == "" || strings.Contains(reason.Text.En+reason.Text.Es, "{"):
		t.Errorf("%s: the texts of %s are not whole: %+v", what, code, reason.Text)
	}
}

// log returns the audit records of an organisation as "action outcome reason".
func (h *house) log(org string) []string {
	h.t.Helper()
	rows, err := h.db.Query(ctx, `SELECT action, outcome, detail FROM audit WHERE org = ? ORDER BY seq`, org)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var action, outcome, detail string
		if err := rows.Scan(&action, &outcome, &detail); err != nil {
			h.t.Fatal(err)
		}
		var d struct{ Reason string }
		json.Unmarshal([]byte(detail), &d)
		out = append(out, strings.TrimSpace(action+" "+outcome+" "+d.Reason))
	}
	return out
}

// method returns how p's session began.
func (h *house) method(p Principal) string {
	h.t.Helper()
	list, err := h.Sessions(ctx, p)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range list {
		if s.Current {
			return s.Method
		}
	}
	return ""
}

func (h *house) last(org string, n int) string {
	h.t.Helper()
	l := h.log(org)
	return strings.Join(l[max(0, len(l)-n):], "; ")
}

func TestFirstOwnerIsMadeOnce(t *testing.T) {
	sqldbtest.Run(t, steps(), func(t *testing.T, db *sqldb.DB) {
		h := emptyHouse(t, db)
		if done, err := h.SetUp(ctx); err != nil || done {
			t.Fatalf("an empty database is set up: %v, %v", done, err)
		}
		const racers = 8
		errs := make(chan error, racers)
		for i := range racers {
			go func() {
				_, err := h.CreateFirstOwner(ctx, NewAccount{fmt.Sprintf("o%d@example.org", i), "O", password}, "Home", from(""))
				errs <- err
			}()
		}
		won := 0
		for range racers {
			switch err := <-errs; {
			case err == nil:
				won++
			default:
				wantFault(t, "second owner", err, fault.Conflict, "set-up")
			}
		}
		var accounts, members int
		db.QueryRow(ctx, `SELECT count(*) FROM auth_accounts`).Scan(&accounts)
		db.QueryRow(ctx, `SELECT count(*) FROM auth_memberships WHERE role = 'owner'`).Scan(&members)
		if won != 1 || accounts != 1 || members != 1 {
			t.Errorf("%d won, %d accounts, %d owners; want one of each", won, accounts, members)
		}
		if done, err := h.SetUp(ctx); err != nil || !done {
			t.Errorf("set up: %v, %v", done, err)
		}
		if o, err := h.Org(ctx, HomeID); err != nil || o.Title != "Home" || !o.Home {
			t.Errorf("home: %+v, %v", o, err)
		}
	})
}

func TestSignIn(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		v := from("203.0.113.9")
		step, err := h.SignIn(ctx, " OLGA@example.ORG ", password, v)
		if err != nil {
			t.Fatal(err)
		}
		p, err := h.BySession(ctx, step.Session.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if p.Account != h.owner.Account || p.Role != RoleOwner || p.Org != HomeID || !p.Home || p.OrgTitle != "Home" || p.Email != "olga@example.org" || p.Token != "" || p.Session == "" || p.Pinned {
			t.Errorf("principal: %+v", p)
		}
		_, wrong := h.SignIn(ctx, "olga@example.org", "wrong wrong wrong", v)
		_, unknown := h.SignIn(ctx, "nobody@example.org", "wrong wrong wrong", v)
		_, long := h.SignIn(ctx, "olga@example.org", strings.Repeat("x", MaxPassword+1), v)
		for name, err := range map[string]error{"wrong": wrong, "unknown": unknown, "long": long} {
			h.want(name, err, fault.Unauthenticated, "wrong-password")
		}
		if wrong.Error() != unknown.Error() || fault.HintOf(wrong) != fault.HintOf(unknown) {
			t.Errorf("an unknown account can be told from a wrong password: %q, %q", wrong, unknown)
		}
		if got, want := h.last(HomeID, 4), "sign-in ok; sign-in refused wrong-password; sign-in refused wrong-password; sign-in refused wrong-password"; got != want {
			t.Errorf("audit: %s\nwant:  %s", got, want)
		}
	})
}

func TestUnknownAccountHashesToo(t *testing.T) {
	h := newHouse(t, sqldbtest.SQLite(t, steps()))
	dummy, err := h.dummy()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parsePHC(dummy); err != nil || p.params != h.hasher.params {
		t.Errorf("an unknown account is hashed with %+v (%v), a known one with %+v", p.params, err, h.hasher.params)
	}
	for range cap(h.hasher.slots) {
		h.hasher.slots <- struct{}{} // nobody can hash now: who has to, waits
	}
	for _, email := range []string{"olga@example.org", "nobody@example.org"} {
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		if _, err := h.SignIn(short, email, "wrong wrong wrong", from("")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s was answered without hashing: %v", email, err)
		}
		cancel()
	}
}

func TestRehash(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		stored := func() (s string) {
			h.db.QueryRow(ctx, `SELECT password FROM auth_accounts WHERE id = ?`, h.owner.Account).Scan(&s)
			return s
		}
		before := stored()
		h.dummy() // it is hashed in the background, with the parameters that change now
		h.hasher.params.Passes = 2
		if _, err := h.SignIn(ctx, "olga@example.org", "wrong wrong wrong", from("")); err == nil || stored() != before {
			t.Errorf("a wrong password changed the hash (%v)", err)
		}
		if _, err := h.SignIn(ctx, "olga@example.org", password, from("")); err != nil {
			t.Fatal(err)
		}
		if after := stored(); !strings.Contains(after, "t=2,") {
			t.Errorf("the hash was not made again: %s", after)
		}
		if _, err := h.SignIn(ctx, "olga@example.org", password, from("")); err != nil {
			t.Errorf("after hashing again: %v", err)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		in := func() NewSession {
			t.Helper()
			step, err := h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
			if err != nil {
				t.Fatal(err)
			}
			return *step.Session
		}
		idle := in()
		h.pass(12*time.Hour - time.Second)
		if _, err := h.BySession(ctx, idle.Secret); err != nil {
			t.Errorf("just before idle: %v", err)
		}
		h.pass(12 * time.Hour)
		_, err := h.BySession(ctx, idle.Secret)
		h.want("idle", err, fault.Unauthenticated, "session-ended")

		old := in()
		for range 28 {
			h.pass(12*time.Hour - time.Minute)
			if _, err := h.BySession(ctx, old.Secret); err != nil {
				t.Fatalf("a session in use: %v", err)
			}
		}
		h.pass(time.Hour)
		_, err = h.BySession(ctx, old.Secret)
		h.want("after 14 days", err, fault.Unauthenticated, "session-ended")

		a, b, c := in(), in(), in()
		list, err := h.Sessions(ctx, a.Principal)
		if err != nil || len(list) != 3 {
			t.Fatalf("sessions: %d, %v", len(list), err)
		}
		for _, s := range list {
			if s.Current != (s.ID == a.Principal.Session) || s.IP != "203.0.113.9" || s.Agent != "test" || s.Method != "password" {
				t.Errorf("session: %+v", s)
			}
		}
		if err := h.EndSession(ctx, a.Principal, b.Principal.Session); err != nil {
			t.Fatal(err)
		}
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		h.want("another's session", h.EndSession(ctx, mia, a.Principal.Session), fault.NotFound, "no-session")
		if n, err := h.EndOtherSessions(ctx, a.Principal); n != 1 || err != nil {
			t.Errorf("ended %d others, %v; want 1", n, err)
		}
		for name, s := range map[string]NewSession{"b": b, "c": c} {
			_, err := h.BySession(ctx, s.Secret)
			h.want(name, err, fault.Unauthenticated, "session-ended")
		}
		if _, err := h.BySession(ctx, a.Secret); err != nil {
			t.Errorf("the session that asked: %v", err)
		}
		if err := h.SignOut(ctx, a.Secret, from("")); err != nil {
			t.Fatal(err)
		}
		_, err = h.BySession(ctx, a.Secret)
		h.want("signed out", err, fault.Unauthenticated, "session-ended")
		if err := h.SignOut(ctx, a.Secret, from("")); err != nil {
			t.Errorf("signing out twice: %v", err)
		}
	})
}

func TestSecretsAreNotStored(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		step, err := h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
		if err != nil {
			t.Fatal(err)
		}
		_, token, err := h.CreateToken(ctx, step.Session.Principal, NewToken{Name: "t", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		link, err := h.Invite(ctx, h.owner, Invitation{Email: "x@example.org", Role: RoleMember})
		if err != nil {
			t.Fatal(err)
		}
		setup, err := h.BeginTOTP(ctx, step.Session.Principal)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []string{
			`SELECT hash || id FROM auth_sessions`, `SELECT hash || id || prefix FROM auth_tokens`, `SELECT hash || id FROM auth_links`,
			`SELECT password || totp || totp_pending FROM auth_accounts`, `SELECT target || detail FROM audit`,
		} {
			rows, err := h.db.Query(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var text string
				rows.Scan(&text)
				for name, secret := range map[string]string{"session": step.Session.Secret, "token": token, "link": link.Secret, "totp": setup.Secret, "password": password} {
					if strings.Contains(text, secret) {
						t.Errorf("%s holds the %s", q, name)
					}
				}
			}
			rows.Close()
		}
	})
}

func TestLastSeenIsThrottled(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		step, err := h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
		if err != nil {
			t.Fatal(err)
		}
		_, secret, err := h.CreateToken(ctx, h.owner, NewToken{Name: "t", Scopes: []Scope{"read"}})
		if err != nil {
			t.Fatal(err)
		}
		seen := func() (session, token int64) {
			h.db.QueryRow(ctx, `SELECT seen FROM auth_sessions WHERE hash = ?`, digest(step.Session.Secret)).Scan(&session)
			h.db.QueryRow(ctx, `SELECT used FROM auth_tokens WHERE hash = ?`, digest(secret)).Scan(&token)
			return session, token
		}
		touch := func() {
			t.Helper()
			_, err1 := h.BySession(ctx, step.Session.Secret)
			_, err2 := h.ByToken(ctx, secret)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
		}
		touch()
		s0, t0 := seen()
		h.pass(59 * time.Second)
		touch()
		if s1, t1 := seen(); s1 != s0 || t1 != t0 {
			t.Error("written again within a minute")
		}
		h.pass(time.Second)
		touch()
		if s1, t1 := seen(); s1 <= s0 || t1 <= t0 {
			t.Error("not written after a minute")
		}
	})
}

func TestChangePassword(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		a, _ := h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
		b, _ := h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
		h.want("wrong present one", h.ChangePassword(ctx, a.Session.Principal, "wrong wrong wrong", "a new long one"), fault.Invalid, "wrong-current")
		h.want("short", h.ChangePassword(ctx, a.Session.Principal, password, "short"), fault.Invalid, "password-short")
		h.want("repeated", h.ChangePassword(ctx, a.Session.Principal, password, "aaaaaaaaaaaaaaa"), fault.Invalid, "password-weak")
		h.want("address", h.ChangePassword(ctx, a.Session.Principal, password, "Olga@Example.org"), fault.Invalid, "password-weak")
		if err := h.ChangePassword(ctx, a.Session.Principal, password, "a new long one"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.BySession(ctx, a.Session.Secret); err != nil {
			t.Errorf("the session that changed it: %v", err)
		}
		_, err := h.BySession(ctx, b.Session.Secret)
		h.want("the other session", err, fault.Unauthenticated, "session-ended")
		_, err = h.SignIn(ctx, "olga@example.org", password, from("203.0.113.9"))
		h.want("the old password", err, fault.Unauthenticated, "wrong-password")
		if _, err := h.SignIn(ctx, "olga@example.org", "a new long one", from("203.0.113.9")); err != nil {
			t.Errorf("the new password: %v", err)
		}
	})
}

func TestLimits(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		v := from("203.0.113.9")
		wrong := func(email string, v Visitor) error {
			_, err := h.SignIn(ctx, email, "wrong wrong wrong", v)
			return err
		}
		for i := range 6 {
			h.want(fmt.Sprint("try ", i), wrong("olga@example.org", v), fault.Unauthenticated, "wrong-password")
		}
		err := wrong("olga@example.org", from("198.51.100.1"))
		h.want("the seventh, from elsewhere", err, fault.RateLimited, "too-many")
		var f *fault.Error
		if !errors.As(err, &f) || f.RetryAfter != time.Second {
			t.Errorf("retry after %v, want 1s", f.RetryAfter)
		}
		_, err = h.SignIn(ctx, "olga@example.org", password, v)
		h.want("the right password, too early", err, fault.RateLimited, "too-many")
		for range 5 {
			wrong("olga@example.org", v)
		}
		if got, want := h.last(HomeID, 2), "sign-in refused wrong-password; sign-in refused too-many"; got != want {
			t.Errorf("audit: %s\nwant:  %s", got, want)
		}
		for i, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			h.pass(wait)
			h.want(fmt.Sprint("after wait ", i), wrong("olga@example.org", v), fault.Unauthenticated, "wrong-password")
			h.want(fmt.Sprint("at once after wait ", i), wrong("olga@example.org", v), fault.RateLimited, "too-many")
		}
		h.pass(8 * time.Second)
		if _, err := h.SignIn(ctx, "olga@example.org", password, v); err != nil {
			t.Fatalf("the right password after the wait: %v", err)
		}
		h.want("success forgets", wrong("olga@example.org", v), fault.Unauthenticated, "wrong-password")

		flood := from("2001:db8::1")
		for i := range 21 {
			h.want(fmt.Sprint("flood ", i), wrong(fmt.Sprintf("u%d@example.org", i), flood), fault.Unauthenticated, "wrong-password")
		}
		h.want("the address", wrong("u99@example.org", flood), fault.RateLimited, "too-many")
		h.want("its neighbour in the /64", wrong("u98@example.org", from("2001:db8::2")), fault.RateLimited, "too-many")
		h.want("another address", wrong("u97@example.org", from("2001:db8:1::1")), fault.Unauthenticated, "wrong-password")
		h.pass(25 * time.Hour)
		h.want("a day later", wrong("u99@example.org", flood), fault.Unauthenticated, "wrong-password")
		h.want("and again", wrong("u99@example.org", flood), fault.Unauthenticated, "wrong-password")
	})
}

func TestLimitHoldsSideBySide(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		const tries = 24
		got := make(chan error, tries)
		for i := range tries {
			go func() {
				_, err := h.SignIn(ctx, "olga@example.org", "wrong wrong wrong", from(fmt.Sprintf("203.0.113.%d", i)))
				got <- err
			}()
		}
		checked := 0
		for range tries {
			if fault.Is(<-got, fault.Unauthenticated) {
				checked++
			}
		}
		if checked != 6 {
			t.Errorf("%d of %d tries at once were checked, want 6", checked, tries)
		}
	})
}

func TestBackoff(t *testing.T) {
	l := limit{free: 5}
	for fails, want := range map[int]time.Duration{0: 0, 5: 0, 6: time.Second, 7: 2 * time.Second, 15: 512 * time.Second, 16: limitCap, 1000: limitCap} {
		if got := l.backoff(fails); got != want {
			t.Errorf("after %d failures: %v, want %v", fails, got, want)
		}
	}
}

func TestSweep(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		count := func() (n int) {
			h.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM auth_sessions) + (SELECT count(*) FROM auth_challenges) + (SELECT count(*) FROM auth_limits) + (SELECT count(*) FROM auth_links)`).Scan(&n)
			return n
		}
		h.SignIn(ctx, "nobody@example.org", "x", from("203.0.113.9"))
		if _, err := h.BeginPasskeySignIn(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Invite(ctx, h.owner, Invitation{Email: "x@example.org", Role: RoleMember}); err != nil {
			t.Fatal(err)
		}
		if n := count(); n != 5 { // a session, a challenge, two limits, a link
			t.Fatalf("%d rows, want 5", n)
		}
		if err := h.Sweep(ctx); err != nil || count() != 5 {
			t.Errorf("sweep took what is still good: %d rows, %v", count(), err)
		}
		h.pass(60 * 24 * time.Hour)
		if err := h.Sweep(ctx); err != nil || count() != 0 {
			t.Errorf("%d rows are left, %v", count(), err)
		}
	})
}

func TestPreferences(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		for _, change := range []map[string]string{{"lang": "es", "theme": "dark"}, {"theme": "", "list": "x"}} {
			if err := h.SetPreferences(ctx, h.owner, change); err != nil {
				t.Fatal(err)
			}
		}
		me, err := h.Me(ctx, h.owner)
		if err != nil || fmt.Sprint(me.Preferences) != "map[lang:es list:x]" || !me.Password || me.TOTP || len(me.Memberships) != 1 {
			t.Errorf("me: %+v, %v", me, err)
		}
		h.want("too many", h.SetPreferences(ctx, h.owner, map[string]string{"x": strings.Repeat("x", maxPrefs)}), fault.TooLarge, "prefs-large")
		if err := h.Rename(ctx, h.owner, "  Olga O.  "); err != nil {
			t.Fatal(err)
		}
		h.want("no name", h.Rename(ctx, h.owner, " "), fault.Invalid, "name")
		if me, _ := h.Me(ctx, h.owner); me.Name != "Olga O." {
			t.Errorf("renamed to %q", me.Name)
		}
	})
}

func TestReseal(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		secret, _ := h.enrol(h.owner)
		if _, err := h.SaveProvider(ctx, h.owner, Provider{Title: "P", Issuer: "https://idp.example", ClientID: "c", Secret: "x", DefaultRole: RoleMember}); err != nil {
			t.Fatal(err)
		}
		if _, n, err := h.RotateKey(ctx, Local(HomeID, "root", "cli")); n != 2 || err != nil {
			t.Errorf("resealed %d, %v; want 2", n, err)
		}
		if n, err := h.Reseal(ctx); n != 0 || err != nil {
			t.Errorf("resealed %d again, %v", n, err)
		}
		h.pass(time.Minute)
		step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.SecondFactor(ctx, step.Factor, h.code(secret), from("")); err != nil {
			t.Errorf("the second factor after resealing: %v", err)
		}
	})
}

// TestBusyDatabaseLetsPeopleIn: a long write does not stop reading pages.
func TestBusyDatabaseLetsPeopleIn(t *testing.T) {
	h := newHouse(t, sqldbtest.SQLite(t, steps()))
	step, err := h.SignIn(ctx, "olga@example.org", password, from(""))
	if err != nil {
		t.Fatal(err)
	}
	h.pass(time.Hour)
	err = h.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockOrg(ctx, tx, HomeID); err != nil {
			return err
		}
		start := time.Now()
		_, err := h.BySession(ctx, step.Session.Secret)
		if d := time.Since(start); d > 10*touchWait {
			t.Errorf("it took %v", d)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func BenchmarkBySession(b *testing.B) {
	for name, open := range map[string]func(testing.TB, []sqldb.Migration) *sqldb.DB{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := open(b, steps())
			keys, err := OpenKeyring(ctx, db, filepath.Join(b.TempDir(), "keys"))
			if err != nil {
				b.Fatal(err)
			}
			s, err := New(ctx, Config{DB: db, Keys: keys, Hash: quick})
			if err != nil {
				b.Fatal(err)
			}
			n, err := s.CreateFirstOwner(ctx, NewAccount{"o@example.org", "O", password}, "Home", Visitor{})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := s.BySession(ctx, n.Secret); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	h := newHasher(DefaultHash, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.hash(ctx, password); err != nil {
			b.Fatal(err)
		}
	}
}
