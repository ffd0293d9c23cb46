package review

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// migrations are the tables of the room: every completion of a task, for ever.
// One is known by the revision of the task that records it.
func migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "review/001", SQL: `
CREATE TABLE task_completions (
  org TEXT NOT NULL, uid TEXT NOT NULL, rev BIGINT NOT NULL, ref TEXT NOT NULL, title TEXT NOT NULL, root TEXT NOT NULL, about TEXT NOT NULL, assignee TEXT NOT NULL,
  due TEXT NOT NULL, at BIGINT NOT NULL, day TEXT NOT NULL, by_whom TEXT NOT NULL, account TEXT NOT NULL, note TEXT NOT NULL, evidence TEXT NOT NULL, next TEXT NOT NULL,
  PRIMARY KEY (org, uid, rev))
;;
CREATE INDEX task_completions_root ON task_completions (org, root, at)
;;
CREATE INDEX task_completions_account ON task_completions (org, account, at)
`, SQLite: `
CREATE TRIGGER task_completions_no_update BEFORE UPDATE ON task_completions BEGIN SELECT RAISE(ABORT, 'completions are append-only'); END
;;
CREATE TRIGGER task_completions_no_delete BEFORE DELETE ON task_completions BEGIN SELECT RAISE(ABORT, 'completions are append-only'); END
`, Postgres: `
CREATE FUNCTION task_completions_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'completions are append-only'; END $$
;;
CREATE TRIGGER task_completions_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON task_completions FOR EACH STATEMENT EXECUTE FUNCTION task_completions_refuse()
`}}
}

// watches keep every completion and open the next task of a series.
func watches(c *catalog.Catalog) []feed.Watch {
	w := completer{c}
	return []feed.Watch{{Name: "review/completions", Types: []string{"entity.created", "entity.updated", "entity.restored"}, Handle: w.handle}}
}

// manager is the name of this watch's hand.
const manager = "review/completions"

type completer struct{ catalog *catalog.Catalog }

func (w completer) handle(ctx context.Context, tx *sqldb.Tx, batch []feed.Entry) error {
	for _, x := range batch {
		if !strings.HasPrefix(x.Ref, "task:") {
			continue
		}
		if err := w.one(ctx, tx, x); err != nil {
			return fmt.Errorf("%s: %w", x.Ref, err)
		}
	}
	return nil
}

// one looks at one revision of a task: when it is the one that completed it, the
// completion is kept and the next task is opened, both named after that
// revision, so that doing it again changes nothing.
func (w completer) one(ctx context.Context, tx *sqldb.Tx, x feed.Entry) error {
	e, s, err := w.at(ctx, tx, x, x.Rev)
	if err != nil || e == nil || s.State != done {
		return err
	}
	_, before, err := w.at(ctx, tx, x, x.Rev-1)
	if err != nil || before.State == done {
		return err
	}
	following, err := s.following(e)
	if err != nil {
		return err
	}
	root, ref := s.root(e), ""
	if following != nil {
		ref = following.Ref().String()
	}
	at, err := time.Parse(time.RFC3339, s.DoneAt)
	if err != nil {
		at = x.At
	}
	res, err := tx.Exec(ctx, `INSERT INTO task_completions (org, uid, rev, ref, title, root, about, assignee, due, at, day, by_whom, account, note, evidence, next)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org, uid, rev) DO NOTHING`,
		x.Org, x.UID, x.Rev, e.Ref().String(), e.DisplayTitle(), root, s.About, s.Assignee, s.Due, sqldb.Micros(at), s.DoneOn, s.DoneBy, x.Actor, s.Note, s.Evidence, ref)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 || following == nil {
		return err
	}
	docs := []catalog.Document{{Entity: following}}
	_, err = w.catalog.In(tx).Apply(ctx, catalog.Program(x.Org, manager), docs, catalog.ApplyOptions{})
	return err
}

// at returns a task as one revision has it; nil when there was none.
func (w completer) at(ctx context.Context, tx *sqldb.Tx, x feed.Entry, rev int64) (*entity.Entity, Task, error) {
	if rev < 1 {
		return nil, Task{}, nil
	}
	r, err := w.catalog.RevisionOf(ctx, tx, x.Org, x.UID, rev)
	if err != nil || r == nil || r.Op == catalog.Deleted {
		return nil, Task{}, err
	}
	s, err := catalog.Spec[Task](r.Entity)
	return r.Entity, s, err
}

// root is the name of the first task of the series; the task's own outside of
// one.
func (t Task) root(e *entity.Entity) string {
	if t.Series != nil {
		return t.Series.Root
	}
	return e.Metadata.Name
}

const maxRoot = 117 // letters of a name, so that a day fits behind it

