package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/feed"
)

const (
	feedPage    = 500
	feedDefault = 1000
)

// follower sends the feed to one reader.
type follower struct {
	*call
	kinds []string // in lower case; none: all
	in    *feed.Reader
	after int64 // the place up to which entries were sent or passed over
	left  int   // entries still to be sent
	said  time.Time
	enc   *json.Encoder
}

func (c *call) watchFeed() error {
	if _, err := c.accept([]string{ndjsonType}); err != nil {
		return err
	}
	f := &follower{call: c, left: int(c.number("limit", feedDefault)), after: c.number("after", 0)}
	names, err := c.kinds()
	if err != nil {
		return err
	}
	for _, n := range names {
		f.kinds = append(f.kinds, strings.ToLower(n))
	}
	if c.flag("follow") && c.get("limit") == "" {
		f.left = -1
	}
	if c.get("after") == "" {
		if err := f.begin(); err != nil {
			return err
		}
	}
	f.in = c.Feed.Reader(c.caller.Org, f.after, f.values["type"]...)
	c.w.Header().Set("Content-Type", ndjsonType)
	c.w.WriteHeader(http.StatusOK)
	f.enc = json.NewEncoder(c.w)
	return f.run()
}

// begin finds where a reader starts who does not say: at the end, or so far
// before it that the newest entries come.
func (f *follower) begin() error {
	ctx := f.r.Context()
	head, err := f.Feed.OrgHead(ctx, f.caller.Org)
	if err != nil || f.flag("follow") {
		f.after = head
		return err
	}
	newest, err := f.Feed.Latest(ctx, f.caller.Org, 0, f.left, f.values["type"]...)
	if err != nil {
		return err
	}
	f.after = head
	if len(newest) > 0 {
		f.after = newest[len(newest)-1].No - 1
	}
	return nil
}

// run sends entries until there are no more, or as long as the reader stays.
func (f *follower) run() error {
	if err := f.heartbeat(); err != nil {
		return nil
	}
	for f.left != 0 {
		more, err := f.page()
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if !f.flag("follow") {
			break
		}
		if !f.wait() {
			return nil
		}
	}
	f.heartbeat() // where to go on; a reader who has left needs it no more
	return nil
}

// page sends what is there; false when the end was reached.
func (f *follower) page() (more bool, err error) {
	entries, more, err := f.in.Next(f.r.Context(), feedPage)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if f.left == 0 {
			return false, nil
		}
		f.after = e.No
		if !f.visible(e) {
			continue
		}
		if err := f.enc.Encode(e); err != nil {
			return false, err
		}
		f.left--
	}
	f.after = f.in.After()
	http.NewResponseController(f.w).Flush()
	return more, nil
}

// visible reports whether the caller may see an entry: of an entity, who may
// read its kind; of anything else, who may read the audit log.
func (f *follower) visible(e feed.Entry) bool {
	kind, _, _ := strings.Cut(e.Ref, ":")
	k := f.Catalog.Kinds().Get(kind)
	if len(f.kinds) > 0 && (k == nil || !slices.Contains(f.kinds, strings.ToLower(k.Name))) {
		return false
	}
	if k == nil {
		return f.caller.Can(auth.Audit, auth.Resource{}) == nil
	}
	return f.caller.Can(auth.Read, k.Resource()) == nil
}

// wait returns true when there may be more to read, and false when the reader
// has left or may no longer read. A heartbeat comes when it is time, however
// much others write meanwhile.
func (f *follower) wait() bool {
	for {
		ctx, cancel := context.WithDeadline(f.r.Context(), f.said.Add(streamTime))
		err := f.in.Wait(ctx)
		cancel()
		if err == nil && time.Since(f.said) < streamTime {
			return true
		}
		if f.r.Context().Err() != nil || err != nil && !errors.Is(err, context.DeadlineExceeded) || !f.still() || f.heartbeat() != nil {
			return false
		}
	}
}

// still asks again who the caller is: a token may have been revoked since.
func (f *follower) still() bool {
	p, err := door.Again(f.r.Context())
	if err != nil || p.Org != f.caller.Org {
		return false
	}
	f.caller.Principal = p
	return p.Can(auth.Read, auth.Resource{}) == nil
}

// heartbeat says how far was read.
func (f *follower) heartbeat() error {
	f.said = time.Now()
	err := f.enc.Encode(feed.Entry{No: f.after, Org: f.caller.Org, At: f.said.UTC().Truncate(time.Microsecond), Type: "heartbeat"})
	if err != nil {
		return err
	}
	return http.NewResponseController(f.w).Flush()
}
