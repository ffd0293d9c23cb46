package strategy_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

var ctx = context.Background()

// owner is somebody who may do everything in one organisation.
var owner = catalog.Caller{Principal: auth.Principal{Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner, Via: "web"}, Manager: "form"}

func migrations() []sqldb.Migration {
	return append(catalogtest.Migrations(), strategy.Module().Steps()...)
}

// newCatalog returns an empty catalog of the kinds of the room.
func newCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	return catalogtest.New(t, catalog.NewKinds(strategy.Module().Kinds...), strategy.Module().Steps()...)
}

func apply(t testing.TB, c *catalog.Catalog, yaml string) {
	t.Helper()
	docs, err := c.Decode("test.yaml", []byte(yaml))
	if err == nil {
		_, err = c.Apply(ctx, owner, docs, catalog.ApplyOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func importer(t testing.TB, name string) catalog.Importer {
	t.Helper()
	for _, i := range strategy.Module().Importers {
		if i.Name == name {
			return i
		}
	}
	t.Fatalf("no importer %q", name)
	return catalog.Importer{}
}

func load(t testing.TB, c *catalog.Catalog, format string, args map[string]string, files ...catalog.File) *catalog.ImportReport {
	t.Helper()
	report, err := importer(t, format).Import(ctx, c, owner, files, catalog.ImportOptions{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func export(t testing.TB, c *catalog.Catalog, name, format string, args map[string]string) []catalog.File {
	t.Helper()
	for _, x := range strategy.Module().Exporters {
		if x.Name == name {
			files, err := x.Export(ctx, c, owner, catalog.ExportOptions{Format: format, Args: args})
			if err != nil {
				t.Fatal(err)
			}
			return files
		}
	}
	t.Fatalf("no exporter %q", name)
	return nil
}

// filesIn reads a folder, naming the files below a given one.
func filesIn(t testing.TB, dir, as string) []catalog.File {
	t.Helper()
	var files []catalog.File
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		files = append(files, catalog.File{Name: path.Join(as, name), Data: data})
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

func text(name, content string) catalog.File {
	return catalog.File{Name: name, Data: []byte(content)}
}

func get(t testing.TB, c *catalog.Catalog, ref string) *entity.Entity {
	t.Helper()
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Get(ctx, owner, r)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func spec[T any](t testing.TB, e *entity.Entity) T {
	t.Helper()
	s, err := catalog.Spec[T](e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func statusOf(t testing.TB, e *entity.Entity) strategy.Standing {
	t.Helper()
	var s strategy.Standing
	if len(e.Status) > 0 {
		if err := json.Unmarshal(e.Status, &s); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// all returns the entities of a kind as a file would hold them, by reference,
// with their status.
func all(t testing.TB, c *catalog.Catalog, kind string) map[string]*entity.Entity {
	t.Helper()
	out := map[string]*entity.Entity{}
	err := c.Each(ctx, owner, catalog.Query{Kinds: []string{kind}}, func(e *entity.Entity) error {
		clean := catalog.Clean(e)
		clean.Status = e.Status
		out[e.Ref().String()] = clean
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// patch edits an entity as a form does.
func patch(t testing.TB, c *catalog.Catalog, ref, merge string) {
	t.Helper()
	if _, err := c.Patch(ctx, owner, get(t, c, ref).Ref(), json.RawMessage(merge), catalog.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}
