package strategy

import (
	"cmp"
	"context"
	"path"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/adrfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func adrExporter() catalog.Exporter {
	return catalog.Exporter{
		Name: "adr", Room: Room, Formats: []string{"markdown"},
		Title: lang.T("Decision records", "Registros de decisiones"),
		Doc: lang.T("The decisions as Markdown. One that was imported keeps its file, its form and its text to the byte; what was changed here is edited in place. One written here becomes a MADR 4 file beside the others of its namespace.",
			"Las decisiones como Markdown. La que se importó conserva su fichero, su forma y su texto byte a byte; lo que se cambió aquí se edita en su sitio. La que se escribió aquí pasa a ser un fichero MADR 4 junto a las demás de su espacio."),
		Write: exportADR,
	}
}

func exportADR(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, opts catalog.ExportOptions) ([]catalog.File, error) {
	x := &adrExport{slugs: map[entity.Ref]string{}}
	opts.Query.Kinds = []string{"Decision"}
	err := c.Each(ctx, caller, opts.Query, func(e *entity.Entity) error { return x.add(e) })
	if err != nil {
		return nil, err
	}
	return x.files()
}

// adrExport is one export under way.
type adrExport struct {
	list  []recorded
	slugs map[entity.Ref]string // of every decision exported
}

// recorded is a decision and the record it came from.
type recorded struct {
	entity *entity.Entity
	spec   Decision
	was    adrfile.Decision // as its text states it
}

func (x *adrExport) add(e *entity.Entity) error {
	spec, err := catalog.Spec[Decision](e)
	if err != nil {
		return err
	}
	r := recorded{entity: e, spec: spec}
	if s := spec.Source; s != nil {
		r.was, _, _ = adrfile.Parse(s.File, []byte(s.Text))
		r.was.Format, r.was.File, r.was.Slug, r.was.Package = adrfile.Format(s.Format), s.File, s.Slug, s.Package
	}
	x.list = append(x.list, r)
	x.slugs[e.Ref()] = cmp.Or(r.was.Slug, slugOf(e.Ref()))
	return nil
}

func slugOf(ref entity.Ref) string {
	if ref.Namespace == entity.DefaultNamespace {
		return ref.Name
	}
	return ref.Namespace + "/" + ref.Name
}

// files renders every decision; links lead to the files of the others.
func (x *adrExport) files() ([]catalog.File, error) {
	decisions := make([]adrfile.Decision, len(x.list))
	for i, r := range x.list {
		decisions[i] = x.decision(r)
	}
	at := adrfile.FilesOf(decisions)
	var out []catalog.File
	for _, d := range decisions {
		text, err := d.Render(at)
		if err != nil {
			return nil, err
		}
		out = append(out, catalog.File{Name: d.Path(), Data: []byte(text)})
	}
	slices.SortFunc(out, func(a, b catalog.File) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// decision returns the record with what the entity says now. What it says as
// the text does stays as the text has it.
func (x *adrExport) decision(r recorded) adrfile.Decision {
	d, s := r.was, r.spec
	if d.Text == "" {
		d.Slug, d.Package = x.slugs[r.entity.Ref()], ""
		if ns := r.entity.Ref().Namespace; ns != entity.DefaultNamespace {
			d.Package = ns
		}
		d.File, d.Format = path.Join(x.folderOf(r.entity.Ref().Namespace), path.Base(d.Slug)+".md"), adrfile.MADR4
	}
	d.Title, d.Body = r.entity.Metadata.Title, s.Body
	if s.Status != string(d.Status) {
		d.Status, d.RawStatus = adrfile.Status(s.Status), ""
	}
	if s.Date != dayOf(d.Date) {
		d.Date, _ = time.Parse(time.DateOnly, s.Date) // a day or empty, by the schema
	}
	for _, f := range []struct {
		to   *[]string
		from []string
	}{{&d.Deciders, s.Deciders}, {&d.Consulted, s.Consulted}, {&d.Informed, s.Informed}, {&d.Tags, r.entity.Metadata.Tags}} {
		if !slices.Equal(*f.to, f.from) {
			*f.to = f.from
		}
	}
	d.SupersededBy = x.slug(r, s.SupersededBy, r.was.SupersededBy)
	d.Supersedes = nil
	for _, ref := range s.Supersedes {
		d.Supersedes = append(d.Supersedes, x.slug(r, ref, r.was.Supersedes...))
	}
	return d
}

// slug returns the record a reference means. One that the text names by the
// same reference keeps the text's word for it.
func (x *adrExport) slug(r recorded, ref string, stated ...string) string {
	if ref == "" {
		return ""
	}
	target, err := entity.ParseRef(ref, "decision", r.entity.Metadata.Namespace)
	if err != nil {
		return ref
	}
	if slug, ok := x.slugs[target]; ok {
		return slug
	}
	for _, s := range stated {
		if (adrImport{}).ref(path.Base(s)).Name == target.Name {
			return s
		}
	}
	return slugOf(target)
}

// folderOf returns the folder most records of a namespace are in.
func (x *adrExport) folderOf(namespace string) string {
	count, best := map[string]int{}, ""
	for _, r := range x.list {
		if r.was.File == "" || r.entity.Ref().Namespace != namespace {
			continue
		}
		dir := path.Dir(r.was.File)
		if count[dir]++; best == "" || count[dir] > count[best] {
			best = dir
		}
	}
	if best == "" {
		return path.Dir(adrfile.Decision{Slug: slugOf(entity.NewRef("decision", namespace, "x"))}.Path())
	}
	return best
}
