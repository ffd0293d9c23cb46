package claim

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// Expressions over kinds may look along relations: links.dependsOn is the list of
// what an entity depends on, whichever side says so, each with ref, kind, exists,
// metadata and spec. They are read from the documents as of the moment, not from
// the tables of the present.

// relations is the variable links, and not the field of another, as
// metadata.links.
var relations = regexp.MustCompile(`(^|[^.\w])links\b`)

// usesLinks reports whether a record query looks along relations.
func (r *Records) usesLinks() bool {
	return relations.MatchString(r.Where) || relations.MatchString(r.Expect) || relations.MatchString(r.Value)
}

// linked is what is at the other end of each relation of each entity: by
// reference, then by relation.
type linked map[string]map[string][]any

// link completes members of a kind with their relations.
func (s *session) link(kind string, members []member) error {
	k := s.e.catalog.Kinds().Get(kind)
	if k == nil {
		return nil
	}
	if s.linked == nil {
		if err := s.readLinks(); err != nil {
			return err
		}
	}
	names := s.e.catalog.Kinds().Relations(k)
	for _, m := range members {
		links := map[string]any{}
		for name := range names {
			links[name] = []any{}
		}
		for name, list := range s.linked[m.key] {
			links[name] = list
		}
		m.vars["links"] = links
	}
	return nil
}

// readLinks reads the relations between all entities of the organisation.
func (s *session) readLinks() error {
	ends := map[string]map[string]any{}
	type arrow struct {
		from string
		catalog.Pointer
	}
	var arrows []arrow
	for _, k := range s.e.catalog.Kinds().All() {
		err := s.e.catalog.Scan(s.ctx, s.q, s.org, k.Name, s.at.Feed, func(x *entity.Entity) error {
			ref := x.Ref().String()
			vars := catalog.Vars(x)
			ends[ref] = map[string]any{"ref": ref, "kind": vars["kind"], "metadata": vars["metadata"], "spec": vars["spec"], "exists": true}
			for _, r := range k.Pointers(x) {
				arrows = append(arrows, arrow{ref, r})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(arrows, func(a, b arrow) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.from, b.from), cmp.Compare(a.Relation, b.Relation))
	})
	s.linked = linked{}
	for _, a := range arrows {
		s.linked.add(a.from, a.Relation, a.Target, ends)
		s.linked.add(a.Target, a.Inverse, a.from, ends)
	}
	return nil
}

// add writes one end of a relation, once.
func (l linked) add(at, relation, other string, ends map[string]map[string]any) {
	if relation == "" {
		return
	}
	if l[at] == nil {
		l[at] = map[string][]any{}
	}
	if slices.ContainsFunc(l[at][relation], func(x any) bool { return x.(map[string]any)["ref"] == other }) {
		return
	}
	end := ends[other]
	if end == nil {
		kind, _, _ := strings.Cut(other, ":")
		end = map[string]any{"ref": other, "kind": kind, "metadata": map[string]any{}, "spec": map[string]any{}, "exists": false}
	}
	l[at][relation] = append(l[at][relation], end)
}

// linkSources names the kinds whose changes a test that looks along relations
// follows.
func (e *Engine) linkSources(from string) []string {
	k := e.catalog.Kinds().Get(from)
	if k == nil {
		return nil
	}
	var out []string
	for _, kinds := range e.catalog.Kinds().Relations(k) {
		for _, name := range kinds {
			if name == "*" {
				return lowerAll(e.catalog.Kinds().Names())
			}
			out = append(out, name)
		}
	}
	return out
}

func lowerAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = lower(n)
	}
	return out
}
