package backup_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/backup"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// steps make tables with all that is hard to move: references to later tables
// and to the table itself, numbers given by the database, seeds, computed
// columns, full-text search, and the append-only audit log.
var steps = slices.Concat([]sqldb.Migration{{Name: "test/001", SQL: `
CREATE TABLE people (id TEXT PRIMARY KEY, boss TEXT REFERENCES people (id), name TEXT NOT NULL, n BIGINT,
  name_length BIGINT GENERATED ALWAYS AS (length(name)) STORED)
;;
CREATE TABLE badges (person TEXT NOT NULL REFERENCES people (id), "odd ""name" TEXT)
;;
CREATE TABLE seeds (name TEXT PRIMARY KEY, next BIGINT NOT NULL)
;;
INSERT INTO seeds (name, next) VALUES ('ids', 1)
;;
CREATE TABLE sessions (id TEXT PRIMARY KEY)`, SQLite: `
CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL)
;;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, b BLOB, f REAL)
;;
CREATE VIRTUAL TABLE search USING fts5(body, content='', contentless_delete=1)`, Postgres: `
CREATE TABLE log (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what TEXT NOT NULL)
;;
CREATE TABLE blobs (id BIGSERIAL PRIMARY KEY, b BYTEA, f DOUBLE PRECISION)
;;
CREATE TABLE search (id BIGINT PRIMARY KEY, words tsvector NOT NULL)`}}, feed.Migrations(), audit.Migrations())

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exec(t testing.TB, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// fill puts data into every table.
func fill(t testing.TB, db *sqldb.DB) {
	t.Helper()
	ctx := t.Context()
	must(t, db.Tx(ctx, func(tx *sqldb.Tx) error {
		var entries []*feed.Entry
		var records []*audit.Record
		for i := range 1200 {
			entries = append(entries, &feed.Entry{Org: "acme", Type: "run", Rev: int64(i), Data: json.RawMessage(`{"x": "<&>\u2028"}`)})
			records = append(records, &audit.Record{Org: "acme", Action: fmt.Sprint(i)})
		}
		return errors.Join(feed.Append(ctx, tx, entries...), audit.Append(ctx, tx, records...))
	}))
	exec(t, db, `INSERT INTO people (id, boss, name, n) VALUES ('root', NULL, 'Ana "Ñ" \ 日本 😀', ?)`, int64(math.MaxInt64))
	exec(t, db, `INSERT INTO people (id, boss, name, n) VALUES ('a', 'root', '', ?)`, int64(math.MinInt64))
	exec(t, db, `UPDATE people SET boss = 'a' WHERE id = 'root'`) // a circle
	exec(t, db, "INSERT INTO people (id, boss, name, n) VALUES ('b', 'a', ?, NULL)", "line\n\ttab\u2028\u0001 <b>&</b>")
	exec(t, db, `INSERT INTO badges (person, "odd ""name") VALUES ('b', 'null'), ('a', NULL), ('a', '[')`)
	exec(t, db, `INSERT INTO blobs (b, f) VALUES (?, ?), (?, ?), (NULL, NULL), (?, ?)`, []byte{0, 255, 10}, 0.1, []byte{}, math.Inf(-1), []byte("x"), 1e300)
	exec(t, db, `INSERT INTO log (what) VALUES ('one'), ('two'), ('three')`)
	exec(t, db, `DELETE FROM log WHERE what = 'two'`)
	exec(t, db, `UPDATE seeds SET next = 77`)
	exec(t, db, `INSERT INTO sessions (id) VALUES ('s1')`)
	if db.Dialect() == sqldb.SQLite {
		exec(t, db, `INSERT INTO search (rowid, body) VALUES (1, 'word')`)
	} else {
		exec(t, db, `INSERT INTO search (id, words) VALUES (1, to_tsvector('word'))`)
	}
}

// content returns every table's rows as sorted text.
func content(t testing.TB, db *sqldb.DB) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for table, columns := range map[string]string{
		"people": "id, boss, name, n, name_length", "badges": `person, "odd ""name"`, "seeds": "name, next", "sessions": "id", "log": "id, what", "blobs": "id, b, f",
		"feed": "seq, org, at, type, ref, uid, rev, actor, data", "feed_head": "id, seq", "audit": "org, seq, at, actor, actor_name, action, detail, prev, hash",
		"audit_heads": "org, seq, hash", "search": "1",
	} {
		rows, err := db.Query(t.Context(), `SELECT `+columns+` FROM `+table)
		must(t, err)
		n := strings.Count(columns, ",") + 1
		for rows.Next() {
			values := make([]any, n)
			for i := range values {
				values[i] = &values[i]
			}
			must(t, rows.Scan(values...))
			for i := range values {
				if b, ok := values[i].([]byte); ok && len(b) == 0 {
					values[i] = []byte{}
				}
			}
			out[table] = append(out[table], fmt.Sprintf("%#v", values))
		}
		must(t, rows.Err())
		rows.Close()
		slices.Sort(out[table])
	}
	return out
}

