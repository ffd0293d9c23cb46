package door

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// people is an Authenticator that knows a few secrets.
type people map[string]auth.Principal

func (p people) find(secret string) (auth.Principal, error) {
	if who, ok := p[secret]; ok {
		return who, nil
	}
	if secret == "broken" {
		return auth.Principal{}, errors.New("database is away at /secret/path")
	}
	return auth.Principal{}, fault.New(fault.Unauthenticated, "That is no good.")
}

func (p people) BySession(_ context.Context, s string) (auth.Principal, error) { return p.find(s) }
func (p people) ByToken(_ context.Context, s string) (auth.Principal, error)   { return p.find(s) }

var known = people{
	"owner":   {Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner},
	"auditor": {Account: "a2", Name: "Aud", Org: "acme", Role: auth.RoleAuditor},
	"scraper": {Account: "a1", Name: "Ana", Org: "acme", Home: true, Role: auth.RoleOwner, Token: "t2", Scopes: []auth.Scope{"monitor"}},
	"sender":  {Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner, Token: "t3", Scopes: []auth.Scope{"ingest"}},
	"token":   {Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner, Token: "t1", Scopes: []auth.Scope{"read"}},
}

type fixture struct {
	http.Handler
	log     *bytes.Buffer
	refused []Refusal
}

func newFixture(t *testing.T, d Door) *fixture {
	t.Helper()
	f := &fixture{log: &bytes.Buffer{}}
	d.Auth, d.Log = known, slog.New(slog.NewJSONHandler(f.log, nil))
	d.Refused = func(_ context.Context, r Refusal) { f.refused = append(f.refused, r) }
	d.Metrics = NewMetrics()
	echo := func(w http.ResponseWriter, r *http.Request) error {
		p := PrincipalOf(r.Context())
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, p.Name+"|"+p.Via+"|"+p.IP+"|"+string(b))
		return err
	}
	security := func(*http.Request) (auth.Resource, error) {
		return auth.Resource{Room: auth.Security, Kind: "Case"}, nil
	}
	routes := []Route{
		{Method: "GET", Pattern: "/{$}", Face: Web, Verb: auth.Read, Handle: echo},
		{Method: "GET", Pattern: "/open", Face: Web, Verb: auth.Public, Handle: echo},
		{Method: "POST", Pattern: "/open", Face: Web, Verb: auth.Public, MaxBody: 10, Handle: echo},
		{Method: "GET", Pattern: "/page", Face: Web, Verb: auth.Read, Handle: echo},
		{Method: "GET", Pattern: "/link/{token}", Face: Web, Verb: auth.Public, Handle: echo},
		{Method: "GET", Pattern: "/api/thing", Face: API, Verb: auth.Read, Handle: echo},
		{Method: "POST", Pattern: "/api/thing", Face: API, Verb: auth.Write, Resource: security, MaxBody: 10, Handle: echo},
		{Method: "POST", Pattern: "/ingest", Face: API, Verb: auth.Ingest, MaxBody: 10, Handle: echo},
		{Method: "GET", Pattern: "/api/missing", Face: API, Verb: auth.Read, Resource: func(*http.Request) (auth.Resource, error) {
			return auth.Resource{}, fault.New(fault.NotFound, "no such thing")
		}, Handle: echo},
		{Method: "GET", Pattern: "/api/panic", Face: API, Verb: auth.Public, Handle: func(http.ResponseWriter, *http.Request) error { panic("secret inside") }},
		{Method: "GET", Pattern: "/api/silent", Face: API, Verb: auth.Public, Handle: func(http.ResponseWriter, *http.Request) error {
			return &fault.Error{Kind: fault.Unavailable, Msg: "The storage does not answer.", Err: errors.New("secret inside")}
		}},
		{Method: "GET", Pattern: "/api/given-up", Face: API, Verb: auth.Public, Handle: func(http.ResponseWriter, *http.Request) error {
			return &fault.Error{Kind: fault.Unavailable, Msg: "The request was given up.", Err: context.Canceled}
		}},
		{Method: "GET", Pattern: "/api/off", Face: API, Verb: auth.Public, Handle: func(http.ResponseWriter, *http.Request) error {
			return &fault.Error{Kind: fault.Unavailable, Msg: "Passkeys are off.", Err: &auth.Reason{Code: "passkeys-off"}}
		}},
		{Method: "GET", Pattern: "/api/late", Face: API, Verb: auth.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, "{")
			return errors.New("secret inside")
		}},
		{Method: "GET", Pattern: "/api/slow", Face: API, Verb: auth.Public, Timeout: 20 * time.Millisecond, Handle: func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}},
		{Method: "GET", Pattern: "/api/big", Face: API, Verb: auth.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Type", "application/json")
			for range 100 {
				io.WriteString(w, strings.Repeat("x", 100))
			}
			return nil
		}},
		{Method: "GET", Pattern: "/api/stream", Face: API, Verb: auth.Public, Stream: true, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/x-ndjson")
			_, err := io.WriteString(w, strings.Repeat("x", 10000))
			return err
		}},
	}
	routes = append(routes, HealthRoutes(func(context.Context) error { return nil }, d.Metrics)...)
	f.Handler = d.Handler(routes)
	return f
}

