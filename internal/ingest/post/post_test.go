package post

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

// taker keeps what it takes, and refuses records that say so.
type taker struct {
	batches []ingest.Batch
	full    int // batches from which on there is no room; 0: there always is
}

func (k *taker) Take(_ context.Context, b ingest.Batch) (ingest.Receipt, error) {
	if k.full > 0 && len(k.batches) >= k.full {
		return ingest.Receipt{}, &fault.Error{Kind: fault.RateLimited, Msg: "No room.", RetryAfter: 1500 * time.Millisecond}
	}
	kept := ingest.Batch{Org: b.Org, Source: b.Source, Format: b.Format}
	got := ingest.Receipt{Accepted: len(b.Records)}
	for i, r := range b.Records {
		r.Data = bytes.Clone(r.Data)
		kept.Records = append(kept.Records, r)
		if bytes.Contains(r.Data, []byte("refuse")) {
			got.Rejected = append(got.Rejected, ingest.Rejection{Record: i, Reason: "too-old", Detail: "It is old."})
		}
	}
	k.batches = append(k.batches, kept)
	return got, nil
}

func (k *taker) Offer(ingest.Batch) ingest.Receipt { return ingest.Receipt{} }

func (k *taker) data() (out []string) {
	for _, b := range k.batches {
		for _, r := range b.Records {
			out = append(out, string(r.Data))
		}
	}
	return out
}

