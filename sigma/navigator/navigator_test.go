package navigator_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/navigator"
)

func rule(title, status string, tags ...string) *sigma.Rule {
	return &sigma.Rule{Title: title, Status: status, Tags: tags}
}

func TestTechniques(t *testing.T) {
	got := navigator.Techniques([]*sigma.Rule{
		rule("B", "", "attack.t1059.001", "attack.execution", "attack.T1059.001"),
		rule("A", "stable", "attack.t1059.001", "attack.t1110", "cve.2021-1"),
		rule("Old", "deprecated", "attack.t1110"),
		rule("No number", "", "attack.t11", "attack.s0001", "attack.g0001"),
	})
	want := []navigator.Technique{{ID: "T1059.001", Rules: []string{"A", "B"}}, {ID: "T1110", Rules: []string{"A"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLayer(t *testing.T) {
	var many []string
	for i := range 22 {
		many = append(many, fmt.Sprintf("Rule %02d", i))
	}
	data, err := navigator.Layer("Ours", []navigator.Technique{{ID: "T1059.001", Rules: []string{"A", "B"}}, {ID: "T1059.003", Rules: []string{"A"}}, {ID: "T1110", Rules: many}})
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, Domain string
		Versions     map[string]string
		Gradient     struct {
			MinValue, MaxValue int
			Colors             []string
		}
		Techniques []struct {
			TechniqueID       string
			Score             int
			Comment           string
			ShowSubtechniques bool
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, x := range got.Techniques {
		lines = append(lines, fmt.Sprint(x.TechniqueID, " ", x.Score, " ", x.ShowSubtechniques, " ", len(x.Comment)))
	}
	if diff := cmp.Diff([]string{"T1059 0 true 0", "T1059.001 2 false 3", "T1059.003 1 false 1", "T1110 22 false 174"}, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Domain != "enterprise-attack" || got.Versions["layer"] != "4.5" || got.Gradient.MaxValue != 22 || got.Name != "Ours" {
		t.Errorf("got %+v", got)
	}
	if empty, err := navigator.Layer("None", nil); err != nil || !json.Valid(empty) {
		t.Errorf("nothing: %s %v", empty, err)
	}
}
