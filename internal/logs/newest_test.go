package logs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// TestNewest asks for the newest of events of chance, of which many have one time,
// and compares them with all, sorted here.
func TestNewest(t *testing.T) {
	c := rand.New(rand.NewPCG(5, 6))
	s := opened(t, nil)
	first := time.Now().Add(-72 * time.Hour).Truncate(time.Hour)
	spans := []time.Duration{1, time.Microsecond, time.Second, time.Minute, 50 * time.Hour}
	var events []event.Event
	for range 40 {
		at := first.Add(time.Duration(c.Int64N(int64(60 * time.Hour))))
		span := spans[c.IntN(len(spans))]
		for range c.IntN(200) {
			events = append(events, event.Event{ID: fmt.Sprint(len(events)), Time: at.Add(time.Duration(c.Int64N(int64(span)))),
				Line: fmt.Appendf(nil, `{"message":"said %d","a":"%d","host":{"name":"h%d"}}`, c.IntN(50), c.IntN(20), c.IntN(3))})
		}
	}
	if err := s.Add(t.Context(), "one", events); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	times := func(q Query) (list []int64) {
		t.Helper()
		q.Org = "one"
		if _, err := s.Rows(t.Context(), q, func(r Row) error { list = append(list, r.Time.UnixNano()); return nil }); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		return list
	}
	texts := []string{"*", "a:=3", "a:=3 or a:=4", "said", "i(SAID) a:=7", "{host.name=h1}", "!a:=1 | filter !a:=2", "* | fields _time, a", "nothing", "* | delete _msg", "a:in(a:=3 | fields a)",
		"options(concurrency=1) a:<5", "* | extract \"said <n>\" from _msg | filter n:<9"}
	for range 400 {
		q := Query{Text: texts[c.IntN(len(texts))]}
		if c.IntN(2) == 0 {
			q.From = first.Add(time.Duration(c.Int64N(int64(80 * time.Hour))))
		}
		if c.IntN(2) == 0 {
			q.To = first.Add(time.Duration(c.Int64N(int64(80 * time.Hour))))
		}
		want := times(Query{Text: q.Text + " | sort by (_time) desc", From: q.From, To: q.To})
		q.Limit, q.Offset = 1+c.IntN(1000), c.IntN(3)*c.IntN(50)
		got := times(q)
		want = want[min(q.Offset, len(want)):]
		want = want[:min(q.Limit, len(want))]
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d rows, want %d", q, len(got), len(want))
		}
	}
}

// What comes in of a day of which there was nothing yet, be it the oldest or the
// newest, keeps no question from finding what was there before.
func TestNewestWhileDaysBegin(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"a":"0"}`)})
	for i := range 60 {
		at := time.Now().AddDate(0, 0, -i-2)
		if i == 30 {
			at = time.Now().Add(25 * time.Hour)
		}
		if err := s.Add(t.Context(), "one", []event.Event{{ID: fmt.Sprint("of day ", i), Time: at, Line: []byte(`{"a":"1"}`)}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		n := 0
		if _, err := s.Rows(t.Context(), Query{Org: "one", Text: "a:=0", Limit: 10}, func(Row) error { n++; return nil }); err != nil || n != 1 {
			t.Fatalf("after an event of %s: %d rows, %v", at.Format(time.DateOnly), n, err)
		}
		if u, err := s.Usage(t.Context()); err != nil || u.Oldest.IsZero() || u.Oldest.After(time.Now().AddDate(0, 0, -1)) {
			t.Fatalf("the oldest is of %s, %v", u.Oldest, err)
		}
	}
}

func TestNewestOfOtherTimes(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"a":"0"}`), []byte(`{"a":"1"}`), []byte(`{"a":"2"}`)})
	for _, text := range []string{"* | time_add 1y", "* | math 5 as b", "a:* | time_add 1w | fields _time, a"} {
		n := 0
		if _, err := s.Rows(t.Context(), Query{Org: "one", Text: text, Limit: 1}, func(r Row) error {
			if n++; r.Get("a") != "2" {
				t.Errorf("%s: %v", text, r)
			}
			return nil
		}); err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v", text, n, err)
		}
	}
}

// TestNewestOfTimesThatEventsSay: no row is missed whose time a pipe replaces by
// what the event says.
func TestNewestOfTimesThatEventsSay(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"message":"{\"_time\":\"2020-01-02T03:04:05Z\"}","a":"0"}`), []byte(`{"message":"_time=5 at 7 x","a":"1"}`), []byte(`{"a":"2"}`)})
	for _, text := range []string{"* | unpack_json", "* | unpack_logfmt", `* | extract "at <_time> x"`, `* | extract_regexp "at (?P<_time>[0-9]+) x"`, `* | replace ("20", "21") at _time`,
		`* | replace_regexp ("20", "21") at _time`, "* | collapse_nums at _time", "* | unroll by (_time)", "* | unroll by (_time) | fields _time, a"} {
		n := 0
		if _, err := s.Rows(t.Context(), Query{Org: "one", Text: text, Limit: 5}, func(Row) error { n++; return nil }); err != nil || n != 3 {
			t.Errorf("%s: %d rows, %v", text, n, err)
		}
	}
}
