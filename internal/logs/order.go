package logs

import (
	"slices"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// orders puts the fields of events in the order of the engine, which sorts those
// of every event and is done at once with what is in order. Events of a kind have
// the same names one after the other, so that their order is worked out once. It
// is for one goroutine.
type orders struct {
	known  [1024]order
	learnt int // bytes of their names
	sorted []logstorage.Field
}

// order is how the fields of events with these names are put in order.
type order struct {
	names []string // as they come
	from  []int    // of each place in order, where its field comes
}

// sort returns the fields in order, without those that are empty: with them the
// engine would not see that a row has the names of the row before. They are good
// until it is called again.
func (o *orders) sort(fields []logstorage.Field) []logstorage.Field {
	return o.put(fields, o.of(fields))
}

func (o *orders) put(fields []logstorage.Field, from []int) []logstorage.Field {
	o.sorted = o.sorted[:0]
	for _, i := range from {
		if f := &fields[i]; f.Value != "" {
			o.sorted = append(o.sorted, *f)
		}
	}
	return o.sorted
}

// of returns where the fields come from in their order.
func (o *orders) of(fields []logstorage.Field) []int {
	h := uint32(len(fields))
	for i := range fields {
		name := fields[i].Name
		h = (h ^ uint32(len(name))) * 16777619
		if len(name) > 0 {
			h ^= uint32(name[0]) | uint32(name[len(name)/2])<<8 | uint32(name[len(name)-1])<<16
		}
	}
	h ^= h >> 15
	if o.learnt > mostLearnt {
		clear(o.known[:])
		o.learnt = 0
	}
	x := &o.known[h%uint32(len(o.known))]
	if !x.fits(fields) {
		o.learnt += x.learn(fields)
	}
	return x.from
}

func (x *order) fits(fields []logstorage.Field) bool {
	if len(x.names) != len(fields) {
		return false
	}
	for i := range fields {
		if x.names[i] != fields[i].Name {
			return false
		}
	}
	return true
}

// learn copies the names, whose memory is the event's, and returns how much memory
// it needs.
func (x *order) learn(fields []logstorage.Field) int {
	x.names, x.from = x.names[:0], x.from[:0]
	size := 0
	for i := range fields {
		size += len(fields[i].Name)
	}
	all := make([]byte, 0, size)
	for i := range fields {
		at := len(all)
		all = append(all, fields[i].Name...)
		x.names, x.from = append(x.names, text(all[at:])), append(x.from, i)
	}
	slices.SortStableFunc(x.from, func(a, b int) int { return strings.Compare(inEngine(x.names[a]), inEngine(x.names[b])) })
	return size + sizeofName*len(fields)
}

// inEngine is the name that the engine sorts by.
func inEngine(name string) string {
	if name == fieldMessage {
		return ""
	}
	return name
}
