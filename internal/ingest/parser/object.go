package parser

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"unsafe"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// Reader reads one JSON object where it stands, and appends names to it.
type Reader struct {
	Env *Env
	Out *Out

	data    []byte // the object, clean, without space around it
	from    int    // where it begins in the line
	members []member
	plain   bool       // see jsonline.Members
	came    int        // how many members came; what was added follows
	heads   [256]int32 // by hash of the key: 1 + the first member
	keys    []byte     // keys that had escapes
	clean   []byte
	text    []byte

	adding string // the member that is added
	key    int    // where its name begins in the line
}

type member struct {
	key, value []byte
	next       int32 // 1 + another of the same hash
}

var readers = sync.Pool{New: func() any { return new(Reader) }}

// mostKept is how much memory a reader keeps for the next object.
const mostKept = 1 << 20

// JSON is the format of JSON objects that known reports, whose names add adds.
// Another object that is said to be one is read as "json".
func JSON(f Format, known func(r *Reader) bool, add func(r *Reader)) Format {
	f.known, f.add = known, add
	f.Parse = func(data []byte, env *Env, out *Out) error {
		return read(data, env, out, func(r *Reader) {
			if f.known(r) {
				f.add(r)
				return
			}
			usual(r)
			out.Format = jsonName
		})
	}
	f.Is = func(data []byte, env *Env) bool {
		var out Out
		is := false
		err := read(data, env, &out, func(r *Reader) { is = f.known(r) })
		return err == nil && is
	}
	return f
}

// OrLines is a format of JSON objects that reads lines of text, too.
func (f Format) OrLines(parse func(line []byte, env *Env, out *Out) error, is func(line []byte, env *Env) bool) Format {
	object, isObject := f.Parse, f.Is
	f.lines = true
	f.Parse = func(data []byte, env *Env, out *Out) error {
		if braced(data) {
			return object(data, env, out)
		}
		return parse(Trimmed(data), env, out)
	}
	f.Is = func(data []byte, env *Env) bool {
		if braced(data) {
			return isObject(data, env)
		}
		return is(Trimmed(data), env)
	}
	return f
}

// braced reports whether a record begins as an object does.
func braced(data []byte) bool {
	head := bytes.TrimLeft(Decoded(data), " \t\r\n")
	return len(head) > 0 && head[0] == '{'
}

// read reads an object, lets add append to it, and puts the whole into out.
func read(data []byte, env *Env, out *Out, add func(r *Reader)) error {
	r := readers.Get().(*Reader)
	defer r.free()
	r.Env, r.Out = env, out
	places := len(out.Members.Places)
	if err := r.open(data); err != nil {
		out.Members.Places = out.Members.Places[:places]
		return err
	}
	r.from = len(out.Line)
	out.Line = append(out.Line, r.data[:len(r.data)-1]...)
	added := len(out.Line)
	add(r)
	for _, name := range []string{event.FieldID, "_id"} { // what a sender calls an event of any format
		if out.ID == "" {
			r.ID(name)
		}
	}
	if r.plain {
		_, r.plain = look(out.Line[added:])
	}
	out.Members.Plain = r.plain
	out.Line = append(out.Line, '}')
	return nil
}

func (r *Reader) free() {
	clear(r.members)
	r.Env, r.Out, r.data = nil, nil, nil
	r.members, r.keys, r.text = r.members[:0], r.keys[:0], r.text[:0]
	if cap(r.clean)+cap(r.keys)+cap(r.text)+64*cap(r.members) <= mostKept {
		readers.Put(r)
	}
}

func (r *Reader) open(data []byte) error {
	data = bytes.TrimSpace(Decoded(data))
	clean, plain := look(data)
	if !clean {
		r.clean = cleanJSON(r.clean[:0], data)
		data = r.clean
		_, plain = look(data)
	}
	r.data = data
	clear(r.heads[:])
	c, err := jsonline.Open(r.data)
	if err != nil {
		return err
	}
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		r.Out.Members.Places = append(r.Out.Members.Places, c.Place(v))
		if jsonline.Escaped(key) {
			from := len(r.keys)
			r.keys = jsonline.Unescape(r.keys, key)
			key = r.keys[from:]
		}
		r.enter(key, v)
	}
	r.came = len(r.members)
	r.plain = plain && len(r.keys) == 0
	return c.Err()
}

func (r *Reader) enter(key, v []byte) {
	h := hash(key)
	r.members = append(r.members, member{key, v, r.heads[h]})
	r.heads[h] = int32(len(r.members))
}

