package operations_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
)

func kinds() *catalog.Kinds {
	return catalog.NewKinds(append(operations.Module().Kinds, people.Module().Kinds...)...)
}

func TestExamples(t *testing.T) { catalogtest.Examples(t, kinds()) }
