package claim

import "sync"

// memo keeps the answers of one round: what is asked twice, also at the same
// time, is found out once.
type memo[K comparable, V any] struct {
	mu   sync.Mutex
	kept map[K]func() (V, error)
}

func (m *memo[K, V]) get(key K, find func() (V, error)) (V, error) {
	m.mu.Lock()
	if m.kept == nil {
		m.kept = map[K]func() (V, error){}
	}
	once := m.kept[key]
	if once == nil {
		once = sync.OnceValues(find)
		m.kept[key] = once
	}
	m.mu.Unlock()
	return once()
}
