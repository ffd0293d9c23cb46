package sample

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Step is something that happened in the organisation. One of its verbs is set.
type Step struct {
	At string `yaml:"at"` // the moment; a series has its own
	By string `yaml:"by"` // the name of a user; "": a file or a machine

	// Invites gives people a place to sign in.
	Invites []Guest `yaml:"invites"`
	// Creates names what came to be now, as claim:pentest or keyresult:payments-*,
	// and Was how it began, for what the program itself leads on, as tasks that come
	// back. What no step creates was there from the beginning.
	Creates []string `yaml:"creates"`
	// Changes names what was changed now to what the files say, unless a later
	// step changed it again; a pattern leaves out what that would not change. Was
	// is a merge patch: how it stood before. Had is the values that fields of some
	// names had, wherever in the spec they stand. Adds is what was not there
	// before. Now is a merge patch too: how it stands since, where the files cannot
	// say so, as an exception begins as a request. Why is the reason given.
	Changes string         `yaml:"changes"`
	Was     map[string]any `yaml:"was"`
	Had     map[string]any `yaml:"had"`
	Now     map[string]any `yaml:"now"`
	Adds    *Added         `yaml:"adds"`
	Why     string         `yaml:"why"`
	// Types gives a number of a measure, ChecksIn one of a key result, Exports
	// lets a system write it to a file: once, or as a series.
	Types    string `yaml:"types"`
	ChecksIn string `yaml:"checks-in"`
	Exports  string `yaml:"exports"`
	Series   Series `yaml:",inline"`
	// Attests gives a person's word on a claim.
	Attests string `yaml:"attests"`
	Test    string `yaml:"test"`  // "": the only one that asks for a word
	Holds   *bool  `yaml:"holds"` // left out: it holds
	Note    string `yaml:"note"`
	// Comments, Disputes, Answers and StandsBy say something about a record.
	Comments string `yaml:"comments"`
	Disputes string `yaml:"disputes"`
	Answers  string `yaml:"answers"`
	StandsBy string `yaml:"stands-by"`
	Says     string `yaml:"says"`
	Replies  bool   `yaml:"replies"` // in the last thread, and not in one of its own
	// Completes ends a task, or the open one of those that came back from it, with
	// the text of the file that shows it.
	Completes string `yaml:"completes"`
	Evidence  string `yaml:"evidence"`
	// Looks at the page Today.
	Looks bool `yaml:"looks"`
	// Installs adds claims and measures that are ready, by their names.
	Installs []string `yaml:"installs"`
	// Proves that rules see what they look for, by canaries.
	Proves bool `yaml:"proves"`
	// Alerts and Case work on what was found in what machines send.
	Alerts *Triage   `yaml:"alerts"`
	Case   *CaseWork `yaml:"case"`

	file string
	line int
	when time.Time // of At
}

// Added is the items of a list in the spec of which one field has a value. What
// had no others came to be with them, and what has none of them was not changed.
type Added struct {
	List  string `yaml:"list"`
	Field string `yaml:"field"`
	Is    string `yaml:"is"`
}

// Guest is somebody who may sign in.
type Guest struct {
	Who   string `yaml:"who"` // the name of a user
	Name  string `yaml:"name"`
	Email string `yaml:"email"`
	Role  string `yaml:"role"`
	Until string `yaml:"until"` // the day the access ends; "": it does not
	// Outside names whom somebody works for who is not in the catalog.
	Outside string `yaml:"outside"`
	// Tour says in both languages, as "Auditor|Auditora", as whom one may look
	// around the sample organisation; "" for most.
	Tour string `yaml:"tour"`
}

// Owner is who invites the others: the first guest with that role.
func (o *Organisation) Owner() (Guest, bool) {
	for _, s := range o.Steps {
		for _, g := range s.Invites {
			if g.Role == "owner" {
				return g, true
			}
		}
	}
	return Guest{}, false
}

// Guides are those as whom one may look around.
func (o *Organisation) Guides() []Guest {
	var out []Guest
	for _, s := range o.Steps {
		for _, g := range s.Invites {
			if g.Tour != "" {
				out = append(out, g)
			}
		}
	}
	return out
}

// Series is numbers at equal distances, the oldest first; null leaves one out.
// They end on a Monday (mondays: -1 is the last) or on a day from today.
type Series struct {
	Mondays    *int           `yaml:"mondays"`
	Last       *int           `yaml:"last"`  // day
	Every      int            `yaml:"every"` // days between two; 7 when not given
	Clock      string         `yaml:"clock"` // time of day
	Values     []*float64     `yaml:"values"`
	Confidence []*int         `yaml:"confidence"` // beside Values, of check-ins
	Notes      map[int]string `yaml:"notes"`      // by place, from 1
}

// point is one of a series.
type point struct {
	at         time.Time
	value      *float64
	confidence *int
	note       string
}

