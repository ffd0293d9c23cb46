package catalog

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// change is one entity to be written.
type change struct {
	op      Op
	kind    *Kind
	old     *row           // nil: never there before
	before  *entity.Entity // nil: not there now
	after   *entity.Entity // for a deletion: as it was
	applied []byte         // what the manager's file said; nil: not from a file
	fields  []FieldChange
	alias   string // a rename: the former reference
	follows bool   // it only rewrites a reference to what is renamed

	id  int64
	uid string
	rev int64

	derived // of after; see derive
}

// ref returns the reference the entity has after the change.
func (ch *change) ref() entity.Ref { return ch.after.Ref() }

// write stores the changes, and what follows from them in statuses. Entities
// whose status follows from others are stored after those.
func (c *Catalog) write(ctx context.Context, tx *sqldb.Tx, caller Caller, changes []*change) error {
	var first, then []*change
	for _, ch := range changes {
		if ch.carry(); ch.kind.begin == nil {
			first = append(first, ch)
		} else {
			then = append(then, ch)
		}
	}
	if err := c.store(ctx, tx, caller, first); err != nil {
		return err
	}
	if err := c.reckon(ctx, tx, caller.Org, then); err != nil {
		return err
	}
	if err := c.store(ctx, tx, caller, then); err != nil {
		return err
	}
	return c.followed(ctx, tx, caller.Org, changes)
}

// store writes the changes with their revisions, relations, facets, search
// words, feed entries and audit records. It is the only place that does, and is
// called while no other writes (see writing).
func (c *Catalog) store(ctx context.Context, tx *sqldb.Tx, caller Caller, changes []*change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := c.guard(ctx, tx, caller, changes); err != nil {
		return err
	}
	if err := inParallel(len(changes), func(i int) error { return changes[i].derive() }); err != nil {
		return err
	}
	now := c.now().UTC().Truncate(time.Microsecond)
	if err := c.number(ctx, tx, changes); err != nil {
		return err
	}
	w := c.writer(ctx, tx, caller.Org)
	w.now = now
	for part := range slices.Chunk(changes, foundPart) {
		old := ids(part, func(ch *change) bool { return ch.old != nil })
		w.had(old)
		w.clear(old)
		w.entities(part)
		w.found(part)
		w.post()
		w.dues(part)
		w.revisions(caller, part)
	}
	w.aliases(caller, changes)
	w.link(changes)
	w.count(changes)
	if w.err != nil {
		return w.err
	}
	entries, records := make([]*feed.Entry, len(changes)), make([]*audit.Record, len(changes))
	for i, ch := range changes {
		data, _ := json.Marshal(map[string]any{"manager": caller.Manager, "paths": paths(ch.fields)})
		entries[i] = &feed.Entry{Org: caller.Org, At: now, Type: "entity." + string(ch.op), Ref: ch.ref().String(), UID: ch.uid, Rev: ch.rev, Actor: caller.Account, Data: data}
		records[i] = c.record(caller, "entity."+string(ch.op), ch.ref().String(), detail(caller, ch))
	}
	if err := feed.Append(ctx, tx, entries...); err != nil {
		return err
	}
	return audit.Append(ctx, tx, records...)
}

// foundPart is how many entities are written to the index of values together:
// more share rows of it, fewer need less memory.
const foundPart = 20_000

func paths(fields []FieldChange) []string {
	out := make([]string, 0, min(len(fields), 50))
	for _, f := range fields[:min(len(fields), 50)] {
		out = append(out, f.Path)
	}
	return out
}

func detail(caller Caller, ch *change) map[string]any {
	d := map[string]any{"rev": ch.rev, "manager": caller.Manager}
	if caller.Reason != "" {
		d["reason"] = caller.Reason
	}
	if ch.op != Created && ch.op != Deleted {
		d["fields"] = paths(ch.fields)
	}
	if ch.alias != "" {
		d["from"] = ch.alias
	}
	return d
}

