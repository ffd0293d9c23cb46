package claim

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// borne reads an entity with the claim it bears.
func (e *Engine) borne(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, ref entity.Ref) (*entity.Entity, *Definition, error) {
	x, err := c.Get(ctx, caller, ref)
	if err != nil {
		return nil, nil, err
	}
	d, err := e.define(x, e.finder(ctx, c, caller.Org))
	return x, &d, err
}

// on is what authorisation is asked about to give one's word on a claim.
func (e *Engine) on(x *entity.Entity, d *Definition) auth.Resource {
	k := e.catalog.Kinds().Get(x.Kind)
	if k.Room == auth.House {
		return auth.Resource{Room: d.Room, Kind: k.Name}
	}
	return k.Resource()
}

// MayAnswer returns nil when the caller may type a number of a claim or attest
// it: who may write where it belongs, and who is accountable for it.
func (e *Engine) MayAnswer(ctx context.Context, caller catalog.Caller, v *View) error {
	return e.mayAnswer(ctx, e.db, caller, v.Entity, &Definition{Room: v.Room})
}

func (e *Engine) mayAnswer(ctx context.Context, q sqldb.Querier, caller catalog.Caller, x *entity.Entity, d *Definition) error {
	if err := caller.Can(auth.Comment, e.on(x, d)); err != nil {
		return err
	}
	if ok, err := e.accountable(ctx, q, caller, x, nil); err != nil || ok {
		return err
	}
	return caller.Can(auth.Write, e.on(x, d))
}

// MayTest returns nil when the caller may have a claim tested now.
func (e *Engine) MayTest(caller catalog.Caller, v *View) error {
	return caller.Can(auth.Comment, e.on(v.Entity, &Definition{Room: v.Room}))
}

// MayWrite returns nil when the caller may write where a claim belongs, as to
// decide on an exception to it takes.
func (e *Engine) MayWrite(caller catalog.Caller, v *View) error {
	return caller.Can(auth.Write, e.on(v.Entity, &Definition{Room: v.Room}))
}

// Word is a person's answer to a test.
type Word struct {
	Test  string  // "": the only one that asks for a word
	Form  string  // of the word given: typed or attest; "": as the test asks
	Value float64 // of a typed number
	Holds bool    // of an attestation: whether the statement holds
	Note  string
	AsOf  time.Time // the moment it is about; zero: now. Not in the future
}

const maxNote = 4000 // bytes of what somebody says

