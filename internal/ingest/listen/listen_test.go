package listen

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// kept is a record with its memory its own.
type kept struct {
	org, source, format string
	data, id            string
	time                time.Time
	zone                *time.Location // of the batch
	fields              map[string]string
}

// fake is a Taker in memory. Records with one id are one record, as they are in
// the real one.
type fake struct {
	mu      sync.Mutex
	list    []kept
	ids     map[string]bool
	batches int
	refuse  error // what Take answers
	asked   int
	room    int // what Offer still takes; -1: all
	reject  string
	crash   func() // called after a batch was taken, before Take returns
}

func newFake() *fake { return &fake{ids: map[string]bool{}, room: -1} }

func (f *fake) Take(_ context.Context, b ingest.Batch) (ingest.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.refuse != nil {
		return ingest.Receipt{}, f.refuse
	}
	r := f.keep(b)
	if f.crash != nil {
		f.crash()
	}
	return r, nil
}

func (f *fake) Offer(b ingest.Batch) ingest.Receipt {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room >= 0 {
		b.Records = b.Records[:min(len(b.Records), f.room)]
		f.room -= len(b.Records)
	}
	return f.keep(b)
}

func (f *fake) keep(b ingest.Batch) ingest.Receipt {
	f.batches++
	r := ingest.Receipt{Accepted: len(b.Records)}
	for i, rec := range b.Records {
		if rec.Problem != "" || f.reject != "" && strings.Contains(string(rec.Data), f.reject) {
			r.Rejected = append(r.Rejected, ingest.Rejection{Record: i, Reason: "not-json", Detail: "x"})
			continue
		}
		if rec.ID != "" && f.ids[rec.ID] {
			continue
		}
		f.ids[rec.ID] = true
		k := kept{org: b.Org, source: b.Source, format: b.Format, data: string(rec.Data), id: rec.ID, time: rec.Time, zone: b.Zone, fields: map[string]string{}}
		for _, x := range slices.Concat(rec.Fields, rec.Sure) {
			if _, twice := k.fields[x.Name]; twice {
				panic("the field " + x.Name + " is there twice")
			}
			k.fields[x.Name] = x.Value
		}
		f.list = append(f.list, k)
	}
	return r
}

func (f *fake) refuses(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

func (f *fake) all() []kept {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (f *fake) data() []string {
	var out []string
	for _, k := range f.all() {
		out = append(out, k.data)
	}
	return out
}

// wait waits until n records are there, and returns them.
func (f *fake) wait(t testing.TB, n int) []kept {
	t.Helper()
	eventually(t, func() string {
		if got := len(f.all()); got < n {
			return fmt.Sprintf("%d records came, want %d", got, n)
		}
		return ""
	})
	return f.all()
}

// eventually waits until nothing is wrong any more.
func eventually(t testing.TB, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		says := wrong()
		if says == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(says)
		}
	}
}

// running is a set that runs.
type running struct {
	*Set
	t    testing.TB
	stop func()
}

// collect opens collectors and runs them until the test ends, or stop is called.
func collect(t testing.TB, cfg Config, urls ...string) *running {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Org == "" {
		cfg.Org = "home"
	}
	specs, err := Parse(urls...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Open(t.Context(), cfg, specs)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		set.Run(ctx)
	}()
	r := &running{Set: set, t: t, stop: sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			t.Error("the collectors did not stop")
		}
	})}
	t.Cleanup(r.stop)
	return r
}

// port is the port that the i-th collector listens at.
func (r *running) port(i int) string {
	r.t.Helper()
	_, port, err := net.SplitHostPort(r.Status()[i].Where)
	if err != nil {
		r.t.Fatal(err)
	}
	return port
}

func (r *running) addr(i int) string { return "127.0.0.1:" + r.port(i) }

