package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/disk"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// Config is what an Intake works with.
type Config struct {
	Dir     string // of the spool; one Intake at a time
	Store   logs.Store
	Stages  []Stage // in order
	Formats []parser.Format
	Default string // the format of a source that has none; "" is auto
	// Source returns how a source is set up; nil is the same as no settings. It
	// is asked for every batch, so that it remembers.
	Source func(ctx context.Context, org, name string) Settings
	// MaxSpool is how many bytes may wait on the disk; 0 is DefaultSpool.
	MaxSpool int64
	// Free returns the bytes that are free where a folder is; nil is disk.Free.
	Free func(dir string) (int64, error)
	// Verify counts in the store what was stored before it is forgotten here, for
	// stores whose machines may fail alone.
	Verify  bool
	Workers int // 0: one for each processor
	Now     func() time.Time
	Log     *slog.Logger
}

// Settings are how a source is set up.
type Settings struct {
	Format      string         // "" is Config.Default
	Zone        *time.Location // of times that do not say theirs; nil is UTC
	Rate        float64        // events a second that are taken, over ten seconds; 0: no limit
	BytesPerDay int64          // 0: no limit
	Delay       time.Duration  // by which events come late by the nature of the source: no skew of its clock
}

const (
	// DefaultSpool is how many bytes may wait on the disk when nobody says.
	DefaultSpool = 8 << 30
	// Reserve is how many bytes of the disk the spool leaves free, for the database and
	// whatever else is there.
	Reserve = 256 << 20
	// MaxSources is how many sources an organisation may have.
	MaxSources = 10_000
	// MaxBatch is how many bytes of records a batch may have, at 64 for each record
	// beside its data.
	MaxBatch = 64 << 20
	// MaxRecords is how many records a batch may have for that.
	MaxRecords = MaxBatch / 64

	inMemory   = 32 << 20  // bytes of frames that wait and are kept in memory too
	inReading  = 192 << 20 // bytes of batches that are read at once
	offerQueue = 16 << 20  // bytes that may wait for the disk before Offer drops
	nodeBits   = 24
	seqBits    = 64 - nodeBits
	idsKept    = 1 << 20 // of a generation
)

// Intake takes events in.
type Intake struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	formats map[string]*parser.Format
	samples samples
	room    room
	limits  limits
	fits    logs.Limits // of what the store takes
	hours   hours

	// mu guards what gives frames their order: the memory of ids, their numbers
	// and what waits for the disk.
	mu     sync.Mutex
	ids    *memory
	node   uint64
	seq    uint64 // of the last frame
	queue  *group
	under  *group         // what is written now
	queued int64          // bytes of it and of the group under way
	onDisk int64          // bytes of segments
	known  map[string]int // sources of each organisation
	closed bool
	short  bool      // less than Reserve was free
	looked time.Time // when that was looked at
	wake   chan struct{}
	drops  map[key]int64 // that no frame tells of yet

	coming coming
	spool  *spool // of the goroutine that writes; settle drops segments of it

	line  line // frames on their way to the store
	spare spare

	stop    context.CancelFunc
	writing sync.WaitGroup
	working sync.WaitGroup
}

