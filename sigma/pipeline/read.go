package pipeline

import (
	"cmp"
	"slices"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// transformations are the types of steps. Each reads its parameters: those it
// asks for are those it knows.
var transformations map[string]func(*reader, *strict.Map) action

func init() {
	transformations = map[string]func(*reader, *strict.Map) action{
		"field_name_mapping":            fieldNameMapping,
		"field_name_prefix":             fieldNamePrefix,
		"field_name_prefix_mapping":     fieldNamePrefixMapping,
		"field_name_suffix":             fieldNameSuffix,
		"field_name_transform":          fieldNameTransform,
		"drop_detection_item":           dropItem,
		"hashes_fields":                 readHashesFields,
		"extract_fields":                readExtractFields,
		"wildcard_placeholders":         wildcardPlaceholders,
		"value_placeholders":            valuePlaceholders,
		"query_expression_placeholders": queryPlaceholders,
		"file_placeholders":             filePlaceholders,
		"http_placeholders":             httpPlaceholders,
		"command_placeholders":          commandPlaceholders,
		"add_condition":                 addCondition,
		"change_logsource":              changeLogsource,
		"add_field":                     addField,
		"remove_field":                  removeField,
		"set_field":                     setField,
		"replace_string":                replaceString,
		"map_string":                    mapString,
		"set_state":                     setState,
		"regex":                         regexOfString,
		"set_value":                     setValue,
		"convert_type":                  convertType,
		"rule_failure":                  ruleFailure,
		"detection_item_failure":        itemFailure,
		"strict_field_mapping_failure":  strictMapping,
		"set_custom_attribute":          setCustomAttribute,
		"nest":                          nil, // has steps instead
		"case":                          caseOfString,
	}
}

// Options are what a reader of pipelines is allowed.
type Options struct {
	// Fetch returns what a Source holds. It is asked only for the sources of
	// placeholders, at most once for each, and must itself decide what may be
	// read, fetched or run. Without it pipelines with such sources are refused.
	Fetch func(Source) ([]byte, error)
}

// Read reads a pipeline; name is its file, for problems. A pipeline with
// problems is nil: none of it is applied.
func Read(name string, data []byte) (*Pipeline, []sigma.Problem) { return Options{}.Read(name, data) }

// Read reads a pipeline with what the options allow.
func (o Options) Read(name string, data []byte) (*Pipeline, []sigma.Problem) {
	r := &reader{Reader: &strict.Reader{}, file: name, fetch: o.Fetch}
	p := &Pipeline{File: name, Name: name}
	if m := r.Parse(data, "a pipeline"); m != nil {
		r.pipeline(p, m)
	}
	problems := r.parsed
	for _, problem := range r.Problems {
		problems = append(problems, sigma.Problem{Pos: sigma.Pos{File: name, Line: problem.Line}, Code: "pipeline", Message: problem.Text})
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b sigma.Problem) int { return cmp.Compare(a.Line, b.Line) })
		return nil, problems
	}
	return p, nil
}

type reader struct {
	*strict.Reader
	file   string
	fetch  func(Source) ([]byte, error)
	depth  int             // of nested transformations
	parsed []sigma.Problem // of searches within the pipeline
}

func (r *reader) pipeline(p *Pipeline, m *strict.Map) {
	p.Name = cmp.Or(m.Text("name"), r.file)
	p.Priority = m.Int("priority", 0)
	p.Backends = m.Texts("allowed_backends")
	p.vars = readVars(m)
	p.steps = r.steps(m, "transformations")
	for _, key := range []string{"postprocessing", "finalizers"} {
		if list := m.List(key); len(list) > 0 {
			m.Report(list[0].Line, "%q changes the text of queries, and an engine has none; take it away, or convert the rules with another tool", key)
		}
	}
	m.Done()
}

func (r *reader) steps(m *strict.Map, key string) []*step {
	var steps []*step
	for _, n := range m.List(key) {
		if t := r.Map(n, "a transformation"); t != nil {
			steps = append(steps, r.step(t))
		}
	}
	return steps
}

func (r *reader) step(m *strict.Map) *step {
	s := &step{Pos: sigma.Pos{File: r.file, Line: m.Line}, id: m.Text("id"), kind: m.Text("type"), do: nothing}
	read, ok := transformations[s.kind]
	if !ok {
		m.Report(m.LineOf("type"), "there is no transformation %q%s", s.kind, strict.Near(s.kind, sortedKeys(transformations)))
		return s
	}
	m.Name("the transformation " + label(s.id, s.kind))
	s.rules = readGate(r, m, "rule", ruleConditions)
	s.items = readGate(r, m, "detection_item", itemConditions)
	s.fields = readGate(r, m, "field_name", fieldConditions)
	if s.kind == "nest" {
		s.inner = nest(r, m)
	} else {
		s.do = read(r, m)
	}
	m.Done()
	return s
}
