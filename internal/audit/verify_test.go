package audit_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var day = time.Date(2024, 2, 29, 8, 0, 0, 0, time.UTC)

// six writes six records of acme, an hour apart, with others of other
// organisations between them.
func six(t testing.TB, db *sqldb.DB) {
	t.Helper()
	for i := range 6 {
		write(t, db,
			&audit.Record{Org: "acme", At: day.Add(time.Duration(i) * time.Hour), Actor: "u" + fmt.Sprint(i%2), ActorName: "Ana Ñandú", Action: "entity.update",
				Target: fmt.Sprintf("component:default/shop_%d", i), Detail: json.RawMessage(fmt.Sprintf(`{"n": %d, "why": "<b> & %% "}`, i)),
				IP: "192.0.2.1", Via: "web"},
			&audit.Record{Org: "other", Action: "sign-in", Actor: "x"}, &audit.Record{Action: "start", Actor: audit.System})
	}
}

func dropTriggers(t *testing.T, db *sqldb.DB) {
	t.Helper()
	for _, name := range []string{"audit_no_update ON audit", "audit_no_delete ON audit", "audit_no_replace ON audit", "audit_no_change ON audit", "audit_heads_no_delete ON audit_heads"} {
		if db.Dialect() == sqldb.SQLite {
			name, _, _ = strings.Cut(name, " ")
		}
		mustExec(t, db, `DROP TRIGGER IF EXISTS `+name)
	}
}

func mustExec(t *testing.T, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func TestTheDatabaseRefusesChanges(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		six(t, db)
		statements := []string{
			`UPDATE audit SET actor = 'nobody' WHERE seq = 3`,
			`UPDATE audit SET actor = actor`,
			`DELETE FROM audit WHERE seq = 3`,
			`DELETE FROM audit`,
			`DELETE FROM audit_heads`,
		}
		if db.Dialect() == sqldb.SQLite {
			statements = append(statements, `INSERT OR REPLACE INTO audit SELECT org, seq, at, 'nobody', actor_name, action, target, detail, ip, via, outcome, prev, hash FROM audit WHERE seq = 3`)
		} else {
			statements = append(statements, `TRUNCATE audit`)
		}
		for _, s := range statements {
			if _, err := db.Exec(t.Context(), s); err == nil || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: got %v, want a refusal", s, err)
			}
		}
		if r, err := audit.New(db).Verify(t.Context(), "acme"); err != nil || !r.OK || r.Count != 6 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// tampers are all ways to falsify the chain of acme, six records long, and the
// record at which each is found.
var tampers = []struct {
	name, sql, postgres string
	want                int64
	reason              string
}{
	{name: "org", sql: `UPDATE audit SET org = 'acmf' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "missing"},
	{name: "seq", sql: `UPDATE audit SET seq = 7 WHERE org = 'acme' AND seq = 6`, want: 6, reason: "missing"},
	{name: "at", sql: `UPDATE audit SET at = at + 1 WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "actor", sql: `UPDATE audit SET actor = 'u2' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "actor_name", sql: `UPDATE audit SET actor_name = 'Ana Nandú' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "action", sql: `UPDATE audit SET action = 'entity.updatf' WHERE org = 'acme' AND seq = 1`, want: 1, reason: "changed"},
	{name: "target", sql: `UPDATE audit SET target = target || ' ' WHERE org = 'acme' AND seq = 6`, want: 6, reason: "changed"},
	{name: "detail", sql: `UPDATE audit SET detail = '{"n":9}' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "ip", sql: `UPDATE audit SET ip = '192.0.2.2' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "via", sql: `UPDATE audit SET via = 'api' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "outcome", sql: `UPDATE audit SET outcome = 'refused' WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "prev", sql: `UPDATE audit SET prev = hash WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "hash", sql: `UPDATE audit SET hash = prev WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "text moved between columns", sql: `UPDATE audit SET actor = '', ip = actor || ip WHERE org = 'acme' AND seq = 3`, want: 3, reason: "changed"},
	{name: "delete the first", sql: `DELETE FROM audit WHERE org = 'acme' AND seq = 1`, want: 1, reason: "missing"},
	{name: "delete one", sql: `DELETE FROM audit WHERE org = 'acme' AND seq = 4`, want: 4, reason: "missing"},
	{name: "delete and close the gap", sql: "DELETE FROM audit WHERE org = 'acme' AND seq = 5\n;;\nUPDATE audit SET seq = 5 WHERE org = 'acme' AND seq = 6", want: 5, reason: "changed"},
	{name: "reorder", sql: "UPDATE audit SET seq = -1 WHERE org = 'acme' AND seq = 2\n;;\nUPDATE audit SET seq = 2 WHERE org = 'acme' AND seq = 3\n;;\nUPDATE audit SET seq = 3 WHERE org = 'acme' AND seq = -1", want: 2, reason: "changed"},
	{name: "cut the tail", sql: `DELETE FROM audit WHERE org = 'acme' AND seq > 4`, want: 5, reason: "missing"},
	{name: "cut everything", sql: `DELETE FROM audit WHERE org = 'acme'`, want: 1, reason: "missing"},
	{name: "cut the tail and the head", sql: "DELETE FROM audit WHERE org = 'acme' AND seq > 4\n;;\nUPDATE audit_heads SET seq = 4 WHERE org = 'acme'", want: 4, reason: "does not match the end"},
	{name: "drop the head", sql: `DELETE FROM audit_heads WHERE org = 'acme'`, want: 1, reason: "stands after the end"},
	{name: "head moved back", sql: `UPDATE audit_heads SET seq = 5 WHERE org = 'acme'`, want: 6, reason: "stands after the end"},
	{name: "copy from another chain", sql: `INSERT INTO audit SELECT 'acme', 7, at, actor, actor_name, action, target, detail, ip, via, outcome, prev, hash FROM audit WHERE org = 'other' AND seq = 6`, want: 7, reason: "changed"},
}

func TestVerifyFindsTampering(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		six(t, db)
		dropTriggers(t, db)
		mustExec(t, db, `CREATE TABLE kept AS SELECT * FROM audit`)
		mustExec(t, db, `CREATE TABLE kept_heads AS SELECT * FROM audit_heads`)
		l := audit.New(db)
		for _, c := range tampers {
			for _, s := range strings.Split(c.sql, "\n;;\n") {
				mustExec(t, db, s)
			}
			r, err := l.Verify(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			if r.OK || r.BrokenAt != c.want || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("%s: got %+v, want broken at %d: %s", c.name, r, c.want, c.reason)
			}
			if r, err := l.Verify(t.Context(), "other"); err != nil || !r.OK {
				t.Errorf("%s: the other chain: %+v, %v", c.name, r, err)
			}
			for _, s := range []string{`DELETE FROM audit`, `DELETE FROM audit_heads`, `INSERT INTO audit SELECT * FROM kept`, `INSERT INTO audit_heads SELECT * FROM kept_heads`} {
				mustExec(t, db, s)
			}
		}
		if r, err := l.Verify(t.Context(), "acme"); err != nil || !r.OK {
			t.Errorf("after all was put back: %+v, %v", r, err)
		}
	})
}