// group is frames that go to the disk together.
type group struct {
	frames []*frame
	heads  [][]byte
	done   chan struct{}
	err    error
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// Open opens the spool in a folder, makes it when it is not there, cuts off
// what was not written wholly, and goes on with what waits.
func Open(ctx context.Context, cfg Config) (*Intake, error) {
	in := &Intake{cfg: cfg, log: cfg.Log, now: cfg.Now, formats: map[string]*parser.Format{}, queue: newGroup(), under: newGroup(), known: map[string]int{}, wake: make(chan struct{}, 1), drops: map[key]int64{}}
	if in.log == nil {
		in.log = slog.New(slog.DiscardHandler)
	}
	if in.now == nil {
		in.now = time.Now
	}
	in.cfg.Default = orText(cfg.Default, "auto")
	if cfg.MaxSpool == 0 {
		in.cfg.MaxSpool = DefaultSpool
	}
	if in.cfg.Free == nil {
		in.cfg.Free = disk.Free
	}
	if cfg.Workers == 0 {
		in.cfg.Workers = runtime.GOMAXPROCS(0)
	}
	for i := range cfg.Formats {
		in.formats[cfg.Formats[i].Name] = &in.cfg.Formats[i]
	}
	in.fits = cfg.Store.Limits()
	in.room.init(inReading)
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of events that wait: %w", err)
	}
	if err := in.recover(); err != nil {
		return nil, fmt.Errorf("open the events that wait in %s: %w", cfg.Dir, err)
	}
	ctx, in.stop = context.WithCancel(context.WithoutCancel(ctx))
	in.writing.Go(in.commit)
	for range in.cfg.Workers {
		in.working.Go(func() { in.work(ctx) })
	}
	in.working.Go(func() { in.settle(ctx) })
	return in, nil
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// recover reads the checkpoint and the frames behind it.
func (in *Intake) recover() error {
	cp, err := readCheckpoint(in.cfg.Dir)
	if err != nil {
		return err
	}
	in.node, in.seq = uint64(cp.Node), cp.Seq
	in.ids = &memory{dir: in.cfg.Dir, k0: cp.Seed[0], k1: cp.Seed[1], most: idsKept, lost: cp.Lost}
	if err := in.ids.load(cp.IDs); err != nil {
		return err
	}
	if in.spool, err = openSpool(in.cfg.Dir, cp.Place, in.log); err != nil {
		return err
	}
	in.line.init(in, cp)
	for _, s := range cp.Sources {
		in.known[s.Org]++
		in.samples.set(key{s.Org, s.Source}, s.Samples)
	}
	from := cp.Place
	if first := in.spool.first(); from.before(first) {
		from = first
	}
	in.line.behind(from)
	if err := in.scan(from); err != nil {
		return err
	}
	in.onDisk = in.spool.bytes()
	return nil
}

// scan counts the frames behind a place, remembers their ids, and cuts off what
// was not written wholly at the end.
func (in *Intake) scan(from place) error {
	for i := range in.spool.segments {
		s := &in.spool.segments[i]
		at := place{s.n, 0}
		if s.n == from.Segment {
			at = from
		}
		r := &reader{dir: in.cfg.Dir, at: at}
		err := in.scanSegment(r)
		r.close()
		last := i == len(in.spool.segments)-1
		switch {
		case errors.Is(err, errDamaged) && last:
			in.log.Warn("the last events in the spool were not written wholly, and their sender was not told that they were taken: they are cut off", "segment", s.n, "bytes", s.size-r.at.Offset)
			if err := os.Truncate(in.spool.path(s.n), r.at.Offset); err != nil {
				return err
			}
			s.size = r.at.Offset
		case errors.Is(err, errDamaged):
			in.log.Error("the spool is damaged: the rest of a segment cannot be read", "segment", filepath.Base(in.spool.path(s.n)), "offset", r.at.Offset, "bytes", s.size-r.at.Offset)
		case err != nil:
			return err
		}
	}
	return nil
}

func (in *Intake) scanSegment(r *reader) error {
	for {
		f, err := r.next()
		if err != nil {
			if err == io.EOF {
				err = nil
			}
			return err
		}
		in.seq = max(in.seq, f.seq)
		in.note(f.org, f.source)
		in.line.came(f)
		in.line.tail, in.line.until = f.seq, f.seq
		for i := range f.events {
			if f.notes[i]&named == 0 {
				continue
			}
			h := in.ids.hash(f.events[i].ID, f.org)
			if !in.ids.add(h) {
				continue
			}
			if err := in.ids.record([]uint64{h}, in.now()); err != nil {
				return err
			}
		}
	}
}

// note remembers that there is a source.
func (in *Intake) note(org, source string) {
	if !in.line.has(key{org, source}) {
		in.known[org]++
	}
}

// Take implements Taker.
func (in *Intake) Take(ctx context.Context, b Batch) (Receipt, error) {
	set, err := in.admit(ctx, &b)
	if err != nil {
		return Receipt{}, err
	}
	in.line.pace(ctx)
	size, err := in.enter(ctx, &b, set)
	if err != nil {
		in.line.refused(&b)
		return Receipt{}, err
	}
	defer in.room.leave(size)
	now := in.now()
	defer in.coming.come(now)()
	f, refused := in.read(&b, set, now)
	g, err := in.append(f, false)
	if err != nil {
		in.spare.back(f)
		in.line.refused(&b)
		in.limits.giveBack(key{b.Org, b.Source}, len(b.Records), b.bytes())
		return Receipt{}, err
	}
	if g != nil {
		if <-g.done; g.err != nil {
			in.limits.giveBack(key{b.Org, b.Source}, len(b.Records), b.bytes())
			return Receipt{}, &fault.Error{Kind: fault.Unavailable, Code: "ingest.disk", Msg: "The events could not be written to the disk, and none of them was taken.", Hint: "look at the free room of the data folder, then send them again", RetryAfter: 5 * time.Second, Err: g.err}
		}
	}
	return Receipt{Accepted: len(b.Records), Rejected: refused}, nil
}

// Offer implements Taker. It does not wait for the disk.
func (in *Intake) Offer(b Batch) Receipt {
	set, err := in.admit(context.Background(), &b)
	if err != nil {
		return Receipt{}
	}
	size := b.bytes()
	if in.limits.spend(key{b.Org, b.Source}, set, len(b.Records), size, in.now()) > 0 || !in.room.try(size) {
		in.drop(b.Org, b.Source, len(b.Records))
		return Receipt{}
	}
	defer in.room.leave(size)
	now := in.now()
	defer in.coming.come(now)()
	f, refused := in.read(&b, set, now)
	if _, err := in.append(f, true); err != nil {
		in.spare.back(f)
		in.drop(b.Org, b.Source, len(b.Records))
		return Receipt{}
	}
	return Receipt{Accepted: len(b.Records), Rejected: refused}
}

// admit looks at a batch as a whole.
func (in *Intake) admit(ctx context.Context, b *Batch) (Settings, error) {
	if b.Org == "" {
		return Settings{}, errors.New("ingest: a batch without an organisation")
	}
	b.Source = orText(b.Source, "unknown")
	if err := CheckSource(b.Source); err != nil {
		return Settings{}, err
	}
	if len(b.Records) == 0 {
		return Settings{}, nil
	}
	if err := in.crowded(b.Org, b.Source); err != nil {
		return Settings{}, err // before anything is remembered of it
	}
	if in.cfg.Source == nil {
		return Settings{}, nil
	}
	return in.cfg.Source(ctx, b.Org, b.Source), nil
}

// crowded is full for who does not hold mu.
func (in *Intake) crowded(org, source string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.full(org, source)
}

// full returns an error when a source would be one too many. The caller holds mu.
func (in *Intake) full(org, source string) error {
	if in.known[org] < MaxSources || in.line.has(key{org, source}) {
		return nil
	}
	return fault.New(fault.Invalid, "The organisation has %d sources already, and %q is none of them.", MaxSources, source).Coded("ingest.sources").WithHint("give the source of each sender a name of its own, not each of its events")
}

// CheckSource returns what is wrong with the name of a source.
func CheckSource(name string) error {
	if name == "" || len(name) > 128 || !utf8.ValidString(name) || !unicode.IsLetter(firstRune(name)) && !unicode.IsDigit(firstRune(name)) {
		return badSource(name)
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.IsSpace(r) || r == '"' || r == '\\' || r == '/' || r == '?' || r == '#' || r == '%' {
			return badSource(name)
		}
	}
	return nil
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

func badSource(name string) error {
	if len(name) > 140 {
		name = name[:128] + "…"
	}
	return fault.New(fault.Invalid, "%q cannot be the name of a source.", redact(name)).Coded("ingest.source").WithHint("begin with a letter or digit, and use no blanks, quotes or slashes, 128 bytes at most")
}

// enter waits until there is room in memory for a batch, and spends of what its
// source may send.
func (in *Intake) enter(ctx context.Context, b *Batch, set Settings) (int64, error) {
	bytes, size := b.bytes(), b.weight()
	if bytes > MaxBatch || size > inReading {
		return 0, fault.New(fault.TooLarge, "A batch may have %d MiB, and %d with the fields that come beside each record.", MaxBatch>>20, inReading>>20).Coded("ingest.batch").WithHint("send it in parts")
	}
	if wait := in.limits.spend(key{b.Org, b.Source}, set, len(b.Records), bytes, in.now()); wait > 0 {
		return 0, &fault.Error{Kind: fault.RateLimited, Code: "ingest.rate", Msg: "The source sends more than it may.", Hint: "send it again later, or raise the limit of the source", RetryAfter: wait}
	}
	if !in.room.enter(ctx, size, 5*time.Second) {
		in.limits.giveBack(key{b.Org, b.Source}, len(b.Records), bytes)
		return 0, busy(2 * time.Second)
	}
	return size, nil
}

func busy(wait time.Duration) error {
	return &fault.Error{Kind: fault.RateLimited, Code: "ingest.full", Msg: "No more events can wait here now.", Hint: "send them again later", RetryAfter: wait}
}

func (b *Batch) bytes() int64 {
	n := int64(64 * len(b.Records))
	for i := range b.Records {
		n += int64(len(b.Records[i].Data))
	}
	return n
}

// weight is bytes with the fields that come beside each record: they become part
// of each event, though records may share them.
func (b *Batch) weight() int64 {
	n := b.bytes()
	for i := range b.Records {
		for _, f := range b.Records[i].Fields {
			n += int64(len(f.Name) + len(f.Value) + 6)
		}
	}
	return n
}

// append gives a frame its place in the order and leaves out the events that
// were there before. What it returns is done when the frame is on the disk; nil
// when there is nothing to write.
func (in *Intake) append(f *frame, offered bool) (*group, error) {
	if f.took.accepted == 0 {
		return nil, nil
	}
	for i := range f.events {
		if f.notes[i]&named != 0 {
			f.hashes = append(f.hashes, in.ids.hash(f.events[i].ID, f.org))
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case f.bound() > maxFrame:
		return nil, fault.New(fault.TooLarge, "With the fields that were read from it, the batch has more than %d MiB.", maxFrame>>20).Coded("ingest.batch").WithHint("send it in parts")
	case in.closed:
		return nil, &fault.Error{Kind: fault.Unavailable, Code: "ingest.closing", Msg: "The program is ending.", Hint: "send them again later", RetryAfter: 5 * time.Second}
	case in.onDisk+in.queued+f.size() > in.cfg.MaxSpool, offered && in.queued > offerQueue:
		return nil, busy(10 * time.Second)
	}
	if err := in.tight(); err != nil {
		return nil, err
	}
	if err := in.full(f.org, f.source); err != nil {
		return nil, err
	}
	in.note(f.org, f.source)
	in.line.touch(f.org, f.source)
	f.hashes = in.once(f)
	f.offered = offered
	in.number(f)
	return in.enqueue(f), nil
}

// tight is why nothing more is written, when the disk has too little room left. It is
// looked at once a second at most. The caller holds mu.
func (in *Intake) tight() error {
	if now := in.now(); now.Sub(in.looked).Abs() >= time.Second {
		free, err := in.cfg.Free(in.cfg.Dir)
		in.looked, in.short = now, err == nil && free < Reserve
	}
	if !in.short {
		return nil
	}
	return &fault.Error{Kind: fault.RateLimited, Code: "ingest.room", Msg: "Less than " + strconv.Itoa(Reserve>>20) + " MB of the disk are free, and no more events are taken.", Hint: "make room on the disk of the data folder, and send them again later", RetryAfter: 10 * time.Second}
}

// once leaves the events out of a frame that are known, and returns the hashes
// of those that stay. The caller holds mu.
func (in *Intake) once(f *frame) []uint64 {
	since, h, kept := in.ids.since(), 0, 0
	hashes := f.hashes[:0]
	for i := range f.events {
		n := f.notes[i]
		if n&named != 0 {
			hash := f.hashes[h]
			h++
			if !in.ids.add(hash) {
				f.took.duplicate++
				continue
			}
			if f.events[i].Time.Before(since) {
				n |= old
			}
			hashes = append(hashes, hash)
		}
		f.events[kept], f.notes[kept] = f.events[i], n
		kept++
	}
	if kept < len(f.events) {
		f.events, f.notes = f.events[:kept], f.notes[:kept]
		lines := make([]byte, 0, len(f.lines))
		for i := range f.events {
			at := len(lines)
			lines = append(lines, f.events[i].Line...)
			f.events[i].Line = lines[at:len(lines):len(lines)]
		}
		if f.own {
			in.spare.backLines(f.lines)
		}
		f.lines = lines
	}
	return hashes
}

// number gives a frame its number, and its events that have no name theirs.
func (in *Intake) number(f *frame) {
	in.seq++
	f.seq, f.batch = in.seq, in.node<<seqBits|in.seq
	for i := range f.events {
		f.events[i].Batch = f.batch
		if f.notes[i]&named == 0 {
			f.events[i].ID = ownID(f.batch, i)
		}
	}
}

func (in *Intake) enqueue(f *frame) *group {
	g := in.queue
	g.frames, g.heads = append(g.frames, f), append(g.heads, f.encode())
	in.queued += f.size()
	in.rouse()
	return g
}

// rouse wakes the goroutine that writes.
func (in *Intake) rouse() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// Drop counts events that were lost before they could be offered, as datagrams for
// which a listener had no room.
func (in *Intake) Drop(org, source string, n int) { in.drop(org, source, n) }

// drop counts what was lost because it could not wait.
func (in *Intake) drop(org, source string, n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || in.full(org, source) != nil {
		return
	}
	in.note(org, source)
	in.drops[key{org, source}] += int64(n)
	in.line.count(org, source, Counts{Accepted: int64(n), Dropped: int64(n)})
	in.hours.dropped(key{org, source}, int64(n), in.now())
}

// tellDrops makes frames of what was dropped.
func (in *Intake) tellDrops() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return
	}
	for k, n := range in.drops {
		f := &frame{org: k.org, source: k.source, seen: in.now(), took: took{accepted: n, dropped: n}, counted: true}
		in.number(f)
		in.enqueue(f)
	}
	clear(in.drops)
}

// commit writes what waits to the disk, all that came while it wrote together.
func (in *Intake) commit() {
	for range in.wake {
		in.mu.Lock()
		g, closed := in.queue, in.closed
		in.queue, in.under = newGroup(), g
		in.mu.Unlock()
		if len(g.frames) > 0 {
			in.write(g)
		}
		if closed {
			return
		}
	}
}

func (in *Intake) write(g *group) {
	err := in.spool.write(g.frames, g.heads)
	in.mu.Lock()
	if err != nil {
		in.undo(g, err)
	} else {
		in.done(g)
	}
	in.onDisk, in.under = in.spool.bytes(), newGroup()
	in.mu.Unlock()
}

func (in *Intake) done(g *group) {
	for _, f := range g.frames {
		in.queued -= f.size()
		if err := in.ids.record(f.hashes, in.now()); err != nil {
			in.log.Error("the ids of events could not be written: after a restart, what is sent again may be stored twice", "error", err)
		}
		f.hashes = nil
	}
	in.line.publish(g.frames)
	close(g.done)
}

// undo gives up a group that could not be written, and what came behind it: it
// may lean on ids of the group.
func (in *Intake) undo(g *group, err error) {
	in.log.Error("events could not be written to the disk; their senders are told", "error", err)
	behind := in.queue
	in.queue = newGroup()
	if in.spool.file != nil { // nothing of the group is on the disk, and its numbers are free
		in.seq = g.frames[0].seq - 1
	}
	for _, x := range []*group{g, behind} {
		for _, f := range x.frames {
			in.queued -= f.size()
			in.ids.forget(f.hashes)
			switch k := (key{f.org, f.source}); {
			case f.counted:
				in.drops[k] += f.took.dropped
			case f.offered:
				in.drops[k] += f.took.accepted
				in.line.count(f.org, f.source, Counts{Accepted: f.took.accepted, Dropped: f.took.accepted})
			}
		}
		x.err = err
		close(x.done)
	}
}

// Close takes nothing more, brings what waits for the disk there, and lets the
// workers finish what they have until ctx ends. The rest waits for the next
// start.
func (in *Intake) Close(ctx context.Context) error {
	in.tellDrops()
	in.mu.Lock()
	was := in.closed
	in.closed = true
	in.mu.Unlock()
	if was {
		return nil
	}
	in.rouse()
	in.writing.Wait()
	in.line.drain(ctx)
	in.stop()
	in.line.end()
	in.working.Wait()
	err := in.rest(ctx)
	in.ids.close()
	if in.spool.file != nil {
		err = errors.Join(err, in.spool.file.Close())
	}
	return err
}

var _ Taker = (*Intake)(nil)

// SourceName makes the name of a source of a text that people chose.
func SourceName(text string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.:@", r) {
			return r
		}
		return '-'
	}, text)
	name = strings.TrimLeft(name, "-_.:@")
	for len(name) > 128 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}
