// Command ingest sends the same JSON lines over HTTP to the program, with rules
// on, and to the stock server of the event engine's module, in turns, and prints
// how many events a second each takes in, and with how much CPU.
//
//	go run ./bench/ingest -rules ../shared/data/sigma/sigmahq-rules.tar.gz
//
// With -profile it says where the time goes, by stage.
//
// The events are real ones of Windows, dated anew over the last hour and repeated.
// The program is done when nothing waits in its spool: every event was on the
// disk, was parsed, went past every rule and is in the engine. The stock server is
// done when it has answered and can find all of them.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/binnaclehq/binnacle/bench/measured"
	"github.com/binnaclehq/binnacle/bench/realdata"
)

type choices struct {
	n, rounds, senders, part int
	data, rules, binary      string
	profile                  string
}

func main() {
	log.SetFlags(0)
	if name := os.Getenv(profileTo); name != "" {
		os.Exit(profiled(name))
	}
	var c choices
	flag.IntVar(&c.n, "n", 200_000, "events of a round")
	flag.IntVar(&c.rounds, "rounds", 3, "rounds of which the median is taken")
	flag.IntVar(&c.senders, "senders", 2, "connections")
	flag.IntVar(&c.part, "part", 1<<20, "bytes of a request")
	flag.StringVar(&c.data, "data", realdata.Folder(), "the folder of real data")
	flag.StringVar(&c.rules, "rules", "", "a folder or an archive of rules; the built-in ones alone when not given")
	flag.StringVar(&c.binary, "binary", "", "the program; it is built when not given")
	flag.StringVar(&c.profile, "profile", "", "a file for the profile of one more round of the program, which is told by stage")
	flag.Parse()
	if err := c.run(); err != nil {
		log.Fatal(err)
	}
}

func (c *choices) run() error {
	if c.rounds == 0 && c.profile == "" {
		return errors.New("-rounds 0 is for -profile")
	}
	dir, err := os.MkdirTemp("", "ingest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if c.binary == "" {
		c.binary = filepath.Join(dir, "binnacle")
		if err := measured.Build(context.Background(), c.binary); err != nil {
			return err
		}
	}
	lines, err := realdata.Windows(c.data)
	if err != nil {
		return err
	}
	for i, line := range lines { // they are dated anew
		lines[i] = bytes.ReplaceAll(line, []byte(`"@timestamp":`), []byte(`"was":`))
	}
	var own, stock []result
	for range c.rounds {
		bodies := c.bodies(lines)
		for _, x := range []struct {
			to  *[]result
			one func(string, [][]byte) (result, error)
		}{{&own, c.own}, {&stock, c.stock}} {
			r, err := x.one(dir, bodies)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, r)
		}
	}
	if c.rounds == 0 {
		return c.byStage(dir, c.bodies(lines))
	}
	a, b := median(own), median(stock)
	fmt.Printf("%-22s %10s %14s %10s\n", "", "events/s", "CPU an event", "memory")
	fmt.Printf("%-22s %10.0f %11.1f µs %7d MB\n", "binnacle, rules on", a.rate, a.cpu, a.memory>>20)
	fmt.Printf("%-22s %10.0f %11.1f µs %7d MB\n", "stock server", b.rate, b.cpu, b.memory>>20)
	fmt.Printf("ratio %.2f\n", a.rate/b.rate)
	if c.profile == "" {
		return nil
	}
	return c.byStage(dir, c.bodies(lines))
}

// byStage says where the time of a round goes. This program is then the one that
// is measured, so that it can be profiled.
func (c *choices) byStage(dir string, bodies [][]byte) (err error) {
	if c.binary, err = os.Executable(); err != nil {
		return err
	}
	os.Setenv(profileTo, c.profile)
	os.Remove(c.profile)
	r, err := c.own(dir, bodies)
	if err != nil {
		return err
	}
	os.Unsetenv(profileTo)
	fmt.Printf("by stage, of %.1f µs, with %d MB:\n", r.cpu, r.memory>>20)
	return byStage(c.profile, r.cpu)
}

// result is what a round took.
type result struct {
	rate   float64 // events a second
	cpu    float64 // microseconds an event
	memory int64   // the most it had
}

func median(list []result) result {
	slices.SortFunc(list, func(a, b result) int { return int(a.rate - b.rate) })
	return list[len(list)/2]
}

