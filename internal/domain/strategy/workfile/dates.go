package workfile

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order says where day, month and year stand: "dmy", "mdy", "ymd".
type order string

// dating is how the dates of a file are written.
type dating struct{ order order }

// datePattern takes a moment apart: three parts of a day, and what may follow.
// A month may be a word.
var datePattern = regexp.MustCompile(`^(\pL{3,10}|\d{1,4})[ .\-/]{1,2}(\pL{3,10}\.?|\d{1,2})[ .\-/,]{1,2}(\d{1,4})(?:[T ,]{1,3}(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s?([AaPp]\.?[Mm]\.?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?$`)

// parts are the pieces of a date as written.
type parts struct {
	day  [3]string
	sep  byte // between the first and the second
	rest []string
}

func cutDate(s string) (parts, bool) {
	m := datePattern.FindStringSubmatch(s)
	if m == nil {
		return parts{}, false
	}
	return parts{day: [3]string{m[1], strings.TrimSuffix(m[2], "."), m[3]}, sep: s[len(m[1])], rest: m[4:]}, true
}

// order returns how the date must be read; "" when its numbers fit two ways.
func (d parts) order() order {
	switch a, _ := strconv.Atoi(d.day[0]); {
	case len(d.day[0]) == 4 && isNumber(d.day[0]):
		return "ymd"
	case !isNumber(d.day[0]):
		return "mdy"
	case !isNumber(d.day[1]) || d.sep == '.' || a > 12:
		return "dmy"
	}
	if b, _ := strconv.Atoi(d.day[1]); b > 12 {
		return "mdy"
	}
	return ""
}

// same reports whether it makes no difference: 5/5/2025.
func (d parts) same() bool { return d.day[0] == d.day[1] }

func isNumber(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// date finds how the dates of the file are written, from all of them together.
// It is false when they do not tell, or tell two things.
func (p *parser) date(rows []row) bool {
	if p.opt.Dates != "" {
		return p.datesGiven()
	}
	var unsure, told cell
	for _, r := range rows {
		for _, name := range []string{"created", "started", "closed"} {
			c := p.cell(r, name)
			d, ok := cutDate(c.text)
			if !ok {
				continue
			}
			switch o := d.order(); {
			case o == "ymd" || d.sep == '.' || !isNumber(d.day[0]) || !isNumber(d.day[1]):
				// Tells by itself how it is read, and nothing about others.
			case o == "" && !d.same() && unsure.text == "":
				unsure = c
			case o != "" && p.dates.order == "":
				p.dates.order, told = o, c
			case o != "" && p.dates.order != o:
				p.report(c, "dates-differ", c.text, told.text, strconv.Itoa(told.line))
				return false
			}
		}
	}
	if unsure.text != "" && p.dates.order == "" {
		p.report(unsure, "dates-unsure", unsure.text)
		return false
	}
	return true
}

func (p *parser) datesGiven() bool {
	letters := strings.Map(func(r rune) rune {
		if strings.ContainsRune("dmyDMY", r) {
			return r
		}
		return -1
	}, p.opt.Dates)
	o := order(slices.Compact([]rune(strings.ToLower(letters))))
	if o != "dmy" && o != "mdy" && o != "ymd" {
		p.report(cell{}, "dates-order", p.opt.Dates)
		return false
	}
	p.dates.order = o
	return true
}

// when reads the moment of a field; the zero time when there is none.
func (p *parser) when(r row, name string) time.Time {
	c := p.cell(r, name)
	if c.text == "" {
		return time.Time{}
	}
	t, ok := p.dates.parse(c.text)
	if !ok {
		p.report(c, "date", c.text)
	}
	return t
}

func (d dating) parse(s string) (time.Time, bool) {
	got, ok := cutDate(s)
	if !ok {
		return time.Time{}, false
	}
	o := got.order()
	if o == "" {
		o = d.order
	}
	var day, month, year string
	switch o {
	case "ymd":
		year, month, day = got.day[0], got.day[1], got.day[2]
	case "mdy":
		month, day, year = got.day[0], got.day[1], got.day[2]
	default:
		day, month, year = got.day[0], got.day[1], got.day[2]
	}
	return moment(year, month, day, got.rest)
}

// moment puts a time together and refuses what no clock or calendar shows. A
// time without a zone is taken as UTC.
func moment(year, month, day string, rest []string) (time.Time, bool) {
	y, m, d := number(year), monthOf(month), number(day)
	switch {
	case len(year) == 2:
		y += 2000
	case len(year) != 4:
		return time.Time{}, false
	}
	hour, minute, second := number(rest[0]), number(rest[1]), number(rest[2])
	nanos := number((rest[3] + "000000000")[:9])
	if half := strings.ToLower(rest[4]); half != "" {
		if hour < 1 || hour > 12 {
			return time.Time{}, false
		}
		hour %= 12
		if half[0] == 'p' {
			hour += 12
		}
	}
	t := time.Date(y, time.Month(m), d, hour, minute, second, nanos, zone(rest[5]))
	if y < 1970 || y > 2200 || t.Day() != d || int(t.Month()) != m || t.Hour() != hour || t.Minute() != minute || t.Second() != second {
		return time.Time{}, false
	}
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

// monthOf reads a month as a number or by the first letters of its name in
// English or Spanish; 0 when it is none.
func monthOf(s string) int {
	if isNumber(s) {
		return number(s)
	}
	s = strings.ToLower(s)
	for i, names := range []string{"january enero", "february febrero", "march marzo", "april abril", "may mayo", "june junio", "july julio", "august agosto", "september sept septiembre", "october octubre", "november noviembre", "december diciembre"} {
		for name := range strings.FieldsSeq(names) {
			if s == name || s == name[:3] {
				return i + 1
			}
		}
	}
	return 0
}
