package web

import (
	"context"
	"runtime"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// systemPage says how the program itself is doing.
type systemPage struct {
	Shell
	Version   string
	Started   time.Time
	Go        string
	Memory    int64 // MiB that the program holds
	Database  string
	Answer    string // time of one query
	Failing   string // what the database said instead
	Head      int64
	Cursors   []feed.CursorStatus
	Schedules []feed.ScheduleStatus
	Migration string
	Backup    bool   // the reader may make one
	Key       string // what is wrong with the key file
	SQLite    bool
}

// lateAfter is the lag from which a watch needs a person.
const lateAfter = 5 * time.Minute

// State is how a watch is doing.
func (p *systemPage) State(s feed.CursorStatus) string {
	switch {
	case s.Attempts > 0:
		return "bad"
	case s.LagSeconds > lateAfter.Seconds():
		return "warn"
	}
	return "ok"
}

func system(c *Ctx) (any, error) {
	p := &systemPage{Version: c.App.Version, Started: c.App.Started, Go: runtime.Version(), Backup: c.Can(auth.Backup, auth.Resource{})}
	p.Title = c.T("nav.system")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.Memory = int64(m.Sys-m.HeapReleased) >> 20
	db := c.Catalog().DB()
	p.SQLite = db.Dialect() == sqldb.SQLite
	p.Database = map[bool]string{true: "SQLite", false: "PostgreSQL"}[p.SQLite]
	p.ask(c.R.Context(), c, db)
	if err := c.App.Auth.CheckKey(c.R.Context()); err != nil && p.Failing == "" {
		p.Key = c.Say(err)
	}
	if c.App.Feed == nil || p.Failing != "" {
		return p, nil
	}
	ctx := c.R.Context()
	var err error
	if p.Head, err = c.App.Feed.Head(ctx); err != nil {
		return nil, err
	}
	if p.Cursors, err = c.App.Feed.Status(ctx); err != nil {
		return nil, err
	}
	p.Schedules, err = c.App.Feed.Schedules(ctx)
	return p, err
}

// ask times one query; a database that fails is a finding of this page, not
// its failure.
func (p *systemPage) ask(ctx context.Context, c *Ctx, db *sqldb.DB) {
	begin := time.Now()
	applied, err := db.Applied(ctx)
	if err != nil {
		p.Failing = c.T("system.db.failing")
		c.App.Log.ErrorContext(ctx, "system status", "error", err)
		return
	}
	p.Answer = time.Since(begin).Round(10 * time.Microsecond).String()
	if len(applied) > 0 {
		p.Migration = applied[len(applied)-1]
	}
}
