package post

import (
	"bytes"
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
)

// elasticVersion is the version of Elasticsearch whose bulk form this is.
// Senders refuse to speak to one that is older than they are.
const elasticVersion = "8.99.0"

// elastic answers as Elasticsearch does: the bulk form, and what senders ask
// before they use it.
func (c Config) elastic(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	path := strings.Trim(r.PathValue("path"), "/")
	last := path[strings.LastIndexByte(path, '/')+1:]
	var err error
	switch index, _, _ := strings.Cut(path, "/"); {
	case last == "_bulk" && r.Method != http.MethodGet:
		err = c.bulk(w, r)
	case strings.Contains(path, "/_doc") || strings.Contains(path, "/_create"):
		err = c.document(w, r, index)
	default:
		return manners(w, r, path)
	}
	if err == nil {
		return nil
	}
	return elasticError(w, err)
}

// manners answers what senders ask first.
func manners(w http.ResponseWriter, r *http.Request, path string) error {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		return write(w, http.StatusOK, map[string]any{"name": "binnacle", "cluster_name": "binnacle", "cluster_uuid": "binnacle", "tagline": "You Know, for Search",
			"version": map[string]any{"number": elasticVersion, "build_flavor": "default", "lucene_version": "9.12.0", "minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0"}})
	case first == "_license":
		return write(w, http.StatusOK, map[string]any{"license": map[string]any{"status": "active", "uid": "binnacle", "type": "basic", "mode": "basic", "expiry_date_in_millis": 4102444800000}})
	case first == "_xpack":
		return write(w, http.StatusOK, map[string]any{"build": map[string]any{}, "license": map[string]any{"status": "active", "type": "basic", "mode": "basic"}, "features": map[string]any{"ilm": map[string]any{"available": true, "enabled": true}}})
	case first == "_nodes":
		return write(w, http.StatusOK, map[string]any{"cluster_name": "binnacle", "nodes": map[string]any{}})
	case first == "_cluster":
		return write(w, http.StatusOK, map[string]any{"cluster_name": "binnacle", "status": "green"})
	case r.Method == http.MethodGet:
		return write(w, http.StatusOK, map[string]any{}) // templates, policies, aliases: whatever it is, it is there
	}
	return write(w, http.StatusOK, map[string]any{"acknowledged": true})
}

// elasticError answers with an error as Elasticsearch has them.
func elasticError(w http.ResponseWriter, err error) error {
	f, status := told(w, err)
	if f == nil {
		return err
	}
	kinds := map[fault.Kind]string{fault.RateLimited: "es_rejected_execution_exception", fault.Invalid: "illegal_argument_exception", fault.TooLarge: "content_too_long_exception"}
	text := f.Msg
	if f.Hint != "" {
		text += " " + f.Hint
	}
	cause := map[string]any{"type": cmp.Or(kinds[f.Kind], "exception"), "reason": text}
	return write(w, status, map[string]any{"error": map[string]any{"type": cause["type"], "reason": text, "root_cause": []any{cause}}, "status": status})
}

// deed is what a line of the bulk form says of the document behind it.
type deed struct {
	verb, index, id string
	record          int    // its number; -1: it is none
	why             string // then
}

// bulk takes a request of the bulk form, all or nothing.
func (c Config) bulk(w http.ResponseWriter, r *http.Request) error {
	began := time.Now()
	b, data, done, err := c.request(r)
	if err != nil {
		return err
	}
	defer done()
	index, _, found := strings.Cut(strings.Trim(r.PathValue("path"), "/"), "/")
	if !found {
		index = ""
	}
	deeds, err := readBulk(data, index, &b)
	if err != nil {
		return err
	}
	got, err := c.Taker.Take(r.Context(), b)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(bulkAnswer(deeds, b.Records, got, time.Since(began)))
	return err
}

