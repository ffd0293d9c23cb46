package alerts

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

var caseResource = auth.Resource{Room: auth.Security, Kind: CaseKind}

// newCase in place of a name opens a case.
const newCase = "new"

// find reads a case; a NotFound fault when there is none.
func (d *Desk) find(ctx context.Context, q sqldb.Querier, org, name string) (*entity.Entity, Case, error) {
	ref := caseRef(name).String()
	found, err := d.catalog.ByRefs(ctx, q, org, []string{ref})
	if err != nil {
		return nil, Case{}, err
	}
	e := found[ref]
	if e == nil {
		return nil, Case{}, noCase(name)
	}
	s, err := catalog.Spec[Case](e)
	return e, s, err
}

// takes returns a case that work can go on in.
func (d *Desk) takes(ctx context.Context, q sqldb.Querier, org, name string) (*entity.Entity, error) {
	e, s, err := d.find(ctx, q, org, name)
	if err == nil && s.Phase == closed {
		err = fault.New(fault.Conflict, "%s is closed", name).Coded("case.closed").WithHint("open it again first")
	}
	return e, err
}

// act runs f in a transaction that holds the timeline of a case. What f appends
// to the feed comes at the end.
func (d *Desk) act(ctx context.Context, caller catalog.Caller, name string, f func(*casework) error) error {
	if err := caller.Can(auth.Write, caseResource); err != nil {
		return err
	}
	caller.Manager = manager
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		if _, _, err := hold(ctx, tx, caller.Org, name); err != nil {
			return err
		}
		e, s, err := d.find(ctx, tx, caller.Org, name)
		if err != nil {
			return err
		}
		w := &casework{d: d, ctx: ctx, tx: tx, caller: caller, name: name, e: e, spec: s, at: d.catalog.Now().UTC()}
		if err := f(w); err != nil {
			return err
		}
		return w.record()
	})
	if err == nil {
		d.Notify()
	}
	return err
}

// record tells the feed and the audit log what was written into timelines.
func (w *casework) record() error {
	if err := feed.Append(w.ctx, w.tx, w.entries...); err != nil {
		return err
	}
	var records []*audit.Record
	for _, e := range w.entries {
		records = append(records, &audit.Record{Org: e.Org, At: e.At, Actor: w.caller.Account, ActorName: w.caller.Name, Action: e.Type, Target: e.Ref, Detail: e.Data, IP: w.caller.IP, Via: w.caller.Via})
	}
	return audit.Append(w.ctx, w.tx, records...)
}

// casework is work on one case in one transaction.
type casework struct {
	d       *Desk
	ctx     context.Context
	tx      *sqldb.Tx
	caller  catalog.Caller
	name    string
	e       *entity.Entity
	spec    Case
	at      time.Time
	entries []*feed.Entry
}

// by is an entry of the timeline by whoever acts.
func (w *casework) by(side Side, kind, text string) *Entry {
	return &Entry{At: w.at, Account: w.caller.Account, Actor: w.caller.Name, Side: side, Kind: kind, Text: text}
}

// say writes entries into the timeline, and tells those who watch the case.
func (w *casework) say(entries ...*Entry) error {
	if err := write(w.ctx, w.tx, w.caller.Org, w.name, entries...); err != nil {
		return err
	}
	for _, e := range entries {
		w.entries = append(w.entries, caseEntry(w.caller.Org, w.e, e, w.caller.Account))
	}
	return nil
}

// caseEntry is what the feed tells of an entry of a timeline.
func caseEntry(org string, c *entity.Entity, e *Entry, account string) *feed.Entry {
	data, _ := json.Marshal(map[string]any{"case": c.Metadata.Name, "no": e.No, "kind": e.Kind, "side": e.Side, "about": e.About})
	return &feed.Entry{Org: org, At: e.At, Type: "case." + e.Kind, Ref: c.Ref().String(), UID: c.Metadata.UID, Actor: account, Data: data}
}

// patch changes the case itself.
func (w *casework) patch(spec map[string]any) error {
	data, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return err
	}
	ch, err := w.d.catalog.In(w.tx).Patch(w.ctx, w.caller, w.e.Ref(), data, catalog.UpdateOptions{})
	if err != nil {
		return err
	}
	w.e = cmp.Or(ch.Entity, w.e)
	w.spec, err = catalog.Spec[Case](w.e)
	return err
}