// Say keeps a person's word as a run: a typed number, or an attestation.
func (e *Engine) Say(ctx context.Context, caller catalog.Caller, ref entity.Ref, w Word) (*Run, error) {
	var out *Run
	err := e.db.Tx(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = e.SayIn(ctx, tx, caller, ref, w)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.cfg.Feed.Notify()
	e.rouse()
	return out, nil
}

// SayIn is Say inside a transaction. The same word of the same person about the
// same moment is kept once: said again, it returns the run that there is.
func (e *Engine) SayIn(ctx context.Context, tx *sqldb.Tx, caller catalog.Caller, ref entity.Ref, w Word) (*Run, error) {
	a := e.saying(ctx, tx, caller.Org)
	run, err := a.once(Said{Caller: caller, Claim: ref, Word: w, At: e.now()})
	if err != nil {
		return nil, err
	}
	return run, a.keep()
}

// saidBefore returns the run of the same word about the same moment; nil when
// there is none.
func (e *Engine) saidBefore(ctx context.Context, q sqldb.Querier, r *Run) (*Run, error) {
	same, err := e.runs(ctx, q, `r.org = ? AND r.claim = ? AND r.test = ? AND r.as_of = ? AND r.why = ? AND r.by_whom = ?`, r.Org, r.Claim, r.Test, sqldb.Micros(r.AsOf), word, r.By)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(same, r.sameWord); i >= 0 {
		return same[i], nil
	}
	return nil, nil
}

// sameWord reports whether two words are of the same person, about the same
// moment, and say the same.
func (r *Run) sameWord(o *Run) bool {
	return o.Claim == r.Claim && o.Test == r.Test && o.AsOf.Equal(r.AsOf) && o.By == r.By && o.Result == r.Result && o.Note == r.Note
}

// heard keeps the words that new entities carry. What can be no word, because
// its claim is gone or asks nobody any more, is left.
func (e *Engine) heard(ctx context.Context, tx *sqldb.Tx, org string, uids []string) error {
	found, err := e.catalog.ByUIDs(ctx, tx, org, uids)
	if err != nil {
		return err
	}
	a := e.saying(ctx, tx, org)
	for _, uid := range uids {
		x := found[uid]
		if x == nil {
			continue
		}
		if err := a.hear(e.words[lower(x.Kind)], x); isFault(err) {
			e.left(x, err)
		} else if err != nil {
			return err
		}
	}
	return a.keepEach()
}

// left notes that an entity carries what can be no word.
func (e *Engine) left(x *entity.Entity, err error) {
	e.log.Warn("a word was not kept", "entity", x.Ref().String(), "error", err)
}

// Hear keeps the word that an entity carries in the transaction that makes it,
// so that nobody reads the one without the other. The engine hears every new
// one of itself a little later, and a word is kept once.
func (e *Engine) Hear(ctx context.Context, tx *sqldb.Tx, org string, x *entity.Entity) error {
	words, ok := e.words[lower(x.Kind)]
	if !ok {
		return nil
	}
	a := e.saying(ctx, tx, org)
	if err := a.hear(words, x); err != nil {
		return err
	}
	return a.keep()
}

// hear gathers the word that an entity carries.
func (a *saying) hear(words Words, x *entity.Entity) error {
	about, w, by, ok := words.Word(x)
	if !ok || w.AsOf.IsZero() {
		return nil
	}
	caller := catalog.Program(a.org, "claims")
	caller.Name = by
	if ref, err := entity.ParseRef(by, "", ""); err == nil && ref.Kind == "user" {
		caller.UserRef = ref.String()
	}
	n := len(a.kept)
	_, err := a.once(Said{Caller: caller, Claim: about, Word: w, At: a.e.now()})
	if len(a.kept) > n {
		a.kept[n].carrier = x
	}
	return err
}

// Worded returns the probe of a name that asks for a person's word; "" is the
// only one that does.
func (v *View) Worded(name string) (*Probe, error) {
	probes := make([]Probe, len(v.Evidence))
	for i := range v.Evidence {
		probes[i] = *v.Evidence[i].Probe
	}
	return worded(probes, name)
}

func worded(probes []Probe, name string) (*Probe, error) {
	var found *Probe
	for i := range probes {
		p := &probes[i]
		if p.asked() || name != "" && p.Name != name {
			continue
		}
		if found != nil {
			return nil, fault.New(fault.Invalid, "there are several tests that ask for a word").Coded("claim.words-many").WithHint("name one: %s, %s", found.Name, p.Name)
		}
		found = p
	}
	if found == nil {
		return nil, fault.New(fault.Invalid, "nothing here asks for a person's word: its numbers come from elsewhere").Coded("claim.word-none")
	}
	return found, nil
}

func (w *Word) check(p *Probe, now time.Time) error {
	switch {
	case w.Form == "typed" && p.Typed == nil:
		return fault.New(fault.Invalid, "the test %s asks whether something holds, not for a number", p.Name).Coded("claim.word-attest").WithHint("attest it")
	case w.Form == "attest" && p.Attest == nil:
		return fault.New(fault.Invalid, "the test %s asks for a number", p.Name).Coded("claim.word-number").WithHint("type it")
	case len(w.Note) > maxNote:
		return fault.Bad("the note is too long", problem("note", "too-long", "may have %d bytes", maxNote)).Coded("claim.note-long")
	case w.AsOf.After(now.Add(time.Minute)):
		return fault.Bad("a word is about what is or was", problem("asOf", "future", "lies in the future")).Coded("claim.word-future")
	case p.Typed != nil && (math.IsNaN(w.Value) || math.IsInf(w.Value, 0) || math.Abs(w.Value) > 1e15):
		return fault.Bad("this is not a number that can be kept", problem("value", "typed-number", "must be a number of at most fifteen digits")).Coded("claim.word-unkept")
	case p.Attest != nil && !w.Holds && w.Note == "":
		return fault.Bad("say what does not hold", problem("note", "required", "is required when it does not hold")).Coded("claim.word-unsaid")
	}
	return nil
}

// word makes the run of a person's word. The word of an accountable person is
// evidence; a typed number and anybody else's word are only asserted.
func (s *session) word(caller catalog.Caller, x *entity.Entity, d *Definition, p *Probe, w Word, accountable bool) (done, error) {
	r := &Run{Org: s.org, Claim: x.Metadata.UID, Test: p.Name, At: s.at.At, AsOf: s.at.At, Feed: s.seq, N: -1, Why: word, By: caller.Identity(), Note: w.Note}
	if !w.AsOf.IsZero() && w.AsOf.Before(r.AsOf) {
		r.AsOf = w.AsOf.UTC().Truncate(time.Microsecond)
	}
	a := &Answer{N: -1}
	if p.Typed != nil {
		a.Rule, a.Value = typedRule, &w.Value
		a.Steps = append(a.Steps, step("typed", r.By, w.Value))
		r.Asserted, r.Until = true, r.AsOf.Add(p.GoodFor())
		r.Verdict, r.Zone = d.judge(p, a, Moment{At: r.AsOf})
	} else {
		a.Rule = attestRule
		r.Asserted, r.Until = !accountable, r.AsOf.Add(p.GoodFor())
		r.Verdict, r.Zone = Pass, OK
		do := "attested"
		if !w.Holds {
			r.Verdict, r.Zone, do = Fail, Bad, "denied"
		}
		a.Steps = append(a.Steps, step(do, r.By, d.stated(p)))
	}
	r.Value = a.Value
	if err := s.excuse(x, p, a, r); err != nil {
		return done{}, err
	}
	return s.seal(d, p, a, r)
}

// GoodFor returns how long the word that a probe asks for holds.
func (p *Probe) GoodFor() time.Duration {
	switch {
	case p.Typed != nil:
		return DurationOr(p.Typed.GoodFor, defaultTyped)
	case p.Attest != nil:
		return DurationOr(p.Attest.GoodFor, defaultWord)
	}
	return 0
}

// Accountable reports whether the caller's word on a probe of an entity is
// evidence: who answers for the entity, and whom the test names.
func (e *Engine) Accountable(ctx context.Context, caller catalog.Caller, x *entity.Entity, p *Probe) (bool, error) {
	return e.accountableFor(ctx, e.db, caller, x, p)
}

func (e *Engine) accountableFor(ctx context.Context, q sqldb.Querier, caller catalog.Caller, x *entity.Entity, p *Probe) (bool, error) {
	if p.Attest != nil {
		return e.accountable(ctx, q, caller, x, p.Attest.By)
	}
	return e.accountable(ctx, q, caller, x, nil)
}

// accountable reports whether the caller answers for an entity: its owner, a
// member of the group that owns it, or one of those named.
func (e *Engine) accountable(ctx context.Context, q sqldb.Querier, caller catalog.Caller, x *entity.Entity, named []string) (bool, error) {
	if caller.UserRef == "" {
		return false, nil
	}
	answer := map[string]bool{}
	for _, text := range append([]string{x.Metadata.Owner}, named...) {
		kind := "group"
		if text != x.Metadata.Owner {
			kind = "user"
		}
		if ref, err := entity.ParseRef(text, kind, x.Metadata.Namespace); err == nil {
			answer[ref.String()] = true
		}
	}
	if answer[caller.UserRef] {
		return true, nil
	}
	groups, err := groupsOf(ctx, q, caller.Org, caller.UserRef)
	for _, g := range groups {
		if answer[g] {
			return true, err
		}
	}
	return false, err
}

// groupsOf returns the groups a person belongs to or leads, in full.
func groupsOf(ctx context.Context, q sqldb.Querier, org, user string) ([]string, error) {
	return sqldb.Values[string](ctx, q, `SELECT b.ref FROM relations l JOIN entities a ON a.id = l.id AND a.deleted = 0 JOIN entities b ON b.id = l.target_id AND b.deleted = 0 WHERE l.org = ? AND l.type IN ('memberOf', 'leaderOf') AND a.org = ? AND a.ref = ?
		UNION SELECT a.ref FROM relations l JOIN entities a ON a.id = l.id AND a.deleted = 0 JOIN entities b ON b.id = l.target_id AND b.deleted = 0 WHERE l.org = ? AND l.type IN ('hasMember', 'ledBy') AND b.org = ? AND b.ref = ?`,
		org, org, user, org, org, user)
}

func (e *Engine) record(caller catalog.Caller, action string, x *entity.Entity, detail map[string]any) *audit.Record {
	data := []byte("{")
	first := true
	for _, k := range sortedKeys(detail) {
		if !first {
			data = append(data, ',')
		}
		first = false
		data = fmt.Appendf(data, "%q:%q", k, fmt.Sprint(detail[k]))
	}
	return &audit.Record{Org: caller.Org, At: e.now(), Actor: caller.Account, ActorName: caller.Name, Action: action, Target: x.Ref().String(),
		IP: caller.IP, Via: caller.Via, Outcome: audit.OK, Detail: append(data, '}')}
}

// Test runs the tests of a claim now, or the one that is named, and returns
// what came out. Who may comment may ask for it.
func (e *Engine) Test(ctx context.Context, caller catalog.Caller, ref entity.Ref, test string) ([]*Run, error) {
	x, d, err := e.borne(ctx, e.catalog, caller, ref)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Comment, e.on(x, d)); err != nil {
		return nil, err
	}
	var jobs []job
	for i := range d.Probes {
		if p := &d.Probes[i]; p.asked() && (test == "" || p.Name == test) {
			jobs = append(jobs, job{caller.Org, x.Metadata.UID, p.Name, "request"})
		}
	}
	if len(jobs) == 0 {
		return nil, fault.New(fault.Invalid, "nothing here can be run: it asks for a person's word").Coded("claim.nothing-runs").WithHint("attest it, or type its number")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	list, err := e.ask(ctx, caller.Org, jobs)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.waits && len(list) == 1 {
			return nil, e.languages[a.probe.Query.Language].away()
		}
	}
	err = e.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := e.write(ctx, tx, caller.Org, list); err != nil {
			return err
		}
		return audit.Append(ctx, tx, e.record(caller, "claim.test", x, map[string]any{"tests": len(list)}))
	})
	if err != nil {
		return nil, err
	}
	e.cfg.Feed.Notify()
	e.rouse()
	var out []*Run
	for _, a := range list {
		if a.probe != nil && !a.waits {
			out = append(out, a.done.run)
		}
	}
	return out, nil
}

