package sigma_test

import (
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
