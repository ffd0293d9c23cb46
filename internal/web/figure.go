package web

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"math"
	"regexp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

// figure writes a number that lies on the scale of the claim its entity bears,
// with its unit; false for any other.
func (r reader) figure(f *catalog.Field, v any) (string, bool) {
	n, ok := v.(json.Number)
	if !f.Scaled || r.of == nil || !ok {
		return "", false
	}
	scale, ok := r.scales[r.of.Metadata.UID]
	if !ok {
		return "", false
	}
	x, err := n.Float64()
	return scale.Write(x, r.lang), err == nil
}

// scales returns how the numbers of some entities are written, by identity.
func (c *Ctx) scales(entities ...*entity.Entity) map[string]claim.Scale {
	if c.App.Claims == nil {
		return nil
	}
	return c.App.Claims.Scales(c.R.Context(), c.Caller.Org, entities...)
}

// drawings are the small histories that a page shows. A template asks for one
// by the name of a measure; that leaves a mark, and when the page is written
// all marks are replaced at once, so that many cost one query. What marks look
// like only this program knows.
type drawings struct {
	mark    string
	pattern *regexp.Regexp
}

func newDrawings() drawings {
	mark := "<!--spark " + rand.Text() + " "
	return drawings{mark, regexp.MustCompile(regexp.QuoteMeta(mark) + `([A-Za-z0-9_-]*)-->`)}
}

// sparkline marks where the history of a measure is drawn; a name alone is that
// of a measure, a reference any thing that bears a claim.
func (d drawings) sparkline(ref string) template.HTML {
	return template.HTML(d.mark + base64.RawURLEncoding.EncodeToString([]byte(ref)) + "-->")
}

// drawn replaces the marks of a page.
func (a *App) drawn(c *Ctx, page []byte) []byte {
	found := a.drawings.pattern.FindAllSubmatch(page, -1)
	if len(found) == 0 {
		return page
	}
	trends := a.trends(c, found)
	return a.drawings.pattern.ReplaceAllFunc(page, func(mark []byte) []byte {
		m := a.drawings.pattern.FindSubmatch(mark)
		return []byte(c.spark(trends[string(m[1])]))
	})
}

// trends reads what marks ask for, by the mark.
func (a *App) trends(c *Ctx, found [][][]byte) map[string]*claim.Trend {
	if a.Claims == nil {
		return nil
	}
	marks, refs := map[string]string{}, []string{}
	for _, m := range found {
		text, err := base64.RawURLEncoding.DecodeString(string(m[1]))
		if err != nil {
			continue
		}
		if ref, err := entity.ParseRef(string(text), "measure", ""); err == nil {
			marks[string(m[1])] = ref.String()
			refs = append(refs, ref.String())
		}
	}
	by, err := a.Claims.Trends(c.R.Context(), c.Caller, refs)
	if err != nil && c.R.Context().Err() == nil {
		a.Log.ErrorContext(c.R.Context(), "sparklines", "error", err)
	}
	out := map[string]*claim.Trend{}
	for mark, ref := range marks {
		out[mark] = by[ref]
	}
	return out
}

// spark draws a trend; without one, or without any number, an empty frame.
func (c *Ctx) spark(t *claim.Trend) template.HTML {
	if t == nil {
		return chart.Spark{}.HTML()
	}
	s := chart.Spark{Y: Numbers(t.Y), Target: t.Target}
	if t.Zone == claim.Bad {
		s.State = "bad"
	}
	if t.Last != nil {
		s.Tip = c.T("spark.tip", t.Entity.DisplayTitle(), t.Scale.Write(*t.Last, c.Lang))
	}
	return s.HTML()
}

// Numbers returns numbers as charts take them, what is missing as a gap.
func Numbers(list []*float64) []float64 {
	out := make([]float64, len(list))
	for i, v := range list {
		out[i] = math.NaN()
		if v != nil {
			out[i] = *v
		}
	}
	return out
}
