package sigma_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

// Every rule of SigmaHQ loads.
func TestCorpus(t *testing.T) {
	c, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems {
		t.Error(p)
	}
	if len(c.Skipped) != 1 || !strings.HasSuffix(c.Skipped[0].File, "thor.yml") {
		t.Errorf("skipped %v, want SigmaHQ's thor.yml alone", c.Skipped)
	}
	if len(c.Rules) != 3780 {
		t.Errorf("%d rules loaded, want 3780", len(c.Rules))
	}
	findings := map[string]int{}
	for _, r := range c.Rules {
		for _, p := range sigma.Check(r) {
			findings[p.Code]++
		}
	}
	want := map[string]int{"only-wildcard": 10, "related": 3}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("what Check says of well kept rules: %s", diff)
	}
}
