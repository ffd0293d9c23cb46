package operations_test

import (
	"context"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var ctx = context.Background()

// owner is somebody who may do everything in one organisation.
var owner = catalog.Caller{Principal: auth.Principal{Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner, Via: "web"}, Manager: "test"}

// newCatalog returns an empty catalog of the kinds of both rooms.
func newCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	var steps []sqldb.Migration
	for _, m := range [][]sqldb.Migration{feed.Migrations(), audit.Migrations(), catalog.Migrations()} {
		steps = append(steps, m...)
	}
	at := time.Date(2026, 9, 22, 9, 0, 0, 0, time.UTC)
	return catalog.New(sqldbtest.SQLite(t, steps), kinds(), catalog.WithClock(func() time.Time { return at }))
}

func apply(t testing.TB, c *catalog.Catalog, yaml string) {
	t.Helper()
	docs, err := c.Decode("test.yaml", []byte(yaml))
	if err == nil {
		_, err = c.Apply(ctx, owner, docs, catalog.ApplyOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
