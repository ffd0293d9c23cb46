package okrfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

type problems = []fault.Problem

// habits finds how dates and numbers are written, from all of them together.
// What tells two things tells nothing.
func (p *parser) habits(rows []row) {
	p.dates, p.decimals = p.opt.Dates, p.opt.Decimals
	dates, decimals := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		for _, name := range []string{"from", "to"} {
			if d, ok := cutDate(p.cell(r, name).text); ok && d.slashed() {
				dates[d.order()] = true
			}
		}
		for _, name := range []string{"weight", "start", "current", "target"} {
			if n, ok := cutNumber(p.cell(r, name).text); ok {
				decimals[decimalOf(n.digits)] = true
			}
		}
	}
	p.dates = only(p.dates, dates, "dmy", "mdy")
	p.decimals = only(p.decimals, decimals, ".", ",")
}

// only returns what was given, or the one of two that was told; "" for both and
// for neither.
func only(given string, told map[string]bool, a, b string) string {
	switch {
	case given == a || given == b:
		return given
	case told[a] && !told[b]:
		return a
	case told[b] && !told[a]:
		return b
	}
	return ""
}

// datePattern takes a day apart: three parts, of which one may be the name of a
// month. A time of day after it is passed over.
var datePattern = regexp.MustCompile(`^(\pL{3,10}|\d{1,4})[ .\-/]{1,2}(\pL{3,10}|\d{1,2})\.?[ .\-/,]{1,2}(\d{2}|\d{4})(?:[T ]\d{1,2}:\d{2}.{0,20})?$`)

// date is a day as it is written.
type date struct {
	parts [3]string
	sep   byte
}

func cutDate(s string) (date, bool) {
	m := datePattern.FindStringSubmatch(s)
	if m == nil {
		return date{}, false
	}
	return date{[3]string{m[1], m[2], m[3]}, s[len(m[1])]}, true
}

