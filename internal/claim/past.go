package claim

import (
	"cmp"
	"context"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Said is a word that was given at a moment.
type Said struct {
	Caller catalog.Caller
	Claim  entity.Ref
	Word   Word
	At     time.Time // when it was given: not before the one that comes before it
}

// SayAll keeps many words, each as Say would have at its moment, and computes
// the states that follow once, after the last. It is for bringing in a history,
// and what is written meanwhile must wait for it: the words are of one
// organisation and in order.
func (e *Engine) SayAll(ctx context.Context, org string, list []Said) error {
	if len(list) == 0 {
		return nil
	}
	err := e.db.Tx(ctx, func(tx *sqldb.Tx) error {
		a := &sayAll{e: e, ctx: ctx, tx: tx, org: org}
		for _, x := range list {
			if err := a.one(x); err != nil {
				return err
			}
		}
		return a.keep()
	})
	if err == nil {
		e.cfg.Feed.Notify()
		e.rouse()
	}
	return err
}

// sayAll gathers words.
type sayAll struct {
	e   *Engine
	ctx context.Context
	tx  *sqldb.Tx
	org string
	seq int64 // of the feed; 0 before it is read

	kept []keptWord
}

type keptWord struct {
	done
	caller catalog.Caller
	entity *entity.Entity
	form   string
}

func (a *sayAll) one(x Said) error {
	c, d, err := a.e.borne(a.ctx, a.e.catalog.In(a.tx), x.Caller, x.Claim)
	if err != nil {
		return err
	}
	p, err := worded(d.Probes, x.Word.Test)
	if err != nil {
		return err
	}
	if err := cmp.Or(a.e.mayAnswer(a.ctx, a.tx, x.Caller, c, d), x.Word.check(p, x.At)); err != nil {
		return err
	}
	accountable, err := a.e.accountableFor(a.ctx, a.tx, x.Caller, c, p)
	if err != nil {
		return err
	}
	if a.seq == 0 {
		if a.seq, err = feed.SeqNow(a.ctx, a.tx); err != nil {
			return err
		}
	}
	s := a.e.session(a.ctx, a.tx, a.org, Moment{At: x.At.UTC().Truncate(time.Microsecond)})
	s.seq = a.seq
	said, err := s.word(x.Caller, c, d, p, x.Word, accountable)
	a.kept = append(a.kept, keptWord{said, x.Caller, c, p.Form()})
	return err
}

func (a *sayAll) keep() error {
	var runs []done
	var claims []string
	var entries []*feed.Entry
	for _, k := range a.kept {
		runs, claims, entries = append(runs, k.done), append(claims, k.run.Claim), append(entries, runEntry(k.entity, k.run))
	}
	if err := a.e.keep(a.ctx, a.tx, a.org, runs, claims, entries); err != nil {
		return err
	}
	var records []*audit.Record
	for _, k := range a.kept {
		r := a.e.record(k.caller, "claim."+k.form, k.entity, map[string]any{"test": k.run.Test, "run": k.run.Seq})
		r.At = k.run.At
		records = append(records, r)
	}
	return audit.Append(a.ctx, a.tx, records...)
}
