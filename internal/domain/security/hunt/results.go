package hunt

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web"
)

// results are what was found, drawn.
type results struct {
	Nothing  bool // there is no event at all
	None     bool // none is found
	Wider    []choice
	Found    string // "1,284 of 38.4 million events in 412 ms; read 2.1 GB"
	Partial  bool
	Cut      string
	Without  []string
	Notes    []string
	Chart    template.HTML
	Brush    string // address that FROM and TO are put into
	From, To int64  // of the picture, ms since 1970
	Split    []choice
	Facets   []facetView
	FieldN   int
	All      []choice // every field
	Heads    []string
	Rows     []rowView
	Piped    bool
	Timed    bool      // some row has a time
	First    time.Time // of the events on the page
	Last     time.Time
	Shown    string
	Newer    string
	Older    string
	Deepest  bool
}

type facetView struct {
	Field, Name string
	N           int
	Open        bool
	Values      []facetValue
	More        string
}

type facetValue struct {
	Text, Only, Not string
	N               int64
	Share           int
}

type rowView struct {
	ID    string
	Event string // its id in the store
	Time  string
	Full  string
	Href  string
	Cells []cellView
}

type cellView struct {
	Text, State string
	Head        bool
	Address     bool // is read whole
}

// draw puts an answer on the page.
func (a *asking) draw(p *page, q question, got *answer, anything bool) error {
	c := a.c
	r := &results{Piped: got.Piped, Partial: got.Outcome.Partial}
	p.Results = r
	if !anything {
		r.Nothing = true
		return nil
	}
	r.Found = a.foundText(got)
	for _, w := range got.Without {
		r.Without = append(r.Without, c.T(w.Key))
	}
	if q.rule != nil {
		r.Notes = append(r.Notes, c.T("hunt.rule.tried", int(got.Tried)))
		if q.rule.unrouted > 0 {
			r.Notes = append(r.Notes, c.T("hunt.rule.unrouted"))
		}
		if q.rule.counted > 0 {
			r.Notes = append(r.Notes, c.T("hunt.rule.correlation", q.rule.counted))
		}
		if got.Cut {
			r.Cut = c.T("hunt.rule.cut", c.Num(mostTried))
		}
	}
	if len(got.Rows) == 0 {
		r.None = true
		a.widen(r)
	}
	if !got.Piped && got.Total > 0 {
		a.picture(r, got)
		a.facets(p, r, got)
	}
	a.table(p, r, got)
	a.turn(r, got)
	a.exports(p, got)
	if got.Piped {
		return nil
	}
	var err error
	p.Cases, p.NewCase, err = openCases(c)
	return err
}

// PinFrom and PinTo are the ends of a time that holds every event on the page.
func (r *results) PinFrom() string { return stamp(r.First.Truncate(time.Second)) }
func (r *results) PinTo() string   { return stamp(r.Last.Truncate(time.Second).Add(2 * time.Second)) }

// mostCases is how many open cases are offered.
const mostCases = 10

// openCases are the cases that events can be added to, the newest first. Where
// each is, events are sent to.
func openCases(c *web.Ctx) (list []choice, another string, err error) {
	k := c.Catalog().Kinds().Get("Case")
	if k == nil || !c.CanKind(auth.Write, k) {
		return nil, "", nil
	}
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{k.Name}, Sort: "updated", Desc: true, Limit: 5 * mostCases, NoTotal: true})
	if err != nil {
		return nil, "", err
	}
	for _, e := range page.Items {
		if k.Closed != nil && k.Closed(e) || len(list) == mostCases {
			continue
		}
		label := e.DisplayTitle()
		if label != e.Metadata.Name {
			label = e.Metadata.Name + " " + label
		}
		list = append(list, choice{Label: label, Href: c.Href(e.Ref()) + "/pin"})
	}
	return list, "/cases/open", nil
}

