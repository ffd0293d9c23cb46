// Package sqldbtest runs one suite on every database the program supports.
package sqldbtest

import (
	"context"
	"crypto/rand"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// Run runs suite as the subtests sqlite and postgres, each on an empty
// database with the migrations applied. Without a server the second is skipped.
func Run(t *testing.T, steps []sqldb.Migration, suite func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { suite(t, SQLite(t, steps)) })
	t.Run("postgres", func(t *testing.T) { suite(t, Postgres(t, steps)) })
}

// SQLite returns an empty migrated SQLite database that is gone after the test.
func SQLite(t testing.TB, steps []sqldb.Migration) *sqldb.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "binnacle.db"), steps)
}

// Postgres returns an empty migrated PostgreSQL database that is dropped after
// the test.
func Postgres(t testing.TB, steps []sqldb.Migration) *sqldb.DB {
	t.Helper()
	return open(t, PostgresURL(t), steps)
}

// PostgresURL makes an empty database on the test server and returns its URL;
// it is dropped after the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base := testenv.Postgres(t)
	ctx := context.Background()
	server, err := sqldb.Open(ctx, base)
	if err != nil {
		t.Fatal(err)
	}
	name := "binnacle_test_" + rand.Text()
	if _, err := server.Exec(ctx, `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := server.Exec(ctx, `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`); err != nil {
			t.Errorf("drop test database: %v", err)
		}
		server.Close()
	})
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func open(t testing.TB, url string, steps []sqldb.Migration) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Migrate(context.Background(), steps); err != nil {
		t.Fatal(err)
	}
	return db
}
