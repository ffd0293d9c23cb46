package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// collecting runs the program with collectors for as long as f takes, then ends it with a
// signal.
func collecting(t *testing.T, data string, end os.Signal, urls []string, f func()) {
	t.Helper()
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0"}
	for _, url := range urls {
		args = append(args, "--collect", url)
	}
	p := startProgram(t, args...)
	f()
	p.end(end)
}

// asked answers a question to the events of a data folder that no program holds.
func asked(t *testing.T, data, question string) (rows []logs.Row) {
	t.Helper()
	h := open(t, app.Config{Data: data})
	defer h.app.Close()
	ctx := context.Background()
	h.must(h.app.OpenIntake(ctx))
	defer h.app.CloseIntake(ctx)
	h.must(h.app.Intake.Drained(ctx))
	h.must(h.app.Logs.Flush(ctx))
	_, err := h.app.Logs.Rows(ctx, logs.Query{Org: auth.HomeID, Text: question}, func(r logs.Row) error {
		rows = append(rows, r)
		return nil
	})
	h.must(err)
	return rows
}

// free is an address that nobody listens at just now.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestServeCollects sends syslog to a program and looks at what is stored: the parser that
// fits has read it, and the source that claims the machine has it.
func TestServeCollects(t *testing.T) {
	data, addr := filepath.Join(t.TempDir(), "data"), free(t)
	h := open(t, app.Config{Data: data})
	h.own("owner@acme.example")
	h.must(h.app.Close())
	collecting(t, data, os.Interrupt, []string{"syslog+tcp://" + addr}, func() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "<38>1 %s web-1 sshd 4321 - - Failed password for invalid user bob from 192.0.2.7 port 2222 ssh2\n", time.Now().UTC().Format(time.RFC3339))
		h.must(c.(*net.TCPConn).CloseWrite())
		h.must(c.SetReadDeadline(time.Now().Add(time.Minute)))
		if _, err := io.Copy(io.Discard, c); err != nil { // it hangs up when it has taken all
			t.Fatal(err)
		}
	})
	rows := asked(t, data, "*")
	if len(rows) != 1 {
		t.Fatalf("%d events are stored", len(rows))
	}
	for name, want := range map[string]string{"_msg": "Failed password for invalid user bob from 192.0.2.7 port 2222 ssh2", "host.name": "web-1", "process.name": "sshd", "process.pid": "4321", "user.name": "bob", "source.ip": "192.0.2.7",
		"event.outcome": "failure", "binnacle.source": "syslog", "log.syslog.facility.name": "auth"} {
		if got := rows[0].Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestKilledWhileFollowing kills the program again and again while it follows a
// file that grows and is rotated. In the end every line is stored once.
func TestKilledWhileFollowing(t *testing.T) {
	data, folder := filepath.Join(t.TempDir(), "data"), t.TempDir()
	h := open(t, app.Config{Data: data})
	h.own("owner@acme.example")
	h.must(h.app.Close())
	const total, rounds = 20_000, 5
	path, n := filepath.Join(folder, "app.log"), 0
	write := func(lines int) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range lines {
			fmt.Fprintf(f, "%s web app[1]: line %d\n", time.Now().Format("Jan _2 15:04:05"), n)
			n++
		}
	}
	urls := []string{"file:" + path}
	for round := range rounds {
		collecting(t, data, os.Kill, urls, func() {
			for range 10 {
				write(total / rounds / 10)
				time.Sleep(time.Duration(20+10*round) * time.Millisecond)
			}
		})
		if round%2 == 1 {
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, round)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var count, unique string
	for until := time.Now().Add(60 * time.Second); count != fmt.Sprint(total) && time.Now().Before(until); {
		collecting(t, data, os.Interrupt, urls, func() { time.Sleep(2 * time.Second) })
		rows := asked(t, data, "* | stats count() n, count_uniq(_msg) u")
		count, unique = rows[0].Get("n"), rows[0].Get("u")
	}
	if count != fmt.Sprint(total) || unique != count {
		t.Errorf("%s lines are stored, %s of them different; %d were written", count, unique, total)
	}
}

// TestCollectorsAreShown looks at the page of sources: a collector with where it
// listens and what went wrong, and none for another organisation.
func TestCollectorsAreShown(t *testing.T) {
	h := open(t, app.Config{})
	s := h.own("owner@acme.example")
	cookies := []*http.Cookie{{Name: "binnacle_session", Value: s.Secret}}
	if strings.Contains(h.page("/sources", cookies), "h-collectors") {
		t.Error("collectors are shown where there are none")
	}
	specs, err := listen.Parse("syslog+udp://127.0.0.1:0?source=edge&zone=UTC", "syslog+tcp://127.0.0.1:0?org=other")
	h.must(err)
	set, err := listen.Open(t.Context(), listen.Config{Dir: t.TempDir(), Org: auth.HomeID}, specs)
	h.must(err)
	defer set.Close()
	h.app.Collectors = set
	page := h.page("/sources", cookies)
	for _, want := range []string{"h-collectors", "udp://127.0.0.1:0?source=edge&amp;zone=UTC", set.Status()[0].Where, "works"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(page, "tcp://") || strings.Contains(page, set.Status()[1].Where) {
		t.Error("the page shows what collects for another organisation")
	}
}

// TestCanariesAreNoSilentSource: what the program sends itself from time to time is
// not missed meanwhile.
func TestCanariesAreNoSilentSource(t *testing.T) {
	h := open(t, app.Config{})
	s := h.own("owner@acme.example")
	h.must(h.app.OpenIntake(t.Context()))
	defer h.app.CloseIntake(t.Context())
	if _, err := h.app.Intake.Take(t.Context(), ingest.Batch{Org: auth.HomeID, Source: event.CanarySource, Records: []ingest.Record{{Data: []byte(`{"a":1}`)}}}); err != nil {
		t.Fatal(err)
	}
	cookies := []*http.Cookie{{Name: "binnacle_session", Value: s.Secret}}
	for _, path := range []string{"/sources", "/sources/" + event.CanarySource} {
		page := h.page(path, cookies)
		if !strings.Contains(page, "for tests") || !strings.Contains(page, "events that prove rules") || strings.Contains(page, "not described yet") {
			t.Errorf("%s: canaries are shown as a source that somebody forgot to describe", path)
		}
	}
}
