package claimweb

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
)

// member is one member of a population as a page shows it.
type member struct {
	Key     string
	Title   string
	Href    string
	Note    string
	Value   string
	Fails   bool
	Excused string // title of the exception that covers it
	ExHref  string
	Request string // address of the form that asks for an exception
}

// membersPage is the population of a run, with its exceptions.
type membersPage struct {
	web.Shell
	Run     *claim.Run
	Asked   int
	Words   string // what became of them
	Path    string
	Test    string
	Only    bool // the exceptions alone
	Rows    []member
	Total   int
	Cut     int // how many are not kept by name
	From    int
	First   string
	Next    string
	Exports []choice
	Hidden  bool // the reader may not read the population
}

// population is how many members a run asked, out of how many there were. A test
// that judges none of them counts in N of the run also those that make no part of
// its number: they tell a number of none from no data.
type population struct {
	Asked, Of int
	Judged    bool
}

func populationOf(question json.RawMessage, r *claim.Run, a *claim.Answer) population {
	var q struct {
		Test *claim.Probe `json:"test"`
	}
	if json.Unmarshal(question, &q) != nil || q.Test == nil || q.Test.Asks() == nil || q.Test.Asks().Expect != "" {
		return population{r.N, r.N, true}
	}
	out := population{Asked: r.N, Of: r.N}
	for _, s := range a.Steps {
		if s.Do != "where" || len(s.Args) == 0 {
			continue
		}
		if n, err := strconv.Atoi(s.Args[0]); err == nil {
			out.Asked = n
		}
	}
	return out
}

// words says what became of a population.
func (p population) words(c *web.Ctx, exceptions int) string {
	if p.Judged {
		return c.T("claims.of", p.Asked-exceptions, p.Asked)
	}
	return c.T("claims.counted", p.Asked, p.Of)
}

// membersPageSize is how many members stand on a page.
const membersPageSize = 100

func members(c *web.Ctx, k *catalog.Kind) (any, error) {
	o, moved, err := open(c, k)
	if err != nil || moved != nil {
		return moved, err
	}
	r, a, question, err := runOf(c, &o)
	if err != nil {
		return nil, err
	}
	of := populationOf(question, r, a)
	p := &membersPage{Run: r, Asked: of.Asked, Words: of.words(c, r.Exceptions), Path: runPath(c, o.entity.Ref(), r.Seq), Test: r.Test, Only: c.Param("only") != ""}
	probe := &claim.Probe{Test: claim.Test{Name: r.Test}}
	if ev := o.evidenceOf(r.Test); ev != nil {
		probe, p.Test = ev.Probe, ev.Probe.Label()
	}
	rows, err := itemsOf(c, o.entity, probe, r, a, p.Only)
	if fault.Is(err, fault.Forbidden) {
		p.Hidden = true
	} else if err != nil {
		return nil, err
	}
	if format := c.Param("format"); format != "" && !p.Hidden {
		return p.export(c, format, o.entity, rows)
	}
	p.page(c, rows)
	p.Title, p.Crumbs, p.Short = c.T("claims.members.of", p.Test), append(o.crumbs(c, k), web.Crumb{Href: p.Path, Label: c.T("claims.run.n", r.Seq)}), c.T("claims.members")
	return p, nil
}

// page cuts the rows to those of the page in the address.
func (p *membersPage) page(c *web.Ctx, rows []member) {
	p.Total = len(rows)
	all := max(p.Asked, 0)
	if p.Only {
		all = p.Run.Exceptions
	}
	p.Cut = max(all-p.Total, 0)
	p.From = min(max(c.IntParam("from", 0), 0), p.Total)
	end := min(p.From+membersPageSize, p.Total)
	p.Rows = rows[p.From:end]
	if end < p.Total {
		p.Next = p.at("from", fmt.Sprint(end))
	}
	if p.From > 0 {
		p.First = p.at()
	}
	for _, f := range []string{"csv", "xlsx", "ndjson"} {
		p.Exports = append(p.Exports, choice{Label: c.T("claims.export." + f), Href: p.at("format", f)})
	}
}

