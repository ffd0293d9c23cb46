package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// looking is the flags of history.
type looking struct {
	namespace, compare, out string
	rev, limit              int64
}

func historyCommand() *command {
	var h looking
	return &command{
		use: "history KIND/NAME", short: lang.T("Show who changed a thing, when and why.", "Muestra quién cambió una cosa, cuándo y por qué."),
		long: lang.T("List the revisions of a thing, the newest first; of a deleted one too. --rev prints one of them, --compare what differs between two.",
			"Enumera las revisiones de una cosa, la última primero; también de una borrada. --rev imprime una, --compare las diferencias entre dos."),
		examples: []example{
			{lang.T("Who changed it", "Quién la cambió"), "binnacle history component/checkout"},
			{lang.T("As it was", "Cómo era"), "binnacle history component/checkout --rev 3"},
			{lang.T("What changed between two revisions", "Qué cambió entre dos revisiones"), "binnacle history component/checkout --compare 3,7"},
		},
		access: onKinds(auth.Read), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			namespaceFlag(f, &h.namespace)
			f.number(&h.rev, "rev", "", 0, lang.T("Print this revision (`N`).", "Imprime esta revisión (`N`)."))
			f.text(&h.compare, "compare", "", "", lang.T("Compare two revisions (`A,B`).", "Compara dos revisiones (`A,B`)."))
			f.number(&h.limit, "limit", "", 50, lang.T("How many revisions at most (`N`).", "Cuántas revisiones como mucho (`N`)."))
			f.choice(&h.out, "output", "o", "table", []string{"table", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: h.run,
	}
}

func (h *looking) run(ctx context.Context, s *session, args []string) error {
	ref, err := s.one(args, h.namespace)
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	switch {
	case h.compare != "":
		return h.differences(ctx, s, at, ref)
	case h.rev > 0:
		return h.revision(ctx, s, at, ref)
	}
	list, err := at.History(ctx, ref, int(h.limit))
	if err != nil {
		return err
	}
	if h.out == "json" {
		return writeJSON(s.Out, list)
	}
	return s.write(s.revisionTable(list))
}

func (s *session) revisionTable(list []catalog.Revision) *table {
	t := &table{head: s.heads(lang.T("Rev", "Rev"), lang.T("When (UTC)", "Cuándo (UTC)"), lang.T("What", "Qué"), lang.T("Who", "Quién"), lang.T("With", "Con"), lang.T("Why", "Por qué"))}
	for _, r := range list {
		t.add(plain(strconv.FormatInt(r.Rev, 10)), plain(moment(r.At)), cell{opWords[r.Op].In(s.code), opStates[r.Op]}, plain(r.Name), plain(r.Manager), plain(oneLine(r.Reason, maxTitle)))
	}
	return t
}

func (h *looking) revision(ctx context.Context, s *session, at *installation, ref entity.Ref) error {
	r, err := at.Revision(ctx, ref, h.rev)
	if err != nil {
		return err
	}
	if h.out == "json" {
		return writeJSON(s.Out, r)
	}
	return s.Kinds.EncodeYAML(s.Out, r.Entity)
}

func (h *looking) differences(ctx context.Context, s *session, at *installation, ref entity.Ref) error {
	a, b, err := revPair(h.compare)
	if err != nil {
		return err
	}
	before, err := at.Revision(ctx, ref, a)
	if err != nil {
		return err
	}
	after, err := at.Revision(ctx, ref, b)
	if err != nil {
		return err
	}
	fields := catalog.Diff(present(before), present(after))
	if h.out == "json" {
		return writeJSON(s.Out, append([]catalog.FieldChange{}, fields...))
	}
	fmt.Fprintf(s.Out, "%s: %d → %d\n", ref.Short(), a, b)
	if len(fields) == 0 {
		s.print("  no difference", "  sin diferencias")
	}
	s.writeFields(fields)
	return nil
}

// present returns the entity of a revision; nil where it was deleted.
func present(r *catalog.Revision) *entity.Entity {
	if r.Op == catalog.Deleted {
		return nil
	}
	return r.Entity
}

// revPair reads "3,7" or "3..7".
func revPair(text string) (a, b int64, err error) {
	left, right, ok := strings.Cut(strings.ReplaceAll(text, "..", ","), ",")
	a, err1 := strconv.ParseInt(left, 10, 64)
	b, err2 := strconv.ParseInt(right, 10, 64)
	if !ok || err1 != nil || err2 != nil || a < 1 || b < 1 {
		return 0, 0, usage("--compare %s does not name two revisions", "--compare %s no nombra dos revisiones", text).hinting("write --compare 3,7", "escribe --compare 3,7")
	}
	return a, b, nil
}

// writeFields prints what changed, field by field.
func (s *session) writeFields(fields []catalog.FieldChange) {
	for _, f := range fields {
		if f.Path == "apiVersion" || f.Path == "kind" {
			continue // the line above says what it is
		}
		if f.Before != nil {
			fmt.Fprintln(s.Out, s.paint(s.OutTTY, "bad", fmt.Sprintf("  - %s: %s", f.Path, oneLine(string(f.Before), 0))))
		}
		if f.After != nil {
			fmt.Fprintln(s.Out, s.paint(s.OutTTY, "ok", fmt.Sprintf("  + %s: %s", f.Path, oneLine(string(f.After), 0))))
		}
	}
}

// changing is the flags of revert and rename.
type changing struct {
	namespace string
	hand      hand
	to        int64
}

func revertCommand() *command {
	var c changing
	return &command{
		use: "revert KIND/NAME", aliases: []string{"undo"}, short: lang.T("Bring back an earlier revision of a thing.", "Recupera una revisión anterior de una cosa."),
		long: lang.T("Bring back an earlier revision, as a new one. Without --to it is the one before the last change; what was deleted comes back.",
			"Recupera una revisión anterior, como revisión nueva. Sin --to es la anterior al último cambio; lo borrado vuelve."),
		examples: []example{
			{lang.T("Undo the last change, or a deletion", "Deshacer el último cambio, o un borrado"), "binnacle revert component/checkout"},
			{lang.T("Back to revision 3, with the reason", "Volver a la revisión 3, con el motivo"), "binnacle revert component/checkout --to 3 --reason 'moved by mistake'"},
		},
		access: onKinds(auth.Write), min: 1, max: 2, complete: completeTargets,
		flags: func(f *flags) {
			namespaceFlag(f, &c.namespace)
			f.number(&c.to, "to", "", 0, lang.T("The revision (`N`).", "La revisión (`N`)."))
			reasonFlag(f, &c.hand.reason)
		},
		run: c.revert,
	}
}

func (c *changing) revert(ctx context.Context, s *session, args []string) error {
	ref, err := s.one(args, c.namespace)
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if c.to == 0 {
		if c.to, err = lastGood(ctx, at, ref); err != nil {
			return err
		}
	}
	c.hand.manager = "cli"
	ch, err := at.Restore(ctx, ref, c.to, c.hand)
	if err != nil {
		return err
	}
	s.print("%s is as in revision %d again (now revision %d)", "%s vuelve a ser como en la revisión %d (ahora, revisión %d)", short(ch.Ref), c.to, ch.Rev)
	return nil
}

// lastGood is the revision before the last one.
func lastGood(ctx context.Context, at *installation, ref entity.Ref) (int64, error) {
	list, err := at.History(ctx, ref, 2)
	if err != nil {
		return 0, err
	}
	if len(list) < 2 {
		return 0, failed(exitFailed, "%s has only one revision", "%s solo tiene una revisión", ref.Short()).hinting("to remove it: binnacle delete %s", "para borrarlo: binnacle delete %s", ref.Short())
	}
	return list[1].Rev, nil
}

func renameCommand() *command {
	var c changing
	return &command{
		use: "rename KIND/NAME NEW-NAME", aliases: []string{"mv"}, short: lang.T("Give a thing another name; references follow.", "Da otro nombre a una cosa; las referencias la siguen."),
		long: lang.T("Give a thing another name in its namespace. References in other things are rewritten, and the former name keeps leading to it.",
			"Da otro nombre a una cosa en su espacio de nombres. Las referencias de otras cosas se reescriben, y el nombre anterior sigue llevando a ella."),
		examples: []example{{lang.T("Rename a team", "Renombrar un equipo"), "binnacle rename group/platform foundation --reason 'new name since May'"}},
		access:   onKinds(auth.Write), min: 2, max: 3, complete: completeTargets,
		flags: func(f *flags) {
			namespaceFlag(f, &c.namespace)
			reasonFlag(f, &c.hand.reason)
		},
		run: c.rename,
	}
}

func (c *changing) rename(ctx context.Context, s *session, args []string) error {
	ref, err := s.one(args[:len(args)-1], c.namespace)
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	c.hand.manager = "cli"
	ch, err := at.Rename(ctx, ref, args[len(args)-1], c.hand)
	if err != nil {
		return err
	}
	s.print("%s is now %s", "%s es ahora %s", ref.Short(), short(ch.Ref))
	return nil
}
