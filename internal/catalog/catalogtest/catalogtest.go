// Package catalogtest lets a room try its kinds: a catalog in a database of the
// test's own, and the examples that each kind brings.
package catalogtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// Now is the time in every catalog that New makes.
var Now = time.Date(2026, 9, 22, 9, 0, 0, 0, time.UTC)

// Migrations returns the tables that a catalog needs.
func Migrations() []sqldb.Migration {
	return slices.Concat(feed.Migrations(), audit.Migrations(), catalog.Migrations())
}

// New returns an empty catalog of the kinds, in a database that has more tables
// besides.
func New(t testing.TB, kinds *catalog.Kinds, more ...sqldb.Migration) *catalog.Catalog {
	t.Helper()
	return catalog.New(sqldbtest.SQLite(t, append(Migrations(), more...)), kinds, catalog.WithClock(func() time.Time { return Now }))
}

// Examples tries the examples of each kind, which must be taken without a
// warning, and its wrong ones, which must get the error they name. A kind needs
// one example and two wrong ones.
func Examples(t *testing.T, kinds *catalog.Kinds) {
	for _, k := range kinds.All() {
		t.Run(k.Name, func(t *testing.T) {
			for _, yaml := range k.Examples {
				docs, err := kinds.Decode("example.yaml", []byte(yaml))
				if err != nil {
					t.Fatal(err)
				}
				if len(docs) != 1 || len(docs[0].Warnings) > 0 {
					t.Fatalf("%d documents, warnings %v", len(docs), docs[0].Warnings)
				}
				if v := docs[0].Entity.APIVersion; v != k.Versions[0] {
					t.Errorf("apiVersion %s, and the kind writes %s", v, k.Versions[0])
				}
			}
			for _, bad := range k.Invalid {
				_, err := kinds.Decode("bad.yaml", []byte(bad.YAML))
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), bad.Want) {
					t.Errorf("%s\ngot  %v\nwant %q", bad.YAML, err, bad.Want)
				}
			}
			if len(k.Examples) == 0 || len(k.Invalid) < 2 {
				t.Errorf("%d examples, %d invalid ones", len(k.Examples), len(k.Invalid))
			}
		})
	}
}
