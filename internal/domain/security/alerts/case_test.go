package alerts_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func playbooks(t testing.TB) []alerts.Playbook {
	t.Helper()
	list, err := alerts.LoadPlaybooks(os.DirFS(testenv.Root() + "/content/playbooks"))
	if err != nil || len(list) < 6 {
		t.Fatalf("%d playbooks, %v", len(list), err)
	}
	return list
}

func TestPlaybooksLoad(t *testing.T) { playbooks(t) }

// withBooks gives the desk the built-in playbooks.
func (d *desk) withBooks() *desk {
	d.config.Playbooks = playbooks(d)
	d.Desk = alerts.NewDesk(d.catalog, d.config)
	return d
}

func (d *desk) caseOf(name string) alerts.Case {
	d.Helper()
	e, err := d.catalog.Get(ctx, leila, entity.NewRef("case", "", name))
	if err != nil {
		d.Fatal(err)
	}
	s, err := catalog.Spec[alerts.Case](e)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

func (d *desk) open(o alerts.Opening) string {
	d.Helper()
	name, err := d.OpenCase(ctx, leila, o)
	if err != nil {
		d.Fatal(err)
	}
	return name
}

// kinds are the kinds of the entries of a case, in order.
func (d *desk) kinds(name string) []string {
	d.Helper()
	list, err := d.Timeline(ctx, "default", name)
	if err != nil {
		d.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

func (d *desk) holds(name string) {
	d.Helper()
	k, err := d.Verify(ctx, "default", name)
	if err != nil || !k.OK {
		d.Errorf("the chain of %s does not hold: %v %+v", name, err, k)
	}
}

func (d *desk) tasks(name string) []*entity.Entity {
	d.Helper()
	page, err := d.catalog.List(ctx, leila, catalog.Query{Kinds: []string{"Task"}, Fields: map[string][]string{"spec.about": {"case:default/" + name}}})
	if err != nil {
		d.Fatal(err)
	}
	return page.Items
}

func TestCaseFromAlerts(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.withBooks()
		d.apply(catalogue)
		d.take(found("r1", "payments-7d9f5c-x2x1", now.Add(-2*time.Minute), "e1"), found("r2", "web-9", now, "e2"))
		d.time = now.Add(6 * time.Minute)
		name := d.open(alerts.Opening{Title: "A shell on payments", Playbook: "malware", Alerts: []int64{1, 2}})
		if name != "C-1" {
			t.Errorf("it is called %s", name)
		}
		s := d.caseOf(name)
		if s.Severity != "critical" || s.Phase != "acknowledged" || s.Lead != "user:default/leila" || s.Began != "2026-09-22T03:11:04Z" || s.DetectedAt != "2026-09-22T03:13:04Z" || s.AcknowledgedAt != "2026-09-22T03:19:04Z" {
			t.Errorf("%+v", s)
		}
		if !cmp.Equal(s.Services, []string{"component:default/payments"}) || len(s.Affected) != 1 || s.Affected[0].Verdict != "open" || !cmp.Equal(s.People, []string{"user:default/leila"}) {
			t.Errorf("%+v", s)
		}
		for _, no := range []int64{1, 2} {
			if a := d.get(no); a.Case != name || a.State != alerts.InWork || a.Assignee != "user:default/leila" {
				t.Errorf("%+v", a)
			}
		}
		if diff := cmp.Diff([]string{"opened", "alert", "alert", "playbook"}, d.kinds(name)); diff != "" {
			t.Error(diff)
		}
		if n := len(d.tasks(name)); n < 8 {
			t.Errorf("%d tasks", n)
		}
		d.holds(name)
		if second := d.open(alerts.Opening{Title: "Another"}); second != "C-2" {
			t.Errorf("the second is called %s", second)
		}
		d.apply("apiVersion: binnacle.dev/v1\nkind: Case\nmetadata: {name: C-117}\nspec: {severity: low, phase: detected}\n")
		if next := d.open(alerts.Opening{Title: "After one from a file"}); next != "C-118" {
			t.Errorf("the next is called %s", next)
		}
		if _, err := d.catalog.Delete(ctx, leila, entity.NewRef("case", "", name), 0); !fault.Is(err, fault.Conflict) {
			t.Errorf("a case was deleted: %v", err)
		}
		if _, err := d.catalog.Rename(ctx, leila, entity.NewRef("case", "", name), "C-500"); !fault.Is(err, fault.Conflict) {
			t.Errorf("a case was renamed: %v", err)
		}
		if _, err := d.OpenCase(ctx, as("ana", auth.RoleMember), alerts.Opening{Title: "x"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a member opened a case: %v", err)
		}
		many := make([]int64, 1001)
		for i := range many {
			many[i] = 1
		}
		for name, open := range map[string]func(context.Context, catalog.Caller, alerts.Opening) (string, error){"OpenCase": d.OpenCase, "OpenFor": d.OpenFor} {
			if _, err := open(ctx, leila, alerts.Opening{Title: "x", Alerts: many}); !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s took 1,001 alerts: %v", name, err)
			}
		}
	})
}

func TestClosingACase(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.withBooks()
		d.apply(catalogue)
		d.take(found("r1", "payments", now, "e1"))
		name := d.open(alerts.Opening{Playbook: "account-takeover", Alerts: []int64{1}})
		lacking := func(want ...string) {
			t.Helper()
			err := d.Reach(ctx, leila, name, "closed", time.Time{}, "", nil)
			var got []string
			for _, p := range fault.ProblemsOf(err) {
				got = append(got, strings.TrimPrefix(p.Code, "case-lacks-"))
			}
			if diff := cmp.Diff(want, got); diff != "" || !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: %s", err, diff)
			}
		}
		lacking("verdicts", "alerts", "tasks", "phases", "lesson", "actions", "report")
		for i, p := range []string{"contained", "removed", "recovered"} {
			d.time = now.Add(time.Duration(i+1) * time.Hour)
			if err := d.Reach(ctx, leila, name, p, d.time.Add(-10*time.Minute), "It is "+p+".", nil); err != nil {
				t.Fatal(err)
			}
		}
		lacking("verdicts", "alerts", "tasks", "lesson", "actions", "report")
		if n, err := d.CloseAlerts(ctx, leila, name, alerts.True, "It was one."); err != nil || n != 1 {
			t.Fatalf("%d %v", n, err)
		}
		lacking("verdicts", "tasks", "lesson", "actions", "report")
		for _, task := range d.tasks(name) {
			if err := d.SetTask(ctx, leila, name, task.Ref(), true); err != nil {
				t.Fatal(err)
			}
		}
		lacking("verdicts", "lesson", "actions", "report")
		d.apply("apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: rotate, title: Rotate all keys}\nspec: {about: \"case:" + name + "\", state: open}\n")
		lacking("verdicts", "tasks", "lesson", "actions", "report")
		also := map[string]any{"lesson": "Keys belong into the vault.", "actions": []string{"task:rotate"}, "report": "not-needed",
			"affected": []map[string]any{{"asset": "component:default/payments", "verdict": "safe"}}}
		d.time = now.Add(5 * time.Hour)
		if err := d.Reach(ctx, leila, name, "closed", time.Time{}, "", also); err != nil {
			t.Fatal(err)
		}
		s := d.caseOf(name)
		if s.Phase != "closed" || s.ClosedAt == "" || s.ContainedAt != "2026-09-22T04:03:04Z" {
			t.Errorf("%+v", s)
		}
		if _, err := d.Do(ctx, leila, []int64{1}, alerts.Act{Do: alerts.Move, To: ""}); err != nil {
			t.Error(err)
		}
		if _, err := d.Do(ctx, leila, []int64{1}, alerts.Act{Do: alerts.Move, To: name}); !fault.Is(err, fault.Conflict) {
			t.Errorf("an alert went into a closed case: %v", err)
		}
		if err := d.Reach(ctx, leila, name, "recovered", time.Time{}, "It goes on.", nil); err != nil {
			t.Fatal(err)
		}
		if s := d.caseOf(name); s.Phase != "recovered" || s.ClosedAt != "" || s.RecoveredAt != "2026-09-22T06:03:04Z" {
			t.Errorf("%+v", s)
		}
		d.holds(name)
	})
}