func write(t testing.TB, db *sqldb.DB, o backup.Options) ([]byte, backup.Report) {
	t.Helper()
	var b bytes.Buffer
	r, err := backup.Write(t.Context(), db, &b, o)
	must(t, err)
	return b.Bytes(), r
}

func restore(t testing.TB, db *sqldb.DB, file []byte) error {
	t.Helper()
	_, err := backup.Restore(t.Context(), db, bytes.NewReader(file), backup.RestoreOptions{Migrations: steps})
	return err
}

// Each database restores what each wrote, and goes on from there.
func TestMove(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, from *sqldb.DB) {
		fill(t, from)
		want := content(t, from)
		want["search"] = nil
		file, wrote := write(t, from, backup.Options{Program: "1.2.3"})
		verified, err := backup.Verify(bytes.NewReader(file))
		must(t, err)
		if d := cmp.Diff(wrote, verified); d != "" {
			t.Errorf("Verify reports something else than Write: %s", d)
		}
		if wrote.Bytes != int64(len(file)) || wrote.Program != "1.2.3" || wrote.Dialect != from.Dialect() || wrote.Rows < 2400 {
			t.Errorf("got %+v for %d bytes", wrote, len(file))
		}
		sqldbtest.Run(t, nil, func(t *testing.T, to *sqldb.DB) {
			exec(t, to, `DROP TABLE migrations`) // as a new database
			must(t, restore(t, to, file))
			got := content(t, to)
			got["search"] = nil
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("restored something else (-want +got): %s", d)
			}
			exec(t, to, `INSERT INTO log (what) VALUES ('four')`)
			exec(t, to, `INSERT INTO blobs (b) VALUES (NULL)`)
			var id int64
			must(t, to.QueryRow(t.Context(), `SELECT id FROM log WHERE what = 'four'`).Scan(&id))
			if id != 4 {
				t.Errorf("the next number is %d, want 4", id)
			}
			if _, err := to.Exec(t.Context(), `INSERT INTO badges (person) VALUES ('nobody')`); err == nil {
				t.Error("references are no longer checked")
			}
			if _, err := to.Exec(t.Context(), `DELETE FROM audit`); err == nil {
				t.Error("the audit log is no longer append-only")
			}
			e := &feed.Entry{Type: "run"}
			must(t, to.Tx(t.Context(), func(tx *sqldb.Tx) error { return feed.Append(t.Context(), tx, e) }))
			if e.Seq != 1201 {
				t.Errorf("the next entry is %d, want 1201", e.Seq)
			}
			if r, err := audit.New(to).Verify(t.Context(), "acme"); err != nil || !r.OK || r.Count != 1200 {
				t.Errorf("the audit log: %+v, %v", r, err)
			}
		})
	})
}

