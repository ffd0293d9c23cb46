package claim

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Test is one question a claim is tested by. Exactly one of its forms is set.
type Test struct {
	Name   string `json:"name" en:"Name" es:"Nombre" req:"1" help:"Short and lasting; its runs are kept under it." ayuda:"Corto y duradero; sus ejecuciones se guardan con él." example:"owned"`
	Title  string `json:"title,omitempty" en:"Title" es:"Título" search:"1" help:"What it looks at, in a few words." ayuda:"Qué mira, en pocas palabras." example:"Services without an owner"`
	Every  string `json:"every,omitempty" en:"Every" es:"Cada" help:"How often it is run: 30m, 24h, 7d, 2w. Left empty: 24h. It also runs when what it reads changes." ayuda:"Cada cuánto se ejecuta: 30m, 24h, 7d, 2w. Vacío: 24h. También se ejecuta cuando cambia lo que lee." example:"24h"`
	MaxAge string `json:"maxAge,omitempty" en:"Good for" es:"Válida durante" help:"How old its answer may grow before it is stale. Left empty: twice the time between runs." ayuda:"Cuánto puede envejecer su respuesta antes de caducar. Vacío: el doble del tiempo entre ejecuciones." example:"48h"`
	Must   string `json:"must,omitempty" en:"Must be" es:"Debe ser" help:"What its number has to meet: >= 95, <= 3, = 0, 3 to 5." ayuda:"Lo que debe cumplir su número: >= 95, <= 3, = 0, 3 to 5." example:">= 95"`

	Records *Records  `json:"records,omitempty" en:"Records" es:"Registros" help:"A question over what is kept here: who is asked, and what must hold for each." ayuda:"Una pregunta sobre lo que se guarda aquí: a quién se pregunta y qué debe cumplirse en cada uno."`
	Attest  *Attest   `json:"attest,omitempty" en:"Attestation" es:"Atestación" help:"The word of a person who answers for it, for a time." ayuda:"La palabra de quien responde de ello, por un tiempo."`
	Number  *External `json:"number,omitempty" en:"Number from elsewhere" es:"Número externo" help:"A number that another system answers, or that a file holds." ayuda:"Un número que responde otro sistema o que contiene un fichero."`
	Measure *Measured `json:"measure,omitempty" en:"Measure" es:"Medida" help:"The present number of a measure." ayuda:"El número actual de una medida."`
	Query   *Query    `json:"query,omitempty" en:"Query" es:"Consulta" help:"A question in the language of one of the engines." ayuda:"Una pregunta en el lenguaje de uno de los motores."`
}

// Records asks every member of a population whether an expectation holds, and
// may make a number of the answers.
type Records struct {
	From   string `json:"from" en:"From" es:"De" req:"1" help:"A kind, as component, or a table of observations, as claims." ayuda:"Una clase, como component, o una tabla de observaciones, como claims." example:"component"`
	Where  string `json:"where,omitempty" en:"Where" es:"Donde" type:"text" help:"Who is asked: a CEL expression over each. Left empty: all." ayuda:"A quién se pregunta: una expresión CEL sobre cada uno. Vacío: a todos." example:"spec.type == \"service\""`
	Expect string `json:"expect,omitempty" en:"Expect" es:"Se espera" type:"text" help:"What must hold for each; those for which it does not are the exceptions." ayuda:"Lo que debe cumplirse en cada uno; los que no lo cumplen son las excepciones." example:"has(spec.owner)"`
	Allow  string `json:"allow,omitempty" en:"Exceptions allowed" es:"Excepciones permitidas" help:"How many may fail: 0, 3 or 5%. Left empty: none." ayuda:"Cuántos pueden fallar: 0, 3 o 5%. Vacío: ninguno." example:"0"`
	Value  string `json:"value,omitempty" en:"Value" es:"Valor" help:"The number made of them: count, exceptions, share (per cent that meet the expectation), or sum, avg, min, max, median, p85, p95, p99 or distinct of an expression, as sum(spec.cost)." ayuda:"El número que se forma: count, exceptions, share (por ciento que cumple lo esperado), o sum, avg, min, max, median, p85, p95, p99 o distinct de una expresión, como sum(spec.cost)." example:"share"`
}

