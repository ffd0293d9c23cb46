package feed_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestDrain: everything there is takes effect once, what one watch writes is
// handled by the others, and a watch that fails stays where it was.
func TestDrain(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db)
		add(t, db, some(7)...)
		late := feed.Watch{Name: "late", FromNow: true, Handle: record("late")}
		answers := feed.Watch{Name: "answers", Types: []string{"test"}, Batch: 7, Handle: func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			return feed.Append(ctx, tx, &feed.Entry{Org: "acme", Type: "answer"})
		}}
		w := feed.Watch{Name: "w", Batch: 3, Handle: record("w")}
		for i, want := range []int{7 + 7 + 1 + 1, 0} {
			if n, err := f.Drain(t.Context(), late, w, answers); err != nil || n != want {
				t.Fatalf("time %d: %d entries, %v; want %d", i+1, n, err, want)
			}
		}
		if diff := cmp.Diff(upTo(8), effectsOf(t, db, "w")); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{8}, effectsOf(t, db, "late")); diff != "" {
			t.Errorf("effects of a watch from now (-want +got):\n%s", diff)
		}
		add(t, db, some(2)...)
		bad := w
		bad.Handle = func(context.Context, *sqldb.Tx, []feed.Entry) error { return errors.New("no") }
		if _, err := f.Drain(t.Context(), bad); err == nil {
			t.Error("a failure was hidden")
		}
		if _, err := f.Drain(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(upTo(10), effectsOf(t, db, "w")); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
	})
}
