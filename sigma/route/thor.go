package route

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// ReadTHOR reads a file of routes in the form of SigmaHQ's tests/thor.yml.
//
// The file has named logsources. One is for the rules and rewritten logsources
// that say what it says of category, product and service; the order of the file
// means nothing. It has
//
//   - conditions: fields of the event and their value or list of values. All
//     must hold. Registry categories share event ids and are told apart here,
//     by EventType.
//   - rewrite: the logsource it is a part of. All that this one inherits is
//     asked for as well: process_creation on event 1 becomes product windows,
//     service sysmon, and that is Sysmon's channel.
//   - sources: where the logs are, of which one is enough. "WinEventLog:name"
//     is a Channel, "File:pattern" a path in the field log.file.path.
//   - fieldmappings: how fields of the rule are called in these events.
//
// Every logsource that is for a rule gives routes beside the others: an event
// need meet one of them only. A rule of a product alone is for all logs of this
// product that the file knows; for Windows that is every event with a Channel.
// A rule that no logsource is for has no route.
func ReadTHOR(name string, data []byte) (*Table, []sigma.Problem) {
	r := &strict.Reader{}
	t := &Table{}
	if m := r.Parse(data, "a list of logsources"); m != nil {
		for _, known := range []string{"title", "order", "backends", "defaultindex"} {
			m.Has(known)
		}
		if sources := m.Sub("logsources"); sources != nil {
			th := readTHOR(sources)
			t.Entries = unique(append(th.entries(r), th.products()...))
		} else {
			m.Need("logsources")
		}
		m.Done()
	}
	return t, problems(name, r)
}

func problems(file string, r *strict.Reader) []sigma.Problem {
	var out []sigma.Problem
	for _, p := range r.Problems {
		out = append(out, sigma.Problem{Pos: sigma.Pos{File: file, Line: p.Line}, Code: "route", Message: p.Text})
	}
	return out
}

// thor is the logsources of a file before their rewrites are followed.
type thor []thorSource

type thorSource struct {
	Entry
	name     string
	sources  []sigma.Test // one of them is enough
	rewrite  *sigma.Logsource
	channels bool // its sources are channels of Windows
}

func readTHOR(m *strict.Map) thor {
	var all thor
	for _, name := range m.Keys() {
		s := m.Sub(name)
		if s == nil {
			continue
		}
		src := thorSource{name: name, Entry: Entry{Line: s.Line, Source: readSource(s)}}
		if src.Source.Category+src.Source.Product+src.Source.Service == "" {
			s.Report(s.Line, "%q says of no logs: give it a category, product or service", name)
			continue
		}
		src.When = readTests(s.Sub("conditions"))
		src.Fields = readNames(s.Sub("fieldmappings"))
		src.sources, src.channels = readSources(s)
		if rewrite := s.Sub("rewrite"); rewrite != nil {
			to := readSource(rewrite)
			rewrite.Done()
			src.rewrite = &to
		}
		s.Done()
		all = append(all, src)
	}
	return all
}

func readSource(m *strict.Map) sigma.Logsource {
	return sigma.Logsource{Category: m.Text("category"), Product: m.Text("product"), Service: m.Text("service")}
}

func readTests(m *strict.Map) []sigma.Test {
	if m == nil {
		return nil
	}
	var tests []sigma.Test
	for _, field := range m.Keys() {
		tests = append(tests, sigma.Test{Field: field, Values: m.Texts(field)})
	}
	slices.SortStableFunc(tests, byField)
	return tests
}

func readNames(m *strict.Map) map[string]string {
	if m == nil {
		return nil
	}
	names := map[string]string{}
	for _, field := range m.Keys() {
		names[field] = m.Text(field)
	}
	return names
}

// readSources gathers channels into one test, since one of them is enough.
func readSources(s *strict.Map) (tests []sigma.Test, channels bool) {
	var channel, path []string
	if n := s.Node("sources"); n != nil && n.Kind != yaml.SequenceNode {
		s.Report(n.Line, "\"sources\" must be a list")
		return nil, false
	}
	for _, text := range s.Texts("sources") {
		kind, what, _ := strings.Cut(text, ":")
		switch kind {
		case "WinEventLog":
			channel = append(channel, what)
		case "File":
			path = append(path, what)
		default:
			s.Report(s.LineOf("sources"), "the source %q is of no known kind; write WinEventLog:channel or File:path", text)
		}
	}
	if channel != nil {
		tests = append(tests, sigma.Test{Field: "Channel", Values: channel})
	}
	if path != nil {
		tests = append(tests, sigma.Test{Field: "log.file.path", Values: path})
	}
	return tests, channel != nil
}

// maxEntries bounds what rewrites may grow a table to.
const maxEntries = 10_000

// entries follows the rewrites.
func (t thor) entries(r *strict.Reader) []Entry {
	var all []Entry
	f := follower{r, t, 0}
	for _, s := range t {
		all = append(all, f.follow(s, nil)...)
	}
	if f.made > maxEntries {
		r.Report(0, "the rewrites lead to more than %d routes; take some away", maxEntries)
	}
	return all
}

type follower struct {
	*strict.Reader
	all  thor
	made int
}

// follow returns the entries a logsource is, of which one is enough: itself at
// its sources, and what it inherits from what it is rewritten to.
func (f *follower) follow(s thorSource, above []string) []Entry {
	if slices.Contains(above, s.name) {
		f.Report(s.Line, "the logsource %q is rewritten to itself; end the circle %s", s.name, strings.Join(above, ", "))
		return nil
	}
	if s.rewrite == nil {
		return s.at()
	}
	var all []Entry
	for _, to := range f.all {
		if !to.is(*s.rewrite) || f.made > maxEntries {
			continue
		}
		f.made++
		for _, e := range f.follow(to, append(above[:len(above):len(above)], s.name)) {
			all = append(all, s.with(e))
		}
	}
	if all == nil && f.made <= maxEntries {
		f.Report(s.Line, "%q is rewritten to a logsource that the file lacks; add %s/%s/%s or correct it",
			s.name, s.rewrite.Category, s.rewrite.Product, s.rewrite.Service)
	}
	return all
}

func (s *thorSource) at() []Entry {
	if s.sources == nil {
		return []Entry{s.Entry}
	}
	var all []Entry
	for _, source := range s.sources {
		e := s.Entry
		e.When = append(e.When[:len(e.When):len(e.When)], source)
		all = append(all, e)
	}
	return all
}

// with adds what a logsource inherits. Its own names of fields are given first,
// and what they give may be named again.
func (s *thorSource) with(from Entry) Entry {
	e := s.Entry
	e.When = append(e.When[:len(e.When):len(e.When)], from.When...)
	e.Fields = map[string]string{}
	for field, name := range s.Fields {
		e.Fields[field] = name
		if again, ok := from.Fields[name]; ok {
			e.Fields[field] = again
		}
	}
	for field, name := range from.Fields {
		if _, own := e.Fields[field]; !own {
			e.Fields[field] = name
		}
	}
	return e
}

// products returns the entries of rules that say no more than a product.
func (t thor) products() []Entry {
	var all []Entry
	for _, s := range t {
		source := sigma.Logsource{Product: s.Source.Product}
		if s.Source.Product == "" || s.sources == nil {
			continue
		}
		if s.channels {
			all = append(all, Entry{Source: source, When: []sigma.Test{{Field: "Channel"}}, Line: s.Line})
			continue
		}
		for _, e := range s.at() {
			all = append(all, Entry{Source: source, When: e.When, Fields: e.Fields, Line: s.Line})
		}
	}
	return all
}
