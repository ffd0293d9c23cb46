// Package backup writes the whole database, and what lies beside it in the data
// folder, into one file while the program serves, and restores it into an empty
// database of either family, so that it also moves from SQLite to PostgreSQL
// and back.
//
// The file is a gzip stream of lines of JSON, which zcat shows:
//
//	{"header":{"format":1,…}}                  what made it, from which migrations
//	{"table":{"name":"feed","columns":[…]}}    then its rows:
//	[1,"acme",…]
//	{"file":{"name":"…","size":…}}             then its content:
//	{"data":"…"}                               base64, at most 64 KiB of it
//	{"end":{"rows":…}}                         how much there must be
//
// It ends in an empty gzip member that holds the SHA-256 of all bytes before it.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Options steer Write.
type Options struct {
	Program string   // version of the program, for the header
	Skip    []string // tables to leave out: derived or short-lived data
	Files   []File   // of the data folder
	Folders []Folder // of the data folder, with all files in them
	// Freeze makes more folders hold still until thaw is called; may be nil. It is
	// called before anything is written, so that its failure leaves the reader with no
	// half of a backup, and after the moment of the tables, so that what these name is
	// in the folders.
	Freeze     func(context.Context) (folders []Folder, thaw func() error, err error)
	Elsewhere  []string       // what belongs to the installation and is kept where Write does not reach
	IncludeKey bool           // write secret files too: who holds the backup can then open every secret
	Progress   func(Progress) // called now and then; may be nil
}

// File is a file of the data folder. One that does not exist is left out.
type File struct {
	Name   string // in the backup: a slash-separated path relative to the data folder
	Path   string // on disk
	Secret bool   // left out unless IncludeKey is set
}

// Folder is a folder of the data folder. Its hidden folders hold what is being
// written and are left out, as it is itself when it does not exist. A file that
// is there when the tables are read must stay until it is read too.
type Folder struct {
	Name string // in the backup: a slash-separated path relative to the data folder
	Path string // on disk
}

// Progress says how far a write or restore is.
type Progress struct {
	Table string // being worked on
	Rows  int64  // done, of all tables
	Total int64  // to do
}

// Report describes a backup.
type Report struct {
	Header
	Tables  []TableReport `json:"tables"`
	Rows    int64         `json:"rows"`
	Files   []FileReport  `json:"files"`
	Omitted []string      `json:"omitted,omitempty"` // secret files that Write left out
	Bytes   int64         `json:"bytes"`             // size of the backup
	SHA256  string        `json:"sha256"`            // of its content, in hex
}

// Header says what made a backup.
type Header struct {
	Format     int           `json:"format"`
	Program    string        `json:"program"`
	Dialect    sqldb.Dialect `json:"dialect"`
	Created    time.Time     `json:"created"`
	Migrations []string      `json:"migrations"`
	Elsewhere  []string      `json:"elsewhere,omitempty"` // what belongs to the installation and is not in the backup
}

// TableReport is one table of a backup.
type TableReport struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"`
}

// FileReport is one file of a backup.
type FileReport struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // bytes
}

// format is the version of the file's form that this program writes.
const format = 1

// Write writes a backup of db as it is at one moment to w. Others may read and
// write db meanwhile. Files are read after the tables.
//
// Full-text tables (virtual tables of SQLite, tables with a tsvector column of
// PostgreSQL) are derived data and left out; Restore's Rebuild makes them again.
func Write(ctx context.Context, db *sqldb.DB, w io.Writer, o Options) (report Report, err error) {
	defer fault.Wrap(&err, "backup")
	out := newWriter(w)
	if err := out.all(ctx, db, o); err != nil {
		return Report{}, err
	}
	return out.report, out.close()
}

