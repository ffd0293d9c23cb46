package alerts

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Suppression keeps findings of a rule about one group from opening alerts until
// a date. What counts is when the events happened: what happened while it held is
// suppressed also when it is found later, and what happened after it is not. The
// findings are counted, so that nothing goes without being seen.
type Suppression struct {
	No       int64
	Rule     string
	Title    string
	GroupKey string // "": whatever the group
	Group    []detect.GroupField
	Since    time.Time
	Until    time.Time
	Reason   string
	Actor    string
	Created  time.Time
	Ended    time.Time // zero while it holds, or ran out
	EndedBy  string

	Findings int // that it kept from opening alerts
	Last     time.Time
}

// Holds reports whether it keeps alerts from being opened at a moment.
func (s *Suppression) Holds(now time.Time) bool { return s.Ended.IsZero() && now.Before(s.Until) }

const longest = 366 * 24 * time.Hour

// Suppress keeps findings like those of an alert from opening others, until a
// date: of its rule and its group, or of its rule at all.
func (d *Desk) Suppress(ctx context.Context, caller catalog.Caller, no int64, whole bool, until time.Time, reason string) (*Suppression, error) {
	if err := caller.Can(auth.Write, Resource); err != nil {
		return nil, err
	}
	now := d.catalog.Now().UTC()
	reason = strings.TrimSpace(reason)
	switch {
	case reason == "":
		return nil, fault.Bad("suppressing alerts asks for a reason", fault.Problem{Field: "reason", Code: "required", Msg: "is required"}).Coded("alerts.suppress-reason")
	case !until.After(now):
		return nil, fault.Bad("the day until which alerts are suppressed lies in the past", fault.Problem{Field: "until", Code: "past", Msg: "lies in the past"}).Coded("alerts.suppress-past")
	case until.Sub(now) > longest:
		return nil, fault.Bad("alerts are suppressed for a year at most", fault.Problem{Field: "until", Code: "far", Msg: "is more than a year away"}).Coded("alerts.suppress-far").WithHint("change the rule when it is always wrong")
	}
	var s *Suppression
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		a, err := get(ctx, tx, caller.Org, no)
		if err != nil {
			return err
		}
		s = &Suppression{Rule: a.Rule.ID, Title: a.Rule.Title, Since: now, Until: until.UTC(), Reason: reason, Actor: caller.Name, Created: now}
		if !whole {
			s.GroupKey, s.Group = a.GroupKey, a.Group
		}
		if s.No, err = next(ctx, tx, caller.Org, "suppression", 1); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO alert_suppressions (org, no, rule, title, group_key, grouped, since, until, reason, account, actor, created, ended, ended_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')`,
			caller.Org, s.No, s.Rule, s.Title, s.GroupKey, encode(s.Group), sqldb.Micros(s.Since), sqldb.Micros(s.Until), s.Reason, caller.Account, caller.Name, sqldb.Micros(now))
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, s.record(caller, "alert.suppress", a.ID(), now))
	})
	return s, err
}

// EndSuppression lets findings open alerts again. One that is over stays as it is.
func (d *Desk) EndSuppression(ctx context.Context, caller catalog.Caller, no int64) (*Suppression, error) {
	if err := caller.Can(auth.Write, Resource); err != nil {
		return nil, err
	}
	now := d.catalog.Now().UTC()
	var out *Suppression
	err := d.catalog.DB().Tx(ctx, func(tx *sqldb.Tx) error {
		list, err := suppressions(ctx, tx, `s.org = ? AND s.no = ?`, caller.Org, no)
		if err == nil && len(list) == 0 {
			err = fault.New(fault.NotFound, "there is no suppression %d", no).Coded("alerts.no-suppression")
		}
		if err != nil {
			return err
		}
		if out = list[0]; !out.Holds(now) {
			return nil
		}
		out.Ended, out.EndedBy = now, caller.Name
		if _, err := tx.Exec(ctx, `UPDATE alert_suppressions SET ended = ?, ended_by = ? WHERE org = ? AND no = ?`, sqldb.Micros(now), caller.Name, caller.Org, no); err != nil {
			return err
		}
		return audit.Append(ctx, tx, out.record(caller, "alert.unsuppress", "suppression/"+strconv.FormatInt(no, 10), now))
	})
	return out, err
}

func (s *Suppression) record(caller catalog.Caller, action, target string, at time.Time) *audit.Record {
	detail, _ := json.Marshal(map[string]any{"rule": s.Rule, "group": s.Group, "until": s.Until, "reason": s.Reason})
	return &audit.Record{Org: caller.Org, At: at, Actor: caller.Account, ActorName: caller.Name, Action: action, Target: target, Detail: detail, IP: caller.IP, Via: caller.Via}
}

func suppressions(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]*Suppression, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (*Suppression, error) {
		s := &Suppression{}
		var group string
		var since, until, created, ended, last int64
		err := r.Scan(&s.No, &s.Rule, &s.Title, &s.GroupKey, &group, &since, &until, &s.Reason, &s.Actor, &created, &ended, &s.EndedBy, &s.Findings, &last)
		s.Since, s.Until, s.Created, s.Ended, s.Last = sqldb.Time(since), sqldb.Time(until), sqldb.Time(created), sqldb.Time(ended), sqldb.Time(last)
		if err != nil {
			return nil, err
		}
		return s, decode(group, &s.Group)
	}, `SELECT s.no, s.rule, s.title, s.group_key, s.grouped, s.since, s.until, s.reason, s.actor, s.created, s.ended, s.ended_by,
		(SELECT count(*) FROM alert_findings f WHERE f.org = s.org AND f.no = 0 AND f.suppression = s.no), (SELECT coalesce(max(f.until), 0) FROM alert_findings f WHERE f.org = s.org AND f.no = 0 AND f.suppression = s.no)
		FROM alert_suppressions s WHERE `+where+` ORDER BY s.no DESC`, args...)
}

// Suppressions returns the newest suppressions of an organisation.
func (d *Desk) Suppressions(ctx context.Context, org string) ([]*Suppression, error) {
	return suppressions(ctx, d.catalog.DB(), `s.org = ? AND s.no > (SELECT coalesce(max(no), 0) - 200 FROM alert_suppressions WHERE org = ?)`, org, org)
}

// suppressed returns the number of the suppression that a finding falls under; 0
// for none.
func (t *taking) suppressed(f *detect.Finding, key string, last time.Time) (no int64, err error) {
	err = t.tx.QueryRow(t.ctx, `SELECT coalesce(max(no), 0) FROM alert_suppressions WHERE org = ? AND rule = ? AND (group_key = '' OR group_key = ?) AND since <= ? AND until > ? AND (ended = 0 OR ended > ?)`,
		t.org, f.Rule.ID, key, sqldb.Micros(last), sqldb.Micros(last), sqldb.Micros(last)).Scan(&no)
	return no, err
}
