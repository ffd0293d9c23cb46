package sources

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// never stands for the hours that a source is silent that has sent nothing yet: a
// hundred years.
const never = 876_000.0

// table is what record queries may ask about sources: those that people have
// described, and those that have sent something, as both were known at a moment.
// What was sent is known by the hour.
func (c Config) table() *claim.Table {
	return &claim.Table{Name: "sources", Title: lang.T("Sources", "Fuentes"), Page: "/sources/", Kinds: []string{Kind},
		Doc: lang.T("Where events come from, and what each source sent. Counts are of the 24 hours before; times are RFC 3339 texts, empty for never.", "De dónde vienen los eventos y qué envió cada fuente. Los recuentos son de las 24 horas anteriores; las horas son textos RFC 3339, vacíos si nunca."),
		Fields: []claim.Column{
			{Name: "name", Doc: lang.T("Its name", "Su nombre")},
			{Name: "described", Doc: lang.T("Somebody has described it", "Alguien la ha descrito")},
			{Name: "owner", Doc: lang.T("Who answers for it, by reference", "Quién responde de ella, por referencia")},
			{Name: "covers", Doc: lang.T("The things whose events it sends, by reference", "Aquello cuyos eventos envía, por referencia")},
			{Name: "format", Doc: lang.T("What reads its events", "Lo que lee sus eventos")},
			{Name: "lastSeen", Doc: lang.T("When its last event came", "Cuándo llegó su último evento")},
			{Name: "firstOfYear", Doc: lang.T("The first hour of the last 365 days in which an event of it came", "La primera hora de los últimos 365 días en que llegó un evento suyo")},
			{Name: "lastEvent", Doc: lang.T("When its last event happened, by its own word", "Cuándo ocurrió su último evento, según él mismo")},
			{Name: "silentHours", Doc: lang.T("Hours since its last event came; 876000 when none ever did", "Horas desde que llegó su último evento; 876000 si no llegó ninguno")},
			{Name: "silent", Doc: lang.T("It has been silent for longer than its silentAfter, 24 h when not said", "Lleva callada más que su silentAfter, 24 h si no se dice")},
			{Name: "silentAfter", Doc: lang.T("Hours it may be silent", "Horas que puede estar callada")},
			{Name: "accepted", Doc: lang.T("Events that came", "Eventos que llegaron")},
			{Name: "stored", Doc: lang.T("Events that were stored", "Eventos guardados")},
			{Name: "rejected", Doc: lang.T("Events that were refused", "Eventos rechazados")},
			{Name: "dropped", Doc: lang.T("Events that were lost", "Eventos perdidos")},
			{Name: "evaluated", Doc: lang.T("Events that went past the detections", "Eventos que pasaron por las detecciones")},
			{Name: "matched", Doc: lang.T("Events that a detection matched", "Eventos que coincidieron con una detección")},
			{Name: "lagP50", Doc: lang.T("Seconds from an event to its arrival: the median; 0 when nothing was measured", "Segundos del evento a su llegada: la mediana; 0 si no se midió")},
			{Name: "lagP99", Doc: lang.T("The same, 99th percentile; 0 when nothing was measured", "Lo mismo, percentil 99; 0 si no se midió")},
			{Name: "skewP99", Doc: lang.T("Seconds its clock is off, 99th percentile; 0 when nothing was measured", "Segundos que se desvía su reloj, percentil 99; 0 si no se midió")},
		}, Scan: c.scan}
}

func (c Config) scan(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
	rows := map[string]map[string]any{}
	titles := map[string]string{}
	if err := c.scanDescribed(ctx, q, org, at, rows, titles); err != nil {
		return err
	}
	if err := scanSent(ctx, q, org, at.At, rows); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		title := titles[name]
		if title == "" {
			title = name
		}
		if err := yield(name, title, rows[name]); err != nil {
			return err
		}
	}
	return nil
}

