package catalog_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// shelfOf is a catalog of random parts and teams and all that is in it, read
// row by row from the table of entities, so that nothing a list uses is asked.
type shelfOf struct {
	*world
	rng *rand.Rand
	all []*entity.Entity
	ids map[string]int64 // by reference
	at  map[string][2]int64
}

func (s *shelfOf) pick(list ...string) string { return list[s.rng.IntN(len(list))] }

// yaml is a random part, or now and then a team.
func (s *shelfOf) yaml(i int) string {
	if i%9 == 0 {
		return fmt.Sprintf("apiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: g%d, title: Team %d, labels: {env: %s}}\nspec: {}\n---\n", i, s.rng.IntN(9), s.pick("prod", "dev"))
	}
	meta := fmt.Sprintf("name: %s%d, title: %s %d", s.pick("a", "m", "z"), i, s.pick("Ábaco", "abacus", "Zeta", "beta"), s.rng.IntN(5))
	if s.rng.IntN(3) > 0 {
		meta += fmt.Sprintf(", tags: [%s, %s]", s.pick("go", "web", "db"), s.pick("go", "web", "db"))
	}
	if s.rng.IntN(3) > 0 {
		meta += fmt.Sprintf(", labels: {env: %s, cell: c%d}", s.pick("prod", "dev", "test"), s.rng.IntN(12))
	}
	if s.rng.IntN(2) > 0 {
		meta += ", owner: " + s.pick("group:core", "user:ana", "platform")
	}
	if s.rng.IntN(4) == 0 {
		meta += ", namespace: " + s.pick("east", "west")
	}
	spec := fmt.Sprintf("type: %s, notes: '%s %s'", s.pick("service", "library", "Website"), s.pick("checkout", "ledger", "checkpoint"), s.pick("of books", "of tickets", ""))
	if s.rng.IntN(4) > 0 {
		spec += fmt.Sprintf(", tier: %d", 2+s.rng.IntN(3))
	}
	if s.rng.IntN(3) > 0 {
		spec += ", stage: " + s.pick("plan", "live", "end")
	}
	if s.rng.IntN(3) == 0 {
		spec += ", steps: [{name: one}, {name: two}]"
	}
	return head + "{" + meta + "}\nspec: {" + spec + "}\n---\n"
}

// live makes, changes, renames, deletes and restores.
func (s *shelfOf) live() {
	for batch := range 8 {
		var yaml strings.Builder
		for i := range 25 {
			yaml.WriteString(s.yaml(batch*25 + i))
		}
		docs := s.docs(yaml.String())
		if _, err := s.c.Apply(s.ctx, file, docs, catalog.ApplyOptions{Force: true}); err != nil {
			s.Fatal(err)
		}
		for _, d := range docs {
			ref := d.Entity.Ref()
			var err error
			switch s.rng.IntN(8) {
			case 0:
				_, err = s.c.Delete(s.ctx, ana, ref, 0)
			case 1:
				_, err = s.c.Rename(s.ctx, ana, ref, "n"+ref.Name)
			case 2:
				if d.Entity.Kind == "Part" {
					_, err = s.c.Patch(s.ctx, ana, ref, []byte(`{"metadata":{"labels":{"env":"moved"},"owner":null},"spec":{"tier":null,"type":"service"}}`), catalog.UpdateOptions{})
				}
			case 3:
				if _, err = s.c.Delete(s.ctx, ana, ref, 0); err == nil {
					_, err = s.c.Apply(s.ctx, file, []catalog.Document{d}, catalog.ApplyOptions{Force: true})
				}
			}
			if err != nil {
				s.Fatal(ref, err)
			}
		}
	}
}

func (s *shelfOf) read() {
	s.all, s.ids, s.at = nil, map[string]int64{}, map[string][2]int64{}
	rows, err := s.db.Query(s.ctx, `SELECT id, ref, created, updated FROM entities WHERE org = 'acme' AND deleted = 0`)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, created, updated int64
		var ref string
		if err := rows.Scan(&id, &ref, &created, &updated); err != nil {
			s.Fatal(err)
		}
		s.ids[ref], s.at[ref] = id, [2]int64{created, updated}
	}
	if err := rows.Err(); err != nil {
		s.Fatal(err)
	}
	for ref := range s.ids {
		s.all = append(s.all, s.get(ref))
	}
}

