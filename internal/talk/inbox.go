package talk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Item is a notification as its reader sees it.
type Item struct {
	Notification
	Says   lang.Text
	Icon   string
	State  string // of what needs somebody: "warn" or "bad"
	Title  string // of the record or thing
	Entity *entity.Entity
	Thing  *Thing // that it is about instead of a record
	Gone   bool   // the record was deleted
}

// Group is the notifications about one record or thing, the newest first.
type Group struct {
	UID    string
	Title  string
	Entity *entity.Entity // nil when the program no longer has its kind
	Thing  *Thing
	Gone   bool
	Unseen int
	Items  []Item
}

// inboxMost is how many notifications one page shows.
const inboxMost = 200

// Inbox returns somebody's newest notifications, the newest first: all, or those
// not seen yet, before a moment (zero: now). What they may not read any more is
// left out.
func (s *Service) Inbox(ctx context.Context, p auth.Principal, unseen bool, before time.Time, limit int) ([]Item, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return nil, err
	}
	where, args := `org = ? AND account = ?`, []any{p.Org, p.Account}
	if unseen {
		where += ` AND seen = 0`
	}
	if !before.IsZero() {
		where, args = where+` AND at < ?`, append(args, sqldb.Micros(before))
	}
	if limit <= 0 || limit > inboxMost {
		limit = inboxMost
	}
	list, err := notifications(ctx, s.db, where+` ORDER BY at DESC, id LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	return s.items(ctx, s.db, p, list)
}

func notifications(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Notification, error) {
	out, err := sqldb.All(ctx, q, func(r sqldb.Row) (n Notification, err error) {
		var at, seen, direct int64
		var data string
		err = r.Scan(&n.ID, &n.Org, &n.Account, &n.Cause, &n.first, &n.last, &n.N, &at, &n.Type, &n.Why, &direct, &n.UID, &n.Ref, &n.Actor, &n.ActorName, &data, &seen)
		n.At, n.Seen, n.Direct = sqldb.Time(at), sqldb.Time(seen), direct != 0
		if data != "" {
			n.Data = json.RawMessage(data)
		}
		return n, err
	}, `SELECT id, org, account, cause, first, last, n, at, type, why, direct, uid, ref, actor, actor_name, data, seen FROM notifications WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("talk: notifications: %w", err)
	}
	return out, nil
}

// items adds what the notices say, and leaves out what p may not read.
func (s *Service) items(ctx context.Context, q sqldb.Querier, p auth.Principal, list []Notification) ([]Item, error) {
	var uids []string
	for _, n := range list {
		uids = append(uids, n.UID)
	}
	known, err := s.Catalog.Known(ctx, q, p.Org, uids...)
	if err != nil {
		return nil, err
	}
	var out []Item
	for _, n := range list {
		on := s.subject(n.Type, n.Data, known[n.UID])
		if on != nil && p.Can(auth.Read, on.resource()) != nil {
			continue
		}
		it := Item{Notification: n, Says: s.says(on, n), Title: on.title(n.Ref), Entity: on.entity(), Icon: "bell", Gone: on.gone()}
		if notice := s.notice(n.Type); notice != nil {
			it.Icon, it.State = notice.Icon, notice.State
		}
		if on != nil {
			it.Thing = on.thing
		}
		out = append(out, it)
	}
	return out, nil
}

// Grouped puts notifications under their records, in the order of the newest of
// each.
func Grouped(items []Item) []Group {
	var out []Group
	at := map[string]int{}
	for _, it := range items {
		i, ok := at[it.UID]
		if !ok {
			i = len(out)
			at[it.UID] = i
			out = append(out, Group{UID: it.UID, Title: it.Title, Entity: it.Entity, Thing: it.Thing, Gone: it.Gone})
		}
		out[i].Items = append(out[i].Items, it)
		if it.Seen.IsZero() {
			out[i].Unseen++
		}
	}
	return out
}

// BellMost is where the bell stops counting.
const BellMost = 99

// Unseen counts what somebody has not seen yet, as far as they want it counted.
func (s *Service) Unseen(ctx context.Context, p auth.Principal) (n int, err error) {
	if p.Account == "" || p.Can(auth.Self, auth.Resource{}) != nil {
		return 0, nil
	}
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM notifications n LEFT JOIN notify_settings t ON t.org = n.org AND t.account = n.account
		WHERE n.org = ? AND n.account = ? AND n.seen = 0 AND (COALESCE(t.bell, 'all') = 'all' OR t.bell = 'direct' AND n.direct = 1) LIMIT ?) x`, p.Org, p.Account, BellMost+1).Scan(&n)
	return n, err
}

func noNotification() error {
	return auth.Refuse(fault.NotFound, "no-notification", lang.T("There is no such notification.", "Esa notificación no existe."))
}

// See marks notifications as seen: the one with an id, those about a record, or,
// with neither, all of them up to a moment.
func (s *Service) See(ctx context.Context, p auth.Principal, id, uid string, upTo time.Time) (int, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return 0, err
	}
	where, args := `org = ? AND account = ? AND seen = 0`, []any{sqldb.Micros(s.Now()), p.Org, p.Account}
	for _, c := range []struct{ column, value string }{{"id", id}, {"uid", uid}} {
		if c.value != "" {
			where, args = where+` AND `+c.column+` = ?`, append(args, c.value)
		}
	}
	if !upTo.IsZero() {
		where, args = where+` AND at <= ?`, append(args, sqldb.Micros(upTo))
	}
	res, err := s.db.Exec(ctx, `UPDATE notifications SET seen = ? WHERE `+where, args...)
	if err != nil {
		return 0, fmt.Errorf("talk: see: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Follow marks one notification as seen and returns it, for whoever follows it to
// its record.
func (s *Service) Follow(ctx context.Context, p auth.Principal, id string) (Item, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return Item{}, err
	}
	list, err := notifications(ctx, s.db, `org = ? AND account = ? AND id = ?`, p.Org, p.Account, id)
	if err != nil {
		return Item{}, err
	}
	items, err := s.items(ctx, s.db, p, list)
	if err != nil {
		return Item{}, err
	}
	if len(items) == 0 {
		return Item{}, noNotification()
	}
	_, err = s.See(ctx, p, id, "", time.Time{})
	return items[0], err
}

// How long notifications are kept.
const (
	keepSeen   = 90 * 24 * time.Hour
	keepUnseen = 365 * 24 * time.Hour
)

// Sweep forgets old notifications. Run it once a day.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.Now()
	_, err := s.db.Exec(ctx, `DELETE FROM notifications WHERE at < ? OR seen > 0 AND at < ?`, sqldb.Micros(now.Add(-keepUnseen)), sqldb.Micros(now.Add(-keepSeen)))
	if err != nil {
		return fmt.Errorf("talk: sweep: %w", err)
	}
	return nil
}
