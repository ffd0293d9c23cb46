package sqldb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Migration is one step forward of the schema. Names are never changed or
// reused, and what a released migration does is never edited.
type Migration struct {
	Name     string // "catalog/001-entities"
	SQL      string // for both databases
	SQLite   string // run after SQL, on SQLite only
	Postgres string // run after SQL, on PostgreSQL only
}

// Migrate applies the migrations that are not applied yet, in order and each
// in one transaction. It refuses a database that a newer program has migrated.
func (db *DB) Migrate(ctx context.Context, steps []Migration) error {
	if _, err := db.Exec(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, at BIGINT NOT NULL)`); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := db.refuseNewer(ctx, steps); err != nil {
		return err
	}
	for _, m := range steps {
		if err := db.apply(ctx, m); err != nil {
			return fmt.Errorf("migration %s: %w", m.Name, err)
		}
	}
	return nil
}

// Applied lists the names of the migrations this database has.
func (db *DB) Applied(ctx context.Context) ([]string, error) { return Applied(ctx, db) }

// Applied lists the names of the migrations a database has, in their order.
func Applied(ctx context.Context, q Querier) ([]string, error) {
	return Values[string](ctx, q, `SELECT name FROM migrations ORDER BY at, name`)
}

func (db *DB) refuseNewer(ctx context.Context, steps []Migration) error {
	applied, err := db.Applied(ctx)
	if err != nil {
		return err
	}
	for _, name := range applied {
		if !slices.ContainsFunc(steps, func(m Migration) bool { return m.Name == name }) {
			return fmt.Errorf("this database was migrated by a newer binnacle (it has %q): start that version or restore a backup", name)
		}
	}
	return nil
}

func (db *DB) apply(ctx context.Context, m Migration) error {
	return db.Tx(ctx, func(tx *Tx) error {
		if db.dialect == Postgres {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(7140153281)`); err != nil {
				return err
			}
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM migrations WHERE name = ?`, m.Name).Scan(&n); err != nil || n > 0 {
			return err
		}
		own := m.SQLite
		if db.dialect == Postgres {
			own = m.Postgres
		}
		for _, stmt := range statements(m.SQL + "\n;;\n" + own) {
			if _, err := tx.Exec(ctx, stmt); err != nil {
				return fmt.Errorf("%.80s: %w", stmt, err)
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO migrations (name, at) VALUES (?, ?)`, m.Name, Micros(time.Now()))
		return err
	})
}

// statements splits at lines that are only ";;", so that bodies of triggers and
// functions may hold semicolons.
func statements(sql string) []string {
	var out []string
	for _, s := range strings.Split("\n"+sql+"\n", "\n;;\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