// send asks a listener as a token called "web servers".
func send(t *testing.T, k *taker, method, path string, body []byte, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	c := Config{Taker: k, Secret: func(_ context.Context, org, name string) (string, error) {
		if org == auth.HomeID && name == "github-repo" {
			return "s3cret", nil
		}
		return "", fault.New(fault.NotFound, "there is no secret")
	}}
	mux := http.NewServeMux()
	for _, r := range Routes(c) {
		mux.HandleFunc(r.Method+" "+r.Pattern, func(w http.ResponseWriter, q *http.Request) {
			if err := r.Handle(w, q); err != nil {
				http.Error(w, err.Error(), fault.KindOf(err).Status())
			}
		})
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r = r.WithContext(door.WithPrincipal(r.Context(), auth.Principal{Org: "acme", Token: "t", Name: "web servers", Role: auth.RoleIngest}))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

func zstded(text string) []byte {
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll([]byte(text), nil)
}

func utf16(text string) []byte {
	out := []byte("\xff\xfe")
	for _, r := range text {
		out = append(out, byte(r), byte(r>>8))
	}
	return out
}

func TestLines(t *testing.T) {
	long := `{"a":"` + strings.Repeat("x", ingest.MaxEvent) + `"}`
	for _, c := range []struct {
		name    string
		body    []byte
		packed  string
		want    []string
		lengths bool
	}{
		{"lines", []byte("{\"a\":1}\r\n\n  \n{\"a\":2}"), "", []string{`{"a":1}`, `{"a":2}`}, false},
		{"other lines", []byte("Jan 1 sshd[1]: x\ny\n"), "", []string{"Jan 1 sshd[1]: x", "y"}, false},
		{"array", []byte(` [{"a":1},` + "\n" + ` {"a":2}]`), "", []string{`{"a":1}`, `{"a":2}`}, false},
		{"lines in brackets", []byte("[Sun Nov 29 07:00:02 2026] [error] x\n[12345.678] y\n"), "", []string{"[Sun Nov 29 07:00:02 2026] [error] x", "[12345.678] y"}, false},
		{"an array on lines", []byte("[\n{\"a\":1},\n{\"a\":2}\n]\n"), "", []string{`{"a":1}`, `{"a":2}`}, false},
		{"records", []byte(`{"Records":[{"a":1},{"a":2}]}`), "", []string{`{"a":1}`, `{"a":2}`}, false},
		{"object on many lines", []byte("{\n \"a\": 1\n}\n"), "", []string{"{\n \"a\": 1\n}"}, false},
		{"gzip", gzipped("{\"a\":1}\n"), "gzip", []string{`{"a":1}`}, false},
		{"zstd", zstded("{\"a\":1}\n"), "zstd", []string{`{"a":1}`}, false},
		{"utf-16", utf16("{\"a\":1}\n{\"a\":\"é\"}\n"), "", []string{`{"a":1}`, `{"a":"é"}`}, false},
		{"mark", []byte("\xef\xbb\xbf{\"a\":1}"), "", []string{`{"a":1}`}, false},
		{"too long", []byte(long + "\n{\"a\":1}\n"), "", []string{long[:ingest.MaxEvent+1], `{"a":1}`}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &taker{}
			w := send(t, k, "POST", "/ingest/json", c.body, "Content-Encoding", c.packed)
			got := k.data()
			if w.Code != 200 || len(got) != len(c.want) {
				t.Fatalf("%d %s: %d records, want %d", w.Code, w.Body, len(got), len(c.want))
			}
			for i := range got {
				if strings.TrimSpace(got[i]) != c.want[i] {
					t.Errorf("record %d has %d bytes, want %d", i, len(got[i]), len(c.want[i]))
				}
			}
			if b := k.batches[0]; b.Org != "acme" || b.Source != "web-servers" {
				t.Errorf("batch of %s/%s", b.Org, b.Source)
			}
		})
	}
}

func TestLinesAnswers(t *testing.T) {
	k := &taker{}
	w := send(t, k, "POST", "/ingest/json?source=s&format=sshd", []byte("a\nrefuse\n"))
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || a.Accepted != 2 || a.Rejected != 1 || a.Rejections[0].Record != 1 || a.Rejections[0].Detail == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if b := k.batches[0]; b.Source != "s" || b.Format != "sshd" {
		t.Errorf("batch of %s as %s", b.Source, b.Format)
	}
	if w := send(t, k, "POST", "/ingest/json", []byte("refuse\n")); w.Code != 422 {
		t.Errorf("nothing could be kept: %d", w.Code)
	}
	if w := send(t, k, "POST", "/ingest/json?source=a/b", []byte("x\n")); w.Code != 422 {
		t.Errorf("a source that cannot be: %d", w.Code)
	}
	if w := send(t, k, "POST", "/ingest/json?source=canary", []byte("x\n")); w.Code != 403 || slices.ContainsFunc(k.batches, func(b ingest.Batch) bool { return b.Source == "canary" }) {
		t.Errorf("canaries of who may only write events: %d", w.Code)
	}
	if err := mayCanary(auth.Principal{Role: auth.RoleLead}, "canary"); err != nil {
		t.Errorf("canaries of a person: %v", err)
	}
	if w := send(t, k, "POST", "/ingest/json", []byte("no gzip"), "Content-Encoding", "gzip"); w.Code != 422 {
		t.Errorf("no gzip: %d", w.Code)
	}
	if w := send(t, k, "POST", "/ingest/json", nil, "Content-Encoding", "br"); w.Code != 422 {
		t.Errorf("unknown packing: %d", w.Code)
	}
}

// TestLinesFull: a body in parts is taken until there is no room, and the answer
// says how far.
func TestLinesFull(t *testing.T) {
	k := &taker{full: 1}
	line := strings.Repeat("x", 1<<20) + "\n"
	w := send(t, k, "POST", "/ingest/json", []byte(strings.Repeat(line, 6)))
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 429 || w.Header().Get("Retry-After") != "2" || a.Accepted != 4 || a.Error == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := send(t, k, "POST", "/ingest/json", []byte("x")); w.Code != 429 || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestBulk(t *testing.T) {
	k := &taker{}
	body := `{"create":{"_index":"i","_id":"7"}}
{"message":"a"}
{"index":{}}
{"message":"refuse"}
{"delete":{"_id":"x"}}
{"update":{"_id":"y"}}
{"doc":{}}
`
	w := send(t, k, "POST", "/ingest/elastic/logs/_bulk", []byte(body))
	var a struct {
		Errors bool
		Items  []map[string]struct {
			Index  string `json:"_index"`
			ID     string `json:"_id"`
			Status int
			Error  *struct{ Type, Reason string }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 || !a.Errors || len(a.Items) != 4 {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if x := a.Items[0]["create"]; x.Status != 201 || x.ID != "7" || x.Index != "i" || x.Error != nil {
		t.Errorf("the first: %+v", x)
	}
	if x := a.Items[1]["index"]; x.Status != 400 || x.Index != "logs" || !strings.Contains(x.Error.Reason, "old") {
		t.Errorf("the refused: %+v", x)
	}
	if x := a.Items[2]["delete"]; x.Status != 400 {
		t.Errorf("a deletion: %+v", x)
	}
	if got := k.batches[0].Records; len(got) != 2 || got[0].ID != "7" {
		t.Errorf("records: %+v", got)
	}
	k.full = 1
	if w := send(t, k, "POST", "/ingest/elastic/_bulk", []byte(body)); w.Code != 429 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "es_rejected_execution_exception") {
		t.Errorf("no room: %d %s", w.Code, w.Body)
	}
	if w := send(t, k, "POST", "/ingest/elastic/_bulk", []byte("{\"a\":1}\n{}\n")); w.Code != 400 {
		t.Errorf("no action: %d %s", w.Code, w.Body)
	}
}

// TestManners: what Filebeat and Logstash ask before they send.
func TestManners(t *testing.T) {
	for _, ask := range []string{"GET /ingest/elastic", "GET /ingest/elastic/", "GET /ingest/elastic/_license", "GET /ingest/elastic/_xpack", "GET /ingest/elastic/_ilm/policy/x", "PUT /ingest/elastic/_index_template/x", "GET /ingest/elastic/_nodes/_local"} {
		method, path, _ := strings.Cut(ask, " ")
		w := send(t, &taker{}, method, path, nil)
		if w.Code != 200 || w.Header().Get("X-Elastic-Product") != "Elasticsearch" || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", ask, w.Code, w.Body)
		}
	}
}

func TestLoki(t *testing.T) {
	f := func(body []byte, kind string) []ingest.Record {
		t.Helper()
		k := &taker{}
		if w := send(t, k, "POST", "/ingest/loki/api/v1/push", body, "Content-Type", kind); w.Code != 204 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return k.batches[0].Records
	}
	text := `{"streams":[{"stream":{"job":"x","host":"h1"},"values":[["1700000000000000001","one"],["1700000000000000002","two",{"trace":"7"}]]}]}`
	plain := f([]byte(text), "application/json")
	packed := f(lokiMessage(), "application/x-protobuf")
	for _, got := range [][]ingest.Record{plain, packed} {
		if len(got) != 2 || string(got[1].Data) != "two" || got[1].Time.UnixNano() != 1700000000000000002 || got[0].ID == got[1].ID {
			t.Fatalf("records: %+v", got)
		}
		if fields := fmt.Sprint(got[1].Fields); !strings.Contains(fields, "{trace 7}") || !strings.Contains(fields, "{host.name h1}") || !strings.Contains(fields, "{job x}") {
			t.Errorf("fields: %s", fields)
		}
	}
	if again := f([]byte(text), "application/json"); again[0].ID != plain[0].ID {
		t.Error("the same line has another id when it is sent again")
	}
	k := &taker{} // as Vector sends it
	if w := send(t, k, "POST", "/ingest/loki/api/v1/push", lokiMessage(), "Content-Type", "application/x-protobuf", "Content-Encoding", "snappy"); w.Code != 204 || len(k.data()) != 2 {
		t.Errorf("said to be packed with snappy: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"", "{", `{"streams":[{}]}`, `{"streams":[{"stream":{},"values":[["x","y"]]}]}`} {
		if w := send(t, &taker{}, "POST", "/ingest/loki/api/v1/push", []byte(bad), "Content-Type", "application/json"); w.Code != 422 && w.Code != 204 {
			t.Errorf("%q: %d", bad, w.Code)
		}
	}
}

// lokiMessage is the push of TestLoki as Promtail writes it.
func lokiMessage() []byte {
	bytesOf := func(n protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), inner)
	}
	entry := func(nanos uint64, line string, more ...[]byte) []byte {
		at := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1700000000)
		at = protowire.AppendVarint(protowire.AppendTag(at, 2, protowire.VarintType), nanos)
		out := append(bytesOf(1, at), bytesOf(2, []byte(line))...)
		for _, m := range more {
			out = append(out, bytesOf(3, m)...)
		}
		return bytesOf(2, out)
	}
	stream := bytesOf(1, []byte(`{job="x", host="h1"}`))
	stream = append(stream, entry(1, "one")...)
	stream = append(stream, entry(2, "two", append(bytesOf(1, []byte("trace")), bytesOf(2, []byte("7"))...))...)
	return snappy.Encode(nil, bytesOf(1, stream))
}

func TestGitHub(t *testing.T) {
	body := []byte(`{"action":"created"}`)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write(body)
	good := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	k := &taker{}
	if w := send(t, k, "POST", "/ingest/github/repo", body, "X-Hub-Signature-256", good, "X-GitHub-Delivery", "d1", "X-GitHub-Event", "push"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if b := k.batches[0]; b.Org != auth.HomeID || b.Source != "repo" || b.Format != "github" || b.Records[0].ID != "d1" || fmt.Sprint(b.Records[0].Fields[0]) != "{x-github-event push}" {
		t.Errorf("batch: %+v", b)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"no signature":    send(t, k, "POST", "/ingest/github/repo", body),
		"another body":    send(t, k, "POST", "/ingest/github/repo", []byte(`{}`), "X-Hub-Signature-256", good),
		"no secret":       send(t, k, "POST", "/ingest/github/other", body, "X-Hub-Signature-256", good),
		"another account": send(t, k, "POST", "/ingest/github/repo?org=acme", body, "X-Hub-Signature-256", good),
	} {
		if w.Code != 401 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if len(k.batches) != 1 {
		t.Error("what is not signed was taken")
	}
}

func TestOTLP(t *testing.T) {
	k := &taker{}
	body := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"stringValue":"hi"}},{"body":{"stringValue":"refuse"}}]}]}]}`
	w := send(t, k, "POST", "/ingest/otlp/v1/logs", []byte(body), "Content-Type", "application/json")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"rejectedLogRecords":"1"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := send(t, k, "POST", "/ingest/otlp/v1/logs", []byte("{"), "Content-Type", "application/json"); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What is sent as something else is told how to send it, also where it is protobuf by
	// chance.
	for _, c := range [][2]string{{"application/x-www-form-urlencoded", body}, {"text/plain", "x\n"}} {
		if w := send(t, k, "POST", "/ingest/otlp/v1/logs", []byte(c[1]), "Content-Type", c[0]); w.Code != 400 || !strings.Contains(w.Body.String(), c[0]) || !strings.Contains(w.Body.String(), "JSON as application/json") {
			t.Errorf("sent as %s: %d %s", c[0], w.Code, w.Body)
		}
	}
	k.full = 1
	if w := send(t, k, "POST", "/ingest/otlp/v1/logs", []byte(body), "Content-Type", "application/json"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzLoki(f *testing.F) {
	f.Add(snappyPlain(lokiMessage()))
	f.Add([]byte(`{"streams":[{"stream":{"a":"b"},"values":[["1","x"]]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lokiJSON(data)
		lokiPacked(data)
		lokiPacked(snappy.Encode(nil, data))
		lokiLabels(string(data))
	})
}

