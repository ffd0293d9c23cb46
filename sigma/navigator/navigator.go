// Package navigator writes which techniques of MITRE ATT&CK a set of Sigma rules
// looks for, as a layer of the ATT&CK Navigator (layer format 4.5).
package navigator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/sigma"
)

// Technique is a technique or sub-technique with the rules that are tagged with
// it, by title.
type Technique struct {
	ID    string   `json:"technique"` // T1059 or T1059.001
	Rules []string `json:"rules"`
}

var techniqueTag = regexp.MustCompile(`(?i)^attack\.(t\d{4}(?:\.\d{3})?)$`)

// Techniques returns the techniques that rules are tagged with, by their
// numbers, each rule once. Rules that are deprecated or unsupported do not count.
func Techniques(rules []*sigma.Rule) []Technique {
	by := map[string][]string{}
	for _, r := range rules {
		if r.Status == "deprecated" || r.Status == "unsupported" {
			continue
		}
		for _, tag := range r.Tags {
			m := techniqueTag.FindStringSubmatch(tag)
			if m == nil {
				continue
			}
			id := strings.ToUpper(m[1])
			name := cmp.Or(r.Title, r.ID)
			if !slices.Contains(by[id], name) {
				by[id] = append(by[id], name)
			}
		}
	}
	out := make([]Technique, 0, len(by))
	for id, names := range by {
		slices.Sort(names)
		out = append(out, Technique{id, names})
	}
	slices.SortFunc(out, func(a, b Technique) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// The shape of a layer, as far as it is written here.
type layer struct {
	Name        string     `json:"name"`
	Versions    versions   `json:"versions"`
	Domain      string     `json:"domain"`
	Description string     `json:"description"`
	Sorting     int        `json:"sorting"` // 3: by score, the highest first
	Layout      layout     `json:"layout"`
	Techniques  []scored   `json:"techniques"`
	Gradient    gradient   `json:"gradient"`
	Legend      []struct{} `json:"legendItems"`
}

type versions struct {
	Navigator string `json:"navigator"`
	Layer     string `json:"layer"`
}

type layout struct {
	Layout string `json:"layout"`
	Names  bool   `json:"showName"`
	IDs    bool   `json:"showID"`
}

type scored struct {
	ID       string `json:"techniqueID"`
	Score    int    `json:"score"` // rules
	Comment  string `json:"comment"`
	Enabled  bool   `json:"enabled"`
	Expanded bool   `json:"showSubtechniques"`
}

type gradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"`
}

// shown is how many rules a comment names.
const shown = 20

// Layer returns a layer whose scores are numbers of rules. A technique that has
// rules only for its sub-techniques scores 0 and is opened, so that they show.
func Layer(name string, list []Technique) ([]byte, error) {
	l := layer{Name: name, Versions: versions{"5.1.0", "4.5"}, Domain: "enterprise-attack", Sorting: 3, Layout: layout{"side", true, true},
		Description: "Sigma rules by technique; the score is how many.", Techniques: []scored{}, Gradient: gradient{[]string{"#ffffff", "#9ecae1", "#08519c"}, 0, 1}, Legend: []struct{}{}}
	place := map[string]int{}
	add := func(t scored) {
		place[t.ID] = len(l.Techniques)
		l.Techniques = append(l.Techniques, t)
	}
	for _, t := range list {
		above, _, sub := strings.Cut(t.ID, ".")
		if _, there := place[above]; sub && !there {
			add(scored{ID: above, Enabled: true})
		}
		if sub {
			l.Techniques[place[above]].Expanded = true
		}
		comment := strings.Join(t.Rules[:min(shown, len(t.Rules))], "\n")
		if more := len(t.Rules) - shown; more > 0 {
			comment += fmt.Sprintf("\n… and %d more", more)
		}
		add(scored{ID: t.ID, Score: len(t.Rules), Comment: comment, Enabled: true})
		l.Gradient.Max = max(l.Gradient.Max, len(t.Rules))
	}
	return json.MarshalIndent(l, "", "  ")
}