// bodies repeats lines until there are n, dated over the last hour.
func (c *choices) bodies(lines [][]byte) (out [][]byte) {
	start := time.Now().Add(-time.Hour).UTC()
	var b []byte
	for i := range c.n {
		line := lines[i%len(lines)]
		b = fmt.Appendf(b, `{"@timestamp":%q,`, start.Add(time.Duration(i)*time.Hour/time.Duration(c.n)).Format(time.RFC3339Nano))
		b = append(append(b, line[1:]...), '\n')
		if len(b) >= c.part {
			out, b = append(out, b), nil
		}
	}
	if len(b) > 0 {
		out = append(out, b)
	}
	return out
}

// own sends to the program.
func (c *choices) own(dir string, bodies [][]byte) (result, error) {
	data, err := os.MkdirTemp(dir, "own")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(data)
	if out, err := exec.Command(c.binary, "user", "add", "bench@example.org", "--role", "owner", "--data", data).CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("make an owner: %w\n%s", err, out)
	}
	out, err := exec.Command(c.binary, "token", "create", "bench", "--ingest", "--data", data).CombinedOutput()
	token := regexp.MustCompile(`bnc_\w+`).FindString(string(out))
	if err != nil || token == "" {
		return result{}, fmt.Errorf("make a token: %w\n%s", err, out)
	}
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0"}
	if c.rules != "" {
		args = append(args, "--rules", c.rules+"?on")
	}
	cmd := exec.Command(c.binary, args...)
	from, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	defer measured.End(cmd)
	first, err := bufio.NewReader(from).ReadString('\n')
	base := regexp.MustCompile(`http://localhost:\d+`).FindString(first)
	if base == "" {
		return result{}, fmt.Errorf("the program does not start: %q %v", first, err)
	}
	// One event goes ahead: rules and engine are opened when they are needed.
	if err := post(base+"/ingest/json?source=warm", token, []byte("{\"EventID\":1}\n")); err != nil {
		return result{}, err
	}
	for n, err := 0.0, error(nil); n < 1; time.Sleep(50 * time.Millisecond) {
		if n, err = kept(base, "warm"); err != nil {
			return result{}, err
		}
	}
	stored := func() (float64, error) { return kept(base, "bench") }
	return c.measure(cmd, base+"/ingest/json", token, bodies, stored)
}

// kept reads how many events of a source are stored.
func kept(base, source string) (float64, error) {
	return measured.Metric(base, "binnacle_ingest_stored_total", "source="+strconv.Quote(source))
}

// stock sends to the stock server.
func (c *choices) stock(dir string, bodies [][]byte) (result, error) {
	data, err := os.MkdirTemp(dir, "stock")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(data)
	base, cmd, err := measured.Stock(context.Background(), data)
	if err != nil {
		return result{}, err
	}
	defer measured.End(cmd)
	stored := func() (float64, error) {
		res, err := http.Get(base + "/select/logsql/query?query=" + url.QueryEscape("* | stats count() n"))
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		m := regexp.MustCompile(`"n":"(\d+)"`).FindSubmatch(text)
		if err != nil || m == nil {
			return 0, err
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	return c.measure(cmd, base+"/insert/jsonline?_time_field=@timestamp&_msg_field=Message&_stream_fields=Channel,Hostname", "", bodies, stored)
}

// measure sends all bodies and waits until everything is stored.
func (c *choices) measure(cmd *exec.Cmd, to, token string, bodies [][]byte, stored func() (float64, error)) (result, error) {
	c.mark(cmd)
	before, err := measured.UsageOf(cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	next := make(chan []byte, len(bodies))
	for _, b := range bodies {
		next <- b
	}
	close(next)
	failed := make(chan error, c.senders)
	var senders sync.WaitGroup
	for range c.senders {
		senders.Go(func() {
			for b := range next {
				if err := post(to, token, b); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	senders.Wait()
	select {
	case err := <-failed:
		return result{}, err
	default:
	}
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n, err := stored()
		if err != nil {
			return result{}, err
		}
		if n >= float64(c.n) {
			break
		}
		if time.Now().After(until) {
			return result{}, fmt.Errorf("%.0f of %d events are stored", n, c.n)
		}
	}
	took := time.Since(began)
	after, err := measured.UsageOf(cmd.Process.Pid)
	c.mark(cmd)
	return result{float64(c.n) / took.Seconds(), float64((after.CPU - before.CPU).Microseconds()) / float64(c.n), after.Most}, err
}

// mark begins and ends a profile.
func (c *choices) mark(cmd *exec.Cmd) {
	if os.Getenv(profileTo) == "" {
		return
	}
	cmd.Process.Signal(syscall.SIGUSR1)
	time.Sleep(time.Second) // the profile is written at the end
}

func post(to, token string, body []byte) error {
	r, err := http.NewRequest("POST", to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %.300s", res.StatusCode, text)
	}
	return err
}
