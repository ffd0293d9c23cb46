package logs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
		return os.RemoveAll(e.aside())
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
	e.gather.flush()
	if err := e.gather.err(); err != nil {
		return nil, thaw, err
	}
	for _, day := range e.storage.PartitionList() {
		folder, err := e.storage.PartitionSnapshotCreate(day)
		if err == nil {
			folder, err = e.setAside(day, folder)
		}
		if !slices.Contains(e.storage.PartitionList(), day) {
			continue // it has just been dropped, for its age
		}
		if err != nil {
			return days, thaw, err
		}
		days = append(days, Frozen{folder, partitions + "/" + day})
	}
	return days, thaw, nil
}

// partitions is the folder of days in that of the engine.
const partitions = "partitions"

// aside is the folder of what is frozen. The engine makes it within the folder of
// the day, with which it would go when the day is dropped.
func (e *Embedded) aside() string { return filepath.Join(e.options.Folder, "frozen") }

func (e *Embedded) setAside(day, folder string) (string, error) {
	to := filepath.Join(e.aside(), day)
	return to, errors.Join(os.MkdirAll(e.aside(), 0o700), os.Rename(folder, to))
}

// dropFrozen removes what a process that ended early left frozen.
func (e *Embedded) dropFrozen() error {
	err := os.RemoveAll(e.aside())
	for _, folder := range e.storage.PartitionSnapshotList() {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
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
