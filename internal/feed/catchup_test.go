package feed_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestCatchUp: everything there is takes effect once, also when it is called
// again, and the entry at fault is named and stays.
func TestCatchUp(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		f := quick(db)
		add(t, db, some(7)...)
		w := feed.Watch{Name: "w", Batch: 3, Handle: record("w")}
		for range 2 {
			if err := f.CatchUp(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7}, effectsOf(t, db, "w")); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
		add(t, db, some(3)...)
		bad := w
		bad.Handle = func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			if batch[len(batch)-1].Seq >= 9 {
				return errors.New("no nine")
			}
			return record("w")(ctx, tx, batch)
		}
		if err := f.CatchUp(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "entry 9") {
			t.Errorf("got %v, want the entry at fault", err)
		}
		if err := f.CatchUp(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, effectsOf(t, db, "w")); diff != "" {
			t.Errorf("effects (-want +got):\n%s", diff)
		}
	})
}

// TestCatchUpBesideOthers: while another node holds the watch, CatchUp waits for
// that node and does nothing itself.
func TestCatchUpBesideOthers(t *testing.T) {
	sqldbtest.Run(t, effects, func(t *testing.T, db *sqldb.DB) {
		w := feed.Watch{Name: "w", Handle: record("w")}
		stop := start(t, quick(db, feed.WithHolder("server")), []feed.Watch{w})
		add(t, db, some(5)...)
		eventually(t, "the server works", func() bool { return len(effectsOf(t, db, "w")) == 5 })
		add(t, db, some(5)...)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := quick(db, feed.WithHolder("command")).CatchUp(ctx, w); err != nil {
			t.Fatal(err)
		}
		if got := len(effectsOf(t, db, "w")); got != 10 {
			t.Errorf("%d entries took effect, want 10", got)
		}
		stop()
	})
}

func some(n int) []*feed.Entry {
	out := make([]*feed.Entry, n)
	for i := range out {
		out[i] = &feed.Entry{Org: "acme", Type: "test"}
	}
	return out
}
