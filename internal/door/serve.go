package door

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// house is a door that has been built.
type house struct {
	*Door
	mux      *http.ServeMux
	cross    *http.CrossOriginProtection
	csp      string
	refusals *throttle
}

func newHouse(d *Door) *house {
	h := &house{Door: d, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection(), csp: contentPolicy(nil), refusals: newThrottle(time.Minute)}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	for _, o := range d.Origins {
		if err := h.cross.AddTrustedOrigin(o); err != nil {
			panic(fmt.Sprintf("door: origin %q: %v", o, err))
		}
	}
	return h
}

// visit is one request on its way through the house.
type visit struct {
	id        string
	began     time.Time
	ip        string
	principal auth.Principal
	route     *Route
	resource  auth.Resource
	bearer    bool
	again     func(context.Context) (auth.Principal, error)
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	if v == nil {
		return &visit{}
	}
	return v
}

// PrincipalOf returns who asks; nobody outside a request.
func PrincipalOf(ctx context.Context) auth.Principal { return visitOf(ctx).principal }

// Again asks once more who is asking: in an answer that lasts, a session may
// have ended and a token may have been revoked since it began.
func Again(ctx context.Context) (auth.Principal, error) {
	v := visitOf(ctx)
	if v.again == nil {
		return v.principal, nil
	}
	p, err := v.again(ctx)
	p.IP, p.Via = v.principal.IP, v.principal.Via
	return p, err
}

// RequestID returns the id under which a request is in the log.
func RequestID(ctx context.Context) string { return visitOf(ctx).id }

// WithPrincipal returns a context in which p asks: for work outside a request,
// and for tests of handlers.
func WithPrincipal(ctx context.Context, p auth.Principal) context.Context {
	return context.WithValue(ctx, visitKey{}, &visit{principal: p, ip: p.IP})
}

// serve is the way of every request.
func (h *house) serve(w http.ResponseWriter, r *http.Request) {
	v := &visit{id: strings.ToLower(rand.Text()[:16]), began: time.Now(), ip: h.clientIP(r)}
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	rec := newRecorder(w, r)
	defer h.depart(rec, r, v)
	defer h.rescue(rec, r)
	h.setHeaders(rec.Header(), r)
	rec.Header().Set("X-Request-Id", v.id)
	if !h.knows(r) {
		h.fail(faceOf(r.URL.Path), rec, r, fault.New(fault.Forbidden, "This program does not answer to that name.").Coded("host").WithHint("use the address it was given, or start it with --base-url"))
		return
	}
	if !cleanPath(r.URL.Path) {
		h.enter(&methods{face: faceOf(r.URL.Path)}, rec, r)
		return
	}
	h.mux.ServeHTTP(rec, r)
}

// knows reports whether the request names this program: one of Hosts, or this
// machine. Health is answered under any name.
func (h *house) knows(r *http.Request) bool {
	return len(h.Hosts) == 0 || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" ||
		ownName(r.Host) || slices.ContainsFunc(h.Hosts, func(name string) bool { return strings.EqualFold(name, hostOnly(r.Host)) })
}

func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// ownName reports whether a Host header names this machine from within.
func ownName(host string) bool {
	name := hostOnly(host)
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}

// cleanPath refuses what a mux would redirect to another path, and what no
// route could mean.
func cleanPath(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\x00\\\r\n") {
		return false
	}
	return p == "/" || path.Clean(p) == strings.TrimSuffix(p, "/")
}

// enter answers at an address: finds the route, asks who is there, lets in.
func (h *house) enter(m *methods, w http.ResponseWriter, r *http.Request) {
	route := m.find(r.Method)
	switch {
	case route == nil && len(m.routes) == 0:
		h.fail(m.face, w, r, ErrNoRoute)
	case route == nil && r.Method == http.MethodOptions:
		w.Header().Set("Allow", m.allow())
		w.WriteHeader(http.StatusNoContent)
	case route == nil:
		w.Header().Set("Allow", m.allow())
		h.fail(m.face, w, r, &MethodError{Method: r.Method, Allow: m.allow()})
	default:
		visitOf(r.Context()).route = route
		if err := h.admit(route, w, r); err != nil {
			h.turnAway(route, w, r, err)
			return
		}
		h.handle(route, w, r)
	}
}

// NewServer returns a server for h with the limits of a program that stands in
// the open: headers come soon and are small, idle connections end. The times of
// single answers are the routes' own.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// ErrNoRoute says that nothing answers at an address.
var ErrNoRoute error = fault.New(fault.NotFound, "There is nothing at this address.").Coded("no-route")

// MethodError says that an address has no such method; it is shown as 405.
type MethodError struct{ Method, Allow string }

// Error says what the address answers to.
func (e *MethodError) Error() string {
	return fmt.Sprintf("%.20s is not answered here; %s are.", e.Method, e.Allow)
}

// StatusOf returns the HTTP status that shows err.
func StatusOf(err error) int {
	var m *MethodError
	if errors.As(err, &m) {
		return http.StatusMethodNotAllowed
	}
	return fault.KindOf(err).Status()
}