// foundText says how the answer came about.
func (a *asking) foundText(got *answer) string {
	c, o := a.c, got.Outcome
	took := c.T("hunt.took.ms", int(o.Took.Milliseconds()))
	if o.Took >= 2*time.Second {
		took = c.T("hunt.took.s", lang.Float(c.Lang, o.Took.Seconds(), 1))
	}
	text := c.T("hunt.found", int(max(got.Total, 0)), took)
	if got.Total < 0 {
		text = c.T("hunt.found.rows", len(got.Rows), took)
	}
	var cost []string
	if o.Read > 0 { // a cluster does not say
		cost = append(cost, c.T("hunt.looked", large(c.Lang, o.Read)))
	}
	if o.Bytes > 0 {
		cost = append(cost, c.T("hunt.read", lang.Bytes(c.Lang, o.Bytes)))
	}
	if len(cost) > 0 {
		text += "; " + strings.Join(cost, ", ")
	}
	return text
}

// widen offers longer stretches of time.
func (a *asking) widen(r *results) {
	length := a.span.To.Sub(a.span.From)
	for _, last := range periods {
		if d, _ := lengthOf(last); d > length+length/4 || !a.span.To.Equal(a.now) {
			r.Wider = append(r.Wider, choice{Label: a.c.T("hunt.last." + last), Href: a.state.before(last).href("/events")})
		}
	}
}

// facets shows the fields with their most frequent values.
func (a *asking) facets(p *page, r *results, got *answer) {
	list := got.Facets
	if got.Facet != nil {
		list = slices.DeleteFunc(slices.Clone(list), func(f logs.Facet) bool { return f.Field == got.Facet.Field })
		list = append([]logs.Facet{*got.Facet}, list...)
	}
	list = telling(list, got.Facet != nil)
	named := a.namedRules(list)
	for i, f := range list {
		looking := got.Facet != nil && i == 0
		v := facetView{Field: f.Field, Name: called(f.Field), N: len(f.Values), Open: looking || len(r.Facets) < 6}
		if !looking && len(f.Values) >= facetSize {
			v.More = a.state.looking(f.Field).href("/events")
		}
		most := f.Values[0].Hits
		for _, x := range f.Values {
			text := x.Text
			if f.Field == event.FieldRules {
				text = named(text)
			}
			v.Values = append(v.Values, facetValue{Text: text, N: x.Hits, Share: int(100 * x.Hits / max(most, 1)),
				Only: a.state.only(f.Field, x.Text, false).href("/events"), Not: a.state.only(f.Field, x.Text, true).href("/events")})
		}
		r.Facets = append(r.Facets, v)
		r.Split = append(r.Split, choice{Value: f.Field, Label: called(f.Field), On: a.state.By == f.Field})
	}
	if by := a.state.By; by != "" && !slices.ContainsFunc(r.Split, func(x choice) bool { return x.On }) {
		r.Split = append(r.Split, choice{Value: by, Label: called(by), On: true})
	}
	for _, f := range got.Fields {
		if !inner(f.Text) {
			r.All = append(r.All, choice{Value: f.Text, Label: called(f.Text), Count: f.Hits, Href: a.state.looking(f.Text).href("/events"), On: a.state.Facet == f.Text})
		}
	}
	r.FieldN = len(r.All)
}

// namedRules returns what calls the rules in a text of ids by their titles. That
// some have none keeps nobody from reading the page.
func (a *asking) namedRules(list []logs.Facet) func(string) string {
	var ids []string
	for _, f := range list {
		if f.Field == event.FieldRules {
			for _, v := range f.Values {
				ids = append(ids, strings.Fields(v.Text)...)
			}
		}
	}
	known := map[string]Rule{}
	if a.Rules != nil && len(ids) > 0 {
		if found, err := a.Rules(a.c, ids); err == nil {
			known = found
		}
	}
	return func(text string) string {
		var names []string
		for _, id := range strings.Fields(text) {
			names = append(names, cmp.Or(known[id].Title, id))
		}
		return strings.Join(names, ", ")
	}
}

// mostFacets is how many fields are shown with their values.
const mostFacets = 14