// newUID returns an identity of 26 letters and digits: the time, so that what is
// made together lies together in the indexes, and 80 random bits.
func newUID(at time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<16)
	rand.Read(b[6:])
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// number gives each change its id and revision; new ids are taken as a range.
func (c *Catalog) number(ctx context.Context, tx *sqldb.Tx, changes []*change) error {
	var fresh []*change
	for _, ch := range changes {
		if ch.old == nil {
			ch.uid, ch.rev = newUID(c.now()), 1
			fresh = append(fresh, ch)
			continue
		}
		ch.id, ch.uid, ch.rev = ch.old.id, ch.old.uid, ch.old.rev+1
	}
	if len(fresh) == 0 {
		return nil
	}
	var next int64
	err := tx.QueryRow(ctx, `UPDATE ids SET next = next + ? WHERE name = 'entities' RETURNING next`, len(fresh)).Scan(&next)
	for i, ch := range fresh {
		ch.id = next - int64(len(fresh)) + int64(i)
	}
	return err
}

// writer runs statements until the first error.
type writer struct {
	ctx    context.Context
	tx     *sqldb.Tx
	org    string
	now    time.Time
	repost repost
	err    error
}

func (c *Catalog) writer(ctx context.Context, tx *sqldb.Tx, org string) *writer {
	return &writer{ctx: ctx, tx: tx, org: org, repost: repost{ctx: ctx, tx: tx, org: org, most: c.sizes.rowIDs, noted: map[posting]*touched{}}}
}

func (w *writer) exec(query string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.Exec(w.ctx, query, args...)
	}
}

func (w *writer) insert(r sqldb.Rows) {
	if w.err == nil {
		w.err = w.tx.Insert(w.ctx, r)
	}
}

// had notes what the index says of the states before.
func (w *writer) had(old []int64) {
	w.hadValues(old)
	if w.err == nil {
		w.err = w.repost.hadWords(old)
	}
}

func (w *writer) hadValues(old []int64) {
	if w.err == nil {
		w.err = w.repost.hadValues(old)
	}
}

// post brings the index of values up to date.
func (w *writer) post() {
	if w.err == nil {
		w.err = w.repost.write()
	}
}

// drop deletes rows of a table by a column of ids, in groups.
func (w *writer) drop(table, column string, ids []int64) {
	for part := range slices.Chunk(ids, 5000) {
		among, args := sqldb.Among(w.tx.Dialect(), column, part)
		w.exec(`DELETE FROM `+table+` WHERE `+among, args...)
	}
}

func ids(changes []*change, keep func(*change) bool) []int64 {
	var out []int64
	for _, ch := range changes {
		if keep(ch) {
			out = append(out, ch.id)
		}
	}
	return out
}

// clear removes what was derived from the states before.
func (w *writer) clear(old []int64) {
	for _, table := range []string{"relations", "facets", "search"} {
		w.drop(table, "id", old)
	}
}

// maxSortKey is how many bytes of a title sort it; an index holds no more.
const maxSortKey = 600

func (w *writer) entities(changes []*change) {
	rows := make([][]any, 0, len(changes))
	for _, ch := range changes {
		ref, created, deleted := ch.ref(), sqldb.Micros(w.now), 0
		if ch.old != nil {
			created = ch.old.created
		}
		if ch.op == Deleted {
			deleted = 1
		}
		rows = append(rows, []any{ch.id, ch.uid, w.org, ref.Kind, ref.String(), ref.Namespace, ref.Name, cut(fold(ch.after.DisplayTitle()), maxSortKey),
			ownerRef(ch.after), ch.rev, created, sqldb.Micros(w.now), deleted, string(ch.doc)})
	}
	w.insert(sqldb.Rows{Table: "entities", Values: rows,
		Columns: []string{"id", "uid", "org", "kind", "ref", "ns", "name", "title", "owner", "rev", "created", "updated", "deleted", "doc"},
		Conflict: `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, ref = excluded.ref, ns = excluded.ns, name = excluded.name, title = excluded.title,
		owner = excluded.owner, rev = excluded.rev, updated = excluded.updated, deleted = excluded.deleted, doc = excluded.doc`})
}

// ownerRef returns the owner as a full reference, "" without one.
func ownerRef(e *entity.Entity) string {
	ref, err := entity.ParseRef(ownerOf(e), "group", e.Metadata.Namespace)
	if err != nil {
		return ""
	}
	return ref.String()
}

