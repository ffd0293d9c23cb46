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
	rare         = 2000    // up to so many rows of one condition are fetched and sorted
	wordMatches  = 5000    // so many entities with the words of a query are looked at; see Query.Text
	scanLimit    = 200_000 // entities one page of a CEL filter looks at
)

// listing is a Query made ready: what to ask of the database.
type listing struct {
	c        *Catalog
	caller   Caller
	q        Query
	kinds    []string
	indexes  []narrowing // conditions with an index of their own
	driver   *narrowing  // the rarest of them, when it is rare: the page is made from its rows
	common   bool        // there are conditions, and none is rare
	where    []string    // the others
	args     []any
	words    []string                  // of Query.Text
	hasWords func(*entity.Entity) bool // asked of each entity when no index did
	program  *celProgram
	sort     sorting
	after    *cursor
}

// narrowing is a condition that an index answers in two ways: all ids that meet
// it, or whether one entity e does.
type narrowing struct {
	rows, exists       string
	rowArgs, existArgs []any
}

func (l *listing) narrow(f facetIn) {
	var n narrowing
	n.rows, n.rowArgs = f.rows(l.caller.Org, l.kinds)
	n.exists, n.existArgs = f.exists()
	l.indexes = append(l.indexes, n)
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

// List returns one page of the entities a query asks for.
func (c *Catalog) List(ctx context.Context, caller Caller, q Query) (*Page, error) {
	l, err := c.prepare(caller, q)
	if err != nil {
		return nil, err
	}
	page := &Page{Items: []*entity.Entity{}, Total: -1}
	if len(l.kinds) == 0 {
		page.Total = 0
		return page, nil
	}
	if err := l.drive(ctx); err != nil {
		return nil, err
	}
	if err := l.fill(ctx, page); err != nil {
		return nil, err
	}
	if !q.NoTotal {
		return page, l.total(ctx, page)
	}
	return page, nil
}

// Each calls f for every entity a query asks for, page after page.
func (c *Catalog) Each(ctx context.Context, caller Caller, q Query, f func(*entity.Entity) error) error {
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
		return nil, badQuery("limit", "must be 1 to %d", MaxLimit)
	}
	steps := []func() error{l.chooseKinds, l.conditions, l.expression, l.text, l.order, l.cursor}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func badQuery(field, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return fault.Bad("the query cannot be answered", fault.Problem{Field: field, Code: "query", Msg: msg, Args: []string{msg}})
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
		l.kinds = append(l.kinds, lower(k.Name))
	}
	return nil
}

func (l *listing) add(cond string, args ...any) {
	l.where, l.args = append(l.where, cond), append(l.args, args...)
}

