package review

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// taskWaiter finds the tasks of a reader.
func taskWaiter() morning.Waiter {
	return morning.Waiter{ID: "tasks", Order: 40, Title: lang.T("Tasks", "Tareas"), Kinds: []string{auth.KindTask}, Find: ownTasks, Done: doneTasks}
}

// ahead is how many days before its day a task waits.
const ahead = 14

func ownTasks(l *morning.Look) ([]morning.Item, error) {
	if len(l.Mine) == 0 {
		return nil, nil
	}
	k := l.Catalog.Kinds().Get(auth.KindTask)
	may := k != nil && l.Caller.Can(auth.Write, k.Resource()) == nil
	var out []morning.Item
	err := morning.Each(l, auth.KindTask, catalog.Query{Fields: map[string][]string{"spec.state": {open}, "spec.assignee": l.Mine}}, func(e *entity.Entity, s Task) {
		it, ok := taskItem(l, e, s)
		if !ok {
			return
		}
		if may {
			it.Acts = []morning.Act{s.act(e)}
		}
		out = append(out, it)
	})
	return out, err
}

// taskItem is a task that waits; false while it is far away.
func taskItem(l *morning.Look, e *entity.Entity, s Task) (morning.Item, bool) {
	it := morning.Item{Ref: e.Ref().String(), Title: e.DisplayTitle(), From: s.RequestedBy, Why: lang.T("It is assigned to you.", "Está asignada a ti.")}
	if ref, err := entity.ParseRef(s.Assignee, "user", e.Metadata.Namespace); err == nil && ref.String() != l.Caller.UserRef {
		if err := l.Names(ref.String()); err == nil {
			it.Why = lang.T("It is assigned to "+l.Name(ref.String())+".", "Está asignada a "+l.Name(ref.String())+".")
		}
	}
	if e.Metadata.Created != nil {
		it.Since = *e.Metadata.Created
	}
	if day, err := time.ParseInLocation(time.DateOnly, s.Due, l.Zone); err == nil {
		it.Due = day
	}
	return it, it.Due.IsZero() || it.Due.Before(l.Midnight(ahead))
}

// act is how a task is completed: in one step, or on a page where the evidence
// is named.
func (t Task) act(e *entity.Entity) morning.Act {
	if t.NeedsEvidence {
		return morning.Act{Name: "complete", Primary: true, Label: lang.T("Complete", "Completar"), Page: "complete"}
	}
	return morning.Act{Name: "complete", Primary: true, Label: lang.T("Complete", "Completar"), Said: lang.T("“{0}” is done", "«{0}» está hecha"),
		Do: func(l *morning.Look) error { return l.Set(e, map[string]any{"state": done}) }}
}

// doneTasks are those the reader completed.
func doneTasks(l *morning.Look, since time.Time) ([]morning.Did, error) {
	list, err := readCompletions(l.Ctx, l.DB, `org = ? AND account = ? AND at >= ? ORDER BY at`, l.Caller.Org, l.Caller.Account, sqldb.Micros(since))
	if err != nil {
		return nil, err
	}
	var out []morning.Did
	for _, c := range list {
		out = append(out, morning.Did{Ref: c.Ref, Title: c.Title, What: lang.T("Completed", "Completada"), At: c.At})
	}
	return out, nil
}
