package alerts

import (
	"context"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// ResponseTarget says how long after its detection a case of one severity may take
// to reach each phase. Of what is left empty the standard holds, and of two for one
// severity the shorter.
type ResponseTarget struct {
	Severity     string `json:"severity" en:"Severity" es:"Gravedad" req:"1" col:"1" filter:"1" enum:"critical=Critical|Crítica;high=High|Alta;medium=Medium|Media;low=Low|Baja" example:"critical"`
	Acknowledged string `json:"acknowledged,omitempty" en:"Acknowledged within" es:"Visto en" col:"2" help:"As 10m, 4h, 2d or 1w after detection. Left empty: the standard." ayuda:"Como 10m, 4h, 2d o 1w desde la detección. Vacío: lo estándar." example:"10m"`
	Contained    string `json:"contained,omitempty" en:"Contained within" es:"Contenido en" col:"3" help:"As 10m, 4h, 2d or 1w after detection. Left empty: the standard." ayuda:"Como 10m, 4h, 2d o 1w desde la detección. Vacío: lo estándar." example:"30m"`
	Removed      string `json:"removed,omitempty" en:"Removed within" es:"Eliminado en" col:"4" help:"As 10m, 4h, 2d or 1w after detection. Left empty: the standard." ayuda:"Como 10m, 4h, 2d o 1w desde la detección. Vacío: lo estándar." example:"8h"`
	Recovered    string `json:"recovered,omitempty" en:"Recovered within" es:"Recuperado en" col:"5" help:"As 10m, 4h, 2d or 1w after detection. Left empty: the standard." ayuda:"Como 10m, 4h, 2d o 1w desde la detección. Vacío: lo estándar." example:"1d"`
	Closed       string `json:"closed,omitempty" en:"Closed within" es:"Cerrado en" col:"6" help:"As 10m, 4h, 2d or 1w after detection. Left empty: the standard." ayuda:"Como 10m, 4h, 2d o 1w desde la detección. Vacío: lo estándar." example:"2w"`
}

// TargetKind is the name of the kind.
const TargetKind = "ResponseTarget"

// targets are how long after its detection a case may take, by its severity and the
// phase.
type targets map[string]map[string]time.Duration

// standard are the targets of an organisation that has set none. docs/alerts.md
// lists them.
var standard = targets{
	"critical": {acknowledged: 10 * time.Minute, contained: 30 * time.Minute, removed: 8 * time.Hour, recovered: 24 * time.Hour, closed: 14 * 24 * time.Hour},
	"high":     {acknowledged: 15 * time.Minute, contained: time.Hour, removed: 24 * time.Hour, recovered: 72 * time.Hour, closed: 14 * 24 * time.Hour},
	"medium":   {acknowledged: 4 * time.Hour, contained: 24 * time.Hour, removed: 7 * 24 * time.Hour, recovered: 14 * 24 * time.Hour, closed: 30 * 24 * time.Hour},
	"low":      {acknowledged: 24 * time.Hour, contained: 7 * 24 * time.Hour, removed: 30 * 24 * time.Hour, recovered: 30 * 24 * time.Hour, closed: 60 * 24 * time.Hour},
}

func targetKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: TargetKind, Plural: "responsetargets", Room: auth.Security, Icon: "clock", Order: 30,
		Title: lang.T("Response target", "Plazo de respuesta"), Titles: lang.T("Response targets", "Plazos de respuesta"),
		Doc: lang.T("How long after its detection a case may take to be acknowledged, contained, removed, recovered and closed, by its severity. A severity without one has the standard; of two the shorter holds.",
			"Cuánto puede tardar un caso, desde su detección, en verse, contenerse, eliminarse, recuperarse y cerrarse, según su gravedad. Una gravedad que no tiene uno sigue el estándar; de dos vale el más corto."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: ResponseTarget
metadata:
  name: critical
  title: Critical cases
spec:
  severity: critical
  acknowledged: 5m
  contained: 30m
  removed: 8h
  recovered: 1d
  closed: 2w
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: x}\nspec: {severity: awful, contained: 1h}\n", Want: "is not one of"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: x}\nspec: {severity: high, contained: soon}\n", Want: "not a length of time"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: ResponseTarget\nmetadata: {name: x}\nspec: {severity: high, contained: 2d}\n", Want: "longer than for the next phase"},
		},
	}, checkTarget)
}

// of is what is set for a phase.
func (t *ResponseTarget) of(phase string) string {
	return map[string]string{acknowledged: t.Acknowledged, contained: t.Contained, removed: t.Removed, recovered: t.Recovered, closed: t.Closed}[phase]
}

// limits are those of its severity with what is set here.
func (t *ResponseTarget) limits() map[string]time.Duration {
	limits := map[string]time.Duration{}
	for phase, limit := range standard[t.Severity] {
		limits[phase] = claim.DurationOr(t.of(phase), limit)
	}
	return limits
}

func checkTarget(_ *entity.Entity, t *ResponseTarget) []fault.Problem {
	var out []fault.Problem
	for _, p := range Phases[1:] {
		if text := t.of(p); text != "" {
			if _, err := claim.ParseDuration(text); err != nil {
				out = append(out, fault.Problem{Field: "spec." + p, Code: "duration", Msg: err.Error()})
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	limits := t.limits()
	for i, p := range Phases[1 : len(Phases)-1] {
		if limits[p] > limits[Phases[i+2]] {
			out = append(out, fault.Problem{Field: "spec." + p, Code: "target-order", Msg: "is longer than for the next phase"})
		}
	}
	return out
}

// targetsAt are the targets of an organisation as they were when the feed had come to
// an entry, 0 as they are.
func targetsAt(ctx context.Context, q sqldb.Querier, org string, feed int64) (targets, error) {
	set := targets{}
	for severity := range standard {
		set[severity] = map[string]time.Duration{}
	}
	err := past.Scan(ctx, q, org, TargetKind, feed, func(e *entity.Entity) error {
		t, err := catalog.Spec[ResponseTarget](e)
		if err == nil {
			set.add(&t)
		}
		return err
	})
	for severity, limits := range standard {
		for phase, limit := range limits {
			if set[severity][phase] == 0 {
				set[severity][phase] = limit
			}
		}
	}
	return set, err
}

// add takes in what a target sets.
func (t targets) add(target *ResponseTarget) {
	if t[target.Severity] == nil {
		return
	}
	for _, p := range Phases[1:] {
		limit, known := claim.DurationOr(target.of(p), 0), t[target.Severity][p]
		if limit > 0 && (known == 0 || limit < known) {
			t[target.Severity][p] = limit
		}
	}
}

// late is the phase that a case should have reached by a moment, and when; "" when
// none is late.
func (t targets) late(s *Case, now time.Time) (phase string, since time.Time) {
	start := s.When(detected)
	if start.IsZero() || s.Phase == closed {
		return "", time.Time{}
	}
	for _, p := range Phases[1:] {
		limit := start.Add(t[s.Severity][p])
		if s.When(p).IsZero() && now.After(limit) && slices.Index(Phases, s.Phase) < slices.Index(Phases, p) {
			return p, limit
		}
	}
	return "", time.Time{}
}