// Someone who knows how hashes are made can change a record together with its
// hash; the record after it, or the head, then gives it away.
func TestVerifyFindsARehashedRecord(t *testing.T) {
	for seq, want := range map[int64]struct {
		at     int64
		reason string
	}{3: {4, "does not follow"}, 6: {6, "does not match the end"}} {
		db := sqldbtest.SQLite(t, audit.Migrations())
		six(t, db)
		dropTriggers(t, db)
		l := audit.New(db)
		records, _, err := l.Search(t.Context(), "acme", audit.Query{Before: seq + 1, Limit: 1})
		if err != nil || len(records) != 1 || records[0].Seq != seq {
			t.Fatal(records, err)
		}
		r := records[0]
		r.Actor = "somebody else"
		mustExec(t, db, `UPDATE audit SET actor = ?, hash = ? WHERE org = 'acme' AND seq = ?`, r.Actor, r.Sum(), seq)
		if got, err := l.Verify(t.Context(), "acme"); err != nil || got.OK || got.BrokenAt != want.at || !strings.Contains(got.Reason, want.reason) {
			t.Errorf("record %d: got %+v, %v, want broken at %d: %s", seq, got, err, want.at, want.reason)
		}
	}
}

// A chain that was forged as a whole agrees with itself; an anchor tells.
func TestAnchors(t *testing.T) {
	db := sqldbtest.SQLite(t, audit.Migrations())
	six(t, db)
	l := audit.New(db)
	noted, err := l.Verify(t.Context(), "acme")
	if err != nil || !noted.OK || noted.First != 1 || noted.Last != 6 || noted.Org != "acme" {
		t.Fatalf("got %+v, %v", noted, err)
	}
	anchor := audit.Anchor{Seq: noted.Last, Hash: noted.Head}
	write(t, db, &audit.Record{Org: "acme", Action: "more"})
	if r, err := l.Verify(t.Context(), "acme", anchor); err != nil || !r.OK {
		t.Errorf("got %+v, %v", r, err)
	}
	dropTriggers(t, db)
	mustExec(t, db, `DELETE FROM audit`)
	mustExec(t, db, `DELETE FROM audit_heads`)
	for range 5 {
		write(t, db, &audit.Record{Org: "acme", Action: "forged"})
	}
	check := func(want int64) {
		t.Helper()
		if r, err := l.Verify(t.Context(), "acme"); err != nil || !r.OK {
			t.Errorf("the forged chain agrees with itself: %+v, %v", r, err)
		}
		if r, err := l.Verify(t.Context(), "acme", anchor); err != nil || r.OK || r.BrokenAt != want {
			t.Errorf("got %+v, %v, want broken at %d", r, err, want)
		}
	}
	check(6)
	write(t, db, &audit.Record{Org: "acme", Action: "forged"})
	check(6)
}

