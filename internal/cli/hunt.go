package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// events is what machines said.
type events interface {
	// Events calls row with what a question finds. An exact one is LogsQL as it
	// stands. The question's Org is that of the caller.
	Events(ctx context.Context, q logs.Query, exact bool, row func(logs.Row) error) (logs.Outcome, error)
}

// hunt is the flags of hunt.
type hunt struct {
	from, to, out, sigma    string
	limit                   int64
	exact, partial, noRoute bool
}

func huntCommand() *command {
	var v hunt
	return &command{
		use: "hunt [QUERY…]", short: lang.T("Look for events in what was stored.", "Busca eventos en lo guardado."),
		long: lang.T(`Look for events in what was stored, the newest first. Words and "quoted texts" are looked for
in all fields, without regard to case; field:word looks in one, -word excludes, part* and
*part* match a part, and, or and not join. All of LogsQL is understood, with its pipes.

--sigma looks for what a Sigma rule matches, in the events of its log source, exactly as
detection does: the engine finds what may match, and the rule's matcher decides.`,
			`Busca eventos en lo guardado, los más nuevos primero. Las palabras y los "textos entre
comillas" se buscan en todos los campos, sin distinguir mayúsculas; campo:palabra busca en
uno, -palabra excluye, parte* y *parte* encuentran una parte, y and, or y not combinan. Se
entiende todo LogsQL, con sus tuberías.

--sigma busca lo que encuentra una regla Sigma, en los eventos de su fuente, igual que la
detección: el motor halla lo que puede coincidir y el comparador de la regla decide.`),
		examples: []example{
			{lang.T("A word, in the last day", "Una palabra, en el último día"), "binnacle hunt mimikatz"},
			{lang.T("Failed sign-ins by address, in a week", "Inicios fallidos por dirección, en una semana"), `binnacle hunt --from 7d 'event.outcome:failure | stats by (source.ip) count() n | sort by (n desc)'`},
			{lang.T("What a rule would have matched in a month", "Lo que una regla habría encontrado en un mes"), "binnacle hunt --from 30d --sigma rule.yml -o jsonl"},
			{lang.T("What begins with a dash stands behind two", "Lo que empieza por un guion va tras dos"), "binnacle hunt -- -user.name:svc-deploy AssumeRole"},
		},
		access: access{Verb: auth.Read, Resource: auth.Resource{Room: auth.Security}}, max: -1,
		flags: func(f *flags) {
			f.text(&v.from, "from", "", "24h", lang.T("Events since then (`WHEN`): 24h, 30d, 2026-01-31, or a moment.", "Eventos desde entonces (`WHEN`): 24h, 30d, 2026-01-31, o un momento."))
			f.text(&v.to, "to", "", "", lang.T("Events before then (`WHEN`); now when not given.", "Eventos anteriores (`WHEN`); ahora si falta."))
			f.number(&v.limit, "limit", "", 100, lang.T("Rows at most (`N`); 0 is all.", "Filas como mucho (`N`); 0 son todas."))
			f.text(&v.sigma, "sigma", "", "", lang.T("`FILE` of Sigma rules, or a folder or archive of them, to look for.", "Fichero (`FILE`) de reglas Sigma, o carpeta o archivo de ellas, que buscar."))
			f.yes(&v.noRoute, "no-route", "", lang.T("Look for the rules in every event, not only in those of their log source.", "Busca las reglas en todos los eventos, no solo en los de su fuente."))
			f.yes(&v.exact, "exact", "", lang.T("The query is LogsQL as it stands: words alone are not looked for in all fields.", "La consulta es LogsQL tal cual: las palabras sueltas no se buscan en todos los campos."))
			f.yes(&v.partial, "partial", "", lang.T("Take what the nodes of a cluster have that answer, when some do not.", "Toma lo que tienen los nodos del clúster que responden, si alguno no responde."))
			f.choice(&v.out, "output", "o", "table", []string{"table", "jsonl", "json"}, lang.T("What to print", "Qué se imprime"))
		},
		run: v.run,
	}
}

