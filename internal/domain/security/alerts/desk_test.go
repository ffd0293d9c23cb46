package alerts_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/room"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var ctx = context.Background()

// now is when every desk begins.
var now = time.Date(2026, 9, 22, 3, 13, 4, 0, time.UTC)

// desk is a desk over a database, with a clock.
type desk struct {
	testing.TB
	*alerts.Desk
	db      *sqldb.DB
	catalog *catalog.Catalog
	time    time.Time
	config  alerts.Config
}

var rooms = []room.Module{operations.Module(), people.Module(), review.Module()}

// both runs a suite on each database.
func both(t *testing.T, suite func(t *testing.T, d *desk)) {
	t.Helper()
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) { suite(t, newDesk(t, db)) })
}

var modules = append([]room.Module{alerts.Module(alerts.Config{})}, rooms...)

func migrations() []sqldb.Migration {
	steps := slices.Concat(catalogtest.Migrations(), auth.Migrations(), action.Migrations())
	for _, m := range modules {
		steps = append(steps, m.Steps()...)
	}
	return append(steps, claim.Migrations()...)
}

func newDesk(t testing.TB, db *sqldb.DB) *desk {
	kinds := claim.Kinds()
	for _, m := range modules {
		kinds = append(kinds, m.Kinds...)
	}
	d := &desk{TB: t, db: db, time: now}
	d.catalog = catalog.New(db, catalog.NewKinds(kinds...), catalog.WithClock(func() time.Time { return d.time }))
	d.Desk = alerts.NewDesk(d.catalog, d.config)
	return d
}

// as is somebody of an organisation.
func as(name string, role auth.Role) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: "acc-" + name, Name: name, Org: "default", Role: role, UserRef: "user:default/" + name, Via: "web"}, Manager: "test"}
}

var leila = as("leila", auth.RoleCISO)

func (d *desk) apply(yaml string) {
	d.Helper()
	docs, err := d.catalog.Decode("test.yaml", []byte(yaml))
	if err == nil {
		_, err = d.catalog.Apply(ctx, as("root", auth.RoleOwner), docs, catalog.ApplyOptions{})
	}
	if err != nil {
		d.Fatal(err)
	}
}

// found is a finding of a rule on a host, with events a minute apart.
func found(rule, host string, at time.Time, events ...string) detect.Finding {
	f := detect.Finding{Org: "default", Name: rule + "/" + host + "/" + at.Format("01-02T15:04"), Start: at, End: at.Add(time.Hour), Value: 1,
		Rule:  detect.Told{ID: rule, Title: "A shell is connected to a far host", Level: "high", Kind: "rule", Origin: "builtin", Tags: []string{"attack.t1059.004"}, Description: "Bad. What to do: cut the host off; keep its memory."},
		Group: []detect.GroupField{{Name: "host.name", Value: host}, {Name: "user.name", Value: "leila"}}, Fields: map[string]any{"process.command_line": "bash -i"}}
	for i, id := range events {
		f.Events = append(f.Events, detect.Seen{ID: id, Time: at.Add(time.Duration(i) * time.Minute), Source: "linux"})
	}
	return f
}

func (d *desk) take(list ...detect.Finding) {
	d.Helper()
	if err := d.Take(ctx, list); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) list(f alerts.Filter) []*alerts.Alert {
	d.Helper()
	list, _, err := d.List(ctx, leila, f)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

func (d *desk) get(no int64) *alerts.Alert {
	d.Helper()
	a, err := d.Get(ctx, leila, no)
	if err != nil {
		d.Fatal(err)
	}
	return a
}

func (d *desk) do(caller catalog.Caller, act alerts.Act, nos ...int64) []*alerts.Alert {
	d.Helper()
	list, err := d.Do(ctx, caller, nos, act)
	if err != nil {
		d.Fatal(err)
	}
	return list
}

// types are the types of what the feed holds, in order.
func (d *desk) types(prefix string) []string {
	d.Helper()
	entries, _, err := feed.New(d.db).Page(ctx, 0, 1000)
	if err != nil {
		d.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Type, prefix) {
			out = append(out, e.Type)
		}
	}
	return out
}

