package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fastjson"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// ClusterOptions are the choices of a store that is elsewhere.
type ClusterOptions struct {
	// URL is a server of VictoriaLogs, or what stands before a cluster of them:
	// http://logs.example.com:9428, with user:password@ when it asks for them.
	URL     string
	Tenants Tenants
	// Keep is how long the nodes keep events (-retentionPeriod): they drop older
	// ones without a word, so these are refused. 0 refuses none.
	Keep   time.Duration
	Client *http.Client // nil: one without a time limit, since questions have contexts
}

// What a server takes unless it is started with other flags
// (-insert.maxLineSizeBytes and -insert.maxFieldsPerLine). It drops larger events
// without a word, so they are refused here.
const (
	clusterBytes  = 256 << 10
	clusterFields = 1000 - 3 // the server counts _time and adds none; two are ours
)

// clusterFlush is how long a node holds events in memory at most before they are
// on its disk, with as much again for its work.
const clusterFlush = 10 * time.Second

// Cluster keeps events in a server or a cluster of VictoriaLogs, over HTTP.
//
// A cluster has no copies: an event is on one node. Settled means that the front
// handed it to a node long enough ago for it to be on that node's disk; a node
// that loses power loses what it held in memory since its last write, at most
// five seconds.
type Cluster struct {
	asker
	options ClusterOptions
	base    *url.URL
	packer  *zstd.Encoder
	streams *streams

	mu     sync.Mutex
	handed []time.Time // when nodes had everything, the oldest first
}

// OpenCluster returns a store at an address. It asks nothing of it yet.
func OpenCluster(o ClusterOptions) (*Cluster, error) {
	u, err := url.Parse(strings.TrimRight(o.URL, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "--logs %q is no address of VictoriaLogs", o.URL).WithHint("write it as http://logs.example.com:9428")
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}}
	}
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, base: u, packer: packer, streams: newStreams()}
	c.asker = asker{tenants: o.Tenants, run: c.run}
	return c, nil
}

// String is the address without a password.
func (c *Cluster) String() string { return c.base.Redacted() }

// Limits are what events must keep to.
func (c *Cluster) Limits() Limits {
	return Limits{Bytes: clusterBytes, Fields: clusterFields, Past: c.options.Keep, Future: Future}
}

// Add sends events to the front, which hands them to the nodes.
func (c *Cluster) Add(ctx context.Context, org string, events []event.Event) error {
	n, err := c.tenants.Tenant(ctx, org, true)
	if err != nil {
		return err
	}
	e, now := encoders.Get().(*encoder), time.Now()
	defer encoders.Put(e)
	var refused Refused
	bodies := map[string][]byte{} // by the fields of their streams
	limits := c.Limits()
	if limits.Future += slack; limits.Past > 0 {
		limits.Past += slack
	}
	for i := range events {
		fields, _, reason := limits.lay(e, &events[i], now)
		of := event.FieldSource
		if reason == "" {
			if _, apart := c.streams.of(n, events[i].Source, fields[slotHost].Value); apart {
				of += "," + event.Host
			}
			body := bodies[of]
			from := len(body)
			if body = appendFields(body, events[i].Time, e.silent(fields)); len(body)-from > clusterBytes {
				body, reason = body[:from], TooLarge
			}
			bodies[of] = body
		}
		if reason != "" {
			refused = append(refused, Refusal{Event: i, Reason: reason})
			continue
		}
		if len(bodies[of]) > 1<<20 {
			if err := c.send(ctx, n, of, bodies[of]); err != nil {
				return err
			}
			bodies[of] = bodies[of][:0]
		}
	}
	for of, body := range bodies {
		if len(body) == 0 {
			continue
		}
		if err := c.send(ctx, n, of, body); err != nil {
			return err
		}
	}
	if len(refused) > 0 {
		return refused
	}
	return nil
}

// appendFields appends an event as the server reads it: flat, on one line.
func appendFields(b []byte, t time.Time, fields []logstorage.Field) []byte {
	b = append(b, `{"_time":"`...)
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '"')
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		b = append(appendText(append(b, ','), f.Name), ':')
		b = appendText(b, f.Value)
	}
	return append(b, '}', '\n')
}

// send sends events whose streams are of some fields.
func (c *Cluster) send(ctx context.Context, tenant uint32, streams string, body []byte) error {
	req, err := c.request(ctx, "/insert/jsonline?_stream_fields="+streams, bytes.NewReader(c.packer.EncodeAll(body, nil)))
	if err != nil {
		return err
	}
	req.Header.Set("AccountID", strconv.FormatUint(uint64(tenant), 10))
	req.Header.Set("Content-Type", "application/stream+json")
	req.Header.Set("Content-Encoding", "zstd")
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	return drain(resp)
}

func (c *Cluster) request(ctx context.Context, path string, body io.Reader) (*http.Request, error) {
	u, err := url.Parse(c.base.String() + path)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return nil, err
	}
	if user := c.base.User; user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
		req.URL.User = nil
	}
	return req, nil
}

// errDown means that the server, or a node behind it, does not answer.
var errDown = errors.New("does not answer")

// do sends a request; what is not an answer is an error.
func (c *Cluster) do(req *http.Request) (*http.Response, error) {
	resp, err := c.options.Client.Do(req)
	if err != nil {
		if ctx := req.Context().Err(); ctx != nil {
			return nil, ctx
		}
		return nil, c.down(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	resp.Body.Close()
	cause := fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(said))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fault.New(fault.Unavailable, "the event engine at %s does not let the program in", c).WithHint("give a user and a password in --logs")
	case resp.StatusCode == http.StatusBadRequest:
		return nil, cause
	}
	return nil, c.down(cause)
}

