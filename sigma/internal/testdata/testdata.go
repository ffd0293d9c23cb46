// Package testdata finds the real rules and events that tests of the library
// use: in the folder BINNACLE_TEST_DATA, or ../shared/data beside the
// repository. A test without them skips and says so; under BINNACLE_CI=1 it
// fails.
package testdata

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Path returns the path of an item of the data, as Path(t, "sigma", "spec").
func Path(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("BINNACLE_TEST_DATA")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	const lack = "no test data at %s: set BINNACLE_TEST_DATA to the folder of real data"
	if os.Getenv("BINNACLE_CI") == "1" {
		t.Fatalf("in CI nothing may be skipped: "+lack, path)
	}
	t.Skipf(lack, path)
	return ""
}

// Text returns a file of the data, unpacked if its name ends in .gz.
func Text(t testing.TB, elem ...string) string {
	t.Helper()
	path := Path(t, elem...)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Windows returns 11,838 real events of Windows, each an object of JSON.
func Windows(t testing.TB) [][]byte {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace([]byte(Text(t, "events", "windows-12k.ndjson.gz"))), []byte("\n"))
	if len(lines) != 11838 {
		t.Fatalf("%d events, want 11838", len(lines))
	}
	return lines
}

// THOR returns tests/thor.yml of SigmaHQ.
func THOR(t testing.TB) []byte {
	t.Helper()
	archive := tar.NewReader(strings.NewReader(Text(t, "sigma", "sigmahq-rules.tar.gz")))
	for {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("tests/thor.yml: %v", err)
		}
		if !strings.HasSuffix(header.Name, "tests/thor.yml") {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

// JSON decodes a file of the data. Numbers in an any stay as they are written.
func JSON(t testing.TB, into any, elem ...string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(Text(t, elem...)))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", filepath.Join(elem...), err)
	}
}
