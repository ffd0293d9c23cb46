package logs_test

import (
	"fmt"
	"testing"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// Whoever makes up hosts gets no stream for each, and every event is found by its
// host all the same.
func TestMadeUpHosts(t *testing.T) {
	stores(t, func(t *testing.T, s logs.Store) {
		var events []event.Event
		for i := range 1300 {
			events = append(events, event.Event{ID: fmt.Sprint("h", i), Time: at(1), Seen: at(1), Source: "syslog", Format: "json", Line: fmt.Appendf(nil, `{"host.name":"host-%d","message":"m","n":%d}`, i, i)})
		}
		events = append(events, event.Event{ID: "other", Time: at(1), Seen: at(1), Source: "other", Format: "json", Line: []byte(`{"host.name":"host-1299","message":"m"}`)})
		add(t, s, "one", events...)
		q := logs.Query{Org: "one", From: at(0), To: at(2)}
		f := func(question, want string) {
			t.Helper()
			q.Text = question
			list, _ := rows(t, s, q)
			if len(list) != 1 || list[0].Get("n") != want {
				t.Errorf("%s: %+v, want %s", question, list, want)
			}
		}
		f(`binnacle.source:=syslog | stats count_uniq(_stream_id) n`, "1001") // 1000 hosts, and the source
		f(`binnacle.source:=other | stats count_uniq(_stream) n`, "1")
		f(`binnacle.source:=syslog | stats count_uniq(host.name) n`, "1300")
		for _, host := range []string{"host-0", "host-999", "host-1298"} {
			f(`host.name:=`+host+` | stats count() n`, "1")
		}
		f(`{host.name="host-1299"} | stats count() n`, "1")
		q.Text = `n:=1299`
		list, _ := rows(t, s, q)
		if len(list) != 1 || string(logs.Event(list[0]).Line) == "" || list[0].Get("host.name") != "host-1299" || logs.Event(list[0]).Source != "syslog" {
			t.Errorf("the event came back as %+v", list)
		}
	})
}
