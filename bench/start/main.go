// Command start measures the program as it is shipped: the size of the binary,
// the time from starting it to its first answer, and its memory: the most while
// the sample organisation comes in, at rest, and after a reader has looked around,
// each beside its budget. It prints a report and judges nothing by its exit code: a
// busy machine is no mistake.
//
//	go run ./bench/start
//
// Memory is the resident set (VmRSS), so that part needs Linux.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/bench/measured"
)

// Budgets of DESIGN.md.
const (
	budgetStart  = 500 * time.Millisecond
	budgetMemory = 150 << 20 // bytes at rest
	budgetBinary = 80 << 20  // bytes
)

func main() {
	binary := flag.String("binary", "", "measure this binary; without it one is built")
	rounds := flag.Int("rounds", 5, "starts; the median counts")
	rest := flag.Duration("rest", 2*time.Minute, "how long the program rests before its memory is read: what a burst took it gives back little by little")
	flag.Parse()
	if err := run(context.Background(), *binary, *rounds, *rest); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, binary string, rounds int, rest time.Duration) error {
	dir, err := os.MkdirTemp("", "binnacle-start-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if binary == "" {
		binary = filepath.Join(dir, "binnacle")
		if err := measured.Build(ctx, binary); err != nil {
			return err
		}
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	report("binary", float64(info.Size())/(1<<20), budgetBinary>>20, "MB")
	empty := filepath.Join(dir, "empty")
	first, err := startOnce(ctx, binary, empty)
	if err != nil {
		return err
	}
	report("first start, an empty folder, to /healthz", first.Seconds()*1000, float64(budgetStart.Milliseconds()), "ms")
	var all []time.Duration
	for range rounds {
		took, err := startOnce(ctx, binary, empty)
		if err != nil {
			return err
		}
		all = append(all, took)
	}
	slices.Sort(all)
	report(fmt.Sprintf("start to /healthz, median of %d", rounds), all[len(all)/2].Seconds()*1000, float64(budgetStart.Milliseconds()), "ms")
	return memory(ctx, binary, filepath.Join(dir, "demo"), rest)
}

func report(what string, got, budget float64, unit string) {
	word := "within"
	if got > budget {
		word = "OVER"
	}
	fmt.Printf("%-44s %8.1f %-2s   budget %4.0f %-2s   %s\n", what, got, unit, budget, unit, word)
}

// tell prints what has no budget.
func tell(what string, got float64, unit string) { fmt.Printf("%-44s %8.1f %s\n", what, got, unit) }

// program is one running binnacle.
type program struct {
	*exec.Cmd
	out *bufio.Reader
}

func start(ctx context.Context, binary string, args ...string) (*program, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	return &program{cmd, bufio.NewReader(out)}, cmd.Start()
}

// end interrupts the program and waits for it.
func (p *program) end() error {
	if err := p.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.Wait()
}

// startOnce returns the time from starting the program to its first answer.
func startOnce(ctx context.Context, binary, data string) (time.Duration, error) {
	listen, err := measured.FreeAddress()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	p, err := start(ctx, binary, "serve", "--data", data, "--listen", listen)
	if err != nil {
		return 0, err
	}
	took := time.Duration(0)
	for took == 0 && time.Since(began) < 30*time.Second {
		if res, err := http.Get("http://" + listen + "/healthz"); err == nil {
			res.Body.Close()
			took = time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.end(); err != nil {
		return 0, err
	}
	if took == 0 {
		return 0, errors.New("the program does not answer")
	}
	return took, nil
}

// pages are what a reader looks at, twice each.
var pages = []string{"/", "/components", "/components/default/payments", "/radar", "/map", "/organisation", "/decisions", "/search?q=payment", "/components/default/payments/relations", "/audit", "/events?last=30d", "/alerts", "/attack"}

// memory serves the sample organisation and reads the memory while its past comes
// in, at rest, and again after a reader has looked around.
func memory(ctx context.Context, binary, data string, rest time.Duration) error {
	began := time.Now()
	p, err := start(ctx, binary, "demo", "--keep", data, "--listen", "127.0.0.1:0")
	if err != nil {
		return err
	}
	link := ""
	for link == "" {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		link = regexp.MustCompile(`http://\S+/sign-in/link/\S+`).FindString(line)
	}
	go io.Copy(io.Discard, p.out)
	tell("demo, to its links", time.Since(began).Seconds(), "s")
	who, err := signIn(link)
	if err = errors.Join(err, p.remember(who, data, began, rest), p.end()); err != nil {
		return err
	}
	return again(ctx, binary, data, who, rest)
}

// again serves the same data anew and reads the memory after the same reader has
// looked around.
func again(ctx context.Context, binary, data string, who *reader, rest time.Duration) error {
	listen, err := measured.FreeAddress()
	if err != nil {
		return err
	}
	p, err := start(ctx, binary, "serve", "--data", data, "--listen", listen)
	if err != nil {
		return err
	}
	if _, err := p.out.ReadString('\n'); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	go io.Copy(io.Discard, p.out)
	_, port, _ := strings.Cut(listen, ":")
	who.base = "http://localhost:" + port
	err = who.lookAround()
	if err == nil {
		time.Sleep(rest)
		err = p.reportMemory(fmt.Sprintf("served anew, %d pages, and %s at rest", 2*len(pages), rest))
	}
	return errors.Join(err, p.end())
}

// remember reads the memory of a program that serves the sample organisation.
func (p *program) remember(who *reader, data string, began time.Time, rest time.Duration) error {
	if err := p.past(who.base, data); err != nil {
		return err
	}
	tell("demo, until its past is stored", time.Since(began).Seconds(), "s")
	time.Sleep(rest)
	u, err := measured.UsageOf(p.Process.Pid)
	if err != nil {
		return err
	}
	tell("memory, the most so far", float64(u.Most)/(1<<20), "MB")
	if err := p.reportMemory(fmt.Sprintf("memory at rest, %s after that", rest)); err != nil {
		return err
	}
	if err := who.lookAround(); err != nil {
		return err
	}
	if err := p.reportMemory(fmt.Sprintf("memory after %d pages", 2*len(pages))); err != nil {
		return err
	}
	time.Sleep(rest)
	return p.reportMemory(fmt.Sprintf("memory %s later", rest))
}

// past waits until the year of events of the sample organisation was sent, which a
// file says, and none of them waits any more.
func (p *program) past(base, data string) error {
	for until := time.Now().Add(10 * time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(data, "saying")); err == nil {
			continue
		}
		if n, err := measured.Metric(base, "binnacle_ingest_waiting_events", ""); err != nil || n == 0 {
			return err
		}
	}
	return errors.New("the past of the sample organisation does not come in")
}

func (p *program) reportMemory(what string) error {
	u, err := measured.UsageOf(p.Process.Pid)
	report(what, float64(u.Now)/(1<<20), budgetMemory>>20, "MB")
	return err
}

// reader is somebody who is signed in.
type reader struct {
	client *http.Client
	base   string // of the program's address
}

func signIn(link string) (*reader, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	r := &reader{&http.Client{Jar: jar}, link[:strings.Index(link, "/sign-in/")]}
	res, err := r.client.PostForm(link, nil)
	if err != nil {
		return nil, err
	}
	return r, res.Body.Close()
}

// lookAround reads the pages.
func (r *reader) lookAround() error {
	for range 2 {
		for _, path := range pages {
			res, err := r.client.Get(r.base + path)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK || strings.HasPrefix(res.Request.URL.Path, "/sign-in") {
				return fmt.Errorf("%s: %s at %s: %v", path, res.Status, res.Request.URL.Path, err)
			}
		}
	}
	return nil
}
