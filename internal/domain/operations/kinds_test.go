package operations_test

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/fault"
)

func kinds() *catalog.Kinds {
	return catalog.NewKinds(append(operations.Module().Kinds, people.Module().Kinds...)...)
}

func TestExamples(t *testing.T) {
	ks := kinds()
	for _, k := range ks.All() {
		t.Run(k.Name, func(t *testing.T) {
			for _, yaml := range k.Examples {
				docs, err := ks.Decode("example.yaml", []byte(yaml))
				if err != nil {
					t.Fatal(err)
				}
				if len(docs) != 1 || len(docs[0].Warnings) > 0 {
					t.Errorf("%d documents, warnings %v", len(docs), docs[0].Warnings)
				}
				if v := docs[0].Entity.APIVersion; v != k.Versions[0] {
					t.Errorf("apiVersion %s, and the kind writes %s", v, k.Versions[0])
				}
			}
			for _, bad := range k.Invalid {
				_, err := ks.Decode("bad.yaml", []byte(bad.YAML))
				if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), bad.Want) {
					t.Errorf("%s\ngot  %v\nwant %q", bad.YAML, err, bad.Want)
				}
			}
			if len(k.Examples) == 0 || len(k.Invalid) < 2 {
				t.Errorf("%d examples, %d invalid ones", len(k.Examples), len(k.Invalid))
			}
		})
	}
}
