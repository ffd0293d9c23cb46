package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func auditCommand() *command {
	return &command{
		use: "audit", short: lang.T("Read the log of who did what, and prove it whole.", "Lee el registro de quién hizo qué, y prueba que está entero."),
		children: []*command{auditSearchCommand(), auditExportCommand(), auditVerifyCommand()},
	}
}

// auditing is the flags of audit search and export.
type auditing struct {
	audit.Query
	since, until, out, format string
	limit                     int64
}

func (a *auditing) declare(f *flags) {
	f.text(&a.Actor, "actor", "", "", lang.T("By exactly this `account`.", "De esta cuenta (`account`), exactamente."))
	f.text(&a.Action, "action", "", "", lang.T("`Action`, as entity.update, or entity.* for all that begin so.", "Acción (`action`), como entity.update, o entity.* para las que empiezan así."))
	f.text(&a.Target, "target", "", "", lang.T("On this `thing`, as component:default/checkout; or component:* for all that begin so.", "Sobre esta cosa (`thing`), como component:default/checkout; o component:* para las que empiezan así."))
	f.choice(&a.Outcome, "outcome", "", "", []string{audit.OK, audit.Refused, audit.Failed}, lang.T("How it ended (`OUTCOME`)", "Cómo terminó (`OUTCOME`)"))
	f.choice(&a.Via, "via", "", "", []string{"web", "api", "cli", "mcp", "system"}, lang.T("Through which `FACE`", "Por qué cara (`FACE`)"))
	f.text(&a.since, "since", "", "", lang.T("At or after: 24h, 7d, 2027-01-31 (`WHEN`).", "Desde: 24h, 7d, 2027-01-31 (`WHEN`)."))
	f.text(&a.until, "until", "", "", lang.T("Before (`WHEN`).", "Antes de (`WHEN`)."))
}

func (a *auditing) query(s *session, args []string) (audit.Query, error) {
	q := a.Query
	q.Text = strings.Join(args, " ")
	var err error
	if q.From, err = s.since(a.since); err != nil {
		return q, err
	}
	q.To, err = s.since(a.until)
	return q, err
}

func auditSearchCommand() *command {
	var a auditing
	return &command{
		use: "search [WORDS…]", aliases: []string{"list", "ls"}, short: lang.T("Show what was done, the newest first.", "Muestra qué se hizo, lo último primero."),
		examples: []example{
			{lang.T("What was refused this week", "Lo rechazado esta semana"), "binnacle audit search --outcome refused --since 7d"},
			{lang.T("Who touched a service", "Quién tocó un servicio"), "binnacle audit search --target component:default/checkout"},
		},
		access: access{Verb: auth.Audit}, max: -1,
		flags: func(f *flags) {
			a.declare(f)
			f.number(&a.limit, "limit", "", 50, lang.T("How many at most (`N`).", "Cuántos como mucho (`N`)."))
			tableFlag(f, &a.out)
		},
		run: a.search,
	}
}

func (a *auditing) search(ctx context.Context, s *session, args []string) error {
	q, err := a.query(s, args)
	if err != nil {
		return err
	}
	q.Limit = int(a.limit)
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	records, next, err := at.SearchAudit(ctx, q)
	if err != nil {
		return err
	}
	if a.out == "json" {
		return writeJSON(s.Out, append([]audit.Record{}, records...))
	}
	if err := s.write(s.recordTable(records)); err != nil || next == 0 {
		return err
	}
	s.tell("There are more: --limit, or narrow the search.", "Hay más: --limit, o limita la búsqueda.")
	return nil
}

var outcomeStates = map[string]string{audit.OK: "ok", audit.Refused: "warn", audit.Failed: "bad"}

func (s *session) recordTable(records []audit.Record) *table {
	t := &table{head: s.heads(lang.T("No.", "N.º"), lang.T("When (UTC)", "Cuándo (UTC)"), lang.T("Who", "Quién"), lang.T("What", "Qué"), lang.T("On", "Sobre"), lang.T("Outcome", "Resultado"), lang.T("Via", "Por"), lang.T("From", "Desde"))}
	for _, r := range records {
		who := r.ActorName
		if who == "" {
			who = r.Actor
		}
		t.add(plain(strconv.FormatInt(r.Seq, 10)), plain(r.At.Format("2006-01-02 15:04:05")), plain(oneLine(who, 30)), plain(r.Action), plain(oneLine(r.Target, 60)), cell{r.Outcome, outcomeStates[r.Outcome]}, plain(r.Via), plain(r.IP))
	}
	return t
}

func auditExportCommand() *command {
	var a auditing
	return &command{
		use: "export [WORDS…]", short: lang.T("Write the log to a file that anybody can check.", "Escribe el registro en un fichero que cualquiera puede comprobar."),
		long: lang.T("Write the log, the oldest first. As ndjson it can be checked anywhere with binnacle audit verify --file, csv is for a spreadsheet.",
			"Escribe el registro, lo más antiguo primero. Como ndjson se comprueba en cualquier sitio con binnacle audit verify --file; csv es para una hoja de cálculo."),
		examples: []example{{lang.T("For an auditor", "Para una auditora"), "binnacle audit export --since 2026-01-01 -o audit.ndjson"}},
		access:   access{Verb: auth.Audit}, max: -1,
		flags: func(f *flags) {
			a.declare(f)
			f.choice(&a.format, "format", "", "ndjson", audit.Formats, lang.T("The format", "El formato"))
			f.text(&a.out, "output", "o", "", lang.T("`FILE`; standard output when not given.", "Fichero (`FILE`); la salida estándar si falta."))
		},
		run: a.export,
	}
}

