package app_test

import (
	"bytes"
	"context"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// postOffice is an SMTP server in this process that keeps what it is given.
type postOffice struct {
	mu  sync.Mutex
	got map[string][]byte // by the recipient and the subject
}

type delivery struct {
	office   *postOffice
	from, to string
}

// openPostOffice starts one and returns its address for app.Config.
func openPostOffice(t *testing.T) (*postOffice, string) {
	t.Helper()
	o := &postOffice{got: map[string][]byte{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(o)
	server.Domain = "mail.test"
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return o, "smtp://" + l.Addr().String() + "?from=Binnacle+<binnacle@acme.example>&tls=none"
}

func (o *postOffice) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{office: o}, nil }

func (d *delivery) Reset()        {}
func (d *delivery) Logout() error { return nil }

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.from = from
	return nil
}

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = to
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	d.office.mu.Lock()
	d.office.got[d.from+" to "+d.to+": "+subject] = data
	d.office.mu.Unlock()
	return err
}

// letters are what was taken so far: "from to to: subject".
func (o *postOffice) letters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return sortedKeys(o.got)
}

// letter is the head and the text of what was taken.
func (o *postOffice) letter(t *testing.T, name string) (mail.Header, string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	m, err := mail.ReadMessage(bytes.NewReader(o.got[name]))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m.Header, strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n")
}

func sortedKeys(m map[string][]byte) []string {
	out := []string{}
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// watched is an installation in which security people work: Leila is on call,
// Inés answers for security and reads Spanish, Ana owns the house.
type watched struct {
	*house
	office *postOffice
	desk   *alerts.Desk
	who    map[string]catalog.Caller
	cookie map[string]string
}

func newWatched(t *testing.T) *watched {
	office, address := openPostOffice(t)
	w := &watched{house: open(t, app.Config{SMTP: address}), office: office, who: map[string]catalog.Caller{}, cookie: map[string]string{}}
	w.own("ana@acme.example")
	for _, name := range []string{"leila", "ines"} {
		_, err := w.auth.CreateAccount(t.Context(), w.local, auth.NewAccount{Email: name + "@acme.example", Name: strings.ToUpper(name[:1]) + name[1:], Password: password}, auth.Membership{Org: auth.HomeID, Role: auth.RoleCISO, UserRef: "user:default/" + name})
		w.must(err)
	}
	for _, name := range []string{"ana", "leila", "ines"} {
		s := w.signIn(name + "@acme.example")
		w.who[name], w.cookie[name] = catalog.Caller{Principal: s.Principal, Manager: "form"}, s.Secret
	}
	w.must(w.auth.SetPreferences(t.Context(), w.who["ines"].Principal, map[string]string{"lang": "es"}))
	docs, err := w.app.Catalog.Decode("oncall.yaml", []byte("apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: security}\nspec: {people: [\"user:leila\"], every: 1w, start: \"2020-01-06\", handOver: \"09:00\", zone: UTC, from: high}\n"))
	w.must(err)
	_, err = w.app.Catalog.Apply(t.Context(), w.as(), docs, catalog.ApplyOptions{})
	w.must(err)
	w.desk = alerts.NewDesk(w.app.Catalog, alerts.Config{Notify: w.app.Feed.Notify, Playbooks: app.Playbooks()})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.app.Work(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	w.until("both watches begin", func() bool {
		return w.count(`SELECT count(*) FROM feed_cursors WHERE name IN ('alerts/tell', 'talk/notify')`) == 2
	})
	return w
}

// until waits for something that follows from what was done.
func (w *watched) until(what string, is func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("in 30 seconds it is not so that %s; mails: %q", what, w.office.letters())
		}
	}
}

// fires lets a rule find something on a host.
func (w *watched) fires(rule, host, level string) {
	w.Helper()
	now := time.Now()
	w.must(w.desk.Take(w.Context(), []detect.Finding{{Org: auth.HomeID, Name: rule + "/" + host, Rule: detect.Told{ID: rule, Title: "A " + rule, Level: level}, Start: now, End: now,
		Group: []detect.GroupField{{Name: "host.name", Value: host}}, Events: []detect.Seen{{ID: rule + host, Time: now, Source: "linux"}}}}))
}

func (w *watched) do(who string, act alerts.Act, nos ...int64) {
	w.Helper()
	_, err := w.desk.Do(w.Context(), w.who[who], nos, act)
	w.must(err)
}

// page is what somebody reads on a page.
func (w *watched) page(who, path string, in lang.Code) string {
	w.Helper()
	rec := w.get(who, path, in)
	if rec.Code != http.StatusOK {
		w.Fatalf("%s as %s: %d", path, who, rec.Code)
	}
	return webtest.MainText(rec.Body.String())
}

func (w *watched) get(who, path string, in lang.Code) *httptest.ResponseRecorder {
	req := httptest.NewRequest("GET", path, nil)
	req.AddCookie(&http.Cookie{Name: "binnacle_session", Value: w.cookie[who]})
	req.AddCookie(&http.Cookie{Name: "binnacle_lang", Value: string(in)})
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec
}

// told waits until somebody was told as many times, and returns of what, the
// newest first: "AL-1: A shell: It was opened, and you are on call".
func (w *watched) told(who string, n int, in lang.Code) []string {
	w.Helper()
	var out []string
	w.until(who+" is told", func() bool {
		items, err := w.app.Talk.Inbox(context.WithoutCancel(w.Context()), w.who[who].Principal, false, time.Time{}, 0)
		w.must(err)
		out = nil
		for _, it := range items {
			out = append(out, it.Title+": "+it.Says.In(in))
		}
		return len(out) >= n
	})
	return out
}

