package audit_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestLooks: each person finds the looks that showed them, and is not told who
// else was shown.
func TestLooks(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		const ana, bea = "user:default/ana", "user:default/bea"
		many := func(org string, count int, query string, refs ...string) *audit.Record {
			r := audit.NewLook(count, refs, []string{query})
			r.Org, r.Actor = org, "x"
			return r
		}
		write(t, db,
			&audit.Record{Org: "acme", Action: audit.LookOne, Target: ana},
			&audit.Record{Org: "acme", Action: "entity.update", Target: ana},
			many("acme", 2, "kind=User", ana, bea),
			many("acme", 1, `text="user:default/ana", "more":true`, bea), // who searches cannot make it look like more
			many("acme", 1, "kind=User", "user:default/ana-maria"),
			many("acme", 1, "kind=User", "user:default/a_a"),
			many("acme", 900, "all", bea),
			many("other", 900, "all", ana),
		)
		log := audit.New(db)
		want := func(ref string, limit int, wantMore bool, want ...int64) {
			t.Helper()
			looks, more, err := log.Looks(t.Context(), "acme", ref, limit)
			if err != nil || more != wantMore || len(looks) != len(want) {
				t.Fatalf("%s: %d looks, more %t, %v: %+v", ref, len(looks), more, err, looks)
			}
			for i, l := range looks {
				if l.Seq != want[i] || l.Action == audit.LookMany && l.Detail != nil {
					t.Errorf("%s: look %d is %+v", ref, i, l)
				}
			}
		}
		want(ana, 10, false, 7, 3, 1)
		want(ana, 2, true, 7, 3)
		want(bea, 10, false, 7, 4, 3)
		want("user:default/a%", 10, false, 7)
		looks, _, err := log.Looks(t.Context(), "acme", ana, 10)
		if err != nil || !looks[0].Perhaps || looks[0].Shown != 900 || looks[1].Perhaps || looks[1].Shown != 2 || looks[1].Queries[0] != "kind=User" || looks[2].Shown != 1 {
			t.Errorf("%+v, %v", looks, err)
		}
		if r, err := log.Verify(t.Context(), "acme"); err != nil || !r.OK {
			t.Errorf("the chain: %+v, %v", r, err)
		}
	})
}
