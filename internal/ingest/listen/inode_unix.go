//go:build unix

package listen

import (
	"io/fs"
	"syscall"
)

// inodeOf is the number by which a file system knows a file, whatever its name.
func inodeOf(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
