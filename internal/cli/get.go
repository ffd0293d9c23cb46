package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// getting is the flags of get.
type getting struct {
	selection
	out, sort string
	limit     int64
	watch     bool
}

var getOutputs = []string{"table", "wide", "yaml", "json", "name"}

func getCommand() *command {
	var g getting
	return &command{
		use: "get [KIND | KIND NAME… | KIND/NAME…]", aliases: []string{"ls"}, short: lang.T("List things, or show some of them.", "Enumera cosas, o muestra algunas."),
		long: lang.T(`List the things of a kind, or show those that are named.

Without a kind, -l, --owner, --tag, --filter and --search look in all kinds.
-o json is an array of whole entities with their status, -o yaml as many
documents; one thing that is named is printed alone.`,
			`Enumera las cosas de una clase, o muestra las que se nombran.

Sin clase, -l, --owner, --tag, --filter y --search buscan en todas.
-o json es una lista de entidades enteras con su estado, -o yaml otros tantos
documentos; una sola cosa nombrada se imprime sola.`),
		examples: []example{
			{lang.T("The components of a team", "Los componentes de un equipo"), "binnacle get components --owner group:payments"},
			{lang.T("One of them, whole", "Uno de ellos, entero"), "binnacle get component/checkout -o yaml"},
			{lang.T("What a filter finds, newest change first", "Lo que encuentra un filtro, lo último primero"), "binnacle get components --filter 'spec.lifecycle == \"production\"' --sort -updated"},
			{lang.T("Everything with a label, as names for another command", "Todo lo que tiene una etiqueta, como nombres para otra orden"), "binnacle get -l tier=1 -o name | xargs binnacle describe"},
			{lang.T("Every technology with the ring of each edition", "Cada tecnología con su anillo en cada edición"), "binnacle get technologies -o json"},
		},
		access: onKinds(auth.Read), max: -1, complete: completeTargets,
		flags: func(f *flags) {
			g.declare(f)
			f.choice(&g.out, "output", "o", "table", getOutputs, lang.T("What to print", "Qué se imprime"))
			f.text(&g.sort, "sort", "", "", lang.T("name, title, updated, created, kind, owner or the `path` of a column; with - before it, the other way.", "name, title, updated, created, kind, owner o la ruta (`path`) de una columna; con - delante, al revés."))
			f.number(&g.limit, "limit", "", 0, lang.T("How many at most (`N`); 0 is all.", "Cuántas como mucho (`N`); 0 son todas."))
			f.yes(&g.watch, "watch", "w", lang.T("Go on and show each change as it happens.", "Sigue y muestra cada cambio cuando ocurre."))
		},
		run: g.run,
	}
}

