package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// detection is the flags of detect.
type detection struct {
	rules, pipelines []string
	route            string
	noRoute          bool
	out              string
	stats, strict    bool
	stored           bool
	from, to         string
}

func detectCommand() *command {
	var v detection
	return &command{
		use: "detect [EVENTS…]", short: lang.T("Run Sigma rules over files of events.", "Pasa reglas Sigma por ficheros de eventos."),
		long: lang.T(`Run Sigma rules over files of events, without a server: lines of JSON, JSON arrays, EVTX, also
packed as .gz or .zst, folders of these, and standard input. Each rule is looked for in the
events of its log source; --route says which these are, --no-route looks everywhere. Without
--rules the built-in detections are run. --stored runs them over the events that a folder or
a server keeps.`,
			`Pasa reglas Sigma por ficheros de eventos, sin servidor: líneas de JSON, listas JSON, EVTX,
también comprimidos como .gz o .zst, carpetas de estos y la entrada estándar. Cada regla se
busca en los eventos de su fuente; --route dice cuáles son, --no-route busca en todos. Sin
--rules se ejecutan las detecciones incluidas. --stored las pasa por los eventos que guarda
una carpeta o un servidor.`),
		examples: []example{
			{lang.T("The built-in detections over CloudTrail", "Las detecciones incluidas en CloudTrail"), "binnacle detect ./cloudtrail"},
			{lang.T("SigmaHQ's rules over a Windows event log", "Las reglas de SigmaHQ en un registro de Windows"), "binnacle detect --rules sigma/rules Security.evtx"},
			{lang.T("A new rule over the last month", "Una regla nueva en el último mes"), "binnacle detect --stored --from 30d --rules rule.yml"},
			{lang.T("As JSON, one match a line", "Como JSON, una coincidencia por línea"), "zcat events.jsonl.gz | binnacle detect --rules rules.tar.gz -o jsonl -"},
		},
		access: offline(), min: 0, max: -1,
		flags: func(f *flags) {
			f.texts(&v.rules, "rules", "", lang.T("`PATH` of rules: a file, a folder, or an archive (tar, tar.gz, zip), instead of the built-in ones; repeat for several.", "Ruta (`PATH`) de reglas: un fichero, una carpeta o un archivo (tar, tar.gz, zip), en vez de las incluidas; repítela para varias."))
			f.texts(&v.pipelines, "pipeline", "", lang.T("`FILE` of a processing pipeline that rewrites the rules, or the name of a ready one; repeat for several.", "Fichero (`FILE`) de una cadena de proceso que reescribe las reglas, o el nombre de una incluida; repítelo para varios."))
			f.text(&v.route, "route", "", "", lang.T("`FILE` that says which events are of which log source, in the form of SigmaHQ's thor.yml.", "Fichero (`FILE`) que dice qué eventos son de qué fuente, con la forma del thor.yml de SigmaHQ."))
			f.yes(&v.noRoute, "no-route", "", lang.T("Look for every rule in every event.", "Busca cada regla en todos los eventos."))
			f.choice(&v.out, "output", "o", "table", []string{"table", "jsonl"}, lang.T("What to print", "Qué se imprime"))
			f.yes(&v.stored, "stored", "", lang.T("Over the events that are stored, instead of files.", "En los eventos guardados, en vez de ficheros."))
			f.text(&v.from, "from", "", "24h", lang.T("With --stored: events since then (`WHEN`): 24h, 30d, 2026-01-31, or a moment.", "Con --stored: eventos desde entonces (`WHEN`): 24h, 30d, 2026-01-31, o un momento."))
			f.text(&v.to, "to", "", "", lang.T("With --stored: events before then (`WHEN`); now when not given.", "Con --stored: eventos anteriores (`WHEN`); ahora si falta."))
			f.yes(&v.stats, "stats", "", lang.T("Say at the end how many events and matches there were, and how fast.", "Dice al final cuántos eventos y coincidencias hubo, y a qué velocidad."))
			f.yes(&v.strict, "strict", "", lang.T("Fail when a rule cannot be run.", "Falla si alguna regla no se puede ejecutar."))
		},
		run: v.run,
	}
}

