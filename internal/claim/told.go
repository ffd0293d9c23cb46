package claim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Told is a claim as programs read it: the API, assistants and the command line.
type Told struct {
	Ref       string         `json:"ref"`
	UID       string         `json:"uid"`
	Kind      string         `json:"kind" doc:"The kind that bears the claim."`
	Statement string         `json:"statement"`
	Room      string         `json:"room,omitempty"`
	Owner     string         `json:"owner,omitempty"`
	Subject   string         `json:"subject,omitempty" doc:"What it is about, as written."`
	State     State          `json:"state" enum:"supported,weak,unsupported,contradicted,disputed"`
	Own       State          `json:"own" doc:"What its own evidence gives, before doubt and disputes."`
	Why       string         `json:"why" doc:"The state in one sentence."`
	Since     time.Time      `json:"since,omitzero"`
	Disputed  bool           `json:"disputed,omitempty"`
	Closed    bool           `json:"closed,omitempty" doc:"It is not tested any more."`
	Doubts    []Doubt        `json:"doubts,omitempty" doc:"What it leans on that is not supported."`
	Value     *float64       `json:"value,omitempty"`
	AsOf      time.Time      `json:"asOf,omitzero" doc:"The moment the value is about."`
	Zone      Zone           `json:"zone,omitempty" doc:"ok, warn or bad: where the value stands."`
	Asserted  bool           `json:"asserted,omitempty" doc:"The value is somebody's word."`
	Scale     Scale          `json:"scale" doc:"How the value is read."`
	Evidence  []ToldEvidence `json:"evidence"`
}

// ToldEvidence is the last run of one test, and how good it is.
type ToldEvidence struct {
	Test   string `json:"test"`
	Title  string `json:"title"`
	Form   string `json:"form" doc:"records, attest, number, measure, formula, typed or query."`
	Health Health `json:"health" enum:"live,stale,missing,against"`
	Every  string `json:"every,omitempty" doc:"The time between two runs."`
	MaxAge string `json:"maxAge,omitempty" doc:"How old an answer may grow."`
	Scale  Scale  `json:"scale" doc:"How the number of the test is read."`
	Last   *Run   `json:"last,omitempty"`
}

// Tell writes a claim for programs; Why in a language.
func (v *View) Tell(l lang.Code) Told {
	out := Told{Ref: v.Ref, UID: v.UID, Kind: v.Kind, Statement: v.Statement, Room: v.Room, Owner: v.Owner, Subject: v.Subject, State: v.State, Own: v.Own, Why: v.Why.In(l),
		Since: v.Since, Disputed: v.Disputed, Closed: v.Closed, Doubts: v.Doubts, Value: v.Value, AsOf: v.AsOf, Zone: v.Zone, Asserted: v.Asserted, Scale: v.Scale, Evidence: []ToldEvidence{}}
	for _, ev := range v.Evidence {
		t := ToldEvidence{Test: ev.Probe.Name, Title: ev.Probe.Label(), Form: ev.Probe.Form(), Health: ev.Health, Scale: ev.Scale, Last: ev.Last}
		if d := ev.Probe.every(); d > 0 {
			t.Every = d.String()
		}
		if d := ev.Probe.maxAge(); d > 0 {
			t.MaxAge = d.String()
		}
		out.Evidence = append(out.Evidence, t)
	}
	return out
}

// ToldRun is one run with all that belongs to it.
type ToldRun struct {
	Run
	Question json.RawMessage `json:"question" doc:"What was asked, as its hash stands for it."`
	Answer   *Answer         `json:"answer" doc:"What came back; at most 10000 members by name."`
	Steps    []string        `json:"steps" doc:"How it came about, in words."`
	Faults   []string        `json:"faults" doc:"What does not hold of its hash, its link to the run before, and its documents; empty when all does."`
}

// TellRun reads one run of a claim for programs, and checks it.
func (e *Engine) TellRun(ctx context.Context, caller catalog.Caller, ref entity.Ref, seq int64, l lang.Code) (*ToldRun, error) {
	r, a, question, err := e.RunOf(ctx, caller, ref, seq)
	if err != nil {
		return nil, err
	}
	out := &ToldRun{Run: *r, Question: question, Answer: a, Steps: []string{}}
	for _, s := range a.Steps {
		out.Steps = append(out.Steps, s.Text().In(l))
	}
	faults, _, err := e.Check(ctx, caller.Org, r)
	out.Faults = append([]string{}, faults...)
	return out, err
}

// ToldReplay is a test asked again about a past moment.
type ToldReplay struct {
	Test     string `json:"test"`
	Title    string `json:"title"`
	Asked    bool   `json:"asked" doc:"The test was asked again; words and numbers from elsewhere cannot be."`
	Same     bool   `json:"same" doc:"The question and the answer in full are what was recorded."`
	Recorded *Run   `json:"recorded,omitempty" doc:"The last run by then."`
	Now      *Run   `json:"now,omitempty" doc:"What is answered now about then."`
}

// TellReplays writes what Replay found for programs.
func TellReplays(list []Replayed) []ToldReplay {
	out := []ToldReplay{}
	for _, r := range list {
		out = append(out, ToldReplay{r.Test, r.Probe.Label(), r.Run != nil, r.Same, r.Recorded, r.Run})
	}
	return out
}

// Differs reports whether a test that was asked again does not say what was
// recorded.
func (r *ToldReplay) Differs() bool { return r.Asked && !r.Same }

// Says tells in English how the two compare.
func (r *ToldReplay) Says() string {
	switch {
	case !r.Asked && r.Recorded == nil:
		return "there was no run, and it cannot be asked again"
	case !r.Asked:
		return "recorded " + string(r.Recorded.Verdict) + "; it cannot be asked again"
	case r.Recorded == nil:
		return "answers " + string(r.Now.Verdict) + " now; nothing was recorded by then"
	case r.Same:
		return "the same: " + string(r.Now.Verdict)
	}
	return "different: recorded " + string(r.Recorded.Verdict) + ", answers " + string(r.Now.Verdict) + " now"
}

// ParseMoment reads a day, taken as its end in the zone of now, or a moment. The
// day of now is now.
func ParseMoment(s string, now time.Time) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		end := t.AddDate(0, 0, 1).Add(-time.Microsecond)
		if end.After(now) && !t.After(now) {
			end = now
		}
		return end, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a day as 2026-09-01, nor a moment as 2026-09-01T12:00:00Z", s)
	}
	return t, nil
}
