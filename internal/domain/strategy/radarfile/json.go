package radarfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"time"
)

// span is a JSON value and where it begins in the file.
type span struct {
	raw json.RawMessage
	at  int
}

// jsonFile knows the line of each byte of a file.
type jsonFile struct {
	data  []byte
	lines []int // where each line begins
}

func newJSONFile(data []byte) *jsonFile {
	f := &jsonFile{data: data, lines: []int{0}}
	for i, c := range data {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

func (f *jsonFile) line(at int) int {
	return sort.SearchInts(f.lines, at+1)
}

// elements returns the values of an array, as many as can be read, and what
// stopped it.
func elements(s span) ([]span, error) {
	dec, err := enter(s, '[')
	if err != nil {
		return nil, err
	}
	var list []span
	for dec.More() {
		if len(list) > 2*MaxBlips {
			return list, nil
		}
		item, err := value(dec, s)
		if err != nil {
			return list, err
		}
		list = append(list, item)
	}
	_, err = dec.Token()
	return list, at(err, s, dec)
}

// members returns the values of an object by key, as many as can be read, and
// what stopped it.
func members(s span) (map[string]span, error) {
	dec, err := enter(s, '{')
	if err != nil {
		return nil, err
	}
	object := map[string]span{}
	for dec.More() {
		if len(object) > 1000 {
			return object, nil
		}
		key, err := dec.Token()
		if err != nil {
			return object, at(err, s, dec)
		}
		if object[fmt.Sprint(key)], err = value(dec, s); err != nil {
			return object, err
		}
	}
	_, err = dec.Token()
	return object, at(err, s, dec)
}

func enter(s span, want json.Delim) (*json.Decoder, error) {
	dec := json.NewDecoder(bytes.NewReader(s.raw))
	t, err := dec.Token()
	if err == nil && t != want {
		err = fmt.Errorf("%c expected", want)
	}
	return dec, at(err, s, dec)
}

// value takes the next value of s.
func value(dec *json.Decoder, s span) (span, error) {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return span{}, at(err, s, dec)
	}
	return span{raw, s.at + int(dec.InputOffset()) - len(raw)}, nil
}

// placed is an error at a byte of the file.
type placed struct {
	err error
	at  int
}

func (e *placed) Error() string { return e.err.Error() }

// at places an error of decoding s.
func at(err error, s span, dec *json.Decoder) error {
	if err == nil {
		return nil
	}
	offset := int(dec.InputOffset())
	var se *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err, offset = errors.New("it ends too early"), len(s.raw)
	case errors.As(err, &se):
		offset = max(offset, int(se.Offset)-1)
	}
	return &placed{err, s.at + offset}
}

// broken reports an error of elements or members.
func (p *parser) broken(f *jsonFile, err error) {
	var pe *placed
	if errors.As(err, &pe) {
		p.report(f.line(min(pe.at, max(len(f.data)-1, 0))), "json", strings.TrimPrefix(pe.Error(), "json: "))
	}
}

// decode fills a struct from a value and reports a field of the wrong type.
func (p *parser) decode(f *jsonFile, s span, into any) bool {
	err := json.Unmarshal(s.raw, into)
	if err == nil {
		return true
	}
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		field := te.Field
		if field == "" {
			field = "entry"
		}
		p.report(f.line(s.at), "json-type", field, typeName(te.Type.Kind().String()))
		return false
	}
	p.report(f.line(s.at), "json", err.Error())
	return false
}

func typeName(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "an array"
	case "bool":
		return "true / false"
	case "string":
		return "a text"
	}
	return "a whole number"
}

func detectObject(data []byte) (Format, bool) {
	object, _ := members(span{data, 0})
	entries, ok := object["entries"]
	if !ok {
		return "", false
	}
	list, _ := elements(entries)
	for _, e := range list {
		var shape struct {
			Timeline json.RawMessage `json:"timeline"`
			Label    json.RawMessage `json:"label"`
		}
		_ = json.Unmarshal(e.raw, &shape)
		switch {
		case shape.Timeline != nil:
			return Backstage, true
		case shape.Label != nil:
			return Zalando, true
		}
	}
	var quadrants []struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.Unmarshal(object["quadrants"].raw, &quadrants)
	if len(quadrants) > 0 && quadrants[0].ID != nil {
		return Backstage, true
	}
	return Zalando, true
}

// loose is a text, or a number or truth value written as one.
type loose string

// UnmarshalJSON accepts a string, a number, a truth value or null.
func (l *loose) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case b[0] == '"':
		err := json.Unmarshal(b, &s)
		*l = loose(s)
		return err
	case b[0] == '{' || b[0] == '[':
		return json.Unmarshal(b, &s)
	case string(b) != "null":
		*l = loose(b)
	}
	return nil
}

