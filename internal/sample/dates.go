package sample

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// The quarter of the story: it began so many days before the day the story is
// told and ends so many after, whichever day that is, so that the story is at
// the same place on every day. Its name is that of the calendar quarter in which
// its middle lies.
const (
	quarterBegan = 83
	quarterEnds  = 8
	quarterDays  = 91 // of those before and after it
)

// calendar writes moments as seen from the one the story is told at.
type calendar struct {
	now  time.Time // in the zone of the organisation
	zone *time.Location
}

func newCalendar(now time.Time, zone *time.Location) calendar { return calendar{now.In(zone), zone} }

// day returns the midnight that begins the day n days from today.
func (c calendar) day(n int) time.Time {
	y, m, d := c.now.Date()
	return time.Date(y, m, d+n, 0, 0, 0, 0, c.zone)
}

// monday returns the Monday n weeks from this one; -1 is the last before today.
func (c calendar) monday(n int) time.Time {
	back := (int(c.now.Weekday()) + 6) % 7
	if back == 0 {
		back = 7
	}
	return c.day(7*(n+1) - back)
}

// quarter returns the first and the last day of a quarter of the story; 0 is the
// one it is told in.
func (c calendar) quarter(n int) (first, last time.Time) {
	switch {
	case n < 0:
		return c.day(quarterDays*n - quarterBegan), c.day(quarterDays*(n+1) - quarterBegan - 1)
	case n > 0:
		begin := quarterEnds + 1 + (quarterDays+1)*(n-1)
		return c.day(begin), c.day(begin + quarterDays)
	}
	return c.day(-quarterBegan), c.day(quarterEnds)
}

// nameOfQuarter returns the year and the number of the calendar quarter that a
// quarter of the story is named after.
func (c calendar) nameOfQuarter(n int) (year, number int) {
	middle := c.day((quarterEnds - quarterBegan) / 2)
	all := middle.Year()*4 + (int(middle.Month())-1)/3 + n
	return all / 4, all%4 + 1
}

// at returns the moment at a time of day, as 09:30, of a day.
func (c calendar) at(day time.Time, clock string) (time.Time, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a time of day: write 09:30", clock)
	}
	return time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), 0, 0, c.zone), nil
}

func written(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// forms are the ways in which a day may be written.
var forms = map[string]string{"": time.DateOnly, "month": "2006-01", "long": "2 January", "full": "2 January 2006", "monthname": "January", "year": "2006"}

// words writes what stands between {{ and }}.
func (c calendar) words(text string) (string, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return "", fmt.Errorf("%q names no day: write {{day -30}}", text)
	}
	if f[0] == "ago" {
		d, err := time.ParseDuration(f[1])
		if err != nil || d < 0 || len(f) > 2 {
			return "", fmt.Errorf("%q is not a length of time: write {{ago 9h}} or {{ago 40m}}", text)
		}
		return written(c.now.Add(-d).Truncate(time.Second)), nil
	}
	n, err := strconv.Atoi(f[1])
	rest := strings.Join(f[2:], " ")
	if err != nil || len(f) > 3 {
		return "", fmt.Errorf("%q is not understood: write {{%s -30}}", text, f[0])
	}
	switch f[0] {
	case "day":
		return c.form(c.day(n), rest)
	case "monday":
		if strings.Contains(rest, ":") {
			t, err := c.at(c.monday(n), rest)
			return written(t), err
		}
		return c.form(c.monday(n), rest)
	case "moment":
		t, err := c.at(c.day(n), rest)
		return written(t), err
	case "month":
		y, m, _ := c.now.Date()
		return c.form(time.Date(y, m+time.Month(n), 1, 0, 0, 0, 0, c.zone), or(rest, "month"))
	case "year":
		return strconv.Itoa(c.now.Year() + n), nil
	case "quarter":
		return c.quarterly(n, rest)
	}
	return "", fmt.Errorf("%q is not understood: a date begins with day, moment, monday, ago, month, year or quarter", text)
}

func (c calendar) form(t time.Time, form string) (string, error) {
	layout, ok := forms[form]
	if !ok {
		return "", fmt.Errorf("%q is no way to write a day: month, long, full, monthname or year", form)
	}
	return t.Format(layout), nil
}

func (c calendar) quarterly(n int, what string) (string, error) {
	first, last := c.quarter(n)
	year, number := c.nameOfQuarter(n)
	switch what {
	case "start":
		return first.Format(time.DateOnly), nil
	case "end":
		return last.Format(time.DateOnly), nil
	case "name":
		return fmt.Sprintf("Q%d %d", number, year), nil
	case "slug":
		return fmt.Sprintf("q%d-%d", number, year), nil
	}
	return "", fmt.Errorf("%q is nothing of a quarter: start, end, name or slug", what)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

var placeholder = regexp.MustCompile(`\{\{([^{}\n]*)\}\}`)

// render writes the dates of a file.
func (c calendar) render(name string, data []byte) ([]byte, error) {
	var problems []fault.Problem
	out := placeholder.ReplaceAllFunc(data, func(found []byte) []byte {
		text, err := c.words(string(found[2 : len(found)-2]))
		if err != nil {
			line := 1 + bytes.Count(data[:bytes.Index(data, found)], []byte("\n"))
			problems = append(problems, fault.Problem{File: name, Line: line, Code: "date", Msg: err.Error()})
		}
		return []byte(text)
	})
	if len(problems) > 0 {
		return nil, fault.Bad("a date of the sample organisation cannot be read", problems...)
	}
	return out, nil
}
