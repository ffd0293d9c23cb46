package door

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// HealthRoutes returns the routes by which machines ask how the program does:
// /healthz answers while it lives, /readyz when the database answers too, and
// /metrics gives its numbers to this machine, or to who may monitor.
func HealthRoutes(ready func(context.Context) error, m *Metrics) []Route {
	return []Route{
		{Method: "GET", Pattern: "/healthz", Face: API, Verb: auth.Public, Handle: say("ok")},
		{Method: "GET", Pattern: "/readyz", Face: API, Verb: auth.Public, Timeout: 5 * time.Second, Handle: func(w http.ResponseWriter, r *http.Request) error {
			if err := ready(r.Context()); err != nil {
				return &fault.Error{Kind: fault.Unavailable, Msg: "Not ready: the database does not answer.", Code: "not-ready", Err: err}
			}
			return say("ready")(w, r)
		}},
		{Method: "GET", Pattern: "/metrics", Face: API, Verb: auth.Monitor, Loopback: true, Handle: m.serveMetrics},
	}
}

func say(text string) Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err := io.WriteString(w, text+"\n")
		return err
	}
}

// Ping is the ready function of a database.
func Ping(db *sqldb.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		var one int
		return db.QueryRow(ctx, `SELECT 1`).Scan(&one)
	}
}

// AuditRefusals returns a Refused function that writes to the audit log.
// failed hears of a refusal that could not be written.
func AuditRefusals(db *sqldb.DB, failed func(error)) func(context.Context, Refusal) {
	return func(ctx context.Context, f Refusal) {
		err := db.Tx(ctx, func(tx *sqldb.Tx) error {
			return audit.Append(ctx, tx, f.record())
		})
		if err != nil {
			failed(err)
		}
	}
}

func (f Refusal) record() *audit.Record {
	p := f.Principal
	return &audit.Record{
		Org: p.Org, Actor: p.Account, ActorName: p.Name, Action: "request.refused", Target: f.Route.Method + " " + f.Path,
		Detail: f.detail(), IP: p.IP, Via: p.Via, Outcome: audit.Refused,
	}
}

// detail says what was wanted and why it was refused.
func (f Refusal) detail() json.RawMessage {
	b, err := json.Marshal(struct {
		Verb   string `json:"verb"`
		Room   string `json:"room,omitempty"`
		Kind   string `json:"kind,omitempty"`
		Role   string `json:"role,omitempty"`
		Token  string `json:"token,omitempty"`
		Reason string `json:"reason"`
	}{string(f.Route.Verb), f.Resource.Room, f.Resource.Kind, string(f.Principal.Role), f.Principal.Token, f.Err.Error()})
	if err != nil {
		return nil
	}
	return b
}
