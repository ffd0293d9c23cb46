package claim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// question is what the hash of a run's query stands for.
type question struct {
	Rule  string `json:"rule"`
	Test  *Probe `json:"test"`
	Scale Scale  `json:"scale"`
}

// run carries out one probe of the claim that an entity bears. An error is one
// of the program; what goes wrong with the test itself is its verdict.
func (s *session) run(x *entity.Entity, d *Definition, p *Probe, outside reply, why string) (done, error) {
	if p.Attest != nil {
		return s.attested(x, d, p)
	}
	r := &Run{Org: s.org, Claim: x.Metadata.UID, Test: p.Name, At: s.at.At, AsOf: s.at.At, Feed: s.seq, N: -1, Why: why}
	a, err := s.answer(x, p, outside, r)
	if err != nil {
		if s.ctx.Err() != nil || !isFault(err) {
			return done{}, err
		}
		a = &Answer{N: -1}
		r.Verdict, r.Reason = Failed, shortened(err.Error())
	} else {
		r.Verdict, r.Zone = d.read(p, a, r.Zone, s.at)
		if r.Verdict == NoData && a.N != 0 && a.Value != nil {
			r.Reason = "the measure has no target, and the test does not say what it must be"
		}
	}
	r.N, r.Exceptions, r.Value = a.N, len(a.Exceptions), a.Value
	if err := s.excuse(x, p, a, r); err != nil {
		return done{}, err
	}
	a.seal()
	return s.seal(d, p, a, r)
}

// shortened makes a text that came from elsewhere fit to be kept.
func shortened(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	if r := []rune(s); len(r) > maxReason {
		return string(r[:maxReason]) + "…"
	}
	return s
}

const maxReason = 500 // characters

// seal computes the hashes of question and answer.
func (s *session) seal(d *Definition, p *Probe, a *Answer, r *Run) (done, error) {
	out := done{run: r}
	var err error
	if out.query, r.Query, err = hashed(d.question(p, a.Rule)); err != nil {
		return out, err
	}
	out.answer, r.Result, err = hashed(a)
	return out, err
}

// question is what a probe asks. Of an attestation only what is attested counts,
// so that a word stands while the test around it is edited.
func (d *Definition) question(p *Probe, rule string) question {
	if p.Attest == nil {
		return question{rule, p, d.Scale}
	}
	return question{rule, &Probe{Test: Test{Name: p.Name, Attest: &Attest{Statement: d.stated(p)}}}, Scale{}}
}

// stated is what an attestation says.
func (d *Definition) stated(p *Probe) string { return cmp.Or(p.Attest.Statement, d.Statement) }

// attestRule names how attestations are taken.
const attestRule = "attest/1"

// attested returns the hash of the question that an attestation answers.
func (d *Definition) attested(p *Probe) string {
	_, hash, _ := hashed(d.question(p, attestRule))
	return hash
}

func isFault(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.Kind != fault.Internal
}

