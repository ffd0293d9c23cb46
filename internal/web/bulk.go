package web

import (
	"github.com/binnaclehq/binnacle/internal/catalog"
)

// bulkChoices is what can be changed in many entities of a kind at once.
type bulkChoices struct {
	Enums []*catalog.Field
}

func bulkFor(c *Ctx, k *catalog.Kind) bulkChoices { return bulkChoices{} }
