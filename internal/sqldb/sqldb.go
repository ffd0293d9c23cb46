// Package sqldb is the one door to the relational store: SQLite in one data
// folder by default, PostgreSQL when one machine is not enough. Only this
// package imports the drivers; others write one SQL for both, with ? for
// arguments, and ask the Dialect where the two differ.
//
// Moments are stored as whole microseconds since 1970 UTC (Micros, Time), JSON
// as text, booleans as 0 and 1, so that both databases hold and compare the
// same values.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect is the database's family.
type Dialect string

// The two families.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// ErrNoRows is returned by Row.Scan when a query found nothing.
var ErrNoRows = sql.ErrNoRows

// Querier runs statements; DB and Tx are both one. Arguments stand as ? in
// either dialect.
type Querier interface {
	Dialect() Dialect
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// DB is an open database. Reads may run at any time and side by side; writes
// go through Tx, one at a time on SQLite.
type DB struct {
	dialect Dialect
	url     string
	path    string // of the SQLite file
	read    *sql.DB
	write   *sql.DB
}

// Open opens the database at url: postgres://… or the path of a SQLite file,
// which is made with its folder when it does not exist. The file is readable
// by its owner alone.
func Open(ctx context.Context, url string) (*DB, error) {
	db := &DB{url: url}
	var err error
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		err = db.openPostgres(url)
	} else {
		err = db.openSQLite(strings.TrimPrefix(url, "sqlite:"))
	}
	if err != nil {
		return nil, err
	}
	if err := db.write.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

func (db *DB) openPostgres(url string) error {
	db.dialect = Postgres
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("open PostgreSQL: %w", err)
	}
	// Pages ask for fifty rows: starting workers or compiling a plan takes
	// longer than the answer.
	for param, value := range map[string]string{"max_parallel_workers_per_gather": "0", "jit": "off"} {
		if _, given := cfg.RuntimeParams[param]; !given {
			cfg.RuntimeParams[param] = value
		}
	}
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(16)
	pool.SetMaxIdleConns(8)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db.read, db.write = pool, pool
	return nil
}

func (db *DB) openSQLite(path string) error {
	db.dialect, db.path = SQLite, path
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	// Pages are read from the mapped file, as far as SQLite maps one: a list of
	// some hundred entities among a million reads as many pages, and a call for
	// each would take as long as all the rest.
	common := "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=mmap_size(2147418112)"
	name := "file:" + (&url.URL{Path: path}).EscapedPath() + common
	// A large apply changes more pages than it could keep in a small cache, and
	// would write each of them many times.
	write, err := openSQLiteAt(name + "&_pragma=cache_size(-64000)&_txlock=immediate")
	if err != nil {
		return err
	}
	read, err := openSQLiteAt(name + "&_pragma=cache_size(-16000)&_pragma=query_only(ON)")
	if err != nil {
		return err
	}
	db.write, db.read = sql.OpenDB(write), sql.OpenDB(read)
	db.write.SetMaxOpenConns(1)
	db.read.SetMaxOpenConns(4)
	db.read.SetMaxIdleConns(4)
	return nil
}

// Close closes the database. It is safe to call twice.
func (db *DB) Close() error {
	err := db.write.Close()
	if db.read != db.write && db.read != nil {
		err = errors.Join(err, db.read.Close())
	}
	return err
}

// Dialect returns the database's family.
func (db *DB) Dialect() Dialect { return db.dialect }

// Path returns the SQLite file; "" for PostgreSQL.
func (db *DB) Path() string { return db.path }

// Exec runs one writing statement outside a transaction.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return db.write.ExecContext(ctx, rebind(db.dialect, query), args...)
}

// Query runs a reading statement.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return db.read.QueryContext(ctx, rebind(db.dialect, query), args...)
}

// QueryRow runs a reading statement of at most one row.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return db.read.QueryRowContext(ctx, rebind(db.dialect, query), args...)
}

// Tx is a transaction.
type Tx struct {
	dialect Dialect
	tx      *sql.Tx
}

// Dialect returns the database's family.
func (tx *Tx) Dialect() Dialect { return tx.dialect }

// Exec runs a writing statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return tx.tx.ExecContext(ctx, rebind(tx.dialect, query), args...)
}

// Query runs a reading statement.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.tx.QueryContext(ctx, rebind(tx.dialect, query), args...)
}

// QueryRow runs a reading statement of at most one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.tx.QueryRowContext(ctx, rebind(tx.dialect, query), args...)
}

// Part runs f as a part of the transaction that can fail alone: when f returns
// an error, what it wrote is undone and the transaction can go on.
func (tx *Tx) Part(ctx context.Context, f func() error) error {
	if _, err := tx.Exec(ctx, `SAVEPOINT part`); err != nil {
		return err
	}
	err := f()
	end := context.WithoutCancel(ctx)
	if err != nil {
		if _, undo := tx.Exec(end, `ROLLBACK TO SAVEPOINT part`); undo != nil {
			return errors.Join(err, undo)
		}
	}
	_, release := tx.Exec(end, `RELEASE SAVEPOINT part`)
	return errors.Join(err, release)
}

// Tx runs f in one transaction that may write, and commits when f returns nil.
// When the database asks for it (a deadlock or serialization failure of
// PostgreSQL, a busy SQLite) f runs again, so it must not touch anything but
// the transaction.
func (db *DB) Tx(ctx context.Context, f func(*Tx) error) error {
	var err error
	for try := range 5 {
		if err = db.once(ctx, f); !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(10<<try) * time.Millisecond):
		}
	}
	return err
}

func (db *DB) once(ctx context.Context, f func(*Tx) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(&Tx{db.dialect, tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// View runs f in one transaction that sees a single moment and writes nothing.
func (db *DB) View(ctx context.Context, f func(*Tx) error) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.dialect == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.read.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return f(&Tx{db.dialect, tx})
}

func retryable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// IsUnique reports whether err says that a unique key is already taken.
func IsUnique(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505"
	}
	var lite *sqlite.Error
	return errors.As(err, &lite) && (lite.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || lite.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Micros returns t as it is stored; 0 for the zero time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time returns a stored moment in UTC; the zero time for 0.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// In returns "(?,?,…)" for n arguments.
func In(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?,", n), ",") + ")" }

// Among returns the condition that a column holds one of the values, and its
// arguments. It is for many: PostgreSQL takes them as one array, so that the
// statement and its plan are the same however many there are.
func Among[T string | int64](d Dialect, column string, values []T) (string, []any) {
	if d == Postgres {
		return column + ` = ANY(?)`, []any{values}
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return column + ` IN ` + In(len(values)), args
}

// rebind turns ? into $1, $2, … for PostgreSQL, leaving quoted text alone.
func rebind(d Dialect, query string) string {
	if d != Postgres || !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	n, quoted := 0, false
	for _, r := range query {
		switch {
		case r == '\'':
			quoted = !quoted
			b.WriteRune(r)
		case r == '?' && !quoted:
			n++
			b.WriteString("$" + strconv.Itoa(n))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