// TestOnCallIsTold: who is called about an alert, and who is given one, gets a
// mail by a conversation with a mail server, and finds it behind the bell; those
// who lead a case or have a task in it find there what happens to it.
func TestOnCallIsTold(t *testing.T) {
	w := newWatched(t)
	w.fires("whisper", "web-1", "medium") // calls nobody
	w.fires("shell", "web-1", "critical")
	call := "binnacle@acme.example to leila@acme.example: Critical: A shell (AL-2)"
	w.until("Leila is called", func() bool { return len(w.office.letters()) > 0 })
	head, text := w.office.letter(t, call)
	if want := "AL-2: A shell\n\nYou are on call.\n\nhost.name: web-1\nRisk: 85/100\n\nhttp://localhost/alerts/AL-2"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	for name, want := range map[string]string{"From": `"Binnacle" <binnacle@acme.example>`, "To": `"Leila" <leila@acme.example>`, "List-Id": "<alerts.binnacle.acme.example>", "Auto-Submitted": "auto-generated"} {
		if got := head.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if head.Get("Message-Id") == "" || !strings.HasSuffix(head.Get("References"), ".thread@acme.example>") {
		t.Errorf("%q", head)
	}
	w.do("leila", alerts.Act{Do: alerts.Assign, To: "ines"}, 1, 2)
	given := "binnacle@acme.example to ines@acme.example: Crítica: A shell (AL-2)"
	w.until("Inés is told of both", func() bool { return len(w.office.letters()) == 3 })
	if _, text := w.office.letter(t, given); !strings.Contains(text, "Está asignada a ti.") || !strings.Contains(text, "Riesgo: 85/100") {
		t.Errorf("got %q", text)
	}
	w.do("leila", alerts.Act{Do: alerts.Comment, Reason: "I cut it off."}, 2)
	w.do("ana", alerts.Act{Do: alerts.Close, Disposition: alerts.False, Reason: "A lamp."}, 1)
	w.do("ana", alerts.Act{Do: alerts.Comment, Reason: "Good."}, 2)
	diff := func(who string, in lang.Code, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, w.told(who, len(want), in)); d != "" {
			t.Errorf("%s (-want +got):\n%s", who, d)
		}
	}
	diff("ines", lang.Spanish, "AL-2: A shell: Ana Ruiz comentó", "AL-1: A whisper: Ana Ruiz la cerró", "AL-2: A shell: Leila comentó", "AL-1: A whisper: Leila te asignó 2 alertas")
	diff("leila", lang.English, "AL-2: A shell: Ana Ruiz commented", "AL-2: A shell: It was opened, and you are on call")
	if text := w.page("leila", "/notifications", lang.English); !strings.Contains(text, "It was opened, and you are on call") || !strings.Contains(text, "AL-2: A shell") || !strings.Contains(text, "Alert") {
		t.Errorf("the bell of Leila leads to %q", text)
	}
	if text := w.page("ines", "/notifications", lang.Spanish); !strings.Contains(text, "te asignó 2 alertas") || !strings.Contains(text, "asignado a ti") {
		t.Errorf("the bell of Inés leads to %q", text)
	}
	items, err := w.app.Talk.Inbox(t.Context(), w.who["leila"].Principal, true, time.Time{}, 0)
	w.must(err)
	if rec := w.get("leila", "/notifications/"+items[0].ID, lang.English); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/alerts/AL-2" {
		t.Errorf("it opens %d %s", rec.Code, rec.Header().Get("Location"))
	}
	if n := len(w.office.letters()); n != 3 {
		t.Errorf("%d mails: %q", n, w.office.letters())
	}
}

// TestCaseIsTold: who leads a case and who has a task in it are told of it.
func TestCaseIsTold(t *testing.T) {
	w := newWatched(t)
	w.fires("shell", "web-1", "critical")
	name, err := w.desk.OpenCase(t.Context(), w.who["ana"], alerts.Opening{Title: "A shell", Alerts: []int64{1}, Lead: "user:default/leila"})
	w.must(err)
	docs, err := w.app.Catalog.Decode("task.yaml", []byte("apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: look, title: Look}\nspec: {state: open, about: \"case:C-1\", assignee: \"user:ines\"}\n"))
	w.must(err)
	_, err = w.app.Catalog.Apply(t.Context(), w.who["ana"], docs, catalog.ApplyOptions{})
	w.must(err)
	w.must(w.desk.Note(t.Context(), w.who["ana"], name, alerts.Us, "It is off.", time.Time{}, 0))
	w.must(w.desk.Reach(t.Context(), w.who["ana"], name, "contained", time.Time{}, "Cut off.", nil))
	w.must(w.desk.SetTask(t.Context(), w.who["ines"], name, entity.NewRef("task", "", "look"), true))
	hears := func(who string, in lang.Code, want ...string) {
		t.Helper()
		for _, line := range want {
			w.until(who+" is told "+line, func() bool { return slices.Contains(w.told(who, 0, in), line) })
		}
	}
	hears("ines", lang.Spanish, "A shell: Ana Ruiz escribió en la cronología", "A shell: Ana Ruiz dice que está contenido", "Look: Ana Ruiz creó esto")
	hears("leila", lang.English, "A shell: Ines did a task of the case", "A shell: Ana Ruiz wrote into the timeline", "A shell: Ana Ruiz changed contained, phase", "A shell: Ana Ruiz made this")
	if slices.Contains(w.told("leila", 0, lang.English), "A shell: Ana Ruiz says it is contained") {
		t.Error("Leila is told twice that a phase was reached")
	}
}
