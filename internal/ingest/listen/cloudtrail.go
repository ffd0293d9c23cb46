package listen

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/ingest"
)

const (
	// quietDir is how long a folder must not have changed before its time alone
	// tells that it has not: file systems note times coarsely.
	quietDir = 2 * time.Second
	// maxRecord bounds a record of CloudTrail; they have 256 KB at most.
	maxRecord = 16 << 20
)

// trail reads a folder of CloudTrail, as S3 or a copy of a bucket has it: folders by
// account, region and day, and in them files that are written once. Each is read
// once. The eventID of a record is its id.
type trail struct {
	*collector
	seen    map[[16]byte]bool
	log     *os.File // what seen is read from at the start
	dirs    map[string]*trailDir
	pending map[string]*pendingFile
	files   int
}

// trailDir is a folder as it was when it was looked at.
type trailDir struct {
	changed time.Time
	quiet   bool // it had not changed for a while then
	below   []string
}

// pendingFile is a file that could not be read to its end: it may still be written.
type pendingFile struct {
	size  int64
	since time.Time
}

func trailPlace(s *Spec) error {
	s.Place = strings.TrimPrefix(s.Place, "//")
	if s.Place == "" {
		return s.wrong("it names no folder").WithHint("write it as %s", s.kind.example)
	}
	abs, err := filepath.Abs(s.Place)
	if err != nil {
		return s.wrong("%v", err).WithHint("give the whole path")
	}
	s.Place = abs
	if from := s.Params.Get("from"); from != "" && from != "start" && from != "end" {
		return s.wrong("from=%s is not known", from).WithHint("from=start reads the files that are there already, from=end those that come")
	}
	return nil
}

func openTrail(c *collector) (worker, error) {
	if info, err := os.Stat(c.Place); err != nil || !info.IsDir() {
		return nil, c.wrong("%s is no folder that can be read", c.Place).WithHint("make it, let binnacle read it, and fill it as: aws s3 sync s3://BUCKET/AWSLogs %s", c.Place)
	}
	w := &trail{collector: c, seen: map[[16]byte]bool{}, dirs: map[string]*trailDir{}, pending: map[string]*pendingFile{}}
	path := c.memo(".seen")
	_, err := os.Stat(path)
	first := errors.Is(err, fs.ErrNotExist)
	if w.log, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(w.log)
	if err != nil {
		return nil, err
	}
	if rest := len(data) % 16; rest != 0 { // it died as it wrote the last one
		if err := w.log.Truncate(int64(len(data) - rest)); err != nil {
			return nil, err
		}
	}
	for ; len(data) >= 16; data = data[16:] {
		w.seen[[16]byte(data)] = true
	}
	if first && c.Params.Get("from") == "end" {
		return w, w.skip()
	}
	return w, nil
}

// skip takes the files that are there as read.
func (w *trail) skip() error {
	return filepath.WalkDir(w.Place, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isTrail(path) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return w.done(path, info.Size())
	})
}

func (w *trail) close() { w.log.Close() }

// run looks for new files every second, or less often where looking takes long.
func (w *trail) run(ctx context.Context) error {
	w.runs(w.Place)
	for {
		begun := time.Now()
		err := w.look(ctx, w.Place)
		if err == nil {
			err = w.retry(ctx)
		}
		if ctx.Err() != nil {
			return errors.Join(w.log.Sync(), w.log.Close())
		}
		if err != nil {
			w.failed(err)
		} else if w.files == 0 {
			w.problem(Waiting, fmt.Errorf("there is no file of CloudTrail in %s yet", w.Place))
		} else {
			w.runs(w.Place)
		}
		sleep(ctx, max(findAgain, 10*time.Since(begun)))
	}
}

// look reads what is new in a folder and below it.
func (w *trail) look(ctx context.Context, dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		delete(w.dirs, dir)
		if errors.Is(err, fs.ErrNotExist) && dir != w.Place {
			return nil
		}
		return err
	}
	known := w.dirs[dir]
	if known == nil || !known.quiet || !known.changed.Equal(info.ModTime()) {
		if known, err = w.list(ctx, dir, info.ModTime()); err != nil {
			return err
		}
		w.dirs[dir] = known
	}
	for _, below := range known.below {
		if err := w.look(ctx, below); err != nil {
			return err
		}
	}
	return nil
}

