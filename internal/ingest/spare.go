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

// Spoil has memory written over when it is given back, so that a test sees who keeps
// some. It is set before anything is taken in.
var Spoil bool

// forLines returns an empty slice with room for so many bytes. What lies there is
// anything.
func (s *spare) forLines(n int) []byte {
	if n < leastLines || n > mostLines {
		return uncleared(n)
	}
	if b, ok := s.lines.Get().(*[]byte); ok {
		if cap(*b) >= n && cap(*b) <= 2*n+stepLines { // what waits is counted by what lies in it
			return *b
		}
		s.lines.Put(b)
	}
	return uncleared((n + stepLines - 1) / stepLines * stepLines)
}

// forPlaces returns an empty slice with room for so many places, or for placesRoom where
// that is fewer.
func (s *spare) forPlaces(n int) []jsonline.Place {
	if n < placesRoom {
		return make([]jsonline.Place, 0, n)
	}
	if list, ok := s.places.Get().(*[]jsonline.Place); ok {
		return *list
	}
	return make([]jsonline.Place, 0, placesRoom)
}

// back gives back the memory of a frame that nobody reads any more.
func (s *spare) back(f *frame) {
	if !f.own {
		return
	}
	s.backLines(f.lines)
	for _, list := range f.places {
		list = list[:0]
		spoil(list, jsonline.Place{})
		if cap(list) == placesRoom {
			s.places.Put(&list)
		}
	}
	f.lines, f.places = nil, nil
}

func (s *spare) backLines(b []byte) {
	b = b[:0]
	spoil(b, '!')
	if cap(b) >= leastLines && cap(b) <= mostLines {
		s.lines.Put(&b)
	}
}

func spoil[T any](list []T, with T) {
	if Spoil {
		list = list[:cap(list)]
		for i := range list {
			list[i] = with
		}
	}
}

// uncleared returns an empty slice with room for so many bytes, which are not cleared
// first as those of make are.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n + 1)
	b.WriteByte(0)
	return unsafe.Slice(unsafe.StringData(b.String()), n)[:0]
}
