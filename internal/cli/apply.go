package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// applying is the flags of apply and diff.
type applying struct {
	files []string
	opts  catalog.ApplyOptions
	hand  hand
	out   string
}

func (a *applying) declare(f *flags) {
	filesFlag(f, &a.files)
	f.yes(&a.opts.Force, "force", "", lang.T("Take the file's value where somebody else changed the same field.", "Toma el valor del fichero donde otra persona cambió el mismo campo."))
	f.text(&a.opts.Prune, "prune", "", "", lang.T("Delete what has these labels (`selector`), was applied before by the same manager and is not in the files now.", "Borra lo que tiene estas etiquetas (`selector`), aplicó antes el mismo gestor y ya no está en los ficheros."))
	f.text(&a.hand.manager, "manager", "", "apply", lang.T("`NAME` of who holds the fields of these files; pipelines that apply different files use different names.", "Nombre (`NAME`) de quien tiene los campos de estos ficheros; procesos que aplican ficheros distintos usan nombres distintos."))
}

func reasonFlag(f *flags, p *string) {
	f.text(p, "reason", "", "", lang.T("Why (`words`), kept with each revision.", "Por qué (`words`); se guarda con cada revisión."))
}

func applyCommand() *command {
	var a applying
	return &command{
		use: "apply -f PATH…", short: lang.T("Make the catalog hold what files say.", "Hace que el catálogo contenga lo que dicen los ficheros."),
		long: lang.T(`Make the catalog hold what files say: all of it, or nothing when anything is wrong.

The same files applied again change nothing. A field that somebody else changed
since is left alone, unless the files change it too: then apply names both values
and stops (exit code 6); --force takes the files'.`,
			`Hace que el catálogo contenga lo que dicen los ficheros: todo, o nada si algo está mal.

Aplicar otra vez los mismos ficheros no cambia nada. Un campo que otra persona
cambió entretanto se respeta, salvo que los ficheros también lo cambien: entonces
apply nombra ambos valores y se detiene (código 6); --force toma el de los ficheros.`),
		examples: []example{
			{lang.T("A file, and a folder with all below it", "Un fichero, y una carpeta con todo lo que contiene"), "binnacle apply -f catalog-info.yaml -f ./teams"},
			{lang.T("From another program", "Desde otro programa"), "kustomize build . | binnacle apply -f -"},
			{lang.T("See first", "Ver antes"), "binnacle apply -f ./teams --dry-run"},
			{lang.T("A pipeline that owns its files: what left them is deleted", "Un proceso dueño de sus ficheros: lo que sale de ellos se borra"), "binnacle apply -f ./teams --manager teams-repo --prune source=teams-repo --reason \"commit $SHA\""},
		},
		access: onKinds(auth.Write).making(), max: -1,
		flags: func(f *flags) {
			a.declare(f)
			f.yes(&a.opts.DryRun, "dry-run", "", lang.T("Say what would happen and write nothing.", "Dice qué pasaría y no escribe nada."))
			reasonFlag(f, &a.hand.reason)
			f.choice(&a.out, "output", "o", "text", []string{"text", "name", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: a.run,
	}
}

func (a *applying) run(ctx context.Context, s *session, args []string) error {
	result, err := a.apply(ctx, s, args)
	if err != nil {
		return err
	}
	s.warn(result.Warnings)
	return s.writeChanges(a.out, result.Changes, result.DryRun, result)
}

// apply reads the files and applies them.
func (a *applying) apply(ctx context.Context, s *session, args []string) (*catalog.ApplyResult, error) {
	files, err := s.entityFiles(a.files, args)
	if err != nil {
		return nil, err
	}
	at, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	step, done := s.progress(lang.T("comparing", "comparando"))
	defer done()
	a.hand.progress = step
	return at.Apply(ctx, files, a.opts, a.hand)
}

func (s *session) warn(warnings []catalog.Warning) {
	for _, w := range warnings {
		word, state := lang.T("warning:", "aviso:"), "warn"
		if w.Note {
			word, state = lang.T("note:", "nota:"), "info"
		}
		fmt.Fprintf(s.Err, "%s %s\n", s.paint(s.ErrTTY, state, s.say(word)), oneLine(w.Problem().String(), 0))
	}
}

var opWords = map[catalog.Op]lang.Text{
	catalog.Created: lang.T("created", "creado"), catalog.Updated: lang.T("updated", "cambiado"), catalog.Unchanged: lang.T("unchanged", "sin cambios"),
	catalog.Deleted: lang.T("deleted", "borrado"), catalog.Renamed: lang.T("renamed", "renombrado"), catalog.Restored: lang.T("restored", "restaurado"),
	catalog.Restated: lang.T("new status", "estado nuevo"),
}

var opStates = map[catalog.Op]string{catalog.Created: "ok", catalog.Updated: "info", catalog.Deleted: "bad", catalog.Renamed: "info", catalog.Restored: "info", catalog.Restated: "info", catalog.Unchanged: "idle"}

// writeChanges prints what was done to each entity, then how many of each.
func (s *session) writeChanges(out string, changes []catalog.Change, dryRun bool, whole any) error {
	switch out {
	case "json":
		return writeJSON(s.Out, whole)
	case "name":
		for _, ch := range changes {
			if ch.Op != catalog.Unchanged {
				fmt.Fprintln(s.Out, short(ch.Ref))
			}
		}
		return nil
	}
	counts := map[catalog.Op]int{}
	for _, ch := range changes {
		counts[ch.Op]++
		if ch.Op != catalog.Unchanged {
			fmt.Fprintf(s.Out, "%s %s\n", short(ch.Ref), s.paint(s.OutTTY, opStates[ch.Op], s.opWord(ch.Op, dryRun)))
		}
	}
	fmt.Fprintln(s.Out, s.tally(counts, dryRun))
	return nil
}

func (s *session) opWord(op catalog.Op, dryRun bool) string {
	word := opWords[op].In(s.code)
	if dryRun {
		return s.say(lang.T("%s (dry run)", "%s (simulacro)"), word)
	}
	return word
}

// tally writes "2 created, 1 unchanged".
func (s *session) tally(counts map[catalog.Op]int, dryRun bool) string {
	var parts []string
	for _, op := range []catalog.Op{catalog.Created, catalog.Updated, catalog.Restored, catalog.Deleted, catalog.Unchanged} {
		if counts[op] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[op], opWords[op].In(s.code)))
		}
	}
	text := strings.Join(parts, ", ")
	if text == "" {
		text = s.say(lang.T("nothing to do", "nada que hacer"))
	}
	if dryRun {
		text += s.say(lang.T("; dry run: nothing was written", "; simulacro: no se escribió nada"))
	}
	return text
}