// points returns those of a series.
func (s *Series) points(c calendar) []point {
	n, every := max(len(s.Values), len(s.Confidence)), s.Every
	if every == 0 {
		every = 7
	}
	var out []point
	for i := range n {
		p := point{note: s.Notes[i+1]}
		if i < len(s.Values) {
			p.value = s.Values[i]
		}
		if i < len(s.Confidence) {
			p.confidence = s.Confidence[i]
		}
		if p.value == nil && p.confidence == nil {
			continue
		}
		back := every * (n - 1 - i)
		day := c.day(0)
		if s.Mondays != nil {
			day = c.monday(*s.Mondays)
		} else if s.Last != nil {
			day = c.day(*s.Last)
		}
		p.at, _ = c.at(day.AddDate(0, 0, -back), s.Clock) // looked at when it was read
		out = append(out, p)
	}
	return out
}

// readSteps reads a file of steps.
func readSteps(f catalog.File, c calendar) ([]Step, error) {
	var nodes []yaml.Node
	if err := yaml.Unmarshal(f.Data, &nodes); err != nil {
		return nil, fault.Bad("the steps cannot be read", fault.Problem{File: f.Name, Code: "yaml", Msg: err.Error()})
	}
	var out []Step
	for i := range nodes {
		s, err := readStep(&nodes[i], c)
		if err != nil {
			return nil, fault.Bad("a step cannot be read", fault.Problem{File: f.Name, Line: nodes[i].Line, Code: "step", Msg: err.Error()})
		}
		s.file, s.line = f.Name, nodes[i].Line
		out = append(out, *s)
	}
	return out, nil
}

func readStep(n *yaml.Node, c calendar) (*Step, error) {
	var b bytes.Buffer
	if err := yaml.NewEncoder(&b).Encode(n); err != nil {
		return nil, err
	}
	s := &Step{}
	d := yaml.NewDecoder(&b)
	d.KnownFields(true)
	if err := d.Decode(s); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s, s.check(c)
}

// verbs names what the step does.
func (s *Step) verbs() []string {
	var out []string
	for name, set := range map[string]bool{"invites": s.Invites != nil, "creates": s.Creates != nil, "changes": s.Changes != "", "types": s.Types != "", "checks-in": s.ChecksIn != "", "exports": s.Exports != "",
		"attests": s.Attests != "", "comments": s.Comments != "", "disputes": s.Disputes != "", "answers": s.Answers != "", "stands-by": s.StandsBy != "", "completes": s.Completes != "", "looks": s.Looks, "installs": s.Installs != nil, "proves": s.Proves, "alerts": s.Alerts != nil, "case": s.Case != nil} {
		if set {
			out = append(out, name)
		}
	}
	return out
}

func (s *Step) check(c calendar) (err error) {
	if v := s.verbs(); len(v) != 1 {
		return fmt.Errorf("a step does one thing; this one does %d", len(v))
	}
	if s.serial() {
		return s.Series.check(c)
	}
	if s.when, err = time.Parse(time.RFC3339, s.At); err != nil {
		return fmt.Errorf("at: %q is not a moment: write {{moment -3 09:30}}", s.At)
	}
	if s.when.After(c.now) {
		return fmt.Errorf("at: %s lies in the future", s.At)
	}
	switch {
	case s.Alerts != nil:
		return s.Alerts.check()
	case s.Case != nil:
		return s.Case.check()
	}
	return nil
}

// serial reports whether the step is a series of numbers.
func (s *Step) serial() bool { return s.Types != "" || s.ChecksIn != "" || s.Exports != "" }

func (s *Series) check(c calendar) error {
	if _, err := c.at(c.now, s.Clock); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	if (s.Mondays == nil) == (s.Last == nil) {
		return errors.New("a series ends on one of mondays and last")
	}
	list := s.points(c)
	if len(list) == 0 {
		return errors.New("the series is empty")
	}
	if end := list[len(list)-1].at; end.After(c.now) {
		return fmt.Errorf("the series ends on %s, in the future", written(end))
	}
	return nil
}

// checkIn is a check-in as a file holds it.
type checkIn struct {
	name, keyResult, author string
	point
}

func (s *Step) checkIns(c calendar) []checkIn {
	var out []checkIn
	for _, p := range s.Series.points(c) {
		out = append(out, checkIn{s.ChecksIn + "-" + p.at.Format(time.DateOnly), s.ChecksIn, "user:" + s.By, p})
	}
	return out
}

func (x checkIn) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: binnacle.dev/v1\nkind: CheckIn\nmetadata:\n  name: %s\nspec:\n  keyResult: %s\n  at: %q\n", x.name, x.keyResult, written(x.at))
	if x.value != nil {
		fmt.Fprintf(&b, "  value: %s\n", strconv.FormatFloat(*x.value, 'f', -1, 64))
	}
	if x.confidence != nil {
		fmt.Fprintf(&b, "  confidence: %d\n", *x.confidence)
	}
	if x.note != "" {
		fmt.Fprintf(&b, "  note: %q\n", x.note)
	}
	fmt.Fprintf(&b, "  author: %s\n", x.author)
	return b.String()
}
