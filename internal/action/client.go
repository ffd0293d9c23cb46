package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// UserAgent is how every outward request names itself.
const UserAgent = "binnacle"

// NewClient returns the client for addresses that users give. It speaks http and
// https, uses no proxy of the environment, follows few redirects and checks each
// as it checks the first address, and fails when a response is larger than
// MaxBody. Authorization, cookies and other credentials do not follow a redirect
// to another host.
//
// Errors of a request wrap a fault with a sentence and, where there is one, a
// hint; Do unwraps it.
func NewClient(g Guard) *http.Client {
	g.fill()
	transport := &http.Transport{
		DialContext:            g.dial,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           20,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  g.Timeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport:     &guarded{g: g, next: transport},
		CheckRedirect: g.redirect,
		Timeout:       g.Timeout,
	}
}

func (g *Guard) fill() {
	if g.MaxBody == 0 {
		g.MaxBody = 10 << 20
	}
	if g.MaxRedirects == 0 {
		g.MaxRedirects = 5
	}
	if g.Timeout == 0 {
		g.Timeout = 30 * time.Second
	}
}

// guarded checks every request, redirected ones too, and bounds the response.
type guarded struct {
	g    Guard
	next http.RoundTripper
}

func (t *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := CheckURL(req.URL); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	if req.Header.Get("User-Agent") == "" {
		req = req.Clone(req.Context())
		req.Header.Set("User-Agent", UserAgent)
	}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.ContentLength > t.g.MaxBody {
		resp.Body.Close()
		return nil, tooLarge(req.URL.Host, t.g.MaxBody)
	}
	resp.Body = &bounded{body: resp.Body, left: t.g.MaxBody, host: req.URL.Host, max: t.g.MaxBody}
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport.
func (t *guarded) CloseIdleConnections() { t.next.(*http.Transport).CloseIdleConnections() }

// CheckURL returns an Invalid fault when u is not an address the client takes:
// http or https, a host, no user and password in it. It does not resolve names;
// the client does when it connects.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fault.New(fault.Invalid, "%q is not a web address", u.Redacted()).Coded("web-address").WithHint("it must begin with https:// or http://")
	case u.Hostname() == "":
		return fault.New(fault.Invalid, "%q has no host", u.Redacted()).Coded("web-host")
	case u.User != nil:
		return fault.New(fault.Invalid, "%q holds a user name or password", u.Redacted()).Coded("web-user").WithHint("give credentials apart from the address")
	}
	return nil
}

// redirect decides on the request that a response asks for. http.Client itself
// drops Authorization and Cookie headers when the host changes, but keeps them
// on a subdomain, another port and in plain text; here every other origin
// counts, and every header that commonly carries a secret.
func (g *Guard) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > max(g.MaxRedirects, 0) {
		return fault.New(fault.Unavailable, "%s redirects more than %d times", via[0].URL.Host, max(g.MaxRedirects, 0)).Coded("redirects-many").
			WithHint("use the address it leads to")
	}
	from := via[len(via)-1].URL
	if from.Scheme == "https" && req.URL.Scheme == "http" {
		return fault.New(fault.Forbidden, "%s redirects from https to http", from.Host).Coded("redirect-plain")
	}
	if sameOrigin(req.URL, via) {
		return nil
	}
	for name := range req.Header {
		if credential(name) {
			req.Header.Del(name)
		}
	}
	req.Header.Del("Referer")
	if req.Body != nil && req.Body != http.NoBody {
		return fault.New(fault.Forbidden, "%s redirects what is sent to it to another host, %s", from.Host, req.URL.Host).Coded("redirect-elsewhere").
			WithHint("use the address it leads to")
	}
	return nil
}

// sameOrigin reports whether the whole way from the first request to u kept to
// one server: another one on it could send credentials back to where it likes.
func sameOrigin(u *url.URL, via []*http.Request) bool {
	for _, v := range via {
		if origin(v.URL) != origin(u) {
			return false
		}
	}
	return true
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(canonicalHost(u.Hostname()), port)
}

// plainHeaders are the request headers that carry no credential.
var plainHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Content-Length": true,
	"Content-Type": true, "If-Modified-Since": true, "If-None-Match": true, "Range": true, "User-Agent": true,
}

func credential(header string) bool { return !plainHeaders[http.CanonicalHeaderKey(header)] }

func tooLarge(host string, limit int64) error {
	return fault.New(fault.TooLarge, "the answer of %s is larger than %d bytes", host, limit).Coded("answer-large")
}

// bounded reads a body and fails, rather than ends, past the limit.
type bounded struct {
	body io.ReadCloser
	left int64
	host string
	max  int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.host, b.max)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, tooLarge(b.host, b.max)
	}
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// Do sends a request and reads the whole response, which is closed already. Its
// errors are faults that a user may read; an answer of status 400 and above is
// not an error.
func Do(client *http.Client, req *http.Request) (resp *http.Response, body []byte, err error) {
	resp, err = client.Do(req)
	if err != nil {
		return nil, nil, explain(req.URL, err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, explain(req.URL, err)
	}
	return resp, body, nil
}

// Get fetches address and returns the body of an answer of status 2xx; any other
// is an Unavailable fault.
func Get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSpace(address), nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not a web address", address).Coded("web-address").WithHint("it must begin with https:// or http://")
	}
	resp, body, err := Do(client, req)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fault.New(fault.Unavailable, "%s answered %s", req.URL.Host, resp.Status).Coded("answered")
	}
	return body, err
}

// explain returns the fault inside a client's error, or makes one.
func explain(u *url.URL, err error) error {
	var f *fault.Error
	var timeout net.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return &fault.Error{Kind: fault.Unavailable, Msg: fmt.Sprintf("%s took too long to answer", u.Host), Code: "answer-late", Args: []any{u.Host}, Err: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Msg: fmt.Sprintf("%s could not be reached", u.Host), Code: "unreached", Args: []any{u.Host}, Err: err}
}
