package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
	"github.com/binnaclehq/binnacle/internal/domain/security/sources"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// lately is how far back the machines of the sample organisation speak while it
// is filled. What they said before, save what belongs to an incident, is sent
// once pages answer.
const lately = 14 * 24 * time.Hour

// lastly is how far back each line is sent when it was said, and not with those of
// its night: for as long as claims of the sample ask how far clocks are off.
const lastly = 7 * 24 * time.Hour

// hear lets machines say what they said up to a moment. Of what is long past
// only incidents are heard now: the rest is sent once pages answer.
func (f *filling) hear(to time.Time) error {
	from := f.sent
	f.sent = to
	if from.IsZero() || !from.Before(to) {
		return nil
	}
	var list []sample.Sent
	for x := range f.o.Heard(from, to, f.o.Now.Add(-lately)) {
		if n := len(list); n > 0 && (f.soon(x) || f.soon(list[n-1])) && x.At.Sub(list[n-1].At) > 5*time.Second {
			if err := f.send(list, soonAfter(list)); err != nil {
				return err
			}
			list = nil
		}
		list = append(list, x)
	}
	if n := len(list); n > 0 && f.soon(list[n-1]) {
		to = soonAfter(list)
	}
	return f.send(list, to)
}

// soonAfter is when lines are there that were sent when the last was said.
func soonAfter(list []sample.Sent) time.Time {
	return list[len(list)-1].At.Add(400 * time.Millisecond)
}

// soon reports whether a line is sent when it was said, and not with those of its
// night: incidents are found soon after they happened, and what came in the last
// days is measured.
func (f *filling) soon(x sample.Sent) bool {
	return x.Once || x.At.After(f.o.Now.Add(-lastly))
}

// send sends lines at a moment.
func (f *filling) send(list []sample.Sent, at time.Time) error {
	if len(list) == 0 {
		return nil
	}
	f.clock.Set(at)
	if err := f.dial(); err != nil {
		return err
	}
	err := f.machines.send(f.ctx, list)
	if err == nil && slices.ContainsFunc(list, func(x sample.Sent) bool { return x.Once }) { // it is found now; what is quiet can wait
		err = f.settled()
	}
	return err
}

// dial opens the listeners when the first machine has something to say.
func (f *filling) dial() (err error) {
	if f.machines != nil {
		return nil
	}
	if err := f.OpenIntake(f.ctx); err != nil {
		return err
	}
	f.machines, err = f.openSenders(f.ctx, f.o.Now.Add(time.Hour), f.o.Syslog()...)
	return err
}

// hang ends the listeners, when all that was sent is stored.
func (f *filling) hang() error {
	if f.machines == nil {
		return nil
	}
	f.machines.close()
	last, stop := context.WithTimeout(context.WithoutCancel(f.ctx), 20*time.Second)
	defer stop()
	return errors.Join((&sources.Recorder{DB: f.DB, Intake: f.Intake, Log: f.Config.Log}).Record(last), f.CloseIntake(last))
}

// settled waits until what was sent is stored and looked at.
func (f *filling) settled() error {
	if err := drained(f.ctx, f.Intake, 10*time.Second); err != nil {
		return err
	}
	return f.Detect.Advance(f.ctx)
}

// findable makes all that was sent findable, and lets tests know what came of
// sources.
func (f *filling) findable() error {
	if f.machines == nil {
		return nil
	}
	return errors.Join(f.settled(), f.Logs.Flush(f.ctx), (&sources.Recorder{DB: f.DB, Intake: f.Intake, Log: f.Config.Log}).Record(f.ctx))
}

// prove sends the canaries of all rules, and waits until they are found.
func (f *filling) prove() error {
	if _, _, err := f.Detect.Sting(f.ctx, auth.HomeID, f.Intake); err != nil {
		return err
	}
	return f.settled()
}

// triage does something with the open alerts of some rules.
func (f *filling) triage(caller catalog.Caller, t *sample.Triage, why string) error {
	nos, err := f.openAlerts(caller, t.Of)
	if err != nil {
		return err
	}
	act := alerts.Act{Do: alerts.Verb(t.Do), Disposition: alerts.Disposition(t.As), Reason: why}
	if t.Into != "" {
		act.To = f.cases[t.Into]
	}
	_, err = f.desk().Do(f.ctx, caller, nos, act)
	return err
}

func (f *filling) desk() *alerts.Desk { return alerts.NewDesk(f.Catalog, f.security.Alerts) }