func export(t testing.TB, db *sqldb.DB, org, format string, q audit.Query) string {
	t.Helper()
	var b bytes.Buffer
	if err := audit.New(db).Export(t.Context(), org, &b, format, q); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestVerifyExport(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		six(t, db)
		whole := export(t, db, "acme", "ndjson", audit.Query{})
		lines := strings.SplitAfter(whole, "\n")
		verify := func(name, text string, want int64, anchors ...audit.Anchor) audit.Report {
			t.Helper()
			r, err := audit.VerifyExport(strings.NewReader(text), anchors...)
			if err != nil || r.OK != (want == 0) || r.BrokenAt != want {
				t.Errorf("%s: got %+v, %v, want broken at %d", name, r, err, want)
			}
			return r
		}
		live, err := audit.New(db).Verify(t.Context(), "acme")
		if d := cmp.Diff(live, verify("whole", whole, 0)); err != nil || d != "" {
			t.Errorf("the export's report differs from the log's: %s", d)
		}
		verify("changed", strings.Replace(whole, `"actor":"u1"`, `"actor":"u0"`, 1), 2)
		verify("line removed", whole[:len(lines[0])]+strings.Join(lines[2:], ""), 2)
		verify("first removed", strings.Join(lines[1:], ""), 1)
		verify("swapped", lines[0]+lines[2]+lines[1]+strings.Join(lines[3:], ""), 2)
		verify("cut", strings.Join(lines[:4], ""), 5)
		verify("tail removed", strings.Join(lines[:5], "")+lines[6], 6)
		verify("noted otherwise", whole, 6, audit.Anchor{Seq: 6, Hash: "00"})
		verify("longer before", whole, 7, audit.Anchor{Seq: 8, Hash: "00"})
		verify("foreign record", lines[0]+strings.Replace(lines[1], `"org":"acme"`, `"org":"other"`, 1)+strings.Join(lines[2:], ""), 2)

		part := export(t, db, "acme", "ndjson", audit.Query{Actor: "u0"})
		if r := verify("filtered", part, 0); !r.Filtered || r.Count != 3 || r.First != 1 || r.Last != 5 {
			t.Errorf("got %+v", r)
		}
		partLines := strings.SplitAfter(part, "\n")
		verify("filtered, removed", partLines[0]+partLines[2]+partLines[3], 5)
		verify("filtered, changed", strings.Replace(part, "shop_2", "shop_1", 1), 3)
		verify("empty", export(t, db, "nobody", "ndjson", audit.Query{}), 0)

		for _, bad := range []string{"", "{}\n", "hello\n", whole + lines[0], strings.Replace(whole, `"actor":"u1"`, `"actor":"u0","actor":"u1"`, 1),
			strings.Replace(whole, `"actor":`, `"note":"x","actor":`, 1), strings.Replace(whole, "binnacle-audit/1", "binnacle-audit/9", 1)} {
			if _, err := audit.VerifyExport(strings.NewReader(bad)); !fault.Is(err, fault.Invalid) {
				t.Errorf("%.60q: got %v, want a refusal", bad, err)
			}
		}
	})
}

