package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// serving is the flags of serve and demo.
type serving struct {
	opts ServeOptions
	log  string

	pipelines []string

	keepEvents, keepSize string
	collect              []string
}

func (v *serving) declare(f *flags) {
	f.text(&v.opts.Listen, "listen", "", "127.0.0.1:8470", lang.T("`HOST:PORT` to answer at; port 0 takes a free one.", "`HOST:PORT` donde responder; el puerto 0 toma uno libre."))
	f.text(&v.opts.SMTP, "smtp", "", "", lang.T("`URL` of the mail server, as smtp://user:password@mail.example.com:587?from=binnacle@example.com; set it in BINNACLE_SMTP to keep the password out of process lists.", "`URL` del servidor de correo, como smtp://user:password@mail.example.com:587?from=binnacle@example.com; ponla en BINNACLE_SMTP para que la contraseña no salga en las listas de procesos."))
	f.choice(&v.log, "log", "", "text", []string{"text", "json"}, lang.T("Form of the log on the error stream", "Forma del registro en la salida de errores"))
}

func serveCommand() *command {
	var v serving
	return &command{
		use: "serve", short: lang.T("Serve a data folder to browsers and programs.", "Sirve una carpeta de datos a navegadores y programas."),
		long: lang.T(`Serve a data folder: web pages, REST under /api, MCP at /mcp, health at /healthz,
metrics at /metrics. The folder is made when it is not there. As long as there is no owner
each start prints a link by which the first account is made, once; "binnacle user add"
makes it before.

One server holds a folder at a time; an interrupt ends it once answers are finished.`,
			`Sirve una carpeta de datos: páginas web, REST en /api, MCP en /mcp, salud en /healthz,
métricas en /metrics. La carpeta se crea si no existe. Mientras no haya propietario, cada
arranque imprime un enlace con el que se crea la primera cuenta, una vez; "binnacle user
add" la crea antes.

Un solo servidor usa una carpeta a la vez; una interrupción lo termina cuando acaba de
responder.`),
		examples: []example{
			{lang.T("On this machine", "En esta máquina"), "binnacle serve --data ./data"},
			{lang.T("Behind a proxy that does HTTPS", "Detrás de un proxy que hace HTTPS"), "binnacle serve --data /var/lib/binnacle --base-url https://binnacle.example --proxy 127.0.0.1/32"},
			{lang.T("With syslog from other machines and its own log of sign-ins", "Con syslog de otras máquinas y su propio registro de accesos"), "binnacle serve --data /var/lib/binnacle --collect syslog+udp://:5514 --collect syslog+tcp://:5514 --collect file:/var/log/auth.log"},
			{lang.T("By itself, with HTTPS and PostgreSQL", "Por sí mismo, con HTTPS y PostgreSQL"), "binnacle serve --data /var/lib/binnacle --database postgres://binnacle@db/binnacle --listen :443 --base-url https://binnacle.example --tls-cert cert.pem --tls-key key.pem"},
		},
		access: access{Verb: auth.Backup},
		flags: func(f *flags) {
			v.declare(f)
			f.texts(&v.collect, "collect", "", collectDoc())
			f.text(&v.keepEvents, "keep-events", "", "400d", lang.T("How long (`TIME`) events are kept, by their own time, as 90d; with --logs what the nodes keep.", "Cuánto (`TIME`) se guardan los eventos, por su propia hora, como 90d; con --logs, lo que guardan los nodos."))
			f.text(&v.keepSize, "keep-events-size", "", "", lang.T("How much of the disk events may take (`SIZE`) before the oldest days are dropped, as 100GB; no limit when not given.", "Cuánto disco pueden ocupar los eventos (`SIZE`) antes de borrar los días más antiguos, como 100GB; sin límite si falta."))
			f.text(&v.opts.BaseURL, "base-url", "", "", lang.T("`URL` by which people reach it, when not the one it listens at; passkeys and single sign-on belong to it.", "`URL` con la que se llega, si no es donde escucha; las llaves de acceso y el inicio único le pertenecen."))
			f.text(&v.opts.TLSCert, "tls-cert", "", "", lang.T("`FILE` of the certificate, to serve HTTPS.", "Fichero (`FILE`) del certificado, para servir HTTPS."))
			f.text(&v.opts.TLSKey, "tls-key", "", "", lang.T("`FILE` of its key.", "Fichero (`FILE`) de su clave."))
			f.texts(&v.opts.Proxies, "proxy", "", lang.T("Addresses (`CIDR`) of proxies whose X-Forwarded-For is believed; repeat for several.", "Direcciones (`CIDR`) de proxies cuyo X-Forwarded-For se cree; repítela para varias."))
			f.text(&v.opts.Files, "files", "", "", lang.T("Folder (`DIR`) of JSON files whose numbers measures may read; none when not given.", "Carpeta (`DIR`) de ficheros JSON cuyos números pueden leer las medidas; ninguna si falta."))
			f.texts(&v.opts.Rules, "rules", "", lang.T("`PATH` of Sigma rules of others, a folder or an archive, as a checkout of SigmaHQ; write ?on behind it when every organisation is to run all of it; repeat for several.", "Ruta (`PATH`) de reglas Sigma de otros, una carpeta o un archivo, como una copia de SigmaHQ; escribe ?on detrás para que toda organización las ejecute todas; repítela para varias."))
			f.texts(&v.pipelines, "pipeline", "", lang.T("`FILE` of a processing pipeline that rewrites all rules, or the name of a ready one; repeat for several.", "Fichero (`FILE`) de una cadena de proceso que reescribe todas las reglas, o el nombre de una incluida; repítelo para varios."))
			f.texts(&v.opts.AllowPrivate, "allow-private", "", lang.T("Network or `HOST` that requests to addresses of users may go to though it is private, as 10.1.2.0/24 or idp.internal; repeat for several.", "Red o servidor (`HOST`) al que pueden ir las peticiones a direcciones de los usuarios aunque sea privado, como 10.1.2.0/24 o idp.internal; repítela para varios."))
		},
		run: v.serve,
	}
}