func (v *detection) run(ctx context.Context, s *session, args []string) error {
	rules, err := v.prepare(s)
	if err != nil {
		return err
	}
	sink := &detectSink{s: s, jsonl: v.out == "jsonl"}
	var inputs []detect.Input
	if v.stored {
		inputs, err = v.storedInput(ctx, s, args, sink)
	} else {
		inputs, err = s.eventInputs(args)
	}
	if err != nil {
		return err
	}
	start := time.Now()
	stats, err := rules.Run(ctx, inputs, detect.Sink{Match: sink.match, Bad: sink.bad})
	if err == nil {
		err = sink.end()
	}
	if err != nil {
		return err
	}
	if took := time.Since(start); v.stats {
		s.tell("%d events, %d matches, %d places without an event; %d rules; %.0f events/s", "%d eventos, %d coincidencias, %d lugares sin evento; %d reglas; %.0f eventos/s",
			stats.Events, stats.Matches, stats.Bad, rules.Len(), float64(stats.Events)/took.Seconds())
	}
	if stats.Unknown > 0 {
		s.tell("%d of %d events are of logs that no rule is for: nothing was looked for in them. --no-route looks for every rule.", "%d de %d eventos son de registros para los que no hay regla: no se buscó nada en ellos. --no-route busca todas las reglas.", stats.Unknown, stats.Events)
	}
	if stats.Lost > 0 {
		s.tell("%d matches could not be counted by a correlation: they lack a time, a field of its group, or a number.", "Una correlación no pudo contar %d coincidencias: les falta la hora, un campo de su grupo o un número.", stats.Lost)
	}
	switch refused := len(rules.Problems); {
	case refused > 0 && stats.Bad > 0:
		return failed(exitPartly, "not all rules were run: %d problem(s); and %d place(s) held no event", "no se ejecutaron todas las reglas: %d problema(s); y %d lugar(es) no tenían evento", refused, stats.Bad).hinting("they are named above", "se nombran arriba")
	case refused > 0:
		return failed(exitPartly, "not all rules were run: %d problem(s)", "no se ejecutaron todas las reglas: %d problema(s)", refused).hinting("each is named above; with --strict nothing runs then", "cada uno se nombra arriba; con --strict no se ejecuta nada")
	case stats.Bad > 0:
		return failed(exitPartly, "%d place(s) held no event", "%d lugar(es) no tenían evento", stats.Bad).hinting("they are named above", "se nombran arriba")
	}
	return nil
}

// prepare loads the rules and tells what is wrong with them.
func (v *detection) prepare(s *session) (*detect.Rules, error) {
	if v.noRoute && v.route != "" {
		return nil, usage("--route and --no-route contradict each other", "--route y --no-route se contradicen").hinting("leave one of both out", "quita una de las dos")
	}
	table, err := v.table(s)
	if err != nil {
		return nil, err
	}
	by, err := readPipelines(v.pipelines)
	if err != nil {
		return nil, err
	}
	c, err := loadRules(v.rules)
	if err != nil {
		return nil, err
	}
	rules, err := detect.Prepare(c, by, table)
	if err != nil {
		return nil, err
	}
	s.tellProblems(rules.Problems)
	if n := len(c.Skipped); n > 0 {
		s.tell("%d document(s) are no rules and are left out; binnacle rules check names them.", "%d documento(s) no son reglas y se dejan; binnacle rules check los nombra.", n)
	}
	if n := len(rules.Unrouted); n > 0 {
		s.tell("%d rule(s) are of logs that the routes do not know and are left out; --no-route looks for them everywhere.", "%d regla(s) son de registros que las rutas no conocen y se dejan; --no-route las busca en todas partes.", n)
	}
	switch {
	case v.strict && len(rules.Problems) > 0:
		return nil, failed(exitFailed, "not all rules can be run: %d problem(s)", "no se pueden ejecutar todas las reglas: %d problema(s)", len(rules.Problems)).hinting("correct them, or leave --strict out", "corrígelas o quita --strict")
	case rules.Len() == 0:
		return nil, failed(exitFailed, "there is no rule to run", "no hay ninguna regla que ejecutar").hinting("check --rules; --no-route runs rules of any log source", "revisa --rules; --no-route ejecuta reglas de cualquier fuente")
	}
	return rules, nil
}

