package listen

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/binnaclehq/binnacle/internal/ingest"
)

// settled is how long a packed file must not have changed before it is read: who
// packs it may still be at work.
const settled = time.Second

// giveUp is how long a packed file that ends early may still be written.
const giveUp = time.Minute

func isPacked(path string) bool {
	switch filepath.Ext(path) {
	case ".gz", ".zst", ".bz2":
		return true
	}
	return false
}

// unpacker reads a packed file by the end of its name.
func unpacker(path string, r io.Reader) (io.ReadCloser, error) {
	switch filepath.Ext(path) {
	case ".gz":
		return gzip.NewReader(r)
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case ".bz2":
		return io.NopCloser(bzip2.NewReader(r)), nil
	}
	return io.NopCloser(r), nil
}

// packedFile is the inside of a packed file as it is read once.
type packedFile struct {
	in io.ReadCloser
	r  *bufio.Reader
	n  int64 // bytes that came out of in
}

func (p *packedFile) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	p.n += int64(n)
	return n, err
}

// at is the offset of what is read next.
func (p *packedFile) at() int64 { return p.n - int64(p.r.Buffered()) }

func newPacked(path string, f io.Reader) (*packedFile, error) {
	in, err := unpacker(path, bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	p := &packedFile{in: in}
	p.r = bufio.NewReaderSize(p, 64<<10)
	return p, nil
}

// meetPacked opens a packed file that was not read before.
func (w *files) meetPacked(path string, info fs.FileInfo, named bool) error {
	if time.Since(info.ModTime()) < settled {
		return nil
	}
	for _, m := range w.memory.Files {
		if m.Packed == info.Size() && (m.Inode == inodeOf(info) && m.Inode != 0 || m.Path == path) {
			if m.Path != path {
				m.Path, w.unsaved = path, true
			}
			m.Seen = time.Now()
			return nil
		}
	}
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	fo := &followed{f: f, info: info, path: path, named: named, old: w.fromEnd && w.first, stray: !named}
	if err := w.identifyPacked(fo); err != nil {
		f.Close()
		if errors.Is(err, errStray) {
			return nil
		}
		w.unreadable(fo, err)
		return nil
	}
	w.follow(fo)
	return nil
}

// identifyPacked finds how far the content of a packed file was read under another
// name, and goes there.
func (w *files) identifyPacked(fo *followed) (err error) {
	if fo.packed, err = newPacked(fo.path, fo.f); err != nil {
		return err
	}
	beginning, err := fo.packed.r.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head, _ := headOf(beginning)
	fo.mark = &mark{Path: fo.path, Inode: inodeOf(fo.info), Head: hash(head), Seen: time.Now()}
	var best *mark
	for _, m := range w.memory.Files {
		if m.Head == fo.Head && m.Offset > 0 && m.Packed == 0 && stem(m.Path) == stem(fo.path) && (best == nil || m.Offset > best.Offset) {
			best = m
		}
	}
	fo.Key = w.key(fo.Inode, fo.Head, false)
	switch {
	case best == nil && fo.stray:
		return errStray
	case best == nil && fo.old:
		_, err := io.Copy(io.Discard, fo.packed.r)
		return err
	case best == nil:
		return nil
	}
	if _, err := io.CopyN(io.Discard, fo.packed.r, max(0, best.Offset-tailBytes)); err != nil {
		return w.anew(fo, err)
	}
	tail := make([]byte, min(best.Offset, tailBytes))
	if _, err := io.ReadFull(fo.packed.r, tail); err != nil || hash(tail) != best.Tail {
		return w.anew(fo, err)
	}
	fo.Key, fo.Offset, fo.Within = best.Key, best.Offset, best.Within
	return nil
}

// errStray is a packed file that the pattern does not lead to and that goes on
// nothing that is known.
var errStray = errors.New("not one of ours")

// anew reads a packed file from its beginning: it is another one after all.
func (w *files) anew(fo *followed, err error) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if fo.stray {
		return errStray
	}
	if _, err := fo.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	fo.packed, err = newPacked(fo.path, fo.f)
	return err
}

// advancePacked hands over the next lines of a packed file; at its end it is marked
// as read.
func (w *files) advancePacked(ctx context.Context, fo *followed) (more bool, err error) {
	for range turns {
		var records []ingest.Record
		size := 0
		var end error
		for len(records) < batchRecords && size < batchBytes {
			at := fo.packed.at()
			line, short, err := until(fo.packed.r, '\n')
			if err != nil {
				end = err
				break
			}
			c := cut{file: fo, host: w.host}
			if fo.Within {
				fo.Within = false
				continue
			}
			fo.Offset = at
			c.record(line, short)
			records = append(records, c.records...)
			size += len(line)
		}
		if err := w.take(ctx, records); err != nil {
			w.leave(fo)
			return false, err
		}
		if end != nil {
			w.leave(fo)
			if !errors.Is(end, io.EOF) {
				w.unreadable(fo, end)
				return false, nil
			}
			w.done(fo)
			return false, nil
		}
	}
	return true, nil
}

// done marks a packed file as read.
func (w *files) done(fo *followed) {
	fo.Packed, fo.Offset, fo.Seen = fo.info.Size(), fo.packed.at(), time.Now()
	w.memory.Files = append(w.memory.Files, fo.mark)
	w.unsaved = true
}

// unreadable tells of a packed file that is broken. One that was written just now
// is tried again.
func (w *files) unreadable(fo *followed, err error) {
	if time.Since(fo.info.ModTime()) < giveUp {
		return
	}
	w.broke(fmt.Errorf("%s cannot be unpacked: %w", fo.path, err))
	w.memory.Files = append(w.memory.Files, &mark{Path: fo.path, Inode: inodeOf(fo.info), Packed: fo.info.Size(), Seen: time.Now()})
	w.unsaved = true
}
