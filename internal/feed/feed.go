// Package feed holds everything that happened, in order. Whoever changes
// something appends an entry in the same transaction; whoever derives something
// reads on from a durable cursor of its own name. Leases with fencing tokens
// let several nodes share the watches and the schedules, each piece of work
// done by one of them.
package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Entry is one thing that happened. Entries are immutable and kept for ever.
type Entry struct {
	Seq   int64           `json:"-"`               // place in the whole feed, from 1, without holes; not for outside
	No    int64           `json:"seq"`             // place among the entries of Org, from 1, without holes
	Org   string          `json:"org"`             // organisation; "" is the installation
	At    time.Time       `json:"at"`              // when, UTC, to the microsecond
	Type  string          `json:"type"`            // as "entity.updated"
	Ref   string          `json:"ref,omitempty"`   // of what, as component:default/checkout
	UID   string          `json:"uid,omitempty"`   // its identity, which a rename keeps
	Rev   int64           `json:"rev,omitempty"`   // its revision after this
	Actor string          `json:"actor,omitempty"` // who: an account, or "system"
	Data  json.RawMessage `json:"data,omitempty"`  // what else a reader needs; nil for nothing
}

// Migrations returns the tables of the feed.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{first, {Name: "feed/002-orgs", SQL: `
CREATE TABLE feed_orgs (org TEXT PRIMARY KEY, no BIGINT NOT NULL)
;;
INSERT INTO feed_orgs (org, no) SELECT org, count(*) FROM feed GROUP BY org
;;
ALTER TABLE feed ADD COLUMN no BIGINT NOT NULL DEFAULT 0
;;
UPDATE feed SET no = x.no FROM (SELECT seq, row_number() OVER (PARTITION BY org ORDER BY seq) AS no FROM feed) x WHERE x.seq = feed.seq
;;
CREATE UNIQUE INDEX feed_no ON feed (org, no)
`}, {Name: "feed/003-asof", SQL: `CREATE INDEX feed_at ON feed (org, at, seq)`}}
}

var first = sqldb.Migration{Name: "feed/001", SQL: `
CREATE TABLE feed_head (id INTEGER PRIMARY KEY, seq BIGINT NOT NULL)
;;
INSERT INTO feed_head (id, seq) VALUES (1, 0)
;;
CREATE TABLE feed (
  seq BIGINT PRIMARY KEY, org TEXT NOT NULL, at BIGINT NOT NULL, type TEXT NOT NULL, ref TEXT NOT NULL,
  uid TEXT NOT NULL, rev BIGINT NOT NULL, actor TEXT NOT NULL, data TEXT NOT NULL)
;;
CREATE INDEX feed_org ON feed (org, seq)
;;
CREATE INDEX feed_uid ON feed (org, uid, seq)
;;
CREATE TABLE feed_cursors (
  name TEXT PRIMARY KEY, seq BIGINT NOT NULL, attempts BIGINT NOT NULL, error TEXT NOT NULL, updated BIGINT NOT NULL)
;;
CREATE TABLE feed_leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, expires BIGINT NOT NULL)
;;
CREATE TABLE feed_schedules (
  name TEXT PRIMARY KEY, tick BIGINT NOT NULL, due BIGINT NOT NULL, ran BIGINT NOT NULL,
  attempts BIGINT NOT NULL, error TEXT NOT NULL, updated BIGINT NOT NULL)
`}

const columns = "seq, no, org, at, type, ref, uid, rev, actor, data"

// Append adds entries at the end of the feed, in the order given, and sets
// their Seq, their No and, where it is zero, their At.
//
// It takes the row of the feed's head until tx ends, so transactions that
// append commit one after the other, in the order of their entries: a reader
// that has seen entry n never later sees one before n appear. Append late in a
// transaction to hold the others up shortly. A rolled back transaction leaves
// no hole.
func Append(ctx context.Context, tx *sqldb.Tx, entries ...*Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var last int64
	err := tx.QueryRow(ctx, `UPDATE feed_head SET seq = seq + ? WHERE id = 1 RETURNING seq`, len(entries)).Scan(&last)
	if err != nil {
		return fmt.Errorf("feed: append: %w", err)
	}
	now := time.Now()
	for i, e := range entries {
		e.Seq = last - int64(len(entries)-1-i)
		if e.At.IsZero() {
			e.At = now
		}
		e.At = e.At.UTC().Truncate(time.Microsecond)
	}
	if err := number(ctx, tx, entries); err != nil {
		return fmt.Errorf("feed: append: %w", err)
	}
	if err := insert(ctx, tx, entries); err != nil {
		return fmt.Errorf("feed: append: %w", err)
	}
	return nil
}

// number sets the No of entries, so that what an organisation is shown does not
// tell how much the others do. The head of the feed is held, so nobody else
// numbers meanwhile.
func number(ctx context.Context, tx *sqldb.Tx, entries []*Entry) error {
	orgs := map[string][]*Entry{}
	for _, e := range entries {
		orgs[e.Org] = append(orgs[e.Org], e)
	}
	for org, own := range orgs {
		var last int64
		err := tx.QueryRow(ctx, `INSERT INTO feed_orgs (org, no) VALUES (?, ?) ON CONFLICT (org) DO UPDATE SET no = feed_orgs.no + excluded.no RETURNING no`, org, len(own)).Scan(&last)
		if err != nil {
			return err
		}
		for i, e := range own {
			e.No = last - int64(len(own)-1-i)
		}
	}
	return nil
}

func insert(ctx context.Context, tx *sqldb.Tx, entries []*Entry) error {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		rows[i] = []any{e.Seq, e.No, e.Org, sqldb.Micros(e.At), e.Type, e.Ref, e.UID, e.Rev, e.Actor, string(e.Data)}
	}
	return tx.Insert(ctx, sqldb.Rows{Table: "feed", Columns: strings.Split(columns, ", "), Values: rows})
}
