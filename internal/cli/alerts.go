package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

var onAlerts = auth.Resource{Room: auth.Security, Kind: "Alert"}

// alertsCommand is what people on call do with alerts.
func alertsCommand() *command {
	return &command{
		use: "alerts", aliases: []string{"alert"}, short: lang.T("See the alerts of a server, and act on them.", "Muestra las alertas de un servidor y actúa sobre ellas."),
		long: lang.T(`See what detections found, and say what came of it. Alerts are named by their numbers, AL-12 or
12. What is done with several of them is done with all, or, when one cannot be, with none.`,
			`Muestra lo que encontraron las detecciones y dice en qué quedó. Las alertas se nombran por su
número, AL-12 o 12. Lo que se hace con varias se hace con todas o, si una no se puede, con
ninguna.`),
		children: []*command{alertListCommand(), alertShowCommand(), alertAckCommand(), alertAssignCommand(), alertStartCommand(), alertCloseCommand(), alertReopenCommand(), alertCommentCommand(), alertCaseCommand()},
	}
}

// atServer is the server that alerts are on. A folder that no server holds has no
// detection that runs, and nobody whose act it would be.
func (s *session) atServer(ctx context.Context) (*remote, error) {
	at, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if at.far == nil {
		return nil, usage("alerts are worked on at a running server", "las alertas se trabajan en un servidor en marcha").hinting("give --server URL, or sign in with binnacle login URL", "da --server URL, o inicia sesión con binnacle login URL")
	}
	return at.far, nil
}

// alertLine is what tables show of an alert; raw is all of it as the server
// writes it.
type alertLine struct {
	ID, Title, Rule, Level, Severity, State, Disposition, Reason, Assignee, Asset, Case string
	Risk, Tier, Events                                                                  int
	Exact                                                                               bool
	Group                                                                               map[string]string
	Fields                                                                              map[string]any
	Tags                                                                                []string
	FirstSeen, LastSeen, Created, Acknowledged, Closed                                  time.Time

	raw json.RawMessage
}

// UnmarshalJSON keeps what was read beside what is understood of it.
func (a *alertLine) UnmarshalJSON(data []byte) error {
	type fields alertLine
	if err := json.Unmarshal(data, (*fields)(a)); err != nil {
		return err
	}
	a.raw = bytes.Clone(data)
	return nil
}

// MarshalJSON writes an alert as it was read.
func (a alertLine) MarshalJSON() ([]byte, error) { return a.raw, nil }

// alertChange is one thing that was done to an alert.
type alertChange struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	Act   string    `json:"act"`
	Value string    `json:"value,omitempty"`
	Note  string    `json:"note,omitempty"`
}

// The words of alerts, each with how it is marked.
type alertWord struct {
	text  lang.Text
	state string
}

var (
	severityNames  = []string{"informational", "low", "medium", "high", "critical"}
	severityWords  = map[string]alertWord{"critical": {lang.T("critical", "crítica"), "bad"}, "high": {lang.T("high", "alta"), "bad"}, "medium": {lang.T("medium", "media"), "warn"}, "low": {lang.T("low", "baja"), "idle"}, "informational": {lang.T("informational", "informativa"), "idle"}}
	alertStates    = []string{"new", "acknowledged", "work"}
	alertWords     = map[string]alertWord{"new": {lang.T("new", "nueva"), "warn"}, "acknowledged": {lang.T("acknowledged", "vista"), "info"}, "work": {lang.T("in work", "en curso"), "info"}, "closed": {lang.T("closed", "cerrada"), "idle"}}
	alertVerdicts  = []string{"true", "false", "benign"}
	verdictWords   = map[string]alertWord{"true": {lang.T("true", "verdadera"), "ok"}, "false": {lang.T("false", "falsa"), "idle"}, "benign": {lang.T("benign", "benigna"), "idle"}}
	alertActsWords = map[string]lang.Text{"opened": lang.T("opened", "abierta"), "raised": lang.T("raised", "subida"), "paged": lang.T("called", "avisó a"), "acknowledged": lang.T("acknowledged", "vista"), "assigned": lang.T("assigned", "asignada"),
		"started": lang.T("in work", "en curso"), "moved": lang.T("moved", "movida"), "commented": lang.T("said", "dijo"), "closed": lang.T("closed", "cerrada"), "reopened": lang.T("open again", "reabierta")}
)

