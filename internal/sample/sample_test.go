package sample

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func madrid(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func local(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", text, madrid(t))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDates(t *testing.T) {
	f := func(now, text, want string) {
		t.Helper()
		c := newCalendar(local(t, now), madrid(t))
		got, err := c.words(text)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s on %s: got %q (%v), want %q", text, now, got, err, want)
		}
	}
	const tuesday = "2026-09-22 09:30"
	f(tuesday, "day 0", "2026-09-22")
	f(tuesday, "day -30", "2026-08-23")
	f(tuesday, "day -30 long", "23 August")
	f(tuesday, "day 120 full", "20 January 2027")
	f(tuesday, "day -30 month", "2026-08")
	f(tuesday, "day 0 monthname", "September")
	f(tuesday, "day 120 year", "2027")
	f(tuesday, "moment -3 09:30", "2026-09-19T07:30:00Z")
	f(tuesday, "ago 9h", "2026-09-21T22:30:00Z")
	f(tuesday, "ago 40m", "2026-09-22T06:50:00Z")
	f(tuesday, "monday -1", "2026-09-21")
	f(tuesday, "monday -2 10:30", "2026-09-14T08:30:00Z")
	f("2026-09-21 23:59", "monday -1", "2026-09-14") // a Monday is not yet past
	f("2026-09-20 00:00", "monday -1", "2026-09-14") // Sunday
	f(tuesday, "month 0", "2026-09")
	f(tuesday, "month -2", "2026-07")
	f("2026-12-31 12:00", "month 2", "2027-02")
	f("2027-05-31 12:00", "month -3", "2027-02") // which has no 31st
	f(tuesday, "year 2", "2028")
	f(tuesday, "quarter 0 start", "2026-07-01")
	f(tuesday, "quarter 0 end", "2026-09-30")
	f(tuesday, "quarter 0 slug", "q3-2026")
	f(tuesday, "quarter 1 name", "Q4 2026")
	f(tuesday, "quarter 2 slug", "q1-2027")
	f(tuesday, "quarter -3 slug", "q4-2025")
	f(tuesday, "quarter -1 end", "2026-06-30")
	// The day before the clocks go forward, that day and the one after.
	f("2026-03-28 12:00", "moment 0 09:00", "2026-03-28T08:00:00Z")
	f("2026-03-29 12:00", "moment 0 09:00", "2026-03-29T07:00:00Z")
	f("2026-03-30 12:00", "moment -1 02:30", "2026-03-29T01:30:00Z") // there is no half past two
	f("2026-10-25 23:00", "day -1", "2026-10-24")                    // a day of 25 hours
	f("2028-02-29 12:00", "day -366", "2027-02-28")
	f("2028-02-29 12:00", "year 1", "2029")
	f("2028-03-01 12:00", "day -1 long", "29 February")
	f("2026-12-31 23:59", "day 1", "2027-01-01")
	for _, wrong := range []string{"", "day", "day x", "day 1 wrong", "day 1 long long", "moment 1 25:00", "moment 1", "ago 1", "ago -1h", "quarter 0", "quarter 0 middle", "week 1", "monday -1 9:99", "ago 9h long"} {
		f(tuesday, wrong, "error")
	}
}

// days are days on which something about the calendar is special, and some that
// are like any other, at different times.
func days(t testing.TB) []time.Time {
	list := []time.Time{}
	for _, text := range []string{
		"2026-09-22 09:30", "2028-02-29 00:00", "2028-02-29 23:59", "2028-03-01 05:40", "2027-02-28 12:00", "2026-12-31 23:59", "2027-01-01 00:00", "2027-01-04 00:01",
		"2026-03-28 23:30", "2026-03-29 01:59", "2026-03-29 03:00", "2026-03-30 00:30", "2026-10-24 12:00", "2026-10-25 02:30", "2026-10-25 03:00", "2026-10-26 00:00",
		"2026-11-01 07:00", "2026-11-02 05:39", "2026-11-02 05:41", "2026-11-28 11:30", "2026-11-29 20:00", "2030-07-31 10:30", "2000-02-29 10:00", "2099-12-31 10:00",
	} {
		list = append(list, local(t, text))
	}
	for day := local(t, "2026-01-01 08:15"); day.Year() < 2029; day = day.AddDate(0, 0, 47) {
		list = append(list, day)
	}
	return list
}

// TestEveryDay: the organisation can be read on any day, nothing of its dates is
// left to be written, and nobody has done anything in the future.
func TestEveryDay(t *testing.T) {
	for _, now := range days(t) {
		o, err := Load(Shipped(), now)
		if err != nil {
			t.Fatalf("on %s: %v", now, err)
		}
		for _, f := range o.Written() {
			if strings.Contains(string(f.Data), "{{") {
				t.Errorf("on %s: %s has a date that was not written", now, f.Name)
			}
		}
		if len(o.Files) < 20 || len(o.Steps) < 150 || len(o.Guides()) != 3 {
			t.Errorf("on %s: %d files, %d steps, %d guides", now, len(o.Files), len(o.Steps), len(o.Guides()))
		}
		for _, s := range o.Steps {
			if s.serial() {
				for _, p := range s.Series.points(o.calendar) {
					if p.at.After(now) || p.at.Before(o.Founded()) {
						t.Errorf("on %s: %s:%d has a number of %s", now, s.file, s.line, p.at)
					}
				}
			} else if s.when.After(now) || s.when.Before(o.Founded()) {
				t.Errorf("on %s: %s:%d is at %s", now, s.file, s.line, s.when)
			}
		}
		nights := o.nights()
		for i := 1; i < len(nights); i++ {
			if !nights[i].At.After(nights[i-1].At) {
				t.Errorf("on %s: the night %s comes after %s", now, nights[i].At, nights[i-1].At)
			}
		}
		if len(nights) < 40 || !nights[len(nights)-1].At.Equal(now) || !nights[len(nights)-1].Plans || nights[0].At.Before(o.Founded()) {
			t.Errorf("on %s: %d nights from %s to %s", now, len(nights), nights[0].At, nights[len(nights)-1].At)
		}
	}
}

