package listen

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// write appends to a file.
func write(t testing.TB, path string, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// copyFile copies as logrotate's copytruncate does.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, read(t, from), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compress packs a file, as old as it looks, and removes it.
func compress(t testing.TB, path string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(read(t, path))
	z.Close()
	if err := os.WriteFile(path+".gz", b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path+".gz", time.Time{}, time.Now().Add(-2*settled)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// wants waits until exactly these lines came, in any order of files.
func wants(t testing.TB, f *fake, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	eventually(t, func() string {
		got = f.data()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Sprintf("got %q, want %q", got, want)
		}
		return ""
	})
	time.Sleep(lookAgain + 50*time.Millisecond)
	if got := f.data(); len(got) != len(want) {
		t.Fatalf("more came: %q", got)
	}
}

func TestFileIsFollowed(t *testing.T) {
	f, path := newFake(), filepath.Join(t.TempDir(), "app.log")
	write(t, path, "one\ntwo\r\n\n   \nthr")
	r := collect(t, Config{Taker: f}, "file:"+path+"?format=linux&source=app")
	wants(t, f, "one", "two")
	write(t, path, "ee\n")
	wants(t, f, "one", "two", "three")
	k := f.all()[2]
	if k.fields[FieldFile] != path || k.fields[FieldOffset] != "14" || k.format != "linux" || k.source != "app" || k.id == "" || k.fields["host.name"] == "" {
		t.Errorf("got %+v", k)
	}
	if s := r.Status()[0]; s.Open != 1 || s.State != Running || s.Where != path {
		t.Errorf("status %+v", s)
	}
}

// TestFilesStandWhereTheyWere stops and starts, also after a crash in which the
// last batch was taken and the offset not saved.
func TestFilesStandWhereTheyWere(t *testing.T) {
	f, dir, path := newFake(), t.TempDir(), filepath.Join(t.TempDir(), "app.log")
	write(t, path, "one\n")
	r := collect(t, Config{Taker: f, Dir: dir}, "file:"+path)
	wants(t, f, "one")
	r.stop()
	before := f.asked
	write(t, path, "two\n")
	r = collect(t, Config{Taker: f, Dir: dir}, "file:"+path+"?source=renamed")
	wants(t, f, "one", "two")
	r.stop()
	if f.asked != before+1 {
		t.Errorf("it was asked %d times, want once", f.asked-before)
	}

	memory := filepath.Join(dir, names(t, dir)[0])
	saved := read(t, memory)
	write(t, path, "three\n")
	r = collect(t, Config{Taker: f, Dir: dir}, "file:"+path)
	wants(t, f, "one", "two", "three")
	r.stop()
	if err := os.WriteFile(memory, saved, 0o600); err != nil { // as if it had not been saved
		t.Fatal(err)
	}
	before = f.asked
	r = collect(t, Config{Taker: f, Dir: dir}, "file:"+path)
	eventually(t, func() string {
		if f.tries() == before {
			return "nothing was handed over again"
		}
		return ""
	})
	wants(t, f, "one", "two", "three")
	r.stop()
	if err := os.Remove(memory); err != nil { // not even that
		t.Fatal(err)
	}
	collect(t, Config{Taker: f, Dir: dir}, "file:"+path)
	eventually(t, func() string {
		if f.tries() == before+1 {
			return "nothing was handed over again"
		}
		return ""
	})
	wants(t, f, "one", "two", "three")
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("nothing in %s, %v", dir, err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// rotation is a way to rotate app.log; what it does while lines are written.
var rotations = map[string]func(t *testing.T, path string){
	"renamed": func(t *testing.T, path string) {
		rename(t, path, path+".1")
		write(t, path+".1", "late\n") // by a writer that has not opened the new one
		write(t, path, "new 1\nnew 2\n")
	},
	"renamed with a date": func(t *testing.T, path string) {
		rename(t, path, path+"-20261128")
		write(t, path+"-20261128", "late\n")
		write(t, path, "new 1\nnew 2\n")
	},
	"copied and emptied": func(t *testing.T, path string) {
		write(t, path, "late\n")
		copyFile(t, path, path+".1")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		write(t, path, "new 1\nnew 2\n")
	},
	"packed": func(t *testing.T, path string) {
		write(t, path, "late\n")
		rename(t, path, path+".1")
		compress(t, path+".1")
		write(t, path, "new 1\nnew 2\n")
	},
	"emptied and longer than before": func(t *testing.T, path string) {
		write(t, path, "late\n")
		copyFile(t, path, path+".1")
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		write(t, path, "new 1\nnew 2\n"+strings.Repeat("\n", 500))
	},
}

// TestRotation rotates a file while it is followed and while nothing runs, with
// patterns that lead to what was rotated and with those that do not. Every line
// comes, once.
func TestRotation(t *testing.T) {
	for name, rotate := range rotations {
		for _, pattern := range []string{"app.log", "app.log*"} {
			for _, running := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/running=%v", name, pattern, running), func(t *testing.T) {
					t.Parallel()
					f, dir, logs := newFake(), t.TempDir(), t.TempDir()
					path := filepath.Join(logs, "app.log")
					write(t, path, "old 1\nold 2\n")
					url := "file:" + filepath.Join(logs, pattern)
					r := collect(t, Config{Taker: f, Dir: dir}, url)
					wants(t, f, "old 1", "old 2")
					if !running {
						r.stop()
					}
					if running && strings.Contains(name, "emptied") || name == "packed" && running {
						// What is written just before is not seen by who looks every now and then.
						write(t, path, "late\n")
						wants(t, f, "old 1", "old 2", "late")
						lateOnce(t, name, path)
					} else {
						rotate(t, path)
					}
					if !running {
						r = collect(t, Config{Taker: f, Dir: dir}, url)
					}
					want := []string{"old 1", "old 2", "late", "new 1", "new 2"}
					if !running && pattern == "app.log" && strings.Contains(name, "emptied") {
						want = slices.DeleteFunc(want, func(s string) bool { return s == "late" }) // it is nowhere any more
					}
					wants(t, f, want...)
					r.stop()
					before := f.tries()
					r = collect(t, Config{Taker: f, Dir: dir}, url)
					time.Sleep(2 * lookAgain)
					wants(t, f, want...)
					r.stop()
					if f.tries() != before && !(pattern == "app.log*" && strings.Contains(name, "emptied")) {
						t.Errorf("something was handed over again")
					}
				})
			}
		}
	}
}

// lateOnce rotates a file whose late line was read.
func lateOnce(t *testing.T, name, path string) {
	if name == "packed" {
		rename(t, path, path+".1")
		compress(t, path+".1")
		write(t, path, "new 1\nnew 2\n")
		return
	}
	copyFile(t, path, path+".1")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	tail := ""
	if strings.Contains(name, "longer") {
		tail = strings.Repeat("\n", 500)
	}
	write(t, path, "new 1\nnew 2\n"+tail)
}

// TestSameFirstLine empties a file that begins again as before.
func TestSameFirstLine(t *testing.T) {
	f, path := newFake(), filepath.Join(t.TempDir(), "app.log")
	write(t, path, "start\na\n")
	collect(t, Config{Taker: f}, "file:"+path)
	wants(t, f, "start", "a")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, path, "start\nb\n")
	wants(t, f, "start", "a", "start", "b")
}