func dial(t testing.TB, network, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t testing.TB, c net.Conn, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestParseURLs(t *testing.T) {
	specs, err := Parse("syslog+udp://:5514", " syslog+tcp://127.0.0.1:0?source=edge&format=linux&org=acme&zone=Europe/Madrid&connections=5&idle=1h ")
	if err != nil {
		t.Fatal(err)
	}
	if s := specs[0]; s.Place != ":5514" || s.Source != "syslog" || s.Format != "" || s.Org != "" || s.Zone != time.UTC {
		t.Errorf("got %+v", s)
	}
	if s := specs[1]; s.Place != "127.0.0.1:0" || s.Source != "edge" || s.Format != "linux" || s.Org != "acme" || s.Zone.String() != "Europe/Madrid" {
		t.Errorf("got %+v", s)
	}
}

// TestWrongURLs looks at what a person is told: the flag, what is wrong, and what to
// write.
func TestWrongURLs(t *testing.T) {
	for url, says := range map[string]string{
		"":                                     "begins with no known scheme",
		"5514":                                 "begins with no known scheme",
		"http://x":                             "begins with no known scheme",
		"syslog+udp":                           "begins with no known scheme",
		"syslog+udp:5514":                      "no address to listen at",
		"syslog+udp://5514":                    "no address to listen at",
		"syslog+udp://:x":                      "no address to listen at",
		"syslog+udp://:70000":                  "no address to listen at",
		"syslog+udp://:5514/path":              "no address to listen at",
		"syslog+udp://:5514?sorce=x":           `no parameter "sorce"`,
		"syslog+udp://:5514?source=x&source=y": "given twice",
		"syslog+udp://:5514?format=sshd":       `no format "sshd"`,
		"syslog+udp://:5514?source=a+b":        "cannot be the name of a source",
		"syslog+udp://:5514?zone=Mars":         `zone "Mars" is not known`,
		"syslog+udp://:5514?a=%zz":             "parameters cannot be read",
		"syslog+tls://:6514":                   "cert is missing",
		"syslog+tls://:6514?cert=x":            "key is missing",
		"syslog+tcp://:5514?connections=0&x":   `no parameter "x"`,
	} {
		_, err := Parse(url)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "--collect") || fault.HintOf(err) == "" {
			t.Errorf("%q: got %v (hint %q), want one that says %q", url, err, fault.HintOf(err), says)
		}
	}
	if _, err := Parse("syslog+udp://:1", "syslog+udp://:1?source=x"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("one address twice: %v", err)
	}
}

// TestOpenSaysWhatIsWrong looks at what is only known when it starts.
func TestOpenSaysWhatIsWrong(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for url, says := range map[string]string{
		"syslog+tcp://" + busy.Addr().String():       "cannot listen",
		"syslog+tls://:0?cert=/nowhere&key=/nowhere": "certificate cannot be used",
		"syslog+tcp://:0?connections=0":              "connections=0 is no number",
		"syslog+tcp://:0?idle=soon":                  "idle=soon is no duration",
		"syslog+tcp://:0?org=nobody":                 `no organisation "nobody"`,
	} {
		specs, err := Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), Config{Taker: newFake(), Dir: t.TempDir(), Org: "home", CheckOrg: func(_ context.Context, org string) error {
			if org != "home" {
				return fault.New(fault.NotFound, "no")
			}
			return nil
		}}, specs)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "--collect") || fault.HintOf(err) == "" {
			t.Errorf("%q: got %v (hint %q), want one that says %q", url, err, fault.HintOf(err), says)
		}
	}
}

func TestSyslogOverUDP(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+udp://127.0.0.1:0?source=edge&org=acme&format=auto")
	c := dial(t, "udp", r.addr(0))
	send(t, c, "<38>Nov  3 09:01:02 web-1 sshd[4321]: Failed password for root\n", "<13>no header", "   ", "")
	got := f.wait(t, 2)
	slices.SortFunc(got, func(a, b kept) int { return strings.Compare(a.data, b.data) })
	k := got[0]
	if k.data != "Failed password for root" || k.org != "acme" || k.source != "edge" || k.format != "auto" || k.fields["host.name"] != "web-1" || k.fields["process.name"] != "sshd" || k.fields[FieldSender] != c.LocalAddr().String() {
		t.Errorf("got %+v", k)
	}
	if k := got[1]; k.data != "no header" || k.fields["host.name"] != "127.0.0.1" {
		t.Errorf("without a host, the sender is it: %+v", k)
	}
	if s := r.Status()[0]; s.Taken != 2 || s.State != Running || s.Last.IsZero() {
		t.Errorf("status %+v", s)
	}
}