// A text of SQLite may be no text; PostgreSQL says so, SQLite gets it back.
func TestInvalidText(t *testing.T) {
	from := sqldbtest.SQLite(t, steps)
	exec(t, from, `INSERT INTO sessions (id) VALUES (?)`, "bad\xff")
	file, _ := write(t, from, backup.Options{})
	to := sqldbtest.SQLite(t, steps)
	must(t, restore(t, to, file))
	var id string
	must(t, to.QueryRow(t.Context(), `SELECT id FROM sessions`).Scan(&id))
	if id != "bad\xff" {
		t.Errorf("got %q", id)
	}
	pg := sqldbtest.Postgres(t, steps)
	if err := restore(t, pg, file); err == nil || !strings.Contains(err.Error(), "table sessions") {
		t.Errorf("got %v, want the name of the table", err)
	}
	if c := content(t, pg); len(c["sessions"]) != 0 || len(c["seeds"]) != 1 {
		t.Errorf("a failed restore left %v", c)
	}
}

// The backup is of one moment, however much is written meanwhile, and stops no
// writer.
func TestWhileServing(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, db *sqldb.DB) {
		fill(t, db)
		during := func(p backup.Progress) {
			must(t, db.Tx(context.Background(), func(tx *sqldb.Tx) error {
				return errors.Join(feed.Append(context.Background(), tx, &feed.Entry{Type: "late"}),
					audit.Append(context.Background(), tx, &audit.Record{Org: "acme"}))
			}))
		}
		file, _ := write(t, db, backup.Options{Progress: during})
		to := sqldbtest.SQLite(t, steps)
		must(t, restore(t, to, file))
		if c := content(t, to); len(c["feed"]) != 1200 || !strings.Contains(c["feed_head"][0], "1200") {
			t.Errorf("got %d entries, head %v", len(c["feed"]), c["feed_head"])
		}
		if r, err := audit.New(to).Verify(t.Context(), "acme"); err != nil || !r.OK || r.Count != 1200 {
			t.Errorf("got %+v, %v", r, err)
		}
		if c := content(t, db); len(c["feed"]) == 1200 {
			t.Error("nothing was written during the backup, so this tested nothing")
		}
	})
}

func TestDamageIsRefused(t *testing.T) {
	db := sqldbtest.SQLite(t, steps)
	exec(t, db, `INSERT INTO sessions (id) VALUES ('s1'), ('s2')`)
	file, _ := write(t, db, backup.Options{})
	check := func(what string, damaged []byte) {
		t.Helper()
		if _, err := backup.Verify(bytes.NewReader(damaged)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
	}
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= 1 << (i % 8)
		check(fmt.Sprintf("bit %d of byte %d of %d flipped", i%8, i, len(file)), damaged)
		check(fmt.Sprintf("cut after %d of %d bytes", i, len(file)), file[:i])
	}
	check("a byte more", append(bytes.Clone(file), 0))
	check("twice", append(bytes.Clone(file), file...))
	check("text", []byte("hello, world; this is no backup at all, only some text of no use"))

	damaged := bytes.Clone(file)
	damaged[len(damaged)/2] ^= 4
	sqldbtest.Run(t, steps, func(t *testing.T, to *sqldb.DB) {
		if err := restore(t, to, damaged); !fault.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
			t.Errorf("got %v, want a refusal with a hint", err)
		}
		if c := content(t, to); len(c["sessions"]) != 0 {
			t.Error("something was restored from a damaged file")
		}
		must(t, restore(t, to, file))
	})
}

// Other programs read the file as any gzip file.
func TestGzipReadsIt(t *testing.T) {
	db := sqldbtest.SQLite(t, steps)
	file, _ := write(t, db, backup.Options{})
	gz, err := gzip.NewReader(bytes.NewReader(file))
	must(t, err)
	text, err := io.ReadAll(gz)
	must(t, err)
	if !bytes.HasPrefix(text, []byte(`{"header":{"format":1,`)) || !bytes.Contains(text, []byte("\n[\"ids\",1]\n")) || !bytes.HasSuffix(text, []byte("}}\n")) {
		t.Errorf("got %s", text)
	}
}

