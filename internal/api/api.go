// Package api is the face for programs: everything the web can do, as REST
// under /api/v1, written once for all kinds.
//
// One table of operations (operations.go) gives the routes, the checks of
// parameters and bodies, the OpenAPI document and the readable page at /api;
// an operation that is not in it does not exist. Failures are problem+json
// (RFC 9457); entities carry an ETag and take If-Match; lists have cursors;
// bodies and answers are JSON or YAML.
package api

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// Prefix is where the operations are.
const Prefix = "/api/v1"

// Config is what an API needs. Catalog, Auth, Audit and Feed are required. With
// Talk go Files and Hooks; without it there are no operations on comments,
// attachments, notifications and webhooks.
type Config struct {
	Catalog   *catalog.Catalog
	Auth      *auth.Service
	Audit     *audit.Log
	Feed      *feed.Feed
	Morning   *morning.Desk // nil: there is no overview
	Claims    *claim.Engine // nil: there are no claims
	Alerts    AlertDesk     // nil: there are no alerts
	Importers []catalog.Importer
	Exporters []catalog.Exporter
	Talk      *talk.Service
	Files     *blob.Service
	Hooks     *action.Hooks
	Logs      logs.Store // nil: there are no events
	// Backup writes a consistent copy of the installation; nil when this
	// installation cannot make one.
	Backup  func(ctx context.Context, w io.Writer, events bool) error
	Version string
	Started time.Time
}

// API is the REST face of one installation. It is safe for concurrent use.
type API struct {
	Config
	ops     []operation
	schemas schemas
	spec    func() (document, error)
}

// New returns the REST face. Two operations at one address, or an operation
// without its documentation, panic: they are mistakes of the program.
func New(c Config) *API {
	a := &API{Config: c}
	a.ops = a.operations()
	a.check()
	a.spec = sync.OnceValues(a.openAPI)
	return a
}

func (a *API) check() {
	ids := map[string]bool{}
	for _, op := range a.ops {
		if op.id == "" || op.summary == "" || op.tag == "" || len(op.answers) == 0 || ids[op.id] {
			panic(fmt.Sprintf("api: %s %s (%q) lacks its documentation, or its id is there twice", op.method, op.path, op.id))
		}
		ids[op.id] = true
	}
}

// Routes returns the routes, for the door.
func (a *API) Routes() []door.Route {
	var routes []door.Route
	for i := range a.ops {
		routes = append(routes, a.route(&a.ops[i]))
	}
	return append(routes, a.pageRoute())
}

func (a *API) route(op *operation) door.Route {
	resource := op.resource
	return door.Route{
		Method: op.method, Pattern: Prefix + op.path, Face: door.API, Verb: op.verb, MaxBody: op.maxBody, Timeout: op.timeout, Stream: op.stream,
		Resource: resource.of, Handle: a.handler(op),
	}
}

// segments lists the first path segments in use.
func (a *API) segments() []string {
	var out []string
	for _, op := range a.ops {
		first, _, _ := strings.Cut(strings.TrimPrefix(op.path, "/"), "/")
		if !slices.Contains(out, first) {
			out = append(out, first)
		}
	}
	return out
}