func (v *hunt) run(ctx context.Context, s *session, args []string) error {
	q := logs.Query{Text: strings.Join(args, " "), Partial: v.partial}
	var err error
	if q.From, err = s.since(v.from); err != nil {
		return err
	}
	q.To = s.now()
	if v.to != "" {
		if q.To, err = s.since(v.to); err != nil {
			return err
		}
	}
	switch {
	case !q.From.Before(q.To):
		return usage("--to is not after --from", "--to no es posterior a --from").hinting("give moments in their order", "da los momentos en orden")
	case v.limit < 0:
		return usage("--limit is less than 0", "--limit es menor que 0").hinting("0 is all", "0 son todas")
	}
	var rules *ruleHunt
	if v.sigma != "" {
		if rules, err = v.rules(s); err != nil {
			return err
		}
	}
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	out := &rowSink{s: s, form: v.out, most: int(v.limit)}
	step, end := s.progress(lang.T("Looking back, in minutes", "Mirando atrás, en minutos"))
	look := func(r logs.Row) error {
		if !r.Time.IsZero() {
			step(int(q.To.Sub(r.Time)/time.Minute), int(q.To.Sub(q.From)/time.Minute))
		}
		if rules == nil {
			return out.row(r, nil)
		}
		names, err := rules.match(r)
		if err != nil || len(names) == 0 {
			return err
		}
		return out.row(r, names)
	}
	exact := v.exact
	switch {
	case rules == nil:
		q.Limit = int(v.limit)
	case q.Text == "":
		q.Text, exact = rules.filter, true
	default:
		q.Text += " | filter " + rules.filter
	}
	outcome, err := at.Events(ctx, q, exact, look)
	end()
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	outcome.Limited = outcome.Limited || out.more
	return v.tell(s, out.rows, outcome)
}

// tell says how the answer came about.
func (v *hunt) tell(s *session, rows int, o logs.Outcome) error {
	switch took := o.Took.Round(time.Millisecond); {
	case o.Read > 0:
		s.tell("%d rows; %d events were looked at in %s", "%d filas; se miraron %d eventos en %s", rows, o.Read, took)
	default:
		s.tell("%d rows in %s", "%d filas en %s", rows, took)
	}
	if o.Limited {
		s.tell("There are more: --limit %d is all that was asked for; 0 is all.", "Hay más: se pidieron solo --limit %d; 0 son todas.", v.limit)
	}
	if o.Partial {
		return failed(exitPartly, "nodes of the event engine did not answer: there may be more", "algunos nodos del motor de eventos no respondieron: puede haber más").hinting("see that they run, and look again", "comprueba que funcionan y repite")
	}
	return nil
}

// ruleHunt looks for what rules match.
type ruleHunt struct {
	filter  string
	scanner *sigma.Scanner
}

// rules makes the rules ready, and the filter of what they may match.
func (v *hunt) rules(s *session) (*ruleHunt, error) {
	c, err := loadRules([]string{v.sigma})
	if err != nil {
		return nil, err
	}
	s.tellProblems(c.Problems)
	if n := len(c.Correlations); n > 0 {
		s.tell("%d correlation(s) are left out: only the rules themselves are looked for.", "%d correlación(es) se dejan: solo se buscan las reglas.", n)
	}
	var table *route.Table
	if !v.noRoute {
		if table, err = route.Ready(); err != nil {
			return nil, err
		}
	}
	var routed []sigma.Routed
	var filters []string
	for _, rule := range c.Rules {
		x := sigma.Routed{Rule: rule, Routes: []sigma.Route{{Rule: rule}}}
		if table != nil {
			if x.Routes, err = table.For(rule); err != nil || len(x.Routes) == 0 {
				s.tell("%q is of logs that the routes do not know; --no-route looks for it everywhere.", "%q es de registros que las rutas no conocen; --no-route la busca en todas partes.", rule.Title)
				continue
			}
		}
		routed, filters = append(routed, x), append(filters, logs.Narrow(rule, x.Routes))
	}
	var refused []sigma.Problem
	router, err := sigma.NewRouter(routed, sigma.Skip(&refused))
	if err != nil {
		return nil, err
	}
	s.tellProblems(refused)
	if len(router.Rules()) == 0 {
		return nil, failed(exitFailed, "there is no rule to look for", "no hay ninguna regla que buscar").hinting("check the file with binnacle rules check", "revisa el fichero con binnacle rules check")
	}
	h := &ruleHunt{filter: strings.Join(filters, " or "), scanner: router.Scanner()}
	if slices.Contains(filters, "*") {
		h.filter = "*"
	}
	return h, nil
}

// match returns the titles of the rules that match a row.
func (h *ruleHunt) match(r logs.Row) (names []string, err error) {
	list, err := h.scanner.Match(logs.Event(r).Line)
	for _, rule := range list {
		names = append(names, rule.Title)
	}
	return names, err
}

// rowSink prints rows.
type rowSink struct {
	s    *session
	form string
	most int // 0: all
	rows int
	more bool
	kept []logs.Row
	buf  []byte
}

func (o *rowSink) row(r logs.Row, rules []string) error {
	if o.most > 0 && o.rows == o.most {
		o.more = true
		return logs.ErrStop
	}
	o.rows++
	if rules != nil {
		r.Fields = append(slices.Clip(r.Fields), logs.Field{Name: "rule.name", Value: strings.Join(rules, ", ")})
	}
	if o.form == "table" {
		o.kept = append(o.kept, r)
		return nil
	}
	before, after := "", "\n"
	if o.form == "json" {
		before, after = ",\n ", ""
		if o.rows == 1 {
			before = "[\n "
		}
	}
	o.buf = append(r.AppendJSON(append(o.buf[:0], before...), false), after...)
	_, err := o.s.Out.Write(o.buf)
	return err
}

