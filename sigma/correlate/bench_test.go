package correlate

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/sigma"
)

// The benchmarks give one match per operation, 1 ms of event time apart, over
// 1,000 hosts unless they say otherwise; "B/group" is what a group costs when
// all are full.

type benchMatch struct {
	host, user, n string
	rule          string
}

func benchMatches(hosts, users int) []benchMatch {
	rnd := rand.New(rand.NewPCG(1, 1))
	out := make([]benchMatch, 1<<16)
	for i := range out {
		out[i] = benchMatch{fmt.Sprint("host-", rnd.IntN(hosts)), fmt.Sprint("user-", rnd.IntN(users)), strconv.Itoa(rnd.IntN(1e6)), string("abc"[rnd.IntN(3)])}
	}
	return out
}

func bench(b *testing.B, o Options, hosts, users int, correlations ...*sigma.Correlation) {
	for i, r := range correlations {
		r.Name = fmt.Sprint("k", i)
	}
	set := mustCompile(b, named("a", "b", "c"), correlations...)
	matches := benchMatches(hosts, users)
	c := New(set, o)
	var m benchMatch
	field := func(name string) (string, bool) {
		switch name {
		case "host":
			return m.host, true
		case "user":
			return m.user, true
		}
		return m.n, true
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	give := func(i int) int {
		m = matches[i%len(matches)]
		return len(c.Add(Match{Rule: m.rule, Time: start.Add(time.Duration(i) * time.Millisecond), ID: m.n, Field: field}))
	}
	warm := 200_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range warm {
		give(i)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	hits := 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		hits += give(warm + i)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(max(1, c.Stats().Groups)), "B/group")
	b.ReportMetric(float64(hits)/float64(b.N), "hits/event")
}

func overAll(typ sigma.CorrelationType, span time.Duration, cond sigma.CorrelationCondition, by ...string) *sigma.Correlation {
	return &sigma.Correlation{Type: typ, Rules: []string{"a", "b", "c"}, GroupBy: by, Timespan: span, Condition: cond}
}

func BenchmarkEventCount(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.EventCount, time.Minute, gte(1e6), "host"))
}

func BenchmarkEventCountLateness(b *testing.B) {
	bench(b, Options{Lateness: time.Minute}, 1000, 10, overAll(sigma.EventCount, time.Minute, gte(1e6), "host"))
}

// 1,800 different values in the window of one group, and 100,000.
func BenchmarkValueCount1800(b *testing.B) {
	bench(b, Options{}, 1, 1800, overAll(sigma.ValueCount, time.Hour, gte(1e6, "user"), "host"))
}

func BenchmarkValueCount100000(b *testing.B) {
	bench(b, Options{}, 1, 100_000, overAll(sigma.ValueCount, time.Hour, gte(1e6, "user"), "host"))
}

func BenchmarkTemporal(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.Temporal, time.Second, sigma.CorrelationCondition{}, "host"))
}

func BenchmarkTemporalOrdered(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.TemporalOrdered, time.Second, sigma.CorrelationCondition{}, "host"))
}

func BenchmarkSum(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.ValueSum, time.Minute, gte(1e12, "n"), "host"))
}

// 95th percentile of 60 numbers a group, and of 60,000 in one.
func BenchmarkPercentile(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.ValuePercentile, time.Minute, percentile95(), "host"))
}

func BenchmarkPercentile60000(b *testing.B) {
	bench(b, Options{}, 1, 10, overAll(sigma.ValuePercentile, time.Minute, percentile95(), "host"))
}

func percentile95() sigma.CorrelationCondition {
	c := gte(1e12, "n")
	c.Percentile = 95
	return c
}

// Conditions that need timers.
func BenchmarkAbsence(b *testing.B) {
	bench(b, Options{}, 1000, 10, overAll(sigma.EventCount, time.Minute, only(sigma.Less, 5), "host"))
}

// Eight correlations of all sorts, one of them over another, over each match.
func BenchmarkMixed(b *testing.B) {
	chained := overAll(sigma.TemporalOrdered, time.Minute, sigma.CorrelationCondition{}, "host")
	chained.Rules = []string{"k0", "a"}
	bench(b, Options{Lateness: 10 * time.Second}, 1000, 1000,
		overAll(sigma.EventCount, time.Minute, gte(90), "host"),
		overAll(sigma.ValueCount, time.Minute, gte(90, "user"), "host"),
		overAll(sigma.Temporal, time.Second, sigma.CorrelationCondition{}, "host", "user"),
		overAll(sigma.TemporalOrdered, time.Second, sigma.CorrelationCondition{}, "host"),
		overAll(sigma.ValueSum, time.Minute, gte(1e12, "n"), "host"),
		overAll(sigma.ValuePercentile, time.Minute, percentile95(), "host"),
		overAll(sigma.EventCount, time.Minute, only(sigma.Equal, 3), "user"),
		chained)
}
