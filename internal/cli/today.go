package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
)

// overview is what waits for whoever asks, and what they have to know first.
type overview interface {
	Today(ctx context.Context, since time.Time, c lang.Code) (morning.Overview, error)
	Inbox(ctx context.Context, c lang.Code) (inboxReport, error)
	Act(ctx context.Context, item, act string, c lang.Code) (said string, err error)
}

// inboxReport is what waits.
type inboxReport struct {
	Items []morning.WaitingReport `json:"items"`
	Late  int                     `json:"late"`
	Text  string                  `json:"text"`
}

var outputs = []string{"text", "json"}

func todayCommand() *command {
	var out, since string
	return &command{
		use: "today", short: lang.T("See what is red, what changed and what waits for you.", "Mira qué está en rojo, qué cambió y qué te espera."),
		long: lang.T("See what the page Today shows: what waits for you, what is red, since when and whose it is, what changed since you left that page, the instruments, the next fourteen days, and which numbers are not to be trusted. It reads as a brief that can be sent as it is.",
			"Mira lo que muestra la página Hoy: qué te espera, qué está en rojo, desde cuándo y de quién es, qué cambió desde que dejaste esa página, los instrumentos, los próximos catorce días y qué números no son de fiar. Se lee como un resumen que puede enviarse tal cual."),
		examples: []example{
			{lang.T("The brief of this morning", "El resumen de esta mañana"), "binnacle today"},
			{lang.T("What changed since Monday", "Qué cambió desde el lunes"), "binnacle today --since 2026-09-21"},
		},
		access: access{Verb: auth.Read},
		flags: func(f *flags) {
			f.text(&since, "since", "", "", lang.T("Tell what changed since this `DAY`, or moment.", "Cuenta lo que cambió desde este día (`DAY`) o momento."))
			f.choice(&out, "output", "o", "text", outputs, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, _ []string) error {
			from, err := sinceFlag(since, s.now())
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			r, err := at.Today(ctx, from, s.code)
			if err != nil {
				return err
			}
			return s.tellReport(out, r, r.Text)
		},
	}
}

// sinceFlag reads a day or a moment that has passed; "" is none.
func sinceFlag(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil && !at.After(now) {
			return at, nil
		}
	}
	return time.Time{}, usage("%q is not a day or a moment that has passed", "%q no es un día o un momento que haya pasado", text).
		hinting("write it as 2026-01-31 or 2026-01-31T09:00:00Z", "escríbelo como 2026-01-31 o 2026-01-31T09:00:00Z")
}

func inboxCommand() *command {
	var out string
	return &command{
		use: "inbox [ITEM ACT]", short: lang.T("List what waits for you, or do something with it.", "Enumera lo que te espera, o haz algo con ello."),
		long: lang.T("List everything that waits for you: exceptions to decide on, disputes, proposed decisions, tasks, numbers and attestations, and dates. With the id of one thing and one of its acts, as -o json shows them, it is done in one step.",
			"Enumera todo lo que te espera: excepciones por decidir, disputas, decisiones propuestas, tareas, números y atestaciones, y fechas. Con el identificador de una cosa y una de sus acciones, como los muestra -o json, se hace en un paso."),
		examples: []example{
			{lang.T("Everything", "Todo"), "binnacle inbox"},
			{lang.T("Approve an exception", "Aprobar una excepción"), "binnacle inbox exceptions~exception:default/old-kiosk approve"},
		},
		access: access{Verb: auth.Read}, max: 2,
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "text", outputs, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			if len(args) == 1 {
				return usage("which act?", "¿qué acción?").hinting("write the id and one of its acts: binnacle inbox ITEM approve", "escribe el identificador y una de sus acciones: binnacle inbox ITEM approve")
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			if len(args) == 2 {
				said, err := at.Act(ctx, args[0], args[1], s.code)
				if err == nil {
					s.tell("%s", "%s", said)
				}
				return err
			}
			r, err := at.Inbox(ctx, s.code)
			if err != nil {
				return err
			}
			return s.tellReport(out, r, r.Text)
		},
	}
}

func (l *local) desk() (*morning.Desk, error) {
	if l.Morning == nil {
		return nil, fault.New(fault.Unavailable, "this program has no overview")
	}
	return l.Morning, nil
}

func (l *local) Today(ctx context.Context, since time.Time, c lang.Code) (morning.Overview, error) {
	d, err := l.desk()
	if err != nil {
		return morning.Overview{}, err
	}
	t, err := d.Today(ctx, l.caller(hand{}), morning.Options{Since: since})
	if err != nil {
		return morning.Overview{}, err
	}
	return t.Report(c), nil
}

func (l *local) Inbox(ctx context.Context, c lang.Code) (inboxReport, error) {
	d, err := l.desk()
	if err != nil {
		return inboxReport{}, err
	}
	b, err := d.Inbox(ctx, l.caller(hand{}))
	if err != nil {
		return inboxReport{}, err
	}
	return inboxReport{b.Report(c), b.Late, b.Text(c)}, nil
}

func (l *local) Act(ctx context.Context, item, act string, c lang.Code) (string, error) {
	d, err := l.desk()
	if err != nil {
		return "", err
	}
	said, title, err := d.Act(ctx, catalog.Caller{Principal: l.who, Manager: "cli"}, item, act)
	return morning.Said(said, title).In(c), err
}

func (r *remote) Today(ctx context.Context, since time.Time, c lang.Code) (morning.Overview, error) {
	v := url.Values{"lang": {string(c)}}
	if !since.IsZero() {
		v.Set("since", since.Format(time.RFC3339))
	}
	var out morning.Overview
	err := r.get(ctx, "/today", v, &out)
	return out, err
}

func (r *remote) Inbox(ctx context.Context, c lang.Code) (inboxReport, error) {
	var out inboxReport
	err := r.get(ctx, "/inbox", url.Values{"lang": {string(c)}}, &out)
	return out, err
}

func (r *remote) Act(ctx context.Context, item, act string, c lang.Code) (string, error) {
	var out struct{ Said string }
	err := r.send(ctx, "POST", "/inbox", url.Values{"lang": {string(c)}}, map[string]string{"item": item, "act": act}, &out)
	return out.Said, err
}

// tellReport prints a report as JSON or as text.
func (s *session) tellReport(out string, report any, text string) error {
	if out == "json" {
		return writeJSON(s.Out, report)
	}
	_, err := fmt.Fprint(s.Out, text)
	return err
}
