package action

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Message is what an act of kind Mail sends to its Target.
type Message struct {
	Name        string `json:"name,omitempty"` // of the recipient
	Subject     string `json:"subject"`
	Text        string `json:"text"`
	HTML        string `json:"html,omitempty"`        // the same, for readers that prefer it
	List        string `json:"list,omitempty"`        // which sort of mail this is, as "digest": the List-Id, for filters
	Thread      string `json:"thread,omitempty"`      // mails about the same thing share it
	Unsubscribe string `json:"unsubscribe,omitempty"` // the page where one turns them off
}

// Mailer sends mail through one SMTP server. It is the Sender of kind Mail.
type Mailer struct {
	host           string
	port           int
	user, password string
	from           *mail.Address
	tls            string         // "implicit", "starttls" or "none"
	roots          *x509.CertPool // trusted in place of the system's; nil: the system's
}

// ParseSMTP reads the address of a mail server:
//
//	smtp://user:password@mail.example.com:587?from=binnacle@example.com
//	smtps://user:password@mail.example.com?from=Binnacle <binnacle@example.com>
//
// smtp:// asks for TLS by STARTTLS (port 587) and goes no further without it;
// smtps:// speaks TLS from the beginning (port 465). tls=none sends in the
// clear, for a relay on this machine or its network, never with a password to
// another machine. No error holds the password.
func ParseSMTP(address string) (*Mailer, error) {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "the address of the mail server cannot be used: %s", fmt.Sprintf(format, args...)).Coded("smtp").
			WithHint("write it as smtp://user:password@mail.example.com:587?from=binnacle@example.com")
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return nil, bad("it is not an address, or its password holds characters that must be written as %%XX")
	}
	m := &Mailer{host: u.Hostname(), user: u.User.Username()}
	m.password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		m.port, m.tls = 587, "starttls"
	case "smtps":
		m.port, m.tls = 465, "implicit"
	default:
		return nil, bad("it begins with %q, not with smtp:// or smtps://", u.Scheme)
	}
	if m.host == "" || u.Path != "" && u.Path != "/" {
		return nil, bad("it has no host, or more than a host")
	}
	if p := u.Port(); p != "" {
		if m.port, err = strconv.Atoi(p); err != nil || m.port < 1 || m.port > 65535 {
			return nil, bad("%q is not a port", p)
		}
	}
	q := u.Query()
	for name := range q {
		if name != "from" && name != "tls" {
			return nil, bad("it has %q, which means nothing; there is from and tls", name)
		}
	}
	if m.from, err = mail.ParseAddress(q.Get("from")); err != nil {
		return nil, bad("from=%q is not a mail address", q.Get("from"))
	}
	switch q.Get("tls") {
	case "", "starttls":
	case "none":
		if m.tls == "implicit" || m.password != "" && !loopback(m.host) {
			return nil, bad("tls=none would send the password in the clear")
		}
		m.tls = "none"
	default:
		return nil, bad("tls=%q is neither starttls nor none", q.Get("tls"))
	}
	return m, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// String names the server, without user and password.
func (m Mailer) String() string { return net.JoinHostPort(m.host, strconv.Itoa(m.port)) }

// GoString keeps the password out of logs that print values.
func (m Mailer) GoString() string { return m.String() }

// From is the address mail is sent from.
func (m *Mailer) From() string { return m.from.Address }

// domain is the part of ids after the @.
func (m *Mailer) domain() string {
	_, domain, _ := strings.Cut(m.from.Address, "@")
	return domain
}

// Send sends one mail.
func (m *Mailer) Send(ctx context.Context, a Act) error {
	msg, err := m.compose(a)
	if err != nil {
		return Permanent(err)
	}
	c, err := m.client()
	if err != nil {
		return err
	}
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return m.explain(err)
	}
	defer c.CloseWithSMTPClient(conn) // what fails after the server took the mail changes nothing
	if err := c.SendWithSMTPClient(conn, msg); err != nil && !msg.IsDelivered() {
		return m.explain(err)
	}
	return nil
}

func (m *Mailer) compose(a Act) (*gomail.Msg, error) {
	var in Message
	if err := json.Unmarshal(a.Payload, &in); err != nil {
		return nil, fmt.Errorf("the message of %s: %w", a.Key, err)
	}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(m.from)
	if err := msg.To(a.Target); err != nil {
		return nil, fault.New(fault.Invalid, "%q is not a mail address", a.Target).Coded("mail-address")
	}
	if in.Name != "" {
		msg.ToMailAddress(&mail.Address{Name: oneLine(in.Name), Address: msg.GetTo()[0].Address})
	}
	msg.Subject(oneLine(in.Subject))
	msg.SetMessageIDWithValue(a.ID() + "@" + m.domain())
	msg.SetDateWithValue(time.Now())
	m.mark(msg, in)
	msg.SetBodyString(gomail.TypeTextPlain, in.Text)
	if in.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, in.HTML)
	}
	return msg, nil
}

// mark sets what tells mail programs that a machine wrote this: they file it,
// thread it, and send no holiday note back (RFC 2919, RFC 3834).
func (m *Mailer) mark(msg *gomail.Msg, in Message) {
	set := func(name, value string) { msg.SetGenHeader(gomail.Header(name), value) }
	set("Auto-Submitted", "auto-generated")
	set("X-Auto-Response-Suppress", "All")
	if in.List != "" {
		set("List-Id", "<"+in.List+".binnacle."+m.domain()+">")
	}
	if in.Unsubscribe != "" {
		set("List-Unsubscribe", "<"+in.Unsubscribe+">")
	}
	if in.Thread != "" {
		sum := sha256.Sum256([]byte(in.Thread))
		root := "<" + hex.EncodeToString(sum[:16]) + ".thread@" + m.domain() + ">"
		set("In-Reply-To", root)
		set("References", root)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (m *Mailer) client() (*gomail.Client, error) {
	opts := []gomail.Option{gomail.WithPort(m.port), gomail.WithTimeout(30 * time.Second)}
	switch m.tls {
	case "implicit":
		opts = append(opts, gomail.WithSSL())
	case "starttls":
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	opts = append(opts, gomail.WithTLSConfig(&tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12, RootCAs: m.roots}))
	if m.user != "" {
		how := gomail.SMTPAuthAutoDiscover
		if m.tls == "none" {
			how = gomail.SMTPAuthPlainNoEnc
		}
		opts = append(opts, gomail.WithSMTPAuth(how), gomail.WithUsername(m.user), gomail.WithPassword(m.password))
	}
	return gomail.NewClient(m.host, opts...)
}

// explain says whether a mail may still be taken later. Only a server that
// answers that it will never take this sender, recipient or content ends it; one
// that does not answer, or does not let us in, may be set right meanwhile.
func (m *Mailer) explain(err error) error {
	var sending *gomail.SendError
	told := &fault.Error{Kind: fault.Unavailable, Msg: "the mail server " + m.String() + " did not take the mail", Code: "mail-refused", Args: []any{m.String()}, Err: err}
	if errors.As(err, &sending) && !sending.IsTemp() && sending.ErrorCode() >= 500 && sending.ErrorCode() < 600 {
		return Permanent(told)
	}
	return told
}
