package hunt

import (
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// placeholders of the address that a stretch chosen in the picture is put into.
const (
	brushFrom = "FROM"
	brushTo   = "TO"
)

// picture draws the counts over time.
func (a *asking) picture(r *results, got *answer) {
	step := a.span.step()
	bars := int((a.span.To.Sub(a.span.From) + step - 1) / step)
	if bars <= 0 || bars > 10*mostBars {
		return
	}
	b := chart.Bars{Height: 118, Whole: true, Gap: .1, Edge: true, Legend: a.state.By != "", XName: a.c.T("hunt.chart.when"), Words: chart.Words{Table: a.c.T("hunt.chart.table"), NoData: "0"},
		Format: func(v float64) string { return lang.Int(a.c.Lang, int64(v)) }}
	b.Name = a.c.T("hunt.chart.name", large(a.c.Lang, got.Total), a.words(a.span.From), a.words(a.span.To), a.length(step))
	for i := range bars {
		from := a.span.From.Add(time.Duration(i) * step)
		b.X = append(b.X, a.words(from)+" – "+a.clock(from.Add(step)))
	}
	for i, s := range got.Series {
		b.Series = append(b.Series, chart.Series{Name: a.seriesName(s), Class: seriesClass(i, s, a.state.By), Y: a.heights(s, step, bars)})
	}
	b.Ticks = a.ticks(step, bars)
	b.Href = func(i int) string {
		from := a.span.From.Add(time.Duration(i) * step)
		return a.state.between(from, from.Add(step)).href("/events")
	}
	r.Chart = b.HTML()
	brush := a.state.afresh()
	brush.Last, brush.From, brush.To = "", brushFrom, brushTo
	r.Brush, r.From, r.To = brush.href("/events"), a.span.From.UnixMilli(), a.span.From.Add(time.Duration(bars)*step).UnixMilli()
}

func (a *asking) heights(s logs.Series, step time.Duration, bars int) []float64 {
	y := make([]float64, bars)
	for i, at := range s.Start {
		if k := int(at.Sub(a.span.From) / step); k >= 0 && k < bars && i < len(s.Counts) {
			y[k] += float64(s.Counts[i])
		}
	}
	return y
}

func (a *asking) seriesName(s logs.Series) string {
	switch {
	case a.state.By == "":
		return a.c.T("hunt.chart.events")
	case s.Value == "":
		return a.c.T("hunt.chart.rest")
	}
	return shorten(s.Value, 60)
}

// seriesClass keeps red for what failed and grey for the rest.
func seriesClass(i int, s logs.Series, by string) string {
	switch state := outcomeState(by, s.Value); {
	case by == "":
		return "5"
	case s.Value == "":
		return "7"
	case state == "bad":
		return "bad"
	case state == "ok":
		return "5"
	}
	return []string{"5", "2", "1", "4", "3", "6"}[i%6]
}

// ticks are about eight moments at full hours or days.
func (a *asking) ticks(step time.Duration, bars int) []chart.Tick {
	every := time.Duration(0)
	for _, d := range steps {
		if d >= step && (a.span.To.Sub(a.span.From))/d <= 12 {
			every = d
			break
		}
	}
	var out []chart.Tick
	last := ""
	for i := range bars {
		at := a.span.From.Add(time.Duration(i) * step).In(a.zone)
		_, offset := at.Zone()
		if every == 0 || at.Add(time.Duration(offset)*time.Second).Truncate(every).Add(-time.Duration(offset)*time.Second).Before(at.Add(-step+1)) {
			continue
		}
		text := at.Format("15:04")
		if every < time.Minute {
			text = at.Format("15:04:05")
		}
		if day := lang.Date(a.c.Lang, at, a.now.In(a.zone)); every >= 24*time.Hour {
			text = day
		} else if day != last && a.span.To.Sub(a.span.From) > 24*time.Hour {
			text = day
		}
		last = lang.Date(a.c.Lang, at, a.now.In(a.zone))
		out = append(out, chart.Tick{At: float64(i), Text: text})
	}
	return out
}

// words writes a moment as short as it can be told from the others.
func (a *asking) words(t time.Time) string {
	t = t.In(a.zone)
	return lang.Date(a.c.Lang, t, a.now.In(a.zone)) + " " + a.clock(t)
}

func (a *asking) clock(t time.Time) string {
	t = t.In(a.zone)
	if a.span.step() < time.Minute {
		return t.Format("15:04:05")
	}
	return t.Format("15:04")
}

// length writes a step of time.
func (a *asking) length(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return a.c.T("hunt.length.d", int(d/(24*time.Hour)))
	case d >= time.Hour:
		return a.c.T("hunt.length.h", int(d/time.Hour))
	case d >= time.Minute:
		return a.c.T("hunt.length.m", int(d/time.Minute))
	}
	return strconv.Itoa(int(d/time.Second)) + " s"
}