// Nothing of a chain can be changed without being found.
func TestCustody(t *testing.T) {
	steps := []struct{ name, sql, why string }{
		{"a word", `UPDATE case_entries SET body = 'It was nothing.' WHERE no = 2`, "changed"},
		{"who", `UPDATE case_entries SET actor = 'Nobody' WHERE no = 3`, "changed"},
		{"the hash too", `UPDATE case_entries SET hash = 'x' WHERE no = 1`, "changed"},
		{"an entry", `DELETE FROM case_entries WHERE no = 2`, "gap"},
		{"the last", `DELETE FROM case_entries WHERE no = 4`, "cut"},
		{"an event", `UPDATE case_events SET line = '{}'`, "event"},
		{"an event and its hash", `UPDATE case_events SET line = '{}', sha256 = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'`, "event"},
		{"where an event is from", `UPDATE case_events SET source = 'aws'`, "event"},
		{"when an event was", `UPDATE case_events SET at = at + 1000000`, "event"},
		{"who kept an event", `UPDATE case_events SET actor = 'Nobody'`, "event"},
		{"when an event was kept", `UPDATE case_events SET pinned = pinned - 1000000`, "event"},
		{"all events", `DELETE FROM case_events`, "missing"},
	}
	both(t, func(t *testing.T, d *desk) {
		var names []string
		for range steps {
			name := d.open(alerts.Opening{Title: "x"})
			for _, text := range []string{"We looked.", "We found it."} {
				if err := d.Note(ctx, leila, name, alerts.Us, text, now.Add(-time.Hour), 0); err != nil {
					t.Fatal(err)
				}
			}
			n, err := d.Pin(ctx, leila, name, "", []*alerts.Pinned{{Event: "e1", Time: now, Source: "linux", Line: `{"source.ip":"203.0.113.77"}`}, {Event: "e1", Line: "again"}})
			if err != nil || n != 1 {
				t.Fatalf("%d %v", n, err)
			}
			d.holds(name)
			names = append(names, name)
		}
		only := func(sql, name string) string {
			if strings.Contains(sql, "WHERE") {
				return sql + ` AND name = '` + name + `'`
			}
			return sql + ` WHERE name = '` + name + `'`
		}
		for i, s := range steps {
			if _, err := d.db.Exec(ctx, only(s.sql, names[i])); err == nil {
				t.Fatalf("%s: the table lets itself be changed", s.name)
			}
		}
		for _, table := range []string{"case_entries", "case_events"} {
			drop := []string{`DROP TRIGGER ` + table + `_no_update`, `DROP TRIGGER ` + table + `_no_delete`}
			if d.db.Dialect() == sqldb.Postgres {
				drop = []string{`DROP TRIGGER ` + table + `_no_change ON ` + table}
			}
			for _, q := range drop {
				if _, err := d.db.Exec(ctx, q); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, s := range steps {
			if _, err := d.db.Exec(ctx, only(s.sql, names[i])); err != nil {
				t.Fatal(err)
			}
			if k, err := d.Verify(ctx, "default", names[i]); err != nil || k.OK || k.Why != s.why {
				t.Errorf("%s was changed: %v %+v, want %s", s.name, err, k, s.why)
			}
			// A copy would bear out what was changed.
			into := d.open(alerts.Opening{Title: "y"})
			if err := d.Merge(ctx, leila, names[i], into, ""); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s was changed, and the case was merged: %v", s.name, err)
			}
			if _, err := d.Split(ctx, leila, names[i], "z", nil, []string{"e1"}); !fault.Is(err, fault.Conflict) {
				t.Errorf("%s was changed, and the case was split: %v", s.name, err)
			}
		}
	})
}

func TestNotes(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		name := d.open(alerts.Opening{Title: "x"})
		bad := func(kind fault.Kind, who catalog.Caller, side alerts.Side, text string, at time.Time, corrects int64) {
			t.Helper()
			if err := d.Note(ctx, who, name, side, text, at, corrects); fault.KindOf(err) != kind || err == nil {
				t.Errorf("%v, want %v", err, kind)
			}
		}
		bad(fault.Invalid, leila, alerts.Us, "  ", now, 0)
		bad(fault.Invalid, leila, "nobody", "x", now, 0)
		bad(fault.Invalid, leila, alerts.Us, "x", now.Add(time.Hour), 0)
		bad(fault.Invalid, leila, alerts.Us, "x", now, 9)
		bad(fault.Forbidden, as("paul", auth.RoleAuditor), alerts.Us, "x", now, 0)
		if err := d.Note(ctx, leila, name, alerts.Them, "He came in.", now.Add(-time.Hour), 0); err != nil {
			t.Fatal(err)
		}
		if err := d.Note(ctx, leila, name, alerts.Them, "She came in.", now.Add(-time.Hour), 2); err != nil {
			t.Fatal(err)
		}
		list, err := d.Timeline(ctx, "default", name)
		if err != nil || len(list) != 3 || list[2].Corrects != 2 || list[1].Text != "He came in." {
			t.Errorf("%v %+v", err, list)
		}
		if err := d.Note(ctx, leila, "C-9", alerts.Us, "x", now, 0); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		if got := d.types("case."); !cmp.Equal(got, []string{"case.opened", "case.note", "case.note"}) {
			t.Errorf("%v", got)
		}
		records, _, err := audit.New(d.db).Search(ctx, "default", audit.Query{Action: "case.*"})
		if err != nil || len(records) != 3 || records[0].Action != "case.note" || records[0].Target != "case:default/"+name || records[0].Actor != "acc-leila" {
			t.Errorf("%v %+v", err, records)
		}
	})
}

func TestMergeLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.withBooks()
		d.apply(catalogue)
		d.take(found("r1", "payments", now.Add(-time.Hour), "e1"), found("r2", "kiosk", now, "e2"))
		into := d.open(alerts.Opening{Title: "One", Alerts: []int64{2}})
		from := d.open(alerts.Opening{Title: "Two", Alerts: []int64{1}, Playbook: "malware"})
		tasks := len(d.tasks(from))
		for _, name := range []string{into, from} {
			if err := d.Note(ctx, leila, name, alerts.Us, "Note of "+name, now.Add(-time.Minute), 0); err != nil {
				t.Fatal(err)
			}
		}
		events := []*alerts.Pinned{{Event: "e1", Time: now, Source: "linux", Line: `{"a":"1"}`}, {Event: "e2", Time: now, Source: "linux", Line: `{"a":"2"}`}}
		if _, err := d.Pin(ctx, leila, from, "", events); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Pin(ctx, leila, into, "", events[1:]); err != nil {
			t.Fatal(err)
		}
		if err := d.Merge(ctx, leila, from, into, "It is the same attack."); err != nil {
			t.Fatal(err)
		}
		s, old := d.caseOf(into), d.caseOf(from)
		if old.Phase != "closed" || old.MergedInto != "case:default/"+into {
			t.Errorf("%+v", old)
		}
		if len(s.Affected) != 2 || len(s.Services) != 2 || s.Severity != "critical" || s.Began != "2026-09-22T02:13:04Z" {
			t.Errorf("%+v", s)
		}
		if a := d.get(1); a.Case != into {
			t.Errorf("the alert is in %q", a.Case)
		}
		if got := len(d.tasks(into)); got != tasks || len(d.tasks(from)) != 0 {
			t.Errorf("%d tasks of %d", got, tasks)
		}
		kept, err := d.Pinned(ctx, "default", into)
		if err != nil || len(kept) != 2 {
			t.Errorf("%v, %d events", err, len(kept))
		}
		list, _ := d.Timeline(ctx, "default", into)
		if !slices.ContainsFunc(list, func(e *alerts.Entry) bool {
			return e.Text == "Note of "+from && strings.Contains(string(e.Data), from) && e.Happened.Equal(now.Add(-time.Minute))
		}) {
			t.Errorf("the note of %s is not there: %v", from, d.kinds(into))
		}
		if got := d.kinds(from); got[len(got)-1] != "gone" {
			t.Errorf("%v", got)
		}
		d.holds(into)
		d.holds(from)
		for _, pair := range [][2]string{{from, into}, {into, into}, {into, from}, {"C-9", into}} {
			if err := d.Merge(ctx, leila, pair[0], pair[1], ""); err == nil {
				t.Errorf("%v were merged", pair)
			}
		}
		// And apart again.
		split, err := d.Split(ctx, leila, into, "Two, after all", []int64{1}, []string{"e1"})
		if err != nil {
			t.Fatal(err)
		}
		if a := d.get(1); a.Case != split {
			t.Errorf("the alert is in %q", a.Case)
		}
		if kept, _ := d.Pinned(ctx, "default", split); len(kept) != 1 || kept[0].Line != `{"a":"1"}` {
			t.Errorf("%d events", len(kept))
		}
		if kept, _ := d.Pinned(ctx, "default", into); len(kept) != 2 {
			t.Errorf("%d events are left", len(kept))
		}
		if s := d.caseOf(split); s.SplitFrom != "case:default/"+into {
			t.Errorf("%+v", s)
		}
		d.holds(split)
		// Without a word about events none goes along.
		bare, err := d.Split(ctx, leila, into, "The kiosk", []int64{2}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if kept, _ := d.Pinned(ctx, "default", bare); len(kept) != 0 {
			t.Errorf("%d events went along with an alert", len(kept))
		}
		if _, err := d.Split(ctx, leila, into, "x", []int64{1}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("an alert of another case was split off: %v", err)
		}
	})
}

