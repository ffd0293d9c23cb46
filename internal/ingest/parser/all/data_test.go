package all_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// Every record of the shared files of CloudTrail is read whole.
func TestCloudTrailData(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testenv.Data(t, "cloudtrail"), "*.json"))
	auto, _ := all.Get("auto")
	ids, users := map[string]bool{}, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var log struct{ Records []json.RawMessage }
		if err := json.Unmarshal(data, &log); err != nil {
			t.Fatal(err)
		}
		for _, record := range log.Records {
			out := parsertest.Read(t, auto, parsertest.Env(), string(record))
			got := parsertest.Fields(t, out)
			if out.Format != "cloudtrail" || out.ID == "" || out.Time.Year() != 2023 || got["event.action"] != got["eventName"] || got["cloud.account.id"] == nil || got["event.outcome"] == nil || got["message"] == nil {
				t.Fatalf("%s: became %s", file, out.Line)
			}
			if !bytes.HasPrefix(out.Line, record[:len(record)-1]) {
				t.Fatalf("%s: a record was written anew", file)
			}
			if got["user.name"] != nil {
				users++
			}
			ids[out.ID] = true
		}
	}
	if len(ids) < 1000 || users < len(ids)*9/10 {
		t.Errorf("%d records, %d with a user", len(ids), users)
	}
}

// Every shared body of a webhook is one of GitHub's, also without its header.
func TestWebhookData(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testenv.Data(t, "github-webhooks"), "*", "*.json"))
	auto, _ := all.Get("auto")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kind := filepath.Base(filepath.Dir(file))
		for _, given := range []map[string]string{nil, {"X-Github-Event": kind, "X-Github-Delivery": "d-1"}} {
			env := parsertest.Env()
			env.Given = given
			out := parsertest.Read(t, auto, env, string(data))
			got := parsertest.Fields(t, out)
			if out.Format != "github" || got["user.name"] == nil || got["github.repository"] == nil || bytes.ContainsRune(out.Line, '\n') {
				t.Errorf("%s, given %v, was read as %s: user %v", file, given, out.Format, got["user.name"])
			}
			if action, _ := got["event.action"].(string); given != nil && (!strings.HasPrefix(action, kind) || out.ID != "d-1") {
				t.Errorf("%s: action %q, id %q", file, action, out.ID)
			}
		}
	}
	if len(files) < 100 {
		t.Errorf("only %d bodies", len(files))
	}
}

// What is no log gets an answer from every format, and from "auto" a line.
func TestJunk(t *testing.T) {
	junk := map[string][]byte{
		"nothing": nil, "spaces": []byte(" \t\r\n "), "zeros": make([]byte, 1000), "all bytes": allBytes(), "brace": []byte("{"), "quote": []byte(`"`), "bracket": []byte("["),
		"long": bytes.Repeat([]byte("x"), 10<<20), "long word": bytes.Repeat([]byte("a="), 1<<18), "long JSON": []byte(`{"eventVersion":"1","eventSource":"x","eventName":"` + strings.Repeat("é", 1<<20) + `"}`),
		"deep": []byte(strings.Repeat(`{"a":`, 10000)), "long CEF": []byte("CEF:0|a|b|c|d|e|f|" + strings.Repeat("k=v ", 1<<18)), "one key of CEF": []byte("CEF:0|a|b|c|d|e|f|k=" + strings.Repeat("a b=", 1<<18)),
		"long LEEF": []byte("LEEF:1.0|a|b|c|d|" + strings.Repeat("k=v\t", 1<<18)), "long sshd": []byte("Mar 10 09:00:00 h sshd[1]: Failed password for " + strings.Repeat(" from ", 1<<17)),
		"long audit": []byte("type=EXECVE msg=audit(1773133200.123:4711): " + strings.Repeat("a1=41 ", 1<<17)), "long request": []byte(`1.2.3.4 - - [10/Mar/2026:09:00:00 +0000] "GET /` + strings.Repeat(`\x41`, 1<<20) + `" 200 1`),
		"latin": []byte("Mar 10 09:00:00 h app: caf\xe9"), "utf-16": []byte("\xff\xfeh\x00i\x00\x00\xd8"), "wide": wide(5000),
	}
	for _, f := range all.Formats() {
		for name, data := range junk {
			start := time.Now()
			if err := parsertest.Check(f, parsertest.Env(), data); err != nil {
				t.Errorf("%s, %s: %.300v", f.Name, name, err)
			}
			if f.Is != nil {
				f.Is(data, parsertest.Env())
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("%s took %s for %s", f.Name, took, name)
			}
		}
	}
	auto, _ := all.Get("auto")
	for name, data := range junk {
		var out parser.Out
		if err := auto.Parse(data, parsertest.Env(), &out); (err != nil) != (len(bytes.Trim(data, " \t\r\n\x00")) == 0) {
			t.Errorf("auto, %s: %v", name, err)
		}
	}
}

