package sigma_test

import (
	"testing"

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
		// The two other YAML files are settings of the rules' own tests.
		if p.Code != "no-detection" {
			t.Error(p)
		}
	}
	if len(c.Rules) != 3780 {
		t.Errorf("%d rules loaded, want 3780", len(c.Rules))
	}
}
