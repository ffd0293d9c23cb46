package listen

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// auditLog is an audit log as GitHub's API gives it: pages of three, the cursor is
// the id before the page.
type auditLog struct {
	*httptest.Server
	mu      sync.Mutex
	entries []string
	status  int // what it answers instead; 0: nothing
	header  http.Header
	asked   []string
}

func newAuditLog(t *testing.T) *auditLog {
	a := &auditLog{header: http.Header{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *auditLog) add(ids ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = append(a.entries, ids...)
}

func (a *auditLog) answer(status int, header http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.header = status, header
}

func (a *auditLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.URL.RawQuery)
	if a.status != 0 {
		for name, values := range a.header {
			w.Header()[name] = values
		}
		w.WriteHeader(a.status)
		return
	}
	q := r.URL.Query()
	if r.Header.Get("Authorization") != "Bearer s3cret" || r.URL.Path != "/orgs/acme/audit-log" || q.Get("order") != "asc" || q.Get("per_page") != "100" || q.Get("include") != "all" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	from := slices.Index(a.entries, q.Get("after")) + 1
	to := min(len(a.entries), from+3)
	if to < len(a.entries) {
		w.Header().Set("Link", fmt.Sprintf(`<https://elsewhere.example/x?order=asc&after=%s>; rel="next", <https://elsewhere.example/first>; rel="first"`, a.entries[to-1]))
	}
	list := []map[string]any{}
	for _, id := range a.entries[from:to] {
		list = append(list, map[string]any{"_document_id": id, "action": "repo.create", "@timestamp": 1700000000000})
	}
	json.NewEncoder(w).Encode(list)
}

func secretOf(_ context.Context, org, name string) (string, error) {
	if org == "home" && name == "gh" {
		return "s3cret", nil
	}
	return "", fault.New(fault.NotFound, "there is no secret %q", name)
}

func local(t *testing.T) *http.Client {
	t.Helper()
	return action.NewClient(action.Guard{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
}

func TestGitHubAuditLog(t *testing.T) {
	f, dir, log := newFake(), t.TempDir(), newAuditLog(t)
	log.add("a", "b", "c", "d", "e", "f", "g")
	url := "github-audit:" + log.URL + "/orgs/acme/audit-log?secret=gh&every=1s"
	r := collect(t, Config{Taker: f, Dir: dir, Secret: secretOf, Client: local(t)}, url)
	if k := f.wait(t, 7)[0]; k.format != "github" || k.source != "github" || !strings.Contains(k.data, `"repo.create"`) {
		t.Errorf("got %+v", k)
	}
	log.add("h")
	f.wait(t, 8)
	r.stop()
	log.add("i", "j")
	again := newFake()
	collect(t, Config{Taker: again, Dir: dir, Secret: secretOf, Client: local(t)}, url)
	again.wait(t, 2)
	if got, rest := ids(f), ids(again); got != "a b c d e f g h" || rest != "i j" {
		t.Errorf("got %s, then %s", got, rest)
	}
}

func TestGitHubRefuses(t *testing.T) {
	log := newAuditLog(t)
	log.answer(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}})
	f := newFake()
	r := collect(t, Config{Taker: f, Secret: secretOf, Client: local(t)}, "github-audit:"+log.URL+"/orgs/acme/audit-log?secret=gh&every=1s")
	says := func(text string) {
		t.Helper()
		eventually(t, func() string {
			if s := r.Status()[0]; s.State != Failing || !strings.Contains(s.Err, text) {
				return fmt.Sprintf("status %+v, want %q", s, text)
			}
			return ""
		})
	}
	says("asks to wait 1s")
	log.answer(http.StatusInternalServerError, nil)
	says("answered 500")
	log.add("a")
	log.answer(0, nil)
	f.wait(t, 1)
	eventually(t, func() string {
		if s := r.Status()[0]; s.State != Running {
			return fmt.Sprintf("status %+v", s)
		}
		return ""
	})
}

func TestGitHubFromTheEnd(t *testing.T) {
	log := newAuditLog(t)
	now := func() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }
	collect(t, Config{Taker: newFake(), Secret: secretOf, Client: local(t), Now: now}, "github-audit:"+log.URL+"/orgs/acme/audit-log?secret=gh&from=end&phrase=actor:ann")
	eventually(t, func() string {
		log.mu.Lock()
		defer log.mu.Unlock()
		if len(log.asked) == 0 || !strings.Contains(log.asked[0], "phrase=actor%3Aann+created%3A%3E%3D2026-11-28T12%3A00%3A00Z") {
			return fmt.Sprintf("asked %q", log.asked)
		}
		return ""
	})
}

func TestHowLongGitHubAsksToWait(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		status int
		header http.Header
		want   time.Duration
		says   string
	}{
		{429, http.Header{"Retry-After": {"7"}}, 7 * time.Second, "asks to wait 7s"},
		{403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.Itoa(1700000090)}}, 90 * time.Second, "asks to wait"},
		{403, http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1"}}, leastPoll, "asks to wait"},
		{429, http.Header{"Retry-After": {"99999999"}}, longest, "asks to wait"},
		{429, nil, slowDown, "asks to wait"},
		{403, nil, slowDown, "refuses the token"},
		{404, nil, slowDown, "no audit log there"},
		{502, nil, 0, "answered 502"},
	} {
		got, err := refusedBy(&http.Response{StatusCode: c.status, Header: c.header}, now)
		if got != c.want || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d %v: got %s, %v", c.status, c.header, got, err)
		}
	}
}

func TestWrongGitHub(t *testing.T) {
	for url, says := range map[string]string{
		"github-audit:":                               "secret is missing",
		"github-audit:?secret=gh":                     "no address to ask",
		"github-audit:ftp://x?secret=gh":              "no address to ask",
		"github-audit:https://a:b@x/y?secret=gh":      "no address to ask",
		"github-audit:https://x/y?secret=gh&from=now": "from=now is not known",
		"journald:/x":                                 "it has no path",
		"cloudtrail:":                                 "names no folder",
		"file:":                                       "names no file",
		"file:/a/[":                                   "pattern is wrong",
	} {
		if _, err := Parse(url); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || fault.HintOf(err) == "" {
			t.Errorf("%q: got %v (%s), want one that says %q", url, err, fault.HintOf(err), says)
		}
	}
	for url, says := range map[string]string{
		"github-audit:https://x.example/y?secret=other": `binnacle secret set other`,
		"cloudtrail:/nowhere/at/all":                    "aws s3 sync",
	} {
		specs, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Config{Taker: newFake(), Dir: t.TempDir(), Org: "home", Secret: secretOf}, specs); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), says) {
			t.Errorf("%q: got %v (%s), want a hint that says %q", url, err, fault.HintOf(err), says)
		}
	}
}

// TestGuardedAddresses asks an address of this machine without leave.
func TestGuardedAddresses(t *testing.T) {
	log := newAuditLog(t)
	r := collect(t, Config{Taker: newFake(), Secret: secretOf, Client: action.NewClient(action.Guard{})}, "github-audit:"+log.URL+"/orgs/acme/audit-log?secret=gh")
	eventually(t, func() string {
		if s := r.Status()[0]; s.State != Failing || len(log.asked) != 0 {
			return fmt.Sprintf("status %+v, asked %q", s, log.asked)
		}
		return ""
	})
}