func TestTakeAgainChangesNothing(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		list := []detect.Finding{found("r1", "web-1", now, "e1", "e2"), found("r2", "web-1", now, "e1")}
		d.take(list...)
		before := []*alerts.Alert{d.get(1), d.get(2)}
		entries := d.types("")
		d.time = now.Add(time.Hour)
		d.take(list...)
		d.take(list[1], list[0])
		if diff := cmp.Diff(before, []*alerts.Alert{d.get(1), d.get(2)}); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(entries, d.types("")); diff != "" {
			t.Error(diff)
		}
		if n := len(d.list(alerts.Filter{})); n != 2 {
			t.Errorf("%d alerts", n)
		}
		if a := before[0]; a.Events != 2 || !a.Exact || !a.FirstSeen.Equal(now) || !a.LastSeen.Equal(now.Add(time.Minute)) || a.State != alerts.New {
			t.Errorf("%+v", a)
		}
	})
}

func TestFindingsJoin(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		f := func(want int64, x detect.Finding) {
			t.Helper()
			d.take(x)
			list := d.list(alerts.Filter{Rule: x.Rule.ID, Sort: "seen"})
			if got := list[0].No; got != want {
				t.Errorf("%s went into %d, want %d", x.Name, got, want)
			}
		}
		f(1, found("r1", "web-1", now, "e1"))
		f(1, found("r1", "web-1", now.Add(2*time.Hour), "e2"))                 // the same group, soon after
		f(2, found("r1", "web-2", now.Add(3*time.Hour), "e3"))                 // another group
		f(1, found("r1", "web-1", now.Add(25*time.Hour+30*time.Minute), "e4")) // within a day of the last event
		f(3, found("r1", "web-1", now.Add(72*time.Hour), "e5"))                // too late
		if a := d.get(1); a.Events != 3 || !a.Exact || !a.LastSeen.Equal(now.Add(25*time.Hour+30*time.Minute)) {
			t.Errorf("%+v", a)
		}
		d.time = now.Add(72*time.Hour + 30*time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "A test."}, 3)
		f(4, found("r1", "web-1", now.Add(73*time.Hour), "e6")) // what is closed is not joined
		d.take(found("r1", "web-1", now.Add(72*time.Hour), "e5", "e5b"))
		if a := d.get(3); a.Events != 2 || a.State != alerts.Closed {
			t.Errorf("a known finding went elsewhere: %+v", a)
		}
	})
}

// What happens after an alert was closed opens another, also when it is of the
// same finding, and a replay of everything changes nothing.
func TestWhatHappensAfterClosing(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		shut := func(no int64, at time.Duration) {
			d.time = now.Add(at)
			d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "A test."}, no)
		}
		wants := func(events ...int) {
			t.Helper()
			list := d.list(alerts.Filter{})
			if len(list) != len(events) {
				t.Fatalf("%d alerts, want %d", len(list), len(events))
			}
			for i, n := range events {
				if a := d.get(int64(i + 1)); a.Events != n {
					t.Errorf("AL-%d has %d events, want %d", i+1, a.Events, n)
				}
			}
		}
		d.take(found("r1", "web-1", now, "e0", "e1"))
		shut(1, 3*time.Minute+30*time.Second)
		d.take(found("r1", "web-1", now, "e0", "e1", "e2", "e3")) // came late, and happened before
		wants(4)
		whole := found("r1", "web-1", now, "e0", "e1", "e2", "e3", "e4", "e5")
		d.take(whole)
		wants(4, 2)
		if a := d.get(2); a.State != alerts.New || !a.FirstSeen.Equal(now.Add(4*time.Minute)) {
			t.Errorf("%+v", a)
		}
		if a := d.get(1); a.State != alerts.Closed || !a.LastSeen.Equal(now.Add(3*time.Minute)) {
			t.Errorf("%+v", a)
		}
		alone := whole
		alone.Start, alone.Events = whole.Events[5].Time, whole.Events[5:]
		d.take(alone, whole)
		wants(4, 2)
		shut(2, 5*time.Minute+30*time.Second)
		last := found("r1", "web-1", now, "e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7")
		d.take(last)
		wants(4, 2, 2)
		if types := d.types("alert.opened"); len(types) != 3 {
			t.Errorf("%d were told", len(types))
		}
		d.do(leila, alerts.Act{Do: alerts.Reopen}, 1)
		entries := d.types("")
		d.take(last, whole, alone)
		wants(4, 2, 2)
		if diff := cmp.Diff(entries, d.types("")); diff != "" {
			t.Error(diff)
		}

		// What came late is with the alert of its time, though that one began with later events.
		late := found("r1", "web-3", now.Add(2*time.Hour), "g0", "g1", "g2", "g3")
		early := late
		early.Events = late.Events[:1]
		d.take(early)
		shut(4, 2*time.Hour+30*time.Second)
		gap := late
		gap.Events = []detect.Seen{late.Events[0], late.Events[3]}
		d.take(gap)
		wants(4, 2, 2, 1, 1)
		d.take(late)
		wants(4, 2, 2, 1, 3)
		if a := d.get(4); a.State != alerts.Closed || !a.LastSeen.Equal(now.Add(2*time.Hour)) {
			t.Errorf("%+v", a)
		}
		d.do(leila, alerts.Act{Do: alerts.Reopen}, 4)
		d.take(late, gap, early)
		wants(4, 2, 2, 1, 3)

		// A clock that is ahead makes no other alert of what is known.
		ahead := found("r1", "web-2", now.Add(time.Hour), "f0", "f1")
		d.take(ahead)
		shut(6, 10*time.Minute)
		d.take(ahead)
		wants(4, 2, 2, 1, 3, 2)
	})
}

