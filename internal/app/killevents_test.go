package app_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// manyEvents makes the test of killed events a long one: how many to send.
const manyEvents = "BINNACLE_KILL_EVENTS"

// eventKill sends events to a program that is killed again and again.
type eventKill struct {
	t       *testing.T
	cfg     app.Config
	token   string
	batches int
	next    atomic.Int64 // the batch that is sent next
	base    atomic.Value // where the program answers
	done    atomic.Int64 // batches that were acknowledged
}

const killBatch = 250 // events, and one that is refused

// TestKilledWhileEventsCome kills the program while events come in over HTTP.
// Whatever was not acknowledged is sent again. In the end every event is in the
// store once, and at every moment the numbers add up.
func TestKilledWhileEventsCome(t *testing.T) {
	total := 30_000
	if n, err := strconv.Atoi(os.Getenv(manyEvents)); err == nil {
		total = n
	}
	k := &eventKill{t: t, cfg: app.Config{Data: filepath.Join(t.TempDir(), "data")}, batches: total / killBatch}
	k.token = k.prepared()
	var senders sync.WaitGroup
	for range 3 {
		senders.Go(k.send)
	}
	rounds := 0
	for ; int(k.done.Load()) < k.batches; rounds++ {
		part := int64(k.batches * (rounds + 1) / 10)
		k.live(func() {
			for until := time.Now().Add(30 * time.Second); k.done.Load() < min(part, int64(k.batches)) && time.Now().Before(until); {
				k.adds()
				time.Sleep(20 * time.Millisecond)
			}
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		})
		if rounds > 50 {
			t.Fatalf("%d of %d batches are acknowledged", k.done.Load(), k.batches)
		}
	}
	senders.Wait()
	if rounds < 4 {
		t.Fatalf("the program was killed %d times only", rounds)
	}
	k.live(k.settled)
	k.stored() // after one more kill
}

func (k *eventKill) prepared() string {
	if err := os.Mkdir(k.cfg.Data, 0o700); err != nil {
		k.t.Fatal(err)
	}
	h := open(k.t, k.cfg)
	defer h.app.Close()
	s := h.own("owner@acme.example")
	_, token, err := h.auth.CreateIngestToken(k.t.Context(), s.Principal, "kill", time.Time{})
	h.must(err)
	return token
}

// live runs the program for as long as f takes, and kills it.
func (k *eventKill) live(f func()) {
	k.t.Helper()
	p := startProgram(k.t, "serve", "--data", k.cfg.Data, "--listen", "127.0.0.1:0")
	k.base.Store(p.base)
	f()
	k.base.Store("")
	p.end(os.Kill)
	if strings.Contains(p.errs.String(), "damaged") {
		k.t.Errorf("the spool is damaged:\n%s", &p.errs)
	}
}

// send sends batches until there are no more, each until it is acknowledged.
func (k *eventKill) send() {
	for n := k.next.Add(1) - 1; n < int64(k.batches); n = k.next.Add(1) - 1 {
		var body strings.Builder
		for i := range killBatch {
			fmt.Fprintf(&body, `{"event.id":"k-%d-%d","message":"event %d of batch %d","n":%d,"user.name":"ann"}`+"\n", n, i, i, n, i)
		}
		body.WriteString(`{"@timestamp":"1970-01-01T00:00:00Z","message":"too old"}` + "\n")
		for !k.post(body.String()) {
			time.Sleep(20 * time.Millisecond)
		}
		k.done.Add(1)
	}
}

func (k *eventKill) post(body string) bool {
	base, _ := k.base.Load().(string)
	if base == "" {
		return false
	}
	r, err := http.NewRequest("POST", base+"/ingest/json", strings.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+k.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode < 500 && res.StatusCode != http.StatusOK && res.StatusCode != http.StatusTooManyRequests {
		k.t.Errorf("status %d: %s", res.StatusCode, answer)
		return true
	}
	return err == nil && res.StatusCode == http.StatusOK
}

var ingestMetric = regexp.MustCompile(`(?m)^binnacle_ingest_([a-z]+)(?:_total|_events)\{[^}]*\} ([0-9.e+]+)$`)

// numbers reads the counters of the program.
func (k *eventKill) numbers() map[string]float64 {
	out := map[string]float64{}
	res, err := http.Get(k.base.Load().(string) + "/metrics")
	if err != nil {
		return out
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return out
	}
	for _, m := range ingestMetric.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			k.t.Fatal(err)
		}
		out[m[1]] += n
	}
	return out
}

// adds checks that the numbers add up now.
func (k *eventKill) adds() map[string]float64 {
	k.t.Helper()
	n := k.numbers()
	if sum := n["stored"] + n["duplicate"] + n["rejected"] + n["dropped"] + n["waiting"]; n["accepted"] != sum {
		k.t.Errorf("the numbers do not add up: %v", n)
	}
	return n
}

// settled waits until nothing waits, and checks the numbers.
func (k *eventKill) settled() {
	k.t.Helper()
	var n map[string]float64
	for until := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if n = k.adds(); n["waiting"] == 0 && n["accepted"] > 0 {
			break
		}
		if time.Now().After(until) {
			k.t.Fatalf("events still wait: %v", n)
		}
	}
	if want := float64(k.batches * killBatch); n["stored"] != want || n["dropped"] != 0 || n["rejected"] < float64(k.batches) {
		k.t.Errorf("%v; %v events were sent", n, want)
	}
}

// stored counts what is in the store once what was in memory when the program was
// killed is stored from the spool.
func (k *eventKill) stored() {
	k.t.Helper()
	h := open(k.t, k.cfg)
	defer h.app.Close()
	h.must(h.app.OpenIntake(k.t.Context()))
	h.must(h.app.Intake.Drained(k.t.Context()))
	h.must(h.app.Logs.Flush(k.t.Context()))
	defer h.app.CloseIntake(k.t.Context())
	var count, unique string
	_, err := h.app.Logs.Rows(k.t.Context(), logs.Query{Org: auth.HomeID, Text: `* | stats count() n, count_uniq("event.id") u`}, func(r logs.Row) error {
		count, unique = r.Get("n"), r.Get("u")
		return nil
	})
	if want := strconv.Itoa(k.batches * killBatch); err != nil || count != want || unique != want {
		k.t.Errorf("%s events are stored with %s ids; %s were sent; %v", count, unique, want, err)
	}
}
