package audit

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Log reads the audit log of one database.
type Log struct{ db *sqldb.DB }

// New returns the log of a database that has the migrations.
func New(db *sqldb.DB) *Log { return &Log{db} }

// Write appends records in a transaction of its own, for acts that change
// nothing else, as a refused sign-in.
func (l *Log) Write(ctx context.Context, records ...*Record) error {
	return l.db.Tx(ctx, func(tx *sqldb.Tx) error { return Append(ctx, tx, records...) })
}

// Query selects records of one organisation. Zero fields select everything.
type Query struct {
	Text    string    // somewhere in the actor, its name, action, target, detail or address; any case
	Actor   string    // exactly
	Action  string    // exactly, or all that begin with what stands before a final *
	Target  string    // likewise
	Outcome string    // exactly
	Via     string    // exactly
	From    time.Time // at or after
	To      time.Time // before
	Limit   int       // records at most; 0 means 100 in Search and all in Export
	Before  int64     // only records before this seq; 0 means from the newest
}

// Search returns the newest records that match, newest first, and the Before
// of the next page; 0 when this is the last.
func (l *Log) Search(ctx context.Context, org string, q Query) (records []Record, next int64, err error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	where, args := q.where(org)
	records, err = sqldb.All(ctx, l.db, scan, `SELECT `+columns+` FROM audit WHERE `+where+` ORDER BY seq DESC LIMIT ?`, append(args, q.Limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("audit: search: %w", err)
	}
	if len(records) > q.Limit {
		records = records[:q.Limit]
		next = records[q.Limit-1].Seq
	}
	return records, next, nil
}

func (q Query) where(org string) (where string, args []any) {
	conds, args := []string{"org = ?"}, []any{org}
	add := func(cond string, a ...any) { conds, args = append(conds, cond), append(args, a...) }
	if q.Text != "" {
		// SQLite lowers ASCII letters only, so a text in other letters is also looked for as given.
		const text = `lower(actor || ' ' || actor_name || ' ' || action || ' ' || target || ' ' || detail || ' ' || ip) LIKE ? ESCAPE '!'`
		given := likeEscaper.Replace(cleanText(q.Text))
		add("("+text+" OR "+text+")", "%"+strings.ToLower(given)+"%", "%"+lowerASCII(given)+"%")
	}
	for _, c := range []struct{ column, value string }{
		{"actor", q.Actor}, {"action", q.Action}, {"target", q.Target}, {"outcome", q.Outcome}, {"via", q.Via},
	} {
		prefix, ok := strings.CutSuffix(c.value, "*")
		switch {
		case c.value == "":
		case ok && (c.column == "action" || c.column == "target"):
			prefix = cleanText(prefix)
			add("substr("+c.column+", 1, ?) = ?", utf8.RuneCountInString(prefix), prefix)
		default:
			add(c.column+" = ?", cleanText(c.value))
		}
	}
	if !q.From.IsZero() {
		add("at >= ?", sqldb.Micros(q.From))
	}
	if !q.To.IsZero() {
		add("at < ?", sqldb.Micros(q.To))
	}
	if q.Before > 0 {
		add("seq < ?", q.Before)
	}
	return strings.Join(conds, " AND "), args
}

var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func scan(row sqldb.Row) (Record, error) {
	var r Record
	var at int64
	var detail string
	err := row.Scan(&r.Org, &r.Seq, &at, &r.Actor, &r.ActorName, &r.Action, &r.Target, &detail, &r.IP, &r.Via, &r.Outcome, &r.Prev, &r.Hash)
	r.At = sqldb.Time(at)
	if detail != "" {
		r.Detail = []byte(detail)
	}
	return r, err
}
