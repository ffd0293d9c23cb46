package listen

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

// program returns the path of a sender, or skips.
func program(t *testing.T, name, from string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	testenv.Skip(t, "no %s: install %s", name, from)
	return ""
}

// shown returns a block of a page of the documentation, by its language.
func shown(t *testing.T, page, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "connect", page))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s shows no block of %s", page, language)
	}
	return string(m[1])
}

// rsyslog runs rsyslogd with an action, and returns the socket it reads from.
func rsyslog(t *testing.T, action string) (socket string) {
	t.Helper()
	daemon := program(t, "rsyslogd", "rsyslog and rsyslog-openssl")
	dir, err := os.MkdirTemp("", "rsyslog") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "log")
	conf := filepath.Join(dir, "rsyslog.conf")
	text := fmt.Sprintf("global(workDirectory=%q)\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=%q CreatePath=\"on\" RateLimit.Interval=\"0\")\n%s", dir, socket, action)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said := filepath.Join(dir, "said")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(daemon, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
		}
		if t.Failed() {
			words, _ := os.ReadFile(said)
			t.Logf("rsyslogd said:\n%s\nwith\n%s", words, text)
		}
	})
	eventually(t, func() string {
		if _, err := os.Stat(socket); err != nil {
			words, _ := os.ReadFile(said)
			return "rsyslogd opened no socket: " + string(words)
		}
		return ""
	})
	return socket
}

func logger(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(program(t, "logger", "bsdutils"), args...).CombinedOutput(); err != nil {
		t.Fatalf("logger %q: %v\n%s", args, err, out)
	}
}

// TestRsyslog sends through rsyslog with what the documentation shows, over every way, also
// while Binnacle is away.
func TestRsyslog(t *testing.T) {
	for _, c := range []struct{ block, scheme, port string }{{"rsyslog", "syslog+tcp", "5514"}, {"rsyslog-udp", "syslog+udp", "5514"}, {"rsyslog-tls", "syslog+tls", "6514"}} {
		t.Run(c.block, func(t *testing.T) {
			program(t, "rsyslogd", "rsyslog and rsyslog-openssl")
			f, files, dir := newFake(), newCerts(t), t.TempDir()
			url := c.scheme + "://127.0.0.1:0"
			if c.scheme == "syslog+tls" {
				url += "?cert=" + files.cert + "&key=" + files.key + "&ca=" + files.ca
			}
			r := collect(t, Config{Taker: f, Dir: dir}, url)
			port := r.port(0)
			action := strings.NewReplacer(`target="binnacle.example"`, `target="127.0.0.1"`, `port="`+c.port+`"`, `port="`+port+`"`,
				"/etc/rsyslog.d/ca.pem", files.ca, "/etc/rsyslog.d/cert.pem", files.clientCert, "/etc/rsyslog.d/key.pem", files.clientKey).Replace(shown(t, "rsyslog.md", c.block))
			action = strings.ReplaceAll(action, `action.resumeRetryCount="-1"`, `action.resumeRetryCount="-1" action.resumeInterval="1"`)
			socket := rsyslog(t, action)
			logger(t, "--socket", socket, "-p", "auth.notice", "-t", "sshd", "--id=4321", "Failed password for root from 192.0.2.7 port 22 ssh2")
			k := f.wait(t, 1)[0]
			if k.data != "Failed password for root from 192.0.2.7 port 22 ssh2" || k.fields["process.name"] != "sshd" || k.fields["process.pid"] != "4321" || k.fields["log.syslog.facility.name"] != "auth" ||
				k.fields["log.level"] != "notice" || k.fields["host.name"] == "" || time.Since(k.time).Abs() > time.Minute {
				t.Errorf("got %+v", k)
			}
			if cn := k.fields[FieldClient]; (cn == "web-1") != (c.scheme == "syslog+tls") {
				t.Errorf("the certificate is of %q", cn)
			}
			if c.scheme == "syslog+udp" {
				return
			}
			r.stop() // away: rsyslog keeps what it gets
			for i := range 20 {
				logger(t, "--socket", socket, "-t", "app", fmt.Sprintf("while away %d", i))
			}
			collect(t, Config{Taker: f, Dir: dir}, strings.Replace(url, "127.0.0.1:0", "127.0.0.1:"+port, 1))
			last := ""
			eventually(t, func() string {
				got := f.data()
				last = got[len(got)-1]
				if last != "while away 19" {
					return fmt.Sprintf("the last of %d is %q", len(got), last)
				}
				return ""
			})
			// A sender over TCP does not learn that the one message it wrote as the
			// line died went nowhere; over TLS that can be two.
			if n := len(f.all()); n < 19 {
				t.Errorf("%d came, want 21 or all but the first or two that were sent away", n)
			}
		})
	}
}

// TestLogger sends with the commands of the documentation.
func TestLogger(t *testing.T) {
	program(t, "logger", "bsdutils")
	f := newFake()
	r := collect(t, Config{Taker: f}, "syslog+tcp://127.0.0.1:0", "syslog+udp://127.0.0.1:0")
	page, err := os.ReadFile(filepath.Join(testenv.Root(), "docs", "connect", "logger.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^logger .*$`).FindAllString(string(page), -1)
	if len(lines) != 2 {
		t.Fatalf("the page shows %d commands", len(lines))
	}
	for i, line := range lines {
		line = strings.NewReplacer("binnacle.example", "127.0.0.1", "5514", r.port(i)).Replace(line)
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		k := f.wait(t, i+1)[i]
		if k.data != "backup finished" || k.fields["process.name"] != "backup" || k.fields["log.syslog.facility.name"] != "auth" && i == 0 || time.Since(k.time).Abs() > time.Minute || k.fields["host.name"] == "" {
			t.Errorf("%s: got %+v", line, k)
		}
	}
}