// TestFilesThatBeganAlike follows two files of one stem and one beginning.
func TestFilesThatBeganAlike(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	write(t, filepath.Join(dir, "worker.1"), "banner\n")
	write(t, filepath.Join(dir, "worker.2"), "banner\n")
	collect(t, Config{Taker: f}, "file:"+dir+"/worker.*")
	wants(t, f, "banner", "banner")
	write(t, filepath.Join(dir, "worker.1"), "a\nx\n")
	write(t, filepath.Join(dir, "worker.2"), "b\ny\n")
	wants(t, f, "banner", "banner", "a", "b", "x", "y")
}

func TestFromTheEnd(t *testing.T) {
	f, dir, logs := newFake(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(logs, "a.log"), "old\nhal")
	write(t, filepath.Join(logs, "p.log"), "packed\n")
	compress(t, filepath.Join(logs, "p.log"))
	url := "file:" + logs + "/*?from=end"
	r := collect(t, Config{Taker: f, Dir: dir}, url)
	eventually(t, func() string {
		if r.Status()[0].Open != 1 {
			return fmt.Sprintf("%+v", r.Status()[0])
		}
		return ""
	})
	time.Sleep(lookAgain)
	write(t, filepath.Join(logs, "a.log"), "f\nnew\n")
	write(t, filepath.Join(logs, "b.log"), "whole\n")
	wants(t, f, "new", "whole")
	r.stop()
	write(t, filepath.Join(logs, "c.log"), "too\n")
	collect(t, Config{Taker: f, Dir: dir}, url)
	wants(t, f, "new", "whole", "too")
}

