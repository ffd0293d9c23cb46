package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// senders are the machines of the sample organisation. They send to the
// listeners of the program over the network of this machine, as machines
// elsewhere would.
type senders struct {
	base   string // of the server
	token  string
	past   bool // all of it is of long ago, and said to be
	client *http.Client
	lines  map[string]net.Conn // of syslog, by source
	said   int64               // lines of syslog
	heard  func() int64        // of them, those that were handed on
	ends   []func()
}

// openSenders opens listeners for the sample's machines: HTTP, and one of syslog
// for each of some sources. Until is when they have no more to say.
func (a *App) openSenders(ctx context.Context, until time.Time, syslog ...string) (_ *senders, err error) {
	s := &senders{client: &http.Client{Timeout: time.Minute}, lines: map[string]net.Conn{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	local := auth.Local(auth.HomeID, sampleTitle, "cli")
	token, secret, err := a.Auth.CreateIngestToken(ctx, local, "sample machines", until)
	if err != nil {
		return nil, err
	}
	s.token = secret
	s.ends = append(s.ends, func() { _ = a.Auth.RevokeToken(context.WithoutCancel(ctx), local, token.ID) })
	if err := s.listenHTTP(a); err != nil {
		return nil, err
	}
	return s, s.listenSyslog(ctx, a, syslog)
}

func (s *senders) listenHTTP(a *App) error {
	faces, err := a.Faces(false)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: a.Handler(faces, false), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	s.ends = append(s.ends, func() { _ = server.Close() })
	s.base = "http://" + l.Addr().String()
	return nil
}

func (s *senders) listenSyslog(ctx context.Context, a *App, sources []string) error {
	var urls []string
	for _, source := range sources {
		urls = append(urls, "syslog+tcp://127.0.0.1:0?source="+url.QueryEscape(source))
	}
	specs, err := listen.Parse(urls...)
	if err != nil || len(specs) == 0 {
		return err
	}
	set, err := listen.Open(ctx, listen.Config{Taker: taker{a}, Dir: filepath.Join(a.Config.Data, "collect", "sample"), Org: auth.HomeID, Log: a.Config.Log, Now: a.Config.Now}, specs)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	s.ends = append(s.ends, func() { stop(); <-ended })
	s.heard = func() (n int64) {
		for _, st := range set.Status() {
			n += st.Taken + st.Rejected + st.Dropped + st.Broken
		}
		return n
	}
	for _, st := range set.Status() {
		c, err := net.Dial("tcp", st.Where)
		if err != nil {
			return err
		}
		s.lines[st.Spec.Source] = c
		s.ends = append(s.ends, func() { _ = c.Close() })
	}
	return nil
}

// close ends the listeners, the last first.
func (s *senders) close() {
	for _, end := range slices.Backward(s.ends) {
		end()
	}
}

// perRequest is how many lines a machine sends at once.
const perRequest = 500

// send sends some lines, in order within each source.
func (s *senders) send(ctx context.Context, all []sample.Sent) error {
	bodies := map[string][]sample.Sent{} // of JSON, by query
	for _, x := range all {
		if x.Way == "syslog" {
			if err := s.say(x); err != nil {
				return err
			}
			continue
		}
		v := url.Values{"source": {x.Source}, "format": {x.Format}}
		if s.past {
			v.Set("past", "1")
		}
		q := v.Encode()
		bodies[q] = append(bodies[q], x)
		if len(bodies[q]) == perRequest {
			if err := s.post(ctx, q, bodies[q]); err != nil {
				return err
			}
			delete(bodies, q)
		}
	}
	for q, list := range bodies {
		if err := s.post(ctx, q, list); err != nil {
			return err
		}
	}
	return s.arrive(ctx)
}

// arrive waits until the syslog that was sent is taken in: it has no answer.
func (s *senders) arrive(ctx context.Context) error {
	wait := time.NewTicker(time.Millisecond)
	defer wait.Stop()
	for s.heard != nil && s.heard() < s.said {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait.C:
		}
	}
	return nil
}

// say sends a line by syslog as RFC 5424 has it, with the length before it.
func (s *senders) say(x sample.Sent) error {
	c := s.lines[x.Source]
	if c == nil {
		return fmt.Errorf("%s: nobody listens to its syslog", x.Source)
	}
	tag, text, _ := strings.Cut(x.Line, ": ")
	app, pid, _ := strings.Cut(strings.TrimSuffix(tag, "]"), "[")
	if pid == "" {
		pid = "-"
	}
	line := fmt.Sprintf("<86>1 %s %s %s %s - - %s", x.At.Format("2006-01-02T15:04:05.000000Z07:00"), x.Host, app, pid, text)
	s.said++
	_, err := fmt.Fprintf(c, "%d %s", len(line), line)
	return err
}

func (s *senders) post(ctx context.Context, query string, list []sample.Sent) error {
	var body bytes.Buffer
	for _, x := range list {
		body.WriteString(x.Line)
		body.WriteByte('\n')
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/ingest/json?"+query, &body)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(io.LimitReader(answer.Body, 2000)); err != nil || answer.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("the server answered %s: %s", answer.Status, text))
	}
	return nil
}
