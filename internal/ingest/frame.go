package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// frame is a batch as it lies in the spool: what was accepted of it, how many
// were not, and why. It is written once and read as it was written.
type frame struct {
	seq         uint64 // its place in the order of this spool
	batch       uint64 // unique over all spools
	org, source string
	seen        time.Time
	took        took
	events      []event.Event
	notes       []note             // of events, one each
	lines       []byte             // of events, one after the other
	own         bool               // nothing else is in the memory of the lines
	places      [][]jsonline.Place // the memory of where members of its events stand

	end   place // where it ends in the spool
	check bool  // some of its events may be stored already
	// counted says that its numbers were added to the living counters when it
	// was made, before it was written.
	counted bool
	offered bool          // nobody waits for it
	delay   time.Duration // by which the source is late by its nature
	hashes  []uint64      // of the ids that senders gave
}

// took is what became of the records of a batch when it came in. The events of
// the frame are the rest.
type took struct {
	accepted, duplicate, dropped, repaired, panics int64
	rejected                                       map[string]int64 // by reason
}

// note is what is to be known of an event beside itself.
type note byte

const (
	named note = 1 << iota // the id is the sender's
	// old events are from before what the memory of ids covers: the store is
	// asked whether it has them.
	old
	timed // the time is the event's own word, and how late it came is measured
)

// bound is how many bytes it has on the disk at most.
func (f *frame) bound() int64 {
	n := int64(len(f.lines)) + 512 + int64(len(f.org)+len(f.source)) + 64*int64(len(f.took.rejected))
	for i := range f.events {
		n += 48 + int64(len(f.events[i].ID)+len(f.events[i].Format))
	}
	return n
}

func (f *frame) size() int64 { return int64(len(f.lines)) + 64*int64(len(f.events)) + 256 }

const (
	frameHead = 8 // bytes: length of what follows, and its CRC-32C
	maxFrame  = 1 << 28
	minPacked = 256 // bytes of lines that are worth packing

	// The first byte of a frame says how its lines are written.
	plainLines  = 1
	packedLines = 2 // as a block of Snappy or S2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errDamaged = errors.New("the frame is damaged")

// encode returns what stands before the lines, which seal completes.
func (f *frame) encode() []byte {
	b := make([]byte, frameHead, frameHead+128+24*len(f.events))
	b = append(b, plainLines)
	b = binary.AppendUvarint(b, f.seq)
	b = binary.AppendUvarint(b, f.batch)
	b = appendText(appendText(b, f.org), f.source)
	b = binary.AppendVarint(b, f.seen.UnixNano())
	for _, n := range []int64{f.took.accepted, f.took.duplicate, f.took.dropped, f.took.repaired, f.took.panics, int64(len(f.took.rejected))} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, reason := range slices.Sorted(maps.Keys(f.took.rejected)) {
		b = binary.AppendUvarint(appendText(b, reason), uint64(f.took.rejected[reason]))
	}
	b = binary.AppendUvarint(b, uint64(len(f.events)))
	format := ""
	for i, e := range f.events {
		b = append(b, byte(f.notes[i]))
		if f.notes[i]&named != 0 {
			b = appendText(b, e.ID)
		}
		b = binary.AppendVarint(b, e.Time.UnixNano())
		if e.Format == format && i > 0 {
			b = append(b, 0)
		} else {
			b, format = appendText(append(b, 1), e.Format), e.Format
		}
		b = binary.AppendUvarint(b, uint64(len(e.Line)))
	}
	return b
}

// seal completes what stands before the lines of a frame. It returns the lines as they
// follow it: packed into a buffer, where that is shorter.
func (f *frame) seal(head, buffer []byte) (lines []byte) {
	lines = f.lines
	if len(lines) >= minPacked {
		if packed := s2.Encode(buffer[:cap(buffer)], lines); len(packed) < len(lines) {
			lines, head[frameHead] = packed, packedLines
		}
	}
	sum := crc32.Update(checksum(head[frameHead:]), castagnoli, lines)
	binary.LittleEndian.PutUint32(head, uint32(len(head)-frameHead+len(lines)))
	binary.LittleEndian.PutUint32(head[4:], sum)
	return lines
}

// unpacked returns lines that were packed, whose length is known. Whatever the disk
// says, they take no more memory than that.
func unpacked(packed []byte, length uint64) ([]byte, error) {
	if n, err := s2.DecodedLen(packed); err != nil || uint64(n) != length || n > maxFrame {
		return nil, errDamaged
	}
	lines, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, errDamaged
	}
	return lines, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cutter takes a frame apart. After the first thing that is not there it gives
// zeros.
type cutter struct {
	b   []byte
	bad bool
}

func (c *cutter) uint() uint64 {
	v, n := binary.Uvarint(c.b)
	return v * uint64(c.skip(n))
}

func (c *cutter) int() int64 {
	v, n := binary.Varint(c.b)
	return v * c.skip(n)
}

// skip goes on by n bytes, and returns 1, or 0 where there are not as many.
func (c *cutter) skip(n int) int64 {
	if n <= 0 || n > len(c.b) {
		c.b, c.bad = nil, true
		return 0
	}
	c.b = c.b[n:]
	return 1
}

func (c *cutter) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	b := c.b[0]
	c.b = c.b[1:]
	return b
}

