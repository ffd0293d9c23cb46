package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// memory knows the ids of the events that came last, as hashes, in two
// generations: when the younger is full the older is forgotten. It lies in
// files beside the spool, which hold what the checkpoint says and perhaps more.
type memory struct {
	dir    string
	k0, k1 uint64
	most   int           // of a generation
	gens   [2]generation // the younger first
	lost   bool          // a generation was forgotten
}

type generation struct {
	table table
	Name  string    // of its file
	Began time.Time // when the first of it came
	file  *os.File  // nil until the first sync
	size  int64     // of it on the disk
	// unsynced is what follows in the file with the next sync.
	unsynced []byte
}

// genState is a generation in the checkpoint.
type genState struct {
	Name  string    `json:"name"`
	Began time.Time `json:"began"`
	Bytes int64     `json:"bytes"`
}

func (m *memory) hash(id, org string) uint64 {
	h := siphash(m.k0, m.k1, org+"\x00"+id)
	if h == 0 {
		return 1 // 0 is an empty place of the table
	}
	return h
}

// since is the moment from which on every id is known; zero: all of them.
func (m *memory) since() time.Time {
	if !m.lost {
		return time.Time{}
	}
	return m.gens[1].Began
}

// add reports whether a hash is new.
func (m *memory) add(h uint64) bool {
	return !m.gens[1].table.has(h) && m.gens[0].table.add(h)
}

// forget takes hashes out again.
func (m *memory) forget(list []uint64) {
	gone := map[uint64]bool{}
	for _, h := range list {
		gone[h] = true
	}
	if len(gone) == 0 {
		return
	}
	for i := range m.gens { // they may have turned since
		t := table{}
		for _, h := range m.gens[i].table.places {
			if h != 0 && !gone[h] {
				t.add(h)
			}
		}
		m.gens[i].table = t
	}
}

// record keeps hashes for the file of the younger generation, and begins a new
// one when that is full. When that fails they are kept all the same.
func (m *memory) record(list []uint64, now time.Time) (err error) {
	if len(list) > 0 && m.gens[0].table.n > m.most {
		err = m.turn(now)
	}
	g := &m.gens[0]
	if g.Began.IsZero() {
		g.Began = now
	}
	for _, h := range list {
		g.unsynced = binary.LittleEndian.AppendUint64(g.unsynced, h)
	}
	return err
}

// create makes a file that no other has the name of, whatever the clock says.
func (m *memory) create(now time.Time) (*os.File, error) {
	for n := now.UnixNano(); ; n++ {
		f, err := os.OpenFile(filepath.Join(m.dir, fmt.Sprintf("ids-%016x", n)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

func (m *memory) turn(now time.Time) error {
	if err := m.sync(now); err != nil {
		return err
	}
	if g := m.gens[1]; g.file != nil {
		m.lost = true
		g.file.Close() // it is removed once the checkpoint no longer names it
	}
	m.gens[1], m.gens[0] = m.gens[0], generation{Began: now}
	return nil
}

// sync brings what was recorded to the disk. What failed is tried again by the next
// one: a disk that was full may have room again.
func (m *memory) sync(now time.Time) (err error) {
	g := &m.gens[0]
	if len(g.unsynced) == 0 {
		return nil
	}
	if g.file == nil {
		if g.file, err = m.create(now); err != nil {
			g.file = nil
			return err
		}
		g.Name = filepath.Base(g.file.Name())
	}
	if _, err := g.file.WriteAt(g.unsynced, g.size); err != nil {
		return err
	}
	if err := g.file.Sync(); err != nil {
		return err
	}
	g.size += int64(len(g.unsynced))
	g.unsynced = g.unsynced[:0]
	return nil
}

func (m *memory) state() (out []genState) {
	for _, g := range m.gens {
		if g.file != nil {
			out = append(out, genState{g.Name, g.Began, g.size})
		}
	}
	return out
}

// load reads the generations of a checkpoint.
func (m *memory) load(list []genState) error {
	for i, s := range list[:min(len(list), 2)] {
		g := &m.gens[i]
		f, err := os.OpenFile(filepath.Join(m.dir, filepath.Base(s.Name)), os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err := g.read(f, s); err != nil {
			f.Close()
			return fmt.Errorf("read %s: %w", s.Name, err)
		}
	}
	return nil
}

func (g *generation) read(f *os.File, s genState) error {
	in := bufio.NewReaderSize(io.LimitReader(f, s.Bytes), 1<<20)
	var b [8]byte
	for range s.Bytes / 8 {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return err
		}
		g.table.add(binary.LittleEndian.Uint64(b[:]))
	}
	if err := f.Truncate(s.Bytes); err != nil {
		return err
	}
	g.Name, g.Began, g.size, g.file = s.Name, s.Began, s.Bytes, f
	return nil
}

func (m *memory) close() {
	for _, g := range m.gens {
		if g.file != nil {
			g.file.Close()
		}
	}
}

// table is a set of numbers that are not 0.
type table struct {
	places []uint64
	n      int
}

func (t *table) find(h uint64) (int, bool) {
	mask := uint64(len(t.places) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch t.places[i] {
		case h:
			return int(i), true
		case 0:
			return int(i), false
		}
	}
}

func (t *table) has(h uint64) bool {
	if t.n == 0 {
		return false
	}
	_, ok := t.find(h)
	return ok
}

func (t *table) add(h uint64) bool {
	if 4*(t.n+1) > 3*len(t.places) {
		t.grow()
	}
	i, ok := t.find(h)
	if !ok {
		t.places[i] = h
		t.n++
	}
	return !ok
}

func (t *table) grow() {
	was := t.places
	t.places = make([]uint64, max(1024, 2*len(was)))
	for _, h := range was {
		if h != 0 {
			i, _ := t.find(h)
			t.places[i] = h
		}
	}
}
