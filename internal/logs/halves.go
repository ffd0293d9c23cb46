package logs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	engine "github.com/VictoriaMetrics/VictoriaMetrics/lib/fs"
)

const (
	daysFolder = "partitions" // of the engine, a folder a day
	// goingFile is in the folder of a day from before the first of its files is
	// removed.
	goingFile = ".delete-this-dir"
)

// clearHalves removes what is left of days that were being made or dropped when the
// program was killed: folders with nothing in them, and those that are being removed.
// The engine breaks at either when it opens, at the second one in a goroutine of its
// own, and at every start.
func clearHalves(folder string) error {
	days := filepath.Join(folder, daysFolder)
	if _, err := os.Stat(days); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	lock := engine.MustCreateFlockFile(folder) // it panics where another process has it
	defer lock.Close()
	list, err := os.ReadDir(days)
	if err != nil {
		return err
	}
	for _, day := range list {
		if !day.IsDir() {
			continue
		}
		path := filepath.Join(days, day.Name())
		half, err := isHalf(path)
		if err != nil {
			return err
		}
		if half {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func isHalf(day string) (bool, error) {
	list, err := os.ReadDir(day)
	if err != nil {
		return false, err
	}
	return len(list) == 0 || slices.ContainsFunc(list, func(f fs.DirEntry) bool { return f.Name() == goingFile }), nil
}