// readBulk reads pairs of lines. A pair that says something else than to add a
// document keeps its place in the answer.
func readBulk(data []byte, index string, b *ingest.Batch) ([]deed, error) {
	var p fastjson.Parser
	var deeds []deed
	for n := 1; len(data) > 0; n++ {
		var line []byte
		line, data, _ = bytes.Cut(data, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		d, ok := readDeed(&p, line, index)
		if !ok {
			return nil, fault.New(fault.Invalid, "Line %d of the bulk request is no action: it must be one of index and create.", n).Coded("ingest.bulk").WithHint("write the action on one line and the document on the next")
		}
		if len(deeds) >= ingest.MaxRecords {
			return nil, tooMany()
		}
		if d.verb == "delete" {
			deeds = append(deeds, d)
			continue
		}
		line, data, _ = bytes.Cut(data, []byte{'\n'})
		n++
		if d.why == "" {
			d.record = len(b.Records)
			b.Records = append(b.Records, ingest.Record{Data: bytes.TrimSuffix(line, []byte{'\r'}), ID: d.id})
		}
		deeds = append(deeds, d)
	}
	return deeds, nil
}

func readDeed(p *fastjson.Parser, line []byte, index string) (deed, bool) {
	v, err := p.ParseBytes(line)
	if err != nil {
		return deed{}, false
	}
	for _, verb := range []string{"create", "index", "update", "delete"} {
		o := v.Get(verb)
		if o == nil {
			continue
		}
		d := deed{verb: verb, index: cmp.Or(string(o.GetStringBytes("_index")), index), id: string(o.GetStringBytes("_id")), record: -1}
		if verb == "update" || verb == "delete" {
			d.why = "events are never changed: " + verb + " is not possible"
		}
		return d, true
	}
	return deed{}, false
}

func bulkAnswer(deeds []deed, records []ingest.Record, got ingest.Receipt, took time.Duration) []byte {
	refused := map[int]ingest.Rejection{}
	for _, x := range got.Rejected {
		refused[x.Record] = x
	}
	errs := len(refused) > 0
	items := make([]byte, 0, 128*len(deeds))
	for i, d := range deeds {
		if i > 0 {
			items = append(items, ',')
		}
		x, bad := refused[d.record]
		if d.record < 0 {
			x, bad, errs = ingest.Rejection{Detail: d.why}, true, true
		}
		items = d.item(items, bad, x)
	}
	head := `{"took":` + strconv.FormatInt(took.Milliseconds(), 10) + `,"errors":` + strconv.FormatBool(errs) + `,"items":[`
	return append(append([]byte(head), items...), ']', '}')
}

func (d *deed) item(b []byte, bad bool, x ingest.Rejection) []byte {
	b = append(append(append(b, `{"`...), d.verb...), `":{"_index":`...)
	b = parser.AppendString(b, d.index)
	b = parser.AppendString(append(b, `,"_id":`...), d.id)
	if bad {
		b = append(b, `,"status":400,"error":{"type":"document_parsing_exception","reason":`...)
		b = parser.AppendString(b, strings.TrimSpace(x.Reason+" "+x.Detail))
		return append(b, `}}}`...)
	}
	return append(b, `,"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1,"status":201}}`...)
}

// document takes one document.
func (c Config) document(w http.ResponseWriter, r *http.Request, index string) error {
	if r.Method == http.MethodGet {
		return fault.New(fault.NotFound, "Documents are not read here.").Coded("ingest.read").WithHint("search events with binnacle hunt")
	}
	b, data, done, err := c.request(r)
	if err != nil {
		return err
	}
	defer done()
	parts := strings.Split(strings.Trim(r.PathValue("path"), "/"), "/")
	d := deed{index: index}
	if len(parts) == 3 {
		d.id = parts[2]
	}
	b.Records = []ingest.Record{{Data: data, ID: d.id}}
	got, err := c.Taker.Take(r.Context(), b)
	if err != nil {
		return err
	}
	if len(got.Rejected) > 0 {
		return fault.New(fault.Invalid, "%s: %s", got.Rejected[0].Reason, got.Rejected[0].Detail)
	}
	return write(w, http.StatusCreated, map[string]any{"_index": index, "_id": cmp.Or(d.id, door.RequestID(r.Context())), "_version": 1, "result": "created"})
}
