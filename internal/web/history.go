package web

import (
	"regexp"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

var indexPattern = regexp.MustCompile(`\[\d+\]`)

// historyEntry is a revision as the timeline shows it.
type historyEntry struct {
	Rev, Prev int64
	Op        catalog.Op
	At        time.Time
	Author    string
	Manager   string
	Reason    string
	Changes   []changeLine
	More      int
}

// entries makes timeline entries of revisions, newest first; the last revision
// given is only what the one before is compared with, unless it is the first
// of all.
func (c *Ctx) entries(k *catalog.Kind, revs []catalog.Revision, most, lines int) []historyEntry {
	var out []historyEntry
	for i, r := range revs {
		if i == most {
			break
		}
		h := historyEntry{Rev: r.Rev, Op: r.Op, At: r.At, Author: r.Name, Manager: r.Manager, Reason: r.Reason}
		if i+1 < len(revs) {
			prev := revs[i+1]
			h.Prev = prev.Rev
			if r.Op != catalog.Deleted {
				h.Changes, h.More = c.changeLines(k, catalog.Diff(prev.Entity, r.Entity), lines)
			}
		}
		out = append(out, h)
	}
	return out
}