func snappyPlain(data []byte) []byte {
	out, _ := snappy.Decode(nil, data)
	return out
}

func FuzzBulk(f *testing.F) {
	f.Add([]byte("{\"create\":{\"_id\":\"7\"}}\n{\"message\":\"a\"}\n{\"delete\":{}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b ingest.Batch
		deeds, err := readBulk(data, "i", &b)
		if err == nil && !json.Valid(bulkAnswer(deeds, b.Records, ingest.Receipt{}, 0)) {
			t.Errorf("the answer to %q is no JSON", data)
		}
	})
}

// TestNoRecords: a place of a body that holds no object is refused as such, whatever
// the format, and the rest is taken.
func TestNoRecords(t *testing.T) {
	k := &taker{}
	send(t, k, "POST", "/ingest/json", []byte(`[{"a":1}, nonsense`+"\n"+`{"b":2}`+"\n"))
	var got []string
	for _, r := range k.batches[0].Records {
		got = append(got, string(r.Data)+r.Problem)
	}
	if text := strings.Join(got, "|"); text != `{"a":1}|Line 1: it is no JSON object.|{"b":2}` {
		t.Errorf("records: %s", text)
	}
	// What follows it on the same line is taken, and the first may be no object.
	for _, body := range []string{`["x",{"b":2}]`, `[1,{"b":2}]`, `[null, {"b":2}]`, `[[1], {"b":2}]`} {
		k = &taker{}
		send(t, k, "POST", "/ingest/json", []byte(body))
		if r := k.batches[0].Records; len(r) != 2 || r[0].Problem == "" || string(r[1].Data) != `{"b":2}` {
			t.Errorf("%s: %d records", body, len(r))
		}
	}
	// However many there are, they are not all in memory.
	k = &taker{}
	send(t, k, "POST", "/ingest/json", []byte("{\n}\n"+strings.Repeat("x\n", 3*perPart)))
	if len(k.batches) < 3 {
		t.Errorf("%d bad lines were held at once", len(k.batches[0].Records))
	}
}

