package listen

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func TestEntry(t *testing.T) {
	got, err := entry([]byte(`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000000123","__MONOTONIC_TIMESTAMP":"5","_BOOT_ID":"b","MESSAGE":"Failed password for root","PRIORITY":"5","SYSLOG_IDENTIFIER":"sshd","_COMM":"sshd-session",
		"_PID":"42","_HOSTNAME":"web-1","_UID":"0","_EXE":"/usr/sbin/sshd","NULL":null,"TWICE":["a","b"],"BYTES":[104,105,255]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := ingest.Record{Data: []byte("Failed password for root"), ID: "s=1;i=2", Time: time.UnixMicro(1700000000000123).UTC(), Fields: []ingest.Field{
		{Name: "host.name", Value: "web-1"}, {Name: "process.name", Value: "sshd"}, {Name: "process.pid", Value: "42"}, {Name: "process.executable", Value: "/usr/sbin/sshd"}, {Name: "user.id", Value: "0"},
		{Name: "log.syslog.severity.code", Value: "5"}, {Name: "log.syslog.severity.name", Value: "notice"}, {Name: "log.level", Value: "notice"},
		{Name: "BYTES", Value: "hi\uFFFD"}, {Name: "PRIORITY", Value: "5"}, {Name: "SYSLOG_IDENTIFIER", Value: "sshd"}, {Name: "TWICE", Value: "a\nb"},
		{Name: "_BOOT_ID", Value: "b"}, {Name: "_COMM", Value: "sshd-session"}, {Name: "_EXE", Value: "/usr/sbin/sshd"}, {Name: "_HOSTNAME", Value: "web-1"}, {Name: "_PID", Value: "42"}, {Name: "_UID", Value: "0"}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if r, err := entry([]byte(`{"__CURSOR":"c","MESSAGE":[82,255]}`)); err != nil || string(r.Data) != "R\uFFFD" {
		t.Errorf("bytes that are no text: %q, %v", r.Data, err)
	}
	for _, bad := range []string{"", "x", "[]", `{"MESSAGE":"x"}`} {
		if _, err := entry([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"__CURSOR":"c","MESSAGE":["a",[1],null],"PRIORITY":"9","_SOURCE_REALTIME_TIMESTAMP":"99999999999999999999"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := entry(line); err == nil && (len(r.Data) == 0 || r.ID == "") {
			t.Errorf("an entry without data or id: %+v", r)
		}
	})
}

// journalOf writes entries into a journal of their own with systemd's own writer,
// and returns its folder. Numbers go on from first.
func writeJournal(t *testing.T, dir, file string, first, n int) {
	t.Helper()
	remote := "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(remote); err != nil {
		testenv.Skip(t, "no %s: install systemd-journal-remote", remote)
	}
	if _, err := exec.LookPath("journalctl"); err != nil {
		testenv.Skip(t, "no journalctl: install systemd")
	}
	var in strings.Builder
	for i := first; i < first+n; i++ {
		at := time.Now().Add(-time.Hour).Add(time.Duration(i) * time.Second).UnixMicro()
		fmt.Fprintf(&in, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=4d9a8c8f3c1c4b0fa1b0c8a9f3d7e611\n_MACHINE_ID=11111111111111111111111111111111\nMESSAGE=entry %d\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\n_HOSTNAME=web-1\n_SYSTEMD_UNIT=ssh.service\n\n", at, 1000000+i, i)
	}
	cmd := exec.Command(remote, "-o", filepath.Join(dir, file), "-")
	cmd.Stdin = strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("systemd-journal-remote: %v\n%s", err, out)
	}
}

// TestJournal reads a journal, goes on as it grows and stands where it was.
func TestJournal(t *testing.T) {
	f, journal, dir := newFake(), t.TempDir(), t.TempDir()
	writeJournal(t, journal, "system.journal", 0, 30)
	url := "journald:?directory=" + journal + "&unit=ssh.service&source=web"
	r := collect(t, Config{Taker: f, Dir: dir}, url)
	k := f.wait(t, 30)[7]
	if k.data != "entry 7" || k.fields["host.name"] != "web-1" || k.fields["process.name"] != "test" || k.fields["log.level"] != "informational" || k.source != "web" || k.time.IsZero() {
		t.Errorf("got %+v", k)
	}
	writeJournal(t, journal, "system.journal", 30, 5)
	f.wait(t, 35)
	r.stop()
	writeJournal(t, journal, "system.journal", 35, 5)
	again := newFake()
	collect(t, Config{Taker: again, Dir: dir}, url)
	again.wait(t, 5)
	time.Sleep(300 * time.Millisecond)
	if got := again.data(); !slices.Equal(got, []string{"entry 35", "entry 36", "entry 37", "entry 38", "entry 39"}) {
		t.Errorf("after a stop: got %q", got)
	}
}

func TestJournalIsNotThere(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	specs, err := Parse("journald:")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), Config{Taker: newFake(), Dir: t.TempDir(), Org: "home"}, specs)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "no journalctl") || !strings.Contains(fault.HintOf(err), "file:") {
		t.Errorf("got %v (%s)", err, fault.HintOf(err))
	}
}

// TestJournalctlFails shows what it complains of, and that it is tried again.
func TestJournalctlFails(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte("#!/bin/sh\necho 'no such unit' >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	r := collect(t, Config{Taker: newFake()}, "journald:")
	eventually(t, func() string {
		if s := r.Status()[0]; s.State != Failing || !strings.Contains(s.Err, "no such unit") {
			return fmt.Sprintf("status %+v", s)
		}
		return ""
	})
}
