package strategy

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// Whatever a title or a file is called, the name made of it can be one.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"C++", ".NET", "0003 ¿qué? (café)", "日本", "--a--", "Node.js", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if name := technologyName(s); !entity.ValidName(name) {
			t.Errorf("technologyName(%q) = %q", s, name)
		}
		if name := nameOf(s); name != "" && !entity.ValidName(name) {
			t.Errorf("nameOf(%q) = %q", s, name)
		}
		titleFrom(s)
	})
}