// TestTooMuchUnpacked: a body that is too large is told so, not that it broke off.
func TestTooMuchUnpacked(t *testing.T) {
	p := newParts()
	p.take = func([]ingest.Record) error { return nil }
	if err := p.read(&limited{in: strings.NewReader("a\nb\nc\n"), left: 3}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("%v", err)
	}
}

// TestStrangersAreNotRead: a webhook that cannot be right takes no memory.
func TestStrangersAreNotRead(t *testing.T) {
	c := Config{Taker: &taker{}, Secret: func(_ context.Context, _, name string) (string, error) {
		if name == "github-repo" {
			return "s3cret", nil
		}
		return "", fault.New(fault.NotFound, "there is no secret")
	}}
	for source, signature := range map[string]string{"repo": "", "other": "sha256=00"} {
		body := &counted{}
		r := httptest.NewRequest("POST", "/ingest/github/"+source, body)
		r.SetPathValue("source", source)
		r.Header.Set("X-Hub-Signature-256", signature)
		if err := c.github(httptest.NewRecorder(), r); !fault.Is(err, fault.Unauthenticated) || body.n > 0 {
			t.Errorf("%s: %v after %d reads", source, err, body.n)
		}
	}
}

// counted is an empty body that counts how often it is read.
type counted struct{ n int }

