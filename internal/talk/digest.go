package talk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Part is one of the headings of a digest, in the order in which it is read:
// decisions, then what is red, then what changed.
type Part int

// The parts.
const (
	Waits Part = iota
	Red
	Changed
)

var parts = []struct {
	title lang.Text
	count lang.Text // for the subject; {0} is the number
}{
	Waits:   {lang.T("What waits for you", "Qué espera por ti"), lang.T("{0} waiting", "{0} en espera")},
	Red:     {lang.T("What is red", "Qué está en rojo"), lang.T("{0} red", "{0} en rojo")},
	Changed: {lang.T("What changed", "Qué cambió"), lang.T("{0} changed", "{0} con cambios")},
}

// Section brings lines to a part of the digest. One that fails is named in the
// digest, and the rest of it stands.
type Section struct {
	ID    string
	Part  Part
	Order int // within the part
	Lines func(context.Context, Reader) ([]Line, error)
}

// Reader is who a digest is for and which time it tells of.
type Reader struct {
	auth.Person
	Since, Until time.Time
	Zone         *time.Location
}

// Line is one thing in a digest: what it is about, where that is, and one or
// more sentences.
type Line struct {
	Title string
	URL   string // absolute; "" for none
	Says  []lang.Text
}

// digestEdition is a digest before it is written.
type digestEdition struct {
	Reader
	Org    string // its title
	Base   string
	Rhythm Settings
	Parts  [3][]Line
	Failed []string // sections
}

// Digests sends the digests that are due. Run it every few minutes: when it was
// not run for long, it sends one and not several.
func (s *Service) Digests(ctx context.Context) error {
	if !s.Outbox.Can(action.Mail) {
		return nil
	}
	orgs, err := s.Auth.AllOrgs(ctx)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		if err := s.digestsOf(ctx, org); err != nil {
			return fmt.Errorf("talk: digests of %s: %w", org.ID, err)
		}
	}
	return nil
}

func (s *Service) digestsOf(ctx context.Context, org auth.Org) error {
	all, err := settingsOf(ctx, s.db, org.ID)
	if err != nil {
		return err
	}
	maps.DeleteFunc(all, func(_ string, t Settings) bool { return t.Digest == Never })
	if len(all) == 0 {
		return nil
	}
	people, err := s.Auth.People(ctx, s.db, org.ID)
	if err != nil {
		return err
	}
	for _, p := range people {
		set, ok := all[p.Account]
		if !ok {
			continue
		}
		if err := s.digestFor(ctx, org, p, set); err != nil {
			return err
		}
	}
	return nil
}

