package claimweb

import (
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// line is one piece of evidence on the line under its claim.
type line struct {
	Health claim.Health
	Name   string
	Href   string // of its last run; "" when there is none
	Drawer string // of the dialog that shows it beside the page; "" for none
	First  bool   // the one that the key e opens
	Value  string
	Meta   string // only what somebody has to know: late, lacking, somebody's word, excused
}

func lineOf(c *web.Ctx, v *claim.View, ev *claim.Evidence, drawers bool) line {
	out := line{Health: ev.Health, Name: ev.Probe.Label()}
	if ev.Last == nil {
		out.Value, out.Meta = "", c.T("claims.never")
		return out
	}
	out.Href = runPath(c, v.Entity.Ref(), ev.Last.Seq)
	if drawers {
		out.Drawer = fmt.Sprintf("run-%d", ev.Last.Seq)
	}
	out.Value, out.Meta = found(c, ev.Probe, ev.Scale, ev.Last), meta(c, ev, called(c, ev.Last.By))
	return out
}

func runPath(c *web.Ctx, ref entity.Ref, seq int64) string {
	return fmt.Sprintf("%s/runs/%d", c.Href(ref), seq)
}

// found is what a run found, in one figure.
func found(c *web.Ctx, p *claim.Probe, s claim.Scale, r *claim.Run) string {
	switch {
	case r.Verdict == claim.Failed, r.Verdict == claim.NoData && r.Value == nil:
		return c.In(r.Verdict.Word())
	case p.Attest != nil && r.Verdict == claim.Pass:
		return c.T("claims.attested")
	case p.Attest != nil:
		return c.T("claims.denied")
	case r.Value != nil:
		return s.Write(*r.Value, c.Lang)
	case r.N >= 0:
		return c.T("claims.of", r.N-r.Exceptions, r.N)
	}
	return ""
}

// figure is found, short enough for large letters.
func figure(c *web.Ctx, p *claim.Probe, s claim.Scale, r *claim.Run) string {
	if r.Value == nil && r.N > 0 && r.Verdict != claim.Failed {
		return c.T("claims.of.short", r.N-r.Exceptions, r.N)
	}
	return found(c, p, s, r)
}

// meta says of evidence what is not as it should be.
func meta(c *web.Ctx, ev *claim.Evidence, by string) string {
	var out []string
	r := ev.Last
	switch {
	case ev.Health == claim.Stale && !r.Until.IsZero() && !c.Now.Before(r.Until):
		out = append(out, c.T("claims.ranout", lang.Date(c.Lang, r.Until.In(c.Zone()), c.Here())))
	case ev.Health == claim.Stale:
		out = append(out, c.T("claims.late", span(c, c.Now.Sub(r.AsOf)), span(c, ev.Probe.MaxAge())))
	case r.Verdict == claim.NoData && r.N == 0:
		out = append(out, c.T("claims.nobody"))
	case r.Reason != "":
		out = append(out, reasonOf(c, r.Reason))
	}
	if r.By != "" && r.Verdict != claim.Failed {
		out = append(out, c.T("claims.saidby", by))
	}
	if r.Asserted {
		out = append(out, c.T("claims.word.only"))
	}
	if r.Excused > 0 || r.ExcusedBy != "" {
		out = append(out, c.T("claims.excused", r.Excused))
	}
	return strings.Join(out, ", ")
}

func called(c *web.Ctx, by string) string { return c.App.Claims.Called(c.R.Context(), c.Caller, by) }

// reasonOf tells why a test gave no answer. The words are those of the program
// and of other systems, in English.
func reasonOf(c *web.Ctx, reason string) string {
	const most = 160
	if r := []rune(reason); len(r) > most {
		return string(r[:most]) + "…"
	}
	return reason
}

// span writes a length of time in its largest unit.
func span(c *web.Ctx, d time.Duration) string {
	switch {
	case d < time.Hour:
		return c.T("claims.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return c.T("claims.hours", int(d/time.Hour))
	}
	return c.T("claims.days", int(d/(24*time.Hour)))
}

// claimed is what a number is held against, in one figure; "" when nothing is.
func claimed(c *web.Ctx, p *claim.Probe, s claim.Scale) string {
	r := p.Asks()
	if r == nil {
		r = &claim.Records{}
	}
	switch {
	case r.Expect != "" && r.Value == "" && (r.Allow == "" || r.Allow == "0"):
		return c.T("claims.every.one")
	case r.Expect != "" && r.Value == "":
		return c.T("claims.allbut", r.Allow)
	case p.Must != "" && s.Target != nil && s.Direction == claim.Up:
		return "≥ " + s.Write(*s.Target, c.Lang)
	case p.Must != "" && s.Target != nil:
		return "≤ " + s.Write(*s.Target, c.Lang)
	case s.Direction == claim.Band && s.Low != nil && s.High != nil && *s.Low == *s.High:
		return s.Write(*s.Low, c.Lang)
	case s.Direction == claim.Band:
		return c.T("claims.band", bound(s, s.Low, c.Lang), bound(s, s.High, c.Lang))
	case s.Target != nil:
		return s.Write(*s.Target, c.Lang)
	}
	return ""
}

func bound(s claim.Scale, v *float64, l lang.Code) string {
	if v == nil {
		return "–"
	}
	return s.Write(*v, l)
}
