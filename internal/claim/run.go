package claim

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Sum returns the hash that the run must carry: SHA-256, in hex, over its
// fields but Hash, each written with its length, in the order of the struct.
// Moments are microseconds since 1970; a missing number is empty.
func (r *Run) Sum() string {
	h := sha256.New()
	put := func(s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }
	for _, s := range []string{"run/1", r.Org, r.Claim, strconv.FormatInt(r.Seq, 10), r.Test, micros(r.At), micros(r.AsOf), strconv.FormatInt(r.Feed, 10),
		strconv.Itoa(r.N), strconv.Itoa(r.Exceptions), strconv.Itoa(r.Excused), figureOr(r.Value), string(r.Verdict), string(r.Zone), r.Reason,
		strconv.FormatBool(r.Asserted), r.By, r.Note, micros(r.Until), r.Source, r.ExcusedBy, micros(r.ExcusedUntil), r.Why, r.Query, r.Result, r.Prev} {
		put(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func micros(t time.Time) string { return strconv.FormatInt(sqldb.Micros(t), 10) }

func figureOr(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatUint(math.Float64bits(*v), 16)
}

const runColumns = `org, claim, seq, test, at, as_of, feed, n, exceptions, excused, value, verdict, zone, reason, asserted, by_whom, note, until, source, excused_by, excused_until, why, query, result, prev, hash`

// prefixed is runColumns of the table called r.
var prefixed = "r." + strings.ReplaceAll(runColumns, ", ", ", r.")

func (r *Run) args() []any {
	asserted := 0
	if r.Asserted {
		asserted = 1
	}
	var value any
	if r.Value != nil {
		value = *r.Value
	}
	return []any{r.Org, r.Claim, r.Seq, r.Test, sqldb.Micros(r.At), sqldb.Micros(r.AsOf), r.Feed, r.N, r.Exceptions, r.Excused, value, string(r.Verdict), string(r.Zone), r.Reason,
		asserted, r.By, r.Note, sqldb.Micros(r.Until), r.Source, r.ExcusedBy, sqldb.Micros(r.ExcusedUntil), r.Why, r.Query, r.Result, r.Prev, r.Hash}
}

func scanRun(s sqldb.Row) (*Run, error) {
	var r Run
	var at, asOf, until, excused int64
	var asserted int
	var value sql.NullFloat64
	err := s.Scan(&r.Org, &r.Claim, &r.Seq, &r.Test, &at, &asOf, &r.Feed, &r.N, &r.Exceptions, &r.Excused, &value, &r.Verdict, &r.Zone, &r.Reason,
		&asserted, &r.By, &r.Note, &until, &r.Source, &r.ExcusedBy, &excused, &r.Why, &r.Query, &r.Result, &r.Prev, &r.Hash)
	if err != nil {
		return nil, err
	}
	r.At, r.AsOf, r.Until, r.ExcusedUntil = sqldb.Time(at), sqldb.Time(asOf), sqldb.Time(until), sqldb.Time(excused)
	r.Asserted = asserted != 0
	if value.Valid {
		r.Value = &value.Float64
	}
	return &r, nil
}

func (e *Engine) runs(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]*Run, error) {
	return sqldb.All(ctx, q, scanRun, `SELECT `+runColumns+` FROM claim_runs r WHERE `+where, args...)
}

// done is a run with what it answered, before it is written.
type done struct {
	run    *Run
	query  []byte
	answer []byte
}

// append writes runs at the ends of their chains, in the order given, and sets
// Seq, Prev and Hash. The chains' heads are taken until tx ends.
func (e *Engine) append(ctx context.Context, tx *sqldb.Tx, list []done) error {
	by := map[[2]string][]done{}
	var keys [][2]string
	for _, d := range list {
		k := [2]string{d.run.Org, d.run.Claim}
		if by[k] == nil {
			keys = append(keys, k)
		}
		by[k] = append(by[k], d)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return strings.Compare(a[0]+"\x00"+a[1], b[0]+"\x00"+b[1]) })
	w := &batch{ctx: ctx, tx: tx, ahead: sqldb.Micros(e.now().Add(skew))}
	for _, k := range keys {
		if err := extend(ctx, tx, k[0], k[1], by[k]); err != nil {
			return err
		}
		for _, d := range by[k] {
			w.add(d)
		}
	}
	return w.flush()
}

func extend(ctx context.Context, tx *sqldb.Tx, org, claim string, list []done) error {
	var seq int64
	var prev string
	err := tx.QueryRow(ctx, `UPDATE claim_heads SET seq = seq WHERE org = ? AND claim = ? RETURNING seq, hash`, org, claim).Scan(&seq, &prev)
	if errors.Is(err, sqldb.ErrNoRows) {
		_, err = tx.Exec(ctx, `INSERT INTO claim_heads (org, claim, seq, hash) VALUES (?, ?, 0, '')`, org, claim)
	}
	if err != nil {
		return err
	}
	for _, d := range list {
		seq++
		d.run.Seq, d.run.Prev = seq, prev
		d.run.Hash = d.run.Sum()
		prev = d.run.Hash
	}
	_, err = tx.Exec(ctx, `UPDATE claim_heads SET seq = ?, hash = ? WHERE org = ? AND claim = ?`, seq, prev, org, claim)
	return err
}

// batch writes many rows with few statements.
type batch struct {
	ctx     context.Context
	tx      *sqldb.Tx
	ahead   int64 // what is placed further ahead was written by a wrong clock
	runs    [][]any
	results map[[2]string][]any
	last    map[[3]string][]any
}

func (w *batch) add(d done) {
	if w.results == nil {
		w.results, w.last = map[[2]string][]any{}, map[[3]string][]any{}
	}
	r := d.run
	w.runs = append(w.runs, r.args())
	w.results[[2]string{r.Org, r.Query}] = []any{r.Org, r.Query, "query", string(d.query)}
	w.results[[2]string{r.Org, r.Result}] = []any{r.Org, r.Result, "answer", string(d.answer)}
	key := [3]string{r.Org, r.Claim, r.Test}
	if have := w.last[key]; have == nil || have[4].(int64) <= r.order() {
		w.last[key] = []any{r.Org, r.Claim, r.Test, r.Seq, r.order()}
	}
}

// order is what the last run of a test is the greatest by: a word by the moment
// it is about, since one may be given late; everything else by when it was
// carried out.
func (r *Run) order() int64 {
	if r.Why == word {
		return sqldb.Micros(r.AsOf)
	}
	return sqldb.Micros(r.At)
}

const word = "word" // why a run was made of what a person says

func (w *batch) flush() error {
	if err := w.tx.Insert(w.ctx, sqldb.Rows{Table: "claim_runs", Columns: strings.Split(runColumns, ", "), Values: w.runs}); err != nil {
		return err
	}
	if err := w.tx.Insert(w.ctx, sqldb.Rows{Table: "claim_results", Columns: []string{"org", "hash", "kind", "doc"}, Values: rowsOf(w.results), Conflict: `ON CONFLICT (org, hash) DO NOTHING`}); err != nil {
		return err
	}
	return w.tx.Insert(w.ctx, sqldb.Rows{Table: "claim_last", Columns: []string{"org", "claim", "test", "seq", "place"}, Values: rowsOf(w.last),
		Conflict: `ON CONFLICT (org, claim, test) DO UPDATE SET seq = excluded.seq, place = excluded.place WHERE excluded.place >= claim_last.place OR claim_last.place > ` + strconv.FormatInt(w.ahead, 10)})
}

func rowsOf[K comparable](m map[K][]any) [][]any {
	out := make([][]any, 0, len(m))
	for _, row := range m {
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b []any) int { return strings.Compare(fmt.Sprint(a[:3]...), fmt.Sprint(b[:3]...)) })
	return out
}
