package workfile

import (
	"embed"
	"slices"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Text holds the messages of problems in each language, as lang.Load reads
// them.
//
//go:embed text.en.json text.es.json
var Text embed.FS

// newProblem makes a problem from its code, "work." before it.
var newProblem = fault.Coded("work", Text)

// maxProblems stops a file that is no list of work from filling the screen.
const maxProblems = 100

// parser reads one file.
type parser struct {
	sheet.Sheet
	opt      Options
	order    sheet.Order // of dates that do not tell
	repeated int
}

func (p *parser) read(data []byte) []Item {
	rows, ok := p.Read(data)
	if !ok || !p.header() || !p.date(rows) {
		return nil
	}
	place := map[string]int{}
	var items []Item
	for _, r := range rows {
		if p.Full() {
			return nil
		}
		it, ok := p.item(r)
		if !ok {
			continue
		}
		if i, twice := place[it.ID]; twice {
			items[i] = it
			p.repeated++
			continue
		}
		place[it.ID] = len(items)
		items = append(items, it)
	}
	return items
}

// header finds the columns of the fields.
func (p *parser) header() bool {
	before, line := len(p.Problems), p.Head.Line()
	p.Place = map[string][]int{}
	heads := p.Columns()
	for name := range p.opt.Map {
		if !slices.Contains(Fields(), name) {
			p.Report(sheet.Cell{}, "no-field", name, strings.Join(Fields(), ", "))
		}
	}
	for _, f := range fields {
		if column, ok := p.opt.Map[f.name]; ok {
			p.mapped(f, column, heads, line)
			continue
		}
		for _, name := range append([]string{f.title}, f.aliases...) {
			if at := heads[sheet.Fold(name)]; len(at) > 0 {
				p.Place[f.name] = at
				break
			}
		}
		if p.Place[f.name] == nil && f.need {
			p.lacks(f, f.title, line, false)
		}
	}
	return len(p.Problems) == before
}

func (p *parser) mapped(f field, column string, heads map[string][]int, line int) {
	if column = strings.TrimSpace(column); column == "-" && f.name != "id" {
		return
	}
	if p.Place[f.name] = heads[sheet.Fold(column)]; p.Place[f.name] == nil || sheet.Fold(column) == "" {
		p.lacks(f, column, line, true)
	}
}

// lacks reports a column that the header does not have, and whether it was named
// by who imports. Only the number of an item cannot be done without.
func (p *parser) lacks(f field, column string, line int, named bool) {
	switch at := (sheet.Cell{Line: line}); {
	case f.name == "id":
		p.Report(at, "no-id", column, f.name)
	case named:
		p.Report(at, "no-column", column, f.name)
	default:
		p.Report(at, "column", column, f.name)
	}
}

func (p *parser) item(r sheet.Row) (Item, bool) {
	before := len(p.Problems)
	if !p.Fits(r) {
		return Item{}, false
	}
	it := Item{Line: r.Line()}
	for name, to := range map[string]*string{"id": &it.ID, "name": &it.Name, "state": &it.State, "type": &it.Type, "parent": &it.Parent, "url": &it.URL, "team": &it.Team} {
		c := p.Cell(r, name)
		if len(c.Text) > MaxText {
			p.Report(c, "too-long", c.Head, strconv.Itoa(MaxText))
		}
		*to = c.Text
	}
	for _, name := range []string{"id", "name", "state"} {
		if c := p.Cell(r, name); c.Text == "" && p.Place[name] != nil {
			p.Report(c, "required", c.Head)
		}
	}
	it.Created, it.Started, it.Closed = p.when(r, "created"), p.when(r, "started"), p.when(r, "closed")
	it.Size = p.size(r)
	for _, at := range p.Place["tags"] {
		it.Tags = appendNew(it.Tags, split(p.CellAt(r, at).Text, "|;,", true)...)
	}
	it.After = appendNew(nil, split(p.Cell(r, "after").Text, ";,", false)...)
	it.Category = p.opt.category(it.State, it.Closed)
	return it, len(p.Problems) == before
}

func (p *parser) size(r sheet.Row) int {
	c := p.Cell(r, "size")
	if c.Text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(strings.Replace(c.Text, ",", ".", 1), 64)
	if err != nil || n < 0 || n > 10_000 {
		p.Report(c, "size", c.Text)
		return 0
	}
	return int(n + 0.5)
}

// split cuts a list at the first of the separators that stands in it, or at all
// of them when any is as good.
func split(s, separators string, first bool) []string {
	cut := separators
	for _, sep := range separators {
		if first && strings.ContainsRune(s, sep) {
			cut = string(sep)
			break
		}
	}
	var list []string
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(cut, r) }) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func appendNew(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
