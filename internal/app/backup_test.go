package app_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/logs"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// TestBackupMoves backs a full installation up while others write to it, and
// restores it into each kind of database: all that was is there, the audit
// chain holds, people come in with their second factor, search finds, and it
// goes on from there.
func TestBackupMoves(t *testing.T) {
	for from, source := range databases {
		t.Run("from "+from, func(t *testing.T) {
			w := newWorld(t, app.Config{Database: source(t)})
			k := w.furnish()
			want := w.kept()
			file, before, after := w.backUpWhileWriting()
			for to, target := range databases {
				t.Run("to "+to, func(t *testing.T) {
					cfg := app.Config{Data: filepath.Join(t.TempDir(), "data"), Database: target(t)}
					if err := os.Mkdir(cfg.Data, 0o700); err != nil {
						t.Fatal(err)
					}
					if _, err := app.Restore(t.Context(), cfg, file, nil); err != nil {
						t.Fatal(err)
					}
					h := open(t, cfg)
					if diff := cmp.Diff(want, h.kept()); diff != "" {
						t.Errorf("what is there (-before +restored):\n%s", diff)
					}
					h.hasWritten(before, after)
					h.goesOn(k)
				})
			}
		})
	}
}

// TestBackupOfEvents takes the events along, of a server and of a folder.
func TestBackupOfEvents(t *testing.T) {
	w := newWorld(t, app.Config{})
	ctx := w.Context()
	for i := range 3 {
		w.must(w.app.Logs.Add(ctx, auth.HomeID, []event.Event{{ID: fmt.Sprint(i), Time: time.Now().Add(-time.Duration(i) * 24 * time.Hour), Line: []byte(`{"message":"said"}`)}}))
	}
	backUp := func(name string, a *app.App) (string, error) {
		o, err := a.WithEvents(a.BackupOptions())
		w.must(err)
		if len(o.Elsewhere) > 0 {
			t.Errorf("with its events, but %v is elsewhere", o.Elsewhere)
		}
		file := filepath.Join(t.TempDir(), name)
		_, err = backup.WriteFile(ctx, w.app.DB, file, o)
		return file, err
	}
	serving, err := backUp("serving", w.app)
	w.must(err)
	w.must(w.app.Logs.Add(ctx, auth.HomeID, []event.Event{{ID: "later", Time: time.Now(), Line: []byte(`{"message":"said"}`)}}))
	w.must(w.app.Logs.Flush(ctx))
	idle := &app.App{Config: w.app.Config}
	if _, err := backUp("used", idle); !fault.Is(err, fault.Conflict) {
		t.Errorf("beside a server: %v", err)
	}
	w.must(w.app.Logs.Close())
	damaged := filepath.Join(w.app.Config.Data, "events", "delete_tasks.json")
	w.must(os.WriteFile(damaged, []byte("{"), 0o600))
	if _, err := backUp("damaged", idle); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), damaged) {
		t.Errorf("of a damaged folder: %v", err)
	}
	w.must(os.Remove(damaged))
	runtime.GC() // the engine leaves its lock to the collector
	folder, err := backUp("folder", idle)
	w.must(err)
	for file, want := range map[string]int{serving: 3, folder: 4} {
		cfg := app.Config{Data: filepath.Join(t.TempDir(), "data")}
		w.must(os.Mkdir(cfg.Data, 0o700))
		_, err := app.Restore(ctx, cfg, file, nil)
		w.must(err)
		h := open(t, cfg)
		n := 0
		_, err = h.app.Logs.Rows(ctx, logs.Query{Org: auth.HomeID, Text: "said"}, func(logs.Row) error { n++; return nil })
		if err != nil || n != want {
			t.Errorf("%s: %d events, want %d: %v", filepath.Base(file), n, want, err)
		}
		w.must(h.app.Logs.Add(ctx, auth.HomeID, []event.Event{{ID: "on", Time: time.Now(), Line: []byte(`{"message":"goes on"}`)}}))
	}
	if _, err := (&app.App{Config: app.Config{Logs: "http://localhost:1"}}).WithEvents(backup.Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("of a cluster: %v", err)
	}
}

