package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func backupCommand() *command {
	var withKey, withEvents bool
	var check string
	return &command{
		use: "backup FILE", short: lang.T("Copy everything into one file, also while serving.", "Copia todo en un fichero, también en servicio."),
		long: lang.T(`Copy the whole installation, as it is at one moment, into one checksummed file. It may
be taken while a server runs, from the server or on its data folder.

The key file that opens sealed secrets is left out: keep a copy of it apart, or take it
in with --include-key and guard the backup like a password.`,
			`Copia la instalación entera, como está en un momento, en un fichero con suma de
comprobación. Se puede hacer con el servidor en marcha, desde él o en su carpeta de datos.

El fichero de la clave que abre los secretos sellados no se incluye: guarda una copia
aparte, o inclúyelo con --include-key y guarda la copia como una contraseña.`),
		examples: []example{
			{lang.T("Every night", "Cada noche"), "binnacle backup /backups/binnacle-$(date +%F) --data /var/lib/binnacle"},
			{lang.T("Is this file whole?", "¿Está entero este fichero?"), "binnacle backup --check /backups/binnacle-2027-01-31"},
		},
		access: access{Verb: auth.Backup}, max: 1,
		flags: func(f *flags) {
			f.yes(&withKey, "include-key", "", lang.T("Take the key file in; only from a data folder.", "Incluye el fichero de la clave; solo desde una carpeta de datos."))
			f.yes(&withEvents, "events", "", lang.T("Take the events of the data folder in; while a server runs only from it.", "Incluye los eventos de la carpeta de datos; con un servidor en marcha solo desde él."))
			f.text(&check, "check", "", "", lang.T("Check this backup (`FILE`) and take none.", "Comprueba esta copia (`FILE`) y no hace ninguna."))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			switch {
			case check != "":
				return s.checkBackup(check)
			case len(args) == 0:
				return usage("no file is named", "no se nombra ningún fichero").hinting("binnacle backup FILE", "binnacle backup FICHERO")
			}
			return s.backup(ctx, args[0], withKey, withEvents)
		},
	}
}

func (s *session) checkBackup(file string) error {
	if missing(file) {
		return noFile(file, fs.ErrNotExist)
	}
	report, err := backup.VerifyFile(file)
	if err != nil {
		return err
	}
	s.printBackup(file, report)
	return nil
}

// backup needs no lock: it only reads, and the database keeps readers apart
// from who writes.
func (s *session) backup(ctx context.Context, file string, withKey, withEvents bool) error {
	logins, err := s.readLogins()
	if err != nil {
		return err
	}
	if err := s.place.settle(logins); err != nil {
		return err
	}
	var report backup.Report
	if s.place.server != "" {
		if withKey {
			return usage("a server does not give its key file away", "un servidor no entrega su fichero de clave").hinting("use --data DIR on the server's machine", "usa --data DIR en la máquina del servidor")
		}
		report, err = s.fetchBackup(ctx, file, withEvents)
	} else {
		report, err = s.writeBackup(ctx, file, withKey, withEvents)
	}
	if err != nil {
		return err
	}
	s.printBackup(file, report)
	s.tellElsewhere(report)
	for _, name := range report.Omitted {
		s.tell("Left out: %s. Keep a copy of it apart: without it sealed secrets are lost.", "Sin incluir: %s. Guarda una copia aparte: sin él los secretos sellados se pierden.", name)
	}
	return nil
}

// tellElsewhere names what belongs to an installation and is not in its backup.
func (s *session) tellElsewhere(r backup.Report) {
	for _, place := range r.Elsewhere {
		s.tell("Not in the backup: what is in %s. Keep a copy of that too.", "Fuera de la copia: lo que hay en %s. Guarda también una copia de eso.", place)
	}
}

func (s *session) writeBackup(ctx context.Context, file string, withKey, withEvents bool) (backup.Report, error) {
	db, err := s.openDatabase(ctx)
	if err != nil {
		return backup.Report{}, err
	}
	defer db.Close()
	p := auth.Local(auth.HomeID, s.localName(), "cli")
	layout := s.Layout(s.place.Place)
	options := layout.Backup
	if withEvents {
		if options, err = layout.WithEvents(options); err != nil {
			return backup.Report{}, err
		}
	}
	record := &audit.Record{Org: p.Org, Actor: p.Account, ActorName: p.Name, Action: "backup.write", Target: "installation", Via: p.Via}
	record.Detail, _ = json.Marshal(map[string]any{"file": filepath.Base(file), "key file": withKey, "events": withEvents})
	if err := audit.New(db).Write(ctx, record); err != nil {
		return backup.Report{}, err
	}
	options.IncludeKey = withKey
	step, done := s.progress(lang.T("copying", "copiando"))
	defer done()
	options.Progress = func(p backup.Progress) { step(int(p.Rows), int(p.Total)) }
	return backup.WriteFile(ctx, db, file, options)
}

