package sources

import (
	"github.com/binnaclehq/binnacle/internal/ingest/listen"
	"github.com/binnaclehq/binnacle/internal/web"
)

// way is a collector as the page shows it.
type way struct {
	listen.Status
	Mark, StateText string
	Lost            int64 // what was dropped or could not be read
}

// marks are the looks of the states of collectors.
var marks = map[listen.State]string{listen.Starting: "idle", listen.Running: "ok", listen.Waiting: "warn", listen.Failing: "bad"}

// collectors are those of this server that work for the reader's organisation.
func (c Config) collectors(w *web.Ctx) (out []way) {
	if c.Collectors == nil {
		return nil
	}
	for _, s := range c.Collectors() {
		if s.Spec.Org == w.Caller.Org {
			out = append(out, way{s, marks[s.State], w.T("sources.collector." + string(s.State)), s.Dropped + s.Broken})
		}
	}
	return out
}