func (a *auditing) export(ctx context.Context, s *session, args []string) error {
	q, err := a.query(s, args)
	if err != nil {
		return err
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if a.out == "" || a.out == "-" {
		return at.ExportAudit(ctx, s.Out, a.format, q)
	}
	err = wholeFile(a.out, func(w io.Writer) error { return at.ExportAudit(ctx, w, a.format, q) })
	if err == nil {
		s.tell("wrote %s", "escrito %s", a.out)
	}
	return err
}

// wholeFile writes a new file that appears under its name only when it is
// whole, readable by its owner alone.
func wholeFile(name string, write func(io.Writer) error) error {
	if _, err := os.Lstat(name); err == nil {
		return failed(exitConflict, "%s is there already", "%s ya existe", name).hinting("choose another name, or remove it first", "elige otro nombre, o bórralo antes")
	}
	temp := name + ".part"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err == nil {
		return os.Rename(temp, name)
	}
	os.Remove(temp)
	return err
}

// verifying is the flags of audit verify.
type verifying struct {
	file, out string
	anchors   []string
}

func auditVerifyCommand() *command {
	var v verifying
	return &command{
		use: "verify", short: lang.T("Check that the log is whole and unchanged.", "Comprueba que el registro está entero y sin cambios."),
		long: lang.T(`Check every record of the log against its hash and the one before it, and that nothing
is missing. --file checks an export, on any machine. --anchor compares with a hash that
somebody noted elsewhere: who can write the database could otherwise forge a whole chain.`,
			`Comprueba cada anotación con su hash y la anterior, y que no falta nada. --file comprueba
una exportación, en cualquier máquina. --anchor compara con un hash anotado en otro sitio:
sin él, quien puede escribir la base de datos podría falsificar la cadena entera.`),
		examples: []example{
			{lang.T("The log here", "El registro de aquí"), "binnacle audit verify"},
			{lang.T("An export, with a hash noted in March", "Una exportación, con un hash anotado en marzo"), "binnacle audit verify --file audit.ndjson --anchor 1042:9f86d0…"},
		},
		access: access{Verb: auth.Audit},
		flags: func(f *flags) {
			f.text(&v.file, "file", "", "", lang.T("Check this export (`FILE`).", "Comprueba esta exportación (`FILE`)."))
			f.texts(&v.anchors, "anchor", "", lang.T("A noted hash (`SEQ:HASH`); repeat for several.", "Un hash anotado (`SEQ:HASH`); repítela para varios."))
			f.choice(&v.out, "output", "o", "text", []string{"text", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: v.run,
	}
}

func (v *verifying) run(ctx context.Context, s *session, _ []string) error {
	anchors, err := v.noted()
	if err != nil {
		return err
	}
	report, err := v.verify(ctx, s, anchors)
	if err != nil {
		return err
	}
	if v.out == "json" {
		err = writeJSON(s.Out, report)
	} else if report.OK {
		s.print("The log is whole: %d record(s), the last is no. %d with the hash", "El registro está entero: %d anotación(es), la última es la n.º %d con el hash", report.Count, report.Last)
		fmt.Fprintln(s.Out, "  "+report.Head)
		s.print("Note number and hash elsewhere: --anchor %d:%s proves it later.", "Anota número y hash en otro sitio: --anchor %d:%s lo prueba más tarde.", report.Last, report.Head)
	}
	if err != nil || report.OK {
		return err
	}
	return failed(exitFailed, "the log is not whole: %s", "el registro no está entero: %s", report.Reason).
		hinting("keep the data folder as it is, compare with a backup and exports, and find out who could write to it", "deja la carpeta de datos como está, compara con una copia y con exportaciones, y averigua quién podía escribir en ella")
}

func (v *verifying) verify(ctx context.Context, s *session, anchors []audit.Anchor) (audit.Report, error) {
	if v.file == "" {
		at, err := s.open(ctx)
		if err != nil {
			return audit.Report{}, err
		}
		return at.VerifyAudit(ctx, anchors)
	}
	f, err := os.Open(v.file)
	if err != nil {
		return audit.Report{}, noFile(v.file, err)
	}
	defer f.Close()
	return audit.VerifyExport(f, anchors...)
}

func (v *verifying) noted() ([]audit.Anchor, error) {
	var out []audit.Anchor
	for _, text := range v.anchors {
		seq, hash, ok := strings.Cut(text, ":")
		n, err := strconv.ParseInt(seq, 10, 64)
		if !ok || err != nil || hash == "" {
			return nil, usage("--anchor %s is not SEQ:HASH", "--anchor %s no es SEQ:HASH", text).hinting("write it as audit verify prints it", "escríbelo como lo imprime audit verify")
		}
		out = append(out, audit.Anchor{Seq: n, Hash: hash})
	}
	return out, nil
}
