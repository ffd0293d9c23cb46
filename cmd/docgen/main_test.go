package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/app"
)

// TestReference compares the pages that are kept with what the program makes.
func TestReference(t *testing.T) {
	made := t.TempDir()
	if err := run(made); err != nil {
		t.Fatal(err)
	}
	got, want := pages(t, filepath.Join("..", "..", "docs", "reference")), pages(t, made)
	if kinds := len(app.Kinds().All()); len(want) < kinds+2 {
		t.Fatalf("%d pages were made for %d kinds", len(want), kinds)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/reference is not what the program makes: run go generate ./...\n%s", diff)
	}
}

// pages returns the files below a folder by name.
func pages(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
