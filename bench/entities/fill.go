package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

var (
	verbs = []string{"checkout", "ledger", "ticket", "seat", "price", "refund", "fraud", "search", "mail", "report", "audit", "wallet", "venue", "order", "stock", "badge"}
	nouns = []string{"service", "gateway", "worker", "cache", "indexer", "proxy", "store", "stream", "router", "sync"}
	types = []string{"service", "service", "service", "library", "website"}
	lives = []string{"production", "production", "experimental", "deprecated"}
)

func name(i int) string {
	return fmt.Sprintf("%s-%s-%07d", verbs[i%len(verbs)], nouns[i/len(verbs)%len(nouns)], i)
}

func (b *bench) component(i int) *entity.Entity {
	rng := rand.New(rand.NewPCG(uint64(i), 7))
	spec := fmt.Sprintf(`{"type":%q,"lifecycle":%q,"owner":"group:team-%d","dependsOn":["component:%s","component:%s"],"tier":%d}`,
		types[rng.IntN(len(types))], lives[rng.IntN(len(lives))], rng.IntN(500), name(rng.IntN(b.n)), name(rng.IntN(b.n)), 1+rng.IntN(4))
	e := &entity.Entity{APIVersion: entity.BackstageVersion, Kind: "Component", Spec: []byte(spec)}
	e.Metadata = entity.Metadata{Name: name(i), Title: fmt.Sprintf("%s %s %d", verbs[i%len(verbs)], nouns[i/len(verbs)%len(nouns)], i),
		Description: fmt.Sprintf("Handles the %s of region %d for partner %x.", verbs[rng.IntN(len(verbs))], rng.IntN(900), rng.Uint32()),
		Tags:        []string{verbs[rng.IntN(len(verbs))], nouns[rng.IntN(len(nouns))]}, Labels: map[string]string{"env": []string{"prod", "dev"}[rng.IntN(2)], "cell": fmt.Sprint(rng.IntN(2000))}}
	return e
}

// fill applies what is missing, part after part.
func (b *bench) fill(ctx context.Context) error {
	have, err := b.Count(ctx, b.caller, "Component")
	if err != nil || have >= b.n {
		return err
	}
	fmt.Printf("filling from %d; load average %s\n", have, load())
	start, used := time.Now(), cpu()
	for i := have; i < b.n; i += b.part {
		begun := time.Now()
		var docs []catalog.Document
		for j := i; j < min(i+b.part, b.n); j++ {
			docs = append(docs, catalog.Document{Entity: b.component(j)})
		}
		if _, err := b.Apply(ctx, b.caller, docs, catalog.ApplyOptions{}); err != nil {
			return err
		}
		if done := i + len(docs); done/100_000 > i/100_000 {
			fmt.Printf("%d, the last %d at %.0f a second\n", done, len(docs), float64(len(docs))/time.Since(begun).Seconds())
		}
	}
	took := time.Since(start)
	fmt.Printf("filled %d entities in %v, %.0f a second, %.0f a second of processor time; load average %s\n", b.n-have, took.Round(time.Second), float64(b.n-have)/took.Seconds(), float64(b.n-have)/(cpu()-used).Seconds(), load())
	if b.db.Dialect() == sqldb.Postgres {
		_, err = b.db.Exec(ctx, `VACUUM ANALYZE`)
	}
	return err
}
