package blob_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/blob"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

type thing struct {
	Note string `json:"note" en:"Note" es:"Nota"`
}

func kinds() *catalog.Kinds {
	return catalog.NewKinds(
		catalog.Of[thing](catalog.Kind{Name: "Part", Plural: "parts", Room: auth.Operations, Title: lang.T("Part", "Parte"), Titles: lang.T("Parts", "Partes")}, nil),
		catalog.Of[thing](catalog.Kind{Name: "Person", Plural: "persons", Room: auth.People, Personal: true, Title: lang.T("Person", "Persona"), Titles: lang.T("People", "Personas")}, nil))
}

var tables = slices.Concat(feed.Migrations(), audit.Migrations(), catalog.Migrations(), blob.Migrations())

// bench is a service with one record to attach to.
type bench struct {
	*testing.T
	db   *sqldb.DB
	cat  *catalog.Catalog
	blob *blob.Service
	dir  string
	now  time.Time
	part *entity.Entity
}

func caller(role auth.Role, account string) catalog.Caller {
	return catalog.Caller{Principal: auth.Principal{Account: account, Name: account, Org: "acme", Role: role, Session: "s", Via: "web"}, Manager: "form"}
}

var owner, member, auditor = caller(auth.RoleOwner, "olga"), caller(auth.RoleMember, "mia"), caller(auth.RoleAuditor, "aud")

