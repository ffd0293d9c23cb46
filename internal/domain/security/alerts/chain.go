package alerts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// caseMigrations are the tables of cases. An entry of a timeline and a pinned
// event are written once.
func caseMigrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "alerts/002-cases", SQL: `
CREATE TABLE case_heads (org TEXT NOT NULL, name TEXT NOT NULL, no BIGINT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (org, name))
;;
CREATE TABLE case_entries (
  org TEXT NOT NULL, name TEXT NOT NULL, no BIGINT NOT NULL, at BIGINT NOT NULL, happened BIGINT NOT NULL, account TEXT NOT NULL, actor TEXT NOT NULL,
  side TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, about TEXT NOT NULL, data TEXT NOT NULL, corrects BIGINT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL,
  PRIMARY KEY (org, name, no))
;;
CREATE TABLE case_events (
  org TEXT NOT NULL, name TEXT NOT NULL, event TEXT NOT NULL, at BIGINT NOT NULL, source TEXT NOT NULL, line TEXT NOT NULL, sha256 TEXT NOT NULL, entry BIGINT NOT NULL, pinned BIGINT NOT NULL, actor TEXT NOT NULL,
  PRIMARY KEY (org, name, event))
`, SQLite: appendOnlySQLite("case_entries") + ";;\n" + appendOnlySQLite("case_events"),
		Postgres: appendOnlyPostgres("case_entries") + ";;\n" + appendOnlyPostgres("case_events")}}
}

// Side is whose doing an entry of a timeline tells of.
type Side string

// The sides.
const (
	Us   Side = "us"
	Them Side = "them" // the attacker
	None Side = ""     // the program
)

// Entry is one entry of the timeline of a case. It is never changed; another one
// corrects it.
type Entry struct {
	No       int64
	At       time.Time // when it was written
	Happened time.Time // when what it tells of happened
	Account  string
	Actor    string
	Side     Side
	Kind     string // opened, note, alert, pin, phase, task, merged, split
	Text     string // Markdown; of what the program writes the key of a text
	About    string // what it points at: an alert, the id of an event, another case
	Data     json.RawMessage
	Corrects int64 // number of the entry that this one puts right; 0: none
	Prev     string
	Hash     string
}