// Each calls f with each member that came.
func (r *Reader) Each(f func(key, v []byte)) {
	for i := range r.came {
		f(r.members[i].key, r.members[i].value)
	}
}

func hash[T ~string | ~[]byte](key T) uint8 {
	n := len(key)
	if n == 0 {
		return 0
	}
	return uint8(n)*31 ^ key[0] ^ key[n-1]*7 ^ key[n/2]*13
}

// Get is the value of a field as it is written, nil when there is none: a member
// of that name, or what a path with dots leads to. Of several of one name it is
// the last. What was added is there too.
func (r *Reader) Get(name string) []byte {
	if v := r.member(name); v != nil {
		return v
	}
	for i := strings.IndexByte(name, '.'); i >= 0; {
		if v := r.member(name[:i]); v != nil {
			if v = Within(v, name[i+1:]); v != nil {
				return v
			}
		}
		next := strings.IndexByte(name[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return nil
}

func (r *Reader) member(name string) []byte {
	for i := r.heads[hash(name)]; i > 0; i = r.members[i-1].next {
		if m := &r.members[i-1]; string(m.key) == name {
			return m.value
		}
	}
	return nil
}

// Within is the value that a path leads to in an object, nil when there is none.
func Within(object []byte, path string) []byte {
	if len(object) == 0 || object[0] != '{' {
		return nil
	}
	c := jsonline.Within(object)
	for key, v, ok := c.Next(); ok; key, v, ok = c.Next() {
		if len(key) > len(path) || string(key) != path[:len(key)] {
			continue
		}
		if len(key) == len(path) {
			return v
		}
		if path[len(key)] == '.' {
			if v = Within(v, path[len(key)+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// Text is the text of a field that is a string, or a number or a truth value as
// it is written; nil for everything else. It is good until the object is done.
func (r *Reader) Text(name string) []byte { return r.TextOf(r.Get(name)) }

// TextOf is Text of a value that was got.
func (r *Reader) TextOf(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	switch v[0] {
	case '"':
		v = v[1 : len(v)-1]
		if bytes.IndexByte(v, '\\') < 0 {
			return v
		}
		from := len(r.text)
		r.text = jsonline.Unescape(r.text, v)
		return r.text[from:len(r.text):len(r.text)]
	case '{', '[', 'n':
		return nil
	}
	return v
}

// First is the text of the first of the fields that has one that is not empty.
func (r *Reader) First(names ...string) []byte {
	for _, name := range names {
		if text := r.Text(name); len(text) > 0 {
			return text
		}
	}
	return nil
}

// FirstLine is First up to where its first line ends. What is after it, of which
// there may be much, is not looked at.
func (r *Reader) FirstLine(names ...string) []byte {
	for _, name := range names {
		v := r.Get(name)
		if len(v) == len(`""`) && v[0] == '"' {
			continue
		}
		text := r.TextOf(firstLine(v))
		if text == nil {
			continue
		}
		if end := bytes.IndexAny(text, "\r\n"); end >= 0 {
			text = text[:end]
		}
		return text
	}
	return nil
}

// firstLine is a string that is written as JSON, up to an escape that ends a line:
// there, its backslash stands in the place of the quote.
func firstLine(v []byte) []byte {
	if len(v) == 0 || v[0] != '"' {
		return v
	}
	for i := 1; ; i += 2 {
		at := bytes.IndexByte(v[i:], '\\')
		if at < 0 {
			return v
		}
		i += at
		if v[i+1] == 'n' || v[i+1] == 'r' {
			return v[:i+1]
		}
	}
}

// Is reports whether the text of a field is this one.
func (r *Reader) Is(name, text string) bool { return string(r.Text(name)) == text }

// Add adds a field with a text, unless the object has it or the text is empty.
func (r *Reader) Add(name string, text []byte) { r.AddText(name, String(text)) }

// AddText is Add of a string.
func (r *Reader) AddText(name, text string) {
	if text == "" || r.Get(name) != nil {
		return
	}
	r.begin(name)
	r.end(AppendString(r.Out.Line, text))
}

// Copy adds a field with the value of the first of others that says something,
// as it is written.
func (r *Reader) Copy(name string, from ...string) {
	for _, other := range from {
		if v := r.Get(other); Says(v) {
			r.Put(name, v)
			return
		}
	}
}

// Says reports whether a value is one: no null, no empty text, no object, not
// what logs write for nothing.
func Says(v []byte) bool {
	switch {
	case len(v) == 0 || v[0] == 'n' || v[0] == '{':
		return false
	case v[0] == '"':
		return len(v) > 2 && !(len(v) == 3 && v[1] == '-')
	}
	return true
}

// Put adds a field with a value that is JSON, unless the object has it.
func (r *Reader) Put(name string, value []byte) {
	if len(value) == 0 || r.Get(name) != nil {
		return
	}
	r.begin(name)
	r.end(append(r.Out.Line, value...))
}

// begin writes the name of a member, and end takes the line with its value.
func (r *Reader) begin(name string) {
	if len(r.members) > 0 {
		r.Out.Line = append(r.Out.Line, ',')
	}
	r.adding, r.key = name, len(r.Out.Line)+1
	r.Out.Line = append(AppendString(r.Out.Line, name), ':')
	r.plain = r.plain && len(r.Out.Line) == r.key+len(name)+len(`":`)
}

func (r *Reader) end(line []byte) {
	value := len(r.Out.Line)
	r.Out.Line = line
	r.Out.Members.Places = append(r.Out.Members.Places, jsonline.PlaceOf(r.key-r.from, value-len(`":`)-r.from, value-r.from, len(line)-r.from))
	r.enter(key(r.adding), line[value:])
}

// key is a name as the key of a member.
func key(name string) []byte { return unsafe.Slice(unsafe.StringData(name), len(name)) }

// Path adds the path and the query of a field that holds both, as /a?b.
func (r *Reader) Path(name string) {
	path, query, _ := strings.Cut(r.Str(name), "?")
	r.AddText("url.path", path)
	r.AddText("url.query", query)
}

// Time sets the time of the event from the first of the fields that holds one;
// without names, from the usual ones.
func (r *Reader) Time(names ...string) {
	if len(names) == 0 {
		names = event.TimeFields
	}
	for _, name := range names {
		if text := r.Text(name); len(text) > 0 {
			if t, ok := event.ParseTime(String(text), event.ZoneOf(name, r.Env.Zone)); ok {
				r.Out.Time = t
				return
			}
		}
	}
}

// Host sets the host of the event from the first of the fields that has it, and
// adds host.name.
func (r *Reader) Host(names ...string) {
	if host := r.Text(event.Host); len(host) > 0 {
		r.Out.Host = intern(host)
		return
	}
	if host := r.First(names...); len(host) > 0 && string(host) != "-" {
		r.Add(event.Host, host)
		r.Out.Host = intern(host)
	}
}

// ID sets what the event calls itself.
func (r *Reader) ID(name string) {
	if id := r.Text(name); len(id) > 0 {
		r.Out.ID = string(id)
	}
}

// Outcome adds what became of the deed.
func (r *Reader) Outcome(ok bool) {
	if ok {
		r.AddText(event.Outcome, "success")
	} else {
		r.AddText(event.Outcome, "failure")
	}
}

// From adds where something came from: source.ip, or source.domain when that is
// a name.
func (r *Reader) From(address []byte) {
	switch text := String(address); {
	case text == "" || text == "-" || strings.IndexByte(text, ' ') >= 0:
	case isIP(text):
		r.Add(event.SourceIP, address)
	default:
		r.Add("source.domain", address)
	}
}

// Say adds a message of the parts that are not empty, with a space between.
func (r *Reader) Say(parts ...string) {
	from := len(r.text)
	for _, part := range parts {
		if part == "" {
			continue
		}
		if len(r.text) > from {
			r.text = append(r.text, ' ')
		}
		r.text = append(r.text, part...)
	}
	r.Add(event.Message, r.text[from:])
}

// Str is the text of a field as a string, good until the object is done.
func (r *Reader) Str(name string) string { return String(r.Text(name)) }

// Element is the text of the first value of a list, or that of a value that is
// no list.
func (r *Reader) Element(name string) []byte {
	v := r.Get(name)
	if len(v) > 0 && v[0] == '[' {
		c := jsonline.Within(v)
		v, _ = c.Element()
	}
	return r.TextOf(v)
}

// interned are hosts that were seen, so that a name costs memory once.
var interned = struct {
	sync.RWMutex
	names map[string]string
}{names: map[string]string{}}

const mostInterned = 10_000

func intern[T ~string | ~[]byte](b T) string {
	interned.RLock()
	s, ok := interned.names[string(b)]
	interned.RUnlock()
	if ok {
		return s
	}
	s = strings.Clone(string(b)) // b may share the memory of a record
	if len(s) < 256 {
		interned.Lock()
		if len(interned.names) >= mostInterned {
			clear(interned.names)
		}
		interned.names[s] = s
		interned.Unlock()
	}
	return s
}

// errEmpty is what is said of a record with nothing in it.
var errEmpty = errors.New("the record is empty")

// String is a text that shares the memory of b: for what only reads it, and does
// not keep it.
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