func TestForms(t *testing.T) {
	head := `{"header":{"format":1,"program":"","dialect":"sqlite","created":"2024-02-29T00:00:00Z","migrations":[]}}` + "\n"
	table := `{"table":{"name":"t","columns":[{"name":"a","type":"int"},{"name":"b","type":"text"}]}}` + "\n"
	for _, c := range []struct{ text, want string }{
		{head + `{"end":{"tables":0,"rows":0,"files":0}}` + "\n", ""},
		{head + table + "[1,\"x\"]\n[null,null]\n" + `{"end":{"tables":1,"rows":2,"files":0}}` + "\n", ""},
		{"", "its end is missing"},
		{"{}\n", "not a backup"},
		{"hello\n", "not a backup"},
		{head, "its end is missing"},
		{strings.Replace(head, `"format":1`, `"format":2`, 1), "newer"},
		{head + "[1]\n", "outside of a table"},
		{head + table + "[1]\n", "1 values for 2 columns"},
		{head + table + "[1.5,\"x\"]\n", "column a"},
		{head + table + "[1,2]\n", "column b"},
		{head + table + "[1,[\"eA==\",\"eA==\"]]\n", "column b"},
		{head + strings.Replace(table, "int", "date", 1), "unknown type"},
		{head + `{"end":{"tables":0,"rows":1,"files":0}}` + "\n", "should hold 1"},
		{head + `{"end":{"tables":0,"rows":0,"files":0}}` + "\n{}\n", "after the end"},
		{head + `{"file":{"name":"../x","size":1}}` + "\n", "leaves the data folder"},
		{head + `{"file":{"name":"x","size":9}}` + "\n" + `{"data":"eA=="}` + "\n" + `{"end":{"tables":0,"rows":0,"files":1}}` + "\n", "cut off"},
		{head + `{"file":{"name":"x","size":0}}` + "\n" + `{"data":"eA=="}` + "\n", "longer"},
		{head + `{"tabel":{}}` + "\n", "not as expected"},
		{head + "{}\n", "says nothing"},
		{head + "{", "cannot be read"},
	} {
		_, err := backup.Verify(bytes.NewReader(backup.Sealed([]byte(c.text))))
		if c.want == "" && err != nil || c.want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.60s… %s: got %v, want %q", c.text[:min(20, len(c.text))], c.text[min(len(head), len(c.text)):], err, c.want)
		}
	}
}

func TestOnlyIntoAnEmptyDatabase(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, to *sqldb.DB) {
		from := sqldbtest.SQLite(t, steps)
		exec(t, from, `INSERT INTO sessions (id) VALUES ('new')`)
		file, _ := write(t, from, backup.Options{})
		exec(t, to, `INSERT INTO sessions (id) VALUES ('old')`)
		err := restore(t, to, file)
		if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "sessions has 1 rows") || !strings.Contains(fault.HintOf(err), "new data folder") {
			t.Errorf("got %v, hint %q", err, fault.HintOf(err))
		}
		exec(t, to, `DELETE FROM sessions`)
		must(t, restore(t, to, file))

		exec(t, to, `DELETE FROM migrations WHERE name = 'feed/001'`)
		if err := restore(t, to, file); !fault.Is(err, fault.Conflict) {
			t.Errorf("a database of another version: %v", err)
		}
		exec(t, to, `DROP TABLE migrations`)
		if err := restore(t, to, file); !fault.Is(err, fault.Conflict) {
			t.Errorf("a database of another program: %v", err)
		}
	})
}

func TestVersions(t *testing.T) {
	from := sqldbtest.SQLite(t, steps)
	exec(t, from, `INSERT INTO sessions (id) VALUES ('s')`)
	file, _ := write(t, from, backup.Options{Program: "9.9"})
	newer := append(slices.Clone(steps), sqldb.Migration{Name: "test/002", SQL: `ALTER TABLE sessions ADD COLUMN made BIGINT NOT NULL DEFAULT 5`})
	sqldbtest.Run(t, nil, func(t *testing.T, to *sqldb.DB) {
		exec(t, to, `DROP TABLE migrations`)
		older := steps[:len(steps)-1]
		_, err := backup.Restore(t.Context(), to, bytes.NewReader(file), backup.RestoreOptions{Migrations: older})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "newer binnacle (9.9)") {
			t.Errorf("an older program: %v", err)
		}
		rebuilt := 0
		_, err = backup.Restore(t.Context(), to, bytes.NewReader(file), backup.RestoreOptions{Migrations: newer, Rebuild: func(ctx context.Context, db *sqldb.DB) error {
			return db.QueryRow(ctx, `SELECT made FROM sessions WHERE id = 's'`).Scan(&rebuilt)
		}})
		if err != nil || rebuilt != 5 {
			t.Errorf("a newer program: %v, rebuild saw %d", err, rebuilt)
		}
	})
}