// digestFor sends one person's digest when it is due. That it was sent is
// written in the transaction that logs the mail.
func (s *Service) digestFor(ctx context.Context, org auth.Org, p auth.Person, set Settings) error {
	var digested int64
	if err := s.db.QueryRow(ctx, `SELECT digested FROM notify_settings WHERE org = ? AND account = ?`, org.ID, p.Account).Scan(&digested); err != nil {
		return err
	}
	due := set.Due(s.Now())
	if due.IsZero() || sqldb.Micros(due) <= digested {
		return nil
	}
	edition, err := s.edition(ctx, org, p, set, sqldb.Time(digested), due)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE notify_settings SET digested = ? WHERE org = ? AND account = ? AND digested = ?`, sqldb.Micros(due), org.ID, p.Account, digested)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 || edition.empty() {
			return err
		}
		payload, err := json.Marshal(edition.message())
		if err != nil {
			return err
		}
		return action.Log(ctx, tx, action.Act{Org: org.ID, Key: "digest/" + p.Account + "/" + due.Format(time.RFC3339), Kind: action.Mail, Target: p.Email, Payload: payload})
	})
}

// edition collects what a digest says.
func (s *Service) edition(ctx context.Context, org auth.Org, p auth.Person, set Settings, since, until time.Time) (*digestEdition, error) {
	zone, err := set.location()
	if err != nil {
		return nil, err
	}
	e := &digestEdition{Reader: Reader{Person: p, Since: since, Until: until, Zone: zone}, Org: org.Title, Base: s.Base, Rhythm: set}
	if e.Org == "" {
		e.Org = "Binnacle"
	}
	sections := slices.Clone(s.Sections)
	slices.SortStableFunc(sections, func(a, b Section) int { return a.Order - b.Order })
	for _, sec := range sections {
		lines, err := sec.lines(ctx, e.Reader)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "a section of the digest failed", "section", sec.ID, "error", err)
			e.Failed = append(e.Failed, sec.ID)
			continue
		}
		e.Parts[sec.Part] = append(e.Parts[sec.Part], lines...)
	}
	return e, nil
}

func (sec Section) lines(ctx context.Context, r Reader) (lines []Line, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return sec.Lines(ctx, r)
}

func (e *digestEdition) empty() bool {
	return len(e.Parts[Waits])+len(e.Parts[Red])+len(e.Parts[Changed])+len(e.Failed) == 0
}

// ownSections are what this package knows: who called the reader, what of theirs
// is disputed, and what happened to what they watch.
func (s *Service) ownSections() []Section {
	return []Section{
		{ID: "talk/direct", Part: Waits, Order: 100, Lines: s.directLines},
		{ID: "talk/disputes", Part: Red, Order: 100, Lines: s.disputeLines},
		{ID: "talk/changed", Part: Changed, Order: 100, Lines: s.changedLines},
	}
}

// directLines are what was said to the reader and they have not seen yet, however
// long ago; what mailed itself stands there as what waits, when it still does.
func (s *Service) directLines(ctx context.Context, r Reader) ([]Line, error) {
	list, err := notifications(ctx, s.db, `org = ? AND account = ? AND seen = 0 AND direct = 1 AND type <> 'comment.disputed' AND at <= ? ORDER BY at DESC, id LIMIT ?`,
		r.Org, r.Account, sqldb.Micros(r.Until), inboxMost)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(n Notification) bool {
		notice := s.notice(n.Type)
		return notice != nil && notice.Mailed
	})
	return s.lines(ctx, r, list)
}

// changedLines are what else happened since the digest before.
func (s *Service) changedLines(ctx context.Context, r Reader) ([]Line, error) {
	list, err := notifications(ctx, s.db, `org = ? AND account = ? AND direct = 0 AND at > ? AND at <= ? ORDER BY at DESC, id LIMIT ?`,
		r.Org, r.Account, sqldb.Micros(r.Since), sqldb.Micros(r.Until), inboxMost)
	if err != nil {
		return nil, err
	}
	return s.lines(ctx, r, list)
}

// lines writes notifications, those of one record together.
func (s *Service) lines(ctx context.Context, r Reader, list []Notification) ([]Line, error) {
	items, err := s.items(ctx, s.db, r.Principal(), list)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, g := range Grouped(items) {
		l := Line{Title: g.Title, URL: s.itemURL(g.Items[0])}
		for _, it := range g.Items {
			if !slices.Contains(l.Says, it.Says) {
				l.Says = append(l.Says, it.Says)
			}
		}
		out = append(out, l)
	}
	return out, nil
}

func (s *Service) itemURL(it Item) string {
	switch {
	case it.Thing != nil:
		return s.Base + it.Thing.Path
	case it.Gone || it.Entity == nil:
		return s.Base + "/notifications"
	}
	return s.Base + s.Path(it.Entity.Ref())
}

const disputesMost = 500

// disputeLines are the open disputes of what the reader answers for.
func (s *Service) disputeLines(ctx context.Context, r Reader) ([]Line, error) {
	open, err := s.comments(ctx, s.db, `org = ? AND kind = 'dispute' AND closed = 0 AND created <= ? ORDER BY created, id LIMIT ?`, r.Org, sqldb.Micros(r.Until), disputesMost)
	if err != nil || len(open) == 0 {
		return nil, err
	}
	var uids []string
	for _, c := range open {
		uids = append(uids, c.UID)
	}
	known, err := s.Catalog.Known(ctx, s.db, r.Org, uids...)
	if err != nil {
		return nil, err
	}
	dir, err := s.directory(ctx, s.db, r.Org)
	if err != nil {
		return nil, err
	}
	var out []Line
	for _, c := range open {
		on := known[c.UID]
		if on == nil || on.Deleted || r.Principal().Can(auth.Read, on.Kind.Resource()) != nil {
			continue
		}
		who, err := s.concerned(ctx, dir, on.Kind, on.Entity)
		if err != nil {
			return nil, err
		}
		if who[r.Account] == "" {
			continue
		}
		day := c.Created.In(r.Zone)
		out = append(out, Line{Title: titleOf(on, ""), URL: s.link(&subject{Known: on}) + "#comment-" + c.ID, Says: []lang.Text{
			lang.T("Disputed by "+c.By+" since "+lang.Date(lang.English, day, r.Until.In(r.Zone)), "Objetado por "+c.By+" desde el "+lang.Date(lang.Spanish, day, r.Until.In(r.Zone)))}})
	}
	return out, nil
}