// Opening is a case that is to be opened. What it leaves empty follows from its
// alerts.
type Opening struct {
	Title, Description, Severity, Playbook, Lead string
	Alerts                                       []int64
	Lang                                         lang.Code // of the tasks
	SplitFrom                                    string
}

// OpenCase opens a case, with the alerts it is about and the tasks of its
// playbook, and returns its name.
func (d *Desk) OpenCase(ctx context.Context, caller catalog.Caller, o Opening) (string, error) {
	if err := caller.Can(auth.Write, caseResource); err != nil {
		return "", err
	}
	if err := notTooMany(o.Alerts); err != nil {
		return "", err
	}
	if len(o.Alerts) > 0 {
		if err := caller.Can(auth.Write, Resource); err != nil {
			return "", err
		}
	}
	caller.Manager = manager
	var name string
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) (err error) {
		name, err = d.open(ctx, tx, caller, o)
		return err
	})
	if err == nil {
		d.Notify()
	}
	return name, err
}

// OpenFor opens a case with the playbook that fits its alerts best, when the
// opening names none.
func (d *Desk) OpenFor(ctx context.Context, caller catalog.Caller, o Opening) (string, error) {
	if err := notTooMany(o.Alerts); err != nil {
		return "", err
	}
	var tags []string
	for _, no := range o.Alerts {
		a, err := d.Get(ctx, caller, no)
		if err != nil {
			return "", err
		}
		tags = append(tags, a.Rule.Tags...)
	}
	o.Playbook = cmp.Or(o.Playbook, suggest(d.Playbooks, tags))
	return d.OpenCase(ctx, caller, o)
}

func (d *Desk) open(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, o Opening) (string, error) {
	name, err := freeName(ctx, tx, caller.Org)
	if err != nil {
		return "", err
	}
	var list []*Alert
	for _, no := range o.Alerts {
		a, err := get(ctx, tx, caller.Org, no)
		if err != nil {
			return "", err
		}
		list = append(list, a)
	}
	at := d.catalog.Now().UTC()
	e, err := o.entity(caller, name, list, at)
	if err != nil {
		return "", err
	}
	ch, err := d.catalog.In(tx).Create(ctx, caller, e)
	if err != nil {
		return "", err
	}
	w := &casework{d: d, ctx: ctx, tx: tx, caller: caller, name: name, e: ch.Entity, at: at}
	if w.spec, err = catalog.Spec[Case](ch.Entity); err != nil {
		return "", err
	}
	if err := w.say(w.by(Us, "opened", "")); err != nil {
		return "", err
	}
	if len(o.Alerts) > 0 {
		if _, err := d.do(ctx, tx, caller, o.Alerts, Act{Do: Move, To: name}); err != nil {
			return "", err
		}
	}
	if o.Playbook != "" {
		if err := w.plan(o.Playbook, o.Lang); err != nil {
			return "", err
		}
	}
	return name, w.record()
}

// freeName is the number after the highest that a case ever had.
func freeName(ctx context.Context, tx *sqldb.Tx, org string) (string, error) {
	if _, err := next(ctx, tx, org, "case", 0); err != nil { // one opens cases after the other
		return "", err
	}
	refs, err := sqldb.Values[string](ctx, tx, `SELECT ref FROM entities WHERE org = ? AND kind = ?`, org, strings.ToLower(CaseKind))
	if err != nil {
		return "", err
	}
	highest := 0
	for _, text := range refs {
		if ref, err := entity.ParseRef(text, "", ""); err == nil {
			if n, err := strconv.Atoi(strings.TrimPrefix(ref.Name, "C-")); err == nil {
				highest = max(highest, n)
			}
		}
	}
	return "C-" + strconv.Itoa(highest+1), nil
}

