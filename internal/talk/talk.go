// Package talk keeps what people say about records and tells them what they want
// to know.
//
// A comment belongs to a record, in a thread of one level. It may be changed for
// fifteen minutes, visibly, and after that only corrected by another. A dispute
// is a comment by a named person that stays open until the owner of the record
// answers it, or who disputed lets it rest.
//
// Who watches a record is told what happens to it; owners, people assigned to it
// and those who were mentioned or took part watch by themselves, and may mute
// it. One watch over the feed writes the notifications (notify.go): in the app,
// by mail and webhook at once, and in digests. Rooms add notices, also of things
// that are no records (notice.go). Nobody is told of what they did
// themselves, nor of what they may not read.
package talk

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Config is what a Service needs. Catalog and Auth are required.
type Config struct {
	Catalog *catalog.Catalog
	Auth    *auth.Service
	// Outbox says whether mail and webhooks are sent; nil sends none.
	Outbox *action.Outbox
	Hooks  *action.Hooks
	// Base is the address people use, as "https://binnacle.example", for links in
	// mail; Path is that of a record under it.
	Base string
	Path func(entity.Ref) string
	// Notices are what people are told of beside what this package brings.
	Notices []Notice
	// Sections are parts of the digest beside what this package brings.
	Sections []Section
	// Disputable says of which kinds a record can be disputed; nil: of all.
	Disputable func(*catalog.Kind) bool
	// Assigned names the relations that make somebody watch a record; nil is
	// assignedTo.
	Assigned []string
	Notify   func()           // called after each commit that wrote to the feed; nil: nothing
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger
}

// Service keeps comments, watches and notifications. It is safe for concurrent
// use.
type Service struct {
	Config
	db *sqldb.DB
}

// New returns the talk of a database that has the migrations.
func New(c Config) *Service {
	s := &Service{Config: c, db: c.Catalog.DB()}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Notify == nil {
		s.Notify = func() {}
	}
	if s.Assigned == nil {
		s.Assigned = []string{"assignedTo"}
	}
	if s.Path == nil {
		s.Path = func(entity.Ref) string { return "/" }
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	s.Notices = append(ownNotices(), s.Notices...)
	s.Sections = append(s.ownSections(), s.Sections...)
	return s
}

// Migrations returns the tables. A comment's closed is when its thread was
// resolved or its dispute settled.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "talk/001", SQL: `
CREATE TABLE comments (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, uid TEXT NOT NULL, thread TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, mentions TEXT NOT NULL,
  account TEXT NOT NULL, by_name TEXT NOT NULL, created BIGINT NOT NULL, edited BIGINT NOT NULL, corrects TEXT NOT NULL,
  closed BIGINT NOT NULL, closed_by TEXT NOT NULL, withdrawn BIGINT NOT NULL, withdrawn_by TEXT NOT NULL)
;;
CREATE INDEX comments_uid ON comments (org, uid, created)
;;
CREATE INDEX comments_open ON comments (org, uid) WHERE kind = 'dispute' AND closed = 0
;;
CREATE TABLE comment_edits (id TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id, at))
;;
CREATE TABLE watches (
  org TEXT NOT NULL, uid TEXT NOT NULL, account TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (org, uid, account))
;;
CREATE INDEX watches_account ON watches (org, account)
;;
CREATE TABLE notifications (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, account TEXT NOT NULL, cause TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, n BIGINT NOT NULL,
  at BIGINT NOT NULL, type TEXT NOT NULL, why TEXT NOT NULL, direct BIGINT NOT NULL, uid TEXT NOT NULL, ref TEXT NOT NULL, actor TEXT NOT NULL, actor_name TEXT NOT NULL,
  data TEXT NOT NULL, seen BIGINT NOT NULL)
;;
CREATE INDEX notifications_account ON notifications (org, account, at)
;;
CREATE INDEX notifications_unread ON notifications (org, account) WHERE seen = 0
;;
CREATE TABLE notify_settings (
  org TEXT NOT NULL, account TEXT NOT NULL, bell TEXT NOT NULL, mail TEXT NOT NULL, hook TEXT NOT NULL, digest TEXT NOT NULL,
  hour BIGINT NOT NULL, weekday BIGINT NOT NULL, zone TEXT NOT NULL, digested BIGINT NOT NULL, PRIMARY KEY (org, account))
`}}
}

// may asks for a verb on the kind of a record.
func (s *Service) may(p auth.Principal, v auth.Verb, e *entity.Entity) error {
	k, err := s.Catalog.Kinds().Find(e.Kind)
	if err != nil {
		return err
	}
	return p.Can(v, k.Resource())
}

// named refuses who is no person of the organisation: what is said must be
// somebody's word.
func named(p auth.Principal) error {
	if p.Account == "" || p.Account == audit.System {
		return auth.Refuse(fault.Forbidden, "named", lang.T("Only a named person may say this: sign in, or use a token of your own.", "Solo una persona con nombre puede decirlo: inicia sesión o usa un testigo tuyo."))
	}
	return nil
}

// happened is one thing that was done to a record by talking.
type happened struct {
	what   string // type in the feed and action in the audit log
	on     *entity.Entity
	data   map[string]any // in the feed
	detail map[string]any // in the audit log beside data
}

// record writes what happened to the feed and the audit log.
func (s *Service) record(ctx context.Context, tx *sqldb.Tx, c catalog.Caller, h happened) error {
	data, err := json.Marshal(h.data)
	if err != nil {
		return err
	}
	now, ref := s.Now(), h.on.Ref().String()
	if err := feed.Append(ctx, tx, &feed.Entry{Org: c.Org, At: now, Type: h.what, Ref: ref, UID: h.on.Metadata.UID, Actor: c.Account, Data: data}); err != nil {
		return err
	}
	detail := map[string]any{}
	for k, v := range h.data {
		detail[k] = v
	}
	for k, v := range h.detail {
		detail[k] = v
	}
	r := &audit.Record{Org: c.Org, At: now, Actor: c.Account, ActorName: c.Name, Action: h.what, Target: ref, IP: c.IP, Via: c.Via}
	if r.Detail, err = json.Marshal(detail); err != nil {
		return err
	}
	return audit.Append(ctx, tx, r)
}

// clean is a text as it is kept: unix lines, no spaces around, no NUL.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(strings.ToValidUTF8(text, "�"))
	return strings.TrimSpace(text)
}