func newBench(t *testing.T, db *sqldb.DB, store blob.Store, limits blob.Limits) *bench {
	b := &bench{T: t, db: db, dir: t.TempDir(), now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	if store == nil {
		store = blob.Folder(b.dir)
	}
	b.cat = catalog.New(db, kinds())
	b.blob = blob.New(blob.Config{Catalog: b.cat, Store: store, Limits: limits, Now: func() time.Time { return b.now }})
	b.part = b.make("Part", "shop")
	return b
}

func (b *bench) make(kind, name string) *entity.Entity {
	b.Helper()
	ch, err := b.cat.Create(b.Context(), owner, &entity.Entity{APIVersion: entity.APIVersion, Kind: kind, Metadata: entity.Metadata{Name: name}, Spec: []byte(`{"note":"x"}`)})
	b.must(err)
	ref, err := entity.ParseRef(ch.Ref, "", "")
	b.must(err)
	e, err := b.cat.Get(b.Context(), owner, ref)
	b.must(err)
	return e
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) add(c catalog.Caller, name, content string) blob.Attachment {
	b.Helper()
	b.now = b.now.Add(time.Second)
	a, err := b.blob.Add(b.Context(), c, b.part, name, strings.NewReader(content))
	b.must(err)
	return a
}

func (b *bench) read(id string) string {
	b.Helper()
	_, r, err := b.blob.Open(b.Context(), member, id)
	b.must(err)
	defer r.Close()
	data, err := io.ReadAll(r)
	b.must(err)
	return string(data)
}

func (b *bench) count(query string, args ...any) (n int) {
	b.Helper()
	b.must(b.db.QueryRow(b.Context(), query, args...).Scan(&n))
	return n
}

// s3 is a real S3-compatible server in this process.
func s3(t *testing.T) blob.Store {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("evidence"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	store, err := blob.OpenStore("s3://evidence/binnacle?region=eu-west-1&endpoint="+server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestAttach(t *testing.T) {
	for _, where := range []string{"folder", "s3"} {
		t.Run(where, func(t *testing.T) {
			sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
				var store blob.Store
				if where == "s3" {
					store = s3(t)
				}
				b := newBench(t, db, store, blob.Limits{})
				a := b.add(auditor, `C:\tmp\report.csv`, "a,b\n1,2\n")
				if a.Name != "report.csv" || a.Type != "text/csv" || a.Size != 8 || a.By != "aud" || len(a.SHA256) != 64 {
					t.Errorf("got %+v", a)
				}
				twin := b.add(member, "copy.txt", "a,b\n1,2\n")
				if twin.SHA256 != a.SHA256 || b.count(`SELECT count(*) FROM blobs`) != 1 || b.count(`SELECT live FROM blobs`) != 2 {
					t.Errorf("the same content is kept once: %+v", twin)
				}
				if got := b.read(a.ID); got != "a,b\n1,2\n" {
					t.Errorf("got %q", got)
				}
				list, err := b.blob.List(t.Context(), auditor.Principal, b.part)
				if err != nil || len(list) != 2 {
					t.Errorf("got %v, %v", list, err)
				}
				if n := b.count(`SELECT count(*) FROM feed WHERE type = 'attachment.added' AND uid = ?`, b.part.Metadata.UID); n != 2 {
					t.Errorf("%d entries in the feed", n)
				}
				if n := b.count(`SELECT count(*) FROM audit WHERE action = 'attachment.added'`); n != 2 {
					t.Errorf("%d audit records", n)
				}
				removes(b, a, twin)
			})
		})
	}
}

// removes removes two attachments of one content: the content stays with the
// first, goes a day after the second, and both leave a row with the hash.
func removes(b *bench, a, twin blob.Attachment) {
	b.Helper()
	ctx := b.Context()
	if _, err := b.blob.Remove(ctx, member, a.ID); !fault.Is(err, fault.Forbidden) {
		b.Errorf("a member removed another's: %v", err)
	}
	if _, err := b.blob.Remove(ctx, auditor, a.ID); err != nil {
		b.Errorf("who attached it may not remove it: %v", err)
	}
	if _, err := b.blob.Remove(ctx, owner, a.ID); !fault.Is(err, fault.NotFound) {
		b.Errorf("removed twice: %v", err)
	}
	if _, _, err := b.blob.Open(ctx, member, a.ID); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "removed by aud") {
		b.Errorf("got %v", err)
	}
	b.now = b.now.Add(48 * time.Hour)
	b.must(b.blob.Sweep(ctx))
	if got := b.read(twin.ID); got != "a,b\n1,2\n" {
		b.Errorf("the other's content went too: %q", got)
	}
	if _, err := b.blob.Remove(ctx, owner, twin.ID); err != nil {
		b.Errorf("the owner may not remove it: %v", err)
	}
	b.must(b.blob.Sweep(ctx))
	name := "acme/" + a.SHA256[:2] + "/" + a.SHA256
	if there, err := b.blob.Store().Has(ctx, name); err != nil || !there {
		b.Errorf("the content went before its day of grace: %v", err)
	}
	b.now = b.now.Add(25 * time.Hour)
	b.must(b.blob.Sweep(ctx))
	if there, err := b.blob.Store().Has(ctx, name); err != nil || there {
		b.Errorf("the content stayed: %v", err)
	}
	list, err := b.blob.List(ctx, member.Principal, b.part)
	if err != nil || len(list) != 2 || list[0].Removed.IsZero() || list[0].RemovedBy != "aud" || list[1].SHA256 != a.SHA256 {
		b.Errorf("got %+v, %v", list, err)
	}
}

func TestLimits(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db, nil, blob.Limits{File: 10, Org: 15})
		add := func(content string) error {
			_, err := b.blob.Add(t.Context(), member, b.part, "f", strings.NewReader(content))
			return err
		}
		if err := add("12345678901"); !fault.Is(err, fault.TooLarge) {
			t.Errorf("a file over the limit: %v", err)
		}
		if err := add(""); !fault.Is(err, fault.Invalid) {
			t.Errorf("an empty file: %v", err)
		}
		b.must(add("1234567890"))
		b.must(add("1234567890")) // the same content takes no more room
		if err := add("abcdefghij"); !fault.Is(err, fault.TooLarge) {
			t.Errorf("an organisation over its limit: %v", err)
		}
		if n := b.count(`SELECT count(*) FROM attachments`); n != 2 {
			t.Errorf("%d attachments", n)
		}
		if kept, err := filepath.Glob(filepath.Join(b.dir, "acme", "*", "*")); err != nil || len(kept) != 1 {
			t.Errorf("what was refused is kept: %v, %v", kept, err)
		}
		failing := io.MultiReader(strings.NewReader("12"), errReader{})
		if _, err := b.blob.Add(t.Context(), member, b.part, "f", failing); !errors.Is(err, errBroken) {
			t.Errorf("an upload that breaks off: %v", err)
		}
		left, err := filepath.Glob(filepath.Join(b.dir, ".incoming", "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

var errBroken = errors.New("broken off")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func TestRights(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	b := newBench(t, db, nil, blob.Limits{})
	a := b.add(member, "f.txt", "x")
	ingest, rival, nobody := caller(auth.RoleIngest, ""), owner, catalog.Caller{Principal: auth.Principal{Org: "acme"}}
	rival.Org = "rival"
	for name, c := range map[string]struct {
		c    catalog.Caller
		want fault.Kind
	}{"a machine": {ingest, fault.Forbidden}, "another organisation": {rival, fault.NotFound}, "nobody": {nobody, fault.Unauthenticated}} {
		if _, _, err := b.blob.Open(t.Context(), c.c, a.ID); !fault.Is(err, c.want) {
			t.Errorf("%s opens: %v", name, err)
		}
		if _, err := b.blob.Remove(t.Context(), c.c, a.ID); !fault.Is(err, c.want) {
			t.Errorf("%s removes: %v", name, err)
		}
	}
	if _, err := b.blob.Add(t.Context(), ingest, b.part, "f", strings.NewReader("x")); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a machine attaches: %v", err)
	}
	b.part = b.make("Person", "ana")
	held := b.add(owner, "cv.pdf", "%PDF-1.7")
	b.read(held.ID)
	if n := b.count(`SELECT count(*) FROM audit WHERE action = 'personal.read' AND actor = 'mia'`); n != 1 {
		t.Errorf("a look at a person's file was written %d times", n)
	}
	_, err := b.cat.Delete(t.Context(), owner, b.part.Ref(), 0)
	b.must(err)
	if _, _, err := b.blob.Open(t.Context(), owner, held.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the file of a deleted record: %v", err)
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	sqldbtest.Run(t, tables, func(t *testing.T, db *sqldb.DB) {
		b := newBench(t, db, nil, blob.Limits{})
		good, changed, lost := b.add(member, "good", "good"), b.add(member, "changed.txt", "right"), b.add(member, "lost.txt", "lost")
		file := func(a blob.Attachment) string { return filepath.Join(b.dir, "acme", a.SHA256[:2], a.SHA256) }
		got, err := blob.Check(t.Context(), db, b.blob.Store())
		if err != nil || got.Contents != 3 || got.Bytes != 13 || len(got.Flaws) != 0 {
			t.Errorf("got %+v, %v", got, err)
		}
		b.must(os.WriteFile(file(changed), []byte("wrong"), 0o600))
		b.must(os.Remove(file(lost)))
		got, err = blob.Check(t.Context(), db, b.blob.Store())
		if err != nil || len(got.Flaws) != 2 {
			t.Fatalf("got %+v, %v", got, err)
		}
		for _, f := range got.Flaws {
			want := map[string]bool{"changed.txt": false, "lost.txt": true}
			if missing, ok := want[f.Names[0]]; !ok || missing != f.Missing {
				t.Errorf("got %+v", f)
			}
		}
		if _, _, err := b.blob.Open(t.Context(), member, lost.ID); !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
			t.Errorf("lost content: %v", err)
		}
		b.add(member, "again.txt", "lost") // the content sent again heals what was lost
		if b.read(lost.ID) != "lost" || b.read(good.ID) != "good" {
			t.Error("not healed")
		}
		if info, err := os.Stat(file(good)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode: %v, %v", info.Mode(), err)
		}
	})
}

// TestChurn: what was removed takes room for its day of grace, so that attaching
// and removing over and over fills no disk.
func TestChurn(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	b := newBench(t, db, nil, blob.Limits{File: 10, Org: 15})
	var err error
	n := 0
	for ; n < 20 && err == nil; n++ {
		var a blob.Attachment
		if a, err = b.blob.Add(t.Context(), member, b.part, "f", strings.NewReader(fmt.Sprintf("%010d", n))); err == nil {
			_, err = b.blob.Remove(t.Context(), member, a.ID)
		}
	}
	if !fault.Is(err, fault.TooLarge) || n < 3 {
		t.Fatalf("after %d files: %v", n, err)
	}
	b.now = b.now.Add(48 * time.Hour)
	b.must(b.blob.Sweep(t.Context()))
	b.add(member, "f", "0123456789")
}

// Content that was kept and never attached, as after a crash, goes; so does an
// upload that broke off.
func TestSweepFindsLeftovers(t *testing.T) {
	db := sqldbtest.SQLite(t, tables)
	b := newBench(t, db, nil, blob.Limits{})
	b.add(member, "f", "xy")
	for _, crash := range []string{`DELETE FROM attachments`, `UPDATE blobs SET live = 0`} {
		_, err := db.Exec(t.Context(), crash)
		b.must(err)
	}
	staged, err := blob.Folder(b.dir).Stage()
	b.must(err)
	staged.Close()
	b.must(b.blob.Sweep(t.Context()))
	if n := b.count(`SELECT count(*) FROM blobs`); n != 1 {
		t.Errorf("swept at once: %d", n)
	}
	b.now = time.Now().Add(48 * time.Hour)
	b.must(b.blob.Sweep(t.Context()))
	if n := b.count(`SELECT count(*) FROM blobs`); n != 0 {
		t.Errorf("%d contents left", n)
	}
	var left []string
	b.must(filepath.WalkDir(b.dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, p)
		}
		return err
	}))
	if len(left) != 0 {
		t.Errorf("files left: %v", left)
	}
}