// entity is the case as it begins.
func (o Opening) entity(caller catalog.Caller, name string, list []*Alert, at time.Time) (*entity.Entity, error) {
	s := Case{Severity: o.Severity, Phase: acknowledged, Lead: o.Lead, Playbook: o.Playbook, SplitFrom: o.SplitFrom}
	if s.Lead == "" {
		s.Lead = caller.UserRef
	}
	var began, found, seen time.Time
	title := o.Title
	for _, a := range list {
		began, found, seen = earlier(began, a.FirstSeen), earlier(found, a.Created), earlier(seen, a.Acknowledged)
		if rank(a.Severity) > rank(cmp.Or(s.Severity, "low")) || s.Severity == "" {
			if o.Severity == "" {
				s.Severity = Levels[max(rank(a.Severity), 1)]
			}
			title = cmp.Or(o.Title, a.Rule.Title)
		}
		s.hit(a)
	}
	s.Severity = cmp.Or(s.Severity, "medium")
	found = earlier(found, at)
	if seen.IsZero() || seen.Before(found) {
		seen = at
	}
	s.DetectedAt, s.AcknowledgedAt = found.UTC().Format(time.RFC3339), seen.UTC().Format(time.RFC3339)
	if !began.IsZero() && !began.After(found) {
		s.Began = began.UTC().Format(time.RFC3339)
	}
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: CaseKind, Metadata: entity.Metadata{Name: name, Title: cmp.Or(title, name), Description: o.Description, Tags: techniques(list)}}
	return e, catalog.SetSpec(e, s)
}

// hit adds what an alert is about to the scope of a case.
func (s *Case) hit(a *Alert) {
	if a.Asset != "" {
		s.Services = addText(s.Services, a.Asset)
		if !slices.ContainsFunc(s.Affected, func(x Affected) bool { return x.Asset == a.Asset }) {
			s.Affected = append(s.Affected, Affected{Asset: a.Asset, What: a.Rule.Title, Verdict: "open"})
		}
	}
	for _, p := range a.People {
		s.People = addText(s.People, p)
	}
	for _, g := range a.Group {
		if t := indicatorType(g.Name, g.Value); t == "address" || t == "account" {
			s.point(Indicator{Type: t, Value: g.Value})
		}
	}
}

func addText(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// point adds an indicator that is not there yet.
func (s *Case) point(i Indicator) bool {
	if slices.ContainsFunc(s.Indicators, func(x Indicator) bool { return x.Type == i.Type && x.Value == i.Value }) {
		return false
	}
	s.Indicators = append(s.Indicators, i)
	return true
}

// techniques are the techniques of ATT&CK that the rules of alerts name, as tags.
func techniques(list []*Alert) []string {
	var out []string
	for _, a := range list {
		for _, t := range a.Rule.Tags {
			if id, ok := strings.CutPrefix(t, "attack.t"); ok && id != "" && id[0] >= '0' && id[0] <= '9' {
				out = addText(out, "t"+id)
			}
		}
	}
	slices.Sort(out)
	return out
}

// move is an alert that came into a case or left one.
type move struct {
	a    *Alert
	from string
}

// logMove writes a move into the timelines of the two cases. The scope of the
// case that it came into grows by what the alert is about.
func (d *Desk) logMove(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, m move, at time.Time) ([]*feed.Entry, error) {
	var told []*feed.Entry
	for _, x := range []struct{ name, kind string }{{m.from, "left"}, {m.a.Case, "alert"}} {
		if x.name == "" {
			continue
		}
		e, s, err := d.find(ctx, tx, caller.Org, x.name)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		entry := &Entry{At: at, Account: caller.Account, Actor: caller.Name, Kind: x.kind, About: m.a.ID(), Text: m.a.Rule.Title}
		if x.kind == "alert" {
			entry.Happened = m.a.Created
			if e, err = d.widen(ctx, tx, caller, e, s, m.a); err != nil {
				return nil, err
			}
		}
		if err := write(ctx, tx, caller.Org, x.name, entry); err != nil {
			return nil, err
		}
		told = append(told, caseEntry(caller.Org, e, entry, caller.Account))
	}
	return told, nil
}

// widen adds what an alert is about to a case, where it is more.
func (d *Desk) widen(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, e *entity.Entity, s Case, a *Alert) (*entity.Entity, error) {
	before := encode(s)
	s.hit(a)
	if !a.FirstSeen.IsZero() && a.FirstSeen.Before(s.began()) {
		s.Began = a.FirstSeen.UTC().Format(time.RFC3339)
	}
	if before == encode(s) {
		return e, nil
	}
	caller.Manager = manager
	spec := map[string]any{"affected": s.Affected, "services": s.Services, "people": s.People, "indicators": s.Indicators}
	if s.Began != "" {
		spec["began"] = s.Began
	}
	data, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return e, err
	}
	ch, err := d.catalog.In(tx).Patch(ctx, caller, e.Ref(), data, catalog.UpdateOptions{})
	if err != nil {
		return e, err
	}
	return cmp.Or(ch.Entity, e), nil
}

