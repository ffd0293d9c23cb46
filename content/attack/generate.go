//go:build ignore

// This program writes enterprise.json from MITRE's own data of ATT&CK:
//
//	go run content/attack/generate.go -stix enterprise-attack [-names edition.json] > content/attack/enterprise.json
//
// -stix is a STIX bundle, or a folder of bundles, as github.com/mitre/cti and
// github.com/mitre-attack/attack-stix-data have them. -names is a list of a later
// edition, of which only the names and tactics are known: {"date", "tactics":
// {short: {id, name}}, "techniques": {id: {name, tactics}}}. Platforms and log
// sources are then those of the technique that one replaces (see moved).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// order is that of MITRE's matrix.
var order = []string{"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation", "stealth", "defense-impairment", "defense-evasion",
	"credential-access", "discovery", "lateral-movement", "collection", "command-and-control", "exfiltration", "impact"}

// moved says which technique of edition 18 one of edition 19 came from.
var moved = map[string]string{"T1027.018": "T1027", "T1684": "T1656", "T1684.001": "T1656", "T1684.002": "T1672",
	"T1685": "T1562.001", "T1685.001": "T1562.002", "T1685.002": "T1562.008", "T1685.003": "T1562.011", "T1685.004": "T1562.012", "T1685.005": "T1070.001", "T1685.006": "T1070.002",
	"T1686": "T1562.004", "T1686.001": "T1562.007", "T1686.002": "T1562.013", "T1686.003": "T1562.004", "T1687": "T1211", "T1688": "T1562.009", "T1689": "T1562.010", "T1690": "T1562.003"}

// narrower are platforms of techniques that hold for less than what they came
// from, by their names.
var narrower = map[string][]string{"T1686.003": {"Windows"}}

// before are the tactics of what happens before there is anything to look at.
var before = []string{"reconnaissance", "resource-development"}

type object struct {
	Type, ID, Name string
	Revoked        bool
	Deprecated     bool     `json:"x_mitre_deprecated"`
	Short          string   `json:"x_mitre_shortname"`
	Platforms      []string `json:"x_mitre_platforms"`
	Phases         []struct {
		Chain string `json:"kill_chain_name"`
		Name  string `json:"phase_name"`
	} `json:"kill_chain_phases"`
	References []struct {
		Source string `json:"source_name"`
		ID     string `json:"external_id"`
	} `json:"external_references"`
	Relation  string   `json:"relationship_type"`
	From      string   `json:"source_ref"`
	To        string   `json:"target_ref"`
	Analytics []string `json:"x_mitre_analytic_refs"`
	Logs      []struct {
		Name string `json:"name"`
	} `json:"x_mitre_log_source_references"`
}

func (o *object) number() string {
	for _, r := range o.References {
		if r.Source == "mitre-attack" {
			return r.ID
		}
	}
	return ""
}

// Tactic and Technique are the lines of the file.
type Tactic struct {
	ID    string `json:"id"`
	Short string `json:"short"`
	Name  string `json:"name"`
}

type Technique struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Tactics   []string `json:"tactics"`
	Platforms []string `json:"platforms"`
	Logs      []string `json:"logs,omitempty"`
}

func main() {
	log.SetFlags(0)
	stix, names := flag.String("stix", "", "a STIX bundle, or a folder of them"), flag.String("names", "", "names of a later edition")
	version := flag.String("version", "", "of the edition")
	flag.Parse()
	objects := read(*stix)
	tactics, techniques := known(objects)
	if *names != "" {
		tactics, techniques = later(*names, techniques)
	}
	write(*version, tactics, techniques)
}

