package action

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Kind is a sort of outward act.
type Kind string

// The kinds.
const (
	Mail    Kind = "mail"    // Target is an address, Payload a Message
	Webhook Kind = "webhook" // Target is the id of a Hook, Payload the body to send
)

// State is how far an act is.
type State string

// The states.
const (
	Waiting State = "waiting"  // to be done, or tried again, at Next
	Sent    State = "sent"     // the other side took it
	Failed  State = "failed"   // the other side will never take it, or its target is gone
	GivenUp State = "given up" // it was tried to the end
)

// Act is one thing to be done outside.
type Act struct {
	Org     string
	Key     string // computed from the cause: one key in an organisation is done once
	Kind    Kind
	Target  string
	Payload json.RawMessage

	// What the outbox keeps.
	State    State
	Attempts int
	Next     time.Time // of the next attempt, while it waits
	Error    string    // why the last attempt failed
	Created  time.Time
	Ended    time.Time // zero while it waits
}

// ID is the same for every attempt of an act and for no other act, so that
// receivers can drop what comes twice.
func (a Act) ID() string {
	sum := sha256.Sum256([]byte(a.Org + "\x00" + a.Key))
	return hex.EncodeToString(sum[:16])
}

// lane is what an act waits behind: one slow receiver holds up no other.
func (a Act) lane() string {
	if a.Kind == Webhook {
		return string(Webhook) + "/" + a.Target
	}
	return string(a.Kind)
}

// Migrations returns the tables of the outbox and of webhooks.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "action/001", SQL: `
CREATE TABLE action_outbox (
  org TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, lane TEXT NOT NULL, payload TEXT NOT NULL,
  state TEXT NOT NULL, attempts BIGINT NOT NULL, next BIGINT NOT NULL, error TEXT NOT NULL, created BIGINT NOT NULL, ended BIGINT NOT NULL,
  PRIMARY KEY (org, key))
;;
CREATE INDEX action_outbox_due ON action_outbox (next) WHERE state = 'waiting'
;;
CREATE INDEX action_outbox_target ON action_outbox (org, kind, target, created)
;;
CREATE INDEX action_outbox_ended ON action_outbox (ended) WHERE ended > 0
;;
CREATE TABLE action_hooks (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, types TEXT NOT NULL,
  secret TEXT NOT NULL, old_secret TEXT NOT NULL, old_until BIGINT NOT NULL,
  disabled BIGINT NOT NULL, reason TEXT NOT NULL, created BIGINT NOT NULL, created_by TEXT NOT NULL)
;;
CREATE INDEX action_hooks_org ON action_hooks (org, account)
`}}
}

const actColumns = `org, key, kind, target, payload, state, attempts, next, error, created, ended`

// Log notes acts in the transaction of what causes them. One whose key is known
// already changes nothing: whoever logs may run again.
func Log(ctx context.Context, tx *sqldb.Tx, acts ...Act) error {
	now := sqldb.Micros(time.Now())
	for _, a := range acts {
		if a.Org == "" || a.Key == "" || a.Target == "" || !json.Valid(a.Payload) {
			return fmt.Errorf("action: the act %q to %q is incomplete", a.Key, a.Target)
		}
		_, err := tx.Exec(ctx, `INSERT INTO action_outbox (org, key, kind, target, lane, payload, state, attempts, next, error, created, ended)
			VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, '', ?, 0) ON CONFLICT (org, key) DO NOTHING`,
			a.Org, a.Key, a.Kind, a.Target, a.lane(), string(a.Payload), Waiting, now, now)
		if err != nil {
			return fmt.Errorf("action: log %s: %w", a.Key, err)
		}
	}
	return nil
}

func scanAct(row sqldb.Row) (Act, error) {
	var a Act
	var payload string
	var next, created, ended int64
	err := row.Scan(&a.Org, &a.Key, &a.Kind, &a.Target, &payload, &a.State, &a.Attempts, &next, &a.Error, &created, &ended)
	a.Payload, a.Next, a.Created, a.Ended = json.RawMessage(payload), sqldb.Time(next), sqldb.Time(created), sqldb.Time(ended)
	return a, err
}

func acts(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Act, error) {
	out, err := sqldb.All(ctx, q, scanAct, `SELECT `+actColumns+` FROM action_outbox WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("action: %w", err)
	}
	return out, nil
}

// Acts returns the newest acts of a kind to a target ("" is any) in an
// organisation, the newest first.
func Acts(ctx context.Context, q sqldb.Querier, org string, kind Kind, target string, limit int) ([]Act, error) {
	where, args := `org = ? AND kind = ?`, []any{org, kind}
	if target != "" {
		where, args = where+` AND target = ?`, append(args, target)
	}
	return acts(ctx, q, where+` ORDER BY created DESC, key LIMIT ?`, append(args, limit)...)
}

// Counts says how many acts are in each state, in the whole installation.
func Counts(ctx context.Context, q sqldb.Querier) (map[State]int, error) {
	out := map[State]int{}
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var s State
		var n int
		if err := r.Scan(&s, &n); err != nil {
			return err
		}
		out[s] = n
		return nil
	}, `SELECT state, count(*) FROM action_outbox GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("action: %w", err)
	}
	return out, nil
}

// How long acts that have ended are kept, for people to look at.
const (
	keepSent   = 30 * 24 * time.Hour
	keepFailed = 90 * 24 * time.Hour
)

// Sweep forgets acts that ended long ago. Run it once a day.
func (o *Outbox) Sweep(ctx context.Context) error {
	now := o.now()
	_, err := o.db.Exec(ctx, `DELETE FROM action_outbox WHERE ended > 0 AND (ended < ? OR ended < ? AND state = ?)`,
		sqldb.Micros(now.Add(-keepFailed)), sqldb.Micros(now.Add(-keepSent)), Sent)
	if err != nil {
		return fmt.Errorf("action: sweep: %w", err)
	}
	return nil
}

// permanent marks an error after which trying again is of no use.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent returns err as one after which an act is not tried again.
func Permanent(err error) error { return permanent{err} }

func isPermanent(err error) bool {
	var p permanent
	return errors.As(err, &p)
}

// told is what of an error is kept: short, on one line, as both databases can
// store it.
func told(err error) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(err.Error(), "�")), " ")
	s = strings.ReplaceAll(s, "\x00", "")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}