func emptyRow(name string) map[string]any {
	return map[string]any{"name": name, "described": false, "owner": "", "covers": []any{}, "format": "", "lastSeen": "", "firstOfYear": "", "lastEvent": "", "silentHours": never, "silent": true, "silentAfter": SilentAfter.Hours(),
		"accepted": int64(0), "stored": int64(0), "rejected": int64(0), "dropped": int64(0), "evaluated": int64(0), "matched": int64(0), "lagP50": 0.0, "lagP99": 0.0, "skewP99": 0.0}
}

func (c Config) scanDescribed(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, rows map[string]map[string]any, titles map[string]string) error {
	if c.Catalog == nil {
		return nil
	}
	return c.Catalog.Scan(ctx, q, org, Kind, at.Feed, func(e *entity.Entity) error {
		s, err := catalog.Spec[Source](e)
		if err != nil {
			return err
		}
		row := emptyRow(e.Metadata.Name)
		covers := []any{}
		for _, x := range s.Covers {
			covers = append(covers, x)
		}
		row["described"], row["owner"], row["covers"], row["format"], row["silentAfter"] = true, s.Owner, covers, s.Format, claim.DurationOr(s.SilentAfter, SilentAfter).Hours()
		rows[e.Metadata.Name], titles[e.Metadata.Name] = row, e.DisplayTitle()
		return nil
	})
}

// sent is what a source sent until a moment.
type sent struct {
	last, happened time.Time
	first          time.Time // of the year before
	day            ingest.Counts
	lag, skew      ingest.Spread
}

func scanSent(ctx context.Context, q sqldb.Querier, org string, at time.Time, rows map[string]map[string]any) error {
	all := map[string]*sent{}
	of := func(name string) *sent {
		if all[name] == nil {
			all[name] = &sent{}
		}
		return all[name]
	}
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var name string
		var seen, happened, first int64
		if err := r.Scan(&name, &seen, &happened, &first); err != nil {
			return err
		}
		s := of(name)
		s.last, s.happened, s.first = sqldb.Time(seen), sqldb.Time(happened), sqldb.Time(first)
		return nil
	}, `SELECT source, max(seen), max(happened), COALESCE(min(CASE WHEN hour >= ? THEN hour END), 0) FROM source_hours WHERE org = ? AND hour <= ? AND accepted > dropped GROUP BY source`,
		sqldb.Micros(at.AddDate(0, 0, -365)), org, sqldb.Micros(at))
	if err != nil {
		return err
	}
	err = eachHour(ctx, q, org, at.Add(-24*time.Hour), at, func(h ingest.Hour) {
		s := of(h.Source)
		s.day.Add(h.Counts)
		s.lag.Add(h.Lag)
		s.skew.Add(h.Skew)
	})
	for name, s := range all {
		if rows[name] == nil {
			rows[name] = emptyRow(name)
		}
		s.fill(rows[name], at)
	}
	return err
}

func (s *sent) fill(row map[string]any, at time.Time) {
	if s.last.After(at) { // the hour went on behind the moment
		s.last = at
	}
	if !s.last.IsZero() {
		hours := at.Sub(s.last).Hours()
		row["lastSeen"], row["silentHours"], row["silent"] = s.last.UTC().Format(time.RFC3339), hours, hours > row["silentAfter"].(float64)
	}
	if !s.first.IsZero() {
		row["firstOfYear"] = s.first.UTC().Format(time.RFC3339)
	}
	if !s.happened.IsZero() {
		row["lastEvent"] = s.happened.UTC().Format(time.RFC3339)
	}
	row["accepted"], row["stored"], row["rejected"], row["dropped"], row["evaluated"], row["matched"] = s.day.Accepted, s.day.Stored, s.day.Refused(), s.day.Dropped, s.day.Evaluated, s.day.Matched
	row["lagP50"], row["lagP99"], row["skewP99"] = s.lag.Quantile(0.5).Seconds(), s.lag.Quantile(0.99).Seconds(), s.skew.Quantile(0.99).Seconds()
}