func (f *fixture) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestAdmission(t *testing.T) {
	f := newFixture(t, Door{})
	const cookie, bearer = "Cookie", "Authorization"
	tests := []struct {
		name, method, path string
		headers            []string
		status             int
		body               string
	}{
		{"public to nobody", "GET", "/open", nil, 200, "|web|192.0.2.1|"},
		{"page to nobody", "GET", "/page?a=b", nil, 303, ""},
		{"page by session", "GET", "/page", []string{cookie, "binnacle_session=owner"}, 200, "Ana|web|192.0.2.1|"},
		{"page with an ended session", "GET", "/page", []string{cookie, "binnacle_session=old"}, 303, ""},
		{"public with an ended session", "GET", "/open", []string{cookie, "binnacle_session=old"}, 200, "|web|192.0.2.1|"},
		{"API to nobody", "GET", "/api/thing", nil, 401, ""},
		{"API by token", "GET", "/api/thing", []string{bearer, "Bearer token"}, 200, "Ana|api|192.0.2.1|"},
		{"API by the command line", "GET", "/api/thing", []string{bearer, "bearer token", "User-Agent", "binnacle-cli/1"}, 200, "Ana|cli|192.0.2.1|"},
		{"wrong token", "GET", "/api/thing", []string{bearer, "Bearer nope"}, 401, ""},
		{"wrong token where nobody need be signed in", "GET", "/open", []string{bearer, "Bearer nope"}, 401, ""},
		{"wrong scheme", "GET", "/api/thing", []string{bearer, "Basic b3duZXI6"}, 401, ""},
		{"wrong token beside a good session", "GET", "/api/thing", []string{bearer, "Bearer nope", cookie, "binnacle_session=owner"}, 401, ""},
		{"role is not enough", "POST", "/api/thing", []string{cookie, "binnacle_session=auditor"}, 403, ""},
		{"scope is not enough", "POST", "/api/thing", []string{bearer, "Bearer token"}, 403, ""},
		{"role is enough", "POST", "/api/thing", []string{cookie, "binnacle_session=owner"}, 200, "Ana|api|192.0.2.1|hello"},
		{"another site's form", "POST", "/api/thing", []string{cookie, "binnacle_session=owner", "Sec-Fetch-Site", "cross-site"}, 403, ""},
		{"another site's form to sign in", "POST", "/open", []string{"Origin", "https://evil.example"}, 403, ""},
		{"cross-site with a token", "GET", "/api/thing", []string{bearer, "Bearer token", "Sec-Fetch-Site", "cross-site"}, 200, "Ana|api|192.0.2.1|"},
		{"missing thing to nobody", "GET", "/api/missing", nil, 401, ""},
		{"missing thing", "GET", "/api/missing", []string{bearer, "Bearer token"}, 404, ""},
		{"database away", "GET", "/api/thing", []string{bearer, "Bearer broken"}, 500, ""},
		{"no such address", "GET", "/api/nothing", nil, 404, ""},
		{"path that climbs", "GET", "/api/../api/thing", []string{bearer, "Bearer token"}, 404, ""},
		{"doubled slash", "GET", "//api/thing", []string{bearer, "Bearer token"}, 404, ""},
		{"NUL in the path", "GET", "/api/thing%00", []string{bearer, "Bearer token"}, 404, ""},
		{"no such method", "DELETE", "/api/thing", nil, 405, ""},
		{"options", "OPTIONS", "/api/thing", nil, 204, ""},
		{"head", "HEAD", "/open", nil, 200, "|web|192.0.2.1|"},
		{"health", "GET", "/healthz", nil, 200, "ok\n"},
		{"metrics to a stranger", "GET", "/metrics", nil, 401, ""},
		{"metrics by a token that reads", "GET", "/metrics", []string{bearer, "Bearer token"}, 403, ""},
		{"metrics by a scraper's token", "GET", "/metrics", []string{bearer, "Bearer scraper"}, 200, ""},
		{"a page by a scraper's token", "GET", "/api/thing", []string{bearer, "Bearer scraper"}, 403, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := ""
			if tt.method == "POST" {
				body = "hello"
			}
			w := f.do(tt.method, tt.path, body, tt.headers...)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if tt.body != "" && w.Body.String() != tt.body {
				t.Errorf("body %q, want %q", w.Body, tt.body)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("the answer reveals what is inside: %s", w.Body)
			}
		})
	}
}