// sum is the hash of an entry: SHA-256 over what it says and the hash of the one
// before, as a JSON list.
func (e *Entry) sum(org, name string) string {
	data, _ := json.Marshal([]any{org, name, e.No, sqldb.Micros(e.At), sqldb.Micros(e.Happened), e.Account, e.Actor, e.Side, e.Kind, e.Text, e.About, string(e.Data), e.Corrects, e.Prev})
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// hold takes the chain of a case until the transaction ends, so that entries are
// written one after the other. Take it before what else the transaction writes.
func hold(ctx context.Context, tx *sqldb.Tx, org, name string) (no int64, hash string, err error) {
	err = tx.QueryRow(ctx, `INSERT INTO case_heads (org, name, no, hash) VALUES (?, ?, 0, '') ON CONFLICT (org, name) DO UPDATE SET no = case_heads.no RETURNING no, hash`, org, name).Scan(&no, &hash)
	return no, hash, err
}

// write appends entries to the timeline of a case.
func write(ctx context.Context, tx *sqldb.Tx, org, name string, entries ...*Entry) error {
	no, hash, err := hold(ctx, tx, org, name)
	if err != nil {
		return fmt.Errorf("cases: %s: %w", name, err)
	}
	for _, e := range entries {
		no++
		e.No, e.Prev = no, hash
		if e.Happened.IsZero() {
			e.Happened = e.At
		}
		e.At, e.Happened = e.At.UTC().Truncate(time.Microsecond), e.Happened.UTC().Truncate(time.Microsecond)
		hash = e.sum(org, name)
		e.Hash = hash
		_, err := tx.Exec(ctx, `INSERT INTO case_entries (org, name, no, at, happened, account, actor, side, kind, body, about, data, corrects, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			org, name, e.No, sqldb.Micros(e.At), sqldb.Micros(e.Happened), e.Account, e.Actor, string(e.Side), e.Kind, e.Text, e.About, string(e.Data), e.Corrects, e.Prev, e.Hash)
		if err != nil {
			return fmt.Errorf("cases: %s: %w", name, err)
		}
	}
	_, err = tx.Exec(ctx, `UPDATE case_heads SET no = ?, hash = ? WHERE org = ? AND name = ?`, no, hash, org, name)
	return err
}

// timeline returns the entries of a case in the order they were written.
func timeline(ctx context.Context, q sqldb.Querier, org, name string) ([]*Entry, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (*Entry, error) {
		e := &Entry{}
		var at, happened int64
		var data string
		err := r.Scan(&e.No, &at, &happened, &e.Account, &e.Actor, &e.Side, &e.Kind, &e.Text, &e.About, &data, &e.Corrects, &e.Prev, &e.Hash)
		e.At, e.Happened = sqldb.Time(at), sqldb.Time(happened)
		if data != "" {
			e.Data = json.RawMessage(data)
		}
		return e, err
	}, `SELECT no, at, happened, account, actor, side, kind, body, about, data, corrects, prev, hash FROM case_entries WHERE org = ? AND name = ? ORDER BY no`, org, name)
}

// Pinned is an event that is kept with a case, byte by byte as the store gave it,
// so that it stays when the store's retention takes the event away.
type Pinned struct {
	Event  string // its id
	Time   time.Time
	Source string
	Line   string
	SHA256 string // of Line, in hex
	Entry  int64  // of the timeline that says it was pinned
	Pinned time.Time
	Actor  string
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// pinned returns the events of a case, the oldest first.
func pinned(ctx context.Context, q sqldb.Querier, org, name string) ([]*Pinned, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (*Pinned, error) {
		p := &Pinned{}
		var at, when int64
		err := r.Scan(&p.Event, &at, &p.Source, &p.Line, &p.SHA256, &p.Entry, &when, &p.Actor)
		p.Time, p.Pinned = sqldb.Time(at), sqldb.Time(when)
		return p, err
	}, `SELECT event, at, source, line, sha256, entry, pinned, actor FROM case_events WHERE org = ? AND name = ? ORDER BY at, event`, org, name)
}

// pin keeps events with a case. Those it has are left alone. It returns how many
// are new.
func pin(ctx context.Context, tx *sqldb.Tx, org, name string, by Entry, list []*Pinned) (int, error) {
	if _, _, err := hold(ctx, tx, org, name); err != nil {
		return 0, err
	}
	n := 0
	for _, p := range list {
		var had string
		err := tx.QueryRow(ctx, `SELECT sha256 FROM case_events WHERE org = ? AND name = ? AND event = ?`, org, name, p.Event).Scan(&had)
		if err == nil {
			continue
		}
		if !errors.Is(err, sqldb.ErrNoRows) {
			return n, err
		}
		p.SHA256 = digest(p.Line)
		e := by
		e.Kind, e.About, e.Happened, e.Side = "pin", p.Event, p.Time, Them
		e.Data, _ = json.Marshal(custody{p.SHA256, p.Source, p.Time.UTC()})
		if err := write(ctx, tx, org, name, &e); err != nil {
			return n, err
		}
		p.Entry, p.Pinned, p.Actor = e.No, e.At, e.Actor
		_, err = tx.Exec(ctx, `INSERT INTO case_events (org, name, event, at, source, line, sha256, entry, pinned, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			org, name, p.Event, sqldb.Micros(p.Time), p.Source, p.Line, p.SHA256, p.Entry, sqldb.Micros(p.Pinned), p.Actor)
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// custody is what the entry of a pinned event keeps: with it in the chain, the
// event cannot be changed without being found.
type custody struct {
	SHA256 string    `json:"sha256"`
	Source string    `json:"source"`
	Time   time.Time `json:"time"`
}

// saidOf is what the chain says of a pinned event.
type saidOf struct {
	custody
	entry *Entry
}

// of reports whether it says so of an event.
func (s saidOf) of(p *Pinned) bool {
	return s.SHA256 == p.SHA256 && s.Source == p.Source && sqldb.Micros(s.Time) == sqldb.Micros(p.Time) && s.entry.No == p.Entry && s.entry.At.Equal(p.Pinned) && s.entry.Actor == p.Actor
}

// Custody is what reading the chain of a case again gives.
type Custody struct {
	OK      bool
	Entries int
	Events  int
	Head    string // hash of the last entry
	Broken  string // where it does not hold: "entry 3", "event …"
	Why     string // key of a text
}

// verify reads the timeline and the events of a case again, and says whether they
// are what was written.
func verify(ctx context.Context, q sqldb.Querier, org, name string) (*Custody, error) {
	entries, err := timeline(ctx, q, org, name)
	if err != nil {
		return nil, err
	}
	events, err := pinned(ctx, q, org, name)
	if err != nil {
		return nil, err
	}
	c := &Custody{Entries: len(entries), Events: len(events)}
	var no int64
	var head string
	if err := q.QueryRow(ctx, `SELECT no, hash FROM case_heads WHERE org = ? AND name = ?`, org, name).Scan(&no, &head); err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return nil, err
	}
	broken := func(where, why string) (*Custody, error) {
		c.Broken, c.Why = where, why
		return c, nil
	}
	prev, said := "", map[string]saidOf{}
	for i, e := range entries {
		where := fmt.Sprintf("#%d", e.No)
		switch {
		case e.No != int64(i+1):
			return broken(where, "gap")
		case e.Prev != prev:
			return broken(where, "link")
		case e.Hash != e.sum(org, name):
			return broken(where, "changed")
		}
		prev = e.Hash
		if e.Kind == "pin" {
			var kept custody
			if err := json.Unmarshal(e.Data, &kept); err != nil {
				return broken(where, "changed")
			}
			said[e.About] = saidOf{kept, e}
		}
	}
	if no != int64(len(entries)) || head != prev {
		return broken(fmt.Sprintf("#%d", no), "cut")
	}
	for _, p := range events {
		if said, ok := said[p.Event]; !ok || digest(p.Line) != p.SHA256 || !said.of(p) {
			return broken(p.Event, "event")
		}
		delete(said, p.Event)
	}
	for id := range said {
		return broken(id, "missing")
	}
	c.OK, c.Head = true, prev
	return c, nil
}

// noCase is the answer about a case that is not there.
func noCase(name string) error {
	return fault.New(fault.NotFound, "there is no case %s", name).Coded("case.none")
}
