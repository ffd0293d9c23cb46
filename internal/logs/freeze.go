package logs

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Freezer is a store whose events can be copied while it goes on.
type Freezer interface {
	// Freeze keeps the events as they are now, in folders beside those that go on
	// to change, until thaw is called. They take room only for what the store would
	// have merged or dropped meanwhile. One at a time can be frozen.
	Freeze(context.Context) (days []Frozen, thaw func() error, err error)
}

// Frozen is the events of a day.
type Frozen struct {
	Folder string // that holds them
	Name   string // where the folder belongs in that of the store
}

// Freeze implements Freezer.
func (e *Embedded) Freeze(context.Context) (days []Frozen, thaw func() error, err error) {
	done, err := e.use()
	if err != nil {
		return nil, nil, err
	}
	defer done()
	if !e.frozen.TryLock() {
		return nil, nil, fault.New(fault.Conflict, "the events are being copied already").WithHint("wait until that backup is done")
	}
	thaw = func() error {
		defer e.frozen.Unlock()
		return dropAll(days)
	}
	defer func() {
		if cause := recover(); cause != nil { // the engine panics where it cannot write
			err = fault.New(fault.Unavailable, "the events in %s cannot be frozen: %v", e.options.Folder, cause)
		}
		if err != nil {
			err = errors.Join(err, thaw())
			days, thaw = nil, nil
		}
	}()
	e.storage.DebugFlush()
	for _, day := range e.storage.PartitionList() {
		folder, err := e.storage.PartitionSnapshotCreate(day)
		if err != nil {
			if !slices.Contains(e.storage.PartitionList(), day) {
				continue // it has just been dropped, for its age
			}
			return days, thaw, err
		}
		days = append(days, Frozen{folder, partitions + "/" + day})
	}
	return days, thaw, nil
}

// partitions is the folder of days in that of the engine.
const partitions = "partitions"

func dropAll(days []Frozen) (err error) {
	for _, d := range days {
		err = errors.Join(err, os.RemoveAll(d.Folder))
	}
	return err
}

// dropFrozen removes what a process that ended early left frozen.
func (e *Embedded) dropFrozen() error {
	var days []Frozen
	for _, folder := range e.storage.PartitionSnapshotList() {
		days = append(days, Frozen{Folder: folder})
	}
	return dropAll(days)
}

// Freeze implements Freezer where the store behind it does.
func (l *lazy) Freeze(ctx context.Context) ([]Frozen, func() error, error) {
	s, err := l.get()
	if err != nil {
		return nil, nil, err
	}
	f, ok := s.(Freezer)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "these events cannot be copied from here").WithHint("copy them where they are kept")
	}
	return f.Freeze(ctx)
}
