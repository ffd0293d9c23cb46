package cli

import (
	"context"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// deleting is the flags of delete.
type deleting struct {
	selection
	files       []string
	yes, dryRun bool
	hand        hand
}

func deleteCommand() *command {
	var d deleting
	return &command{
		use: "delete [KIND/NAME… | KIND -l SELECTOR | -f PATH…]", aliases: []string{"rm"}, short: lang.T("Delete things; their history stays.", "Borra cosas; su historia queda."),
		long: lang.T("Delete things that are named, that a list finds, or that files hold. It asks first; --yes does not. A deletion is a revision: binnacle revert brings the thing back.",
			"Borra lo que se nombra, lo que encuentra una lista o lo que contienen ficheros. Pregunta antes; con --yes no. Un borrado es una revisión: binnacle revert lo recupera."),
		examples: []example{
			{lang.T("One thing", "Una cosa"), "binnacle delete component/checkout --reason 'switched off in May'"},
			{lang.T("What a selector finds, without asking", "Lo que encuentra un selector, sin preguntar"), "binnacle delete components -l source=old-import --yes"},
			{lang.T("What files hold: see first", "Lo que contienen ficheros: ver antes"), "binnacle delete -f ./teams --dry-run"},
		},
		access: onKinds(auth.Delete), max: -1, complete: completeTargets,
		flags: func(f *flags) {
			d.declare(f)
			filesFlag(f, &d.files)
			f.yes(&d.yes, "yes", "y", lang.T("Do not ask.", "No pregunta."))
			f.yes(&d.dryRun, "dry-run", "", lang.T("Say what would be deleted and delete nothing.", "Dice qué se borraría y no borra nada."))
			reasonFlag(f, &d.hand.reason)
		},
		run: d.run,
	}
}

func (d *deleting) run(ctx context.Context, s *session, args []string) error {
	t, err := s.targets(args, d.namespace)
	if err != nil {
		return err
	}
	if len(t.kinds) > 0 && d.empty() {
		return usage("this would delete every %s", "esto borraría todo: %s", t.kinds[0].Plural).
			hinting("name things, or choose them with -l, --owner, --tag, --filter or --search", "nombra cosas, o elígelas con -l, --owner, --tag, --filter o --search")
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	refs, err := d.refs(ctx, s, at, t)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		s.tell("Nothing matches: nothing was deleted.", "Nada coincide: no se borró nada.")
		return nil
	}
	if d.dryRun {
		for _, ref := range refs {
			fmt.Fprintf(s.Out, "%s %s\n", ref.Short(), s.opWord(catalog.Deleted, true))
		}
		return nil
	}
	if err := d.confirm(s, refs); err != nil {
		return err
	}
	return d.delete(ctx, s, at, refs)
}

// refs lists what is to be deleted.
func (d *deleting) refs(ctx context.Context, s *session, at *installation, t targets) ([]entity.Ref, error) {
	switch {
	case len(d.files) > 0:
		files, err := s.readFiles(d.files, entityEndings)
		if err != nil {
			return nil, err
		}
		docs, err := decodeAll(s.Kinds, files)
		for _, doc := range docs {
			t.refs = append(t.refs, doc.Entity.Ref())
		}
		return t.refs, err
	case len(t.refs) > 0:
		for _, ref := range t.refs {
			if _, err := at.Get(ctx, ref); err != nil {
				return nil, err
			}
		}
		return t.refs, nil
	case len(t.kinds) == 0 && d.empty():
		return nil, usage("it is not said what to delete", "no se dice qué borrar").hinting("write KIND/NAME, KIND -l SELECTOR or -f PATH", "escribe CLASE/NOMBRE, CLASE -l SELECTOR o -f RUTA")
	}
	q, err := d.query(t.kinds)
	if err != nil {
		return nil, err
	}
	var refs []entity.Ref
	err = at.Each(ctx, q, func(e *entity.Entity) error {
		refs = append(refs, e.Ref())
		return nil
	})
	return refs, err
}

const listedAtMost = 20

func (d *deleting) confirm(s *session, refs []entity.Ref) error {
	if d.yes {
		return nil
	}
	for i, ref := range refs {
		if i == listedAtMost {
			s.tell("  and %d more", "  y %d más", len(refs)-i)
			break
		}
		s.tell("  %s", "  %s", ref.Short())
	}
	return s.confirm(lang.T(fmt.Sprintf("Delete %d thing(s)?", len(refs)), fmt.Sprintf("¿Borrar %d cosa(s)?", len(refs))))
}

// delete deletes one by one; what could not be is reported and the rest goes
// on.
func (d *deleting) delete(ctx context.Context, s *session, at *installation, refs []entity.Ref) error {
	d.hand.manager = "cli"
	var last error
	failures := 0
	for _, ref := range refs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := at.Delete(ctx, ref, d.hand); err != nil {
			last = err
			failures++
			if len(refs) > 1 {
				s.tell("%s: %s", "%s: %s", ref.Short(), s.sentence(err))
			}
			continue
		}
		fmt.Fprintf(s.Out, "%s %s\n", ref.Short(), s.opWord(catalog.Deleted, false))
	}
	switch {
	case failures == 0:
		return nil
	case failures == len(refs):
		return last
	}
	return failed(exitPartly, "%d of %d could not be deleted", "no se pudieron borrar %d de %d", failures, len(refs)).
		hinting("the reasons stand above", "los motivos están arriba")
}
