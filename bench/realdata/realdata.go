// Package realdata reads the real events that are measured with, made by others
// and kept beside the repository.
package realdata

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
)

// Folder is where the data are when nobody says: BINNACLE_TEST_DATA, or beside
// the repository.
func Folder() string { return cmp.Or(os.Getenv("BINNACLE_TEST_DATA"), "../shared/data") }

// Windows are 11,838 events of Windows, a line of JSON each.
func Windows(folder string) ([][]byte, error) {
	all, err := Unzipped(filepath.Join(folder, "events", "windows-12k.ndjson.gz"))
	return bytes.Split(bytes.TrimSpace(all), []byte("\n")), err
}

// Unzipped reads a file that is packed with gzip.
func Unzipped(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
