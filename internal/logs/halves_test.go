package logs

import (
	"os"
	"path/filepath"
	"testing"
)

// TestHalfDays: what a kill leaves of a day that was being made or dropped keeps nobody
// from opening the others.
func TestHalfDays(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"a":"b"}`)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	days := filepath.Join(s.options.Folder, daysFolder)
	for day, files := range map[string][]string{"20200101": nil, "20200102": {goingFile, "datadb/parts.json"}, "20200103": {goingFile}, "20990101": nil} {
		if err := os.MkdirAll(filepath.Join(days, day), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			path := filepath.Join(days, day, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	again, err := OpenEmbedded(s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := counted(t, again); n != 1 {
		t.Errorf("%d events are there", n)
	}
	if list, err := os.ReadDir(days); err != nil || len(list) != 1 {
		t.Errorf("%d days are there, %v", len(list), err)
	}
	if err := clearHalves(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}
