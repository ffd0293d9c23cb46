package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// RestoreOptions steer Restore.
type RestoreOptions struct {
	// Migrations are all of this program, in order.
	Migrations []sqldb.Migration
	Skip       []string // tables of the backup to leave out
	// Dir is the data folder to put files into; "" leaves them out.
	Dir string
	// Rebuild makes derived data again, as the search index; may be nil. It
	// runs after everything else is restored and migrated, and can be run again
	// if it fails.
	Rebuild  func(ctx context.Context, db *sqldb.DB) error
	Progress func(Progress) // called now and then; may be nil
}

// Restore loads a backup into db, which must be empty: never migrated, which is
// best, or migrated as the backup is and without data. It reads the backup
// twice, first to verify it; then it restores everything in one transaction or
// nothing. A backup of an older program is migrated forward afterwards.
//
// A backup that is damaged gives an Invalid fault, a database or file that is
// in the way a Conflict; nothing was written then but empty tables.
func Restore(ctx context.Context, db *sqldb.DB, r io.ReadSeeker, o RestoreOptions) (report Report, err error) {
	defer fault.Wrap(&err, "restore")
	if report, err = again(r, visitor{}); err != nil {
		return Report{}, err
	}
	seeds, err := prepare(ctx, db, report, o)
	if err != nil {
		return Report{}, err
	}
	files, err := stage(r, report, o.Dir)
	defer files.drop()
	if err != nil {
		return Report{}, err
	}
	err = db.Tx(ctx, func(tx *sqldb.Tx) error {
		l := &loader{ctx: ctx, tx: tx, o: o, seeds: seeds, total: report.Rows}
		return l.load(r, report.SHA256)
	})
	if err != nil {
		return Report{}, err
	}
	if err := files.keep(); err != nil {
		return Report{}, err
	}
	if err := db.Migrate(ctx, o.Migrations); err != nil {
		return Report{}, err
	}
	if o.Rebuild != nil {
		err = o.Rebuild(ctx, db)
	}
	return report, err
}

// RestoreFile is Restore from the file at path.
func RestoreFile(ctx context.Context, db *sqldb.DB, path string, o RestoreOptions) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("restore: %w", err)
	}
	defer f.Close()
	return Restore(ctx, db, f, o)
}

// VerifyFile is Verify of the file at path.
func VerifyFile(path string) (Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return Report{}, fmt.Errorf("verify backup: %w", err)
	}
	defer f.Close()
	return Verify(f)
}

func again(r io.ReadSeeker, v visitor) (Report, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Report{}, err
	}
	return read(r, v)
}

func notEmpty(format string, args ...any) error {
	return fault.New(fault.Conflict, "the database is not empty: %s", fmt.Sprintf(format, args...)).
		WithHint("restore into a new data folder or a new, empty PostgreSQL database")
}

// prepare brings db to the migrations of the backup and returns how many rows
// each table has by that alone.
func prepare(ctx context.Context, db *sqldb.DB, report Report, o RestoreOptions) (seeds map[string]int64, err error) {
	var steps []sqldb.Migration
	for _, m := range o.Migrations {
		if slices.Contains(report.Migrations, m.Name) {
			steps = append(steps, m)
		}
	}
	if len(steps) != len(report.Migrations) {
		return nil, fault.New(fault.Invalid, "the backup was made by a newer binnacle (%s)", report.Program).WithHint("restore it with that version")
	}
	has, err := applied(ctx, db)
	if err != nil {
		return nil, err
	}
	slices.Sort(has)
	want := slices.Sorted(slices.Values(report.Migrations))
	switch {
	case slices.Equal(has, want):
	case len(has) > 0:
		return nil, notEmpty("it was set up by another version than that of the backup (%s)", report.Program)
	default:
		tables, err := discover(ctx, db)
		if err != nil {
			return nil, err
		}
		if len(tables) > 0 {
			return nil, notEmpty("it has a table %s", tables[0].Name)
		}
		if err := db.Migrate(ctx, steps); err != nil {
			return nil, err
		}
	}
	return seedsOf(ctx, steps)
}

