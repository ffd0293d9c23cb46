package action

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// postOffice is a real SMTP server in this process.
type postOffice struct {
	mu   sync.Mutex
	got  []letter
	user string
	// refuse answers a recipient; nil takes all.
	refuse func(to string) error
}

type letter struct {
	from, to string
	data     []byte
	tls      bool
	user     string
}

type session struct {
	office *postOffice
	conn   *smtp.Conn
	letter
}

func (o *postOffice) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{office: o, conn: c}, nil
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.office.user || password != "p@ss w" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.office.user != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if s.office.refuse != nil {
		return s.office.refuse(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.data = data
	_, s.tls = s.conn.TLSConnectionState()
	s.office.mu.Lock()
	s.office.got = append(s.office.got, s.letter)
	s.office.mu.Unlock()
	return err
}

// open starts the server and returns a mailer to it. How is "starttls",
// "implicit" or "none".
func (o *postOffice) open(t *testing.T, how, query string) *Mailer {
	t.Helper()
	cert, roots := certificate(t)
	server := smtp.NewServer(o)
	server.Domain = "mail.test"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "smtp"
	switch how {
	case "starttls":
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	case "implicit":
		scheme, l = "smtps", tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	default:
		server.AllowInsecureAuth = true
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	who := ""
	if o.user != "" {
		who = o.user + ":p%40ss%20w@"
	}
	m, err := ParseSMTP(scheme + "://" + who + l.Addr().String() + "?from=Binnacle+<binnacle@acme.example>" + query)
	if err != nil {
		t.Fatal(err)
	}
	m.roots = roots
	return m
}

// certificate is one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return server.TLS.Certificates[0], pool
}

func act(t *testing.T, m Message) Act {
	t.Helper()
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return Act{Org: "acme", Key: "digest/ana/2026-03-01", Kind: Mail, Target: "ana@acme.example", Payload: payload}
}

var digest = Message{Name: "Ana Núñez", Subject: "Résumé\r\nBcc: evil@x.example", Text: "Buenos días\n\n.\nqué tal", HTML: "<p>Buenos días</p>", List: "digest", Thread: "acme/u1", Unsubscribe: "https://binnacle.acme.example/account/notifications"}

func TestMail(t *testing.T) {
	for _, how := range []string{"starttls", "implicit", "none"} {
		t.Run(how, func(t *testing.T) {
			o := &postOffice{user: "binnacle"}
			query := ""
			if how == "none" {
				query = "&tls=none"
			}
			m := o.open(t, how, query)
			a := act(t, digest)
			if err := m.Send(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if len(o.got) != 1 || o.got[0].from != "binnacle@acme.example" || o.got[0].to != "ana@acme.example" || o.got[0].user != "binnacle" {
				t.Fatalf("got %+v", o.got)
			}
			if o.got[0].tls != (how != "none") && how != "implicit" {
				t.Errorf("tls: %v", o.got[0].tls)
			}
			checkLetter(t, a, o.got[0].data)
		})
	}
}

func checkLetter(t *testing.T, a Act, data []byte) {
	t.Helper()
	got, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Message-Id": "<" + a.ID() + "@acme.example>", "List-Id": "<digest.binnacle.acme.example>", "Auto-Submitted": "auto-generated",
		"List-Unsubscribe": "<https://binnacle.acme.example/account/notifications>", "From": `"Binnacle" <binnacle@acme.example>`, "Bcc": "",
	}
	for name, value := range want {
		if h := got.Header.Get(name); h != value {
			t.Errorf("%s: got %q, want %q", name, h, value)
		}
	}
	if h := got.Header.Get("References"); h == "" || h != got.Header.Get("In-Reply-To") || !strings.HasSuffix(h, ".thread@acme.example>") {
		t.Errorf("References: %q", h)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != "Résumé Bcc: evil@x.example" {
		t.Errorf("Subject: %q, %v", subject, err)
	}
	if _, err := got.Header.Date(); err != nil {
		t.Error(err)
	}
	_, params, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(got.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain", "Buenos días\r\n\r\n.\r\nqué tal"}, {"text/html", "<p>Buenos días</p>"}} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil || strings.TrimSpace(string(text)) != want.text || !strings.HasPrefix(p.Header.Get("Content-Type"), want.kind) {
			t.Errorf("part %s: %q, %v", p.Header.Get("Content-Type"), text, err)
		}
	}
}

// A server that takes a mail and is gone before it says goodbye took it.
func TestMailThatWasTakenIsSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go takesAndHangsUp(l)
	m, err := ParseSMTP("smtp://" + l.Addr().String() + "?from=binnacle@acme.example&tls=none")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Send(t.Context(), act(t, digest)); err != nil {
		t.Error(err)
	}
}

