package catalog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
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
// words, feed entries and audit records. It is the only place that does.
func (c *Catalog) store(ctx context.Context, tx *sqldb.Tx, caller Caller, changes []*change) error {
	if len(changes) == 0 {
		return nil
	}
	if err := c.guard(ctx, tx, caller, changes); err != nil {
		return err
	}
	now := c.now().UTC().Truncate(time.Microsecond)
	if err := c.number(ctx, tx, changes); err != nil {
		return err
	}
	w := &writer{ctx: ctx, tx: tx, org: caller.Org, now: now}
	w.clear(changes)
	w.entities(changes)
	w.revisions(caller, changes)
	w.found(changes)
	w.dues(changes)
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

// number gives each change its id and revision; new ids are taken as a range.
func (c *Catalog) number(ctx context.Context, tx *sqldb.Tx, changes []*change) error {
	var fresh []*change
	for _, ch := range changes {
		if ch.old == nil {
			ch.uid, ch.rev = strings.ToLower(rand.Text()), 1
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
	ctx context.Context
	tx  *sqldb.Tx
	org string
	now time.Time
	err error
}

func (w *writer) exec(query string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.Exec(w.ctx, query, args...)
	}
}

const maxArgs = 20_000 // arguments of one statement, below either database's limit

// insert runs INSERT … VALUES with as many rows in one statement as fit.
func (w *writer) insert(head string, rows [][]any, tail string) {
	for len(rows) > 0 && w.err == nil {
		width := len(rows[0])
		n := min(len(rows), maxArgs/width)
		args := make([]any, 0, n*width)
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		values := strings.TrimSuffix(strings.Repeat(sqldb.In(width)+",", n), ",")
		w.exec(head+" VALUES "+values+tail, args...)
		rows = rows[n:]
	}
}

// each runs a statement ending in "IN " for the values in groups.
func (w *writer) each(query string, values []any, before ...any) {
	for len(values) > 0 && w.err == nil {
		n := min(len(values), 5000)
		w.exec(query+sqldb.In(n), append(append([]any{}, before...), values[:n]...)...)
		values = values[n:]
	}
}

func ids(changes []*change, keep func(*change) bool) []any {
	var out []any
	for _, ch := range changes {
		if keep(ch) {
			out = append(out, ch.id)
		}
	}
	return out
}

// clear removes what was derived from the states before.
func (w *writer) clear(changes []*change) {
	old := ids(changes, func(ch *change) bool { return ch.old != nil })
	w.each(`DELETE FROM relations WHERE id IN `, old)
	w.each(`DELETE FROM facets WHERE id IN `, old)
	if w.tx.Dialect() == sqldb.SQLite {
		w.each(`DELETE FROM search WHERE rowid IN `, old)
	} else {
		w.each(`DELETE FROM search WHERE id IN `, old)
	}
}

func (w *writer) entities(changes []*change) {
	rows := make([][]any, 0, len(changes))
	for _, ch := range changes {
		doc, err := json.Marshal(stored(ch.after))
		if err != nil {
			w.err = err
			return
		}
		ref, created, deleted := ch.ref(), sqldb.Micros(w.now), 0
		if ch.old != nil {
			created = ch.old.created
		}
		if ch.op == Deleted {
			deleted = 1
		}
		rows = append(rows, []any{ch.id, ch.uid, w.org, ref.Kind, ref.String(), ref.Namespace, ref.Name, fold(ch.after.DisplayTitle()),
			ownerRef(ch.after), ch.rev, created, sqldb.Micros(w.now), deleted, string(doc)})
	}
	w.insert(`INSERT INTO entities (id, uid, org, kind, ref, ns, name, title, owner, rev, created, updated, deleted, doc)`, rows,
		` ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, ref = excluded.ref, ns = excluded.ns, name = excluded.name, title = excluded.title,
		owner = excluded.owner, rev = excluded.rev, updated = excluded.updated, deleted = excluded.deleted, doc = excluded.doc`)
}

// stored is Clean with the derived status kept.
func stored(e *entity.Entity) *entity.Entity {
	c := Clean(e)
	c.Status = e.Status
	return c
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
		doc, err := json.Marshal(stored(ch.after))
		if err != nil {
			w.err = err
			return
		}
		rows = append(rows, []any{ch.id, ch.rev, string(ch.op), sqldb.Micros(w.now), caller.Account, caller.Name, caller.Manager, caller.Reason, ch.ref().String(), string(doc)})
		if ch.applied != nil {
			applied = append(applied, []any{ch.id, caller.Manager, string(ch.applied)})
		}
	}
	w.insert(`INSERT INTO revisions (id, rev, op, at, author, author_name, manager, reason, ref, doc)`, rows, ``)
	w.each(`DELETE FROM applied WHERE id IN `, ids(changes, func(ch *change) bool { return ch.op == Deleted }))
	w.insert(`INSERT INTO applied (id, manager, doc)`, applied, ` ON CONFLICT (id, manager) DO UPDATE SET doc = excluded.doc`)
}

// found writes what lists and search find an entity by.
func (w *writer) found(changes []*change) {
	var facets, search [][]any
	for _, ch := range changes {
		if ch.op == Deleted {
			continue
		}
		for _, f := range ch.kind.facets(ch.after) {
			facets = append(facets, []any{ch.id, w.org, lower(ch.kind.Name), f.key, f.value, f.ord})
		}
		search = append(search, w.searchRow(ch))
	}
	w.insert(`INSERT INTO facets (id, org, kind, key, value, ord)`, facets, ``)
	if w.tx.Dialect() == sqldb.SQLite {
		w.insert(`INSERT INTO search (rowid, scope, title, body)`, search, ``)
		return
	}
	for _, r := range search {
		w.exec(`INSERT INTO search (id, words) VALUES (?, array_to_tsvector(?::text[]))`, r...)
	}
}

// searchRow holds the words: in SQLite as texts of three columns, in PostgreSQL
// as one array, with the words of the title a second time behind "t_".
func (w *writer) searchRow(ch *change) []any {
	title, body := ch.kind.texts(ch.after)
	scope := scopeWords(w.org, ch.kind.Name)
	if w.tx.Dialect() == sqldb.SQLite {
		return []any{ch.id, strings.Join(scope, " "), strings.Join(words(title), " "), strings.Join(words(body), " ")}
	}
	all := append(scope, words(body)...)
	for _, t := range words(title) {
		all = append(all, t, "t_"+t)
	}
	return []any{ch.id, distinct(all)}
}

func distinct(list []string) []string {
	seen, out := map[string]bool{}, []string{}
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// scopeWords are the words that keep the index scan of a search inside an
// organisation and a kind. They only narrow it: the results are joined with
// entities of the organisation.
func scopeWords(org, kind string) []string {
	return []string{fmt.Sprintf("xorg%x", org), fmt.Sprintf("xkind%x", lower(kind))}
}

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
	var targets, appeared []string
	for _, ch := range changes {
		if ch.op == Deleted {
			w.exec(`UPDATE relations SET target_id = NULL WHERE target_id = ?`, ch.id)
			continue
		}
		if ch.before == nil || ch.alias != "" {
			appeared = append(appeared, ch.ref().String())
		}
		if ch.before == nil && ch.old != nil {
			w.exec(`UPDATE relations SET target_id = ? WHERE org = ? AND target_id IS NULL AND target IN (SELECT ref FROM aliases WHERE org = ? AND id = ?)`, ch.id, w.org, w.org, ch.id)
		}
		for _, r := range ch.kind.references(ch.after) {
			rows = append(rows, []any{ch.id, w.org, r.relation, r.field, r.target, nil})
			targets = append(targets, r.target)
		}
	}
	known := w.resolve(distinct(targets))
	for _, r := range rows {
		if id, ok := known[r[4].(string)]; ok {
			r[5] = id
		}
	}
	w.insert(`INSERT INTO relations (id, org, type, field, target, target_id)`, rows, ``)
	w.each(`UPDATE relations SET target_id = (SELECT e.id FROM entities e WHERE e.org = relations.org AND e.ref = relations.target AND e.deleted = 0)
		WHERE org = ? AND target_id IS NULL AND target IN `, anys(appeared), w.org)
}

// resolve returns the ids of live entities by reference, present or former.
func (w *writer) resolve(refs []string) map[string]int64 {
	out := map[string]int64{}
	w.lookup(out, `SELECT a.ref, a.id FROM aliases a JOIN entities e ON e.id = a.id AND e.deleted = 0 WHERE a.org = ? AND a.ref IN `, refs)
	w.lookup(out, `SELECT ref, id FROM entities WHERE org = ? AND deleted = 0 AND ref IN `, refs)
	return out
}

func (w *writer) lookup(out map[string]int64, query string, refs []string) {
	for len(refs) > 0 && w.err == nil {
		n := min(len(refs), 5000)
		rows, err := w.tx.Query(w.ctx, query+sqldb.In(n), append([]any{w.org}, anys(refs[:n])...)...)
		if err != nil {
			w.err = err
			return
		}
		for rows.Next() {
			var ref string
			var id int64
			if w.err = rows.Scan(&ref, &id); w.err == nil {
				out[ref] = id
			}
		}
		rows.Close()
		refs = refs[n:]
	}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
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
