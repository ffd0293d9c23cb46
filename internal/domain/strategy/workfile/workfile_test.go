package workfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

const head = "ID,Name,State,Type,Started Date,Closed Date\n"

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func real(t *testing.T, name string) ([]Item, []fault.Problem) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testenv.Data(t, "throughput"), name))
	if err != nil {
		t.Fatal(err)
	}
	items, _, problems := Read(name, data, Options{})
	return items, problems
}

// What teams and projects of Lighthouse export is read whole.
func TestLighthouse(t *testing.T) {
	for name, want := range map[string]int{
		"project-valid-all-optional.csv": 5, "project-valid-depends-on.csv": 4, "project-valid-required-only.csv": 5, "project-valid-with-optional.csv": 5,
		"team-valid-all-optional.csv": 5, "team-valid-demo-journey-synthesis.csv": 2, "team-valid-required-only.csv": 5, "team-valid-state-since.csv": 5, "team-valid-with-optional.csv": 5,
	} {
		items, problems := real(t, name)
		if len(items) != want || len(problems) > 0 {
			t.Errorf("%s: %d items, want %d; problems %v", name, len(items), want, problems)
		}
	}
	items, _ := real(t, "project-valid-all-optional.csv")
	want := Item{ID: "EPIC-001", Name: "User Story Title", State: "In Progress", Category: Open, Type: "Epic", Started: day("2025-01-20"), Closed: day("2025-01-25"), Created: day("2025-01-15"),
		Team: "Frontend Team", Size: 8, Tags: []string{"frontend", "feature"}, URL: "https://system.com/item/1", Line: 2}
	if diff := cmp.Diff(want, items[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	items, _ = real(t, "project-valid-depends-on.csv")
	for i, want := range [][]string{nil, {"EPIC-001"}, {"EPIC-001", "EPIC-002"}, {"EPIC-001", "EPIC-002"}} {
		if diff := cmp.Diff(want, items[i].After); diff != "" {
			t.Errorf("%s (-want +got):\n%s", items[i].ID, diff)
		}
	}
	items, _ = real(t, "team-valid-all-optional.csv")
	if items[2].Parent != "EPIC-001" || items[1].Category != Done || items[2].Category != Open {
		t.Errorf("items %+v", items)
	}
}

// The export of Azure DevOps has a mark of its encoding and days before months.
func TestAzureDevOps(t *testing.T) {
	items, problems := real(t, "adodata.csv")
	if len(items) != 117 || len(problems) > 0 {
		t.Fatalf("%d items, problems %v", len(items), problems)
	}
	closed, first, last, by := 0, time.Time{}, time.Time{}, map[Category]int{}
	for _, it := range items {
		by[it.Category]++
		if it.Closed.IsZero() {
			continue
		}
		closed++
		if first.IsZero() || it.Closed.Before(first) {
			first = it.Closed
		}
		if it.Closed.After(last) {
			last = it.Closed
		}
	}
	if closed != 88 || first.Format(time.DateOnly) != "2025-06-07" || last.Format(time.DateOnly) != "2025-08-27" {
		t.Errorf("%d closed from %v to %v", closed, first, last)
	}
	if diff := cmp.Diff(map[Category]int{Done: 89, Open: 22, Removed: 6}, by); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	want := Item{ID: "2502", Name: "Initial Range for Team Metrics", State: "Closed", Category: Done, Type: "User Story", Line: 2,
		Started: time.Date(2025, 6, 7, 14, 59, 28, 0, time.UTC), Closed: time.Date(2025, 6, 7, 16, 49, 19, 0, time.UTC)}
	if diff := cmp.Diff(want, items[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if it := items[2]; it.Name != `Show a "Warning Indication" if Feature is worked on but not in Progress` || it.Category != Removed {
		t.Errorf("third item %+v", it)
	}
}

// What is no list of work is refused, with the place and the fix.
func TestInvalid(t *testing.T) {
	for name, want := range map[string][]string{
		"invalid-missing-required.csv":       {"invalid-missing-required.csv:1: the header lacks the column Started Date; say which column it is with map.started=COLUMN, or map.started=- to do without"},
		"invalid-not-csv.csv":                {"column ID", "column Name", "column State", "column Started Date", "column Closed Date"},
		"invalid-wrong-csv.csv":              {"column ID", "column Name", "column State", "column Started Date", "column Closed Date"},
		"spike-be-fixture-setup-results.csv": {"column ID", "column Name", "column State", "column Started Date", "column Closed Date"},
	} {
		items, problems := real(t, name)
		if len(items) > 0 || len(problems) != len(want) {
			t.Errorf("%s: %d items, problems %v", name, len(items), problems)
			continue
		}
		for i, p := range problems {
			if !strings.Contains(p.String(), want[i]) || p.Line != 1 {
				t.Errorf("%s: got %s, want %s", name, p, want[i])
			}
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name, in string
		opt      Options
		want     []string
		items    int
	}{
		{"a bad date", head + "1,a,New,,2025-02-30,\n2,b,New,,,\n", Options{}, []string{"f:2:10: Started Date: 2025-02-30 is not a date"}, 1},
		{"no name", head + "1,,New,,,\n", Options{}, []string{"f:2:3: Name: Name is empty"}, 0},
		{"an extra value", head + "1,a,New,,,,x\n", Options{}, []string{"f:2: the row has 7 columns and the header 6"}, 0},
		{"an open quote", head + "1,a,New,,,\n2,\"b,New,,,\n3,c,New,,,\n", Options{}, []string{"f:4:12: a double quote stands where none may"}, 1},
		{"nothing", " \n", Options{}, []string{"f: the file is empty"}, 0},
		{"not text", "ID\x00", Options{}, []string{"f: the file is not UTF-8 text"}, 0},
		{"not Unicode", "ID,\xff", Options{}, []string{"f: the file is not UTF-8 text"}, 0},
		{"a size of words", "ID,Name,State,Started,Closed,Estimated size\n1,a,New,,,big\n", Options{}, []string{"f:2:11: Estimated size: the size big is not a number"}, 0},
		{"two ways", head + "1,a,New,,3/4/2025,\n2,b,New,,5/6/2025,\n", Options{}, []string{"f:2:10: Started Date: 3/4/2025 can be read two ways, and no other date of the file tells which number is the month; say it with dates=d/m/y or dates=m/d/y"}, 0},
		{"told by another", head + "1,a,New,,3/4/2025,\n2,b,New,,25/6/2025,\n", Options{}, nil, 2},
		{"told by the caller", head + "1,a,New,,3/4/2025,\n", Options{Dates: "d/m/y"}, nil, 1},
		{"the same both ways", head + "1,a,New,,4/4/2025,\n", Options{}, nil, 1},
		{"both ways", head + "1,a,New,,13/4/2025,\n2,b,New,,4/13/2025,\n", Options{}, []string{"f:3:10: Started Date: 4/13/2025 begins with another number than 13/4/2025 in line 2"}, 0},
		{"not an order", head + "1,a,New,,,\n", Options{Dates: "american"}, []string{"american does not say where day, month and year stand"}, 0},
		{"no such field", head + "1,a,New,,,\n", Options{Map: map[string]string{"close": "x"}}, []string{"there is no field close to map"}, 0},
		{"no such column", head + "1,a,New,,,\n", Options{Map: map[string]string{"closed": "Fertig"}}, []string{"f:1: the header has no column Fertig"}, 0},
		{"an ID cannot be done without", head + "1,a,New,,,\n", Options{Map: map[string]string{"id": "-"}}, []string{"f:1: the header has no column -"}, 0},
		{"too long", head + "1," + strings.Repeat("a", MaxText+1) + ",New,,,\n", Options{}, []string{"f:2:3: Name: Name is longer than 2000 bytes"}, 0},
		{"too many problems", head + strings.Repeat("1,,New,,,\n", 500), Options{}, nil, 0},
	} {
		items, _, problems := Read("f", []byte(c.in), c.opt)
		if c.name == "too many problems" {
			if len(problems) != maxProblems+1 || !strings.Contains(problems[maxProblems].Msg, "more than 100 problems") || items != nil {
				t.Errorf("%s: %d problems, the last %v", c.name, len(problems), problems[len(problems)-1])
			}
			continue
		}
		if len(items) != c.items || len(problems) != len(c.want) {
			t.Errorf("%s: %d items, problems %v", c.name, len(items), problems)
			continue
		}
		for i, p := range problems {
			if !strings.Contains(p.String(), c.want[i]) || p.Hint == "" {
				t.Errorf("%s: got %s, want %s", c.name, p, c.want[i])
			}
		}
	}
}

func TestColumns(t *testing.T) {
	jira := "Issue key;Summary;Status;Issue Type;Created;Resolved;Labels;Labels;Parent key\nPAY-1;Tokens;Shipped;Story;01/Jan/25 9:00 AM;12/Jan/25 3:04 PM;a;b;PAY-9\nPAY-2;Retry;Doing;Story;;;;;\n"
	items, _, problems := Read("jira.csv", []byte(jira), Options{Map: map[string]string{"started": "-"}})
	want := []Item{
		{ID: "PAY-1", Name: "Tokens", State: "Shipped", Category: Done, Type: "Story", Created: time.Date(2025, 1, 1, 9, 0, 0, 0, time.UTC), Closed: time.Date(2025, 1, 12, 15, 4, 0, 0, time.UTC), Tags: []string{"a", "b"}, Parent: "PAY-9", Line: 2},
		{ID: "PAY-2", Name: "Retry", State: "Doing", Category: Open, Type: "Story", Line: 3},
	}
	if diff := cmp.Diff(want, items); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", problems, diff)
	}
	odd := "ref,what,how,begun,fertig\n1,a,ok,2025-01-02,2025-01-03\n"
	items, _, problems = Read("odd.csv", []byte(odd), Options{Map: map[string]string{"id": "ref", "name": "what", "state": "how", "started": "begun", "closed": "Fertig"}})
	if len(problems) > 0 || len(items) != 1 || !items[0].Closed.Equal(day("2025-01-03")) || items[0].Category != Done {
		t.Errorf("items %+v, problems %v", items, problems)
	}
}

func TestCategory(t *testing.T) {
	closed := day("2025-01-01")
	for _, c := range []struct {
		opt    Options
		state  string
		closed time.Time
		want   Category
	}{
		{Options{}, "Done", time.Time{}, Done}, {Options{}, " in  Progress ", closed, Open}, {Options{}, "Won't Do", closed, Removed}, {Options{}, "Verified in production", closed, Done},
		{Options{}, "Verified in production", time.Time{}, Open}, {Options{Done: []string{"Live"}}, "live", time.Time{}, Done}, {Options{Done: []string{"Live"}}, "Resolved", closed, Open},
		{Options{Removed: []string{"Parked"}}, "parked", closed, Removed}, {Options{Done: []string{"Live"}}, "Cancelled", closed, Removed},
	} {
		if got := c.opt.category(c.state, c.closed); got != c.want {
			t.Errorf("%q with %+v is %s, want %s", c.state, c.opt, got, c.want)
		}
	}
}

// Exports repeat items; the later row counts, in the place of the first.
func TestRepeated(t *testing.T) {
	items, repeated, problems := Read("f", []byte(head+"1,a,New,,,\n2,b,New,,,\n1,a,Done,,,2025-01-02\n"), Options{})
	if repeated != 1 || len(problems) > 0 || len(items) != 2 || items[0].Category != Done || items[0].Line != 4 {
		t.Errorf("%d repeated, items %+v, problems %v", repeated, items, problems)
	}
}

// roundTrip writes what was read and reads it again.
func roundTrip(t *testing.T, items []Item) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, items); err != nil {
		t.Fatal(err)
	}
	back, _, problems := Read("f", b.Bytes(), Options{})
	for i := range items {
		items[i].Line = 0
	}
	for i := range back {
		back[i].Line = 0
	}
	if diff := cmp.Diff(items, back); diff != "" || len(problems) > 0 {
		t.Fatalf("wrote\n%s\nproblems %v (-want +got):\n%s", b.String(), problems, diff)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"adodata.csv", "project-valid-all-optional.csv", "project-valid-depends-on.csv"} {
		items, _ := real(t, name)
		roundTrip(t, items)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(head + "1,a,New,,7.6.2025 14:59:28,\n"))
	f.Add([]byte("\xef\xbb\xbfID;Title;State;Tags;Activated Date;Closed Date;Estimate;Depends On\n\"1\";\"a\nb\";Closed;x; y;1/13/25 3:04 PM;;3,5;2, 3\n"))
	f.Add([]byte("Key,Summary,Status,Started,Resolved,Labels,Labels\n1,a,New,,,\"a;b|\",c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		items, _, problems := Read("f", data, Options{})
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, p := range problems {
			if p.File != "f" || p.Line > lines || p.Msg == "" || p.Hint == "" {
				t.Fatalf("problem %+v in %d lines", p, lines)
			}
		}
		seen := map[string]bool{}
		for _, it := range items {
			if it.ID == "" || it.Name == "" || it.State == "" || seen[it.ID] || it.Line < 1 || it.Line > lines || it.Size < 0 || it.Category == "" {
				t.Fatalf("item %+v in %d lines", it, lines)
			}
			seen[it.ID] = true
		}
		roundTrip(t, items)
	})
}

// Each problem has its words in each language.
func TestTexts(t *testing.T) {
	if _, err := lang.Load(Text); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRead(b *testing.B) {
	var in bytes.Buffer
	in.WriteString(head)
	for i := range 10_000 {
		fmt.Fprintf(&in, "%d,Item number %d,Closed,Story,2025-01-%02d,2025-02-%02d\n", i, i, i%28+1, i%28+1)
	}
	b.SetBytes(int64(in.Len()))
	for b.Loop() {
		if items, _, _ := Read("f", in.Bytes(), Options{}); len(items) != 10_000 {
			b.Fatal(len(items))
		}
	}
}