// Note writes an entry of the timeline: what was seen or done, and when. One that
// corrects another names its number.
func (d *Desk) Note(ctx context.Context, caller catalog.Caller, name string, side Side, text string, happened time.Time, corrects int64) error {
	text = strings.TrimSpace(text)
	return d.act(ctx, caller, name, func(w *casework) error {
		switch {
		case text == "":
			return fault.Bad("an entry needs words", fault.Problem{Field: "text", Code: "required", Msg: "is required"}).Coded("case.words")
		case side != Us && side != Them:
			return fault.New(fault.Invalid, "an entry tells what we did, or what the attacker did").Coded("case.side")
		case happened.After(w.at.Add(time.Minute)):
			return fault.Bad("an entry tells of what has happened", fault.Problem{Field: "happened", Code: "future", Msg: "lies in the future"}).Coded("case.future")
		}
		if corrects != 0 {
			var n int
			if err := w.tx.QueryRow(ctx, `SELECT count(*) FROM case_entries WHERE org = ? AND name = ? AND no = ?`, caller.Org, name, corrects).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				return fault.New(fault.Invalid, "the timeline of %s has no entry %d", name, corrects).Coded("case.corrects")
			}
		}
		e := w.by(side, "note", text)
		e.Happened, e.Corrects = happened, corrects
		return w.say(e)
	})
}

// Pin keeps events with a case, with their hash and the time.
func (d *Desk) Pin(ctx context.Context, caller catalog.Caller, name, note string, events []*Pinned) (int, error) {
	n := 0
	err := d.act(ctx, caller, name, func(w *casework) (err error) {
		n, err = pin(ctx, w.tx, caller.Org, name, *w.by(Them, "pin", note), events)
		if err == nil && n > 0 {
			w.entries = append(w.entries, caseEntry(caller.Org, w.e, &Entry{At: w.at, Kind: "pin"}, caller.Account))
		}
		return err
	})
	return n, err
}

// Reach says that a case has reached a phase, when, and how. With a phase before
// the present one it goes back. Also holds further fields of the case that are
// set with it, as the lesson when it is closed.
func (d *Desk) Reach(ctx context.Context, caller catalog.Caller, name, phase string, when time.Time, note string, also map[string]any) error {
	return d.reach(ctx, caller, name, "", phase, when, note, also)
}

// reach is Reach for somebody who saw the case in a phase; "" is any. When it went
// on meanwhile, what they say of it is not taken: it would give a phase that was
// reached another time, or go back by mistake.
func (d *Desk) reach(ctx context.Context, caller catalog.Caller, name, was, phase string, when time.Time, note string, also map[string]any) error {
	return d.act(ctx, caller, name, func(w *casework) error {
		if was != "" && was != w.spec.Phase {
			return fault.New(fault.Conflict, "%s is in another phase by now", name).Coded("case.meanwhile").WithHint("look at what was done, and say it again if it still holds")
		}
		if when.IsZero() && phase == w.spec.Phase {
			return fault.New(fault.Conflict, "%s is in this phase already", name).Coded("case.reached").WithHint("give the time when that was to correct it")
		}
		if !slices.Contains(Phases, phase) {
			return fault.New(fault.Invalid, "%q is no phase of a case", phase).Coded("case.phase")
		}
		spec := map[string]any{"phase": phase}
		for k, v := range also {
			spec[k] = v
		}
		if when.IsZero() {
			when = w.at
		}
		if slices.Index(Phases, phase) >= slices.Index(Phases, w.spec.Phase) {
			spec[phase+"At"] = when.UTC().Format(time.RFC3339)
		}
		if err := w.patch(spec); err != nil {
			return err
		}
		e := w.by(Us, "phase", note)
		e.About, e.Happened = phase, when
		return w.say(e)
	})
}

