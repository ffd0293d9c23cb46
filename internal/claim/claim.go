// Package claim keeps what the organisation says of itself and the evidence
// under it. A claim is a statement about a thing, with one or more tests. A
// test is a question over what is kept (a record query), a number from
// elsewhere, a number made of other numbers, or somebody's word; each answer is
// a run, append-only and chained by hashes, and the last run of each test is
// the evidence. A measure is a number with its history; it is a claim as well:
// that it stands where it should.
//
// What is stale, has no data or was asked of nobody is never green, and a claim
// that leans on a doubtful one says so. Every run can be asked again as of its
// moment and then gives what it gave.
package claim

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// Verdict is the raw answer of a run.
type Verdict string

// The verdicts. NoData says that nothing could be tested: no population, no
// number. Failed says that the test itself could not be carried out.
const (
	Pass   Verdict = "pass"
	Fail   Verdict = "fail"
	NoData Verdict = "nodata"
	Failed Verdict = "error"
)

// Zone says where a number stands: at its target, within its limit, or beyond.
// It is a finer reading of the verdict, for colours; "" where there is none.
type Zone string

// The zones.
const (
	OK   Zone = "ok"
	Warn Zone = "warn"
	Bad  Zone = "bad"
)

// Health is the condition of one piece of evidence, the last run of one test.
type Health string

// The healths, from good to bad.
const (
	Live    Health = "live"    // the last run passes and is young enough
	Stale   Health = "stale"   // it is too old, or the word given has run out
	Missing Health = "missing" // there is none, or no data, or it could not be carried out
	Against Health = "against" // it fails: the evidence contradicts
)

// State is what may be said of a claim.
type State string

// The states. Disputed is shown before the state that the evidence gives.
const (
	Supported    State = "supported"
	Weak         State = "weak"
	Unsupported  State = "unsupported"
	Contradicted State = "contradicted"
	Disputed     State = "disputed"
)

// worse orders states from good to bad.
var worse = map[State]int{Supported: 0, Weak: 1, Unsupported: 2, Contradicted: 3, Disputed: 4}

// Worse reports whether s is a worse state than o.
func (s State) Worse(o State) bool { return worse[s] > worse[o] }

// Word returns what people call a state.
func (s State) Word() lang.Text { return stateWords[s] }

var stateWords = map[State]lang.Text{
	Supported: lang.T("supported", "respaldada"), Weak: lang.T("weak", "débil"), Unsupported: lang.T("no evidence", "sin evidencia"),
	Contradicted: lang.T("contradicted", "contradicha"), Disputed: lang.T("disputed", "en disputa"),
}

// Class returns the class a state is shown with: ok, warn, bad or no.
func (s State) Class() string { return stateClasses[s] }

var stateClasses = map[State]string{Supported: "ok", Weak: "warn", Unsupported: "no", Contradicted: "bad", Disputed: "bad"}

// Word returns what people call a reading of a number.
func (z Zone) Word() lang.Text { return zoneWords[z] }

var zoneWords = map[Zone]lang.Text{OK: lang.T("on target", "en objetivo"), Warn: lang.T("at risk", "en riesgo"), Bad: lang.T("off track", "fuera de plazo")}

// Word returns what people call a verdict.
func (v Verdict) Word() lang.Text { return verdictWords[v] }

var verdictWords = map[Verdict]lang.Text{
	Pass: lang.T("passes", "pasa"), Fail: lang.T("fails", "falla"), NoData: lang.T("no data", "sin datos"), Failed: lang.T("could not be carried out", "no se pudo ejecutar"),
}

// Class returns the class a verdict is shown with.
func (v Verdict) Class() string { return verdictClasses[v] }

var verdictClasses = map[Verdict]string{Pass: "ok", Fail: "bad", NoData: "no", Failed: "warn"}

// Word returns what people call a health.
func (h Health) Word() lang.Text { return healthWords[h] }

var healthWords = map[Health]lang.Text{
	Live: lang.T("live", "al día"), Stale: lang.T("stale", "caducada"), Missing: lang.T("missing", "falta"), Against: lang.T("contradicts", "contradice"),
}