// TestBackupsAtOnce: the second download of events at a time is told so before
// it begins, and can be had once the first is done.
func TestBackupsAtOnce(t *testing.T) {
	w := newWorld(t, app.Config{})
	large := make([]byte, 1<<20) // more than waits in buffers
	rand.NewChaCha8([32]byte{}).Read(large)
	_, err := w.app.DB.Exec(t.Context(), `CREATE TABLE large (b BLOB)`)
	w.must(err)
	_, err = w.app.DB.Exec(t.Context(), `INSERT INTO large VALUES (?)`, large)
	w.must(err)
	_, thaw, err := w.app.Logs.(logs.Freezer).Freeze(t.Context())
	w.must(err)
	ask := request{path: "/api/v1/backup?events=true", headers: []string{"Accept", "application/json"}}
	if rec := w.send(w.owner, "GET", ask); rec.Code != http.StatusConflict || !strings.Contains(rec.Body.String(), "wait until that backup is done") || rec.Header().Get("Content-Disposition") != "" {
		t.Errorf("got %d %v: %.300q", rec.Code, rec.Header(), rec.Body)
	}
	w.must(thaw())
	if rec := w.send(w.owner, "GET", ask); rec.Code != http.StatusOK || rec.Header().Get("Content-Disposition") == "" {
		t.Errorf("after the first: %d %.300s", rec.Code, rec.Body)
	}
}

// keysOf is what people need to come in, and the id of an attached file.
type keysOf struct{ secret, token, file string }

// furnish puts something into every table.
func (w *world) furnish() keysOf {
	w.Helper()
	w.fill()
	w.keepSecrets()
	ctx := w.Context()
	ref := entity.NewRef("component", "default", "payments")
	_, err := w.app.Catalog.Rename(ctx, w.as(), ref, "charges")
	w.must(err)
	_, err = w.app.Catalog.Delete(ctx, w.as(), entity.NewRef("component", "default", "booking"), 0)
	w.must(err)
	setup, err := w.auth.BeginTOTP(ctx, w.owner.principal)
	w.must(err)
	code, err := totp.GenerateCode(setup.Secret, time.Now().Add(-30*time.Second))
	w.must(err)
	_, err = w.auth.ConfirmTOTP(ctx, w.owner.principal, code)
	w.must(err)
	_, token, err := w.auth.CreateToken(ctx, w.owner.principal, auth.NewToken{Name: "moved", Scopes: []auth.Scope{"read"}})
	w.must(err)
	var provider string
	w.must(w.app.DB.QueryRow(ctx, `SELECT id FROM auth_providers`).Scan(&provider))
	for _, q := range []string{
		`INSERT INTO auth_passkeys (id, account, rpid, name, credential, created) VALUES ('key', ?, 'localhost', 'Laptop', '{}', 1)`,
		`INSERT INTO auth_identities (provider, issuer, subject, account, email, created) VALUES ('` + provider + `', 'https://id.example', 's', ?, 'owner@acme.example', 1)`,
	} {
		_, err := w.app.DB.Exec(ctx, q, w.owner.principal.Account)
		w.must(err)
	}
	w.prove()
	w.reportWork()
	w.looked()
	w.alerted()
	w.detected()
	w.must(w.app.Logs.Add(ctx, auth.HomeID, []event.Event{{ID: "said", Time: time.Now(), Line: []byte(`{"message":"said"}`)}}))
	file := w.talks(entity.NewRef("component", "default", "charges"))
	w.runFeed()
	return keysOf{setup.Secret, token, file}
}

// attached is what the attached file holds.
const attached = "moment,what\n2026-03-01,restored\n"

