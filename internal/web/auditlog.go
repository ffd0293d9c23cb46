package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// auditPage is the audit log of an organisation.
type auditPage struct {
	Shell
	Text, Actor, Action, Target, Outcome, Via, From, To string
	Outcomes, Vias                                      []option
	Records                                             []auditLine
	Next, Clear                                         string
	Filtered                                            bool
	Exports                                             []exportLink
	Report                                              *audit.Report
	Problem                                             string
}

type auditLine struct {
	audit.Record
	Href   string // of the target, when it is an entity
	Detail []pair
	State  string
}

// auditPageSize is how many records a page shows.
const auditPageSize = 100

func auditPages() []PageDef {
	return []PageDef{
		{ID: "audit", Pattern: "/audit", Verb: auth.Audit, Template: "audit.html", Handle: auditLog},
		{ID: "audit.export", Pattern: "/audit/export", Verb: auth.Audit, Handle: auditExport},
		{ID: "audit.verify", Nav: "audit", Method: http.MethodPost, Pattern: "/audit/verify", Verb: auth.Audit, Template: "audit.html", Handle: auditVerify},
	}
}

func (c *Ctx) auditQuery() (audit.Query, error) {
	q := audit.Query{Text: c.Param("q"), Actor: c.Param("actor"), Action: c.Param("action"), Target: c.Param("target"), Outcome: c.Param("outcome"), Via: c.Param("via"), Limit: auditPageSize}
	var err error
	if q.From, err = c.auditDay(c.Param("from")); err != nil {
		return q, err
	}
	if q.To, err = c.auditDay(c.Param("to")); err != nil {
		return q, err
	}
	if !q.To.IsZero() {
		q.To = q.To.AddDate(0, 0, 1)
	}
	q.Before, _ = strconv.ParseInt(c.Param("before"), 10, 64)
	return q, nil
}

// auditDay reads a day, which begins where the reader lives; zero for none.
func (c *Ctx) auditDay(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, c.Zone())
	if err != nil {
		return t, fault.Bad("not a date", fault.Problem{Field: "from", Code: "date", Msg: "is not a day", Args: []string{s}}).Coded("date")
	}
	return t, nil
}

func auditLog(c *Ctx) (any, error) { return c.auditPage() }

func (c *Ctx) auditPage() (*auditPage, error) {
	p := &auditPage{Text: c.Param("q"), Actor: c.Param("actor"), Action: c.Param("action"), Target: c.Param("target"), Outcome: c.Param("outcome"), Via: c.Param("via"), From: c.Param("from"), To: c.Param("to"), Clear: "/audit"}
	p.Title, p.Fragment = c.T("audit.title"), "records"
	p.Filtered = p.Text+p.Actor+p.Action+p.Target+p.Outcome+p.Via+p.From+p.To != ""
	for _, o := range []string{audit.OK, audit.Refused, audit.Failed} {
		p.Outcomes = append(p.Outcomes, option{Value: o, Label: c.T("outcome." + o), On: o == p.Outcome})
	}
	for _, v := range []string{"web", "api", "cli", "mcp", "system"} {
		p.Vias = append(p.Vias, option{Value: v, Label: v, On: v == p.Via})
	}
	q, err := c.auditQuery()
	if fault.Is(err, fault.Invalid) {
		p.Problem = sentence(c.problemsIn(err))
		return p, nil
	}
	records, next, err := c.App.Audit.Search(c.R.Context(), c.Caller.Org, q)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		p.Records = append(p.Records, c.auditLine(r))
	}
	if next > 0 {
		p.Next = c.with("before", itoa(next))
	}
	export := c.R.URL.Query()
	export.Del("before")
	for _, format := range audit.Formats {
		export.Set("format", format)
		p.Exports = append(p.Exports, exportLink{address("/audit/export", export), c.T("audit.export." + format)})
	}
	return p, nil
}

var outcomeStates = map[string]string{audit.OK: "ok", audit.Refused: "warn", audit.Failed: "bad"}

func (c *Ctx) auditLine(r audit.Record) auditLine {
	line := auditLine{Record: r, Href: c.App.HrefOf(r.Target), State: outcomeStates[r.Outcome]}
	var detail map[string]any
	if json.Unmarshal(r.Detail, &detail) == nil {
		for k, v := range detail {
			line.Detail = append(line.Detail, pair{k, clip(plain(v), 120)})
		}
		sort.Slice(line.Detail, func(i, j int) bool { return line.Detail[i].Name < line.Detail[j].Name })
	}
	return line
}

func auditExport(c *Ctx) (any, error) {
	format := c.Param("format")
	q, err := c.auditQuery()
	if err != nil {
		return nil, err
	}
	q.Limit, q.Before = 0, 0
	types := map[string]string{"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
	if types[format] == "" {
		return nil, fault.New(fault.Invalid, "there is no audit export format %q", format).Coded("audit-format").WithHint("use one of %s", strings.Join(audit.Formats, ", "))
	}
	return File{Name: "audit-" + c.Now.UTC().Format(time.DateOnly) + "." + format, Type: types[format],
		Write: func(w http.ResponseWriter) error {
			return c.App.Audit.Export(c.R.Context(), c.Caller.Org, w, format, q)
		}}, nil
}

// auditVerify reads the whole chain again and says whether it holds.
func auditVerify(c *Ctx) (any, error) {
	c.R.URL.RawQuery = url.Values{}.Encode()
	p, err := c.auditPage()
	if err != nil {
		return nil, err
	}
	report, err := c.App.Audit.Verify(c.R.Context(), c.Caller.Org)
	p.Report = &report
	return p, err
}
