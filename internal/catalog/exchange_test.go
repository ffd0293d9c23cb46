package catalog_test

import (
	"context"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// A format is told only what it can be told; a misspelt argument is refused
// before anything is read or written.
func TestFormatsKnowTheirArguments(t *testing.T) {
	doc := lang.T("the day", "el día")
	caller := catalog.Caller{Principal: auth.Local("acme", "Ana", "ana")}
	read := func(maps bool, args []catalog.Arg, told map[string]string) error {
		im := catalog.Importer{Name: "rings", Room: auth.Strategy, Args: args, Maps: maps,
			Read: func(_ context.Context, _ *catalog.Catalog, _ catalog.Caller, _ []catalog.File, o catalog.ImportOptions) (*catalog.ImportReport, error) {
				return &catalog.ImportReport{}, nil
			}}
		_, err := im.Import(t.Context(), nil, caller, nil, catalog.ImportOptions{Args: told})
		return err
	}
	write := func(_ bool, args []catalog.Arg, told map[string]string) error {
		ex := catalog.Exporter{Name: "rings", Args: args, Write: func(context.Context, *catalog.Catalog, catalog.Caller, catalog.ExportOptions) ([]catalog.File, error) {
			return nil, nil
		}}
		_, err := ex.Export(t.Context(), nil, caller, catalog.ExportOptions{Args: told})
		return err
	}
	day := []catalog.Arg{{Name: "date", Doc: doc}, {Name: "cycle", Doc: doc}}
	for _, tt := range []struct {
		name  string
		by    func(bool, []catalog.Arg, map[string]string) error
		maps  bool
		args  []catalog.Arg
		told  map[string]string
		wrong string
		hint  string
	}{
		{"nothing told", read, false, day, nil, "", ""},
		{"known", read, false, day, map[string]string{"date": "2026-05-01"}, "", ""},
		{"misspelt", read, false, day, map[string]string{"date": "x", "dtae": "x"}, `there is no argument "dtae"`, "the arguments are date, cycle"},
		{"it has none", read, false, nil, map[string]string{"date": "x"}, `there is no argument "date"`, ""},
		{"a column", read, true, day, map[string]string{"map.closed": "Done"}, "", ""},
		{"no columns here", read, false, day, map[string]string{"map.closed": "Done"}, `there is no argument "map.closed"`, "the arguments are date, cycle"},
		{"written", write, false, day, map[string]string{"cycle": "q3"}, "", ""},
		{"misspelt in an export", write, false, day, map[string]string{"cicle": "q3"}, `there is no argument "cicle"`, "the arguments are date, cycle"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.by(tt.maps, tt.args, tt.told)
			if tt.wrong == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !fault.Is(err, fault.Invalid) || err.Error() != tt.wrong || fault.HintOf(err) != tt.hint {
				t.Errorf("got %v, hint %q; want %s, hint %q", err, fault.HintOf(err), tt.wrong, tt.hint)
			}
		})
	}
}

// A summary is told in both languages, part by part; what came from a server is
// as it was sent.
func TestSummary(t *testing.T) {
	r := catalog.ImportReport{Problems: []fault.Problem{{}}}
	r.Changes = []catalog.Change{{Op: catalog.Created}, {Op: catalog.Restored}, {Op: catalog.Unchanged}, {Op: catalog.Unchanged}}
	r.Tell(lang.Some(1200, lang.T("edition", "edición"), lang.T("editions", "ediciones")))
	r.TellChanges()
	r.TellProblems()
	if got, want := r.Said(lang.English), "1,200 editions; 1 created, 1 updated, 2 unchanged; 1 problem"; got != want || r.Summary != want {
		t.Errorf("got %q and %q, want %q", got, r.Summary, want)
	}
	if got, want := r.Said(lang.Spanish), "1200 ediciones; nuevos: 1, cambiados: 1, sin cambios: 2; 1 problema"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	sent := catalog.ImportReport{Summary: "1 edition"}
	if got := sent.Said(lang.Spanish); got != "1 edition" {
		t.Errorf("got %q", got)
	}
}
