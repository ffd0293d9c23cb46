package web

import (
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

// facetTerm is how long the values of a filter over many entities are kept.
const facetTerm = 30 * time.Second

// facetCacheSize is how many filters are kept.
const facetCacheSize = 1000

type facetKey struct{ org, kind, path string }

type facetEntry struct {
	counts []catalog.FacetCount
	until  time.Time
}

// facetCache keeps the values of filters of large lists, so that each page does
// not count them again. Whoever may read a kind may see them all.
type facetCache struct {
	mu   sync.Mutex
	kept map[facetKey]facetEntry
}

func (f *facetCache) get(key facetKey, now time.Time) ([]catalog.FacetCount, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.kept[key]
	return e.counts, ok && now.Before(e.until)
}

func (f *facetCache) put(key facetKey, counts []catalog.FacetCount, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept == nil || len(f.kept) >= facetCacheSize {
		f.kept = map[facetKey]facetEntry{}
	}
	f.kept[key] = facetEntry{counts, now.Add(facetTerm)}
}