// A correlation goes on after its alert was closed: the new alert tells the value
// that opened it, and the closed one what it told when it was closed.
func TestValueAfterClosing(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		tells := func(value float64, events ...string) detect.Finding {
			f := found("c1", "web-1", now, events...)
			f.Rule.Kind, f.Value, f.Fields = "correlation", value, map[string]any{"count": fmt.Sprint(value)}
			return f
		}
		wants := func(values ...float64) {
			t.Helper()
			var got []float64
			for _, a := range d.list(alerts.Filter{Sort: "oldest"}) {
				if got = append(got, a.Value); a.Fields["count"] != fmt.Sprint(a.Value) {
					t.Errorf("AL-%d of the value %v has the fields of %v", a.No, a.Value, a.Fields["count"])
				}
			}
			if diff := cmp.Diff(values, got); diff != "" {
				t.Errorf("values of alerts: %s", diff)
			}
		}
		shut := func(no int64, at time.Duration) {
			d.time = now.Add(at)
			d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "A test."}, no)
		}
		first := tells(2, "e0", "e1")
		d.take(first)
		wants(2)
		d.take(tells(3, "e0", "e1", "e2"))
		wants(3) // the window grows while the alert is open
		shut(1, 3*time.Minute+30*time.Second)
		d.take(tells(4, "e0", "e1", "e2", "e3"))
		wants(4) // it came late, and happened before
		fifth := tells(5, "e0", "e1", "e2", "e3", "e4")
		d.take(fifth)
		wants(4, 5)
		d.take(first, fifth)
		wants(4, 5)
		d.take(tells(6, "e0", "e1", "e2", "e3", "e4", "e5"))
		wants(4, 6)
		shut(2, 5*time.Minute+30*time.Second)
		less := tells(1.5, "e0", "e1", "e2", "e3", "e4", "e5", "e6") // as a mean may
		d.take(less)
		wants(4, 6, 1.5)
		d.do(leila, alerts.Act{Do: alerts.Reopen}, 1)
		d.take(less, fifth, first)
		wants(4, 6, 1.5)
	})
}

func TestEventsAreBounded(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		var ids []string
		for i := range 1200 {
			ids = append(ids, fmt.Sprintf("e%04d", i))
		}
		d.take(found("r1", "web-1", now, ids...))
		if a := d.get(1); a.Events != 1200 || a.Exact {
			t.Errorf("%d events, exact %v", a.Events, a.Exact)
		}
		c := found("c1", "web-1", now, ids[:3]...)
		c.More, c.Value = 219, 222
		d.take(c, c)
		if a := d.get(2); a.Events != 222 || !a.Exact || a.Value != 222 {
			t.Errorf("%d events, exact %v", a.Events, a.Exact)
		}
		// A window that grows is one finding; what it says last counts.
		c.More = 300
		d.take(c)
		if a := d.get(2); a.Events != 303 {
			t.Errorf("%d events", a.Events)
		}
		// Batches of one finding add up, and an event that comes twice counts once.
		d.take(found("r3", "web-1", now, "a", "b"))
		d.take(found("r3", "web-1", now, "b", "c"))
		if a := d.get(3); a.Events != 3 || !a.Exact {
			t.Errorf("%d events, exact %v", a.Events, a.Exact)
		}
	})
}

