package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	momentShown = regexp.MustCompile(`\{\{-? *(?:day|datetime|ago|when|until) `)
	inAttribute = regexp.MustCompile(`[a-z-]+="[^"{]*\{\{-? *(?:day|datetime|ago|when|until) [^}]*\}\}`)
	asArgument  = regexp.MustCompile(`\((?:day|datetime|ago|when|until) [^)]*\)|\| *(?:day|datetime|ago|when|until)\b`)
)

// A moment is drawn where html/template lets its mark through: in what a page
// shows, and not in an attribute or in a text.
func TestMomentsAreDrawnOnPages(t *testing.T) {
	n := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".html") {
			return err
		}
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n += len(momentShown.FindAll(page, -1))
		for _, re := range []*regexp.Regexp{inAttribute, asArgument} {
			for _, found := range re.FindAll(page, -1) {
				t.Errorf("%s: the mark of %s is lost or shown", path, found)
			}
		}
		return nil
	})
	if err != nil || n < 50 {
		t.Fatalf("%d moments are shown on pages, %v", n, err)
	}
}
