package claim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Broken is a place where a chain of runs does not hold.
type Broken struct {
	Claim string `json:"claim"` // uid
	Seq   int64  `json:"seq"`
	What  string `json:"what"`
}

// Verification says what was checked of an organisation's runs.
type Verification struct {
	Claims    int      `json:"claims"`
	Runs      int      `json:"runs"`
	Documents int      `json:"documents"`
	Broken    []Broken `json:"broken"`
}

// Verify reads every run of an organisation and checks that each carries the
// hash of its own fields and of the run before, that none is missing up to the
// head of its chain, and that every question and answer is the one its hash
// stands for. claim, when not empty, narrows it to one.
func (e *Engine) Verify(ctx context.Context, org, claim string) (*Verification, error) {
	v := &Verification{}
	err := e.db.View(ctx, func(tx *sqldb.Tx) error {
		*v = Verification{Broken: []Broken{}}
		c := chain{v: v}
		where, args := "org = ?", []any{org}
		if claim != "" {
			where, args = where+" AND claim = ?", append(args, claim)
		}
		needed := map[string]bool{}
		err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
			r, err := scanRun(s)
			if err != nil {
				return err
			}
			c.next(r)
			needed[r.Query], needed[r.Result] = true, true
			return nil
		}, `SELECT `+runColumns+` FROM claim_runs WHERE `+where+` ORDER BY claim, seq`, args...)
		if err != nil {
			return err
		}
		v.Claims = len(c.heads)
		if err := e.verifyHeads(ctx, tx, where, args, c.heads, v); err != nil {
			return err
		}
		return e.verifyDocuments(ctx, tx, org, needed, v)
	})
	return v, err
}

// chain walks runs ordered by claim and place.
type chain struct {
	v     *Verification
	last  *Run
	heads map[string]*Run
}

func (c *chain) next(r *Run) {
	c.v.Runs++
	if c.heads == nil {
		c.heads = map[string]*Run{}
	}
	seq, prev := int64(1), ""
	if c.last != nil && c.last.Claim == r.Claim {
		seq, prev = c.last.Seq+1, c.last.Hash
	}
	for _, what := range r.faults(seq, prev) {
		c.v.Broken = append(c.v.Broken, Broken{r.Claim, r.Seq, what})
	}
	c.last, c.heads[r.Claim] = r, r
}

// faults returns what is wrong with a run that should stand at a place.
func (r *Run) faults(seq int64, prev string) []string {
	var out []string
	if r.Seq != seq {
		out = append(out, fmt.Sprintf("follows run %d: a run is missing", seq-1))
	} else if r.Prev != prev {
		out = append(out, "does not carry the hash of the run before")
	}
	if r.Sum() != r.Hash {
		out = append(out, "was changed: its hash is not that of its fields")
	}
	return out
}

// Check returns what is wrong with one run: its hash, its link to the run before,
// and its documents. last is the end of the chain.
func (e *Engine) Check(ctx context.Context, org string, r *Run) (faults []string, last int64, err error) {
	prev := ""
	if r.Seq > 1 {
		before, err := one(e.runs(ctx, e.db, `r.org = ? AND r.claim = ? AND r.seq = ?`, org, r.Claim, r.Seq-1))
		if err != nil {
			return nil, 0, err
		}
		if before != nil {
			prev = before.Hash
		}
	}
	faults = r.faults(r.Seq, prev)
	for _, hash := range []string{r.Query, r.Result} {
		doc, err := e.document(ctx, e.db, org, hash)
		switch {
		case fault.Is(err, fault.NotFound):
			faults = append(faults, "the document "+hash+" is missing")
		case err != nil:
			return nil, 0, err
		case digest(doc) != hash:
			faults = append(faults, "the document "+hash+" was changed")
		}
	}
	err = e.db.QueryRow(ctx, `SELECT seq FROM claim_heads WHERE org = ? AND claim = ?`, org, r.Claim).Scan(&last)
	return faults, last, err
}

func (e *Engine) verifyHeads(ctx context.Context, tx *sqldb.Tx, where string, args []any, heads map[string]*Run, v *Verification) error {
	ended := map[string]bool{}
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		var claim, hash string
		var seq int64
		if err := s.Scan(&claim, &seq, &hash); err != nil {
			return err
		}
		ended[claim] = true
		if r := heads[claim]; r == nil && seq > 0 || r != nil && (r.Seq != seq || r.Hash != hash) {
			v.Broken = append(v.Broken, Broken{claim, seq, "the chain was cut off: its end is not the run that was written last"})
		}
		return nil
	}, `SELECT claim, seq, hash FROM claim_heads WHERE `+where, args...)
	for _, claim := range sortedKeys(heads) {
		if !ended[claim] {
			v.Broken = append(v.Broken, Broken{claim, heads[claim].Seq, "the chain has no end: what was written last is not known"})
		}
	}
	return err
}

func (e *Engine) verifyDocuments(ctx context.Context, tx *sqldb.Tx, org string, needed map[string]bool, v *Verification) error {
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		var hash string
		var doc []byte
		if err := s.Scan(&hash, &doc); err != nil || !needed[hash] {
			return err
		}
		v.Documents++
		if digest(doc) != hash {
			v.Broken = append(v.Broken, Broken{"", 0, "the document " + hash + " was changed"})
		}
		delete(needed, hash)
		return nil
	}, `SELECT hash, doc FROM claim_results WHERE org = ?`, org)
	for _, hash := range sortedKeys(needed) {
		v.Broken = append(v.Broken, Broken{"", 0, "the document " + hash + " is missing"})
	}
	return err
}

func digest(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}
