package hunt

import (
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// Hunt is a question about events that is worth asking again.
type Hunt struct {
	Query   string   `json:"query" en:"Query" es:"Consulta" req:"1" type:"text" search:"1" help:"In LogsQL, or a Sigma rule. Plain words look in every field." ayuda:"En LogsQL, o una regla Sigma. Las palabras sueltas se buscan en todos los campos." example:"event.action:AssumeRole -user.name:=svc-deploy"`
	Why     string   `json:"why,omitempty" en:"Why" es:"Por qué" type:"markdown" search:"1" help:"What it looks for and what finding it would mean." ayuda:"Qué busca y qué significaría encontrarlo."`
	Last    string   `json:"last,omitempty" en:"Looks back" es:"Mira atrás" col:"2" help:"How far: 1h, 24h, 7d. Left empty, the day until now, or From and To." ayuda:"Cuánto: 1h, 24h, 7d. Vacío, el último día, o Desde y Hasta." example:"7d"`
	From    string   `json:"from,omitempty" en:"From" es:"Desde" type:"datetime" help:"Of a stretch between two moments." ayuda:"De un tramo entre dos momentos."`
	To      string   `json:"to,omitempty" en:"To" es:"Hasta" type:"datetime" help:"Of a stretch between two moments." ayuda:"De un tramo entre dos momentos."`
	Columns []string `json:"columns,omitempty" en:"Columns" es:"Columnas" help:"Fields that the table shows. Left empty, those that fit." ayuda:"Campos que muestra la tabla. Vacío, los que convengan." example:"user.name"`
	By      string   `json:"by,omitempty" en:"Split by" es:"Dividir por" help:"The field that the picture over time is split by." ayuda:"El campo por el que se divide la imagen en el tiempo." example:"event.outcome"`
}

// KindHunt is the name of the kind of saved hunts.
const KindHunt = "Hunt"

func huntKind() *catalog.Kind {
	return catalog.Of(catalog.Kind{
		Name: KindHunt, Plural: "hunts", Room: auth.Security, Icon: "search", Order: 10,
		Title: lang.T("Hunt", "Búsqueda"), Titles: lang.T("Saved hunts", "Búsquedas guardadas"),
		Doc: lang.T("A question about events that is worth asking again, with the time it looks at and the columns it shows.",
			"Una pregunta sobre los eventos que merece repetirse, con el tiempo que mira y las columnas que muestra."),
		Examples: []string{`apiVersion: binnacle.dev/v1
kind: Hunt
metadata:
  name: keys-outside
  title: Keys of the pipeline used outside of it
  owner: group:security
spec:
  query: user.name:="svc-deploy" -source.ip:ipv4_range("10.40.8.0/22")
  last: 7d
  columns: [event.action, source.ip, event.outcome]
  by: event.outcome
  why: The key of the pipeline is used by its runners alone. From elsewhere it has been stolen.
`},
		Invalid: []catalog.Invalid{
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Hunt\nmetadata: {name: x}\nspec: {query: a, last: soon}\n", Want: "is no length of time"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Hunt\nmetadata: {name: x}\nspec: {query: a, last: 1h, from: \"2026-09-01T00:00:00Z\"}\n", Want: "either looks back or is between two moments"},
			{YAML: "apiVersion: binnacle.dev/v1\nkind: Hunt\nmetadata: {name: x}\nspec: {query: \"title: x\\ndetection:\\n  a: {b: c}\\n\"}\n", Want: "condition"},
		},
	}, checkHunt)
}

func checkHunt(_ *entity.Entity, h *Hunt) []fault.Problem {
	var out []fault.Problem
	if _, ok := lengthOf(h.Last); h.Last != "" && !ok {
		out = append(out, fault.Problem{Field: "spec.last", Code: "hunt-last", Msg: "it is no length of time", Hint: "write 1h, 24h or 7d"})
	}
	if h.Last != "" && (h.From != "" || h.To != "") {
		out = append(out, fault.Problem{Field: "spec.last", Code: "hunt-either", Msg: "a hunt either looks back or is between two moments"})
	}
	if isRule(h.Query) {
		if _, err := paste(h.Query); err != nil {
			for _, p := range fault.ProblemsOf(err) {
				p.Field = "spec.query"
				out = append(out, p)
			}
		}
	}
	return out
}

// state is what the address says of the page that asks a hunt.
func (h Hunt) state() state {
	return state{Query: h.Query, Last: h.Last, From: h.From, To: h.To, Columns: h.Columns, By: h.By}
}

// runCard leads from a saved hunt to its answer.
func runCard() web.Card {
	return web.Card{ID: "hunt-run", Kinds: []string{KindHunt}, Slot: web.Actions, Template: "hunt-run.html", Load: func(_ *web.Ctx, e *entity.Entity) (any, error) {
		h, err := catalog.Spec[Hunt](e)
		if err != nil {
			return nil, err
		}
		return h.state().href("/events"), nil
	}}
}

// savedHunt is a saved hunt in the menu of the page.
type savedHunt struct{ Title, Href, Why string }

// mostSaved is how many saved hunts the menu lists.
const mostSaved = 12

// saved lists the saved hunts, the newest first, and how many there are.
func saved(c *web.Ctx) ([]savedHunt, int, error) {
	k := c.Catalog().Kinds().Get(KindHunt)
	if k == nil || !c.CanKind(auth.Read, k) {
		return nil, 0, nil
	}
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{KindHunt}, Sort: "updated", Desc: true, Limit: mostSaved})
	if err != nil {
		return nil, 0, err
	}
	var out []savedHunt
	for _, e := range page.Items {
		h, err := catalog.Spec[Hunt](e)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, savedHunt{e.DisplayTitle(), h.state().href("/events"), e.Metadata.Description})
	}
	return out, page.Total, nil
}
