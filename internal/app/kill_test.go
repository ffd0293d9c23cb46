package app_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/cli"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// asProgram makes this test binary the program itself, for tests that kill it.
const asProgram = "BINNACLE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	ingest.Spoil = true
	if os.Getenv(asProgram) != "" {
		os.Exit(cli.Main(app.Program()))
	}
	os.Exit(m.Run())
}

const (
	killRounds  = 4
	killWriters = 4
)

// TestKilledWhileServing kills the serving program again and again while
// programs write to it: what it acknowledged is there once, what it did not is
// there whole or not at all, and it starts again each time.
func TestKilledWhileServing(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			cfg := app.Config{Data: filepath.Join(t.TempDir(), "data"), Database: database(t)}
			token := prepared(t, cfg)
			var done acknowledged
			for round := range killRounds {
				done.add(writeAndKill(t, cfg, token, round))
			}
			done.check(open(t, cfg))
		})
	}
}

// prepared makes an installation and returns a token that writes.
func prepared(t *testing.T, cfg app.Config) string {
	t.Helper()
	if err := os.Mkdir(cfg.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	h := open(t, cfg)
	defer h.app.Close()
	s := h.own("owner@acme.example")
	h.apply(h.as(), "apiVersion: binnacle.dev/v1\nkind: Component\nmetadata: {name: counter}\nspec: {type: service, lifecycle: production, owner: group:x}\n")
	_, token, err := h.auth.CreateToken(t.Context(), s.Principal, auth.NewToken{Name: "writer", Scopes: []auth.Scope{"write"}})
	h.must(err)
	return token
}

// acknowledged is what the program said it had done.
type acknowledged struct {
	created []string // names
	patched int      // changes of the counter
	asked   int      // of which this many were asked for
}

func (a *acknowledged) add(b acknowledged) {
	a.created = append(a.created, b.created...)
	a.patched += b.patched
	a.asked += b.asked
}

// program is the program itself, as a process.
type program struct {
	cmd  *exec.Cmd
	base string          // where it answers
	errs strings.Builder // what it logged, once it has ended
}

// startProgram starts the program with arguments and waits until it answers.
func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	p.cmd.Stderr = &p.errs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if p.base = regexp.MustCompile(`http://localhost:\d+`).FindString(line); p.base == "" {
		p.end(os.Kill)
		t.Fatalf("the program does not start: %q %v\n%s", line, err, &p.errs)
	}
	return p
}

// end sends the program a signal and waits for its end.
func (p *program) end(with os.Signal) {
	p.cmd.Process.Signal(with)
	p.cmd.Wait()
}

// writeAndKill starts the program, writes to it from several sides, and kills
// it in the middle.
func writeAndKill(t *testing.T, cfg app.Config, token string, round int) acknowledged {
	t.Helper()
	args := []string{"serve", "--data", cfg.Data, "--listen", "127.0.0.1:0"}
	if cfg.Database != "" {
		args = append(args, "--database", cfg.Database)
	}
	p := startProgram(t, args...)
	var all acknowledged
	var mu sync.Mutex
	var group sync.WaitGroup
	for n := range killWriters {
		group.Go(func() {
			did := writeUntilGone(p.base, token, fmt.Sprintf("kill-%d-%d", round, n))
			mu.Lock()
			defer mu.Unlock()
			all.add(did)
		})
	}
	time.Sleep(time.Duration(300+rand.IntN(500)) * time.Millisecond)
	p.end(os.Kill)
	group.Wait()
	if len(all.created) == 0 {
		t.Errorf("round %d: nothing was acknowledged\n%s", round, &p.errs)
	}
	return all
}

// writeUntilGone creates entities and changes the counter until nobody answers.
func writeUntilGone(base, token, prefix string) (did acknowledged) {
	send := func(method, path, body string) bool {
		r, err := http.NewRequest(method, base+path, strings.NewReader(body))
		if err != nil {
			return false
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err == nil && res.StatusCode < 300
	}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d", prefix, n)
		body := fmt.Sprintf(`{"apiVersion":"binnacle.dev/v1","kind":"Component","metadata":{"name":%q},"spec":{"type":"service","lifecycle":"production","owner":"group:x"}}`, name)
		if !send("POST", "/api/v1/components", body) {
			return did
		}
		did.created = append(did.created, name)
		did.asked++
		if !send("PATCH", "/api/v1/components/default/counter", fmt.Sprintf(`{"metadata":{"description":%q}}`, name)) {
			return did
		}
		did.patched++
	}
}

// check compares what was acknowledged with what is there.
func (a *acknowledged) check(h *house) {
	h.Helper()
	ctx := h.Context()
	for _, name := range a.created {
		revs, err := h.app.Catalog.History(ctx, h.as(), entity.NewRef("component", "default", name), 0, 10)
		if err != nil || len(revs) != 1 {
			h.Errorf("%s was acknowledged and has %d revisions, %v", name, len(revs), err)
		}
	}
	live := h.count(`SELECT count(*) FROM entities`) - 1
	if live < len(a.created) || live > len(a.created)+killRounds*killWriters {
		h.Errorf("%d entities are there, %d were acknowledged", live, len(a.created))
	}
	changes := h.count(`SELECT count(*) FROM revisions`) - live - 1
	if changes < a.patched || changes > a.asked {
		h.Errorf("the counter changed %d times; %d changes were acknowledged of %d", changes, a.patched, a.asked)
	}
	if n := h.count(`SELECT count(DISTINCT ref) FROM entities`); n != live+1 {
		h.Errorf("%d entities have %d names", live+1, n)
	}
	if entries, revs := h.count(`SELECT count(*) FROM feed WHERE type LIKE 'entity.%'`), h.count(`SELECT count(*) FROM revisions`); entries != revs {
		h.Errorf("%d revisions, %d entries of the feed", revs, entries)
	}
	if n, err := h.app.Catalog.Count(ctx, h.as(), "Component"); err != nil || n != live+1 {
		h.Errorf("counted %d (%v), there are %d", n, err, live+1)
	}
	if page, err := h.app.Catalog.List(ctx, h.as(), catalog.Query{Text: "kill", Limit: 1}); err != nil || page.Total != live+1 {
		h.Errorf("search finds %d of %d and the counter, %v", page.Total, live, err)
	}
	if report, err := h.app.Audit.Verify(ctx, auth.HomeID); err != nil || !report.OK {
		h.Errorf("audit chain: %+v, %v", report, err)
	}
	h.Logf("%d entities and %d changes of the counter acknowledged in %d lives", len(a.created), a.patched, killRounds)
}
