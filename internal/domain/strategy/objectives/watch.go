package objectives

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// hand is the manager of what this part writes by itself.
const hand = "objectives"

// watch keeps the standings of key results in step with what they follow from
// beside their claim, and freezes the scores of cycles that are closed.
func watch(c *catalog.Catalog) feed.Watch {
	return feed.Watch{Name: "strategy/objectives", Types: []string{"entity.created", "entity.updated", "entity.restored"}, Batch: 200,
		Handle: func(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
			seen := map[string]bool{}
			for _, x := range batch {
				if key := x.Org + "/" + x.UID; !seen[key] {
					seen[key] = true
					if err := follow(ctx, c, tx, x); err != nil {
						return fmt.Errorf("%s: %w", x.Ref, err)
					}
				}
			}
			return nil
		}}
}

// follow restates the key results whose standing follows from an entity.
func follow(ctx context.Context, c *catalog.Catalog, tx *sqldb.Tx, x feed.Entry) error {
	kind, _, _ := strings.Cut(x.Ref, ":")
	if kind != "cycle" && kind != "objective" && kind != "checkin" {
		return nil
	}
	e, err := c.ByUID(ctx, tx, x.Org, x.UID)
	if err != nil || e == nil {
		return err
	}
	s := &steward{ctx: ctx, c: c.In(tx), org: x.Org}
	switch e.Kind {
	case "Cycle":
		return s.cycle(e)
	case "Objective":
		return s.each(within("KeyResult", "spec.objective", e.Ref()), s.restate)
	}
	spec, err := catalog.Spec[CheckIn](e)
	if err != nil {
		return err
	}
	ref, err := entity.ParseRef(spec.KeyResult, "keyresult", e.Metadata.Namespace)
	if err != nil {
		return nil // it is not about anything
	}
	kr, err := there(s.c.Get(ctx, s.caller(), ref))
	if err != nil || kr == nil {
		return err
	}
	return s.restate(kr)
}

// steward writes what follows from others into key results, in a transaction
// when c is in one.
type steward struct {
	ctx context.Context
	c   *catalog.Catalog
	org string
}

func (s *steward) caller() catalog.Caller { return catalog.Program(s.org, hand) }

// each reads all that a query asks for, and then calls f for each.
func (s *steward) each(q catalog.Query, f func(*entity.Entity) error) error {
	var all []*entity.Entity
	if err := s.c.Each(s.ctx, s.caller(), q, func(e *entity.Entity) error { all = append(all, e); return nil }); err != nil {
		return err
	}
	for _, e := range all {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// cycle restates what belongs to a cycle, and freezes or thaws its scores.
func (s *steward) cycle(e *entity.Entity) error {
	spec, err := catalog.Spec[Cycle](e)
	if err != nil {
		return err
	}
	return s.each(within("Objective", "spec.cycle", e.Ref()), func(o *entity.Entity) error {
		return s.each(within("KeyResult", "spec.objective", o.Ref()), func(kr *entity.Entity) error {
			if err := s.settle(kr, &spec); err != nil {
				return err
			}
			return s.restate(kr)
		})
	})
}

// restate writes the status of a key result as of now. One whose claim has no
// state yet is left to the engine of claims, which comes to it.
func (s *steward) restate(kr *entity.Entity) error {
	if len(kr.Status) == 0 {
		return nil
	}
	was, err := statusOf[KeyResultStatus](kr)
	if err != nil {
		return err
	}
	now, err := s.c.Get(s.ctx, s.caller(), kr.Ref()) // it may have been settled
	if err != nil {
		return err
	}
	status, err := restate(s.ctx, s.c, s.org, now, was.Status, okr.Trust(was.Trust))
	if err != nil {
		return err
	}
	_, err = s.c.SetStatus(s.ctx, s.caller(), kr.Ref(), status)
	return err
}

// settle gives a key result the score it keeps when its cycle is closed, and
// takes it away when the cycle is opened again.
func (s *steward) settle(kr *entity.Entity, cycle *Cycle) error {
	spec, err := catalog.Spec[KeyResult](kr)
	if err != nil || (cycle.State == Closed) == (spec.Final != nil) {
		return err
	}
	if spec.Final != nil {
		return s.patch(kr, nil)
	}
	status, err := statusOf[KeyResultStatus](kr)
	if err != nil {
		return err
	}
	return s.patch(kr, closing(&spec, status).final(s.c.Now()))
}

// closing reads a key result as it is scored: everything is due.
func closing(spec *KeyResult, status KeyResultStatus) *reading {
	r := reading{Goal: spec.Goal(), Value: status.Value, Trust: okr.Trust(status.Trust), Standing: okr.Unknown}
	if status.Value == nil {
		r.Trust = okr.None
		return &r
	}
	p := r.Goal.Progress(*status.Value)
	r.Progress = &p
	shown, green := okr.Show(r.Goal.Stand(p, 1), r.Trust)
	r.Standing, r.Green = shown, green && status.State == "supported"
	return &r
}

func (s *steward) patch(kr *entity.Entity, final *Final) error {
	_, err := s.c.Patch(s.ctx, s.caller(), kr.Ref(), encode(map[string]any{"spec": map[string]any{"final": final}}), catalog.UpdateOptions{})
	return err
}

// schedule restates what the passing of days changes: the pace of key results
// in cycles that run.
func schedule(c *catalog.Catalog) feed.Schedule {
	return feed.Schedule{Name: "strategy/pace", Every: time.Hour, Jitter: 5 * time.Minute, Run: func(ctx context.Context) error {
		orgs, err := c.Orgs(ctx, "KeyResult")
		if err != nil {
			return err
		}
		for _, org := range orgs {
			if err := (&steward{ctx, c, org}).running(); err != nil {
				return fmt.Errorf("the pace of key results in %s: %w", org, err)
			}
		}
		return nil
	}}
}

// running restates the key results of the cycles that run, each in a
// transaction of its own, so that nobody waits for all of them.
func (s *steward) running() error {
	q := catalog.Query{Kinds: []string{"Cycle"}, Fields: map[string][]string{"spec.state": {Running, InReview}}}
	return s.each(q, func(cycle *entity.Entity) error {
		return s.each(catalog.Query{Kinds: []string{"KeyResult"}, Fields: map[string][]string{"status.cycle": {shortOf(cycle.Ref())}}}, func(kr *entity.Entity) error {
			return s.c.DB().Tx(s.ctx, func(tx *sqldb.Tx) error {
				in := &steward{s.ctx, s.c.In(tx), s.org}
				now, err := there(in.c.Get(s.ctx, s.caller(), kr.Ref()))
				if err != nil || now == nil {
					return err
				}
				return in.restate(now)
			})
		})
	})
}

// mayWrite is what authorisation is asked about to change goals.
func mayWrite(kind string) auth.Resource { return auth.Resource{Room: Room, Kind: kind} }
