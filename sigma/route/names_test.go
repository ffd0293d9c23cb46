package route_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// What a field is called in the events of a rule's routes follows the table, also
// for a field that the rule itself does not ask for.
func TestNames(t *testing.T) {
	ready, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	process := &sigma.Rule{Logsource: sigma.Logsource{Product: "windows", Category: "process_creation"}}
	f := func(rule *sigma.Rule, field string, want ...string) {
		t.Helper()
		got := ready.Names(rule, field)
		for _, name := range want {
			if !slices.Contains(got, name) {
				t.Errorf("%s is called %v, not %s", field, got, name)
			}
		}
		if slices.Contains(got, field) || len(want) == 0 && len(got) > 0 {
			t.Errorf("%s is called %v", field, got)
		}
	}
	f(process, "Image", "NewProcessName")
	f(process, "ParentImage", "ParentProcessName")
	f(&sigma.Rule{Logsource: sigma.Logsource{Product: "nobody"}}, "Image")
	table := &route.Table{Entries: []route.Entry{{Source: sigma.Logsource{Product: "x"}, Fields: map[string]string{"user": "who"}}}}
	if diff := cmp.Diff([]string{"who"}, table.Names(&sigma.Rule{Logsource: sigma.Logsource{Product: "x"}}, "user")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