func (w *writer) revisions(caller Caller, changes []*change) {
	var rows, applied [][]any
	for _, ch := range changes {
		rows = append(rows, []any{ch.id, ch.rev, string(ch.op), sqldb.Micros(w.now), caller.Account, caller.Name, caller.Manager, caller.Reason, ch.ref().String(), string(ch.doc)})
		if ch.applied != nil {
			applied = append(applied, []any{ch.id, caller.Manager, string(ch.applied)})
		}
	}
	w.insert(sqldb.Rows{Table: "revisions", Columns: []string{"id", "rev", "op", "at", "author", "author_name", "manager", "reason", "ref", "doc"}, Values: rows})
	w.drop("applied", "id", ids(changes, func(ch *change) bool { return ch.op == Deleted }))
	if w.err == nil {
		w.err = saveApplied(w.ctx, w.tx, applied)
	}
}

// saveApplied keeps what managers' files say: rows of id, manager and document.
func saveApplied(ctx context.Context, tx *sqldb.Tx, rows [][]any) error {
	return tx.Insert(ctx, sqldb.Rows{Table: "applied", Columns: []string{"id", "manager", "doc"}, Values: rows,
		Conflict: `ON CONFLICT (id, manager) DO UPDATE SET doc = excluded.doc`})
}

// found writes what lists and search find an entity by.
func (w *writer) found(changes []*change) {
	w.values(changes)
	w.words(changes)
}

// values writes what lists filter and sort by.
func (w *writer) values(changes []*change) {
	var facets [][]any
	for _, ch := range changes {
		if ch.op == Deleted {
			continue
		}
		kind := lower(ch.kind.Name)
		has := func(key, value string) { w.repost.has(posting{key, value, kind}, ch.id) }
		for _, f := range ch.facets {
			facets = append(facets, []any{ch.id, w.org, kind, f.key, f.value, f.ord})
			has(f.key, f.value)
			if name, ok := strings.CutPrefix(f.key, labelsKey+"."); ok {
				has(labelsKey, name)
			}
		}
		has(namespaceKey, ch.ref().Namespace)
		if owner := ownerRef(ch.after); owner != "" {
			has(ownerKey, owner)
		}
	}
	w.insert(sqldb.Rows{Table: "facets", Columns: []string{"id", "org", "kind", "key", "value", "ord"}, Values: facets})
}

// words writes what search finds.
func (w *writer) words(changes []*change) {
	var search [][]any
	for _, ch := range changes {
		if ch.op == Deleted {
			continue
		}
		kind := lower(ch.kind.Name)
		for _, word := range ch.title {
			w.repost.has(posting{titleKey, word, kind}, ch.id)
		}
		for _, word := range ch.body {
			w.repost.has(posting{wordKey, word, kind}, ch.id)
		}
		search = append(search, []any{ch.id, strings.Join(ch.title, " "), strings.Join(ch.body, " ")})
	}
	w.insert(sqldb.Rows{Table: "search", Columns: []string{"id", "title", "body"}, Values: search})
}

func distinct(list []string) []string { return unique(list, func(s string) string { return s }) }

// aliases keeps the former name of what was renamed, and frees a former name
// that a new entity takes.
func (w *writer) aliases(caller Caller, changes []*change) {
	for _, ch := range changes {
		if ch.alias != "" {
			w.exec(`INSERT INTO aliases (org, ref, id, at, by_name) VALUES (?, ?, ?, ?, ?) ON CONFLICT (org, ref) DO UPDATE SET id = excluded.id, at = excluded.at, by_name = excluded.by_name`,
				w.org, ch.alias, ch.id, sqldb.Micros(w.now), caller.Name)
			w.exec(`DELETE FROM aliases WHERE org = ? AND ref = ?`, w.org, ch.ref().String())
		}
	}
}

