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
		seq, err := feed.SeqNow(ctx, tx)
		if err != nil {
			return err
		}
		a := e.saying(ctx, tx, org)
		for _, x := range list {
			x.At = x.At.UTC().Truncate(time.Microsecond)
			err := a.add(x, func() (*session, error) {
				s := e.session(ctx, tx, org, Moment{At: x.At})
				s.seq = seq
				return s, nil
			})
			if err != nil {
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

// saying gathers words of one organisation, which are kept together.
type saying struct {
	e   *Engine
	ctx context.Context
	tx  *sqldb.Tx
	org string

	now  *session // about the present; nil before it is needed
	kept []keptWord
}

type keptWord struct {
	done
	said    Said
	claim   *entity.Entity
	form    string
	carrier *entity.Entity // that carries it; nil when somebody says it
}

func (e *Engine) saying(ctx context.Context, tx *sqldb.Tx, org string) *saying {
	return &saying{e: e, ctx: ctx, tx: tx, org: org}
}

// present is a session about now, later than every run there is and every word
// that was gathered.
func (a *saying) present() (s *session, err error) {
	if a.now == nil {
		a.now, err = a.e.present(a.ctx, a.tx, a.org)
		return a.now, err
	}
	a.now.at = Moment{At: a.e.moment()}
	return a.now, nil
}

// add gathers a word, given in a session.
func (a *saying) add(x Said, in func() (*session, error)) error {
	k, err := a.word(x, in)
	if err == nil {
		a.kept = append(a.kept, k)
	}
	return err
}

// once gathers a word about the present. One that was given before is not
// gathered again: it returns the run that there is.
func (a *saying) once(x Said) (*Run, error) {
	k, err := a.word(x, a.present)
	if err != nil {
		return nil, err
	}
	for _, o := range a.kept {
		if o.run.sameWord(k.run) {
			return o.run, nil
		}
	}
	if there, err := a.e.saidBefore(a.ctx, a.tx, k.run); err != nil || there != nil {
		return there, err
	}
	a.kept = append(a.kept, k)
	return k.run, nil
}

// word makes the run of a word.
func (a *saying) word(x Said, in func() (*session, error)) (keptWord, error) {
	c, d, err := a.e.borne(a.ctx, a.e.catalog.In(a.tx), x.Caller, x.Claim)
	if err != nil {
		return keptWord{}, err
	}
	p, err := worded(d.Probes, x.Word.Test)
	if err != nil {
		return keptWord{}, err
	}
	if err := cmp.Or(a.e.mayAnswer(a.ctx, a.tx, x.Caller, c, d), x.Word.check(p, x.At)); err != nil {
		return keptWord{}, err
	}
	accountable, err := a.e.accountableFor(a.ctx, a.tx, x.Caller, c, p)
	if err != nil {
		return keptWord{}, err
	}
	s, err := in()
	if err != nil {
		return keptWord{}, err
	}
	run, err := s.word(x.Caller, c, d, p, x.Word, accountable)
	return keptWord{done: run, said: x, claim: c, form: p.Form()}, err
}

// keep writes what was gathered.
func (a *saying) keep() error {
	if len(a.kept) == 0 {
		return nil
	}
	var runs []done
	var claims []string
	var entries []*feed.Entry
	for _, k := range a.kept {
		runs, claims, entries = append(runs, k.done), append(claims, k.run.Claim), append(entries, runEntry(k.claim, k.run))
	}
	if err := a.e.keep(a.ctx, a.tx, a.org, runs, claims, entries); err != nil {
		return err
	}
	var records []*audit.Record
	for _, k := range a.kept {
		r := a.e.record(k.said.Caller, "claim."+k.form, k.claim, map[string]any{"test": k.run.Test, "run": k.run.Seq})
		r.At = k.said.At
		records = append(records, r)
	}
	return audit.Append(a.ctx, a.tx, records...)
}

// keepEach is keep, but for that what can be no word is left, with a line in the
// log, and keeps no other from being kept.
func (a *saying) keepEach() error {
	err := a.tx.Part(a.ctx, a.keep)
	if !isFault(err) {
		return err
	}
	if len(a.kept) == 1 {
		a.e.left(cmp.Or(a.kept[0].carrier, a.kept[0].claim), err)
		return nil
	}
	for _, k := range a.kept {
		one := a.e.saying(a.ctx, a.tx, a.org)
		one.kept = []keptWord{k}
		if err := one.keepEach(); err != nil {
			return err
		}
	}
	return nil
}
