// Package measured builds, starts and watches programs that are measured from
// outside.
package measured

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Build builds the program as it is shipped.
func Build(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "./cmd/binnacle")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// FreeAddress is an address of this machine at which nothing listens.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// Stock starts the server of the module that the program has its event engine
// from, and waits until it answers. End it with End.
func Stock(ctx context.Context, data string) (base string, cmd *exec.Cmd, err error) {
	find := exec.CommandContext(ctx, "go", "tool", "-n", "victoria-logs")
	find.Env = append(os.Environ(), "CGO_ENABLED=0")
	path, err := find.Output()
	if err != nil {
		return "", nil, fmt.Errorf("build the stock server: %w", err)
	}
	address, err := FreeAddress()
	if err != nil {
		return "", nil, err
	}
	cmd = exec.CommandContext(ctx, strings.TrimSpace(string(path)), "-storageDataPath="+data, "-httpListenAddr="+address, "-retentionPeriod=100y", "-loggerLevel=ERROR")
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	base = "http://" + address
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(base + "/health"); err == nil {
			res.Body.Close()
			return base, cmd, nil
		}
	}
	End(cmd)
	return "", nil, errors.New("the stock server does not start")
}

// Metric reads a number that a running program tells of itself: the sum over all
// that have a label, as source="x"; "" is any.
func Metric(base, name, label string) (sum float64, err error) {
	res, err := http.Get(base + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	line := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*` + regexp.QuoteMeta(label) + `[^}]*\})? (\S+)$`)
	for _, m := range line.FindAllSubmatch(text, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum += n
	}
	return sum, nil
}

// End kills a program and waits for its end.
func End(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// Usage is what a process has used.
type Usage struct {
	CPU  time.Duration
	Now  int64 // bytes of memory it has
	Most int64 // and has had
}

// ticks is how often a second Linux counts the time of processes.
const ticks = 100

// UsageOf reads what a process has used so far. That needs Linux.
func UsageOf(pid int) (u Usage, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("what a process uses is known on Linux alone: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // a name may have spaces
	if len(fields) < 13 {
		return u, fmt.Errorf("/proc/%d/stat is not as Linux writes it: %s", pid, stat)
	}
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(n) * time.Second / ticks
	}
	if u.Now, err = memory(status, "VmRSS"); err != nil {
		return u, err
	}
	u.Most, err = memory(status, "VmHWM")
	return u, err
}

func memory(status []byte, name string) (int64, error) {
	m := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(status)
	if m == nil {
		return 0, fmt.Errorf("the system does not say %s of a process", name)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10, err
}
