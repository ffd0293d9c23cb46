package detections

import (
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/detect/live"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/sigma"
)

// The kinds of this part.
const (
	KindDetection = "Detection"
	KindRuleSet   = "RuleSet"
)

// Detection is a Sigma rule of one's own, or how another rule is run.
type Detection struct {
	Rule       string      `json:"rule,omitempty" en:"Sigma rule" es:"Regla Sigma" type:"text" help:"The text of a rule of your own in YAML: a rule, or a correlation with the rules under it. Left empty where a rule of others is tuned." ayuda:"El texto YAML de una regla propia: una regla, o una correlación con sus reglas. Vacío cuando se ajusta una regla de otros."`
	Of         string      `json:"of,omitempty" en:"Tunes the rule" es:"Ajusta la regla" col:"1" search:"1" help:"The id of the rule that is tuned, as its page shows it." ayuda:"El id de la regla que se ajusta, como lo muestra su página." example:"052224b6-ff89-4f7c-ba1d-0db062d1e083"`
	State      string      `json:"state,omitempty" en:"Runs" es:"Se ejecuta" col:"2" filter:"1" enum:"on:ok=On|Activada;off:idle=Off|Desactivada" help:"Whether it runs. Left empty: as it comes." ayuda:"Si se ejecuta. Vacío: como viene." example:"on"`
	Level      string      `json:"level,omitempty" en:"Level" es:"Nivel" col:"3" filter:"1" enum:"informational:idle=Informational|Informativo;low:info=Low|Bajo;medium:warn=Medium|Medio;high:bad=High|Alto;critical:bad=Critical|Crítico" help:"How grave what it finds is. Left empty: as the rule says." ayuda:"La gravedad de lo que encuentra. Vacío: la de la regla."`
	Filters    []string    `json:"filters,omitempty" en:"Filters" es:"Filtros" type:"text" help:"Sigma filters in YAML: what they describe is not found. They stay when the rule is updated." ayuda:"Filtros Sigma en YAML: lo que describen no se encuentra. Permanecen cuando la regla se actualiza."`
	Exceptions []Exception `json:"exceptions,omitempty" en:"Exceptions" es:"Excepciones" help:"What it does not look at for a while, and why." ayuda:"Lo que no mira durante un tiempo, y por qué."`
	Group      []string    `json:"group,omitempty" en:"Grouped by" es:"Agrupada por" help:"Fields of the event: what is found with the same values is one finding. Left empty: host, user and source address." ayuda:"Campos del evento: lo que se encuentra con los mismos valores es un solo hallazgo. Vacío: equipo, usuario y dirección de origen." example:"user.name"`
	Window     string      `json:"window,omitempty" en:"Window" es:"Ventana" help:"For how long that is one finding, as 15m, 1h or 1d. Left empty: one hour." ayuda:"Durante cuánto es un solo hallazgo, como 15m, 1h o 1d. Vacío: una hora." example:"1h"`
	Owner      string      `json:"owner,omitempty" en:"Owner" es:"Responsable" ref:"group,user" rel:"ownedBy,ownerOf" help:"Who looks after it." ayuda:"Quien la cuida." example:"group:security"`
}

// Exception is what a rule does not look at for a while.
type Exception struct {
	Title  string `json:"title" en:"What" es:"Qué" req:"1" help:"In a few words." ayuda:"En pocas palabras." example:"The backup account" ejemplo:"La cuenta de copias"`
	When   string `json:"when" en:"Events" es:"Eventos" req:"1" type:"text" help:"The fields of such events and their values, as in a Sigma rule." ayuda:"Los campos de esos eventos y sus valores, como en una regla Sigma." example:"user.name: backup"`
	Until  string `json:"until,omitempty" en:"Until" es:"Hasta" type:"date" due:"Exception of a detection|Excepción de una detección" help:"The last day on which it counts. Left empty: for good." ayuda:"El último día en que cuenta. Vacío: sin fin." example:"2026-12-31"`
	Reason string `json:"reason" en:"Reason" es:"Motivo" req:"1" help:"Why it is not looked at." ayuda:"Por qué no se mira." example:"Signs in from many hosts by design" ejemplo:"Entra desde muchos equipos por diseño"`
	By     string `json:"by,omitempty" en:"By" es:"Por" help:"Who decided it." ayuda:"Quién lo decidió." example:"user:marta"`
}

