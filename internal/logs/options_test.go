package logs

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// TestOptions: no option of a question, and of none within it, leaves the time it
// is asked for.
func TestOptions(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"a":"b"}`), []byte(`{"a":"c"}`), []byte(`{"a":"options(concurrency=1000)"}`)})
	whole := Query{Org: "one"}
	f := func(text, code string, want int) {
		t.Helper()
		whole.Text = text
		n := 0
		_, err := s.Rows(t.Context(), whole, func(Row) error { n++; return nil })
		got := ""
		for _, p := range fault.ProblemsOf(err) {
			got = p.Code
		}
		if got != code || n != want || (err == nil) != (code == "") {
			t.Errorf("%s: %d rows, want %d, problem %q, want %q: %v", text, n, want, got, code, err)
		}
		if checked := s.Check(text); (checked == nil) != (code == "") {
			t.Errorf("%s: Check says %v", text, checked)
		}
		if _, err := Translate(t.Context(), s, whole); (err == nil) != (code == "") && text[0] != '#' { // there it is a quoted text
			t.Errorf("%s: Translate says %v", text, err)
		}
	}
	whole.From, whole.To = time.Now(), time.Now().Add(time.Hour) // where there are no events
	f("*", "", 0)
	f("options(ignore_global_time_filter=true) *", "option-time", 0)
	f("OPTIONS (\n ignore_global_time_filter = 1 ) *", "option-time", 0)
	f(`options("ignore_global\u005ftime_filter"="t") *`, "option-time", 0)
	f("# \"\noptions(ignore_global_time_filter=true) * # \"", "option-time", 0)
	f("options(concurrency=2, ignore_global_time_filter=true) *", "option-time", 0)
	f("options(time_offset=24h) *", "option-time", 0)
	f("a:in(options(ignore_global_time_filter=true) * | fields a)", "option-time", 0)
	f(`a:"\"" or a:in(options(ignore_global_time_filter=true) * | fields a) or a:"\""`, "option-time", 0)
	f("a:b | union (options(ignore_global_time_filter=true) *)", "option-time", 0)
	f("* | join by (a) (options(time_offset=1d) *)", "option-time", 0)
	f("* | stats count() if (a:in(options(ignore_global_time_filter=true) * | fields a)) n", "option-time", 0)
	whole.From, whole.To = time.Time{}, time.Time{}
	f("options(concurrency=1000000) *", "option-workers", 0)
	f("options(nothing=1) *", "logsql", 0)
	f("options(concurrency=2) *", "", 3)
	f("options(parallel_readers=2000) a:b", "", 1)
	f("options(ignore_global_time_filter=false, allow_partial_response=true) a:c", "", 1)
	f(`a:"options(concurrency=1000)"`, "", 1)
	f(`a:="options(concurrency=1000)"`, "", 1)
	f(`"ignore_global_time_filter=true"`, "", 0)

	parsed, err := parseText("options(parallel_readers=2000) *")
	if err != nil || parsed.GetParallelReaders(4) != 4 {
		t.Errorf("%v: a question has %d readers", err, parsed.GetParallelReaders(4))
	}
}