// query is a random query; kinds are named when it asks for fields of one.
func (s *shelfOf) query() catalog.Query {
	q := catalog.Query{Limit: 1 + s.rng.IntN(30), Desc: s.rng.IntN(2) == 0}
	some := func(n int) bool { return s.rng.IntN(n) == 0 }
	if some(2) {
		q.Kinds = []string{"Part"}
		if some(2) {
			q.Fields = map[string][]string{}
			if some(2) {
				q.Fields["spec.type"] = []string{s.pick("service", "library"), s.pick("service", "Website")}
			}
			if some(2) {
				q.Fields["spec.stage"] = []string{s.pick("plan", "live", "")}
			}
			if some(3) {
				q.Fields["status.steps"] = []string{s.pick("0", "2")}
			}
		}
		q.Sort = s.pick("", "spec.tier", "spec.stage", "spec.type", "status.steps")
	} else if some(4) {
		q.Kinds = []string{"groups", "Part"}
	}
	if q.Sort == "" {
		q.Sort = s.pick("", "name", "title", "updated", "created", "kind", "owner")
	}
	if some(4) {
		q.Namespace = s.pick("default", "east", "nowhere")
	}
	if some(4) {
		q.Owner = s.pick("core", "user:ana", "platform")
	}
	if some(4) {
		q.Tags = [][]string{{"go"}, {"go", "web"}, {"none"}}[s.rng.IntN(3)]
	}
	if some(2) {
		q.Labels = s.pick("env=prod", "env!=prod", "cell", "!cell", "env in (dev, moved),cell", "env notin (prod, dev),cell=c3", "env=prod,!env")
	}
	if some(4) {
		q.CEL = s.pick(`spec.tier == 2`, `kind == "Part" && spec.tier > 2`, `metadata.labels.env == "prod" && spec.type == "service"`, `!has(metadata.owner)`, `metadata.name.startsWith("n")`, `false`)
	}
	if some(8) {
		q.Refs = []string{"-"}
		for range s.rng.IntN(20) {
			q.Refs = append(q.Refs, s.all[s.rng.IntN(len(s.all))].Ref().String())
		}
	}
	if some(5) {
		q.Text = s.pick("check", "ledger of", "TICKETS", "abaco", "two", "nothing")
	}
	return q
}

// evaluate answers a query by looking at each entity.
func (s *shelfOf) evaluate(q catalog.Query) []*entity.Entity {
	sel, err := catalog.ParseSelector(q.Labels)
	if err != nil {
		s.Fatal(err)
	}
	matches := func(context.Context, *entity.Entity) bool { return true }
	if q.CEL != "" {
		if matches, err = s.c.Filter(q.CEL); err != nil {
			s.Fatal(err)
		}
	}
	owner := entity.Ref{}
	if q.Owner != "" {
		owner, _ = entity.ParseRef(q.Owner, "group", "")
	}
	var out []*entity.Entity
	for _, e := range s.all {
		ok := (len(q.Kinds) != 1 || e.Kind == "Part") && (q.Namespace == "" || e.Ref().Namespace == q.Namespace) &&
			(q.Owner == "" || catalog.OwnerOf(e) == owner.String()) && (q.Refs == nil || slices.Contains(q.Refs, e.Ref().String())) && sel.Matches(e) && matches(s.ctx, e) && s.c.HasWords(e, q.Text)
		for _, t := range q.Tags {
			ok = ok && slices.Contains(e.Metadata.Tags, t)
		}
		for path, values := range q.Fields {
			ok = ok && s.c.HasFacet(e, path, values)
		}
		if ok {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *entity.Entity) int { return s.compare(q, a, b) })
	return out
}

func (s *shelfOf) compare(q catalog.Query, a, b *entity.Entity) int {
	if q.Desc {
		a, b = b, a
	}
	x, y := a.Ref().String(), b.Ref().String()
	var by int
	switch q.Sort {
	case "", "name":
		by = strings.Compare(a.Metadata.Name, b.Metadata.Name)
	case "title":
		by = strings.Compare(catalog.Fold(a.DisplayTitle()), catalog.Fold(b.DisplayTitle()))
	case "created":
		by = cmp.Compare(s.at[x][0], s.at[y][0])
	case "updated":
		by = cmp.Compare(s.at[x][1], s.at[y][1])
	case "kind":
		by = strings.Compare(strings.ToLower(a.Kind), strings.ToLower(b.Kind))
	case "owner":
		by = strings.Compare(catalog.OwnerOf(a), catalog.OwnerOf(b))
	default:
		by = strings.Compare(s.c.Ord(a, q.Sort), s.c.Ord(b, q.Sort))
	}
	return cmp.Or(by, cmp.Compare(s.ids[x], s.ids[y]))
}

