package strategy

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func roadmapExporter() catalog.Exporter {
	return catalog.Exporter{
		Name: "roadmap", Room: Room, Formats: []string{"csv", "mermaid"},
		Title: lang.T("Roadmap", "Hoja de ruta"),
		Doc:   lang.T("The initiatives with their forecasts: as CSV for a spreadsheet, or as a Mermaid gantt chart for a document.", "Las iniciativas con sus previsiones: como CSV para una hoja de cálculo, o como diagrama de Gantt de Mermaid para un documento."),
		Write: exportRoadmap,
	}
}

func exportRoadmap(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	p, _, err := foreseen(ctx, c, caller)
	if err != nil {
		return nil, err
	}
	if opts.Format == "mermaid" {
		var refs []entity.Ref
		for _, in := range p.initiatives {
			refs = append(refs, in.serves...)
		}
		names, err := c.Titles(ctx, caller, refs)
		if err != nil {
			return nil, err
		}
		return []catalog.File{{Name: "roadmap.mmd", Data: p.mermaid(names)}}, nil
	}
	data, err := p.csv()
	return []catalog.File{{Name: "roadmap.csv", Data: data}}, err
}

// csv writes an initiative a row.
func (p *plan) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"name", "namespace", "title", "lane", "rank", "state", "teams", "serves", "dependsOn", "start", "end", "wantBy", "commitment", "itemsDone", "itemsOpen", "remaining", "asOf", "p50", "p70", "p85", "p95", "chance", "noForecast"}}
	for _, in := range p.initiatives {
		s, o := in.Spec, in.outlook
		row := []string{in.Metadata.Name, in.Ref().Namespace, in.DisplayTitle(), s.Lane, number(s.Rank), s.State, strings.Join(s.Teams, " "), strings.Join(s.Serves, " "), strings.Join(s.DependsOn, " "), s.Start, s.End, s.WantBy, s.Commitment,
			strconv.Itoa(o.Done), strconv.Itoa(o.Open), strconv.FormatFloat(o.Remaining, 'f', 1, 64), dayOf(o.AsOf)}
		for _, level := range forecast.Levels {
			row = append(row, dayOf(o.Date(level)))
		}
		chance := ""
		if in.chance() >= 0 {
			chance = strconv.FormatFloat(in.chance(), 'f', 3, 64)
		}
		rows = append(rows, append(row, chance, o.Why))
	}
	for _, row := range rows {
		for i := range row {
			row[i] = web.Harmless(row[i])
		}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// mermaid writes a gantt chart by what the initiatives serve. What has no dates
// cannot be drawn and stands as a comment.
func (p *plan) mermaid(names map[string]string) []byte {
	sections := map[string][]string{}
	var undated []string
	for _, in := range p.initiatives {
		section := "Without an objective"
		if len(in.serves) > 0 {
			section = nameIn(names, in.serves[0].String())
		}
		if line := p.mermaidLine(in); line != "" {
			sections[section] = append(sections[section], line)
		} else if in.Spec.State != InitiativeStopped {
			undated = append(undated, mermaidText(in.DisplayTitle()))
		}
	}
	var b strings.Builder
	b.WriteString("gantt\n    title Roadmap\n    dateFormat YYYY-MM-DD\n")
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		fmt.Fprintf(&b, "    section %s\n", mermaidText(section))
		for _, line := range sections[section] {
			b.WriteString("    " + line + "\n")
		}
	}
	if len(p.milestones) > 0 {
		b.WriteString("    section Milestones\n")
		for _, m := range p.milestones {
			fmt.Fprintf(&b, "    %s :milestone, %s, %s, 0d\n", mermaidText(m.DisplayTitle()), mermaidID("m", m.Ref()), m.Spec.Date)
		}
	}
	if len(p.blackouts) > 0 {
		b.WriteString("    section Days off\n")
		for _, off := range p.blackouts {
			span := off.Spec.span()
			fmt.Fprintf(&b, "    %s :%s, %s, %s\n", mermaidText(off.DisplayTitle()), mermaidID("b", off.Ref()), span.From.Format(time.DateOnly), span.To.AddDate(0, 0, 1).Format(time.DateOnly))
		}
	}
	for _, title := range undated {
		fmt.Fprintf(&b, "    %%%% no dates: %s\n", title)
	}
	return []byte(b.String())
}

func (p *plan) mermaidLine(in *initiative) string {
	end := p.ends(in)
	if end.IsZero() || in.Spec.State == InitiativeStopped {
		return ""
	}
	begin := p.begins(in)
	if begin.After(end) {
		begin = end
	}
	var tags []string
	switch in.Spec.State {
	case InitiativeDone:
		tags = append(tags, "done")
	case InitiativeActive:
		tags = append(tags, "active")
	}
	if critical(in) {
		tags = append(tags, "crit")
	}
	tags = append(tags, mermaidID("i", in.Ref()), begin.Format(time.DateOnly), end.AddDate(0, 0, 1).Format(time.DateOnly))
	return mermaidText(in.DisplayTitle()) + " :" + strings.Join(tags, ", ")
}

// mermaidText takes out what ends a name in Mermaid.
func mermaidText(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer(":", " ", ";", ",", "#", " ", "\n", " ").Replace(s)), " ")
}

func mermaidID(prefix string, ref entity.Ref) string {
	clean := func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}
	return prefix + "_" + strings.Map(clean, ref.Namespace+"_"+ref.Name)
}