// all writes everything but the end.
func (w *writer) all(ctx context.Context, db *sqldb.DB, o Options) (err error) {
	folders, thaw := o.Folders, func() error { return nil }
	defer func() { err = errors.Join(err, thaw()) }()
	err = db.View(ctx, func(tx *sqldb.Tx) error {
		tables, err := w.begin(ctx, tx, o)
		if err != nil {
			return err
		}
		if o.Freeze != nil {
			frozen, end, err := o.Freeze(ctx)
			if err != nil {
				return err
			}
			thaw, folders = end, slices.Concat(folders, frozen)
		}
		return w.database(ctx, tx, tables, o)
	})
	if err != nil {
		return err
	}
	for _, f := range o.Files {
		if f.Secret && !o.IncludeKey {
			w.report.Omitted = append(w.report.Omitted, f.Name)
			continue
		}
		if err := w.file(f); err != nil {
			return err
		}
	}
	for _, d := range folders {
		if err := w.folder(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile is Write to a new file at path, readable by its owner alone. The
// file appears when it is whole and on disk; an existing one is not touched.
func WriteFile(ctx context.Context, db *sqldb.DB, path string, o Options) (report Report, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return Report{}, fault.New(fault.Conflict, "%s exists already", path).WithHint("name a new file, or remove this one first")
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return Report{}, fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(f.Name())
	report, err = Write(ctx, db, f, o)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return Report{}, err
	}
	// A link, unlike a rename, fails when the name was taken meanwhile.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return Report{}, fault.New(fault.Conflict, "%s exists already", path)
	} else if err != nil {
		err = os.Rename(f.Name(), path) // a file system without links
		if err != nil {
			return Report{}, fmt.Errorf("backup: %w", err)
		}
	}
	return report, syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// begin looks at what there is to write, by which tx settles on its moment.
func (w *writer) begin(ctx context.Context, tx *sqldb.Tx, o Options) ([]table, error) {
	tables, err := discover(ctx, tx)
	if err != nil {
		return nil, err
	}
	tables = slices.DeleteFunc(tables, func(t table) bool { return t.Derived || slices.Contains(o.Skip, t.Name) })
	header := Header{Format: format, Program: o.Program, Dialect: tx.Dialect(), Created: time.Now().UTC().Truncate(time.Second), Elsewhere: o.Elsewhere}
	if header.Migrations, err = applied(ctx, tx); err != nil {
		return nil, err
	}
	w.report.Header = header
	if o.Progress != nil {
		w.progress = o.Progress
		if w.total, err = total(ctx, tx, tables); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// database writes the header and the tables.
func (w *writer) database(ctx context.Context, tx *sqldb.Tx, tables []table, o Options) error {
	if err := w.line(line{Header: &w.report.Header}); err != nil {
		return err
	}
	for _, t := range tables {
		if err := t.portable(); err != nil {
			return err
		}
		if err := w.table(ctx, tx, t); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

func (w *writer) table(ctx context.Context, tx *sqldb.Tx, t table) error {
	if err := w.line(line{Table: &t}); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT `+t.columnList()+` FROM `+quote(t.Name))
	if err != nil {
		return err
	}
	defer rows.Close()
	w.report.Tables = append(w.report.Tables, TableReport{Name: t.Name})
	values, targets := holders(t.Columns)
	var buf []byte
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		if buf, err = appendRow(buf[:0], t.Columns, values); err != nil {
			return err
		}
		if err := w.row(t.Name, buf); err != nil {
			return err
		}
	}
	return rows.Err()
}

// chunk is how many bytes of a file stand in one line.
const chunk = 64 << 10

// folder writes the files of a folder, in the order of their names.
func (w *writer) folder(ctx context.Context, d Folder) error {
	return filepath.WalkDir(d.Path, func(p string, at fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case at.IsDir() && p != d.Path && strings.HasPrefix(at.Name(), "."):
			return fs.SkipDir
		case !at.Type().IsRegular():
			return ctx.Err()
		}
		rel, err := filepath.Rel(d.Path, p)
		if err != nil {
			return err
		}
		return w.file(File{Name: path.Join(d.Name, filepath.ToSlash(rel)), Path: p})
	})
}

func (w *writer) file(f File) error {
	if !filepath.IsLocal(filepath.FromSlash(f.Name)) {
		return fmt.Errorf("file name %q leaves the data folder", f.Name)
	}
	in, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	stat, err := in.Stat()
	if err != nil {
		return err
	}
	info := FileReport{Name: f.Name, Size: stat.Size()}
	if err := w.line(line{File: &info}); err != nil {
		return err
	}
	w.report.Files = append(w.report.Files, info)
	return w.content(in, info)
}

// content writes as many bytes as the file had when it was opened.
func (w *writer) content(in io.Reader, f FileReport) error {
	part := make([]byte, chunk)
	for left := f.Size; left > 0; {
		n, err := io.ReadFull(in, part[:min(left, chunk)])
		if err != nil {
			return fmt.Errorf("%s became shorter while it was read: %w", f.Name, err)
		}
		if err := w.line(line{Data: part[:n]}); err != nil {
			return err
		}
		left -= int64(n)
	}
	return nil
}
