package observe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

var ctx = context.Background()

var things = &Table{Name: "things", Key: []string{"source", "id"}, Label: "title", Columns: []Column{
	{Name: "source", Type: Text}, {Name: "id", Type: Text}, {Name: "title", Type: Text}, {Name: "n", Type: Int}, {Name: "share", Type: Float},
	{Name: "hot", Type: Bool}, {Name: "closed", Type: Moment}, {Name: "tags", Type: List},
}}

func at(hour int) time.Time { return time.Date(2026, 9, 22, hour, 0, 0, 0, time.UTC) }

func thing(id, title string) Row {
	return Row{"source": "ado", "id": id, "title": title, "n": int64(3), "share": 0.5, "hot": true, "closed": at(3), "tags": []string{"a", `b"`}}
}

func put(t testing.TB, db *sqldb.DB, when time.Time, rows ...Row) (c Counts) {
	t.Helper()
	err := db.Tx(ctx, func(tx *sqldb.Tx) (err error) { c, err = things.Put(ctx, tx, "acme", when, rows); return err })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func scan(t testing.TB, db *sqldb.DB, when time.Time) (keys []string, rows []Row) {
	t.Helper()
	err := things.Scan(ctx, db, "acme", when, func(key, label string, r Row) error {
		keys, rows = append(keys, key+" "+label), append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, rows
}

func TestTable(t *testing.T) {
	sqldbtest.Run(t, []sqldb.Migration{things.Migration()}, func(t *testing.T, db *sqldb.DB) {
		if c := put(t, db, at(1), thing("1", "one"), thing("2", "two")); c != (Counts{Table: "things", Created: 2}) {
			t.Errorf("first: %+v", c)
		}
		for range 2 { // a second time changes nothing, then or later
			if c := put(t, db, at(2), thing("2", "two"), thing("1", "one")); c != (Counts{Table: "things", Unchanged: 2}) || c.Changed() {
				t.Errorf("again: %+v", c)
			}
		}
		if c := put(t, db, at(5), thing("1", "one, done"), thing("3", "three")); c != (Counts{Table: "things", Created: 1, Updated: 1}) {
			t.Errorf("later: %+v", c)
		}
		for hour, want := range map[int][]string{0: nil, 1: {"ado:1 one", "ado:2 two"}, 4: {"ado:1 one", "ado:2 two"}, 5: {"ado:1 one, done", "ado:2 two", "ado:3 three"}} {
			if got, _ := scan(t, db, at(hour)); !slices.Equal(got, want) {
				t.Errorf("as of %d: %v, want %v", hour, got, want)
			}
		}
		_, rows := scan(t, db, at(1))
		if diff := cmp.Diff(thing("1", "one"), rows[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]any{"source": "ado", "id": "1", "title": "one", "n": int64(3), "share": 0.5, "hot": true, "closed": "2026-09-22T03:00:00Z", "tags": []any{"a", `b"`}}, rows[0].Plain()); diff != "" {
			t.Errorf("plain (-want +got):\n%s", diff)
		}
		past, err := things.History(ctx, db, "acme", "ado:1")
		if err != nil || len(past) != 2 || past[0].Until != at(5) || !past[1].Until.IsZero() || past[1].Row.Text("title") != "one, done" {
			t.Errorf("history %+v, %v", past, err)
		}
		if seen, err := things.Seen(ctx, db, "acme"); err != nil || len(seen) != 1 || seen["ado"] != at(5) {
			t.Errorf("seen %v, %v", seen, err)
		}
		if seen, err := things.Seen(ctx, db, "other"); err != nil || len(seen) != 0 {
			t.Errorf("another organisation saw %v, %v", seen, err)
		}
	})
}

func TestWholeSource(t *testing.T) {
	sqldbtest.Run(t, []sqldb.Migration{things.Migration()}, func(t *testing.T, db *sqldb.DB) {
		other := thing("9", "elsewhere")
		other["source"] = "a:b"
		put(t, db, at(1), thing("1", "one"), thing("2", "two"), other)
		var c Counts
		err := db.Tx(ctx, func(tx *sqldb.Tx) (err error) {
			c, err = things.PutAll(ctx, tx, "acme", at(4), "ado", []Row{thing("2", "two")})
			return err
		})
		if err != nil || c != (Counts{Table: "things", Unchanged: 1, Gone: 1}) {
			t.Errorf("%+v, %v", c, err)
		}
		if got, _ := scan(t, db, at(4)); !slices.Equal(got, []string{"a%3Ab:9 elsewhere", "ado:2 two"}) {
			t.Errorf("left: %v", got)
		}
		if got, _ := scan(t, db, at(3)); len(got) != 3 {
			t.Errorf("before: %v", got)
		}
		if c := put(t, db, at(6), thing("1", "one")); c.Updated != 1 {
			t.Errorf("back again: %+v", c)
		}
		if got, _ := scan(t, db, at(5)); len(got) != 2 {
			t.Errorf("while it was gone: %v", got)
		}
	})
}

func TestRefused(t *testing.T) {
	db := sqldbtest.SQLite(t, []sqldb.Migration{things.Migration()})
	for name, rows := range map[string][]Row{
		"twice": {thing("1", "a"), thing("1", "b")}, "no key": {{}}, "no column": {{"source": "a", "id": "1", "x": ""}}, "not a number": {{"source": "a", "id": "1", "n": "x"}},
	} {
		err := db.Tx(ctx, func(tx *sqldb.Tx) error { _, err := things.Put(ctx, tx, "acme", at(1), rows); return err })
		if name == "no key" {
			continue // ":" is a key like any other
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Late reports go where they belong and leave what later ones said.
func TestLate(t *testing.T) {
	say := func(s string) []any { return []any{s} }
	one := []stretch{{since: 10, until: forever, seen: 30, cells: say("a")}}
	for _, c := range []struct {
		name string
		at   int64
		says string
		want []stretch
	}{
		{"later", 40, "b", []stretch{{10, 40, 30, say("a")}, {40, forever, 40, say("b")}}},
		{"later, the same", 40, "a", []stretch{{10, forever, 40, say("a")}}},
		{"between two that say the same", 20, "b", []stretch{{10, 20, 19, say("a")}, {20, 30, 20, say("b")}, {30, forever, 30, say("a")}}},
		{"before", 5, "b", []stretch{{5, 10, 5, say("b")}, {10, forever, 30, say("a")}}},
		{"before, the same", 5, "a", []stretch{{5, forever, 30, say("a")}}},
		{"at the same moment", 30, "b", []stretch{{10, 30, 29, say("a")}, {30, forever, 30, say("b")}}},
		{"at the first moment", 10, "b", []stretch{{10, 30, 10, say("b")}, {30, forever, 30, say("a")}}},
	} {
		got := report(one, c.at, say(c.says))
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(stretch{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if one[0].seen != 30 {
		t.Error("the stretches given were changed")
	}
}

// In whatever order reports come, the last by its moment is what holds, the
// stretches are in order, and to hear a report again changes nothing.
func TestAnyOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		type said struct {
			at   int64
			what string
		}
		var reports []said
		for i := range 1 + rnd.IntN(8) {
			reports = append(reports, said{int64(i)*10 + 10, fmt.Sprint(rnd.IntN(3))})
		}
		want := reports[len(reports)-1].what
		inOrder := slices.Clone(reports)
		rnd.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
		var list, exact []stretch
		for _, r := range reports {
			list = report(list, r.at, []any{r.what})
		}
		for _, r := range inOrder {
			exact = report(exact, r.at, []any{r.what})
		}
		if got := list[len(list)-1]; got.cells[0] != want || got.until != forever {
			t.Fatalf("%v end with %v", reports, got)
		}
		for i, s := range list {
			if s.since >= s.until || s.seen < s.since-1 || i > 0 && list[i-1].until != s.since || i > 0 && list[i-1].says(s.cells) {
				t.Fatalf("%v give %v", reports, list)
			}
		}
		for _, r := range inOrder {
			i := slices.IndexFunc(exact, func(s stretch) bool { return s.holds(r.at) })
			if exact[i].cells[0] != r.what {
				t.Fatalf("%v give %v", inOrder, exact)
			}
		}
		last := inOrder[len(inOrder)-1]
		if again := report(list, last.at, []any{last.what}); !sameButSeen(list, again) {
			t.Fatalf("%v again gives %v", list, again)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	db := sqldbtest.SQLite(b, []sqldb.Migration{things.Migration()})
	var rows []Row
	for i := range 10_000 {
		rows = append(rows, thing(fmt.Sprint(i), "title"))
	}
	for n := 0; b.Loop(); n++ {
		put(b, db, at(n%20), rows...)
	}
}