// TestQuarters: the quarters of the story follow each other without a gap, have
// names of their own, and the present is in the one it should be in.
func TestQuarters(t *testing.T) {
	for _, now := range days(t) {
		c := newCalendar(now, madrid(t))
		names := map[string]bool{}
		for n := -4; n <= 3; n++ {
			first, last := c.quarter(n)
			next, _ := c.quarter(n + 1)
			if got := last.AddDate(0, 0, 1); !got.Equal(next) {
				t.Errorf("on %s: quarter %d ends on %s, the next begins on %s", now, n, last, next)
			}
			if d := last.Sub(first).Hours() / 24; d < 88 || d > 93 {
				t.Errorf("on %s: quarter %d has %.0f days", now, n, d)
			}
			name, err := c.quarterly(n, "slug")
			if err != nil || names[name] {
				t.Errorf("on %s: quarter %d is called %s like another: %v", now, n, name, err)
			}
			names[name] = true
		}
		if first, last := c.quarter(0); now.Before(first) || now.After(last.AddDate(0, 0, 1)) {
			t.Errorf("on %s: its quarter is %s to %s", now, first, last)
		}
	}
}

func TestSteps(t *testing.T) {
	f := func(step, want string) {
		t.Helper()
		_, err := Load(fstest.MapFS{"x.story": {Data: []byte("- " + step + "\n")}}, local(t, "2026-09-22 09:30"))
		if got := problem(err); (want == "") != (err == nil) || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", step, got, want)
		}
	}
	f(`{at: "{{moment -1 09:00}}", by: ana, looks: true}`, "")
	f(`{at: "{{moment 0 09:00}}", by: ana, looks: true}`, "")
	f(`{at: "{{moment 0 09:31}}", by: ana, looks: true}`, "in the future")
	f(`{at: yesterday, by: ana, looks: true}`, "is not a moment")
	f(`{at: "{{moment -1 09:00}}", by: ana}`, "does 0")
	f(`{at: "{{moment -1 09:00}}", by: ana, looks: true, completes: task:x}`, "does 2")
	f(`{at: "{{moment -1 09:00}}", lookz: true}`, "lookz")
	f(`{types: measure:x, mondays: -1, clock: "09:00", values: [1, null, 3]}`, "")
	f(`{types: measure:x, last: 0, clock: "09:30", values: [1]}`, "")
	f(`{types: measure:x, last: 0, clock: "09:31", values: [1]}`, "in the future")
	f(`{types: measure:x, last: 0, mondays: -1, clock: "09:00", values: [1]}`, "one of mondays and last")
	f(`{types: measure:x, clock: "09:00", values: [1]}`, "one of mondays and last")
	f(`{types: measure:x, last: 0, clock: "9 am", values: [1]}`, "not a time of day")
	f(`{types: measure:x, last: 0, clock: "09:00", values: [null]}`, "empty")
	f(`{at: "{{moment -1}}", looks: true}`, "a date of the sample organisation cannot be read")
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSeries(t *testing.T) {
	o, err := Load(fstest.MapFS{"x.story": {Data: []byte(`- {types: measure:x, last: -1, every: 2, clock: "09:00", values: [1, null, 3], notes: {3: three}}` + "\n")}}, local(t, "2026-10-27 09:30"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, p := range o.Steps[0].Series.points(o.calendar) {
		got = append(got, written(p.at)+" "+p.note)
	}
	// The clocks go back on the 25th.
	if diff := cmp.Diff([]string{"2026-10-22T07:00:00Z ", "2026-10-26T08:00:00Z three"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWork: the export of the tracker on a day knows nothing of later ones.
func TestWork(t *testing.T) {
	o, err := Load(Shipped(), local(t, "2026-09-22 09:30"))
	if err != nil {
		t.Fatal(err)
	}
	args, files := o.Args("work")
	if args["source"] != "tracker" || len(files) != 1 {
		t.Fatalf("%v, %d files", args, len(files))
	}
	rows := -1
	for _, day := range []string{"2026-06-01", "2026-07-15", "2026-08-15", "2026-09-21"} {
		f, err := Work(files[0], day)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(f.Data), "\n")
		if n < rows {
			t.Errorf("on %s there are %d rows, fewer than before", day, n)
		}
		rows = n
		for _, row := range strings.Split(string(f.Data), "\n")[min(1, n):] {
			for _, cell := range strings.Split(row, ",") {
				if len(cell) == 10 && cell[4] == '-' && cell > day {
					t.Fatalf("on %s: %s", day, row)
				}
			}
		}
	}
	if rows < 300 {
		t.Errorf("%d rows at the end", rows)
	}
}

func TestClock(t *testing.T) {
	now := local(t, "2026-09-22 09:30")
	c := NewClock(func() time.Time { return now })
	if !c.Now().Equal(now) {
		t.Errorf("a new clock shows %s", c.Now())
	}
	then := now.AddDate(-2, 0, 0)
	c.Set(then)
	c.Set(then.Add(-time.Hour))
	first, second := c.Now(), c.Now()
	if first.Sub(then) != time.Microsecond || !second.After(first) {
		t.Errorf("it shows %s and %s, want just after %s: it never goes back, and goes on", first, second, then)
	}
	c.Release()
	if !c.Now().Equal(now) {
		t.Errorf("released, it shows %s", c.Now())
	}
}
