package logs

import (
	"strings"
	"syscall"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// unopened says why a folder could not be opened, and what helps. The engine tells
// its causes in text alone, in which the system's own words stand.
func unopened(folder string, err error) error {
	for _, c := range unopenedFor {
		for _, errno := range c.errnos {
			if strings.Contains(err.Error(), errno.Error()) {
				f := c.say(folder)
				f.Err = err
				return f
			}
		}
	}
	return fault.New(fault.Unavailable, "the events in %s are damaged: %v", folder, err).Coded("logs.damaged").
		WithHint("restore %s from a backup, or move the day that is damaged out of it", folder)
}

// unopenedFor are the causes that lie around the folder rather than in it.
var unopenedFor = []struct {
	errnos []syscall.Errno
	say    func(folder string) *fault.Error
}{
	{[]syscall.Errno{syscall.EWOULDBLOCK}, func(folder string) *fault.Error {
		return fault.New(fault.Conflict, "the events in %s are in use by another process", folder).Coded("logs.in-use").WithHint("end the other process; one at a time can have them open")
	}},
	{[]syscall.Errno{syscall.EACCES, syscall.EPERM}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "this user may not read and write the events in %s", folder).Coded("logs.permission").WithHint("run as the user who owns %s and all in it, or give it to this one", folder)
	}},
	{[]syscall.Errno{syscall.EROFS}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "the events in %s lie on a file system that can only be read", folder).Coded("logs.read-only").WithHint("mount it so that it can be written")
	}},
	{[]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "the disk of the events in %s is full", folder).Coded("logs.full").WithHint("free some of it, then keep fewer events: --keep-events-size")
	}},
	{[]syscall.Errno{syscall.EMFILE, syscall.ENFILE}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "the events in %s need more open files than are allowed", folder).Coded("logs.files").WithHint("raise the limit: ulimit -n, or LimitNOFILE of the service")
	}},
	{[]syscall.Errno{syscall.EIO}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "the disk of the events in %s fails", folder).Coded("logs.disk").WithHint("look at the system's log; restore a backup on another disk")
	}},
	{[]syscall.Errno{syscall.ENOTDIR}, func(folder string) *fault.Error {
		return fault.New(fault.Unavailable, "the events cannot lie in %s, for a file is in the way", folder).Coded("logs.no-folder").WithHint("move away the file that has the name of the folder, or of one above it")
	}},
}
