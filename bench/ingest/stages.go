package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/cli"
)

// profileTo is the variable that has this program be binnacle, with a profile of
// its processor time in a file: of the time from one SIGUSR1 to the next.
const profileTo = "BINNACLE_BENCH_PROFILE"

// profiled is the program until it ends.
func profiled(name string) int {
	marks := make(chan os.Signal, 1)
	signal.Notify(marks, syscall.SIGUSR1)
	go func() {
		<-marks
		f, err := os.Create(name + ".part")
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			log.Print(err)
			return
		}
		<-marks
		pprof.StopCPUProfile()
		if err := f.Close(); err == nil {
			os.Rename(name+".part", name)
		}
	}()
	return cli.Main(app.Program())
}

// stages are where the time of an event goes, each known by what is called in it:
// a sample belongs to the first that is on its stack.
var stages = []struct {
	name  string
	calls []string
}{
	{"garbage collection", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"engine: parts are merged", []string{"logstorage.(*datadb).mustMergeParts", "logstorage.mustMergeBlockStreams"}},
	{"engine: blocks are built", []string{"logstorage.(*Storage).MustAddRows", "logstorage.(*datadb).mustFlushLogRows"}},
	{"store: laid out in fields", []string{"logs.(*Embedded).Add"}},
	{"detection", []string{"live.(*Engine)"}},
	{"parsers and checks", []string{"ingest.(*Intake).read"}},
	{"spool", []string{"ingest.(*Intake)"}},
	{"requests are read", []string{"post.Config", "net/http.(*conn)"}},
}

// byStage parts the processor time of an event, as a profile has it.
func byStage(name string, cpu float64) error {
	text, err := exec.Command("go", "tool", "pprof", "-traces", name).Output()
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	took, all := make([]time.Duration, len(stages)+1), time.Duration(0)
	_, text, _ = bytes.Cut(text, []byte("-----------+"))
	for trace := range strings.SplitSeq(string(text), "-----------+") {
		_, trace, _ = strings.Cut(trace, "\n")
		first, _, _ := strings.Cut(strings.TrimSpace(trace), " ")
		d, err := time.ParseDuration(first)
		if err != nil {
			continue
		}
		took[stageOf(trace)] += d
		all += d
	}
	if all == 0 {
		return fmt.Errorf("the profile %s has no samples", name)
	}
	for i, d := range took {
		what := "all else"
		if i < len(stages) {
			what = stages[i].name
		}
		fmt.Printf("  %-28s %11.1f µs\n", what, cpu*float64(d)/float64(all))
	}
	return nil
}

func stageOf(trace string) int {
	for i, s := range stages {
		for _, call := range s.calls {
			if strings.Contains(trace, call) {
				return i
			}
		}
	}
	return len(stages)
}
