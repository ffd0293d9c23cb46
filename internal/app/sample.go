package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/security/detections"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// sampleTitle is what the sample organisation is called, and sampleHand who
// writes its files.
const (
	sampleTitle = "Kestrane"
	sampleHand  = "sample"
)

// exports is the folder, in the data folder of the sample organisation, in which
// its systems write numbers.
const exports = "exports"

// unfinished is a file in the data folder while the sample organisation is
// filled.
const unfinished = "filling"

// OpenSample opens an installation and, when nobody has set it up, lets the
// sample organisation live in it: everything that happened is carried out in
// order, by whom and when it happened, through the same doors as anything else.
// The clock of the installation shows each moment while that goes on, and the
// time of cfg afterwards.
func OpenSample(ctx context.Context, cfg Config, o *sample.Organisation, progress func(done, total int)) (*App, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	mark := filepath.Join(cfg.Data, unfinished)
	if _, err := os.Stat(mark); err == nil {
		return nil, fault.New(fault.Conflict, "%s holds a part of the sample organisation: filling it was interrupted", cfg.Data).WithHint("remove the folder, or name another with --keep")
	}
	clock := sample.NewClock(cfg.Now)
	cfg.Now, cfg.Files = clock.Now, filepath.Join(cfg.Data, exports)
	a, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	done, err := a.Auth.SetUp(ctx)
	if err == nil && !done {
		err = (&filling{App: a, ctx: ctx, o: o, clock: clock, progress: progress}).fill(mark)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.unsaid = unsaid(cfg.Data, o)
	return a, nil
}

// fill runs, with a mark in the folder until everything is there.
func (f *filling) fill(mark string) error {
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return err
	}
	// Little is kept in memory and much passes through it.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	f.clock.Set(f.o.Founded())
	defer f.clock.Release()
	if err := f.DB.Hurry(f.ctx, f.run); err != nil {
		return err
	}
	if err := said(f.Config.Data, f.o.Now.AddDate(-1, 0, 0)); err != nil {
		return err
	}
	return os.Remove(mark)
}

// filling lets an organisation live.
type filling struct {
	*App
	ctx      context.Context
	o        *sample.Organisation
	clock    *sample.Clock
	progress func(done, total int)

	people  map[string]auth.Principal // by the name of the user
	watches []feed.Watch
	told    []feed.Watch // of the last days alone: nobody is told of what is long past
	passed  []feed.Watch // whose work a schedule of the same name does each night
	nightly []feed.Schedule
	args    map[string]string // of the work items
	work    []catalog.File

	machines *senders
	sent     time.Time         // what machines said before was sent
	cases    map[string]string // names of cases, by what the story calls them
}

func (f *filling) run() (err error) {
	events, err := f.o.Timeline(f.Catalog.Kinds())
	if err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.hang()) }()
	for i := 0; i < len(events); {
		n, err := f.next(events[i:])
		if err != nil {
			at := events[i]
			return fmt.Errorf("%s: %s: %w", at.At.Format(time.DateTime), at.What(), err)
		}
		if i += n; f.progress != nil {
			f.progress(i, len(events))
		}
	}
	_, err = f.Feed.Drain(f.ctx, f.passed...)
	return err
}

// begin makes the owner, who invites everybody else.
func (f *filling) begin() error {
	if err := os.MkdirAll(f.Config.Files, 0o700); err != nil {
		return err
	}
	f.people = map[string]auth.Principal{}
	f.args, f.work = f.o.Args("work")
	f.watches, f.told = append(f.Claims.Watches(), f.Hooks.Watch()), []feed.Watch{f.Talk.Watch()}
	for _, m := range f.modules() {
		if m.Schedules != nil {
			f.nightly = append(f.nightly, m.Schedules(f.Catalog)...)
		}
		if m.Watches != nil {
			f.watches = append(f.watches, m.Watches(f.Catalog)...)
		}
	}
	// Canaries take longer than the rest of a night; a server sends them.
	f.nightly = slices.DeleteFunc(f.nightly, func(s feed.Schedule) bool { return s.Name == detections.CanarySchedule })
	f.watches = slices.DeleteFunc(f.watches, func(w feed.Watch) bool {
		scheduled := slices.ContainsFunc(f.nightly, func(s feed.Schedule) bool { return s.Name == w.Name })
		if scheduled {
			w.Handle = func(context.Context, *sqldb.Tx, []feed.Entry) error { return nil }
			f.passed = append(f.passed, w)
		}
		return scheduled
	})
	first, ok := f.o.Owner()
	if !ok {
		return errors.New("the sample organisation has no owner")
	}
	return f.owned(first)
}

func (f *filling) owned(first sample.Guest) error {
	visitor := auth.Visitor{Via: "cli"}
	session, err := f.Auth.CreateFirstOwner(f.ctx, auth.NewAccount{Email: first.Email, Name: first.Name}, sampleTitle, visitor)
	if err != nil {
		return err
	}
	m := auth.Membership{Account: session.Principal.Account, Role: auth.RoleOwner, UserRef: userRef(first.Who)}
	f.joined(first, m)
	if err := f.Auth.SignOut(f.ctx, session.Secret, visitor); err != nil {
		return err
	}
	if err := f.Auth.SetZone(f.ctx, f.local().Principal, sample.Zone); err != nil {
		return err
	}
	return f.Auth.SetMembership(f.ctx, f.local().Principal, m)
}

