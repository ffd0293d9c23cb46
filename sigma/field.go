package sigma

import (
	"encoding/binary"
	"strings"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// field is what an engine asks of one field. Field 0 is every value of the
// event: keywords.
type field struct {
	name    string
	set     *literal.Set
	numbers map[float64][]uint32 // predicates by the number that the field is
	present uint32               // the predicate that the field is there, or none
	keep    bool                 // its values are checked later
}

// none is no predicate.
const none = ^uint32(0)

// names finds fields by name. It is a table of its own since it is asked about
// each field of each event, mostly in vain.
type names struct {
	slots []nameSlot
	mask  uint64
	count int // the numbers of the fields are below it
}

type nameSlot struct {
	name   string
	field  int32 // -1: no rule asks for it
	deeper bool  // a rule asks for something within it
	dotted bool  // it is itself a path
}

// newNames numbers fields as they are listed; "" is no field.
func newNames(fields []string) *names {
	known := map[string]nameSlot{}
	for id, field := range fields {
		if field == "" {
			continue
		}
		for i, c := range field {
			if c == '.' {
				prefix := field[:i]
				s, ok := known[prefix]
				if !ok {
					s = nameSlot{name: prefix, field: -1}
				}
				s.deeper = true
				known[prefix] = s
			}
		}
		s := known[field]
		s.name, s.field = field, int32(id)
		known[field] = s
	}
	size := 8
	for size < 4*len(known) {
		size *= 2
	}
	n := &names{slots: make([]nameSlot, size), mask: uint64(size - 1), count: len(fields)}
	for i := range n.slots {
		n.slots[i].field = -1
	}
	for name, s := range known {
		s.dotted = strings.IndexByte(name, '.') >= 0
		at := nameHash([]byte(name)) & n.mask
		for n.slots[at].used() {
			at = (at + 1) & n.mask
		}
		n.slots[at] = s
	}
	return n
}

func (s *nameSlot) used() bool { return s.field >= 0 || s.deeper }

// get returns the slot of a name; its field is -1 and it goes no deeper when
// nothing asks for it.
func (n *names) get(name []byte) *nameSlot {
	for at := nameHash(name) & n.mask; ; at = (at + 1) & n.mask {
		s := &n.slots[at]
		if !s.used() || s.name == string(name) {
			return s
		}
	}
}

func nameHash(name []byte) uint64 {
	const mix = 0x9E3779B97F4A7C15
	h := uint64(len(name))
	if len(name) >= 8 {
		h ^= binary.LittleEndian.Uint64(name) * mix
		h ^= binary.LittleEndian.Uint64(name[len(name)-8:])
	} else {
		for _, c := range name {
			h = h<<8 | uint64(c)
		}
	}
	h *= mix
	return h >> 32
}
