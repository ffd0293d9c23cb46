package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// backstageKinds are the kinds of Backstage's catalog, in the order files hold
// them.
var backstageKinds = []string{"Domain", "System", "Component", "API", "Resource", "Group", "User", "Location"}

func backstageImporter() catalog.Importer {
	return catalog.Importer{
		Name: "backstage", Room: Room, Wide: true, Accept: []string{".yaml", ".yml", ".json"},
		Title: lang.T("Backstage catalog", "Catálogo de Backstage"),
		Doc: lang.T("Files or folders with catalog-info.yaml. Targets of locations are followed among the files given; others are listed, not fetched. Kinds this program does not have are listed and the rest is imported. With embed=true, definitions in files beside it are taken in.",
			"Ficheros o carpetas con catalog-info.yaml. Los destinos de las ubicaciones se siguen entre los ficheros dados; los demás se listan, no se descargan. Los tipos que este programa no tiene se listan y el resto se importa. Con embed=true se incorporan las definiciones de ficheros contiguos."),
		Args: []catalog.Arg{{Name: "embed", Doc: lang.T("true takes in definitions of APIs that lie in files beside it", "true incorpora las definiciones de API de ficheros contiguos")}},
		Read: importBackstage,
	}
}

// catalogFile finds files that hold entities among others, as the API
// definitions that lie beside them.
var catalogFile = regexp.MustCompile(`(?m)^[\s{\[,]*["']?apiVersion["']?\s*:\s*["']?([a-z.]*backstage\.io|binnacle\.dev)/`)

// intake is one import under way.
type intake struct {
	c      *catalog.Catalog
	files  map[string]catalog.File // by cleaned name
	embed  bool
	first  map[entity.Ref]catalog.Document
	docs   []catalog.Document
	report catalog.ImportReport
	read   int // files that hold entities
	remote int // targets that were not fetched
}

func importBackstage(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	in := &intake{c: c, files: map[string]catalog.File{}, first: map[entity.Ref]catalog.Document{}, embed: opts.Args["embed"] == "true"}
	for _, f := range files {
		in.files[path.Clean(f.Name)] = f
	}
	for _, f := range files {
		if catalogFile.Match(f.Data) {
			in.file(f)
		}
	}
	if in.read == 0 {
		return nil, fault.New(fault.Invalid, "no file among the %d given holds entities of Backstage", len(files)).Coded("backstage.none").
			WithHint("give catalog-info.yaml files, or a folder with them: their documents begin with apiVersion: %s", entity.BackstageVersion)
	}
	if caller.Manager == "" {
		caller.Manager = "import backstage"
	}
	res, err := c.ApplyWith(ctx, caller, in.docs, catalog.ApplyOptions{DryRun: opts.DryRun}, opts.Progress)
	if err != nil {
		return nil, err
	}
	warnings := in.report.Warnings
	in.report.ApplyResult = *res
	in.report.Warnings = append(in.report.Warnings, warnings...)
	in.tell()
	return &in.report, nil
}

// file takes in the documents of one file; what is wrong with the others is
// reported.
func (in *intake) file(f catalog.File) {
	in.read++
	docs, err := in.c.Decode(f.Name, f.Data)
	if err != nil {
		problems := fault.ProblemsOf(err)
		if len(problems) == 0 {
			problems = []fault.Problem{{File: f.Name, Code: "file", Msg: err.Error(), Args: []string{err.Error()}}}
		}
		in.report.Problems = append(in.report.Problems, problems...)
	}
	for _, d := range docs {
		in.document(d)
	}
}

func (in *intake) document(d catalog.Document) {
	ref := d.Entity.Ref()
	if f, ok := in.first[ref]; ok {
		in.report.Problems = append(in.report.Problems, fault.Problem{File: d.File, Line: d.Line, Ref: ref.Short(), Code: "twice",
			Msg: fmt.Sprintf("is also given in %s, line %d", f.File, f.Line), Args: []string{f.File, fmt.Sprint(f.Line)}, Hint: "the first one was taken"})
		return
	}
	in.first[ref] = d
	switch d.Entity.Kind {
	case "Location":
		in.follow(d)
	case "API":
		if in.embed {
			in.definition(d)
		}
	}
	in.docs = append(in.docs, d)
}

