package catalog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/observe"
)

// File is a file by name with its bytes, as it was uploaded or read. Name may
// hold folders, with slashes.
type File struct {
	Name string
	Data []byte
}

// Importer turns files of a foreign format into entities and applies them, or
// into rows of a table of observations (see Observe). Call Import, which asks
// first.
type Importer struct {
	Name   string // "radar", as in binnacle import radar
	Title  lang.Text
	Doc    lang.Text
	Room   string
	Wide   bool     // its files may hold kinds of other rooms than Room
	Accept []string // endings of the files it reads, as ".csv"
	Args   []Arg    // what it may be told beyond the files
	Maps   bool     // it may also be told which column holds a field: map.FIELD=Column
	Read   func(context.Context, *Catalog, Caller, []File, ImportOptions) (*ImportReport, error)
}

// Ask refuses who may write nothing that the importer could bring in.
func (i Importer) Ask(p auth.Principal) error {
	room := i.Room
	if i.Wide {
		room = auth.Somewhere
	}
	return p.Can(auth.Write, auth.Resource{Room: room})
}

// Import asks whether the caller may write, and only then reads the files and
// applies what they hold; each kind in them is asked for again.
func (i Importer) Import(ctx context.Context, c *Catalog, caller Caller, files []File, opts ImportOptions) (*ImportReport, error) {
	if err := i.Ask(caller.Principal); err != nil {
		return nil, err
	}
	if err := known(i.Args, opts.Args, func(name string) bool { return i.Maps && strings.HasPrefix(name, "map.") }); err != nil {
		return nil, err
	}
	return i.Read(ctx, c, caller, files, opts)
}

// Arg is something a format may be told: name=value, on the command line also
// --name value.
type Arg struct {
	Name string
	Doc  lang.Text // what it does, in a few words
}

// known refuses an argument that a format does not have. A misspelt one would
// be passed over without a word.
func known(args []Arg, told map[string]string, also func(string) bool) error {
	var names []string
	for _, a := range args {
		names = append(names, a.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if slices.Contains(names, name) || also(name) {
			continue
		}
		err := fault.New(fault.Invalid, "there is no argument %q", name).Coded("argument")
		if len(names) > 0 {
			err = err.WithHint("the arguments are %s", strings.Join(names, ", "))
		}
		return err
	}
	return nil
}

// ImportOptions steer an import.
type ImportOptions struct {
	DryRun   bool
	Args     map[string]string // what the format asks for beyond files, by name
	Progress func(done, total int)
}

// ImportReport says what an import did. Problems are rows or files that were
// refused; everything else was imported. Rows counts what was observed, by
// table.
type ImportReport struct {
	ApplyResult
	Rows     []observe.Counts `json:"rows,omitempty"`
	Problems []fault.Problem  `json:"problems,omitempty"`
	Summary  string           `json:"summary,omitempty"` // in English; Tell sets it
	told     lang.Text
}

// Tell adds what the import did to its summary, which Said gives in the language
// of a reader.
func (r *ImportReport) Tell(parts ...lang.Text) {
	for _, p := range parts {
		if r.told.En != "" {
			r.told = lang.T(r.told.En+"; "+p.En, r.told.Es+"; "+p.Es)
		} else {
			r.told = p
		}
	}
	r.Summary = r.told.En
}

// Said returns the summary in a language; one that came from a server is in
// English.
func (r *ImportReport) Said(c lang.Code) string { return cmp.Or(r.told.In(c), r.Summary) }

// TellProblems adds how many rows or files were refused, when some were.
func (r *ImportReport) TellProblems() {
	if n := len(r.Problems); n > 0 {
		r.Tell(lang.Some(n, lang.T("problem", "problema"), lang.T("problems", "problemas")))
	}
}

// TellChanges adds how many entities were created, updated and left.
func (r *ImportReport) TellChanges() {
	n := map[Op]int{}
	for _, ch := range r.Changes {
		n[ch.Op]++
	}
	made, changed, same := n[Created], n[Updated]+n[Restored], n[Unchanged]
	r.Tell(lang.T(fmt.Sprintf("%d created, %d updated, %d unchanged", made, changed, same), fmt.Sprintf("nuevos: %d, cambiados: %d, sin cambios: %d", made, changed, same)))
}

// Nothing reports whether nothing was read that could be imported.
func (r *ImportReport) Nothing() bool { return len(r.Changes) == 0 && len(r.Rows) == 0 }

// Exporter writes entities in a foreign format. Call Export, which looks at the
// arguments first.
type Exporter struct {
	Name    string
	Title   lang.Text
	Doc     lang.Text
	Room    string
	Formats []string // the first is taken when none is asked for
	Args    []Arg    // what it may be told
	Write   func(context.Context, *Catalog, Caller, ExportOptions) ([]File, error)
}

// Export writes the files. What the caller may not read is not in them.
func (e Exporter) Export(ctx context.Context, c *Catalog, caller Caller, opts ExportOptions) ([]File, error) {
	if err := known(e.Args, opts.Args, func(string) bool { return false }); err != nil {
		return nil, err
	}
	return e.Write(ctx, c, caller, opts)
}

// ExportOptions steer an export.
type ExportOptions struct {
	Format string
	Query  Query
	Args   map[string]string
}
