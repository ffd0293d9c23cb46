package claim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Config is what an Engine works with.
type Config struct {
	DB        *sqldb.DB
	Catalog   *catalog.Catalog
	Feed      *feed.Feed
	Bearers   []Bearer   // beside those of claims and measures
	Tables    []*Table   // beside the table of claims
	Words     []Words    // kinds whose entities carry the word of a person
	Languages []Language // of query tests
	Client    *http.Client
	Files     string // folder of files that tests may read; "": none
	// Secret returns a stored secret; nil refuses all.
	Secret func(ctx context.Context, org, name string) (string, error)
	// Disputes returns the open disputes of some claims, by uid; nil: there are
	// none.
	Disputes func(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]Dispute, error)
	// Attachments returns the files that belong to a claim; nil: there are none.
	Attachments func(ctx context.Context, org, uid string) ([]Attachment, error)
	Keys        Keys             // nil: packs cannot be signed
	Now         func() time.Time // nil: the time
	Log         *slog.Logger     // nil: none
}

// Dispute is the word of a person that a claim does not hold, which its owner
// has to answer.
type Dispute struct {
	By   string
	At   time.Time
	Text string
}

// Engine tests claims and keeps what came out. It is safe for concurrent use.
type Engine struct {
	cfg       Config
	db        *sqldb.DB
	catalog   *catalog.Catalog
	bearers   map[string]Bearer
	tables    map[string]*Table
	words     map[string]Words // by kind, in lower case
	languages map[string]Language
	now       func() time.Time
	log       *slog.Logger
	wake      chan struct{}
	mu        sync.Mutex // one batch of runs at a time on this node

	timeMu sync.Mutex
	latest time.Time
}