// CloseAlerts closes the open alerts of a case with one disposition.
func (d *Desk) CloseAlerts(ctx context.Context, caller catalog.Caller, name string, is Disposition, reason string) (int, error) {
	if _, _, err := d.find(ctx, d.catalog.DB(), caller.Org, name); err != nil {
		return 0, err
	}
	list, _, err := d.List(ctx, caller, Filter{Case: name, States: []State{New, Acknowledged, InWork}, Limit: most})
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var nos []int64
	for _, a := range list {
		nos = append(nos, a.No)
	}
	done, err := d.Do(ctx, caller, nos, Act{Do: Close, Disposition: is, Reason: reason})
	return len(done), err
}

// origin says where an entry was copied from when cases were merged or split.
type origin struct {
	Case string    `json:"case"`
	No   int64     `json:"no"`
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Hash string    `json:"hash"`
	Data string    `json:"data,omitempty"`
}

// Merge makes one case a part of another. The other gets its alerts, events,
// timeline, tasks and scope; the first stays, closed, with all it has, and says
// where it went.
func (d *Desk) Merge(ctx context.Context, caller catalog.Caller, from, into, reason string) error {
	if from == into {
		return fault.New(fault.Invalid, "a case is not merged into itself").Coded("case.itself")
	}
	return d.act(ctx, caller, into, func(w *casework) error {
		if w.spec.Phase == closed {
			return fault.New(fault.Conflict, "%s is closed", into).Coded("case.closed").WithHint("open it again first")
		}
		e, s, err := d.find(ctx, w.tx, caller.Org, from)
		if err != nil {
			return err
		}
		if s.MergedInto != "" {
			return fault.New(fault.Conflict, "%s was merged already", from).Coded("case.merged")
		}
		if err := w.sound(from); err != nil {
			return err
		}
		if err := w.copyTimeline(from); err != nil {
			return err
		}
		if err := w.copyEvents(from, nil); err != nil {
			return err
		}
		if err := w.takeAlerts(from); err != nil {
			return err
		}
		if err := w.takeTasks(e.Ref()); err != nil {
			return err
		}
		if err := w.unite(e, s); err != nil {
			return err
		}
		said := w.by(Us, "merged", reason)
		said.About = from
		if err := w.say(said); err != nil {
			return err
		}
		old := &casework{d: d, ctx: ctx, tx: w.tx, caller: w.caller, name: from, e: e, spec: s, at: w.at}
		if err := old.patch(map[string]any{"phase": closed, "closedAt": w.at.Format(time.RFC3339), "mergedInto": caseRef(into).String()}); err != nil {
			return err
		}
		gone := old.by(Us, "gone", reason)
		gone.About = into
		err = old.say(gone)
		w.entries = append(w.entries, old.entries...)
		return err
	})
}

// sound holds the timeline of another case, and refuses to copy what is not as it
// was written: the copy would bear it out.
func (w *casework) sound(from string) error {
	if _, _, err := hold(w.ctx, w.tx, w.caller.Org, from); err != nil {
		return err
	}
	k, err := verify(w.ctx, w.tx, w.caller.Org, from)
	if err == nil && !k.OK {
		err = fault.New(fault.Conflict, "what %s holds is not as it was written, at %s, and is not copied", from, k.Broken).Coded("case.tampered").WithHint("compare it with a backup")
	}
	return err
}

// copyTimeline writes the entries of another case into this one, with what they
// were. Alerts and pins are written anew as they come over.
func (w *casework) copyTimeline(from string) error {
	list, err := timeline(w.ctx, w.tx, w.caller.Org, from)
	if err != nil {
		return err
	}
	var out []*Entry
	for _, e := range list {
		if e.Kind == "pin" || e.Kind == "alert" || e.Kind == "left" {
			continue
		}
		c := w.by(e.Side, e.Kind, e.Text)
		c.Happened, c.About = e.Happened, e.About
		c.Data, _ = json.Marshal(origin{Case: from, No: e.No, At: e.At, By: e.Actor, Hash: e.Hash, Data: string(e.Data)})
		out = append(out, c)
	}
	return write(w.ctx, w.tx, w.caller.Org, w.name, out...)
}

