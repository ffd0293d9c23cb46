package claim

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Glance is a claim as overviews of many show it: its state without its
// evidence, from one row.
type Glance struct {
	UID      string
	Ref      string // full
	Kind     string
	Title    string
	Room     string
	Owner    string // a full reference; "" without one
	State    State
	Own      State // what its own evidence gives
	Disputed bool
	Doubts   int // how much of what it leans on is in doubt
	Zone     Zone
	Value    *float64
	Asserted bool // some of its evidence is somebody's word
	Since    time.Time

	turns time.Time
}

func (r *row) glance() Glance {
	return Glance{UID: r.uid, Ref: r.ref, Kind: r.kind, Title: r.title, Room: r.room, Owner: r.owner, State: r.state, Own: r.own, Disputed: r.disputed,
		Doubts: len(r.doubts), Zone: r.zone, Value: r.value, Asserted: r.asserted, Since: r.since, turns: r.turns}
}

// Compare orders claims, the worst state first and the longest in it first.
func (g Glance) Compare(o Glance) int {
	switch {
	case g.State.Worse(o.State):
		return -1
	case o.State.Worse(g.State):
		return 1
	}
	return g.Since.Compare(o.Since)
}

// Glances returns the claims the caller may read, by reference. Those that are
// not tested any more are left out, and those whose evidence has grown too old
// since they were stored are judged anew.
func (e *Engine) Glances(ctx context.Context, caller catalog.Caller) ([]Glance, error) {
	readable := e.readable(caller)
	if len(readable) == 0 {
		return nil, nil
	}
	args := []any{caller.Org}
	for _, k := range readable {
		args = append(args, k)
	}
	var out []Glance
	err := sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		r, err := scanState(s)
		out = append(out, r.glance())
		return err
	}, `SELECT `+rowColumns+` FROM claim_states WHERE org = ? AND kind IN `+sqldb.In(len(readable))+` ORDER BY ref`, args...)
	if err != nil {
		return nil, err
	}
	return e.fresh(ctx, caller, out)
}

// fresh judges anew what the time has turned, and drops what is closed.
func (e *Engine) fresh(ctx context.Context, caller catalog.Caller, list []Glance) ([]Glance, error) {
	now := e.now()
	looked := map[string]*View{}
	var uids []string
	for i := range list {
		if g := &list[i]; !g.turns.IsZero() && !g.turns.After(now) || g.Kind != auth.KindClaim && g.Kind != auth.KindMeasure {
			uids = append(uids, g.UID)
		}
	}
	if len(uids) == 0 {
		return list, nil
	}
	views, err := e.ViewsByUID(ctx, caller, uids)
	if err != nil {
		return nil, err
	}
	for _, v := range views {
		looked[v.UID] = v
	}
	for i := range list {
		if v := looked[list[i].UID]; v != nil {
			list[i].State, list[i].Own, list[i].Since = v.State, v.Own, v.Since
		}
	}
	return slices.DeleteFunc(list, func(g Glance) bool {
		v := looked[g.UID]
		return v != nil && v.Closed
	}), nil
}

// ViewsByUID returns the claims with some identities that the caller may read,
// in the order given.
func (e *Engine) ViewsByUID(ctx context.Context, caller catalog.Caller, uids []string) ([]*View, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	found, err := e.catalog.ByUIDs(ctx, e.db, caller.Org, uids)
	if err != nil {
		return nil, err
	}
	readable := e.readable(caller)
	var entities []*entity.Entity
	for _, uid := range uids {
		if x := found[uid]; x != nil && slices.Contains(readable, x.Kind) {
			entities = append(entities, x)
		}
	}
	return e.ViewsOf(ctx, caller, entities)
}

// Pinned returns the measures that are instruments of their rooms, by room and
// place.
func (e *Engine) Pinned(ctx context.Context, caller catalog.Caller) ([]*View, error) {
	k := e.catalog.Kinds().Get(auth.KindMeasure)
	if k == nil || caller.Can(auth.Read, k.Resource()) != nil {
		return nil, nil
	}
	var list []*entity.Entity
	place := map[string]int{}
	err := e.catalog.Each(ctx, caller, catalog.Query{Kinds: []string{k.Name}, CEL: "has(spec.pinned) && spec.pinned > 0"}, func(x *entity.Entity) error {
		s, err := catalog.Spec[MeasureSpec](x)
		list, place[x.Metadata.UID] = append(list, x), s.Pinned
		return err
	})
	if err != nil {
		return nil, err
	}
	views, err := e.ViewsOf(ctx, caller, list)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(views, func(a, b *View) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(place[a.UID], place[b.UID]))
	})
	return views, nil
}

