// Command ingest sends the same JSON lines over HTTP to the program, with rules
// on, and to the stock server of the event engine's module, in turns, and prints
// how many events a second each takes in, and with how much CPU.
//
//	go run ./bench/ingest -rules ../shared/data/sigma/sigmahq-rules.tar.gz
//
// With -profile it says where the time goes, by stage.
//
// The events are real ones of Windows, dated anew over the last hour and repeated.
// Each server takes all of them in once before it is measured, and is done when a
// question finds every event. Those of the program were on the disk before and went
// past every rule.
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
		all := c.sent(lines)
		for _, x := range []struct {
			to  *[]result
			one func(string, sent) (result, error)
		}{{&own, c.own}, {&stock, c.stock}} {
			r, err := x.one(dir, all)
			if err != nil {
				return err
			}
			*x.to = append(*x.to, r)
		}
	}
	if c.rounds == 0 {
		return c.byStage(dir, c.sent(lines))
	}
	a, b := median(own), median(stock)
	fmt.Printf("%-22s %10s %14s %10s\n", "", "events/s", "CPU an event", "memory")
	fmt.Printf("%-22s %10.0f %11.1f µs %7d MB\n", "binnacle, rules on", a.rate, a.cpu, a.memory>>20)
	fmt.Printf("%-22s %10.0f %11.1f µs %7d MB\n", "stock server", b.rate, b.cpu, b.memory>>20)
	fmt.Printf("ratio %.2f\n", a.rate/b.rate)
	if c.profile == "" {
		return nil
	}
	return c.byStage(dir, c.sent(lines))
}

// byStage says where the time of a round goes. This program is then the one that
// is measured, so that it can be profiled.
func (c *choices) byStage(dir string, all sent) (err error) {
	if c.binary, err = os.Executable(); err != nil {
		return err
	}
	os.Setenv(profileTo, c.profile)
	os.Remove(c.profile)
	r, err := c.own(dir, all)
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

// sent is what a server is sent: all lines once, and then what is measured.
type sent struct{ ahead, bodies [][]byte }

func (c *choices) sent(lines [][]byte) sent {
	return sent{c.bodies(lines, len(lines)), c.bodies(lines, c.n)}
}

// bodies repeats lines until there are n, dated over the last hour.
func (c *choices) bodies(lines [][]byte, n int) (out [][]byte) {
	start := time.Now().Add(-time.Hour).UTC()
	var b []byte
	for i := range n {
		line := lines[i%len(lines)]
		b = fmt.Appendf(b, `{"@timestamp":%q,`, start.Add(time.Duration(i)*time.Hour/time.Duration(n)).Format(time.RFC3339Nano))
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
func (c *choices) own(dir string, all sent) (result, error) {
	data, err := os.MkdirTemp(dir, "own")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(data)
	if out, err := exec.Command(c.binary, "user", "add", "bench@example.org", "--role", "owner", "--data", data).CombinedOutput(); err != nil {
		return result{}, fmt.Errorf("make an owner: %w\n%s", err, out)
	}
	token, err := c.token(data, "--ingest")
	if err != nil {
		return result{}, err
	}
	reader, err := c.token(data, "--owner", "bench@example.org")
	if err != nil {
		return result{}, err
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
	found := func() (int, error) {
		q := url.Values{"query": {"* | stats count() n"}, "from": {time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339)}}
		return count(base+"/api/v1/events?"+q.Encode(), reader)
	}
	return c.measure(cmd, base+"/ingest/json?source=bench", token, all, found)
}

// token makes a token.
func (c *choices) token(data string, flags ...string) (string, error) {
	out, err := exec.Command(c.binary, append([]string{"token", "create", "bench", "--data", data}, flags...)...).CombinedOutput()
	token := regexp.MustCompile(`bnc_\w+`).FindString(string(out))
	if err != nil || token == "" {
		return "", fmt.Errorf("make a token: %w\n%s", err, out)
	}
	return token, nil
}

// count asks a server for the number n of events.
func count(address, token string) (int, error) {
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	m := regexp.MustCompile(`"n":"?(\d+)`).FindSubmatch(text)
	switch {
	case err != nil:
		return 0, err
	case res.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%s: %s: %.300s", address, res.Status, text)
	case m == nil:
		return 0, nil
	}
	return strconv.Atoi(string(m[1]))
}

// stock sends to the stock server.
func (c *choices) stock(dir string, all sent) (result, error) {
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
	found := func() (int, error) {
		return count(base+"/select/logsql/query?query="+url.QueryEscape("* | stats count() n"), "")
	}
	return c.measure(cmd, base+"/insert/jsonline?_time_field=@timestamp&_msg_field=Message&_stream_fields=Channel,Hostname", "", all, found)
}

// measure sends everything and waits until all that is measured is found.
func (c *choices) measure(cmd *exec.Cmd, to, token string, all sent, found func() (int, error)) (result, error) {
	ahead := bytes.Count(bytes.Join(all.ahead, nil), []byte{'\n'})
	if err := c.send(to, token, all.ahead, found, ahead); err != nil {
		return result{}, err
	}
	c.mark(cmd)
	before, err := measured.UsageOf(cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	if err := c.send(to, token, all.bodies, found, ahead+c.n); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	after, err := measured.UsageOf(cmd.Process.Pid)
	c.mark(cmd)
	return result{float64(c.n) / took.Seconds(), float64((after.CPU - before.CPU).Microseconds()) / float64(c.n), after.Most}, err
}

// send sends bodies over all connections, and waits until so many events are found.
func (c *choices) send(to, token string, bodies [][]byte, found func() (int, error), want int) error {
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
		return err
	default:
	}
	for until := time.Now().Add(5 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		n, err := found()
		if err != nil {
			return err
		}
		if n >= want {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d events are found", n, want)
		}
	}
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