func (c *counted) Read([]byte) (int, error) { c.n++; return 0, io.EOF }

// TestSmallBodiesOfManyRecords: what becomes large in memory is refused on the way.
func TestSmallBodiesOfManyRecords(t *testing.T) {
	labels := strings.Repeat("x", maxLabels)
	if w := send(t, &taker{}, "POST", "/ingest/loki/api/v1/push", []byte(`{"streams":[{"stream":{"a":"`+labels+`"},"values":[]}]}`), "Content-Type", "application/json"); w.Code != 413 {
		t.Errorf("labels: %d %s", w.Code, w.Body)
	}
	p := push{records: make([]ingest.Record, ingest.MaxRecords-1)}
	if err := p.add(ingest.Record{}); err != nil {
		t.Error(err)
	}
	if err := p.add(ingest.Record{}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one more: %v", err)
	}
	var b ingest.Batch
	if _, err := readBulk([]byte(strings.Repeat("{\"index\":{}}\n\n", ingest.MaxRecords+1)), "", &b); !fault.Is(err, fault.TooLarge) {
		t.Errorf("documents: %v", err)
	}
}

// TestBodiesHeld: bodies that are taken whole share what may be in memory, and give it
// back.
func TestBodiesHeld(t *testing.T) {
	c := Config{held: &held{left: 10}}
	read := func(n int) (func(), error) {
		_, done, err := c.whole(httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", n))))
		return done, err
	}
	first, err := read(8)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(3); !fault.Is(err, fault.RateLimited) {
		t.Errorf("no room: %v", err)
	}
	first()
	if second, err := read(10); err != nil {
		t.Errorf("after it was given back: %v", err)
	} else {
		second()
	}
	if c.held.left != 10 {
		t.Errorf("%d are left of 10", c.held.left)
	}
}
