package correlate

import "hash/fnv"

// shardOf spreads groups over shards, the same in every run.
func shardOf(key string, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(key))
	return int(h.Sum32() % uint32(shards))
}

// isChained reports whether a correlation is over others or others are over it.
func (s *spec) isChained() bool {
	for _, src := range s.sources {
		if src.child != nil {
			return true
		}
	}
	return len(s.parents) > 0
}
