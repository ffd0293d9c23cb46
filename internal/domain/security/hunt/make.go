package hunt

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// make leads from a question to the form of what is made of it, filled in.
func (s *service) make(c *web.Ctx) (any, error) {
	st, err := readState(c)
	if err != nil {
		return nil, err
	}
	switch c.R.PathValue("what") {
	case "hunt":
		return nil, leadTo(c, "/hunts/new", st.hunt())
	case "detection":
		rule := st.Query
		if !isRule(rule) {
			var left []string
			rule, left = draft(c.T("hunt.make.detection"), s.format(c, st), st.Query)
			rule = remarked(c, rule, left)
		}
		return nil, leadTo(c, "/detections/new", url.Values{"spec.rule": {rule}})
	case "measure":
		text := st.Query
		if s.Store != nil {
			asked, err := logs.Written(c.R.Context(), s.Store, logs.Query{Org: c.Caller.Org, Text: text, From: c.Now.Add(-7 * 24 * time.Hour), To: c.Now, Partial: true})
			if err != nil {
				return nil, err
			}
			if text = asked.Text; len(text) > longestMeasure {
				return nil, fault.New(fault.TooLarge, "the words stand for too many fields to be written out").Coded("hunt.make-wide").WithHint("say in which field to look, as user.name:eva")
			}
		}
		if read(text).pipe < 0 {
			text += " | stats count() as events"
		}
		q := url.Values{"spec.room": {auth.Security}, "spec.direction": {"down"}, "spec.query.language": {"logsql"}, "spec.query.text": {text}}
		return nil, leadTo(c, "/measures/new", q)
	}
	return nil, fault.New(fault.NotFound, "there is nothing of the sort to make").Coded("hunt.make")
}

// remarked says above a rule what of a question is not in it.
func remarked(c *web.Ctx, rule string, left []string) string {
	if len(left) == 0 {
		return rule
	}
	text := "# " + c.T("hunt.make.left") + "\n"
	for _, part := range left {
		text += "#   " + strings.Join(strings.Fields(part), " ") + "\n"
	}
	return text + rule
}

// longestMeasure is how long the question of a measure may become by what words
// stand for: each field that events have.
const longestMeasure = 32 << 10

// leadTo sends the browser to a form of the program. What is filled in may be
// longer than what a toast is shown after.
func leadTo(c *web.Ctx, form string, filled url.Values) error {
	c.W.Header().Set("Location", form+"?"+filled.Encode())
	c.W.WriteHeader(http.StatusSeeOther)
	return nil
}

// format is the format that most events have which a question finds; "" when
// that cannot be known soon.
func (s *service) format(c *web.Ctx, st state) string {
	if s.Store == nil {
		return ""
	}
	ctx, stop := within(c, s.Patience)
	defer stop()
	a := &asking{service: s, c: c, state: st, zone: time.UTC, now: c.Now}
	var err error
	if a.span, err = a.stretch(ctx); err != nil {
		return ""
	}
	q, err := a.question(ctx)
	if err != nil {
		return ""
	}
	values, _, err := s.Store.Values(ctx, q.store(0, 0), event.FieldFormat, 1)
	if err != nil || len(values) == 0 {
		return ""
	}
	return values[0].Text
}

// hunt is the state as the fields of a saved hunt.
func (s state) hunt() url.Values {
	q := url.Values{"spec.query": {s.Query}}
	if s.Last == "" && s.From == "" && s.To == "" {
		s.Last = defaultLast
	}
	for name, value := range map[string]string{"spec.last": s.Last, "spec.from": s.From, "spec.to": s.To, "spec.by": s.By} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, name := range s.Columns {
		q.Add("spec.columns", name)
	}
	return q
}