func refsOf(list []*entity.Entity) string {
	var out []string
	for _, e := range list {
		out = append(out, e.Ref().Short())
	}
	return strings.Join(out, " ")
}

// pages reads a list from its first page to its last.
func (s *shelfOf) pages(q catalog.Query) []*entity.Entity {
	var got []*entity.Entity
	for range 1000 {
		page, err := s.c.List(s.ctx, ana, q)
		if err != nil {
			s.Fatalf("%+v: %v", q, err)
		}
		got = append(got, page.Items...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return got
		}
	}
	s.Fatalf("%+v: the pages do not end", q)
	return nil
}

func (s *shelfOf) check(q catalog.Query) {
	s.Helper()
	want := s.evaluate(q)
	byID := q
	if q.Text != "" && q.Sort == "" {
		byID.Sort = "id"
		slices.SortFunc(want, func(a, b *entity.Entity) int { return s.compareID(q.Desc, a, b) })
	}
	if got := s.pages(q); refsOf(got) != refsOf(want) {
		s.Fatalf("%+v:\n got %s\nwant %s", q, refsOf(got), refsOf(want))
	}
	page, err := s.c.List(s.ctx, ana, q)
	if err != nil {
		s.Fatal(err)
	}
	counted := q.CEL == "" || page.Next == ""
	if total := page.Total; counted && total != len(want) || !counted && total != -1 || page.More {
		s.Fatalf("%+v: total %d (more %t), want %d", q, total, page.More, len(want))
	}
	s.checkCounts(q, want)
}

func (s *shelfOf) compareID(desc bool, a, b *entity.Entity) int {
	if desc {
		a, b = b, a
	}
	return cmp.Compare(s.ids[a.Ref().String()], s.ids[b.Ref().String()])
}

func (s *shelfOf) checkCounts(q catalog.Query, found []*entity.Entity) {
	s.Helper()
	paths := []string{"metadata.tags", "metadata.labels.env", "metadata.owner", "kind"}
	if len(q.Kinds) == 1 {
		paths = append(paths, "spec.type", "spec.tier")
	}
	all, err := s.c.FacetsOf(s.ctx, ana, q, paths, 1000)
	if err != nil {
		s.Fatalf("%+v: %v", q, err)
	}
	for _, path := range paths {
		want := map[string]int{}
		for _, e := range found {
			switch path {
			case "kind":
				want[strings.ToLower(e.Kind)]++
			case "metadata.owner":
				want[catalog.OwnerOf(e)]++
			default:
				for _, v := range s.c.Values(e, path) {
					want[v]++
				}
			}
		}
		delete(want, "")
		got := map[string]int{}
		for _, c := range all[path] {
			got[c.Value] = c.Count
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			s.Fatalf("%+v: counts of %s: got %v, want %v", q, path, got, want)
		}
	}
}

// Whatever the filters, the sort and the size of a page, a list says what a look
// at each entity says, and its counts too: with the sizes of a large catalog and
// with small ones, after a life of changes and after a rebuild.
func TestListsEvaluate(t *testing.T) {
	for _, small := range []bool{false, true} {
		t.Run("small="+strconv.FormatBool(small), func(t *testing.T) {
			each(t, func(w *world) {
				if small {
					catalog.Small()(w.c)
				}
				s := &shelfOf{world: w, rng: rand.New(rand.NewPCG(11, 12))}
				other := as(ana.Role, "umbrella", "Eve", "apply")
				s.apply(other, s.yaml(1)+s.yaml(2)+s.yaml(3))
				s.live()
				s.checkIndex()
				s.read()
				for range 150 {
					s.check(s.query())
				}
				if err := w.c.Rebuild(w.ctx); err != nil {
					t.Fatal(err)
				}
				for range 50 {
					s.check(s.query())
				}
			})
		})
	}
}
