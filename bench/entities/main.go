// Command entities measures the catalog with many entities: it fills a database
// with components, groups and references, then asks what pages ask (a list, a
// filtered list, a search, a record with its relations) and prints the 50th and
// 99th percentile of each beside the floor, a read of one row by its key.
//
//	go run ./bench/entities -n 1000000 -data /tmp/bench
//	go run ./bench/entities -n 1000000 -database postgres://…
//
// A database that is already filled is used as it is.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func main() {
	n := flag.Int("n", 1_000_000, "entities")
	data := flag.String("data", "", "folder of the SQLite database")
	database := flag.String("database", "", "PostgreSQL instead, postgres://…")
	rounds := flag.Int("rounds", 300, "times each question is asked")
	profile := flag.String("cpuprofile", "", "file for a CPU profile")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	url := *database
	if url == "" {
		url = filepath.Join(*data, "bench.db")
	}
	if err := run(context.Background(), url, *n, *rounds); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string, n, rounds int) error {
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrate(ctx, slices.Concat(feed.Migrations(), audit.Migrations(), catalog.Migrations())); err != nil {
		return err
	}
	b := &bench{Catalog: catalog.New(db, catalog.NewKinds(slices.Concat(operations.Module().Kinds, people.Module().Kinds)...)), db: db, n: n,
		caller: catalog.Caller{Principal: auth.Local("default", "bench", "cli"), Manager: "bench"}}
	if err := b.fill(ctx); err != nil {
		return err
	}
	return b.measure(ctx, rounds)
}

type bench struct {
	*catalog.Catalog
	db     *sqldb.DB
	caller catalog.Caller
	n      int
}

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

func (b *bench) fill(ctx context.Context) error {
	have, err := b.Count(ctx, b.caller, "Component")
	if err != nil {
		return err
	}
	start := time.Now()
	const part = 10_000
	for i := have; i < b.n; i += part {
		var docs []catalog.Document
		for j := i; j < min(i+part, b.n); j++ {
			docs = append(docs, catalog.Document{Entity: b.component(j)})
		}
		begun := time.Now()
		if _, err := b.Apply(ctx, b.caller, docs, catalog.ApplyOptions{}); err != nil {
			return err
		}
		if (i+part)%100_000 == 0 {
			fmt.Printf("%d: %.0f a second at the end\n", i+part, float64(len(docs))/time.Since(begun).Seconds())
		}
	}
	if have < b.n {
		took := time.Since(start)
		fmt.Printf("filled %d entities in %v, %.0f a second\n", b.n-have, took.Round(time.Second), float64(b.n-have)/took.Seconds())
		if b.db.Dialect() == sqldb.Postgres {
			_, err = b.db.Exec(ctx, `ANALYZE`)
		}
	}
	return err
}

func (b *bench) measure(ctx context.Context, rounds int) error {
	rng := rand.New(rand.NewPCG(3, 4))
	list := func(q catalog.Query) error {
		q.Kinds = []string{"Component"}
		page, err := b.List(ctx, b.caller, q)
		if err == nil && len(page.Items) == 0 {
			err = fmt.Errorf("%+v found nothing", q)
		}
		return err
	}
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	floor := b.time(rounds, func() error {
		var doc string
		return b.db.QueryRow(ctx, `SELECT doc FROM entities WHERE id = ?`, 1+rng.IntN(b.n)).Scan(&doc)
	})
	fmt.Printf("%-34s p50 %9s  p99 %9s\n", "floor: one row by its key", floor[0], floor[1])
	fields := func(kv ...string) map[string][]string {
		m := map[string][]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = []string{kv[i+1]}
		}
		return m
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"list, first page, counted", func() error { return list(catalog.Query{}) }},
		{"list, newest first", func() error { return list(catalog.Query{Sort: "updated", Desc: true}) }},
		{"list, by tier", func() error { return list(catalog.Query{Sort: "spec.tier"}) }},
		{"list, from the middle", func() error { return list(catalog.Query{Text: "", Sort: "name", Labels: "", Namespace: "default"}) }},
		{"filter, a common type", func() error { return list(catalog.Query{Fields: fields("spec.type", "library")}) }},
		{"filter, two fields", func() error {
			return list(catalog.Query{Fields: fields("spec.type", pick(types), "spec.lifecycle", pick(lives))})
		}},
		{"filter, a rare label", func() error { return list(catalog.Query{Labels: fmt.Sprintf("cell=%d", rng.IntN(2000))}) }},
		{"filter, common and rare label", func() error { return list(catalog.Query{Labels: fmt.Sprintf("env=prod,cell=%d", rng.IntN(2000))}) }},
		{"filter, owner", func() error { return list(catalog.Query{Owner: fmt.Sprintf("team-%d", rng.IntN(500))}) }},
		{"filter, tag", func() error { return list(catalog.Query{Tags: []string{pick(verbs)}}) }},
		{"filter, CEL", func() error { return list(catalog.Query{CEL: `spec.tier == 1 && metadata.labels.env == "prod"`}) }},
		{"filter, CEL, no index", func() error { return list(catalog.Query{CEL: `spec.owner.endsWith("7") && size(metadata.tags) == 2`}) }},
		{"filter, words", func() error { return list(catalog.Query{Text: pick(verbs) + " " + pick(nouns)}) }},
		{"search, a common word", func() error { return b.search(ctx, pick(verbs)) }},
		{"search, three words", func() error { return b.search(ctx, fmt.Sprintf("%s %s %d", pick(verbs), pick(nouns), rng.IntN(900))) }},
		{"search, a name", func() error { return b.search(ctx, name(rng.IntN(b.n))) }},
		{"search, two letters", func() error { return b.search(ctx, pick(verbs)[:2]) }},
		{"detail with relations, history", func() error { return b.detail(ctx, name(rng.IntN(b.n))) }},
		{"facet counts of a field", func() error {
			_, err := b.Facets(ctx, b.caller, catalog.Query{Kinds: []string{"Component"}}, "spec.type", 20)
			return err
		}},
	} {
		t := b.time(rounds, q.ask)
		if t[1] < 0 {
			return fmt.Errorf("%s failed", q.name)
		}
		fmt.Printf("%-34s p50 %9s  p99 %9s  %6.0f times the floor\n", q.name, t[0], t[1], float64(t[0])/float64(floor[0]))
	}
	return nil
}

func (b *bench) search(ctx context.Context, text string) error {
	_, err := b.Search(ctx, b.caller, text, nil, 20)
	return err
}

func (b *bench) detail(ctx context.Context, name string) error {
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

// time returns the 50th and 99th percentile; a failure is printed and gives -1.
func (b *bench) time(rounds int, f func() error) [2]time.Duration {
	took := make([]time.Duration, rounds)
	for i := range took {
		start := time.Now()
		if err := f(); err != nil {
			fmt.Println(err)
			return [2]time.Duration{-1, -1}
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	round := func(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
	return [2]time.Duration{round(took[rounds/2]), round(took[rounds*99/100])}
}
