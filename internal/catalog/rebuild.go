package catalog

import (
	"context"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Rebuild makes the search words, facets and relations of every entity anew
// from the documents, as after a restore.
func (c *Catalog) Rebuild(ctx context.Context) error {
	return c.rebuilding(ctx, func() error { return c.rebuildAll(ctx) })
}

// Upgrade makes what a migration asked for, and what a Rebuild that was cut off
// left undone; most often nothing. It calls begin when there is something to
// do, which takes minutes for a million entities.
func (c *Catalog) Upgrade(ctx context.Context, begin func()) error {
	if marked, err := c.marked(ctx); !marked {
		return err
	}
	return c.rebuilding(ctx, func() error {
		if marked, err := c.marked(ctx); !marked {
			return err // another process has done it meanwhile
		}
		begin()
		return c.rebuildAll(ctx)
	})
}

// marked reports whether a rebuild is to be made.
func (c *Catalog) marked(ctx context.Context) (bool, error) {
	var n int
	err := c.db.QueryRow(ctx, `SELECT count(*) FROM ids WHERE name = ?`, rebuildMark).Scan(&n)
	return n > 0, err
}

// rebuilding runs f while no other process rebuilds. A database of SQLite
// belongs to one process.
func (c *Catalog) rebuilding(ctx context.Context, f func() error) error {
	if c.db.Dialect() == sqldb.SQLite {
		return f()
	}
	return c.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('catalog'), hashtext(?))`, rebuildMark); err != nil {
			return err
		}
		return f()
	})
}

func (c *Catalog) rebuildAll(ctx context.Context) error {
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO ids (name, next) VALUES (?, 1) ON CONFLICT (name) DO NOTHING`, rebuildMark); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM postings`)
		return err
	})
	for last, more := int64(0), true; more && err == nil; {
		var next int64
		err = c.writing(ctx, func(tx *sqldb.Tx) error {
			var err error
			next, err = c.rebuild(ctx, tx, last)
			return err
		})
		last, more = next, next > last
	}
	if err == nil {
		_, err = c.db.Exec(ctx, `DELETE FROM ids WHERE name = ?`, rebuildMark)
	}
	return err
}

// rebuild makes what is derived of some entities after an id anew, and returns
// the last of them.
func (c *Catalog) rebuild(ctx context.Context, tx *sqldb.Tx, after int64) (int64, error) {
	byOrg, last, err := c.stored(ctx, tx, after, `1 = 1`)
	if err != nil {
		return after, err
	}
	for org, changes := range byOrg {
		w := c.writer(ctx, tx, org)
		w.clear(ids(changes, func(*change) bool { return true }))
		w.found(changes)
		w.post()
		w.dues(changes)
		w.link(changes)
		if w.err != nil {
			return after, w.err
		}
	}
	return last, nil
}

// rebuilt is how many entities are rebuilt together.
const rebuilt = 2000

// stored returns the first live entities after an id that meet a condition, by
// their organisation, each as a change to itself; and the last of the ids. It is
// after itself when there are no more.
func (c *Catalog) stored(ctx context.Context, tx *sqldb.Tx, after int64, where string, args ...any) (map[string][]*change, int64, error) {
	byOrg := map[string][]*change{}
	var all []*change
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		var org string
		r, err := scanRow(s, &org)
		if err != nil {
			return err
		}
		e, err := r.entity()
		if err != nil {
			return err
		}
		after = r.id
		if k := c.kinds.Get(e.Kind); k != nil {
			ch := &change{op: Updated, kind: k, old: &r, before: e, after: e, id: r.id}
			byOrg[org], all = append(byOrg[org], ch), append(all, ch)
		}
		return nil
	}, `SELECT `+rowColumns+`, e.org FROM entities e WHERE e.id > ? AND e.deleted = 0 AND `+where+` ORDER BY e.id LIMIT ?`, append(append([]any{after}, args...), rebuilt)...)
	if err != nil {
		return nil, after, err
	}
	return byOrg, after, inParallel(len(all), func(i int) error { return all[i].derive() })
}
