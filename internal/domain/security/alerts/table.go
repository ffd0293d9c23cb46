package alerts

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// alertsTable is what record queries may ask about alerts. It gives them as they
// were at a moment: what people did later has not happened yet.
func alertsTable() *claim.Table {
	return &claim.Table{Name: "alerts", Title: lang.T("Alerts", "Alertas"), Page: "/alerts/",
		Doc: lang.T("What detections found, with what people made of it. Times are RFC 3339 texts; those of what has not happened are not there.", "Lo que encontraron las detecciones y qué hicieron con ello las personas. Las horas son textos RFC 3339; las de lo que no ha pasado no están."),
		Fields: []claim.Column{
			{Name: "name", Doc: lang.T("Its number, as AL-2291", "Su número, como AL-2291")},
			{Name: "title", Doc: lang.T("Title of the rule", "Título de la regla")},
			{Name: "rule", Doc: lang.T("Id of the rule", "Id de la regla")},
			{Name: "level", Doc: lang.T("Level of the rule: informational, low, medium, high, critical", "Nivel de la regla: informational, low, medium, high, critical")},
			{Name: "severity", Doc: lang.T("The same scale, with what was hit counted in", "La misma escala, contando lo afectado")},
			{Name: "risk", Doc: lang.T("0 to 100", "De 0 a 100")},
			{Name: "state", Doc: lang.T("new, acknowledged, work or closed", "new, acknowledged, work o closed")},
			{Name: "disposition", Doc: lang.T("true, false or benign; empty while it is open", "true, false o benign; vacío mientras está abierta")},
			{Name: "reason", Doc: lang.T("Why it was closed", "Por qué se cerró")},
			{Name: "created", Doc: lang.T("When it was opened", "Cuándo se abrió")},
			{Name: "firstSeen", Doc: lang.T("Time of its first event", "Hora de su primer evento")},
			{Name: "lastSeen", Doc: lang.T("Time of its last event", "Hora de su último evento")},
			{Name: "acknowledgedAt", Doc: lang.T("When somebody saw it", "Cuándo la vio alguien")},
			{Name: "closedAt", Doc: lang.T("When it was closed", "Cuándo se cerró")},
			{Name: "minutesToAcknowledge", Doc: lang.T("From being opened to being seen; not there before that", "Desde que se abrió hasta que se vio; no está antes")},
			{Name: "minutesToDisposition", Doc: lang.T("From being opened to its disposition; not there before that", "Desde que se abrió hasta su veredicto; no está antes")},
			{Name: "minutesOpen", Doc: lang.T("From being opened to its disposition, or until now", "Desde que se abrió hasta su veredicto, o hasta ahora")},
			{Name: "assignee", Doc: lang.T("Whose it is", "De quién es")},
			{Name: "asset", Doc: lang.T("The thing that was hit, by reference", "Lo afectado, por referencia")},
			{Name: "tier", Doc: lang.T("Tier of the asset, 1 to 4; 0 when not known", "Nivel del activo, de 1 a 4; 0 si no se conoce")},
			{Name: "case", Doc: lang.T("The case it belongs to, as C-118", "El caso al que pertenece, como C-118")},
			{Name: "late", Doc: lang.T("It was found in stored events, by a hunt through the past", "Se encontró en eventos guardados, buscando en el pasado")},
		}, Scan: scanAlerts}
}

// scanAlerts yields the alerts as of a moment, by number.
func scanAlerts(ctx context.Context, q sqldb.Querier, org string, at claim.Moment, yield claim.Yield) error {
	when := sqldb.Micros(at.At)
	return sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var no, created, first, last, late int64
		var title, rule, is string
		if err := r.Scan(&no, &title, &rule, &created, &first, &last, &late, &is); err != nil {
			return err
		}
		var b became
		if err := decode(is, &b); err != nil {
			return err
		}
		row := map[string]any{"name": idOf(no), "title": title, "rule": rule, "level": b.Level, "severity": b.Severity, "risk": int64(b.Risk), "state": string(b.State),
			"disposition": string(b.Disposition), "reason": b.Reason, "assignee": b.Assignee, "asset": b.Asset, "tier": int64(b.Tier), "case": b.Case, "late": late != 0}
		opened := sqldb.Time(created)
		moment := func(name string, t time.Time) {
			if !t.IsZero() {
				row[name] = t.UTC().Format(time.RFC3339)
			}
		}
		moment("created", opened)
		moment("firstSeen", sqldb.Time(first))
		moment("lastSeen", sqldb.Time(last))
		moment("acknowledgedAt", b.Acknowledged)
		moment("closedAt", b.Closed)
		end := at.At
		if !b.Acknowledged.IsZero() {
			row["minutesToAcknowledge"] = b.Acknowledged.Sub(opened).Minutes()
		}
		if !b.Closed.IsZero() {
			row["minutesToDisposition"], end = b.Closed.Sub(opened).Minutes(), b.Closed
		}
		row["minutesOpen"] = end.Sub(opened).Minutes()
		return yield(idOf(no), title, row)
	}, `SELECT a.no, a.title, a.rule, a.created, coalesce((SELECT min(f.since) FROM alert_findings f WHERE f.org = a.org AND f.no = a.no AND f.taken <= ?), a.first_seen),
		coalesce((SELECT max(f.until) FROM alert_findings f WHERE f.org = a.org AND f.no = a.no AND f.taken <= ?), a.last_seen), a.late, c.became
		FROM alerts a JOIN alert_changes c ON c.org = a.org AND c.no = a.no AND c.seq = (SELECT max(x.seq) FROM alert_changes x WHERE x.org = a.org AND x.no = a.no AND x.at <= ?)
		WHERE a.org = ? AND a.created <= ? ORDER BY a.no`, when, when, when, org, when)
}