// Run is one answer of one test, as it is kept for ever. Runs of a claim form
// one chain: each holds the hash of the one before.
type Run struct {
	Org   string `json:"org"`
	Claim string `json:"claim"` // uid of the entity that bears the claim
	Seq   int64  `json:"seq"`   // place in the claim's chain, from 1, without holes
	Test  string `json:"test"`

	At   time.Time `json:"at"`   // when it was carried out, UTC, to the microsecond
	AsOf time.Time `json:"asOf"` // the moment the answer is about
	Feed int64     `json:"feed"` // the last entry of the feed it knew of

	N          int      `json:"n"`                // size of the population; -1 for a test without one
	Exceptions int      `json:"exceptions"`       // members that do not meet the expectation
	Excused    int      `json:"excused"`          // of those, how many an approved exception covers
	Value      *float64 `json:"value,omitempty"`  // nil: no number
	Verdict    Verdict  `json:"verdict"`          // the raw one
	Zone       Zone     `json:"zone,omitempty"`   // of Value
	Reason     string   `json:"reason,omitempty"` // why there is no data, or what went wrong

	Asserted bool      `json:"asserted,omitempty"` // somebody's word, and not the accountable person's attestation
	By       string    `json:"by,omitempty"`       // who gave the word
	Note     string    `json:"note,omitempty"`     // what they said
	Until    time.Time `json:"until,omitzero"`     // when the word runs out
	Source   string    `json:"source,omitempty"`   // where a number came from

	ExcusedBy    string    `json:"excusedBy,omitempty"`   // the exceptions, by reference
	ExcusedUntil time.Time `json:"excusedUntil,omitzero"` // when the first of them runs out

	Why    string `json:"why"`    // schedule, change, request or import
	Query  string `json:"query"`  // hash of the question: the test and its rule's version
	Result string `json:"result"` // hash of the answer in full
	Prev   string `json:"prev"`   // hash of the run before; "" for the first
	Hash   string `json:"hash"`   // see Sum
}

// Passes reports whether the run counts as passed at a moment: its verdict is
// Pass, or every exception is covered by an approval that still holds.
func (r *Run) Passes(now time.Time) bool {
	return r.Verdict == Pass || r.Verdict == Fail && r.ExcusedBy != "" && now.Before(r.ExcusedUntil)
}

// Health returns the condition of the evidence at a moment. maxAge is from which age
// on an answer is stale; 0 is never. A nil run is missing evidence.
//
// A run that fails contradicts however old it is: nothing newer has shown
// otherwise.
func (r *Run) Health(now time.Time, maxAge time.Duration) Health {
	switch {
	case r == nil, r.Verdict == NoData, r.Verdict == Failed:
		return Missing
	case !r.Passes(now):
		return Against
	case maxAge > 0 && now.Sub(r.AsOf) >= maxAge, !r.Until.IsZero() && !now.Before(r.Until):
		return Stale
	}
	return Live
}

// turns returns when the health of r changes by the passing of time alone; the
// zero time for never.
func (r *Run) turns(now time.Time, maxAge time.Duration) time.Time {
	var next time.Time
	soonest := func(t time.Time) {
		if !t.IsZero() && t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if r == nil {
		return next
	}
	if maxAge > 0 {
		soonest(r.AsOf.Add(maxAge))
	}
	soonest(r.Until)
	soonest(r.ExcusedUntil)
	return next
}

// Standing is what Judge is given of one test.
type Standing struct {
	Health   Health
	Asserted bool // a number or a word that nobody accountable stands for
}

// Judge returns the state that the evidence gives: a claim is as good as its
// worst evidence.
func Judge(tests []Standing) State {
	have, weak := false, false
	for _, t := range tests {
		switch t.Health {
		case Against:
			return Contradicted
		case Live:
			have = true
			weak = weak || t.Asserted
		case Stale:
			have, weak = true, true
		default:
			weak = true
		}
	}
	switch {
	case !have:
		return Unsupported
	case weak:
		return Weak
	}
	return Supported
}

// With returns a state when some of what the claim leans on is in doubt: it is
// weak at best.
func (s State) With(doubts int) State {
	if doubts > 0 && s == Supported {
		return Weak
	}
	return s
}