func TestMetricsFromHere(t *testing.T) {
	f := newFixture(t, Door{})
	ask := func(headers ...string) int {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:9", "127.0.0.1:8470"
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code == 200 && !strings.HasSuffix(w.Body.String(), "# EOF\n") {
			t.Errorf("metrics end with %q", w.Body)
		}
		return w.Code
	}
	if got := ask(); got != 200 {
		t.Errorf("this machine gets %d, want 200", got)
	}
	if got := ask("X-Forwarded-For", "203.0.113.9"); got != 401 {
		t.Errorf("a stranger behind a proxy on this machine gets %d, want 401", got)
	}
}

func TestRefusalsAreReported(t *testing.T) {
	f := newFixture(t, Door{})
	f.do("POST", "/api/thing", "x", "Cookie", "binnacle_session=auditor")
	for range 5 {
		f.do("GET", "/api/thing", "", "Authorization", "Bearer nope")
	}
	f.do("GET", "/page", "")
	f.do("GET", "/api/thing", "")
	if len(f.refused) != 2 {
		t.Fatalf("%d refusals reported, want 2: the auditor's and one for the five wrong tokens", len(f.refused))
	}
	got := f.refused[0]
	if got.Principal.Account != "a2" || got.Resource.Room != auth.Security || got.Principal.IP != "192.0.2.1" {
		t.Errorf("refusal %+v", got)
	}
}

func TestAuditRefusals(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		AuditRefusals(db, func(err error) { t.Error(err) })(t.Context(), Refusal{
			Principal: known["auditor"], Route: Route{Method: "POST", Verb: auth.Write}, Path: "/api/thing",
			Resource: auth.Resource{Room: auth.Security, Kind: "Case"}, Err: errors.New("may not"),
		})
		var actor, target, outcome, detail string
		err := db.QueryRow(t.Context(), `SELECT actor, target, outcome, detail FROM audit WHERE org = ?`, "acme").Scan(&actor, &target, &outcome, &detail)
		if err != nil || actor != "a2" || target != "POST /api/thing" || outcome != audit.Refused || !strings.Contains(detail, `"verb":"write"`) {
			t.Errorf("record %q %q %q %q, %v", actor, target, outcome, detail, err)
		}
	})
}

func TestSignInRedirect(t *testing.T) {
	f := newFixture(t, Door{})
	if got, want := f.do("GET", "/page?a=b&c=d", "").Header().Get("Location"), "/sign-in?next=%2Fpage%3Fa%3Db%26c%3Dd"; got != want {
		t.Errorf("Location %q, want %q", got, want)
	}
	if got := f.do("GET", "/", "").Header().Get("Location"); got != "/sign-in" {
		t.Errorf("Location %q, want /sign-in", got)
	}
	w := f.do("GET", "/page", "", "HX-Request", "true", "HX-Current-URL", "https://here.example/list?q=1")
	if got, want := w.Header().Get("HX-Redirect"), "/sign-in?next=%2Flist%3Fq%3D1"; got != want || w.Code != 401 {
		t.Errorf("HX-Redirect %q (%d), want %q", got, w.Code, want)
	}
}

