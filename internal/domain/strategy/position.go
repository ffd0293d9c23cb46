package strategy

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/web"
)

// foreseen reads the roadmap with its forecasts: the last that were kept, and
// where one is missing, as in a folder that no server has worked on yet, all of
// them computed anew.
func foreseen(ctx context.Context, c *catalog.Catalog, caller catalog.Caller) (*plan, Record, error) {
	p, err := loadPlan(ctx, c, caller)
	if err != nil {
		return nil, Record{}, err
	}
	record, err := calibrated(ctx, c.DB(), caller.Org)
	if err != nil {
		return nil, record, err
	}
	p.widen = record.Widen
	last, err := newest(ctx, c.DB(), caller.Org)
	if err != nil {
		return nil, record, err
	}
	for _, in := range p.initiatives {
		if m, ok := last[in.Metadata.UID]; ok {
			in.outlook = &m.Outlook
		} else if in.Spec.State != InitiativeDone {
			return p, record, p.foresee()
		} else {
			in.outlook = &Outlook{AsOf: p.backlog.asOf(), Why: InitiativeDone}
		}
	}
	return p, record, nil
}

// position is where an initiative stands, as a mark and a word.
type position struct {
	State string // ok, warn, bad or idle
	Key   string // of the word
	Rank  int    // how much it needs somebody: the higher the more
}

var (
	standDone     = position{"ok", "strategy.stand.done", 0}
	standStopped  = position{"idle", "strategy.stand.stopped", 0}
	standIdea     = position{"idle", "strategy.stand.idea", 0}
	standPaused   = position{"warn", "strategy.stand.paused", 2}
	standWaiting  = position{"bad", "strategy.stand.waiting", 4}
	standLate     = position{"bad", "strategy.stand.late", 5}
	standUnlikely = position{"bad", "strategy.stand.unlikely", 4}
	standRisk     = position{"warn", "strategy.stand.risk", 3}
	standOn       = position{"ok", "strategy.stand.on", 0}
	standUnknown  = position{"idle", "strategy.stand.unknown", 1}
	standPlanned  = position{"idle", "strategy.stand.planned", 0}
)

// aim is the day an initiative is held to: that it is wanted by, or else planned
// to end on.
func (in *initiative) aim() time.Time {
	if day := dayOfText(in.Spec.WantBy); !day.IsZero() {
		return day
	}
	return dayOfText(in.Spec.End)
}

// chance is the chance of being done by the day it is held to; -1 when either
// is not known.
func (in *initiative) chance() float64 {
	if !in.outlook.Known() || in.aim().IsZero() {
		return -1
	}
	return in.outlook.By(in.aim())
}

// stands says where an initiative is. A day without a forecast is never green.
func (p *plan) stands(in *initiative) position {
	chance := in.chance()
	switch {
	case in.Spec.State == InitiativeDone:
		return standDone
	case in.Spec.State == InitiativeStopped:
		return standStopped
	case in.Spec.Lane == LaneLater:
		return standIdea
	case in.Spec.Waits != "" || p.blocked(in) != nil:
		return standWaiting
	case in.Spec.State == InitiativePaused:
		return standPaused
	case !in.aim().IsZero() && forecast.Day(p.now).After(in.aim()):
		return standLate
	case chance >= forecast.Levels[2]:
		return standOn
	case chance >= forecast.Levels[0]:
		return standRisk
	case chance >= 0:
		return standUnlikely
	case in.Spec.State == InitiativePlanned && in.aim().IsZero():
		return standPlanned
	}
	return standUnknown
}

// blocked returns a dependency that stands in an initiative's way, or nil.
func (p *plan) blocked(in *initiative) *dependency {
	for i := range p.dependencies {
		d := &p.dependencies[i]
		if d.from == in.Ref() && (d.Spec.State == DependencyBlocked || d.Spec.State == DependencyRejected) {
			return d
		}
	}
	return nil
}

// begins returns the day an initiative began or begins; when it is not said,
// what its work items tell, or today.
func (p *plan) begins(in *initiative) time.Time {
	if day := dayOfText(in.Spec.Start); !day.IsZero() {
		return day
	}
	var first time.Time
	for _, it := range in.items {
		if !it.closed.IsZero() && (first.IsZero() || it.closed.Before(first)) {
			first = it.closed
		}
	}
	switch {
	case !first.IsZero():
		return forecast.Day(first)
	case in.Spec.State == InitiativeDone:
		return dayOfText(in.Spec.End).AddDate(0, 0, -14)
	case in.outlook.Known():
		for _, ref := range in.after {
			if before := p.by[ref]; before != nil && before.outlook.Known() && before.outlook.Date(forecast.Levels[0]).After(first) {
				first = before.outlook.Date(forecast.Levels[0])
			}
		}
		if first.After(p.now) {
			return first
		}
	}
	return forecast.Day(p.now)
}

// ends returns the day an initiative is drawn to end on: planned, wanted, or as
// likely as not; zero when it has no dates.
func (p *plan) ends(in *initiative) time.Time {
	if in.Spec.Lane == LaneLater && in.Spec.State != InitiativeDone {
		return time.Time{}
	}
	for _, day := range []time.Time{dayOfText(in.Spec.End), dayOfText(in.Spec.WantBy), in.outlook.Date(forecast.Levels[0])} {
		if !day.IsZero() {
			return day
		}
	}
	return time.Time{}
}

// why says in a sentence why there is no forecast.
func (p *plan) why(c *web.Ctx, in *initiative, names map[string]string) string {
	of := ""
	for i, ref := range splitWords(in.outlook.WhyOf) {
		if i > 0 {
			of += " → "
		}
		of += nameIn(names, ref)
	}
	if of == "" {
		of = c.T("strategy.noteam")
	}
	return c.T("strategy.forecast.why."+in.outlook.Why, of)
}
