// Package post takes events that are sent over HTTP: JSON lines, the bulk form
// of Elasticsearch, pushes of Loki, logs of OpenTelemetry and webhooks of GitHub.
// Each answers as the product does whose senders speak to it.
package post

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// Config is what the listeners work with.
type Config struct {
	Taker ingest.Taker
	// Secret returns a secret of an organisation by its name; NotFound when there
	// is none.
	Secret func(ctx context.Context, org, name string) (string, error)

	held     *held // by who has a token
	unsigned *held // by anybody, until the signature is checked
}

// Limits of a request.
const (
	maxBody  = 1 << 30       // bytes as they come
	maxPlain = 8 << 30       // bytes unpacked of what is taken in parts
	maxWhole = 48 << 20      // bytes unpacked of what is taken all or nothing
	mostHeld = 10 * maxWhole // of all requests together, as they come
	part     = 4 << 20       // bytes that are taken at once of what is taken in parts
	perPart  = 20_000        // records
	timeout  = 10 * time.Minute
	shown    = 100 // rejections that an answer names
)

// Routes returns the addresses of the listeners.
func Routes(c Config) []door.Route {
	c.held, c.unsigned = &held{left: mostHeld}, &held{left: mostHeld / 4}
	r := func(method, pattern string, handle door.Handler) door.Route {
		return door.Route{Method: method, Pattern: pattern, Face: door.API, Verb: auth.Ingest, MaxBody: maxBody, Timeout: timeout, Handle: handle}
	}
	routes := []door.Route{
		r("POST", "/ingest/json", c.lines),
		r("POST", "/ingest/loki/api/v1/push", c.loki),
		r("POST", "/ingest/otlp/v1/logs", c.otlp),
	}
	for _, pattern := range []string{"/ingest/elastic", "/ingest/elastic/{path...}"} {
		for _, method := range []string{"GET", "POST", "PUT"} {
			routes = append(routes, r(method, pattern, c.elastic))
		}
	}
	hook := r("POST", "/ingest/github/{source}", c.github)
	hook.Verb, hook.MaxBody, hook.Timeout = auth.Public, 26<<20, time.Minute // what is signed needs no token
	return append(routes, hook)
}

// batch begins a batch as a request says.
func batch(r *http.Request) (ingest.Batch, error) {
	p := door.PrincipalOf(r.Context())
	q := r.URL.Query()
	b := ingest.Batch{Org: p.Org, Source: SourceOf(p, q.Get("source")), Format: q.Get("format"), Past: q.Get("past") == "1"}
	if b.Source == "" {
		return b, fault.New(fault.Invalid, "The request does not say which source it comes from.").Coded("ingest.no-source").WithHint("add ?source=NAME, or use a token of the source")
	}
	if err := mayCanary(p, b.Source); err != nil {
		return b, err
	}
	return b, ingest.CheckSource(b.Source)
}

// SourceOf is the source that somebody sends to: the one that is named, else the
// one that a token of a machine is named for; "" for none.
func SourceOf(p auth.Principal, named string) string {
	if named == "" && p.Token != "" && p.Account == "" {
		return ingest.SourceName(p.Name)
	}
	return named
}

// mayCanary refuses canaries of who may only write events: nothing is told of
// them, and whoever holds the token of a source could hide in them.
func mayCanary(p auth.Principal, source string) error {
	if source != event.CanarySource || p.Role != auth.RoleIngest && p.Cap != auth.RoleIngest {
		return nil
	}
	return fault.New(fault.Forbidden, "A token that only writes events sends no canaries.").Coded("ingest.canary").WithHint("send them from the page of detections, or as a person with: binnacle rules canary")
}

// answer is what senders of JSON are told.
type answer struct {
	Accepted   int         `json:"accepted"` // records that were taken, with those that were rejected
	Rejected   int         `json:"rejected"`
	Rejections []rejection `json:"rejections,omitempty"` // the first of them
	Error      string      `json:"error,omitempty"`      // why the rest was not taken
	Hint       string      `json:"hint,omitempty"`
}

