package alerts

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// waiters find the alerts and the cases that wait for a reader.
func (cfg Config) waiters() []morning.Waiter {
	return []morning.Waiter{
		{ID: "alerts", Order: 8, Title: lang.T("Alerts", "Alertas"), Find: cfg.waitingAlerts, Done: doneAlerts},
		{ID: "cases", Order: 9, Title: lang.T("Cases", "Casos"), Kinds: []string{CaseKind}, Find: waitingCases},
	}
}

const mostWaiting = 50

// waitingAlerts are those that are the reader's, and, for who is on call and who
// answers for security, the high ones that nobody acknowledged.
func (cfg Config) waitingAlerts(l *morning.Look) ([]morning.Item, error) {
	if l.Caller.Can(auth.Write, Resource) != nil {
		return nil, nil
	}
	d := NewDesk(l.Catalog, cfg)
	list, err := query(l.Ctx, l.DB, `org = ? AND state <> 'closed' AND assignee = ? AND case_name = '' ORDER BY risk DESC, no DESC LIMIT ?`, l.Caller.Org, l.Caller.Identity(), mostWaiting)
	if err != nil {
		return nil, err
	}
	why := lang.T("It is yours.", "Es tuya.")
	var out []morning.Item
	for _, a := range list {
		out = append(out, d.item(a, why))
	}
	duty, err := d.OnDuty(l.Ctx, l.DB, l.Caller.Org, l.Now)
	if err != nil {
		return nil, err
	}
	why = lang.T("Nobody has acknowledged it, and you are on call.", "Nadie la ha visto, y estás de guardia.")
	if !slices.Contains(duty, l.Caller.UserRef) || l.Caller.UserRef == "" {
		if l.Caller.Role != auth.RoleCISO && l.Caller.Role != auth.RoleVCISO {
			return out, nil
		}
		why = lang.T("Nobody has acknowledged it.", "Nadie la ha visto.")
	}
	list, err = query(l.Ctx, l.DB, `org = ? AND state = 'new' AND severity IN ('high', 'critical') AND assignee <> ? ORDER BY risk DESC, no DESC LIMIT ?`, l.Caller.Org, l.Caller.Identity(), mostWaiting)
	for _, a := range list {
		out = append(out, d.item(a, why))
	}
	return out, err
}

// item is an alert that waits.
func (d *Desk) item(a *Alert, why lang.Text) morning.Item {
	it := morning.Item{Part: a.ID(), Href: a.Path(), Title: a.Rule.Title + " (" + a.ID() + ")", Why: why, Since: a.Created}
	if a.State == New {
		it.Acts = []morning.Act{{Name: "take", Primary: true, Label: lang.T("Take", "Tomar"), Said: lang.T("“{0}” is yours", "«{0}» es tuya"), Do: func(l *morning.Look) error {
			_, err := d.Do(l.Ctx, l.Caller, []int64{a.No}, Act{Do: Take})
			return err
		}}}
	}
	return it
}

// doneAlerts are those the reader closed.
func doneAlerts(l *morning.Look, since time.Time) ([]morning.Did, error) {
	return sqldb.All(l.Ctx, l.DB, func(r sqldb.Row) (did morning.Did, err error) {
		var no, at int64
		err = r.Scan(&no, &did.Title, &at)
		did.Href, did.At, did.What = "/alerts/"+idOf(no), sqldb.Time(at), lang.T("Closed", "Cerrada")
		return did, err
	}, `SELECT c.no, a.title, c.at FROM alert_changes c JOIN alerts a ON a.org = c.org AND a.no = c.no WHERE c.org = ? AND c.account = ? AND c.act = 'closed' AND c.at >= ? ORDER BY c.at`,
		l.Caller.Org, l.Caller.Account, sqldb.Micros(since))
}