// Attest asks a person for their word.
type Attest struct {
	Statement string   `json:"statement,omitempty" en:"Statement" es:"Declaración" help:"What is attested; left empty, the claim itself." ayuda:"Lo que se atesta; vacío, la propia afirmación."`
	By        []string `json:"by,omitempty" en:"By" es:"Por" ref:"user,group" rel:"attestedBy,attests" help:"Who may attest it with full weight, beside the owner." ayuda:"Quién puede atestarlo con pleno valor, además del responsable."`
	GoodFor   string   `json:"goodFor,omitempty" en:"Good for" es:"Válida durante" help:"How long a word holds: 90d. Left empty: 90d." ayuda:"Cuánto vale la palabra: 90d. Vacío: 90d." example:"90d"`
}

// External is a number that stands elsewhere: the answer of an address, or a
// file in the folder that the installation allows.
type External struct {
	URL    string `json:"url,omitempty" en:"Address" es:"Dirección" type:"url" help:"Asked with GET; it must answer JSON." ayuda:"Se consulta con GET; debe responder JSON." example:"https://status.example.com/api/uptime"`
	File   string `json:"file,omitempty" en:"File" es:"Fichero" help:"A JSON file below the folder given to the server with --files." ayuda:"Un fichero JSON dentro de la carpeta dada al servidor con --files." example:"uptime.json"`
	Path   string `json:"path" en:"Path" es:"Ruta" req:"1" help:"Where the number stands in the answer, as data.result[0].value." ayuda:"Dónde está el número en la respuesta, como data.result[0].value." example:"data.availability"`
	AsOf   string `json:"asOf,omitempty" en:"Path of its time" es:"Ruta de su fecha" help:"Where the answer says of when the number is: a moment, or seconds since 1970." ayuda:"Dónde dice la respuesta de cuándo es el número: un momento, o segundos desde 1970." example:"data.updated"`
	Secret string `json:"secret,omitempty" en:"Secret" es:"Secreto" help:"Name of a stored secret that is sent as a bearer token." ayuda:"Nombre de un secreto guardado que se envía como testigo." example:"status-page"`
}

// Measured reads a measure.
type Measured struct {
	Measure string `json:"measure" en:"Measure" es:"Medida" req:"1" ref:"measure" rel:"measuredBy,measures" help:"The measure whose present number is read." ayuda:"La medida cuyo número actual se lee." example:"measure:deploys-per-day"`
}

// The lengths of time that hold where a test names none.
const (
	defaultEvery = 24 * time.Hour
	defaultWord  = 90 * 24 * time.Hour
	defaultTyped = 30 * 24 * time.Hour
)

// every returns the time between two runs; 0 for a test that only people answer.
func (t *Test) every() time.Duration {
	if t.Attest != nil {
		return 0
	}
	return DurationOr(t.Every, defaultEvery)
}

// maxAge returns how old an answer may grow; 0 when the word given says so
// itself.
func (t *Test) maxAge() time.Duration {
	if t.Attest != nil {
		return 0
	}
	return DurationOr(t.MaxAge, 2*t.every())
}

// Label returns what people call the test.
func (t *Test) Label() string { return cmp.Or(t.Title, t.Name) }

// Asks is what is asked of each member of a population, and the number made of
// them; nil for a form that has none. Its Where is empty where somebody else than
// a record query chooses the members.
func (t *Test) Asks() *Records {
	switch q := t.Query; {
	case t.Records != nil:
		return t.Records
	case q != nil && len(q.Key) > 0:
		return &Records{From: q.from(), Expect: q.Expect, Allow: q.Allow, Value: q.Value}
	}
	return nil
}

// Form names the form of the test: records, attest, number, measure or query.
func (t *Test) Form() string {
	switch {
	case t.Records != nil:
		return "records"
	case t.Attest != nil:
		return "attest"
	case t.Number != nil:
		return "number"
	case t.Measure != nil:
		return "measure"
	case t.Query != nil:
		return "query"
	}
	return ""
}

func problem(field, code, format string, args ...any) fault.Problem {
	p := fault.Problem{Field: field, Code: code, Msg: fmt.Sprintf(format, args...)}
	for _, a := range args {
		p.Args = append(p.Args, fmt.Sprint(a))
	}
	return p
}