// openAlerts finds the open alerts of rules by their titles; each has one.
func (f *filling) openAlerts(caller catalog.Caller, titles []string) ([]int64, error) {
	list, _, err := f.desk().List(f.ctx, caller, alerts.Filter{States: []alerts.State{alerts.New, alerts.Acknowledged, alerts.InWork}, Limit: 200})
	if err != nil {
		return nil, err
	}
	var nos []int64
	for _, title := range titles {
		n := len(nos)
		for _, a := range list {
			if a.Rule.Title == title {
				nos = append(nos, a.No)
			}
		}
		if len(nos) == n {
			return nil, fmt.Errorf("no alert of %q is open", title)
		}
	}
	return nos, nil
}

// caseWork does what somebody does for a case.
func (f *filling) caseWork(caller catalog.Caller, w *sample.CaseWork, why string) error {
	if w.Opens != nil {
		if err := f.openCase(caller, w); err != nil {
			return err
		}
	}
	name, ok := f.cases[w.Name]
	if !ok {
		return fmt.Errorf("no case %s was opened", w.Name)
	}
	happened, err := w.Happened()
	if err != nil {
		return err
	}
	if w.Notes != "" {
		side := alerts.Us
		if w.Side == "them" {
			side = alerts.Them
		}
		if err := f.desk().Note(f.ctx, caller, name, side, w.Notes, happened, 0); err != nil {
			return err
		}
	}
	if w.Pins != "" {
		if err := f.pin(caller, name, w.Pins, why); err != nil {
			return err
		}
	}
	for _, title := range w.Does {
		if err := f.doTask(caller, name, title); err != nil {
			return err
		}
	}
	if w.Closes != "" {
		if _, err := f.desk().CloseAlerts(f.ctx, caller, name, alerts.Disposition(w.Closes), why); err != nil {
			return err
		}
	}
	switch {
	case w.Reaches != "":
		return f.desk().Reach(f.ctx, caller, name, w.Reaches, happened, why, w.Sets)
	case w.Sets != nil:
		return f.setCase(caller, name, w.Sets)
	}
	return nil
}

func (f *filling) openCase(caller catalog.Caller, w *sample.CaseWork) error {
	nos, err := f.openAlerts(caller, w.Opens.Alerts)
	if err != nil {
		return err
	}
	name, err := f.desk().OpenCase(f.ctx, caller, alerts.Opening{Title: w.Opens.Title, Description: w.Opens.Description, Severity: w.Opens.Severity, Playbook: w.Opens.Playbook, Lead: w.Opens.Lead,
		Alerts: nos, Lang: lang.English})
	if err != nil {
		return err
	}
	if f.cases == nil {
		f.cases = map[string]string{}
	}
	f.cases[w.Name] = name
	return nil
}

// pin keeps with a case the events of its time that a question finds.
func (f *filling) pin(caller catalog.Caller, name, question, note string) error {
	if err := f.findable(); err != nil {
		return err
	}
	var ids []string
	q := logs.Query{Org: caller.Org, Text: question, From: f.clock.Now().Add(-3 * 24 * time.Hour), To: f.clock.Now(), Limit: 12}
	if _, err := f.Logs.Rows(f.ctx, q, func(r logs.Row) error { ids = append(ids, r.Get(event.FieldID)); return nil }); err != nil {
		return err
	}
	_, err := f.desk().PinEvents(f.ctx, caller, name, note, ids, q.From, q.To)
	return err
}

// doTask ends a task of a case.
func (f *filling) doTask(caller catalog.Caller, name, title string) error {
	var found *entity.Entity
	err := f.Catalog.Each(f.ctx, caller, catalog.Query{Kinds: []string{auth.KindTask}, Fields: map[string][]string{"spec.about": {"case:default/" + name}}}, func(e *entity.Entity) error {
		if e.DisplayTitle() == title {
			found = e
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s has no task %q", name, title)
	}
	if err != nil {
		return err
	}
	return f.desk().SetTask(f.ctx, caller, name, found.Ref(), true)
}

// setCase sets fields of a case.
func (f *filling) setCase(caller catalog.Caller, name string, spec map[string]any) error {
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return err
	}
	ref, err := entity.ParseRef("case:"+name, "", "")
	if err == nil {
		_, err = f.Catalog.Patch(f.ctx, caller, ref, patch, catalog.UpdateOptions{})
	}
	return err
}

// install adds claims and measures that are ready; they belong to who adds them.
func (f *filling) install(caller catalog.Caller, s *sample.Step) error {
	library := Library()
	for _, name := range s.Installs {
		i := slices.IndexFunc(library, func(r claim.Ready) bool { return r.Name == name })
		if i < 0 {
			return fmt.Errorf("nothing that is ready is called %s", name)
		}
		e, err := library[i].Entity(lang.English, "user:"+s.By)
		if err == nil {
			_, err = f.Catalog.Create(f.ctx, caller, e)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
