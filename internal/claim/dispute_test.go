package claim

import (
	"context"
	"testing"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// TestDisputes: a claim is disputed as long as a dispute of it is open, whether
// it was just raised, is let rest, opened again, or answered.
func TestDisputes(t *testing.T) {
	open := false
	disputes := func(c *Config) {
		c.Disputes = func(_ context.Context, _ sqldb.Querier, _ string, uids []string) (map[string]Dispute, error) {
			out := map[string]Dispute{}
			if open {
				out[uids[0]] = Dispute{By: "max", At: noon, Text: "no"}
			}
			return out, nil
		}
	}
	run(t, disputes, func(w *world) {
		open = false
		w.apply(described + aThing("a", ", description: x"))
		v := w.state("described", Supported)
		for _, step := range []struct {
			what string
			open bool
			want State
		}{{"comment.disputed", true, Disputed}, {"comment.resolved", false, Supported}, {"comment.reopened", true, Disputed}, {"comment.answered", false, Supported}, {"comment.reopened", true, Disputed}} {
			open = step.open
			w.must(w.db.Tx(w.Context(), func(tx *sqldb.Tx) error {
				return feed.Append(w.Context(), tx, &feed.Entry{Org: org, At: w.clock, Type: step.what, Ref: v.Ref, UID: v.UID, Actor: "max"})
			}))
			w.settle()
			if got := w.view("described").State; got != step.want {
				t.Errorf("after %s it is %s, want %s", step.what, got, step.want)
			}
		}
	})
}