// Replayed is a test asked again about a past moment, beside the run that was
// recorded then.
type Replayed struct {
	Test     string
	Probe    *Probe  // as it was then
	Scale    Scale   // of its number, then
	Run      *Run    // what is answered now about then; nil where the form cannot be asked again
	Answer   *Answer // in full
	Recorded *Run    // the last run by then; nil when there was none
	// Same reports whether the two say the same: the same question and the same
	// answer in full.
	Same bool
}

// Replay asks the tests of a claim about a past moment, against what was
// kept then: the claim itself, the records and the numbers. Nothing is written.
func (e *Engine) Replay(ctx context.Context, caller catalog.Caller, ref entity.Ref, asOf time.Time) ([]Replayed, error) {
	x, err := e.catalog.Get(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	if asOf.After(e.now()) {
		return nil, fault.Bad("the past can be replayed, and not the future", problem("asOf", "future", "lies in the future")).Coded("claim.replay-future")
	}
	var out []Replayed
	err = e.db.View(ctx, func(tx *sqldb.Tx) error {
		out = nil
		seq, err := feed.SeqAt(ctx, tx, caller.Org, asOf)
		if err != nil {
			return err
		}
		return e.replay(ctx, tx, caller.Org, x, Moment{At: asOf.UTC().Truncate(time.Microsecond), Feed: seq}, &out)
	})
	return out, err
}

func (e *Engine) replay(ctx context.Context, tx *sqldb.Tx, org string, x *entity.Entity, m Moment, out *[]Replayed) error {
	then, err := e.then(ctx, tx, org, x, m)
	if err != nil {
		return err
	}
	s := e.session(ctx, tx, org, m)
	s.seq = m.Feed
	d, err := e.define(then, once(s.find))
	if err != nil {
		return err
	}
	for i := range d.Probes {
		p := &d.Probes[i]
		rep := Replayed{Test: p.Name, Probe: p, Scale: d.ScaleOf(p)}
		if rep.Recorded, err = e.lastRunBy(ctx, tx, org, x.Metadata.UID, p.Name, m); err != nil {
			return err
		}
		if p.Records != nil || p.Measure != nil || p.Formula != nil || p.Query != nil {
			if err := s.again(then, &d, p, &rep); err != nil {
				return err
			}
		}
		*out = append(*out, rep)
	}
	return nil
}

// again asks a probe about then, and compares it with what was recorded: at the
// recorded run's own moment when there is one.
func (s *session) again(x *entity.Entity, d *Definition, p *Probe, rep *Replayed) error {
	at, about := s, s.at.At
	if rep.Recorded != nil {
		at = s.e.session(s.ctx, s.q, s.org, Moment{At: rep.Recorded.At, Feed: rep.Recorded.Feed})
		at.seq, about = rep.Recorded.Feed, rep.Recorded.AsOf
	}
	done, err := at.run(x, d, p, s.askedAgain(p, about), "replay")
	if err != nil {
		return err
	}
	rep.Same = rep.Recorded != nil && rep.Recorded.Result == done.run.Result && rep.Recorded.Query == done.run.Query
	if rep.Recorded != nil && !rep.Same {
		// The records may have changed between the run and the moment asked for.
		if done, err = s.run(x, d, p, s.askedAgain(p, s.at.At), "replay"); err != nil {
			return err
		}
	}
	rep.Run = done.run
	rep.Answer = &Answer{}
	return json.Unmarshal(done.answer, rep.Answer)
}

// askedAgain asks an engine again about a moment; other forms need no answer from
// outside to be replayed.
func (s *session) askedAgain(p *Probe, about time.Time) reply {
	if p.Query == nil {
		return reply{}
	}
	return s.e.reply(s.ctx, s.round, p, about)
}

// then returns an entity as it was at a moment, under whichever name it had.
func (e *Engine) then(ctx context.Context, tx *sqldb.Tx, org string, x *entity.Entity, m Moment) (*entity.Entity, error) {
	var out *entity.Entity
	if m.Feed > 0 {
		err := e.catalog.Scan(ctx, tx, org, x.Kind, m.Feed, func(y *entity.Entity) error {
			if y.Metadata.UID == x.Metadata.UID {
				out = y
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if out == nil {
		return nil, fault.New(fault.NotFound, "%s was not there on %s", x.Ref().Short(), m.At.Format(time.DateOnly)).Coded("claim.not-then")
	}
	return out, nil
}

// lastRunBy returns the last run of a test that was carried out up to a moment.
func (e *Engine) lastRunBy(ctx context.Context, q sqldb.Querier, org, uid, test string, m Moment) (*Run, error) {
	return one(e.runs(ctx, q, `r.org = ? AND r.claim = ? AND r.test = ? AND r.at <= ? ORDER BY `+lastFirst+` LIMIT 1`, org, uid, test, sqldb.Micros(m.At)))
}
