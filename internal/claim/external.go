package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

const (
	maxAnswer  = 4 << 20          // bytes of an answer from elsewhere
	patience   = 10 * time.Second // how long another system may take
	numberRule = "number/1"
)

// localFile reports whether a path stays below its folder.
func localFile(path string) bool { return filepath.IsLocal(filepath.FromSlash(path)) }

// pathStep is one step into a JSON value: a name, or an index.
type pathStep struct {
	name  string
	index int // -1 for a name
}

var pathPattern = regexp.MustCompile(`^(?:\.?([A-Za-z0-9_@:-]+)|\[(-?[0-9]{1,6})\]|\["([^"\]]+)"\])`)

// parsePath reads data.result[0].value; a name with other characters is written
// ["the name"]. A leading $ may stand for the whole.
func parsePath(s string) ([]pathStep, error) {
	rest := strings.TrimPrefix(strings.TrimSpace(s), "$")
	var out []pathStep
	for rest != "" {
		m := pathPattern.FindStringSubmatch(rest)
		if m == nil || len(out) == 0 && strings.HasPrefix(rest, ".") && !strings.HasPrefix(s, "$") {
			return nil, fmt.Errorf("%q is not a path: write data.result[0].value", s)
		}
		switch {
		case m[2] != "":
			i, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			out = append(out, pathStep{index: i})
		case m[3] != "":
			out = append(out, pathStep{name: m[3], index: -1})
		default:
			out = append(out, pathStep{name: m[1], index: -1})
		}
		rest = rest[len(m[0]):]
	}
	return out, nil
}

// at returns what stands at a path; a negative index counts from the end.
func at(v any, path []pathStep) (any, error) {
	for i, p := range path {
		switch x := v.(type) {
		case map[string]any:
			next, ok := x[p.name]
			if p.name == "" || !ok {
				return nil, fmt.Errorf("there is no %q at step %d of the path", p.label(), i+1)
			}
			v = next
		case []any:
			k := p.index
			if k < 0 {
				k += len(x)
			}
			if p.name != "" || k < 0 || k >= len(x) {
				return nil, fmt.Errorf("there is no %s in a list of %d at step %d of the path", p.label(), len(x), i+1)
			}
			v = x[k]
		default:
			return nil, fmt.Errorf("step %d of the path leads into a %T", i+1, v)
		}
	}
	return v, nil
}

func (p pathStep) label() string {
	if p.name != "" {
		return p.name
	}
	return "[" + strconv.Itoa(p.index) + "]"
}

// figure reads a JSON number, or a text that is one.
func figure(v any) (float64, error) {
	var text string
	switch x := v.(type) {
	case json.Number:
		text = x.String()
	case string:
		text = strings.TrimSpace(x)
	default:
		return 0, fmt.Errorf("what stands there is a %T, not a number", v)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f || f > 1e300 || f < -1e300 {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}

// instant reads a moment as RFC 3339, a day, or seconds since 1970.
func instant(v any) (time.Time, error) {
	if s, ok := v.(string); ok {
		if t, err := moment(s); err == nil {
			return t, nil
		}
	}
	f, err := figure(v)
	if err != nil || f < 0 || f > 1e11 {
		return time.Time{}, fmt.Errorf("%v is not a moment, nor seconds since 1970", v)
	}
	return time.UnixMicro(int64(f * 1e6)).UTC(), nil
}

// taken is a number that was read elsewhere.
type taken struct {
	answer *Answer
	asOf   time.Time // zero: of now
	source string
}

// take asks for a number that stands elsewhere.
func (e *Engine) take(ctx context.Context, org string, x *External) (*taken, error) {
	body, source, err := e.fetch(ctx, org, x)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, fault.New(fault.Invalid, "%s did not answer JSON: %v", source, err).Coded("claim.answer-form")
	}
	path, err := parsePath(x.Path)
	if err != nil {
		return nil, err
	}
	v, err := at(doc, path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %v", source, err).Coded("claim.answer-lacks")
	}
	f, err := figure(v)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %s: %v", source, x.Path, err).Coded("claim.answer-number")
	}
	out := &taken{source: source, answer: &Answer{Rule: numberRule, N: -1, Value: &f, Steps: []Step{step("asked", source, f, x.Path)}}}
	if x.AsOf != "" {
		if out.asOf, err = stamp(doc, x.AsOf); err != nil {
			return nil, fault.New(fault.Invalid, "%s: %s: %v", source, x.AsOf, err).Coded("claim.answer-moment")
		}
	}
	return out, nil
}

func stamp(doc any, path string) (time.Time, error) {
	steps, err := parsePath(path)
	if err != nil {
		return time.Time{}, err
	}
	v, err := at(doc, steps)
	if err != nil {
		return time.Time{}, err
	}
	return instant(v)
}

// fetch reads the answer of an address, or a file.
func (e *Engine) fetch(ctx context.Context, org string, x *External) (body []byte, source string, err error) {
	if x.File != "" {
		body, err = e.file(x.File)
		return body, x.File, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.URL, nil)
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "the address cannot be asked: %v", inner(err)).Coded("claim.address")
	}
	source = req.URL.Scheme + "://" + req.URL.Host + req.URL.Path
	req.Header.Set("Accept", "application/json")
	if x.Secret != "" {
		secret, err := e.cfg.Secret(ctx, org, x.Secret)
		if err != nil {
			return nil, source, err
		}
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	res, err := e.cfg.Client.Do(req)
	if err != nil {
		return nil, source, fault.New(fault.Unavailable, "%s does not answer: %v", source, inner(err)).Coded("claim.silent")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, source, fault.New(fault.Unavailable, "%s answers %s", source, res.Status).Coded("answered")
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, source, fault.New(fault.Unavailable, "%s broke off its answer: %v", source, err).Coded("claim.answer-broke-off")
	}
	if len(body) > maxAnswer {
		err = fault.New(fault.TooLarge, "%s answers more than %d MB", source, maxAnswer>>20).Coded("claim.answer-large")
	}
	return body, source, err
}

// inner returns what went wrong with a request, without its address, which may
// carry a secret in its query.
func inner(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// file reads a file below the folder the installation allows. A link that leads
// out of it is refused by the operating system.
func (e *Engine) file(path string) ([]byte, error) {
	if e.cfg.Files == "" {
		return nil, fault.New(fault.Unavailable, "files may not be read: the server was started without --files DIR").Coded("claim.files-off")
	}
	root, err := os.OpenRoot(e.cfg.Files)
	if err != nil {
		return nil, fmt.Errorf("the folder of files: %w", err)
	}
	defer root.Close()
	f, err := root.Open(filepath.FromSlash(path))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the file %s cannot be read: %v", path, err).Coded("claim.file-unread")
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the file %s cannot be read: %v", path, err).Coded("claim.file-unread")
	}
	if len(body) > maxAnswer {
		err = fault.New(fault.TooLarge, "the file %s has more than %d MB", path, maxAnswer>>20).Coded("claim.file-large")
	}
	return body, err
}
