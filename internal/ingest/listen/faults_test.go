package listen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

// TestABrokenReaderEndsNoServer: a panic at one message costs its connection, or the
// datagram, and nothing else.
func TestABrokenReaderEndsNoServer(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f, SourceOf: func(_, host string, _ netip.Addr) string {
		if host == "boom" {
			panic("oh")
		}
		return ""
	}}, "syslog+tcp://127.0.0.1:0", "syslog+udp://127.0.0.1:0")
	for i, network := range []string{"tcp", "udp"} {
		send(t, dial(t, network, r.addr(i)), "<13>1 - boom app - - - one\n")
		eventually(t, func() string {
			if s := r.Set.Status()[i]; s.Broken+s.Rejected != 1 || s.State == Failing {
				return "the broken message is not told of"
			}
			return ""
		})
		send(t, dial(t, network, r.addr(i)), "<13>1 - web app - - - two\n")
		f.wait(t, i+1)
	}
}

// TestSlowCallsGiveTheirPlacesBack: who does not send his message on does not keep
// the others out.
func TestSlowCallsGiveTheirPlacesBack(t *testing.T) {
	r := collect(t, Config{Taker: newFake(), Org: "acme"}, "otlp+grpc://127.0.0.1:0?token=none")
	r.Set.list[0].worker.(*rpc).patience = 200 * time.Millisecond
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}, Timeout: time.Minute}
	ended := make(chan error)
	for range 2 * atOnce {
		body, pipe := io.Pipe()
		defer pipe.Close()
		go func() {
			req, err := http.NewRequestWithContext(context.Background(), "POST", "http://"+r.addr(0)+exportLogs, body)
			if err == nil {
				req.Header.Set("Content-Type", "application/grpc")
				var resp *http.Response
				if resp, err = client.Do(req); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if says := resp.Trailer.Get("Grpc-Message"); err == nil && !strings.Contains(says, "no%20message") {
						err = fmt.Errorf("the answer is %d %s", resp.StatusCode, says)
					}
				}
			}
			ended <- err
		}()
	}
	for range 2 * atOnce {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a call without a message holds its place")
		}
	}
}

// TestPipesAreNotOpened: what is no file holds the collector not up.
func TestPipesAreNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); errors.Is(err, errors.ErrUnsupported) {
		testenv.Skip(t, "this system has no pipes with names: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error)
	go func() {
		f, err := openRegular(path)
		if err == nil {
			f.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		if err == nil {
			t.Error("a pipe is taken for a file")
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for who writes into the pipe")
	}
}