// TestSourcesOfMachines sends by one collector for machines of several sources, one of
// which is of another zone.
func TestSourcesOfMachines(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	f := newFake()
	cfg := Config{Taker: f, Now: func() time.Time { return time.Date(2026, 7, 20, 0, 0, 0, 0, time.UTC) },
		SourceOf: func(org, host string, from netip.Addr) string {
			if org == "home" && host == "fw" && from.IsLoopback() {
				return "firewall"
			}
			return ""
		},
		Zone: func(org, source string) *time.Location {
			if source == "firewall" {
				return madrid
			}
			return nil
		}}
	r := collect(t, cfg, "syslog+udp://127.0.0.1:0", "syslog+tcp://127.0.0.1:0", "syslog+tcp://127.0.0.1:0?source=mine&zone=UTC")
	for i, network := range []string{"udp", "tcp", "tcp"} {
		send(t, dial(t, network, r.addr(i)), "<13>Jul 19 10:00:00 fw a: x\n", "<13>Jul 19 10:00:00 web a: y\n")
	}
	got := map[string]int{}
	for _, k := range f.wait(t, 6) {
		got[k.source+" "+k.data+" "+k.time.UTC().Format("15:04")]++
	}
	for want, n := range map[string]int{"firewall x 08:00": 2, "syslog y 10:00": 2, "mine x 10:00": 1, "mine y 10:00": 1} {
		if got[want] != n {
			t.Errorf("%d of %q, want %d; all: %v", got[want], want, n, got)
		}
	}
}

// TestZoneOfURL: what a URL says of times holds for what is read in the messages too.
func TestZoneOfURL(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := collect(t, Config{Taker: f, Dir: t.TempDir()}, "syslog+udp://127.0.0.1:0?source=udp&zone=Europe/Madrid", "syslog+tcp://127.0.0.1:0?source=tcp&zone=Europe/Madrid", "syslog+tcp://127.0.0.1:0?source=none", "file:"+dir+"/a.log?source=file&zone=Europe/Madrid")
	for i, network := range []string{"udp", "tcp", "tcp"} {
		send(t, dial(t, network, r.addr(i)), "<13>Jul 19 10:00:00 web a: y\n")
	}
	for _, k := range f.wait(t, 4) {
		if want := k.source != "none"; (k.zone != nil && k.zone.String() == "Europe/Madrid") != want {
			t.Errorf("%s: the zone is %v", k.source, k.zone)
		}
	}
}

func TestWhatIsDroppedIsCounted(t *testing.T) {
	f := newFake()
	f.room = 3
	r := collect(t, Config{Taker: f}, "syslog+udp://127.0.0.1:0")
	c := dial(t, "udp", r.addr(0))
	for i := range 10 {
		send(t, c, fmt.Sprintf("<13>%d", i))
	}
	eventually(t, func() string {
		if s := r.Status()[0]; s.Taken != 3 || s.Dropped != 7 {
			return fmt.Sprintf("taken %d, dropped %d, want 3 and 7", s.Taken, s.Dropped)
		}
		return ""
	})
}

func TestQueueIsBounded(t *testing.T) {
	q := &queue{some: make(chan struct{}, 1)}
	n := 0
	for q.put(datagram{data: make([]byte, 64<<10)}) {
		if n++; n > maxQueued {
			t.Fatal("it takes without end")
		}
	}
	if n*64<<10 > maxQueuedBytes {
		t.Errorf("%d bytes are held", n*64<<10)
	}
	if len(q.all()) != n || !q.put(datagram{}) {
		t.Error("once emptied there is room again")
	}
}

// TestFramings sends both framings over one connection, cut anywhere.
func TestFramings(t *testing.T) {
	stream := "<13>one\n" + "7 <13>two" + "<13>3 <three>\n" + "9 <13>fo\nur" + "42\n" + "2026 is no length\n" + "\r\n" + "<13>last"
	want := []string{"one", "two", "3 <three>", "fo\nur", "42", "2026 is no length", "last"}
	for size := 1; size < 9; size++ {
		f := newFake()
		r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0")
		c := dial(t, "tcp", r.addr(0))
		for rest := stream; rest != ""; rest = rest[min(size, len(rest)):] {
			send(t, c, rest[:min(size, len(rest))])
			if size < 3 {
				time.Sleep(100 * time.Microsecond)
			}
		}
		c.Close()
		f.wait(t, len(want))
		if got := f.data(); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: got %q, want %q", size, got, want)
		}
		r.stop()
	}
}

// TestNoMessageWaitsForTheNext sends a message and half of another.
func TestNoMessageWaitsForTheNext(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0")
	c := dial(t, "tcp", r.addr(0))
	send(t, c, "<13>one\n<13>tw")
	f.wait(t, 1)
	send(t, c, "o\n300 <13>x")
	f.wait(t, 2)
	if got := f.data(); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
}

