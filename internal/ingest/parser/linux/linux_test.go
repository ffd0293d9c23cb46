package linux

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine need not have the zone

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func TestGolden(t *testing.T) { parsertest.Golden(t, Format(), parsertest.Env()) }

func TestJournal(t *testing.T) { parsertest.GoldenFiles(t, Journal(), parsertest.Env(), "*.jsonl") }

func FuzzJournal(f *testing.F) { parsertest.Fuzz(f, Journal(), parsertest.Env()) }

func FuzzParse(f *testing.F) { parsertest.Fuzz(f, Format(), parsertest.Env()) }

func BenchmarkParse(b *testing.B) {
	parsertest.BenchLine(b, Format(), parsertest.Env(), "Mar 10 09:00:00 web-1 sshd[11511]: Failed password for invalid user admin from 198.51.100.23 port 29886 ssh2")
}

// The message by syslog has no header; what its header said is given.
func TestGiven(t *testing.T) {
	env := parsertest.Env()
	env.Given = map[string]string{"process.name": "/usr/sbin/sshd", "process.pid": "7"}
	const line = "Accepted password for ana from 10.0.0.1 port 4 ssh2"
	if !Format().Is([]byte(line), env) {
		t.Error("what sshd says is not known by its name")
	}
	out := parsertest.Read(t, Format(), env, line)
	got := parsertest.Fields(t, out)
	if got["process.name"] != "sshd" || got["process.pid"] != 7.0 || got["user.name"] != "ana" || got["message"] != line || out.Format != "sshd" || !out.Time.IsZero() {
		t.Errorf("became %s as %s", out.Line, out.Format)
	}
}

// A message that begins like a tag is none where the program is given.
func TestGivenTag(t *testing.T) {
	env := parsertest.Env()
	env.Given = map[string]string{"process.name": "sshd"}
	for line, want := range map[string]string{
		"error: maximum authentication attempts exceeded for root from 198.51.100.23 port 4711 ssh2 [preauth]":             "198.51.100.23",
		"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=198.51.100.23  user=root": "198.51.100.23",
		"pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)":                                           "",
	} {
		got := parsertest.Fields(t, parsertest.Read(t, Format(), env, line))
		if from, _ := got["source.ip"].(string); got["message"] != line || got["process.name"] != "sshd" || got["user.name"] != "root" || from != want {
			t.Errorf("%s became %v", line, got)
		}
	}
}

func TestYear(t *testing.T) {
	madrid, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		stamp, now, want string
		zone             *time.Location
	}{
		{"Dec 31 23:59:59", "2026-01-01T00:00:05Z", "2025-12-31T23:59:59Z", nil},
		{"Jan  1 00:00:01", "2025-12-31T23:59:58Z", "2026-01-01T00:00:01Z", nil},
		{"Dec 31 23:59:59", "2026-11-29T07:00:00Z", "2025-12-31T23:59:59Z", nil},
		{"Dec  1 07:00:00", "2026-11-29T07:00:00Z", "2026-12-01T07:00:00Z", nil},
		{"Dec  1 07:00:01", "2026-11-29T07:00:00Z", "2025-12-01T07:00:01Z", nil},
		{"Feb 29 09:00:00", "2027-11-29T07:00:00Z", "2024-02-29T09:00:00Z", nil},
		{"Mar 10 09:00:00", "2026-03-10T12:00:00Z", "2026-03-10T09:00:00Z", nil},
		{"Feb 29 09:00:00", "2026-03-10T12:00:00Z", "2024-02-29T09:00:00Z", nil},
		{"Feb 29 09:00:00", "2028-03-01T00:00:00Z", "2028-02-29T09:00:00Z", nil},
		{"Feb 29 09:00:00", "2101-01-01T00:00:00Z", "2096-02-29T09:00:00Z", nil},
		{"Jan  1 00:30:00", "2025-12-31T23:31:00Z", "2025-12-31T23:30:00Z", madrid},
		{"Mar 29 03:30:00", "2026-03-29T02:00:00Z", "2026-03-29T01:30:00Z", madrid},
		{"Jul  1 12:00:00.5", "2026-07-01T12:00:00Z", "2026-07-01T10:00:00.5Z", madrid},
	} {
		now, _ := time.Parse(time.RFC3339, x.now)
		out := parsertest.Read(t, Format(), &parser.Env{Now: now, Zone: x.zone}, x.stamp+" h p: m")
		if got := out.Time.Format(time.RFC3339Nano); got != x.want {
			t.Errorf("%s at %s is %s, want %s", x.stamp, x.now, got, x.want)
		}
	}
}

