package mcp

import (
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
)

type todayIn struct {
	Since    string `json:"since,omitempty" jsonschema:"since when changes are told, as 2026-01-31T09:00:00Z; since the person left the page Today when not given"`
	Language string `json:"language,omitempty" jsonschema:"en or es; en when not given"`
}

// today tells the overview of the caller. It does not count as a look at the
// page.
func (t *tools) today(ctx context.Context, in todayIn) (morning.Overview, string, error) {
	var o morning.Options
	if in.Since != "" {
		at, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return morning.Overview{}, "", fault.New(fault.Invalid, "since %q is not a moment", in.Since).WithHint("write it as 2026-01-31T09:00:00Z")
		}
		o.Since = at
	}
	code, _ := lang.Parse(in.Language)
	overview, err := t.Morning.Today(ctx, t.caller, o)
	if err != nil {
		return morning.Overview{}, "", err
	}
	r := overview.Report(code)
	return r, r.Text, nil
}
