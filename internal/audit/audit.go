// Package audit keeps the log of who did what: every change, sign-in, refusal
// and look at people's data. The records of an organisation form one chain of
// hashes, so that a record changed, removed, moved or cut off is found by
// anyone who reads the chain, here or from an export on another machine.
package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The outcomes of an act.
const (
	OK      = "ok"
	Refused = "refused" // the actor may not
	Failed  = "failed"  // the actor may, and it did not work
)

// System is the actor of what the program does by itself.
const System = "system"

// Record is one act. Seq, Prev and Hash are set by Append; an empty Outcome
// becomes OK and a zero At becomes now.
type Record struct {
	Seq       int64           `json:"seq"`              // place in the organisation's chain, from 1, without holes
	Org       string          `json:"org"`              // "" is the installation itself
	At        time.Time       `json:"at"`               // UTC, to the microsecond
	Actor     string          `json:"actor"`            // account, or System; "" when nobody is signed in
	ActorName string          `json:"actorName"`        // as it was then
	Action    string          `json:"action"`           // as "entity.update", "sign-in.refused", "personal.read"
	Target    string          `json:"target"`           // on what, as component:default/checkout
	Detail    json.RawMessage `json:"detail,omitempty"` // a small JSON object
	IP        string          `json:"ip"`
	Via       string          `json:"via"` // web, api, cli, mcp or system
	Outcome   string          `json:"outcome"`
	Prev      string          `json:"prev"` // hash of the record before, in hex; "" for the first
	Hash      string          `json:"hash"` // see Sum
}

// Migrations returns the tables of the audit log. Triggers refuse any change of
// a record already written.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "audit/001", SQL: `
CREATE TABLE audit (
  org TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, actor TEXT NOT NULL, actor_name TEXT NOT NULL,
  action TEXT NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL, ip TEXT NOT NULL, via TEXT NOT NULL,
  outcome TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (org, seq))
;;
CREATE INDEX audit_actor ON audit (org, actor, seq)
;;
CREATE INDEX audit_target ON audit (org, target, seq)
;;
CREATE TABLE audit_heads (org TEXT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL)
`, SQLite: `
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
;;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
;;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE org = NEW.org AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
;;
CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
`, Postgres: `
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
;;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
;;
CREATE TRIGGER audit_heads_no_delete BEFORE DELETE OR TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
`}, {Name: "audit/002-action", SQL: `CREATE INDEX audit_action ON audit (org, action, seq)`}}
}

const columns = "org, seq, at, actor, actor_name, action, target, detail, ip, via, outcome, prev, hash"

// Append adds records to the chains of their organisations, in the order
// given. It takes the head of each chain until tx ends, so append late in a
// transaction; a transaction that also appends to the feed does that first.
//
// Texts are cut to MaxText bytes, a Detail over MaxDetail bytes is replaced by
// its size and hash, and what looks like a secret is struck out, before the
// record is hashed. A Detail that is not a JSON object is an error.
func Append(ctx context.Context, tx *sqldb.Tx, records ...*Record) error {
	orgs := map[string][]*Record{}
	now := time.Now()
	for _, r := range records {
		if err := r.clean(now); err != nil {
			return fmt.Errorf("audit: %s: %w", r.Action, err)
		}
		orgs[r.Org] = append(orgs[r.Org], r)
	}
	names := make([]string, 0, len(orgs))
	for org := range orgs {
		names = append(names, org)
	}
	slices.Sort(names) // two transactions take heads in the same order
	for _, org := range names {
		if err := extend(ctx, tx, org, orgs[org]); err != nil {
			return fmt.Errorf("audit: append: %w", err)
		}
	}
	return nil
}

func extend(ctx context.Context, tx *sqldb.Tx, org string, records []*Record) error {
	seq, prev, err := lockHead(ctx, tx, org)
	if err != nil {
		return err
	}
	for _, r := range records {
		seq++
		r.Seq, r.Prev = seq, prev
		r.Hash = r.Sum()
		prev = r.Hash
	}
	if err := insert(ctx, tx, records); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE audit_heads SET seq = ?, hash = ? WHERE org = ?`, seq, prev, org)
	return err
}

func lockHead(ctx context.Context, tx *sqldb.Tx, org string) (seq int64, hash string, err error) {
	const lock = `UPDATE audit_heads SET seq = seq WHERE org = ? RETURNING seq, hash`
	err = tx.QueryRow(ctx, lock, org).Scan(&seq, &hash)
	if !errors.Is(err, sqldb.ErrNoRows) {
		return seq, hash, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit_heads (org, seq, hash) VALUES (?, 0, '') ON CONFLICT (org) DO NOTHING`, org); err != nil {
		return 0, "", err
	}
	err = tx.QueryRow(ctx, lock, org).Scan(&seq, &hash)
	return seq, hash, err
}

func insert(ctx context.Context, tx *sqldb.Tx, records []*Record) error {
	rows := make([][]any, len(records))
	for i, r := range records {
		rows[i] = []any{r.Org, r.Seq, sqldb.Micros(r.At), r.Actor, r.ActorName, r.Action, r.Target,
			string(r.Detail), r.IP, r.Via, r.Outcome, r.Prev, r.Hash}
	}
	return tx.Insert(ctx, sqldb.Rows{Table: "audit", Columns: strings.Split(columns, ", "), Values: rows})
}