func userRef(name string) string {
	return entity.NewRef("user", entity.DefaultNamespace, name).String()
}

// local is whoever holds the data folder, and machines.
func (f *filling) local() catalog.Caller {
	return catalog.Caller{Principal: auth.Local(auth.HomeID, sampleTitle, "cli"), Manager: sampleHand}
}

// as is a person as a caller.
func (f *filling) as(name string) (catalog.Caller, error) {
	if name == "" {
		return f.local(), nil
	}
	p, ok := f.people[name]
	if !ok {
		return catalog.Caller{}, fmt.Errorf("%s was not invited", name)
	}
	return catalog.Caller{Principal: p, Manager: sampleHand}, nil
}

func (f *filling) joined(g sample.Guest, m auth.Membership) {
	f.people[g.Who] = auth.Principal{Account: m.Account, Name: g.Name, Email: g.Email, Org: auth.HomeID, OrgTitle: sampleTitle, Home: true, Role: m.Role, UserRef: m.UserRef, Via: "web"}
}

// next carries out the first of some events, with those that go with it, and
// returns how many they were.
func (f *filling) next(events []sample.Event) (int, error) {
	e := events[0]
	if err := f.hear(e.At); err != nil {
		return 0, err
	}
	if e.Says() {
		n := 1
		for n < len(events) && events[n].Says() {
			n++
		}
		return n, f.say(events[:n])
	}
	f.clock.Set(e.At)
	switch {
	case e.Night:
		return 1, f.night(e)
	case e.Docs != nil:
		return 1, f.write(e)
	}
	return 1, f.one(e)
}

// write applies what somebody wrote. What follows from a cycle, as the scores of
// one that is closed, follows at once; the rest can wait for the night.
func (f *filling) write(e sample.Event) error {
	caller, err := f.as(e.By)
	if err != nil {
		return err
	}
	caller.Reason = e.Reason
	if _, err := f.Catalog.Apply(f.ctx, caller, e.Docs, catalog.ApplyOptions{}); err != nil || !slices.ContainsFunc(e.Docs, func(d catalog.Document) bool { return d.Entity.Kind == "Cycle" }) {
		return err
	}
	_, err = f.Feed.Drain(f.ctx, f.watches...)
	return err
}

// say keeps words that were given one after the other.
func (f *filling) say(events []sample.Event) error {
	var list []claim.Said
	for _, e := range events {
		caller, err := f.as(e.By)
		if err != nil {
			return err
		}
		s := claim.Said{Caller: caller, At: e.At, Word: claim.Word{Test: e.Step.Test, AsOf: e.At, Note: e.Note, Holds: e.Step.Holds == nil || *e.Step.Holds}}
		if e.Number != nil {
			s.Word.Value = *e.Number
		}
		if s.Claim, err = entity.ParseRef(cmp.Or(e.Step.Attests, e.Step.Types), "measure", ""); err != nil {
			return err
		}
		list = append(list, s)
	}
	f.clock.Set(events[len(events)-1].At)
	return f.Claims.SayAll(f.ctx, auth.HomeID, list)
}

// one carries out a step that is no entity and no word.
func (f *filling) one(e sample.Event) error {
	s := e.Step
	switch {
	case s.Invites != nil:
		return f.invite(s.Invites)
	case s.Exports != "":
		data, err := json.Marshal(map[string]any{"value": *e.Number, "updated": e.At.UTC().Format(time.RFC3339)})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(f.Config.Files, filepath.Base(s.Exports)), append(data, '\n'), 0o600)
	}
	caller, err := f.as(e.By)
	switch {
	case err != nil:
		return err
	case s.Looks:
		_, err = f.Morning.Visit(f.ctx, caller, morning.Page)
		return err
	case s.Completes != "":
		return f.complete(caller, s)
	case s.Installs != nil:
		return f.install(caller, s)
	case s.Proves:
		return f.prove()
	case s.Alerts != nil:
		return f.triage(caller, s.Alerts, s.Why)
	case s.Case != nil:
		return f.caseWork(caller, s.Case, s.Why)
	}
	return f.remark(caller, s)
}

// invite gives people a place to sign in; the owner has one.
func (f *filling) invite(list []sample.Guest) error {
	for _, g := range list {
		if _, there := f.people[g.Who]; there {
			continue
		}
		m := auth.Membership{Role: auth.Role(g.Role)}
		if g.Outside == "" {
			m.UserRef = userRef(g.Who)
		}
		var err error
		if g.Until != "" {
			if m.Expires, err = time.Parse(time.DateOnly, g.Until); err != nil {
				return err
			}
		}
		if m.Account, err = f.Auth.CreateAccount(f.ctx, f.local().Principal, auth.NewAccount{Email: g.Email, Name: g.Name}, m); err != nil {
			return fmt.Errorf("%s: %w", g.Who, err)
		}
		f.joined(g, m)
	}
	return nil
}

