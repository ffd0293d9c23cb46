package listen

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// How files are followed.
const (
	lookAgain  = 200 * time.Millisecond // whether files have grown
	findAgain  = time.Second            // which files there are
	saveAgain  = time.Second
	linger     = time.Minute         // how long a file that was renamed or removed is read on after it grew last
	forgetting = 14 * 24 * time.Hour // how long a file that is gone is remembered
	mostMarks  = 20_000
	headBytes  = 1024 // of the first line, that tell files apart
	tailBytes  = 64   // before the offset, that tell whether a file is what it was
	turns      = 8    // batches of one file before the next has its turn
)

// Names of fields of ECS.
const (
	FieldFile   = "log.file.path"
	FieldOffset = "log.offset"
)

// files follows the files that a pattern names, through rotation and truncation.
//
// A file is known by its number on the disk and by its first line, so that a
// renamed one is followed on, and one that was emptied, or whose number was given
// to another, begins anew. A copy or a packed copy of a file that is known is read
// from where that one was left. The id of a line is the key of its file, its
// offset and a sum of it.
type files struct {
	*collector
	fromEnd bool
	memory  fileMemory
	open    []*followed
	buf     []byte
	host    string
	unsaved bool
	saved   time.Time
	found   time.Time
	first   bool // nothing is remembered: it never ran
	linger  time.Duration
}

// fileMemory is what is remembered of files.
type fileMemory struct {
	// Emptied counts the files that began anew with the same first line; it makes
	// their keys differ.
	Emptied uint64  `json:"emptied,omitempty"`
	Files   []*mark `json:"files"`
}

// mark is how far a file was read.
type mark struct {
	Key    string    `json:"key"` // what ids of its lines begin with
	Path   string    `json:"path"`
	Inode  uint64    `json:"inode,omitempty"`
	Head   string    `json:"head"` // hash of the first line
	Offset int64     `json:"offset"`
	Tail   string    `json:"tail,omitempty"`   // hash of the bytes before the offset
	Within bool      `json:"within,omitempty"` // the offset is within a line, the rest of which is skipped
	Packed int64     `json:"packed,omitempty"` // size of a packed file that was read to its end
	Seen   time.Time `json:"seen"`
}

// followed is a file that is open.
type followed struct {
	*mark   // nil until the first line is there
	f       *os.File
	info    fs.FileInfo
	path    string
	named   bool // the pattern leads to it
	size    int64
	written time.Time   // by its own word
	grown   time.Time   // by our clock
	packed  *packedFile // nil: it is plain
	old     bool        // it was there when nothing had been read yet, and only what is new is wanted
	stray   bool        // the pattern never led to it: it is the rest of one that is known, or nothing
}

func filePlace(s *Spec) error {
	s.Place = strings.TrimPrefix(s.Place, "//")
	if s.Place == "" {
		return s.wrong("it names no file").WithHint("write it as %s", s.kind.example)
	}
	if _, err := filepath.Match(s.Place, ""); err != nil {
		return s.wrong("its pattern is wrong: %v", err).WithHint("* and ? stand for parts of a name, [a-z] for a character; write %%3F for the question mark of a pattern")
	}
	path := strings.ReplaceAll(s.Place, "%3F", "?")
	abs, err := filepath.Abs(path)
	if err != nil {
		return s.wrong("%v", err).WithHint("give the whole path")
	}
	s.Place = abs
	if from := s.Params.Get("from"); from != "" && from != "start" && from != "end" {
		return s.wrong("from=%s is not known", from).WithHint("from=start reads what is there already, from=end what is written from now on")
	}
	return nil
}

func openFiles(c *collector) (worker, error) {
	w := &files{collector: c, fromEnd: c.Params.Get("from") == "end", linger: linger}
	if err := c.recall(&w.memory); err != nil {
		return nil, err
	}
	w.first = w.memory.Files == nil
	w.unsaved = w.first
	w.host, _ = os.Hostname()
	return w, nil
}

func (w *files) close() {
	for _, fo := range w.open {
		fo.f.Close()
	}
	w.state.open(-len(w.open))
	w.open = nil
}