// word writes a word of the server in the language of the run; one that is not
// known stays.
func (s *session) word(words map[string]alertWord, name string) cell {
	w, ok := words[name]
	if !ok {
		return plain(name)
	}
	return cell{w.text.In(s.code), w.state}
}

// stateOf is how far an alert is, and what it was once it is closed.
func (s *session) stateOf(a alertLine) cell {
	if a.Disposition != "" {
		return s.word(verdictWords, a.Disposition)
	}
	return s.word(alertWords, a.State)
}

// about is what an alert is about: its group, on one line.
func (a alertLine) about() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(a.Group)) {
		parts = append(parts, name+"="+a.Group[name])
	}
	return strings.Join(parts, " ")
}

// eventsText is how many events count.
func (a alertLine) eventsText() string {
	if a.Exact {
		return strconv.Itoa(a.Events)
	}
	return "≥" + strconv.Itoa(a.Events)
}

// writeAlerts prints alerts: as a table, an array, or one JSON object a line.
func (s *session) writeAlerts(out string, list []alertLine) error {
	switch out {
	case "json":
		return writeJSON(s.Out, append([]alertLine{}, list...))
	case "jsonl":
		for _, a := range list {
			if err := writeLine(s.Out, a); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	t := &table{head: s.heads(lang.T("Alert", "Alerta"), lang.T("Severity", "Gravedad"), lang.T("Risk", "Riesgo"), lang.T("State", "Estado"), lang.T("Age", "Edad"), lang.T("Whose", "De quién"), lang.T("Case", "Caso"), lang.T("What", "Qué"), lang.T("About", "Sobre"))}
	for _, a := range list {
		t.add(plain(a.ID), s.word(severityWords, a.Severity), plain(strconv.Itoa(a.Risk)), s.stateOf(a), plain(s.ago(a.Created)), plain(whose(a.Assignee)), plain(a.Case), plain(oneLine(a.Title, 60)), plain(oneLine(a.about(), 60)))
	}
	return s.write(t)
}

// whose is the assignee without what says that it is a person of the catalog.
func whose(ref string) string { return shortRef(ref, []string{"user"}, "") }

// alertQuery is the flags of list.
type alertQuery struct {
	state, severity, assignee, rule, asset, host, case_, since, until, sort, out string
	limit                                                                        int64
}

func alertListCommand() *command {
	var v alertQuery
	return &command{
		use: "list [WORDS…]", aliases: []string{"ls"}, short: lang.T("List alerts, the newest first.", "Enumera alertas, las más nuevas primero."),
		long: lang.T("List the alerts that are open, or those that the flags ask for. Words are looked for in the title, the group and the asset.", "Enumera las alertas abiertas, o las que piden las opciones. Las palabras se buscan en el título, el grupo y el activo."),
		examples: []example{
			{lang.T("What nobody has seen yet, from high on", "Lo que nadie ha visto aún, de alta en adelante"), "binnacle alerts list --state new --severity high"},
			{lang.T("What is mine", "Lo mío"), "binnacle alerts list --assignee me"},
			{lang.T("Close all of a rule on a host", "Cerrar todas las de una regla en un equipo"), "binnacle alerts list --rule 5f1f9ba4-… --host pc7 --limit 0 -o jsonl | jq -r .id | xargs -n 1000 binnacle alerts close --as benign --reason 'Planned test.'"},
		},
		access: access{Verb: auth.Read, Resource: onAlerts}, max: -1,
		flags: func(f *flags) {
			f.choice(&v.state, "state", "", "open", append([]string{"open", "all", "closed"}, alertStates...), lang.T("How far they are", "Hasta dónde han llegado"))
			f.choice(&v.severity, "severity", "", "", severityNames, lang.T("This severity and above", "Esta gravedad y las mayores"))
			f.text(&v.assignee, "assignee", "", "", lang.T("Of this `PERSON`; me for one's own, none for those of nobody.", "De esta persona (`PERSON`); me para las propias, none para las de nadie."))
			f.text(&v.rule, "rule", "", "", lang.T("Of the rule with this `ID`.", "De la regla con este identificador (`ID`)."))
			f.text(&v.host, "host", "", "", lang.T("About the machine with this `NAME`.", "Sobre el equipo con este nombre (`NAME`)."))
			f.text(&v.asset, "asset", "", "", lang.T("About this thing of the catalog (`REF`), as component:default/payments.", "Sobre esta cosa del catálogo (`REF`), como component:default/payments."))
			f.text(&v.case_, "case", "", "", lang.T("In this `CASE`, as C-12.", "En este caso (`CASE`), como C-12."))
			f.text(&v.since, "since", "", "", lang.T("Opened since then (`WHEN`): 24h, 30d, 2026-01-31, or a moment.", "Abiertas desde entonces (`WHEN`): 24h, 30d, 2026-01-31, o un momento."))
			f.text(&v.until, "until", "", "", lang.T("Opened before then (`WHEN`).", "Abiertas antes (`WHEN`)."))
			f.choice(&v.sort, "sort", "", "new", []string{"new", "risk", "seen", "oldest"}, lang.T("The order", "El orden"))
			f.number(&v.limit, "limit", "", 50, lang.T("How many at most (`N`); 0 is all.", "Cuántas como mucho (`N`); 0 son todas."))
			alertsFlag(f, &v.out)
		},
		run: v.run,
	}
}

func alertsFlag(f *flags, p *string) {
	f.choice(p, "output", "o", "table", []string{"table", "json", "jsonl"}, lang.T("What to print", "Qué se imprime"))
}

func (v *alertQuery) run(ctx context.Context, s *session, args []string) error {
	q, err := v.query(s, args)
	if err != nil {
		return err
	}
	r, err := s.atServer(ctx)
	if err != nil {
		return err
	}
	list, total, err := r.alerts(ctx, q, int(v.limit))
	if err != nil {
		return err
	}
	if err := s.writeAlerts(v.out, list); err != nil {
		return err
	}
	s.tell("%d of %d alert(s)", "%d de %d alerta(s)", len(list), total)
	return nil
}

// query is the flags as the API takes them.
func (v *alertQuery) query(s *session, words []string) (url.Values, error) {
	if v.limit < 0 {
		return nil, usage("--limit is less than 0", "--limit es menor que 0").hinting("0 is all", "0 son todas")
	}
	q := url.Values{}
	for name, value := range map[string]string{"assignee": v.assignee, "rule": v.rule, "host": v.host, "asset": v.asset, "case": v.case_, "q": strings.Join(words, " ")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	switch v.state {
	case "open":
		q["state"] = alertStates
	case "all":
	default:
		q.Set("state", v.state)
	}
	if i := slices.Index(severityNames, v.severity); i >= 0 {
		q["level"] = severityNames[i:]
	}
	if v.sort != "new" {
		q.Set("sort", v.sort)
	}
	for name, text := range map[string]string{"from": v.since, "to": v.until} {
		at, err := s.since(text)
		if err != nil {
			return nil, err
		}
		if !at.IsZero() {
			q.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return q, nil
}

// mostAlerts is how many alerts one answer has, and how many one act is done with.
const mostAlerts = 1000

// alerts reads the alerts of a query, limit of them or, with 0, all, and how many
// there are.
func (r *remote) alerts(ctx context.Context, q url.Values, limit int) ([]alertLine, int, error) {
	var out []alertLine
	for {
		var page struct {
			Items []alertLine
			Total int
		}
		ask := mostAlerts
		if limit > 0 {
			ask = min(ask, limit-len(out))
		}
		q.Set("limit", strconv.Itoa(ask))
		q.Set("offset", strconv.Itoa(len(out)))
		if err := r.get(ctx, "/alerts", q, &page); err != nil {
			return nil, 0, err
		}
		out = append(out, page.Items...)
		if len(page.Items) < ask || len(out) == limit {
			return out, page.Total, nil
		}
	}
}

func alertShowCommand() *command {
	var out string
	return &command{
		use: "show NUMBER", aliases: []string{"get"}, short: lang.T("Show an alert, and what was done with it.", "Muestra una alerta y qué se hizo con ella."),
		examples: []example{{lang.T("What is it, and who has it?", "¿Qué es, y quién la tiene?"), "binnacle alerts show AL-12"}},
		access:   access{Verb: auth.Read, Resource: onAlerts}, min: 1, max: 1,
		flags: func(f *flags) { alertsFlag(f, &out) },
		run: func(ctx context.Context, s *session, args []string) error {
			r, err := s.atServer(ctx)
			if err != nil {
				return err
			}
			var a alertLine
			if err := r.get(ctx, "/alerts/"+url.PathEscape(args[0]), nil, &a); err != nil {
				return err
			}
			var done struct{ Items []alertChange }
			if err := r.get(ctx, "/alerts/"+url.PathEscape(args[0])+"/changes", nil, &done); err != nil {
				return err
			}
			if out == "table" {
				return s.showAlert(a, done.Items)
			}
			whole := map[string]json.RawMessage{}
			if err := json.Unmarshal(a.raw, &whole); err != nil {
				return err
			}
			if whole["changes"], err = json.Marshal(done.Items); err != nil {
				return err
			}
			if out == "json" {
				return writeJSON(s.Out, whole)
			}
			return writeLine(s.Out, whole)
		},
	}
}

func (s *session) showAlert(a alertLine, done []alertChange) error {
	t := &table{}
	add := func(label lang.Text, text string) {
		if text != "" {
			t.add(plain(s.say(label)), plain(oneLine(text, 0)))
		}
	}
	fmt.Fprintf(s.Out, "%s  %s\n\n", a.ID, oneLine(a.Title, 0))
	t.add(plain(s.say(lang.T("Severity", "Gravedad"))), s.word(severityWords, a.Severity))
	t.add(plain(s.say(lang.T("State", "Estado"))), s.stateOf(a))
	add(lang.T("Risk", "Riesgo"), strconv.Itoa(a.Risk)+"/100")
	add(lang.T("Reason", "Motivo"), a.Reason)
	add(lang.T("Whose", "De quién"), whose(a.Assignee))
	add(lang.T("Case", "Caso"), a.Case)
	add(lang.T("Asset", "Activo"), a.Asset)
	if a.Tier > 0 {
		add(lang.T("Tier", "Nivel"), strconv.Itoa(a.Tier))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Group)) {
		add(lang.T(name, name), a.Group[name])
	}
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		if _, said := a.Group[name]; !said {
			add(lang.T(name, name), anyText(a.Fields[name]))
		}
	}
	add(lang.T("Events", "Eventos"), a.eventsText()+", "+moment(a.FirstSeen)+" – "+moment(a.LastSeen))
	add(lang.T("Opened", "Abierta"), moment(a.Created))
	if !a.Closed.IsZero() {
		add(lang.T("Closed", "Cerrada"), moment(a.Closed))
	}
	add(lang.T("Rule", "Regla"), a.Rule)
	add(lang.T("Tags", "Etiquetas"), strings.Join(a.Tags, ", "))
	if err := s.write(t); err != nil {
		return err
	}
	fmt.Fprintln(s.Out)
	t = &table{}
	for _, c := range done {
		act := cmp.Or(alertActsWords[c.Act].In(s.code), c.Act)
		t.texts(moment(c.At), c.By, strings.TrimSpace(act+" "+s.changed(c)), oneLine(c.Note, 0))
	}
	return s.write(t)
}

// changed is what a change made of an alert.
func (s *session) changed(c alertChange) string {
	switch c.Act {
	case "closed":
		return s.word(verdictWords, c.Value).text
	case "raised":
		return s.word(severityWords, c.Value).text
	}
	return whose(c.Value)
}

// alertAct is what is done with alerts, as the API takes it.
type alertAct struct {
	Alerts      []string `json:"alerts"`
	Act         string   `json:"act"`
	To          string   `json:"to,omitempty"`
	Disposition string   `json:"disposition,omitempty"`
	Reason      string   `json:"reason,omitempty"`
}

// act does something with alerts and says of which it was true already.
func (s *session) act(ctx context.Context, out string, do alertAct) error {
	if len(do.Alerts) > mostAlerts {
		return usage("%d alerts are too many for one go", "%d alertas son demasiadas de una vez", len(do.Alerts)).hinting("%d are the most", "%d como mucho", mostAlerts)
	}
	r, err := s.atServer(ctx)
	if err != nil {
		return err
	}
	var done struct{ Items []alertLine }
	if err := r.send(ctx, "POST", "/alerts", nil, do, &done); err != nil {
		return err
	}
	if err := s.writeAlerts(out, done.Items); err != nil {
		return err
	}
	s.tell("%d alert(s) changed", "%d alerta(s) cambiadas", len(done.Items))
	if left := distinct(do.Alerts) - len(done.Items); left > 0 {
		s.tell("%d were so already, or are closed", "%d ya estaban así, o están cerradas", left)
	}
	return nil
}

// distinct counts alerts, however their numbers are written.
func distinct(numbers []string) int {
	seen := map[string]bool{}
	for _, n := range numbers {
		seen[strings.TrimPrefix(strings.ToUpper(n), "AL-")] = true
	}
	return len(seen)
}

// actCommand is a command that does something with alerts. fill adds what it
// takes beside their numbers.
func actCommand(c command, f func(*flags), fill func(*session, *alertAct) error) *command {
	var out string
	c.use += " NUMBER…"
	c.access, c.min, c.max = access{Verb: auth.Write, Resource: onAlerts}, 1, -1
	c.flags = func(set *flags) {
		if f != nil {
			f(set)
		}
		alertsFlag(set, &out)
	}
	c.run = func(ctx context.Context, s *session, args []string) error {
		do := alertAct{Alerts: args}
		if err := fill(s, &do); err != nil {
			return err
		}
		return s.act(ctx, out, do)
	}
	return &c
}

// doing fills an act that takes nothing more.
func doing(act string) func(*session, *alertAct) error {
	return func(_ *session, do *alertAct) error {
		do.Act = act
		return nil
	}
}

func alertAckCommand() *command {
	return actCommand(command{use: "acknowledge", aliases: []string{"ack"}, short: lang.T("Say that one has seen alerts; those of nobody become one's own.", "Dice que uno ha visto alertas; las de nadie pasan a ser propias."),
		examples: []example{{lang.T("Nobody else is called", "No se avisa a nadie más"), "binnacle alerts ack AL-12"}}}, nil, doing("acknowledge"))
}

func alertAssignCommand() *command {
	var to string
	return actCommand(command{use: "assign", aliases: []string{"take"}, short: lang.T("Make alerts one's own, or another's.", "Hace propias unas alertas, o de otra persona."),
		examples: []example{{lang.T("They are mine", "Son mías"), "binnacle alerts assign AL-12 AL-13"}, {lang.T("They are Leila's", "Son de Leila"), "binnacle alerts assign AL-12 AL-13 --to leila"}}},
		func(f *flags) {
			f.text(&to, "to", "", "", lang.T("Whose they are (`PERSON`); one's own when not given.", "De quién son (`PERSON`); propias si falta."))
		},
		func(_ *session, do *alertAct) error {
			if do.Act, do.To = "assign", to; to == "" {
				do.Act = "take"
			}
			return nil
		})
}

func alertStartCommand() *command {
	return actCommand(command{use: "start", short: lang.T("Say that alerts are being worked on.", "Dice que se trabaja en unas alertas."), examples: []example{{lang.T("I am on it", "Estoy en ello"), "binnacle alerts start AL-12"}}}, nil, doing("start"))
}

func alertCloseCommand() *command {
	var as, reason string
	return actCommand(command{use: "close", short: lang.T("Close alerts: what they were, and why.", "Cierra alertas: qué eran, y por qué."),
		long: lang.T("Close alerts. A true one was an attack, a false one was nothing of what the rule looks for, a benign one happened and was meant to.",
			"Cierra alertas. Una verdadera fue un ataque; una falsa no era lo que busca la regla; una benigna ocurrió y debía ocurrir."),
		examples: []example{{lang.T("A test that was announced", "Una prueba anunciada"), "binnacle alerts close AL-12 AL-13 --as benign --reason 'The restore test of today.'"}}},
		func(f *flags) {
			f.choice(&as, "as", "", "", alertVerdicts, lang.T("What they were", "Qué eran"))
			f.text(&reason, "reason", "", "", lang.T("Why (`TEXT`).", "Por qué (`TEXT`)."))
		},
		func(_ *session, do *alertAct) error {
			if as == "" || strings.TrimSpace(reason) == "" {
				return usage("closing alerts asks what they were and why", "cerrar alertas pide qué eran y por qué").hinting("add --as true, false or benign, and --reason TEXT", "añade --as true, false o benign, y --reason TEXTO")
			}
			do.Act, do.Disposition, do.Reason = "close", as, reason
			return nil
		})
}

func alertReopenCommand() *command {
	return actCommand(command{use: "reopen", short: lang.T("Open closed alerts again.", "Reabre alertas cerradas."), examples: []example{{lang.T("It was no test after all", "No era una prueba"), "binnacle alerts reopen AL-12"}}}, nil, doing("reopen"))
}

func alertCommentCommand() *command {
	var text string
	return actCommand(command{use: "comment", short: lang.T("Say something about alerts.", "Dice algo sobre unas alertas."), examples: []example{{lang.T("What was found out", "Lo averiguado"), "binnacle alerts comment AL-12 -m 'The host is off the network.'"}}},
		func(f *flags) {
			f.text(&text, "message", "m", "", lang.T("What to say (`TEXT`); from the input when not given.", "Qué decir (`TEXT`); de la entrada si falta."))
		},
		func(s *session, do *alertAct) (err error) {
			do.Act = "comment"
			if do.Reason, err = s.message(text); err == nil && strings.TrimSpace(do.Reason) == "" {
				err = usage("a comment needs words", "un comentario pide palabras").hinting("add -m TEXT", "añade -m TEXTO")
			}
			return err
		})
}

// alertCase is a case that is to be opened, as the API takes it.
type alertCase struct {
	Alerts      []string `json:"alerts"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Severity    string   `json:"severity,omitempty"`
	Playbook    string   `json:"playbook,omitempty"`
	Lead        string   `json:"lead,omitempty"`
}

// opens reports whether something is said of a case that is to be opened.
func (v alertCase) opens() bool {
	return v.Title+v.Description+v.Severity+v.Playbook+v.Lead != ""
}

func alertCaseCommand() *command {
	var v alertCase
	var into, out string
	return &command{
		use: "case NUMBER…", short: lang.T("Open a case with alerts, or put them into one.", "Abre un caso con alertas, o las pone en uno."),
		long: lang.T("Open a case with alerts, and print its name. What is not given follows from the alerts: the title, the severity, and the playbook whose tasks it gets. --into puts them into a case there is.",
			"Abre un caso con alertas e imprime su nombre. Lo que no se da sale de las alertas: el título, la gravedad y el guion del que toma las tareas. --into las pone en un caso que ya existe."),
		examples: []example{
			{lang.T("They are one attack", "Son un solo ataque"), "binnacle alerts case AL-12 AL-13 --title 'A key was used outside'"},
			{lang.T("This one too", "Esta también"), "binnacle alerts case AL-14 --into C-7"},
		},
		access: access{Verb: auth.Write, Resource: auth.Resource{Room: auth.Security, Kind: "Case"}}, min: 1, max: -1,
		flags: func(f *flags) {
			f.text(&v.Title, "title", "", "", lang.T("Its title (`TEXT`).", "Su título (`TEXT`)."))
			f.text(&v.Description, "description", "", "", lang.T("What is known (`TEXT`), in Markdown.", "Lo que se sabe (`TEXT`), en Markdown."))
			f.choice(&v.Severity, "severity", "", "", severityNames[1:], lang.T("How bad it is", "Cómo de grave es"))
			f.text(&v.Playbook, "playbook", "", "", lang.T("Whose tasks it gets (`NAME`).", "El guion del que toma las tareas (`NAME`)."))
			f.text(&v.Lead, "lead", "", "", lang.T("Who leads it (`PERSON`); oneself when not given.", "Quién lo dirige (`PERSON`); uno mismo si falta."))
			f.text(&into, "into", "", "", lang.T("Put them into this `CASE`, as C-12.", "Las pone en este caso (`CASE`), como C-12."))
			alertsFlag(f, &out)
		},
		run: func(ctx context.Context, s *session, args []string) error {
			if into != "" {
				if v.opens() {
					return usage("--into puts them into a case that is open, and says nothing else of it", "--into las pone en un caso abierto, y no dice nada más de él").hinting("change the case itself: binnacle edit case/%s", "cambia el caso: binnacle edit case/%s", into)
				}
				return s.act(ctx, out, alertAct{Alerts: args, Act: "move", To: into})
			}
			r, err := s.atServer(ctx)
			if err != nil {
				return err
			}
			v.Alerts = args
			var made struct {
				Case string `json:"case"`
			}
			if err := r.send(ctx, "POST", "/alerts/case", nil, v, &made); err != nil {
				return err
			}
			switch out {
			case "table":
				fmt.Fprintln(s.Out, made.Case)
				return nil
			case "json":
				return writeJSON(s.Out, made)
			}
			return writeLine(s.Out, made)
		},
	}
}
