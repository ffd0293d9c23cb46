package live

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
)

// Choices are what an organisation decided about its rules.
type Choices struct {
	Tunings  []Tuning
	Switches []Switch
}

// Tuning is a rule of an organisation's own, or how it runs another.
type Tuning struct {
	Ref      string // of the entity
	Revision int64

	Rule string // the text of rules of one's own
	Of   string // or the id or name of the rule that is tuned

	State      string // on, off; "" as it comes
	Level      string // "" as the rule says
	Filters    []string
	Exceptions []Exception
	Group      []string      // fields that findings are grouped by; none is the default
	Window     time.Duration // in which they are one; 0 is the default
}

// Exception is what a rule does not look at for a while.
type Exception struct {
	Title  string
	When   string    // the fields of such events, as a search of a Sigma rule
	Until  time.Time // from when on it counts no more; zero: for good
	Reason string
	By     string
}

// Switch turns rules of a set on, by what they say of themselves. What a list
// leaves empty it does not ask.
type Switch struct {
	Source                           string // name of the set; "" is any
	Levels, Statuses, Tags, Products []string
}

func (s Switch) selects(d *Document) bool {
	h := d.Head()
	among := func(list []string, value string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(one string) bool { return strings.EqualFold(one, value) })
	}
	tagged := len(s.Tags) == 0 || slices.ContainsFunc(h.Tags, func(t string) bool {
		return slices.ContainsFunc(s.Tags, func(one string) bool { return strings.EqualFold(one, t) })
	})
	return (s.Source == "" || s.Source == d.Origin) && among(s.Levels, h.Level) && among(s.Statuses, h.Status) && among(s.Products, h.Logsource.Product) && tagged
}

// print changes when what is run does: by the choices, or because an exception
// ran out.
func (c Choices) print(now time.Time) string {
	h := sha256.New()
	data, err := json.Marshal(c)
	if err != nil {
		return err.Error() // of plain fields there is none
	}
	h.Write(data)
	for _, t := range c.Tunings {
		for _, x := range t.Exceptions {
			fmt.Fprint(h, x.ended(now))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (x Exception) ended(now time.Time) bool { return !x.Until.IsZero() && !now.Before(x.Until) }

// CheckRule reads rules of an organisation's own, and says what is wrong.
func CheckRule(text string) ([]*Document, []sigma.Problem) {
	c := &sigma.Collection{}
	c.Add("rule", []byte(text))
	var out []*Document
	for _, r := range c.Rules {
		out = append(out, &Document{Key: keyOf(r.ID, r.Name, Own, r.Pos, r.Title), Origin: Own, Rule: r})
	}
	for _, r := range c.Correlations {
		out = append(out, &Document{Key: keyOf(r.ID, r.Name, Own, r.Pos, r.Title), Origin: Own, Correlation: r})
	}
	problems := append(c.Problems, c.Skipped...)
	if len(out) == 0 && len(problems) == 0 {
		problems = append(problems, sigma.Problem{Pos: sigma.Pos{File: "rule", Line: 1}, Code: "empty", Message: "the text holds no rule", Fix: "paste a Sigma rule: title, logsource, detection"})
	}
	return out, problems
}

// CheckFilter reads a filter of a tuning, and says what is wrong.
func CheckFilter(text string) []sigma.Problem {
	_, problems := readFilter("filter", text)
	return problems
}

// CheckException reads what an exception describes, and says what is wrong.
func CheckException(x Exception) []sigma.Problem {
	_, problems := x.filter("exception", nil)
	return problems
}

// readFilter reads Sigma filters. For which rule they are, the tuning says.
func readFilter(file, text string) ([]*sigma.Filter, []sigma.Problem) {
	c := &sigma.Collection{}
	c.Add(file, []byte(text))
	problems := append(c.Problems, c.Skipped...)
	if len(c.Rules)+len(c.Correlations) > 0 || len(c.Filters) == 0 && len(problems) == 0 {
		problems = append(problems, sigma.Problem{Pos: sigma.Pos{File: file, Line: 1}, Code: "filter", Message: "the text is no Sigma filter", Fix: "write title, logsource and filter, with rules, searches and a condition"})
	}
	return c.Filters, problems
}

// filter makes a Sigma filter of an exception.
func (x Exception) filter(file string, rules []string) (*sigma.Filter, []sigma.Problem) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(x.When), &doc); err != nil {
		return nil, []sigma.Problem{{Pos: sigma.Pos{File: file}, Code: "yaml", Message: err.Error(), Fix: "write fields and values, as host.name: build-1"}}
	}
	if len(doc.Content) != 1 {
		return nil, []sigma.Problem{{Pos: sigma.Pos{File: file, Line: 1}, Code: "empty", Message: "the exception describes nothing", Fix: "write fields and values, as host.name: build-1"}}
	}
	body, problems := sigma.ParseSearch(file, doc.Content[0])
	if len(problems) > 0 {
		return nil, problems
	}
	const name = "selection"
	return &sigma.Filter{Pos: sigma.Pos{File: file}, Title: x.Title, Rules: rules, Detection: sigma.Detection{
		Searches:   []*sigma.Search{{Name: name, Body: body}},
		Conditions: []sigma.Condition{{Text: name, Expr: sigma.Ref(name)}},
	}}, nil
}