const catalogue = `---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: payments, title: Payments}
spec: {type: service, lifecycle: production, tier: 1}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: build-logs, annotations: {tier: "4"}}
spec: {type: bucket}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: kiosk, labels: {host: "edge-7"}}
spec: {type: service, lifecycle: production}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: leila}
spec: {profile: {displayName: Leila Haddad}, memberOf: []}
`

// The asset is found by what the event says, also by what the rule does not look
// at.
func TestAssetOfEvent(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.apply(catalogue + `---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: fraud, annotations: {github.com/project-slug: kestrane/fraud-score}}
spec: {type: service, lifecycle: production, tier: 2}
`)
		for i, x := range []struct{ field, value, asset string }{
			{"github.repository", "kestrane/payments", "component:default/payments"},
			{"repo", "kestrane/fraud-score", "component:default/fraud"},
			{"github.repository", "Kestrane/Fraud-Score", "component:default/fraud"},
			{"github.repository", "other/fraud-score", ""},
			{"orchestrator.resource.name", "payments", "component:default/payments"},
			{"orchestrator.resource.name", "payments-7d9f5c8b6-xkzpq", "component:default/payments"},
			{"kubernetes.pod.name", "payments-xkzpq", "component:default/payments"},
			{"kubernetes.pod.name", "payments-admin", ""},
			{"orchestrator.namespace", "payments", "component:default/payments"},
		} {
			f := found(fmt.Sprint("rule-", i), "203.0.113.9", now, "e1")
			f.About = []detect.GroupField{{Name: x.field, Value: x.value}}
			d.take(f)
			a := d.list(alerts.Filter{Rule: f.Rule.ID})[0]
			if a.Asset != x.asset {
				t.Errorf("%s=%s: the asset is %q, want %q", x.field, x.value, a.Asset, x.asset)
			}
			if _, is := a.Fields[x.field]; is {
				t.Errorf("%s counts as what the rule found", x.field)
			}
		}
	})
}

func TestRisk(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.apply(catalogue)
		f := func(level, host, user, asset string, risk int, severity string) {
			t.Helper()
			x := found("rule-"+level+host+user, host, now, "e1")
			x.Rule.Level, x.Group[1].Value = level, user
			d.take(x)
			a := d.list(alerts.Filter{Rule: x.Rule.ID})[0]
			if a.Asset != asset || a.Risk != risk || a.Severity != severity {
				t.Errorf("%s on %s by %s: %s, %d, %s", level, host, user, a.Asset, a.Risk, a.Severity)
			}
			sum := 0
			for _, r := range a.Reasons {
				sum += r.Points
			}
			if min(sum, 100) != risk {
				t.Errorf("the reasons give %d, not %d", sum, risk)
			}
		}
		f("high", "payments", "x", "component:default/payments", 85, "critical")
		f("high", "payments-7d9f5c-x2x1", "x", "component:default/payments", 85, "critical")
		f("high", "payments-02.prod.example.com", "x", "component:default/payments", 85, "critical")
		f("medium", "arn:aws:s3:::build-logs", "x", "resource:default/build-logs", 35, "low")
		f("medium", "edge-7", "x", "component:default/kiosk", 45, "medium")
		f("critical", "10.0.0.1", "root", "", 95, "critical")
		f("critical", "payments", "root", "component:default/payments", 100, "critical")
		f("informational", "nowhere", "x", "", 5, "informational")
		x := found("person", "nowhere", now, "e1")
		x.Group[1].Value = "Leila@kestrane.example"
		d.take(x)
		if a := d.list(alerts.Filter{Rule: "person"})[0]; !cmp.Equal(a.People, []string{"user:default/leila"}) {
			t.Errorf("people: %v", a.People)
		}
	})
}