// seedsOf counts the rows that migrations alone put into the tables, in a
// database of its own.
func seedsOf(ctx context.Context, steps []sqldb.Migration) (map[string]int64, error) {
	dir, err := os.MkdirTemp("", "binnacle-restore-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := sqldb.Open(ctx, filepath.Join(dir, "empty.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Migrate(ctx, steps); err != nil {
		return nil, err
	}
	return counts(ctx, db)
}

func counts(ctx context.Context, q sqldb.Querier) (map[string]int64, error) {
	tables, err := discover(ctx, q)
	if err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, t := range tables {
		if rows[t.Name], err = count(ctx, q, t.Name); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// loader fills the tables in one transaction.
type loader struct {
	ctx    context.Context
	tx     *sqldb.Tx
	o      RestoreOptions
	seeds  map[string]int64
	tables map[string]table // of the database
	now    *table           // being filled; nil for one left out
	args   []any            // rows not yet inserted
	done   int64
	total  int64
}

// load fills the tables from the backup, which must still be the one verified.
func (l *loader) load(r io.ReadSeeker, sum string) error {
	if err := l.clear(); err != nil {
		return err
	}
	constraints, err := deferForeignKeys(l.ctx, l.tx)
	if err != nil {
		return err
	}
	report, err := again(r, visitor{table: l.table, row: l.row})
	var visit visitError
	if errors.As(err, &visit) {
		err = visit.error
	}
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return err
	}
	if report.SHA256 != sum {
		return damaged("it changed while it was read")
	}
	if err := checkForeignKeys(l.ctx, l.tx, constraints); err != nil {
		return err
	}
	return l.resetSequences()
}

// clear refuses a database with data and removes what the migrations put in.
func (l *loader) clear() error {
	tables, err := discover(l.ctx, l.tx)
	if err != nil {
		return err
	}
	l.tables = map[string]table{}
	for _, t := range tables {
		n, err := count(l.ctx, l.tx, t.Name)
		if err != nil {
			return err
		}
		if n > l.seeds[t.Name] {
			return notEmpty("table %s has %d rows", t.Name, n)
		}
		l.tables[t.Name] = t
		if n == 0 || slices.Contains(l.o.Skip, t.Name) {
			continue
		}
		if _, err := l.tx.Exec(l.ctx, `DELETE FROM `+quote(t.Name)); err != nil {
			return err
		}
	}
	return nil
}

// table begins a table of the backup.
func (l *loader) table(t table) error {
	if err := l.flush(); err != nil {
		return err
	}
	if l.now = nil; slices.Contains(l.o.Skip, t.Name) {
		return nil
	}
	own, ok := l.tables[t.Name]
	if !ok {
		return fmt.Errorf("the database has no table %s", t.Name)
	}
	for _, c := range t.Columns {
		if !slices.ContainsFunc(own.Columns, func(o column) bool { return o.Name == c.Name }) {
			return fmt.Errorf("the database has no column %s in table %s", c.Name, t.Name)
		}
	}
	l.now = &t
	return nil
}

// maxArgs bounds the arguments of one INSERT, below the limit of both databases.
const maxArgs = 8000

func (l *loader) row(values []any) error {
	if l.done++; l.o.Progress != nil && (l.done%1000 == 0 || l.done == l.total) {
		p := Progress{Rows: l.done, Total: l.total}
		if l.now != nil {
			p.Table = l.now.Name
		}
		l.o.Progress(p)
	}
	if l.now == nil {
		return nil
	}
	l.args = append(l.args, values...)
	if len(l.args)+len(values) > maxArgs {
		return l.flush()
	}
	return nil
}

func (l *loader) flush() error {
	if len(l.args) == 0 {
		return nil
	}
	width := len(l.now.Columns)
	rows := strings.TrimSuffix(strings.Repeat(sqldb.In(width)+",", len(l.args)/width), ",")
	_, err := l.tx.Exec(l.ctx, `INSERT INTO `+quote(l.now.Name)+` (`+l.now.columnList()+`) `+l.overriding()+`VALUES `+rows, l.args...)
	l.args = l.args[:0]
	if err != nil {
		return fmt.Errorf("table %s: %w", l.now.Name, err)
	}
	return nil
}

// overriding lets an identity column of PostgreSQL take the value of the backup.
func (l *loader) overriding() string {
	if l.tx.Dialect() == sqldb.Postgres {
		return `OVERRIDING SYSTEM VALUE `
	}
	return ""
}

// resetSequences makes the sequences of PostgreSQL go on after the rows
// restored. SQLite does so by itself.
func (l *loader) resetSequences() error {
	for _, t := range l.tables {
		for _, c := range t.Columns {
			if !c.sequence {
				continue
			}
			_, err := l.tx.Exec(l.ctx, `SELECT setval(pg_get_serial_sequence(?::text, ?::text), COALESCE(max(`+quote(c.Name)+`), 0) + 1, false) FROM `+quote(t.Name),
				quote(t.Name), c.Name)
			if err != nil {
				return fmt.Errorf("sequence of %s.%s: %w", t.Name, c.Name, err)
			}
		}
	}
	return nil
}

// foreignKey is a constraint of PostgreSQL that is not deferrable.
type foreignKey struct{ table, name string }

// deferForeignKeys puts the check of foreign keys off, so that rows may come in
// any order. It returns what checkForeignKeys must put back.
func deferForeignKeys(ctx context.Context, tx *sqldb.Tx) ([]foreignKey, error) {
	if tx.Dialect() == sqldb.SQLite {
		_, err := tx.Exec(ctx, `PRAGMA defer_foreign_keys = ON`)
		return nil, err
	}
	keys, err := foreignKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if _, err := tx.Exec(ctx, `ALTER TABLE `+quote(k.table)+` ALTER CONSTRAINT `+quote(k.name)+` DEFERRABLE`); err != nil {
			return nil, err
		}
	}
	_, err = tx.Exec(ctx, `SET CONSTRAINTS ALL DEFERRED`)
	return keys, err
}

func foreignKeys(ctx context.Context, tx *sqldb.Tx) ([]foreignKey, error) {
	return sqldb.All(ctx, tx, func(r sqldb.Row) (k foreignKey, err error) {
		err = r.Scan(&k.table, &k.name)
		return k, err
	}, `SELECT t.relname::text, c.conname::text FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
		JOIN pg_namespace n ON n.oid = t.relnamespace WHERE c.contype = 'f' AND NOT c.condeferrable AND n.nspname = current_schema()`)
}

// checkForeignKeys makes PostgreSQL check them now; SQLite does at the commit.
func checkForeignKeys(ctx context.Context, tx *sqldb.Tx, keys []foreignKey) error {
	if tx.Dialect() == sqldb.SQLite {
		return nil
	}
	if _, err := tx.Exec(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
		return err
	}
	for _, k := range keys {
		if _, err := tx.Exec(ctx, `ALTER TABLE `+quote(k.table)+` ALTER CONSTRAINT `+quote(k.name)+` NOT DEFERRABLE`); err != nil {
			return err
		}
	}
	return nil
}
