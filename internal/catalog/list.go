package catalog

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Limits of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
	scanLimit    = 200_000 // entities one page of a CEL filter looks at
)

// sizes are where one way to answer gives place to another. The answer is the
// same whatever they are, but for words; a test makes them small.
type sizes struct {
	rowIDs int // ids of one row of postings
	gather int // up to so many entities are fetched and sorted; more are met on a walk
	walk   int // so many keys of a walk are read at once
	few    int // the values of so few entities are counted one by one
	values int // rows of postings read to count the values of a field
	words  int // rows of postings read for the beginning of a word
}

var usual = sizes{rowIDs: 1024, gather: 6000, walk: 20_000, few: 1000, values: 10_000, words: 4000}

// listing is a Query made ready: what to ask of the database.
type listing struct {
	c       *Catalog
	caller  Caller
	q       Query
	kinds   []string
	must    []facetIn // values that the entities have
	not     []facetIn // values that they do not have
	words   []string  // of Query.Text
	program *celProgram
	sort    sorting
	after   *cursor
	found   idSet // what meets must, not and words; nil when nothing is asked
	size    int   // of found
	capped  bool  // more have the words than found knows of
}

// sorting is how a list is ordered: by a column of entities, or by the ord of a
// facet.
type sorting struct {
	column string // "e.name"
	facet  string // path of a column field
	desc   bool
}

// cursor is the place after which a page begins.
type cursor struct {
	Key  any    `json:"k"`
	ID   int64  `json:"i"`
	Sort string `json:"s"`
}

// List returns one page of the entities a query asks for, as they are at one
// moment. What it shows of other people is written to the audit log; see
// GatherLooks.
func (c *Catalog) List(ctx context.Context, caller Caller, q Query) (*Page, error) {
	l, err := c.prepare(caller, q)
	if err != nil {
		return nil, err
	}
	page := &Page{Items: []*entity.Entity{}, Total: -1}
	err = c.view(ctx, func(tx *sqldb.Tx) error {
		if err := l.find(ctx, tx); err != nil {
			return err
		}
		if err := l.fill(ctx, tx, page); err != nil || q.NoTotal {
			return err
		}
		return l.total(ctx, tx, page)
	})
	if err != nil {
		return nil, err
	}
	return page, c.sawAll(ctx, caller, q, page.Items)
}

// Each calls f for every entity a query asks for, page after page.
func (c *Catalog) Each(ctx context.Context, caller Caller, q Query, f func(*entity.Entity) error) error {
	return c.gathering(ctx, func(ctx context.Context) error { return c.each(ctx, caller, q, f) })
}

