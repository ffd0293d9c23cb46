// Command hunt asks the event engine in the program and the stock server of the
// same module the same questions about the same events, in turns, and prints how
// long each takes and how one compares to the other.
//
//	go run ./bench/hunt
//
// The events are real ones of Windows, dated anew over a day and repeated. A time
// is the median of several rounds, from the question to its last row; the server's
// has the way over HTTP in it, as its users have. Before that it prints how many
// events a second the engine takes in, by how many are given at once and by how
// many writers.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/bench/measured"
	"github.com/binnaclehq/binnacle/bench/realdata"
	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// question is asked of both; limit 0 reads all rows. Written is what a person
// writes into the box for it, of which the program makes LogsQL; it asks the
// question as it stands when there is none.
type question struct {
	name, text string
	limit      int
	written    string
}

var questions = []question{
	{"count of all", "* | stats count() n", 0, ""},
	{"a rare word", "mimikatz | stats count() n", 0, ""},
	{"a rare word, the newest 100", "mimikatz", 100, ""},
	{"a common word", "process | stats count() n", 0, ""},
	{"a number in a field", "EventID:=4624 | stats count() n", 0, ""},
	{"a number in a field, the newest 100", "EventID:=4624", 100, ""},
	{"the newest 100", "*", 100, ""},
	{"a path", `Image:="C:\\Windows\\System32\\svchost.exe" | stats count() n`, 0, ""},
	{"a regular expression", `CommandLine:~"(?i)-enc" | stats count() n`, 0, ""},
	{"a word in any case, in the message", "i(whoami) | stats count() n", 0, "_msg:whoami | stats count() n"},
	{"words in any case, in the message", `i("network information") | stats count() n`, 0, `_msg:"network information" | stats count() n`},
	{"a word in any case, in a field", `Image:i(powershell) | stats count() n`, 0, `Image:powershell | stats count() n`},
	{"counts by EventID", "* | stats by (EventID) count() n", 0, ""},
	{"the 10 most frequent Images", "* | top 10 by (Image)", 0, ""},
	{"the 10 most frequent hosts", "* | top 10 by (Hostname)", 0, ""},
	{"Images of each host", "* | stats by (Hostname) count_uniq(Image) n", 0, ""},
	{"hours by Channel", "* | stats by (_time:1h, Channel) count() n", 0, ""},
	{"a network", `SourceAddress:ipv4_range("10.0.0.0/8") | stats count() n`, 0, ""},
	{"as Sigma asks", `Image:~"(?i)\\\\powershell\\.exe$" CommandLine:~"(?i)-enc" | stats count() n`, 0, ""},
	{"a question within", `ProcessId:in(EventID:=1 | fields ProcessId) | stats count() n`, 0, ""},
	{"facets", "EventID:=1 | facets 10", 0, ""},
}

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 400_000, "events")
	rounds := flag.Int("rounds", 7, "rounds of which the median is taken")
	data := flag.String("data", realdata.Folder(), "the folder of real data")
	only := flag.String("only", "", "ask only questions whose names hold this, and measure no intake")
	dir := flag.String("dir", "", "folder for both stores, which are filled when it is empty and used as they are when not; a temporary one when not given")
	profile := flag.String("profile", "", "write a profile of the questions to the engine in the program to this file")
	flag.Parse()
	if *only != "" {
		questions = slices.DeleteFunc(questions, func(q question) bool { return !strings.Contains(q.name, *only) })
	}
	if err := run(*n, *rounds, *data, *dir, *profile, *only == ""); err != nil {
		log.Fatal(err)
	}
}

