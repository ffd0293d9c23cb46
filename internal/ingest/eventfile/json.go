package eventfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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
		line, whole, err := f.next()
		if err != nil && err != io.EOF {
			return err
		}
		at := f.line
		f.line++
		text := bytes.TrimSpace(line)
		switch {
		case !whole:
			bad(Problem{at, "the line is longer than " + strconv.Itoa(MaxEvent>>20) + " MiB"})
		case len(text) == 0:
		case text[0] == '[', text[0] == '{' && text[len(text)-1] != '}':
			if err := f.values(line, at, err == io.EOF); err != nil {
				return err
			}
		case text[0] != '{':
			bad(Problem{at, "it is no JSON object"})
		default:
			if err := f.give(Event{at, text}); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
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
// on until all that was opened is closed and the line ends.
func (f *jsonFile) values(line []byte, at int, last bool) error {
	s := splitter{file: f, line: at}
	for {
		if err := s.feed(line); err != nil {
			return err
		}
		if last || s.idle() {
			break
		}
		next, whole, err := f.next()
		if err != nil && err != io.EOF {
			return err
		}
		s.line = f.line
		f.line++
		if !whole {
			s.drop("the line is longer than " + strconv.Itoa(MaxEvent>>20) + " MiB")
		}
		line, last = next, err == io.EOF
	}
	if !s.idle() {
		s.drop("the file ends within it")
	}
	return nil
}

// splitter cuts objects out of JSON text without looking into them.
type splitter struct {
	file *jsonFile
	line int

	array   bool // within the array that holds the objects
	depth   int  // of braces and brackets within an object
	quoted  bool
	escaped bool
	object  []byte
	from    int // the line the object begins in
	large   bool
}

func (s *splitter) idle() bool { return s.depth == 0 && !s.array }

// drop gives up what was begun.
func (s *splitter) drop(why string) {
	at := s.from
	if s.depth == 0 {
		at = s.line
	}
	s.file.bad(Problem{at, why})
	s.array, s.depth, s.quoted, s.escaped, s.object, s.large = false, 0, false, false, s.object[:0], false
}

// feed takes one line.
func (s *splitter) feed(line []byte) error {
	begun := 0 // of the object in the line
	for i, c := range line {
		if s.depth == 0 {
			if s.between(c) {
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

// between takes what stands between objects, and reports whether the rest of the
// line is left.
func (s *splitter) between(c byte) bool {
	switch c {
	case '{':
		s.depth, s.from, s.object = 1, s.line, s.object[:0]
	case '[':
		if s.array {
			s.drop("an array holds no objects but another array")
			return true
		}
		s.array = true
	case ']':
		s.array = false
	case ',', ' ', '\t', '\r', '\n':
	default:
		s.drop("it is no JSON object")
		return true
	}
	return false
}

func (s *splitter) within(c byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case s.quoted:
		s.escaped, s.quoted = c == '\\', c != '"'
	case c == '"':
		s.quoted = true
	case c == '{', c == '[':
		s.depth++
	case c == '}', c == ']':
		s.depth--
	}
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
