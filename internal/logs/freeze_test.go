package logs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// TestFreeze copies the events of a store while it goes on: the copy has what was
// added before, also what was in memory alone, and nothing after.
func TestFreeze(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "events")
	s := open(t, logs.Options{Folder: folder})
	older := event.Event{ID: "older", Time: at(-3 * 24 * 60), Line: []byte(`{"a":"b"}`)}
	if err := s.Add(t.Context(), "one", append(some(100), older)); err != nil {
		t.Fatal(err)
	}
	days, thaw, err := s.Freeze(t.Context())
	if err != nil || len(days) < 2 {
		t.Fatalf("%v: %d days", err, len(days))
	}
	if _, _, err := s.Freeze(t.Context()); !fault.Is(err, fault.Conflict) {
		t.Errorf("frozen twice: %v", err)
	}
	add(t, s, "one", some(50)...)
	add(t, s, "two", some(5)...)

	to := filepath.Join(t.TempDir(), "copy")
	for _, d := range days {
		if err := os.CopyFS(filepath.Join(to, d.Name), os.DirFS(d.Folder)); err != nil {
			t.Fatal(err)
		}
	}
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "partitions", "*", "snapshots", "*")); len(left) > 0 {
		t.Errorf("left frozen: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "frozen")); len(left) > 0 {
		t.Errorf("left frozen: %v", left)
	}
	copied := open(t, logs.Options{Folder: to})
	if list, _ := rows(t, copied, logs.Query{Org: "one"}); len(list) != 101 || list[100].Get(event.FieldID) != "older" {
		t.Errorf("the copy has %d events", len(list))
	}
	if list, _ := rows(t, copied, logs.Query{Org: "two"}); len(list) != 0 {
		t.Errorf("the copy has %d events of later", len(list))
	}
	add(t, copied, "one", some(1)...)
	if list, _ := rows(t, s, logs.Query{Org: "one"}); len(list) != 151 {
		t.Errorf("the store has %d events", len(list))
	}

	if days, _, err = s.Freeze(t.Context()); err != nil || len(days) == 0 {
		t.Fatalf("frozen again: %v", err)
	}
	s.Close()
	if err := os.RemoveAll(filepath.Join(folder, days[0].Name)); err != nil { // as a day goes that is too old
		t.Fatal(err)
	}
	if _, err := os.Stat(days[0].Folder); err != nil {
		t.Errorf("a day that goes takes along what is frozen of it: %v", err)
	}
	s = open(t, logs.Options{Folder: folder})
	if _, err := os.Stat(days[0].Folder); err == nil {
		t.Error("what a process left frozen stays")
	}
	if list, _ := rows(t, s, logs.Query{Org: "one"}); len(list) != 150 {
		t.Errorf("the store has %d events", len(list))
	}
}

func TestFreezeLazy(t *testing.T) {
	s := logs.Lazy(logs.Limits{}, func() (logs.Store, error) { return open(t, logs.Options{}), nil })
	days, thaw, err := s.(logs.Freezer).Freeze(t.Context())
	if err != nil || len(days) != 0 || thaw() != nil {
		t.Errorf("of nothing: %v, %v", days, err)
	}
	far := logs.Lazy(logs.Limits{}, func() (logs.Store, error) { return logs.OpenCluster(logs.ClusterOptions{URL: "http://localhost:1"}) })
	if _, _, err := far.(logs.Freezer).Freeze(t.Context()); !fault.Is(err, fault.Invalid) {
		t.Errorf("of a cluster: %v", err)
	}
}
