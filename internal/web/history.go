package web

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

// historyPageSize is how many revisions the history shows at a time.
const historyPageSize = 30

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
	Current   bool
}

type historyPage struct {
	record
	Entries []historyEntry
	Older   string
}

// entries makes timeline entries of revisions, newest first. A revision is
// compared with the next in the list.
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

func history(c *Ctx, k *catalog.Kind) (any, error) {
	r, revs, err := c.recordOfRef(k, "history")
	if err != nil {
		return nil, err
	}
	p := &historyPage{record: *r}
	p.Short = c.T("tab.history")
	p.Entries = c.entries(k, revs, historyPageSize, 8)
	if len(p.Entries) > 0 && c.Param("before") == "" && !r.Deleted {
		p.Entries[0].Current = true
	}
	if len(revs) > historyPageSize {
		p.Older = c.with("before", itoa(revs[historyPageSize-1].Rev))
	}
	return p, nil
}

// comparePage sets two revisions side by side.
type comparePage struct {
	record
	A, B   *catalog.Revision
	Fields []fieldDiff
	Revs   []catalog.Revision // to choose from
}

// fieldDiff is one field in both revisions.
type fieldDiff struct {
	Label, Op string // add, del or mod
	Lines     []diffLine
}

func compare(c *Ctx, k *catalog.Kind) (any, error) {
	r, revs, err := c.recordOfRef(k, "history")
	if err != nil {
		return nil, err
	}
	a, b := int64(c.IntParam("a", 0)), int64(c.IntParam("b", 0))
	if b == 0 {
		b = revs[0].Rev
	}
	if a == 0 {
		a = max(b-1, 1)
	}
	p := &comparePage{record: *r, Revs: revs}
	p.Short = c.T("compare.short")
	p.Crumbs = append(p.Crumbs, Crumb{r.Path + "/history", c.T("tab.history")})
	ctx, ref := c.R.Context(), c.Ref(k)
	if p.A, err = c.Catalog().Revision(ctx, c.Caller, ref, min(a, b)); err != nil {
		return nil, err
	}
	if p.B, err = c.Catalog().Revision(ctx, c.Caller, ref, max(a, b)); err != nil {
		return nil, err
	}
	for _, ch := range catalog.Diff(p.A.Entity, p.B.Entity) {
		p.Fields = append(p.Fields, c.fieldDiff(k, ch))
	}
	return p, nil
}

func (c *Ctx) fieldDiff(k *catalog.Kind, ch catalog.FieldChange) fieldDiff {
	d := fieldDiff{Label: c.fieldLabel(k, ch.Path), Op: "mod"}
	switch {
	case len(ch.Before) == 0:
		d.Op = "add"
	case len(ch.After) == 0:
		d.Op = "del"
	}
	d.Lines = diffLines(textLines(ch.Before), textLines(ch.After))
	return d
}

// textLines writes a value as lines to compare: a text as it is, anything else
// as indented JSON.
func textLines(raw json.RawMessage) []string {
	if len(raw) == 0 {
		return nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return []string{string(raw)}
	}
	switch x := v.(type) {
	case map[string]any, []any:
		return strings.Split(pretty(x), "\n")
	}
	return strings.Split(strings.TrimSuffix(plain(v), "\n"), "\n")
}
