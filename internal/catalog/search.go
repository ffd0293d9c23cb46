package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Limits of a search.
const (
	maxQueryWords = 12
	maxNamed      = 20
	maxCandidates = 100 // of each way to match that are ranked
)

// Search finds entities the caller may read that hold all the words, each as
// the beginning of a word in the text, without regard to case and accents. An
// exact name comes first, then titles, then the rest, the newest first among
// equals. No kinds means all.
func (c *Catalog) Search(ctx context.Context, caller Caller, text string, kinds []string, limit int) ([]Hit, error) {
	l, err := c.prepare(caller, Query{Kinds: kinds})
	if err != nil {
		return nil, err
	}
	if err := l.present(ctx, c.db); err != nil {
		return nil, err
	}
	ws := words(text)
	if len(ws) == 0 || len(l.kinds) == 0 {
		return []Hit{}, nil
	}
	found := map[int64]row{}
	if err := c.named(ctx, l, strings.TrimSpace(text), found); err != nil {
		return nil, err
	}
	scope, err := c.scope(ctx, c.db, caller.Org, l.kinds)
	if err != nil {
		return nil, err
	}
	for _, m := range []match{{title: true, whole: true}, {title: true}, {whole: true}, {}} {
		if len(found) >= limit+maxNamed {
			break
		}
		if err := c.candidates(ctx, l, scope, ws, m, found); err != nil {
			return nil, err
		}
	}
	return c.ranked(found, text, ws, limit)
}

// match says where words are looked for: in titles only, as whole words only.
// Whole words stream from the index even when a million texts have them; the
// beginnings of words have to be collected first, so they are asked for last.
type match struct{ title, whole bool }

// matching returns the statement that gives the ids of entities with the words.
func (c *Catalog) matching(scope, ws []string, m match) (string, []any) {
	ws = ws[:min(len(ws), maxQueryWords)]
	if c.db.Dialect() == sqldb.SQLite {
		return `SELECT rowid AS id FROM search WHERE search MATCH ?`, []any{ftsQuery(scope, ws, m)}
	}
	return `SELECT id FROM search WHERE words @@ ?::tsquery`, []any{tsQuery(scope, ws, m)}
}

// scope returns the words that narrow an index scan to an organisation and a
// kind, as far as they are worth their long lists: none for the only
// organisation, nor for a kind that most entities are of.
func (c *Catalog) scope(ctx context.Context, q sqldb.Querier, org string, kinds []string) ([]string, error) {
	kind := ""
	if len(kinds) == 1 {
		kind = kinds[0]
	}
	var all, own, ofKind int
	err := q.QueryRow(ctx, `SELECT COALESCE(SUM(n), 0), COALESCE(SUM(CASE WHEN org = ? THEN n ELSE 0 END), 0), COALESCE(SUM(CASE WHEN org = ? AND kind = ? THEN n ELSE 0 END), 0) FROM counts`, org, org, kind).Scan(&all, &own, &ofKind)
	words, out := scopeWords(org, kind), []string{}
	if own < all {
		out = append(out, words[0])
	}
	if kind != "" && 2*ofKind < own {
		out = append(out, words[1])
	}
	return out, err
}