var bare = regexp.MustCompile(`^... .\d \d\d:\d\d:\d\d (\S+) (.*)$`)

// Every line of the shared logs keeps its time, host and text.
func TestLogs(t *testing.T) {
	for name, most := range map[string]int{"OpenSSH_2k.log": 0, "Linux_2k.log": 60} {
		f, err := os.Open(testenv.Data(t, "logs", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines, nameless := 0, 0
		for scan := bufio.NewScanner(f); scan.Scan(); lines++ {
			line := strings.TrimRight(scan.Text(), "\r")
			m := bare.FindStringSubmatch(line)
			out := parsertest.Read(t, Format(), parsertest.Env(), line)
			got := parsertest.Fields(t, out)
			message := got["message"].(string)
			if out.Time.IsZero() || out.Host != m[1] || got["host.name"] != m[1] || got["event.original"] != line || !strings.HasSuffix(m[2], message) {
				t.Fatalf("%s: %q became %s", name, line, out.Line)
			}
			program, _ := got["process.name"].(string)
			if program == "" {
				nameless++
			}
			if head := strings.TrimSuffix(m[2], message); !strings.HasPrefix(strings.TrimLeft(head, "- "), program) || program != "" && !strings.HasSuffix(head, ": ") {
				t.Fatalf("%s: between host %q and message %q of %q stands %q", name, out.Host, message, line, head)
			}
		}
		if lines != 2000 || nameless > most {
			t.Errorf("%s: %d lines, %d without a program", name, lines, nameless)
		}
	}
}

// Every template of OpenSSH's log is understood: its lines say what was done, or
// from where, or by whom.
func TestTemplates(t *testing.T) {
	f, err := os.Open(testenv.Data(t, "logs", "OpenSSH_2k.log_templates.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tried := 0
	scan := bufio.NewScanner(f)
	scan.Scan()
	for ; scan.Scan(); tried++ {
		id, text, _ := strings.Cut(strings.TrimRight(scan.Text(), "\r"), ",")
		text = strings.Trim(text, `"`)
		for _, as := range [][2]string{{"from <*>", "from 198.51.100.23"}, {"rhost=<*>", "rhost=198.51.100.23"}, {"by <*>", "by 198.51.100.23"}, {"[<*>]", "[198.51.100.23]"}, {"uid=<*>", "uid=0"}, {"port <*>", "port 4711"}, {"<*>", "5"}} {
			text = strings.ReplaceAll(text, as[0], as[1])
		}
		got := parsertest.Fields(t, parsertest.Read(t, Format(), parsertest.Env(), "Dec 10 06:55:46 LabSZ sshd[24200]: "+text))
		if got["event.action"] == nil {
			t.Errorf("%s %q is not understood: %v", id, text, got)
		}
		if strings.Contains(text, "198.51.100.23") && got["source.ip"] != "198.51.100.23" {
			t.Errorf("%s %q: from %v", id, text, got["source.ip"])
		}
	}
	if tried < 20 {
		t.Errorf("only %d templates", tried)
	}
}

// BenchmarkHostile reads what was made to fit many patterns nearly.
func BenchmarkHostile(b *testing.B) {
	parsertest.BenchLine(b, Format(), parsertest.Env(), "Mar 10 09:00:00 web-1 sshd[11511]: Failed password for "+strings.Repeat("a from 1.2.3.4 port 1 ", 90))
}