type byorEntry struct {
	Name        string `json:"name"`
	Ring        string `json:"ring"`
	Quadrant    string `json:"quadrant"`
	IsNew       loose  `json:"isNew"`
	Status      string `json:"status,omitempty"`
	Description string `json:"description"`
	Link        string `json:"link,omitempty"`
}

func (p *parser) readBYORJSON(data []byte) Edition {
	e, f := Edition{Format: BYORJSON}, newJSONFile(data)
	list, err := elements(span{data, 0})
	for _, item := range list {
		if p.stuffed() {
			break
		}
		var in byorEntry
		if !p.decode(f, item, &in) {
			continue
		}
		b := Blip{Name: in.Name, Ring: in.Ring, Segment: in.Quadrant, Description: in.Description, Link: in.Link, Line: f.line(item.at)}
		if p.marks(&b, strings.TrimSpace(string(in.IsNew)), in.Status) {
			p.keep(&e, b)
		}
	}
	p.broken(f, err)
	return e
}

type zalandoEntry struct {
	Quadrant int    `json:"quadrant"`
	Ring     int    `json:"ring"`
	Label    string `json:"label"`
	Link     string `json:"link,omitempty"`
	Active   *bool  `json:"active,omitempty"`
	Moved    int    `json:"moved"`
}

type zalandoName struct {
	Name string `json:"name"`
}

var zalandoRings = []string{"ADOPT", "TRIAL", "ASSESS", "HOLD"}

// zalandoSegments are the names of quadrants that neither the file nor the
// caller names.
var zalandoSegments = []string{"Quadrant 1", "Quadrant 2", "Quadrant 3", "Quadrant 4"}

func (p *parser) readZalando(data []byte) Edition {
	f := newJSONFile(data)
	object, err := members(span{data, 0})
	e := Edition{Format: Zalando}
	e.Rings = p.names(f, object, "rings", p.opt.Rings, zalandoRings)
	e.Segments = p.names(f, object, "quadrants", p.opt.Segments, zalandoSegments)
	p.zalandoDate(&e, f, object)
	list, stopped := elements(object["entries"])
	for _, item := range list {
		if p.stuffed() {
			break
		}
		p.zalandoEntry(&e, f, item)
	}
	p.broken(f, stopped)
	p.broken(f, err)
	return e
}

// names returns the names that a file, else the caller, else the format gives.
func (p *parser) names(f *jsonFile, object map[string]span, key string, given, usual []string) []string {
	var listed []zalandoName
	if s, ok := object[key]; ok && p.decode(f, s, &listed) && len(listed) > 0 {
		names := make([]string, min(len(listed), MaxRings))
		for i := range names {
			names[i] = strings.Join(strings.Fields(listed[i].Name), " ")
		}
		return names
	}
	if len(given) > 0 {
		return slices.Clone(given)
	}
	return slices.Clone(usual)
}

// zalandoDate takes the edition's name and date from a text that pages show as
// it is: a text that is no date is a name only.
func (p *parser) zalandoDate(e *Edition, f *jsonFile, object map[string]span) {
	s, ok := object["date"]
	if !ok {
		return
	}
	var text string
	if !p.decode(f, s, &text) || strings.TrimSpace(text) == "" {
		return
	}
	e.Date, _ = parseDate(text)
	e.Name = Slug(text)
}

// parseDate reads 2026.05, 2026-05, 2026.05.31, 2026-05-31 and RFC 3339; a month alone is
// its first day.
func parseDate(s string) (time.Time, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), ".", "-")
	if t, err := time.Parse("2006-01", s); err == nil {
		return t, true
	}
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10]
	}
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

func (p *parser) zalandoEntry(e *Edition, f *jsonFile, item span) {
	var in zalandoEntry
	line := f.line(item.at)
	if !p.decode(f, item, &in) || !p.inRange(line, "quadrant", in.Quadrant, 0, len(e.Segments)-1) ||
		!p.inRange(line, "ring", in.Ring, 0, len(e.Rings)-1) || !p.inRange(line, "moved", in.Moved, -1, 2) {
		return
	}
	move := zalandoMoves[in.Moved+1]
	p.keep(e, Blip{
		Name: in.Label, Ring: e.Rings[in.Ring], Segment: e.Segments[in.Quadrant], Link: in.Link, Line: line,
		PublishedMove: move, IsNew: move == New, Inactive: in.Active != nil && !*in.Active,
	})
}

// zalandoMoves holds the moves from -1 (out) to 2 (new).
var zalandoMoves = []Move{Out, Unchanged, In, New}

func (p *parser) inRange(line int, field string, n, least, most int) bool {
	if n >= least && n <= most {
		return true
	}
	p.report(line, "range", field, fmt.Sprint(n), fmt.Sprint(least), fmt.Sprint(most))
	return false
}