func (l *listing) conditions() error {
	if l.q.Namespace != "" {
		l.add(`e.ns = ?`, l.q.Namespace)
	}
	if l.q.Owner != "" {
		ref, err := entity.ParseRef(l.q.Owner, "group", "")
		if err != nil {
			return badQuery("owner", "%v", err)
		}
		l.add(`e.owner = ?`, ref.String())
	}
	for _, t := range l.q.Tags {
		l.narrow(facetIn{"metadata.tags", []string{t}})
	}
	sel, err := ParseSelector(l.q.Labels)
	if err != nil {
		return err
	}
	for _, t := range sel {
		if f := (facetIn{"metadata.labels." + t.key, t.values}); t.not {
			cond, args := f.exists()
			l.add("NOT "+cond, args...)
		} else {
			l.narrow(f)
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
			return badQuery(path, "%s has no field %s to filter by", l.c.kinds.Get(name).Name, path)
		}
		if f.Type == Reference || f.Item != nil && f.Item.Type == Reference {
			values = l.fullRefs(f, values)
		}
	}
	l.narrow(facetIn{path, values})
	return nil
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
			l.narrow(eq)
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
		if f == nil || f.Type == List || f.Type == Reference || f.Type == Number || !f.Filter && f.Column == 0 {
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
			return badQuery("sort", "%s cannot be sorted by %q; use name, title, updated, created, kind, owner or a column", l.c.kinds.Get(name).Name, l.q.Sort)
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
		return badQuery("cursor", "it is not one that this list gave; begin again without it")
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

// drive looks for the rarest condition. When it is rare the page is made from
// its rows; else the list is walked in order and each condition is asked of
// each entity.
func (l *listing) drive(ctx context.Context) error {
	best, least := -1, rare+1
	for i, n := range l.indexes {
		var rows int
		if err := l.c.q().QueryRow(ctx, `SELECT count(*) FROM (`+n.rows+` LIMIT ?) x`, append(slices.Clone(n.rowArgs), rare+1)...).Scan(&rows); err != nil {
			return err
		}
		if rows < least {
			best, least = i, rows
		}
	}
	l.common = len(l.indexes) > 0 && best < 0
	if len(l.words) > 0 {
		var err error
		if best, err = l.driveByWords(ctx, best); err != nil {
			return err
		}
	}
	for i, n := range l.indexes {
		if i == best {
			l.driver = &n
			continue
		}
		l.add(n.exists, n.existArgs...)
	}
	return nil
}

// driveByWords makes the page from the entities that have the words. When there
// are too many of them and another condition, number best, is rare, that one
// drives and the words are looked for in its entities.
func (l *listing) driveByWords(ctx context.Context, best int) (int, error) {
	ids, err := l.c.withWords(ctx, l.caller.Org, l.kinds, l.words, wordMatches+1)
	if err != nil {
		return best, err
	}
	if len(ids) > wordMatches && best >= 0 {
		l.hasWords = func(e *entity.Entity) bool { return l.c.hasWords(e, l.words) }
		return best, nil
	}
	l.driver = &narrowing{rows: `SELECT id FROM entities WHERE id IN (` + strings.Join(append(ids, "0"), ",") + `)`}
	return -1, nil
}

// from returns FROM and WHERE with their arguments.
func (l *listing) from() (string, []any) {
	tables, join := []string{}, []string{"1 = 1"}
	var args []any
	if l.driver != nil {
		tables, join = append(tables, `(SELECT DISTINCT id FROM (`+l.driver.rows+`) dr) d`), append(join, `e.id = d.id`)
		args = slices.Clone(l.driver.rowArgs)
	}
	if l.sort.facet != "" {
		tables, join = append(tables, `facets s`), append(join, `e.id = s.id`)
		if l.driver != nil {
			join = append(join, `s.id = d.id`)
		}
	}
	q := ` FROM ` + strings.Join(append(tables, `entities e`), ` CROSS JOIN `) + ` WHERE ` + strings.Join(join, ` AND `)
	q += ` AND e.org = ? AND e.deleted = 0`
	args = append(args, l.caller.Org)
	kindCol := "e.kind"
	if l.sort.facet != "" {
		kindCol = "s.kind"
		q += ` AND s.org = ? AND s.key = ? AND s.ord IS NOT NULL`
		args = append(args, l.caller.Org, l.sort.facet)
	}
	if len(l.q.Kinds) > 0 || len(l.kinds) < len(l.c.kinds.All()) {
		q += ` AND ` + kindCol + ` IN ` + sqldb.In(len(l.kinds))
		args = append(args, anys(l.kinds)...)
	}
	for _, w := range l.where {
		q += ` AND ` + w
	}
	return q, append(args, l.args...)
}

// id is the column that breaks ties, of the table that is walked in order.
func (l *listing) id() string {
	if l.sort.facet != "" {
		return "s.id"
	}
	return "e.id"
}

// fill reads rows in order until the page is full.
func (l *listing) fill(ctx context.Context, page *Page) error {
	scanned := 0
	for {
		n := l.q.Limit + 1 - len(page.Items)
		if l.program != nil || l.hasWords != nil {
			n = max(n, 500)
		}
		rows, keys, err := l.batch(ctx, n)
		if err != nil {
			return err
		}
		for i, r := range rows {
			if len(page.Items) == l.q.Limit {
				page.Next = l.place(rows[i-1].id, keys[i-1])
				return nil
			}
			e, err := r.entity()
			if err != nil {
				return err
			}
			if (l.program == nil || l.program.matches(ctx, e)) && (l.hasWords == nil || l.hasWords(e)) {
				page.Items = append(page.Items, e)
			}
		}
		scanned += len(rows)
		if len(rows) < n {
			return nil
		}
		last := len(rows) - 1
		l.after = &cursor{Key: keys[last], ID: rows[last].id}
		if len(page.Items) == l.q.Limit || scanned >= scanLimit {
			page.Next = l.place(rows[last].id, keys[last])
			return nil
		}
	}
}

func (l *listing) place(id int64, key any) string {
	data, _ := json.Marshal(cursor{Key: key, ID: id, Sort: l.signature()})
	return base64.RawURLEncoding.EncodeToString(data)
}

func (l *listing) batch(ctx context.Context, n int) ([]row, []any, error) {
	from, args := l.from()
	op, dir := ">", ""
	if l.sort.desc {
		op, dir = "<", " DESC"
	}
	if l.after != nil {
		from += ` AND (` + l.sort.column + `, ` + l.id() + `) ` + op + ` (?, ?)`
		args = append(args, l.after.Key, l.after.ID)
	}
	rows, err := l.c.q().Query(ctx, `SELECT `+rowColumns+`, `+l.sort.column+from+` ORDER BY `+l.sort.column+dir+`, `+l.id()+dir+` LIMIT ?`, append(args, n)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var out []row
	var keys []any
	for rows.Next() {
		var key any
		r, err := scanRow(rows, &key)
		if err != nil {
			return nil, nil, err
		}
		out, keys = append(out, r), append(keys, key)
	}
	return out, keys, rows.Err()
}

// total counts the matches, as far as CountLimit, or rare where several common
// conditions meet. With a CEL filter nothing is counted beyond what one page
// shows.
func (l *listing) total(ctx context.Context, page *Page) error {
	if l.q.Cursor == "" && page.Next == "" {
		page.Total = len(page.Items)
		return nil
	}
	if l.program != nil || l.hasWords != nil {
		return nil
	}
	if len(l.where) == 0 && l.driver == nil {
		return l.counted(ctx, page)
	}
	plain := *l
	plain.sort.facet = ""
	from, args := plain.from()
	limit := CountLimit
	if l.common && len(l.where) == 1 && l.driver == nil {
		n := l.indexes[0]
		from, args = ` FROM (`+n.rows+`) y`, slices.Clone(n.rowArgs)
	} else if l.driver == nil {
		limit = rare
	}
	if err := l.c.q().QueryRow(ctx, `SELECT count(*) FROM (SELECT 1`+from+` LIMIT ?) x`, append(args, limit+1)...).Scan(&page.Total); err != nil {
		return err
	}
	if len(l.words) > 0 {
		limit = wordMatches
	}
	if page.Total > limit {
		page.Total, page.More = limit, true
	}
	return nil
}

func (l *listing) counted(ctx context.Context, page *Page) error {
	args := append([]any{l.caller.Org}, anys(l.kinds)...)
	return l.c.q().QueryRow(ctx, `SELECT COALESCE(SUM(n), 0) FROM counts WHERE org = ? AND kind IN `+sqldb.In(len(l.kinds)), args...).Scan(&page.Total)
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

// Count returns how many entities of a kind there are.
func (c *Catalog) Count(ctx context.Context, caller Caller, kind string) (int, error) {
	l, err := c.prepare(caller, Query{Kinds: []string{kind}})
	if err != nil {
		return 0, err
	}
	var page Page
	err = l.counted(ctx, &page)
	return page.Total, err
}

// Facets returns the values under a path among what a query finds, the most
// frequent first: "kind", "metadata.tags", "metadata.owner",
// "metadata.labels.<key>" or the path of a filterable field. Over many
// entities the counts are of the first CountLimit matches.
func (c *Catalog) Facets(ctx context.Context, caller Caller, q Query, path string, limit int) ([]FacetCount, error) {
	q.Sort, q.Cursor = "", ""
	l, err := c.prepare(caller, q)
	if err != nil || len(l.kinds) == 0 {
		return nil, err
	}
	if !l.hasFacet(path) {
		return nil, badQuery("path", "there are no counts by %s; use kind, metadata.owner, metadata.tags, metadata.labels.<key> or a field that filters", path)
	}
	if err := l.drive(ctx); err != nil {
		return nil, err
	}
	from, args := l.from()
	sel := `SELECT f.value, count(*) FROM facets f JOIN (SELECT e.id` + from + ` LIMIT ?) x ON x.id = f.id WHERE f.key = ? GROUP BY f.value ORDER BY 2 DESC, 1 LIMIT ?`
	args = append(args, CountLimit, path, limit)
	switch path {
	case "kind", "metadata.owner":
		col := strings.TrimPrefix(path, "metadata.")
		sel = `SELECT x.v, count(*) FROM (SELECT e.` + col + ` AS v` + from + ` LIMIT ?) x WHERE x.v <> '' GROUP BY x.v ORDER BY 2 DESC, 1 LIMIT ?`
		args = append(args[:len(args)-3], CountLimit, limit)
	default:
		if len(l.where) == 0 && l.driver == nil && len(l.kinds) == 1 {
			sel = `SELECT f.value, count(*) FROM (SELECT value FROM facets WHERE org = ? AND key = ? AND kind = ? LIMIT ?) f GROUP BY f.value ORDER BY 2 DESC, 1 LIMIT ?`
			args = []any{caller.Org, path, l.kinds[0], CountLimit, limit}
		}
	}
	rows, err := c.q().Query(ctx, sel, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []FacetCount
	for rows.Next() {
		var f FacetCount
		if err := rows.Scan(&f.Value, &f.Count); err != nil {
			return nil, err
		}
		if f.Value != "" {
			out = append(out, f)
		}
	}
	return out, rows.Err()
}