// asked are the fields that people look at first, in order.
var asked = []string{event.FieldSource, event.Action, event.Outcome, event.User, event.SourceIP, event.Host, event.FieldFormat, event.FieldRules, event.ProcessName, event.ServiceName, event.CloudAcct, "cloud.region", "user_agent.original", "http.response.status_code"}

// telling are the fields that are worth showing: those that people look at first,
// then those that most events have. The first may have been asked for.
func telling(list []logs.Facet, first bool) []logs.Facet {
	var out []logs.Facet
	for i, f := range list {
		if len(f.Values) > 0 && (!inner(f.Field) || first && i == 0) {
			out = append(out, f)
		}
	}
	place := func(f logs.Facet) int {
		if first && len(out) > 0 && f.Field == list[0].Field {
			return -1
		}
		if i := slices.Index(asked, f.Field); i >= 0 {
			return i
		}
		return len(asked)
	}
	events := func(f logs.Facet) (n int64) {
		for _, v := range f.Values {
			n += v.Hits
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b logs.Facet) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(events(b), events(a)))
	})
	return out[:min(len(out), mostFacets)]
}

// what stands for the column that says what happened, in whatever words an event
// has for it.
const what = "what"

// fitting are the columns that are shown when nobody chose: those that some event
// on the page has.
var fitting = []string{what, event.FieldSource, event.Host, event.User, event.SourceIP, event.Outcome}

// columnsOf are the columns of the table.
func (a *asking) columnsOf(got *answer) []string {
	if len(a.state.Columns) > 0 {
		return a.state.Columns
	}
	has := map[string]bool{what: true}
	var order []string
	for _, row := range got.Rows {
		for _, f := range row.Fields {
			if !has[f.Name] {
				has[f.Name] = true
				order = append(order, f.Name)
			}
		}
	}
	if got.Piped && !has["_msg"] {
		order = slices.DeleteFunc(order, inner)
		return order[:min(len(order), mostColumns)]
	}
	return slices.DeleteFunc(slices.Clone(fitting), func(name string) bool { return !has[name] })
}

// whatOf says what happened: the action, else the message, the line as it came, or
// the first fields there are.
func whatOf(row logs.Row) string {
	if text := cmp.Or(row.Get(event.Action), row.Get("_msg"), row.Get(event.Original)); text != "" && text != "-" {
		return text
	}
	var parts []string
	for _, f := range row.Fields {
		if !inner(f.Name) && !slices.Contains(fitting, f.Name) && f.Name != "_msg" && f.Name != event.FieldFormat && !strings.HasPrefix(f.Name, "@") && !strings.HasPrefix(f.Name, "_") && !strings.HasPrefix(f.Name, "binnacle.") {
			if parts = append(parts, f.Name+"="+f.Value); len(parts) == 5 {
				break
			}
		}
	}
	return strings.Join(parts, " ")
}

// table draws the events.
func (a *asking) table(p *page, r *results, got *answer) {
	columns := a.columnsOf(got)
	for _, name := range columns {
		r.Heads = append(r.Heads, a.head(name))
	}
	day := a.oneDay(got.Rows)
	for i, row := range got.Rows {
		v := rowView{ID: fmt.Sprintf("ev-%d", i)}
		if !row.Time.IsZero() {
			r.Timed = true
			t := row.Time.In(a.zone)
			v.Time, v.Full = t.Format("15:04:05"), lang.DateTime(a.c.Lang, t)
			if !day {
				v.Time = lang.Date(a.c.Lang, t, a.now.In(a.zone)) + " " + v.Time
			}
		}
		if id := row.Get(event.FieldID); id != "" && !got.Piped {
			v.Event, v.Href = id, eventHref(id, row.Time)
			if t := row.Time; r.First.IsZero() || t.Before(r.First) {
				r.First = t
			}
			if row.Time.After(r.Last) {
				r.Last = row.Time
			}
		}
		for j, name := range columns {
			text := row.Get(name)
			if name == what {
				text = whatOf(row)
			}
			v.Cells = append(v.Cells, cellView{Text: shorten(text, 300), State: outcomeState(name, text), Head: j == 0, Address: strings.HasSuffix(name, ".ip")})
		}
		r.Rows = append(r.Rows, v)
	}
	chosen := map[string]bool{}
	for _, name := range columns {
		if chosen[name] = true; name == what {
			continue
		}
		p.Columns = append(p.Columns, choice{Value: name, Label: called(name), On: true})
	}
	for _, f := range r.All {
		if !chosen[f.Value] && len(p.Columns) < 60 {
			p.Columns = append(p.Columns, choice{Value: f.Value, Label: f.Label})
		}
	}
}

