package listen

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
)

const (
	usualPoll = 30 * time.Second
	leastPoll = time.Second
	pageSize  = 100
	slowDown  = time.Minute // where GitHub does not say how long to wait
	longest   = time.Hour
)

// github asks for the audit log of an organisation or an enterprise of GitHub, page
// after page, the oldest first. The last page is asked for again until there is a
// next one. The _document_id of an entry is its id.
type github struct {
	*collector
	every  time.Duration
	memory githubMemory
}

// githubMemory is what is remembered of an audit log.
type githubMemory struct {
	Begun string   `json:"begun,omitempty"` // the day from which on entries are wanted
	After string   `json:"after,omitempty"` // the cursor of the page
	Seen  []string `json:"seen,omitempty"`  // ids of the page that were handed over
}

func githubPlace(s *Spec) error {
	u, err := url.Parse(s.Place)
	if err == nil {
		err = action.CheckURL(u)
	}
	if err != nil {
		return s.wrong("it has no address to ask: %s", said(err)).WithHint("write it as %s", s.kind.example)
	}
	if from := s.Params.Get("from"); from != "" && from != "start" && from != "end" {
		return s.wrong("from=%s is not known", from).WithHint("from=start reads all that GitHub still has, from=end what happens from now on")
	}
	return nil
}

func openGitHub(c *collector) (worker, error) {
	w := &github{collector: c}
	var err error
	if w.every, err = c.duration("every", usualPoll); err != nil {
		return nil, err
	}
	w.every = max(w.every, leastPoll)
	if c.cfg.Secret == nil {
		return nil, c.wrong("there are no stored secrets here").WithHint("serve a data folder with its key file")
	}
	if _, err := w.token(context.Background()); err != nil {
		return nil, c.wrong("%s", said(err)).WithHint("store a token that may read the audit log (read:audit_log): binnacle secret set %s", c.Params.Get("secret"))
	}
	if err := c.recall(&w.memory); err != nil {
		return nil, err
	}
	if c.Params.Get("from") == "end" && w.memory.Begun == "" && w.memory.After == "" {
		w.memory.Begun = c.cfg.Now().UTC().Format(time.RFC3339)
		return w, c.remember(&w.memory)
	}
	return w, nil
}

func (w *github) token(ctx context.Context) (string, error) {
	return w.cfg.Secret(ctx, w.Org, w.Params.Get("secret"))
}

func (w *github) close() {}

func (w *github) run(ctx context.Context) error {
	for failures := 0; ; {
		wait, err := w.page(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			w.failed(err)
			wait = max(wait, backoff(failures+3))
			failures++
		} else {
			w.runs(w.Place)
			failures = 0
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// page hands over what is new of a page; wait is until the next one.
func (w *github) page(ctx context.Context) (wait time.Duration, err error) {
	req, err := w.request(ctx)
	if err != nil {
		return w.every, err
	}
	resp, body, err := action.Do(w.cfg.Client, req)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return refusedBy(resp, w.cfg.Now())
	}
	var entries []json.RawMessage
	if err := json.Unmarshal(body, &entries); err != nil {
		return w.every, fault.New(fault.Unavailable, "the answer is no audit log: %v", err).WithHint("is this the address of one? It ends in /audit-log")
	}
	next := nextCursor(resp.Header.Get("Link"))
	fresh, ids := w.fresh(entries)
	if err := w.take(ctx, fresh); err != nil {
		return 0, err
	}
	if next == "" || next == w.memory.After {
		if len(fresh) == 0 {
			return w.every, nil
		}
		w.memory.Seen = ids
		return w.every, w.remember(&w.memory)
	}
	w.memory.After, w.memory.Seen = next, nil
	return 0, w.remember(&w.memory)
}

func (w *github) request(ctx context.Context) (*http.Request, error) {
	token, err := w.token(ctx)
	if err != nil {
		return nil, err
	}
	q := url.Values{"order": {"asc"}, "per_page": {strconv.Itoa(pageSize)}, "include": {"all"}}
	phrase := w.Params.Get("phrase")
	if w.memory.Begun != "" {
		if phrase != "" {
			phrase += " "
		}
		phrase += "created:>=" + w.memory.Begun
	}
	for name, value := range map[string]string{"phrase": phrase, "after": w.memory.After, "include": w.Params.Get("include")} {
		if value != "" {
			q.Set(name, value)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Place+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	return req, nil
}

// fresh makes records of the entries of a page that were not handed over, and
// returns the ids of all of them.
func (w *github) fresh(entries []json.RawMessage) (records []ingest.Record, ids []string) {
	for _, raw := range entries {
		var e struct {
			ID string `json:"_document_id"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			w.broke(fmt.Errorf("an entry of the audit log is no object: %v", err))
			continue
		}
		if e.ID == "" {
			e.ID = "github-" + hash(raw)
		}
		ids = append(ids, e.ID)
		if !slices.Contains(w.memory.Seen, e.ID) {
			records = append(records, ingest.Record{Data: raw, ID: e.ID})
		}
	}
	return records, ids
}

var nextLink = regexp.MustCompile(`<([^>]*)>\s*;[^,]*\brel="?next\b`)

// nextCursor is the cursor of the next page. Of the link it is all that is used: the
// token goes to no address that an answer names.
func nextCursor(link string) string {
	m := nextLink.FindStringSubmatch(link)
	if m == nil {
		return ""
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return ""
	}
	return u.Query().Get("after")
}

// refusedBy is the fault of an answer that is none, and how long to wait.
func refusedBy(resp *http.Response, now time.Time) (time.Duration, error) {
	limited := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusForbidden && (resp.Header.Get("Retry-After") != "" || resp.Header.Get("X-Ratelimit-Remaining") == "0")
	switch {
	case limited:
		wait := slowDown
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			wait = time.Duration(n) * time.Second
		} else if at, err := strconv.ParseInt(resp.Header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			wait = time.Unix(at, 0).Sub(now)
		}
		wait = min(max(wait, leastPoll), longest)
		return wait, fault.New(fault.RateLimited, "GitHub asks to wait %s", wait.Round(time.Second)).WithHint("ask less often, with every=2m")
	case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
		return slowDown, fault.New(fault.Unavailable, "GitHub refuses the token (%d)", resp.StatusCode).WithHint("it needs the scope read:audit_log, of an owner of the organisation; store it with binnacle secret set")
	case resp.StatusCode == http.StatusNotFound:
		return slowDown, fault.New(fault.Unavailable, "GitHub has no audit log there (404)").WithHint("audit logs are of organisations and enterprises of GitHub Enterprise Cloud: https://api.github.com/orgs/ORG/audit-log")
	}
	return 0, fault.New(fault.Unavailable, "GitHub answered %d", resp.StatusCode)
}
