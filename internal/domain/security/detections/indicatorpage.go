package detections

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/observe"
	"github.com/binnaclehq/binnacle/internal/web"
)

// indicatorsPage is what is known to be bad, and where it was seen.
type indicatorsPage struct {
	web.Shell
	Sources            []sourceRow
	Total, Ended       int
	Query              string
	Rows               []indicatorRow
	More               int
	Fired              []firedRow
	From, To           string
	CanWrite, HasStore bool
}

type sourceRow struct {
	Name  string
	N     int
	Types string
}

type indicatorRow struct {
	Source, Type, Value, Title, Labels string
	Until                              time.Time
	Confidence                         int64
	Ended                              bool
}

const shownIndicators = 100

func (p *pages) indicators(c *web.Ctx) (any, error) {
	v := &indicatorsPage{Query: strings.ToLower(c.Param("q")), CanWrite: mayWrite(c), HasStore: p.Engine.Store != nil, From: dayOf(c, c.Now.Add(-looked)), To: dayOf(c, c.Now)}
	v.Title = c.T("detections.indicators")
	if err := v.read(c); err != nil {
		return nil, err
	}
	list, err := p.Engine.Fired(c.R.Context(), c.Caller.Org, "", c.Now.Add(-looked), c.Now.Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	for _, f := range slices.Backward(list) {
		if f.Kind == "indicator" && len(v.Fired) < shownFired {
			v.Fired = append(v.Fired, firedRow{strings.ReplaceAll(f.Group, `"`, ""), levelName(c, f.Level), levelState(f.Level), f.End})
		}
	}
	return v, nil
}

func (v *indicatorsPage) read(c *web.Ctx) error {
	if err := c.Caller.Can("read", resource()); err != nil {
		return err
	}
	sources := map[string]*sourceRow{}
	types := map[string]map[string]bool{}
	err := indicatorTable.Scan(c.R.Context(), c.Catalog().DB(), c.Caller.Org, c.Now, func(_, _ string, r observe.Row) error {
		v.Total++
		until := r.Time("ends")
		isEnded := !until.IsZero() && !c.Now.Before(until)
		count(&v.Ended, isEnded)
		name := r.Text("source")
		if sources[name] == nil {
			sources[name], types[name] = &sourceRow{Name: name}, map[string]bool{}
		}
		sources[name].N++
		types[name][r.Text("type")] = true
		if v.Query != "" && !strings.Contains(strings.ToLower(r.Text("value")+" "+r.Text("title")+" "+r.Text("type")+" "+name), v.Query) {
			return nil
		}
		if len(v.Rows) == shownIndicators {
			v.More++
			return nil
		}
		v.Rows = append(v.Rows, indicatorRow{name, r.Text("type"), r.Text("value"), r.Text("title"), strings.Join(r.List("labels"), ", "), until, r.Int("confidence"), isEnded})
		return nil
	})
	for name, s := range sources {
		var list []string
		for _, t := range live.Types {
			if types[name][t] {
				list = append(list, t)
			}
		}
		s.Types = strings.Join(list, ", ")
		v.Sources = append(v.Sources, *s)
	}
	slices.SortFunc(v.Sources, func(a, b sourceRow) int { return strings.Compare(a.Name, b.Name) })
	return err
}

// huntIndicators looks for the indicators in what is stored.
func (p *pages) huntIndicators(c *web.Ctx) (any, error) {
	from, to, err := days(c)
	if err != nil {
		return nil, err
	}
	j := &live.Job{Org: c.Caller.Org, By: c.Caller.Identity(), Kind: "indicators", Title: c.T("detections.indicators"), From: from, To: to}
	p.Jobs.Start(j, c.Now, func(ctx context.Context, progress func(live.Progress)) (*live.Answer, *live.Answer, int, error) {
		a, err := p.Engine.Past(ctx, live.Question{Org: j.Org, From: from, To: to, Indicators: true, Limit: mostFindings}, progress)
		return nil, a, -1, err
	})
	return web.Redirect{To: jobHref(j)}, nil
}