// Marks returns, for each claim by its identity and each moment, the number that
// held then: of the last answer about a moment up to then, if it was not stale
// by then; nil where there was none. It reads the first test of each.
func (e *Engine) Marks(ctx context.Context, org string, views []*View, at []time.Time) (map[string][]*float64, error) {
	out := map[string][]*float64{}
	if len(at) == 0 {
		return out, nil
	}
	for part := range slices.Chunk(views, 200) {
		if err := e.marks(ctx, org, part, at, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *Engine) marks(ctx context.Context, org string, views []*View, at []time.Time, out map[string][]*float64) error {
	var claims, moments []string
	var args []any
	probes := map[string]*Probe{}
	for _, v := range views {
		if len(v.Evidence) == 0 {
			continue
		}
		p := v.Evidence[0].Probe
		probes[v.UID], out[v.UID] = p, make([]*float64, len(at))
		claims, args = append(claims, `(?, ?)`), append(args, v.UID, p.Name)
	}
	if len(claims) == 0 {
		return nil
	}
	for i, t := range at {
		moments, args = append(moments, `(CAST(? AS INTEGER), CAST(? AS BIGINT))`), append(args, i, sqldb.Micros(t))
	}
	args = append(args, org, org)
	return sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		var uid string
		var i int
		var asOf, until int64
		var value sql.NullFloat64
		if err := s.Scan(&uid, &i, &value, &asOf, &until); err != nil || !value.Valid {
			return err
		}
		r := Run{Verdict: Pass, AsOf: sqldb.Time(asOf), Until: sqldb.Time(until)}
		if r.Health(at[i], probes[uid].maxAge()) == Live {
			out[uid][i] = &value.Float64
		}
		return nil
	}, `WITH c(claim, test) AS (VALUES `+strings.Join(claims, `, `)+`), m(i, t) AS (VALUES `+strings.Join(moments, `, `)+`)
		SELECT c.claim, m.i, r.value, r.as_of, r.until FROM c CROSS JOIN m JOIN claim_runs r ON r.org = ? AND r.claim = c.claim AND r.seq = (
			SELECT x.seq FROM claim_runs x WHERE x.org = ? AND x.claim = c.claim AND x.test = c.test AND x.as_of <= m.t ORDER BY x.as_of DESC, x.seq DESC LIMIT 1)`, args...)
}

// Shift is the net change of a claim over some time.
type Shift struct {
	Glance
	At      time.Time // of its last turn
	Was     State     // at the beginning; "" when it was not there
	WasZone Zone
	Turns   int // in between
}

// Shifts returns the claims the caller may read whose state, or the reading of
// whose number, is another one than it was at a moment, the newest first. A
// claim that turned and turned back is not among them.
func (e *Engine) Shifts(ctx context.Context, caller catalog.Caller, since time.Time) ([]Shift, error) {
	readable := e.readable(caller)
	if len(readable) == 0 {
		return nil, nil
	}
	at := sqldb.Micros(since)
	args := []any{at, at, caller.Org, at, caller.Org}
	for _, k := range readable {
		args = append(args, k)
	}
	var out []Shift
	err := sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		var x Shift
		var last int64
		r, err := scanState(s, &last, &x.Turns, &x.Was, &x.WasZone)
		x.Glance, x.At = r.glance(), sqldb.Time(last)
		if x.State != x.Was || x.Zone != x.WasZone {
			out = append(out, x)
		}
		return err
	}, `SELECT s.`+strings.ReplaceAll(rowColumns, ", ", ", s.")+`, t.last, t.n,
		COALESCE((SELECT b.state FROM claim_turns b WHERE b.org = s.org AND b.claim = s.claim AND b.at <= ? ORDER BY b.at DESC, b.seq DESC LIMIT 1), ''),
		COALESCE((SELECT b.zone FROM claim_turns b WHERE b.org = s.org AND b.claim = s.claim AND b.at <= ? ORDER BY b.at DESC, b.seq DESC LIMIT 1), '')
		FROM claim_states s JOIN (SELECT claim, max(at) AS last, count(*) AS n FROM claim_turns WHERE org = ? AND at > ? GROUP BY claim) t ON t.claim = s.claim
		WHERE s.org = ? AND s.kind IN `+sqldb.In(len(readable))+` ORDER BY t.last DESC, s.ref`, args...)
	return out, err
}

// Ending is the word of a person that runs out.
type Ending struct {
	UID, Ref, Kind, Title, Owner, Room string
	Test                               string
	By                                 string // who gave it
	Until                              time.Time
}