// checkTests finds what is wrong with tests beyond their schema.
func checkTests(path string, tests []Test) []fault.Problem {
	var out []fault.Problem
	seen := map[string]bool{}
	for i := range tests {
		at := fmt.Sprintf("%s[%d]", path, i)
		if seen[tests[i].Name] {
			out = append(out, problem(at+".name", "test-twice", "the test %s is given twice", tests[i].Name))
		}
		seen[tests[i].Name] = true
		out = append(out, tests[i].check(at)...)
	}
	return out
}

func (t *Test) check(at string) []fault.Problem {
	var out []fault.Problem
	forms := 0
	for _, set := range []bool{t.Records != nil, t.Attest != nil, t.Number != nil, t.Measure != nil, t.Query != nil} {
		if set {
			forms++
		}
	}
	if forms != 1 {
		p := problem(at, "one-form", "a test is one of records, attest, number, measure or query; this one has %d", forms)
		if forms == 0 {
			p.Hint = "an empty form counts as none: write attest: {goodFor: 90d}"
		}
		out = append(out, p)
	}
	for name, text := range map[string]string{"every": t.Every, "maxAge": t.MaxAge} {
		out = append(out, checkDuration(at+"."+name, text)...)
	}
	if t.Must != "" {
		if _, err := parseMust(t.Must); err != nil {
			out = append(out, problem(at+".must", "comparison", "%v", err))
		}
	}
	switch {
	case t.Records != nil:
		out = append(out, t.Records.check(at+".records", t.Must != "")...)
	case t.Attest != nil:
		out = append(out, checkDuration(at+".attest.goodFor", t.Attest.GoodFor)...)
	case t.Number != nil:
		out = append(out, t.Number.check(at+".number")...)
		out = append(out, t.needsMust(at)...)
	case t.Query != nil:
		out = append(out, t.Query.check(at+".query", t.Must != "")...)
	}
	return out
}

func (t *Test) needsMust(at string) []fault.Problem {
	if t.Must != "" {
		return nil
	}
	return []fault.Problem{problem(at+".must", "required", "is required: a number alone proves nothing")}
}

func checkDuration(field, text string) []fault.Problem {
	if text == "" {
		return nil
	}
	if _, err := ParseDuration(text); err != nil {
		return []fault.Problem{problem(field, "duration", "%v", err)}
	}
	return nil
}

// check finds what is wrong with a record query. valued says that its number
// is judged, so that it needs no expectation.
func (r *Records) check(at string, valued bool) []fault.Problem {
	var out []fault.Problem
	if _, err := parseAllow(r.Allow); err != nil {
		out = append(out, problem(at+".allow", "allowance", "%v", err))
	}
	v, err := parseValue(r.Value)
	if err != nil {
		out = append(out, problem(at+".value", "value", "%v", err))
	}
	if err == nil && r.Expect == "" && (v.op == "share" || v.op == "exceptions") {
		out = append(out, problem(at+".expect", "required", "is required: %s counts those for which it holds", v.op))
	}
	if r.Expect == "" && !(valued && r.Value != "") {
		out = append(out, problem(at+".expect", "required", "is required, or a value and what it must be"))
	}
	for name, text := range map[string]string{"where": r.Where, "expect": r.Expect} {
		if _, err := expressions.boolean(text); err != nil {
			out = append(out, problem(at+"."+name, "cel", "%v", err))
		}
	}
	if v.expr != "" {
		if _, err := expressions.value(v.expr); err != nil {
			out = append(out, problem(at+".value", "cel", "%v", err))
		}
	}
	return out
}

func (x *External) check(at string) []fault.Problem {
	var out []fault.Problem
	if (x.URL == "") == (x.File == "") {
		out = append(out, problem(at, "one-place", "a number stands at an address or in a file: give one of url and file"))
	}
	if x.File != "" && !localFile(x.File) {
		out = append(out, problem(at+".file", "file-outside", "%q leaves the folder: give a path below it, without ..", x.File))
	}
	for name, text := range map[string]string{"path": x.Path, "asOf": x.AsOf} {
		if text != "" {
			if _, err := parsePath(text); err != nil {
				out = append(out, problem(at+"."+name, "path", "%v", err))
			}
		}
	}
	if x.Secret != "" && !strings.HasPrefix(x.URL, "https://") {
		out = append(out, problem(at+".secret", "secret", "is sent only over https"))
	}
	return out
}