func run(n, rounds int, data, dir, profile string, all bool) error {
	if dir == "" {
		temp, err := os.MkdirTemp("", "hunt")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = temp
	}
	_, err := os.Stat(filepath.Join(dir, "embedded"))
	filled := err == nil
	var events []event.Event
	if !filled {
		if events, err = real(data, n); err != nil {
			return err
		}
		if all {
			if err := intake(dir, events); err != nil {
				return err
			}
		}
	}
	own, err := open(filepath.Join(dir, "embedded"))
	if err != nil {
		return err
	}
	defer own.Close()
	base, cmd, err := measured.Stock(context.Background(), filepath.Join(dir, "stock"))
	if err != nil {
		return err
	}
	defer measured.End(cmd)
	server := &remote{base}
	if !filled {
		if err := errors.Join(add(own, events, 1000, 1), server.insert(events)); err != nil {
			return err
		}
		events = nil
		time.Sleep(15 * time.Second) // both write and merge what they hold
	}
	return compare(own, server, rounds, profile)
}

// real are events of Windows, with their text where parsers put it.
func real(data string, n int) ([]event.Event, error) {
	lines, err := realdata.Windows(data)
	if err != nil {
		return nil, err
	}
	for i, line := range lines {
		lines[i] = bytes.ReplaceAll(line, []byte(`"Message":`), []byte(`"message":`))
	}
	return dated(lines, n), nil
}

// dated repeats lines until there are n, spread over the last day.
func dated(lines [][]byte, n int) []event.Event {
	end := time.Now()
	out := make([]event.Event, n)
	for i := range out {
		at := end.Add(-24*time.Hour + time.Duration(i)*24*time.Hour/time.Duration(n))
		out[i] = event.Event{ID: fmt.Sprint("spool/", i), Time: at, Seen: at, Source: "bench", Format: "windows", Line: lines[i%len(lines)]}
	}
	return out
}

func open(folder string) (*logs.Embedded, error) {
	return logs.OpenEmbedded(logs.Options{Folder: folder, Tenants: logs.TenantMap{"bench": 1}})
}

// intake prints how fast events are taken in.
func intake(dir string, events []event.Event) error {
	part := events[:min(len(events), 60_000)]
	fmt.Printf("events a second, of %d:\n\n%10s %10s %10s\n", len(part), "at once", "1 writer", "2 writers")
	for _, batch := range []int{10, 100, 1000, 10_000} {
		var rate [2]float64
		for i := range rate {
			var took []float64
			for range 3 {
				folder := filepath.Join(dir, "intake")
				s, err := open(folder)
				if err != nil {
					return err
				}
				began := time.Now()
				if err := add(s, part, batch, i+1); err != nil {
					return err
				}
				took = append(took, time.Since(began).Seconds())
				s.Close()
				if err := os.RemoveAll(folder); err != nil {
					return err
				}
			}
			rate[i] = float64(len(part)) / median(took)
		}
		fmt.Printf("%10d %10.0f %10.0f\n", batch, rate[0], rate[1])
	}
	fmt.Println()
	return nil
}

func add(s *logs.Embedded, events []event.Event, batch, writers int) error {
	ctx := context.Background()
	parts := make(chan []event.Event)
	var failed error
	var once sync.Once
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for part := range parts {
				if err := s.Add(ctx, "bench", part); err != nil {
					once.Do(func() { failed = err })
				}
			}
		})
	}
	for part := range slices.Chunk(events, batch) {
		parts <- part
	}
	close(parts)
	wg.Wait()
	return errors.Join(failed, s.Flush(ctx))
}

// remote is the stock server.
type remote struct{ base string }

