package eventfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
)

// jsonFile reads the events of a file of JSON.
type jsonFile struct {
	in    *bufio.Reader
	event func(Event) error
	bad   func(Problem)
	line  int    // of what is read next
	long  []byte // a line that is longer than the buffer of in
}

func readJSON(in *bufio.Reader, event func(Event) error, bad func(Problem)) error {
	f := &jsonFile{in: in, event: event, bad: bad, line: 1}
	for {
		head, err := in.Peek(1)
		if len(head) == 0 {
			return end(err)
		}
		if array, skip := f.array(); array {
			if err := f.values(nil, skip); err != nil {
				return err
			}
			continue
		}
		line, whole, err := f.next()
		if err != nil && err != io.EOF {
			return err
		}
		f.line++
		text := bytes.TrimSpace(line)
		switch {
		case !whole:
			bad(Problem{f.line - 1, "the line is longer than " + strconv.Itoa(MaxEvent>>20) + " MiB"})
		case len(text) == 0:
		case text[0] == '{' && (text[len(text)-1] != '}' || severalIn(text)):
			if err := f.values(line, 0); err != nil {
				return err
			}
		case text[0] != '{':
			bad(Problem{f.line - 1, "it is no JSON object"})
		default:
			if err := f.give(Event{f.line - 1, text}); err != nil {
				return err
			}
		}
	}
}

// severalIn reports whether objects may follow each other on a line, as Amazon's
// Firehose writes them. What stands between them may also stand in a text.
func severalIn(line []byte) bool {
	return bytes.Contains(line, []byte("}{")) || bytes.Contains(line, []byte("} {"))
}

// end is nil at the end of a file.
func end(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// records is what stands before the events of a file of CloudTrail.
var records = regexp.MustCompile(`^\s*\{\s*"Records"\s*:\s*\[`)

// array reports whether an array of events begins with the line, and how many
// bytes of an object around it.
func (f *jsonFile) array() (bool, int) {
	head, _ := f.in.Peek(256)
	if at := records.FindIndex(head); at != nil {
		return true, at[1] - 1
	}
	head = bytes.TrimLeft(head, " \t")
	return len(head) > 0 && head[0] == '[', 0
}

// give hands on an event.
func (f *jsonFile) give(e Event) error {
	if flat := flattened(e.JSON); flat != nil {
		e.JSON = flat
	}
	return f.event(e)
}

// next reads a line, whole unless it is too long. The error is io.EOF after the
// last.
func (f *jsonFile) next() (line []byte, whole bool, err error) {
	line, err = f.in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, true, err
	}
	f.long, whole = append(f.long[:0], line...), true
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = f.in.ReadSlice('\n')
		if whole = whole && len(f.long)+len(line) <= MaxEvent; whole {
			f.long = append(f.long, line...)
		}
	}
	if !whole {
		return nil, false, err
	}
	return f.long, true, err
}

// values reads objects that stand on several lines, or in an array, from a line
// on until all that was opened is closed and the line ends. Of an object around
// an array so many bytes are left out, and all that follows the array.
func (f *jsonFile) values(line []byte, around int) error {
	s := splitter{file: f, line: f.line - 1, wrapped: around > 0, fresh: line != nil}
	if line == nil {
		head, _ := f.in.Peek(around)
		f.line += bytes.Count(head, []byte("\n"))
		s.line = f.line
		if _, err := f.in.Discard(around); err != nil {
			return err
		}
	} else {
		if err := s.feed(line); err != nil {
			return err
		}
		s.line = f.line
	}
	for begun := line != nil; !begun || !s.idle() || !s.fresh; begun = true {
		part, err := f.in.ReadSlice('\n')
		if s.fresh && s.unclosed(part) {
			if err := s.abandon("the object is not closed before the next begins"); err != nil {
				return err
			}
		}
		if err := s.feed(part); err != nil {
			return err
		}
		if s.fresh = err == nil; s.fresh {
			f.line++
			s.line = f.line
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if !s.idle() && err == io.EOF {
				if err := s.abandon("the file ends within it"); err != nil {
					return err
				}
			}
			return end(err)
		}
	}
	return nil
}

// splitter cuts objects out of JSON text without looking into them.
type splitter struct {
	file *jsonFile
	line int

	fresh   bool   // a line ended with what was fed last
	wrapped bool   // an object stands around the array: what follows it is left
	array   bool   // within the array that holds the objects
	depth   int    // of braces and brackets within an object
	open    []byte // those braces and brackets, the outermost first
	last    byte   // that stood outside of texts and is no space
	quoted  bool
	escaped bool
	other   int // within a value of the array that is no object: 1, and the brackets in it
	object  []byte
	from    int // the line the object begins in
	large   bool
}

func (s *splitter) idle() bool { return s.depth == 0 && !s.array }

// drop gives up an array, or what stands where an object should.
func (s *splitter) drop(why string) {
	s.file.bad(Problem{s.line, why})
	s.array = false
}