// complete ends a task, with a file that shows it where one is given.
func (f *filling) complete(caller catalog.Caller, s *sample.Step) error {
	e, err := f.openTask(caller, strings.TrimPrefix(s.Completes, "task:"))
	if err != nil {
		return err
	}
	spec := map[string]any{"state": "done", "note": s.Note}
	if s.Evidence != "" {
		kept, err := f.Files.Add(f.ctx, caller, e, "evidence.txt", strings.NewReader(s.Evidence))
		if err != nil {
			return err
		}
		spec["evidence"] = kept.SHA256
	}
	patch, err := json.Marshal(map[string]any{"spec": spec})
	if err != nil {
		return err
	}
	caller.Manager = "form"
	_, err = f.Catalog.Patch(f.ctx, caller, e.Ref(), patch, catalog.UpdateOptions{})
	return err
}

// openTask finds a task that is open, or the one of its series that is.
func (f *filling) openTask(caller catalog.Caller, root string) (found *entity.Entity, err error) {
	q := catalog.Query{Kinds: []string{auth.KindTask}, Fields: map[string][]string{"spec.state": {"open"}}}
	err = f.Catalog.Each(f.ctx, caller, q, func(e *entity.Entity) error {
		if e.Metadata.Name == root || strings.HasPrefix(e.Metadata.Name, root+"-20") {
			found = e
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("no task %s is open", root)
	}
	return found, err
}

func (f *filling) record(caller catalog.Caller, text string) (*entity.Entity, error) {
	ref, err := entity.ParseRef(text, "", "")
	if err != nil {
		return nil, err
	}
	return f.Catalog.Get(f.ctx, caller, ref)
}

// remark says something about a record.
func (f *filling) remark(caller catalog.Caller, s *sample.Step) error {
	d := talk.Draft{Kind: talk.Remark, Body: s.Says}
	switch {
	case s.Disputes != "":
		d.Kind = talk.Dispute
	case s.Answers != "":
		d.Kind = talk.Answer
	case s.StandsBy != "":
		d.Kind = talk.Approval
	}
	e, err := f.record(caller, cmp.Or(s.Comments, s.Disputes, s.Answers, s.StandsBy))
	if err != nil {
		return err
	}
	if d.Kind == talk.Answer || s.Replies {
		if d.Thread, err = f.thread(caller, e, d.Kind == talk.Answer); err != nil {
			return err
		}
	}
	if _, err = f.Talk.Add(f.ctx, caller, e, d); err != nil || d.Kind != talk.Dispute && d.Kind != talk.Answer {
		return err
	}
	_, err = f.Feed.Drain(f.ctx, f.watches...) // the claim turns at once
	return err
}

// thread is the last about a record, or the last dispute that is open.
func (f *filling) thread(caller catalog.Caller, e *entity.Entity, open bool) (string, error) {
	threads, err := f.Talk.List(f.ctx, caller.Principal, e, time.Time{}, 0)
	if err != nil {
		return "", err
	}
	for _, t := range slices.Backward(threads) {
		if !open || t.Open() {
			return t.ID, nil
		}
	}
	return "", fmt.Errorf("nobody has said anything about %s", e.Ref().Short())
}

// night lets machines report, watches work and tests run.
func (f *filling) night(e sample.Event) error {
	at := e.At
	if err := f.findable(); err != nil {
		return err
	}
	if err := f.report(at); err != nil {
		return err
	}
	if err := f.settle(at); err != nil {
		return err
	}
	if !e.Plans {
		return nil
	}
	for _, s := range f.nightly {
		if err := s.Run(f.ctx); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if f.recent(at) {
		if err := f.Morning.Remind(f.ctx); err != nil {
			return err
		}
	}
	return f.settle(at)
}

// tells is how long before the present people begin to be told.
const tells = 14 * 24 * time.Hour

func (f *filling) recent(at time.Time) bool { return f.o.Now.Sub(at) < tells }

// report brings in the work items as the tracker has them.
func (f *filling) report(at time.Time) error {
	var files []catalog.File
	for _, w := range f.work {
		then, err := sample.Work(w, f.o.Day(at.AddDate(0, 0, -1)))
		if err != nil {
			return err
		}
		if len(then.Data) > 0 {
			files = append(files, then)
		}
	}
	if len(files) == 0 {
		return nil
	}
	args := map[string]string{"asof": at.UTC().Format(time.RFC3339)}
	maps.Copy(args, f.args)
	i := slices.IndexFunc(Importers(), func(i catalog.Importer) bool { return i.Name == "work" })
	_, err := Importers()[i].Import(f.ctx, f.Catalog, f.local(), files, catalog.ImportOptions{Args: args})
	return err
}

// settle lets the watches take in what happened and runs what is due.
func (f *filling) settle(at time.Time) error {
	watches := f.watches
	if f.recent(at) {
		watches = append(slices.Clone(watches), f.told...)
	}
	for {
		n, err := f.Feed.Drain(f.ctx, watches...)
		if err != nil {
			return err
		}
		runs, err := f.Claims.Drain(f.ctx)
		if err != nil || n+runs == 0 {
			return err
		}
	}
}