func (o *rowSink) end() error {
	switch {
	case o.form == "json" && o.rows == 0:
		fmt.Fprintln(o.s.Out, "[]")
	case o.form == "json":
		fmt.Fprintln(o.s.Out, "\n]")
	case o.form == "table" && o.rows > 0:
		return o.s.write(o.table())
	}
	return nil
}

// table shows events by what a person asks first; rows that pipes made by all
// their fields.
func (o *rowSink) table() *table {
	made := slices.ContainsFunc(o.kept, func(r logs.Row) bool {
		return r.Get("_time") == "" || r.Get(event.FieldID) == "" && r.Get("_stream") == ""
	})
	var columns []string
	if made {
		for _, r := range o.kept {
			for _, f := range r.Fields {
				if !slices.Contains(columns, f.Name) && f.Name != "_stream" && f.Name != "_stream_id" {
					columns = append(columns, f.Name)
				}
			}
		}
		t := &table{head: columns}
		for _, r := range o.kept {
			t.texts(each(columns, func(c string) string { return oneLine(r.Get(c), 80) })...)
		}
		return t
	}
	s := o.s
	head := s.heads(lang.T("Time", "Hora"), lang.T("Source", "Fuente"), lang.T("Host", "Equipo"), lang.T("What", "Qué"))
	ruled := slices.ContainsFunc(o.kept, func(r logs.Row) bool { return r.Get("rule.name") != "" })
	if ruled {
		head = append(head, s.say(lang.T("Rule", "Regla")))
	}
	t := &table{head: head}
	for _, r := range o.kept {
		row := []string{r.Time.Format("2006-01-02 15:04:05.000"), r.Get(event.FieldSource), r.Get(event.Host), oneLine(gist(r), 100)}
		if ruled {
			row = append(row, oneLine(r.Get("rule.name"), 60))
		}
		t.texts(row...)
	}
	return t
}

func each[T, U any](list []T, f func(T) U) (out []U) {
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// gist is what an event says: its message, or its fields.
func gist(r logs.Row) string {
	if m := r.Get("_msg"); m != "" {
		return m
	}
	var b strings.Builder
	for _, f := range r.Fields {
		switch {
		case strings.HasPrefix(f.Name, "_"), strings.HasPrefix(f.Name, "binnacle."), f.Name == event.FieldID, f.Name == event.FieldSeen, f.Name == event.FieldFormat, f.Name == event.Host, f.Name == "rule.name":
		case b.Len() < 200:
			fmt.Fprintf(&b, "%s=%s ", f.Name, f.Value)
		}
	}
	return b.String()
}

func (l *local) Events(ctx context.Context, q logs.Query, exact bool, row func(logs.Row) error) (logs.Outcome, error) {
	q.Org = l.who.Org
	if !exact {
		var err error
		if q, err = logs.Translate(ctx, l.Logs, q); err != nil {
			return logs.Outcome{}, err
		}
	}
	return l.Logs.Rows(ctx, q, row)
}

func (r *remote) Events(ctx context.Context, q logs.Query, exact bool, row func(logs.Row) error) (out logs.Outcome, err error) {
	asked := map[string]any{"query": q.Text, "exact": exact, "from": q.From.UTC(), "to": q.To.UTC(), "limit": q.Limit, "partial": q.Partial, "as": "stored"}
	if q.Limit == 0 {
		asked["limit"] = -1
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return out, err
	}
	ended := false
	err = r.lines(ctx, ask{method: http.MethodPost, path: "/events/query", body: bytes.NewReader(body), bodyType: "application/json"}, func(line []byte) error {
		var last struct {
			Outcome *struct {
				Rows, Read, Bytes, TookMS int64
				Limited, Partial          bool
			} `json:"_outcome"`
			Problem *problem `json:"_problem"`
		}
		if bytes.HasPrefix(line, []byte(`{"_outcome":{`)) || bytes.HasPrefix(line, []byte(`{"_problem":{`)) {
			if err := json.Unmarshal(line, &last); err != nil {
				return err
			}
			if last.Problem != nil {
				return last.Problem.fault()
			}
			o := last.Outcome
			out = logs.Outcome{Rows: o.Rows, Read: o.Read, Bytes: o.Bytes, Took: time.Duration(o.TookMS) * time.Millisecond, Limited: o.Limited, Partial: o.Partial}
			ended = true
			return nil
		}
		read, err := logs.ReadRow(line)
		if err != nil {
			return err
		}
		return row(read)
	})
	if err == nil && !ended {
		err = failed(exitFailed, "the answer broke off", "la respuesta se cortó").hinting("try again", "repite")
	}
	if err == logs.ErrStop {
		err = nil
	}
	return out, err
}
