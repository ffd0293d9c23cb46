package claim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Ready is a claim or measure that ships with the program, ready to be added.
// Once added it is an entity like any other.
type Ready struct {
	Name  string // of the folder, and of the entity
	Kind  string // Claim or Measure
	Title lang.Text
	Doc   lang.Text
	Room  string

	spec json.RawMessage
}

// readyFile is what measure.yml holds.
type readyFile struct {
	Title lang.Text      `yaml:"title"`
	Doc   lang.Text      `yaml:"doc"`
	Kind  string         `yaml:"kind"`
	Spec  map[string]any `yaml:"spec"`
}

// Library reads the folders of fsys, each with a measure.yml, in the order of
// their names.
func Library(fsys fs.FS) ([]Ready, error) {
	names, err := fs.Glob(fsys, "*/measure.yml")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []Ready
	for _, name := range names {
		r, err := readReady(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func readReady(fsys fs.FS, name string) (Ready, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Ready{}, err
	}
	var f readyFile
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return Ready{}, err
	}
	out := Ready{Name: path.Dir(name), Kind: f.Kind, Title: f.Title, Doc: f.Doc}
	if out.Title.En == "" || out.Title.Es == "" || out.Doc.En == "" || out.Doc.Es == "" {
		return out, fmt.Errorf("title and doc are needed in both languages")
	}
	out.Room, _ = f.Spec["room"].(string)
	out.spec, err = json.Marshal(f.Spec)
	return out, err
}

// Entity returns what is added, in a language, with an owner that may be empty.
// A test without a title of its own has that of the whole.
func (r *Ready) Entity(l lang.Code, owner string) (*entity.Entity, error) {
	e := &entity.Entity{APIVersion: entity.APIVersion, Kind: r.Kind, Metadata: entity.Metadata{Name: r.Name, Title: r.Title.In(l), Description: r.Doc.In(l), Owner: owner}, Spec: r.spec}
	if !strings.EqualFold(r.Kind, "claim") {
		return e, nil
	}
	s, err := catalog.Spec[Spec](e)
	if err != nil {
		return nil, err
	}
	for i := range s.Tests {
		if s.Tests[i].Title == "" {
			s.Tests[i].Title = r.Title.In(l)
		}
	}
	return e, catalog.SetSpec(e, s)
}
