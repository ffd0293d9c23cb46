package alerts

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/web"
)

// newCase in place of a name opens a case.
const newCase = "new"

func casePath(name string) string { return "/cases/default/" + name }

func (d *Desk) openCase(context.Context, *sqldb.Tx, string, string) error {
	return fault.New(fault.Unavailable, "there are no cases")
}

func (d *Desk) logMoves(context.Context, *sqldb.Tx, catalog.Caller, []*Alert, string, time.Time) error {
	return nil
}

func openCases(*web.Ctx) ([]option, error) { return nil, nil }

func (p pages) openFor(*web.Ctx, []int64) (string, error) {
	return "", fault.New(fault.Unavailable, "there are no cases")
}

// Playbook is a template of the work of a case.
type Playbook struct{}
