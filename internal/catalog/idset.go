package catalog

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// idSet is a set of entities' ids: bit i%64 of word i/64 is set when id i is in
// it.
type idSet []uint64

func (s *idSet) add(id int64) {
	w := int(id >> 6)
	if w >= len(*s) {
		*s = append(*s, make(idSet, w+1-len(*s)+len(*s)/4)...)
	}
	(*s)[w] |= 1 << (id & 63)
}

// query adds the ids that a query finds.
func (s *idSet) query(ctx context.Context, q sqldb.Querier, query string, args ...any) error {
	var id int64
	to := []any{&id}
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		err := r.Scan(to...)
		if err == nil {
			s.add(id)
		}
		return err
	}, query, args...)
}

// addAll adds what appendIDs wrote.
func (s *idSet) addAll(data []byte, base int64) error {
	set := *s
	for i := 0; i < len(data); {
		d, n := delta(data[i:])
		i += n
		if base += d; n == 0 || base < 0 || base > maxID {
			return errPosting
		}
		w := int(base >> 6)
		if w >= len(set) {
			set = append(set, make(idSet, w+1-len(set)+len(set)/4)...)
		}
		set[w] |= 1 << (base & 63)
	}
	*s = set
	return nil
}

// delta reads a difference and how many bytes it has; 0 for one that is broken.
// Almost all have one or two.
func delta(data []byte) (int64, int) {
	if data[0] < 0x80 {
		return int64(data[0]), 1
	}
	if len(data) > 1 && data[1] < 0x80 {
		return int64(data[0]&0x7f) | int64(data[1])<<7, 2
	}
	d, n := binary.Uvarint(data)
	return int64(d), max(n, 0)
}

func (s idSet) has(id int64) bool {
	w := int(id >> 6)
	return w < len(s) && s[w]&(1<<(id&63)) != 0
}

func (s idSet) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// and keeps in s what is also in o.
func (s idSet) and(o idSet) {
	for i := range s {
		if i < len(o) {
			s[i] &= o[i]
		} else {
			s[i] = 0
		}
	}
}

// without drops from s what is in o.
func (s idSet) without(o idSet) {
	for i := range s[:min(len(s), len(o))] {
		s[i] &^= o[i]
	}
}

// from returns at most n ids after an id, in order; those before it, backwards,
// when desc.
func (s idSet) from(after int64, n int, desc bool) []int64 {
	var out []int64
	last := int64(len(s))*64 - 1
	if desc {
		for id := min(after-1, last); id >= 0 && len(out) < n; id-- {
			if s[id>>6] == 0 {
				id &^= 63
			} else if s.has(id) {
				out = append(out, id)
			}
		}
		return out
	}
	for id := max(after+1, 0); id <= last && len(out) < n; id++ {
		if s[id>>6] == 0 {
			id |= 63
		} else if s.has(id) {
			out = append(out, id)
		}
	}
	return out
}

// appendIDs writes ids, in order and each once, as differences: the first to
// base, each other to the one before it, as variable-length integers.
func appendIDs(dst []byte, base int64, ids []int64) []byte {
	for _, id := range ids {
		dst = binary.AppendUvarint(dst, uint64(id-base))
		base = id
	}
	return dst
}

var errPosting = errors.New("a row of the catalog's index cannot be read; the index is made anew by restoring a backup")

// maxID is beyond any id there is: a set that held it would fill the memory.
const maxID = 1 << 33

// countIDs returns how many ids appendIDs wrote, and how many of them are in
// among; all are when among is nil.
func countIDs(data []byte, base int64, among idSet) (int, error) {
	n := 0
	if among == nil {
		for _, b := range data {
			if b < 0x80 {
				n++ // the last byte of a number
			}
		}
		return n, nil
	}
	for i := 0; i < len(data); {
		d, size := delta(data[i:])
		i += size
		if base += d; size == 0 || base < 0 || base > maxID {
			return n, errPosting
		}
		if w := int(base >> 6); w < len(among) {
			n += int(among[w] >> (base & 63) & 1)
		}
	}
	return n, nil
}

// eachID calls f for the ids that appendIDs wrote.
func eachID(data []byte, base int64, f func(int64)) error {
	for len(data) > 0 {
		d, n := delta(data)
		if base += d; n == 0 || base < 0 || base > maxID {
			return errPosting
		}
		f(base)
		data = data[n:]
	}
	return nil
}
