package hunt

import (
	"net/url"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// make leads from a question to the form of what is made of it, filled in.
func (s *service) make(c *web.Ctx) (any, error) {
	st, err := readState(c)
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	switch c.R.PathValue("what") {
	case "hunt":
		q = st.hunt()
		return web.Redirect{To: "/hunts/new?" + q.Encode()}, nil
	case "detection":
		rule := st.Query
		if !isRule(rule) {
			rule = draft(c.T("hunt.make.detection"), "", st.Query)
		}
		return web.Redirect{To: "/detections/new?" + url.Values{"rule": {rule}, "spec.rule": {rule}}.Encode()}, nil
	case "measure":
		text, err := translate(st.Query)
		if err != nil {
			return nil, err
		}
		if read(text).pipe < 0 {
			text += " | stats count() as events"
		}
		q.Set("spec.room", auth.Security)
		q.Set("spec.direction", "down")
		q.Set("spec.query.language", "logsql")
		q.Set("spec.query.text", text)
		return web.Redirect{To: "/measures/new?" + q.Encode()}, nil
	}
	return nil, fault.New(fault.NotFound, "there is nothing of the sort to make").Coded("hunt.make")
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