// follow looks at the targets of a location: those among the files are read in
// their turn, the others are listed.
func (in *intake) follow(d catalog.Document) {
	s, err := catalog.Spec[Location](d.Entity)
	if err != nil {
		return
	}
	for _, t := range append(slices.Clone(s.Targets), s.Target) {
		switch {
		case t == "":
		case isRemote(t):
			in.remote++
			in.report.Warnings = append(in.report.Warnings, in.targetWarning(d, "target-elsewhere", t, " is elsewhere and was not fetched"))
		case in.among(d.File, t):
		case s.Presence == "optional":
			in.report.Warnings = append(in.report.Warnings, in.targetWarning(d, "target-optional", t, " is optional and not among the files given"))
		default:
			in.report.Problems = append(in.report.Problems, fault.Problem{File: d.File, Line: d.Line, Ref: d.Entity.Ref().Short(), Field: "spec.targets", Code: "target-missing",
				Msg: fmt.Sprintf("%s is not among the files given", t), Args: []string{t}, Hint: "give the whole folder"})
		}
	}
}

func (in *intake) targetWarning(d catalog.Document, code, target, said string) catalog.Warning {
	return catalog.Warning{File: d.File, Line: d.Line, Ref: d.Entity.Ref().Short(), Field: "spec.targets", Code: code, Msg: target + said, Args: []string{target}}
}

func isRemote(target string) bool { return strings.Contains(target, "://") }

// among reports whether a target, relative to the file that names it, is one
// of the files. It may hold * and **. A target with an ending that was not
// read with the others is read now.
func (in *intake) among(from, target string) bool {
	name := path.Join(path.Dir(from), target)
	if path.IsAbs(target) {
		name = path.Clean(target)
	}
	if _, ok := in.files[name]; ok {
		return true
	}
	if !strings.Contains(target, "*") {
		return false
	}
	pattern := globPattern(name)
	for n := range in.files {
		if pattern.MatchString(n) {
			return true
		}
	}
	return false
}

// globPattern translates a path with * and ** into a regular expression.
func globPattern(glob string) *regexp.Regexp {
	p := regexp.QuoteMeta(glob)
	p = strings.ReplaceAll(p, `\*\*/`, `(.*/)?`)
	p = strings.ReplaceAll(p, `\*\*`, `.*`)
	p = strings.ReplaceAll(p, `\*`, `[^/]*`)
	return regexp.MustCompile("^" + p + "$")
}

// definition takes in the text of an API's definition that lies in a file
// beside it.
func (in *intake) definition(d catalog.Document) {
	target, _ := pointer(d.Entity.Spec)
	f, ok := in.files[path.Join(path.Dir(d.File), target)]
	if target == "" || isRemote(target) || !ok {
		return
	}
	if spec, err := setField(d.Entity.Spec, "definition", string(f.Data)); err == nil {
		d.Entity.Spec = spec
	}
}

// pointer returns where the definition in a spec says it lies, and the word it
// says it with: $text, $json or $yaml.
func pointer(spec json.RawMessage) (target, word string) {
	var s struct {
		Definition map[string]any `json:"definition"`
	}
	if json.Unmarshal(spec, &s) != nil {
		return "", ""
	}
	for _, word := range []string{"$text", "$json", "$yaml", "$openapi", "$asyncapi"} {
		if t, ok := s.Definition[word].(string); ok {
			return t, word
		}
	}
	return "", ""
}

func setField(spec json.RawMessage, name string, value any) (json.RawMessage, error) {
	m := map[string]any{}
	if len(spec) > 0 {
		dec := json.NewDecoder(bytes.NewReader(spec))
		dec.UseNumber()
		if err := dec.Decode(&m); err != nil {
			return nil, err
		}
	}
	m[name] = value
	return json.Marshal(m)
}