func TestARaisedLevelRaises(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		x := found("r1", "web-1", now, "e1")
		x.Rule.Level = "medium"
		d.take(x)
		x = found("r1", "web-1", now.Add(time.Minute), "e2")
		x.Rule.Level = "critical"
		d.take(x)
		a := d.get(1)
		if a.Severity != "critical" || a.Rule.Level != "critical" {
			t.Errorf("%s %s", a.Severity, a.Rule.Level)
		}
		list, err := d.Changes(ctx, leila, 1)
		if err != nil || len(list) != 2 || list[1].Act != "raised" {
			t.Errorf("%v %+v", err, list)
		}
	})
}

func TestActs(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.take(found("r1", "web-1", now, "e1"), found("r2", "web-1", now, "e1"), found("r3", "web-1", now, "e1"))
		wants := func(no int64, state alerts.State, assignee string) {
			t.Helper()
			if a := d.get(no); a.State != state || a.Assignee != assignee {
				t.Errorf("alert %d is %s of %s", no, a.State, a.Assignee)
			}
		}
		d.time = now.Add(6 * time.Minute)
		if n := len(d.do(leila, alerts.Act{Do: alerts.Acknowledge}, 1, 2)); n != 2 {
			t.Errorf("%d changed", n)
		}
		if n := len(d.do(leila, alerts.Act{Do: alerts.Acknowledge}, 1, 2, 3, 3)); n != 1 {
			t.Errorf("%d changed the second time", n)
		}
		wants(1, alerts.Acknowledged, "user:default/leila")
		d.do(leila, alerts.Act{Do: alerts.Assign, To: "tomasz"}, 1)
		wants(1, alerts.Acknowledged, "user:default/tomasz")
		d.do(leila, alerts.Act{Do: alerts.Start}, 1)
		wants(1, alerts.InWork, "user:default/tomasz")
		d.time = now.Add(30 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.True, Reason: "It was him."}, 1)
		wants(1, alerts.Closed, "user:default/tomasz")
		if a := d.get(1); a.Disposition != alerts.True || a.Reason != "It was him." || !a.Closed.Equal(d.time) || !a.Acknowledged.Equal(now.Add(6*time.Minute)) {
			t.Errorf("%+v", a)
		}
		if n := len(d.do(leila, alerts.Act{Do: alerts.Take}, 1)); n != 0 {
			t.Error("a closed alert was taken")
		}
		if n := len(d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.True, Reason: "It was him, I say too."}, 1)); n != 0 {
			t.Error("a closed alert was closed once more")
		}
		if _, err := d.Do(ctx, leila, []int64{1, 3}, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "Seen on a page of an hour ago."}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("another verdict than the one that was given: %v", err)
		}
		if a := d.get(1); a.Disposition != alerts.True || a.Reason != "It was him." || !d.get(3).Open() {
			t.Errorf("%+v", a)
		}
		d.do(leila, alerts.Act{Do: alerts.Reopen}, 1)
		wants(1, alerts.InWork, "user:default/tomasz")
		if a := d.get(1); a.Disposition != "" || !a.Closed.IsZero() {
			t.Errorf("%+v", a)
		}
		refused := func(kind fault.Kind, caller catalog.Caller, act alerts.Act, nos ...int64) {
			t.Helper()
			if _, err := d.Do(ctx, caller, nos, act); fault.KindOf(err) != kind || err == nil {
				t.Errorf("%+v: %v", act, err)
			}
		}
		refused(fault.Invalid, leila, alerts.Act{Do: alerts.Close, Reason: "No word on what it was."}, 2)
		refused(fault.Invalid, leila, alerts.Act{Do: alerts.Close, Disposition: alerts.False, Reason: " "}, 2)
		refused(fault.Invalid, leila, alerts.Act{Do: "burn"}, 2)
		refused(fault.Invalid, leila, alerts.Act{Do: alerts.Assign}, 2)
		refused(fault.Invalid, leila, alerts.Act{Do: alerts.Assign, To: alerts.NoOne}, 2)
		refused(fault.NotFound, leila, alerts.Act{Do: alerts.Close, Disposition: alerts.False, Reason: "All or none."}, 2, 99)
		refused(fault.Forbidden, as("ana", auth.RoleMember), alerts.Act{Do: alerts.Acknowledge}, 2)
		refused(fault.Forbidden, as("paul", auth.RoleAuditor), alerts.Act{Do: alerts.Acknowledge}, 2)
		wants(2, alerts.Acknowledged, "user:default/leila")
		want := []string{"alert.opened", "alert.opened", "alert.opened", "alert.acknowledged", "alert.acknowledged", "alert.acknowledged", "alert.assigned", "alert.started", "alert.closed", "alert.reopened"}
		if diff := cmp.Diff(want, d.types("alert.")); diff != "" {
			t.Error(diff)
		}
		records, _, err := audit.New(d.db).Search(ctx, "default", audit.Query{Action: "alert.close"})
		if err != nil || len(records) != 1 || records[0].Target != "AL-1" || records[0].Actor != "acc-leila" {
			t.Errorf("%v %+v", err, records)
		}
		if _, err := d.db.Exec(ctx, `UPDATE alert_changes SET note = 'x'`); err == nil {
			t.Error("a change was changed")
		}
	})
}