// takesAndHangsUp answers one conversation up to the end of a mail.
func takesAndHangsUp(l net.Listener) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(conn, "220 mail.test\r\n")
	in, body := bufio.NewScanner(conn), false
	for in.Scan() {
		switch line := in.Text(); {
		case body && line == ".":
			fmt.Fprint(conn, "250 taken\r\n")
			return
		case body:
		case line == "DATA":
			body = true
			fmt.Fprint(conn, "354 go on\r\n")
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func TestMailRefused(t *testing.T) {
	f := func(name string, o *postOffice, how string, spoil func(*Mailer), permanent bool) {
		t.Helper()
		query := ""
		if how == "none" {
			query = "&tls=none"
		}
		m := o.open(t, how, query)
		if spoil != nil {
			spoil(m)
		}
		err := m.Send(t.Context(), act(t, digest))
		if err == nil || isPermanent(err) != permanent {
			t.Errorf("%s: got %v (permanent %v), want permanent %v", name, err, isPermanent(err), permanent)
		}
		if err != nil && strings.Contains(told(err), "p@ss") {
			t.Errorf("%s: the error holds the password: %v", name, err)
		}
		if len(o.got) != 0 {
			t.Errorf("%s: a mail was taken", name)
		}
	}
	refuse := func(code int) func(string) error {
		return func(string) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	}
	f("no such person", &postOffice{refuse: refuse(550)}, "none", nil, true)
	f("greylisted", &postOffice{refuse: refuse(451)}, "none", nil, false)
	f("wrong password", &postOffice{user: "binnacle"}, "starttls", func(m *Mailer) { m.password = "p@ss wrong" }, false)
	f("unknown certificate", &postOffice{}, "starttls", func(m *Mailer) { m.roots = x509.NewCertPool() }, false)
	f("no STARTTLS offered", &postOffice{}, "none", func(m *Mailer) { m.tls = "starttls" }, false)
	f("nobody there", &postOffice{}, "none", func(m *Mailer) { m.port = 1 }, false)
	m := (&postOffice{}).open(t, "none", "&tls=none")
	a := act(t, digest)
	a.Target = "not an address"
	if err := m.Send(t.Context(), a); !isPermanent(err) || !fault.Is(err, fault.Invalid) {
		t.Errorf("a wrong address: got %v", err)
	}
	a.Payload = []byte(`[]`)
	if err := m.Send(t.Context(), a); !isPermanent(err) {
		t.Errorf("a wrong payload: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Send(ctx, act(t, digest)); err == nil || isPermanent(err) {
		t.Errorf("an ended context: got %v", err)
	}
}

func TestParseSMTP(t *testing.T) {
	m, err := ParseSMTP("smtp://ana:geheim@mail.acme.example?from=b@acme.example")
	if err != nil || m.String() != "mail.acme.example:587" || m.From() != "b@acme.example" || m.tls != "starttls" || m.password != "geheim" {
		t.Errorf("got %#v, %v", m, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, m); strings.Contains(text, "geheim") {
			t.Errorf("%s prints the password: %s", verb, text)
		}
	}
	if m, err = ParseSMTP("smtps://mail.acme.example?from=b@acme.example"); err != nil || m.port != 465 || m.tls != "implicit" {
		t.Errorf("got %#v, %v", m, err)
	}
	for _, bad := range []string{
		"", "mail.acme.example", "http://mail.acme.example?from=b@acme.example", "smtp://?from=b@acme.example", "smtp://mail.acme.example", "smtp://mail.acme.example?from=nobody",
		"smtp://mail.acme.example/inbox?from=b@acme.example", "smtp://mail.acme.example?from=b@acme.example&form=x", "smtp://mail.acme.example?from=b@acme.example&tls=maybe",
		"smtp://ana:geheim@mail.acme.example?from=b@acme.example&tls=none", "smtps://localhost?from=b@acme.example&tls=none", "smtp://a:geheim@[::1?from=b@acme.example",
		"smtp://mail.acme.example:99999?from=b@acme.example", "smtp://ana:geheim%zz@mail.acme.example?from=b@acme.example",
	} {
		if m, err := ParseSMTP(bad); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" || strings.Contains(fmt.Sprint(err), "geheim") {
			t.Errorf("%q: got %v, %v", bad, m, err)
		}
	}
}

func FuzzParseSMTP(f *testing.F) {
	f.Add("smtp://ana:geheim@mail.acme.example:25?from=b@acme.example&tls=none")
	f.Add("smtps://[::1]:465?from=B <b@x>")
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseSMTP(s)
		if err == nil && (m.host == "" || m.port < 1 || m.port > 65535 || m.from == nil || m.tls == "none" && m.password != "" && !loopback(m.host)) {
			t.Errorf("%q gives %#v", s, m)
		}
	})
}
