// Package live looks for detections in events while they come in, before they
// are stored, and in what is stored.
//
// # Rules
//
// A Library holds the rules that come with the program and the sets that the
// server was given. What an organisation decided (Choices: rules of its own,
// tuning, which of a set it runs) makes a Ruleset of it. Rules are routed as
// binnacle detect routes them; rules that only feed correlations are not told.
// Organisations that decided the same share one Ruleset.
//
// # The way of an event
//
// Look runs events through a scanner that the goroutine has for itself; it meets
// no lock until something matches. What one rule finds of one group (host, user,
// source address, as far as they are known) within one window of event time is
// one Finding, named by rule, group and window: events that are looked at twice
// change nothing. The Sink has taken the findings when Look returns; when it
// fails, the batch is held back and looked at again.
//
// # Correlations
//
// Each organisation has two correlators. The prompt one takes matches as they
// come and decides at once: what is a few seconds out of order is taken to be of
// now. It has the correlations that no later event can undo. The settled one
// waits Lateness for late events, counts each at its own time, and tells what the
// prompt one could not: correlations about absence, and what late events
// complete. A hit of both, or of a replay, is one finding: hits of one group
// whose windows are less than a timespan apart have one name, that of the one
// which was told first. What comes later than Lateness is counted too: the
// matches around it are read from the store and correlated again.
//
// After a start both are built from the store: the matches of the longest window
// before are replayed, and what was told is known from its table, so that a
// restart tells what an unbroken run tells.
//
// An organisation's events have to pass through one node for its correlations
// to see them all.
package live

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

// Sink takes what was found. The same finding may come again, with more events
// or with the same.
type Sink func(context.Context, []detect.Finding) error

// Config is what an Engine works with.
type Config struct {
	DB       *sqldb.DB          // of the tables of this package; nil keeps what was told in memory
	Store    logs.Store         // nil: nothing can be asked of the past
	Builtin  fs.FS              // holds the rules that come with the program,
	Root     string             // below this folder
	Sets     []Set              // rules of others
	Pipeline *pipeline.Pipeline // rewrites all of them; nil: none

	Choices    func(ctx context.Context, org string) (Choices, error)                             // nil: none
	Indicators func(ctx context.Context, org string, yield func(Indicator) error) error           // nil: none
	Head       func(context.Context) (int64, error)                                               // changes when choices or indicators may have; nil: they are asked again each time
	Changed    func(ctx context.Context, after int64) (orgs []string, indicators bool, err error) // nil: all of them
	Sink       Sink
	Log        *slog.Logger
	Now        func() time.Time
}

// Lateness is how late an event may be to be counted as it comes. What is later
// is counted from the store.
const Lateness = 30 * time.Second

// Engine is detection for all organisations. It is safe for concurrent use.
type Engine struct {
	Config
	tables tables

	library atomic.Pointer[Library]
	loading sync.Mutex
	orgs    sync.Map // name to *organisation
	making  sync.Mutex

	sharing sync.Mutex
	shared  map[string]*Ruleset // by what was decided
	head    int64

	tested sync.Map // of a document, what its examples show
	trying atomic.Bool
	counts counts
}

// counts are numbers about the engine itself.
type counts struct {
	events, matches, findings, failed, strays atomic.Int64
}

// Counts are numbers about what an Engine did since it started.
type Counts struct {
	Events   int64 // that were looked at
	Matches  int64 // of rules
	Findings int64 // that were told, repeated ones too
	Failed   int64 // events that could not be looked at
	Strays   int64 // events that no rule was for
}

// New returns an Engine. It reads no rule until one is needed.
func New(cfg Config) *Engine {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Sink == nil {
		cfg.Sink = func(context.Context, []detect.Finding) error { return nil }
	}
	return &Engine{Config: cfg, tables: tables{db: cfg.DB}, shared: map[string]*Ruleset{}, head: -1}
}