// New returns an engine over a migrated database.
func New(cfg Config) *Engine {
	e := &Engine{cfg: cfg, db: cfg.DB, catalog: cfg.Catalog, bearers: map[string]Bearer{}, tables: map[string]*Table{}, words: map[string]Words{}, languages: map[string]Language{},
		now: cfg.Now, log: cfg.Log, wake: make(chan struct{}, 1)}
	if e.now == nil {
		e.now = time.Now
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	if e.cfg.Secret == nil {
		e.cfg.Secret = func(_ context.Context, _, name string) (string, error) {
			return "", fault.New(fault.NotFound, "there is no secret %q", name).Coded("claim.secret")
		}
	}
	for _, b := range append(bearers(), cfg.Bearers...) {
		e.bearers[b.Kind] = b
	}
	for _, t := range append([]*Table{e.claimsTable()}, cfg.Tables...) {
		e.tables[t.Name] = t
	}
	for _, w := range cfg.Words {
		e.words[lower(w.Kind)] = w
	}
	for _, l := range cfg.Languages {
		e.languages[l.Name] = l
	}
	for _, kind := range OwnBearers() {
		e.catalog.AddGuard(kind, e.guardTests)
	}
	return e
}

// Tables lists the tables of observations that record queries may ask, by name.
func (e *Engine) Tables() []*Table {
	var out []*Table
	for _, t := range e.tables {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Watches returns what keeps the engine's tables in step with the catalog.
func (e *Engine) Watches() []feed.Watch {
	return []feed.Watch{{Name: "claims/changed", Types: []string{"entity.created", "entity.updated", "entity.deleted", "entity.renamed", "entity.restored", "observed.*", "comment.disputed", "comment.answered", "comment.resolved", "comment.reopened"}, Batch: 500, Handle: e.changed}}
}

// changed takes in what was written: the claims that are borne now, and which
// tests read something else than before.
func (e *Engine) changed(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
	now := e.now()
	due := sqldb.Micros(now)
	read := map[[2]string]bool{} // organisation and source
	adopted, disputed, told := map[string][]string{}, map[string][]string{}, map[string][]string{}
	orgs, excused := map[string]bool{}, map[string]bool{}
	for _, x := range batch {
		orgs[x.Org] = true
	}
	for _, org := range sortedKeys(orgs) {
		if err := alone(ctx, tx, org); err != nil {
			return err
		}
	}
	for _, x := range batch {
		kind, _, _ := strings.Cut(x.Ref, ":")
		switch {
		case strings.HasPrefix(x.Type, "comment."):
			disputed[x.Org] = append(disputed[x.Org], x.UID)
			continue
		case strings.HasPrefix(x.Type, "observed."):
			read[[2]string{x.Org, strings.TrimPrefix(x.Type, "observed.")}] = true
			continue
		}
		read[[2]string{x.Org, kind}] = true
		if e.Bears(kind) && !slices.Contains(adopted[x.Org], x.UID) {
			adopted[x.Org] = append(adopted[x.Org], x.UID)
		}
		if _, ok := e.words[kind]; ok && x.Type == "entity.created" {
			told[x.Org] = append(told[x.Org], x.UID)
		}
		if kind == "exception" {
			excused[x.Org] = true
			if err := e.excepted(ctx, tx, x, due); err != nil {
				return err
			}
		}
	}
	for _, org := range sortedKeys(told) {
		if err := e.heard(ctx, tx, org, told[org]); err != nil {
			return err
		}
	}
	for _, org := range sortedKeys(adopted) {
		if err := e.adopt(ctx, tx, org, adopted[org], due); err != nil {
			return err
		}
	}
	for _, org := range sortedKeys(excused) {
		if err := e.askExcused(ctx, tx, org, due); err != nil {
			return err
		}
	}
	for _, org := range sortedKeys(disputed) {
		if err := e.restate(ctx, tx, org, disputed[org]); err != nil {
			return err
		}
	}
	for key := range read {
		if err := e.makeDue(ctx, tx, key[0], now, key[1]); err != nil {
			return err
		}
	}
	e.rouse()
	return nil
}

// adopt brings the engine's rows of some claims in line with the entities that
// bear them. The states of those that were deleted are no evidence any more;
// their runs stay.
func (e *Engine) adopt(ctx context.Context, tx *sqldb.Tx, org string, uids []string, due int64) error {
	found, err := e.catalog.ByUIDs(ctx, tx, org, uids)
	if err != nil {
		return err
	}
	args := []any{org}
	gone := []any{org}
	for _, uid := range uids {
		args = append(args, uid)
		if found[uid] == nil {
			gone = append(gone, uid)
		}
	}
	for _, table := range []string{"claim_sources", "claim_due"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE org = ? AND claim IN `+sqldb.In(len(uids)), args...); err != nil {
			return err
		}
	}
	if len(gone) > 1 {
		if _, err := tx.Exec(ctx, `DELETE FROM claim_states WHERE org = ? AND claim IN `+sqldb.In(len(gone)-1), gone...); err != nil {
			return err
		}
	}
	p := planning{e: e, ctx: ctx, tx: tx, org: org, due: due, find: e.finder(ctx, e.catalog.In(tx), org)}
	for _, uid := range uids {
		if x := found[uid]; x != nil {
			if err := p.add(x); err != nil {
				return fmt.Errorf("%s: %w", x.Ref(), err)
			}
		}
	}
	if err := p.write(); err != nil {
		return err
	}
	return e.restate(ctx, tx, org, uids)
}

// planning collects what the probes of some claims read, and that they are due.
type planning struct {
	e             *Engine
	ctx           context.Context
	tx            *sqldb.Tx
	org           string
	due           int64
	find          Find
	when, sources [][]any
}

func (p *planning) add(x *entity.Entity) error {
	d, err := p.e.define(x, p.find)
	if err != nil {
		p.e.log.Error("a claim cannot be read and is not tested", "ref", x.Ref().String(), "error", err)
		return nil
	}
	if d.Closed {
		return nil
	}
	for i := range d.Probes {
		probe := &d.Probes[i]
		p.when = append(p.when, []any{p.org, x.Metadata.UID, probe.Name, p.due, "change", p.due})
		for _, s := range p.e.sources(probe, func(ref string) string { return p.e.uidOf(p.ctx, p.tx, p.org, ref, x.Metadata.Namespace) }) {
			p.sources = append(p.sources, []any{p.org, x.Metadata.UID, probe.Name, s})
		}
	}
	return nil
}

func dueRows(values [][]any, conflict string) sqldb.Rows {
	return sqldb.Rows{Table: "claim_due", Columns: []string{"org", "claim", "test", "due", "why", "mark"}, Values: values, Conflict: conflict}
}

func (p *planning) write() error {
	if err := p.tx.Insert(p.ctx, dueRows(p.when, `ON CONFLICT (org, claim, test) DO UPDATE SET due = excluded.due, mark = claim_due.mark + 1`)); err != nil {
		return err
	}
	return p.tx.Insert(p.ctx, sqldb.Rows{Table: "claim_sources", Columns: []string{"org", "claim", "test", "source"}, Values: p.sources, Conflict: `ON CONFLICT DO NOTHING`})
}

// uidOf returns the identity of a measure by reference; the reference itself
// where there is none yet, so that the test is asked when it appears.
func (e *Engine) uidOf(ctx context.Context, tx *sqldb.Tx, org, ref, ns string) string {
	r, err := entity.ParseRef(ref, "measure", ns)
	if err != nil {
		return ref
	}
	x, err := e.catalog.In(tx).Get(ctx, catalog.Program(org, "claims"), r)
	if err != nil {
		return r.String()
	}
	return x.Metadata.UID
}

// excepted makes the claims an exception names due, and with them the words
// that say no.
func (e *Engine) excepted(ctx context.Context, tx *sqldb.Tx, x feed.Entry, due int64) error {
	const named = `SELECT t.uid FROM relations l JOIN entities a ON a.id = l.id JOIN entities t ON t.id = l.target_id WHERE l.org = ? AND l.type = 'excuses' AND a.uid = ?`
	if _, err := tx.Exec(ctx, `UPDATE claim_due SET due = ?, why = 'change', mark = mark + 1 WHERE org = ? AND claim IN (`+named+`)`, due, x.Org, x.Org, x.UID); err != nil {
		return err
	}
	return e.askLast(ctx, tx, x.Org, due, `r.why = 'word' AND l.claim IN (`+named+`)`, x.Org, x.UID)
}

// askExcused makes due again what was excused when it was asked: the exception
// may be gone, or be about something else.
func (e *Engine) askExcused(ctx context.Context, tx *sqldb.Tx, org string, due int64) error {
	return e.askLast(ctx, tx, org, due, `(r.excused > 0 OR r.excused_by <> '')`)
}

// askLast makes due the tests whose last run fails and meets a condition.
func (e *Engine) askLast(ctx context.Context, tx *sqldb.Tx, org string, due int64, where string, args ...any) error {
	_, err := tx.Exec(ctx, `INSERT INTO claim_due (org, claim, test, due, why, mark)
		SELECT l.org, l.claim, l.test, CAST(? AS BIGINT), 'change', CAST(? AS BIGINT) FROM claim_last l JOIN claim_runs r ON r.org = l.org AND r.claim = l.claim AND r.seq = l.seq WHERE l.org = ? AND r.verdict = 'fail' AND `+where+`
		ON CONFLICT (org, claim, test) DO UPDATE SET due = excluded.due, why = excluded.why, mark = claim_due.mark + 1`, append([]any{due, due, org}, args...)...)
	return err
}

// rouse wakes the runner of this node.
func (e *Engine) rouse() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run carries out what is due until ctx ends. Several nodes share the work by a
// lease: one of them tests at a time.
func (e *Engine) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := e.cfg.Feed.Acquire(ctx, runLease, e.cfg.Feed.Holder(), leaseFor)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, feed.ErrHeld) {
				e.log.Error("claims cannot be tested", "error", err)
			}
			sleep(ctx, leaseFor/3)
			continue
		}
		if err := e.work(ctx, lease); err != nil && ctx.Err() == nil && !errors.Is(err, feed.ErrLost) {
			e.log.Error("testing claims failed and is tried again", "error", err)
			sleep(ctx, time.Second)
		}
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		_ = lease.Release(release) // it runs out by itself
		cancel()
	}
	return nil
}

// reasked is how long after a claim has turned those tests are run that ask
// about claims, so that what they say of themselves cannot keep them running.
const reasked = time.Minute

const (
	runLease = "claims/run"
	leaseFor = 15 * time.Second
	tick     = 500 * time.Millisecond
	oneBatch = 500 // runs in one transaction
)

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// work tests under the lease until it is lost.
func (e *Engine) work(ctx context.Context, lease *feed.Lease) error {
	ctx, stop := hold(ctx, lease)
	defer stop()
	for {
		n, err := e.step(ctx, lease.Check)
		if err != nil {
			return cmp.Or(lost(ctx), err)
		}
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.wake:
		case <-time.After(tick):
		}
	}
}

// hold renews a lease until stop is called, however long the work takes. The
// context it returns ends when the lease is lost.
func hold(ctx context.Context, lease *feed.Lease) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if sleep(held, leaseFor/3); held.Err() != nil {
				return
			}
			if err := lease.Renew(held); errors.Is(err, feed.ErrLost) {
				cancel(err)
				return
			} // anything else may pass: until the lease runs out there is another turn
		}
	}()
	return held, func() { cancel(nil); <-ended }
}

// lost returns ErrLost when that is what ended a context.
func lost(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, feed.ErrLost) {
		return err
	}
	return nil
}

// Settle takes in what was written and carries out what is due, until nothing
// is, and returns how many runs that were. It is for a program that does one
// thing and ends. Beside a server on the same database it leaves the work to
// that server and waits for it.
func (e *Engine) Settle(ctx context.Context) (int, error) {
	total := 0
	for {
		if err := e.cfg.Feed.CatchUp(ctx, e.Watches()...); err != nil {
			return total, err
		}
		n, err := e.drainHeld(ctx)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// drainHeld is Drain under the lease. While another node holds it there is
// nothing left to do here once nothing is due.
func (e *Engine) drainHeld(ctx context.Context) (int, error) {
	for {
		lease, err := e.cfg.Feed.Acquire(ctx, runLease, e.cfg.Feed.Holder(), leaseFor)
		if err == nil {
			n, err := e.drain(ctx, lease)
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return n, errors.Join(err, lease.Release(release))
		}
		if !errors.Is(err, feed.ErrHeld) {
			return 0, err
		}
		jobs, err := e.due(ctx)
		if err != nil || len(jobs) == 0 {
			return 0, err
		}
		if sleep(ctx, tick); ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// drain carries out everything that is due now, under a lease.
func (e *Engine) drain(ctx context.Context, lease *feed.Lease) (int, error) {
	ctx, stop := hold(ctx, lease)
	defer stop()
	total, err := e.drainChecked(ctx, lease.Check)
	return total, cmp.Or(lost(ctx), err)
}

// Drain carries out everything that is due now and returns how many runs were
// written. It takes no lease: it is for tests.
func (e *Engine) Drain(ctx context.Context) (int, error) {
	return e.drainChecked(ctx, func(context.Context, *sqldb.Tx) error { return nil })
}

func (e *Engine) drainChecked(ctx context.Context, check func(context.Context, *sqldb.Tx) error) (int, error) {
	total := 0
	for {
		n, err := e.step(ctx, check)
		total += n
		if err != nil || n == 0 {
			return total, err
		}
	}
}

// job is one test to be carried out.
type job struct {
	org, uid, test, why string
}

// step carries out a batch of what is due, and what turns by the passing of
// time. It returns how much there was.
func (e *Engine) step(ctx context.Context, check func(context.Context, *sqldb.Tx) error) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	jobs, err := e.due(ctx)
	if err != nil {
		return 0, err
	}
	if _, err := e.carryOut(ctx, jobs, check); err != nil {
		return len(jobs), err
	}
	turned, err := e.turned(ctx, check)
	return len(jobs) + turned, err
}

func (e *Engine) due(ctx context.Context) ([]job, error) {
	return sqldb.All(ctx, e.db, func(r sqldb.Row) (j job, err error) {
		err = r.Scan(&j.org, &j.uid, &j.test, &j.why)
		return j, err
	}, `SELECT org, claim, test, why FROM claim_due WHERE due <= ? ORDER BY due, org, claim, test LIMIT ?`, sqldb.Micros(e.now()), oneBatch)
}

// turned recomputes the states that the time alone has changed.
func (e *Engine) turned(ctx context.Context, check func(context.Context, *sqldb.Tx) error) (int, error) {
	by := map[string][]string{}
	err := sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		var org, uid string
		err := s.Scan(&org, &uid)
		by[org] = append(by[org], uid)
		return err
	}, `SELECT org, claim FROM claim_states WHERE turns > 0 AND turns <= ? LIMIT 1000`, sqldb.Micros(e.now()))
	if err != nil || len(by) == 0 {
		return 0, err
	}
	n := 0
	err = e.db.Tx(ctx, func(tx *sqldb.Tx) error {
		n = 0
		for _, org := range sortedKeys(by) {
			n += len(by[org])
			if err := e.restate(ctx, tx, org, by[org]); err != nil {
				return err
			}
		}
		return check(ctx, tx)
	})
	e.cfg.Feed.Notify()
	return n, err
}

// carryOut asks the tests of some jobs and writes what they answer.
func (e *Engine) carryOut(ctx context.Context, jobs []job, check func(context.Context, *sqldb.Tx) error) (written int, err error) {
	by := map[string][]job{}
	var orgs []string
	for _, j := range jobs {
		if by[j.org] == nil {
			orgs = append(orgs, j.org)
		}
		by[j.org] = append(by[j.org], j)
	}
	for _, org := range orgs {
		n, err := e.carry(ctx, org, by[org], check)
		written += n
		if err != nil {
			return written, err
		}
	}
	if written > 0 {
		e.cfg.Feed.Notify()
	}
	return written, nil
}

// carry carries out jobs of one organisation. Where that fails they are tried
// in halves, so that one that cannot be carried out does not keep the others
// waiting; that one is put off.
func (e *Engine) carry(ctx context.Context, org string, jobs []job, check func(context.Context, *sqldb.Tx) error) (int, error) {
	asked, err := e.ask(ctx, org, jobs)
	if err == nil {
		err = e.db.Tx(ctx, func(tx *sqldb.Tx) error {
			if err := e.write(ctx, tx, org, asked); err != nil {
				return err
			}
			return check(ctx, tx)
		})
	}
	if err == nil {
		return len(asked), nil
	}
	if ctx.Err() != nil || errors.Is(err, feed.ErrLost) {
		return 0, err
	}
	if len(jobs) > 1 {
		n, err := e.carry(ctx, org, jobs[:len(jobs)/2], check)
		if err != nil {
			return n, err
		}
		m, err := e.carry(ctx, org, jobs[len(jobs)/2:], check)
		return n + m, err
	}
	e.log.Error("a test cannot be carried out and is tried again later", "org", org, "claim", jobs[0].uid, "test", jobs[0].test, "error", err)
	_, err = e.db.Exec(ctx, `UPDATE claim_due SET due = ? WHERE org = ? AND claim = ? AND test = ?`, sqldb.Micros(e.now().Add(putOff)), org, jobs[0].uid, jobs[0].test)
	return 0, err
}

// putOff is how long a test waits that the program could not carry out.
const putOff = 10 * time.Minute

// asked is a job with what came of it.
type asked struct {
	job
	entity *entity.Entity // nil: it is not there any more
	def    Definition
	probe  *Probe // nil: neither is the test
	mark   int64  // of what made it due, when it was asked; 0: nothing had
	done   done
	last   *Run // before this one
	waits  bool // for a program that can ask the engine
}

// beyond reports whether another system has to be asked.
func (a *asked) beyond() bool {
	return a.probe != nil && !a.waits && (a.probe.Number != nil || a.probe.Query != nil)
}

// ask carries out the tests of one organisation: first those that ask other
// systems, outside of any transaction, then the rest over one moment. Of the
// former some are left for the next time when there are many.
func (e *Engine) ask(ctx context.Context, org string, jobs []job) ([]asked, error) {
	var list []asked
	err := e.db.View(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = e.prepare(ctx, tx, org, jobs)
		return err
	})
	if err != nil {
		return nil, err
	}
	outside := e.outside(ctx, org, list)
	err = e.db.View(ctx, func(tx *sqldb.Tx) error {
		s, err := e.present(ctx, tx, org)
		if err != nil {
			return err
		}
		for i := range list {
			a := &list[i]
			if a.probe == nil || a.waits {
				continue
			}
			s.before = a.last
			if a.done, err = s.run(a.entity, &a.def, a.probe, outside[i], a.why); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// prepare reads what some jobs are about: the claims, their last runs, and what
// has made them due by now.
func (e *Engine) prepare(ctx context.Context, tx *sqldb.Tx, org string, jobs []job) ([]asked, error) {
	var uids []string
	for _, j := range jobs {
		uids = append(uids, j.uid)
	}
	slices.Sort(uids)
	uids = slices.Compact(uids)
	marks, err := marksOf(ctx, tx, org, uids)
	if err != nil {
		return nil, err
	}
	found, err := e.catalog.ByUIDs(ctx, tx, org, uids)
	if err != nil {
		return nil, err
	}
	_, last, err := e.stored(ctx, tx, org, slices.Collect(maps.Values(found)))
	if err != nil {
		return nil, err
	}
	var list []asked
	find := e.finder(ctx, e.catalog.In(tx), org)
	beyond := 0
	for _, j := range jobs {
		a := asked{job: j, mark: marks[[2]string{j.uid, j.test}]}
		if x := found[j.uid]; x != nil {
			if a.def, err = e.define(x, find); err != nil {
				return nil, err
			}
			a.entity, a.last = x, last[j.uid][j.test]
			a.probe = a.def.probe(j.test)
			a.waits = e.absent(a.probe)
		}
		if a.beyond() {
			if beyond++; beyond > atOnce {
				continue
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// atOnce is how many tests ask other systems in one batch, all at once.
const atOnce = 32

// marksOf reads the marks of what is due of some claims, by claim and test. A
// mark changes whenever something makes a test due again.
func marksOf(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[[2]string]int64, error) {
	out := map[[2]string]int64{}
	args := []any{org}
	for _, uid := range uids {
		args = append(args, uid)
	}
	err := sqldb.Each(ctx, q, func(s sqldb.Row) error {
		var k [2]string
		var mark int64
		err := s.Scan(&k[0], &k[1], &mark)
		out[k] = mark
		return err
	}, `SELECT claim, test, mark FROM claim_due WHERE org = ? AND claim IN `+sqldb.In(len(uids)), args...)
	return out, err
}

// moment returns the present, later than it was before: what is carried out
// after something else can be told from it by its time alone.
func (e *Engine) moment() time.Time {
	e.timeMu.Lock()
	defer e.timeMu.Unlock()
	t := e.now().UTC().Truncate(time.Microsecond)
	if !t.After(e.latest) {
		t = e.latest.Add(time.Microsecond)
	}
	e.latest = t
	return t
}

// skew is how far the clocks of two nodes may be apart. What lies further ahead
// was written by a clock that was wrong.
const skew = 2 * time.Minute

// present is a session about now, which is later than every run there is.
func (e *Engine) present(ctx context.Context, tx *sqldb.Tx, org string) (*session, error) {
	var last int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(max(place), 0) FROM claim_last WHERE org = ? AND place <= ?`, org, sqldb.Micros(e.now().Add(skew))).Scan(&last); err != nil {
		return nil, err
	}
	e.timeMu.Lock()
	if t := sqldb.Time(last); t.After(e.latest) {
		e.latest = t
	}
	e.timeMu.Unlock()
	seq, err := feed.SeqNow(ctx, tx)
	s := e.session(ctx, tx, org, Moment{At: e.moment()})
	s.seq = seq
	return s, err
}

// outside asks other systems, all at once.
func (e *Engine) outside(ctx context.Context, org string, list []asked) map[int]reply {
	out := map[int]reply{}
	round := e.round(org)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range list {
		if !list[i].beyond() {
			continue
		}
		wg.Go(func() {
			r := e.reply(ctx, round, list[i].probe, time.Time{})
			mu.Lock()
			defer mu.Unlock()
			out[i] = r
		})
	}
	wg.Wait()
	return out
}

// reply is what another system said.
type reply struct {
	taken    *taken    // to a number test
	answered *answered // to a query
	err      error
}

// reply asks another system, about a moment where it can tell of one; the zero
// time is the present. Whatever goes wrong with that is an answer too; what
// says something about this installation stands in the log alone.
func (e *Engine) reply(ctx context.Context, round *round, p *Probe, at time.Time) reply {
	r := reply{}
	if p.Query != nil {
		r.answered, r.err = round.query(ctx, p.Query, at)
	} else {
		r.taken, r.err = e.take(ctx, round.org, p.Number)
	}
	if r.err != nil && ctx.Err() == nil && !isFault(r.err) {
		e.log.Error("another system could not be asked for a test", "org", round.org, "test", p.Name, "error", r.err)
		r.err = fault.New(fault.Unavailable, "it could not be asked; the log says why").Coded("claim.not-askable")
	}
	return r
}

// write keeps what tests answered: the runs, when they are due again, which
// tests read them, and the states that follow.
func (e *Engine) write(ctx context.Context, tx *sqldb.Tx, org string, list []asked) error {
	var runs []done
	var when [][]any
	var entries []*feed.Entry
	var claims []string
	now := e.now()
	if err := alone(ctx, tx, org); err != nil {
		return err
	}
	for i := range list {
		a := &list[i]
		if a.probe == nil || a.probe.Attest != nil {
			if _, err := tx.Exec(ctx, `DELETE FROM claim_due WHERE org = ? AND claim = ? AND test = ? AND mark = ?`, org, a.uid, a.test, a.mark); err != nil {
				return err
			}
		} else {
			at := next(now, a.probe.every(), a.uid+"/"+a.test)
			if a.waits {
				at = now.Add(putOff)
			}
			when = append(when, []any{org, a.uid, a.test, sqldb.Micros(at), "schedule", a.mark})
		}
		if a.probe == nil || a.waits || a.repeats() {
			continue
		}
		runs = append(runs, a.done)
		claims = append(claims, a.uid)
		entry := runEntry(a.entity, a.done.run)
		entry.Actor = "system" // also of a word: it was given earlier
		entries = append(entries, entry)
	}
	// What something has made due again in the meantime stays due.
	if err := tx.Insert(ctx, dueRows(when, `ON CONFLICT (org, claim, test) DO UPDATE SET due = excluded.due, why = excluded.why WHERE claim_due.mark = excluded.mark`)); err != nil {
		return err
	}
	if len(runs) == 0 {
		return nil
	}
	return e.keep(ctx, tx, org, runs, claims, entries)
}

// keep appends runs, makes due what reads them, and restates their claims.
func (e *Engine) keep(ctx context.Context, tx *sqldb.Tx, org string, runs []done, claims []string, entries []*feed.Entry) error {
	if err := alone(ctx, tx, org); err != nil {
		return err
	}
	if err := e.append(ctx, tx, runs); err != nil {
		return err
	}
	slices.Sort(claims)
	claims = slices.Compact(claims)
	sources := make([]string, len(claims))
	for i, uid := range claims {
		sources[i] = measureSource(uid)
	}
	if err := e.makeDue(ctx, tx, org, e.now(), sources...); err != nil {
		return err
	}
	if err := e.restate(ctx, tx, org, claims); err != nil {
		return err
	}
	return feed.Append(ctx, tx, entries...)
}

func runEntry(x *entity.Entity, r *Run) *feed.Entry {
	data := fmt.Appendf(nil, `{"test":%q,"verdict":%q,"zone":%q}`, r.Test, r.Verdict, r.Zone)
	return &feed.Entry{Org: r.Org, At: r.At, Type: "claim.run", Ref: x.Ref().String(), UID: r.Claim, Actor: cmp.Or(r.By, "system"), Data: data}
}

// repeats reports whether a run that a change gave cause to says nothing new:
// then it is not kept, since the schedule brings the next one. Of a word a run is
// kept only when it is judged or excused otherwise than before.
func (a *asked) repeats() bool {
	r, last := a.done.run, a.last
	if !a.probe.asked() {
		return r == nil || last == nil || last.Query == r.Query && last.excusedAs(r)
	}
	return a.why == "change" && last != nil && last.Result == r.Result && last.Query == r.Query && last.Verdict == r.Verdict && last.Zone == r.Zone &&
		last.excusedAs(r) && last.Asserted == r.Asserted && last.Until.Equal(r.Until) && r.AsOf.Sub(last.AsOf) < a.probe.every()/2
}

// excusedAs reports whether the same exceptions cover two runs, until the same
// day.
func (r *Run) excusedAs(o *Run) bool {
	return r.Excused == o.Excused && r.ExcusedBy == o.ExcusedBy && r.ExcusedUntil.Equal(o.ExcusedUntil)
}

// unplanned is the years ahead to which a test is put off that no schedule runs,
// as one that waits for a person.
const unplanned = 100

// next returns when a test is due again: on a grid of its own time between
// runs, shifted by an offset that follows from its name, so that many tests do
// not run together and a restart moves none.
func next(now time.Time, every time.Duration, name string) time.Time {
	if every <= 0 {
		return now.AddDate(unplanned, 0, 0)
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	offset := time.Duration(h.Sum64() % uint64(every))
	at := now.Add(-offset).UnixMicro() / every.Microseconds() * every.Microseconds()
	return time.UnixMicro(at).Add(offset + every).UTC()
}

// alone keeps other nodes from working on the claims of an organisation until tx
// ends: doubt is computed over all of them.
func alone(ctx context.Context, tx *sqldb.Tx, org string) error {
	if tx.Dialect() != sqldb.Postgres {
		return nil // one writes at a time
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext(?), hashtext('claims'))`, org)
	return err
}
