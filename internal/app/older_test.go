package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// older.db.gz is a database that an older binnacle left, from before the index
// of values. What it listed is what is listed now, also after a change.
func TestOlderDatabase(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "binnacle.db"), testenv.Unzipped(t, "testdata/older.db.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := app.Open(t.Context(), app.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	who := catalog.Caller{Principal: auth.Local("default", "Ana", "test"), Manager: "test"}
	components := []string{"components"}
	check := func(q catalog.Query, want string) {
		t.Helper()
		page, err := a.Catalog.List(t.Context(), who, q)
		if err != nil {
			t.Errorf("%+v: %v", q, err)
			return
		}
		var got []string
		for _, e := range page.Items {
			got = append(got, e.Ref().Short())
		}
		if strings.Join(got, " ") != want || page.Total != len(got) {
			t.Errorf("%+v:\n got %s (of %d)\nwant %s", q, strings.Join(got, " "), page.Total, want)
		}
	}
	check(catalog.Query{Kinds: components}, "component:east/bill component:ledger component:mailer component:store")
	check(catalog.Query{Kinds: components, Sort: "title", Desc: true}, "component:mailer component:ledger component:store component:east/bill")
	check(catalog.Query{Kinds: components, Sort: "owner"}, "component:ledger component:store component:mailer component:east/bill")
	check(catalog.Query{Kinds: components, Sort: "spec.lifecycle"}, "component:mailer component:ledger component:store component:east/bill")
	check(catalog.Query{Kinds: components, Fields: map[string][]string{"spec.type": {"service", "website"}}}, "component:ledger component:mailer component:store")
	check(catalog.Query{Kinds: components, Owner: "group:edge"}, "component:mailer")
	check(catalog.Query{Kinds: components, Namespace: "east"}, "component:east/bill")
	check(catalog.Query{Kinds: []string{"technologies"}, Fields: map[string][]string{"status.ring": {"trial"}}}, "technology:kafka")
	check(catalog.Query{Kinds: []string{"technologies"}, Sort: "status.ring"}, "technology:go technology:kafka")
	check(catalog.Query{Kinds: []string{"groups"}, Sort: "title"}, "group:core group:edge")
	check(catalog.Query{Tags: []string{"go"}}, "component:ledger component:mailer")
	check(catalog.Query{Labels: "env!=prod"}, "component:east/bill group:edge technology:go technology:kafka component:mailer radaredition:r")
	check(catalog.Query{Labels: "env"}, "group:core component:ledger component:mailer component:store")
	check(catalog.Query{Text: "tick mail"}, "component:mailer")
	check(catalog.Query{Text: "check"}, "component:store")
	check(catalog.Query{CEL: `kind == "Component" && !has(metadata.tags)`}, "component:store")

	if _, err := a.Catalog.Rename(t.Context(), who, entity.Ref{Kind: "component", Namespace: "default", Name: "ledger"}, "books"); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Catalog.Delete(t.Context(), who, entity.Ref{Kind: "component", Namespace: "default", Name: "store"}, 0); err != nil {
		t.Fatal(err)
	}
	check(catalog.Query{Labels: "env"}, "component:books group:core component:mailer")
	check(catalog.Query{Text: "ledger", Tags: []string{"data"}}, "component:books")
}