// talks leaves comments, a file, a webhook and what is told of them.
func (w *world) talks(ref entity.Ref) (file string) {
	w.Helper()
	ctx, owner := w.Context(), catalog.Caller{Principal: w.owner.principal, Manager: "form"}
	e, err := w.app.Catalog.Get(ctx, owner, ref)
	w.must(err)
	said, err := w.app.Talk.Add(ctx, owner, e, talk.Draft{Body: "Is this so?"})
	w.must(err)
	_, err = w.app.Talk.Edit(ctx, owner, said.ID, "Is this still so?")
	w.must(err)
	w.must(w.app.Talk.SetSettings(ctx, owner.Principal, talk.DefaultSettings))
	a, err := w.app.Files.Add(ctx, owner, e, "evidence.csv", strings.NewReader(attached))
	w.must(err)
	k, _, err := w.app.Hooks.Create(ctx, owner.Principal, action.Hook{Name: "chat", URL: "https://hooks.example/in"})
	w.must(err)
	_, err = w.app.Hooks.Test(ctx, owner.Principal, k.ID)
	w.must(err)
	member := catalog.Caller{Principal: w.actors[5].principal, Manager: "form"}
	_, err = w.app.Talk.Add(ctx, member, e, talk.Draft{Body: "It is."})
	w.must(err)
	entries, err := w.app.Feed.Read(ctx, auth.HomeID, 0, 1000, "comment.added")
	w.must(err)
	w.must(w.app.DB.Tx(ctx, func(tx *sqldb.Tx) error { return w.app.Talk.Watch().Handle(ctx, tx, entries) }))
	return a.ID
}

// reportWork imports the work items of the sample organisation, from which
// forecasts are made.
func (w *world) reportWork() {
	w.Helper()
	args, files := organisation(w, sampleDay).Args("work")
	i := slices.IndexFunc(app.Importers(), func(i catalog.Importer) bool { return i.Name == "work" })
	_, err := app.Importers()[i].Import(w.Context(), w.app.Catalog, w.as(), files, catalog.ImportOptions{Args: args})
	w.must(err)
	w.must(w.app.DB.Tx(w.Context(), func(tx *sqldb.Tx) error {
		_, err := strategy.Forecast(w.Context(), w.app.Catalog, tx, w.as().Org)
		return err
	}))
}

