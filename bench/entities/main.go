// Command entities measures an installation with many entities: it fills one
// with components, references and labels through the same door as any apply,
// then asks what pages ask, first of the catalog (a list, a filtered list, a
// search, a record with its relations) and then of the whole program as the
// pages themselves, signed in. It prints the 50th and 99th percentile of each
// beside the floor, a read of one row by its key, by the clock and in processor
// time of this program. The latter says more on a machine that has other work:
// with SQLite it is all there is, with PostgreSQL the server's comes on top.
//
//	go run ./bench/entities -n 1000000 -data /tmp/bench
//	go run ./bench/entities -n 1000000 -data /tmp/bench-pg -database postgres://…
//
// An installation that is already filled is used as it is. Each question is
// asked in several runs, one after the other, and the median of the runs is
// printed, so that what else the machine does for a moment counts less.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func main() {
	b := &bench{}
	flag.IntVar(&b.n, "n", 1_000_000, "entities")
	flag.IntVar(&b.rounds, "rounds", 200, "times each question is asked in a run")
	flag.IntVar(&b.runs, "runs", 5, "runs")
	flag.IntVar(&b.part, "part", 20_000, "entities of one apply")
	flag.StringVar(&b.only, "only", "", "ask only questions with this in their name")
	data := flag.String("data", "", "folder of the installation")
	database := flag.String("database", "", "PostgreSQL instead of SQLite, postgres://…")
	profile := flag.String("cpuprofile", "", "file for a CPU profile")
	flag.Parse()
	if *profile != "" {
		defer profileTo(*profile)()
	}
	if err := b.run(context.Background(), app.Config{Data: *data, Database: *database, Origins: []string{origin}}); err != nil {
		log.Fatal(err)
	}
}

// profileTo writes a CPU profile until the returned function is called.
func profileTo(name string) func() {
	f, err := os.Create(name)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		log.Fatal(err)
	}
	return func() { pprof.StopCPUProfile(); f.Close() }
}

type bench struct {
	*catalog.Catalog
	db                    *sqldb.DB
	caller                catalog.Caller
	n, rounds, runs, part int
	only                  string
}

func (b *bench) run(ctx context.Context, cfg app.Config) error {
	a, err := app.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer a.Close()
	b.Catalog, b.db = a.Catalog, a.DB
	b.caller = catalog.Caller{Principal: auth.Local(auth.HomeID, "bench", "cli"), Manager: "bench"}
	if err := b.fill(ctx); err != nil {
		return err
	}
	pages, err := signIn(ctx, a)
	if err != nil {
		return err
	}
	return b.measure(append(b.questions(ctx), b.pages(pages)...))
}

// question is something to ask many times.
type question struct {
	name string
	ask  func() error
}

// measure asks all questions, run after run, and prints the medians.
func (b *bench) measure(questions []question) error {
	questions = slices.DeleteFunc(questions, func(q question) bool { return !strings.Contains(q.name, b.only) })
	before := load()
	took := make([][4][]time.Duration, len(questions))
	for range b.runs {
		for i, q := range questions {
			clock, used, err := b.time(q.ask)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			for j, t := range []time.Duration{clock[0], clock[1], used[0], used[1]} {
				took[i][j] = append(took[i][j], t)
			}
		}
	}
	for i, q := range questions {
		fmt.Printf("| %s | %s | %s | %s | %s |\n", q.name, median(took[i][0]), median(took[i][1]), median(took[i][2]), median(took[i][3]))
	}
	fmt.Printf("load average before %s, after %s\n", before, load())
	return nil
}

// load is the machine's load of the last minutes, where the system tells it.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2].Round(10 * time.Microsecond)
}

// time returns the 50th and 99th percentile of one run, by the clock and in
// processor time.
func (b *bench) time(ask func() error) (clock, used [2]time.Duration, err error) {
	clocks, useds := make([]time.Duration, b.rounds), make([]time.Duration, b.rounds)
	for i := range clocks {
		start, before := time.Now(), cpu()
		if err := ask(); err != nil {
			return clock, used, err
		}
		clocks[i], useds[i] = time.Since(start), cpu()-before
	}
	return b.percentiles(clocks), b.percentiles(useds), nil
}

func (b *bench) percentiles(list []time.Duration) [2]time.Duration {
	slices.Sort(list)
	return [2]time.Duration{list[b.rounds/2], list[b.rounds*99/100]}
}
