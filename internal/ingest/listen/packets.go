package listen

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen/gelf"
)

// Bounds of what waits between the network and the spool.
const (
	maxQueued      = 1 << 16  // datagrams
	maxQueuedBytes = 32 << 20 // of them
	socketBuffer   = 8 << 20  // what the kernel is asked to hold
	// gather is how long a first datagram waits for others, so that they are
	// handed over together.
	gather = 10 * time.Millisecond
)

// packets listens for datagrams. They cannot be held back: what does not fit in the
// queue is dropped and counted, and what is handed over is offered, not taken.
type packets struct {
	*collector
	protocol
	pieces *gelf.Pieces // nil: there are none
	conn   *net.UDPConn
}

func openPackets(c *collector) (worker, error) {
	p := &packets{collector: c, protocol: protocolOf(c.Scheme)}
	if strings.HasPrefix(c.Scheme, "gelf") {
		p.pieces = &gelf.Pieces{}
	}
	return p, p.listen()
}

func (p *packets) listen() error {
	addr, err := net.ResolveUDPAddr("udp", p.Place)
	if err == nil {
		p.conn, err = net.ListenUDP("udp", addr)
	}
	if err != nil {
		return p.busy(err)
	}
	_ = p.conn.SetReadBuffer(socketBuffer) // the kernel gives what it may
	p.runs(p.conn.LocalAddr().String())
	return nil
}

// busy is the fault of an address that cannot be listened at.
func (s Spec) busy(err error) error {
	return s.wrong("cannot listen at %s: %v", s.Place, err).WithHint("is another program there? ports below 1024 need the right to bind them (AmbientCapabilities=CAP_NET_BIND_SERVICE); choose another port")
}

func (p *packets) close() {
	if p.conn != nil {
		p.conn.Close()
	}
}

// datagram is one as it came.
type datagram struct {
	data []byte
	from netip.AddrPort
}

// queue holds datagrams until they are offered.
type queue struct {
	mu    sync.Mutex
	list  []datagram
	bytes int
	some  chan struct{} // holds one when list is not empty
}

// put adds a datagram; it reports whether there was room.
func (q *queue) put(d datagram) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) >= maxQueued || q.bytes+len(d.data) > maxQueuedBytes {
		return false
	}
	q.list = append(q.list, d)
	q.bytes += len(d.data)
	select {
	case q.some <- struct{}{}:
	default:
	}
	return true
}

// all returns what is queued and empties the queue.
func (q *queue) all() []datagram {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.list
	q.list, q.bytes = nil, 0
	return list
}

func (p *packets) run(ctx context.Context) error {
	if p.conn == nil {
		if err := p.listen(); err != nil {
			return err
		}
	}
	conn := p.conn
	defer func() { p.conn = nil }()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	q := &queue{some: make(chan struct{}, 1)}
	ended := make(chan error, 1)
	go func() { ended <- p.receive(conn, q) }()
	for {
		select {
		case err := <-ended:
			p.offer(q.all())
			return err
		case <-q.some:
			time.Sleep(gather)
			p.offer(q.all())
		}
	}
}

// receive reads datagrams until the socket is closed.
func (p *packets) receive(conn *net.UDPConn, q *queue) error {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !q.put(datagram{append([]byte(nil), buf[:n]...), from}) {
			p.lost(p.sourceOf("", from.Addr()))
			p.waiting(fault.New(fault.RateLimited, "more datagrams come than are taken, and some are dropped").WithHint("use TCP, which can wait"))
		}
	}
}

// Dropper is a Taker that also counts what was lost before it could be offered.
type Dropper interface {
	Drop(org, source string, n int)
}

// lost counts a datagram for which there was no room.
func (p *packets) lost(source string) {
	p.dropped(1)
	if d, ok := p.cfg.Taker.(Dropper); ok {
		d.Drop(p.Org, source, 1)
	}
}

// offer hands datagrams over, in batches.
func (p *packets) offer(list []datagram) {
	var records sorted
	for _, d := range list {
		if r, source, ok := p.record(d); ok {
			records.add(source, r)
		}
		if records.full() {
			_ = records.each(p.offerFor)
		}
	}
	_ = records.each(p.offerFor)
}

// offerFor hands over the records of a source, without an error.
func (p *packets) offerFor(source string, records []ingest.Record) error {
	r := p.cfg.Taker.Offer(p.batch(p.Org, source, records))
	p.taken(r, p.cfg.Now())
	if lost := len(records) - r.Accepted; lost > 0 {
		p.dropped(lost)
	}
	return nil
}

// record makes a record of a datagram, with the name of its source; there is none
// when it is a piece of a message that is not whole yet.
func (p *packets) record(d datagram) (r ingest.Record, source string, ok bool) {
	data := d.data
	if p.pieces != nil && strings.HasPrefix(string(data[:min(2, len(data))]), gelf.Magic) {
		lost := p.pieces.Lost
		whole, err := p.pieces.Add(data, d.from, time.Now())
		if more := p.pieces.Lost - lost; more > 0 {
			p.dropped(int(more))
		}
		if err != nil {
			p.broke(err)
		}
		if whole == nil {
			return r, "", false
		}
		data = whole
	}
	if len(strings.TrimSpace(string(data[:min(len(data), 64)]))) == 0 {
		return r, "", false
	}
	err := p.guarded(d.from.String(), func() (err error) {
		r, source, err = p.read(p.collector, data, d.from)
		return err
	})
	if err != nil {
		r, source = p.unread(data, d.from, err)
	}
	return r, source, true
}
