package ingest

import (
	"strings"
	"sync"
	"unsafe"

	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

// spare is memory of frames that is used again: at a high rate the lines of events, and
// where their members stand, are most of what is allocated, and new memory is slower to
// write than what was used just now. A frame gives it back when its events are with the
// store. No stage and no store keeps what an event has of it.
type spare struct{ lines, places sync.Pool }

const (
	leastLines = 64 << 10 // bytes that are worth it
	mostLines  = 8 << 20
	stepLines  = 256 << 10 // batches of about one size are for each other
	placesRoom = 8 << 10
)

// Spoil has memory written over before it is used again, so that a test sees who keeps
// some. It is set before anything is taken in.
var Spoil bool

// line returns an empty slice with room for so many bytes. What lies there is anything.
func (s *spare) line(n int) []byte {
	if n < leastLines || n > mostLines {
		return uncleared(n)
	}
	if b, ok := s.lines.Get().(*[]byte); ok && cap(*b) >= n {
		return *b
	}
	return uncleared((n + stepLines - 1) / stepLines * stepLines)
}

// place returns an empty slice with room for so many places, or for placesRoom where
// that is fewer.
func (s *spare) place(n int) []jsonline.Place {
	if n < placesRoom {
		return make([]jsonline.Place, 0, n)
	}
	if list, ok := s.places.Get().(*[]jsonline.Place); ok {
		return *list
	}
	return make([]jsonline.Place, 0, placesRoom)
}

// take takes the memory of a frame back that nobody reads any more.
func (s *spare) take(f *frame) {
	if !f.own {
		return
	}
	if b := f.lines; cap(b) >= leastLines && cap(b) <= mostLines {
		spoil(b[:cap(b)], '!')
		b = b[:0]
		s.lines.Put(&b)
	}
	for _, list := range f.places {
		if cap(list) == placesRoom {
			spoil(list[:cap(list)], jsonline.Place{})
			s.places.Put(&list)
		}
	}
	f.lines, f.places = nil, nil
}

func spoil[T any](list []T, with T) {
	if Spoil {
		for i := range list {
			list[i] = with
		}
	}
}

// uncleared returns an empty slice with room for so many bytes, one at least, which are
// not cleared first as those of make are.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[:0]
}