func TestSafeNext(t *testing.T) {
	for in, want := range map[string]string{
		"/list?q=1": "/list?q=1", "/": "/", "": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/",
		"/%2f/evil": "/", "/x\ny": "/", "javascript:alert(1)": "/", "list": "/", "/\t/evil.example": "/",
	} {
		if got := SafeNext(in); got != want {
			t.Errorf("SafeNext(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	f := newFixture(t, Door{Secure: true, FormTargets: func(context.Context) []string { return []string{"https://id.example"} }})
	for _, path := range []string{"/open", "/nothing", "/api/panic", "/page"} {
		h := f.do("GET", path, "").Header()
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Strict-Transport-Security", "X-Request-Id"} {
			if h.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
		if got := h.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://id.example;") || strings.Contains(csp, "script-src 'self' 'unsafe") {
			t.Errorf("%s: %s", path, csp)
		}
	}
	if got := f.do("PUT", "/open", "").Header().Get("Allow"); got != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow %q", got)
	}
}

func TestLimits(t *testing.T) {
	f := newFixture(t, Door{})
	long := strings.Repeat("x", 11)
	if w := f.do("POST", "/open", long); w.Code != 413 || !strings.Contains(w.Body.String(), "10 bytes") {
		t.Errorf("a declared long body: %d %s", w.Code, w.Body)
	}
	r := httptest.NewRequest("POST", "/open", io.MultiReader(strings.NewReader(long)))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	if w.Code != 413 {
		t.Errorf("a long body of unknown length: %d %s", w.Code, w.Body)
	}
	if w := f.do("GET", "/api/slow", ""); w.Code != 503 {
		t.Errorf("a slow route: %d %s", w.Code, w.Body)
	}
}

func TestFailuresRevealNothing(t *testing.T) {
	f := newFixture(t, Door{})
	for path, want := range map[string]int{"/api/panic": 500, "/api/late": 500, "/api/silent": 503} {
		f.log.Reset()
		w := f.do("GET", path, "")
		id := w.Header().Get("X-Request-Id")
		if w.Code != want || strings.Contains(w.Body.String(), "inside") || want == 500 && !strings.Contains(w.Body.String(), id) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if !strings.Contains(f.log.String(), "secret inside") || !strings.Contains(f.log.String(), id) {
			t.Errorf("%s: the log does not say what failed: %s", path, f.log)
		}
	}
}

// What is no failure of another system makes no noise in the log.
func TestRefusalsAreQuiet(t *testing.T) {
	f := newFixture(t, Door{})
	for _, path := range []string{"/api/given-up", "/api/off"} {
		f.log.Reset()
		if w := f.do("GET", path, ""); w.Code != 503 || strings.Contains(f.log.String(), "cause") {
			t.Errorf("%s: %d, the log says %s", path, w.Code, f.log)
		}
	}
}

func TestHalfAnAnswerIsBrokenOff(t *testing.T) {
	d := &Door{Auth: known}
	h := d.Handler([]Route{{Method: "GET", Pattern: "/half", Face: API, Verb: auth.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, strings.Repeat("x", 5000))
		return errors.New("no more")
	}}})
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	defer server.Close()
	res, err := http.Get(server.URL + "/half")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	if err == nil {
		t.Error("half an answer was taken for a whole one")
	}
}

func TestStreamsEndWithTheProgram(t *testing.T) {
	ending, end := context.WithCancel(t.Context())
	d := &Door{Auth: known, Ending: ending}
	h := d.Handler([]Route{{Method: "GET", Pattern: "/stream", Face: API, Verb: auth.Public, Stream: true, Handle: func(_ http.ResponseWriter, r *http.Request) error {
		end()
		<-r.Context().Done()
		return nil
	}}})
	done := make(chan struct{})
	go func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/stream", nil))
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("a stream goes on after the program's end")
	}
}

