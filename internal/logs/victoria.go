package logs

import (
	"bytes"
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/memory"

	_ "github.com/binnaclehq/binnacle/internal/logs/quiet" // while packages are set up
)

func init() { log.SetOutput(os.Stderr) }

// memoryPercent is how much of the machine's memory the engine may use for its
// caches, for parts that are not on disk yet, and for questions.
const memoryPercent = "40"

// prepare sets the engine up, once for the process: it takes its settings from
// the flags of the standard library, which this program does not use itself, and
// writes its log to one place.
var prepare = sync.OnceFunc(func() {
	if flag.Lookup("memory.allowedPercent") != nil {
		flag.Set("memory.allowedPercent", memoryPercent)
		flag.Set("loggerDisableTimestamps", "true")
		flag.Set("loggerWarnsPerSecondLimit", "5")
		flag.Set("loggerErrorsPerSecondLimit", "5")
	}
	if !flag.Parsed() {
		flag.CommandLine.Parse(nil)
	}
	logger.SetOutputForTests(engineLog{})
})

// Memory is how many bytes the engine may use: memoryPercent of what the machine,
// or the container, has.
func Memory() uint64 {
	prepare()
	return uint64(memory.Allowed())
}

// logTo is where the engine's log goes; nil: nowhere.
var logTo atomic.Pointer[slog.Logger]

// LogTo says where the event engine of this process logs: it has one log for all
// that is open. Until it is called, nothing is logged.
func LogTo(l *slog.Logger) { logTo.Store(l) }

// engineLog reads the engine's lines: level, place and message, between tabs.
type engineLog struct{}

func (engineLog) Write(line []byte) (int, error) {
	to := logTo.Load()
	if to == nil {
		return len(line), nil
	}
	level, rest, _ := bytes.Cut(bytes.TrimSpace(line), []byte{'\t'})
	place, message, _ := bytes.Cut(rest, []byte{'\t'})
	at := slog.LevelError
	switch string(level) {
	case "info":
		at = slog.LevelDebug
	case "warn":
		at = slog.LevelWarn
	}
	to.Log(context.Background(), at, "event engine: "+string(message), "place", string(place))
	return len(line), nil
}