// following returns the task that comes after a completed one; nil when it does
// not come back.
func (t Task) following(e *entity.Entity) (*entity.Entity, error) {
	if t.Every == "" || t.Due == "" {
		return nil, nil
	}
	series := Series{Root: t.root(e), First: t.Due}
	if t.Series != nil {
		series = *t.Series
	}
	first, err := time.Parse(time.DateOnly, series.First)
	if err != nil {
		return nil, err
	}
	day, err := time.Parse(time.DateOnly, t.DoneOn)
	if err != nil {
		return nil, err
	}
	series.Number, series.Missed = next(first, t.Every, series.Number, day)
	due := occurrence(first, t.Every, series.Number).Format(time.DateOnly)
	out := catalog.Clean(e)
	out.Metadata.Title = e.DisplayTitle()
	out.Metadata.Name = series.Root[:min(len(series.Root), maxRoot)] + "-" + due
	err = catalog.SetSpec(out, Task{About: t.About, Assignee: t.Assignee, Due: due, Every: t.Every, NeedsEvidence: t.NeedsEvidence, State: open, RequestedBy: t.RequestedBy, Series: &series})
	return out, err
}

// completionsTable lets claims ask whether what was due was done, and on time.
func completionsTable() *claim.Table {
	col := func(name, en, es string) claim.Column { return claim.Column{Name: name, Doc: lang.T(en, es)} }
	reader := catalog.New(nil, catalog.NewKinds(taskKind()))
	return &claim.Table{
		Name: "completions", Title: lang.T("Tasks that are done or should be", "Tareas hechas o que deberían estarlo"),
		Doc: lang.T("One row for each task that was completed, or whose day has passed. A task that is dropped, or not due yet, is none of them.",
			"Una fila por cada tarea completada o cuyo día ha pasado. Una tarea descartada, o que aún no vence, no está."),
		Fields: []claim.Column{
			col("task", "The reference of the task.", "La referencia de la tarea."), col("title", "Its title.", "Su título."),
			col("series", "The name of the first task, for those that come back.", "El nombre de la primera tarea, en las que vuelven."),
			col("about", "What it is about, as written.", "De qué trata, tal como se escribió."), col("assignee", "Who it is for, as written.", "Para quién es, tal como se escribió."),
			col("due", "Its day; empty without one.", "Su día; vacío si no tiene."), col("done", "Whether it is completed.", "Si está completada."), col("on", "The day it was; empty when it is not.", "El día en que lo fue; vacío si no."),
			col("by", "Who completed it.", "Quién la completó."), col("onTime", "Whether it was completed by its day.", "Si se completó antes de su día."),
			col("daysLate", "How many days after its day it was, or is still not.", "Cuántos días después de su día fue, o sigue sin ser."),
			col("missed", "How many times were passed over before it.", "Cuántas veces se pasaron por alto antes."), col("evidence", "The SHA-256 of the evidence; empty without.", "El SHA-256 de la evidencia; vacío si no hay.")},
		Kinds: []string{auth.KindTask},
		Scan: func(ctx context.Context, q sqldb.Querier, org string, m claim.Moment, yield claim.Yield) error {
			zone, err := auth.Zone(ctx, q, org)
			if err != nil {
				return err
			}
			today := m.At.In(zone).Format(time.DateOnly)
			return reader.Scan(ctx, q, org, auth.KindTask, m.Feed, func(e *entity.Entity) error {
				s, err := catalog.Spec[Task](e)
				if err != nil {
					return err
				}
				if row := s.row(e, today); row != nil {
					return yield(e.Ref().String(), e.DisplayTitle(), row)
				}
				return nil
			})
		},
	}
}

// row is a task in the table of completions as of a day; nil when it is not in
// it.
func (t Task) row(e *entity.Entity, today string) map[string]any {
	if t.State != done && (t.State == dropped || t.Due == "" || t.Due >= today) {
		return nil
	}
	row := map[string]any{"task": e.Ref().String(), "title": e.DisplayTitle(), "series": t.root(e), "about": t.About, "assignee": t.Assignee, "due": t.Due,
		"done": t.State == done, "on": t.DoneOn, "by": t.DoneBy, "evidence": t.Evidence, "missed": int64(0)}
	if t.Series != nil {
		row["missed"] = int64(t.Series.Missed)
	}
	on := t.DoneOn
	if t.State != done {
		on = today
	}
	late := daysAfter(t.Due, on)
	row["daysLate"], row["onTime"] = int64(late), late == 0 && t.State == done
	return row
}

// daysAfter counts the days from due to another day; 0 when it is not after it,
// or there is no due day.
func daysAfter(due, on string) int {
	a, errA := time.Parse(time.DateOnly, due)
	b, errB := time.Parse(time.DateOnly, on)
	if errA != nil || errB != nil {
		return 0
	}
	return max(0, int(b.Sub(a)/(24*time.Hour)))
}

// Completion is one completion of a task as it is kept.
type Completion struct {
	Ref, Title string
	Due        string
	At         time.Time
	Day        string
	By         string
	Note       string
	Evidence   string
	Late       int // days
}

// completions returns those of a series, the newest first.
func completions(ctx context.Context, q sqldb.Querier, org, root string, limit int) ([]Completion, error) {
	return readCompletions(ctx, q, `org = ? AND root = ? ORDER BY at DESC, rev DESC LIMIT ?`, org, root, limit)
}

func readCompletions(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Completion, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (c Completion, err error) {
		var at int64
		err = r.Scan(&c.Ref, &c.Title, &c.Due, &at, &c.Day, &c.By, &c.Note, &c.Evidence)
		c.At, c.Late = sqldb.Time(at), daysAfter(c.Due, c.Day)
		return c, err
	}, `SELECT ref, title, due, at, day, by_whom, note, evidence FROM task_completions WHERE `+where, args...)
}
