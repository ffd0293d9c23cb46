package cli

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func diffCommand() *command {
	var a applying
	return &command{
		use: "diff -f PATH…", short: lang.T("Show what apply would change.", "Muestra qué cambiaría apply."),
		long: lang.T("Show field by field what apply would change, and write nothing. The exit code is 0 when nothing differs and 1 when something does.",
			"Muestra campo a campo qué cambiaría apply, sin escribir nada. El código de salida es 0 si nada difiere y 1 si algo difiere."),
		examples: []example{
			{lang.T("Before an apply", "Antes de aplicar"), "binnacle diff -f ./teams"},
			{lang.T("In a pipeline: fail when the files and the catalog differ", "En un proceso: fallar si los ficheros y el catálogo difieren"), "binnacle diff -f ./teams --prune source=teams-repo > changes.txt"},
		},
		access: onKinds(auth.Write), max: -1,
		flags: func(f *flags) {
			a.declare(f)
			f.choice(&a.out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			a.opts.DryRun = true
			result, err := a.apply(ctx, s, args)
			if err != nil {
				return err
			}
			s.warn(result.Warnings)
			return s.writeDiff(a.out, result)
		},
	}
}

func (s *session) writeDiff(out string, result *catalog.ApplyResult) error {
	changed := []catalog.Change{}
	for _, ch := range result.Changes {
		if ch.Op != catalog.Unchanged {
			changed = append(changed, ch)
		}
	}
	if out == "json" {
		if err := writeJSON(s.Out, changed); err != nil {
			return err
		}
	} else {
		for _, ch := range changed {
			fmt.Fprintf(s.Out, "%s %s\n", short(ch.Ref), s.paint(s.OutTTY, opStates[ch.Op], opWords[ch.Op].In(s.code)))
			s.writeFields(ch.Fields)
		}
	}
	if len(changed) > 0 {
		return errDiffers
	}
	return nil
}
