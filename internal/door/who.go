package door

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// admit finds who asks and whether they may. It is the only place that does.
func (h *house) admit(route *Route, w http.ResponseWriter, r *http.Request) error {
	v := visitOf(r.Context())
	if err := h.identify(route, w, r, v); err != nil {
		return err
	}
	if !v.bearer {
		if err := h.cross.Check(r); err != nil {
			return fault.New(fault.Forbidden, "This request came from another site.").Coded("cross-site").WithHint("open the page here and send it again")
		}
	}
	if route.Verb == auth.Public || route.Loopback && !v.principal.SignedIn() && h.fromHere(r) {
		return nil
	}
	if !v.principal.SignedIn() {
		return v.principal.Can(route.Verb, auth.Resource{})
	}
	if route.Resource != nil {
		resource, err := route.Resource(r)
		if err != nil {
			return err
		}
		v.resource = resource
	}
	return v.principal.Can(route.Verb, v.resource)
}

// identify sets the principal from a bearer token or, without one, from the
// session cookie. A token that is no good is an error even where nobody need
// be signed in; a session that has ended only makes a stranger.
func (h *house) identify(route *Route, w http.ResponseWriter, r *http.Request, v *visit) error {
	var err error
	if header := r.Header.Get("Authorization"); header != "" {
		secret, ok := bearer(route, header)
		if !ok {
			return fault.New(fault.Unauthenticated, "The Authorization header is not a bearer token.").Coded("bearer").WithHint("send Authorization: Bearer bnc_…")
		}
		v.bearer = true
		v.again = func(ctx context.Context) (auth.Principal, error) {
			return h.Auth.ByToken(ctx, secret)
		}
		if v.principal, err = v.again(r.Context()); err != nil {
			v.principal = auth.Principal{}
			return err
		}
	} else if c, cookieErr := r.Cookie(h.CookieName()); cookieErr == nil && c.Value != "" {
		v.again = func(ctx context.Context) (auth.Principal, error) { return h.Auth.BySession(ctx, c.Value) }
		v.principal, err = v.again(r.Context())
		switch {
		case fault.Is(err, fault.Unauthenticated):
			v.principal = auth.Principal{}
			h.EndSession(w)
		case err != nil:
			v.principal = auth.Principal{}
			return err
		}
	}
	v.principal.IP = v.ip
	v.principal.Via = via(route.Face, r)
	return nil
}

// bearer returns the token of an Authorization header. Senders of events may
// also give it as the password of a user of any name, or as the key of
// Elasticsearch: many know nothing else.
func bearer(route *Route, header string) (string, bool) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	if route.Verb == auth.Ingest && !strings.EqualFold(scheme, "Bearer") {
		text, err := base64.StdEncoding.DecodeString(secret)
		_, password, found := strings.Cut(string(text), ":")
		known := strings.EqualFold(scheme, "Basic") || strings.EqualFold(scheme, "ApiKey")
		return strings.TrimSpace(password), err == nil && found && known && password != ""
	}
	return secret, strings.EqualFold(scheme, "Bearer") && secret != ""
}

// via says by which means somebody asks. The command line names itself; that
// is a label for the log and gives no right.
func via(face Face, r *http.Request) string {
	if face == API && strings.HasPrefix(r.UserAgent(), "binnacle-cli/") {
		return "cli"
	}
	return string(face)
}

// turnAway shows a refusal or failure. A person without a session who asked
// for a page goes to sign in and comes back.
func (h *house) turnAway(route *Route, w http.ResponseWriter, r *http.Request, err error) {
	v := visitOf(r.Context())
	kind := fault.KindOf(err)
	if kind == fault.Forbidden || kind == fault.Unauthenticated && v.bearer {
		h.report(r, v, err)
	}
	if kind == fault.Unauthenticated && !v.bearer {
		if route.Face == Web && h.toSignIn(w, r) {
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="binnacle"`)
	} else if kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="binnacle", error="invalid_token"`)
	}
	h.fail(route.Face, w, r, err)
}

