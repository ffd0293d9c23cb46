package logs

import (
	"hash/maphash"
	"sync"
)

// Bounds of the streams that events are kept in: one for each host of a source. A
// host that comes when a source has had so many shares the stream of the source:
// whoever makes up names of hosts makes no index that grows without end.
const (
	mostHosts   = 1000    // of a source
	mostStreams = 1 << 16 // of all sources of all organisations
)

// streams knows the hosts that have a stream of their own, since the process
// began.
type streams struct {
	seed maphash.Seed
	mu   sync.RWMutex
	own  map[uint64]struct{}
	n    map[uint64]int // hosts by source
}

func newStreams() *streams {
	return &streams{seed: maphash.MakeSeed(), own: map[uint64]struct{}{}, n: map[uint64]int{}}
}

// of returns a number for the stream of events of a host, and reports whether it is
// the host's own.
func (s *streams) of(tenant uint32, source, host string) (stream uint64, apart bool) {
	of := maphash.String(s.seed, source) + uint64(tenant)*0x9e3779b97f4a7c15
	if host == "" {
		return of, true
	}
	key := of*31 + maphash.String(s.seed, host)
	s.mu.RLock()
	_, known := s.own[key]
	full := !known && (s.n[of] >= mostHosts || len(s.own) >= mostStreams)
	s.mu.RUnlock()
	switch {
	case known:
		return key, true
	case full:
		return of, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.own[key]; !known {
		if s.n[of] >= mostHosts || len(s.own) >= mostStreams {
			return of, false
		}
		s.own[key] = struct{}{}
		s.n[of]++
	}
	return key, true
}