func TestCasesTableAsOf(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		var table *claim.Table
		for _, x := range alerts.Module(alerts.Config{}).Tables {
			if x.Name == "cases" {
				table = x
			}
		}
		known := map[string]bool{}
		for _, f := range table.Fields {
			known[f.Name] = true
		}
		f := func(after time.Duration, want map[string]any) {
			t.Helper()
			var rows []map[string]any
			feed, err := sqldb.Values[int64](ctx, d.db, `SELECT max(seq) FROM feed WHERE at <= ?`, sqldb.Micros(now.Add(after)))
			if err != nil {
				t.Fatal(err)
			}
			err = table.Scan(ctx, d.db, "default", claim.Moment{At: now.Add(after), Feed: feed[0]}, func(_, _ string, r map[string]any) error {
				for name := range r {
					if !known[name] {
						t.Errorf("the column %s is not described", name)
					}
				}
				rows = append(rows, r)
				return nil
			})
			if err != nil || len(rows) != 1 {
				t.Fatalf("%v, %d rows", err, len(rows))
			}
			for k, v := range want {
				if !cmp.Equal(rows[0][k], v) {
					t.Errorf("after %v: %s is %v, want %v", after, k, rows[0][k], v)
				}
			}
		}
		d.take(found("r1", "web-1", now.Add(-2*time.Minute), "e1"))
		d.time = now.Add(6 * time.Minute)
		name := d.open(alerts.Opening{Title: "x", Severity: "high", Alerts: []int64{1}})
		d.time = now.Add(90 * time.Minute)
		if err := d.Reach(ctx, leila, name, "contained", now.Add(80*time.Minute), "", nil); err != nil {
			t.Fatal(err)
		}
		f(10*time.Minute, map[string]any{"phase": "acknowledged", "minutesToAcknowledge": 6.0, "minutesToDetect": 2.0, "minutesToContain": nil, "late": "", "minutesOpen": 10.0, "entries": int64(2)})
		f(70*time.Minute, map[string]any{"late": "contained", "containLimit": 60.0})
		// What came into the case later, or left it, was not and was in it before.
		d.take(found("r1", "web-2", now.Add(-2*time.Minute), "e2"))
		d.time = now.Add(100 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Move, To: name}, 2)
		d.do(leila, alerts.Act{Do: alerts.Move}, 1)
		d.do(leila, alerts.Act{Do: alerts.Move, To: name}, 1)
		d.time = now.Add(3 * time.Hour)
		d.do(leila, alerts.Act{Do: alerts.Move}, 1, 2)
		f(time.Minute*95, map[string]any{"alerts": int64(1)})
		f(2*time.Hour, map[string]any{"phase": "contained", "minutesToContain": 80.0, "late": "", "chainHolds": true, "alerts": int64(2)})
		f(4*time.Hour, map[string]any{"alerts": int64(0)})
		// The organisation's own targets hold from when they were set on, and not before.
		d.time = now.Add(5 * time.Hour)
		d.apply("apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: fast}\nspec: {severity: high, contained: 90m, removed: 5h}\n")
		f(70*time.Minute, map[string]any{"late": "contained", "containLimit": 60.0})
		f(6*time.Hour, map[string]any{"late": "removed", "containLimit": 90.0})
		d.time = now.Add(7 * time.Hour)
		d.apply("apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: other}\nspec: {severity: high, contained: 2h, removed: 4h, recovered: 30h}\n" +
			"---\napiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: medium}\nspec: {severity: medium, acknowledged: 5m, contained: 10m}\n")
		f(8*time.Hour, map[string]any{"late": "removed", "containLimit": 90.0}) // the shorter
		d.time = now.Add(9 * time.Hour)
		if _, err := d.catalog.Delete(ctx, as("root", auth.RoleOwner), entity.NewRef("responsetarget", "", "fast"), 0); err != nil {
			t.Fatal(err)
		}
		f(6*time.Hour, map[string]any{"late": "removed", "containLimit": 90.0})
		f(10*time.Hour, map[string]any{"late": "removed", "containLimit": 120.0})
		f(4*time.Hour, map[string]any{"late": "", "containLimit": 60.0})
	})
}