// What a parser gave is good after the memory of the record is used again.
func TestRecordIsNotKept(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("..", "*", "testdata", "*.log"))
	auto, _ := all.Get("auto")
	tried := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			record := bytes.Clone(line)
			var before, after parser.Out
			if auto.Parse(record, parsertest.Env(), &before) != nil {
				continue
			}
			clear(record)
			if err := auto.Parse(line, parsertest.Env(), &after); err != nil || before.ID != after.ID || before.Host != after.Host || !bytes.Equal(before.Line, after.Line) || before.Format != after.Format {
				t.Errorf("%s: %q, %q, %s became %q, %q, %s", file, after.ID, after.Host, after.Line, before.ID, before.Host, before.Line)
			}
			tried++
		}
	}
	if tried < 100 {
		t.Errorf("only %d records", tried)
	}
}

func allBytes() []byte {
	out := make([]byte, 256)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

// wide is an event of so many fields.
func wide(fields int) []byte {
	out := []byte(`{"eventVersion":"1","eventSource":"x","eventName":"y"`)
	for i := range fields {
		out = fmt.Appendf(out, `,"field_%d":%d`, i, i)
	}
	return append(out, '}')
}

// An event that has its fields under two names matches a rule once.
func TestWinlogbeatMatchesOnce(t *testing.T) {
	auto, _ := all.Get("auto")
	out := parsertest.Read(t, auto, parsertest.Env(), `{"@timestamp":"2026-03-10T09:00:00.123Z","winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":"1","provider_name":"Microsoft-Windows-Sysmon","computer_name":"ws-1","event_data":{"Image":"C:\\Windows\\System32\\whoami.exe","CommandLine":"whoami /all"}},"process":{"executable":"C:\\Windows\\System32\\whoami.exe","command_line":"whoami /all"}}`)
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	c, err := sigma.LoadFS(os.DirFS("testdata"), ".")
	if err != nil {
		t.Fatal(err)
	}
	routes, err := table.For(c.Rules[0])
	if err != nil {
		t.Fatal(err)
	}
	router, err := sigma.NewRouter([]sigma.Routed{{Rule: c.Rules[0], Routes: routes}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := router.Scanner().Match(out.Line)
	if err != nil || len(found) != 1 {
		t.Errorf("%d matches, %v, of %s", len(found), err, out.Line)
	}
}

// BenchmarkAuto finds out the format of records of all kinds.
func BenchmarkAuto(b *testing.B) {
	for _, dir := range []string{"cloudtrail", "github", "kubernetes", "okta", "windows", "zeek", "linux", "weblog", "auditd", "keyvalue"} {
		files, _ := filepath.Glob(filepath.Join("..", dir, "testdata", "*.log"))
		data, err := os.ReadFile(files[0])
		if err != nil {
			b.Fatal(err)
		}
		line, _, _ := strings.Cut(string(data), "\n")
		b.Run(dir, func(b *testing.B) {
			auto, _ := all.Get("auto")
			parsertest.BenchLine(b, auto, parsertest.Env(), line)
		})
	}
}
