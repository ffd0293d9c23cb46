package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// client asks a server over REST.
type client struct {
	http    *http.Client
	base    string // "https://binnacle.example"
	token   string
	version string
	lang    string
}

const apiPrefix = "/api/v1"

// ask is one request to the API.
type ask struct {
	method, path string // path under /api/v1
	query        url.Values
	accept       string
	body         io.Reader
	bodyType     string
}

// do sends a request; an answer that is not a success becomes the error that
// the server told.
func (c *client) do(ctx context.Context, a ask) (*http.Response, error) {
	address := c.base + apiPrefix + a.path
	if len(a.query) > 0 {
		address += "?" + a.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, a.method, address, a.body)
	if err != nil {
		return nil, usage("%q is not an address", "%q no es una dirección", c.base).hinting("write it as https://binnacle.example", "escríbela como https://binnacle.example")
	}
	c.dress(req, a)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemOf(resp)
}

func (c *client) dress(req *http.Request, a ask) {
	h := req.Header
	h.Set("User-Agent", "binnacle-cli/"+c.version)
	h.Set("Accept-Language", c.lang)
	h.Set("Accept", "application/json")
	if a.accept != "" {
		h.Set("Accept", a.accept)
	}
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	if a.bodyType != "" {
		h.Set("Content-Type", a.bodyType)
	}
}

func (c *client) unreachable(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return failed(exitFailed, "%s does not answer", "%s no responde", c.base).because(err).
		hinting(`is the address right and the server running? "binnacle serve --data DIR" starts one`, `¿está bien la dirección y el servidor en marcha? "binnacle serve --data DIR" arranca uno`)
}

// problem is problem+json (RFC 9457) as the server writes it.
type problem struct {
	Type     string          `json:"type"`
	Status   int             `json:"status"`
	Detail   string          `json:"detail"`
	Hint     string          `json:"hint"`
	Problems []fault.Problem `json:"problems"`
}

const maxProblem = 16 << 20

// problemOf reads what a server says went wrong.
func problemOf(resp *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	var p problem
	if err != nil || t != "application/problem+json" || json.Unmarshal(data, &p) != nil {
		return failed(exitFailed, "the server answered %s, not as binnacle does", "el servidor respondió %s, no como binnacle", resp.Status).
			hinting("check the address: %s", "comprueba la dirección: %s", resp.Request.URL.Host)
	}
	f := p.fault()
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		f.RetryAfter = time.Duration(s) * time.Second
	}
	return f
}

func (p problem) fault() *fault.Error {
	f := &fault.Error{Kind: kindOfProblem(p.Type, p.Status), Msg: p.Detail, Hint: p.Hint, Problems: p.Problems}
	if p.Status >= 400 && p.Status < 500 && f.Kind == fault.Internal {
		f.Kind = fault.Invalid
	}
	return f
}

func kindOfProblem(urn string, status int) fault.Kind {
	name := urn[strings.LastIndexByte(urn, ':')+1:]
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.String() == name || k.Status() == status && k != fault.Internal {
			return k
		}
	}
	return fault.Internal
}

// get reads a JSON answer into v.
func (c *client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.json(ctx, ask{method: "GET", path: path, query: query}, v)
}

// json sends a request and reads its JSON answer into v, unless v is nil.
func (c *client) json(ctx context.Context, a ask, v any) error {
	resp, err := c.do(ctx, a)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if v == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("answer of %s: %w", a.path, err)
	}
	return nil
}

// send sends v as JSON and reads the answer into out.
func (c *client) send(ctx context.Context, method, path string, query url.Values, v, out any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.json(ctx, ask{method: method, path: path, query: query, body: bytes.NewReader(data), bodyType: "application/json"}, out)
}

// ingest sends events, one JSON object a line, as a source.
func (c *client) ingest(ctx context.Context, source string, lines io.Reader) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/ingest/json?"+url.Values{"source": {source}}.Encode(), lines)
	if err != nil {
		return usage("%q is not an address", "%q no es una dirección", c.base).hinting("write it as https://binnacle.example", "escríbela como https://binnacle.example")
	}
	c.dress(req, ask{bodyType: "application/x-ndjson"})
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp.Body.Close()
	}
	defer resp.Body.Close()
	return problemOf(resp)
}

// upload sends files as a form and reads the result, telling the progress that
// comes before it.
func (c *client) upload(ctx context.Context, path string, query url.Values, files []catalog.File, progress func(done, total int), out any) error {
	body, bodyType, err := form(files)
	if err != nil {
		return err
	}
	resp, err := c.do(ctx, ask{method: "POST", path: path, query: query, accept: "application/x-ndjson", body: body, bodyType: bodyType})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var line struct {
			Progress *struct{ Done, Total int }
			Problem  *problem
			Result   json.RawMessage
		}
		switch err := dec.Decode(&line); {
		case err != nil:
			return failed(exitFailed, "the answer broke off", "la respuesta se cortó").because(err).hinting("look whether it was done before trying again", "mira si se hizo antes de repetir")
		case line.Problem != nil:
			return line.Problem.fault()
		case line.Result != nil:
			return json.Unmarshal(line.Result, out)
		case line.Progress != nil && progress != nil:
			progress(line.Progress.Done, line.Progress.Total)
		}
	}
}

func form(files []catalog.File) (io.Reader, string, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		h := textproto.MIMEHeader{}
		h.Set("Content-Disposition", mime.FormatMediaType("form-data", map[string]string{"name": "file", "filename": f.Name}))
		h.Set("Content-Type", "application/octet-stream")
		part, err := w.CreatePart(h)
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write(f.Data); err != nil {
			return nil, "", err
		}
	}
	return &b, w.FormDataContentType(), w.Close()
}

// lines reads an NDJSON answer line by line.
func (c *client) lines(ctx context.Context, a ask, f func([]byte) error) error {
	a.accept = "application/x-ndjson"
	resp, err := c.do(ctx, a)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	r := bufio.NewReader(resp.Body)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0 {
			return nil
		}
		if err != nil {
			return failed(exitFailed, "the answer broke off", "la respuesta se cortó").because(err).hinting("try again", "repite")
		}
		if err := f(line); err != nil {
			return err
		}
	}
}