// TestLongMessages sends messages over the limit in both framings, and looks that
// those around them come through.
func TestLongMessages(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0")
	c := dial(t, "tcp", r.addr(0))
	long := "<13>" + strings.Repeat("x", maxMessage+3000)
	send(t, c, "<13>a\n", long, "\n<13>b\n", fmt.Sprint(len(long)), " ", long, "<13>c\n", "<13>"+strings.Repeat("y", maxMessage-4)+"\n", "<13>d\n")
	got := f.wait(t, 7)
	for i, want := range []int{1, maxMessage - 4, 1, maxMessage - 4, 1, maxMessage - 4, 1} {
		if len(got[i].data) != want {
			t.Errorf("message %d has %d bytes, want %d", i, len(got[i].data), want)
		}
		if cut := got[i].fields[FieldFlags] == "truncated"; cut != (i == 1 || i == 3) {
			t.Errorf("message %d: cut %v", i, cut)
		}
	}
}

// TestTakingNothingHoldsSendersBack fills a connection while nothing is taken, then
// looks that everything arrives in order.
func TestTakingNothingHoldsSendersBack(t *testing.T) {
	f := newFake()
	f.refuses(&fault.Error{Kind: fault.RateLimited, Msg: "full", RetryAfter: 10 * time.Millisecond})
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0")
	c := dial(t, "tcp", r.addr(0))
	c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	message := "<13>" + strings.Repeat("z", 1000) + "\n"
	sent := 0
	for {
		if _, err := c.Write([]byte(message)); err != nil {
			break
		}
		if sent++; sent > 100_000 {
			t.Fatal("the sender was not held back")
		}
	}
	if s := r.Status()[0]; s.State != Waiting || s.Taken != 0 || !strings.Contains(s.Err, "full") {
		t.Errorf("status %+v", s)
	}
	f.refuses(nil)
	f.wait(t, sent)
	if s := r.Status()[0]; s.State != Running {
		t.Errorf("status %+v", s)
	}
}

// TestBrokenSendersCostNobodyElse opens connections that are idle, broken and
// hostile, and sends over another one.
func TestBrokenSendersCostNobodyElse(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0?connections=40")
	for range 9 {
		dial(t, "tcp", r.addr(0))
	}
	send(t, dial(t, "tcp", r.addr(0)), "99999999 <13>")
	eventually(t, func() string {
		if s := r.Status()[0]; s.Broken != 1 {
			return fmt.Sprintf("status %+v", s)
		}
		return ""
	})
	cut := dial(t, "tcp", r.addr(0))
	send(t, cut, "100 <13>never")
	eventually(t, func() string {
		if s := r.Status()[0]; s.Open < 10 {
			return fmt.Sprintf("%d are open", s.Open)
		}
		return ""
	})
	for range 5 { // a quarter of 40 is from here already
		c := dial(t, "tcp", r.addr(0))
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("it was not refused")
		}
	}
	cut.Close()
	eventually(t, func() string {
		if s := r.Status()[0]; s.Open != 9 || s.Broken != 7 || s.Err == "" {
			return fmt.Sprintf("status %+v", s)
		}
		return ""
	})
	c := dial(t, "tcp", r.addr(0))
	send(t, c, "<13>fine\n")
	if got := f.wait(t, 1); got[0].data != "fine" {
		t.Errorf("got %q", got[0].data)
	}
}

// TestWhatWasSentIsTakenAtTheEnd stops while a message is in the buffer.
func TestWhatWasSentIsTakenAtTheEnd(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0")
	c := dial(t, "tcp", r.addr(0))
	send(t, c, "<13>one\n")
	f.wait(t, 1)
	r.stop()
	if _, err := net.Dial("tcp", c.RemoteAddr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestGELF(t *testing.T) {
	f := newFake()
	r := collect(t, Config{Taker: f}, "gelf+udp://127.0.0.1:0", "gelf+tcp://127.0.0.1:0?source=docker")
	u := dial(t, "udp", r.addr(0))
	const m = `{"version":"1.1","host":"h","short_message":"hello, world","level":3}`
	send(t, u, m, "\x1e\x0f12345678\x01\x02"+m[20:], "\x1e\x0f12345678\x00\x02"+m[:20], "{", "\x1e\x0f")
	c := dial(t, "tcp", r.addr(1))
	send(t, c, m+"\x00", "{}\x00", m+"\x00")
	for _, k := range f.wait(t, 4) {
		if k.data != "hello, world" || k.fields["host.name"] != "h" || k.fields["log.level"] != "error" || k.source != "gelf" && k.source != "docker" {
			t.Errorf("got %+v", k)
		}
	}
	eventually(t, func() string {
		a, b := r.Status()[0], r.Status()[1]
		if a.Rejected != 1 || a.Broken != 1 || b.Rejected != 1 || a.Err == "" || b.Err == "" {
			return fmt.Sprintf("rejected %d and %d, want 1 and 1; broken %d, want 1", a.Rejected, b.Rejected, a.Broken)
		}
		return ""
	})
}