// Counts returns what was done so far.
func (e *Engine) Counts() Counts {
	c := &e.counts
	return Counts{c.events.Load(), c.matches.Load(), c.findings.Load(), c.failed.Load(), c.strays.Load()}
}

// Library returns all rules there are.
func (e *Engine) Library() (*Library, error) {
	if l := e.library.Load(); l != nil {
		return l, nil
	}
	e.loading.Lock()
	defer e.loading.Unlock()
	if l := e.library.Load(); l != nil {
		return l, nil
	}
	l, err := readLibrary(e.Builtin, e.Root, e.Sets)
	if err != nil {
		return nil, fmt.Errorf("detections: %w", err)
	}
	e.library.Store(l)
	return l, nil
}

// organisation is detection for one of them.
type organisation struct {
	name       string
	rules      atomic.Pointer[Ruleset]
	indicators atomic.Pointer[indicators] // nil: there are none
	print      string                     // of what was decided; guarded by Engine.making

	mu      sync.Mutex
	follow  *following       // nil: there are no correlations
	unnamed []unnamed        // hits of which it could not be found out yet how they were told
	pending []detect.Finding // that the sink did not take yet
	canary  map[string]*canary
}

// org returns the state of an organisation, made ready when it is not known.
func (e *Engine) org(ctx context.Context, name string) (*organisation, error) {
	if o, ok := e.orgs.Load(name); ok {
		return o.(*organisation), nil
	}
	e.making.Lock()
	defer e.making.Unlock()
	if o, ok := e.orgs.Load(name); ok {
		return o.(*organisation), nil
	}
	o := &organisation{name: name, canary: map[string]*canary{}}
	if err := e.load(ctx, o); err != nil {
		return nil, fmt.Errorf("detections of %s: %w", name, err)
	}
	if err := e.loadIndicators(ctx, o); err != nil {
		return nil, fmt.Errorf("indicators of %s: %w", name, err)
	}
	e.orgs.Store(name, o)
	return o, nil
}

// Ruleset returns the rules that an organisation runs.
func (e *Engine) Ruleset(ctx context.Context, org string) (*Ruleset, error) {
	o, err := e.org(ctx, org)
	if err != nil {
		return nil, err
	}
	return o.rules.Load(), nil
}

// Loaded returns the rules of an organisation when they are ready; nil when
// nothing has asked for them yet.
func (e *Engine) Loaded(org string) *Ruleset {
	if o, ok := e.orgs.Load(org); ok {
		return o.(*organisation).rules.Load()
	}
	return nil
}

// Tested returns what the examples beside a rule show; nil when there are none.
func (e *Engine) Tested(d *Document) (*detect.Tested, error) {
	if t, ok := e.tested.Load(d); ok {
		return t.(*detect.Tested), nil
	}
	lib, err := e.Library()
	if err != nil {
		return nil, err
	}
	t, err := lib.Examples(d)
	if err == nil {
		e.tested.Store(d, t)
	}
	return t, err
}

// TestedBy is Tested for a page that has no time: after a moment it returns what
// is known, and has the examples of all rules run meanwhile. It is false while
// those of the rule are not.
func (e *Engine) TestedBy(until time.Time, d *Document) (t *detect.Tested, known bool, err error) {
	if t, ok := e.tested.Load(d); ok {
		return t.(*detect.Tested), true, nil
	}
	if time.Now().Before(until) {
		t, err = e.Tested(d)
		return t, true, err
	}
	e.tryAll()
	return nil, false, nil
}

// tryAll has the examples of all rules run that were not yet, beside what else
// goes on.
func (e *Engine) tryAll() {
	lib, err := e.Library()
	if err != nil || !e.trying.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer e.trying.Store(false)
		for _, d := range lib.Documents {
			if _, err := e.Tested(d); err != nil {
				e.Log.Error("the examples of a rule cannot be read", "rule", d.Key, "error", err)
			}
		}
	}()
}

