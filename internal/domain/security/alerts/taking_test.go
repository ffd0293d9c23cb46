package alerts_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// chance makes findings of few rules, hosts, windows and events, so that they
// meet often.
type chance struct{ *rand.Rand }

func (c chance) finding() detect.Finding {
	rule, host, window := c.IntN(4), c.IntN(2), c.IntN(12)
	f := found(fmt.Sprint("r", rule), fmt.Sprint("web-", host), now.Add(time.Duration(window)*4*time.Hour))
	f.Rule.Level = []string{"low", "low", "low", "high", "critical"}[c.IntN(5)]
	for range c.IntN(6) {
		n := c.IntN(60)
		f.Events = append(f.Events, detect.Seen{ID: fmt.Sprint("e", n), Time: f.Start.Add(time.Duration(n) * time.Minute), Source: "linux"})
	}
	switch rule {
	case 1: // a correlation, whose value goes up and down, and which has no fields at times
		f.Rule.Kind, f.Value = "correlation", float64(c.IntN(4))
		if f.More = c.IntN(3) * c.IntN(9); c.IntN(4) == 0 {
			f.Fields = nil
		}
	case 2: // more than is kept of an alert
		for n := range 500 * (c.IntN(3) / 2) {
			f.Events = append(f.Events, detect.Seen{ID: fmt.Sprint("m", n+c.IntN(1500)), Time: f.Start.Add(time.Duration(n) * time.Second), Source: "linux"})
		}
	}
	if f.Late = c.IntN(5) == 0; f.Fields != nil {
		f.Fields["n"] = fmt.Sprint(c.IntN(3))
	}
	f.End = f.Start.Add(time.Duration(c.IntN(60)) * time.Minute)
	return f
}

// rows are those of a table of an organisation, without its name.
func (d *desk) rows(org, table, columns string) []string {
	d.Helper()
	list := strings.Split(columns, ", ")
	rows, err := sqldb.All(ctx, d.db, func(r sqldb.Row) (string, error) {
		values := make([]any, len(list))
		for i := range values {
			values[i] = new(any)
		}
		err := r.Scan(values...)
		var b strings.Builder
		for i, v := range values {
			if text, ok := (*v.(*any)).([]byte); ok {
				*v.(*any) = string(text)
			}
			fmt.Fprintf(&b, "%s=%v ", list[i], *v.(*any))
		}
		return b.String(), err
	}, `SELECT `+columns+` FROM `+table+` WHERE org = ?`, org)
	if err != nil {
		d.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

// Many findings that are taken at once leave the same as each alone, taken plainly:
// told again, overlapping, late, with alerts closed, opened again and suppressed
// between them.
func TestTakingAgainstPlain(t *testing.T) {
	tables := map[string]string{
		"alerts":         "no, name, rule, title, told, level, group_key, grouped, fields, value, late, severity, risk, reasons, events, exact, first_seen, last_seen, created, acknowledged, closed, state, assignee",
		"alert_findings": "name, no, suppression, taken, since, until, events, more, over",
		"alert_events":   "no, event, finding, at, source",
		"alert_changes":  "no, seq, at, act, value, became",
		"alert_heads":    "what, no",
		"feed":           "type, uid, data",
	}
	both(t, func(t *testing.T, d *desk) {
		counts := map[string]int{}
		for seed := range uint64(5) {
			c := chance{rand.New(rand.NewPCG(2026, seed))}
			quick, plain := fmt.Sprint("quick-", seed), fmt.Sprint("plain-", seed)
			act := func(do func(caller catalog.Caller) error) {
				for _, org := range []string{quick, plain} {
					caller := as("leila", auth.RoleCISO)
					caller.Org = org
					if err := do(caller); err != nil {
						t.Fatal(err)
					}
				}
			}
			var told []detect.Finding
			for range 12 {
				d.time = d.time.Add(time.Duration(c.IntN(90)) * time.Minute)
				var list []detect.Finding
				for range 1 + c.IntN(40) {
					f := c.finding()
					if len(told) > 0 && c.IntN(3) == 0 {
						f = told[c.IntN(len(told))]
					}
					list = append(list, f)
				}
				told = append(told, list...)
				of := func(org string) []detect.Finding {
					out := slices.Clone(list)
					for i := range out {
						out[i].Org = org
					}
					return out
				}
				if err := d.Take(ctx, of(quick)); err != nil {
					t.Fatal(err)
				}
				if err := d.PlainTake(ctx, of(plain)); err != nil {
					t.Fatal(err)
				}
				for table, columns := range tables {
					got, want := d.rows(quick, table, columns), d.rows(plain, table, columns)
					if counts[table] += len(got); !slices.Equal(want, got) {
						t.Fatalf("seed %d, %s (-plain +got): %s", seed, table, cmp.Diff(want, got))
					}
				}
				no := 1 + c.Int64N(int64(len(d.rows(quick, "alerts", "no"))))
				switch c.IntN(4) {
				case 0, 1:
					act(func(caller catalog.Caller) error {
						_, err := d.Do(ctx, caller, []int64{no}, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "A test."})
						return err
					})
				case 2:
					act(func(caller catalog.Caller) error {
						_, err := d.Do(ctx, caller, []int64{no}, alerts.Act{Do: alerts.Reopen})
						return err
					})
				case 3:
					until := d.time.Add(30 * time.Hour)
					act(func(caller catalog.Caller) error {
						_, err := d.Suppress(ctx, caller, no, false, until, "A test.")
						return err
					})
				}
			}
			for what, rows := range map[string]int{
				"parted":     count(d.rows(quick, "alert_findings", "name"), "/AL-"),
				"suppressed": count(d.rows(quick, "alert_findings", "no"), "no=0 "),
				"over":       count(d.rows(quick, "alert_findings", "over"), "over=1"),
				"raised":     count(d.rows(quick, "alert_changes", "act"), "raised"),
			} {
				counts[what] += rows
			}
		}
		t.Log(counts)
		for what := range tables {
			if counts[what] == 0 {
				t.Errorf("there is nothing in %s: the test tests nothing", what)
			}
		}
		for _, what := range []string{"parted", "suppressed", "over", "raised"} {
			if counts[what] == 0 {
				t.Errorf("nothing was %s: the test tests nothing", what)
			}
		}
	})
}

func count(rows []string, of string) (n int) {
	for _, r := range rows {
		if strings.Contains(r, of) {
			n++
		}
	}
	return n
}

// BenchmarkTakeAgain takes twenty findings that are known, each with five more
// events.
func BenchmarkTakeAgain(b *testing.B) {
	d := newDesk(b, sqldbtest.SQLite(b, migrations()))
	f := func(name string, take func(list ...detect.Finding)) {
		n := 0
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var list []detect.Finding
				for i := range 20 {
					x := found(fmt.Sprint(name, i), fmt.Sprint("web-", n/150), now)
					for j := range 5 {
						x.Events = append(x.Events, detect.Seen{ID: fmt.Sprint("e", n, "-", j), Time: now.Add(time.Duration(n) * time.Millisecond), Source: "linux"})
					}
					list = append(list, x)
				}
				n++
				take(list...)
			}
		})
	}
	f("desk", d.take)
	f("plain", func(list ...detect.Finding) {
		if err := d.PlainTake(ctx, list); err != nil {
			b.Fatal(err)
		}
	})
}