// report tells the audit log of a refusal; the wrong secrets of one stranger
// once a minute, so that guessing does not fill the log.
func (h *house) report(r *http.Request, v *visit, err error) {
	if h.Refused == nil || !v.principal.SignedIn() && !h.refusals.first(v.ip) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	p := v.principal
	p.IP, p.Via = v.ip, via(v.route.Face, r)
	h.Refused(ctx, Refusal{Principal: p, Route: *v.route, Path: loggedPath(v.route, r), Resource: v.resource, Err: err})
}

// toSignIn sends a reader to the sign-in page, if the answer can be a page.
func (h *house) toSignIn(w http.ResponseWriter, r *http.Request) bool {
	back := r.URL.RequestURI()
	if r.Header.Get("HX-Request") == "true" {
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil && u.Path != "" {
			back = u.RequestURI()
		}
		w.Header().Set("HX-Redirect", h.signIn(r, back))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	http.Redirect(w, r, h.signIn(r, back), http.StatusSeeOther)
	return true
}

func (h *house) signIn(r *http.Request, back string) string {
	to := "/sign-in"
	if h.SignIn != nil {
		to = h.SignIn(r)
	}
	if back = SafeNext(back); back == "/" {
		return to
	}
	sep := "?"
	if strings.Contains(to, "?") {
		sep = "&"
	}
	return to + sep + "next=" + url.QueryEscape(back)
}

// SafeNext returns next when it is a path of this site, and "/" otherwise: the
// value of ?next= must not lead a reader elsewhere.
func SafeNext(next string) string {
	u, err := url.Parse(next)
	bad := err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\x00\r\n\t") || strings.HasPrefix(u.Path, "//") || len(next) > 2000
	if bad {
		return "/"
	}
	return next
}

// clientIP returns the address a request came from, through the proxies whose
// word is believed.
func (h *house) clientIP(r *http.Request) string {
	ip := remote(r)
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && h.believed(ip); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		ip = next.Unmap()
	}
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func (h *house) believed(ip netip.Addr) bool {
	for _, p := range h.Proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, _ := netip.ParseAddr(host)
	return ip.Unmap()
}

// fromHere reports whether a request comes from this machine and was not
// passed on by a proxy. Where a proxy is known of, nothing comes from here.
func (h *house) fromHere(r *http.Request) bool {
	if h.Secure || len(h.Proxies) > 0 || !ownName(r.Host) {
		return false
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	return remote(r).IsLoopback()
}

const cookieName = "binnacle_session"

// CookieName returns the name of the session cookie. With HTTPS it has the
// prefix that lets no other host of the domain set it.
func (d *Door) CookieName() string {
	if d.Secure {
		return "__Host-" + cookieName
	}
	return cookieName
}

// StartSession gives the browser the secret of a session, until expires; the
// zero time is until the browser closes.
func (d *Door) StartSession(w http.ResponseWriter, secret string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{Name: d.CookieName(), Value: secret, Path: "/", Expires: expires, Secure: d.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// EndSession takes the session cookie away.
func (d *Door) EndSession(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: d.CookieName(), Path: "/", MaxAge: -1, Secure: d.Secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// SessionSecret returns the secret in the session cookie; "" without one.
func (d *Door) SessionSecret(r *http.Request) string {
	if c, err := r.Cookie(d.CookieName()); err == nil {
		return c.Value
	}
	return ""
}

// throttle remembers for a while what has happened.
type throttle struct {
	mu    sync.Mutex
	every time.Duration
	seen  map[string]time.Time
}

const throttleSize = 4096

func newThrottle(every time.Duration) *throttle {
	return &throttle{every: every, seen: map[string]time.Time{}}
}

// first reports whether key comes for the first time in the interval.
func (t *throttle) first(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if now.Sub(t.seen[key]) < t.every {
		return false
	}
	if len(t.seen) >= throttleSize {
		for k, at := range t.seen {
			if now.Sub(at) >= t.every {
				delete(t.seen, k)
			}
		}
	}
	if len(t.seen) >= throttleSize {
		return false
	}
	t.seen[key] = now
	return true
}