// mostOpen is how many of the braces and brackets within an object are known. No
// event may be nested as deep.
const mostOpen = 1 << 10

// unclosed reports whether the object that was begun cannot go on with a line: the
// line begins an object where none may stand. Without it, a line that was cut off
// would take all that follow with it.
func (s *splitter) unclosed(line []byte) bool {
	if s.depth == 0 || len(line) == 0 || line[0] != '{' {
		return false
	}
	if s.quoted {
		return true
	}
	inList := len(s.open) < s.depth || s.open[len(s.open)-1] == '['
	return s.last != ':' && s.last != '[' && !(s.last == ',' && inList)
}

// abandon gives up the object that was begun. Lines of it that are objects of
// their own are events: they only followed one that was cut off.
func (s *splitter) abandon(why string) error {
	at, text, unclosed := s.from, s.object, s.depth > 0
	if !unclosed { // it is the array that has no end
		at, text = s.line, nil
	}
	s.depth, s.open, s.quoted, s.escaped, s.other, s.object, s.large = 0, s.open[:0], false, false, 0, nil, false
	s.file.bad(Problem{at, why})
	_, text, _ = bytes.Cut(text, []byte("\n"))
	for line := range bytes.Lines(text) {
		at++
		line = bytes.TrimRight(line, ", \t\r\n")
		if len(line) > 0 && line[0] == '{' && json.Valid(line) {
			if err := s.file.give(Event{at, line}); err != nil {
				return err
			}
		}
	}
	return nil
}

// feed takes one line.
func (s *splitter) feed(line []byte) error {
	begun := 0                                                     // of the object in the line
	if s.fresh && s.other > 0 && len(line) > 0 && line[0] == '{' { // what was passed over has no end
		s.other, s.quoted, s.escaped = 0, false, false
	}
	for i, c := range line {
		if s.depth == 0 {
			if s.other > 0 && s.passes(c) {
				continue
			}
			if s.between(c, line[i:]) {
				return nil
			}
			begun = i
			continue
		}
		if s.within(c); s.depth > 0 {
			continue
		}
		s.keep(line[begun : i+1])
		if err := s.end(); err != nil {
			return err
		}
	}
	if s.depth > 0 {
		s.keep(line[begun:])
	}
	return nil
}

// between takes what stands between objects, with the rest of its line, and reports
// whether that is left.
func (s *splitter) between(c byte, rest []byte) bool {
	switch c {
	case '{':
		s.depth, s.from, s.object = 1, s.line, s.object[:0]
		s.open, s.last = append(s.open[:0], c), c
	case '[':
		if s.array {
			s.pass(c, "an array holds no objects but another array")
			return false
		}
		s.array = true
	case ']':
		s.array = false
		return s.wrapped
	case ',', ' ', '\t', '\r', '\n':
	default:
		if s.array && scalar.Match(rest) {
			s.pass(c, "it is no JSON object")
			return false
		}
		s.drop("it is no JSON object")
		return true
	}
	return false
}

// scalar is how a text, a number, true, false and null begin.
var scalar = regexp.MustCompile(`^("|-?[0-9]|true\b|false\b|null\b)`)

// pass begins to pass over a value of the array that is no object.
func (s *splitter) pass(c byte, why string) {
	s.file.bad(Problem{s.line, why})
	s.other = 1
	s.passes(c)
}

// passes reports whether a byte still belongs to the value that is passed over. A
// text ends with its line, so that one that is not closed takes no more with it.
func (s *splitter) passes(c byte) bool {
	switch {
	case s.quoted && c != '\n':
		s.escaped, s.quoted = !s.escaped && c == '\\', c != '"' || s.escaped
	case c == '"':
		s.quoted = true
	case c == '{', c == '[':
		s.other++
	case s.other > 1:
		s.quoted, s.escaped = false, false
		if c == '}' || c == ']' {
			s.other--
		}
	case bytes.IndexByte([]byte(",] \t\r\n"), c) >= 0:
		s.quoted, s.escaped, s.other = false, false, 0
	}
	return s.other > 0
}

func (s *splitter) within(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
		return
	case s.quoted:
		s.escaped, s.quoted = c == '\\', c != '"'
		return
	}
	switch c {
	case ' ', '\t', '\r', '\n':
		return
	case '"':
		s.quoted = true
	case '{', '[':
		if s.depth++; s.depth <= mostOpen {
			s.open = append(s.open, c)
		}
	case '}', ']':
		if s.depth--; s.depth < len(s.open) {
			s.open = s.open[:s.depth]
		}
	}
	s.last = c
}

func (s *splitter) keep(part []byte) {
	if s.large = s.large || len(s.object)+len(part) > MaxEvent; !s.large {
		s.object = append(s.object, part...)
	}
}

func (s *splitter) end() error {
	if s.large {
		s.large = false
		s.file.bad(Problem{s.from, "the object is larger than " + strconv.Itoa(MaxEvent>>20) + " MiB"})
		return nil
	}
	return s.file.give(Event{s.from, s.object})
}
