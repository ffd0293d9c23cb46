package okrfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
)

// habits finds how dates and numbers are written, from all of them together.
// What tells two things tells nothing.
func (p *parser) habits(rows []sheet.Row) {
	dates, decimals := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		for _, name := range []string{"from", "to"} {
			if d, ok := sheet.CutDate(p.Cell(r, name).Text); ok && d.Tells() {
				dates[string(d.Order())] = true
			}
		}
		for _, name := range []string{"weight", "start", "current", "target"} {
			if n, ok := cutNumber(p.Cell(r, name).Text); ok {
				decimals[decimalOf(n.digits)] = true
			}
		}
	}
	p.dates = sheet.Order(only(p.opt.Dates, dates, string(sheet.DayFirst), string(sheet.MonthFirst)))
	p.decimals = only(p.opt.Decimals, decimals, ".", ",")
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

// day reads a day; the zero time for an empty cell.
func (p *parser) day(c sheet.Cell) (time.Time, bool) {
	if c.Text == "" {
		return time.Time{}, true
	}
	d, ok := sheet.CutDate(c.Text)
	if !ok {
		p.Report(c, "date", c.Text)
		return time.Time{}, false
	}
	if d.Order() == "" && p.dates == "" && !d.Same() {
		p.Report(c, "date-unsure", c.Text)
		return time.Time{}, false
	}
	t, ok := d.Day(p.dates)
	if !ok {
		p.Report(c, "date", c.Text)
	}
	return t, ok
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
func (p *parser) number(c sheet.Cell) (*float64, string, bool) {
	if c.Text == "" {
		return nil, "", true
	}
	n, ok := cutNumber(c.Text)
	if !ok {
		p.Report(c, "number", c.Text)
		return nil, "", false
	}
	v, unsure, ok := p.value(n)
	switch {
	case unsure:
		p.Report(c, "number-unsure", c.Text)
		return nil, "", false
	case !ok:
		p.Report(c, "number", c.Text)
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