func TestExportCSV(t *testing.T) {
	db := sqldbtest.SQLite(t, audit.Migrations())
	write(t, db, &audit.Record{Org: "acme", At: day, Actor: "u", ActorName: `=HYPERLINK("http://x")`, Action: "a", Target: "b,\"c\"\nd"})
	rows, err := csv.NewReader(strings.NewReader(export(t, db, "acme", "csv", audit.Query{}))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	want := []string{"1", "2024-02-29T08:00:00Z", "acme", "u", `'=HYPERLINK("http://x")`, "a", "b,\"c\"\nd", "ok", "", "", "", ""}
	if d := cmp.Diff(want, rows[1][:12]); d != "" || len(rows[1][12]) != 64 {
		t.Error(d, rows[1])
	}
	err = audit.New(db).Export(t.Context(), "acme", &bytes.Buffer{}, "pdf", audit.Query{})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "ndjson") {
		t.Errorf("got %v", err)
	}
}

func TestSearch(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		six(t, db)
		l := audit.New(db)
		if err := l.Write(t.Context(), &audit.Record{Org: "acme", At: day.Add(9 * time.Hour), Actor: "u9", Action: "sign-in.refused", Outcome: audit.Refused, Via: "cli", Detail: json.RawMessage(`{"reason":"Wrong CODE"}`)}); err != nil {
			t.Fatal(err)
		}
		check := func(name string, q audit.Query, wantNext int64, want ...int64) {
			t.Helper()
			records, next, err := l.Search(t.Context(), "acme", q)
			if err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, r := range records {
				if got = append(got, r.Seq); r.Org != "acme" {
					t.Errorf("%s: a record of %q", name, r.Org)
				}
			}
			if d := cmp.Diff(want, got); d != "" || next != wantNext {
				t.Errorf("%s: next %d, want %d; %s", name, next, wantNext, d)
			}
		}
		check("all", audit.Query{}, 0, 7, 6, 5, 4, 3, 2, 1)
		check("page", audit.Query{Limit: 3}, 5, 7, 6, 5)
		check("next page", audit.Query{Limit: 3, Before: 5}, 2, 4, 3, 2)
		check("last page", audit.Query{Limit: 3, Before: 2}, 0, 1)
		check("actor", audit.Query{Actor: "u1"}, 0, 6, 4, 2)
		check("action prefix", audit.Query{Action: "sign-in*"}, 0, 7)
		check("action", audit.Query{Action: "sign-in"}, 0)
		check("target", audit.Query{Target: "component:default/shop_3"}, 0, 4)
		check("target prefix is not a pattern", audit.Query{Target: "component:default/shop%*"}, 0)
		check("outcome", audit.Query{Outcome: audit.Refused}, 0, 7)
		check("via", audit.Query{Via: "cli"}, 0, 7)
		check("from, to", audit.Query{From: day.Add(time.Hour), To: day.Add(3 * time.Hour)}, 0, 3, 2)
		check("text in the detail, any case", audit.Query{Text: "wrong Code"}, 0, 7)
		check("text in the target", audit.Query{Text: "SHOP_2"}, 0, 3)
		check("text is not a pattern", audit.Query{Text: "shop%2"}, 0)
		check("text with accents", audit.Query{Text: "Ñandú", Limit: 2}, 5, 6, 5)
	})
}

