// Package faulttest checks the texts of a package that makes problems with
// fault.Coded.
package faulttest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	placeholder = regexp.MustCompile(`\{\d\}`)
	report      = regexp.MustCompile(`(?:report|newProblem)\(.*?"([a-z0-9-]+)"`)
)

// Texts checks text.en.json and text.es.json in fsys: every code that the Go
// files of the working folder give to report or newProblem has a message and a
// hint in both, with the same arguments, and no problem has a text that nothing
// reports.
func Texts(t testing.TB, prefix string, fsys fs.FS) {
	t.Helper()
	english, spanish := read(t, fsys, "en"), read(t, fsys, "es")
	for key, text := range english {
		if got, want := placeholders(spanish[key]), placeholders(text); !slices.Equal(got, want) {
			t.Errorf("%s: es has %v, en has %v", key, got, want)
		}
	}
	codes := Reported(t)
	want := map[string]bool{}
	for _, code := range codes {
		key := "problem." + prefix + "." + code
		want[key], want[key+".hint"] = true, true
	}
	for key := range want {
		if english[key] == "" || spanish[key] == "" {
			t.Errorf("no text %s", key)
		}
	}
	for _, texts := range []map[string]string{english, spanish} {
		for key := range texts {
			if strings.HasPrefix(key, "problem.") && !want[key] {
				t.Errorf("nothing reports %s", key)
			}
		}
	}
}

func read(t testing.TB, fsys fs.FS, code string) map[string]string {
	t.Helper()
	data, err := fs.ReadFile(fsys, "text."+code+".json")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Reported returns the codes that the Go files of the working folder, without
// its tests, give to report or newProblem.
func Reported(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range report.FindAllSubmatch(data, -1) {
			if code := string(m[1]); !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	if len(codes) == 0 {
		t.Fatal("no code found")
	}
	return codes
}
