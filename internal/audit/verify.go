package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Report is what a verification found.
type Report struct {
	Org      string `json:"org"`
	Count    int64  `json:"count"`              // records read
	First    int64  `json:"first"`              // seq of the first; 0 for none
	Last     int64  `json:"last"`               // seq of the last
	Head     string `json:"head"`               // hash of the last; note it elsewhere to give as an Anchor later
	Filtered bool   `json:"filtered,omitempty"` // the export left records out: each is checked by itself, not their number
	OK       bool   `json:"ok"`
	BrokenAt int64  `json:"brokenAt,omitempty"` // seq of the first record that is wrong or missing
	Reason   string `json:"reason,omitempty"`   // one sentence
}

// Anchor is a hash of the chain that somebody noted outside of the database.
// Someone who can write the database can forge a whole chain; it then differs
// from the anchor.
type Anchor struct {
	Seq  int64
	Hash string
}

// chain checks records one after the other.
type chain struct {
	Report
	gap     int64 // seq of the first record left out; 0 for none
	anchors map[int64]string
}

func newChain(org string, anchors []Anchor) *chain {
	c := &chain{Report: Report{Org: org, OK: true}, anchors: map[int64]string{}}
	for _, a := range anchors {
		c.anchors[a.Seq] = a.Hash
	}
	return c
}

// broken notes a fault, unless one was found at an earlier record.
func (c *chain) broken(seq int64, format string, args ...any) {
	if c.OK || seq < c.BrokenAt {
		c.OK, c.BrokenAt, c.Reason = false, seq, fmt.Sprintf(format, args...)
	}
}

// add checks r against its own hash and the record before it.
func (c *chain) add(r *Record) {
	switch {
	case r.Org != c.Org:
		c.broken(r.Seq, "record %d is of another organisation", r.Seq)
	case r.Seq <= c.Last:
		c.broken(r.Seq, "record %d stands after record %d", r.Seq, c.Last)
	case r.Sum() != r.Hash:
		c.broken(r.Seq, "record %d was changed: its content does not match its hash", r.Seq)
	case r.Seq == c.Last+1 && r.Prev != c.Head:
		c.broken(r.Seq, "record %d does not follow from the record before it", r.Seq)
	}
	if want, ok := c.anchors[r.Seq]; ok && want != r.Hash {
		c.broken(r.Seq, "record %d differs from the hash that was noted", r.Seq)
	}
	if c.gap == 0 && r.Seq > c.Last+1 {
		c.gap = c.Last + 1
	}
	if c.Count == 0 {
		c.First = r.Seq
	}
	c.Count++
	c.Last, c.Head = r.Seq, r.Hash
}

// end checks that the chain is whole and as long as it should be.
func (c *chain) end(last int64, head string) Report {
	switch {
	case c.Last < last:
		c.broken(c.Last+1, "record %d is missing: the log was cut off, it should reach %d", c.Last+1, last)
	case c.Last > last:
		c.broken(last+1, "record %d stands after the end of the log", last+1)
	case c.Head != head:
		c.broken(last, "record %d does not match the end of the log", last)
	}
	if c.Filtered {
		return c.Report
	}
	if c.gap > 0 {
		c.broken(c.gap, "record %d is missing", c.gap)
	}
	for seq := range c.anchors {
		if seq > c.Last {
			c.broken(c.Last+1, "record %d, whose hash was noted, is missing", seq)
		}
	}
	return c.Report
}

// Verify reads the whole chain of an organisation and checks every record, the
// order, and that nothing is missing up to the end. An error means that it
// could not read; what it finds wrong is in the Report.
func (l *Log) Verify(ctx context.Context, org string, anchors ...Anchor) (Report, error) {
	var report Report
	err := l.db.View(ctx, func(tx *sqldb.Tx) error {
		c := newChain(org, anchors)
		if err := stream(ctx, tx, Query{}, org, func(r *Record) error { c.add(r); return nil }); err != nil {
			return err
		}
		seq, hash, err := readHead(ctx, tx, org)
		report = c.end(seq, hash)
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("audit: verify: %w", err)
	}
	return report, nil
}

// Organisations lists the organisations that have a chain, by name; "" is the
// installation.
func (l *Log) Organisations(ctx context.Context) (orgs []string, err error) {
	orgs, err = sqldb.Values[string](ctx, l.db, `SELECT org FROM audit_heads UNION SELECT DISTINCT org FROM audit ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("audit: organisations: %w", err)
	}
	return orgs, nil
}

func readHead(ctx context.Context, tx *sqldb.Tx, org string) (seq int64, hash string, err error) {
	err = tx.QueryRow(ctx, `SELECT seq, hash FROM audit_heads WHERE org = ?`, org).Scan(&seq, &hash)
	if errors.Is(err, sqldb.ErrNoRows) {
		err = nil
	}
	return seq, hash, err
}

// stream calls f with each matching record, oldest first.
func stream(ctx context.Context, tx *sqldb.Tx, q Query, org string, f func(*Record) error) error {
	where, args := q.where(org)
	query := `SELECT ` + columns + ` FROM audit WHERE ` + where + ` ORDER BY seq`
	if q.Limit > 0 {
		query, args = query+` LIMIT ?`, append(args, q.Limit)
	}
	return sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		r, err := scan(s)
		if err != nil {
			return err
		}
		return f(&r)
	}, query, args...)
}
