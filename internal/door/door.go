// Package door is the one place where requests come in. It finds the route,
// asks who is there (session cookie or bearer token) and whether they may
// (auth.Principal.Can), and only then calls the handler, inside limits of size
// and time; what is refused is written to the audit log, what fails is shown
// in the manner of the face that was asked, and every answer carries the same
// security headers.
//
// A route without a verb does not build: nothing is open by omission.
package door

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
)

// Face says how a refusal or a failure is shown.
type Face string

// The faces.
const (
	Web Face = "web" // pages for people
	API Face = "api" // REST, problem+json
	MCP Face = "mcp" // Model Context Protocol over HTTP
)

// Handler answers a request, or returns an error that the face turns into a
// page or a problem. After the first byte is written an error only breaks the
// connection off.
type Handler func(http.ResponseWriter, *http.Request) error

// Route is one thing that can be asked of the program over HTTP.
type Route struct {
	Method  string // "GET" answers HEAD too
	Pattern string // as http.ServeMux has it, without the method: "/api/v1/kinds/{kind}"
	Face    Face
	Verb    auth.Verb // what it takes; auth.Public for no sign-in. Never empty
	// Resource says what the verb is done to. Nil is the house. Its error is
	// shown as the handler's would be.
	Resource func(*http.Request) (auth.Resource, error)
	Loopback bool          // also open, without sign-in, to this machine itself
	MaxBody  int64         // bytes; 0 is DefaultBody
	Timeout  time.Duration // of the whole answer; 0 is DefaultTimeout
	Stream   bool          // has no timeout of the whole, see Door.Patience, and is never compressed
	Handle   Handler
}

// Limits of routes that set none of their own.
const (
	DefaultBody    = 1 << 20
	DefaultTimeout = 30 * time.Second
)

// DefaultPatience is how long a stream waits for a reader to take more of it.
// It is long, for a connection may hold megabytes that a slow reader must take
// before there is room for more.
const DefaultPatience = 3 * time.Minute

// Authenticator finds who a secret belongs to. Both methods return an
// Unauthenticated fault for a secret that is unknown, ended or revoked.
type Authenticator interface {
	BySession(ctx context.Context, secret string) (auth.Principal, error)
	ByToken(ctx context.Context, secret string) (auth.Principal, error)
}

// Refusal is a request that was turned away.
type Refusal struct {
	Principal auth.Principal // who asked; nobody when the credentials were wrong
	Route     Route
	Path      string
	Resource  auth.Resource
	Err       error
}

// Door lets requests in. Auth is required; every other field may be zero.
type Door struct {
	Auth    Authenticator
	Errors  map[Face]func(http.ResponseWriter, *http.Request, error)
	Refused func(context.Context, Refusal) // writes a refusal to the audit log
	Log     *slog.Logger
	Metrics *Metrics

	// Secure says that people reach the program over HTTPS: cookies are then
	// sent over nothing else and browsers are told to stay on it.
	Secure bool
	// Proxies are the addresses whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// Hosts are the names people reach the program by, without a port; empty
	// lets any pass. A page of another name that was made to point here (DNS
	// rebinding) is then turned away. This machine's own names always pass.
	Hosts []string
	// Origins are other origins, as "https://binnacle.example", whose pages
	// may send requests that change something.
	Origins []string
	// FormTargets returns origins that forms may lead to: single sign-on.
	FormTargets func(context.Context) []string
	// Ending is done when the program is about to end: answers without a
	// timeout then stop, so that they do not hold it up. Nil is never.
	Ending context.Context
	// Patience is how long an answer without a timeout waits for its reader to take
	// more of it before it is broken off, so that a reader who is stuck does not hold
	// for ever what the answer is made from; 0 is DefaultPatience.
	Patience time.Duration
	// SignIn returns the page a reader without a session is sent to; nil is
	// "/sign-in". The door adds ?next= to it.
	SignIn func(*http.Request) string
}

// Handler returns the program's HTTP handler. A route that is incomplete, or
// there twice, panics: it is a mistake of the program, found by the first test.
func (d *Door) Handler(routes []Route) http.Handler {
	h := newHouse(d)
	for pattern, m := range group(routes) {
		h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h.enter(m, w, r) })
	}
	if !slices.ContainsFunc(routes, func(r Route) bool { return r.Pattern == "/" }) {
		h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.enter(&methods{face: faceOf(r.URL.Path)}, w, r) })
	}
	return http.HandlerFunc(h.serve)
}

// methods are the routes of one pattern; none of an address nobody answers.
type methods struct {
	face   Face
	routes map[string]*Route
}

func group(routes []Route) map[string]*methods {
	all := map[string]*methods{}
	for i := range routes {
		r := &routes[i]
		r.check()
		m := all[r.Pattern]
		if m == nil {
			m = &methods{face: r.Face, routes: map[string]*Route{}}
			all[r.Pattern] = m
		}
		if m.routes[r.Method] != nil {
			panic(fmt.Sprintf("door: %s %s is there twice", r.Method, r.Pattern))
		}
		m.routes[r.Method] = r
	}
	return all
}

func (r *Route) check() {
	switch {
	case r.Method == "" || !strings.HasPrefix(r.Pattern, "/"):
		panic(fmt.Sprintf("door: route %q %q needs a method and a pattern", r.Method, r.Pattern))
	case !slices.Contains(auth.Verbs, r.Verb):
		panic(fmt.Sprintf("door: %s %s needs a verb, not %q", r.Method, r.Pattern, r.Verb))
	case r.Face == "" || r.Handle == nil:
		panic(fmt.Sprintf("door: %s %s needs a face and a handler", r.Method, r.Pattern))
	}
}

// find returns the route for a method, or nil.
func (m *methods) find(method string) *Route {
	if r := m.routes[method]; r != nil || method != http.MethodHead {
		return r
	}
	return m.routes[http.MethodGet]
}

// allow is the value of the Allow header.
func (m *methods) allow() string {
	list := []string{http.MethodOptions}
	for method := range m.routes {
		list = append(list, method)
		if method == http.MethodGet && m.routes[http.MethodHead] == nil {
			list = append(list, http.MethodHead)
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// faceOf guesses the face for a path that has no route.
func faceOf(path string) Face {
	switch {
	case strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/ingest/"):
		return API
	case path == "/mcp" || strings.HasPrefix(path, "/mcp/"):
		return MCP
	}
	return Web
}
