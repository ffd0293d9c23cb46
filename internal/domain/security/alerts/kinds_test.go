package alerts_test

import (
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
)

func TestExamples(t *testing.T) {
	catalogtest.Examples(t, catalog.NewKinds(alerts.Module(alerts.Config{}).Kinds...))
}
