package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// demo is the flags of demo.
type demo struct {
	serving
	keep, write string
}

func demoCommand() *command {
	var v demo
	return &command{
		use: "demo", short: lang.T("Serve a sample organisation, to look around.", "Sirve una organización de ejemplo, para echar un vistazo."),
		long: lang.T(`Serve a sample organisation with two years behind it, from a temporary data folder, which
is removed at the end, and print links by which you sign in once: as its CTO, as the lead of
a team and as an auditor. Its dates are as seen from today; --write shows its files with
them and serves nothing.`,
			`Sirve una organización de ejemplo con dos años a sus espaldas, desde una carpeta de datos
temporal, que se borra al final, e imprime enlaces para entrar una vez: como su CTO, como
responsable de un equipo y como auditora. Sus fechas se ven desde hoy; --write muestra sus
archivos con ellas y no sirve nada.`),
		examples: []example{
			{lang.T("Look around", "Echar un vistazo"), "binnacle demo"},
			{lang.T("Keep what you change", "Conservar lo que cambies"), "binnacle demo --keep ./demo"},
			{lang.T("See what it is made of", "Ver de qué está hecha"), "binnacle demo --write ./kestrane"},
		},
		access: access{Verb: auth.Backup},
		flags: func(f *flags) {
			v.declare(f)
			f.text(&v.keep, "keep", "", "", lang.T("Use and keep this data folder (`DIR`).", "Usa y conserva esta carpeta de datos (`DIR`)."))
			f.text(&v.write, "write", "", "", lang.T("Write the files of the sample organisation into this folder (`DIR`), with the dates of today, and end.", "Escribe los archivos de la organización de ejemplo en esta carpeta (`DIR`), con las fechas de hoy, y termina."))
		},
		run: v.run,
	}
}

// demoTerm is how long the links of a demo last.
const demoTerm = 24 * time.Hour

func (v *demo) run(ctx context.Context, s *session, _ []string) error {
	o, err := sample.Load(s.Sample, s.now())
	if err != nil {
		return err
	}
	if v.write != "" {
		return (&exporting{out: v.write}).writeFolder(s, o.Written())
	}
	dir := v.keep
	if dir == "" {
		temp, err := os.MkdirTemp("", "binnacle-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = filepath.Join(temp, "data")
	}
	held, err := lockFolder(dir, true)
	if err != nil {
		return err
	}
	defer held.release()
	g, links, err := v.open(ctx, s, Place{Data: dir, Database: s.place.Database}, o)
	if err != nil {
		return err
	}
	v.opts.Ready = func(base string) {
		held.announce(base)
		s.print("The sample organisation answers at %s", "La organización de ejemplo responde en %s", base)
		s.print("Sign in, once each, with these links:", "Entra, una vez con cada uno, con estos enlaces:")
		for _, l := range links {
			fmt.Fprintf(s.Out, "  %s\n    %s\n", l.who, base+s.Path("sign-in", l.secret))
		}
		if v.keep == "" {
			s.tell("What you change is gone at the end; --keep DIR keeps it. Ctrl+C ends.", "Lo que cambies se pierde al final; --keep DIR lo conserva. Ctrl+C termina.")
		}
	}
	return v.until(ctx, s, g, held)
}

// guided is a link by which one looks around as somebody.
type guided struct{ who, secret string }

// open opens the sample organisation and makes the links.
func (v *demo) open(ctx context.Context, s *session, at Place, o *sample.Organisation) (*Ground, []guided, error) {
	step, done := s.progress(lang.T("two years pass", "pasan dos años"))
	g, err := s.Demo(ctx, at, o, step)
	done()
	if err != nil {
		return nil, nil, err
	}
	var links []guided
	for _, guest := range o.Guides() {
		made, err := g.Auth.SignInLink(ctx, auth.Local(auth.HomeID, s.localName(), "cli"), guest.Email, demoTerm)
		if err != nil {
			return nil, nil, errors.Join(err, g.Close())
		}
		en, es, _ := strings.Cut(guest.Tour, "|")
		links = append(links, guided{guest.Name + ", " + lang.T(en, es).In(s.code), made.Secret})
	}
	return g, links, nil
}