func (w *files) run(ctx context.Context) error {
	defer w.close()
	w.buf = make([]byte, maxMessage+64<<10)
	w.runs(w.Place)
	if err := w.find(); err != nil {
		return err
	}
	w.first, w.found = false, time.Now()
	for begun := false; ctx.Err() == nil; {
		if time.Since(w.found) >= findAgain {
			w.found = time.Now()
			if err := w.find(); err != nil {
				return err
			}
		}
		more := false
		for _, fo := range slices.Clone(w.open) {
			again, err := w.advance(ctx, fo)
			if err != nil {
				return errors.Join(err, w.save())
			}
			more = more || again
		}
		if !begun { // the files of today are known now, whatever number they got
			w.remains()
			begun, more = true, true
		}
		if w.unsaved && time.Since(w.saved) >= saveAgain {
			if err := w.save(); err != nil {
				return err
			}
		}
		if !more && !sleep(ctx, lookAgain) {
			break
		}
	}
	return w.save()
}

// save remembers how far files were read, and forgets those that are long gone.
func (w *files) save() error {
	if !w.unsaved {
		return nil
	}
	now := time.Now()
	for _, fo := range w.open {
		if fo.mark != nil {
			fo.Seen = now
		}
	}
	w.memory.Files = slices.DeleteFunc(w.memory.Files, func(m *mark) bool { return now.Sub(m.Seen) > forgetting })
	if extra := len(w.memory.Files) - mostMarks; extra > 0 {
		slices.SortFunc(w.memory.Files, func(a, b *mark) int { return a.Seen.Compare(b.Seen) })
		w.memory.Files = slices.Clone(w.memory.Files[extra:])
	}
	if w.memory.Files == nil {
		w.memory.Files = []*mark{}
	}
	if err := w.remember(&w.memory); err != nil {
		return err
	}
	w.unsaved, w.saved = false, now
	return nil
}

// find opens files that are new under the pattern, and notes which of the open ones
// it still leads to.
func (w *files) find() error {
	paths, err := filepath.Glob(w.Place)
	if err != nil {
		return err
	}
	for _, fo := range w.open {
		fo.named = false
	}
	var failed error
	for _, path := range paths {
		if err := w.meet(path, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	switch {
	case failed != nil:
		w.problem(Failing, failed)
	case len(paths) == 0:
		w.problem(Waiting, fmt.Errorf("there is no file at %s yet", w.Place))
	default:
		w.runs(w.Place)
	}
	return nil
}

// meet opens the file at a path unless it is open already.
func (w *files) meet(path string, named bool) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	for _, fo := range w.open {
		if os.SameFile(fo.info, info) {
			fo.named, fo.path = fo.named || named, path
			if fo.mark != nil && fo.Path != path {
				fo.Path, w.unsaved = path, true
			}
			return nil
		}
	}
	if isPacked(path) {
		return w.meetPacked(path, info, named)
	}
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return err
	}
	w.follow(&followed{f: f, info: info, path: path, named: named, size: -1, grown: time.Now(), old: w.fromEnd && w.first, stray: !named})
	return nil
}

// openRegular opens a file with content of its own. What has none, as a pipe that was
// put in its place, is an error and holds nobody up.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (w *files) follow(fo *followed) {
	w.open = append(w.open, fo)
	w.state.open(1)
}

func (w *files) leave(fo *followed) {
	fo.f.Close()
	w.open = slices.DeleteFunc(w.open, func(o *followed) bool { return o == fo })
	w.state.open(-1)
}

// remains opens, at the start, what the pattern no longer leads to: files that
// were renamed, or packed, while nothing was read.
func (w *files) remains() {
	for _, m := range slices.Clone(w.memory.Files) {
		if m.Packed > 0 || slices.ContainsFunc(w.open, func(fo *followed) bool { return fo.mark == m }) {
			continue
		}
		dir := filepath.Dir(m.Path)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if stem(path) != stem(m.Path) {
				continue
			}
			info, err := e.Info()
			if err != nil {
				continue
			}
			if isPacked(path) && info.ModTime().After(m.Seen.Add(-time.Minute)) || m.Inode != 0 && inodeOf(info) == m.Inode {
				_ = w.meet(path, false) // what cannot be read now is told of when it is named
			}
		}
	}
}