func (g *getting) run(ctx context.Context, s *session, args []string) error {
	t, err := s.targets(args, g.namespace)
	if err != nil {
		return err
	}
	if len(args) == 0 && g.empty() {
		return usage("it is not said what to get", "no se dice qué obtener").hinting("name a kind (binnacle explain lists them), or narrow with -l, --owner, --tag, --filter or --search", "nombra una clase (binnacle explain las enumera), o limita con -l, --owner, --tag, --filter o --search")
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	show := func() error { return g.show(ctx, s, at, t) }
	if !g.watch {
		return show()
	}
	return g.follow(ctx, s, at, t, show)
}

func (g *getting) show(ctx context.Context, s *session, at *installation, t targets) error {
	if len(t.refs) > 0 {
		return g.named(ctx, s, at, t.refs)
	}
	if len(t.kinds) > 1 && (g.out == "table" || g.out == "wide") {
		return g.tables(ctx, s, at, t.kinds)
	}
	w := s.lister(g.out, t.kinds, g.everywhere)
	if err := g.list(ctx, at, t.kinds, w.add); err != nil {
		return err
	}
	if err := w.end(); err != nil {
		return err
	}
	if w.count() == 0 {
		g.nothing(s, t.kinds)
	}
	return nil
}

// tables prints kinds one after the other, each with its columns.
func (g *getting) tables(ctx context.Context, s *session, at *installation, kinds []*catalog.Kind) error {
	for i, k := range kinds {
		if i > 0 {
			fmt.Fprintln(s.Out)
		}
		if err := g.show(ctx, s, at, targets{kinds: []*catalog.Kind{k}}); err != nil {
			return err
		}
	}
	return nil
}

func (g *getting) list(ctx context.Context, at *installation, kinds []*catalog.Kind, f func(*entity.Entity) error) error {
	q, err := g.query(kinds)
	if err != nil {
		return err
	}
	q.Sort, q.Desc = strings.CutPrefix(g.sort, "-")
	q.Limit = int(g.limit)
	return at.Each(ctx, q, f)
}

// nothing says that a list is empty, where a person may wonder why.
func (g *getting) nothing(s *session, kinds []*catalog.Kind) {
	what := s.say(lang.T("things", "cosas"))
	if len(kinds) == 1 {
		what = kinds[0].Plural
	}
	where := lang.T("There are no %s in the namespace %s; -A looks in all.", "No hay %s en el espacio %s; -A busca en todos.")
	if g.everywhere {
		s.tell("There are no %s.", "No hay %s.", what)
		return
	}
	ns := g.namespace
	if ns == "" {
		ns = entity.DefaultNamespace
	}
	s.tell(where.En, where.Es, what, ns)
}

// named prints the things that are named. One that is missing is reported, and
// the others are printed all the same.
func (g *getting) named(ctx context.Context, s *session, at *installation, refs []entity.Ref) error {
	var found []*entity.Entity
	var missing error
	for _, ref := range refs {
		e, err := at.Get(ctx, ref)
		switch {
		case fault.Is(err, fault.NotFound) && len(refs) > 1:
			missing = err
			s.tell("%s", "%s", s.sentence(err))
		case err != nil:
			return err
		default:
			found = append(found, e)
		}
	}
	if len(refs) == 1 && g.out == "json" {
		return writeJSON(s.Out, found[0])
	}
	w := s.lister(g.out, s.kindsOf(found), false)
	for _, e := range found {
		if err := w.add(e); err != nil {
			return err
		}
	}
	if err := w.end(); err != nil || missing == nil {
		return err
	}
	return failed(exitNotFound, "%d of %d were not found", "no se encontraron %d de %d", len(refs)-len(found), len(refs))
}

// kindsOf returns the kind of all entities, or nil when they are of several.
func (s *session) kindsOf(es []*entity.Entity) []*catalog.Kind {
	var kinds []*catalog.Kind
	for _, e := range es {
		if k := s.Kinds.Get(e.Kind); k != nil && !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// follow prints the list, then each change of what it is about.
func (g *getting) follow(ctx context.Context, s *session, at *installation, t targets, show func() error) error {
	err := at.Follow(ctx, []string{"entity.*"}, show, func(e feed.Entry) error {
		ref, err := entity.ParseRef(e.Ref, "", "")
		if err != nil || !t.includes(s, ref) || !g.everywhere && len(t.refs) == 0 && ref.Namespace != g.namespaceOr() {
			return nil
		}
		return g.changed(ctx, s, at, e, ref)
	})
	if ctx.Err() != nil {
		return nil // the reader has seen enough
	}
	return err
}

func (g *getting) namespaceOr() string {
	if g.namespace == "" {
		return entity.DefaultNamespace
	}
	return g.namespace
}

func (t targets) includes(s *session, ref entity.Ref) bool {
	if len(t.refs) > 0 {
		return slices.Contains(t.refs, ref)
	}
	return len(t.kinds) == 0 || slices.Contains(t.kinds, s.Kinds.Get(ref.Kind))
}

// changed prints one change: a line, or the entity as it is now.
func (g *getting) changed(ctx context.Context, s *session, at *installation, entry feed.Entry, ref entity.Ref) error {
	e, err := at.Get(ctx, ref)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	switch {
	case e != nil && g.out == "json":
		return writeJSON(s.Out, e)
	case e != nil && g.out == "yaml":
		fmt.Fprintln(s.Out, "---")
		return fullYAML(s.Out, s.Kinds, e)
	case g.out == "name":
		fmt.Fprintln(s.Out, ref.Short())
	case g.out == "table", g.out == "wide":
		op := catalog.Op(strings.TrimPrefix(entry.Type, "entity."))
		title := ""
		if e != nil {
			title = oneLine(e.DisplayTitle(), 60)
		}
		fmt.Fprintf(s.Out, "%s  %s  %s  %s\n", entry.At.Local().Format(time.TimeOnly), ref.Short(), s.paint(s.OutTTY, opStates[op], s.opWord(op, false)), title)
	}
	return nil
}
