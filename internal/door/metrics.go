package door

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Gauge is one number about the program that another part reports.
type Gauge struct {
	Name   string // "binnacle_feed_lag_entries"
	Help   string
	Labels map[string]string
	Value  float64
	// Counter says that it only grows while the program runs; its Name ends with
	// _total then.
	Counter bool
}

// Metrics counts what the door sees. Its methods work on a nil Metrics, which
// counts nothing.
type Metrics struct {
	began  time.Time
	gauges []func(context.Context) []Gauge

	mu     sync.Mutex
	series map[seriesKey]*series
}

// NewMetrics returns empty metrics; each of gauges is asked when they are read.
func NewMetrics(gauges ...func(context.Context) []Gauge) *Metrics {
	return &Metrics{began: time.Now(), gauges: gauges, series: map[seriesKey]*series{}}
}

type seriesKey struct {
	method, pattern string
	status          int
}

type series struct {
	buckets [len(bounds)]int64
	count   int64
	sum     float64
}

// bounds are the upper ends of the duration buckets, in seconds.
var bounds = [...]float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

var knownMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func (m *Metrics) observe(method, pattern string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if !slices.Contains(knownMethods, method) {
		method = "other" // a stranger must not be able to make series
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := seriesKey{method, pattern, status}
	s := m.series[key]
	if s == nil {
		s = &series{}
		m.series[key] = s
	}
	s.count++
	s.sum += took.Seconds()
	for i, bound := range bounds {
		if took.Seconds() <= bound {
			s.buckets[i]++
		}
	}
}

// OpenMetricsType is the content type of what Write writes.
const OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

// Write writes everything in the OpenMetrics text format.
func (m *Metrics) Write(ctx context.Context, w io.Writer) error {
	b := bufio.NewWriter(w)
	m.writeRequests(b)
	m.writeGauges(ctx, b)
	b.WriteString("# EOF\n")
	return b.Flush()
}

func (m *Metrics) writeRequests(b *bufio.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	family(b, "binnacle_http_request_duration_seconds", "histogram", "Time to answer a request.")
	fmt.Fprintln(b, "# UNIT binnacle_http_request_duration_seconds seconds")
	keys := slices.SortedFunc(maps.Keys(m.series), func(a, b seriesKey) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	for _, k := range keys {
		m.series[k].write(b, fmt.Sprintf(`method="%s",route="%s",status="%d"`, k.method, escape(k.pattern), k.status))
	}
}

func (s *series) write(b *bufio.Writer, labels string) {
	const name = "binnacle_http_request_duration_seconds"
	for i, bound := range bounds {
		fmt.Fprintf(b, "%s_bucket{%s,le=\"%v\"} %d\n", name, labels, bound, s.buckets[i])
	}
	fmt.Fprintf(b, "%s_bucket{%s,le=\"+Inf\"} %d\n%s_count{%s} %d\n%s_sum{%s} %g\n", name, labels, s.count, name, labels, s.count, name, labels, s.sum)
}

func (m *Metrics) writeGauges(ctx context.Context, b *bufio.Writer) {
	all := m.own()
	for _, f := range m.gauges {
		all = append(all, f(ctx)...)
	}
	slices.SortStableFunc(all, func(a, b Gauge) int { return strings.Compare(a.Name, b.Name) })
	last := ""
	for _, g := range all {
		if g.Name != last {
			if g.Counter {
				family(b, strings.TrimSuffix(g.Name, "_total"), "counter", g.Help)
			} else {
				family(b, g.Name, "gauge", g.Help)
			}
			last = g.Name
		}
		fmt.Fprintf(b, "%s%s %g\n", g.Name, labelText(g.Labels), g.Value)
	}
}

// own are the numbers of the process.
func (m *Metrics) own() []Gauge {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return []Gauge{
		{Name: "binnacle_uptime_seconds", Help: "Time since the program started.", Value: time.Since(m.began).Seconds()},
		{Name: "binnacle_goroutines", Help: "Goroutines running.", Value: float64(runtime.NumGoroutine())},
		{Name: "binnacle_heap_bytes", Help: "Memory of living and not yet collected objects.", Value: float64(mem.HeapAlloc)},
		{Name: "binnacle_memory_bytes", Help: "Memory had from the operating system.", Value: float64(mem.Sys)},
	}
}

func family(b *bufio.Writer, name, kind, help string) {
	fmt.Fprintf(b, "# TYPE %s %s\n# HELP %s %s\n", name, kind, name, escape(help))
}

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, name+`="`+escape(labels[name])+`"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// serveMetrics answers /metrics.
func (m *Metrics) serveMetrics(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", OpenMetricsType)
	return m.Write(r.Context(), w)
}
