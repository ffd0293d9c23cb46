package all_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/binnaclehq/binnacle/internal/ingest/parser/all"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/parsertest"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// What the parsers give is seen by the rules of its source, and not by those of
// others.
func TestClasses(t *testing.T) {
	const (
		sshd    = "Mar 10 09:00:00 web-1 sshd[1]: Accepted password for ana from 10.0.0.1 port 4 ssh2"
		sudo    = "Mar 10 09:00:00 web-1 sudo: ana : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh"
		cron    = "Mar 10 09:00:00 web-1 CRON[1]: (root) CMD (true)"
		kernel  = "Mar 10 09:00:00 web-1 kernel: x[1]: segfault at 0"
		vsftpd  = "Mar 10 09:00:00 web-1 vsftpd[1]: CONNECT: Client 198.51.100.23"
		access  = `198.51.100.23 - - [10/Mar/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl"`
		apache  = "[Tue Mar 10 09:00:00 2026] [core:notice] [pid 1] AH00052: child pid 7 exit signal Segmentation fault (11)"
		nginx   = "2026/03/10 09:00:00 [alert] 1#1: worker process 7 exited on signal 11"
		audit   = `type=SYSCALL msg=audit(1773133200.1:1): arch=c000003e syscall=59 success=yes pid=2 comm="id" exe="/usr/bin/id"`
		journal = `{"__REALTIME_TIMESTAMP":"1773133200123456","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Accepted password for ana from 10.0.0.1 port 4 ssh2"}`
		beat    = `{"message":"Mar 10 09:00:00 web-1 sshd[1]: Accepted password for ana from 10.0.0.1 port 4 ssh2","log":{"file":{"path":"/srv/log/x"}}}`
		sysmon  = `{"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","event_id":1,"event_data":{"Image":"C:\\a.exe"}}}`
		evtx    = `{"Event":{"System":{"EventID":4624,"Channel":"Security","Computer":"c"},"EventData":{"TargetUserName":"ana"}}}`
		dns     = `{"ts":1773133200.5,"uid":"C1","id.orig_h":"10.0.0.1","query":"a.example","qtype_name":"A"}`
	)
	sources := map[string][]string{
		"{product: linux}":                        {sshd, sudo, cron, kernel, vsftpd, audit, journal, beat},
		"{product: linux, service: syslog}":       {sshd, sudo, cron, kernel, vsftpd, journal},
		"{product: linux, service: auth}":         {sshd, sudo, journal, beat},
		"{product: linux, service: sshd}":         {sshd, journal, beat},
		"{product: linux, service: sudo}":         {sudo},
		"{product: linux, service: cron}":         {cron},
		"{product: linux, service: vsftpd}":       {vsftpd},
		"{product: linux, service: auditd}":       {audit},
		"{category: webserver}":                   {access},
		"{product: apache, service: apache}":      {apache},
		"{product: nginx, service: nginx}":        {nginx},
		"{product: windows, service: sysmon}":     {sysmon},
		"{product: windows, service: security}":   {evtx},
		"{product: zeek, service: dns}":           {dns},
		"{product: okta, service: okta}":          nil,
		"{product: aws, service: cloudtrail}":     nil,
		"{product: kubernetes, service: audit}":   nil,
		"{product: suricata, service: alert}":     nil,
		"{product: windows, service: powershell}": nil,
	}
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	auto, _ := all.Get("auto")
	for source, want := range sources {
		file := fmt.Sprintf("title: x\nid: 6f2c1a52-6a0e-4f0e-9a0e-1f2c3d4e5f61\nlogsource: %s\ndetection:\n  selection: {nothing: null}\n  condition: selection\n", source)
		c, err := sigma.LoadFS(fstest.MapFS{"rule.yml": {Data: []byte(file)}}, ".")
		if err != nil || len(c.Rules) != 1 {
			t.Fatal(source, err, c.Problems)
		}
		routes, err := table.For(c.Rules[0])
		if err != nil {
			t.Fatal(err)
		}
		router, err := sigma.NewRouter([]sigma.Routed{{Rule: c.Rules[0], Routes: routes}})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, line := range want {
			seen[line] = true
		}
		for _, line := range []string{sshd, sudo, cron, kernel, vsftpd, access, apache, nginx, audit, journal, beat, sysmon, evtx, dns} {
			out := parsertest.Read(t, auto, parsertest.Env(), line)
			found, err := router.Scanner().Match(out.Line)
			if err != nil {
				t.Fatal(err)
			}
			if (len(found) > 0) != seen[line] {
				t.Errorf("rules of %s see %s: %v, want %v", source, out.Line, len(found) > 0, seen[line])
			}
		}
	}
}
