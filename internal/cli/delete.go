package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

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
			"Borra lo que se nombra, lo que encuentra una lista o lo que contienen archivos. Pregunta antes; con --yes no. Un borrado es una revisión: binnacle revert lo recupera."),
		examples: []example{
			{lang.T("One thing", "Una cosa"), "binnacle delete component/checkout --reason 'switched off in May'"},
			{lang.T("What a selector finds, without asking", "Lo que encuentra un selector, sin preguntar"), "binnacle delete components -l source=old-import --yes"},
			{lang.T("What files hold: see first", "Lo que contienen archivos: ver antes"), "binnacle delete -f ./teams --dry-run"},
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

// confirm asks a question whose answer must be yes.
func (s *session) confirm(question lang.Text) error {
	if !s.InTTY {
		return usage("this asks first, and there is nobody to ask", "esto pregunta antes, y no hay a quién").
			hinting("add --yes to go on without asking", "añade --yes para seguir sin preguntar")
	}
	answer, err := s.ask(lang.T(question.En+" [y/N] ", question.Es+" [s/N] "))
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes", "s", "si", "sí":
		return nil
	}
	return failed(exitFailed, "nothing was done", "no se hizo nada").hinting("answer y, or add --yes", "responde s, o añade --yes")
}

// ask writes a question and reads one line.
func (s *session) ask(question lang.Text) (string, error) {
	if s.InTTY {
		fmt.Fprint(s.Err, question.In(s.code))
	}
	line, err := s.line()
	return strings.TrimSpace(line), err
}

// line reads a line of standard input.
func (s *session) line() (string, error) {
	if s.lines == nil {
		s.lines = bufio.NewReader(s.In)
	}
	line, err := s.lines.ReadString('\n')
	if err == io.EOF && line != "" {
		err = nil
	}
	if err == io.EOF {
		return "", usage("standard input is empty", "la entrada estándar está vacía").hinting("give what is asked for on standard input, or at a terminal", "da lo que se pide por la entrada estándar, o en una terminal")
	}
	return strings.TrimRight(line, "\r\n"), err
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
