package logs

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// mostWorkers bounds what a question may ask to work on it at once.
const mostWorkers = 16

// restrained checks the options of a question and of those within it, and returns
// the question without those that the engine reads and does not write: how many
// readers it wants, up to 2,000.
func restrained(parsed *logstorage.Query) (*logstorage.Query, error) {
	text := parsed.String()
	for _, o := range optionsIn(text) {
		name, value, _ := strings.Cut(o, "=")
		switch {
		case name == "ignore_global_time_filter" && value != "false", name == "time_offset":
			return nil, refusedOption("option-time", name, "a question cannot leave the time it is asked for", "set the time beside the question; _time within it makes it shorter")
		case name == "concurrency":
			if n, err := strconv.ParseUint(value, 10, 64); err != nil || n > mostWorkers {
				return nil, refusedOption("option-workers", name, "it is at most "+strconv.Itoa(mostWorkers), "leave it to the engine", strconv.Itoa(mostWorkers))
			}
		case name != "ignore_global_time_filter" && name != "allow_partial_response":
			return nil, refusedOption("option", name, "it is not known here", "leave it away")
		}
	}
	return logstorage.ParseQueryAtTimestamp(text, parsed.GetTimestamp())
}

func refusedOption(code, name, why, hint string, args ...string) error {
	return fault.New(fault.Invalid, "the question cannot be asked").Coded("logs.option").
		With(fault.Problem{Field: "query", Code: code, Msg: "the option " + name + " cannot be set so: " + why, Args: append([]string{name}, args...), Hint: hint})
}

// asEngineWrites finds a quoted text, which it skips, and options.
var asEngineWrites = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\boptions\(([^()]*)\)`)

// optionsIn are the options in a question as the engine writes it.
func optionsIn(text string) (list []string) {
	for _, m := range asEngineWrites.FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			list = append(list, strings.Split(m[1], ", ")...)
		}
	}
	return list
}
