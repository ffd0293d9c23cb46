package api

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
)

// operation is one thing that can be asked: how it is reached, what it takes,
// and its documentation.
type operation struct {
	method, path string // under Prefix
	verb         auth.Verb
	resource     resource
	id           string // as "listComponents"
	tag          string
	summary, doc string
	query        []param
	header       []param
	body         *body
	answers      []answer // the first is the usual one
	maxBody      int64
	timeout      time.Duration
	stream       bool
	handle       func(*call) error
}

// resource is what the verb of an operation is done to.
type resource auth.Resource

func (r resource) of(*http.Request) (auth.Resource, error) { return auth.Resource(r), nil }

// param is a value in the query, the path or a header.
type param struct {
	name, doc string
	schema    schema
	many      bool // may be given several times
	required  bool
}

// body is what an operation takes.
type body struct {
	types    []string
	schema   schema
	doc      string
	optional bool
}

// answer is one way an operation ends well.
type answer struct {
	status  int
	doc     string
	types   []string // none: no body
	schema  schema
	headers []param
}

// The media types.
const (
	jsonType    = "application/json"
	yamlType    = "application/yaml"
	ndjsonType  = "application/x-ndjson"
	csvType     = "text/csv"
	xlsxType    = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	patchType   = "application/merge-patch+json"
	problemType = "application/problem+json"
	formType    = "multipart/form-data"
	rawType     = "application/octet-stream"
	zipType     = "application/zip"
)

var (
	objectTypes = []string{jsonType, yamlType}
	applyTypes  = []string{jsonType, yamlType, ndjsonType, formType}
)

// Kinds of parameter.
func text(name, doc string) param {
	return param{name: name, doc: doc, schema: schema{"type": "string", "maxLength": maxParam}}
}

func texts(name, doc string) param { p := text(name, doc); p.many = true; return p }

func flag(name, doc string) param {
	return param{name: name, doc: doc, schema: schema{"type": "boolean"}}
}

func number(name, doc string, low, high int64) param {
	return param{name: name, doc: doc, schema: schema{"type": "integer", "minimum": low, "maximum": high}}
}

func choice(name, doc string, values ...string) param {
	return param{name: name, doc: doc, schema: schema{"type": "string", "enum": values}}
}

func (p param) must() param {
	p.required = true
	p.schema["minLength"] = 1
	return p
}

// call is one request to an operation, its parameters already checked.
type call struct {
	*API
	w      http.ResponseWriter
	r      *http.Request
	op     *operation
	values url.Values
	caller catalog.Caller
	looks  *catalog.Looks // at people's data, in this request
}

// handler checks what every operation checks, and calls it.
func (a *API) handler(op *operation) door.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		values, err := op.checkQuery(r)
		if err != nil {
			return err
		}
		if err := op.checkType(r); err != nil {
			return err
		}
		p := door.PrincipalOf(r.Context())
		ctx, looks := a.Catalog.GatherLooks(r.Context())
		c := &call{API: a, w: w, r: r.WithContext(ctx), op: op, looks: looks, values: values, caller: catalog.Caller{Principal: p, Manager: "api", Reason: values.Get("reason")}}
		if m := values.Get("manager"); m != "" {
			c.caller.Manager = m
		}
		return looks.After(ctx, op.handle(c)) // what was streamed, or gathered before it failed
	}
}

// checkQuery refuses parameters the operation does not have, and values that
// do not fit.
func (op *operation) checkQuery(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("query", "The query cannot be read: %v", err)
	}
	for name, given := range values {
		p := op.param(name)
		if p == nil {
			return nil, op.unknown(name)
		}
		if len(given) > 1 && !p.many {
			return nil, badParam(name, "may be given only once")
		}
		for _, v := range given {
			if err := p.fits(v); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range op.query {
		if p.required && values.Get(p.name) == "" {
			return nil, badParam(p.name, "is required: "+p.doc)
		}
	}
	return values, nil
}

func (op *operation) param(name string) *param {
	for i := range op.query {
		if op.query[i].name == name {
			return &op.query[i]
		}
	}
	return nil
}

func (op *operation) unknown(name string) error {
	var names []string
	for _, p := range op.query {
		names = append(names, p.name)
	}
	err := badParam(printable(name, 60), "is not a parameter of this operation")
	switch near := catalog.Nearest(name, names); {
	case near != "":
		err.Problems[0].Hint = fmt.Sprintf("did you mean %q?", near)
	case len(names) == 0:
		err.Problems[0].Hint = "it takes none"
	default:
		err.Problems[0].Hint = "it takes " + strings.Join(names, ", ")
	}
	err.Hint = err.Problems[0].Hint
	return err
}

const maxParam = 8 << 10 // bytes

func (p *param) fits(v string) error {
	if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || len(v) > maxParam {
		return badParam(p.name, "is not a text this program can use")
	}
	switch p.schema["type"] {
	case "boolean":
		if v != "true" && v != "false" {
			return badParam(p.name, "is true or false")
		}
	case "integer":
		n, err := strconv.ParseInt(v, 10, 64)
		low, high := p.schema["minimum"].(int64), p.schema["maximum"].(int64)
		if err != nil || n < low || n > high {
			return badParam(p.name, fmt.Sprintf("is a whole number from %d to %d", low, high))
		}
	}
	if p.schema["format"] == "date-time" {
		if _, err := time.Parse(time.RFC3339, v); err != nil {
			return badParam(p.name, "is a moment as 2026-01-31T09:00:00Z")
		}
	}
	if allowed, ok := p.schema["enum"].([]string); ok && !slices.Contains(allowed, v) {
		return badParam(p.name, "is one of "+strings.Join(allowed, ", "))
	}
	return nil
}

// get returns a parameter; "" when it was not given.
func (c *call) get(name string) string { return c.values.Get(name) }

func (c *call) flag(name string) bool { return c.values.Get(name) == "true" }

// number returns a parameter that checkQuery has found to be in its bounds.
func (c *call) number(name string, otherwise int64) int64 {
	n, err := strconv.ParseInt(c.values.Get(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// path returns a value of the path.
func (c *call) path(name string) string { return c.r.PathValue(name) }

var wildcard = regexp.MustCompile(`\{([a-zA-Z]+)(\.\.\.)?\}`)

// pathParams describes the wildcards of a pattern.
func (op *operation) pathParams() []param {
	var out []param
	for _, m := range wildcard.FindAllStringSubmatch(op.path, -1) {
		p, ok := pathDocs[m[1]]
		if !ok {
			panic("api: the path value " + m[1] + " has no documentation")
		}
		p.name, p.required = m[1], true
		out = append(out, p)
	}
	return out
}

// printable cuts what a caller sent to n bytes that can be shown.
func printable(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '�'
		}
		return r
	}, s)
}