func (c *Catalog) each(ctx context.Context, caller Caller, q Query, f func(*entity.Entity) error) error {
	q.Limit, q.NoTotal = MaxLimit, true
	for {
		page, err := c.List(ctx, caller, q)
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			if err := f(e); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}

func (c *Catalog) prepare(caller Caller, q Query) (*listing, error) {
	l := &listing{c: c, caller: caller, q: q}
	if l.q.Limit == 0 {
		l.q.Limit = DefaultLimit
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return nil, badQuery("limit", "query-limit", "must be 1 to %d", MaxLimit)
	}
	steps := []func() error{l.chooseKinds, l.conditions, l.expression, l.text, l.order, l.cursor}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func badQuery(field, code, format string, args ...any) error {
	p := problem(code, format, args...)
	p.Field = field
	return fault.Bad("the query cannot be answered", *p).Coded("query")
}

func (l *listing) chooseKinds() error {
	if len(l.q.Kinds) == 0 {
		l.kinds = l.c.readable(l.caller)
		return nil
	}
	for _, name := range l.q.Kinds {
		k, err := l.c.kinds.Find(name)
		if err != nil {
			return err
		}
		if err := l.caller.Can(auth.Read, k.Resource()); err != nil {
			return err
		}
		if name := lower(k.Name); !slices.Contains(l.kinds, name) {
			l.kinds = append(l.kinds, name)
		}
	}
	return nil
}

func (l *listing) conditions() error {
	if l.q.Namespace != "" {
		l.must = append(l.must, facetIn{key: namespaceKey, values: []string{l.q.Namespace}})
	}
	if l.q.Owner != "" {
		ref, err := entity.ParseRef(l.q.Owner, "group", "")
		if err != nil {
			return badQuery("owner", "query-owner", "%q is not a reference: write [kind:][namespace/]name, as group:platform", l.q.Owner)
		}
		l.must = append(l.must, facetIn{key: ownerKey, values: []string{ref.String()}})
	}
	for _, t := range l.q.Tags {
		l.must = append(l.must, facetIn{key: "metadata.tags", values: []string{t}})
	}
	sel, err := ParseSelector(l.q.Labels)
	if err != nil {
		return err
	}
	for _, t := range sel {
		if f := (facetIn{key: "metadata.labels." + t.key, values: t.values}); t.not {
			l.not = append(l.not, f)
		} else {
			l.must = append(l.must, f)
		}
	}
	for _, path := range slices.Sorted(keys(l.q.Fields)) {
		if err := l.field(path, l.q.Fields[path]); err != nil {
			return err
		}
	}
	return nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (l *listing) field(path string, values []string) error {
	if len(values) == 0 {
		return nil
	}
	for _, name := range l.kinds {
		f := l.c.kinds.Get(name).Field(path)
		if f == nil || !f.Filter && f.Column == 0 {
			return badQuery(path, "query-field", "%s has no field %s to filter by", l.c.kinds.Get(name).Name, path)
		}
		if f.Type == Reference || f.Item != nil && f.Item.Type == Reference {
			values = l.fullRefs(f, values)
		}
		values = f.keys(values)
	}
	l.must = append(l.must, facetIn{key: path, values: values})
	return nil
}

func (f *Field) keys(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = f.Key(v)
	}
	return out
}

func (l *listing) fullRefs(f *Field, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = v
		if ref, err := entity.ParseRef(v, strings.TrimPrefix(f.Refs[0], "*"), l.q.Namespace); err == nil {
			out[i] = ref.String()
		}
	}
	return out
}

// expression compiles the CEL filter, checks its fields, and takes from it what an index knows.
func (l *listing) expression() error {
	if l.q.CEL == "" {
		return nil
	}
	var err error
	if l.program, err = l.c.filter.compile(l.q.CEL); err != nil {
		return err
	}
	var kinds []*Kind
	for _, name := range l.kinds {
		kinds = append(kinds, l.c.kinds.Get(name))
	}
	if err := l.program.mentions.check(kinds); err != nil {
		return err
	}
	for _, eq := range l.program.equalities {
		if l.indexed(eq.key) {
			l.must = append(l.must, eq)
		}
	}
	return nil
}

// indexed reports whether every kind asked for keeps facets under the key, so
// that narrowing by it loses nothing.
func (l *listing) indexed(key string) bool {
	if strings.HasPrefix(key, "metadata.labels.") {
		return true
	}
	for _, name := range l.kinds {
		f := l.c.kinds.Get(name).Field(key)
		if f == nil || f.Type == List || f.Type == Reference || f.Type == Number || f.Fold != nil || !f.Filter && f.Column == 0 {
			return false
		}
	}
	return true
}

func (l *listing) text() error {
	l.words = words(l.q.Text)
	l.words = l.words[:min(len(l.words), maxQueryWords)]
	if len(l.words) > 0 && l.q.Sort == "" {
		l.sort.column = "e.id"
	}
	return nil
}

var sortColumns = map[string]string{"": "e.name", "name": "e.name", "title": "e.title", "updated": "e.updated", "created": "e.created", "kind": "e.kind", "owner": "e.owner"}

func (l *listing) order() error {
	l.sort.desc = l.q.Desc
	if l.sort.column != "" {
		return nil
	}
	if col, ok := sortColumns[l.q.Sort]; ok {
		l.sort.column = col
		return nil
	}
	for _, name := range l.kinds {
		if f := l.c.kinds.Get(name).Field(l.q.Sort); f == nil || f.Column == 0 || f.Type == List {
			return badQuery("sort", "query-sort", "%s cannot be sorted by %q; use name, title, updated, created, kind, owner or a column", l.c.kinds.Get(name).Name, l.q.Sort)
		}
	}
	l.sort.facet, l.sort.column = l.q.Sort, "s.ord"
	return nil
}

func (l *listing) cursor() error {
	if l.q.Cursor == "" {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(l.q.Cursor)
	var cur cursor
	if err == nil {
		err = json.Unmarshal(data, &cur)
	}
	number := l.sort.column == "e.updated" || l.sort.column == "e.created" || l.sort.column == "e.id"
	switch key := cur.Key.(type) {
	case string:
		if number {
			err = fmt.Errorf("a number was expected")
		}
	case float64:
		cur.Key = int64(key)
		if !number {
			err = fmt.Errorf("a text was expected")
		}
	default:
		err = fmt.Errorf("no place in it")
	}
	if err != nil || cur.Sort != l.signature() {
		return badQuery("cursor", "query-cursor", "it is not one that this list gave; begin again without it")
	}
	l.after = &cur
	return nil
}

// signature ties a cursor to the order it was made in.
func (l *listing) signature() string {
	if l.sort.desc {
		return "-" + l.q.Sort
	}
	return l.q.Sort
}

// find looks up what meets the conditions that an index knows.
func (l *listing) find(ctx context.Context, q sqldb.Querier) error {
	if err := l.present(ctx, q); err != nil || len(l.kinds) == 0 {
		return err
	}
	for _, w := range l.words {
		sets, all, err := l.c.withWord(ctx, q, l.caller.Org, l.kinds, w)
		if err != nil {
			return err
		}
		l.capped = l.capped || !all
		l.narrow(sets.any)
	}
	if len(l.q.Refs) > 0 {
		set, err := l.named(ctx, q)
		if err != nil {
			return err
		}
		l.narrow(set)
	}
	for _, f := range l.must {
		set, err := posted(ctx, q, l.caller.Org, l.kinds, f)
		if err != nil {
			return err
		}
		l.narrow(set)
	}
	if l.found == nil && len(l.not) > 0 {
		var err error
		if l.found, err = posted(ctx, q, l.caller.Org, l.kinds, facetIn{key: namespaceKey, values: nil}); err != nil {
			return err
		}
	}
	for _, f := range l.not {
		set, err := posted(ctx, q, l.caller.Org, l.kinds, f)
		if err != nil {
			return err
		}
		l.found.without(set)
	}
	l.size = l.found.count()
	return nil
}

// present leaves out kinds of which there is nothing.
func (l *listing) present(ctx context.Context, q sqldb.Querier) error {
	if len(l.kinds) < 2 {
		return nil
	}
	has, err := sqldb.Values[string](ctx, q, `SELECT kind FROM counts WHERE org = ? AND n > 0`, l.caller.Org)
	l.kinds = slices.DeleteFunc(slices.Clone(l.kinds), func(kind string) bool { return !slices.Contains(has, kind) })
	return err
}

// named returns the entities of the references asked for.
func (l *listing) named(ctx context.Context, q sqldb.Querier) (idSet, error) {
	set := idSet{}
	kinds, args := sqldb.Among(q.Dialect(), "kind", l.kinds)
	for part := range slices.Chunk(l.q.Refs, 5000) {
		among, refs := sqldb.Among(q.Dialect(), "ref", part)
		err := set.query(ctx, q, `SELECT id FROM entities WHERE org = ? AND deleted = 0 AND `+kinds+` AND `+among, slices.Concat([]any{l.caller.Org}, args, refs)...)
		if err != nil {
			return nil, err
		}
	}
	return set, nil
}

func (l *listing) narrow(set idSet) {
	if l.found == nil {
		l.found = set
		return
	}
	l.found.and(set)
}

// fill reads entities in order until the page is full.
func (l *listing) fill(ctx context.Context, q sqldb.Querier, page *Page) error {
	order := l.ordered()
	last := cursor{Sort: l.signature()}
	for scanned, n := 0, l.q.Limit+1; ; n = min(2*n, MaxLimit) {
		keys, err := order.next(ctx, q, l.after, n)
		if err != nil {
			return err
		}
		rows, err := l.rows(ctx, q, keys)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if len(page.Items) == l.q.Limit {
				page.Next = last.String()
				return nil
			}
			last.Key, last.ID = key.key, key.id
			e, err := l.meets(ctx, rows[key.id])
			if err != nil {
				return err
			}
			if e != nil {
				page.Items = append(page.Items, e)
			}
		}
		if len(keys) < n {
			return nil
		}
		if scanned += n; scanned >= scanLimit {
			page.Next = last.String()
			return nil
		}
		l.after = &last
	}
}

// rows reads the documents of a page.
func (l *listing) rows(ctx context.Context, q sqldb.Querier, keys []sortKey) (map[int64]row, error) {
	out := make(map[int64]row, len(keys))
	if len(keys) == 0 {
		return out, nil
	}
	ids := make([]int64, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	among, args := sqldb.Among(q.Dialect(), "e.id", ids)
	return out, collectRows(ctx, q, out, `SELECT `+rowColumns+` FROM entities e WHERE e.deleted = 0 AND `+among, args...)
}

// meets returns the entity of a row if it meets what no index knows, else nil.
func (l *listing) meets(ctx context.Context, r row) (*entity.Entity, error) {
	if r.id == 0 || l.program != nil && !l.program.matches(ctx, r.celVars()) {
		return nil, nil
	}
	return r.entity()
}

func (c cursor) String() string {
	data, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(data)
}

// total counts the matches. With a CEL filter nothing is counted beyond what
// one page shows.
func (l *listing) total(ctx context.Context, q sqldb.Querier, page *Page) error {
	switch {
	case l.q.Cursor == "" && page.Next == "":
		page.Total, page.More = len(page.Items), l.capped
	case l.program != nil:
	case l.found == nil:
		return l.counted(ctx, q, page)
	default:
		page.Total, page.More = l.size, l.capped
	}
	return nil
}

func (l *listing) counted(ctx context.Context, q sqldb.Querier, page *Page) error {
	if len(l.kinds) == 0 {
		page.Total = 0
		return nil
	}
	args := append([]any{l.caller.Org}, sqldb.Args(l.kinds)...)
	return q.QueryRow(ctx, `SELECT COALESCE(SUM(n), 0) FROM counts WHERE org = ? AND kind IN `+sqldb.In(len(l.kinds)), args...).Scan(&page.Total)
}

// hasFacet reports whether a kind that is asked for keeps values under a path.
func (l *listing) hasFacet(path string) bool {
	if path == "kind" || path == "metadata.owner" || path == "metadata.tags" || strings.HasPrefix(path, "metadata.labels.") {
		return true
	}
	return slices.ContainsFunc(l.kinds, func(name string) bool {
		f := l.c.kinds.Get(name).Field(path)
		return f != nil && (f.Filter || f.Column > 0)
	})
}