// collectDoc describes the flag by an example of each scheme.
func collectDoc() lang.Text {
	_, examples := listen.Schemes()
	list := strings.Join(examples, ", ")
	return lang.T("What brings events in beside HTTP (`URL`): "+list+". Each takes source=, format=, org= and zone=; repeat for several, or set them in BINNACLE_COLLECT with blanks between.",
		"Lo que trae eventos además de HTTP (`URL`): "+list+". Cada una admite source=, format=, org= y zone=; repítela para varias, o ponlas en BINNACLE_COLLECT separadas por espacios.")
}

// collectors reads --collect, and without it BINNACLE_COLLECT.
func (v *serving) collectors(s *session) (err error) {
	texts := v.collect
	if len(texts) == 0 {
		texts = strings.Fields(s.Env("BINNACLE_COLLECT"))
	}
	v.opts.Collect, err = listen.Parse(texts...)
	return err
}

func (v *serving) serve(ctx context.Context, s *session, _ []string) error {
	if s.place.server != "" {
		return usage("serve needs a data folder, not a server", "serve necesita una carpeta de datos, no un servidor").hinting("give --data DIR", "da --data DIR")
	}
	if (v.opts.TLSCert == "") != (v.opts.TLSKey == "") {
		return usage("--tls-cert and --tls-key go together", "--tls-cert y --tls-key van juntos").hinting("give both, or neither", "da ambos, o ninguno")
	}
	if err := v.collectors(s); err != nil {
		return err
	}
	if info, err := os.Stat(v.opts.Files); v.opts.Files != "" && (err != nil || !info.IsDir()) {
		return usage("--files %s is no folder", "--files %s no es una carpeta", v.opts.Files).hinting("name a folder that is there", "nombra una carpeta que exista")
	}
	if err := v.keeping(); err != nil {
		return err
	}
	var err error
	if v.opts.Pipeline, err = readPipelines(v.pipelines); err != nil {
		return err
	}
	s.place.env.server = ""
	if err := s.place.settle(&logins{}); err != nil {
		return err
	}
	held, err := lockFolder(s.place.Data, true)
	if err != nil {
		return err
	}
	defer held.release()
	g, err := s.Open(ctx, s.place.Place)
	if err != nil {
		return err
	}
	s.warnOfKey(ctx, g)
	first, err := s.setupLink(ctx, g)
	if err != nil {
		return errors.Join(err, g.Close())
	}
	v.opts.Ready = func(base string) {
		held.announce(base)
		s.print("Binnacle answers at %s", "Binnacle responde en %s", base)
		if first.Secret != "" {
			s.print("There is no owner yet. Make the first account with this link, which works once:", "Aún no hay propietario. Crea la primera cuenta con este enlace, que funciona una vez:")
			fmt.Fprintln(s.Out, "  "+base+s.Path("welcome", first.Secret))
		}
	}
	return v.until(ctx, s, g, held)
}

