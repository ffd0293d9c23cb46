package operations

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func mapPage() web.PageDef {
	return web.PageDef{ID: "map", Pattern: "/map", Verb: auth.Read, Template: "map.html", Handle: softwareMap}
}

// Limits of the map. Beyond them it counts and no longer names.
const (
	maxDomains    = 300
	maxSystems    = 2000
	maxComponents = 3000
	shownInSystem = 8
)

// mapPageData is the software map: domains, their systems, and what is in each.
type mapPageData struct {
	web.Shell
	Empty   bool
	Domains []mapDomain
	Figures []figure
	Loose   *mapSystem // components without a system
	Cut     bool       // not everything is shown
}

type figure struct {
	Label, Href string
	N           int
	State       string // "is-warn" when it needs a person
}

// mapDomain is a domain with its systems; the last one may be of systems
// without a domain.
type mapDomain struct {
	thing
	About   string
	Owner   *thing
	Systems []mapSystem
	path    string
}

// mapSystem is a system and the first of its components.
type mapSystem struct {
	thing
	Owner      *thing
	Components []mapComponent
	Count      int
	Counts     []string
	More       string // address of the list with all of them
}

type mapComponent struct {
	thing
	State, Note string // what is wrong with it
}

// mapping is the map under way.
type mapping struct {
	c          *web.Ctx
	page       *mapPageData
	domains    []*entity.Entity
	systems    []*entity.Entity
	components []*entity.Entity
	answers    map[entity.Ref]*thing
	count      map[string]map[string]int // kind, then system: how many
}

func softwareMap(c *web.Ctx) (any, error) {
	m := &mapping{c: c, page: &mapPageData{}, count: map[string]map[string]int{}}
	m.page.Title = c.T("operations.map")
	if err := m.load(); err != nil {
		return nil, err
	}
	if m.page.Empty = len(m.domains)+len(m.systems)+len(m.components) == 0; m.page.Empty {
		return m.page, nil
	}
	m.draw()
	return m.page, m.figures()
}

func (m *mapping) load() error {
	for _, l := range []struct {
		to   *[]*entity.Entity
		kind string
		most int
	}{{&m.domains, "Domain", maxDomains}, {&m.systems, "System", maxSystems}, {&m.components, "Component", maxComponents}} {
		if err := m.list(l.to, l.kind, l.most); err != nil {
			return err
		}
	}
	for _, kind := range []string{"Component", "API", "Resource"} {
		counts, err := m.c.Catalog().Facets(m.c.R.Context(), m.c.Caller, catalog.Query{Kinds: []string{kind}}, "spec.system", maxSystems)
		if err != nil {
			return err
		}
		m.count[kind] = map[string]int{}
		for _, f := range counts {
			m.count[kind][f.Value] = f.Count
		}
	}
	return m.owners()
}

// list reads the entities of a kind by title, at most most of them.
func (m *mapping) list(to *[]*entity.Entity, kind string, most int) error {
	q := catalog.Query{Kinds: []string{kind}, Sort: "title", Limit: 1000, NoTotal: true}
	for {
		page, err := m.c.Catalog().List(m.c.R.Context(), m.c.Caller, q)
		if err != nil {
			return err
		}
		*to = append(*to, page.Items...)
		if page.Next == "" {
			return nil
		}
		if len(*to) >= most {
			m.page.Cut = true
			return nil
		}
		q.Cursor = page.Next
	}
}

// owners looks up the names of all owners at once.
func (m *mapping) owners() (err error) {
	m.answers, err = ownersOf(m.c, slices.Concat(m.domains, m.systems, m.components))
	return err
}

func (m *mapping) owner(e *entity.Entity) *thing { return m.answers[e.Ref()] }

// draw puts components into systems and systems into domains.
func (m *mapping) draw() {
	in := map[entity.Ref][]mapComponent{}
	known := map[entity.Ref]bool{}
	for _, s := range m.systems {
		known[s.Ref()] = true
	}
	loose := mapSystem{thing: thing{Title: m.c.T("operations.map.nosystem")}}
	for _, e := range m.components {
		system := refTo(commonOf(e).System, "system", e)
		if comp := m.component(e); known[system] {
			in[system] = append(in[system], comp)
		} else {
			loose.Components = append(loose.Components, comp)
			loose.Count++
		}
	}
	if loose.Count > 0 {
		m.page.Loose = &loose
	}
	systems := map[entity.Ref][]mapSystem{}
	for _, s := range m.systems {
		d := refTo(commonOf(s).Domain, "domain", s)
		systems[d] = append(systems[d], m.system(s, in[s.Ref()]))
	}
	m.drawDomains(systems)
}

func (m *mapping) drawDomains(systems map[entity.Ref][]mapSystem) {
	byRef := map[entity.Ref]*entity.Entity{}
	for _, d := range m.domains {
		byRef[d.Ref()] = d
	}
	for _, d := range m.domains {
		m.page.Domains = append(m.page.Domains, mapDomain{thing: m.c.Thing(d), About: d.Metadata.Description, Owner: m.owner(d), Systems: systems[d.Ref()], path: domainPath(byRef, d)})
		delete(systems, d.Ref())
	}
	slices.SortStableFunc(m.page.Domains, func(a, b mapDomain) int { return cmp.Compare(a.path, b.path) })
	rest := mapDomain{thing: thing{Title: m.c.T("operations.map.nodomain")}}
	for _, s := range systems {
		rest.Systems = append(rest.Systems, s...)
	}
	if len(rest.Systems) > 0 {
		slices.SortFunc(rest.Systems, func(a, b mapSystem) int { return cmp.Compare(a.Title, b.Title) })
		m.page.Domains = append(m.page.Domains, rest)
	}
}

// domainPath puts a domain after the one it is a part of.
func domainPath(byRef map[entity.Ref]*entity.Entity, d *entity.Entity) string {
	path := ""
	for range maxChain {
		path = strings.ToLower(d.DisplayTitle()) + "\x00" + path
		s, err := catalog.Spec[Domain](d)
		up := byRef[refTo(s.SubdomainOf, "domain", d)]
		if err != nil || up == nil {
			break
		}
		d = up
	}
	return path
}

func refTo(text, kind string, e *entity.Entity) entity.Ref {
	ref, err := entity.ParseRef(text, kind, e.Metadata.Namespace)
	if err != nil {
		return entity.Ref{}
	}
	return ref
}

func (m *mapping) system(e *entity.Entity, components []mapComponent) mapSystem {
	ref := e.Ref().String()
	s := mapSystem{thing: m.c.Thing(e), Owner: m.owner(e), Components: components, Count: max(m.count["Component"][ref], len(components))}
	if len(s.Components) > shownInSystem {
		s.Components = s.Components[:shownInSystem]
	}
	if s.Count > len(s.Components) {
		s.More = "/components?" + url.Values{"spec.system": {ref}}.Encode()
	}
	for _, k := range []struct{ kind, key string }{{"API", "operations.map.apis"}, {"Resource", "operations.map.resources"}} {
		if n := m.count[k.kind][ref]; n > 0 {
			s.Counts = append(s.Counts, m.c.T(k.key, n))
		}
	}
	return s
}

// Rest is how many components are not named.
func (s mapSystem) Rest() int { return s.Count - len(s.Components) }

func (m *mapping) component(e *entity.Entity) mapComponent {
	comp := mapComponent{thing: m.c.Thing(e)}
	switch owner := m.owner(e); {
	case owner == nil:
		comp.State, comp.Note = "warn", m.c.T("operations.noowner")
	case owner.Missing:
		comp.State, comp.Note = "warn", m.c.T("operations.goneowner", owner.Title)
	case isDeprecated(commonOf(e).Lifecycle):
		comp.State, comp.Note = "idle", m.c.T("operations.deprecated")
	}
	return comp
}

func (m *mapping) figures() error {
	add := func(key, href string, n int) {
		m.page.Figures = append(m.page.Figures, figure{Label: m.c.T(key), Href: href, N: n})
	}
	for _, f := range []struct{ kind, key string }{{"Domain", "operations.map.f.domains"}, {"System", "operations.map.f.systems"}, {"Component", "operations.map.f.components"}, {"API", "operations.map.f.apis"}, {"Resource", "operations.map.f.resources"}} {
		n, err := m.c.Catalog().Count(m.c.R.Context(), m.c.Caller, f.kind)
		if err != nil {
			return err
		}
		add(f.key, "/"+m.c.Catalog().Kinds().Get(f.kind).Plural, n)
	}
	unowned := 0
	for _, e := range m.components {
		if o := m.owner(e); o == nil || o.Missing {
			unowned++
		}
	}
	if unowned > 0 {
		add("operations.map.f.unowned", "", unowned)
		m.page.Figures[len(m.page.Figures)-1].State = "is-warn"
	}
	return nil
}
