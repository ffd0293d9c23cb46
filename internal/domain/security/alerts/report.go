package alerts

import (
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// reportView is the report of a case: what is handed to people who do not work
// here. It is Markdown, shown on paper.
type reportView struct {
	web.Shell
	Lead           string // Markdown under the title
	Parts          []part
	Download, Back string
}

// part is a chapter of the report.
type part struct{ Title, Text string }

// partsOf cuts a report at its chapters, without its own title.
func partsOf(text string) (lead string, parts []part) {
	chapters := strings.Split(text, "\n## ")
	_, lead, _ = strings.Cut(chapters[0], "\n")
	for _, ch := range chapters[1:] {
		title, body, _ := strings.Cut(ch, "\n")
		parts = append(parts, part{title, strings.TrimSpace(body)})
	}
	return strings.TrimSpace(lead), parts
}

func (p pages) report(c *web.Ctx) (any, error) {
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, entity.NewRef(CaseKind, c.R.PathValue("namespace"), c.R.PathValue("name")))
	if err != nil {
		return nil, err
	}
	text, err := p.reportOf(c, e)
	if err != nil {
		return nil, err
	}
	name := e.Metadata.Name
	if c.Param("format") == "md" {
		return web.File{Name: name + ".md", Type: "text/markdown; charset=utf-8", Data: []byte(text)}, nil
	}
	v := &reportView{Download: casePath(name) + "/report?format=md", Back: casePath(name)}
	v.Lead, v.Parts = partsOf(text)
	v.Title, v.Short = c.T("case.report.title", name)+": "+e.DisplayTitle(), c.T("case.report")
	v.Crumbs = []web.Crumb{{Href: "/cases", Label: c.T("case.nav")}, {Href: v.Back, Label: name}}
	return v, nil
}

// reporter writes Markdown.
type reporter struct {
	c *web.Ctx
	b strings.Builder
}

func (r *reporter) head(key string) { fmt.Fprintf(&r.b, "\n## %s\n\n", r.c.T(key)) }

func (r *reporter) line(parts ...string) {
	r.b.WriteString(strings.Join(parts, " "))
	r.b.WriteByte('\n')
}

// row writes a row of a table.
func (r *reporter) row(cells ...string) {
	for i, s := range cells {
		cells[i] = strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
	}
	r.line("| " + strings.Join(cells, " | ") + " |")
}

func (r *reporter) table(heads ...string) {
	dashes := make([]string, len(heads))
	for i, h := range heads {
		heads[i], dashes[i] = r.c.T(h), "---"
	}
	r.row(heads...)
	r.row(dashes...)
}

func (p pages) reportOf(c *web.Ctx, e *entity.Entity) (string, error) {
	s, name, err := spec(e)
	if err != nil {
		return "", err
	}
	zone, err := auth.Zone(c.R.Context(), c.Catalog().DB(), c.Caller.Org)
	if err != nil {
		return "", err
	}
	r := &reporter{c: c}
	severity, _ := label(c, "spec.severity", s.Severity)
	phase, _ := label(c, "spec.phase", s.Phase)
	r.line("# "+name+":", e.DisplayTitle()+"\n")
	r.line(c.T("case.report.stand", c.Caller.OrgTitle, severity, phase, lang.DateTime(c.Lang, c.Now.In(zone)), zone.String()) + "\n")
	if e.Metadata.Description != "" {
		r.line(e.Metadata.Description)
	}
	r.head("case.report.phases")
	r.table("case.report.phase", "case.report.when", "case.report.note")
	reached, err := phases(c, s)
	if err != nil {
		return "", err
	}
	for i, v := range reached {
		at := "–"
		if t := s.When(Phases[i]); !t.IsZero() {
			at = lang.DateTime(c.Lang, t.In(zone))
		}
		r.row(v.Word, at, v.Note)
	}
	for _, write := range []func(*reporter, Case, string, *time.Location) error{p.reportScope, p.reportAlerts, p.reportTimeline, p.reportTasks, p.reportCustody} {
		if err := write(r, s, name, zone); err != nil {
			return "", err
		}
	}
	if s.Lesson != "" {
		r.head("case.report.lesson")
		r.line(s.Lesson)
	}
	return r.b.String(), nil
}