// at is the address of the page with some parameters.
func (p *membersPage) at(pairs ...string) string {
	q := url.Values{}
	if p.Only {
		q.Set("only", "exceptions")
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	if enc := q.Encode(); enc != "" {
		return p.Path + "/members?" + enc
	}
	return p.Path + "/members"
}

// All and Exceptions are the two ways to look at the page.
func (p *membersPage) All() string        { return p.Path + "/members" }
func (p *membersPage) Exceptions() string { return p.Path + "/members?only=exceptions" }

// itemsOf makes the members of a run ready to be shown, the exceptions first; a
// Forbidden fault when the reader may not read what was asked.
func itemsOf(c *web.Ctx, e *entity.Entity, p *claim.Probe, r *claim.Run, a *claim.Answer, only bool) ([]member, error) {
	if err := c.App.Claims.MayReadMembers(c.Caller, p); err != nil {
		return nil, err
	}
	excused, err := excusesOf(c, e, r)
	if err != nil {
		return nil, err
	}
	values, called := map[string]string{}, map[string]string{}
	for _, t := range a.Terms {
		called[t.Key] = t.Title
		if t.Value != nil {
			values[t.Key] = claim.Figure(*t.Value)
		}
	}
	canAsk := c.CanKind(auth.Write, exceptionKind(c)) && r.Verdict == claim.Fail
	var out []member
	fails := map[string]bool{}
	for _, x := range a.Exceptions {
		fails[x.Key] = true
		m := member{Key: x.Key, Title: x.Title, Note: x.Note, Href: memberPath(c, p, r, x.Key), Value: values[x.Key], Fails: true}
		if ex := excused(x.Key); ex != nil {
			m.Excused, m.ExHref = ex.DisplayTitle(), c.Href(ex.Ref())
		} else if canAsk {
			m.Request = requestPath(e.Ref(), r.Test, x.Key)
		}
		out = append(out, m)
	}
	if !only {
		for _, key := range a.Population {
			if !fails[key] {
				out = append(out, member{Key: key, Title: called[key], Href: memberPath(c, p, r, key), Value: values[key]})
			}
		}
	}
	return out, titled(c, p, out)
}

// things reports whether the members of a probe are things with pages of their
// own, and not rows that an engine gave.
func things(p *claim.Probe) bool { r := p.Asks(); return p.Query == nil || r != nil && r.From != "" }

// memberPath is the address of what a member is: of its own page, or of the
// events that it stands for.
func memberPath(c *web.Ctx, p *claim.Probe, r *claim.Run, key string) string {
	if things(p) {
		if page := c.App.Claims.PageOf(p, key); page != "" {
			return page
		}
		return c.App.HrefOf(key)
	}
	return eventsPath(c, p, r, key)
}

// eventsPath is the address of the events behind a run, or behind one of its
// members; "" where there are none to be shown, or not to the reader.
func eventsPath(c *web.Ctx, p *claim.Probe, r *claim.Run, member string) string {
	look, ok := c.App.Claims.Look(p, r, member)
	if !ok || c.App.Claims.MayReadMembers(c.Caller, p) != nil {
		return ""
	}
	q := url.Values{"q": {look.Text}, "from": {look.From.Format(time.RFC3339)}, "to": {look.To.Format(time.RFC3339)}}
	return "/events?" + q.Encode()
}

// titled gives members that are things their titles.
func titled(c *web.Ctx, p *claim.Probe, list []member) error {
	var refs []entity.Ref
	for _, m := range list {
		if !things(p) {
			break
		}
		if ref, err := entity.ParseRef(m.Key, "", ""); err == nil && m.Title == "" && m.Href != "" {
			refs = append(refs, ref)
		}
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	for i := range list {
		if m := &list[i]; m.Title == "" {
			m.Title = titles[m.Key]
		}
		if list[i].Title == "" {
			list[i].Title = list[i].Key
		}
	}
	return err
}

// excusesOf returns which approved exception covers a member of a run.
func excusesOf(c *web.Ctx, e *entity.Entity, r *claim.Run) (func(key string) *entity.Entity, error) {
	if r.Excused == 0 {
		return func(string) *entity.Entity { return nil }, nil
	}
	list, err := exceptionsOf(c, e.Ref())
	if err != nil {
		return nil, err
	}
	return func(key string) *entity.Entity {
		for _, x := range list {
			s, err := catalog.Spec[claim.ExceptionSpec](x)
			if err != nil || s.Test != "" && s.Test != r.Test {
				continue
			}
			if _, ok := s.Holds(r.At); ok && (len(s.Items) == 0 || slices.Contains(s.Items, key)) {
				return x
			}
		}
		return nil
	}, nil
}

// export writes the members as a file.
func (p *membersPage) export(c *web.Ctx, format string, e *entity.Entity, rows []member) (any, error) {
	name := fmt.Sprintf("%s-run-%d-%s", e.Metadata.Name, p.Run.Seq, map[bool]string{true: "exceptions", false: "population"}[p.Only])
	switch format {
	case "csv":
		return web.File{Name: name + ".csv", Type: "text/csv; charset=utf-8", Write: func(w http.ResponseWriter) error { return writeCSV(c, w, rows) }}, nil
	case "xlsx":
		return web.File{Name: name + ".xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Write: func(w http.ResponseWriter) error { return writeXLSX(c, w, rows) }}, nil
	case "ndjson":
		return web.File{Name: name + ".ndjson", Type: "application/x-ndjson", Write: func(w http.ResponseWriter) error { return writeNDJSON(w, rows) }}, nil
	}
	return nil, fault.New(fault.Invalid, "there is no format %q", format).Coded("claim.format").WithHint("use csv, xlsx or ndjson")
}

func heads(c *web.Ctx) []string {
	return []string{c.T("claims.member.key"), c.T("claims.member.title"), c.T("claims.member.holds"), c.T("claims.member.excused"), c.T("claims.member.value"), c.T("claims.member.note")}
}

func cells(c *web.Ctx, m member) []string {
	holds := c.T("yes")
	if m.Fails {
		holds = c.T("claims.no")
	}
	return []string{m.Key, m.Title, holds, m.Excused, m.Value, m.Note}
}

func writeCSV(c *web.Ctx, w http.ResponseWriter, rows []member) error {
	if _, err := w.Write([]byte("\ufeff")); err != nil { // so that spreadsheets read UTF-8
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(heads(c)); err != nil {
		return err
	}
	for _, m := range rows {
		line := cells(c, m)
		for i := range line {
			line[i] = web.Harmless(line[i])
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeXLSX(c *web.Ctx, w http.ResponseWriter, rows []member) error {
	f := excelize.NewFile()
	defer f.Close()
	out, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	row := func(n int, texts []string) error {
		line := make([]any, len(texts))
		for i, t := range texts {
			line[i] = t
		}
		return out.SetRow(fmt.Sprintf("A%d", n), line)
	}
	if err := row(1, heads(c)); err != nil {
		return err
	}
	for i, m := range rows {
		if err := row(i+2, cells(c, m)); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = f.WriteTo(w)
	return err
}

func writeNDJSON(w http.ResponseWriter, rows []member) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, m := range rows {
		line := map[string]any{"key": m.Key, "title": m.Title, "holds": !m.Fails}
		for name, text := range map[string]string{"excused": m.Excused, "value": m.Value, "note": m.Note} {
			if strings.TrimSpace(text) != "" {
				line[name] = text
			}
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}
