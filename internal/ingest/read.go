package ingest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Limits of an event. More than the engine keeps is refused, never cut.
const (
	MaxEvent  = 2 << 20 // bytes of a record, and of what a parser makes of it
	MaxFields = 2000
	MaxDepth  = 64

	maxID = 512 // bytes; a longer one is known by its hash
)

// Reasons of a Rejection.
const (
	TooLarge      = logs.TooLarge
	TooManyFields = logs.TooManyFields
	TooDeep       = "too-deep"
	TooOld        = logs.TooOld
	TooNew        = logs.TooNew
	Empty         = "empty"
	NoFormat      = "no-format"     // no parser has this name
	NoRecord      = "no-record"     // the way it came found none
	ParserFailed  = "parser-failed" // a mistake of ours: the parser broke
)

// reading makes the events of a batch.
type reading struct {
	in      *Intake
	b       *Batch
	set     Settings
	now     time.Time
	oldest  time.Time // events before are not kept
	f       *frame
	env     parser.Env
	out     parser.Out
	places  []jsonline.Place // of the members of events
	refused []Rejection
}

// read parses the records of a batch into a frame that is not numbered yet.
func (in *Intake) read(b *Batch, set Settings, now time.Time) (*frame, []Rejection) {
	total := 0
	for i := range b.Records {
		total += len(b.Records[i].Data)
	}
	r := &reading{in: in, b: b, set: set, now: now, env: parser.Env{Now: now}}
	r.f = &frame{org: b.Org, source: b.Source, seen: now, events: make([]event.Event, 0, len(b.Records)), notes: make([]note, 0, len(b.Records)), lines: in.spare.forLines(total + total/8 + 64*len(b.Records) + 512), own: true, delay: set.Delay}
	r.f.took.accepted = int64(len(b.Records))
	if in.fits.Past > 0 {
		r.oldest = now.Add(-in.fits.Past)
	}
	format := cmp.Or(b.Format, set.Format, in.cfg.Default)
	for i := range b.Records {
		if why, detail := r.record(&b.Records[i], format); why != "" {
			r.refused = append(r.refused, Rejection{Record: i, Reason: why, Detail: detail})
			r.f.took.reject(why, 1)
			in.samples.keep(key{b.Org, b.Source}, now, why, detail, b.Records[i].Data)
		}
	}
	return r.f, r.refused
}

// record reads one record, or says why it is refused.
func (r *reading) record(rec *Record, name string) (reason, detail string) {
	if len(rec.Data) > MaxEvent {
		return TooLarge, fmt.Sprintf("It has more than the %d bytes that an event may have.", MaxEvent) // how many more, the way in does not always say
	}
	data := rec.Data
	if rec.Problem != "" {
		return NoRecord, rec.Problem
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return Empty, "There is nothing in it."
	}
	r.env.Time, r.env.Host, r.env.Given = rec.Time, "", nil
	r.env.Zone = cmp.Or(r.b.Zone, r.set.Zone, rec.Zone)
	for _, f := range rec.Fields {
		if f.Name == event.Host {
			r.env.Host = f.Value
		}
	}
	if len(rec.Fields) > 0 {
		r.env.Given = make(map[string]string, len(rec.Fields))
		for _, f := range rec.Fields {
			r.env.Given[f.Name] = f.Value
		}
	}
	format := r.in.formats[name]
	if format == nil {
		return NoFormat, fmt.Sprintf("No parser is called %q.", name)
	}
	start := len(r.f.lines)
	r.out.Members.Forget()
	r.out = parser.Out{Line: r.f.lines[start:], Members: r.out.Members}
	broke, err := r.parse(format, data)
	switch {
	case broke:
		r.f.took.panics++
		return ParserFailed, fmt.Sprintf("The parser %s broke at it, which is a mistake of the program: %v", format.Name, err)
	case err != nil:
		return "not-" + format.Name, err.Error()
	}
	if len(rec.Fields)+len(rec.Sure) > 0 {
		r.out.Members.Forget()
	}
	if len(rec.Fields) > 0 {
		r.out.Line = addFields(r.out.Line, rec.Fields)
	}
	if len(rec.Sure) > 0 {
		r.out.Line = vouch(r.out.Line, rec.Sure)
	}
	return r.keep(rec, format, start)
}

// parse calls a parser, and catches what breaks in it.
func (r *reading) parse(format *parser.Format, data []byte) (broke bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.in.log.Error("a parser broke", "format", format.Name, "source", r.b.Source, "panic", p)
			broke, err = true, fmt.Errorf("%v", p)
		}
	}()
	return false, format.Parse(data, &r.env, &r.out)
}