func isNumber(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// slashed reports whether day and month are both numbers in an order that only
// other dates may tell.
func (d date) slashed() bool {
	return isNumber(d.parts[0]) && isNumber(d.parts[1]) && len(d.parts[0]) <= 2 && d.sep != '.'
}

// order returns how a date tells by itself that it is read; "" when it fits two
// ways.
func (d date) order() string {
	a, _ := strconv.Atoi(d.parts[0])
	b, _ := strconv.Atoi(d.parts[1])
	switch {
	case len(d.parts[0]) == 4:
		return "ymd"
	case !isNumber(d.parts[0]):
		return "mdy"
	case !isNumber(d.parts[1]), d.sep == '.', a > 12:
		return "dmy"
	case b > 12:
		return "mdy"
	}
	return ""
}

// day reads a day; the zero time for an empty cell.
func (p *parser) day(c cell) (time.Time, bool) {
	if c.text == "" {
		return time.Time{}, true
	}
	d, ok := cutDate(c.text)
	if !ok {
		p.report(c, "date", c.text)
		return time.Time{}, false
	}
	order := d.order()
	if order == "" {
		order = p.dates
	}
	if order == "" && d.parts[0] == d.parts[1] {
		order = "dmy" // the fifth of May either way
	}
	if order == "" {
		p.report(c, "date-unsure", c.text)
		return time.Time{}, false
	}
	t, ok := d.read(order)
	if !ok {
		p.report(c, "date", c.text)
	}
	return t, ok
}

func (d date) read(order string) (time.Time, bool) {
	day, month, year := d.parts[0], d.parts[1], d.parts[2]
	switch order {
	case "ymd":
		year, day = day, year
	case "mdy":
		day, month = month, day
	}
	y, _ := strconv.Atoi(year)
	if len(year) == 2 {
		y += 2000
	}
	m, n := monthOf(month), 0
	n, _ = strconv.Atoi(day)
	t := time.Date(y, time.Month(m), n, 0, 0, 0, 0, time.UTC)
	return t, y >= 1970 && y <= 2200 && int(t.Month()) == m && t.Day() == n
}

// monthOf reads a month as a number or by its name in English or Spanish; 0
// when it is none.
func monthOf(s string) int {
	if isNumber(s) {
		n, _ := strconv.Atoi(s)
		return n
	}
	s = strings.ToLower(s)
	for i, names := range strings.Split("january enero,february febrero,march marzo,april abril,may mayo,june junio,july julio,august agosto,september sept septiembre,october octubre,november noviembre,december diciembre", ",") {
		for name := range strings.FieldsSeq(names) {
			if s == name || s == name[:3] {
				return i + 1
			}
		}
	}
	return 0
}

// numberPattern takes a number with its unit apart: "€ 1,200", "93.8 %",
// "12 min", "−4".
var numberPattern = regexp.MustCompile(`^([€$£¥]?)\s*([+\-−]?)\s*([€$£¥]?)\s*(\d[\d.,'\x{00a0}\x{202f} ]*?)\s*(\pL[\pL/ ]{0,20}|%|‰|[€$£¥]|°\pL?)?$`)

type figure struct {
	sign, digits, unit string
}

func cutNumber(s string) (figure, bool) {
	m := numberPattern.FindStringSubmatch(s)
	if m == nil {
		return figure{}, false
	}
	digits := strings.Map(func(r rune) rune {
		if r == '\'' || r == ' ' || r == '\u00a0' || r == '\u202f' {
			return -1
		}
		return r
	}, m[4])
	return figure{m[2], digits, strings.TrimSpace(m[1] + m[3] + m[5])}, true
}

// decimalOf returns what comes before the decimals of a number: "." or ",", ""
// when it has none or fits two ways.
func decimalOf(digits string) string {
	dot, comma := strings.Count(digits, "."), strings.Count(digits, ",")
	last := strings.LastIndexAny(digits, ".,")
	switch {
	case last < 0:
		return ""
	case dot > 0 && comma > 0:
		return digits[last : last+1]
	case dot > 1:
		return ","
	case comma > 1:
		return "."
	case len(digits)-last-1 == 3 && last >= 1 && last <= 3 && digits[0] != '0':
		return ""
	}
	return digits[last : last+1]
}

// number reads a number with its unit; nil for an empty cell.
func (p *parser) number(c cell) (*float64, string, bool) {
	if c.text == "" {
		return nil, "", true
	}
	n, ok := cutNumber(c.text)
	if !ok {
		p.report(c, "number", c.text)
		return nil, "", false
	}
	v, unsure, ok := p.value(n)
	if !ok {
		code := "number"
		if unsure {
			code = "number-unsure"
		}
		p.report(c, code, c.text)
		return nil, "", false
	}
	return &v, n.unit, true
}

// numberQuietly is number without a report.
func (p *parser) numberQuietly(text string) (float64, string, bool) {
	n, ok := cutNumber(text)
	if !ok {
		return 0, "", false
	}
	v, _, ok := p.value(n)
	return v, n.unit, ok
}

// grouped is a number with a separator between groups of three digits.
var grouped = regexp.MustCompile(`^\d{1,3}([.,]\d{3})+$`)

func (p *parser) value(n figure) (v float64, unsure, ok bool) {
	decimal := decimalOf(n.digits)
	if decimal == "" {
		decimal = p.decimals
	}
	if decimal == "" && strings.ContainsAny(n.digits, ".,") {
		return 0, true, false
	}
	whole, fraction := n.digits, ""
	if i := strings.LastIndex(n.digits, decimal); decimal != "" && i >= 0 && strings.Count(n.digits, decimal) == 1 {
		whole, fraction = n.digits[:i], n.digits[i+1:]
	}
	if strings.ContainsAny(whole, ".,") && !grouped.MatchString(whole) || strings.ContainsAny(fraction, ".,") {
		return 0, false, false
	}
	text := strings.NewReplacer(".", "", ",", "").Replace(whole)
	if fraction != "" {
		text += "." + fraction
	}
	v, err := strconv.ParseFloat(text, 64)
	if n.sign == "-" || n.sign == "−" {
		v = -v
	}
	return v, false, err == nil && v < 1e15 && v > -1e15
}
