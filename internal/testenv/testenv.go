// Package testenv finds what tests may use from outside the repository: real
// data made by others, a PostgreSQL server, a Chromium. A test that lacks one
// skips and says so; under BINNACLE_CI=1 the same lack is a failure, so that a
// green run in CI means every test ran.
package testenv

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// CI reports whether a skip must be a failure.
func CI() bool { return os.Getenv("BINNACLE_CI") == "1" }

// Skip ends the test as skipped, or as failed in CI.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if CI() {
		t.Fatalf("in CI nothing may be skipped: "+format, args...)
	}
	t.Skipf(format, args...)
}

// Root returns the folder of the module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Data returns the path of an item of the shared test data, as
// Data(t, "radar", "thoughtworks"). The folder is BINNACLE_TEST_DATA, or
// ../shared/data beside the repository.
func Data(t testing.TB, elem ...string) string {
	t.Helper()
	dir := os.Getenv("BINNACLE_TEST_DATA")
	if dir == "" {
		dir = filepath.Join(Root(), "..", "shared", "data")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		Skip(t, "no test data at %s: set BINNACLE_TEST_DATA to the folder of real data", path)
	}
	return path
}

// Unzipped returns what a file holds that is packed with gzip.
func Unzipped(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Windows returns 11,838 real events of Windows, each an object of JSON.
func Windows(t testing.TB) [][]byte {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(Unzipped(t, Data(t, "events", "windows-12k.ndjson.gz"))), []byte("\n"))
	if len(lines) != 11838 {
		t.Fatalf("%d events of Windows, want 11838", len(lines))
	}
	return lines
}

// Postgres returns the URL of a PostgreSQL server on which tests may create
// and drop databases of their own, from BINNACLE_TEST_POSTGRES.
func Postgres(t testing.TB) string {
	t.Helper()
	url := os.Getenv("BINNACLE_TEST_POSTGRES")
	if url == "" {
		Skip(t, "no PostgreSQL: set BINNACLE_TEST_POSTGRES=postgres://user:password@host/postgres")
	}
	return url
}

// Chromium returns the path of a Chromium for browser tests, from
// BINNACLE_TEST_CHROMIUM or the PATH.
func Chromium(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("BINNACLE_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Skip(t, "no Chromium: install it or set BINNACLE_TEST_CHROMIUM")
	return ""
}