func (c *cutter) bytes(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.b, c.bad = nil, true
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cutter) text() string { return string(c.bytes(c.uint())) }

// decode reads a frame from what stands behind its head, which it keeps.
func decode(data []byte, sum uint32) (*frame, error) {
	if checksum(data) != sum {
		return nil, errDamaged
	}
	c := &cutter{b: data}
	form := c.byte()
	if form != plainLines && form != packedLines {
		return nil, fmt.Errorf("a frame of the spool is of form %d, which a newer program wrote", form)
	}
	f := &frame{seq: c.uint(), batch: c.uint(), org: c.text(), source: c.text(), seen: time.Unix(0, c.int())}
	for _, n := range []*int64{&f.took.accepted, &f.took.duplicate, &f.took.dropped, &f.took.repaired, &f.took.panics} {
		*n = int64(c.uint())
	}
	for range c.uint() {
		if c.bad {
			return nil, errDamaged
		}
		f.took.reject(c.text(), int64(c.uint()))
	}
	n := c.uint()
	if c.bad || n > uint64(len(c.b)) {
		return nil, errDamaged
	}
	f.events, f.notes = make([]event.Event, n), make([]note, n)
	lengths, all := make([]uint64, n), uint64(0)
	for i := range f.events {
		f.decodeEvent(c, i, lengths)
		all += lengths[i]
	}
	if form == packedLines && !c.bad {
		lines, err := unpacked(c.b, all)
		if err != nil {
			return nil, err
		}
		c.b = lines
	}
	f.lines = c.b
	for i := range f.events {
		f.events[i].Line = c.bytes(lengths[i])
	}
	if c.bad || len(c.b) > 0 {
		return nil, errDamaged
	}
	return f, nil
}

func (f *frame) decodeEvent(c *cutter, i int, lengths []uint64) {
	e := &f.events[i]
	*e = event.Event{Seen: f.seen, Source: f.source, Batch: f.batch}
	f.notes[i] = note(c.byte())
	if f.notes[i]&named != 0 {
		e.ID = c.text()
	} else {
		e.ID = ownID(f.batch, i)
	}
	e.Time = time.Unix(0, c.int())
	if c.byte() == 1 {
		e.Format = c.text()
	} else if i > 0 {
		e.Format = f.events[i-1].Format
	}
	lengths[i] = c.uint()
}

// ownID is what an event is called whose sender gives it no name: where it lies
// in the spool.
func ownID(batch uint64, i int) string {
	var b [32]byte
	return string(strconv.AppendInt(append(strconv.AppendUint(b[:0], batch, 36), '-'), int64(i), 36))
}

func (t *took) reject(reason string, n int64) {
	if t.rejected == nil {
		t.rejected = map[string]int64{}
	}
	t.rejected[reason] += n
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }
