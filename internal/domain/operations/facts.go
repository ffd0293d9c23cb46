package operations

import (
	"cmp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func factsCard() web.Card {
	return web.Card{ID: "catalog-facts", Kinds: software, Slot: web.Side, Order: 80, Title: "operations.facts", Template: "facts.html", Flush: true, Load: loadFacts}
}

// facts is what the catalog itself can tell to be in order or not. Nothing here
// is measured.
type facts struct {
	Checks []check
	Passed int
	State  string
	Edit   string
}

// check is one fact. Key is that of its sentence; the one of what to do about
// it ends in ".do".
type check struct {
	Key    string
	OK     bool
	Detail string // what is meant, as the name that does not exist
}

// examined is an entity with all that its checks look at.
type examined struct {
	c     *web.Ctx
	e     *entity.Entity
	spec  common
	rels  []catalog.Relation
	owner *thing
}

// checksFor says which checks a kind has.
var checksFor = map[string][]func(*examined) (check, error){
	"Component": {hasOwner, hasDescription, hasSystem, hasLifecycle, hasRunbook, nothingDangles, nothingDeprecated},
	"API":       {hasOwner, hasDescription, hasLifecycle, hasDefinition, isProvided, nothingDangles},
	"Resource":  {hasOwner, hasDescription, hasSystem, isUsed, nothingDangles},
	"System":    {hasOwner, hasDescription, hasDomain, hasParts, nothingDangles},
	"Domain":    {hasOwner, hasDescription, hasParts, nothingDangles},
}

func loadFacts(c *web.Ctx, e *entity.Entity) (any, error) {
	rels, err := c.Relations(e.Ref())
	if err != nil {
		return nil, err
	}
	owner, err := ownerThing(c, e)
	if err != nil {
		return nil, err
	}
	x := &examined{c: c, e: e, spec: commonOf(e), rels: rels, owner: owner}
	f := &facts{State: "ok"}
	for _, look := range checksFor[e.Kind] {
		ch, err := look(x)
		if err != nil {
			return nil, err
		}
		if ch.OK {
			f.Passed++
		} else {
			f.State = "warn"
		}
		f.Checks = append(f.Checks, ch)
	}
	slices.SortStableFunc(f.Checks, func(a, b check) int { return cmp.Compare(rank(a.OK), rank(b.OK)) })
	if c.CanKind("write", c.Catalog().Kinds().Get(e.Kind)) {
		f.Edit = c.Href(e.Ref()) + "/edit"
	}
	return f, nil
}

// rank puts what fails first.
func rank(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

func hasOwner(x *examined) (check, error) {
	if x.owner != nil && x.owner.Missing {
		return check{Key: "operations.fact.owner", Detail: x.owner.Title}, nil
	}
	return check{Key: "operations.fact.owner", OK: x.owner != nil}, nil
}

func hasDescription(x *examined) (check, error) {
	return check{Key: "operations.fact.description", OK: strings.TrimSpace(x.e.Metadata.Description) != ""}, nil
}

func hasSystem(x *examined) (check, error) { return x.partOf("operations.fact.system", "system"), nil }
func hasDomain(x *examined) (check, error) { return x.partOf("operations.fact.domain", "domain"), nil }
func hasParts(x *examined) (check, error)  { return x.some("operations.fact.parts", "hasPart"), nil }
func isProvided(x *examined) (check, error) {
	return x.some("operations.fact.provided", "apiProvidedBy"), nil
}
func isUsed(x *examined) (check, error) { return x.some("operations.fact.used", "dependencyOf"), nil }
func hasLifecycle(x *examined) (check, error) {
	return check{Key: "operations.fact.lifecycle", OK: x.spec.Lifecycle != ""}, nil
}

func (x *examined) partOf(key, kind string) check {
	return check{Key: key, OK: slices.ContainsFunc(x.rels, func(r catalog.Relation) bool {
		return r.Type == "partOf" && r.Exists && strings.EqualFold(r.Kind, kind)
	})}
}

func (x *examined) some(key, relation string) check {
	return check{Key: key, OK: slices.ContainsFunc(x.rels, func(r catalog.Relation) bool { return r.Type == relation && r.Exists })}
}

// hasRunbook asks for a runbook where something runs: a library needs none.
func hasRunbook(x *examined) (check, error) {
	quiet := slices.Contains([]string{"library", "tool", "documentation", "template"}, strings.ToLower(x.spec.Type))
	return check{Key: "operations.fact.runbook", OK: quiet || len(runbooks(x.e)) > 0}, nil
}

func hasDefinition(x *examined) (check, error) {
	return check{Key: "operations.fact.definition", OK: len(x.spec.Definition) > 0 || strings.HasSuffix(strings.ToLower(x.spec.Type), "-server")}, nil
}

// nothingDangles asks that all it names exists; the owner has its own line.
func nothingDangles(x *examined) (check, error) {
	var gone []string
	for _, r := range x.rels {
		if r.Out && !r.Exists && r.Type != "ownedBy" {
			gone = append(gone, x.c.ThingOf(r).Title)
		}
	}
	return check{Key: "operations.fact.dangling", OK: len(gone) == 0, Detail: strings.Join(gone, ", ")}, nil
}

// nothingDeprecated asks that nothing it leans on is on its way out.
func nothingDeprecated(x *examined) (check, error) {
	ch := check{Key: "operations.fact.deprecated", OK: true}
	on, err := x.c.Related(x.e.Ref(), "dependsOn", "consumesApi")
	if err != nil {
		return ch, err
	}
	var old []string
	for _, t := range on {
		if t.Missing || t.Ref.Kind == "resource" {
			continue
		}
		e, err := x.c.Find(t.Ref)
		if err != nil {
			return ch, err
		}
		if e != nil && isDeprecated(commonOf(e).Lifecycle) {
			old = append(old, t.Title)
		}
	}
	ch.OK, ch.Detail = len(old) == 0, strings.Join(old, ", ")
	return ch, nil
}
