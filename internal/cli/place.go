package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// place is where a command acts, as flags and environment say it.
type place struct {
	Place
	server, token, org string
	env                surroundings
}

// surroundings is what the environment says; any flag overrides all of it.
type surroundings struct{ data, database, server, token, attachments, logs string }

func placeFrom(env func(string) string) place {
	return place{env: surroundings{data: env("BINNACLE_DATA"), database: env("BINNACLE_DATABASE"), server: env("BINNACLE_SERVER"), token: env("BINNACLE_TOKEN"), attachments: env("BINNACLE_ATTACHMENTS"), logs: env("BINNACLE_LOGS")}}
}

func (p *place) flags(f *flags) {
	f.text(&p.Data, "data", "", "", lang.T("`DIR` of the data, when no server holds it [BINNACLE_DATA]", "Carpeta (`DIR`) de datos, si ningún servidor la usa [BINNACLE_DATA]"))
	f.text(&p.Database, "database", "", "", lang.T("`URL` of PostgreSQL instead of SQLite in the data folder, as postgres://user@host/name [BINNACLE_DATABASE]", "`URL` de PostgreSQL en vez de SQLite en la carpeta de datos, como postgres://user@host/name [BINNACLE_DATABASE]"))
	f.text(&p.KeyFile, "key-file", "", "", lang.T("`FILE` of the key that seals secrets; the one in the data folder when not given", "Fichero (`FILE`) de la clave que sella los secretos; el de la carpeta de datos si falta"))
	f.text(&p.Attachments, "attachments", "", "", lang.T("`PLACE` of attached files instead of the data folder, as s3://bucket/prefix?endpoint=https://s3.example.com [BINNACLE_ATTACHMENTS]", "Lugar (`PLACE`) de los ficheros adjuntos en vez de la carpeta de datos, como s3://bucket/prefix?endpoint=https://s3.example.com [BINNACLE_ATTACHMENTS]"))
	f.text(&p.Logs, "logs", "", "", lang.T("`URL` of VictoriaLogs, or of a cluster of it, for events instead of the data folder, as http://logs.example.com:9428 [BINNACLE_LOGS]", "`URL` de VictoriaLogs, o de un clúster suyo, para los eventos en vez de la carpeta de datos, como http://logs.example.com:9428 [BINNACLE_LOGS]"))
	f.text(&p.server, "server", "", "", lang.T("`URL` of a running server [BINNACLE_SERVER, or the one of binnacle login]", "`URL` de un servidor en marcha [BINNACLE_SERVER, o el de binnacle login]"))
	f.text(&p.token, "token", "", "", lang.T("`TOKEN` for the server [BINNACLE_TOKEN, or the one of binnacle login]", "`TOKEN` para el servidor [BINNACLE_TOKEN, o el de binnacle login]"))
	f.text(&p.org, "org", "", "", lang.T("Organisation (`ID`) in a data folder that has several", "Organización (`ID`) en una carpeta de datos con varias"))
}

// settle decides between the server and the folder: flags, then the
// environment, then the stored login.
func (p *place) settle(logins *logins) error {
	switch {
	case p.server != "" && (p.Data != "" || p.Database != ""):
		return usage("--server and --data exclude each other", "--server y --data se excluyen").
			hinting("give --server URL to act on a running server, or --data DIR to act on a folder no server holds", "da --server URL para actuar sobre un servidor en marcha, o --data DIR para una carpeta que ningún servidor usa")
	case p.server != "" || p.Data != "" || p.Database != "":
	case p.env.server != "":
		p.server = p.env.server
	case p.env.data != "":
		p.Data = p.env.data
	case logins.Current != "":
		p.server = logins.Current
	default:
		return usage("it is not said where to act", "no se dice dónde actuar").
			hinting("give --data DIR or --server URL, set BINNACLE_DATA or BINNACLE_SERVER, or run binnacle login URL once", "da --data DIR o --server URL, define BINNACLE_DATA o BINNACLE_SERVER, o ejecuta una vez binnacle login URL")
	}
	if p.server != "" {
		return p.settleServer(logins)
	}
	return p.settleFolder()
}

func (p *place) settleServer(logins *logins) error {
	p.server = strings.TrimRight(p.server, "/")
	if !strings.Contains(p.server, "://") {
		p.server = "http://" + p.server
	}
	if p.token == "" {
		p.token = p.env.token
	}
	if p.token == "" {
		p.token = logins.Servers[p.server].Token
	}
	return nil
}

// settleFolder fills in what a folder needs; a database of its own still keeps
// the key in the folder.
func (p *place) settleFolder() error {
	if p.Database == "" {
		p.Database = p.env.database
	}
	if p.Data == "" {
		p.Data = p.env.data
	}
	if p.Attachments == "" {
		p.Attachments = p.env.attachments
	}
	if p.Logs == "" {
		p.Logs = p.env.logs
	}
	if p.Data == "" {
		return usage("--database needs a data folder too, for the key that seals secrets", "--database necesita además una carpeta de datos, para la clave que sella los secretos").
			hinting("add --data DIR", "añade --data DIR")
	}
	return nil
}

// open opens what the command acts on, once.
func (s *session) open(ctx context.Context) (*installation, error) {
	if s.at != nil {
		return s.at, nil
	}
	logins, err := s.readLogins()
	if err != nil {
		return nil, err
	}
	if err := s.place.settle(logins); err != nil {
		return nil, err
	}
	if s.place.server != "" {
		s.at, err = s.remote()
	} else {
		s.at, err = s.openFolder(ctx)
	}
	return s.at, err
}

// openFolder opens a data folder that exists and that no server holds.
func (s *session) openFolder(ctx context.Context) (*installation, error) {
	if err := s.mustExist(); err != nil {
		return nil, err
	}
	held, err := lockFolder(s.place.Data, false)
	if err != nil {
		return nil, err
	}
	g, err := s.Open(ctx, s.place.Place)
	if err != nil {
		held.release()
		return nil, err
	}
	p := auth.Local(s.place.orgID(), s.localName(), "cli")
	at := newLocal(s, g, p)
	at.close = func() error { return errors.Join(g.Close(), held.release()) }
	err = p.Can(s.runs.access.Verb, s.runs.access.Resource)
	if err == nil {
		err = s.checkOrg(ctx, g)
	}
	if err != nil {
		return nil, errors.Join(err, at.close())
	}
	return at, nil
}

// mustExist refuses a folder that is not there, but for a command that makes
// one.
func (s *session) mustExist() error {
	_, err := os.Stat(s.place.Data)
	if errors.Is(err, fs.ErrNotExist) && !s.runs.access.makes {
		return failed(exitNotFound, "there is no data folder %s", "no hay una carpeta de datos %s", s.place.Data).
			hinting("binnacle serve --data %s makes one, as do apply, import and user add", "binnacle serve --data %s la crea, igual que apply, import y user add", s.place.Data)
	}
	return nil
}

func (p place) orgID() string {
	if p.org == "" {
		return auth.HomeID
	}
	return p.org
}

// checkOrg refuses an organisation that is not there.
func (s *session) checkOrg(ctx context.Context, g *Ground) error {
	if s.place.org == "" {
		return nil
	}
	_, err := g.Auth.Org(ctx, s.place.org)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	return failed(exitNotFound, "there is no organisation %q", "no hay una organización %q", s.place.org).
		hinting("leave --org out for the one that runs the installation", "omite --org para la que gestiona la instalación")
}

// localName names who holds the folder, for revisions and the audit log.
func (s *session) localName() string {
	if name := s.Env("USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "local"
}
