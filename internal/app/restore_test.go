package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/binnaclehq/binnacle/internal/app"
)

// A backup that cannot be read leaves no database that looks like an empty
// installation.
func TestFailedRestoreLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cut.backup")
	if err := os.WriteFile(file, []byte("not a backup"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if _, err := app.Restore(t.Context(), app.Config{Data: data}, file, nil); err == nil {
		t.Fatal("it was restored")
	}
	left, err := filepath.Glob(filepath.Join(data, "binnacle.db*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// One that was there before stays.
	before, err := app.Open(t.Context(), app.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	before.Close()
	if _, err := app.Restore(t.Context(), app.Config{Data: data}, file, nil); err == nil {
		t.Fatal("it was restored over an installation")
	}
	if _, err := os.Stat(filepath.Join(data, "binnacle.db")); err != nil {
		t.Errorf("the installation that was there is gone: %v", err)
	}
}
