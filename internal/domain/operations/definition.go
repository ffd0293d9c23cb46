package operations

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func definitionCard() web.Card {
	return web.Card{ID: "definition", Kinds: []string{"API"}, Slot: web.Main, Order: 40, Title: "operations.definition", Template: "definition.html", Load: loadDefinition,
		Replaces: []string{"spec.definition"}}
}

// Limits of what is read and shown of a definition.
const (
	maxParsed     = 512 << 10 // bytes
	maxOperations = 60
)

// definition is what a card says of the definition of an API.
type definition struct {
	Text       string
	Lines      int
	Elsewhere  string   // where it lies when it is not here
	Link       *outLink // the same, when a browser may follow it
	Title      string
	Version    string
	Format     string // "OpenAPI 3.1.0"
	Servers    []string
	Operations []operation
	More       int
}

// operation is one thing an API can be asked to do.
type operation struct{ Verb, Path, Summary string }

func loadDefinition(_ *web.Ctx, e *entity.Entity) (any, error) {
	raw := commonOf(e).Definition
	if len(raw) == 0 {
		return nil, nil
	}
	d := &definition{}
	if target, _ := pointer(e.Spec); target != "" {
		d.Elsewhere = target
		if l, ok := webLink(target, target); ok {
			d.Link = &l
		}
		return d, nil
	}
	if json.Unmarshal(raw, &d.Text) != nil {
		d.Text = string(raw)
	}
	d.Lines = strings.Count(strings.TrimRight(d.Text, "\n"), "\n") + 1
	d.read()
	return d, nil
}

// document is the part of an OpenAPI, Swagger or AsyncAPI file that is shown.
type document struct {
	OpenAPI  string `yaml:"openapi"`
	Swagger  string `yaml:"swagger"`
	AsyncAPI string `yaml:"asyncapi"`
	Info     struct {
		Title   string `yaml:"title"`
		Version string `yaml:"version"`
	} `yaml:"info"`
	Host     string                          `yaml:"host"`
	BasePath string                          `yaml:"basePath"`
	Servers  yaml.Node                       `yaml:"servers"`
	Paths    map[string]map[string]yaml.Node `yaml:"paths"`
	Channels map[string]yaml.Node            `yaml:"channels"`
}

// read fills in what an OpenAPI or AsyncAPI definition says of itself; another
// text stays as it is.
func (d *definition) read() {
	if len(d.Text) > maxParsed {
		return
	}
	var doc document
	if yaml.Unmarshal([]byte(d.Text), &doc) != nil {
		return
	}
	switch {
	case doc.OpenAPI != "":
		d.Format = "OpenAPI " + doc.OpenAPI
	case doc.Swagger != "":
		d.Format = "Swagger " + doc.Swagger
	case doc.AsyncAPI != "":
		d.Format = "AsyncAPI " + doc.AsyncAPI
	default:
		return
	}
	d.Title, d.Version = doc.Info.Title, doc.Info.Version
	d.Servers = doc.servers()
	d.Operations = doc.operations()
	if n := len(d.Operations); n > maxOperations {
		d.Operations, d.More = d.Operations[:maxOperations], n-maxOperations
	}
}

// servers lists addresses: OpenAPI holds them in a list, AsyncAPI in a map.
func (doc *document) servers() []string {
	type server struct {
		URL  string `yaml:"url"`
		Host string `yaml:"host"`
	}
	var list []server
	var named map[string]server
	if doc.Servers.Decode(&list) != nil && doc.Servers.Decode(&named) == nil {
		for _, key := range slices.Sorted(maps.Keys(named)) {
			list = append(list, named[key])
		}
	}
	var out []string
	for _, s := range list {
		if a := cmp.Or(s.URL, s.Host); a != "" {
			out = append(out, a)
		}
	}
	if doc.Host != "" {
		out = append(out, doc.Host+doc.BasePath)
	}
	return out
}

var httpVerbs = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func (doc *document) operations() []operation {
	var out []operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		item := doc.Paths[path]
		for _, verb := range httpVerbs {
			node, ok := item[verb]
			if !ok {
				continue
			}
			var op struct {
				Summary     string `yaml:"summary"`
				OperationID string `yaml:"operationId"`
			}
			_ = node.Decode(&op) // an operation in another form is listed without words
			out = append(out, operation{strings.ToUpper(verb), path, cmp.Or(op.Summary, op.OperationID)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Channels)) {
		node := doc.Channels[name]
		var ch struct {
			Description string `yaml:"description"`
			Summary     string `yaml:"summary"`
		}
		_ = node.Decode(&ch)
		out = append(out, operation{"", name, cmp.Or(ch.Summary, ch.Description)})
	}
	return out
}