// table is which events rules are of. A file of routes says no more than that: by
// which names events call fields is for pipelines to say.
func (v *detection) table(s *session) (*route.Table, error) {
	if v.noRoute {
		return nil, nil
	}
	if v.route == "" {
		return route.Ready()
	}
	data, err := os.ReadFile(v.route)
	if err != nil {
		return nil, noFile(v.route, err)
	}
	table, problems := route.Read(v.route, data)
	if len(problems) > 0 {
		return nil, failed(exitFailed, "the routes cannot be used: %v", "no se pueden usar las rutas: %v", problems[0].Error()).hinting("their form is that of SigmaHQ's tests/thor.yml", "su forma es la de tests/thor.yml de SigmaHQ")
	}
	renaming := 0
	for i := range table.Entries {
		if table.Entries[i].Fields != nil {
			table.Entries[i].Fields = nil
			renaming++
		}
	}
	if renaming > 0 {
		s.tell("%d route(s) of %s have field mappings, which are not applied: give --pipeline for other names of fields.", "%d ruta(s) de %s tienen correspondencias de campos, que no se aplican: da --pipeline para otros nombres de campos.", renaming, v.route)
	}
	return table, nil
}

// readPipelines reads pipelines, ready-made ones by name, and joins them; nil for
// none.
func readPipelines(paths []string) (*pipeline.Pipeline, error) {
	var list []*pipeline.Pipeline
	for _, path := range paths {
		if slices.Contains(pipeline.ReadyNames(), path) {
			ready, err := pipeline.Ready(path)
			if err != nil {
				return nil, err
			}
			list = append(list, ready)
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, failed(exitNotFound, "there is no pipeline %s", "no hay ninguna cadena %s", path).
				hinting("name a file, or one of "+strings.Join(pipeline.ReadyNames(), ", "), "nombra un fichero, o una de "+strings.Join(pipeline.ReadyNames(), ", "))
		}
		p, problems := pipeline.Options{Fetch: filesBeside(path)}.Read(path, data)
		if len(problems) > 0 {
			return nil, failed(exitFailed, "the pipeline cannot be used: %v", "no se puede usar la cadena: %v", problems[0].Error()).hinting("its form is that of pySigma's processing pipelines", "su forma es la de las cadenas de proceso de pySigma")
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return pipeline.Join(list...), nil
}

// filesBeside reads the files that a pipeline takes the values of placeholders
// from: a relative path is from the folder of the pipeline. Nothing is run and
// nobody is asked.
func filesBeside(name string) func(pipeline.Source) ([]byte, error) {
	return func(source pipeline.Source) ([]byte, error) {
		if source.Kind != "file" {
			return nil, fmt.Errorf("no %s is asked for values here: write them into a file for file_placeholders", source.Kind)
		}
		path := source.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(name), path)
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, int64(source.MaxSize)+1))
	}
}

// tellProblems names what is wrong with rules, one a line.
func (s *session) tellProblems(list []sigma.Problem) {
	for _, p := range list {
		fmt.Fprintf(s.Err, "%s %s\n", s.paint(s.ErrTTY, "warn", s.say(lang.T("not run:", "no se ejecuta:"))), oneLine(p.Error(), 0))
	}
}

// eventEndings are the files of a folder that hold events.
var eventEndings = []string{".json", ".jsonl", ".ndjson", ".evtx", ".log", ".gz", ".zst"}