// withWords returns the ids of entities that have all the words, each as the
// beginning of one, at most limit of them in no promised order. They may be of
// other organisations and kinds.
func (c *Catalog) withWords(ctx context.Context, q sqldb.Querier, org string, kinds, ws []string, limit int) ([]int64, error) {
	scope, err := c.scope(ctx, q, org, kinds)
	if err != nil {
		return nil, err
	}
	query, args := c.matching(scope, ws, match{})
	rows, err := q.Query(ctx, query+` LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// hasWords reports the same of one entity, from its texts.
func (c *Catalog) hasWords(e *entity.Entity, ws []string) bool {
	k := c.kinds.Get(e.Kind)
	if k == nil {
		return false
	}
	title, body := k.texts(e)
	in := append(words(title), words(body)...)
	for _, w := range ws {
		if !slices.ContainsFunc(in, func(t string) bool { return strings.HasPrefix(t, w) }) {
			return false
		}
	}
	return true
}

// ftsQuery writes an FTS5 query. Words are letters and digits only, and quoted.
func ftsQuery(scope, ws []string, m match) string {
	columns, prefix := "{title body}", " *"
	if m.title {
		columns = "{title}"
	}
	if m.whole {
		prefix = ""
	}
	var parts []string
	for _, w := range ws {
		parts = append(parts, columns+` : "`+w+`"`+prefix)
	}
	for _, w := range scope {
		parts = append(parts, `scope : "`+w+`"`)
	}
	return strings.Join(parts, " AND ")
}

// tsQuery writes a tsquery with each word quoted.
func tsQuery(scope, ws []string, m match) string {
	prefix := ":*"
	if m.whole {
		prefix = ""
	}
	var parts []string
	for _, w := range ws {
		if m.title {
			w = "t_" + w
		}
		parts = append(parts, `'`+w+`'`+prefix)
	}
	for _, w := range scope {
		parts = append(parts, `'`+w+`'`)
	}
	return strings.Join(parts, " & ")
}

// named finds those whose name begins with the text, so that an exact name is
// among the candidates however common its words are.
func (c *Catalog) named(ctx context.Context, l *listing, text string, found map[int64]row) error {
	for _, kind := range l.kinds {
		err := collectRows(ctx, c.db, found, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND e.kind = ? AND e.deleted = 0 AND e.name >= ? AND e.name < ? ORDER BY e.name, e.id LIMIT ?`,
			l.caller.Org, kind, text, text+"\U0010FFFF", maxNamed)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Catalog) candidates(ctx context.Context, l *listing, scope, ws []string, m match, found map[int64]row) error {
	ids, args := c.matching(scope, ws, m)
	q := `SELECT ` + rowColumns + ` FROM (` + ids + ` LIMIT ?) m CROSS JOIN entities e WHERE e.id = m.id AND e.org = ? AND e.deleted = 0 AND e.kind IN ` + sqldb.In(len(l.kinds))
	args = append(append(args, maxCandidates, l.caller.Org), anys(l.kinds)...)
	return c.db.View(ctx, func(tx *sqldb.Tx) error {
		if err := fuzzy(ctx, tx); err != nil {
			return err
		}
		return collectRows(ctx, tx, found, q, args...)
	})
}

func collectRows(ctx context.Context, q sqldb.Querier, found map[int64]row, query string, args ...any) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return err
		}
		found[r.id] = r
	}
	return rows.Err()
}

// fuzzy lets PostgreSQL stop a search for very common words early, instead of
// collecting a million rows of which the first few hundred are ranked.
func fuzzy(ctx context.Context, tx *sqldb.Tx) error {
	if tx.Dialect() != sqldb.Postgres {
		return nil
	}
	_, err := tx.Exec(ctx, `SET LOCAL gin_fuzzy_search_limit = 2000`)
	return err
}

type scored struct {
	e     *entity.Entity
	row   row
	score int
}

func (c *Catalog) ranked(found map[int64]row, text string, ws []string, limit int) ([]Hit, error) {
	var list []scored
	for _, r := range found {
		var e entity.Entity
		if err := json.Unmarshal(r.doc, &e); err != nil {
			return nil, err
		}
		list = append(list, scored{&e, r, score(&e, text, ws)})
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(b.score-a.score, cmp.Compare(b.row.updated, a.row.updated), strings.Compare(a.row.ref, b.row.ref))
	})
	hits := make([]Hit, 0, min(limit, len(list)))
	for _, s := range list[:min(limit, len(list))] {
		if k := c.kinds.Get(s.e.Kind); k != nil {
			hits = append(hits, c.hit(k, s.e, s.row, ws))
		}
	}
	return hits, nil
}

