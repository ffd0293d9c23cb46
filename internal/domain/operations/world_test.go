package operations_test

import (
	"context"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
)

var ctx = context.Background()

// owner is somebody who may do everything in one organisation.
var owner = catalog.Caller{Principal: auth.Principal{Account: "a1", Name: "Ana", Org: "acme", Role: auth.RoleOwner, Via: "web"}, Manager: "test"}

// newCatalog returns an empty catalog of the kinds of both rooms.
func newCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	return catalogtest.New(t, kinds())
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