func TestSkipAndFiles(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, from *sqldb.DB) {
		fill(t, from)
		dir := t.TempDir()
		key, big := filepath.Join(dir, "key"), filepath.Join(dir, "big")
		must(t, os.WriteFile(key, []byte("secret"), 0o600))
		must(t, os.WriteFile(big, bytes.Repeat([]byte("0123456789"), 20_000), 0o600))
		o := backup.Options{Skip: []string{"sessions"}, Files: []backup.File{{Name: "key", Path: key, Secret: true}, {Name: "sub/big", Path: big}, {Name: "none", Path: filepath.Join(dir, "none")}}}
		file, report := write(t, from, o)
		if d := cmp.Diff([]string{"key"}, report.Omitted); d != "" || len(report.Files) != 1 || bytes.Contains(unzip(t, file), []byte("c2VjcmV0")) {
			t.Errorf("got %+v", report)
		}
		o.IncludeKey = true
		file, report = write(t, from, o)
		if d := cmp.Diff([]backup.FileReport{{Name: "key", Size: 6}, {Name: "sub/big", Size: 200_000}}, report.Files); d != "" || report.Omitted != nil {
			t.Errorf("got %+v", report)
		}

		to, data := sqldbtest.SQLite(t, steps), t.TempDir()
		must(t, os.WriteFile(filepath.Join(data, "key"), []byte("other"), 0o600))
		ro := backup.RestoreOptions{Migrations: steps, Dir: data, Skip: []string{"log"}}
		if _, err := backup.Restore(t.Context(), to, bytes.NewReader(file), ro); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "key exists already") {
			t.Errorf("a file in the way: %v", err)
		}
		must(t, os.Remove(filepath.Join(data, "key")))
		_, err := backup.Restore(t.Context(), to, bytes.NewReader(file), ro)
		must(t, err)
		for name, want := range map[string]string{"key": "secret", "sub/big": strings.Repeat("0123456789", 20_000)} {
			path := filepath.Join(data, name)
			got, err := os.ReadFile(path)
			info, _ := os.Stat(path)
			if err != nil || string(got) != want || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %d bytes, %v, %v", name, len(got), info.Mode(), err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(data, ".restore*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if c := content(t, to); len(c["sessions"]) != 0 || len(c["log"]) != 0 || len(c["people"]) != 3 {
			t.Errorf("got sessions %v, log %v", c["sessions"], c["log"])
		}
	})
}

func unzip(t testing.TB, file []byte) []byte {
	t.Helper()
	gz, err := gzip.NewReader(bytes.NewReader(file))
	must(t, err)
	text, err := io.ReadAll(gz)
	must(t, err)
	return text
}