// A stream ends when its reader takes nothing more, and not before: one that
// thinks for long, or whose reader is slow, goes on.
func TestStuckReader(t *testing.T) {
	const patience = 300 * time.Millisecond
	ended := make(chan error, 6)
	d := &Door{Auth: known, Patience: patience}
	piece := bytes.Repeat([]byte("x"), 64<<10)
	streams := func(f func(io.Writer) error) Handler {
		return func(w http.ResponseWriter, _ *http.Request) error {
			err := f(w)
			ended <- err
			return err
		}
	}
	server := httptest.NewUnstartedServer(d.Handler([]Route{
		{Method: "GET", Pattern: "/endless", Face: API, Verb: auth.Public, Stream: true, Handle: streams(func(w io.Writer) error {
			for {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
		})},
		{Method: "GET", Pattern: "/thinks", Face: API, Verb: auth.Public, Stream: true, Handle: streams(func(w io.Writer) error {
			for range 3 {
				if _, err := io.WriteString(w, "said\n"); err != nil {
					return err
				}
				w.(http.Flusher).Flush()
				time.Sleep(2 * patience)
			}
			return nil
		})},
		{Method: "GET", Pattern: "/much", Face: API, Verb: auth.Public, Stream: true, Handle: streams(func(w io.Writer) error {
			for range 512 {
				if _, err := w.Write(piece); err != nil {
					return err
				}
			}
			return nil
		})},
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	plain := httptest.NewServer(server.Config.Handler)
	plain.Config.ErrorLog = server.Config.ErrorLog
	defer plain.Close()
	for proto, s := range map[string]*httptest.Server{"HTTP/2.0": server, "HTTP/1.1": plain} {
		defer s.CloseClientConnections()
		get := func(path string) io.ReadCloser {
			t.Helper()
			res, err := s.Client().Get(s.URL + path)
			if err != nil || res.Proto != proto {
				t.Fatalf("%s %s: %v, %v", proto, path, res, err)
			}
			return res.Body
		}
		stuck := get("/endless")
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("%s: a stuck answer ends well", proto)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: a stuck answer goes on", proto)
		}
		stuck.Close()
		body := get("/thinks")
		if b, err := io.ReadAll(body); err != nil || len(b) != 15 || <-ended != nil {
			t.Errorf("%s: of an answer that thinks came %d bytes: %v", proto, len(b), err)
		}
		body.Close()
		body, n := get("/much"), 0
		for {
			time.Sleep(patience / 20)
			got, err := io.CopyN(io.Discard, body, 1<<20)
			if n += int(got); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: a slow reader is cut off after %d bytes: %v", proto, n, err)
			}
		}
		if body.Close(); n != 512*len(piece) || <-ended != nil {
			t.Errorf("%s: a slow reader got %d bytes", proto, n)
		}
	}
}

func TestGzip(t *testing.T) {
	f := newFixture(t, Door{})
	w := f.do("GET", "/api/big", "", "Accept-Encoding", "br, gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("ETag") != `W/"1"` || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != strings.Repeat("x", 10000) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for path, header := range map[string]string{"/api/big": "gzip;q=0", "/api/stream": "gzip", "/open": "gzip"} {
		if w := f.do("GET", path, "", "Accept-Encoding", header); w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s with %q is compressed", path, header)
		}
	}
}

func TestLogHoldsNoSecret(t *testing.T) {
	f := newFixture(t, Door{})
	f.do("GET", "/link/hidden1?code=hidden2", "", "Authorization", "Bearer hidden3", "Cookie", "binnacle_session=hidden4")
	if strings.Contains(f.log.String(), "hidden") {
		t.Errorf("the log has a secret: %s", f.log)
	}
	var entry map[string]any
	if err := json.Unmarshal(f.log.Bytes(), &entry); err != nil || entry["path"] != "/link/{token}" || entry["status"] != 401.0 {
		t.Errorf("entry %v, %v", entry, err)
	}
}

// TestLogIsQuietOfEvents: what machines send again and again is counted and not
// logged; that it was refused is logged.
func TestLogIsQuietOfEvents(t *testing.T) {
	f := newFixture(t, Door{})
	if w := f.do("POST", "/ingest", "events", "Authorization", "Bearer sender"); w.Code != 200 || f.log.Len() > 0 {
		t.Errorf("%d %s, the log says %s", w.Code, w.Body, f.log)
	}
	refused := func(token, body string) {
		t.Helper()
		f.log.Reset()
		if w := f.do("POST", "/ingest", body, "Authorization", "Bearer "+token); w.Code < 400 || !strings.Contains(f.log.String(), `"path":"/ingest"`) {
			t.Errorf("%s: %d, the log says %s", body, w.Code, f.log)
		}
	}
	refused("sender", "too many events")
	refused("nobody", "events")
	if w := f.do("GET", "/metrics", "", "Authorization", "Bearer scraper"); !strings.Contains(w.Body.String(), `route="/ingest"`) {
		t.Errorf("the metrics do not count it: %s", w.Body)
	}
}

func TestSessionCookie(t *testing.T) {
	d := &Door{Secure: true}
	w := httptest.NewRecorder()
	d.StartSession(w, "s", time.Now().Add(time.Hour))
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-binnacle_session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %+v", c)
	}
}

