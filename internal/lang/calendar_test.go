package lang

import (
	"testing"
	"time"
)

func TestCalendar(t *testing.T) {
	now := time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(LongDate(English, now, now), "Tuesday 22 September")
	f(LongDate(Spanish, now, now), "martes 22 de septiembre")
	f(LongDate(Spanish, now.AddDate(1, 0, 0), now), "miércoles 22 de septiembre de 2027")
	f(ShortWeekday(Spanish, now.AddDate(0, 0, 1)), "mié")
	f(ShortWeekday(Spanish, now.AddDate(0, 0, 4)), "sáb")
	f(DayBeside(English, now.AddDate(0, 0, -1), now), "yesterday")
	f(DayBeside(English, time.Date(2026, 9, 22, 0, 0, 0, 0, time.UTC), now), "today")
	f(DayBeside(Spanish, now.AddDate(0, 0, 1), now), "mañana")
	f(DayBeside(English, now.AddDate(0, 0, 2), now), "Thu 24")
	f(DayBeside(English, now.AddDate(0, 0, 7), now), "29 Sep")
	f(DayBeside(Spanish, now.AddDate(0, 0, -2), now), "20 sept")
	f(Count(English, 4), "four")
	f(Count(Spanish, 1), "una")
	f(Count(English, 11), "11")
	f(Count(Spanish, 0), "ninguna")
}
