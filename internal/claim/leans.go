package claim

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Leaning is a thing that leans on another, or that another leans on, and the
// doubt that travels between them.
type Leaning struct {
	Entity *entity.Entity
	Claim  bool    // it bears a claim, whose State is
	State  State   // of the claim; of a thing without one, the worst of the claims about it, "" where there are none
	Doubts []Doubt // what is in doubt beneath it
}

// InDoubt reports whether doubt comes from it.
func (l *Leaning) InDoubt() bool { return l.State != "" && l.State != Supported || len(l.Doubts) > 0 }

// Leans returns what an entity leans on and what leans on it, the doubtful first,
// of what the caller may read. The claims about a thing are not among what it
// leans on, though their doubt travels to it; a claim holds up its subject.
func (e *Engine) Leans(ctx context.Context, caller catalog.Caller, x *entity.Entity) (on, of []Leaning, err error) {
	err = e.db.View(ctx, func(tx *sqldb.Tx) error {
		g, err := e.graph(ctx, tx, caller.Org)
		if err != nil {
			return err
		}
		uid := x.Metadata.UID
		about, err := e.catalog.Links(ctx, tx, caller.Org, "claimedOf")
		if err != nil {
			return err
		}
		down := slices.DeleteFunc(g.down(uid), func(other string) bool { return slices.Contains(about, catalog.Link{From: other, To: uid}) })
		up := g.up(uid)
		if len(down)+len(up) == 0 {
			return nil
		}
		rows, err := e.rows(ctx, tx, caller.Org)
		if err != nil {
			return err
		}
		found, err := e.catalog.ByUIDs(ctx, tx, caller.Org, slices.Concat(down, up))
		if err != nil {
			return err
		}
		on, of = e.leanings(caller, g, rows, found, down), e.leanings(caller, g, rows, found, up)
		return nil
	})
	return on, of, err
}

// down is what a thing leans on directly.
func (g graph) down(uid string) []string { return slices.Compact(slices.Sorted(slices.Values(g[uid]))) }

// up is what leans on a thing directly.
func (g graph) up(uid string) []string {
	var out []string
	for from, to := range g {
		if slices.Contains(to, uid) {
			out = append(out, from)
		}
	}
	slices.Sort(out)
	return out
}

func (e *Engine) leanings(caller catalog.Caller, g graph, rows map[string]*row, found map[string]*entity.Entity, uids []string) []Leaning {
	var out []Leaning
	for _, uid := range uids {
		x := found[uid]
		if x == nil {
			continue
		}
		if k := e.catalog.Kinds().Get(x.Kind); k == nil || caller.Can(auth.Read, k.Resource()) != nil {
			continue
		}
		l := Leaning{Entity: x, Doubts: g.doubts(uid, doubtful(rows))}
		if r := rows[uid]; r != nil {
			l.Claim, l.State = true, r.state
		} else {
			for _, d := range l.Doubts {
				if l.State == "" || d.State.Worse(l.State) {
					l.State = d.State
				}
			}
		}
		l.Doubts = e.readableDoubts(caller, l.Doubts)
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Leaning) int {
		return cmp.Or(cmp.Compare(worse[b.State], worse[a.State]), cmp.Compare(a.Entity.DisplayTitle(), b.Entity.DisplayTitle()))
	})
	return out
}

// doubtful says which claims doubt comes from, by their own evidence alone.
func doubtful(rows map[string]*row) func(string) (Doubt, bool) {
	return func(uid string) (Doubt, bool) {
		r := rows[uid]
		if r == nil || r.own == Supported && !r.disputed {
			return Doubt{}, false
		}
		state := r.own
		if r.disputed {
			state = Disputed
		}
		return Doubt{UID: uid, Ref: r.ref, Title: r.title, State: state}, true
	}
}

// rows reads the states of an organisation, by uid.
func (e *Engine) rows(ctx context.Context, q sqldb.Querier, org string) (map[string]*row, error) {
	out := map[string]*row{}
	err := sqldb.Each(ctx, q, func(s sqldb.Row) error {
		r, err := scanState(s)
		out[r.uid] = &r
		return err
	}, `SELECT `+rowColumns+` FROM claim_states WHERE org = ?`, org)
	return out, err
}

// Tally counts the claims of some kinds by their state, of those the caller may
// read.
func (e *Engine) Tally(ctx context.Context, caller catalog.Caller, kinds ...string) (map[State]int, error) {
	out := map[State]int{}
	where, args := "org = ?", []any{caller.Org}
	readable := e.readable(caller)
	if len(kinds) > 0 {
		readable = slices.DeleteFunc(readable, func(k string) bool { return !slices.Contains(kinds, k) })
	}
	if len(readable) == 0 {
		return out, nil
	}
	for _, k := range readable {
		args = append(args, k)
	}
	return out, sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		var state State
		var n int
		err := s.Scan(&state, &n)
		out[state] = n
		return err
	}, `SELECT state, count(*) FROM claim_states WHERE `+where+` AND kind IN `+sqldb.In(len(readable))+` GROUP BY state`, args...)
}

// Due returns when the tests of a claim are run next, by their names. What no
// schedule runs is left out.
func (e *Engine) Due(ctx context.Context, org, uid string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	return out, sqldb.Each(ctx, e.db, func(s sqldb.Row) error {
		var test string
		var due int64
		err := s.Scan(&test, &due)
		out[test] = sqldb.Time(due)
		return err
	}, `SELECT test, due FROM claim_due WHERE org = ? AND claim = ? AND due < ?`, org, uid, sqldb.Micros(e.now().AddDate(unplanned/2, 0, 0)))
}
