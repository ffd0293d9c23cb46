package workfile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
)

// date finds how the dates of the file are written, from all of them together.
// It is false when they do not tell, or tell two things.
func (p *parser) date(rows []sheet.Row) bool {
	if p.opt.Dates != "" {
		return p.datesGiven()
	}
	var unsure, told sheet.Cell
	for _, r := range rows {
		for _, name := range []string{"created", "started", "closed"} {
			c := p.Cell(r, name)
			d, ok := sheet.CutDate(c.Text)
			if !ok {
				continue
			}
			switch o := d.Order(); {
			case !d.Tells():
			case o == "" && !d.Same() && unsure.Text == "":
				unsure = c
			case o != "" && p.order == "":
				p.order, told = o, c
			case o != "" && p.order != o:
				p.Report(c, "dates-differ", c.Text, told.Text, strconv.Itoa(told.Line))
				return false
			}
		}
	}
	if unsure.Text != "" && p.order == "" {
		p.Report(unsure, "dates-unsure", unsure.Text)
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
	o := sheet.Order(slices.Compact([]rune(strings.ToLower(letters))))
	if o != sheet.DayFirst && o != sheet.MonthFirst && o != sheet.YearFirst {
		p.Report(sheet.Cell{}, "dates-order", p.opt.Dates)
		return false
	}
	p.order = o
	return true
}

// when reads the moment of a field; the zero time when there is none.
func (p *parser) when(r sheet.Row, name string) time.Time {
	c := p.Cell(r, name)
	if c.Text == "" {
		return time.Time{}
	}
	if d, ok := sheet.CutDate(c.Text); ok {
		if t, ok := d.Moment(p.order); ok {
			return t
		}
	}
	p.Report(c, "date", c.Text)
	return time.Time{}
}
