package action_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/fault"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestPublic(t *testing.T) {
	public := []string{"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.0.1.0", "223.255.255.255", "169.253.1.1",
		"2606:4700::1111", "2a00:1450:4003::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"}
	private := []string{"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250",
		"240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::10.0.0.1",
		"64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:db8::1", "2002:a00:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "3fff::1", "5f00::1", "fc00::1",
		"fd00:ec2::254", "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1", "8000::1"}
	for _, s := range public {
		if !action.Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range private {
		if action.Public(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	if action.Public(netip.Addr{}) {
		t.Error("no address is not a public address")
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	reached := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	client := action.NewClient(action.Guard{})
	for _, u := range []string{server.URL, "http://localhost" + port, "http://127.0.0.1" + port, "http://[::ffff:127.0.0.1]" + port, "http://[::1]" + port,
		"http://0.0.0.0" + port, "http://[::]" + port, "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00:ec2::254]/", "https://192.168.0.1/"} {
		_, err := action.Get(t.Context(), client, u)
		if !fault.Is(err, fault.Forbidden) || !strings.Contains(fault.HintOf(err), "--allow-private ") {
			t.Errorf("%s: got %v (hint %q), want a refusal with a hint", u, err, fault.HintOf(err))
		}
	}
	if reached {
		t.Error("the server was reached")
	}
	_, err := action.Get(t.Context(), client, "http://[::ffff:10.1.2.3]/")
	if want := "start the server with --allow-private 10.1.2.3/32"; !strings.Contains(fault.HintOf(err), want) {
		t.Errorf("got hint %q, want %q", fault.HintOf(err), want)
	}
}

func TestAllowed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.UserAgent()) }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":"):]
	for _, c := range []struct {
		allow, url string
		ok         bool
	}{
		{"127.0.0.0/8", server.URL, true},
		{"127.0.0.1", server.URL, true},
		{"127.0.0.1", "http://[::ffff:127.0.0.1]" + port, true},
		{"127.0.0.2", server.URL, false},
		{"10.0.0.0/8", server.URL, false},
		{"localhost", "http://LocalHost" + port, true},
		{"localhost", server.URL, false},
	} {
		prefixes, hosts, err := action.ParseAllow(c.allow)
		if err != nil {
			t.Fatal(err)
		}
		body, err := action.Get(t.Context(), action.NewClient(action.Guard{AllowPrivate: prefixes, AllowHosts: hosts}), c.url)
		if (err == nil) != c.ok || c.ok && string(body) != action.UserAgent {
			t.Errorf("allow %s, get %s: got %q, %v", c.allow, c.url, body, err)
		}
	}
}

func TestParseAllow(t *testing.T) {
	prefixes, hosts, err := action.ParseAllow("10.1.2.3/8", "192.168.1.1", "[fd00::1]", "Git.Internal.", "fd00::/8")
	if err != nil || !slices.Equal(hosts, []string{"git.internal"}) {
		t.Errorf("got hosts %v, %v", hosts, err)
	}
	var got []string
	for _, p := range prefixes {
		got = append(got, p.String())
	}
	if want := []string{"10.0.0.0/8", "192.168.1.1/32", "fd00::1/128", "fd00::/8"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"", "10.0.0.0/99", "http://x", "a b", "*.internal", "10.0.0", "2130706433", "127.0x1", "x:80"} {
		if _, _, err := action.ParseAllow(bad); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
			t.Errorf("%q: got %v, want a refusal with a hint", bad, err)
		}
	}
}

func TestWrongAddresses(t *testing.T) {
	client := action.NewClient(action.Guard{})
	for _, u := range []string{"file:///etc/passwd", "gopher://example.org/", "ftp://example.org", "example.org", "http://", "http:///x", "https://user:pw@example.org/", "http://[::1", "javascript:alert(1)", ""} {
		_, err := action.Get(t.Context(), client, u)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want Invalid", u, err)
		}
		if err != nil && strings.Contains(err.Error(), "pw@") {
			t.Errorf("the error reveals the password: %v", err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	client := action.NewClient(action.Guard{AllowPrivate: loopback, Timeout: 100 * time.Millisecond})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if _, err := action.Get(t.Context(), client, server.URL); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a slow server: %v", err)
	}
	server.CloseClientConnections()
	server.Close()
	if _, err := action.Get(t.Context(), client, server.URL); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a closed port: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := action.Get(ctx, client, server.URL); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	if _, err := action.Get(t.Context(), client, gone.URL); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

func TestResponsesAreBounded(t *testing.T) {
	sizes := map[string]int{"/fits": 1000, "/over": 1001, "/huge": 5 << 20}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := bytes.Repeat([]byte("x"), sizes[r.URL.Path])
		switch r.URL.Query().Get("as") {
		case "stream":
			for len(body) > 0 {
				n := min(len(body), 300)
				w.Write(body[:n])
				w.(http.Flusher).Flush()
				body = body[n:]
			}
		case "gzip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(body)
			z.Close()
		default:
			w.Write(body)
		}
	}))
	defer server.Close()
	client := action.NewClient(action.Guard{AllowPrivate: loopback, MaxBody: 1000})
	for _, as := range []string{"plain", "stream", "gzip"} {
		if body, err := action.Get(t.Context(), client, server.URL+"/fits?as="+as); err != nil || len(body) != 1000 {
			t.Errorf("%s: %d bytes, %v", as, len(body), err)
		}
		for _, path := range []string{"/over", "/huge"} {
			if body, err := action.Get(t.Context(), client, server.URL+path+"?as="+as); !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s %s: %d bytes, %v, want TooLarge", as, path, len(body), err)
			}
		}
	}
}

