package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// questions are what pages ask of the catalog. A list that finds nothing is a
// mistake of the question.
func (b *bench) questions(ctx context.Context) []question {
	rng := rand.New(rand.NewPCG(3, 4))
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	list := func(q catalog.Query) error {
		if len(q.Kinds) == 0 {
			q.Kinds = []string{"Component"}
		}
		page, err := b.List(ctx, b.caller, q)
		if err == nil && len(page.Items) == 0 {
			err = fmt.Errorf("%+v found nothing", q)
		}
		return err
	}
	search := func(text string) error {
		_, err := b.Search(ctx, b.caller, text, nil, 20)
		return err
	}
	var middle string
	return []question{
		{"floor: one row by its key", func() error {
			var doc string
			return b.db.QueryRow(ctx, `SELECT doc FROM entities WHERE id = ?`, 1+rng.IntN(b.n)).Scan(&doc)
		}},
		{"list, first page, counted", func() error { return list(catalog.Query{}) }},
		{"list, newest first", func() error { return list(catalog.Query{Sort: "updated", Desc: true}) }},
		{"list, by title", func() error { return list(catalog.Query{Sort: "title"}) }},
		{"list, by owner", func() error { return list(catalog.Query{Sort: "owner", Desc: true}) }},
		{"list, by tier", func() error { return list(catalog.Query{Sort: "spec.tier"}) }},
		{"list, of all kinds", func() error {
			_, err := b.List(ctx, b.caller, catalog.Query{Sort: "updated", Desc: true})
			return err
		}},
		{"list, from the middle, page after page", func() error {
			if middle == "" {
				middle = cursorAt(name(b.n / 2))
			}
			page, err := b.List(ctx, b.caller, catalog.Query{Kinds: []string{"Component"}, Cursor: middle})
			if err == nil {
				middle = page.Next
			}
			return err
		}},
		{"filter, a namespace that all are in", func() error { return list(catalog.Query{Namespace: "default"}) }},
		{"filter, a common type", func() error { return list(catalog.Query{Fields: fields("spec.type", "library")}) }},
		{"filter, two fields", func() error {
			return list(catalog.Query{Fields: fields("spec.type", pick(types), "spec.lifecycle", pick(lives))})
		}},
		{"filter, four fields, newest first", func() error {
			return list(catalog.Query{Fields: fields("spec.type", pick(types), "spec.lifecycle", pick(lives)), Labels: "env=prod", Tags: []string{pick(nouns)}, Sort: "updated", Desc: true})
		}},
		{"filter, two fields, by title", func() error {
			return list(catalog.Query{Fields: fields("spec.type", pick(types), "spec.lifecycle", pick(lives)), Sort: "title"})
		}},
		{"filter, a rare label", func() error { return list(catalog.Query{Labels: fmt.Sprintf("cell=%d", rng.IntN(2000))}) }},
		{"filter, common and rare label", func() error { return list(catalog.Query{Labels: fmt.Sprintf("env=prod,cell=%d", rng.IntN(2000))}) }},
		{"filter, without a label", func() error { return list(catalog.Query{Labels: "env!=prod"}) }},
		{"filter, owner", func() error {
			return list(catalog.Query{Fields: fields("spec.owner", fmt.Sprintf("team-%d", rng.IntN(500)))})
		}},
		{"filter, tag", func() error { return list(catalog.Query{Tags: []string{pick(verbs)}}) }},
		{"filter, far from where the order begins", func() error {
			return list(catalog.Query{Text: "wallet sync", Tags: []string{pick(nouns)}, Sort: "name"})
		}},
		{"filter, CEL", func() error { return list(catalog.Query{CEL: `spec.tier == 1 && metadata.labels.env == "prod"`}) }},
		{"filter, CEL, no index", func() error { return list(catalog.Query{CEL: `spec.owner.endsWith("7") && size(metadata.tags) == 2`}) }},
		{"filter, words", func() error { return list(catalog.Query{Text: pick(verbs) + " " + pick(nouns)}) }},
		{"filter, words, by name", func() error { return list(catalog.Query{Text: pick(verbs) + " " + pick(nouns), Sort: "name"}) }},
		{"filter, words and a field", func() error {
			return list(catalog.Query{Text: pick(verbs), Fields: fields("spec.type", pick(types))})
		}},
		{"search, a common word", func() error { return search(pick(verbs)) }},
		{"search, three words", func() error { return search(fmt.Sprintf("%s %s %d", pick(verbs), pick(nouns), rng.IntN(900))) }},
		{"search, a name", func() error { return search(name(rng.IntN(b.n))) }},
		{"search, two letters", func() error { return search(pick(verbs)[:2]) }},
		{"search, one digit", func() error { return search(fmt.Sprint(1 + rng.IntN(9))) }},
		{"record with relations and history", func() error { return b.record(ctx, name(rng.IntN(b.n))) }},
		{"counts of a field", func() error { return b.counts(ctx, catalog.Query{}, "spec.type") }},
		{"counts of a field with 500 values, filtered", func() error {
			return b.counts(ctx, catalog.Query{Fields: fields("spec.type", pick(types))}, "spec.owner")
		}},
	}
}

// cursorAt is the cursor that List would give at a name.
func cursorAt(name string) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"k":%q,"i":0,"s":""}`, name))
}

func fields(kv ...string) map[string][]string {
	m := map[string][]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = []string{kv[i+1]}
	}
	return m
}

func (b *bench) counts(ctx context.Context, q catalog.Query, path string) error {
	q.Kinds = []string{"Component"}
	_, err := b.Facets(ctx, b.caller, q, path, 40)
	return err
}

func (b *bench) record(ctx context.Context, name string) error {
	ref := entity.NewRef("component", "", name)
	if _, err := b.Get(ctx, b.caller, ref); err != nil {
		return err
	}
	if _, err := b.Relations(ctx, b.caller, ref); err != nil {
		return err
	}
	_, err := b.History(ctx, b.caller, ref, 0, 10)
	return err
}