func TestNothingSecretIsStored(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		pem := "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----"
		detail, err := json.Marshal(map[string]any{
			"password": "hunter22", "newPassword": "hunter22", "client_secret": "hunter22", "nested": []any{map[string]any{"apiKey": "hunter22", "Authorization": "hunter22"}},
			"recovery_codes": []string{"hunter22", "hunter22"}, "otp": 123456, "note": "sent Bearer hunter22hunter22 to https://u:hunter22@x.test/ with " + pem,
			"tokenName": "ci", "count": 7, "big": json.Number("12345678901234567890"),
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &audit.Record{Org: "acme", Actor: "bad\xff\x00bytes", Target: "https://u:hunter22@host/path", Action: "token.create", Detail: detail}
		write(t, db, r)
		text := export(t, db, "acme", "ndjson", audit.Query{})
		for _, secret := range []string{"hunter22", "MHcCAQ", "123456,"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q was stored: %s", secret, text)
			}
		}
		for _, kept := range []string{`"tokenName":"ci"`, `"count":7`, `"big":12345678901234567890`, "host/path", "bad\ufffd\ufffdbytes"} {
			if !strings.Contains(text, kept) {
				t.Errorf("%q was lost: %s", kept, text)
			}
		}
		long := &audit.Record{Org: "acme", Target: strings.Repeat("ñ", 2000), Detail: json.RawMessage(`{"x":"` + strings.Repeat("y", audit.MaxDetail) + `"}`)}
		write(t, db, long)
		if len(long.Target) > audit.MaxText || !strings.HasSuffix(long.Target, "ñ…") || !strings.HasPrefix(string(long.Detail), `{"omitted":{"bytes":`) {
			t.Errorf("got target of %d bytes, detail %.60s", len(long.Target), long.Detail)
		}
		for _, bad := range []string{`[1]`, `"x"`, `{`, `{} {}`, `x`} {
			err := db.Tx(t.Context(), func(tx *sqldb.Tx) error {
				return audit.Append(t.Context(), tx, &audit.Record{Action: "a", Detail: json.RawMessage(bad)})
			})
			if err == nil {
				t.Errorf("detail %s was accepted", bad)
			}
		}
		if r, err := audit.New(db).Verify(t.Context(), "acme"); err != nil || !r.OK || r.Count != 2 {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// The encoding is a promise to every export ever made: this hash never changes.
func TestSumIsStable(t *testing.T) {
	r := audit.Record{Seq: 2, Org: "acme", At: day, Actor: "u1", ActorName: "Ana", Action: "entity.update", Target: "component:default/shop",
		Detail: json.RawMessage(`{"rev":3}`), IP: "192.0.2.1", Via: "web", Outcome: "ok", Prev: strings.Repeat("ab", 32)}
	if got, want := r.Sum(), "b28817aeaf591de524cdfb8d20472ae55eb19fdd003866a0450c5efd889dfd14"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestManyAtOnce(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		var many []*audit.Record
		for i := range 10_000 {
			many = append(many, &audit.Record{Org: "acme", Action: "entity.create", Target: fmt.Sprint(i), Detail: json.RawMessage(`{"rev":1}`)})
		}
		start := time.Now()
		write(t, db, many...)
		wrote := time.Since(start)
		r, err := audit.New(db).Verify(t.Context(), "acme")
		if err != nil || !r.OK || r.Count != 10_000 {
			t.Errorf("got %+v, %v", r, err)
		}
		t.Logf("10000 records written in %v, verified in %v", wrote, time.Since(start)-wrote)
	})
}

// Two writers of one chain never fork it.
func TestConcurrentWriters(t *testing.T) {
	sqldbtest.Run(t, audit.Migrations(), func(t *testing.T, db *sqldb.DB) {
		errs := make(chan error)
		for w := range 6 {
			go func() {
				var err error
				for range 20 {
					if err == nil {
						err = audit.New(db).Write(t.Context(), &audit.Record{Org: "acme", Actor: fmt.Sprint(w)}, &audit.Record{Org: fmt.Sprint("org", w%2)})
					}
				}
				errs <- err
			}()
		}
		for range 6 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		for org, want := range map[string]int64{"acme": 120, "org0": 60, "org1": 60} {
			if r, err := audit.New(db).Verify(t.Context(), org); err != nil || !r.OK || r.Count != want {
				t.Errorf("%s: got %+v, %v, want %d records", org, r, err, want)
			}
		}
		orgs, err := audit.New(db).Organisations(t.Context())
		if d := cmp.Diff([]string{"acme", "org0", "org1"}, orgs); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}

func FuzzVerifyExport(f *testing.F) {
	db := sqldbtest.SQLite(f, audit.Migrations())
	six(f, db)
	whole := export(f, db, "acme", "ndjson", audit.Query{})
	f.Add([]byte(whole))
	f.Add([]byte(`{"end":{"format":"binnacle-audit/1","org":"","count":0,"last":0,"head":"","filtered":false}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := audit.VerifyExport(bytes.NewReader(text), audit.Anchor{Seq: 6, Hash: strings.Split(whole, `"head":"`)[1][:64]})
		if err == nil && r.OK && !r.Filtered && strings.TrimSpace(string(text)) != strings.TrimSpace(whole) {
			t.Errorf("passes as the whole log: %s", text)
		}
	})
}
