package review

import (
	"testing"
	"time"
)

func TestOccurrence(t *testing.T) {
	f := func(first, how string, n int, want string) {
		t.Helper()
		at, err := time.Parse(time.DateOnly, first)
		if err != nil {
			t.Fatal(err)
		}
		if got := occurrence(at, how, n).Format(time.DateOnly); got != want {
			t.Errorf("%s %s, time %d: %s, want %s", first, how, n, got, want)
		}
	}
	f("2026-10-31", "monthly", 0, "2026-10-31")
	f("2026-10-31", "monthly", 1, "2026-11-30")
	f("2026-10-31", "monthly", 2, "2026-12-31")
	f("2026-10-31", "monthly", 4, "2027-02-28")
	f("2026-10-31", "monthly", 16, "2028-02-29")
	f("2027-01-29", "monthly", 1, "2027-02-28")
	f("2027-01-29", "monthly", 13, "2028-02-29")
	f("2026-11-30", "quarterly", 1, "2027-02-28")
	f("2026-11-30", "quarterly", 2, "2027-05-30")
	f("2026-08-31", "half-yearly", 1, "2027-02-28")
	f("2026-08-31", "half-yearly", 2, "2027-08-31")
	f("2024-02-29", "yearly", 1, "2025-02-28")
	f("2024-02-29", "yearly", 4, "2028-02-29")
	f("2024-02-29", "yearly", 76, "2100-02-28")
	f("2024-02-28", "daily", 2, "2024-03-01")
	f("2025-02-28", "daily", 1, "2025-03-01")
	f("2026-12-28", "weekly", 1, "2027-01-04")
	f("2026-12-28", "fortnightly", 2, "2027-01-25")
	f("2026-03-28", "daily", 1, "2026-03-29") // the night the clock changes in Europe
	f("2026-03-28", "daily", 2, "2026-03-30")
}

// TestNext: what comes next lies on the day of completion or after it, and what
// was passed over is counted.
func TestNext(t *testing.T) {
	f := func(first, how string, n int, done, want string, missed int) {
		t.Helper()
		begin, _ := time.Parse(time.DateOnly, first)
		on, _ := time.Parse(time.DateOnly, done)
		number, over := next(begin, how, n, on)
		if got := occurrence(begin, how, number).Format(time.DateOnly); got != want || over != missed {
			t.Errorf("%s %s, time %d done on %s: next %s after %d missed, want %s after %d", first, how, n, done, got, over, want, missed)
		}
	}
	f("2026-09-30", "monthly", 0, "2026-09-20", "2026-10-30", 0) // early
	f("2026-09-30", "monthly", 0, "2026-09-30", "2026-10-30", 0)
	f("2026-09-30", "monthly", 0, "2026-10-30", "2026-10-30", 0) // on the day of the next
	f("2026-09-30", "monthly", 0, "2026-10-31", "2026-11-30", 1)
	f("2026-09-07", "weekly", 0, "2026-10-08", "2026-10-12", 4)
	f("2026-10-31", "monthly", 0, "2026-11-02", "2026-11-30", 0)
	for how := range every {
		begin := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
		for i := range 900 {
			done := begin.AddDate(0, 0, i)
			n, missed := next(begin, how, 0, done)
			if at := occurrence(begin, how, n); at.Before(done) || missed > 0 && !occurrence(begin, how, n-1).Before(done) || n != missed+1 {
				t.Fatalf("%s done on %s: time %d on %s, %d missed", how, done.Format(time.DateOnly), n, at.Format(time.DateOnly), missed)
			}
		}
	}
}
