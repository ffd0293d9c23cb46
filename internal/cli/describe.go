package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func describeCommand() *command {
	var namespace string
	return &command{
		use: "describe KIND/NAME…", short: lang.T("Show one thing with its relations and latest changes.", "Muestra una cosa con sus relaciones y últimos cambios."),
		long: lang.T("Show one thing for a person to read: its fields by their labels, what it refers to and what refers to it, and its last five revisions.",
			"Muestra una cosa para leerla: sus campos con su nombre, a qué se refiere, qué se refiere a ella y sus cinco últimas revisiones."),
		examples: []example{
			{lang.T("A component", "Un componente"), "binnacle describe component/checkout"},
			{lang.T("Two teams", "Dos equipos"), "binnacle describe group payments platform"},
		},
		access: onKinds(auth.Read), min: 1, max: -1, complete: completeTargets,
		flags: func(f *flags) { namespaceFlag(f, &namespace) },
		run: func(ctx context.Context, s *session, args []string) error {
			t, err := s.targets(args, namespace)
			if err != nil {
				return err
			}
			if len(t.refs) == 0 {
				return usage("only a kind is named, no thing", "solo se nombra una clase, ninguna cosa").
					hinting("binnacle get %[1]s lists them; binnacle explain %[1]s describes the kind", "binnacle get %[1]s las enumera; binnacle explain %[1]s describe la clase", args[0])
			}
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			for i, ref := range t.refs {
				if i > 0 {
					fmt.Fprintln(s.Out)
				}
				if err := s.describe(ctx, at, ref); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

const (
	describedRevisions = 5
	describedRelations = 40 // of each side
)

func (s *session) describe(ctx context.Context, at *installation, ref entity.Ref) error {
	e, err := at.Get(ctx, ref)
	if err != nil {
		return err
	}
	relations, err := at.Relations(ctx, ref)
	if err != nil {
		return err
	}
	revisions, err := at.History(ctx, ref, describedRevisions)
	if err != nil {
		return err
	}
	d := &description{s: s, w: tabwriter.NewWriter(s.Out, 0, 8, 2, ' ', 0)}
	d.head(e)
	if k := s.Kinds.Get(e.Kind); k != nil {
		d.fields(k.Fields, e, 0)
	}
	d.status(e)
	d.relations(relations)
	if err := d.w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "\n%s\n", s.say(lang.T("Latest changes", "Últimos cambios")))
	return s.write(s.revisionTable(revisions))
}

// description is the text of describe at work.
type description struct {
	s *session
	w *tabwriter.Writer
}

func (d *description) line(indent int, label, value string) {
	fmt.Fprintf(d.w, "%s%s:\t%s\n", strings.Repeat("  ", indent), label, value)
}

func (d *description) title(t lang.Text) { fmt.Fprintf(d.w, "\n%s\n", t.In(d.s.code)) }

// text writes a label and a value that may have several lines, "" not at all.
func (d *description) text(indent int, label, value string) {
	if value == "" {
		return
	}
	lines := strings.Split(strings.TrimRight(printable(value), "\n"), "\n")
	d.line(indent, label, lines[0])
	for _, l := range lines[1:] {
		fmt.Fprintf(d.w, "%s\t%s\n", strings.Repeat("  ", indent), l)
	}
}

func (d *description) head(e *entity.Entity) {
	m, say := e.Metadata, d.s.say
	d.text(0, say(lang.T("Name", "Nombre")), e.Ref().Short())
	if k := d.s.Kinds.Get(e.Kind); k != nil {
		d.text(0, say(lang.T("Kind", "Clase")), k.Title.In(d.s.code))
	}
	d.text(0, say(lang.T("Title", "Título")), m.Title)
	d.text(0, say(lang.T("Description", "Descripción")), m.Description)
	d.text(0, say(lang.T("Owner", "Responsable")), shortRef(m.Owner, ownerKinds, m.Namespace))
	d.text(0, say(lang.T("Labels", "Etiquetas")), strings.ReplaceAll(pairs(m.Labels), ",", "\n"))
	d.text(0, say(lang.T("Tags", "Marcas")), strings.Join(m.Tags, ", "))
	for _, l := range m.Links {
		d.text(0, say(lang.T("Link", "Enlace")), strings.TrimSpace(l.Title+" "+l.URL))
	}
	for _, key := range slices.Sorted(maps.Keys(m.Annotations)) {
		d.text(0, say(lang.T("Annotation", "Anotación")), key+"="+oneLine(m.Annotations[key], 120))
	}
	d.text(0, say(lang.T("Created", "Creado")), moment(timeOf(m.Created)))
	d.text(0, say(lang.T("Changed", "Cambiado")), say(lang.T("%s, revision %s", "%s, revisión %s"), moment(timeOf(m.Updated)), m.ResourceVersion))
}

// fields writes the fields of the spec that have a value.
func (d *description) fields(fields []catalog.Field, e *entity.Entity, indent int) {
	for i := range fields {
		f := &fields[i]
		v := f.Get(e)
		if v == nil {
			continue
		}
		if f.Type == catalog.Object && len(f.Fields) > 0 {
			fmt.Fprintf(d.w, "%s%s:\t\n", strings.Repeat("  ", indent), d.s.label(f))
			d.fields(f.Fields, e, indent+1)
			continue
		}
		d.text(indent, d.s.label(f), d.value(f, v, e))
	}
}

func (d *description) value(f *catalog.Field, v any, e *entity.Entity) string {
	list, ok := v.([]any)
	if !ok {
		c := d.s.fieldCell(f, e)
		return d.s.paint(d.s.OutTTY, c.state, c.text)
	}
	lines := make([]string, len(list))
	for i, item := range list {
		lines[i] = d.item(f.Item, item, e.Metadata.Namespace)
	}
	return strings.Join(lines, "\n")
}

// item writes an item of a list on one line.
func (d *description) item(f *catalog.Field, v any, namespace string) string {
	m, ok := v.(map[string]any)
	switch {
	case ok && f != nil && len(f.Fields) > 0:
		var parts []string
		for _, sub := range f.Fields {
			if text := anyText(m[sub.Name]); text != "" {
				parts = append(parts, sub.Name+"="+oneLine(text, 80))
			}
		}
		return strings.Join(parts, "  ")
	case f != nil && f.Type == catalog.Reference:
		return shortRef(anyText(v), f.Refs, namespace)
	}
	return anyText(v)
}

// status writes what the program derived, as YAML.
func (d *description) status(e *entity.Entity) {
	if len(e.Status) == 0 || string(e.Status) == "{}" {
		return
	}
	node, err := jsonNode(e.Status)
	if err != nil {
		return
	}
	var b strings.Builder
	if encodeYAML(&b, node) != nil {
		return
	}
	d.title(lang.T("Status", "Estado"))
	for l := range strings.SplitSeq(strings.TrimRight(b.String(), "\n"), "\n") {
		fmt.Fprintln(d.w, "  "+printable(l))
	}
}

func (d *description) relations(list []catalog.Relation) {
	if len(list) == 0 {
		return
	}
	d.title(lang.T("Relations", "Relaciones"))
	shown := map[bool]int{}
	for _, r := range list {
		if shown[r.Out]++; shown[r.Out] > describedRelations {
			continue
		}
		state := ""
		if !r.Exists {
			state = d.s.paint(d.s.OutTTY, "warn", d.s.say(lang.T("  (there is no such thing)", "  (no existe)")))
		}
		fmt.Fprintf(d.w, "  %s\t%s  %s%s\n", r.Type, short(r.Ref), oneLine(r.Title, maxTitle), state)
	}
	for _, out := range []bool{true, false} {
		if more := shown[out] - describedRelations; more > 0 {
			fmt.Fprintf(d.w, "  …\t%s\n", d.s.say(lang.T("and %d more", "y %d más"), more))
		}
	}
}

// pairs writes labels as a=b,c=d.
func pairs(m map[string]string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return strings.Join(out, ",")
}

// short leaves the default namespace out of a reference.
func short(ref string) string {
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		return ref
	}
	return r.Short()
}