func (r *remote) insert(events []event.Event) error {
	for part := range slices.Chunk(events, 5000) {
		var b bytes.Buffer
		for _, e := range part {
			fmt.Fprintf(&b, `{"_time":%q,"binnacle.source":%q,"event.id":%q,`, e.Time.UTC().Format(time.RFC3339Nano), e.Source, e.ID)
			b.Write(bytes.TrimSpace(e.Line)[1:])
			b.WriteByte('\n')
		}
		resp, err := http.Post(r.base+"/insert/jsonline?_stream_fields=binnacle.source,host.name&_msg_field=message", "application/stream+json", &b)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			return errors.New(resp.Status)
		}
	}
	resp, err := http.Get(r.base + "/internal/force_flush")
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// ask returns how many rows the server answers with, and how long it takes.
func (r *remote) ask(q question) (rows int, took time.Duration, err error) {
	form := url.Values{"query": {q.text}}
	if q.limit > 0 {
		form.Set("limit", fmt.Sprint(q.limit))
	}
	began := time.Now()
	resp, err := http.PostForm(r.base+"/select/logsql/query", form)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	in := bufio.NewScanner(resp.Body)
	in.Buffer(make([]byte, 64<<10), 64<<20)
	for in.Scan() {
		rows++
	}
	if err := in.Err(); err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != 200 {
		return 0, 0, errors.New(resp.Status)
	}
	return rows, time.Since(began), nil
}

func askOwn(s *logs.Embedded, q question) (rows int, took time.Duration, err error) {
	ctx, began := context.Background(), time.Now()
	asked := logs.Query{Org: "bench", Text: q.text, Limit: q.limit}
	if q.written != "" {
		asked.Text = q.written
		if asked, err = logs.Translate(ctx, s, asked); err != nil {
			return 0, 0, err
		}
	}
	_, err = s.Rows(ctx, asked, func(logs.Row) error { rows++; return nil })
	return rows, time.Since(began), err
}

func compare(own *logs.Embedded, server *remote, rounds int, profile string) error {
	fmt.Printf("%-38s %10s %10s %7s\n", "", "embedded", "server", "ratio")
	sum := 0.0
	for _, q := range questions {
		var a, b []float64
		for range rounds {
			n, took, err := askOwn(own, q)
			if err != nil {
				return fmt.Errorf("%s: %w", q.text, err)
			}
			m, other, err := server.ask(q)
			if err != nil {
				return fmt.Errorf("%s: %w", q.text, err)
			}
			if n != m && !strings.Contains(q.text, "facets") { // the server has no event.module and event.ingested
				return fmt.Errorf("%s: %d rows, and %d of the server", q.text, n, m)
			}
			a, b = append(a, took.Seconds()*1e3), append(b, other.Seconds()*1e3)
		}
		ratio := median(a) / median(b)
		sum += math.Log(ratio)
		fmt.Printf("%-38s %7.1f ms %7.1f ms %7.2f\n", q.name, median(a), median(b), ratio)
	}
	fmt.Printf("\ngeometric mean of the ratios: %.2f\n\n", math.Exp(sum/float64(len(questions))))
	if profile != "" {
		if err := profiled(own, rounds, profile); err != nil {
			return err
		}
	}
	return everywhere(own, rounds)
}

// profiled writes a profile of the questions to the engine in the program alone.
func profiled(own *logs.Embedded, rounds int, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for _, q := range questions {
		for range rounds {
			if _, _, err := askOwn(own, q); err != nil {
				return err
			}
		}
	}
	return nil
}

// everywhere prints how long words take that are looked for in all fields, which
// the server cannot be asked.
func everywhere(own *logs.Embedded, rounds int) error {
	ctx := context.Background()
	for _, text := range []string{"mimikatz", "mimikatz whoami", "EventID:1 mimikatz"} {
		var fields, whole []float64
		for range rounds {
			began := time.Now()
			q, err := logs.Translate(ctx, own, logs.Query{Org: "bench", Text: text, Limit: 100})
			if err != nil {
				return err
			}
			fields = append(fields, time.Since(began).Seconds()*1e3)
			if _, err := own.Rows(ctx, q, func(logs.Row) error { return nil }); err != nil {
				return err
			}
			whole = append(whole, time.Since(began).Seconds()*1e3)
		}
		fmt.Printf("%-38s %7.1f ms, of it %.1f ms for the names of fields\n", text+", in all fields", median(whole), median(fields))
	}
	return nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