func (w *trail) list(ctx context.Context, dir string, changed time.Time) (*trailDir, error) {
	now := &trailDir{changed: changed, quiet: time.Since(changed) > quietDir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			now.below = append(now.below, path)
			continue
		}
		if !isTrail(path) || w.pending[path] != nil {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		w.files++
		if err := w.file(ctx, path, info.Size()); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// isTrail reports whether a file holds events: digests, and files that a copy has not
// finished, do not.
func isTrail(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	return (strings.HasSuffix(name, ".json.gz") || strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".json.zst")) && !strings.HasPrefix(name, ".") &&
		!strings.Contains(name, "_cloudtrail-digest_") && !strings.Contains(path, "/CloudTrail-Digest/")
}

// sum is by what a file is known: its path below the folder and its size.
func (w *trail) sum(path string, size int64) [16]byte {
	rel, err := filepath.Rel(w.Place, path)
	if err != nil {
		rel = path
	}
	s := sha256.Sum256([]byte(filepath.ToSlash(rel) + "\x00" + strconv.FormatInt(size, 10)))
	return [16]byte(s[:16])
}

func (w *trail) done(path string, size int64) error {
	sum := w.sum(path, size)
	w.seen[sum] = true
	_, err := w.log.Write(sum[:])
	return err
}

// file hands over the records of a file that was not read before. One that cannot
// be read to its end is tried again when it has grown.
func (w *trail) file(ctx context.Context, path string, size int64) error {
	if w.seen[w.sum(path, size)] {
		return nil
	}
	err := w.read(ctx, path)
	var broken *brokenFile
	switch {
	case err == nil:
		delete(w.pending, path)
		return w.done(path, size)
	case errors.As(err, &broken):
		if p := w.pending[path]; p == nil || p.size != size {
			w.pending[path] = &pendingFile{size: size, since: time.Now()}
		} else if time.Since(p.since) > giveUp {
			w.broke(err)
			delete(w.pending, path)
			return w.done(path, size)
		}
		return nil
	}
	return err
}

// retry looks at the files that could not be read.
func (w *trail) retry(ctx context.Context) error {
	for path, p := range w.pending {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			delete(w.pending, path)
		case err != nil:
			return err
		case info.Size() != p.size || time.Since(p.since) > giveUp:
			if err := w.file(ctx, path, info.Size()); err != nil {
				return err
			}
		}
	}
	return nil
}

// brokenFile is a file that is not what it should be.
type brokenFile struct {
	path string
	err  error
}

func (b *brokenFile) Error() string { return fmt.Sprintf("%s: %v", b.path, b.err) }

func (w *trail) read(ctx context.Context, path string) error {
	f, err := openRegular(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := unpacker(strings.ToLower(path), f)
	if err != nil {
		return &brokenFile{path, err}
	}
	defer in.Close()
	t := &trailFile{path: path}
	hand := func() error {
		err := w.take(ctx, t.records)
		t.records, t.size = nil, 0
		return err
	}
	err = t.each(in, func() error {
		if len(t.records) < batchRecords && t.size < batchBytes {
			return nil
		}
		return hand()
	})
	if err != nil && ctx.Err() == nil {
		return &brokenFile{path, err}
	}
	return errors.Join(err, hand())
}

// trailFile makes records of the content of a file.
type trailFile struct {
	path    string
	parser  fastjson.Parser
	records []ingest.Record
	size    int
	n       int
}

// each adds the records of a file, {"Records":[…]}, an array or objects one after the
// other, and calls after with each.
func (t *trailFile) each(in io.Reader, after func() error) error {
	bounded := &boundedReader{r: in}
	r := bufio.NewReaderSize(bounded, 64<<10)
	d := json.NewDecoder(r)
	inside, err := t.enter(r, d)
	if err != nil {
		return err
	}
	for !inside || d.More() {
		var raw json.RawMessage
		bounded.n = 0
		if err := d.Decode(&raw); err != nil {
			if !inside && errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := t.add(raw); err != nil {
			return err
		}
		if err := after(); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of the array, without which the file is not whole
	return err
}

// enter goes to the first record; inside says that they are in an array.
func (t *trailFile) enter(r *bufio.Reader, d *json.Decoder) (inside bool, err error) {
	beginning, err := r.Peek(64)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	beginning = bytes.TrimLeft(beginning, " \t\r\n\xef\xbb\xbf")
	switch {
	case len(beginning) == 0:
		return false, io.ErrUnexpectedEOF
	case beginning[0] == '[':
		_, err := d.Token()
		return true, err
	case !bytes.HasPrefix(bytes.ReplaceAll(beginning, []byte(" "), nil), []byte(`{"Records"`)):
		return false, nil
	}
	for range 3 { // { "Records" [
		if _, err := d.Token(); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (t *trailFile) add(raw json.RawMessage) error {
	v, err := t.parser.ParseBytes(raw)
	if err != nil {
		return err
	}
	if v.Type() != fastjson.TypeObject {
		return fmt.Errorf("record %d is no object", t.n)
	}
	id := string(v.GetStringBytes("eventID"))
	if id == "" {
		id = "trail-" + hash([]byte(filepath.Base(t.path))) + "-" + strconv.Itoa(t.n)
	}
	t.n++
	t.size += len(raw)
	t.records = append(t.records, ingest.Record{Data: raw, ID: id, Fields: []ingest.Field{{Name: FieldFile, Value: t.path}}})
	return nil
}

// boundedReader fails when more is read for one record than a record may have.
type boundedReader struct {
	r io.Reader
	n int
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.n > maxRecord {
		return 0, fmt.Errorf("a record is larger than %d bytes", maxRecord)
	}
	n, err := b.r.Read(p)
	b.n += n
	return n, err
}
