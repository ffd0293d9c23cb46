// Command detect measures the Sigma engine on one core: how many events of
// Windows a second are parsed and matched with all rules, beside only parsing
// them, and what becomes of time and memory with many times the rules.
//
//	go run ./bench/detect
//
// Each figure is the median of several rounds, and rounds of parsing stand
// between those of matching, so that a busy machine slows both. Time is that
// of the processor, not of the clock.
//
// The copies of rules are mutated: each copy of a rule has other texts where
// texts are looked for, as rules that were written by others about the same
// things would. With -all each text of a copy is another, else one of each
// search.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/binnaclehq/binnacle/bench/realdata"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
	"github.com/valyala/fastjson"
)

func main() {
	log.SetFlags(0)
	b := bench{}
	data := flag.String("data", realdata.Folder(), "the folder of real data")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds of which the median is taken")
	flag.IntVar(&b.times, "times", 8, "how many times the rules, in the second part")
	flag.BoolVar(&b.all, "all", false, "mutate every text of a copy")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := b.load(*data); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d events, %d bytes each\n\n", len(b.lines), b.bytes/len(b.lines))
	fmt.Printf("%-22s %7s %10s %9s %10s %9s %9s\n", "", "rules", "events/s", "to parse", "matches", "rules MB", "engine MB")
	for _, times := range slices.Compact([]int{1, b.times}) {
		for _, routed := range []bool{true, false} {
			if err := b.measure(times, routed); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println("\nto parse: events/s as a part of those of fastjson alone, in the same rounds.")
	fmt.Println("engine MB: heap of the engine and its scanner after all events, without the rules.")
}

type bench struct {
	rounds, times int
	all           bool
	lines         [][]byte
	bytes         int
	rules         []*sigma.Rule
	ofRules       uint64 // bytes of heap
	table         *route.Table
}

// load reads the events, the rules below rules/ and SigmaHQ's own routes.
func (b *bench) load(data string) error {
	lines, err := realdata.Windows(data)
	if err != nil {
		return err
	}
	b.lines = lines
	for _, line := range lines {
		b.bytes += len(line) + 1
	}
	before := heap()
	archive := filepath.Join(data, "sigma", "sigmahq-rules.tar.gz")
	loaded, err := sigma.Load(archive)
	if err != nil {
		return err
	}
	for _, rule := range loaded.Rules {
		if strings.Contains("/"+rule.File, "/rules/") {
			b.rules = append(b.rules, rule)
		}
	}
	loaded = nil
	b.ofRules = heap() - before
	thor, err := member(archive, "tests/thor.yml")
	if err != nil {
		return err
	}
	table, problems := route.ReadTHOR("thor.yml", thor)
	if len(problems) > 0 {
		return problems[0]
	}
	b.table = table
	return nil
}

// member is a file of an archive.
func member(path, name string) ([]byte, error) {
	data, err := realdata.Unzipped(path)
	if err != nil {
		return nil, err
	}
	for archive := tar.NewReader(bytes.NewReader(data)); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s has no %s", path, name)
		}
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(header.Name, name) {
			return io.ReadAll(archive)
		}
	}
}

// measure compiles the rules so many times over and runs all events through.
func (b *bench) measure(times int, routed bool) error {
	before := heap()
	rules := slices.Clone(b.rules)
	for n := 1; n < times; n++ {
		for _, rule := range b.rules {
			rules = append(rules, mutated(rule, n, b.all))
		}
	}
	ofCopies := heap() - before
	scanner, err := b.scanner(rules, routed)
	if err != nil {
		return err
	}
	var parse, match []time.Duration
	matches := b.match(scanner) // compiles what is compiled at need
	for range b.rounds {
		parse = append(parse, spent(b.parse))
		match = append(match, spent(func() { b.match(scanner) }))
	}
	ofEngine := heap() - before - ofCopies
	name := "unrouted"
	if routed {
		name = "routed"
	}
	if times > 1 {
		name = fmt.Sprintf("%s, rules ×%d", name, times)
	}
	took, alone := median(match), median(parse)
	fmt.Printf("%-22s %7d %10.0f %9.2f %10d %9.1f %9.1f\n", name, len(rules), float64(len(b.lines))/took.Seconds(),
		alone.Seconds()/took.Seconds(), matches, mega(b.ofRules+ofCopies), mega(ofEngine))
	runtime.KeepAlive(scanner)
	runtime.KeepAlive(rules)
	return nil
}

func (b *bench) scanner(rules []*sigma.Rule, routed bool) (*sigma.Scanner, error) {
	if !routed {
		engine, err := sigma.Compile(rules)
		if err != nil {
			return nil, err
		}
		return engine.Scanner(), nil
	}
	var all []sigma.Routed
	for _, rule := range rules {
		routes, err := b.table.For(rule)
		if err != nil {
			return nil, err
		}
		all = append(all, sigma.Routed{Rule: rule, Routes: routes})
	}
	router, err := sigma.NewRouter(all)
	if err != nil {
		return nil, err
	}
	return router.Scanner(), nil
}

func (b *bench) match(s *sigma.Scanner) int {
	matches := 0
	for _, line := range b.lines {
		rules, err := s.Match(line)
		if err != nil {
			log.Fatal(err)
		}
		matches += len(rules)
	}
	return matches
}

func (b *bench) parse() {
	var parser fastjson.Parser
	for _, line := range b.lines {
		if _, err := parser.ParseBytes(line); err != nil {
			log.Fatal(err)
		}
	}
}

// spent is the time that the processor took.
func spent(do func()) time.Duration {
	runtime.GC()
	before := processor()
	do()
	return processor() - before
}

func processor() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func mega(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// mutated is a copy of a rule that looks for other texts.
func mutated(rule *sigma.Rule, copy int, all bool) *sigma.Rule {
	rule = rule.Clone()
	rule.ID = fmt.Sprintf("%s-%d", rule.ID, copy)
	for _, search := range rule.Detection.Searches {
		mutateNode(search.Body, copy, all)
	}
	return rule
}

// mutateNode changes texts, only the first unless all, and reports whether it
// did.
func mutateNode(n sigma.Node, copy int, all bool) bool {
	changed := false
	switch n := n.(type) {
	case *sigma.Group:
		for _, child := range n.Nodes {
			if changed = mutateNode(child, copy, all) || changed; changed && !all {
				return true
			}
		}
	case *sigma.Item:
		for i, v := range n.Values {
			if s, ok := v.(sigma.String); ok {
				n.Values[i] = mutatedString(s, copy)
				if changed = true; !all {
					return true
				}
			}
		}
	}
	return changed
}

// mutatedString puts two letters in the middle of the longest text of a string.
func mutatedString(s sigma.String, copy int) sigma.String {
	s.Parts = slices.Clone(s.Parts)
	longest := -1
	for i, p := range s.Parts {
		if p.Kind == sigma.Text && (longest < 0 || len(p.Text) > len(s.Parts[longest].Text)) {
			longest = i
		}
	}
	if longest >= 0 {
		text := []rune(s.Parts[longest].Text)
		half := len(text) / 2
		letters := string(rune('a'+copy%26)) + string(rune('a'+copy/26%26))
		s.Parts[longest].Text = string(text[:half]) + letters + string(text[half:])
	}
	return s
}
