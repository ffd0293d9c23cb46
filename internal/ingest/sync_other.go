//go:build !linux

package ingest

import "os"

// datasync brings the content of a file to the disk.
func datasync(f *os.File) error { return f.Sync() }
