package operations_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// sampled reads the part of the sample organisation that these rooms hold.
func sampled(t testing.TB, c *catalog.Catalog) []catalog.Document {
	t.Helper()
	o, err := sample.Load(sample.Shipped(), time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var all []catalog.Document
	for _, f := range o.Of("operations", "people") {
		docs, err := c.Decode(f.Name, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, docs...)
	}
	return all
}

// TestSample: the sample has no mistake but those it shows on purpose.
func TestSample(t *testing.T) {
	h := newHouse(t)
	docs := sampled(t, h.Catalog)
	res, err := h.Catalog.Apply(ctx, h.Caller(), docs, catalog.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Warnings) > 0 {
		t.Errorf("warnings: %v", res.Warnings)
	}
	rels, err := h.Catalog.Dangling(ctx, h.Caller(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var dangling []string
	for _, r := range rels {
		dangling = append(dangling, strings.TrimPrefix(r.Title, "component:default/")+" "+r.Type+" "+r.Ref)
	}
	slices.Sort(dangling)
	want := []string{
		"group:default/kiosk-hardware childOf group:default/field-operations",
		"group:default/payments hasMember user:default/nils.aberg",
		"loyalty-points ownedBy group:default/growth",
		"resource:default/sms-provider ownedBy group:default/growth",
		"search-ranker dependsOn component:default/feature-store-v2",
		"user:default/rosa.mendez memberOf group:default/growth",
	}
	if diff := cmp.Diff(want, dangling); diff != "" {
		t.Error(diff)
	}
}

// TestSamplePages: every page of the sample stands, in both languages.
func TestSamplePages(t *testing.T) {
	h := newHouse(t)
	docs := sampled(t, h.Catalog)
	if _, err := h.Catalog.Apply(ctx, h.Caller(), docs, catalog.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	h.Wants(h.Main("/map"), "Payments", "Without an owner 3", "Without a system")
	h.Wants(h.Main("/organisation"), "Technology 42 people, Inés Valcárcel", "Payments 5 people, Marta Quiroga", "Kiosk hardware names field-operations, which does not exist.", "Viktor Hale", "Rosa Méndez")
	h.Wants(h.Main("/components/default/booking"), "Leans on Old ticket PDF, which is deprecated")
	for i, d := range docs {
		if i%4 == 0 || testing.Verbose() {
			h.Page(h.App.Href(d.Entity.Ref()))
		}
	}
}