// copyEvents keeps the pinned events of another case here too: those that are
// named, or all when none is.
func (w *casework) copyEvents(from string, only []string) error {
	list, err := pinned(w.ctx, w.tx, w.caller.Org, from)
	if err != nil {
		return err
	}
	var chosen []*Pinned
	for _, p := range list {
		if only == nil || slices.Contains(only, p.Event) {
			chosen = append(chosen, p)
		}
	}
	_, err = pin(w.ctx, w.tx, w.caller.Org, w.name, *w.by(Them, "pin", from), chosen)
	return err
}

func (w *casework) takeAlerts(from string) error {
	list, err := query(w.ctx, w.tx, `org = ? AND case_name = ?`, w.caller.Org, from)
	if err != nil || len(list) == 0 {
		return err
	}
	var nos []int64
	for _, a := range list {
		nos = append(nos, a.No)
	}
	_, err = w.d.do(w.ctx, w.tx, w.caller, nos, Act{Do: Move, To: w.name})
	return err
}

func (w *casework) takeTasks(from entity.Ref) error {
	tasks, err := w.d.tasks(w.ctx, w.tx, w.caller, from)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		data, _ := json.Marshal(map[string]any{"spec": map[string]any{"about": caseRef(w.name).String()}})
		if _, err := w.d.catalog.In(w.tx).Patch(w.ctx, catalog.Program(w.caller.Org, manager), t.Ref(), data, catalog.UpdateOptions{}); err != nil {
			return fmt.Errorf("%s: %w", t.Ref(), err)
		}
	}
	return nil
}

// unite adds the scope, the people and the lesson of another case to this one.
func (w *casework) unite(e *entity.Entity, o Case) error {
	_, s, err := w.d.find(w.ctx, w.tx, w.caller.Org, w.name)
	if err != nil {
		return err
	}
	for _, a := range o.Affected {
		if !slices.Contains(s.Affected, a) {
			s.Affected = append(s.Affected, a)
		}
	}
	for _, i := range o.Indicators {
		s.point(i)
	}
	for _, x := range []struct {
		to   *[]string
		from []string
	}{{&s.Services, o.Services}, {&s.People, o.People}, {&s.Risks, o.Risks}, {&s.Actions, o.Actions}} {
		for _, v := range x.from {
			*x.to = addText(*x.to, v)
		}
	}
	if o.Lesson != "" {
		s.Lesson = strings.TrimSpace(s.Lesson + "\n\n" + e.Metadata.Name + ": " + o.Lesson)
	}
	if rank(o.Severity) > rank(s.Severity) {
		s.Severity = o.Severity
	}
	spec := map[string]any{"affected": s.Affected, "indicators": s.Indicators, "services": s.Services, "people": s.People, "risks": s.Risks, "actions": s.Actions, "severity": s.Severity}
	if s.Lesson != "" {
		spec["lesson"] = s.Lesson
	}
	for field, pair := range map[string][2]string{"began": {s.Began, o.Began}, "detectedAt": {s.DetectedAt, o.DetectedAt}, "acknowledgedAt": {s.AcknowledgedAt, o.AcknowledgedAt}} {
		if first := firstText(pair[0], pair[1]); first != "" {
			spec[field] = first
		}
	}
	return w.patch(spec)
}

// firstText is the earlier of two moments that may not be there.
func firstText(a, b string) string {
	x, errA := time.Parse(time.RFC3339, a)
	y, errB := time.Parse(time.RFC3339, b)
	if errA != nil || errB == nil && y.Before(x) {
		return b
	}
	return a
}