type rejection struct {
	Record int    `json:"record"` // its place in the request, from 0
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

// add adds what became of a part whose first record is the number of those before.
func (a *answer) add(r ingest.Receipt) {
	for _, x := range r.Rejected {
		if len(a.Rejections) < shown {
			a.Rejections = append(a.Rejections, rejection{a.Accepted + x.Record, x.Reason, x.Detail})
		}
	}
	a.Accepted += r.Accepted
	a.Rejected += len(r.Rejected)
}

// send tells the sender what became of its request. When something was taken
// before an error, the answer says how much, so that the sender can go on there.
func (a *answer) send(w http.ResponseWriter, err error) error {
	status := http.StatusOK
	switch {
	case err != nil && a.Accepted == 0:
		return wait(w, err)
	case err != nil:
		_ = wait(w, err) // the headers alone
		status, a.Error, a.Hint = fault.KindOf(err).Status(), "Something failed here.", fault.HintOf(err)
		var f *fault.Error
		if errors.As(err, &f) && f.Kind != fault.Internal {
			a.Error = f.Msg
		}
	case a.Rejected == a.Accepted && a.Accepted > 0:
		status = http.StatusUnprocessableEntity
	}
	return write(w, status, a)
}

// wait sets Retry-After from an error and returns it.
func wait(w http.ResponseWriter, err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.RetryAfter.Seconds())))))
	}
	return err
}

// told is an error that a sender is told in the words of another product, and the
// status it has there, with Retry-After set; nil for what broke inside.
func told(w http.ResponseWriter, err error) (*fault.Error, int) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		return nil, 0
	}
	_ = wait(w, err)
	if f.Kind == fault.Invalid {
		return f, http.StatusBadRequest
	}
	return f, f.Kind.Status()
}

func write(w http.ResponseWriter, status int, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	return err
}

// held is how many bytes of bodies may be in memory, of all requests together.
type held struct {
	mu   sync.Mutex
	left int64
}

// take takes n bytes, or gives some back when n is negative.
func (h *held) take(n int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n > h.left {
		return false
	}
	h.left -= n
	return true
}

// holding takes of what may be held as a body is read.
type holding struct {
	in    io.Reader
	held  *held
	taken int64
}

func (h *holding) Read(b []byte) (int, error) {
	n, err := h.in.Read(b)
	if !h.held.take(int64(n)) {
		return 0, &fault.Error{Kind: fault.RateLimited, Code: "ingest.full", Msg: "Too many events are being read now.", Hint: "send them again later, or in smaller parts", RetryAfter: 2 * time.Second}
	}
	h.taken += int64(n)
	return n, err
}

// request reads what a request says of its events, and its body.
func (c Config) request(r *http.Request) (b ingest.Batch, data []byte, done func(), err error) {
	if b, err = batch(r); err != nil {
		return b, nil, nil, err
	}
	data, done, err = c.whole(r)
	return b, data, done, err
}

// whole reads a body that is taken all or nothing. Done gives its memory back.
func (c Config) whole(r *http.Request) (data []byte, done func(), err error) {
	in, err := unpacked(r)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	h := &holding{in: in, held: c.held}
	done = func() { c.held.take(-h.taken) }
	data, err = io.ReadAll(io.LimitReader(h, maxWhole+1))
	switch {
	case err != nil:
		err = unreadable(err)
	case len(data) > maxWhole:
		err = fault.New(fault.TooLarge, "The body has more than %d MiB when it is unpacked.", maxWhole>>20).Coded("ingest.body").WithHint("send it in parts")
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return data, done, nil
}

// tooMany is a body with more records than are taken all or nothing.
func tooMany() error {
	return fault.New(fault.TooLarge, "The body has more than %d records, or fields in all of them.", ingest.MaxRecords).Coded("ingest.records").WithHint("send it in parts")
}

// unreadable is a body that broke off or is not packed as it says.
func unreadable(err error) error {
	var big *http.MaxBytesError
	var said *fault.Error
	if errors.As(err, &big) || errors.As(err, &said) {
		return err
	}
	return &fault.Error{Kind: fault.Invalid, Code: "ingest.unreadable", Msg: "The body cannot be read: it broke off, or is not packed as Content-Encoding says.", Hint: "send it again", Err: err}
}

func media(r *http.Request) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
