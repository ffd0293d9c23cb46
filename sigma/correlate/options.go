package correlate

import (
	"math"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// Options say how a Correlator works. The zero value is ready to use: events in
// order of time, one hit per group and timespan.
type Options struct {
	// Lateness is how far behind the newest event an event may come and still
	// count at its own time. Hits wait for it: the state of an instant is known
	// when nothing older is to come. 0 trusts the order of the stream; Unbounded
	// waits for Flush, for files in no order.
	Lateness time.Duration

	// Clock, when it is there, tells broken clocks: a match more than Ahead in
	// its future is not used, for it would make all others late.
	Clock func() time.Time
	Ahead time.Duration

	Repeat Repeat

	// Bounds of memory. A condition that asks for more than MaxEntries at different
	// times cannot be met; Lost tells of each match that went.
	MaxGroups  int // of one correlation; 100,000 when 0. The group that was quiet longest goes first
	MaxEntries int // matches or values in one window; 250,000 when 0. The oldest go first
	MaxWaiting int // matches that wait for late ones; 1,000,000 when 0. The oldest are worked early
	MaxEvents  int // event ids in a hit; 50 when 0. The newest are shown

	// Shard of Shards are the groups this Correlator follows: see the
	// documentation of the package. 0 of 0 is all.
	Shard, Shards int

	// Before, when it is there, is asked before a hit is told, when its group was
	// told last before a time; false for never. Spaced then goes on where a run
	// ended that left nothing but its hits.
	Before func(c *sigma.Correlation, group []Field, at time.Time) (time.Time, bool)

	// Lost, when it is there, is told of each match that is not counted and of
	// each group that is forgotten early. Stats has their numbers.
	Lost func(Loss)
}

// Unbounded is a Lateness without end.
const Unbounded = time.Duration(math.MaxInt64)

// Repeat says what a group does after a hit while its condition goes on holding.
type Repeat uint8

const (
	// Spaced tells no further hit until one timespan after the last: no two
	// windows that are told overlap, and what goes on for long is told
	// once a timespan.
	Spaced Repeat = iota
	// Always tells a hit whenever the condition is decided and holds.
	Always
	// Reset forgets what a hit counted: no match is in two hits.
	Reset
)

func (o Options) withDefaults() Options {
	for _, x := range []struct {
		n  *int
		to int
	}{{&o.MaxGroups, 100_000}, {&o.MaxEntries, 250_000}, {&o.MaxWaiting, 1_000_000}, {&o.MaxEvents, 50}, {&o.Shards, 1}} {
		if *x.n <= 0 {
			*x.n = x.to
		}
	}
	o.Lateness = max(0, o.Lateness)
	return o
}

// Reason is why something is lost.
type Reason string

// The reasons.
const (
	Late     Reason = "late"     // older than the watermark
	InFuture Reason = "ahead"    // too far ahead of the clock
	NoTime   Reason = "time"     // before 1700 or after 2200, as no time at all is
	NoGroup  Reason = "group"    // has none of the fields that are grouped by
	NoValue  Reason = "value"    // lacks a field that is compared
	NoNumber Reason = "number"   // has no finite number in the field
	Evicted  Reason = "evicted"  // a group forgotten for another
	Overflow Reason = "overflow" // a match or value of a window dropped for newer ones
)

// Loss is something that is not counted.
type Loss struct {
	Reason      Reason
	Correlation *sigma.Correlation // nil when it is lost to all
	Time        time.Time          // of the match; of an evicted group's last match
	ID          string             // of the event
	Group       []Field            // of Evicted and Overflow
}

// Stats are what a Correlator did and holds.
type Stats struct {
	Matches int64            // that were taken, each once for each correlation over its rule
	Hits    int64            // that were told, also of correlations that only feed others
	Quiet   int64            // that Repeat held back
	Early   int64            // matches worked before their lateness was over, for MaxWaiting
	Lost    map[Reason]int64 // by reason
	Groups  int              // now
	Waiting int              // matches that wait for late ones, now
	// Watermark: matches before it are late. The zero time before the first match.
	Watermark time.Time
}
