package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// staged are files written beside their places, to be put there when the
// database is restored.
type staged struct {
	dir   string
	files []stagedFile
}

type stagedFile struct{ temp, path string }

// stage writes the files of a verified backup beside their places in dir. It
// refuses when one is there already.
func stage(r io.ReadSeeker, report Report, dir string) (*staged, error) {
	s := &staged{dir: dir}
	if dir == "" || len(report.Files) == 0 {
		return s, nil
	}
	for _, f := range report.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return s, fault.New(fault.Conflict, "%s exists already", path).WithHint("restore into a new data folder, or move this file away")
		}
	}
	var out *os.File
	next := func(f FileReport) error {
		err := closed(out)
		if err == nil {
			out, err = s.create(filepath.Join(dir, filepath.FromSlash(f.Name)))
		}
		return err
	}
	_, err := again(r, visitor{file: next, data: func(b []byte) error { _, err := out.Write(b); return err }})
	if err = errors.Join(err, closed(out)); err != nil {
		return s, fmt.Errorf("files: %w", err)
	}
	return s, nil
}

func (s *staged) create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".restore-*") // mode 0600
	if err != nil {
		return nil, err
	}
	s.files = append(s.files, stagedFile{temp: f.Name(), path: path})
	return f, nil
}

func closed(f *os.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(f.Sync(), f.Close())
}

// keep moves the files to their places.
func (s *staged) keep() error {
	for _, f := range s.files {
		if err := os.Rename(f.temp, f.path); err != nil {
			return err
		}
	}
	s.files = nil
	return nil
}

// drop removes what was not kept, and the folders that are empty without it.
func (s *staged) drop() {
	for _, f := range s.files {
		os.Remove(f.temp)
		for parent := filepath.Dir(f.path); parent != filepath.Clean(s.dir) && os.Remove(parent) == nil; {
			parent = filepath.Dir(parent)
		}
	}
}