// heads are what columns are called that most tables show.
var heads = map[string]lang.Text{what: lang.T("What", "Qué"), event.FieldSource: lang.T("Source", "Origen"), event.Host: lang.T("Host", "Equipo"), event.User: lang.T("User", "Usuario"), event.Action: lang.T("Action", "Acción"),
	event.SourceIP: lang.T("From", "Desde"), event.Outcome: lang.T("Outcome", "Resultado"), "_msg": lang.T("Message", "Mensaje"), event.FieldFormat: lang.T("Format", "Formato"), event.FieldRules: lang.T("Rules", "Reglas")}

func (a *asking) head(column string) string {
	if text, ok := heads[column]; ok {
		return a.c.In(text)
	}
	return column
}

// oneDay reports whether all rows are of one day, and that day is the last of
// the stretch.
func (a *asking) oneDay(rows []logs.Row) bool {
	last := a.span.To.Add(-time.Nanosecond).In(a.zone).Format(time.DateOnly)
	return !slices.ContainsFunc(rows, func(r logs.Row) bool { return r.Time.In(a.zone).Format(time.DateOnly) != last })
}

// outcomeState is the class that an outcome is shown with.
func outcomeState(field, value string) string {
	if field != event.Outcome {
		return ""
	}
	switch value {
	case "success":
		return "ok"
	case "failure":
		return "bad"
	case "unknown":
		return "idle"
	}
	return ""
}

func shorten(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// eventHref is the address of the page of an event.
func eventHref(id string, at time.Time) string {
	return "/events/event?" + url.Values{"id": {id}, "t": {stamp(at)}}.Encode()
}

// turn offers the pages before and after.
func (a *asking) turn(r *results, got *answer) {
	from := a.state.Offset
	n := len(got.Rows)
	if got.Total >= 0 && n > 0 {
		r.Shown = a.c.T("hunt.shown", a.c.Num(from+1), a.c.Num(from+n), large(a.c.Lang, got.Total))
	}
	if got.More && from+pageRows <= deepestRow {
		r.Older = a.state.page(from+pageRows, a.now).href("/events")
	}
	r.Deepest = got.More && r.Older == ""
	if from > 0 {
		r.Newer = a.state.page(max(0, from-pageRows), a.now).href("/events")
	}
}

// exports offers what is found as a file.
func (a *asking) exports(p *page, got *answer) {
	if len(got.Rows) == 0 {
		return
	}
	s := a.state.page(0, a.now)
	for _, form := range []string{"jsonl", "csv"} {
		label := a.c.T("hunt.export." + form)
		if got.Total > exportRows {
			label = a.c.T("hunt.export.most", label, a.c.Num(exportRows))
		}
		q := s.values()
		q.Set("as", form)
		p.Export = append(p.Export, choice{Label: label, Href: "/events/export?" + q.Encode()})
	}
}

// large writes a number as people say it: 12,345, 38.4 million.
func large(c lang.Code, n int64) string {
	for _, x := range []struct {
		from int64
		en   string
		es   string
	}{{1e9, "billion", "mil millones"}, {1e6, "million", "millones"}} {
		if n >= x.from {
			return lang.Float(c, float64(n)/float64(x.from), 1) + " " + lang.T(x.en, x.es).In(c)
		}
	}
	return lang.Int(c, n)
}
