package sigma_test

import (
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
)

// BenchmarkParse is the measure of the others: fastjson and no rules.
func BenchmarkParse(b *testing.B) {
	var parser fastjson.Parser
	each(b, func(line []byte) {
		if _, err := parser.ParseBytes(line); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkRouted(b *testing.B) {
	benchmark(b, router(b, corpus(b, "rules"), false).Scanner())
}

func BenchmarkUnrouted(b *testing.B) {
	engine, err := sigma.Compile(corpus(b, "rules"))
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, engine.Scanner())
}

func benchmark(b *testing.B, s *sigma.Scanner) {
	for _, line := range testdata.Windows(b) {
		if _, err := s.Match(line); err != nil {
			b.Fatal(err)
		}
	}
	each(b, func(line []byte) {
		if _, err := s.Match(line); err != nil {
			b.Fatal(err)
		}
	})
}

// each hands the real events out, over and over.
func each(b *testing.B, do func(line []byte)) {
	lines := testdata.Windows(b)
	bytes := 0
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		line := lines[i%len(lines)]
		bytes += len(line)
		do(line)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.SetBytes(int64(bytes / b.N))
}

func BenchmarkFindings(b *testing.B) {
	line := []byte(`{"@timestamp":"2026-09-22T03:13:04Z","host.name":"web-1","user.name":"leila","event.code":4688,"process":{"name":"bash","pid":4711},` +
		`"message":"` + strings.Repeat("usr sbin cron run-parts etc daily ", 12) + `","CommandLine":"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -nop -w hidden -enc aQBlAHgA"}`)
	f := func(name, search string) {
		b.Run(name, func(b *testing.B) {
			s := scanner(b, "title: t\ndetection:\n  sel:\n"+search+"\n  condition: sel\n")
			if got, err := s.Match(line); err != nil || len(got) != 1 {
				b.Fatal(len(got), err)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Match(line) // which is the same before and after
				if len(s.Findings(0)) != 1 {
					b.Fatal("nothing was found")
				}
			}
		})
	}
	f("regex", `    CommandLine|re: '(?i)powershell(\.exe)?\s+.*-e(nc|ncodedcommand)?\s+[a-z0-9+/=]{8,}'`)
	f("list", "    CommandLine|contains: [wmic, rundll32, regsvr32, mshta, certutil, bitsadmin, cscript, wscript, installutil, ' -enc ']")
	f("keywords", "    - bitsadmin\n    - mimikatz\n    - '*windowspowershell*'")
}
