package talk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Why is the reason somebody is told of something.
type Why string

// The reasons, the strongest first: of two, the first is told.
const (
	Mentioned Why = "mentioned"
	Began     Why = "began"  // the thread or dispute
	Called    Why = "called" // when something happens, as who is on call
	Assigned  Why = "assigned"
	Owner     Why = "owner"
	Tasked    Why = "tasked" // with something that is about it
	Commented Why = "commented"
	Chose     Why = "chose" // to watch
)

var whys = []Why{Mentioned, Began, Called, Assigned, Owner, Tasked, Commented, Chose}

// State is what somebody chose for a record.
type State string

// The states.
const (
	Watching State = "watching"
	Muted    State = "muted"
	Default  State = "" // whatever follows from owning, being assigned, taking part
)

// Watch is how somebody watches a record.
type Watch struct {
	On  bool // they are told
	Set State
	Why Why // they are, or would be without muting; "" for no reason

	since int64 // when they chose, in microseconds
}

// begin makes somebody watch a record for a reason, unless they do already, or
// muted it.
func (s *Service) begin(ctx context.Context, tx *sqldb.Tx, org, uid, account string, why Why) error {
	_, err := tx.Exec(ctx, `INSERT INTO watches (org, uid, account, state, why, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org, uid, account) DO NOTHING`,
		org, uid, account, Watching, why, sqldb.Micros(s.Now()))
	return err
}

// SetWatch chooses whether somebody is told of a record. Default forgets what
// they chose, and that they took part.
func (s *Service) SetWatch(ctx context.Context, p auth.Principal, on *entity.Entity, state State) error {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return err
	}
	if err := s.may(p, auth.Read, on); err != nil {
		return err
	}
	var err error
	if state == Default {
		_, err = s.db.Exec(ctx, `DELETE FROM watches WHERE org = ? AND uid = ? AND account = ?`, p.Org, on.Metadata.UID, p.Account)
	} else {
		_, err = s.db.Exec(ctx, `INSERT INTO watches (org, uid, account, state, why, created) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (org, uid, account) DO UPDATE SET state = excluded.state, why = CASE WHEN watches.state = excluded.state THEN watches.why ELSE excluded.why END`,
			p.Org, on.Metadata.UID, p.Account, state, Chose, sqldb.Micros(s.Now()))
	}
	if err != nil {
		return fmt.Errorf("talk: watch: %w", err)
	}
	return nil
}

// GetWatch returns how somebody watches a record.
func (s *Service) GetWatch(ctx context.Context, p auth.Principal, on *entity.Entity) (Watch, error) {
	if err := s.may(p, auth.Read, on); err != nil {
		return Watch{}, err
	}
	var w Watch
	err := s.db.QueryRow(ctx, `SELECT state, why FROM watches WHERE org = ? AND uid = ? AND account = ?`, p.Org, on.Metadata.UID, p.Account).Scan(&w.Set, &w.Why)
	if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
		return w, fmt.Errorf("talk: watch: %w", err)
	}
	if w.Set != Watching {
		if w.Why, err = s.implied(ctx, p, on); err != nil {
			return w, err
		}
	}
	w.On = w.Set == Watching || w.Set == Default && w.Why != ""
	return w, nil
}

// implied is why somebody watches a record without having chosen to.
func (s *Service) implied(ctx context.Context, p auth.Principal, on *entity.Entity) (Why, error) {
	k, err := s.Catalog.Kinds().Find(on.Kind)
	if err != nil {
		return "", err
	}
	me := auth.Person{Account: p.Account, UserRef: p.UserRef, Org: p.Org}
	d := &directory{s: s, org: p.Org, people: []auth.Person{me}, groups: map[string][]string{}} // who else there is does not matter
	who, err := s.concerned(ctx, d, k, on)
	return who[p.Account], err
}

// concerned returns the accounts that a record concerns by what it says: its
// owners and those it is assigned to.
func (s *Service) concerned(ctx context.Context, d *directory, k *catalog.Kind, e *entity.Entity) (map[string]Why, error) {
	out := map[string]Why{}
	for _, t := range k.Targets(e) {
		why := Owner
		switch {
		case slices.Contains(s.Assigned, t.Relation):
			why = Assigned
		case t.Relation != "ownedBy":
			continue
		}
		accounts, err := d.accounts(ctx, t.Ref)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			out[a] = stronger(out[a], why)
		}
	}
	return out, nil
}

// stronger returns the reason that is told of two.
func stronger(a, b Why) Why {
	for _, w := range whys {
		if a == w || b == w {
			return w
		}
	}
	return b
}

// watchers returns what people chose for records, by identity and account.
func watchers(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]map[string]Watch, error) {
	out := map[string]map[string]Watch{}
	for part := range slices.Chunk(uids, 1000) {
		args := []any{org}
		for _, u := range part {
			args = append(args, u)
		}
		err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
			var uid, account string
			var w Watch
			if err := r.Scan(&uid, &account, &w.Set, &w.Why, &w.since); err != nil {
				return err
			}
			if out[uid] == nil {
				out[uid] = map[string]Watch{}
			}
			out[uid][account] = w
			return nil
		}, `SELECT uid, account, state, why, created FROM watches WHERE org = ? AND uid IN `+sqldb.In(len(part)), args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Watched is a record somebody chose to watch or to mute.
type Watched struct {
	Entity *entity.Entity
	State  State
	Why    Why
}

// Watches lists what somebody watches or muted by their own doing, as far as
// they may still read it.
func (s *Service) Watches(ctx context.Context, p auth.Principal) ([]Watched, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return nil, err
	}
	list, err := chosen(ctx, s.db, p, `created DESC LIMIT 1000`)
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, w := range list {
		uids = append(uids, w.UID)
	}
	known, err := s.Catalog.Known(ctx, s.db, p.Org, uids...)
	if err != nil {
		return nil, err
	}
	var out []Watched
	for _, w := range list {
		if k := known[w.UID]; k != nil && !k.Deleted && p.Can(auth.Read, k.Kind.Resource()) == nil {
			out = append(out, Watched{Entity: k.Entity, State: w.State, Why: w.Why})
		}
	}
	return out, nil
}

func joined(list []string) string { return strings.Join(list, " ") }

// without returns what is in list and not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}
