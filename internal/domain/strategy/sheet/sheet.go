// Package sheet reads CSV files as spreadsheets and trackers of any country
// write them: separated by commas, semicolons or tabs, with or without a byte
// order mark, their columns in any order and spelling. Every cell knows where it
// stands, so that a problem names its line and column.
//
// What the columns mean is the matter of the package that reads a format.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Sheet is one file and what is wrong with it. Whoever reads a format sets the
// first fields, and Place once the head is known.
type Sheet struct {
	File     string
	Limits   Limits
	Coded    func(file string, line int, code string, args ...string) fault.Problem
	Head     Row
	Place    map[string][]int // columns of a field, by its name
	Problems []fault.Problem
}

// Limits of one file, so that a hostile one costs little.
type Limits struct {
	Bytes    int
	Rows     int // below the head
	Problems int // that are told one by one
}

// Row is one record.
type Row struct {
	Values []string
	places []place
}

type place struct{ line, column int }

// Line returns the line a row begins in; 0 for no row.
func (r Row) Line() int {
	if len(r.places) == 0 {
		return 0
	}
	return r.places[0].line
}

// Cell is a value with its place in the file.
type Cell struct {
	Text         string
	Line, Column int
	Head         string // of its column
}

// Report adds a problem with what stands in a cell.
func (s *Sheet) Report(c Cell, code string, args ...string) {
	if s.Full() {
		return
	}
	p := s.Coded(s.File, c.Line, code, args...)
	if len(s.Problems) == s.Limits.Problems {
		p = s.Coded(s.File, c.Line, "gave-up", strconv.Itoa(s.Limits.Problems))
	}
	p.Column, p.Field = c.Column, c.Head
	s.Problems = append(s.Problems, p)
}

// Full reports whether there are so many problems that no more are told.
func (s *Sheet) Full() bool { return len(s.Problems) > s.Limits.Problems }

// Read splits the file into its head and the rows below it, without those that
// hold nothing. It is false when there is nothing to be read; what follows a
// wrong quote is not.
//
// Its problems are too-large, too-many, not-utf8, empty and quote; with those
// of Report and Fits, gave-up and columns.
func (s *Sheet) Read(data []byte) ([]Row, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > s.Limits.Bytes:
		s.Report(Cell{}, "too-large", fmt.Sprintf("%d MB", s.Limits.Bytes>>20))
		return nil, false
	case !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0:
		s.Report(Cell{}, "not-utf8")
		return nil, false
	}
	rows, ok := s.split(data)
	if ok && len(rows) == 0 && len(s.Problems) == 0 {
		s.Report(Cell{}, "empty")
	}
	if !ok || len(rows) == 0 {
		return nil, false
	}
	s.Head = rows[0]
	return rows[1:], true
}

func (s *Sheet) split(data []byte) (rows []Row, ok bool) {
	in := csv.NewReader(bytes.NewReader(data))
	in.Comma, in.FieldsPerRecord = Delimiter(data), -1
	for {
		values, err := in.Read()
		var broken *csv.ParseError
		switch {
		case errors.As(err, &broken):
			s.Report(Cell{Line: broken.Line, Column: broken.Column}, "quote")
			return rows, true
		case err != nil: // the end
			return rows, true
		case blank(values):
			continue
		case len(rows) > s.Limits.Rows:
			s.Report(Cell{}, "too-many", strconv.Itoa(s.Limits.Rows))
			return nil, false
		}
		r := Row{values, make([]place, len(values))}
		for i := range values {
			r.places[i].line, r.places[i].column = in.FieldPos(i)
		}
		rows = append(rows, r)
	}
}

// blank reports whether a row holds nothing, as spreadsheets leave them at the
// end.
func blank(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" })
}

// Delimiter returns what separates the columns of the head: a comma, or what a
// spreadsheet in another country writes.
func Delimiter(data []byte) rune {
	line, _, _ := bytes.Cut(bytes.TrimLeft(data, "\r\n"), []byte("\n"))
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// Fold makes the heads of columns comparable: "Start value*", "start_value" and
// "StartValue" are one.
func Fold(head string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, head)
}

// Columns returns the places of the heads, folded.
func (s *Sheet) Columns() map[string][]int {
	at := map[string][]int{}
	for i, h := range s.Head.Values {
		at[Fold(h)] = append(at[Fold(h)], i)
	}
	return at
}

// Fits refuses a row that has more or fewer columns than the head.
func (s *Sheet) Fits(r Row) bool {
	if len(r.Values) == len(s.Head.Values) {
		return true
	}
	s.Report(Cell{Line: r.Line()}, "columns", strconv.Itoa(len(r.Values)), strconv.Itoa(len(s.Head.Values)))
	return false
}

// Cell returns the first value of a field in a row; one without text when the
// row does not have it.
func (s *Sheet) Cell(r Row, field string) Cell {
	if at := s.Place[field]; len(at) > 0 && at[0] < len(r.Values) {
		return s.CellAt(r, at[0])
	}
	return Cell{Line: r.Line()}
}

// CellAt returns a value of a row by its column.
func (s *Sheet) CellAt(r Row, column int) Cell {
	c := Cell{Text: clean(r.Values[column]), Line: r.places[column].line, Column: r.places[column].column}
	if column < len(s.Head.Values) {
		c.Head = strings.TrimSpace(s.Head.Values[column])
	}
	return c
}

func clean(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, "\r", "")) }
