package catalog_test

import (
	"slices"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

type note struct {
	About string `json:"about" en:"About" es:"Sobre" ref:"part" rel:"about,noted"`
	Text  string `json:"text" en:"Text" es:"Texto"`
}

// TestWrittenOnce: an entity of such a kind is not changed, renamed or deleted,
// the same file again is fine, a rename of what it names reaches it, and who
// holds the data folder may delete it.
func TestWrittenOnce(t *testing.T) {
	each(t, func(w *world) {
		var follows []bool
		notes := catalog.Of[note](catalog.Kind{Name: "Note", Plural: "notes", Room: auth.Operations, Once: true, Title: lang.T("Note", "Nota"), Titles: lang.T("Notes", "Notas"),
			Guard: func(g *catalog.Guarded) error { follows = append(follows, g.Follows); return nil }}, nil)
		w.c = catalog.New(w.db, catalog.NewKinds(append(testKinds().All(), notes)...))
		const text = "apiVersion: binnacle.dev/v1\nkind: Note\nmetadata: {name: n}\nspec: {about: a, text: first}\n"
		w.apply(file, "apiVersion: binnacle.dev/v1\nkind: Part\nmetadata: {name: a}\nspec: {type: service}\n---\n"+text)
		if got := ops(w.apply(file, text)); got != "note:default/n unchanged" {
			t.Errorf("the same file again: %s", got)
		}
		e := w.get("note:n")
		other := e.Clone()
		other.Spec = []byte(`{"about":"a","text":"second"}`)
		_, err := w.c.Update(w.ctx, ana, other, catalog.UpdateOptions{})
		wantErr(t, err, fault.Conflict, "written once")
		_, err = w.c.Rename(w.ctx, ana, e.Ref(), "m")
		wantErr(t, err, fault.Conflict, "written once")
		_, err = w.c.Delete(w.ctx, ana, e.Ref(), 0)
		wantErr(t, err, fault.Conflict, "write another one")
		if _, err = w.c.Rename(w.ctx, ana, entity.NewRef("part", "", "a"), "b"); err != nil {
			t.Fatal(err)
		}
		if s, err := catalog.Spec[note](w.get("note:n")); err != nil || s.About != "b" || s.Text != "first" {
			t.Errorf("after a rename of what it names: %+v, %v", s, err)
		}
		if len(follows) < 2 || follows[0] || slices.Contains(follows[1:], false) {
			t.Errorf("the guard saw %v", follows)
		}
		local := catalog.Caller{Principal: auth.Local("acme", "Admin", "cli")}
		if _, err = w.c.Delete(w.ctx, local, e.Ref(), 0); err != nil {
			t.Errorf("who holds the data folder may not delete it: %v", err)
		}
	})
}

func TestListOfRefs(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, shelf)
		if got := w.list(catalog.Query{Refs: []string{"part:default/gamma", "part:default/alpha", "part:default/none"}}); got != "alpha gamma" {
			t.Errorf("got %q", got)
		}
		if got := w.list(catalog.Query{Kinds: []string{"Part"}, Refs: []string{"part:default/gamma", "part:default/alpha"}, Labels: "team"}); got != "alpha" {
			t.Errorf("got %q", got)
		}
	})
}
