//go:build unix

package logs_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// TestUnopened opens folders that cannot be: each says what is in the way.
func TestUnopened(t *testing.T) {
	kept := func(t *testing.T) string {
		folder := filepath.Join(t.TempDir(), "events")
		s := open(t, logs.Options{Folder: folder})
		if err := s.Add(t.Context(), "one", []event.Event{{ID: "a", Time: time.Now(), Line: []byte(`{"message":"said"}`)}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	for name, c := range map[string]struct {
		folder     func(t *testing.T) string
		kind       fault.Kind
		says, hint string
	}{
		"in use": {func(t *testing.T) string {
			folder := kept(t)
			open(t, logs.Options{Folder: folder})
			return folder
		}, fault.Conflict, "are in use by another process", "end the other process"},
		"a file in the way": {func(t *testing.T) string {
			file := filepath.Join(t.TempDir(), "events")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(file, "below")
		}, fault.Unavailable, "a file is in the way", "move away"},
		"of another user": {func(t *testing.T) string {
			folder := kept(t)
			if err := os.Chmod(folder, 0o500); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(folder, "flock.lock")); err == nil {
				t.Fatal("the folder can be written")
			}
			if err := os.Chmod(filepath.Join(folder, "flock.lock"), 0o400); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.Chmod(folder, 0o700) })
			return folder
		}, fault.Unavailable, "may not read and write", "who owns"},
		"damaged": {func(t *testing.T) string {
			folder := kept(t)
			if err := os.WriteFile(filepath.Join(folder, "delete_tasks.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			return folder
		}, fault.Unavailable, "delete_tasks.json", "from a backup"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "of another user" && os.Geteuid() == 0 {
				asNobody(t)
				return
			}
			folder := c.folder(t)
			s, err := logs.OpenEmbedded(logs.Options{Folder: folder})
			if err == nil {
				s.Close()
				t.Fatal("it opens")
			}
			wantFault(t, err, folder, c.kind, c.says, c.hint)
		})
	}
}

// TestUnopenedBySystem has the engine tell what a test cannot bring about.
func TestUnopenedBySystem(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EACCES: "this user may not", syscall.EPERM: "this user may not", syscall.EROFS: "can only be read", syscall.ENOSPC: "is full",
		syscall.EDQUOT: "is full", syscall.EMFILE: "open files", syscall.ENFILE: "open files", syscall.EIO: "fails", syscall.EWOULDBLOCK: "in use",
	} {
		kind := fault.Unavailable
		if errno == syscall.EWOULDBLOCK {
			kind = fault.Conflict
		}
		wantFault(t, logs.Unopened("there", fmt.Errorf("FATAL: cannot create %q: %v", "there/x", errno)), "there", kind, want, "")
		wantFault(t, logs.Unopened("there", errors.Join(&os.PathError{Op: "unlink", Path: "there/x", Err: errno})), "there", kind, want, "")
	}
	wantFault(t, logs.Unopened("there", errors.New("bad part")), "there", fault.Unavailable, "damaged: bad part", "")
}

func wantFault(t *testing.T, err error, folder string, kind fault.Kind, says, hint string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || !strings.Contains(f.Msg, folder) || !strings.Contains(f.Msg, says) || f.Hint == "" || !strings.Contains(f.Hint, hint) {
		t.Errorf("got %+v, want a fault of kind %s that says %q", f, kind, says)
	}
	if n := strings.Count(err.Error(), "FATAL"); n > 1 {
		t.Errorf("the cause is said %d times: %v", n, err)
	}
}

// asNobody runs a test in a process of a user who may not read everything, as root may.
func asNobody(t *testing.T) {
	t.Helper()
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", strings.Join(pattern, "/"), "-test.v")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}