// answer asks a probe. It completes r with what the form knows beyond the
// number: how old it is, whose word, from where.
func (s *session) answer(x *entity.Entity, p *Probe, outside reply, r *Run) (*Answer, error) {
	switch {
	case p.Records != nil:
		return s.records(p.Records)
	case p.Measure != nil:
		return s.measured(p.Measure.Measure, x.Metadata.Namespace, r)
	case p.Formula != nil:
		return s.formula(p.Formula, x.Metadata.Namespace, r)
	case p.Typed != nil:
		return s.typed(p, r)
	case p.Number != nil, p.Query != nil:
		if outside.err != nil {
			return nil, outside.err
		}
		if q := outside.answered; q != nil {
			r.AsOf, r.Source = earlier(q.asOf, r.AsOf), q.language
			return s.query(p.Query, q)
		}
		if outside.taken == nil {
			return nil, fault.New(fault.Unavailable, "it was not asked").Coded("claim.not-asked")
		}
		if t := outside.taken.asOf; !t.IsZero() && t.Before(r.AsOf) {
			r.AsOf = t
		}
		r.Source = outside.taken.source
		return outside.taken.answer, nil
	}
	return nil, fault.New(fault.Internal, "a %s test cannot be asked", p.Form())
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// typed reads the number that was typed last again, against a scale that has
// changed since.
func (s *session) typed(p *Probe, r *Run) (*Answer, error) {
	a := &Answer{Rule: typedRule, N: -1}
	last := s.before
	if last == nil || last.Value == nil {
		return a, nil
	}
	a.Value = last.Value
	a.Steps = append(a.Steps, step("typed", last.By, *last.Value))
	r.AsOf, r.By, r.Note, r.Until, r.Asserted, r.Why = last.AsOf, last.By, last.Note, last.Until, true, word
	return a, nil
}

// attested repeats the word that was given last, since what excuses it may have
// changed; the run is nil when there is none to what is asked now.
func (s *session) attested(x *entity.Entity, d *Definition, p *Probe) (done, error) {
	if s.before == nil || s.before.Query != d.attested(p) {
		return done{}, nil
	}
	r := *s.before
	r.At, r.Feed, r.Excused, r.ExcusedBy, r.ExcusedUntil = s.at.At, s.seq, 0, "", time.Time{}
	out := done{run: &r}
	var err error
	if out.query, err = s.e.document(s.ctx, s.q, s.org, r.Query); err != nil {
		return out, err
	}
	if out.answer, err = s.e.document(s.ctx, s.q, s.org, r.Result); err != nil {
		return out, err
	}
	return out, s.excuse(x, p, &Answer{}, &r)
}

// typedRule names how typed numbers are taken.
const typedRule = "typed/1"

// measured reads the last run of a measure: the number, its age, and whether it
// is somebody's word.
func (s *session) measured(ref, ns string, r *Run) (*Answer, error) {
	a := &Answer{Rule: "measure/1", N: -1}
	m, last, err := s.measure(ref, ns)
	if err != nil {
		return nil, err
	}
	if last == nil || last.Value == nil || last.Verdict == NoData {
		a.Steps = append(a.Steps, step("measure", m.DisplayTitle(), "–", "–", "–"))
		return a, nil
	}
	a.Value = last.Value
	a.Steps = append(a.Steps, step("measure", m.DisplayTitle(), *last.Value, last.AsOf.Format(time.DateTime), last.Seq))
	r.inherit(last)
	r.Source, r.Zone = m.Ref().String(), last.Zone
	return a, nil
}

// inherit takes over from a number what limits what is made of it.
func (r *Run) inherit(from *Run) {
	if from.AsOf.Before(r.AsOf) {
		r.AsOf = from.AsOf
	}
	r.Asserted = r.Asserted || from.Asserted
	if !from.Until.IsZero() && (r.Until.IsZero() || from.Until.Before(r.Until)) {
		r.Until, r.By = from.Until, from.By
	}
}

// measure returns a measure and its last run up to the moment.
func (s *session) measure(ref, ns string) (*entity.Entity, *Run, error) {
	parsed, err := entity.ParseRef(ref, "measure", ns)
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "%v", err).Coded("claim.measure-name")
	}
	m, err := s.find(parsed)
	if err != nil {
		return nil, nil, err
	}
	last, err := s.lastRun(m.Metadata.UID, ValueTest)
	return m, last, err
}

// find returns an entity as of the moment.
func (s *session) find(ref entity.Ref) (*entity.Entity, error) {
	if s.at.Feed == 0 {
		if tx, ok := s.q.(*sqldb.Tx); ok {
			return s.e.catalog.In(tx).Get(s.ctx, catalog.Program(s.org, "claims"), ref)
		}
	}
	var out *entity.Entity
	err := s.e.catalog.Scan(s.ctx, s.q, s.org, ref.Kind, s.at.Feed, func(e *entity.Entity) error {
		if e.Ref() == ref {
			out = e
		}
		return nil
	})
	if err == nil && out == nil {
		err = fault.New(fault.NotFound, "there was no %s", ref.Short()).Coded("claim.none-then")
	}
	return out, err
}

// lastRun returns the last run of a test about a moment up to the session's and
// known by then; nil when there is none.
func (s *session) lastRun(uid, test string) (*Run, error) {
	if s.at.Feed == 0 {
		return s.e.lastRun(s.ctx, s.q, s.org, uid, test)
	}
	return s.e.lastRunAt(s.ctx, s.q, s.org, uid, test, s.at)
}

func (e *Engine) lastRun(ctx context.Context, q sqldb.Querier, org, uid, test string) (*Run, error) {
	return one(e.runs(ctx, q, `r.org = ? AND r.claim = ? AND r.seq = (SELECT l.seq FROM claim_last l WHERE l.org = ? AND l.claim = ? AND l.test = ?)`, org, uid, org, uid, test))
}

// lastRunAt returns the last run of a test whose answer is about a moment up to
// at and that was carried out before then.
func (e *Engine) lastRunAt(ctx context.Context, q sqldb.Querier, org, uid, test string, at Moment) (*Run, error) {
	return one(e.runs(ctx, q, `r.org = ? AND r.claim = ? AND r.test = ? AND r.as_of <= ? AND r.at < ? ORDER BY `+lastFirst+` LIMIT 1`,
		org, uid, test, sqldb.Micros(at.At), sqldb.Micros(at.At)))
}

