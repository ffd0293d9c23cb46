package radarfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/fault"
)

var releaseName = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// aoeReleases returns the dated folders of a tree that hold Markdown, in order:
// directly in it, or in radar or data/radar below it.
func aoeReleases(fsys fs.FS, root string) []string {
	for _, dir := range []string{root, path.Join(root, "radar"), path.Join(root, "data", "radar")} {
		entries, _ := fs.ReadDir(fsys, dir)
		var found []string
		for _, e := range entries {
			if files, _ := fs.Glob(fsys, path.Join(dir, e.Name(), "*.md")); releaseName.MatchString(e.Name()) && len(files) > 0 {
				found = append(found, path.Join(dir, e.Name()))
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// aoeConfig is what of config.json names the rings and segments.
type aoeConfig struct {
	Rings     []aoeName `json:"rings"`
	Quadrants []aoeName `json:"quadrants"`
	Segments  []aoeName `json:"segments,omitempty"` // the fifth version's word for quadrants
}

type aoeName struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

func readAOE(fsys fs.FS, root string, releases []string, opt Options) ([]Edition, []fault.Problem) {
	p := &parser{file: root, opt: opt}
	config := p.aoeConfig(fsys, root)
	var editions []Edition
	state, files := &aoeState{at: map[string]int{}}, 0
	for _, dir := range releases {
		date, ok := parseDate(path.Base(dir))
		if !ok {
			p.file = dir
			p.report(0, "date", path.Base(dir))
			continue
		}
		names, _ := fs.Glob(fsys, path.Join(dir, "*.md"))
		for _, name := range names {
			if files++; files <= MaxFiles {
				p.aoeFile(fsys, name, state)
			}
		}
		editions = append(editions, p.aoeEdition(state, config, date))
	}
	return editions, p.problems
}

func (p *parser) aoeConfig(fsys fs.FS, root string) aoeConfig {
	var c aoeConfig
	name := path.Join(root, "config.json")
	if _, err := fs.Stat(fsys, name); err != nil {
		return c
	}
	data, problem := load(fsys, name, MaxBytes)
	if problem != nil {
		p.problems = append(p.problems, *problem)
		return c
	}
	if err := json.Unmarshal(data, &c); err != nil {
		p.problems = append(p.problems, newProblem(name, 0, "json", err.Error()))
	}
	c.Quadrants = append(c.Quadrants, c.Segments...)
	c.Quadrants, c.Rings, c.Segments = c.Quadrants[:min(len(c.Quadrants), MaxRings)], c.Rings[:min(len(c.Rings), MaxRings)], nil
	return c
}

// aoeState is every item as the releases read so far have left it.
type aoeState struct {
	items []Blip
	at    map[string]int // id to place
}

type aoeFront struct {
	Title    string   `yaml:"title"`
	Ring     string   `yaml:"ring"`
	Quadrant string   `yaml:"quadrant"`
	Segment  string   `yaml:"segment"`
	Tags     []string `yaml:"tags"`
	Featured *bool    `yaml:"featured"`
}

// aoeFile lays a file over what earlier releases said of the item: what it
// leaves out stays as it was.
func (p *parser) aoeFile(fsys fs.FS, name string, state *aoeState) {
	p.file = name
	data, problem := load(fsys, name, MaxText)
	if problem != nil {
		p.problems = append(p.problems, *problem)
		return
	}
	front, body := splitFront(unixLines(string(trimBOM(data))))
	var in aoeFront
	if err := yaml.Unmarshal([]byte(front), &in); err != nil {
		p.report(yamlLine(err)+1, "front-matter", yamlReason(err))
		return
	}
	b := state.get(strings.TrimSuffix(path.Base(name), ".md"))
	b.File, b.Line = name, 1
	overlay(b, in)
	if text := strings.TrimSpace(body); text != "" {
		b.Description = text
	}
}

func (s *aoeState) get(id string) *Blip {
	i, ok := s.at[id]
	if !ok {
		i = len(s.items)
		s.at[id], s.items = i, append(s.items, Blip{ID: id, Name: id})
	}
	return &s.items[i]
}

func overlay(b *Blip, in aoeFront) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&b.Name, in.Title}, {&b.Ring, in.Ring}, {&b.Segment, in.Quadrant}, {&b.Segment, in.Segment}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if in.Tags != nil {
		b.Tags = in.Tags
	}
	if in.Featured != nil {
		b.Inactive = !*in.Featured
	}
}

func (p *parser) aoeEdition(state *aoeState, c aoeConfig, date time.Time) Edition {
	e := Edition{Name: date.Format(time.DateOnly), Date: date, Format: AOE, Rings: titles(c.Rings), Segments: titles(c.Quadrants)}
	p.seen = nil
	for _, b := range state.items {
		b.Ring, b.Segment, b.Tags = title(c.Rings, b.Ring), title(c.Quadrants, b.Segment), slices.Clone(b.Tags)
		p.file = b.File
		p.keep(&e, b)
	}
	return p.finish(e)
}

func titles(list []aoeName) []string {
	var out []string
	for _, n := range list {
		out = append(out, title(list, n.ID))
	}
	return out
}

func title(list []aoeName, id string) string {
	i := slices.IndexFunc(list, func(n aoeName) bool { return strings.EqualFold(n.ID, id) })
	if i < 0 || list[i].Title == "" {
		return id
	}
	return list[i].Title
}

// splitFront cuts a text into its front matter and the rest.
func splitFront(text string) (front, body string) {
	rest, ok := strings.CutPrefix(text, "---\n")
	if !ok {
		return "", text
	}
	if body, ok := strings.CutPrefix(rest, "---\n"); ok {
		return "", body
	}
	front, body, ok = strings.Cut(rest, "\n---\n")
	if !ok {
		if front, ok = strings.CutSuffix(rest, "\n---"); !ok {
			return "", text
		}
	}
	return front, body
}

var yamlAt = regexp.MustCompile(`line (\d+): `)

func yamlLine(err error) (line int) {
	if m := yamlAt.FindStringSubmatch(err.Error()); m != nil {
		fmt.Sscan(m[1], &line)
	}
	return line
}

func yamlReason(err error) string {
	s := strings.TrimPrefix(err.Error(), "yaml: ")
	s = strings.TrimPrefix(s, "unmarshal errors:\n  ")
	s, _, _ = strings.Cut(s, "\n")
	return yamlAt.ReplaceAllString(s, "")
}

// WriteAOE writes editions as a tree: config.json, and radar/<date>/<id>.md for
// each blip that an edition adds or changes. A blip that an edition no longer
// has is written once more as not featured. Every edition needs a date; put
// receives each path and its content.
func WriteAOE(editions []Edition, put func(name string, data []byte) error) error {
	if err := datedOnce(editions); err != nil {
		return err
	}
	config, err := json.MarshalIndent(aoeConfigOf(editions), "", "  ")
	if err != nil {
		return err
	}
	if err := put("config.json", append(config, '\n')); err != nil {
		return err
	}
	ids, before := newIDs(), map[string]Blip{}
	for _, e := range editions {
		if err := writeRelease(e, ids, before, put); err != nil {
			return err
		}
	}
	return nil
}

func datedOnce(editions []Edition) error {
	for i, e := range editions {
		if e.Date.IsZero() {
			return fault.New(fault.Invalid, "the edition %s has no date, and this format tells editions by their dates", e.Name).Coded("radar.needs-date").
				WithHint("give the edition a date, or choose another format")
		}
		if i > 0 && e.Date.Format(time.DateOnly) <= editions[i-1].Date.Format(time.DateOnly) {
			return fault.New(fault.Invalid, "the edition %s is not later than %s, and this format tells editions by their dates", e.Name, editions[i-1].Name).Coded("radar.not-later").
				WithHint("give each edition a day of its own, in order")
		}
	}
	return nil
}

func aoeConfigOf(editions []Edition) aoeConfig {
	var c aoeConfig
	for _, n := range backstageIDs(RingOrder(editions, nil)) {
		c.Rings = append(c.Rings, aoeName{n.ID, n.Name})
	}
	for _, n := range backstageIDs(allSegments(editions)) {
		c.Quadrants = append(c.Quadrants, aoeName{n.ID, n.Name})
	}
	return c
}

func allSegments(editions []Edition) []string {
	var all []string
	for _, e := range editions {
		for _, s := range e.Segments {
			if !containsFolded(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

func writeRelease(e Edition, ids *ids, before map[string]Blip, put func(string, []byte) error) error {
	dir := path.Join("radar", e.Date.Format(time.DateOnly))
	now := map[string]bool{}
	for _, b := range e.Blips {
		id := ids.of(b)
		now[id] = true
		if old, ok := before[id]; ok && sameFile(old, b) {
			continue
		}
		before[id] = b
		if err := put(path.Join(dir, id+".md"), aoeText(b)); err != nil {
			return err
		}
	}
	return writeGone(dir, now, before, put)
}

func writeGone(dir string, now map[string]bool, before map[string]Blip, put func(string, []byte) error) error {
	for _, id := range sortedKeys(before) {
		b := before[id]
		if now[id] || b.Inactive {
			continue
		}
		b.Inactive = true
		before[id] = b
		if err := put(path.Join(dir, id+".md"), aoeText(b)); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(m map[string]Blip) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func sameFile(a, b Blip) bool { return bytes.Equal(aoeText(a), aoeText(b)) }

func aoeText(b Blip) []byte {
	front := struct {
		Title    string   `yaml:"title"`
		Ring     string   `yaml:"ring"`
		Quadrant string   `yaml:"quadrant"`
		Tags     []string `yaml:"tags,flow"`
		Featured bool     `yaml:"featured"`
	}{b.Name, Slug(b.Ring), Slug(b.Segment), append([]string{}, b.Tags...), !b.Inactive}
	text, err := yaml.Marshal(front)
	if err != nil {
		text = nil // a struct of strings always marshals
	}
	out := "---\n" + string(text) + "---\n"
	if b.Description != "" {
		out += "\n" + b.Description + "\n"
	}
	return []byte(out)
}

// ids gives each blip a file name of its own.
type ids struct{ owner map[string]string }

func newIDs() *ids { return &ids{map[string]string{}} }

func (s *ids) of(b Blip) string {
	base := b.ID
	if base == "" || base != path.Base(base) || strings.ContainsAny(base, `\:`) || strings.HasPrefix(base, ".") {
		base = Slug(b.Name)
	}
	for _, id := range []string{base, base + "-" + Slug(b.Segment)} {
		if owner, taken := s.owner[id]; id != "" && (!taken || owner == b.key()) {
			s.owner[id] = b.key()
			return id
		}
	}
	for n := 2; ; n++ {
		id := fmt.Sprintf("%s-%d", base, n)
		if owner, taken := s.owner[id]; !taken || owner == b.key() {
			s.owner[id] = b.key()
			return id
		}
	}
}
