package sheet

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Order says where day, month and year stand in a date.
type Order string

// The orders; "" when it is not known.
const (
	DayFirst   Order = "dmy"
	MonthFirst Order = "mdy"
	YearFirst  Order = "ymd"
)

// datePattern takes a date apart: three parts of a day, of which one may be the
// name of a month, and the time of day that may follow.
var datePattern = regexp.MustCompile(`^(\pL{3,10}|\d{1,4})[ .\-/]{1,2}(\pL{3,10}\.?|\d{1,2})[ .\-/,]{1,2}(\d{1,4})(?:[T ,]{1,3}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([AaPp]\.?[Mm]\.?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?$`)

// Date is a date as it is written.
type Date struct {
	day   [3]string
	sep   byte // between the first and the second
	clock []string
}

// CutDate takes a date apart; false when it is none.
func CutDate(text string) (Date, bool) {
	m := datePattern.FindStringSubmatch(text)
	if m == nil {
		return Date{}, false
	}
	return Date{day: [3]string{m[1], strings.TrimSuffix(m[2], "."), m[3]}, sep: text[len(m[1])], clock: m[4:]}, true
}

// Order returns how the date must be read; "" when its numbers fit two ways.
func (d Date) Order() Order {
	switch {
	case len(d.day[0]) == 4 && isNumber(d.day[0]):
		return YearFirst
	case !isNumber(d.day[0]):
		return MonthFirst
	case !isNumber(d.day[1]) || d.sep == '.' || number(d.day[0]) > 12:
		return DayFirst
	case number(d.day[1]) > 12:
		return MonthFirst
	}
	return ""
}

// Tells reports whether the order of the date says something about others: it
// is written in numbers, of which two are alike, as 25/6/2025 and 3/4/2025.
func (d Date) Tells() bool {
	return isNumber(d.day[0]) && isNumber(d.day[1]) && len(d.day[0]) <= 2 && d.sep != '.'
}

// Same reports whether its order makes no difference: 5/5/2025.
func (d Date) Same() bool { return d.day[0] == d.day[1] }

func isNumber(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// Day returns the day as it is written, whatever the time zone. The order
// counts where the date does not tell; without one the day comes first. It is
// false for what no calendar shows.
func (d Date) Day(order Order) (time.Time, bool) {
	if own := d.Order(); own != "" {
		order = own
	}
	day, month, year := d.day[0], d.day[1], d.day[2]
	switch order {
	case YearFirst:
		year, day = day, year
	case MonthFirst:
		day, month = month, day
	}
	y := number(year)
	if len(year) == 2 {
		y += 2000
	} else if len(year) != 4 {
		return time.Time{}, false
	}
	t := time.Date(y, time.Month(monthOf(month)), number(day), 0, 0, 0, 0, time.UTC)
	return t, y >= 1970 && y <= 2200 && int(t.Month()) == monthOf(month) && t.Day() == number(day)
}

// Moment returns the day with its time, in UTC, which is also the zone of a time
// without one. It is false for what no clock or calendar shows.
func (d Date) Moment(order Order) (time.Time, bool) {
	day, ok := d.Day(order)
	hour, minute, second := number(d.clock[0]), number(d.clock[1]), number(d.clock[2])
	if half := strings.ToLower(d.clock[4]); half != "" {
		if hour < 1 || hour > 12 {
			return time.Time{}, false
		}
		hour %= 12
		if half[0] == 'p' {
			hour += 12
		}
	}
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nanos := number((d.clock[3] + "000000000")[:9])
	t := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, nanos, zone(d.clock[5]))
	return t.UTC().Truncate(time.Microsecond), true
}

func zone(s string) *time.Location {
	if len(s) < 5 {
		return time.UTC
	}
	offset := number(s[1:3])*3600 + number(s[len(s)-2:])*60
	if s[0] == '-' {
		offset = -offset
	}
	return time.FixedZone("", offset)
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

var months = strings.Split("january enero,february febrero,march marzo,april abril,may mayo,june junio,july julio,august agosto,september sept septiembre,october octubre,november noviembre,december diciembre", ",")

// monthOf reads a month as a number or by the first letters of its name in
// English or Spanish; 0 when it is none.
func monthOf(s string) int {
	if isNumber(s) {
		return number(s)
	}
	s = strings.ToLower(s)
	for i, names := range months {
		for name := range strings.FieldsSeq(names) {
			if s == name || s == name[:3] {
				return i + 1
			}
		}
	}
	return 0
}
