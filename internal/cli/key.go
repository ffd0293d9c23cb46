package cli

import (
	"context"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func keyCommand() *command {
	return &command{
		use: "key", short: lang.T("Renew the key that seals secrets, or begin anew without it.", "Renueva la clave que sella los secretos, o empieza de nuevo sin ella."),
		children: []*command{keyRotateCommand(), keyResetCommand()},
	}
}

func keyRotateCommand() *command {
	return &command{
		use: "rotate", short: lang.T("Add a new key, and seal every secret with it.", "Añade una clave nueva y sella con ella todos los secretos."),
		long: lang.T(`Add a new key to the key file, and seal with it what is sealed: second factors, and secrets
of single sign-on, of webhooks and for other systems. Nobody notices. The older keys stay
in the file, since older backups need them: take a new copy of the file. Nodes beside this
one need it at once.`,
			`Añade una clave nueva al fichero de clave y sella con ella lo que está sellado: segundos
factores y secretos del inicio de sesión único, de los webhooks y para otros sistemas.
Nadie lo nota. Las claves anteriores siguen en el fichero, porque las copias de seguridad
anteriores las necesitan: haz otra copia del fichero. Si hay más nodos, lo necesitan
enseguida.`),
		examples: []example{{lang.T("Once a year, or when somebody who had a copy leaves", "Una vez al año, o cuando se va alguien que tenía una copia"), "binnacle key rotate --data /var/lib/binnacle"}},
		access:   access{Verb: auth.Backup},
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.openKeyed(ctx)
			if err != nil {
				return err
			}
			id, n, err := at.Auth.RotateKey(ctx, at.who)
			if err != nil {
				return err
			}
			path := s.Layout(s.place.Place).KeyFile
			s.print("The key %s now seals; %d secret(s) were sealed anew", "Ahora sella la clave %s; se han vuelto a sellar %d secreto(s)", id, n)
			s.tell("Take a new copy of %s, apart from the backups, and give it to other nodes.", "Haz otra copia de %s, aparte de las copias de seguridad, y dásela a los demás nodos.", path)
			return nil
		},
	}
}

func keyResetCommand() *command {
	var yes bool
	return &command{
		use: "reset", short: lang.T("Begin anew when the key file is lost.", "Empieza de nuevo cuando se ha perdido el fichero de clave."),
		long: lang.T(`Make a new key when the key file is lost for good. It first says what nobody can read any
more, and asks. That is then removed: people sign in without their second factor until
they set one up again, and each single sign-on is off until its client secret is given
again. What the file still opens stays. Everything else in the database was never sealed.

Look for a copy of the file before: putting it back loses nothing.`,
			`Crea una clave nueva cuando el fichero de clave se ha perdido del todo. Antes dice qué no
puede leer ya nadie, y pregunta. Eso se borra: las personas entran sin su segundo factor
hasta que configuren otro, y cada inicio de sesión único queda apagado hasta que se dé de
nuevo su secreto de cliente. Lo que el fichero aún abre se conserva. Lo demás de la base
de datos nunca estuvo sellado.

Busca antes una copia del fichero: al devolverlo no se pierde nada.`),
		examples: []example{{lang.T("See what is lost, and decide", "Ver qué se ha perdido, y decidir"), "binnacle key reset --data /var/lib/binnacle"}},
		access:   access{Verb: auth.Backup},
		flags:    func(f *flags) { f.yes(&yes, "yes", "y", lang.T("Do it without asking.", "Lo hace sin preguntar.")) },
		run:      func(ctx context.Context, s *session, _ []string) error { return s.resetKey(ctx, yes) },
	}
}

// openKeyed opens a data folder, which alone has a key file.
func (s *session) openKeyed(ctx context.Context) (*local, error) {
	at, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if at.local == nil {
		return nil, usage("a server's key is in its data folder", "la clave de un servidor está en su carpeta de datos").
			hinting("stop the server and run this on its machine with --data DIR", "para el servidor y ejecútalo en su máquina con --data DIR")
	}
	return at.local, nil
}

func (s *session) resetKey(ctx context.Context, yes bool) error {
	at, err := s.openKeyed(ctx)
	if err != nil {
		return err
	}
	lost, err := at.Auth.LostSecrets(ctx)
	if err != nil {
		return err
	}
	s.tellLost(lost)
	if !yes {
		if err := s.confirm(lang.T("Remove what is lost and make a new key?", "¿Borrar lo perdido y crear una clave nueva?")); err != nil {
			return err
		}
	}
	if _, err := at.Auth.ResetKey(ctx, at.who); err != nil {
		return err
	}
	s.print("There is a new key in %s", "Hay una clave nueva en %s", s.Layout(s.place.Place).KeyFile)
	s.tell("Keep a copy of it apart from the backups. Backups from before cannot give back what was removed.", "Guarda una copia aparte de las copias de seguridad. Las copias anteriores no pueden devolver lo borrado.")
	return nil
}

// tellLost lists what a key file does not open.
func (s *session) tellLost(lost auth.Lost) {
	if len(lost.Keys) > 0 {
		s.tell("Without the key(s) %s nobody can read:", "Sin la(s) clave(s) %s nadie puede leer:", strings.Join(lost.Keys, ", "))
		s.tellNames(lang.T("second factors (these people sign in without one until they set it up again)", "segundos factores (estas personas entran sin él hasta que lo configuren de nuevo)"), lost.Factors)
		s.tellNames(lang.T("client secrets of single sign-on (each is off until it is given again)", "secretos de cliente del inicio único (cada uno queda apagado hasta que se dé de nuevo)"), lost.Providers)
		s.tellNames(lang.T("secrets for other systems (they are removed; set them again)", "secretos para otros sistemas (se borran; ponlos de nuevo)"), lost.Secrets)
		for _, o := range lost.Others {
			s.tellNames(o.What, o.Names)
		}
	}
}

func (s *session) tellNames(what lang.Text, names []string) {
	s.tell("  %d %s", "  %d %s", len(names), what.In(s.code))
	for _, name := range names {
		s.tell("    %s", "    %s", printable(name))
	}
}