// rotated is what rotation adds to a name.
var rotated = regexp.MustCompile(`(?:\.(?:gz|zst|bz2)|[.-]\d{1,14}(?:[T_-]\d{2,6})*)$`)

// stem is a path without what rotation added: that of auth.log.2.gz is auth.log.
func stem(path string) string {
	for {
		shorter := rotated.ReplaceAllString(path, "")
		if shorter == path || filepath.Base(shorter) == "" {
			return path
		}
		path = shorter
	}
}

// hash is a short name of bytes.
func hash(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// headOf is the beginning of a file by which it is known: its first line, or as
// much of it as headBytes. It is not known before it is there.
func headOf(beginning []byte) (head []byte, ok bool) {
	if n := bytes.IndexByte(beginning, '\n'); n >= 0 {
		return beginning[:n+1], true
	}
	return beginning, len(beginning) >= headBytes
}

// tailAt hashes the bytes before an offset.
func tailAt(f io.ReaderAt, offset int64) (string, error) {
	n := min(offset, tailBytes)
	b := make([]byte, n)
	if _, err := f.ReadAt(b, offset-n); err != nil && n > 0 {
		return "", err
	}
	return hash(b), nil
}

// holds reports whether a file goes on what a mark has read.
func (m *mark) holds(f io.ReaderAt, size int64) bool {
	if m.Offset == 0 {
		return true
	}
	if size < m.Offset {
		return false
	}
	tail, err := tailAt(f, m.Offset)
	return err == nil && tail == m.Tail
}

// identify finds the mark of a file, or makes one; nil while its first line is not
// whole.
func (w *files) identify(fo *followed, size int64) (*mark, error) {
	b := make([]byte, headBytes)
	n, err := fo.f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	head, ok := headOf(b[:n])
	if !ok {
		return nil, nil
	}
	sum, inode := hash(head), inodeOf(fo.info)
	var copied *mark
	again := false
	for _, m := range w.memory.Files {
		if m.Head != sum || m.Packed > 0 {
			continue
		}
		switch holds := m.holds(fo.f, size); {
		case m.Inode == inode && holds && (inode != 0 || m.Path == fo.path):
			return m, nil
		case m.Inode == inode:
			again = true
		case holds && m.Offset > int64(len(head)) && stem(m.Path) == stem(fo.path) && (copied == nil || m.Offset > copied.Offset):
			copied = m
		}
	}
	m := &mark{Path: fo.path, Inode: inode, Head: sum}
	switch {
	case copied != nil:
		m.Key, m.Offset, m.Tail, m.Within = copied.Key, copied.Offset, copied.Tail, copied.Within
	default:
		if again {
			w.memory.Emptied++
		}
		m.Key = w.key(inode, sum, again)
		if fo.old {
			return m, w.toEnd(m, fo.f, size)
		}
	}
	return m, nil
}

// key makes the key of a file that is new.
func (w *files) key(inode uint64, head string, again bool) string {
	generation := ""
	if again {
		generation = strconv.FormatUint(w.memory.Emptied, 10)
	}
	return hash([]byte(w.host), []byte(strconv.FormatUint(inode, 10)), []byte(head), []byte(generation))
}

// toEnd sets a mark to the end of a file.
func (w *files) toEnd(m *mark, f io.ReaderAt, size int64) (err error) {
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil {
		return err
	}
	m.Offset, m.Within = size, last[0] != '\n'
	m.Tail, err = tailAt(f, size)
	return err
}

// advance hands over what was added to a file. More says that there is more.
func (w *files) advance(ctx context.Context, fo *followed) (more bool, err error) {
	if fo.packed != nil {
		return w.advancePacked(ctx, fo)
	}
	info, err := fo.f.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size()
	if size != fo.size || !info.ModTime().Equal(fo.written) {
		fo.size, fo.written, fo.grown = size, info.ModTime(), time.Now()
		if fo.mark != nil && !fo.holds(fo.f, size) { // it was emptied
			fo.mark = nil
		}
	}
	if fo.mark == nil {
		if err := w.begin(fo, size); err != nil || fo.mark == nil {
			if !fo.named && (fo.stray || time.Since(fo.grown) > w.linger) {
				w.leave(fo)
			}
			return false, err
		}
	}
	for range turns {
		n, err := w.turn(ctx, fo, false)
		if err != nil {
			return false, err
		}
		if n == 0 {
			return false, w.end(ctx, fo)
		}
	}
	return true, nil
}

// begin identifies a file and marks it.
func (w *files) begin(fo *followed, size int64) error {
	m, err := w.identify(fo, size)
	if m == nil || err != nil || fo.stray && !fo.named && m.Offset == 0 {
		return err
	}
	fo.mark, m.Path, m.Seen, w.unsaved = m, fo.path, time.Now(), true
	if !slices.Contains(w.memory.Files, m) {
		w.memory.Files = append(w.memory.Files, m)
	}
	return nil
}

// end closes a file that nobody writes any more. Its last line may lack its end.
func (w *files) end(ctx context.Context, fo *followed) error {
	if fo.named || time.Since(fo.grown) < w.linger {
		return nil
	}
	if _, err := w.turn(ctx, fo, true); err != nil {
		return err
	}
	w.leave(fo)
	return nil
}

// turn hands over one batch of lines and moves the mark behind them; n is how many
// bytes that were. Last takes a line without its end.
func (w *files) turn(ctx context.Context, fo *followed, last bool) (n int64, err error) {
	size, err := fo.f.ReadAt(w.buf, fo.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	c := cut{file: fo, data: w.buf[:size], within: fo.Within, host: w.host}
	c.lines(last, size == len(w.buf))
	if c.used == 0 {
		return 0, nil
	}
	if err := w.take(ctx, c.records); err != nil {
		return 0, err
	}
	fo.Offset += int64(c.used)
	fo.Within = c.within
	w.unsaved = true
	fo.Tail, err = tailAt(fo.f, fo.Offset)
	if errors.Is(err, io.EOF) { // it was emptied just now
		return 0, nil
	}
	return int64(c.used), err
}

// cut cuts lines out of a part of a file.
type cut struct {
	file    *followed
	data    []byte
	host    string
	within  bool // it begins, then ends, within a line that is skipped
	used    int
	records []ingest.Record
}

// lines makes records of the lines that are whole. Full says that data is as much
// as fits: a line that does not end in it is cut.
func (c *cut) lines(last, full bool) {
	bytesSoFar := 0
	for len(c.records) < batchRecords && bytesSoFar < batchBytes {
		rest := c.data[c.used:]
		n := bytes.IndexByte(rest, '\n')
		switch {
		case n >= 0 && c.within:
			c.used, c.within = c.used+n+1, false
			continue
		case c.within:
			c.used += len(rest)
			return
		case n > maxMessage, n < 0 && full && c.used == 0:
			c.record(rest[:maxMessage], true)
			c.used, c.within = c.used+maxMessage, true
			return
		case n >= 0:
			c.record(rest[:n], false)
			c.used += n + 1
			bytesSoFar += n
			continue
		case last && len(rest) > 0:
			c.record(rest, false)
			c.used += len(rest)
		}
		return
	}
}

// record adds a line, unless nothing is in it. Zeros before it are a hole that a
// writer left which went on where it was after the file was emptied.
func (c *cut) record(line []byte, short bool) {
	line = bytes.TrimLeft(bytes.TrimRight(line, "\r"), "\x00")
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	c.records = append(c.records, c.file.record(line, c.file.Offset+int64(c.used), c.host, short))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is the record of a line at an offset. Its id has a sum of the line too:
// files that began alike and went apart have different events.
func (fo *followed) record(line []byte, offset int64, host string, short bool) ingest.Record {
	at := strconv.FormatInt(offset, 10)
	id := fmt.Sprintf("%s-%s-%08x", fo.Key, at, crc32.Checksum(line, castagnoli))
	r := ingest.Record{Data: line, ID: id, Fields: []ingest.Field{{Name: FieldFile, Value: fo.path}, {Name: FieldOffset, Value: at}}}
	if host != "" {
		r.Fields = append(r.Fields, ingest.Field{Name: event.Host, Value: host})
	}
	if short {
		r.Fields = append(r.Fields, ingest.Field{Name: FieldFlags, Value: "truncated"})
	}
	return r
}
