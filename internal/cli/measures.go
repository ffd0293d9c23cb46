package cli

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func measuresCommand() *command {
	return &command{
		use: "measures", aliases: []string{"measure"}, short: lang.T("Add claims and measures that are ready-made.", "Añade afirmaciones y medidas preparadas."),
		children: []*command{measuresList(), measuresAdd()},
	}
}

func measuresList() *command {
	var out string
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List what is ready to be added.", "Enumera lo que está listo para añadir."),
		examples: []example{{lang.T("All", "Todas"), "binnacle measures list"}},
		access:   offline(),
		flags:    func(f *flags) { tableFlag(f, &out) },
		run: func(_ context.Context, s *session, _ []string) error {
			if out == "json" {
				return s.libraryJSON()
			}
			t := &table{head: s.heads(lang.T("Name", "Nombre"), lang.T("Kind", "Clase"), lang.T("Room", "Sala"), lang.T("What it says", "Qué dice"))}
			for _, r := range s.Library {
				t.texts(r.Name, r.Kind, r.Room, r.Title.In(s.code))
			}
			return s.write(t)
		},
	}
}

func (s *session) libraryJSON() error {
	type ready struct {
		Name  string `json:"name"`
		Kind  string `json:"kind"`
		Room  string `json:"room"`
		Title string `json:"title"`
		Doc   string `json:"doc"`
	}
	list := []ready{}
	for _, r := range s.Library {
		list = append(list, ready{r.Name, r.Kind, r.Room, r.Title.In(s.code), r.Doc.In(s.code)})
	}
	return writeJSON(s.Out, list)
}

func measuresAdd() *command {
	var owner string
	var every bool
	return &command{
		use: "add NAME…", short: lang.T("Add ready-made claims and measures; they are then yours to change.", "Añade afirmaciones y medidas preparadas; después son tuyas y las cambias."),
		examples: []example{
			{lang.T("Two of them", "Dos de ellas"), "binnacle measures add services-owned decisions-reviewed --owner group:platform"},
			{lang.T("All", "Todas"), "binnacle measures add --all"},
		},
		access: onHouse(auth.Write, auth.KindClaim), max: -1,
		flags: func(f *flags) {
			f.text(&owner, "owner", "", "", lang.T("Who answers for them (`GROUP`), as group:platform.", "Quién responde de ellas (`GROUP`), como group:platform."))
			f.yes(&every, "all", "", lang.T("Every one there is.", "Todas las que hay."))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			chosen, err := s.chosen(args, every)
			if err != nil {
				return err
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			return s.addReady(ctx, at, chosen, owner)
		},
	}
}

// chosen returns the ready-made ones that are named.
func (s *session) chosen(args []string, every bool) ([]claim.Ready, error) {
	if every == (len(args) > 0) {
		return nil, usage("name what to add, or --all", "nombra qué añadir, o --all").hinting("binnacle measures list shows what there is", "binnacle measures list enseña lo que hay")
	}
	if every {
		return s.Library, nil
	}
	var out []claim.Ready
	var names []string
	for _, r := range s.Library {
		names = append(names, r.Name)
	}
	for _, a := range args {
		i := slices.Index(names, a)
		if i < 0 {
			f := failed(exitNotFound, "there is no ready-made measure %q", "no hay una medida preparada %q", a)
			if near := catalog.Nearest(a, names); near != "" {
				return nil, f.hinting("did you mean %s?", "¿querías decir %s?", near)
			}
			return nil, f.hinting("binnacle measures list shows what there is", "binnacle measures list enseña lo que hay")
		}
		out = append(out, s.Library[i])
	}
	return out, nil
}

// addReady applies ready-made ones as a file, so that adding one again changes
// nothing that somebody else has changed.
func (s *session) addReady(ctx context.Context, at *installation, list []claim.Ready, owner string) error {
	var b bytes.Buffer
	for i := range list {
		e, err := list[i].Entity(s.code, owner)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		if err := s.Kinds.EncodeYAML(&b, e); err != nil {
			return err
		}
	}
	res, err := at.Apply(ctx, []catalog.File{{Name: "measures.yaml", Data: b.Bytes()}}, catalog.ApplyOptions{}, hand{manager: "measures"})
	if err != nil {
		return err
	}
	for _, ch := range res.Changes {
		fmt.Fprintf(s.Out, "%s %s\n", short(ch.Ref), ch.Op)
	}
	return nil
}