func (h *house) handle(route *Route, w http.ResponseWriter, r *http.Request) {
	limit := route.MaxBody
	if limit == 0 {
		limit = DefaultBody
	}
	if r.ContentLength > limit {
		h.fail(route.Face, w, r, tooLarge(limit))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	cancel := h.setTime(route, w, &r)
	defer cancel()
	if err := route.Handle(w, r); err != nil {
		h.turnAway(route, w, r, h.plain(route, r, err))
	}
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The body is over the limit of %s.", size(limit)).Coded("body").WithHint("send it in parts")
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// setTime gives a request its deadline, in the context and on the connection.
func (h *house) setTime(route *Route, w http.ResponseWriter, r **http.Request) context.CancelFunc {
	rec, _ := w.(*recorder)
	control := http.NewResponseController(w)
	if route.Stream {
		if rec != nil {
			rec.stream, rec.patient = true, cmp.Or(h.Patience, DefaultPatience)
		}
		control.SetReadDeadline(time.Time{})
		control.SetWriteDeadline(time.Time{})
		return h.untilEnding(r)
	}
	limit := route.Timeout
	if limit == 0 {
		limit = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout((*r).Context(), limit)
	*r = (*r).WithContext(ctx)
	control.SetReadDeadline(time.Now().Add(limit))
	control.SetWriteDeadline(time.Now().Add(limit + 10*time.Second))
	return cancel
}

// untilEnding gives a request a context that also ends with the program.
func (h *house) untilEnding(r **http.Request) context.CancelFunc {
	ctx, cancel := context.WithCancel((*r).Context())
	*r = (*r).WithContext(ctx)
	if h.Ending == nil {
		return cancel
	}
	stop := context.AfterFunc(h.Ending, cancel)
	return func() { stop(); cancel() }
}

// plain turns what the standard library says into the program's own kinds.
func (h *house) plain(route *Route, r *http.Request, err error) error {
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return tooLarge(big.Limit)
	case fault.KindOf(err) != fault.Internal:
		return err
	case errors.Is(err, context.DeadlineExceeded) && r.Context().Err() != nil:
		return &fault.Error{Kind: fault.Unavailable, Msg: "This took too long and was stopped.", Code: "took-long", Hint: "ask for less at once, or try again", Err: err}
	case errors.Is(err, os.ErrDeadlineExceeded) && route.Stream:
		return &fault.Error{Kind: fault.Unavailable, Msg: "The answer was given up: nothing more of it was taken.", Code: "not-taken", Err: err}
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		return &fault.Error{Kind: fault.Unavailable, Msg: "The request was given up.", Code: "given-up", Err: err}
	}
	return err
}

// fail shows an error in the manner of a face, and logs what the reader is not
// told.
func (h *house) fail(face Face, w http.ResponseWriter, r *http.Request, err error) {
	if fault.KindOf(err) == fault.Internal && StatusOf(err) == http.StatusInternalServerError {
		h.Log.ErrorContext(r.Context(), "request failed", "request", RequestID(r.Context()), "error", err.Error())
	}
	if f := another(err); f != nil {
		h.Log.WarnContext(r.Context(), "request refused", "request", RequestID(r.Context()), "error", f.Msg, "cause", f.Err.Error())
	}
	if rec, ok := w.(*recorder); ok && !rec.restart() {
		rec.aborted = true
		panic(http.ErrAbortHandler) // the reader must not take half an answer for a whole one
	}
	if show := h.Errors[face]; show != nil {
		show(w, r, err)
		return
	}
	http.Error(w, PublicMessage(r.Context(), err), StatusOf(err))
}

// another returns the fault that another system caused; nil when err is none: a
// request that was given up, or what the door says for itself.
func another(err error) *fault.Error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Unavailable || f.Err == nil || errors.Is(f.Err, context.Canceled) {
		return nil
	}
	if _, own := f.Err.(*auth.Reason); own {
		return nil
	}
	return f
}

// PublicMessage returns what a reader may be told of err: the sentence of a
// fault, and of anything else only under which id it is in the log.
func PublicMessage(ctx context.Context, err error) string {
	var f *fault.Error
	var m *MethodError
	switch {
	case errors.As(err, &m):
		return m.Error()
	case errors.As(err, &f) && f.Kind != fault.Internal:
		return f.Msg
	}
	return "Something failed here. The log has it as " + RequestID(ctx) + "."
}

// rescue turns a panic into a failure with a reference.
func (h *house) rescue(w *recorder, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		w.aborted = true
		panic(p)
	}
	h.Log.ErrorContext(r.Context(), "panic", "request", RequestID(r.Context()), "panic", fmt.Sprint(p), "stack", string(bytes.TrimSpace(debug.Stack())))
	face := faceOf(r.URL.Path)
	if route := visitOf(r.Context()).route; route != nil {
		face = route.Face
	}
	h.fail(face, w, r, errors.New("panic"))
}

// depart finishes the answer and writes the access log and the metrics. The
// log has the names of query values, never the values, and the pattern instead
// of the path where the path itself could be a secret. Machines that send events
// do so every second: of what was taken from them the metrics alone tell, unless
// the log is one of details.
func (h *house) depart(w *recorder, r *http.Request, v *visit) {
	w.finish()
	took := time.Since(v.began)
	pattern := "none"
	if v.route != nil {
		pattern = v.route.Pattern
	}
	h.Metrics.observe(r.Method, pattern, w.code(), took)
	level := slog.LevelInfo
	if v.route != nil && v.route.Verb == auth.Ingest && w.code() < http.StatusBadRequest {
		level = slog.LevelDebug
	}
	h.Log.LogAttrs(r.Context(), level, "request",
		slog.String("request", v.id), slog.String("method", loggable(r.Method, 16)), slog.String("path", loggedPath(v.route, r)),
		slog.Any("query", queryNames(r)), slog.Int("status", w.code()), slog.Int64("bytes", w.bytes),
		slog.Duration("took", took), slog.String("ip", v.ip), slog.String("account", v.principal.Account),
		slog.String("org", v.principal.Org), slog.String("token", v.principal.Token), slog.Bool("aborted", w.aborted))
}