// score ranks a match: name or title equal, beginning with the text, holding
// all words, some of them.
func score(e *entity.Entity, text string, ws []string) int {
	want, name, title := fold(strings.TrimSpace(text)), fold(e.Metadata.Name), fold(e.Metadata.Title)
	switch {
	case name == want || title == want:
		return 100
	case strings.HasPrefix(name, want) || title != "" && strings.HasPrefix(title, want):
		return 80
	}
	in := words(e.Metadata.Title + " " + e.Metadata.Name)
	n := 0
	for _, w := range ws {
		if slices.ContainsFunc(in, func(t string) bool { return strings.HasPrefix(t, w) }) {
			n++
		}
	}
	return 50 * n / len(ws)
}

func (c *Catalog) hit(k *Kind, e *entity.Entity, r row, ws []string) Hit {
	_, body := k.texts(e)
	return Hit{Ref: r.ref, Kind: e.Kind, Title: e.DisplayTitle(), Owner: ownerRef(e), Snippet: snippet(body, ws), Updated: sqldb.Time(r.updated)}
}

const snippetBytes = 180

// snippet returns the part of a text around the first match, on one line, with
// matches between \x02 and \x03.
func snippet(text string, ws []string) string {
	fields := strings.Fields(strings.Map(func(r rune) rune {
		if r == '\x02' || r == '\x03' {
			return -1
		}
		return r
	}, cut(text, 50_000)))
	first := 0
	hit := func(f string) bool {
		return slices.ContainsFunc(words(f), func(t string) bool {
			return slices.ContainsFunc(ws, func(w string) bool { return strings.HasPrefix(t, w) })
		})
	}
	if i := slices.IndexFunc(fields, hit); i > 8 {
		first = i - 8
	}
	var b strings.Builder
	if first > 0 {
		b.WriteString("… ")
	}
	for i, f := range fields[first:] {
		if b.Len() > snippetBytes {
			b.WriteString(" …")
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		if hit(f) {
			f = "\x02" + f + "\x03"
		}
		b.WriteString(f)
	}
	return b.String()
}

// RebuildSearch makes the search words, facets and relations of every entity
// anew from the documents, as after a restore.
func (c *Catalog) RebuildSearch(ctx context.Context) error {
	err := c.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockWrites(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM postings`)
		return err
	})
	for last, n := int64(0), 1; n > 0 && err == nil; {
		err = c.db.Tx(ctx, func(tx *sqldb.Tx) error {
			var err error
			n, last, err = c.rebuild(ctx, tx, last)
			return err
		})
	}
	return err
}

// rebuilt is how many entities are rebuilt in one transaction.
const rebuilt = 2000

func (c *Catalog) rebuild(ctx context.Context, tx *sqldb.Tx, after int64) (int, int64, error) {
	if err := lockWrites(ctx, tx); err != nil {
		return 0, after, err
	}
	rows, err := tx.Query(ctx, `SELECT `+rowColumns+`, e.org FROM entities e WHERE e.id > ? AND e.deleted = 0 ORDER BY e.id LIMIT ?`, after, rebuilt)
	if err != nil {
		return 0, after, err
	}
	defer rows.Close()
	byOrg, n := map[string][]*change{}, 0
	for rows.Next() {
		var org string
		r, err := scanRow(rows, &org)
		if err != nil {
			return 0, after, err
		}
		n, after = n+1, r.id
		e, err := r.entity()
		if err != nil {
			return 0, after, err
		}
		if k := c.kinds.Get(e.Kind); k != nil {
			byOrg[org] = append(byOrg[org], &change{op: Updated, kind: k, old: &r, before: e, after: e, id: r.id})
		}
	}
	if err := rows.Err(); err != nil {
		return 0, after, err
	}
	rows.Close()
	for org, changes := range byOrg {
		if err := inParallel(len(changes), func(i int) error { return changes[i].derive() }); err != nil {
			return 0, after, err
		}
		w := c.writer(ctx, tx, org)
		w.clear(changes)
		w.found(changes)
		w.post()
		w.link(changes)
		if w.err != nil {
			return 0, after, w.err
		}
	}
	return n, after, nil
}
