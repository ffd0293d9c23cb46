package correlate

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// Hit is a correlation that holds for a group.
type Hit struct {
	// Name is the same whenever the same correlation holds for the same group
	// and window: a replay names its hits as before.
	Name        string
	Correlation *sigma.Correlation
	Group       []Field
	Start, End  time.Time // both belong to the window
	First       time.Time // of the oldest match that counts, shown or not; Start when none does
	Value       float64   // the count, number of rules, sum, mean, percentile or share in percent
	Of          string    // of a share: the value that has it
	Events      []string  // ids of the newest events that count, the oldest of them first
	More        int       // events that count and are not in Events
}

// Field is a field that is grouped by, under the name the correlation gives it.
type Field struct {
	Name, Value string
	IsMissing   bool // the event did not have it
}

// A group's key and other tuples of values are packed: each value after its
// length and one, or a 0 when it is missing.

func packValue(b []byte, value string) []byte {
	b = binary.AppendUvarint(b, uint64(len(value))+1)
	return append(b, value...)
}

func packMissing(b []byte) []byte { return append(b, 0) }

// unpack returns the i-th of packed values.
func unpack(packed string, i int) (string, bool) {
	for ; ; i-- {
		n, size := binary.Uvarint([]byte(packed[:min(len(packed), binary.MaxVarintLen64)]))
		if size <= 0 || n > 0 && n-1 > uint64(len(packed)-size) {
			return "", false // not packed by this program
		}
		packed = packed[size:]
		value, ok := "", n > 0
		if ok {
			value, packed = packed[:n-1], packed[n-1:]
		}
		if i == 0 {
			return value, ok
		}
	}
}

func (s *spec) group(key string) []Field {
	var out []Field
	for i, name := range s.rule.GroupBy {
		value, ok := unpack(key, i)
		out = append(out, Field{name, value, !ok})
	}
	return out
}

// hitName is a hash of correlation, group and window.
func hitName(identity, key string, start, end int64) string {
	b := packValue(nil, identity)
	b = packValue(b, key)
	b = binary.BigEndian.AppendUint64(b, uint64(start))
	b = binary.BigEndian.AppendUint64(b, uint64(end))
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// shown is what a window has to show.
type shown struct {
	events []string
	more   int
	fields []string // packed fields that go up the chain, each once
}

// show collects the events behind a hit, each once, and the newest most of them.
func (g *group) show(most int) shown {
	var s shown
	var up carried
	seen := map[string]bool{}
	s.more = g.window.marks(func(m mark) {
		events := []string{m.id}
		if m.more != nil {
			up.merge(m.more)
			if m.more.events != nil {
				events = m.more.events
			}
		}
		for _, id := range events {
			if id != "" && !seen[id] {
				seen[id] = true
				s.events = append(s.events, id)
			}
		}
	})
	s.fields = up.fields
	if over := len(s.events) - most; over > 0 {
		s.events, s.more = s.events[over:], s.more+over
	}
	return s
}

func toTime(at int64) time.Time { return time.Unix(0, at).UTC() }