func detectionKind() *catalog.Kind {
	k := catalog.Of(catalog.Kind{
		Name: KindDetection, Plural: "detections", Room: auth.Security, Icon: "shield", Order: 20,
		Title: lang.T("Detection", "Detección"), Titles: lang.T("Detections", "Detecciones"),
		Doc: lang.T("A Sigma rule of your own, or how a rule of others is run: on or off, its level, filters, exceptions that end, and by what its findings are grouped. An update of the rule leaves it as it is.",
			"Una regla Sigma propia, o cómo se ejecuta una regla de otros: activada o no, su nivel, filtros, excepciones con fin y por qué se agrupan sus hallazgos. Una actualización de la regla la deja como está."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Detection
metadata:
  name: root-shell-on-bastion
  title: Root shell on the bastion
spec:
  rule: |
    title: Root shell on the bastion
    logsource: {product: linux, service: sudo}
    detection:
      selection:
        host.name: bastion
        message|contains: COMMAND=/bin/bash
      condition: selection
    level: high
`, `apiVersion: binnacle.dev/v1
kind: Detection
metadata:
  name: ssh-brute-force
spec:
  of: 052224b6-ff89-4f7c-ba1d-0db062d1e083
  level: high
  exceptions:
    - title: The scanner of the auditors
      when: "source.ip: 192.0.2.10"
      until: "2026-12-31"
      reason: It tries passwords by order
      by: user:marta
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {level: high}\n", Want: "spec.rule: give a rule of your own, or the id of one to tune"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {of: a, rule: \"title: x\"}\n", Want: "spec.of: a rule of your own tunes no other"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {rule: \"title: x\\nlogsource: {product: linux}\\ndetection:\\n  a: {b|nope: c}\\n  condition: a\"}\n", Want: "line 4 of the rule"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {of: a, window: soon}\n", Want: "spec.window: is no length of time"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {of: a, filters: [\"title: x\"]}\n", Want: "spec.filters[0]"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Detection\nmetadata: {name: x}\nspec: {of: a, exceptions: [{title: x, when: \"\", reason: y}]}\n", Want: "spec.exceptions[0].when"},
		},
	}, checkDetection)
	return k
}

func checkDetection(_ *entity.Entity, s *Detection) []fault.Problem {
	var out []fault.Problem
	wrong := func(field, code, msg string) {
		out = append(out, fault.Problem{Field: field, Code: code, Msg: msg})
	}
	switch {
	case s.Rule == "" && s.Of == "":
		wrong("spec.rule", "detection-nothing", "give a rule of your own, or the id of one to tune")
	case s.Rule != "" && s.Of != "":
		wrong("spec.of", "detection-both", "a rule of your own tunes no other")
	}
	if s.Rule != "" {
		_, problems := live.CheckRule(s.Rule)
		out = append(out, inText("spec.rule", "rule", problems)...)
	}
	for i, text := range s.Filters {
		out = append(out, inText(fmt.Sprintf("spec.filters[%d]", i), "filter", live.CheckFilter(text))...)
	}
	for i, x := range s.Exceptions {
		out = append(out, inText(fmt.Sprintf("spec.exceptions[%d].when", i), "exception", live.CheckException(live.Exception{Title: x.Title, When: x.When}))...)
	}
	if _, err := claim.ParseDuration(s.Window); s.Window != "" && err != nil {
		wrong("spec.window", "detection-window", "is no length of time: write 15m, 1h or 1d")
	}
	return out
}

// inText are problems of a text that stands in a field.
func inText(field, what string, list []sigma.Problem) []fault.Problem {
	var out []fault.Problem
	for _, p := range list {
		msg := p.Message
		if p.Line > 0 {
			msg = fmt.Sprintf("line %d of the %s: %s", p.Line, what, msg)
		}
		out = append(out, fault.Problem{Field: field, Code: "sigma", Msg: msg, Args: []string{msg}, Hint: p.Fix})
	}
	return out
}

// RuleSet says which rules of a set run.
type RuleSet struct {
	Set      string   `json:"set,omitempty" en:"Set" es:"Conjunto" col:"1" filter:"1" help:"The name of the set: the last part of the path that the server was given. Left empty: all sets." ayuda:"El nombre del conjunto: la última parte de la ruta dada al servidor. Vacío: todos." example:"rules"`
	Levels   []string `json:"levels,omitempty" en:"Levels" es:"Niveles" col:"2" help:"Rules of these levels." ayuda:"Reglas de estos niveles." example:"critical"`
	Statuses []string `json:"statuses,omitempty" en:"Statuses" es:"Estados" help:"Rules of these statuses: stable, test, experimental." ayuda:"Reglas de estos estados: stable, test, experimental." example:"stable"`
	Products []string `json:"products,omitempty" en:"Products" es:"Productos" col:"3" help:"Rules of logs of these products." ayuda:"Reglas de registros de estos productos." example:"windows"`
	Tags     []string `json:"ruleTags,omitempty" en:"Tags of rules" es:"Etiquetas de reglas" help:"Rules with one of these tags." ayuda:"Reglas con alguna de estas etiquetas." example:"attack.t1059"`
}

func ruleSetKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: KindRuleSet, Plural: "rulesets", Room: auth.Security, Icon: "list", Order: 21,
		Title: lang.T("Rule set", "Conjunto de reglas"), Titles: lang.T("Rule sets", "Conjuntos de reglas"),
		Doc: lang.T("Which rules of the sets that the server was given (binnacle serve --rules) run in this organisation: those that meet all that is said here. Several add up. A rule can still be turned on or off by a detection.",
			"Qué reglas de los conjuntos dados al servidor (binnacle serve --rules) se ejecutan en esta organización: las que cumplen todo lo que se dice aquí. Varios se suman. Una detección puede activar o desactivar cada regla."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: RuleSet
metadata:
  name: sigmahq-grave
  title: Grave rules of SigmaHQ for Windows
spec:
  set: rules
  levels: [critical, high]
  statuses: [stable, test]
  products: [windows]
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: RuleSet\nmetadata: {name: x}\nspec: {levels: [dire]}\n", Want: "spec.levels[0]: there is no such level"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: RuleSet\nmetadata: {name: x}\nspec: {statuses: [fine]}\n", Want: "spec.statuses[0]: there is no such status"},
		},
	}, checkRuleSet)
}

func checkRuleSet(_ *entity.Entity, s *RuleSet) []fault.Problem {
	var out []fault.Problem
	among := func(field, code, msg string, list, known []string) {
		for i, v := range list {
			if !containsFold(known, v) {
				out = append(out, fault.Problem{Field: fmt.Sprintf("%s[%d]", field, i), Code: code, Msg: msg, Hint: "they are " + strings.Join(known, ", ")})
			}
		}
	}
	among("spec.levels", "ruleset-level", "there is no such level", s.Levels, sigma.Levels)
	among("spec.statuses", "ruleset-status", "there is no such status", s.Statuses, sigma.Statuses)
	return out
}

func containsFold(list []string, v string) bool {
	for _, one := range list {
		if strings.EqualFold(one, v) {
			return true
		}
	}
	return false
}
