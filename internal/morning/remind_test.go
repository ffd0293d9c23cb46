package morning_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/morning"
)

// TestRemind: each date is told a week before, the day before, on the day and
// the day after, in the morning of the organisation and once.
func TestRemind(t *testing.T) {
	run(t, nil, func(w *world) {
		w.apply(ana, crew+thing("a", "review: 2026-09-29")+thing("b", "ends: 2026-09-29")+"---\napiVersion: binnacle.dev/v1\nkind: User\nmetadata: {name: zoe}\nspec: {}\n")
		head, err := w.feed.Head(w.Context())
		w.must(err)
		told := func() []string {
			w.Helper()
			w.must(w.desk.Remind(w.Context()))
			w.must(w.desk.Remind(w.Context()))
			list, err := w.feed.Read(w.Context(), "acme", head, 100, "due.*")
			w.must(err)
			var out []string
			for _, x := range list {
				var r morning.Reminder
				w.must(json.Unmarshal(x.Data, &r))
				out = append(out, fmt.Sprintf("%s %s %s %d for %s", x.Type, x.Ref, r.En, r.Days, r.Who))
			}
			head, err = w.feed.Head(w.Context())
			w.must(err)
			return out
		}
		f := func(at string, want ...string) {
			t.Helper()
			var err error
			w.clock, err = time.Parse(time.RFC3339, at)
			w.must(err)
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("at %s (-want +got):\n%s", at, diff)
			}
		}
		f("2026-09-21T10:00:00Z")
		f("2026-09-22T03:30:00Z") // half past five in Madrid
		f("2026-09-22T04:10:00Z", "due.soon service:default/a Review 7 for group:default/pay", "due.soon service:default/b End of life 7 for group:default/pay")
		f("2026-09-22T20:00:00Z")
		f("2026-09-28T06:00:00Z", "due.soon service:default/a Review 1 for group:default/pay", "due.soon service:default/b End of life 1 for group:default/pay")
		f("2026-09-29T06:00:00Z", "due.today service:default/a Review 0 for group:default/pay", "due.today service:default/b End of life 0 for group:default/pay")
		f("2026-09-30T06:00:00Z", "due.passed service:default/a Review -1 for group:default/pay")
		f("2026-10-30T06:00:00Z")
	})
}