// keep takes what a parser made as an event, or says why not.
func (r *reading) keep(rec *Record, format *parser.Format, start int) (reason, detail string) {
	line := r.out.Line
	if !utf8.Valid(rec.Data) && !bytes.HasPrefix(rec.Data, []byte("\xff\xfe")) && !bytes.HasPrefix(rec.Data, []byte("\xfe\xff")) {
		r.f.took.repaired++
		line = bytes.ToValidUTF8(line, []byte("\uFFFD"))
		r.out.Members.Forget()
	}
	if reason, detail = refuseLine(line, r.out.Members.Places); reason != "" {
		return reason, detail
	}
	e := event.Event{Time: r.out.Time, Seen: r.now, Source: r.b.Source, Format: cmp.Or(r.out.Format, format.Name), ID: cmp.Or(r.out.ID, rec.ID), Line: line}
	n := timed
	if e.Time.IsZero() {
		e.Time = rec.Time
	}
	if e.Time.IsZero() {
		e.Time, n = r.now, 0
	}
	if r.b.Past {
		n = 0
	}
	switch {
	case e.Time.Before(r.oldest):
		return TooOld, fmt.Sprintf("It happened at %s, before what is kept: events are kept from %s on.", e.Time.UTC().Format(time.RFC3339), r.oldest.UTC().Format(time.RFC3339))
	case e.Time.After(r.now.Add(logs.Future)):
		return TooNew, fmt.Sprintf("It says that it happened at %s, more than 2 days after it came at %s: the clock of the sender is wrong, or the field is no time.", e.Time.UTC().Format(time.RFC3339), r.now.UTC().Format(time.RFC3339))
	}
	if e.ID != "" {
		n |= named
		if len(e.ID) > maxID {
			sum := sha256.Sum256([]byte(e.ID))
			e.ID = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	if reason = r.in.fits.Refuses(&e, r.now); reason != "" {
		return reason, "The event engine cannot hold it: " + reason + "."
	}
	if cap(r.f.lines)-start >= len(line) {
		r.f.lines = r.f.lines[:start+len(line)]
		copy(r.f.lines[start:], line) // mostly where it lies already
	} else {
		r.f.lines = append(r.f.lines, line...)
	}
	e.Line = r.f.lines[start : start+len(line) : start+len(line)]
	e.Members = jsonline.Members{Places: r.kept(r.out.Members.Places, line), Plain: r.out.Members.Plain}
	r.f.events, r.f.notes = append(r.f.events, e), append(r.f.notes, n)
	return "", ""
}

// mostMembers is of how many members the places are kept.
const mostMembers = 256

// kept copies places; nil for none, and where they would take more memory than the
// line.
func (r *reading) kept(list []jsonline.Place, line []byte) []jsonline.Place {
	if len(list) == 0 || len(list) > mostMembers || len(list)*int(unsafe.Sizeof(list[0])) > len(line) {
		return nil
	}
	if cap(r.places)-len(r.places) < len(list) {
		r.places = r.in.spare.forPlaces(len(list) * (cap(r.f.events) - len(r.f.events)))
		r.f.places = append(r.f.places, r.places)
	}
	from := len(r.places)
	r.places = append(r.places, list...)
	return r.places[from:len(r.places):len(r.places)]
}

// refuseLine says why the engine could not hold an event. Members are where its members
// stand, when that is known.
func refuseLine(line []byte, members []jsonline.Place) (reason, detail string) {
	switch {
	case len(line) < 2 || line[0] != '{' || line[len(line)-1] != '}' || bytes.IndexByte(line, '\n') >= 0:
		return ParserFailed, "The parser did not make one JSON object on one line of it, which is a mistake of the program."
	case len(line) > MaxEvent:
		return TooLarge, fmt.Sprintf("With the fields that were read from it, it has %d bytes; an event may have %d.", len(line), MaxEvent)
	}
	if n := len(members); n > 0 && n <= MaxFields && !slices.ContainsFunc(members, func(p jsonline.Place) bool { c := p.Value(line)[0]; return c == '{' || c == '[' }) {
		return "", ""
	}
	many := len(line)/4 > MaxFields && bytes.Count(line, []byte{':'}) > MaxFields
	deep := bytes.Count(line, []byte{'{'})+bytes.Count(line, []byte{'['}) > MaxDepth
	if !many && !deep {
		return "", ""
	}
	fields, depth := measure(line)
	switch {
	case fields > MaxFields:
		return TooManyFields, fmt.Sprintf("It has %d fields; an event may have %d.", fields, MaxFields)
	case depth > MaxDepth:
		return TooDeep, fmt.Sprintf("It is nested %d deep; an event may be %d.", depth, MaxDepth)
	}
	return "", ""
}

// measure counts the members of all objects of a JSON text, and how deep they
// are nested.
func measure(line []byte) (fields, depth int) {
	at := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			for i++; i < len(line) && line[i] != '"'; i++ {
				if line[i] == '\\' {
					i++
				}
			}
		case ':':
			fields++
		case '{', '[':
			at++
			depth = max(depth, at)
		case '}', ']':
			at--
		}
	}
	return fields, depth
}

var parsers fastjson.ParserPool

// addFields adds to an object what it does not have, under its dotted name or as
// objects in objects.
func addFields(line []byte, fields []Field) []byte {
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(line)
	if err != nil {
		return line // refuseLine or the engine says what is wrong with it
	}
	for _, f := range fields {
		if f.Value == "" || v.Exists(f.Name) || v.Exists(strings.Split(f.Name, ".")...) || len(line) == 0 {
			continue
		}
		line = bytes.TrimRight(line, " ")
		line = line[:len(line)-1]
		if line[len(line)-1] != '{' {
			line = append(line, ',')
		}
		line = parser.AppendString(append(parser.AppendString(line, f.Name), ':'), f.Value)
		line = append(line, '}')
	}
	return line
}

// vouch gives an object fields that it cannot contradict.
func vouch(line []byte, fields []Field) []byte {
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(line)
	if err != nil || v.Type() != fastjson.TypeObject {
		return line // refuseLine or the engine says what is wrong with it
	}
	claims := false
	for _, f := range fields {
		for _, path := range [][]string{{f.Name}, strings.Split(f.Name, ".")} {
			for claim := v.Get(path...); claim != nil; claim = v.Get(path...) { // a name may stand there twice
				claims = true
				v.Set(f.Name+".claimed", claim)
				v.Get(path[:len(path)-1]...).Del(path[len(path)-1])
			}
		}
	}
	if claims {
		line = v.MarshalTo(nil)
	}
	return addFields(line, fields)
}
