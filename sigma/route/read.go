package route

import (
	_ "embed"
	"maps"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

//go:embed ready.yml
var readyFile []byte

// Ready returns the table that comes with the library.
func Ready() (*Table, error) {
	t, problems := Read("ready.yml", readyFile)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	return t, nil
}

// Read reads a file of routes: one in the form of SigmaHQ's tests/thor.yml, as
// ReadTHOR does, or in our own:
//
//	named: true
//	forms:
//	  - {product: windows, pipeline: winlogbeat, fields: {Channel: winlog.channel}}
//	routes:
//	  - source: {product: windows, category: process_creation}
//	    when: {Channel: Security, EventID: [4688]}
//	    fields: {Image: NewProcessName}
//	    pipeline: windows-security
//
// An entry says which events (when) are a source. Its fields and then its
// pipeline, a ready one, rewrite rules for them. A form is another way to write
// events: all entries of its product are for it too, with the fields of when
// renamed, and the rule rewritten by the form's pipeline at last. With named,
// an event that has logsource.category, logsource.product and logsource.service
// meets the rules that say the same of these and have no other route.
func Read(name string, data []byte) (*Table, []sigma.Problem) {
	r := &strict.Reader{}
	m := r.Parse(data, "a table of routes")
	if m != nil && m.Has("logsources") {
		return ReadTHOR(name, data)
	}
	t := &Table{}
	if m != nil {
		rr := &tableReader{Reader: r, pipelines: map[string]*pipeline.Pipeline{}}
		rr.table(t, m)
	}
	return t, problems(name, r)
}

type tableReader struct {
	*strict.Reader
	pipelines map[string]*pipeline.Pipeline // by name, so that each is read once
}

func (r *tableReader) table(t *Table, m *strict.Map) {
	m.Need("routes")
	t.Named = m.Bool("named", false)
	for _, n := range m.List("routes") {
		if e := r.Map(n, "a route"); e != nil {
			t.Entries = append(t.Entries, r.entry(e))
		}
	}
	entries := t.Entries
	for _, n := range m.List("forms") {
		if f := r.Map(n, "a form"); f != nil {
			t.Entries = append(t.Entries, r.form(f, entries)...)
		}
	}
	m.Done()
}

func (r *tableReader) entry(m *strict.Map) Entry {
	m.Need("source", "when")
	e := Entry{Line: m.Line, When: readTests(m.Sub("when")), Fields: readNames(m.Sub("fields")), Pipeline: r.pipeline(m)}
	if source := m.Sub("source"); source != nil {
		e.Source = readSource(source)
		source.Done()
		if e.Source.Category+e.Source.Product+e.Source.Service == "" {
			m.Report(m.Line, "the route is of no logs: give its source a category, product or service")
		}
	}
	if m.Has("when") && len(e.When) == 0 {
		m.Report(m.LineOf("when"), "\"when\" asks for nothing, so that the rules are for every event; name a field")
	}
	m.Done()
	return e
}

func (r *tableReader) pipeline(m *strict.Map) *pipeline.Pipeline {
	name := m.Text("pipeline")
	if name == "" {
		return nil
	}
	if p, ok := r.pipelines[name]; ok {
		return p
	}
	p, err := pipeline.Ready(name)
	if err != nil {
		m.Report(m.LineOf("pipeline"), "%v", err)
	}
	r.pipelines[name] = p
	return p
}

// form returns the entries of its product, written in another way.
func (r *tableReader) form(m *strict.Map, entries []Entry) []Entry {
	m.Need("product", "pipeline", "fields")
	product, names, p := m.Text("product"), readNames(m.Sub("fields")), r.pipeline(m)
	m.Done()
	var out []Entry
	for _, e := range entries {
		if e.Source.Product != product && (e.Source.Product != "" || !renames(e.When, names)) {
			continue
		}
		e.When = renamed(e.When, names)
		e.Fields = maps.Clone(e.Fields)
		switch {
		case p == nil:
		case e.Pipeline == nil:
			e.Pipeline = p
		default:
			e.Pipeline = pipeline.Join(e.Pipeline, p)
		}
		out = append(out, e)
	}
	return out
}

// renames reports whether a form has names for all that an entry asks for, so
// that it can be of a product without saying so.
func renames(tests []sigma.Test, names map[string]string) bool {
	for _, t := range tests {
		if _, ok := names[t.Field]; !ok {
			return false
		}
	}
	return len(tests) > 0
}

func renamed(tests []sigma.Test, names map[string]string) []sigma.Test {
	out := make([]sigma.Test, len(tests))
	for i, t := range tests {
		if name, ok := names[t.Field]; ok {
			t.Field = name
		}
		out[i] = t
	}
	return out
}
