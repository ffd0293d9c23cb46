package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// The process under test is this test binary, told by the environment to apply
// batch after batch and to say which are acknowledged.
const applierEnv = "BINNACLE_TEST_APPLIER"

const batchSize = 40

func TestMain(m *testing.M) {
	if url := os.Getenv(applierEnv); url != "" {
		if err := applyForever(url); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func batch(n int) string {
	var b strings.Builder
	for i := range batchSize {
		fmt.Fprintf(&b, "%s{name: b%d-%d}\nspec: {type: service, tier: %d, dependsOn: [b%d-%d]}\n---\n", head, n, i, 1+n%4, n, (i+1)%batchSize)
	}
	return b.String()
}

func applyForever(url string) error {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, url)
	if err != nil {
		return err
	}
	c := catalog.New(db, testKinds())
	for n := 0; ; n++ {
		docs, err := c.Decode("x", []byte(batch(n)+partYAML("counter", fmt.Sprintf("{type: service, notes: 'n%d'}", n))))
		if err != nil {
			return err
		}
		if _, err := c.Apply(ctx, file, docs, catalog.ApplyOptions{}); err != nil {
			return err
		}
		fmt.Println("done", n)
	}
}

// TestKilledWhileApplying kills a process in the middle of its applies, again
// and again: what it acknowledged is there, what it did not is there whole or
// not at all, and nothing is there twice.
func TestKilledWhileApplying(t *testing.T) {
	run := func(t *testing.T, url string) {
		db, err := sqldb.Open(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Migrate(context.Background(), catalogtest.Migrations()); err != nil {
			t.Fatal(err)
		}
		for round := range 5 {
			acked := applyAndKill(t, url, time.Duration(50+rand.IntN(400))*time.Millisecond)
			checkAfterKill(t, newWorld(t, db), round, acked)
		}
	}
	t.Run("sqlite", func(t *testing.T) { run(t, filepath.Join(t.TempDir(), "binnacle.db")) })
	t.Run("postgres", func(t *testing.T) { run(t, sqldbtest.PostgresURL(t)) })
}

// applyAndKill returns the last batch the killed process acknowledged, -1 for
// none.
func applyAndKill(t *testing.T, url string, after time.Duration) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), applierEnv+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acked, killed := -1, false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "done %d", &acked); err != nil {
			t.Fatalf("the process says %q", lines.Text())
		}
		if !killed {
			killed = true
			time.AfterFunc(after, func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait()
	return acked
}

func checkAfterKill(t *testing.T, w *world, round, acked int) {
	t.Helper()
	if acked < 0 {
		t.Fatalf("round %d: nothing was acknowledged", round)
	}
	count := func(query string) (n int) {
		t.Helper()
		if err := w.db.QueryRow(w.ctx, query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	live := count(`SELECT count(*) FROM entities`)
	if (live-1)%batchSize != 0 || (live-1)/batchSize < acked+1 {
		t.Errorf("round %d: %d entities after %d acknowledged batches of %d and a counter", round, live, acked+1, batchSize)
	}
	if n := count(`SELECT count(DISTINCT ref) FROM entities`); n != live {
		t.Errorf("round %d: %d entities and %d names", round, live, n)
	}
	revisions := count(`SELECT count(*) FROM revisions`)
	for _, table := range []string{"feed", "audit"} {
		if n := count(`SELECT count(*) FROM ` + table); n != revisions {
			t.Errorf("round %d: %d revisions and %d in %s", round, revisions, n, table)
		}
	}
	if n := count(`SELECT count(*) FROM relations WHERE target_id IS NULL`); n != 0 {
		t.Errorf("round %d: %d references lost their target", round, n)
	}
	if n, err := w.c.Count(w.ctx, ana, "Part"); err != nil || n != live {
		t.Errorf("round %d: counted %d (%v), there are %d", round, n, err, live)
	}
	if hits, err := w.c.Search(w.ctx, ana, fmt.Sprintf("b%d", acked), nil, 100); err != nil || len(hits) < batchSize {
		t.Errorf("round %d: search finds %d of the last batch (%v)", round, len(hits), err)
	}
	report, err := audit.New(w.db).Verify(w.ctx, "acme")
	if err != nil || !report.OK {
		t.Errorf("round %d: the audit chain is broken: %+v, %v", round, report, err)
	}
}
