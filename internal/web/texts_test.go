package web_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// madeKeys are beginnings of keys whose rest is made at run time.
var madeKeys = []string{"js.", "problem.", "fault.", "type.", "hint.", "rel.", "health.", "trend.", "op.", "error.", "export.", "outcome.", "method.", "scope.", "settings.", "made.", "system.state.", "import.op.", "compare.op.", "audit.export."}

// source is the text of this package's files with an ending.
func source(t *testing.T, ending string) string {
	t.Helper()
	names, err := filepath.Glob("*" + ending)
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	var b strings.Builder
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	return b.String()
}

func TestTextsAreThereAndUsed(t *testing.T) {
	texts, err := lang.Load(web.Texts)
	if err != nil {
		t.Fatal(err)
	}
	code := source(t, ".go") + source(t, ".html")
	asked := regexp.MustCompile(`(?:\bt|\.T|w\.text|doorPage)[ (]"([a-z][a-zA-Z0-9.+-]*)"`)
	found := 0
	for _, m := range asked.FindAllStringSubmatch(code, -1) {
		found++
		if !texts.Has(m[1]) && !strings.HasSuffix(m[1], ".") {
			t.Errorf("the text %q is asked for and not there", m[1])
		}
	}
	if found < 300 {
		t.Errorf("only %d texts are asked for: the pattern sees too little", found)
	}
	for _, key := range texts.Keys() {
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		if !strings.Contains(code, `"`+base+`"`) && !made(key) {
			t.Errorf("nobody uses the text %q", key)
		}
	}
}

func made(key string) bool {
	for _, p := range madeKeys {
		if strings.HasPrefix(key, p) {
			return true
		}
	}
	return false
}

// The languages say as much: the same arguments stand in both texts.
func TestTextsHaveTheSameArguments(t *testing.T) {
	texts, err := lang.Load(web.Texts)
	if err != nil {
		t.Fatal(err)
	}
	arg := regexp.MustCompile(`\{[a-z0-9]+\}`)
	for _, key := range texts.Keys() {
		seen := map[lang.Code]map[string]bool{}
		for _, code := range lang.All {
			seen[code] = map[string]bool{}
			for _, a := range arg.FindAllString(texts.Get(code, key), -1) {
				seen[code][a] = true
			}
		}
		for a := range seen[lang.English] {
			if !seen[lang.Spanish][a] {
				t.Errorf("%s: the Spanish text lacks %s", key, a)
			}
		}
		if len(seen[lang.English]) != len(seen[lang.Spanish]) {
			t.Errorf("%s: arguments %v and %v", key, seen[lang.English], seen[lang.Spanish])
		}
	}
}

func TestMetadataHasLabels(t *testing.T) {
	for _, f := range catalog.MetadataFields() {
		if f.Label.En == "" || f.Label.Es == "" {
			t.Errorf("%s has no label in both languages", f.Path)
		}
	}
}