// Text returns the text of a rule of an organisation; "" when it is not known.
func (e *Engine) Text(ctx context.Context, org, key string) string {
	rules, err := e.Ruleset(ctx, org)
	if err != nil {
		return ""
	}
	entry := rules.Entry(key)
	if entry == nil {
		return ""
	}
	if entry.Origin == Own {
		return entry.Tuning.Rule
	}
	lib, err := e.Library()
	if err != nil {
		return ""
	}
	return lib.Text(entry.Document)
}

// ChoicesOf returns what an organisation decided.
func (e *Engine) ChoicesOf(ctx context.Context, org string) (Choices, error) {
	if e.Choices == nil {
		return Choices{}, nil
	}
	return e.Choices(ctx, org)
}

// load makes the rules of an organisation ready, when they are others than it
// has. The caller holds making.
func (e *Engine) load(ctx context.Context, o *organisation) error {
	lib, err := e.Library()
	if err != nil {
		return err
	}
	choices, err := e.ChoicesOf(ctx, o.name)
	if err != nil {
		return err
	}
	print := lib.print + choices.print(e.Now())
	if o.print == print {
		return nil
	}
	rules, err := e.share(print, lib, choices)
	if err != nil {
		return err
	}
	if err := e.follow(ctx, o, rules); err != nil {
		return err
	}
	o.rules.Store(rules)
	o.print = print
	return e.noteSwitched(ctx, o.name, rules)
}

// share returns the rules of a decision, made once.
func (e *Engine) share(print string, lib *Library, choices Choices) (*Ruleset, error) {
	e.sharing.Lock()
	defer e.sharing.Unlock()
	if r := e.shared[print]; r != nil {
		return r, nil
	}
	r, err := e.assembled(lib, choices)
	if err != nil {
		return nil, err
	}
	e.shared[print] = r
	return r, nil
}

// assembled is assemble for who must go on when a mistake of the program meets the
// rules of one organisation.
func (e *Engine) assembled(lib *Library, choices Choices) (r *Ruleset, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fault.New(fault.Internal, "the rules cannot be put together, which is a mistake of the program: %v", p)
		}
	}()
	return assemble(lib, choices, e.Pipeline, e.Now(), nil)
}

// Look is the stage of detection: it sets the Rules of events and tells what was
// found.
func (e *Engine) Look(ctx context.Context, org string, events []event.Event) error {
	o, err := e.org(ctx, org)
	if err != nil {
		return err
	}
	b := batch{engine: e, org: o, rules: o.rules.Load(), indicators: o.indicators.Load()}
	b.look(events)
	e.counts.events.Add(int64(len(events)))
	if b.quiet() {
		return nil
	}
	return b.tell(ctx)
}

// deliver hands findings to the sink, with those that it did not take before.
func (e *Engine) deliver(ctx context.Context, o *organisation, list []detect.Finding) error {
	o.mu.Lock()
	waiting := o.pending
	o.pending = nil
	o.mu.Unlock()
	all := append(waiting, list...)
	if len(all) == 0 {
		return nil
	}
	err := e.Sink(ctx, all)
	if err == nil {
		err = e.tables.tell(ctx, all, e.Now())
	}
	if err != nil {
		o.mu.Lock()
		o.pending = append(waiting, o.pending...)
		o.mu.Unlock()
		return fmt.Errorf("telling %d findings: %w", len(all), err)
	}
	e.counts.findings.Add(int64(len(all)))
	return nil
}

// Run does what is to be done from time to time, until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.tables.awake(ctx, e.Now()); err != nil {
		e.Log.ErrorContext(ctx, "whether detection was off cannot be found out", "error", err)
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-second.C:
		}
		e.tick(ctx, n)
	}
}

// How many seconds pass between two looks at something.
const (
	everyChoices = 2
	everyRepair  = 5
	everySets    = 30
	everyAlive   = 30
)

