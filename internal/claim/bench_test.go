package claim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// BenchmarkRetest runs all tests of 1,000 claims over 500 things again, with a
// year of daily runs behind them. In "same" the answers are those of before, in
// "changed" every answer is another one.
func BenchmarkRetest(b *testing.B) {
	steps := append(append(append(feed.Migrations(), audit.Migrations()...), catalog.Migrations()...), Migrations()...)
	for name, open := range map[string]func(testing.TB) *sqldb.DB{
		"sqlite":   func(t testing.TB) *sqldb.DB { return sqldbtest.SQLite(t, steps) },
		"postgres": func(t testing.TB) *sqldb.DB { return sqldbtest.Postgres(t, steps) },
	} {
		b.Run(name, func(b *testing.B) {
			w := newYear(b, open(b))
			b.Run("same", func(b *testing.B) { w.retest(b, false) })
			b.Run("changed", func(b *testing.B) { w.retest(b, true) })
		})
	}
}

const (
	benchClaims = 1000
	benchThings = 500
	benchDays   = 365
)

type year struct {
	*world
	flip  int
	bytes float64 // of one run in the file; 0 where it cannot be told
}

func newYear(b *testing.B, db *sqldb.DB) *year {
	w := &year{world: newWorld(b, db, nil)}
	w.thingsOf(0)
	for from := 0; from < benchClaims; from += 250 {
		var y strings.Builder
		for i := from; i < from+250; i++ {
			fmt.Fprintf(&y, "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c%d}\nspec: {room: operations, subject: \"thing:t%d\", leansOn: [\"claim:c%d\"], tests: [{name: t, records: {from: thing, where: 'spec.type == \"service\" && metadata.name != \"t%d\"', expect: 'spec.cost < 100.0'}}]}\n", i, i%benchThings, i/2, i)
		}
		w.must(w.tryApply(w.as("ana", auth.RoleOwner), y.String()))
	}
	w.settle()
	before := w.size()
	w.past(b)
	w.bytes = float64(w.size()-before) / (benchClaims * benchDays)
	return w
}

// size is how large the SQLite file is; 0 for PostgreSQL.
func (w *year) size() (n int64) {
	if w.db.Dialect() == sqldb.SQLite {
		w.must(w.db.QueryRow(w.Context(), `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`).Scan(&n))
	}
	return n
}

// thingsOf writes the things; an odd round makes all of them too dear.
func (w *year) thingsOf(round int) {
	var y strings.Builder
	for i := range benchThings {
		fmt.Fprintf(&y, "---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: t%d}\nspec: {type: service, cost: %d}\n", i, i%90+1+1000*(round%2))
	}
	w.must(w.tryApply(w.as("ana", auth.RoleOwner), y.String()))
}

// past gives every claim a year of daily runs.
func (w *year) past(b *testing.B) {
	last := map[string]*Run{}
	runs, err := w.engine.runs(w.Context(), w.db, `r.org = ?`, org)
	w.must(err)
	for _, r := range runs {
		last[r.Claim] = r
	}
	if len(last) != benchClaims {
		b.Fatalf("%d claims have runs", len(last))
	}
	for day := range benchDays {
		var list []done
		for _, r := range last {
			next := *r
			next.At, next.AsOf = r.At.Add(-time.Duration(benchDays-day)*24*time.Hour), r.AsOf.Add(-time.Duration(benchDays-day)*24*time.Hour)
			list = append(list, done{&next, []byte("{}"), []byte("{}")})
		}
		w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error { return w.engine.append(w.Context(), tx, list) }))
	}
}

func (w *year) retest(b *testing.B, changed bool) {
	ctx := b.Context()
	for b.Loop() {
		b.StopTimer()
		if changed {
			w.flip++
			w.thingsOf(w.flip)
		}
		w.clock = w.clock.Add(25 * time.Hour)
		_, err := w.db.Exec(ctx, `UPDATE claim_due SET due = 1, why = 'schedule'`)
		w.must(err)
		b.StartTimer()
		n, err := w.engine.Drain(ctx)
		w.must(err)
		if n < benchClaims {
			b.Fatalf("%d runs", n)
		}
	}
	if w.bytes > 0 {
		b.ReportMetric(w.bytes, "B/run")
	}
}