// The table shows alerts as they were, whatever happened since.
func TestTableAsOf(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		var table *claim.Table
		for _, x := range alerts.Module(alerts.Config{}).Tables {
			if x.Name == "alerts" {
				table = x
			}
		}
		known := map[string]bool{}
		for _, f := range table.Fields {
			known[f.Name] = true
		}
		asOf := func(at time.Time) []map[string]any {
			t.Helper()
			var out []map[string]any
			err := table.Scan(ctx, d.db, "default", claim.Moment{At: at}, func(key, title string, r map[string]any) error {
				for name := range r {
					if !known[name] {
						t.Errorf("the column %s is not described", name)
					}
				}
				out = append(out, r)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		d.take(found("r1", "web-1", now.Add(-2*time.Minute), "e1"))
		d.time = now.Add(10 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Take}, 1)
		d.time = now.Add(20 * time.Minute)
		d.take(found("r1", "web-1", now.Add(15*time.Minute), "e2"))
		d.time = now.Add(40 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.False, Reason: "The scanner."}, 1)
		d.time = now.Add(50 * time.Minute)
		d.do(leila, alerts.Act{Do: alerts.Reopen}, 1)
		if n := len(asOf(now.Add(-time.Second))); n != 0 {
			t.Errorf("%d rows before there was one", n)
		}
		f := func(after time.Duration, state string, want map[string]any) {
			t.Helper()
			rows := asOf(now.Add(after))
			if len(rows) != 1 || rows[0]["state"] != state {
				t.Errorf("after %v: %v", after, rows)
				return
			}
			for k, v := range want {
				if !cmp.Equal(rows[0][k], v) {
					t.Errorf("after %v: %s is %v, want %v", after, k, rows[0][k], v)
				}
			}
		}
		f(0, "new", map[string]any{"name": "AL-1", "disposition": "", "minutesToAcknowledge": nil, "closedAt": nil, "created": "2026-09-22T03:13:04Z", "firstSeen": "2026-09-22T03:11:04Z", "lastSeen": "2026-09-22T03:11:04Z"})
		f(15*time.Minute, "acknowledged", map[string]any{"minutesToAcknowledge": 10.0, "assignee": "user:default/leila", "minutesOpen": 15.0, "lastSeen": "2026-09-22T03:11:04Z"})
		f(30*time.Minute, "acknowledged", map[string]any{"lastSeen": "2026-09-22T03:28:04Z"})
		f(45*time.Minute, "closed", map[string]any{"disposition": "false", "minutesToDisposition": 40.0, "minutesOpen": 40.0, "reason": "The scanner."})
		f(time.Hour, "work", map[string]any{"disposition": "", "minutesToDisposition": nil, "minutesOpen": 60.0})
	})
}

