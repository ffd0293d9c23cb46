package sample

import (
	"fmt"
	"slices"
	"time"
)

// Triage is what somebody does with open alerts.
type Triage struct {
	Of []string `yaml:"of"` // titles of their rules
	Do string   `yaml:"do"` // acknowledge, take, start, close or move
	As string   `yaml:"as"` // of close: true, false or benign
	// Into is the case, as the story calls it, that they move to.
	Into string `yaml:"into"`
}

// CaseWork is what somebody does for a case. Each thing it says is done, in this
// order.
type CaseWork struct {
	Name   string         `yaml:"name"` // what the story calls it
	Opens  *Opening       `yaml:"opens"`
	Sets   map[string]any `yaml:"sets"`  // fields
	Notes  string         `yaml:"notes"` // an entry of the timeline
	Side   string         `yaml:"side"`  // of the entry: us or them
	When   string         `yaml:"when"`  // when what the entry tells of happened; "": now
	Pins   string         `yaml:"pins"`  // a question in LogsQL: events that are kept
	Does   []string       `yaml:"does"`  // titles of tasks that are done
	Closes string         `yaml:"closes"`
	// Reaches is a phase; Closes is the disposition of its alerts.
	Reaches string `yaml:"reaches"`
}

// Opening is how a case begins.
type Opening struct {
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Severity    string   `yaml:"severity"`
	Playbook    string   `yaml:"playbook"`
	Lead        string   `yaml:"lead"`
	Alerts      []string `yaml:"alerts"` // titles of the rules of those it is about
}

func (t *Triage) check() error {
	if len(t.Of) == 0 || !slices.Contains([]string{"acknowledge", "take", "start", "close", "move"}, t.Do) {
		return fmt.Errorf("alerts: write of: [titles of rules] and do: acknowledge, take, start, close or move")
	}
	if (t.Do == "close") != (t.As != "") {
		return fmt.Errorf("alerts: what is closed is closed as: true, false or benign")
	}
	if (t.Do == "move") != (t.Into != "") {
		return fmt.Errorf("alerts: what moves moves into: a case")
	}
	return nil
}

func (w *CaseWork) check() error {
	if w.Name == "" {
		return fmt.Errorf("case: it has no name")
	}
	if _, err := w.Happened(); err != nil {
		return fmt.Errorf("case: when: %q is not a moment: write {{moment -3 09:30}}", w.When)
	}
	return nil
}

// Happened is when what the entry tells of happened; the zero time for now.
func (w *CaseWork) Happened() (time.Time, error) {
	if w.When == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, w.When)
}
