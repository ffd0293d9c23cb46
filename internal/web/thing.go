package web

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Thing is an entity as a card or a page names it. The shared template
// "relationref" draws it.
type Thing struct {
	Ref     entity.Ref
	Title   string
	Href    string // "" when there is nothing to go to
	Sub     string // its type, in the reader's language
	Icon    string // of its kind
	Missing bool   // only a reference: nothing of the name exists
}

// Thing names an entity that was read.
func (c *Ctx) Thing(e *entity.Entity) Thing {
	var s struct {
		Type string `json:"type"`
	}
	if len(e.Spec) > 0 && json.Unmarshal(e.Spec, &s) != nil {
		s.Type = ""
	}
	return c.thing(e.Ref(), e.DisplayTitle(), s.Type, true)
}

// ThingOf names the far end of a relation.
func (c *Ctx) ThingOf(r catalog.Relation) Thing {
	ref, err := entity.ParseRef(r.Ref, "", "")
	if err != nil {
		return Thing{Title: r.Ref, Missing: true}
	}
	return c.thing(ref, r.Title, r.Sub, r.Exists)
}

func (c *Ctx) thing(ref entity.Ref, title, sub string, exists bool) Thing {
	t := Thing{Ref: ref, Title: cmp.Or(title, ref.Name), Sub: sub, Missing: !exists}
	if k := c.Catalog().Kinds().Get(ref.Kind); k != nil {
		t.Icon = k.Icon
		t.Sub = c.Label(k, "spec.type", sub)
	}
	if exists {
		t.Href = c.Href(ref)
	}
	return t
}

// Label writes the value of a field of a kind in the reader's language.
func (c *Ctx) Label(k *catalog.Kind, path, value string) string {
	if f := k.Field(path); f != nil {
		if e := f.EnumFor(value); e != nil {
			return c.In(e.Label)
		}
		return f.Written(value)
	}
	return value
}

// Related returns the far ends of an entity's relations of some types, written
// at either end, each once, by title. An entity that does not exist has none.
func (c *Ctx) Related(ref entity.Ref, types ...string) ([]Thing, error) {
	rels, err := c.Relations(ref)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Thing
	for _, r := range rels {
		if !slices.Contains(types, r.Type) {
			continue
		}
		t := c.ThingOf(r)
		if !slices.ContainsFunc(out, func(o Thing) bool { return o.Ref == t.Ref }) {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b Thing) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return out, nil
}

// Find reads an entity that a page leans on; nil when there is none, or none
// for this reader.
func (c *Ctx) Find(ref entity.Ref) (*entity.Entity, error) {
	e, err := c.Catalog().Get(c.R.Context(), c.Caller, ref)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return nil, nil
	}
	return e, err
}

// Named returns the things that references written in entities name, in their
// order, looked up all at once. What is no reference, or names nothing, is
// Missing.
func (c *Ctx) Named(written []Written) ([]Thing, error) {
	out := make([]Thing, len(written))
	var refs []entity.Ref
	for i, w := range written {
		ref, err := entity.ParseRef(w.Text, w.Kind, w.In.Metadata.Namespace)
		if err != nil {
			out[i] = Thing{Title: w.Text, Missing: true}
			continue
		}
		out[i] = c.thing(ref, ref.Name, "", true)
		refs = append(refs, ref)
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, refs)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if t := &out[i]; !t.Missing {
			title, ok := titles[t.Ref.String()]
			if t.Title = cmp.Or(title, t.Ref.Name); !ok {
				t.Missing, t.Href = true, ""
			}
		}
	}
	return out, nil
}

// Written is a reference as it stands in an entity; Kind is what it names when
// it does not say.
type Written struct {
	In   *entity.Entity
	Text string
	Kind string
}
