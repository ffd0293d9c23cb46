package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The actions of looks at people's data.
const (
	LookOne  = "personal.read" // at one record, the target
	LookMany = "personal.list" // at several at once, in a list, a search or an export
)

// manyTarget is the target of a look at several.
const manyTarget = "people"

// manyDetail is the detail of a look at several.
type manyDetail struct {
	Count   int      `json:"count"`          // how many people were shown
	More    bool     `json:"more,omitempty"` // more than Refs names
	Refs    []string `json:"refs"`
	Queries []string `json:"queries,omitempty"` // what was asked for
}

// NewLook returns the record of a look at count people at once, of whom refs
// names some or all, by queries; who looked is left to be filled in.
func NewLook(count int, refs, queries []string) *Record {
	d := manyDetail{Count: count, More: count > len(refs), Refs: refs, Queries: clipped(queries)}
	detail, _ := json.Marshal(d) // texts and numbers: cannot fail
	return &Record{Action: LookMany, Target: manyTarget, Detail: detail}
}

// maxQuery is how many bytes of a query a look keeps, so that its detail stays
// below MaxDetail.
const maxQuery = 400

func clipped(queries []string) []string {
	out := slices.Clone(queries)
	for i, q := range out {
		if len(q) > maxQuery {
			out[i] = q[:maxQuery] + "…"
		}
	}
	return out
}

// Look is a look at one person's data.
type Look struct {
	Record
	// Shown is how many people were shown at once; 1 for a look at the one
	// record.
	Shown int `json:"shown"`
	// Perhaps says that more were shown than the record names, and that it does
	// not name this one: they were among those that Queries found, or not.
	Perhaps bool     `json:"perhaps,omitempty"`
	Queries []string `json:"queries,omitempty"`
}

// Looks returns the newest looks at the person ref, and whether there are older
// ones.
func (l *Log) Looks(ctx context.Context, org, ref string, limit int) (looks []Look, more bool, err error) {
	quoted, err := json.Marshal(ref)
	if err != nil {
		return nil, false, err
	}
	records, err := sqldb.All(ctx, l.db, scan, `SELECT `+columns+` FROM audit WHERE org = ? AND
		(action = ? AND target = ? OR action = ? AND (detail LIKE ? ESCAPE '!' OR detail LIKE ?)) ORDER BY seq DESC LIMIT ?`,
		org, LookOne, ref, LookMany, "%"+likeEscaper.Replace(string(quoted))+"%", `%"more":true%`, limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("audit: looks: %w", err)
	}
	for _, r := range records[:min(len(records), limit)] {
		looks = append(looks, lookAt(r, ref))
	}
	return looks, len(records) > limit, nil
}

func lookAt(r Record, ref string) Look {
	look := Look{Record: r, Shown: 1}
	var d manyDetail
	if r.Action != LookMany || json.Unmarshal(r.Detail, &d) != nil {
		return look
	}
	look.Shown, look.Queries, look.Perhaps = d.Count, d.Queries, !slices.Contains(d.Refs, ref)
	look.Detail = nil // who else was shown is not for this person
	return look
}
