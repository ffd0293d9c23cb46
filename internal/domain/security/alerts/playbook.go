package alerts

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Playbook is a template of the work of a case: what is done by when, in the
// order in which it is done.
type Playbook struct {
	Name  string    `yaml:"-"`
	Title lang.Text `yaml:"title"`
	Doc   lang.Text `yaml:"doc"`
	// Tags are tags of rules, as attack.t1078, whose alerts it is meant for. One
	// that is longer than another that fits goes before it.
	Tags  []string `yaml:"tags"`
	Tasks []Step   `yaml:"tasks"`
}

// Step is a task of a playbook.
type Step struct {
	Title    lang.Text `yaml:"title"`
	Text     lang.Text `yaml:"text"`
	Phase    string    `yaml:"phase"`    // it has to be done for the case to reach it
	Evidence bool      `yaml:"evidence"` // a file shows that it was done
}

// LoadPlaybooks reads the playbooks of a folder, NAME.yml, by name.
func LoadPlaybooks(fsys fs.FS) ([]Playbook, error) {
	names, err := fs.Glob(fsys, "*.yml")
	if err != nil {
		return nil, err
	}
	var out []Playbook
	for _, file := range names {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		p := Playbook{Name: strings.TrimSuffix(path.Base(file), ".yml")}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&p); err != nil {
			return nil, fmt.Errorf("playbook %s: %w", file, err)
		}
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("playbook %s: %w", file, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (p *Playbook) check() error {
	whole := func(t lang.Text) bool { return t.En != "" && t.Es != "" }
	if !whole(p.Title) || !whole(p.Doc) || len(p.Tasks) == 0 {
		return fmt.Errorf("it needs a title, a doc in both languages, and tasks")
	}
	last := 0
	for i, s := range p.Tasks {
		at := slices.Index(Phases, s.Phase)
		switch {
		case !whole(s.Title) || s.Text != (lang.Text{}) && !whole(s.Text):
			return fmt.Errorf("task %d: its texts are not in both languages", i+1)
		case at < 1:
			return fmt.Errorf("task %d: %q is no phase; they are %s", i+1, s.Phase, strings.Join(Phases[1:], ", "))
		case at < last:
			return fmt.Errorf("task %d: %s comes before what stands above it", i+1, s.Phase)
		}
		last = at
	}
	return nil
}

// suggest returns the name of the playbook that fits the tags of rules best; ""
// when none does.
func suggest(books []Playbook, tags []string) string {
	name, longest := "", 0
	for _, b := range books {
		for _, t := range b.Tags {
			if len(t) > longest && slices.ContainsFunc(tags, func(s string) bool { return s == t || strings.HasPrefix(s, t+".") }) {
				name, longest = b.Name, len(t)
			}
		}
	}
	return name
}

// plan makes the tasks of a playbook for a case; those it has stay.
func (w *casework) plan(name string, code lang.Code) error {
	i := slices.IndexFunc(w.d.Playbooks, func(p Playbook) bool { return p.Name == name })
	if i < 0 {
		return fault.New(fault.Invalid, "there is no playbook %q", name).Coded("case.playbook")
	}
	if w.d.catalog.Kinds().Get(auth.KindTask) == nil {
		return nil
	}
	book := w.d.Playbooks[i]
	zone, err := auth.Zone(w.ctx, w.tx, w.caller.Org)
	if err != nil {
		return err
	}
	limits, err := targetsAt(w.ctx, w.tx, w.caller.Org, 0)
	if err != nil {
		return err
	}
	var names []string
	for n := range book.Tasks {
		names = append(names, entity.NewRef(auth.KindTask, "", fmt.Sprintf("%s-%s-%d", strings.ToLower(w.name), book.Name, n+1)).String())
	}
	had, err := w.d.catalog.ByRefs(w.ctx, w.tx, w.caller.Org, names)
	if err != nil || len(had) == len(names) {
		return err
	}
	for n, s := range book.Tasks {
		if had[names[n]] != nil {
			continue
		}
		e := &entity.Entity{APIVersion: entity.APIVersion, Kind: auth.KindTask,
			Metadata: entity.Metadata{Name: fmt.Sprintf("%s-%s-%d", strings.ToLower(w.name), book.Name, n+1), Title: s.Title.In(code), Description: s.Text.In(code)}}
		due := w.spec.When(detected).Add(limits[w.spec.Severity][s.Phase]).In(zone).Format(time.DateOnly)
		task := map[string]any{"about": w.e.Ref().String(), "due": due, "state": "open"}
		if w.spec.Lead != "" {
			task["assignee"] = w.spec.Lead
		}
		if s.Evidence {
			task["needsEvidence"] = true
		}
		if err := catalog.SetSpec(e, task); err != nil {
			return err
		}
		if _, err := w.d.catalog.In(w.tx).Create(w.ctx, w.caller, e); err != nil {
			return err
		}
	}
	said := w.by(Us, "playbook", book.Title.In(code))
	said.About = book.Name
	return w.say(said)
}

// Plan adds the tasks of a playbook to a case.
func (d *Desk) Plan(ctx context.Context, caller catalog.Caller, name, playbook string, code lang.Code) error {
	return d.act(ctx, caller, name, func(w *casework) error {
		if err := w.plan(playbook, code); err != nil {
			return err
		}
		return w.patch(map[string]any{"playbook": playbook})
	})
}
