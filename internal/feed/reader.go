package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Reader reads the entries of one organisation and goes on as more come. Its
// places are those of the organisation (Entry.No), so that nothing outside can
// tell from them how much other organisations do. It is for one goroutine.
type Reader struct {
	f     *Feed
	org   string
	types []string
	after int64 // the No that was read last, or passed over
	head  int64 // of the whole feed, before the last read
}

// Reader returns a reader of an organisation's entries after number after,
// narrowed by types as Read is.
func (f *Feed) Reader(org string, after int64, types ...string) *Reader {
	return &Reader{f: f, org: org, types: types, after: after}
}

// OrgHead returns the No of the newest entry of an organisation; 0 when there
// is none.
func (f *Feed) OrgHead(ctx context.Context, org string) (int64, error) {
	var no int64
	err := f.db.QueryRow(ctx, `SELECT no FROM feed_orgs WHERE org = ?`, org).Scan(&no)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("feed: head: %w", err)
	}
	return no, nil
}

// After returns the place up to which was read.
func (r *Reader) After() int64 { return r.after }

// Next returns at most limit entries, and whether there may be more at once;
// when not, Wait.
func (r *Reader) Next(ctx context.Context, limit int) (entries []Entry, more bool, err error) {
	if r.head, err = r.f.Head(ctx); err != nil {
		return nil, false, err
	}
	newest, err := r.f.OrgHead(ctx, r.org)
	if err != nil {
		return nil, false, err
	}
	upTo := min(newest, r.after+window)
	if upTo <= r.after {
		return nil, false, nil
	}
	where, args := selection(r.org, r.types)
	entries, err = r.f.query(ctx, where+" AND no > ? AND no <= ? ORDER BY no LIMIT ?", append(args, r.after, upTo, limit))
	if err != nil {
		return nil, false, err
	}
	r.after = upTo
	if len(entries) == limit {
		r.after = entries[limit-1].No
	}
	return entries, r.after < newest, nil
}

// Wait returns nil when something was written since the last Next, perhaps by
// another organisation, or the error of ctx.
func (r *Reader) Wait(ctx context.Context) error { return r.f.Wait(ctx, r.head) }
