package morning

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// The types of the feed entries that remind of a date: it comes within a week or
// tomorrow, it is today, it has passed. Their data is a Reminder.
const (
	DueSoon   = "due.soon"
	DueToday  = "due.today"
	DuePassed = "due.passed"
)

// Reminder is the data of such an entry.
type Reminder struct {
	Path string `json:"path"` // of the field
	Day  string `json:"day"`
	Days int    `json:"days"`          // from today; -1: it was yesterday
	Who  string `json:"who,omitempty"` // who has to see to it: a full reference
	En   string `json:"en"`            // what falls due
	Es   string `json:"es"`
}

// steps are how many days before a date is reminded of.
var steps = []int{7, 1, 0, -1}

const (
	earliest = 6                   // o'clock from which on reminders come
	forget   = 60 * 24 * time.Hour // after which a reminder is not remembered any more
)

// Schedules returns what reminds of dates.
func (d *Desk) Schedules() []feed.Schedule {
	return []feed.Schedule{{Name: "morning/remind", Every: time.Hour, Jitter: 10 * time.Minute, Run: d.Remind}}
}

// Remind writes an entry into the feed for each date that is a week, a day or no
// day away or was yesterday, in the morning of each organisation and once. Dates
// about people are left out: they are seen by the person alone.
func (d *Desk) Remind(ctx context.Context) error {
	orgs, err := d.orgs(ctx)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := d.remindIn(ctx, org); err != nil {
			return fmt.Errorf("remind in %s: %w", org, err)
		}
	}
	_, err = d.DB.Exec(ctx, `DELETE FROM reminders WHERE at < ?`, sqldb.Micros(d.Now().Add(-forget)))
	return err
}

func (d *Desk) orgs(ctx context.Context) ([]string, error) {
	return sqldb.Values[string](ctx, d.DB, `SELECT id FROM auth_orgs ORDER BY id`)
}

func (d *Desk) remindIn(ctx context.Context, org string) error {
	zone, err := auth.Zone(ctx, d.DB, org)
	if err != nil {
		return err
	}
	now := d.Now().In(zone)
	if now.Hour() < earliest {
		return nil
	}
	l := &Look{Now: now, Zone: zone}
	for _, days := range steps {
		list, err := d.Catalog.Due(ctx, catalog.Program(org, "morning"), catalog.DueQuery{From: l.Midnight(days), To: l.Midnight(days + 1)})
		if err != nil {
			return err
		}
		if days < 0 {
			list = slices.DeleteFunc(list, func(x catalog.Due) bool {
				return x.What.How == catalog.Expire || x.What.How == catalog.Ends || x.What.How == catalog.Meet
			})
		}
		if err := d.tellDue(ctx, org, days, list, zone); err != nil {
			return err
		}
	}
	return nil
}

// tellDue writes the entries that were not written before.
func (d *Desk) tellDue(ctx context.Context, org string, days int, list []catalog.Due, zone *time.Location) error {
	if len(list) == 0 {
		return nil
	}
	kind := map[bool]string{true: DueSoon, false: DuePassed}[days > 0]
	if days == 0 {
		kind = DueToday
	}
	err := d.DB.Tx(ctx, func(tx *sqldb.Tx) error {
		var entries []*feed.Entry
		for _, x := range list {
			res, err := tx.Exec(ctx, `INSERT INTO reminders (org, uid, path, day, days, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (org, uid, path, day, days) DO NOTHING`,
				org, x.UID, x.Path, x.Day(zone).Format(time.DateOnly), days, sqldb.Micros(d.Now()))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				continue
			}
			data, err := json.Marshal(Reminder{x.Path, x.Day(zone).Format(time.DateOnly), days, x.Who, x.What.Label.En, x.What.Label.Es})
			if err != nil {
				return err
			}
			entries = append(entries, &feed.Entry{Org: org, At: d.Now(), Type: kind, Ref: x.Ref, UID: x.UID, Actor: audit.System, Data: data})
		}
		return feed.Append(ctx, tx, entries...)
	})
	if err == nil {
		d.Feed.Notify()
	}
	return err
}