func TestSuppression(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.take(found("r1", "web-1", now, "e1"))
		until := now.Add(7 * 24 * time.Hour)
		s, err := d.Suppress(ctx, leila, 1, false, until, "The scanner runs this week.")
		if err != nil {
			t.Fatal(err)
		}
		d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.Benign, Reason: "The scanner."}, 1)
		d.take(
			found("r1", "web-1", now.Add(24*time.Hour), "e2"), // suppressed
			found("r1", "web-2", now.Add(24*time.Hour), "e3"), // another group
			found("r2", "web-1", now.Add(24*time.Hour), "e4"), // another rule
		)
		// Found later, but it happened meanwhile; the other happened after it.
		d.time = until.Add(24 * time.Hour)
		x := found("r1", "web-1", now.Add(48*time.Hour), "e5")
		x.Late = true
		d.take(x, x, found("r1", "web-1", until.Add(time.Minute), "e6"), found("r1", "web-1", now.Add(-48*time.Hour), "e0"))
		var opened []string
		for _, a := range d.list(alerts.Filter{Sort: "oldest"}) {
			opened = append(opened, a.Name)
		}
		want := []string{"r1/web-1/09-22T03:13", "r1/web-2/09-23T03:13", "r2/web-1/09-23T03:13", "r1/web-1/09-29T03:14", "r1/web-1/09-20T03:13"}
		if diff := cmp.Diff(want, opened); diff != "" {
			t.Error(diff)
		}
		list, err := d.Suppressions(ctx, "default")
		if err != nil || len(list) != 1 || list[0].No != s.No || list[0].Findings != 2 || list[0].Holds(d.time) {
			t.Errorf("%v %+v", err, list)
		}
		for _, bad := range []struct {
			until  time.Time
			reason string
		}{{d.time.Add(-time.Hour), "x"}, {d.time.Add(time.Hour), ""}, {d.time.AddDate(2, 0, 0), "x"}} {
			if _, err := d.Suppress(ctx, leila, 1, false, bad.until, bad.reason); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		// One that is ended lets findings through again.
		whole, err := d.Suppress(ctx, leila, 2, true, d.time.AddDate(0, 1, 0), "The rule is wrong.")
		if err != nil {
			t.Fatal(err)
		}
		y := found("r1", "web-9", d.time.Add(time.Minute), "f1")
		d.take(y)
		if n := len(d.list(alerts.Filter{GroupKey: "", Text: "web-9"})); n != 0 {
			t.Errorf("%d alerts of a rule that is suppressed as a whole", n)
		}
		d.time = d.time.Add(2 * time.Hour)
		if _, err := d.EndSuppression(ctx, leila, whole.No); err != nil {
			t.Fatal(err)
		}
		if again, err := d.EndSuppression(ctx, leila, whole.No); err != nil || again == nil || !again.Ended.Equal(d.time) {
			t.Errorf("ended again: %+v %v", again, err)
		}
		d.take(found("r1", "web-9", d.time.Add(time.Minute), "f2"))
		if n := len(d.list(alerts.Filter{Text: "web-9"})); n != 1 {
			t.Errorf("%d alerts after the suppression was ended", n)
		}
	})
}

func TestIncompleteFindingsAreRefused(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		x := found("r1", "web-1", now, "e1")
		x.Name = ""
		if err := d.Take(ctx, []detect.Finding{x}); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		x = found("r1", "web-1", now)
		x.Rule.Level, x.Rule.Title, x.Group, x.Fields = "grave", "", nil, nil
		d.take(x)
		if a := d.get(1); a.Rule.Level != "medium" || a.Rule.Title != "r1" {
			t.Errorf("%+v", a)
		}
	})
}

// What a sender writes into an event breaks nothing, on either database.
func TestJunkIsStored(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		junk := "a\x00b\xff" + strings.Repeat("x", 2000)
		x := found("r1", junk, now, "e\x00\xff", "e2")
		x.Rule.Title, x.Events[0].Source = junk, junk
		x.Fields = map[string]any{junk: junk, "list": []any{junk, 1.5, map[string]any{"a": "b"}}, "none": nil}
		for i := range 5000 {
			x.Fields[fmt.Sprint("field", i)] = "v"
		}
		d.take(x, x)
		a := d.get(1)
		if a.Events != 2 || len(a.Fields) != 100 || !strings.HasPrefix(a.Group[0].Value, "a�b�x") || len(a.Group[0].Value) > 1100 {
			t.Errorf("%d events, %d fields, %.40q", a.Events, len(a.Fields), a.Group[0].Value)
		}
	})
}