// eventInputs are the files that the arguments name; standard input without any.
func (s *session) eventInputs(args []string) ([]detect.Input, error) {
	if len(args) == 0 {
		args = []string{"-"}
	}
	var out []detect.Input
	for _, path := range args {
		if path == "-" {
			out = append(out, detect.Input{Name: stdinName, Open: func() (io.ReadCloser, error) { return io.NopCloser(s.In), nil }})
			continue
		}
		err := filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
			if err != nil {
				return noFile(name, err)
			}
			if !d.IsDir() && (name == path || slices.Contains(eventEndings, strings.ToLower(filepath.Ext(name)))) {
				out = append(out, detect.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, failed(exitFailed, "there is no file of events in %s", "no hay ningún fichero de eventos en %s", strings.Join(args, ", ")).hinting("name files, or folders with "+strings.Join(eventEndings, ", "), "nombra ficheros, o carpetas con "+strings.Join(eventEndings, ", "))
	}
	return out, nil
}

// storedInput is the events of a folder or a server as one input, the newest
// first. Matches name the ids of the events.
func (v *detection) storedInput(ctx context.Context, s *session, args []string, sink *detectSink) ([]detect.Input, error) {
	if len(args) > 0 {
		return nil, usage("--stored takes no files", "--stored no admite ficheros").hinting("leave the files or --stored out", "quita los ficheros o --stored")
	}
	q := logs.Query{Text: "*"}
	var err error
	if q.From, err = s.since(v.from); err != nil {
		return nil, err
	}
	q.To = s.now()
	if v.to != "" {
		if q.To, err = s.since(v.to); err != nil {
			return nil, err
		}
	}
	if !q.From.Before(q.To) {
		return nil, usage("--to is not after --from", "--to no es posterior a --from").hinting("give moments in their order", "da los momentos en orden")
	}
	at, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return []detect.Input{{Name: "stored", Open: func() (io.ReadCloser, error) {
		from, to := io.Pipe()
		go func() {
			_, err := at.Events(ctx, q, true, func(r logs.Row) error {
				ev := logs.Event(r)
				sink.ids.add(ev.ID)
				_, err := to.Write(append(timed(ev), '\n'))
				return err
			})
			to.CloseWithError(err)
		}()
		return from, nil
	}}}, nil
}

// timed is the line of an event, with its time where it does not say it itself.
func timed(ev event.Event) []byte {
	if bytes.Contains(ev.Line, []byte(`"@timestamp"`)) || len(ev.Line) < 2 {
		return ev.Line
	}
	out := fmt.Appendf(nil, `{"@timestamp":%q`, ev.Time.UTC().Format(time.RFC3339Nano))
	if rest := bytes.TrimSpace(ev.Line[1:]); len(rest) > 0 && rest[0] != '}' {
		out = append(out, ',')
	}
	return append(out, ev.Line[1:]...)
}

// eventIDs are the ids of events, by their numbers.
type eventIDs struct {
	mu   sync.Mutex
	list []string
}

func (x *eventIDs) add(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, id)
}

// of returns the id of an event; "" of one that is of a file.
func (x *eventIDs) of(number int64) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if number >= 0 && number < int64(len(x.list)) {
		return x.list[number]
	}
	return ""
}

// detectSink prints what detect finds.
type detectSink struct {
	ids   eventIDs
	s     *session
	jsonl bool
	enc   *json.Encoder
	table table
	told  int
}

func (d *detectSink) match(m detect.Match) error {
	if id := d.ids.of(m.Event); id != "" {
		m.File, m.Line = id, 0
	}
	if d.jsonl {
		if d.enc == nil {
			d.enc = json.NewEncoder(d.s.Out)
			d.enc.SetEscapeHTML(false)
		}
		return d.enc.Encode(m)
	}
	number := fmt.Sprint(m.Event)
	if m.Event < 0 {
		number = ""
	}
	d.table.texts(number, whereOf(m), m.Level, oneLine(m.Title, maxTitle), oneLine(shownFields(m), 100))
	return nil
}

// whereOf is where an event stands, or its id.
func whereOf(m detect.Match) string {
	if m.Line == 0 {
		return m.File
	}
	return fmt.Sprintf("%s:%d", m.File, m.Line)
}

// shownFields are the fields of a match on one line, by name.
func shownFields(m detect.Match) string {
	var parts []string
	for name, v := range m.Fields {
		parts = append(parts, fmt.Sprintf("%s=%v", name, v))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// mostBad is how many places without an event are named.
const mostBad = 20

func (d *detectSink) bad(file string, p eventfile.Problem) {
	if d.told++; d.told <= mostBad {
		fmt.Fprintf(d.s.Err, "%s: %s\n", sigma.Pos{File: file, Line: p.Line}, p.Why)
	} else if d.told == mostBad+1 {
		d.s.tell("and more: only the first %d are named", "y más: solo se nombran los primeros %d", mostBad)
	}
}

func (d *detectSink) end() error {
	if d.jsonl {
		return nil
	}
	d.table.head = d.s.heads(lang.T("Event", "Evento"), lang.T("Where", "Dónde"), lang.T("Level", "Nivel"), lang.T("Rule", "Regla"), lang.T("Fields", "Campos"))
	if len(d.table.rows) == 0 {
		d.s.tell("Nothing matches.", "Nada coincide.")
		return nil
	}
	return d.s.write(&d.table)
}