// A folder is taken whole, without what is being written in it, and what lies
// elsewhere is named in the backup.
func TestFolders(t *testing.T) {
	from, dir := sqldbtest.SQLite(t, steps), t.TempDir()
	for name, text := range map[string]string{"acme/ab/abc": "one", "acme/cd/cde": "", "rival/x": strings.Repeat("x", 100_000), ".incoming/half": "half"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	o := backup.Options{Folders: []backup.Folder{{Name: "attachments", Path: dir}, {Name: "none", Path: filepath.Join(dir, "none")}}, Elsewhere: []string{"s3://bucket"}}
	file, report := write(t, from, o)
	want := []backup.FileReport{{Name: "attachments/acme/ab/abc", Size: 3}, {Name: "attachments/acme/cd/cde"}, {Name: "attachments/rival/x", Size: 100_000}}
	if d := cmp.Diff(want, report.Files); d != "" {
		t.Error(d)
	}
	to, data := sqldbtest.SQLite(t, steps), t.TempDir()
	got, err := backup.Restore(t.Context(), to, bytes.NewReader(file), backup.RestoreOptions{Migrations: steps, Dir: data})
	must(t, err)
	if d := cmp.Diff([]string{"s3://bucket"}, got.Elsewhere); d != "" {
		t.Error(d)
	}
	for _, f := range want {
		if info, err := os.Stat(filepath.Join(data, filepath.FromSlash(f.Name))); err != nil || info.Size() != f.Size {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// What changes while it is read is frozen for as long as that takes.
func TestFreeze(t *testing.T) {
	from, dir := sqldbtest.SQLite(t, steps), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "part"), []byte("still"), 0o600))
	frozen, own := false, errors.New("cannot thaw")
	o := backup.Options{Freeze: func(context.Context) ([]backup.Folder, func() error, error) {
		frozen = true
		return []backup.Folder{{Name: "events/day", Path: dir}}, func() error { frozen = false; return nil }, nil
	}}
	_, report := write(t, from, o)
	if d := cmp.Diff([]backup.FileReport{{Name: "events/day/part", Size: 5}}, report.Files); d != "" || frozen {
		t.Errorf("frozen %v: %s", frozen, d)
	}
	o.Freeze = func(context.Context) ([]backup.Folder, func() error, error) {
		return []backup.Folder{{Name: "../away", Path: dir}}, func() error { return own }, nil
	}
	if _, err := backup.Write(t.Context(), from, io.Discard, o); !errors.Is(err, own) || !strings.Contains(err.Error(), "leaves the data folder") {
		t.Errorf("got %v", err)
	}
	o.Freeze = func(context.Context) ([]backup.Folder, func() error, error) { return nil, nil, own }
	large := make([]byte, 1<<20) // more than waits in buffers
	rand.NewChaCha8([32]byte{}).Read(large)
	exec(t, from, `INSERT INTO blobs (b) VALUES (?)`, large)
	out := &bytes.Buffer{}
	if _, err := backup.Write(t.Context(), from, out, o); !errors.Is(err, own) || out.Len() != 0 {
		t.Errorf("got %v after %d bytes", err, out.Len())
	}
}

// What the tables name is in the folders: these are frozen after the moment of
// the tables, which later rows do not change.
func TestFreezeAfterTables(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, from *sqldb.DB) {
		fill(t, from)
		_, before := write(t, from, backup.Options{})
		_, report := write(t, from, backup.Options{Freeze: func(ctx context.Context) ([]backup.Folder, func() error, error) {
			exec(t, from, `INSERT INTO log (what) VALUES ('later')`)
			return nil, func() error { return nil }, nil
		}})
		_, after := write(t, from, backup.Options{})
		if report.Rows != before.Rows || after.Rows <= before.Rows {
			t.Errorf("%d rows before, %d with rows that came while the folders were frozen, %d after", before.Rows, report.Rows, after.Rows)
		}
	})
}

// A restore that fails half way leaves nothing, neither rows nor files.
func TestAllOrNothing(t *testing.T) {
	from := sqldbtest.SQLite(t, steps)
	fill(t, from)
	file, _ := write(t, from, backup.Options{Files: []backup.File{{Name: "f", Path: "backup_test.go"}, {Name: "deep/er/f", Path: "backup_test.go"}}})
	sqldbtest.Run(t, steps, func(t *testing.T, to *sqldb.DB) {
		before, data := content(t, to), t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stop := func(p backup.Progress) {
			if p.Rows > 1500 {
				cancel()
			}
		}
		_, err := backup.Restore(ctx, to, bytes.NewReader(file), backup.RestoreOptions{Migrations: steps, Dir: data, Progress: stop})
		if err == nil {
			t.Fatal("the restore was not stopped")
		}
		if d := cmp.Diff(before, content(t, to)); d != "" {
			t.Errorf("rows were left: %s", d)
		}
		if left, _ := os.ReadDir(data); len(left) > 0 {
			t.Errorf("files were left: %v", left)
		}
		must(t, restore(t, to, file))
	})
}