// A comment changes nothing of an alert but its record, also when it is closed.
func TestComment(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		d.take(found("r1", "web-1", now, "e1"), found("r2", "web-1", now, "e1"))
		d.do(leila, alerts.Act{Do: alerts.Close, Disposition: alerts.False, Reason: "x"}, 2)
		before := []*alerts.Alert{d.get(1), d.get(2)}
		said := alerts.Act{Do: alerts.Comment, Reason: " The host is off the network. "}
		if got := d.do(leila, said, 1, 2); len(got) != 2 {
			t.Errorf("%d alerts were commented on", len(got))
		}
		d.do(leila, said, 1) // twice is twice
		if diff := cmp.Diff(before, []*alerts.Alert{d.get(1), d.get(2)}); diff != "" {
			t.Error(diff)
		}
		list, err := d.Changes(ctx, leila, 1)
		if err != nil || len(list) != 3 || list[1].Act != "commented" || list[1].Note != "The host is off the network." || list[1].Actor != "leila" {
			t.Errorf("%v %+v", err, list)
		}
		if got := d.types("alert.commented"); len(got) != 3 {
			t.Errorf("the feed has %v", got)
		}
		if got, _, err := audit.New(d.db).Search(ctx, "default", audit.Query{Target: "AL-1"}); err != nil || len(got) != 2 || got[0].Action != "alert.comment" || !strings.Contains(string(got[0].Detail), "off the network") {
			t.Errorf("%v %+v", err, got)
		}
		f := func(caller catalog.Caller, act alerts.Act, want fault.Kind) {
			t.Helper()
			if _, err := d.Do(ctx, caller, []int64{1}, act); fault.KindOf(err) != want {
				t.Errorf("%+v: %v", act, err)
			}
		}
		f(leila, alerts.Act{Do: alerts.Comment, Reason: " "}, fault.Invalid)
		f(leila, alerts.Act{Do: alerts.Comment, Reason: strings.Repeat("ñ", 2001)}, fault.TooLarge)
		f(as("aud", auth.RoleAuditor), said, fault.Forbidden)
		d.do(leila, alerts.Act{Do: alerts.Comment, Reason: strings.Repeat("ñ", 2000)}, 1)
	})
}

// Alerts are found by the host they are about, or that their rule found.
func TestHostFilter(t *testing.T) {
	both(t, func(t *testing.T, d *desk) {
		other := found("r3", "x", now, "e1")
		other.Group, other.Fields = []detect.GroupField{{Name: "source.ip", Value: "web-1"}}, map[string]any{"host.name": "web_1", "message": "host.name web-9"}
		odd := found("r4", `p"c%<1>`, now, "e1")
		several := found("r5", "x", now, "e1")
		several.Group, several.Fields = nil, map[string]any{"host.name": []string{"db-1", "Ávila-Ñ", `q"[2]`}, "peer": []string{"db-2"}, "host.names": "db-3"}
		inGroup := found("r6", "ÁVILA-2", now, "e1")
		nothing := found("r7", "x", now, "e1")
		nothing.Group, nothing.Fields = nil, nil
		d.take(found("r1", "web-1", now, "e1"), found("r2", "web-10", now, "e1"), other, odd, several, inGroup, nothing)
		f := func(host string, want ...int64) {
			t.Helper()
			var got []int64
			for _, a := range d.list(alerts.Filter{Host: host}) {
				got = append(got, a.No)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("on %s: %s", host, diff)
			}
		}
		f("web-1", 1)
		f("WEB-10", 2)
		f("web_1", 3)
		f("web", nil...)
		f("web-9", nil...)
		f("%", nil...)
		f(`p"c%<1>`, 4)
		f("db-1", 5)
		f("DB-1", 5)
		f("ávila-ñ", 5)
		f("ÁVILA-Ñ", 5)
		f(`q"[2]`, 5)
		f("db", nil...)
		f("db-2", nil...)
		f("db-3", nil...)
		f("ávila-2", 6)
		f("", 7, 6, 5, 4, 3, 2, 1)
	})
}
