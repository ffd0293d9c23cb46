package listen

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

const days = "AWSLogs/1234/CloudTrail/eu-west-1/2026/11/"

func ids(f *fake) string {
	var out []string
	for _, k := range f.all() {
		out = append(out, k.id)
	}
	return strings.Join(out, " ")
}

func TestCloudTrail(t *testing.T) {
	f, dir, bucket := newFake(), t.TempDir(), t.TempDir()
	put(t, filepath.Join(bucket, days, "27/1234_CloudTrail_eu-west-1_a.json.gz"), gzipped(`{"Records":[{"eventID":"a1","x":1},{"eventID":"a2"}]}`))
	put(t, filepath.Join(bucket, days, "27/1234_CloudTrail-Digest_eu-west-1_a.json.gz"), gzipped(`{"digestStartTime":"x"}`))
	put(t, filepath.Join(bucket, "AWSLogs/1234/CloudTrail-Digest/eu-west-1/2026/11/27/d.json.gz"), gzipped(`{"eventID":"digest"}`))
	put(t, filepath.Join(bucket, days, "27/half.json.gz.6eF3d1aB"), gzipped(`{"Records":[{"eventID":"no"}]}`))
	url := "cloudtrail:" + bucket
	r := collect(t, Config{Taker: f, Dir: dir}, url)
	f.wait(t, 2)
	if k := f.all()[0]; k.data != `{"eventID":"a1","x":1}` || k.format != "cloudtrail" || k.source != "cloudtrail" || !strings.HasSuffix(k.fields[FieldFile], "_a.json.gz") {
		t.Errorf("got %+v", k)
	}
	put(t, filepath.Join(bucket, days, "28/b.json"), []byte("{ \"Records\": [\n {\"eventID\":\"b1\"}\n]\n}")) // a new folder
	put(t, filepath.Join(bucket, days, "27/c.json.gz"), gzipped(`[{"eventID":"c1"}]`))                        // and a new file in an old one
	f.wait(t, 4)
	put(t, filepath.Join(bucket, days, "28/lines.json"), []byte("{\"eventID\":\"l1\"}\n{\"noID\":true}\n"))
	f.wait(t, 6)
	r.stop()
	put(t, filepath.Join(bucket, days, "28/d.json.gz"), gzipped(`{"Records":[{"eventID":"d1"}]}`))
	again := newFake()
	collect(t, Config{Taker: again, Dir: dir}, url)
	again.wait(t, 1)
	if got := ids(again); got != "d1" {
		t.Errorf("after a stop: got %s", got)
	}
}

// TestCloudTrailFileThatGrows finds a file that is still being written, in both
// forms.
func TestCloudTrailFileThatGrows(t *testing.T) {
	f, bucket := newFake(), t.TempDir()
	whole, text := gzipped(`{"Records":[{"eventID":"a1"},{"eventID":"a2"}]}`), `{"Records":[{"eventID":"b1"},{"eventID":"b2"}]}`
	packed, plain := filepath.Join(bucket, "a.json.gz"), filepath.Join(bucket, "b.json")
	put(t, packed, whole[:20])
	put(t, plain, []byte(text[:35]))
	r := collect(t, Config{Taker: f}, "cloudtrail:"+bucket)
	f.wait(t, 0)
	time.Sleep(2 * findAgain)
	put(t, packed, whole)
	put(t, plain, []byte(text))
	f.wait(t, 4)
	if s := r.Status()[0]; s.Broken != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestCloudTrailFromTheEnd(t *testing.T) {
	f, bucket := newFake(), t.TempDir()
	put(t, filepath.Join(bucket, "x/old.json"), []byte(`{"Records":[{"eventID":"old"}]}`))
	collect(t, Config{Taker: f}, "cloudtrail:"+bucket+"?from=end")
	put(t, filepath.Join(bucket, "x/new.json"), []byte(`{"Records":[{"eventID":"new"}]}`))
	f.wait(t, 1)
	if got := ids(f); got != "new" {
		t.Errorf("got %s", got)
	}
}

// TestBrokenCloudTrail reads files that are none.
func TestBrokenCloudTrail(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "binary": "\x00\x01", "cut": `{"Records":[{"eventID":"a"}`, "numbers": `[1,2]`, "a large value": `{"Records":["` + strings.Repeat("x", maxRecord+1<<20) + `"]}`} {
		trail := &trailFile{path: name}
		if err := trail.each(strings.NewReader(text), func() error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, text := range map[string]string{"other members": `{"a":1}`, "nothing": `{"Records":[]}`, "more after": `{"Records":[{"eventID":"a"}],"x":1}`} {
		trail := &trailFile{path: name}
		if err := trail.each(strings.NewReader(text), func() error { return nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRealCloudTrail reads files as AWS wrote them.
func TestRealCloudTrail(t *testing.T) {
	f, folder := newFake(), testenv.Data(t, "cloudtrail")
	r := collect(t, Config{Taker: f}, "cloudtrail:"+folder)
	f.wait(t, 1000)
	eventually(t, func() string {
		if s := r.Status()[0]; s.Broken > 0 || time.Since(s.Last) < time.Second {
			return fmt.Sprintf("status %+v", s)
		}
		return ""
	})
	for _, k := range f.all() {
		if len(k.id) != 36 || !strings.Contains(k.data, k.id) {
			t.Fatalf("id %q of %.100s", k.id, k.data)
		}
	}
}

func FuzzTrailFile(f *testing.F) {
	f.Add([]byte(`{"Records":[{"eventID":"a"}]}`))
	f.Add([]byte(`[{}]`))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		trail := &trailFile{path: "f"}
		n := 0
		_ = trail.each(bytes.NewReader(data), func() error { n++; return nil })
		if n != len(trail.records) {
			t.Errorf("%d records, told of %d", len(trail.records), n)
		}
	})
}
