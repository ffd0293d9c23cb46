package hunt

import (
	"bytes"
	"encoding/json"
	"html"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// eventView is one event in full.
type eventView struct {
	web.Shell
	ID, Time, Seen  string
	Source, Format  string
	Message         string
	Rules           []Rule
	Groups          []fieldGroup
	Raw             template.HTML
	Original        string
	Near            []choice
	Cases           []choice // open ones, that it can be added to
	From, To        string   // of a time that holds it
	Lag             string
	RawID, OriginID string
}

// fieldGroup are fields whose names begin alike.
type fieldGroup struct {
	Name   string
	Fields []fieldLine
}

type fieldLine struct {
	Name, Value string
	Only, Not   string
}

// event shows one event, as a page or as the part that opens under its row.
func (s *service) event(c *web.Ctx) (any, error) {
	if s.Store == nil {
		return nil, fault.New(fault.Unavailable, "no events are kept here").Coded("hunt.no-store")
	}
	zone := c.Zone()
	row, err := s.one(c, zone)
	if err != nil {
		return nil, err
	}
	v := &eventView{ID: row.Get(event.FieldID), Source: row.Get(event.FieldSource), Format: row.Get(event.FieldFormat), Message: row.Get("_msg"), Original: row.Get(event.Original)}
	at := row.Time.In(zone)
	v.Time = lang.DateTime(c.Lang, at)
	v.Title, v.Short, v.Fragment = c.T("hunt.event.title", v.Time), c.T("hunt.event"), "hunt-event"
	v.Crumbs = []web.Crumb{{Href: "/events", Label: c.T("hunt.title")}}
	if seen, err := time.Parse(time.RFC3339Nano, row.Get(event.FieldSeen)); err == nil {
		v.Seen = lang.DateTime(c.Lang, seen.In(zone))
		if lag := seen.Sub(row.Time); lag > time.Minute || lag < -time.Minute {
			v.Lag = c.T("hunt.event.lag", lag.Round(time.Second).String())
		}
	}
	v.Groups = groups(row)
	v.Raw = readable(logs.Event(row).Line)
	v.Near = near(c, row)
	v.RawID, v.OriginID = "raw-"+anchor(v.ID), "line-"+anchor(v.ID)
	v.From, v.To = stamp(row.Time.Truncate(time.Second)), stamp(row.Time.Truncate(time.Second).Add(2*time.Second))
	if v.Cases, _, err = openCases(c); err != nil {
		return nil, err
	}
	v.Rules, err = s.rules(c, strings.Fields(row.Get(event.FieldRules)))
	return v, err
}

// one reads the event that the address names.
func (s *service) one(c *web.Ctx, zone *time.Location) (logs.Row, error) {
	id := c.Param("id")
	at, ok := moment(c.Param("t"), c.Now, zone)
	if id == "" || !ok {
		return logs.Row{}, fault.New(fault.Invalid, "the address names no event").Coded("hunt.no-event")
	}
	q := logs.Query{Org: c.Caller.Org, Text: only(event.FieldID, id, false), Limit: 1}
	if !at.IsZero() {
		q.From, q.To = at.Add(-time.Second), at.Add(time.Second)
	}
	ctx, stop := within(c, s.Longest)
	defer stop()
	rows, _, err := found(ctx, s.Store, q)
	if err == nil && len(rows) == 0 {
		err = fault.New(fault.NotFound, "there is no such event; it may have been deleted with the rest of its day").Coded("hunt.event-gone")
	}
	if err != nil {
		return logs.Row{}, err
	}
	return rows[0], nil
}

// rules names the rules that matched.
func (s *service) rules(c *web.Ctx, ids []string) ([]Rule, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	named := map[string]Rule{}
	if s.Rules != nil {
		var err error
		if named, err = s.Rules(c, ids); err != nil {
			return nil, err
		}
	}
	out := make([]Rule, len(ids))
	for i, id := range ids {
		if out[i] = named[id]; out[i].Title == "" {
			out[i].Title = id
		}
	}
	return out, nil
}

// first are the groups of fields that say most, in order; the others follow by
// name.
var first = []string{"event", "user", "source", "destination", "host", "process", "file", "cloud", "http", "url"}

// above are fields that are shown above the groups.
var above = []string{"_msg", event.Original, event.FieldRules, event.FieldSource, event.FieldFormat}

// groups puts the fields of an event together by the beginning of their names.
func groups(row logs.Row) []fieldGroup {
	by := map[string][]fieldLine{}
	for _, f := range row.Fields {
		if inner(f.Name) || slices.Contains(above, f.Name) {
			continue
		}
		name, _, deeper := strings.Cut(f.Name, ".")
		if !deeper {
			name = ""
		}
		by[name] = append(by[name], fieldLine{f.Name, f.Value, state{}.only(f.Name, f.Value, false).href("/events"), state{}.only(f.Name, f.Value, true).href("/events")})
	}
	var out []fieldGroup
	for name, fields := range by {
		slices.SortFunc(fields, func(a, b fieldLine) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, fieldGroup{name, fields})
	}
	place := func(name string) int {
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		if name == "" {
			return 1000
		}
		return 100
	}
	slices.SortFunc(out, func(a, b fieldGroup) int {
		if d := place(a.Name) - place(b.Name); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// around is how far "near" reaches, to either side.
const around = 5 * time.Minute

// near offers the events that share something with one.
func near(c *web.Ctx, row logs.Row) []choice {
	var out []choice
	for _, x := range []struct{ field, key string }{{event.User, "hunt.near.user"}, {event.SourceIP, "hunt.near.address"}, {event.Host, "hunt.near.host"}} {
		if v := row.Get(x.field); v != "" {
			out = append(out, choice{Label: c.T(x.key), Value: v, Href: state{}.only(x.field, v, false).between(row.Time.Add(-around), row.Time.Add(around)).href("/events")})
		}
	}
	return out
}

// anchor makes a text an id of a page.
func anchor(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

// readable writes JSON over several lines with the names of its members in bold.
func readable(line []byte) template.HTML {
	var b bytes.Buffer
	if json.Indent(&b, line, "", "  ") != nil {
		return template.HTML(html.EscapeString(string(line)))
	}
	var out strings.Builder
	for row := range strings.Lines(b.String()) {
		body := strings.TrimLeft(row, " ")
		out.WriteString(row[:len(row)-len(body)])
		if end := nameEnd(body); end > 0 {
			out.WriteString("<b>" + html.EscapeString(body[:end]) + "</b>")
			body = body[end:]
		}
		out.WriteString(html.EscapeString(body))
	}
	return template.HTML(out.String())
}

// nameEnd returns where the name of a member ends that a line begins with.
func nameEnd(s string) int {
	if !strings.HasPrefix(s, `"`) {
		return 0
	}
	if end := quoted(s, 0); strings.HasPrefix(s[end:], ": ") {
		return end
	}
	return 0
}