// link writes the references the changed entities hold, and connects those of
// others that waited for a name that now exists.
func (w *writer) link(changes []*change) {
	var rows [][]any
	var targets []string
	var appeared []name
	for _, ch := range changes {
		if ch.op == Deleted {
			w.exec(`UPDATE relations SET target_id = NULL WHERE target_id = ?`, ch.id)
			continue
		}
		if ch.before == nil || ch.alias != "" {
			appeared = append(appeared, name{ch.ref().String(), ch.id})
		}
		if ch.before == nil && ch.old != nil {
			w.exec(`UPDATE relations SET target_id = ? WHERE org = ? AND target_id IS NULL AND target IN (SELECT ref FROM aliases WHERE org = ? AND id = ?)`, ch.id, w.org, w.org, ch.id)
		}
		for _, r := range ch.refs {
			rows = append(rows, []any{ch.id, w.org, r.relation, r.field, r.target, (*int64)(nil)})
			targets = append(targets, r.target)
		}
	}
	known := w.resolve(distinct(targets))
	for _, r := range rows {
		if id, ok := known[r[4].(string)]; ok {
			r[5] = &id
		}
	}
	w.insert(sqldb.Rows{Table: "relations", Columns: []string{"id", "org", "type", "field", "target", "target_id"}, Values: rows})
	w.connect(appeared)
}

// name is a reference that leads to an entity.
type name struct {
	ref string
	id  int64
}

// connect gives the references that waited for the names their entities. First
// it asks which of the names are waited for.
func (w *writer) connect(names []name) {
	refs, at := make([]string, len(names)), map[string]int64{}
	for i, n := range names {
		refs[i], at[n.ref] = n.ref, n.id
	}
	var waited []string
	w.texts(`SELECT DISTINCT target FROM relations WHERE org = ? AND target_id IS NULL AND `, "target", refs, func(ref string) { waited = append(waited, ref) })
	if w.tx.Dialect() == sqldb.SQLite {
		for _, ref := range waited {
			w.exec(`UPDATE relations SET target_id = ? WHERE org = ? AND target_id IS NULL AND target = ?`, at[ref], w.org, ref)
		}
		return
	}
	for part := range slices.Chunk(waited, 5000) {
		ids := make([]int64, len(part))
		for i, ref := range part {
			ids[i] = at[ref]
		}
		w.exec(`UPDATE relations SET target_id = u.id FROM unnest(?::text[], ?::bigint[]) AS u(ref, id) WHERE relations.org = ? AND relations.target_id IS NULL AND relations.target = ANY(?) AND relations.target = u.ref`,
			part, ids, w.org, part)
	}
}

// resolve returns the ids of live entities by reference, present or former.
func (w *writer) resolve(refs []string) map[string]int64 {
	out := map[string]int64{}
	var ref string
	var id int64
	keep := func() { out[ref] = id }
	w.lookup(`SELECT a.ref, a.id FROM aliases a JOIN entities e ON e.id = a.id AND e.deleted = 0 WHERE a.org = ? AND `, "a.ref", refs, keep, &ref, &id)
	w.lookup(`SELECT ref, id FROM entities WHERE org = ? AND deleted = 0 AND `, "ref", refs, keep, &ref, &id)
	return out
}

func (w *writer) texts(query, column string, refs []string, f func(string)) {
	var ref string
	w.lookup(query, column, refs, func() { f(ref) }, &ref)
}

// lookup runs a query that ends in the organisation and a column of references,
// and calls keep for each row scanned into dest.
func (w *writer) lookup(query, column string, refs []string, keep func(), dest ...any) {
	for part := range slices.Chunk(refs, 5000) {
		if w.err != nil {
			return
		}
		among, args := sqldb.Among(w.tx.Dialect(), column, part)
		w.err = sqldb.Each(w.ctx, w.tx, func(r sqldb.Row) error {
			err := r.Scan(dest...)
			if err == nil {
				keep()
			}
			return err
		}, query+among, append([]any{w.org}, args...)...)
	}
}

// count keeps the number of live entities by kind.
func (w *writer) count(changes []*change) {
	delta := map[string]int{}
	for _, ch := range changes {
		kind := lower(ch.kind.Name)
		switch {
		case ch.op == Deleted:
			delta[kind]--
		case ch.before == nil:
			delta[kind]++
		}
	}
	for kind, n := range delta {
		if n != 0 {
			w.exec(`INSERT INTO counts (org, kind, n) VALUES (?, ?, ?) ON CONFLICT (org, kind) DO UPDATE SET n = counts.n + excluded.n`, w.org, kind, n)
		}
	}
}
