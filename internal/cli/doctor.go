package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/disk"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// finding is what one check of doctor found.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warn, bad, idle (not checked)
	Says  string `json:"says"`
	Hint  string `json:"hint,omitempty"`
}

func doctorCommand() *command {
	var out string
	return &command{
		use: "doctor", short: lang.T("Check an installation and explain what is wrong.", "Comprueba una instalación y explica qué falla."),
		long: lang.T(`Check a data folder, also one that a server holds: permissions, the database and its
migrations, the key file, the feed, the audit chain, references, disk space and clock.
With --server: the address, its certificate, the clock, the token and the audit chain.
It changes nothing. The exit code is 1 when something is wrong.`,
			`Comprueba una carpeta de datos, aunque la use un servidor: permisos, la base de datos y sus
migraciones, el fichero de la clave, el feed, la cadena de auditoría, las referencias, el
espacio en disco y el reloj. Con --server: la dirección, su certificado, el reloj, el token
y la cadena de auditoría. No cambia nada. El código de salida es 1 si algo falla.`),
		examples: []example{
			{lang.T("The data folder", "La carpeta de datos"), "binnacle doctor --data /var/lib/binnacle"},
			{lang.T("For a monitor", "Para un monitor"), "binnacle doctor -o json | jq '.[] | select(.state != \"ok\")'"},
		},
		access: access{Verb: auth.Whoami},
		flags: func(f *flags) {
			f.choice(&out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: func(ctx context.Context, s *session, _ []string) error {
			logins, err := s.readLogins()
			if err != nil {
				return err
			}
			if err := s.place.settle(logins); err != nil {
				return err
			}
			d := &doctor{session: s}
			if s.place.server != "" {
				d.server(ctx)
			} else {
				d.folder(ctx)
			}
			return d.report(out)
		},
	}
}

// doctor collects findings.
type doctor struct {
	*session
	check lang.Text
	found []finding
}

func (d *doctor) note(state, says string, hint string) {
	d.found = append(d.found, finding{d.check.In(d.code), state, says, hint})
}

func (d *doctor) ok(en, es string, args ...any) { d.note("ok", d.say(lang.T(en, es), args...), "") }

// trouble notes what kept a check from being made and what to do about it, with
// what another system said.
func (d *doctor) trouble(err error) {
	said := d.sentence(err)
	var f *fault.Error
	if _, door := auth.ReasonOf(err); !door && errors.As(err, &f) && f.Kind == fault.Unavailable && f.Err != nil {
		said += " (" + oneLine(f.Err.Error(), 200) + ")"
	}
	d.note("bad", said, d.hintOf(err))
}

func (d *doctor) report(out string) error {
	bad := 0
	for _, f := range d.found {
		if f.State == "bad" {
			bad++
		}
	}
	if out == "json" {
		if err := writeJSON(d.Out, d.found); err != nil {
			return err
		}
	} else {
		d.list()
	}
	if bad > 0 {
		return failed(exitFailed, "%d check(s) failed", "%d comprobación(es) fallaron", bad).hinting("each says above what to do", "cada una dice arriba qué hacer")
	}
	return nil
}

var stateWords = map[string]lang.Text{"ok": lang.T("ok", "bien"), "warn": lang.T("look", "mirar"), "bad": lang.T("wrong", "mal"), "idle": lang.T("skipped", "omitido")}

func (d *doctor) list() {
	for _, f := range d.found {
		word := fmt.Sprintf("%-8s", stateWords[f.State].In(d.code))
		fmt.Fprintf(d.Out, "%s %-16s %s\n", d.paint(d.OutTTY, f.State, word), f.Check, f.Says)
		if f.Hint != "" {
			fmt.Fprintf(d.Out, "%-25s → %s\n", "", f.Hint)
		}
	}
}

// collectors checks what BINNACLE_COLLECT describes, as a server would read it.
func (d *doctor) collectors() {
	d.check = lang.T("collectors", "recolectores")
	texts := strings.Fields(d.Env("BINNACLE_COLLECT"))
	if len(texts) == 0 {
		return
	}
	specs, err := listen.Parse(texts...)
	if err != nil {
		d.trouble(err)
		return
	}
	d.ok("%d described in BINNACLE_COLLECT", "%d descritos en BINNACLE_COLLECT", len(specs))
}

// folder checks a data folder.
func (d *doctor) folder(ctx context.Context) {
	if !d.permissions() {
		return
	}
	d.held()
	d.disk()
	d.collectors()
	db, ok := d.database(ctx)
	if !ok {
		return
	}
	defer db.Close()
	if !d.migrations(ctx, db) {
		return
	}
	d.key(ctx, db)
	d.clock(ctx, db)
	d.lag(ctx, db)
	d.chain(ctx, db)
	d.references(ctx, db)
	d.attachments(ctx, db)
	d.outbox(ctx, db)
}

// permissions checks that the folder is there and nobody else may look in.
func (d *doctor) permissions() bool {
	d.check = lang.T("data folder", "carpeta")
	dir := d.place.Data
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		d.note("bad", d.say(lang.T("%s is not there", "%s no existe"), dir), d.say(lang.T("binnacle serve --data %s makes it", "binnacle serve --data %s la crea"), dir))
		return false
	}
	if err != nil {
		d.trouble(err)
		return false
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && os.PathSeparator == '/' {
		d.note("warn", d.say(lang.T("others on this machine may look into %s (%v)", "otros en esta máquina pueden mirar en %s (%v)"), dir, info.Mode().Perm()), "chmod 700 "+dir)
		return true
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.trouble(err)
		return false
	}
	probe.Close()
	os.Remove(probe.Name())
	d.ok("%s is there, private and writable", "%s existe, es privada y se puede escribir", dir)
	return true
}

// held says whether a server holds the folder.
func (d *doctor) held() {
	d.check = lang.T("server", "servidor")
	held, err := lockFolder(d.place.Data, false)
	if err != nil {
		d.ok("%s", "%s", d.sentence(err)+" ("+d.hintOf(err)+")")
		return
	}
	held.release()
	d.ok("none holds the folder", "ninguno usa la carpeta")
}

const (
	lowDisk  = 1 << 30   // bytes
	fullDisk = 100 << 20 // bytes
)

func (d *doctor) disk() {
	d.check = lang.T("disk space", "disco")
	free, err := disk.Free(d.place.Data)
	hint := d.say(lang.T("free some space, or move the folder to a larger disk", "libera espacio, o mueve la carpeta a un disco mayor"))
	switch {
	case err != nil:
		d.note("idle", d.sentence(err), "")
	case free < fullDisk:
		d.note("bad", d.say(lang.T("only %s are free", "solo quedan %s"), lang.Bytes(d.code, free)), hint)
	case free < lowDisk:
		d.note("warn", d.say(lang.T("only %s are free", "solo quedan %s"), lang.Bytes(d.code, free)), hint)
	default:
		d.ok("%s free", "%s libres", lang.Bytes(d.code, free))
	}
}

// key checks that the file of the key that seals secrets is private and opens
// what the database holds.
func (d *doctor) key(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("key file", "clave")
	path := d.Layout(d.place.Place).KeyFile
	keys := auth.NewKeyring(db, path)
	if begun, err := keys.Begun(ctx); err == nil && !begun && missing(path) {
		d.note("warn", d.say(lang.T("%s is not there yet", "%s aún no existe"), path), d.say(lang.T("the next start makes it", "el próximo arranque lo crea")))
		return
	}
	if err := keys.Check(ctx); err != nil {
		d.trouble(err)
		if lost, err := keys.Lost(ctx); err == nil {
			d.note("bad", d.say(lang.T("without it cannot be read: %d second factor(s), %d client secret(s) of single sign-on, %d secret(s) for other systems", "sin él no se pueden leer: %d segundo(s) factor(es), %d secreto(s) de cliente del inicio único, %d secreto(s) para otros sistemas"),
				len(lost.Factors), len(lost.Providers), len(lost.Secrets)),
				d.say(lang.T("everything else works; binnacle key reset lists them and begins anew", "lo demás funciona; binnacle key reset los enumera y empieza de nuevo")))
		}
		return
	}
	d.ok("%s is private and opens every secret; keep a copy apart from the database's", "%s es privado y abre todos los secretos; guarda una copia aparte de la base de datos", path)
}

// database opens the database and asks it to check itself.
func (d *doctor) database(ctx context.Context) (*sqldb.DB, bool) {
	d.check = lang.T("database", "base de datos")
	db, err := d.openDatabase(ctx)
	if err != nil {
		d.trouble(err)
		return nil, false
	}
	if db.Dialect() != sqldb.SQLite {
		d.ok("PostgreSQL answers", "PostgreSQL responde")
		return db, true
	}
	says, err := integrity(ctx, db)
	if err == nil && says != "ok" {
		err = failed(exitFailed, "SQLite finds damage: %s", "SQLite encuentra daños: %s", says).
			hinting("stop the server, keep a copy of the folder, and restore the last backup into a new folder", "para el servidor, guarda una copia de la carpeta y restaura la última copia en una nueva")
	}
	if err != nil {
		d.trouble(err)
		db.Close()
		return nil, false
	}
	d.ok("SQLite is sound: %s", "SQLite está sano: %s", d.weight(db.Path()))
	return db, true
}

func integrity(ctx context.Context, db *sqldb.DB) (string, error) {
	all, err := sqldb.Values[string](ctx, db, `PRAGMA integrity_check(5)`)
	return strings.Join(all, "; "), err
}

// weight is the size of a file with what SQLite keeps beside it.
func (d *doctor) weight(path string) string {
	var n int64
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(path + end); err == nil {
			n += info.Size()
		}
	}
	return filepath.Base(path) + ", " + lang.Bytes(d.code, n)
}

// migrations checks that this program fits the database.
func (d *doctor) migrations(ctx context.Context, db *sqldb.DB) bool {
	d.check = lang.T("migrations", "migraciones")
	applied, err := db.Applied(ctx)
	if err != nil {
		d.note("bad", d.say(lang.T("this is no database of binnacle, or an empty one", "no es una base de datos de binnacle, o está vacía")), d.say(lang.T("binnacle serve makes its tables", "binnacle serve crea sus tablas")))
		return false
	}
	var missing, strange []string
	known := map[string]bool{}
	for _, m := range d.Migrations {
		known[m.Name] = true
		if !slices.Contains(applied, m.Name) {
			missing = append(missing, m.Name)
		}
	}
	for _, name := range applied {
		if !known[name] {
			strange = append(strange, name)
		}
	}
	switch {
	case len(strange) > 0:
		d.note("bad", d.say(lang.T("a newer binnacle changed this database (%s)", "un binnacle más nuevo cambió esta base de datos (%s)"), strings.Join(strange, ", ")), d.say(lang.T("use that version, or restore a backup from before", "usa esa versión, o restaura una copia anterior")))
		return false
	case len(missing) > 0:
		d.note("warn", d.say(lang.T("%d to come: %s", "%d por hacer: %s"), len(missing), strings.Join(missing, ", ")), d.say(lang.T("the next start does them; take a backup first", "el próximo arranque las hace; haz antes una copia")))
		return false
	}
	d.ok("all %d done", "las %d hechas", len(applied))
	return true
}

const clockSlack = time.Minute

// clock compares this machine's clock with what was written last.
func (d *doctor) clock(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("clock", "reloj")
	newest, err := feed.New(db).Latest(ctx, "", 0, 1)
	if err != nil {
		d.trouble(err)
		return
	}
	now := d.now()
	if len(newest) > 0 && newest[0].At.Sub(now) > clockSlack {
		d.note("bad", d.say(lang.T("the newest entry is from %s UTC, and it is %s UTC here", "la última entrada es de %s UTC, y aquí son %s UTC"), moment(newest[0].At), moment(now)), d.say(lang.T("set this machine's clock, as with NTP", "ajusta el reloj de esta máquina, por ejemplo con NTP")))
		return
	}
	d.ok("%s UTC, after all that was written", "%s UTC, posterior a todo lo escrito", moment(now))
}

const maxLag = 5 * time.Minute

// lag checks that what follows from changes keeps up with them.
func (d *doctor) lag(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("feed", "feed")
	cursors, err := feed.New(db).Status(ctx)
	if err != nil {
		d.trouble(err)
		return
	}
	late := 0
	for _, c := range cursors {
		age := time.Duration(c.LagSeconds * float64(time.Second))
		if age < maxLag && c.LastError == "" {
			continue
		}
		late++
		says := d.say(lang.T("%s is %d entries behind, %s", "%s va %d entradas por detrás, %s"), c.Name, c.Lag, age.Round(time.Second))
		if c.LastError != "" {
			says += ": " + oneLine(c.LastError, 200)
		}
		d.note("warn", says, d.say(lang.T("a server catches up while it runs; the reason of a failure is in its log", "un servidor se pone al día mientras funciona; el motivo de un fallo está en su registro")))
	}
	if late == 0 {
		d.ok("%d reader(s), none behind", "%d lector(es), ninguno atrasado", len(cursors))
	}
}

// chain checks the audit log of every organisation.
func (d *doctor) chain(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("audit log", "auditoría")
	log := audit.New(db)
	orgs, err := log.Organisations(ctx)
	if err != nil {
		d.trouble(err)
		return
	}
	var records int64
	for _, org := range orgs {
		report, err := log.Verify(ctx, org)
		switch {
		case err != nil:
			d.trouble(err)
			return
		case !report.OK:
			d.note("bad", fmt.Sprintf("%s: %s", org, report.Reason), d.say(lang.T("keep the folder as it is and find out who could write to it; binnacle audit verify says more", "deja la carpeta como está y averigua quién podía escribir en ella; binnacle audit verify dice más")))
			return
		}
		records += report.Count
	}
	d.ok("whole: %d records of %d organisation(s)", "entero: %d anotaciones de %d organización(es)", records, len(orgs))
}

const (
	maxDangling   = 1000
	shownDangling = 3
)

// references counts those that lead nowhere.
func (d *doctor) references(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("references", "referencias")
	caller := catalog.Caller{Principal: auth.Local(d.place.orgID(), d.localName(), "cli")}
	list, err := catalog.New(db, d.Kinds).Dangling(ctx, caller, maxDangling)
	if err != nil {
		d.trouble(err)
		return
	}
	if len(list) == 0 {
		d.ok("all lead somewhere", "todas llevan a algo")
		return
	}
	var some []string
	for _, r := range list[:min(len(list), shownDangling)] {
		some = append(some, short(r.Title)+" → "+short(r.Ref))
	}
	if len(list) > shownDangling {
		some = append(some, "…")
	}
	d.note("warn", d.say(lang.T("%d lead nowhere: %s", "%d no llevan a nada: %s"), len(list), strings.Join(some, ", ")), d.say(lang.T("make what they name, or correct them; they are kept and shown until then", "crea lo que nombran, o corrígelas; se conservan y se muestran hasta entonces")))
}

const shownFlaws = 3

// attachments reads every attached file and compares it with its hash.
func (d *doctor) attachments(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("attachments", "adjuntos")
	store, err := d.Layout(d.place.Place).Files()
	if err != nil {
		d.trouble(err)
		return
	}
	got, err := blob.Check(ctx, db, store)
	if err != nil {
		d.trouble(err)
		return
	}
	if len(got.Flaws) == 0 {
		d.ok("%d file(s), %s, all as they were attached", "%d fichero(s), %s, todos como se adjuntaron", got.Contents, lang.Bytes(d.code, got.Bytes))
		return
	}
	var some []string
	for _, f := range got.Flaws[:min(len(got.Flaws), shownFlaws)] {
		word := lang.T("changed", "cambiado")
		if f.Missing {
			word = lang.T("missing", "falta")
		}
		some = append(some, strings.Join(f.Names, ", ")+" ("+d.say(word)+", "+f.SHA256[:12]+")")
	}
	if len(got.Flaws) > shownFlaws {
		some = append(some, "…")
	}
	d.note("bad", d.say(lang.T("%d of %d file(s) are not as they were attached: %s", "%d de %d fichero(s) no están como se adjuntaron: %s"), len(got.Flaws), got.Contents, strings.Join(some, "; ")),
		d.say(lang.T("restore them from a backup into %s, or attach the same files again", "restáuralos de una copia en %s, o adjunta otra vez los mismos ficheros"), store))
}

// outbox looks for mail and webhooks that did not get through.
func (d *doctor) outbox(ctx context.Context, db *sqldb.DB) {
	d.check = lang.T("outbox", "salida")
	n, err := action.Counts(ctx, db)
	if err != nil {
		d.trouble(err)
		return
	}
	failed := n[action.Failed] + n[action.GivenUp]
	if failed > 0 {
		d.note("warn", d.say(lang.T("%d act(s) sent, %d waiting, %d did not get through", "%d envío(s) hechos, %d en espera, %d no llegaron"), n[action.Sent], n[action.Waiting], failed),
			d.say(lang.T("the page of each webhook, and the server's log, have the reason", "la página de cada webhook, y el registro del servidor, tienen el motivo")))
		return
	}
	d.ok("%d act(s) sent, %d waiting", "%d envío(s) hechos, %d en espera", n[action.Sent], n[action.Waiting])
}

// server checks an installation from outside.
func (d *doctor) server(ctx context.Context) {
	if !d.health(ctx) {
		return
	}
	r := &remote{client: d.client(d.place.server, d.place.token)}
	if !d.signedIn(ctx, r) {
		return
	}
	d.check = lang.T("audit log", "auditoría")
	report, err := r.VerifyAudit(ctx, nil)
	switch {
	case exitCode(err) == exitRefused:
		d.note("idle", d.sentence(err), "")
	case err != nil:
		d.trouble(err)
	case !report.OK:
		d.note("bad", report.Reason, d.say(lang.T("binnacle audit verify says more", "binnacle audit verify dice más")))
	default:
		d.ok("whole: %d records", "entero: %d anotaciones", report.Count)
	}
}

const certificateEnds = 14 * 24 * time.Hour

// health asks whether the server is well, and looks at its certificate and
// clock.
func (d *doctor) health(ctx context.Context) bool {
	d.check = lang.T("server", "servidor")
	c := d.client(d.place.server, "")
	req, err := http.NewRequestWithContext(ctx, "GET", d.place.server+"/healthz", nil)
	if err != nil {
		d.trouble(err)
		return false
	}
	resp, err := c.http.Do(req)
	if err != nil {
		d.trouble(c.unreachable(err))
		return false
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		d.note("bad", d.say(lang.T("%s says %s", "%s dice %s"), req.URL.String(), resp.Status), d.say(lang.T("the server's log has the reason", "el registro del servidor tiene el motivo")))
		return false
	}
	d.ok("%s is well", "%s está bien", d.place.server)
	d.serverClock(resp)
	d.certificate(resp)
	return true
}

func (d *doctor) serverClock(resp *http.Response) {
	d.check = lang.T("clock", "reloj")
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		d.note("idle", d.say(lang.T("the server does not say its time", "el servidor no dice su hora")), "")
		return
	}
	apart := d.now().Sub(there).Abs()
	if apart > clockSlack {
		d.note("warn", d.say(lang.T("the server's clock and this one are %s apart", "el reloj del servidor y este difieren en %s"), apart.Round(time.Second)), d.say(lang.T("set both, as with NTP", "ajusta ambos, por ejemplo con NTP")))
		return
	}
	d.ok("the server's agrees with this one", "el del servidor coincide con este")
}

func (d *doctor) certificate(resp *http.Response) {
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return
	}
	d.check = lang.T("certificate", "certificado")
	ends := resp.TLS.PeerCertificates[0].NotAfter
	if ends.Sub(d.now()) < certificateEnds {
		d.note("warn", d.say(lang.T("it ends on %s UTC", "termina el %s UTC"), moment(ends)), d.say(lang.T("renew it", "renuévalo")))
		return
	}
	d.ok("good until %s UTC", "válido hasta %s UTC", moment(ends))
}

func (d *doctor) signedIn(ctx context.Context, r *remote) bool {
	d.check = lang.T("token", "token")
	if r.token == "" {
		d.note("warn", d.say(lang.T("there is none for this server", "no hay ninguno para este servidor")), d.say(lang.T("binnacle login %s", "binnacle login %s"), d.place.server))
		return false
	}
	who, err := r.Whoami(ctx)
	if err != nil {
		d.trouble(err)
		return false
	}
	d.ok("%s, %s of %s", "%s, %s de %s", who.Name, who.Role.Info().Title.In(d.code), who.OrgTitle)
	return true
}
