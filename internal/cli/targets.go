package cli

import (
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// targets is what arguments name: things by name, or whole kinds.
type targets struct {
	kinds []*catalog.Kind
	refs  []entity.Ref
}

// targets reads arguments in any of the forms
//
//	kind   kind,kind   kind name…   kind/name…   kind/namespace/name…   kind:[namespace/]name…
func (s *session) targets(args []string, namespace string) (targets, error) {
	var t targets
	if len(args) == 0 {
		return t, nil
	}
	if strings.ContainsAny(args[0], "/:") {
		for _, a := range args {
			ref, err := s.ref(a, namespace)
			if err != nil {
				return t, err
			}
			t.refs = append(t.refs, ref)
		}
		return t, nil
	}
	for name := range strings.SplitSeq(args[0], ",") {
		k, err := s.Kinds.Find(name)
		if err != nil {
			return t, err
		}
		t.kinds = append(t.kinds, k)
	}
	if len(args) == 1 {
		return t, nil
	}
	if len(t.kinds) > 1 {
		return t, usage("names go with one kind, not with %d", "los nombres van con una clase, no con %d", len(t.kinds)).
			hinting("write kind/name for each", "escribe clase/nombre para cada uno")
	}
	for _, name := range args[1:] {
		ref, err := s.ref(t.kinds[0].Name+":"+name, namespace)
		if err != nil {
			return t, err
		}
		t.refs = append(t.refs, ref)
	}
	t.kinds = nil
	return t, nil
}

// ref reads one reference.
func (s *session) ref(text, namespace string) (entity.Ref, error) {
	full := text
	if kind, rest, ok := strings.Cut(text, "/"); ok && !strings.Contains(text, ":") {
		full = kind + ":" + rest
	}
	ref, err := entity.ParseRef(full, "", namespace)
	if err != nil {
		return ref, usage("%q names nothing", "%q no nombra nada", text).
			hinting("write KIND/NAME, as component/checkout, or KIND/NAMESPACE/NAME", "escribe CLASE/NOMBRE, como component/checkout, o CLASE/ESPACIO/NOMBRE")
	}
	k, err := s.Kinds.Find(ref.Kind)
	if err != nil {
		return ref, err
	}
	return entity.NewRef(k.Name, ref.Namespace, ref.Name), nil
}

// one reads arguments that must name a single thing.
func (s *session) one(args []string, namespace string) (entity.Ref, error) {
	t, err := s.targets(args, namespace)
	if err != nil {
		return entity.Ref{}, err
	}
	if len(t.refs) != 1 {
		return entity.Ref{}, usage("exactly one thing must be named", "hay que nombrar exactamente una cosa").
			hinting("write KIND/NAME, as component/checkout", "escribe CLASE/NOMBRE, como component/checkout")
	}
	return t.refs[0], nil
}

// selection is the flags that choose entities of a list.
type selection struct {
	namespace, labels, owner, cel, text string
	everywhere                          bool
	tags, fields                        []string
}

func (sel *selection) declare(f *flags) {
	namespaceFlag(f, &sel.namespace)
	f.yes(&sel.everywhere, "all-namespaces", "A", lang.T("Of all namespaces.", "De todos los espacios de nombres."))
	f.text(&sel.labels, "selector", "l", "", lang.T("Label `selector`, as tier=1,team in (a, b),!legacy.", "Selector (`selector`) de etiquetas, como tier=1,team in (a, b),!legacy."))
	f.texts(&sel.tags, "tag", "", lang.T("With this `tag`; repeat for several, all needed.", "Con esta marca (`tag`); repítela para exigir varias."))
	f.text(&sel.owner, "owner", "", "", lang.T("Owned by this `group` or user, as group:platform.", "Del grupo (`group`) o usuario, como group:platform."))
	f.texts(&sel.fields, "field", "", lang.T("Field with one of these values, as spec.type=service,website (`path=value`).", "Campo con uno de estos valores, como spec.type=service,website (`path=value`)."))
	f.text(&sel.cel, "filter", "", "", lang.T("CEL `expression`, as 'spec.tier == 1 && !has(metadata.owner)'.", "Expresión CEL (`expression`), como 'spec.tier == 1 && !has(metadata.owner)'."))
	f.text(&sel.text, "search", "", "", lang.T("`words` that all must be found.", "Palabras (`words`) que deben encontrarse todas."))
}

func namespaceFlag(f *flags, p *string) {
	f.text(p, "namespace", "n", "", lang.T("`NAME` of the namespace; default when not given.", "Nombre (`NAME`) del espacio de nombres; default si falta."))
}

// empty reports whether nothing narrows the list.
func (sel *selection) empty() bool {
	return sel.labels == "" && sel.owner == "" && sel.cel == "" && sel.text == "" && len(sel.tags) == 0 && len(sel.fields) == 0
}

// query asks for the entities of some kinds; none means all.
func (sel *selection) query(kinds []*catalog.Kind) (catalog.Query, error) {
	q := catalog.Query{Namespace: sel.namespace, Labels: sel.labels, Tags: sel.tags, Owner: sel.owner, CEL: sel.cel, Text: sel.text}
	if sel.everywhere && sel.namespace != "" {
		return q, usage("-A and -n exclude each other", "-A y -n se excluyen").hinting("leave one out", "omite uno")
	}
	if !sel.everywhere && q.Namespace == "" {
		q.Namespace = entity.DefaultNamespace
	}
	for _, k := range kinds {
		q.Kinds = append(q.Kinds, k.Name)
	}
	for _, f := range sel.fields {
		path, values, ok := strings.Cut(f, "=")
		if !ok {
			return q, usage("--field %s has no value", "--field %s no tiene valor", f).hinting("write --field spec.type=service", "escribe --field spec.type=service")
		}
		if q.Fields == nil {
			q.Fields = map[string][]string{}
		}
		q.Fields[path] = append(q.Fields[path], strings.Split(values, ",")...)
	}
	return q, nil
}