func TestRedirects(t *testing.T) {
	seen := make(chan http.Header, 10)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	}))
	defer target.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			code := http.StatusFound
			if r.Method == http.MethodPost {
				code = http.StatusTemporaryRedirect
			}
			http.Redirect(w, r, to, code)
			return
		}
		seen <- r.Header
	}))
	defer first.Close()
	client := action.NewClient(action.Guard{AllowPrivate: loopback, MaxRedirects: 3})
	send := func(method, to string) error {
		req, err := http.NewRequestWithContext(t.Context(), method, first.URL+"/?to="+url.QueryEscape(to), nil)
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			req.Body, req.GetBody = io.NopCloser(strings.NewReader("secret")), func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("secret")), nil }
		}
		for _, h := range []string{"Authorization", "Cookie", "X-Api-Key", "Private-Token", "Proxy-Authorization"} {
			req.Header.Set(h, "secret")
		}
		req.Header.Set("Accept", "application/json")
		_, _, err = action.Do(client, req)
		return err
	}
	secrets := func() (n int) {
		h := <-seen
		for _, values := range h {
			n += strings.Count(strings.Join(values, " "), "secret")
		}
		if h.Get("Accept") == "" {
			t.Error("a plain header was dropped")
		}
		return n
	}
	if err := send(http.MethodGet, "/"); err != nil || secrets() != 5 {
		t.Errorf("on one host credentials go along: %v", err)
	}
	if err := send(http.MethodGet, target.URL); err != nil || secrets() != 0 {
		t.Errorf("credentials went to another host: %v", err)
	}
	if err := send(http.MethodGet, target.URL+"/?to="+url.QueryEscape(first.URL+"/chosen")); err != nil || secrets() != 0 || secrets() != 0 {
		t.Errorf("another host sent credentials back: %v", err)
	}
	if err := send(http.MethodPost, target.URL); !fault.Is(err, fault.Forbidden) {
		t.Errorf("what is sent went to another host: %v", err)
	}
	if err := send(http.MethodGet, "http://169.254.169.254/latest/"); !fault.Is(err, fault.Forbidden) || fault.HintOf(err) == "" {
		t.Errorf("a redirect to a private address: %v", err)
	}
	if err := send(http.MethodGet, "file:///etc/passwd"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a redirect to a file: %v", err)
	}
	loop := func(n int) string {
		u := "/"
		for range n - 1 {
			u = "/?to=" + url.QueryEscape(u)
		}
		return u
	}
	if err := send(http.MethodGet, loop(3)); err != nil || secrets() != 5 {
		t.Errorf("three redirects: %v", err)
	}
	if err := send(http.MethodGet, loop(4)); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "more than 3 times") {
		t.Errorf("four redirects: %v", err)
	}
	none := action.NewClient(action.Guard{AllowPrivate: loopback, MaxRedirects: -1})
	if _, err := action.Get(t.Context(), none, first.URL+"/?to=/"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("no redirects allowed: %v", err)
	}
}

func TestNoDowngrade(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.RedirectHandler(plain.URL, http.StatusFound))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	client := action.NewClient(action.Guard{AllowPrivate: loopback})
	if _, err := action.Get(t.Context(), client, secure.URL); !fault.Is(err, fault.Unavailable) {
		t.Errorf("an unknown certificate was accepted: %v", err)
	}
	check := client.CheckRedirect
	from, _ := http.NewRequest(http.MethodGet, secure.URL, nil)
	to, _ := http.NewRequest(http.MethodGet, plain.URL, nil)
	if err := check(to, []*http.Request{from}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	client := action.NewClient(action.Guard{AllowPrivate: loopback})
	if _, err := action.Get(t.Context(), client, "http://10.0.0.1/"); !fault.Is(err, fault.Forbidden) || proxied {
		t.Errorf("got %v, through the proxy: %v", err, proxied)
	}
}

func FuzzPublic(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "8.8.8.8"} {
		f.Add(netip.MustParseAddr(s).AsSlice())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		plain := a.Unmap()
		if action.Public(a) && (plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()) {
			t.Errorf("%s is not public", a)
		}
	})
}