// triedAfter is how many seconds after the start the examples of rules are run:
// pages show what they prove, and the start has better things to do.
const triedAfter = 15

func (e *Engine) tick(ctx context.Context, n int) {
	e.note(ctx, "time", e.advance(ctx))
	if n == 1 {
		e.note(ctx, "rules", e.warm(ctx))
	}
	if n == triedAfter {
		e.tryAll()
	}
	if n%everyChoices == 0 {
		e.note(ctx, "choices", e.Refresh(ctx, n%60 == 0))
	}
	if n%everyRepair == 0 {
		e.note(ctx, "late events", e.repair(ctx))
	}
	if n%everySets == 0 {
		e.note(ctx, "rule sets", e.reread(ctx))
	}
	if n%everyAlive == 0 {
		e.note(ctx, "alive", e.tables.alive(ctx, e.Now()))
	}
}

// warm makes the rules of organisations ready that were told something before, so
// that their first event does not wait for it.
func (e *Engine) warm(ctx context.Context) error {
	if e.DB == nil {
		return nil
	}
	orgs, err := e.tables.organisations(ctx)
	for _, org := range orgs {
		if _, err := e.org(ctx, org); err != nil {
			return err
		}
	}
	return err
}

func (e *Engine) note(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		e.Log.ErrorContext(ctx, "detection: "+what, "error", err)
	}
}

// each calls f with every organisation that had events.
func (e *Engine) each(f func(*organisation) error) error {
	var failed error
	e.orgs.Range(func(_, v any) bool {
		if err := f(v.(*organisation)); err != nil && failed == nil {
			failed = err
		}
		return true
	})
	return failed
}

// Refresh takes over what organisations decided since. All also looks for
// exceptions that ran out.
func (e *Engine) Refresh(ctx context.Context, all bool) error {
	e.making.Lock()
	defer e.making.Unlock()
	head := int64(0)
	if e.Head != nil {
		var err error
		if head, err = e.Head(ctx); err != nil {
			return err
		}
		if head == e.head && !all {
			return nil
		}
	}
	touched, indicators := map[string]bool(nil), e.head != head || e.Head == nil
	if e.Changed != nil && e.head >= 0 && !all {
		orgs, some, err := e.Changed(ctx, e.head)
		if err != nil {
			return err
		}
		touched, indicators = map[string]bool{}, some
		for _, org := range orgs {
			touched[org] = true
		}
	}
	err := e.each(func(o *organisation) error {
		if touched != nil && !touched[o.name] {
			return nil
		}
		if err := e.load(ctx, o); err != nil {
			return err
		}
		if !indicators && !all {
			return nil
		}
		return e.loadIndicators(ctx, o)
	})
	if err == nil {
		e.head = head
		e.forgetUnused()
	}
	return err
}

// forgetUnused lets rulesets go that no organisation has any more.
func (e *Engine) forgetUnused() {
	used := map[*Ruleset]bool{}
	_ = e.each(func(o *organisation) error { used[o.rules.Load()] = true; return nil })
	e.sharing.Lock()
	defer e.sharing.Unlock()
	for print, r := range e.shared {
		if !used[r] {
			delete(e.shared, print)
		}
	}
}

// reread reads the rule sets again when their files changed.
func (e *Engine) reread(ctx context.Context) error {
	was := e.library.Load()
	if was == nil || len(e.Sets) == 0 {
		return nil
	}
	if printOf(e.Sets) == was.print {
		return nil
	}
	l, err := readLibrary(e.Builtin, e.Root, e.Sets)
	if err != nil {
		return err
	}
	e.library.Store(l)
	e.tested.Clear()
	if err := e.Refresh(ctx, true); err != nil {
		return err
	}
	return e.each(func(o *organisation) error { return e.noteSets(ctx, o.name, l) })
}

// UseDB has an engine that knows nothing yet keep its tables in a database.
func (e *Engine) UseDB(db *sqldb.DB) { e.DB, e.tables.db = db, db }
