package gelf

import (
	"errors"
	"net/netip"
	"time"
)

// Bounds of what waits for its other pieces.
const (
	maxPieces   = 128             // of one message, by the format
	patience    = 5 * time.Second // for the last piece of a message, by the format
	maxBytes    = 32 << 20        // of all pieces together
	maxOf       = maxBytes / 4    // of one sender
	maxTogether = 4096            // messages
)

// ErrPiece is returned for a datagram that is no piece of a message.
var ErrPiece = errors.New("a datagram that is no piece of a message")

// Pieces puts messages in several datagrams together. What is not whole in time is
// given up. It is not safe for concurrent use.
type Pieces struct {
	waiting map[pieceKey]*pieces
	order   []pieceKey // oldest first
	bytes   int
	of      map[netip.Addr]int // bytes by sender
	Lost    int64              // messages that were given up
}

// pieceKey tells messages apart: two senders may choose one id.
type pieceKey struct {
	from netip.AddrPort
	id   [8]byte
}

type pieces struct {
	begun time.Time
	parts [][]byte
	have  int
	bytes int
}

// Add takes a piece, and returns the message when it is the last one.
func (p *Pieces) Add(data []byte, from netip.AddrPort, now time.Time) (whole []byte, err error) {
	p.expire(now)
	if len(data) < 12 || string(data[:2]) != Magic {
		return nil, ErrPiece
	}
	key := pieceKey{from: from, id: [8]byte(data[2:10])}
	number, count := int(data[10]), int(data[11])
	if count < 1 || count > maxPieces || number >= count {
		return nil, ErrPiece
	}
	w := p.waiting[key]
	if w == nil {
		w = p.begin(key, count, now)
	}
	part := data[12:]
	if count != len(w.parts) {
		return nil, ErrPiece
	}
	if w.parts[number] != nil {
		return nil, nil // the network sent it twice
	}
	if p.of[from.Addr()]+len(part) > maxOf {
		p.drop(key)
		p.Lost++
		return nil, errors.New("one sender has too many unfinished messages")
	}
	w.parts[number] = append(make([]byte, 0, len(part)), part...)
	w.have++
	p.account(key, w, len(part))
	if w.have < count {
		for p.bytes > maxBytes || len(p.waiting) > maxTogether {
			p.Lost++
			p.drop(p.order[0])
		}
		return nil, nil
	}
	for _, part := range w.parts {
		whole = append(whole, part...)
	}
	p.drop(key)
	return whole, nil
}

func (p *Pieces) begin(key pieceKey, count int, now time.Time) *pieces {
	if p.waiting == nil {
		p.waiting, p.of = map[pieceKey]*pieces{}, map[netip.Addr]int{}
	}
	w := &pieces{begun: now, parts: make([][]byte, count)}
	p.waiting[key] = w
	p.order = append(p.order, key)
	p.account(key, w, count*24+100) // what it costs without its content
	return w
}

func (p *Pieces) account(key pieceKey, w *pieces, n int) {
	w.bytes += n
	p.bytes += n
	if p.of[key.from.Addr()] += n; p.of[key.from.Addr()] == 0 {
		delete(p.of, key.from.Addr())
	}
}

// drop forgets a message.
func (p *Pieces) drop(key pieceKey) {
	w := p.waiting[key]
	if w == nil {
		return
	}
	p.account(key, w, -w.bytes)
	delete(p.waiting, key)
	for i, k := range p.order {
		if k == key {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
}

// expire gives up what waited too long.
func (p *Pieces) expire(now time.Time) {
	for len(p.order) > 0 && now.Sub(p.waiting[p.order[0]].begun) > patience {
		p.drop(p.order[0])
		p.Lost++
	}
}
