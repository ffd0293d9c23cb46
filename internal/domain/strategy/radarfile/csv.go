package radarfile

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
)

// row is one record and the physical line it begins on.
type row struct {
	fields []string
	line   int
}

func detectCSV(data []byte) (Format, bool) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if len(line) > MaxText {
		return "", false
	}
	one := splitter{data: line, comma: byte(sheet.Delimiter(line))}
	fields, ok := one.record()
	if !ok {
		return "", false
	}
	h := header(fields)
	if !h.has("name") && !h.has("ring") {
		return "", false
	}
	if h.has("relatedblips") {
		return Volumes, true
	}
	return BYORCSV, true
}

// columns maps a folded column name to its place.
type columns map[string]int

func header(fields []string) columns {
	h := columns{}
	for i, f := range fields {
		name := strings.ToLower(strings.TrimSpace(f))
		if _, ok := h[name]; !ok {
			h[name] = i
		}
	}
	return h
}

func (h columns) has(name string) bool { _, ok := h[name]; return ok }

func (h columns) get(fields []string, name string) string {
	if i, ok := h[name]; ok {
		return strings.TrimSpace(unixLines(fields[i]))
	}
	return ""
}

func (p *parser) readCSV(data []byte, format Format) Edition {
	e := Edition{Format: format}
	rows := p.rows(data)
	if len(rows) == 0 {
		return e
	}
	head := rows[0]
	h := header(head.fields)
	if !p.headed(h, head.line) {
		return e
	}
	for _, r := range rows[1:] {
		if p.stuffed() {
			break
		}
		p.csvRow(&e, h, len(head.fields), r)
	}
	return e
}

func (p *parser) headed(h columns, line int) bool {
	for _, name := range []string{"name", "ring", "quadrant"} {
		if !h.has(name) {
			p.report(line, "header", name)
			return false
		}
	}
	return true
}

// maxBroken bounds the tries to go on after a quote that is never closed, each
// of which may read to the end of the file.
const maxBroken = 50

// rows splits the file as spreadsheets do: a quote inside a value stands for
// itself, and what follows a closing quote belongs to the value. A record that
// spans lines is held to the letter, since a stray quote would swallow the
// records after it; when it fails, reading goes on with the next line.
func (p *parser) rows(data []byte) []row {
	s := splitter{data: data, comma: byte(sheet.Delimiter(data)), line: 1}
	var rows []row
	for broken := 0; !s.done() && len(rows) <= 2*MaxBlips; {
		start := s
		fields, ok := s.record()
		if ok {
			rows = append(rows, row{fields, start.line})
			continue
		}
		p.report(start.line, "quote")
		if broken++; broken == maxBroken {
			p.report(start.line+1, "gave-up", fmt.Sprint(maxBroken))
			break
		}
		s = start
		s.skipLine()
	}
	return rows
}

// splitter walks over the records of a CSV file.
type splitter struct {
	data  []byte
	comma byte
	line  int // of the first byte of data
}

func (s *splitter) done() bool { return len(s.data) == 0 }

func (s *splitter) skipLine() {
	_, s.data, _ = bytes.Cut(s.data, []byte("\n"))
	s.line++
}

// record takes one record; false when a quote in it is wrong.
func (s *splitter) record() (fields []string, ok bool) {
	first := s.line
	for {
		var b bytes.Buffer
		if len(s.data) > 0 && s.data[0] == '"' {
			if !s.quoted(&b) || (s.line > first && !s.atEnd()) {
				return nil, false
			}
		}
		b.Write(s.until())
		fields = append(fields, b.String())
		if s.done() {
			return fields, true
		}
		end := s.data[0] == '\n'
		if s.data = s.data[1:]; end {
			s.line++
			return fields, true
		}
	}
}

// quoted takes a value between quotes; false when it is never closed.
func (s *splitter) quoted(b *bytes.Buffer) bool {
	s.data = s.data[1:]
	for {
		i := bytes.IndexByte(s.data, '"')
		if i < 0 || b.Len()+i > 2*MaxText {
			return false
		}
		b.Write(s.data[:i])
		s.line += bytes.Count(s.data[:i], []byte("\n"))
		if s.data = s.data[i+1:]; s.done() || s.data[0] != '"' {
			return true
		}
		b.WriteByte('"')
		s.data = s.data[1:]
	}
}

// atEnd reports whether nothing is left of the value.
func (s *splitter) atEnd() bool {
	rest := bytes.TrimPrefix(s.data, []byte("\r"))
	return len(rest) == 0 || rest[0] == '\n' || rest[0] == s.comma
}

// until takes the bytes up to the next comma or the end of the line.
func (s *splitter) until() []byte {
	i := 0
	for i < len(s.data) && s.data[i] != s.comma && s.data[i] != '\n' {
		i++
	}
	value := s.data[:i]
	s.data = s.data[i:]
	if len(s.data) == 0 || s.data[0] == '\n' {
		value = bytes.TrimSuffix(value, []byte("\r"))
	}
	return value
}

func (p *parser) csvRow(e *Edition, h columns, want int, r row) {
	if strings.TrimSpace(strings.Join(r.fields, "")) == "" {
		return
	}
	if len(r.fields) != want {
		p.report(r.line, "columns", fmt.Sprint(len(r.fields)), fmt.Sprint(want))
		return
	}
	b := Blip{
		Name: h.get(r.fields, "name"), Ring: h.get(r.fields, "ring"), Segment: h.get(r.fields, "quadrant"),
		Description: h.get(r.fields, "description"), Link: h.get(r.fields, "link"), Line: r.line,
		Related: splitList(h.get(r.fields, "relatedblips")),
	}
	if p.marks(&b, h.get(r.fields, "isnew"), h.get(r.fields, "status")) {
		p.keep(e, b)
	}
}

func splitList(s string) []string {
	var list []string
	for item := range strings.SplitSeq(s, ";") {
		if item = strings.Join(strings.Fields(item), " "); item != "" {
			list = append(list, item)
		}
	}
	return list
}

// marks sets what isNew and status state.
func (p *parser) marks(b *Blip, isNew, status string) bool {
	move, ok := parseStatus(status)
	if !ok {
		p.report(b.Line, "status", status)
		return false
	}
	truth, ok := parseTruth(isNew)
	if !ok {
		p.report(b.Line, "truth", isNew)
		return false
	}
	b.PublishedMove, b.IsNew = move, truth || (isNew == "" && move == New)
	return true
}

func parseTruth(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0", "":
		return false, true
	}
	return false, false
}

func parseStatus(s string) (Move, bool) {
	switch strings.Join(strings.Fields(strings.ToLower(s)), " ") {
	case "":
		return "", true
	case "new":
		return New, true
	case "moved in":
		return In, true
	case "moved out":
		return Out, true
	case "no change":
		return Unchanged, true
	}
	return "", false
}