// Endings returns the words that run out in a time, of claims the caller may
// read, the first first.
func (e *Engine) Endings(ctx context.Context, caller catalog.Caller, from, to time.Time) ([]Ending, error) {
	readable := e.readable(caller)
	if len(readable) == 0 {
		return nil, nil
	}
	args := []any{caller.Org, sqldb.Micros(from), sqldb.Micros(to)}
	for _, k := range readable {
		args = append(args, k)
	}
	return sqldb.All(ctx, e.db, func(s sqldb.Row) (x Ending, err error) {
		var until int64
		err = s.Scan(&x.UID, &x.Ref, &x.Kind, &x.Title, &x.Owner, &x.Room, &x.Test, &x.By, &until)
		x.Until = sqldb.Time(until)
		return x, err
	}, `SELECT s.claim, s.ref, s.kind, s.title, s.owner, s.room, r.test, r.by_whom, r.until
		FROM claim_states s JOIN claim_last l ON l.org = s.org AND l.claim = s.claim JOIN claim_runs r ON r.org = l.org AND r.claim = l.claim AND r.seq = l.seq
		WHERE s.org = ? AND r.until >= ? AND r.until < ? AND r.until > 0 AND s.kind IN `+sqldb.In(len(readable))+` ORDER BY r.until, s.ref, r.test`, args...)
}

// Asked is a test that waits for somebody's word.
type Asked struct {
	View     *View
	Evidence *Evidence
	Until    time.Time // when the last word runs out, or ran out; zero: none was given
}

// Wanted returns the tests that ask for the word of one of some people or
// groups, by full reference: for a typed number or an attestation that was never
// given, has run out, or runs out before soon.
func (e *Engine) Wanted(ctx context.Context, caller catalog.Caller, mine []string, soon time.Time) ([]Asked, error) {
	if len(mine) == 0 {
		return nil, nil
	}
	uids, err := e.asking(ctx, caller.Org, mine, soon)
	if err != nil {
		return nil, err
	}
	views, err := e.ViewsByUID(ctx, caller, uids)
	if err != nil {
		return nil, err
	}
	var out []Asked
	for _, v := range views {
		for i := range v.Evidence {
			ev := &v.Evidence[i]
			if v.Closed || ev.Probe.asked() || !v.answers(ev.Probe, mine) {
				continue
			}
			a := Asked{View: v, Evidence: ev}
			if ev.Last != nil {
				a.Until = ev.Last.Until
			}
			if ev.Last == nil || !a.Until.IsZero() && a.Until.Before(soon) {
				out = append(out, a)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Asked) int { return a.Until.Compare(b.Until) })
	return out, nil
}

// answers reports whether one of some people and groups answers for a claim, or
// for this test of it.
func (v *View) answers(p *Probe, mine []string) bool {
	if slices.Contains(mine, v.Owner) {
		return true
	}
	if p.Attest == nil {
		return false
	}
	return slices.ContainsFunc(p.Attest.By, func(text string) bool {
		ref, err := entity.ParseRef(text, "user", v.Entity.Metadata.Namespace)
		return err == nil && slices.Contains(mine, ref.String())
	})
}

// asking finds the claims of some people that may wait for a word: those that ask
// for one and are without full support, or whose word runs out.
func (e *Engine) asking(ctx context.Context, org string, mine []string, soon time.Time) ([]string, error) {
	args := []any{org}
	for range 2 {
		for _, ref := range mine {
			args = append(args, ref)
		}
		if len(args) == 1+len(mine) {
			args = append(args, org)
		}
	}
	args = append(args, auth.KindClaim, auth.KindMeasure, `%"attest":%`, `%"typed":%`, sqldb.Micros(soon))
	in := sqldb.In(len(mine))
	return sqldb.Values[string](ctx, e.db, `SELECT s.claim FROM claim_states s WHERE s.org = ? AND (s.owner IN `+in+` OR s.claim IN (
			SELECT a.uid FROM relations l JOIN entities a ON a.id = l.id LEFT JOIN entities b ON b.id = l.target_id WHERE l.org = ? AND l.type = 'attestedBy' AND COALESCE(b.ref, l.target) IN `+in+`))
		AND (s.kind NOT IN (?, ?) OR EXISTS (SELECT 1 FROM entities d WHERE d.uid = s.claim AND (d.doc LIKE ? OR d.doc LIKE ?)))
		AND (s.own <> 'supported' OR EXISTS (SELECT 1 FROM claim_last x JOIN claim_runs r ON r.org = x.org AND r.claim = x.claim AND r.seq = x.seq WHERE x.org = s.org AND x.claim = s.claim AND r.until > 0 AND r.until < ?))
		ORDER BY s.ref`, args...)
}
