package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what the readable description shows.
type page struct {
	Lang, Stylesheet, Icon, Version string
	Words                           map[string]string
	Groups                          []pageGroup
}

type pageGroup struct {
	Name, Anchor, Doc string
	Ops               []pageOp
}

type pageOp struct {
	ID, Method, Path, Summary, Doc, Verb string
	Params                               []pageParam
	Body                                 string
	BodyDoc                              string
	Answers                              []pageAnswer
}

type pageParam struct {
	Name, In, Doc, Type string
	Required            bool
}

type pageAnswer struct {
	Status     int
	Doc, Types string
}

var pageWords = map[string]lang.Text{
	"title":    lang.T("The API", "La API"),
	"lede":     lang.T("Everything the web can do, for programs. Send a token as Authorization: Bearer; failures are problem+json.", "Todo lo que hace la web, para programas. Envía un token como Authorization: Bearer; los fallos son problem+json."),
	"machine":  lang.T("For machines", "Para máquinas"),
	"contents": lang.T("Contents", "Contenido"),
	"name":     lang.T("Name", "Nombre"),
	"place":    lang.T("Where", "Dónde"),
	"meaning":  lang.T("Meaning", "Significado"),
	"type":     lang.T("Type", "Tipo"),
	"required": lang.T("required", "obligatorio"),
	"takes":    lang.T("Takes", "Recibe"),
	"gives":    lang.T("Gives", "Devuelve"),
	"right":    lang.T("Right", "Permiso"),
	"open":     lang.T("none", "ninguno"),
	"back":     lang.T("Back to Binnacle", "Volver a Binnacle"),
	"skip":     lang.T("Go to the content", "Ir al contenido"),
	"shell":    lang.T("In a shell", "En una terminal"),
}

// tagTitles names the groups that are not kinds.
var tagTitles = map[string]lang.Text{
	"catalog": lang.T("Catalog", "Catálogo"), "today": lang.T("Today", "Hoy"), "import and export": lang.T("Import and export", "Importar y exportar"), "feed": lang.T("Feed", "Sucesos"), "evidence": lang.T("Evidence", "Evidencia"), "events": lang.T("Events", "Eventos"), "alerts": lang.T("Alerts", "Alertas"),
	"comments and notifications": lang.T("Comments and notifications", "Comentarios y avisos"),
	"oneself":                    lang.T("Oneself", "Uno mismo"), "administration": lang.T("Administration", "Administración"), "installation": lang.T("Installation", "Instalación"),
}

// pageRoute is the readable description, at /api.
func (a *API) pageRoute() door.Route {
	return door.Route{Method: http.MethodGet, Pattern: "/api", Face: door.API, Verb: auth.Public, Handle: func(w http.ResponseWriter, r *http.Request) error {
		var b bytes.Buffer
		if err := pageTemplate.Execute(&b, a.page(lang.Match(r.Header.Get("Accept-Language")))); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Vary", "Accept-Language")
		_, err := w.Write(b.Bytes())
		return err
	}}
}

func (a *API) page(code lang.Code) page {
	p := page{Lang: string(code), Stylesheet: static.URL("binnacle.css"), Icon: static.URL("favicon.svg"), Version: a.Version, Words: map[string]string{}}
	for key, t := range pageWords {
		p.Words[key] = t.In(code)
	}
	at := map[string]int{}
	for i := range a.ops {
		op := &a.ops[i]
		n, there := at[op.tag]
		if !there {
			n = len(p.Groups)
			at[op.tag] = n
			p.Groups = append(p.Groups, a.pageGroup(op.tag, code))
		}
		p.Groups[n].Ops = append(p.Groups[n].Ops, pageOpOf(op))
	}
	return p
}

func (a *API) pageGroup(tag string, code lang.Code) pageGroup {
	g := pageGroup{Name: tagTitles[tag].In(code), Anchor: "tag-" + strings.ReplaceAll(tag, " ", "-")}
	if k := a.Catalog.Kinds().Get(tag); k != nil && k.Name == tag {
		g.Name, g.Doc = k.Titles.In(code), k.Doc.In(code)
	}
	return g
}

func pageOpOf(op *operation) pageOp {
	o := pageOp{ID: op.id, Method: op.method, Path: Prefix + op.path, Summary: op.summary, Doc: op.doc, Verb: string(op.verb)}
	if op.verb == auth.Public {
		o.Verb = ""
	}
	add := func(in string, params []param) {
		for _, p := range params {
			o.Params = append(o.Params, pageParam{p.name, in, p.doc, p.typeName(), p.required})
		}
	}
	add("path", op.pathParams())
	add("query", op.query)
	add("header", op.header)
	if op.body != nil {
		o.Body, o.BodyDoc = strings.Join(op.body.types, ", "), op.body.doc
	}
	for _, a := range op.answers {
		o.Answers = append(o.Answers, pageAnswer{a.status, a.doc, strings.Join(a.types, ", ")})
	}
	return o
}

func (p param) typeName() string {
	name, _ := p.schema["type"].(string)
	if values, ok := p.schema["enum"].([]string); ok {
		name = strings.Join(values, " | ")
	}
	if p.many {
		name += " […]"
	}
	return name
}