// lastFirst orders runs of one test as claim_last does.
const lastFirst = `CASE WHEN r.why = 'word' THEN r.as_of ELSE r.at END DESC, r.seq DESC`

func one(list []*Run, err error) (*Run, error) {
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// formula makes a number of the present numbers of other measures. One without
// a number leaves the result without one.
func (s *session) formula(f *Formula, ns string, r *Run) (*Answer, error) {
	a := &Answer{Rule: "formula/1", N: -1}
	vars, written := map[string]any{}, f.Value
	var from []string
	for _, in := range f.Of {
		m, last, err := s.measure(in.Measure, ns)
		if err != nil {
			return nil, err
		}
		if last == nil || last.Value == nil || last.Verdict == Failed {
			a.Steps = append(a.Steps, step("measure", in.Name+" · "+m.DisplayTitle(), "–", "–", "–"))
			return a, nil
		}
		vars[in.Name] = *last.Value
		a.Steps = append(a.Steps, step("measure", in.Name+" · "+m.DisplayTitle(), *last.Value, last.AsOf.Format(time.DateTime), last.Seq))
		from = append(from, m.Ref().String())
		r.inherit(last)
	}
	p, err := compileFormula(f)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%v", err).Coded("claim.formula")
	}
	out, _, err := p.ContextEval(s.ctx, vars)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %v", squeeze(written), err).Coded("claim.formula-failed")
	}
	v, err := number(out)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s %v", squeeze(written), err).Coded("claim.formula-number")
	}
	a.Value = &v
	a.Steps = append(a.Steps, step("formula", squeeze(written), v))
	r.Source = strings.Join(from, " ")
	return a, nil
}

// excuse marks what approved exceptions cover of an answer that fails.
func (s *session) excuse(x *entity.Entity, p *Probe, a *Answer, r *Run) error {
	if r.Verdict != Fail {
		return nil
	}
	list, err := s.exceptions()
	if err != nil {
		return err
	}
	covered := map[string]bool{}
	whole := false
	var by []string
	var until time.Time
	for _, ex := range list {
		if ex.claim != x.Ref() && ex.target != x.Metadata.UID || ex.spec.Test != "" && ex.spec.Test != p.Name {
			continue
		}
		end, ok := ex.spec.Holds(s.at.At)
		if !ok {
			continue
		}
		whole = whole || len(ex.spec.Items) == 0
		for _, item := range ex.spec.Items {
			covered[item] = true
		}
		by = append(by, ex.ref)
		if until.IsZero() || end.Before(until) {
			until = end
		}
	}
	for _, item := range a.Exceptions {
		if whole || covered[item.Key] {
			r.Excused++
		}
	}
	if whole || s.enough(p, a, r) {
		r.ExcusedBy, r.ExcusedUntil = strings.Join(by, " "), until
	}
	return nil
}

// enough reports whether what is left of the exceptions is allowed.
func (s *session) enough(p *Probe, a *Answer, r *Run) bool {
	asked := p.Asks()
	if r.Excused == 0 || asked == nil || asked.Expect == "" || asked.Value != "" {
		return false
	}
	allow, err := parseAllow(asked.Allow)
	return err == nil && allow.covers(len(a.Exceptions)-r.Excused, a.N)
}

// excusing is an exception with what it names.
type excusing struct {
	ref    string
	claim  entity.Ref // as it is written
	target string     // the claim that this leads to, by whichever name; "" when asked about the past
	spec   ExceptionSpec
}

// exceptions reads the exceptions of the organisation once.
func (s *session) exceptions() ([]excusing, error) {
	if s.excused != nil {
		return s.excused, nil
	}
	s.excused = []excusing{}
	target := map[string]string{}
	if s.at.Feed == 0 {
		links, err := s.e.catalog.Links(s.ctx, s.q, s.org, "excuses")
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			target[l.From] = l.To
		}
	}
	err := s.e.catalog.Scan(s.ctx, s.q, s.org, "exception", s.at.Feed, func(e *entity.Entity) error {
		spec, err := catalog.Spec[ExceptionSpec](e)
		if err != nil {
			return err
		}
		claim, err := entity.ParseRef(spec.Claim, "claim", e.Metadata.Namespace)
		if err != nil {
			return nil // checked when it was written; a kind that is gone excuses nothing
		}
		s.excused = append(s.excused, excusing{e.Ref().String(), claim, target[e.Metadata.UID], spec})
		return nil
	})
	slices.SortFunc(s.excused, func(a, b excusing) int { return cmp.Compare(a.ref, b.ref) })
	if err != nil {
		return nil, fmt.Errorf("read exceptions: %w", err)
	}
	return s.excused, nil
}