// openDatabase opens the database of a data folder that is there, and leaves
// its tables as they are.
func (s *session) openDatabase(ctx context.Context) (*sqldb.DB, error) {
	url := s.Layout(s.place.Place).Database
	if s.place.Database == "" {
		if _, err := os.Stat(url); err != nil {
			return nil, failed(exitNotFound, "there is no database in %s", "no hay una base de datos en %s", s.place.Data).
				hinting("is this the data folder of a server? --data names it", "¿es la carpeta de datos de un servidor? --data la nombra")
		}
	}
	return sqldb.Open(ctx, url)
}

// fetchBackup takes a backup from a server and checks it.
func (s *session) fetchBackup(ctx context.Context, file string, withEvents bool) (backup.Report, error) {
	query := url.Values{}
	if withEvents {
		query.Set("events", "true")
	}
	r := &remote{client: s.client(s.place.server, s.place.token)}
	if err := wholeFile(file, func(w io.Writer) error { return r.copy(ctx, "/backup", query, w) }); err != nil {
		return backup.Report{}, err
	}
	report, err := backup.VerifyFile(file)
	if err != nil {
		err = errors.Join(err, os.Remove(file))
	}
	return report, err
}

func (s *session) printBackup(file string, r backup.Report) {
	s.print("%s: %d rows of %d tables, %d file(s), %s, taken %s UTC", "%s: %d filas de %d tablas, %d fichero(s), %s, hecha %s UTC", file, r.Rows, len(r.Tables), len(r.Files), lang.Bytes(s.code, r.Bytes), moment(r.Created))
	fmt.Fprintln(s.Out, "sha256 "+r.SHA256)
}

func restoreCommand() *command {
	return &command{
		use: "restore FILE", short: lang.T("Make a data folder from a backup.", "Crea una carpeta de datos a partir de una copia."),
		long: lang.T("Make a new data folder, or fill an empty PostgreSQL database, from a backup. All of it is restored, or nothing. A backup of either database goes into the other.",
			"Crea una carpeta de datos nueva, o llena una base PostgreSQL vacía, a partir de una copia. Se restaura todo, o nada. Una copia de una base de datos vale para la otra."),
		examples: []example{
			{lang.T("On a new machine", "En una máquina nueva"), "binnacle restore binnacle-2027-01-31 --data ./data"},
			{lang.T("From SQLite to PostgreSQL", "De SQLite a PostgreSQL"), "binnacle restore binnacle-2027-01-31 --data ./data --database postgres://binnacle@localhost/binnacle"},
		},
		access: access{Verb: auth.Backup}, min: 1, max: 1,
		run: func(ctx context.Context, s *session, args []string) error { return s.restore(ctx, args[0]) },
	}
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func (s *session) restore(ctx context.Context, file string) error {
	if s.place.server != "" {
		return usage("a backup is restored into a data folder, not into a server", "una copia se restaura en una carpeta de datos, no en un servidor").hinting("give --data DIR", "da --data DIR")
	}
	s.place.env.server = ""
	if err := s.place.settle(&logins{}); err != nil {
		return err
	}
	if _, err := os.Stat(file); err != nil {
		return noFile(file, err)
	}
	held, err := lockFolder(s.place.Data, true)
	if err != nil {
		return err
	}
	defer held.release()
	step, done := s.progress(lang.T("restoring", "restaurando"))
	report, err := s.Restore(ctx, s.place.Place, file, func(p backup.Progress) { step(int(p.Rows), int(p.Total)) })
	done()
	if err != nil {
		return err
	}
	s.print("Restored %d rows of %d tables, as they were on %s UTC, into %s", "Restauradas %d filas de %d tablas, como estaban el %s UTC, en %s", report.Rows, len(report.Tables), moment(report.Created), s.place.Data)
	s.tellElsewhere(report)
	if key := s.Layout(s.place.Place).KeyFile; missing(key) {
		s.tell("The backup has no key file: put your copy at %s.", "La copia no tiene el fichero de la clave: pon la tuya en %s.", key)
		s.tell("It works without one, save codes of second factors and single sign-on; when there is no copy, \"binnacle key reset\" begins anew.", "Funciona sin él, salvo los códigos de segundo factor y el inicio de sesión único; si no hay copia, \"binnacle key reset\" empieza de nuevo.")
	}
	s.tell("Next: binnacle serve --data %s", "Ahora: binnacle serve --data %s", s.place.Data)
	return nil
}