// Split opens another case with some of the alerts and events of this one. The
// events stay here too; the alerts go.
func (d *Desk) Split(ctx context.Context, caller catalog.Caller, from, title string, alerts []int64, events []string) (string, error) {
	name := ""
	err := d.act(ctx, caller, from, func(w *casework) error {
		if len(alerts)+len(events) == 0 {
			return fault.New(fault.Invalid, "nothing is chosen to go into another case").Coded("case.nothing")
		}
		for _, no := range alerts {
			a, err := get(ctx, w.tx, caller.Org, no)
			if err != nil {
				return err
			}
			if a.Case != from {
				return fault.New(fault.Invalid, "%s is not in %s", a.ID(), from).Coded("case.not-in")
			}
		}
		var err error
		name, err = d.open(ctx, w.tx, w.caller, Opening{Title: title, Severity: w.spec.Severity, Lead: w.spec.Lead, Alerts: alerts, SplitFrom: caseRef(from).String()})
		if err != nil {
			return err
		}
		e, s, err := d.find(ctx, w.tx, caller.Org, name)
		if err != nil {
			return err
		}
		n := &casework{d: d, ctx: ctx, tx: w.tx, caller: w.caller, name: name, e: e, spec: s, at: w.at}
		if len(events) > 0 {
			if err := n.sound(from); err != nil {
				return err
			}
			if err := n.copyEvents(from, events); err != nil {
				return err
			}
		}
		came, went := n.by(Us, "splitfrom", ""), w.by(Us, "split", "")
		came.About, went.About = from, name
		if err := n.say(came); err != nil {
			return err
		}
		err = w.say(went)
		w.entries = append(w.entries, n.entries...)
		return err
	})
	return name, err
}

// Verify reads the timeline and the events of a case again.
func (d *Desk) Verify(ctx context.Context, org, name string) (*Custody, error) {
	return verify(ctx, d.catalog.DB(), org, name)
}

// Timeline returns the entries of a case in the order they were written.
func (d *Desk) Timeline(ctx context.Context, org, name string) ([]*Entry, error) {
	return timeline(ctx, d.catalog.DB(), org, name)
}

// Pinned returns the events that are kept with a case, the oldest first.
func (d *Desk) Pinned(ctx context.Context, org, name string) ([]*Pinned, error) {
	return pinned(ctx, d.catalog.DB(), org, name)
}

const mostTasks = 200

// tasks are what is to be done about a case.
func (d *Desk) tasks(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, ref entity.Ref) ([]*entity.Entity, error) {
	c := d.catalog
	if c.Kinds().Get(auth.KindTask) == nil {
		return nil, nil
	}
	if tx != nil {
		c = c.In(tx)
	}
	page, err := c.List(ctx, caller, catalog.Query{Kinds: []string{auth.KindTask}, Fields: map[string][]string{"spec.about": {ref.String()}}, Sort: "created", Limit: mostTasks, NoTotal: true})
	if err != nil {
		return nil, err
	}
	return page.Items, nil
}

// SetTask says that a task of a case is done, or open again.
func (d *Desk) SetTask(ctx context.Context, caller catalog.Caller, name string, task entity.Ref, done bool) error {
	return d.act(ctx, caller, name, func(w *casework) error {
		t, err := d.catalog.In(w.tx).Get(ctx, w.caller, task)
		if err != nil {
			return err
		}
		s, err := catalog.Spec[taskSpec](t)
		if err != nil {
			return err
		}
		if about, err := entity.ParseRef(s.About, "", t.Metadata.Namespace); err != nil || about != w.e.Ref() {
			return fault.New(fault.Invalid, "%s is no task of %s", task.Short(), name).Coded("case.task")
		}
		state := "open"
		if done {
			state = "done"
		}
		if s.State == state {
			return nil
		}
		data, _ := json.Marshal(map[string]any{"spec": map[string]any{"state": state}})
		if _, err := d.catalog.In(w.tx).Patch(ctx, w.caller, task, data, catalog.UpdateOptions{}); err != nil {
			return err
		}
		e := w.by(Us, "task", t.DisplayTitle())
		e.About = state
		return w.say(e)
	})
}

// set changes fields of a case.
func (d *Desk) set(ctx context.Context, caller catalog.Caller, name string, spec map[string]any) error {
	return d.act(ctx, caller, name, func(w *casework) error { return w.patch(spec) })
}