// prove fills what is kept of claims and of statuses.
func (w *world) prove() {
	w.Helper()
	ctx := w.Context()
	w.apply(w.as(), claimed)
	w.settle()
	_, err := w.app.Claims.Pack(ctx, w.as(), claim.PackOptions{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, io.Discard)
	w.must(err)
	w.must(w.auth.SetSecret(ctx, w.as().Principal, "status-page", "tok"))
	_, err = w.app.DB.Exec(ctx, `INSERT INTO reckoned (kind, version) VALUES ('Component', 0)`)
	w.must(err)
}

// settle runs the tests of claims that are due.
func (h *house) settle() {
	h.Helper()
	_, err := h.app.Claims.Settle(h.Context())
	h.must(err)
}

// claimed is a claim that holds of the sample organisation.
const claimed = `apiVersion: binnacle.dev/v1
kind: Claim
metadata: {name: named, title: Everything has a name}
spec: {room: operations, tests: [{name: named, records: {from: component, expect: metadata.name != ""}}]}
`

// runFeed works the feed until a watch and a schedule have left their traces.
func (w *world) runFeed() {
	w.Helper()
	ctx, stop := context.WithTimeout(w.Context(), 20*time.Second)
	defer stop()
	watch := feed.Watch{Name: "test/seen", Handle: func(context.Context, *sqldb.Tx, []feed.Entry) error { return nil }}
	tick := feed.Schedule{Name: "test/tick", Every: time.Second, Run: func(context.Context) error { return nil }}
	ended := make(chan error, 1)
	go func() { ended <- w.app.Feed.Run(ctx, []feed.Watch{watch}, []feed.Schedule{tick}) }()
	for w.count(`SELECT count(*) FROM feed_cursors`) == 0 || w.count(`SELECT count(*) FROM feed_schedules`) == 0 {
		if ctx.Err() != nil {
			w.Fatal("the feed does not run")
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	<-ended
}

// kept is what the home organisation holds, but for what writers write, as a
// reader of the catalog sees it.
func (h *house) kept() []string {
	h.Helper()
	ctx, c := context.WithoutCancel(h.Context()), h.app.Catalog
	var out []string
	h.must(c.Each(ctx, h.as(), catalog.Query{}, func(e *entity.Entity) error {
		if strings.HasPrefix(e.Metadata.Name, written) {
			return nil
		}
		ref := e.Ref()
		out = append(out, fmt.Sprintf("%s %s rev %s\n%s%s", ref, e.Metadata.UID, e.Metadata.ResourceVersion, h.yamlOf(catalog.Clean(e)), e.Status))
		rels, err := c.Relations(ctx, h.as(), ref)
		h.must(err)
		for _, r := range rels {
			out = append(out, fmt.Sprintf("%s %+v", ref, r))
		}
		return nil
	}))
	for _, ref := range []string{"component:default/charges", "component:default/booking", "technology:default/go", "user:default/marta.quiroga"} {
		r, err := c.Resolve(ref, "")
		h.must(err)
		revs, err := c.History(ctx, h.as(), r, 0, 100)
		h.must(err)
		for _, v := range revs {
			out = append(out, fmt.Sprintf("%s %d %s %s %s %s %s\n%s", ref, v.Rev, v.Op, v.At.UTC().Format(time.RFC3339Nano), v.Name, v.Manager, v.Reason, h.yamlOf(v.Entity)))
		}
	}
	work, err := c.Observed(ctx, h.as(), strategy.Module().Observed[0], time.Now())
	h.must(err)
	for _, row := range work {
		out = append(out, fmt.Sprint("work ", row))
	}
	acquirer, err := c.Get(ctx, h.as(), entity.NewRef("initiative", "", "second-acquirer"))
	h.must(err)
	made, err := strategy.Forecasts(ctx, c, h.as(), acquirer.Metadata.UID)
	h.must(err)
	if len(work) == 0 || len(made) == 0 {
		h.Errorf("%d work items, %d forecasts", len(work), len(made))
	}
	for _, m := range made {
		out = append(out, fmt.Sprintf("forecast %+v", m))
	}
	hits, err := c.Search(ctx, h.as(), "payment refund", nil, 100)
	h.must(err)
	if len(hits) == 0 {
		h.Error("search finds nothing")
	}
	for _, hit := range hits {
		out = append(out, "found "+hit.Ref)
	}
	slices.Sort(out)
	return out
}

// written begins the name of what writers write during the backup.
const written = "scribbled-"

// backUpWhileWriting writes a backup while others write entities, and returns
// how many there were before it began and after it ended.
func (w *world) backUpWhileWriting() (file string, before, after int) {
	w.Helper()
	file = filepath.Join(w.TempDir(), "backup")
	stop, ended := make(chan struct{}), make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			docs, err := w.app.Catalog.Decode("w.yaml", fmt.Appendf(nil, "apiVersion: binnacle.dev/v1\nkind: Component\nmetadata: {name: %s%d}\nspec: {type: service, lifecycle: production, owner: group:scribes}\n", written, n))
			if err == nil {
				_, err = w.app.Catalog.Apply(context.Background(), w.as(), docs, catalog.ApplyOptions{})
			}
			if err != nil {
				ended <- err
				return
			}
			if n == 3 {
				close(begun)
			}
		}
	}()
	<-begun
	count := func() int {
		return w.count(`SELECT count(*) FROM entities WHERE name LIKE '` + written + `%'`)
	}
	before = count()
	out, err := os.Create(file)
	w.must(err)
	o := w.app.BackupOptions()
	o.IncludeKey = true
	o.Progress = func(backup.Progress) { time.Sleep(time.Millisecond) }
	report, err := backup.Write(w.Context(), w.app.DB, out, o)
	w.must(err)
	w.must(out.Close())
	close(stop)
	w.must(<-ended)
	after = count()
	for _, table := range report.Tables {
		if table.Rows == 0 {
			w.Errorf("the table %s is empty: the test moves nothing of it", table.Name)
		}
	}
	if after == before {
		w.Error("nobody wrote while the backup was made")
	}
	return file, before, after
}

// hasWritten checks that of what was written during the backup there is a
// beginning, whole.
func (h *house) hasWritten(before, after int) {
	h.Helper()
	page, err := h.app.Catalog.List(h.Context(), h.as(), catalog.Query{Text: strings.TrimSuffix(written, "-"), Limit: 1000})
	h.must(err)
	n := h.count(`SELECT count(*) FROM entities WHERE name LIKE '` + written + `%'`)
	if n < before || n > after {
		h.Errorf("%d written entities; there were %d when the backup began and %d when it ended", n, before, after)
	}
	if len(page.Items) != min(n, 1000) {
		h.Errorf("search finds %d of the %d written entities", len(page.Items), n)
	}
	for i := range n {
		ref := entity.NewRef("component", "default", fmt.Sprint(written, i))
		if revs, err := h.app.Catalog.History(h.Context(), h.as(), ref, 0, 10); err != nil || len(revs) != 1 {
			h.Errorf("%s has %d revisions, %v", ref, len(revs), err)
		}
	}
}

// goesOn uses the restored installation.
func (h *house) goesOn(k keysOf) {
	h.Helper()
	ctx := h.Context()
	for _, org := range []string{auth.HomeID, otherOrg} {
		if v, err := h.app.Claims.Verify(ctx, org, ""); err != nil || len(v.Broken) > 0 || org == auth.HomeID && v.Runs == 0 {
			h.Errorf("runs of %s: %+v, %v", org, v, err)
		}
		if report, err := h.app.Audit.Verify(ctx, org); err != nil || !report.OK || report.Count == 0 {
			h.Errorf("audit chain of %s: %+v, %v", org, report, err)
		}
	}
	step, err := h.auth.SignIn(ctx, "owner@acme.example", password, auth.Visitor{Via: "web"})
	h.must(err)
	if step.Session != nil {
		h.Error("the second factor is gone")
	}
	code, err := totp.GenerateCode(k.secret, time.Now())
	h.must(err)
	if step, err = h.auth.SecondFactor(ctx, step.Factor, code, auth.Visitor{Via: "web"}); err != nil || step.Session == nil {
		h.Fatalf("the second factor is not taken: %v", err)
	}
	if p, err := h.auth.ByToken(ctx, k.token); err != nil || p.Role != auth.RoleOwner {
		h.Errorf("the token is not taken: %v, %v", p, err)
	}
	owner := catalog.Caller{Principal: step.Session.Principal, Manager: "form"}
	if _, content, err := h.app.Files.Open(ctx, owner, k.file); err != nil {
		h.Errorf("the attached file: %v", err)
	} else if data, err := io.ReadAll(content); err != nil || string(data) != attached {
		h.Errorf("the attached file holds %q, %v", data, err)
	}
	if n := h.count(`SELECT count(*) FROM notifications`); n == 0 {
		h.Error("notifications are gone")
	}
	h.apply(owner, "apiVersion: binnacle.dev/v1\nkind: Component\nmetadata: {name: afterwards}\nspec: {type: service, lifecycle: production, owner: group:payments}\n")
	if n := h.count(`SELECT count(*) FROM feed`) - h.count(`SELECT count(DISTINCT seq) FROM feed`); n != 0 {
		h.Errorf("%d entries of the feed have the same place", n)
	}
	if report, err := h.app.Audit.Verify(ctx, auth.HomeID); err != nil || !report.OK {
		h.Errorf("audit chain after another change: %+v, %v", report, err)
	}
}

// apply writes YAML in somebody's name.
func (h *house) apply(caller catalog.Caller, yaml string) {
	h.Helper()
	docs, err := h.app.Catalog.Decode("test.yaml", []byte(yaml))
	h.must(err)
	_, err = h.app.Catalog.Apply(h.Context(), caller, docs, catalog.ApplyOptions{})
	h.must(err)
}