func TestLongLines(t *testing.T) {
	f, dir := newFake(), t.TempDir()
	path, packed := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")
	long := strings.Repeat("x", maxMessage+5) + strings.Repeat("y", 3*maxMessage)
	text := "one\n" + long + "\ntwo\n" + strings.Repeat("z", maxMessage) + "\nthree\n"
	write(t, path, text)
	write(t, packed, "b\n"+text)
	compress(t, packed)
	collect(t, Config{Taker: f}, "file:"+dir+"/*")
	cuts := 0
	for _, k := range f.wait(t, 11) {
		if k.fields[FieldFlags] != "" {
			cuts++
		}
		if n := len(k.data); n > maxMessage || strings.Contains(k.data, "y") {
			t.Errorf("a line of %d bytes: %.20q…", n, k.data)
		}
	}
	if cuts != 2 {
		t.Errorf("%d lines are cut, want 2", cuts)
	}
}

// TestWriterLeftAHole goes on where it was after the file was emptied.
func TestWriterLeftAHole(t *testing.T) {
	f, path := newFake(), filepath.Join(t.TempDir(), "a.log")
	write(t, path, "first\nsecond\n")
	collect(t, Config{Taker: f}, "file:"+path)
	wants(t, f, "first", "second")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	write(t, path, "third\n")
	wants(t, f, "first", "second", "third")
}

// TestOpenFilesAreClosed follows a file that was removed, then lets it go with its last
// line.
func TestOpenFilesAreClosed(t *testing.T) {
	f, path := newFake(), filepath.Join(t.TempDir(), "a.log")
	write(t, path, "one\ntw")
	cfg := Config{Taker: f, Dir: t.TempDir(), Org: "home"}
	cfg.fill()
	specs, err := Parse("file:" + path)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{Spec: specs[0], cfg: &cfg}
	made, err := openFiles(c)
	if err != nil {
		t.Fatal(err)
	}
	c.worker = made
	w := made.(*files)
	w.linger = 3 * lookAgain
	w.buf = make([]byte, maxMessage+64<<10)
	step := func() {
		t.Helper()
		if err := w.find(); err != nil {
			t.Fatal(err)
		}
		for _, fo := range slices.Clone(w.open) {
			if _, err := w.advance(t.Context(), fo); err != nil {
				t.Fatal(err)
			}
		}
	}
	step()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step()
	if len(w.open) != 1 || len(f.all()) != 1 {
		t.Fatalf("%d open, got %q", len(w.open), f.data())
	}
	time.Sleep(4 * lookAgain)
	step()
	if got := f.data(); len(w.open) != 0 || !slices.Equal(got, []string{"one", "tw"}) {
		t.Errorf("%d open, got %q", len(w.open), got)
	}
}

func TestStem(t *testing.T) {
	for in, want := range map[string]string{"/l/auth.log": "/l/auth.log", "/l/auth.log.1": "/l/auth.log", "/l/auth.log.2.gz": "/l/auth.log", "/l/app.log-20261128.zst": "/l/app.log", "/l/app.log-2026-11-28": "/l/app.log", "/l/a.log.20261128T101500": "/l/a.log"} {
		if got := stem(in); got != want {
			t.Errorf("stem(%s) is %s, want %s", in, got, want)
		}
	}
}