func (p pages) reportScope(r *reporter, s Case, _ string, _ *time.Location) error {
	if len(s.Affected) > 0 {
		r.head("case.scope")
		r.table("case.scope.asset", "case.scope.what", "case.scope.verdict")
		for _, a := range s.Affected {
			verdict, _ := label(r.c, "spec.affected[].verdict", a.Verdict)
			r.row(assetName(a.Asset), a.What, verdict)
		}
	}
	if len(s.Indicators) > 0 {
		r.head("case.indicators")
		for _, i := range s.Indicators {
			kind, _ := label(r.c, "spec.indicators[].type", i.Type)
			r.line("- "+kind+":", "`"+strings.ReplaceAll(i.Value, "`", "'")+"`", i.Note)
		}
	}
	return nil
}

func (p pages) reportAlerts(r *reporter, _ Case, name string, zone *time.Location) error {
	for f := (Filter{Case: name, Limit: most, Sort: "oldest"}); ; f.Offset += f.Limit {
		list, total, err := p.desk(r.c).List(r.c.R.Context(), r.c.Caller, f)
		if err != nil || len(list) == 0 {
			return err
		}
		if f.Offset == 0 {
			r.head("alerts.title")
			r.table("alerts.c.alert", "alerts.c.opened", "alerts.c.severity", "alerts.c.state")
		}
		for _, a := range list {
			r.row(a.ID()+" "+a.Rule.Title, lang.DateTime(r.c.Lang, a.Created.In(zone)), r.c.T("alerts.level."+a.Severity), strings.TrimSuffix(stateLabel(r.c, a)+": "+a.Reason, ": "))
		}
		if f.Offset+len(list) >= total {
			return nil
		}
	}
}

func (p pages) reportTimeline(r *reporter, _ Case, name string, zone *time.Location) error {
	list, err := p.desk(r.c).Timeline(r.c.R.Context(), r.c.Caller.Org, name)
	if err != nil {
		return err
	}
	r.head("case.timeline")
	for _, d := range daysOf(r.c, list, zone, "") {
		r.line("**" + d.Title + "**\n")
		for _, e := range d.Entries {
			no := fmt.Sprintf("#%d", e.No)
			if e.Pins != nil {
				no = fmt.Sprintf("#%d–#%d", e.First, e.Last) // each is in the chain of custody
			}
			parts := []string{"-", e.Time, "(" + no + ", " + e.Who + ")"}
			for _, s := range []string{e.Said, e.Link, strings.Join(strings.Fields(e.Text), " ")} {
				if s != "" {
					parts = append(parts, s)
				}
			}
			if e.Corrected != 0 {
				parts = append(parts, r.c.T("case.corrected", e.Corrected))
			}
			if e.Corrects != 0 {
				parts = append(parts, r.c.T("case.corrects", e.Corrects))
			}
			r.line(parts...)
		}
		r.line()
	}
	return nil
}

func (p pages) reportTasks(r *reporter, s Case, name string, _ *time.Location) error {
	list, err := p.desk(r.c).tasks(r.c.R.Context(), nil, r.c.Caller, caseRef(name))
	if err != nil || len(list) == 0 {
		return err
	}
	r.head("case.tasks")
	for _, t := range list {
		line, err := lineOf(r.c, s, t)
		if err != nil {
			return err
		}
		box := "[ ]"
		if line.Done {
			box = "[x]"
		}
		r.line("-", box, line.Title, line.When)
	}
	return nil
}

func (p pages) reportCustody(r *reporter, _ Case, name string, zone *time.Location) error {
	d := p.desk(r.c)
	k, err := d.Verify(r.c.R.Context(), r.c.Caller.Org, name)
	if err != nil {
		return err
	}
	r.head("case.custody")
	if !k.OK {
		r.line(r.c.T("case.broken."+k.Why, k.Broken))
		return nil
	}
	r.line(r.c.T("case.holds", k.Entries, k.Events), "`"+k.Head+"`\n")
	list, err := d.Pinned(r.c.R.Context(), r.c.Caller.Org, name)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, x := range list {
		r.line("-", lang.DateTime(r.c.Lang, x.Time.In(zone))+",", x.Source+",", x.Event+":", "SHA-256", "`"+x.SHA256+"`")
	}
	return nil
}