func TestStoreAddresses(t *testing.T) {
	for _, bad := range []string{"http://x", "s3:///x", "s3://key:secret@bucket", "s3://bucket?endpoint=nowhere", "s3://bucket?bucket=x", "s3://bucket?endpoint=https://x/y", "ftp://x"} {
		if s, err := blob.OpenStore(bad, ""); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, %v", bad, s, err)
		}
	}
	for _, name := range []string{"../x", "/etc/passwd", "a/../../x", ".incoming/x", ""} {
		if _, err := blob.Folder(t.TempDir()).Open(t.Context(), name); err == nil || fault.Is(err, fault.NotFound) {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestS3Refuses(t *testing.T) {
	store := s3(t)
	other, err := blob.OpenStore(strings.Replace("s3://nowhere/x?region=eu-west-1&endpoint=ENDPOINT", "ENDPOINT", "http://"+store.String()[strings.LastIndex(store.String(), " ")+1:], 1), "")
	if err != nil {
		t.Fatal(err)
	}
	f, err := other.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	if err := other.Keep(t.Context(), f, "a/b", 0); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "no bucket nowhere") {
		t.Errorf("got %v", err)
	}
	if _, err := store.Open(t.Context(), "none"); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v", err)
	}
	if err := store.Remove(t.Context(), "none"); err != nil {
		t.Errorf("got %v", err)
	}
	if _, err := blob.OpenStore("s3://ev/x", ""); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "shorter than 3") {
		t.Errorf("a name that no bucket has: %v", err)
	}
}

func TestHeaders(t *testing.T) {
	h := blob.Headers(blob.Attachment{Name: `añ "o".html`, Type: "text/html", Size: 3})
	if got := h.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment;") || strings.ContainsAny(got, "\r\n") {
		t.Errorf("got %q", got)
	}
	if h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("got %v", h)
	}
}

func TestLargeFile(t *testing.T) {
	b := newBench(t, sqldbtest.SQLite(t, tables), s3(t), blob.Limits{})
	a := b.add(member, "big.bin", string(bytes.Repeat([]byte{1, 2, 3, 0}, 5<<20)))
	if got := b.read(a.ID); len(got) != 20<<20 || a.Type != "application/octet-stream" {
		t.Errorf("%d bytes of %s", len(got), a.Type)
	}
}
