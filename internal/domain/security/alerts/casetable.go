package alerts

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// openCaseQuery asks for the cases that are not closed.
func openCaseQuery() catalog.Query {
	return catalog.Query{Kinds: []string{CaseKind}, Fields: map[string][]string{"spec.phase": Phases[:5]}}
}

// eachOpenCase visits the cases that are not closed; none for who may not read
// cases.
func eachOpenCase(ctx context.Context, all *catalog.Catalog, caller catalog.Caller, f func(*entity.Entity, Case)) error {
	k := all.Kinds().Get(CaseKind)
	if k == nil || caller.Can(auth.Read, k.Resource()) != nil {
		return nil
	}
	return all.Each(ctx, caller, openCaseQuery(), func(e *entity.Entity) error {
		s, err := catalog.Spec[Case](e)
		if err == nil {
			f(e, s)
		}
		return err
	})
}

// casesOpen is how many cases are open; marked when one is late.
func casesOpen(c *web.Ctx) (out web.Count, err error) {
	limits, err := targetsAt(c.R.Context(), c.Catalog().DB(), c.Caller.Org, 0)
	if err != nil {
		return out, err
	}
	err = eachOpenCase(c.R.Context(), c.Catalog(), c.Caller, func(_ *entity.Entity, s Case) {
		out.N++
		if phase, _ := limits.late(&s, c.Now); phase != "" {
			out.State = "warn"
		}
	})
	return out, err
}

// casesTable is what record queries may ask about cases: how long each phase
// took, how much was kept, and whether the chain of evidence holds. A case is the
// one of its revision at the moment.
func casesTable() *claim.Table {
	return &claim.Table{Name: "cases", Title: lang.T("Cases", "Casos"), Page: casePath(""), Kinds: []string{CaseKind, TargetKind},
		Doc: lang.T("Security cases with the minutes from detection to each phase. What has not been reached is not there.", "Casos de seguridad con los minutos desde la detección hasta cada fase. Lo no alcanzado no está."),
		Fields: []claim.Column{
			{Name: "name", Doc: lang.T("As C-118", "Como C-118")}, {Name: "title", Doc: lang.T("Title", "Título")},
			{Name: "severity", Doc: lang.T("critical, high, medium or low", "critical, high, medium o low")}, {Name: "phase", Doc: lang.T("How far it is", "Hasta dónde ha llegado")},
			{Name: "merged", Doc: lang.T("It became a part of another", "Pasó a formar parte de otro")},
			{Name: "detected", Doc: lang.T("When it was detected", "Cuándo se detectó")}, {Name: "closed", Doc: lang.T("When it was closed", "Cuándo se cerró")},
			{Name: "minutesToDetect", Doc: lang.T("From its first event", "Desde su primer evento")}, {Name: "minutesToAcknowledge", Doc: lang.T("From detection", "Desde la detección")},
			{Name: "minutesToContain", Doc: lang.T("From detection", "Desde la detección")}, {Name: "minutesToRemove", Doc: lang.T("From detection", "Desde la detección")}, {Name: "minutesToRecover", Doc: lang.T("From detection", "Desde la detección")},
			{Name: "containLimit", Doc: lang.T("Minutes its severity allows to contain it", "Minutos que su gravedad permite para contenerlo")},
			{Name: "minutesOpen", Doc: lang.T("Since detection, while it is open", "Desde la detección, mientras está abierto")},
			{Name: "late", Doc: lang.T("The phase that is overdue; empty for none", "La fase atrasada; vacío si ninguna")},
			{Name: "lesson", Doc: lang.T("A lesson is written", "Hay una lección escrita")}, {Name: "actions", Doc: lang.T("Corrective actions", "Acciones correctivas")},
			{Name: "alerts", Doc: lang.T("Alerts in it", "Alertas que contiene")}, {Name: "entries", Doc: lang.T("Entries of its timeline", "Entradas de su cronología")},
			{Name: "evidence", Doc: lang.T("Events that are kept with it", "Eventos guardados con él")}, {Name: "chainHolds", Doc: lang.T("Timeline and events are as they were written", "Cronología y eventos están como se escribieron")},
		}, Scan: scanCases}
}

var minutesTo = map[string]string{acknowledged: "minutesToAcknowledge", contained: "minutesToContain", removed: "minutesToRemove", recovered: "minutesToRecover"}

func scanCases(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
	var list []*entity.Entity
	err := past.Scan(ctx, q, org, CaseKind, at.Feed, func(e *entity.Entity) error {
		list = append(list, e)
		return nil
	})
	if err != nil || len(list) == 0 {
		return err
	}
	limits, err := targetsAt(ctx, q, org, at.Feed)
	if err != nil {
		return err
	}
	alerts, err := alertsByCase(ctx, q, org, at)
	if err != nil {
		return err
	}
	for _, e := range list {
		s, name, err := spec(e)
		if err != nil {
			return err
		}
		row := map[string]any{"name": name, "title": e.DisplayTitle(), "severity": s.Severity, "phase": s.Phase, "merged": s.MergedInto != "", "lesson": s.Lesson != "", "actions": int64(len(s.Actions))}
		start := s.When(detected)
		row["detected"] = start.UTC().Format(time.RFC3339)
		row["containLimit"] = limits[s.Severity][contained].Minutes()
		if b := s.began(); s.Began != "" {
			row["minutesToDetect"] = start.Sub(b).Minutes()
		}
		for p, name := range minutesTo {
			if t := s.When(p); !t.IsZero() {
				row[name] = t.Sub(start).Minutes()
			}
		}
		if t := s.When(closed); !t.IsZero() {
			row["closed"] = t.UTC().Format(time.RFC3339)
		} else {
			row["minutesOpen"] = at.At.Sub(start).Minutes()
		}
		row["late"], _ = limits.late(&s, at.At)
		row["alerts"] = alerts[name]
		if err := evidenceOf(ctx, q, org, name, at.At, row); err != nil {
			return err
		}
		if err := yield(name, e.DisplayTitle(), row); err != nil {
			return err
		}
	}
	return nil
}

// past reads cases and targets as they were, without a server.
var past = catalog.New(nil, catalog.NewKinds(caseKind(), targetKind()))

// alertsByCase counts the alerts that cases had at a moment.
func alertsByCase(ctx context.Context, q sqldb.Querier, org string, at claim.Moment) (map[string]int64, error) {
	n := map[string]int64{}
	err := scanAlerts(ctx, q, org, at, func(_, _ string, row map[string]any) error {
		n[row["case"].(string)]++
		return nil
	})
	return n, err
}

// evidenceOf counts what was kept with a case by a moment, and reads its chain
// again.
func evidenceOf(ctx context.Context, q sqldb.Querier, org, name string, at time.Time, row map[string]any) error {
	var entries, pins int64
	err := q.QueryRow(ctx, `SELECT (SELECT count(*) FROM case_entries WHERE org = ? AND name = ? AND at <= ?), (SELECT count(*) FROM case_events WHERE org = ? AND name = ? AND pinned <= ?)`,
		org, name, sqldb.Micros(at), org, name, sqldb.Micros(at)).Scan(&entries, &pins)
	if err != nil {
		return err
	}
	k, err := verify(ctx, q, org, name)
	if err != nil {
		return err
	}
	row["entries"], row["evidence"], row["chainHolds"] = entries, pins, k.OK
	return nil
}
