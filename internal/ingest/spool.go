package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/s2"
)

// place is a position in the spool: a segment, and how far in it.
type place struct {
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
}

func (p place) before(o place) bool {
	return p.Segment < o.Segment || p.Segment == o.Segment && p.Offset < o.Offset
}

const (
	segmentMagic = "BNSPOOL1"
	segmentEnd   = ".spool"
	segmentSize  = 16 << 20 // from which on a new one begins
	mostPacked   = 4 << 20  // memory that is kept for packing
)

// spool is a row of files of frames. One goroutine writes it, another drops what
// is settled; others read.
type spool struct {
	dir      string
	mu       sync.Mutex    // guards segments
	segments []segment     // in order
	file     *os.File      // the last segment; nil: the next write begins one
	out      *bufio.Writer // to the file
	packed   []byte        // lines on their way
	last     uint64        // no segment begins at it or before
	number   atomic.Uint64 // of the last segment
	log      *slog.Logger
}

type segment struct {
	n    uint64
	size int64
}

func (s *spool) path(n uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%016x%s", n, segmentEnd))
}

// openSpool finds the segments, and forgets those before a place.
func openSpool(dir string, from place, log *slog.Logger) (*spool, error) {
	s := &spool{dir: dir, log: log, last: from.Segment}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		hex, ok := strings.CutSuffix(e.Name(), segmentEnd)
		n, err := strconv.ParseUint(hex, 16, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		s.segments = append(s.segments, segment{n, info.Size()})
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return int(int64(a.n) - int64(b.n)) })
	if len(s.segments) > 0 {
		s.number.Store(s.segments[len(s.segments)-1].n)
	}
	return s, s.drop(from)
}

// newest is the number of the last segment.
func (s *spool) newest() uint64 { return s.number.Load() }

// drop removes the segments that lie wholly before a place.
func (s *spool) drop(before place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segments) > 0 && s.segments[0].n < before.Segment {
		if err := os.Remove(s.path(s.segments[0].n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		s.segments = s.segments[1:]
	}
	return nil
}

func (s *spool) bytes() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		n += g.size
	}
	return n
}

// tail is the last segment; its number is 0 when there is none.
func (s *spool) tail() segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.segments) == 0 {
		return segment{}
	}
	return s.segments[len(s.segments)-1]
}

// grow sets the size of the last segment, which is never dropped while it is
// written.
func (s *spool) grow(size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[len(s.segments)-1].size = size
}

// first is the place of the first frame.
func (s *spool) first() place {
	if len(s.segments) == 0 {
		return place{}
	}
	return place{s.segments[0].n, 0}
}

// begin starts a segment, whose number nobody used.
func (s *spool) begin(n uint64) error {
	s.last = n
	f, err := os.OpenFile(s.path(n), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(segmentMagic); err == nil {
		err = syncFolder(s.dir)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(s.path(n)))
	}
	if s.file != nil {
		s.file.Close()
	}
	s.file = f
	s.mu.Lock()
	s.segments = append(s.segments, segment{n, int64(len(segmentMagic))})
	s.mu.Unlock()
	s.number.Store(n)
	return nil
}

// write puts frames at the end and brings them to the disk. On an error none of
// them is there.
func (s *spool) write(frames []*frame, heads [][]byte) error {
	last := s.tail()
	if s.file == nil || last.size >= segmentSize {
		if err := s.begin(max(s.last, last.n) + 1); err != nil {
			return err
		}
		last = s.tail()
	}
	if s.out == nil {
		s.out = bufio.NewWriterSize(nil, 256<<10)
	}
	out := s.out
	out.Reset(s.file)
	at := last.size
	for i, f := range frames {
		if most := s2.MaxEncodedLen(len(f.lines)); cap(s.packed) < most || cap(s.packed) > mostPacked && most <= mostPacked {
			s.packed = make([]byte, most)
		}
		lines := f.seal(heads[i], s.packed)
		out.Write(heads[i])
		out.Write(lines) // bufio keeps the error for Flush
		at += int64(len(heads[i]) + len(lines))
		f.end = place{last.n, at}
	}
	err := out.Flush()
	if err == nil {
		err = datasync(s.file)
	}
	if err != nil {
		return errors.Join(err, s.cut(last.size))
	}
	s.grow(at)
	return nil
}

// cut takes off what stands behind a size in the last segment. When that
// fails too, a new segment follows at the next write.
func (s *spool) cut(size int64) error {
	err := s.file.Truncate(size)
	if err == nil {
		_, err = s.file.Seek(size, io.SeekStart)
	}
	if err != nil {
		s.file.Close()
		s.file = nil
	}
	return err
}

// reader reads the frames of a spool one after the other.
type reader struct {
	dir  string
	at   place
	file *os.File
	in   *bufio.Reader
}

// next reads the frame at the reader's place. io.EOF is the end of the segment;
// errDamaged is a frame that was not written wholly, or has changed since.
func (r *reader) next() (*frame, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	var head [frameHead]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, errDamaged
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return nil, errDamaged
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r.in, data); err != nil {
		return nil, errDamaged
	}
	f, err := decode(data, binary.LittleEndian.Uint32(head[4:]))
	if err != nil {
		return nil, err
	}
	r.at.Offset += frameHead + int64(n)
	f.end = r.at
	return f, nil
}

func (r *reader) open() error {
	if r.file != nil {
		return nil
	}
	f, err := os.Open(filepath.Join(r.dir, fmt.Sprintf("%016x%s", r.at.Segment, segmentEnd)))
	if err != nil {
		return err
	}
	r.at.Offset = max(r.at.Offset, int64(len(segmentMagic)))
	magic := make([]byte, len(segmentMagic))
	if _, err := io.ReadFull(f, magic); err != nil || string(magic) != segmentMagic {
		f.Close()
		return errDamaged
	}
	if _, err := f.Seek(r.at.Offset, io.SeekStart); err != nil {
		f.Close()
		return err
	}
	if r.in == nil {
		r.in = bufio.NewReaderSize(nil, 256<<10)
	}
	r.file = f
	r.in.Reset(f)
	return nil
}

// move goes to a place.
func (r *reader) move(to place) {
	r.close()
	r.at = to
}

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
}

// syncFolder brings the names in a folder to the disk. Windows has no such thing.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
