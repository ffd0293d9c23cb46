package feed

import (
	"context"
	"fmt"
	"time"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// CursorStatus says how a watch is doing.
type CursorStatus struct {
	Name       string    `json:"name"`
	Seq        int64     `json:"seq"`        // the last entry that took effect or was passed over
	Lag        int64     `json:"lag"`        // entries after it, of any type
	LagSeconds float64   `json:"lagSeconds"` // age of the oldest of them; 0 for none
	Holder     string    `json:"holder,omitempty"`
	Attempts   int64     `json:"attempts"` // failures in a row
	LastError  string    `json:"lastError,omitempty"`
	UpdatedAt  time.Time `json:"updatedAt"`
}

// ScheduleStatus says how a schedule is doing.
type ScheduleStatus struct {
	Name      string    `json:"name"`
	Due       time.Time `json:"due"`    // of the next run or try
	RanAt     time.Time `json:"ranAt"`  // end of the last run that succeeded; zero for none
	Holder    string    `json:"holder"` // who runs it now; "" for nobody
	Attempts  int64     `json:"attempts"`
	LastError string    `json:"lastError,omitempty"`
	UpdatedAt time.Time `json:"updatedAt"`
}

const holder = `COALESCE((SELECT holder FROM feed_leases l WHERE l.name = ? || x.name AND l.expires > ?), '')`

// Status returns every cursor, by name.
func (f *Feed) Status(ctx context.Context) ([]CursorStatus, error) {
	var out []CursorStatus
	err := f.db.View(ctx, func(tx *sqldb.Tx) error {
		now, err := clock(ctx, tx)
		if err != nil {
			return err
		}
		out, err = sqldb.All(ctx, tx, func(r sqldb.Row) (c CursorStatus, err error) {
			var updated, head, oldest int64
			err = r.Scan(&c.Name, &c.Seq, &c.Attempts, &c.LastError, &updated, &c.Holder, &head, &oldest)
			c.UpdatedAt, c.Lag = sqldb.Time(updated), head-c.Seq
			if oldest > 0 {
				c.LagSeconds = max(0, float64(now-oldest)/1e6)
			}
			return c, err
		}, `SELECT name, seq, attempts, error, updated, `+holder+`,
			(SELECT seq FROM feed_head WHERE id = 1), COALESCE((SELECT at FROM feed e WHERE e.seq = x.seq + 1), 0)
			FROM feed_cursors x ORDER BY name`, "watch/", now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("feed: status: %w", err)
	}
	return out, nil
}

// Schedules returns every schedule, by name.
func (f *Feed) Schedules(ctx context.Context) ([]ScheduleStatus, error) {
	var out []ScheduleStatus
	err := f.db.View(ctx, func(tx *sqldb.Tx) error {
		now, err := clock(ctx, tx)
		if err != nil {
			return err
		}
		out, err = sqldb.All(ctx, tx, func(r sqldb.Row) (s ScheduleStatus, err error) {
			var due, ran, updated int64
			err = r.Scan(&s.Name, &due, &ran, &s.Attempts, &s.LastError, &updated, &s.Holder)
			s.Due, s.RanAt, s.UpdatedAt = sqldb.Time(due), sqldb.Time(ran), sqldb.Time(updated)
			return s, err
		}, `SELECT name, due, ran, attempts, error, updated, `+holder+` FROM feed_schedules x ORDER BY name`, "schedule/", now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("feed: schedules: %w", err)
	}
	return out, nil
}