func read(path string) map[string]*object {
	out := map[string]*object{}
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) != ".json" {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var bundle struct{ Objects []*object }
		if err := json.Unmarshal(data, &bundle); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, o := range bundle.Objects {
			if !o.Revoked && !o.Deprecated {
				out[o.ID] = o
			}
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	return out
}

// known returns what the objects say.
func known(objects map[string]*object) (map[string]Tactic, map[string]Technique) {
	logs := sources(objects)
	tactics, techniques := map[string]Tactic{}, map[string]Technique{}
	for _, o := range objects {
		switch o.Type {
		case "x-mitre-tactic":
			tactics[o.Short] = Tactic{o.number(), o.Short, o.Name}
		case "attack-pattern":
			t := Technique{ID: o.number(), Name: o.Name, Platforms: sorted(o.Platforms), Logs: logs[o.ID]}
			for _, p := range o.Phases {
				if p.Chain == "mitre-attack" {
					t.Tactics = append(t.Tactics, p.Name)
				}
			}
			techniques[t.ID] = t
		}
	}
	return tactics, techniques
}

var sourceName = regexp.MustCompile(`^[\w ]+(:[\w /.-]+)?$`)

// sources returns the log sources that MITRE's detection strategies look at, by
// the technique.
func sources(objects map[string]*object) map[string][]string {
	out := map[string][]string{}
	for _, o := range objects {
		strategy := objects[o.From]
		if o.Type != "relationship" || o.Relation != "detects" || strategy == nil || strategy.Type != "x-mitre-detection-strategy" {
			continue
		}
		for _, ref := range strategy.Analytics {
			a := objects[ref]
			if a == nil {
				continue
			}
			for _, l := range a.Logs {
				if name := strings.TrimSpace(l.Name); sourceName.MatchString(name) {
					out[o.To] = append(out[o.To], name)
				}
			}
		}
	}
	for id := range out {
		out[id] = sorted(out[id])
	}
	return out
}

// later takes names and tactics of a later edition, and the rest from what is
// known of the one before.
func later(file string, old map[string]Technique) (map[string]Tactic, map[string]Technique) {
	data, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var list struct {
		Tactics    map[string]struct{ ID, Name string }
		Techniques map[string]struct {
			Name    string
			Tactics []string
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		log.Fatal(err)
	}
	tactics, out := map[string]Tactic{}, map[string]Technique{}
	for short, t := range list.Tactics {
		tactics[short] = Tactic{t.ID, short, t.Name}
	}
	for id, t := range list.Techniques {
		was, there := old[id]
		if !there {
			was, there = old[moved[id]]
		}
		was.ID, was.Name, was.Tactics = id, t.Name, t.Tactics
		if narrow := narrower[id]; narrow != nil {
			was.Platforms = narrow
		}
		if !there {
			if !slices.Contains(before, t.Tactics[0]) {
				log.Fatalf("%s %s: nothing says where it happens; add it to moved", id, t.Name)
			}
			was.Platforms = []string{"PRE"}
		}
		out[id] = was
	}
	return tactics, out
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

const notice = "ATT&CK is a work of The MITRE Corporation. © 2026 The MITRE Corporation. This work is reproduced and distributed with the permission of The MITRE Corporation."

// write writes one tactic or technique a line, so that a new edition can be
// compared with the one before.
func write(version string, tactics map[string]Tactic, techniques map[string]Technique) {
	line := func(v any) string {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			log.Fatal(err)
		}
		return strings.TrimSpace(b.String())
	}
	fmt.Printf("{\"version\":%s,\n\"notice\":%s,\n\"tactics\":[\n", line(version), line(notice))
	var lines []string
	for _, short := range order {
		if t, ok := tactics[short]; ok {
			lines = append(lines, line(t))
		}
	}
	if len(lines) != len(tactics) {
		log.Fatalf("the order of the tactics names %d of %d", len(lines), len(tactics))
	}
	fmt.Printf("%s],\n\"techniques\":[\n", strings.Join(lines, ",\n"))
	lines = nil
	for _, id := range slices.Sorted(maps.Keys(techniques)) {
		lines = append(lines, line(techniques[id]))
	}
	fmt.Printf("%s]}\n", strings.Join(lines, ",\n"))
}