// A row that points nowhere is found before anything is kept.
func TestDanglingReference(t *testing.T) {
	sqldbtest.Run(t, steps, func(t *testing.T, to *sqldb.DB) {
		from := sqldbtest.SQLite(t, steps)
		fill(t, from)
		file, _ := write(t, from, backup.Options{Skip: []string{"people"}})
		if err := restore(t, to, file); err == nil {
			t.Error("badges of nobody were restored")
		}
		if c := content(t, to); len(c["badges"])+len(c["feed"]) != 0 {
			t.Error("rows were left")
		}
	})
}

func TestWriteFile(t *testing.T) {
	db := sqldbtest.SQLite(t, steps)
	fill(t, db)
	path := filepath.Join(t.TempDir(), "b.binnacle")
	var last backup.Progress
	wrote, err := backup.WriteFile(t.Context(), db, path, backup.Options{Progress: func(p backup.Progress) { last = p }})
	must(t, err)
	if last.Rows != wrote.Rows || last.Total != wrote.Rows {
		t.Errorf("got last progress %+v of %d rows", last, wrote.Rows)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != wrote.Bytes {
		t.Errorf("got %v, %v", info, err)
	}
	if _, err := backup.WriteFile(t.Context(), db, path, backup.Options{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("an existing file: %v", err)
	}
	verified, err := backup.VerifyFile(path)
	if d := cmp.Diff(wrote, verified); err != nil || d != "" {
		t.Error(err, d)
	}
	to := sqldbtest.SQLite(t, steps)
	_, err = backup.RestoreFile(t.Context(), to, path, backup.RestoreOptions{Migrations: steps})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone := filepath.Join(filepath.Dir(path), "none")
	if _, err := backup.WriteFile(ctx, db, gone, backup.Options{}); err == nil {
		t.Error("a stopped backup succeeded")
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestUnportableColumn(t *testing.T) {
	sqldbtest.Run(t, []sqldb.Migration{{Name: "x/001", SQL: `CREATE TABLE x (id INTEGER PRIMARY KEY, at TIMESTAMP)`}}, func(t *testing.T, db *sqldb.DB) {
		_, err := backup.Write(t.Context(), db, io.Discard, backup.Options{})
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), `column at has the type "timestamp`) {
			t.Errorf("got %v", err)
		}
		if _, err := backup.Write(t.Context(), db, io.Discard, backup.Options{Skip: []string{"x"}}); err != nil {
			t.Error(err)
		}
	})
}

// A failing disk is not a damaged backup.
func TestReadError(t *testing.T) {
	db := sqldbtest.SQLite(t, steps)
	file, _ := write(t, db, backup.Options{})
	boom := errors.New("boom")
	for _, n := range []int{0, 5, len(file) / 2, len(file)} {
		_, err := backup.Verify(io.MultiReader(bytes.NewReader(file[:n]), failing{boom}))
		if !errors.Is(err, boom) || fault.Is(err, fault.Invalid) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"header":{"format":1,"program":"1","dialect":"sqlite","created":"2024-02-29T00:00:00Z","migrations":["a/001"]}}
{"table":{"name":"t","columns":[{"name":"a","type":"int"},{"name":"b","type":"text"},{"name":"c","type":"float"},{"name":"d","type":"bytes"}]}}
[1,"x",1.5,"eA=="]
[null,["/w=="],"-Inf",null]
{"file":{"name":"f","size":1}}
{"data":"eA=="}
{"end":{"tables":1,"rows":2,"files":1}}
`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := backup.Verify(bytes.NewReader(backup.Sealed(text)))
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
		if err == nil && r.Format != 1 {
			t.Errorf("got %+v", r)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	db := sqldbtest.SQLite(b, steps)
	many := make([]*feed.Entry, 50_000)
	for i := range many {
		many[i] = &feed.Entry{Org: "acme", Type: "run", Ref: fmt.Sprint("component:default/c", i), Data: json.RawMessage(`{"a":1}`)}
	}
	must(b, db.Tx(b.Context(), func(tx *sqldb.Tx) error { return feed.Append(b.Context(), tx, many...) }))
	start := time.Now()
	for b.Loop() {
		if _, err := backup.Write(b.Context(), db, io.Discard, backup.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(many))/time.Since(start).Seconds(), "rows/s")
}