func TestClientIP(t *testing.T) {
	h := newHouse(&Door{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, tt := range []struct{ remote, forwarded, want string }{
		{"203.0.113.5:1", "198.51.100.1", "203.0.113.5"},
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "6.6.6.6, 198.51.100.1, 10.2.2.2", "198.51.100.1"},
		{"10.0.0.1:1", "garbage", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		r.Header.Set("X-Forwarded-For", tt.forwarded)
		if got := h.clientIP(r); got != tt.want {
			t.Errorf("from %s forwarded for %s: %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
}

func TestIncompleteRoutesDoNotBuild(t *testing.T) {
	ok := Route{Method: "GET", Pattern: "/x", Face: Web, Verb: auth.Public, Handle: say("x")}
	bad := map[string]func(*Route){
		"no verb": func(r *Route) { r.Verb = "" }, "unknown verb": func(r *Route) { r.Verb = "peek" }, "no face": func(r *Route) { r.Face = "" },
		"no handler": func(r *Route) { r.Handle = nil }, "no method": func(r *Route) { r.Method = "" }, "method in the pattern": func(r *Route) { r.Pattern = "GET /x" },
	}
	build := func(routes ...Route) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		(&Door{Auth: known}).Handler(routes)
		return false
	}
	if build(ok) {
		t.Fatal("a good route does not build")
	}
	if !build(ok, ok) {
		t.Error("the same route twice builds")
	}
	for name, spoil := range bad {
		r := ok
		spoil(&r)
		if !build(r) {
			t.Errorf("%s: builds", name)
		}
	}
}

func TestMetricsCount(t *testing.T) {
	m := NewMetrics(func(context.Context) []Gauge {
		return []Gauge{{Name: "binnacle_feed_lag_entries", Help: "Lag.", Labels: map[string]string{"cursor": `a"b`}, Value: 3}}
	})
	m.observe("GET", "/x", 200, 3*time.Millisecond)
	m.observe("HACK", "/x", 405, time.Millisecond)
	var b bytes.Buffer
	if err := m.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`binnacle_http_request_duration_seconds_bucket{method="GET",route="/x",status="200",le="0.001"} 0`,
		`binnacle_http_request_duration_seconds_bucket{method="GET",route="/x",status="200",le="0.005"} 1`,
		`binnacle_http_request_duration_seconds_count{method="other",route="/x",status="405"} 1`,
		`binnacle_feed_lag_entries{cursor="a\"b"} 3`, "# EOF",
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no line %s in\n%s", want, &b)
		}
	}
}

func FuzzSafeNext(f *testing.F) {
	for _, s := range []string{"/a?b=c", "//evil", `/\evil`, "https://x/", "/%2f%2fevil", "/a#b", "/\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := SafeNext(next)
		base, err := url.Parse("https://here.example/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != "here.example" || u.Scheme != "https" {
			t.Errorf("SafeNext(%q) = %q leads to %v, %v", next, got, u, err)
		}
	})
}
