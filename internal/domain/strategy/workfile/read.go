package workfile

import (
	"bytes"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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
	file     string
	opt      Options
	head     []string
	place    map[string][]int // columns of a field
	dates    dating
	problems []fault.Problem
	repeated int
}

// cell is a value with its place in the file.
type cell struct {
	text         string
	line, column int
	field        string // the head of its column
}

func (p *parser) report(c cell, code string, args ...string) {
	if len(p.problems) > maxProblems {
		return
	}
	problem := newProblem(p.file, c.line, code, args...)
	if len(p.problems) == maxProblems {
		problem = newProblem(p.file, c.line, "gave-up", fmt.Sprint(maxProblems))
	}
	problem.Column, problem.Field = c.column, c.field
	p.problems = append(p.problems, problem)
}

// row is one record with where it stands.
type row struct {
	values []string
	at     func(int) (line, column int)
}

func (p *parser) read(data []byte) []Item {
	rows, ok := p.rows(data)
	if !ok || !p.header(rows[0]) {
		return nil
	}
	rows = rows[1:]
	if !p.date(rows) {
		return nil
	}
	place := map[string]int{}
	var items []Item
	for _, r := range rows {
		if len(p.problems) > maxProblems {
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

// rows splits the file. It is false when there is nothing to be read.
func (p *parser) rows(data []byte) ([]row, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > MaxBytes:
		p.report(cell{}, "too-large", fmt.Sprintf("%d MB", MaxBytes>>20))
		return nil, false
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		p.report(cell{}, "not-utf8")
		return nil, false
	case len(bytes.TrimSpace(data)) == 0:
		p.report(cell{}, "empty")
		return nil, false
	}
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord = delimiter(data), -1
	var rows []row
	for {
		values, err := in.Read()
		var broken *csv.ParseError
		switch {
		case err == io.EOF:
			return rows, len(rows) > 0
		case errors.As(err, &broken):
			p.report(cell{line: broken.Line, column: broken.Column}, "quote")
			return rows, len(rows) > 0
		case err != nil:
			p.report(cell{}, "unreadable", err.Error())
			return nil, false
		case len(rows) > MaxItems:
			p.report(cell{}, "too-many", strconv.Itoa(MaxItems))
			return nil, false
		}
		places := make([][2]int, len(values))
		for i := range values {
			places[i][0], places[i][1] = in.FieldPos(i)
		}
		rows = append(rows, row{values, func(i int) (int, int) { return places[i][0], places[i][1] }})
	}
}

// delimiter returns what separates the header's columns: a comma, or what a
// spreadsheet in another country writes.
func delimiter(data []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// fold makes the head of a column comparable: "Closed Date", "closed_date" and
// "ClosedDate" are one.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// header finds the columns of the fields.
func (p *parser) header(r row) bool {
	before := len(p.problems)
	p.head = r.values
	p.place = map[string][]int{}
	heads := map[string][]int{}
	for i, h := range r.values {
		heads[fold(h)] = append(heads[fold(h)], i)
	}
	line, _ := r.at(0)
	for name := range p.opt.Map {
		if !slices.Contains(Fields(), name) {
			p.report(cell{}, "no-field", name, strings.Join(Fields(), ", "))
		}
	}
	for _, f := range fields {
		if column, ok := p.opt.Map[f.name]; ok {
			p.mapped(f, column, heads, line)
			continue
		}
		for _, name := range append([]string{f.title}, f.aliases...) {
			if at := heads[fold(name)]; len(at) > 0 {
				p.place[f.name] = at
				break
			}
		}
		if p.place[f.name] == nil && f.need {
			p.report(cell{line: line}, "column", f.title, f.name)
		}
	}
	return len(p.problems) == before
}

func (p *parser) mapped(f field, column string, heads map[string][]int, line int) {
	if column = strings.TrimSpace(column); column == "-" && f.name != "id" {
		return
	}
	if p.place[f.name] = heads[fold(column)]; p.place[f.name] == nil || fold(column) == "" {
		p.report(cell{line: line}, "no-column", column, f.name)
	}
}

// cell returns the value of a field; "" when the file does not have it.
func (p *parser) cell(r row, name string) cell {
	at := p.place[name]
	if len(at) == 0 || at[0] >= len(r.values) {
		return cell{}
	}
	c := cell{text: clean(r.values[at[0]]), field: strings.TrimSpace(p.head[at[0]])}
	c.line, c.column = r.at(at[0])
	return c
}

func clean(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r", "")) }

func (p *parser) item(r row) (Item, bool) {
	before := len(p.problems)
	line, _ := r.at(0)
	if len(r.values) == 1 && clean(r.values[0]) == "" {
		return Item{}, false // a row of nothing
	}
	if len(r.values) != len(p.head) {
		p.report(cell{line: line}, "columns", strconv.Itoa(len(r.values)), strconv.Itoa(len(p.head)))
		return Item{}, false
	}
	it := Item{Line: line}
	for name, to := range map[string]*string{"id": &it.ID, "name": &it.Name, "state": &it.State, "type": &it.Type, "parent": &it.Parent, "url": &it.URL, "team": &it.Team} {
		c := p.cell(r, name)
		if len(c.text) > MaxText {
			p.report(c, "too-long", c.field, strconv.Itoa(MaxText))
		}
		*to = c.text
	}
	for _, name := range []string{"id", "name", "state"} {
		if c := p.cell(r, name); c.text == "" && p.place[name] != nil {
			p.report(c, "required", c.field)
		}
	}
	it.Created, it.Started, it.Closed = p.when(r, "created"), p.when(r, "started"), p.when(r, "closed")
	it.Size = p.size(r)
	for _, at := range p.place["tags"] {
		it.Tags = appendNew(it.Tags, split(r.values[at], "|;,", true)...)
	}
	it.After = appendNew(nil, split(p.cell(r, "after").text, ";,", false)...)
	it.Category = p.opt.category(it.State, it.Closed)
	return it, len(p.problems) == before
}

func (p *parser) size(r row) int {
	c := p.cell(r, "size")
	if c.text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(strings.Replace(c.text, ",", ".", 1), 64)
	if err != nil || n < 0 || n > 10_000 {
		p.report(c, "size", c.text)
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
		if part = clean(part); part != "" {
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
