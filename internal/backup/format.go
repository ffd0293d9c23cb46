package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// line is any line of a backup that is not a row; one field is set.
type line struct {
	Header *Header     `json:"header,omitempty"`
	Table  *table      `json:"table,omitempty"`
	File   *FileReport `json:"file,omitempty"`
	Data   []byte      `json:"data,omitempty"`
	End    *ending     `json:"end,omitempty"`
}

type ending struct {
	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`
	Files  int   `json:"files"`
}

// writer writes the lines of a backup and keeps the report of them.
type writer struct {
	seal     *sealer
	gz       *gzip.Writer
	out      *bufio.Writer
	report   Report
	progress func(Progress)
	total    int64
}

func newWriter(w io.Writer) *writer {
	s := newSealer(w)
	gz, _ := gzip.NewWriterLevel(s, gzip.BestSpeed) // the level is valid
	return &writer{seal: s, gz: gz, out: bufio.NewWriterSize(gz, 64<<10)}
}

func (w *writer) line(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return w.text(text)
}

func (w *writer) text(text []byte) error {
	if _, err := w.out.Write(text); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

func (w *writer) row(name string, text []byte) error {
	if w.report.Rows++; w.progress != nil && w.report.Rows%1000 == 0 {
		w.progress(Progress{Table: name, Rows: w.report.Rows, Total: w.total})
	}
	w.report.Tables[len(w.report.Tables)-1].Rows++
	return w.text(text)
}

func (w *writer) close() error {
	end := line{End: &ending{Tables: len(w.report.Tables), Rows: w.report.Rows, Files: len(w.report.Files)}}
	err := w.line(end)
	if err == nil {
		err = errors.Join(w.out.Flush(), w.gz.Close())
	}
	if err == nil {
		err = w.seal.close()
	}
	if w.progress != nil {
		w.progress(Progress{Rows: w.report.Rows, Total: w.total})
	}
	w.report.Bytes, w.report.SHA256 = w.seal.size, w.seal.sum()
	return err
}

// visitor is called with what a backup holds, in order. Functions may be nil.
type visitor struct {
	table func(table) error
	row   func([]any) error
	file  func(FileReport) error
	data  func([]byte) error
}

// maxLine bounds a line, in bytes, so that a file that is no backup cannot fill
// the memory.
const maxLine = 256 << 20

// Verify reads a whole backup and checks that it is as Write wrote it: every
// byte by its checksum, every line by its form, all counts. A backup that is
// damaged or is none gives an Invalid fault.
func Verify(r io.Reader) (Report, error) { return read(r, visitor{}) }

// read verifies a backup while v sees its content, which is not to be trusted
// before read returns without an error.
func read(r io.Reader, v visitor) (Report, error) {
	u := newUnsealer(r)
	gz, err := gzip.NewReader(u)
	if err != nil {
		return Report{}, u.explain(fault.New(fault.Invalid, "this is not a backup of binnacle"))
	}
	gz.Multistream(false)
	p := &parser{v: v}
	if err := p.lines(bufio.NewReaderSize(gz, 64<<10)); err != nil {
		return Report{}, u.explain(err)
	}
	if err := u.finish(); err != nil {
		return Report{}, err
	}
	p.report.Bytes, p.report.SHA256 = u.size, u.sum()
	return p.report, nil
}

// parser reads the lines of a backup.
type parser struct {
	v       visitor
	report  Report
	columns []column // of the table being read; nil outside of one
	missing int64    // bytes of the file being read that are still to come
	started bool
	ended   bool
}

// visitError is an error of a visitor, which says nothing about the file.
type visitError struct{ error }

func (e visitError) Unwrap() error { return e.error }

func damaged(format string, args ...any) error {
	return fault.New(fault.Invalid, "the backup is damaged: %s", fmt.Sprintf(format, args...)).WithHint("restore from another copy of it, or from an older backup")
}

func (p *parser) lines(r *bufio.Reader) error {
	for n := 1; ; n++ {
		text, err := readLine(r)
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil {
			return damaged("line %d cannot be read (%v)", n, err)
		}
		var visit visitError
		if err := p.line(text); errors.As(err, &visit) || fault.Is(err, fault.Invalid) {
			return err
		} else if err != nil {
			return damaged("line %d: %v", n, err)
		}
	}
	if !p.ended {
		return damaged("its end is missing")
	}
	return nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if err == nil && long == nil {
			return part[:len(part)-1], nil
		}
		if long = append(long, part...); len(long) > maxLine {
			return nil, errors.New("it is too long")
		}
		switch {
		case err == nil:
			return long[:len(long)-1], nil
		case err == io.EOF && len(long) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

func (p *parser) line(text []byte) error {
	if p.ended {
		return errors.New("something stands after the end")
	}
	if len(text) > 0 && text[0] == '[' {
		return p.row(text)
	}
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil || dec.More() {
		if !p.started {
			return fault.New(fault.Invalid, "this is not a backup of binnacle")
		}
		return fmt.Errorf("it is not as expected (%v)", err)
	}
	if !p.started {
		return p.header(l.Header)
	}
	if p.missing > 0 && l.Data == nil {
		return errors.New("a file is cut off")
	}
	switch {
	case l.Table != nil:
		return p.table(*l.Table)
	case l.File != nil:
		return p.file(*l.File)
	case l.Data != nil:
		return p.data(l.Data)
	case l.End != nil:
		return p.end(*l.End)
	}
	return errors.New("it says nothing")
}

func (p *parser) header(h *Header) error {
	if h == nil || h.Format < 1 {
		return fault.New(fault.Invalid, "this is not a backup of binnacle")
	}
	if h.Format > format {
		return fault.New(fault.Invalid, "the backup was made by a newer binnacle (%s)", h.Program).WithHint("restore it with that version")
	}
	p.started, p.report.Header = true, *h
	return nil
}

func (p *parser) table(t table) error {
	if t.Name == "" || len(t.Columns) == 0 {
		return errors.New("a table without a name or columns")
	}
	for _, c := range t.Columns {
		switch c.Type {
		case integers, floats, texts, bytes_:
		default:
			return fmt.Errorf("unknown type %q", c.Type)
		}
	}
	p.columns = t.Columns
	p.report.Tables = append(p.report.Tables, TableReport{Name: t.Name})
	return visit(p.v.table, t)
}

func visit[T any](f func(T) error, v T) error {
	if f == nil {
		return nil
	}
	if err := f(v); err != nil {
		return visitError{err}
	}
	return nil
}

func (p *parser) row(text []byte) error {
	if p.columns == nil {
		return errors.New("a row outside of a table")
	}
	values, err := parseRow(text, p.columns)
	if err != nil {
		return err
	}
	p.report.Rows++
	p.report.Tables[len(p.report.Tables)-1].Rows++
	return visit(p.v.row, values)
}

func (p *parser) file(f FileReport) error {
	if !filepath.IsLocal(filepath.FromSlash(f.Name)) || f.Size < 0 {
		return fmt.Errorf("file name %q leaves the data folder", f.Name)
	}
	p.columns, p.missing = nil, f.Size
	p.report.Files = append(p.report.Files, f)
	return visit(p.v.file, f)
}

func (p *parser) data(b []byte) error {
	if p.missing -= int64(len(b)); p.missing < 0 {
		return errors.New("a file is longer than it should be")
	}
	return visit(p.v.data, b)
}

func (p *parser) end(e ending) error {
	if got := (ending{Tables: len(p.report.Tables), Rows: p.report.Rows, Files: len(p.report.Files)}); got != e {
		return fmt.Errorf("it holds %d rows of %d tables and %d files, and should hold %d of %d and %d",
			got.Rows, got.Tables, got.Files, e.Rows, e.Tables, e.Files)
	}
	p.ended = true
	return nil
}