// setupLink makes the link for the first owner; the zero one when there is an
// owner.
func (s *session) setupLink(ctx context.Context, g *Ground) (auth.Link, error) {
	done, err := g.Auth.SetUp(ctx)
	if err != nil || done {
		return auth.Link{}, err
	}
	return g.Auth.SetupLink(ctx, auth.Local(auth.HomeID, s.localName(), "cli"))
}

// warnOfKey says what will not work without the key file.
func (s *session) warnOfKey(ctx context.Context, g *Ground) {
	if err := g.Auth.CheckKey(ctx); err != nil {
		s.tell("warning: %s Codes of second factors and single sign-on do not work until that is mended; everything else does.", "aviso: %s Los códigos de segundo factor y el inicio de sesión único no funcionan hasta arreglarlo; lo demás sí.", s.sentence(err))
		s.tell("  → %s", "  → %s", s.hintOf(err))
	}
}

// keeping reads how long and how much of the events is kept.
func (v *serving) keeping() error {
	d, ok := span(v.keepEvents)
	if !ok || d < 24*time.Hour || d > 100*365*24*time.Hour {
		return usage("--keep-events %q is no time of a day or more", "--keep-events %q no es un tiempo de un día o más", v.keepEvents).hinting("write it as 400d", "escríbelo como 400d")
	}
	v.opts.KeepEvents = d
	if v.keepSize == "" {
		return nil
	}
	n, ok := parseSize(v.keepSize)
	if !ok || n < 1<<20 {
		return usage("--keep-events-size %q is no size", "--keep-events-size %q no es un tamaño", v.keepSize).hinting("write it as 100GB", "escríbelo como 100GB")
	}
	v.opts.KeepEventsBytes = n
	return nil
}

// parseSize reads a size in bytes: 1048576, 100GB or 100 GiB.
func parseSize(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	end := strings.TrimLeft(text, "0123456789.")
	n, err := strconv.ParseFloat(text[:len(text)-len(end)], 64)
	units := map[string]float64{"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
	unit, ok := units[strings.ToLower(strings.TrimSpace(end))]
	n *= unit
	return int64(n), err == nil && ok && n >= 1 && n < 1<<62
}

// until serves until ctx ends, which is how it is meant to end.
func (v *serving) until(ctx context.Context, s *session, g *Ground, held *lock) error {
	v.opts.Log = s.logger(v.log)
	if v.opts.SMTP == "" {
		v.opts.SMTP = s.Env("BINNACLE_SMTP")
	}
	err := s.Serve(ctx, g, v.opts)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, g.Close(), held.announce(""))
}

func (s *session) logger(form string) *slog.Logger {
	if form == "json" {
		return slog.New(slog.NewJSONHandler(s.Err, nil))
	}
	return slog.New(slog.NewTextHandler(s.Err, nil))
}
