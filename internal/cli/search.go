package cli

import (
	"context"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func searchCommand() *command {
	var kinds []string
	var limit int64
	var out string
	return &command{
		use: "search WORDS…", short: lang.T("Find things by words anywhere in them.", "Encuentra cosas por palabras en cualquier parte."),
		long: lang.T("Find things by words anywhere in them, the best first. Part of a word is enough.", "Encuentra cosas por palabras en cualquier parte, las mejores primero. Basta parte de una palabra."),
		examples: []example{
			{lang.T("In all kinds", "En todas las clases"), "binnacle search payment gateway"},
			{lang.T("In decisions only", "Solo en decisiones"), "binnacle search postgres --kind decision"},
		},
		access: access{Verb: auth.Read}, min: 1, max: -1,
		flags: func(f *flags) {
			f.texts(&kinds, "kind", "", lang.T("Only this `kind`; repeat for several.", "Solo esta clase (`kind`); repítela para varias."))
			f.number(&limit, "limit", "", 20, lang.T("How many at most (`N`).", "Cuántas como mucho (`N`)."))
			f.choice(&out, "output", "o", "table", []string{"table", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			hits, err := at.Search(ctx, strings.Join(args, " "), kinds, int(limit))
			if err != nil {
				return err
			}
			return s.writeHits(out, hits)
		},
	}
}

func (s *session) writeHits(out string, hits []catalog.Hit) error {
	for i := range hits {
		hits[i].Snippet = strings.NewReplacer("\x02", "", "\x03", "").Replace(hits[i].Snippet)
	}
	if out == "json" {
		return writeJSON(s.Out, append([]catalog.Hit{}, hits...))
	}
	if len(hits) == 0 {
		s.tell("Nothing was found.", "No se encontró nada.")
		return nil
	}
	t := &table{head: s.heads(lang.T("Name", "Nombre"), lang.T("Title", "Título"), lang.T("Where", "Dónde"))}
	for _, h := range hits {
		t.texts(short(h.Ref), oneLine(h.Title, maxTitle), oneLine(h.Snippet, 80))
	}
	return s.write(t)
}
