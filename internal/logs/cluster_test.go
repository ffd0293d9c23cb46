package logs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// built is a folder for what tests build.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "victoria-logs"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

// victoria builds the server of the module that the program embeds, once.
var victoria = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "victoria-logs")
	cmd := exec.Command("go", "build", "-o", path, "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs")
	cmd.Dir = testenv.Root()
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %s", err, said)
	}
	return path, nil
})

// server is a process of VictoriaLogs.
type server struct {
	t      testing.TB
	binary string
	addr   string
	args   []string
	cmd    *exec.Cmd
}

func newServer(t testing.TB, args ...string) *server {
	t.Helper()
	binary, err := victoria()
	if err != nil {
		testenv.Skip(t, "the server of VictoriaLogs cannot be built: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server{t: t, binary: binary, addr: l.Addr().String()}
	s.args = append([]string{"-httpListenAddr=" + s.addr, "-loggerLevel=ERROR", "-memory.allowedPercent=10"}, args...)
	return s
}

// start starts the process and waits until it answers.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(s.binary, s.args...)
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for range 200 {
		if resp, err := http.Get("http://" + s.addr + "/health"); err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("the server at %s does not answer", s.addr)
}

// stop ends the process; it ends in good order unless it is killed.
func (s *server) stop(kill bool) {
	if s.cmd == nil {
		return
	}
	if kill {
		s.cmd.Process.Kill()
	} else {
		s.cmd.Process.Signal(os.Interrupt)
	}
	s.cmd.Wait()
	s.cmd = nil
}

// front starts two nodes and what stands before them.
func front(t testing.TB) (address string, nodes [2]*server) {
	t.Helper()
	dir := t.TempDir()
	for i := range nodes {
		nodes[i] = newServer(t, "-storageDataPath="+filepath.Join(dir, fmt.Sprint(i)), "-retentionPeriod=410d")
		nodes[i].start()
		t.Cleanup(func() { nodes[i].stop(true) })
	}
	f := newServer(t, "-storageNode="+nodes[0].addr+","+nodes[1].addr)
	f.start()
	t.Cleanup(func() { f.stop(true) })
	return "http://" + f.addr, nodes
}

var tenant atomic.Uint32

// cluster is a store with organisations of its own in a cluster of two nodes.
func cluster(t testing.TB) logs.Store {
	t.Helper()
	address, _ := front(t)
	return at9428(t, address)
}

func at9428(t testing.TB, address string) *logs.Cluster {
	t.Helper()
	s, err := logs.OpenCluster(logs.ClusterOptions{URL: address, Tenants: logs.TenantMap{"one": tenant.Add(1), "two": tenant.Add(1)}, Keep: logs.DefaultKeep})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNodeDown takes a node of a cluster away and brings it back.
func TestNodeDown(t *testing.T) {
	address, nodes := front(t)
	s := at9428(t, address)
	q := logs.Query{Org: "one"}
	count := func(q logs.Query) (n int, out logs.Outcome, err error) {
		out, err = s.Rows(t.Context(), q, func(logs.Row) error { n++; return nil })
		return n, out, err
	}
	add(t, s, "one", some(600)...)
	if n, out, err := count(q); err != nil || n != 600 || out.Partial {
		t.Fatalf("%d events, %+v, %v", n, out, err)
	}

	nodes[0].stop(false)
	var f *fault.Error
	if _, _, err := count(q); !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Hint == "" {
		t.Fatalf("with a node down the answer is %v, want a fault", err)
	}
	q.Partial = true
	part, out, err := count(q)
	if err != nil || !out.Partial || part == 0 || part >= 600 {
		t.Fatalf("of one node there are %d events, %+v, %v", part, out, err)
	}
	if _, out, err := count(logs.Query{Org: "one", Text: "options(allow_partial_response=true) *"}); err != nil || !out.Partial {
		t.Errorf("what the question itself takes in part is not marked: %+v, %v", out, err)
	}
	series, out, err := s.Hits(t.Context(), q, 24*time.Hour, "", 0)
	if err != nil || !out.Partial || len(series) != 1 || series[0].Total != int64(part) {
		t.Errorf("hits of one node: %+v, %+v, %v", series, out, err)
	}

	more := some(1000)[600:]
	if err := s.Add(t.Context(), "one", more); err != nil {
		t.Fatalf("what comes meanwhile is not taken: %v", err)
	}
	deadline, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Flush(deadline); err != nil {
		t.Fatal(err)
	}
	until(t, func() error { // what goes to another node is found within a second
		if n, _, err := count(q); err != nil || n != part+400 {
			return fmt.Errorf("%d events of the node that is left, want %d: %v", n, part+400, err)
		}
		return nil
	})

	nodes[0].start()
	q.Partial = false
	until(t, func() error { // the front tries a node that failed again after a while
		if n, out, err := count(q); err != nil || n != 1000 || out.Partial {
			return fmt.Errorf("with both nodes back there are %d events of 1000, %+v, %v", n, out, err)
		}
		return nil
	})
}

// until tries until nothing is wrong, for a while.
func until(t testing.TB, try func() error) {
	t.Helper()
	var err error
	for range 150 {
		if err = try(); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error(err)
}

// TestPartialIsMarkedOnlyWhenItIs asks for what there is while all is there.
func TestPartialIsMarkedOnlyWhenItIs(t *testing.T) {
	s := cluster(t)
	add(t, s, "one", some(10)...)
	if list, out := rows(t, s, logs.Query{Org: "one", Partial: true}); len(list) != 10 || out.Partial {
		t.Errorf("%d events, %+v", len(list), out)
	}
	if settled, err := s.Settled(t.Context()); err != nil || !settled.IsZero() {
		t.Errorf("settled %v at once: %v", settled, err)
	}
	u, err := s.Usage(t.Context())
	if err != nil || u.Events != 10 || !u.Oldest.Equal(start) {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := at9428(t, "http://user:secret@"+l.Addr().String())
	var f *fault.Error
	for _, err := range []error{s.Add(t.Context(), "one", some(1)), s.Flush(t.Context())} {
		if !errors.As(err, &f) || f.Kind != fault.Unavailable || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}
	for _, address := range []string{"", "logs:9428", "ftp://x", "http://"} {
		if _, err := logs.OpenCluster(logs.ClusterOptions{URL: address}); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
