package auditd

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
)

func TestGolden(t *testing.T) { parsertest.Golden(t, Format(), parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Format(), parsertest.Env()) }

func BenchmarkParse(b *testing.B) {
	parsertest.BenchLine(b, Format(), parsertest.Env(), `type=SYSCALL msg=audit(1773133200.123:4711): arch=c000003e syscall=59 success=yes exit=0 a0=55d0c8a2b2a0 a1=55d0c8a1c2e0 items=2 ppid=1849 pid=24853 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="systemctl" exe="/usr/bin/systemctl" key="exec"`)
}

const execution = `type=SYSCALL msg=audit(1773133200.123:4711): arch=c000003e syscall=59 success=yes a0=55d0 pid=24853 comm="cat" exe="/usr/bin/cat"
type=EXECVE msg=audit(1773133200.123:4711): argc=2 a0="cat" a1="/etc/shadow"
type=CWD msg=audit(1773133200.123:4711): cwd="/root"
type=PATH msg=audit(1773133200.123:4711): item=0 name="/usr/bin/cat" nametype=NORMAL
type=PATH msg=audit(1773133200.123:4711): item=1 name="/lib64/ld-linux-x86-64.so.2" nametype=NORMAL
`

// Records that come together are one event.
func TestTogether(t *testing.T) {
	out := parsertest.Read(t, Format(), parsertest.Env(), execution)
	got := parsertest.Fields(t, out)
	for name, want := range map[string]any{
		"type": []any{"SYSCALL", "EXECVE", "CWD", "PATH"}, "a0": []any{"55d0", "cat"}, "a1": "/etc/shadow", "nametype": "NORMAL",
		"name": []any{"/usr/bin/cat", "/lib64/ld-linux-x86-64.so.2"}, "proctitle": "cat /etc/shadow", "process.command_line": "cat /etc/shadow",
		"SYSCALL": "execve", "cwd": "/root", "auditd.sequence": 4711.0, "event.outcome": "success",
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	err := Format().Parse([]byte(strings.Replace(execution, "4711", "4710", 1)), parsertest.Env(), &parser.Out{})
	if err == nil || !strings.Contains(err.Error(), "several events") {
		t.Errorf("records of two events: %v", err)
	}
}

// Records of one event that come apart are not one, and a record that comes
// twice is.
func TestIDs(t *testing.T) {
	ids := map[string]bool{}
	for line := range strings.Lines(execution) {
		for range 2 {
			ids[parsertest.Read(t, Format(), parsertest.Env(), line).ID] = true
		}
	}
	if len(ids) != 5 {
		t.Errorf("five records have %d ids: %v", len(ids), ids)
	}
}

func TestManyArguments(t *testing.T) {
	line := "type=EXECVE msg=audit(1773133200.123:4711): argc=5000" + strings.Repeat(` a1="x"`, 5000)
	got := parsertest.Fields(t, parsertest.Read(t, Format(), parsertest.Env(), line))
	if words := strings.Fields(got["process.command_line"].(string)); len(words) != mostPairs {
		t.Errorf("%d arguments, want the first %d", len(words), mostPairs)
	}
}