func (c *Cluster) down(cause error) error {
	f := fault.New(fault.Unavailable, "the event engine at %s, or a node of it, does not answer", c).WithHint("see that it runs and can be reached; a question can take what the others have")
	f.Err = fmt.Errorf("%w: %v", errDown, cause)
	return f
}

func drain(resp *http.Response) error {
	_, err := io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// Flush makes the front hand over what it holds, and nodes make it findable.
func (c *Cluster) Flush(ctx context.Context) error {
	req, err := c.request(ctx, "/internal/force_flush", nil)
	if err != nil {
		return err
	}
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	return drain(resp)
}

// Settled returns a moment: what was added before it is on the disk of a node.
func (c *Cluster) Settled(ctx context.Context) (time.Time, error) {
	now := time.Now()
	if err := c.Flush(ctx); err != nil {
		return time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handed = append(c.handed, now)
	var settled time.Time
	for len(c.handed) > 0 && now.Sub(c.handed[0]) > clusterFlush {
		settled, c.handed = c.handed[0], c.handed[1:]
	}
	if !settled.IsZero() {
		c.handed = append([]time.Time{settled}, c.handed...)
	}
	return settled, nil
}

// run asks the server. An answer without some nodes does not say that it is one,
// so whether all are there is asked before.
func (c *Cluster) run(ctx context.Context, r request, rows func([]Row) error) (cost, error) {
	partial := false
	if r.partial {
		err := c.query(ctx, r.tenant, "_time:[1970-01-01,1970-01-01]", false, func([]Row) error { return nil })
		if partial = errors.Is(err, errDown); err != nil && !partial {
			return cost{}, err
		}
	}
	text := r.query.String()
	if newest, _, _ := r.query.GetLastNResultsQuery(); newest != nil && split(newest).nested() {
		text += " | drop_empty_fields" // changes nothing, but the server does not make the time of questions within shorter then
	}
	err := c.query(ctx, r.tenant, text, partial, rows)
	return cost{partial: partial}, err
}

func (c *Cluster) query(ctx context.Context, tenant uint32, text string, partial bool, rows func([]Row) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	form := url.Values{"query": {text}, "allow_partial_response": {strconv.FormatBool(partial)}}
	req, err := c.request(ctx, "/select/logsql/query", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("AccountID", strconv.FormatUint(uint64(tenant), 10))
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return c.read(ctx, resp.Body, rows)
}

// read reads an answer, one row a line.
func (c *Cluster) read(ctx context.Context, body io.Reader, rows func([]Row) error) error {
	in := bufio.NewScanner(body)
	in.Buffer(make([]byte, 0, 64<<10), 64<<20)
	var parser fastjson.Parser
	var list []Row
	for in.Scan() {
		if len(in.Bytes()) == 0 {
			continue
		}
		r, err := readRow(&parser, in.Bytes())
		if err != nil {
			return c.down(fmt.Errorf("the answer broke off: %.200s", in.Bytes()))
		}
		if list = append(list, r); len(list) == 500 {
			if err := rows(list); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	if err := in.Err(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return c.down(err)
	}
	if len(list) == 0 {
		return ctx.Err()
	}
	return rows(list)
}

// ReadRow reads a row that is a JSON object of texts.
func ReadRow(line []byte) (Row, error) { return readRow(new(fastjson.Parser), line) }

func readRow(parser *fastjson.Parser, line []byte) (Row, error) {
	v, err := parser.ParseBytes(line)
	if err != nil {
		return Row{}, err
	}
	object, err := v.Object()
	if err != nil {
		return Row{}, err
	}
	var r Row
	object.Visit(func(key []byte, v *fastjson.Value) {
		value, _ := v.StringBytes()
		if len(value) == 0 {
			return
		}
		f := Field{string(key), string(value)}
		if f.Name == fieldTime {
			r.Time = rowTime(f.Value)
		}
		r.Fields = append(r.Fields, f)
	})
	return r, nil
}

// Usage counts the events of all tenants. How much of the disks they take is for
// the nodes to say.
func (c *Cluster) Usage(ctx context.Context) (u Usage, err error) {
	req, err := c.request(ctx, "/select/tenant_ids", nil)
	if err != nil {
		return u, err
	}
	resp, err := c.do(req)
	if err != nil {
		return u, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return u, c.down(err)
	}
	list, err := fastjson.ParseBytes(said)
	if err != nil {
		return u, c.down(err)
	}
	for _, v := range list.GetArray() {
		err := c.query(ctx, uint32(v.GetUint("account_id")), "* | stats count() n, min(_time) first", false, func(rows []Row) error {
			for _, r := range rows {
				n, _ := strconv.ParseInt(r.Get("n"), 10, 64)
				u.Events += n
				if t := rowTime(r.Get("first")); !t.IsZero() && (u.Oldest.IsZero() || t.Before(u.Oldest)) {
					u.Oldest = t
				}
			}
			return nil
		})
		if err != nil {
			return u, told(err)
		}
	}
	return u, nil
}

// Close lets go of connections.
func (c *Cluster) Close() error {
	c.options.Client.CloseIdleConnections()
	return nil
}
