package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// ndjson are the lines of an answer.
func ndjson(t *testing.T, r reply) (out []map[string]any) {
	t.Helper()
	for line := range bytes.Lines(r.Body.Bytes()) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

func TestEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		start := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
		var events []event.Event
		for i := range 30 {
			events = append(events, event.Event{ID: fmt.Sprint("e", i), Time: start.Add(time.Duration(i) * time.Minute), Source: "web", Format: "json", Rules: []string{"r"},
				Line: fmt.Appendf(nil, `{"message":"Said by \"Ana\" <%d>","n":%d,"deep":{"list":["a",%d]},"bad":"%s"}`, i, i, i, "\xff")})
		}
		check(t, h.api.Logs.Add(t.Context(), h.owner.Org, events))
		check(t, h.api.Logs.Flush(t.Context()))
		get := func(path string) []map[string]any {
			t.Helper()
			return ndjson(t, h.want(200, h.do("reader", "GET", "/api/v1/events"+path, "")))
		}
		all := get("?query=ana&limit=5")
		if len(all) != 6 || all[0]["event.id"] != "e29" || all[0]["message"] != nil || all[0]["_msg"] != `Said by "Ana" <29>` || all[0]["binnacle.shape"] != nil || all[0]["bad"] != "\uFFFD" {
			t.Errorf("%v", all)
		}
		if o := all[5]["_outcome"].(map[string]any); o["rows"] != 5.0 || o["limited"] != true || o["query"] == "ana" {
			t.Errorf("outcome %v", o)
		}
		whole := get("?as=event&limit=1&query=" + url.QueryEscape("n:=3") + "&exact=true")
		line, _ := json.Marshal(whole[0]["event"])
		if whole[0]["id"] != "e3" || whole[0]["source"] != "web" || whole[0]["time"] != start.Add(3*time.Minute).Format(time.RFC3339) || !bytes.Contains(line, []byte(`"deep":{"list":["a",3]}`)) {
			t.Errorf("%v", whole)
		}
		if got := get("?as=stored&limit=1"); got[0]["binnacle.shape"] == nil {
			t.Errorf("%v", got)
		}
		body := fmt.Sprintf(`{"query":"* | stats count() n","from":%q,"to":%q,"limit":-1}`, start.Add(time.Minute).Format(time.RFC3339), start.Add(11*time.Minute).Format(time.RFC3339))
		if got := ndjson(t, h.want(200, h.do("reader", "POST", "/api/v1/events/query", body))); got[0]["n"] != "10" {
			t.Errorf("%v", got)
		}

		hits := h.want(200, h.do("reader", "GET", "/api/v1/events/hits?step=10m&from="+url.QueryEscape(start.Format(time.RFC3339))+"&to="+url.QueryEscape(start.Add(30*time.Minute).Format(time.RFC3339)), "")).body
		if got, _ := json.Marshal(hits["series"]); !bytes.Contains(got, []byte(`"counts":[10,10,10]`)) {
			t.Errorf("%s", got)
		}
		if got := h.want(200, h.do("reader", "GET", "/api/v1/events/hits?field=n&limit=2", "")).body["series"].([]any); len(got) != 3 {
			t.Errorf("%d series, want two and the rest", len(got))
		}
		fields := h.want(200, h.do("reader", "GET", "/api/v1/events/fields?query=said", "")).Body.String()
		if !bytes.Contains([]byte(fields), []byte(`"deep.list"`)) || bytes.Contains([]byte(fields), []byte("binnacle.shape")) {
			t.Error(fields)
		}
		if got, _ := json.Marshal(h.want(200, h.do("reader", "GET", "/api/v1/events/fields?field=binnacle.source", "")).body["fields"]); string(got) != `[{"field":"binnacle.source","values":[{"hits":30,"value":"web"}]}]` {
			t.Errorf("%s", got)
		}
		if got := h.want(200, h.do("reader", "GET", "/api/v1/events/fields?values=2", "")).Body.String(); !bytes.Contains([]byte(got), []byte(`"values"`)) {
			t.Error(got)
		}

		h.want(422, h.do("reader", "GET", "/api/v1/events?query="+url.QueryEscape("a:b and (c"), ""))
		h.want(422, h.do("reader", "GET", "/api/v1/events/hits?exact=true&query=%7C", ""))
		h.want(400, h.do("reader", "GET", "/api/v1/events/hits?step=soon", ""))
		h.want(400, h.do("reader", "GET", "/api/v1/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ""))
		h.want(400, h.do("reader", "POST", "/api/v1/events/query", `{"as":"poem"}`))
	})
}
