package cli

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

func targetSession() *session {
	type spec struct {
		A string `json:"a" en:"A" es:"A"`
	}
	return &session{Program: Program{Kinds: catalog.NewKinds(catalog.Of[spec](catalog.Kind{Name: "Component", Plural: "components", Short: []string{"comp"}}, nil), catalog.Of[spec](catalog.Kind{Name: "Group", Plural: "groups"}, nil))}}
}

func TestTargets(t *testing.T) {
	s := targetSession()
	for line, want := range map[string]string{
		"components":              "kinds Component",
		"comp,groups":             "kinds Component Group",
		"component a":             "component:default/a",
		"Components a b":          "component:default/a component:default/b",
		"component/a group/b":     "component:default/a group:default/b",
		"component/x/a":           "component:x/a",
		"component:a comp:x/b":    "component:default/a component:x/b",
		"component x/a":           "component:x/a",
		"component a -n=lab":      "component:lab/a",
		"component/x/a -n=lab":    "component:x/a",
		"componet":                "!did you mean",
		"comp,groups a":           "!kind/name",
		"component/a/b/c":         "!KIND/NAME",
		"component/":              "!KIND/NAME",
		"nothing/a":               "!kinds are",
		"component a?":            "!KIND/NAME",
		"component/a components":  "!KIND/NAME",
		"component: component:/a": "!KIND/NAME",
	} {
		var namespace string
		args := strings.Fields(line)
		if n, ok := strings.CutPrefix(args[len(args)-1], "-n="); ok {
			namespace, args = n, args[:len(args)-1]
		}
		got, err := s.targets(args, namespace)
		var said []string
		for _, k := range got.kinds {
			said = append(said, k.Name)
		}
		if len(said) > 0 {
			said = append([]string{"kinds"}, said...)
		}
		for _, r := range got.refs {
			said = append(said, r.String())
		}
		hint, bad := strings.CutPrefix(want, "!")
		switch {
		case bad && (err == nil || !strings.Contains(s.hintOf(err), hint)):
			t.Errorf("targets(%s) = %v, %v; want a hint with %q", line, said, err, hint)
		case !bad && (err != nil || strings.Join(said, " ") != want):
			t.Errorf("targets(%s) = %v, %v; want %s", line, said, err, want)
		}
	}
}

func FuzzTargets(f *testing.F) {
	for _, line := range []string{"components", "component/a/b", "component:a b", "a,b c"} {
		f.Add(line)
	}
	s := targetSession()
	f.Fuzz(func(t *testing.T, line string) {
		got, err := s.targets(strings.Fields(line), "")
		if err != nil {
			return
		}
		for _, r := range got.refs {
			if s.Kinds.Get(r.Kind) == nil || r.Name == "" || r.Namespace == "" {
				t.Fatalf("targets(%q) = %v", line, got.refs)
			}
		}
	})
}