// summary says what the list of changes does not.
// tell says what was found, and what was passed over.
func (in *intake) tell() {
	found := lang.Some(len(in.docs), lang.T("entity", "entidad"), lang.T("entities", "entidades"))
	files := lang.Some(in.read, lang.T("file", "fichero"), lang.T("files", "ficheros"))
	in.report.Tell(lang.T(found.En+" in "+files.En, found.Es+" en "+files.Es))
	if other := len(in.files) - in.read; other > 0 {
		in.report.Tell(lang.Some(other, lang.T("file without any", "fichero sin ninguna"), lang.T("files without any", "ficheros sin ninguna")))
	}
	if in.remote > 0 {
		in.report.Tell(lang.Some(in.remote, lang.T("target elsewhere, not fetched", "destino en otro lugar, no descargado"), lang.T("targets elsewhere, not fetched", "destinos en otro lugar, no descargados")))
	}
}

func backstageExporter() catalog.Exporter {
	return catalog.Exporter{
		Name: "backstage", Room: Room, Formats: []string{"yaml", "kinds"},
		Title: lang.T("Backstage catalog", "Catálogo de Backstage"),
		Doc: lang.T("Catalog files that Backstage reads, with the fields it does not know as they came: one catalog-info.yaml, or with format kinds a file for each kind.",
			"Ficheros de catálogo que Backstage lee, con los campos que no conoce tal como llegaron: un catalog-info.yaml o, con el formato kinds, un fichero por tipo."),
		Write: exportBackstage,
	}
}

func exportBackstage(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	var all []*entity.Entity
	var files []catalog.File
	for _, name := range exported(c, opts.Query.Kinds) {
		es, err := entitiesOf(ctx, c, caller, opts.Query, name)
		if err != nil {
			return nil, err
		}
		if all = append(all, es...); opts.Format == "kinds" && len(es) > 0 {
			f, err := yamlFile(c, c.Kinds().Get(name).Plural+".yaml", es)
			if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
	}
	if opts.Format == "kinds" {
		return files, nil
	}
	f, err := yamlFile(c, "catalog-info.yaml", all)
	return []catalog.File{f}, err
}

// exported lists the kinds of Backstage among those asked for, all of them when
// none is.
func exported(c *catalog.Catalog, asked []string) []string {
	var out []string
	for _, name := range backstageKinds {
		k := c.Kinds().Get(name)
		if k != nil && (len(asked) == 0 || slices.ContainsFunc(asked, func(a string) bool { return c.Kinds().Get(a) == k })) {
			out = append(out, name)
		}
	}
	return out
}

func entitiesOf(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, q catalog.Query, kind string) ([]*entity.Entity, error) {
	q.Kinds = []string{kind}
	var out []*entity.Entity
	err := c.Each(ctx, caller, q, func(e *entity.Entity) error {
		out = append(out, forBackstage(e))
		return nil
	})
	return out, err
}

// forBackstage returns e in a form Backstage's own checks accept: in a version
// it knows, with the owner in the spec, and with the lists it demands even when
// they are empty.
func forBackstage(e *entity.Entity) *entity.Entity {
	e = catalog.Clean(e)
	if e.APIVersion == entity.APIVersion {
		e.APIVersion = entity.BackstageVersion
	}
	set := func(name string, value any) {
		var m map[string]json.RawMessage
		if json.Unmarshal(e.Spec, &m) == nil && m[name] != nil {
			return
		}
		if spec, err := setField(e.Spec, name, value); err == nil {
			e.Spec = spec
		}
	}
	switch e.Kind {
	case "Group":
		set("children", []any{})
	case "User":
		set("memberOf", []any{})
	case "Location":
		if len(e.Spec) == 0 {
			e.Spec = json.RawMessage("{}")
		}
	default:
		if e.Metadata.Owner != "" {
			set("owner", e.Metadata.Owner)
		}
	}
	return e
}

func yamlFile(c *catalog.Catalog, name string, es []*entity.Entity) (catalog.File, error) {
	var b bytes.Buffer
	err := c.Kinds().EncodeYAML(&b, es...)
	return catalog.File{Name: name, Data: b.Bytes()}, err
}
