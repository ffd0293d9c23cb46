package measured_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/bench/measured"
)

func TestUsageOf(t *testing.T) {
	before, err := measured.UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	held := make([]byte, 64<<20)
	after := before
	for until := time.Now().Add(10 * time.Second); after.CPU-before.CPU < 50*time.Millisecond && time.Now().Before(until); {
		for i := 0; i < len(held); i += 64 {
			held[i]++
		}
		if after, err = measured.UsageOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	runtime.KeepAlive(held)
	if used := after.CPU - before.CPU; used < 50*time.Millisecond || used > 5*time.Second {
		t.Errorf("%v of CPU", used)
	}
	if more := after.Now - before.Now; more < 32<<20 || after.Most < after.Now {
		t.Errorf("%d bytes more, %d at most of %d", more, after.Most, after.Now)
	}
	if _, err := measured.UsageOf(-1); err == nil {
		t.Error("a process that is none")
	}
}

func TestMetric(t *testing.T) {
	const text = "# TYPE x gauge\nx{org=\"a\",source=\"one\"} 2\nx{org=\"a\",source=\"two\"} 3e+02\nx_more{source=\"one\"} 7\nbare 1.5\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }))
	defer server.Close()
	for _, c := range []struct {
		name, label string
		want        float64
	}{{"x", "", 302}, {"x", `source="one"`, 2}, {"bare", "", 1.5}, {"missing", "", 0}} {
		if got, err := measured.Metric(server.URL, c.name, c.label); err != nil || got != c.want {
			t.Errorf("%s %s: %v %v, want %v", c.name, c.label, got, err, c.want)
		}
	}
}