// phaseWords are what people call the next phase of a case, inside a sentence.
var phaseWords = map[string]lang.Text{detected: lang.T("detected", "detectado"), acknowledged: lang.T("acknowledged", "visto"), contained: lang.T("contained", "contenido"), removed: lang.T("removed", "eliminado"), recovered: lang.T("recovered", "recuperado"), closed: lang.T("closed, with its lesson", "cerrado, con su lección")}

// waitingCases are those of which a phase is overdue, for their leads and for who
// answers for security.
func waitingCases(l *morning.Look) ([]morning.Item, error) {
	officer := l.Caller.Role == auth.RoleCISO || l.Caller.Role == auth.RoleVCISO
	limits, err := targetsAt(l.Ctx, l.DB, l.Caller.Org, 0)
	if err != nil {
		return nil, err
	}
	var out []morning.Item
	err = eachOpenCase(l.Ctx, l.Catalog, l.Caller, func(e *entity.Entity, s Case) {
		phase, since := limits.late(&s, l.Now)
		lead := s.Lead != "" && l.Is(Person(s.Lead))
		if phase == "" || !lead && !officer {
			return
		}
		word := phaseWords[phase]
		out = append(out, morning.Item{Ref: e.Ref().String(), Title: e.Metadata.Name + ": " + e.DisplayTitle(), Due: since.In(l.Zone), Timed: true, Since: s.When(detected),
			Why: lang.T("It should be "+word.En+" by now.", "Ya debería estar "+word.Es+".")})
	})
	return out, err
}

// news are alerts that were opened and closed, and cases that reached a phase.
func news() []morning.News {
	return []morning.News{
		{Types: []string{"alert.opened", "alert.closed"}, Tell: tellAlert},
		{Kind: CaseKind, Path: "spec.phase", Tell: tellCase, Many: func(n string) *morning.Line {
			return &morning.Line{Head: lang.T(n+" cases were opened", "Se abrieron "+n+" casos"), State: "bad", Word: lang.T("new", "nuevos"), Room: auth.Security, Href: "/cases"}
		}},
	}
}

func tellAlert(_ *morning.Look, ev morning.Event) *morning.Line {
	var t told
	if json.Unmarshal(ev.Entry.Data, &t) != nil || rank(t.Severity) < rank("high") {
		return nil
	}
	line := &morning.Line{Title: t.Alert + ": " + t.Title, Href: t.Path, Room: auth.Security, State: "bad", Word: lang.T("alert opened", "alerta abierta"), Is: lang.T("open", "abierta")}
	if ev.Entry.Type == "alert.closed" {
		is := map[Disposition]lang.Text{True: lang.T("true", "verdadera"), False: lang.T("false", "falsa"), Benign: lang.T("benign", "benigna")}[t.Disposition]
		line.State, line.Word, line.Was, line.Is = "ok", lang.T("alert closed", "alerta cerrada"), lang.T("open", "abierta"), is
	}
	return line
}

func tellCase(l *morning.Look, ev morning.Event) *morning.Line {
	now, err := catalog.Spec[Case](ev.After)
	if err != nil {
		return nil
	}
	f := l.Catalog.Kinds().Get(CaseKind).Field("spec.phase")
	word := func(phase string) lang.Text {
		if e := f.EnumFor(phase); e != nil {
			return lang.T(strings.ToLower(e.Label.En), strings.ToLower(e.Label.Es))
		}
		return lang.T(phase, phase)
	}
	line := &morning.Line{Title: ev.After.Metadata.Name + ": " + ev.After.DisplayTitle(), Room: auth.Security, State: "bad", Word: lang.T("case opened", "caso abierto"), Is: word(now.Phase)}
	if ev.Before == nil {
		return line
	}
	was, err := catalog.Spec[Case](ev.Before)
	if err != nil || was.Phase == now.Phase {
		return nil
	}
	line.Was, line.Word, line.State = word(was.Phase), word(now.Phase), "info"
	if now.Phase == closed {
		line.State = "ok"
	}
	return line
}
