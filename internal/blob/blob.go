// Package blob keeps the files that people attach to records. The content of a
// file is stored once in an organisation, under its SHA-256, in a folder or in
// S3-compatible storage; what is attached to which record, by whom, is a row
// beside it. Removing an attachment leaves a row that says so, with the hash, so
// that what was said about the file can still be checked against a copy.
//
// Who may comment on a record may attach to it: a file changes nothing that the
// record claims. Who attached a file, and who may delete the record, may remove
// it.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Attachment is a file attached to a record.
type Attachment struct {
	ID        string
	UID       string // of the record
	Name      string
	Type      string // media type, found in the content
	Size      int64
	SHA256    string
	Account   string // who attached it
	By        string // their name then
	Created   time.Time
	Removed   time.Time // zero: it is there
	RemovedBy string
}

// Limits bound what is kept.
type Limits struct {
	File int64 // bytes of one file
	Org  int64 // bytes of all files of an organisation
}

// DefaultLimits are 25 MB a file and 10 GB an organisation.
var DefaultLimits = Limits{File: 25_000_000, Org: 10_000_000_000}

// Service keeps attachments. It is safe for concurrent use.
type Service struct {
	db     *sqldb.DB
	cat    *catalog.Catalog
	store  Store
	limits Limits
	notify func()
	now    func() time.Time
}

// Config is what a Service needs.
type Config struct {
	Catalog *catalog.Catalog
	Store   Store
	Limits  Limits           // zero: DefaultLimits
	Notify  func()           // called after each commit that wrote to the feed; nil: nothing
	Now     func() time.Time // nil: time.Now
}

// New returns the attachments of a database that has the migrations.
func New(c Config) *Service {
	s := &Service{db: c.Catalog.DB(), cat: c.Catalog, store: c.Store, limits: c.Limits, notify: c.Notify, now: c.Now}
	if s.limits == (Limits{}) {
		s.limits = DefaultLimits
	}
	if s.notify == nil {
		s.notify = func() {}
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Limits returns the limits in force.
func (s *Service) Limits() Limits { return s.limits }

// Store returns where the files are.
func (s *Service) Store() Store { return s.store }

// Migrations returns the tables. A row of blobs is the content; live counts the
// attachments that have it.
func Migrations() []sqldb.Migration {
	return []sqldb.Migration{{Name: "blob/001", SQL: `
CREATE TABLE blobs (
  org TEXT NOT NULL, sha TEXT NOT NULL, size BIGINT NOT NULL, live BIGINT NOT NULL, freed BIGINT NOT NULL, PRIMARY KEY (org, sha))
;;
CREATE TABLE attachments (
  id TEXT PRIMARY KEY, org TEXT NOT NULL, uid TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, size BIGINT NOT NULL, sha TEXT NOT NULL,
  account TEXT NOT NULL, by_name TEXT NOT NULL, created BIGINT NOT NULL, removed BIGINT NOT NULL, removed_by TEXT NOT NULL)
;;
CREATE INDEX attachments_uid ON attachments (org, uid, created)
`}}
}

const columns = `id, uid, name, type, size, sha, account, by_name, created, removed, removed_by`

func scan(row sqldb.Row) (Attachment, error) {
	var a Attachment
	var created, removed int64
	err := row.Scan(&a.ID, &a.UID, &a.Name, &a.Type, &a.Size, &a.SHA256, &a.Account, &a.By, &created, &removed, &a.RemovedBy)
	a.Created, a.Removed = sqldb.Time(created), sqldb.Time(removed)
	return a, err
}

// resource asks for a verb on the kind of a record.
func (s *Service) may(p auth.Principal, v auth.Verb, e *entity.Entity) error {
	k, err := s.cat.Kinds().Find(e.Kind)
	if err != nil {
		return err
	}
	return p.Can(v, k.Resource())
}

// List returns what was attached to a record, the oldest first, what was removed
// too.
func (s *Service) List(ctx context.Context, p auth.Principal, on *entity.Entity) ([]Attachment, error) {
	if err := s.may(p, auth.Read, on); err != nil {
		return nil, err
	}
	return s.query(ctx, `org = ? AND uid = ?`, p.Org, on.Metadata.UID)
}

// Of returns the files that are attached to a record now, whoever may read it.
func (s *Service) Of(ctx context.Context, org, uid string) ([]Attachment, error) {
	return s.query(ctx, `org = ? AND uid = ? AND removed = 0`, org, uid)
}

// By returns what p attached, the oldest first.
func (s *Service) By(ctx context.Context, p auth.Principal) ([]Attachment, error) {
	if err := p.Can(auth.Self, auth.Resource{}); err != nil {
		return nil, err
	}
	return s.query(ctx, `org = ? AND account = ?`, p.Org, p.Account)
}

func (s *Service) query(ctx context.Context, where string, args ...any) ([]Attachment, error) {
	out, err := sqldb.All(ctx, s.db, scan, `SELECT `+columns+` FROM attachments WHERE `+where+` ORDER BY created, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("blob: list: %w", err)
	}
	return out, nil
}

// Get returns an attachment and the record it belongs to.
func (s *Service) Get(ctx context.Context, c catalog.Caller, id string) (Attachment, *entity.Entity, error) {
	if err := c.Can(auth.Whoami, auth.Resource{}); err != nil {
		return Attachment{}, nil, err
	}
	a, err := scan(s.db.QueryRow(ctx, `SELECT `+columns+` FROM attachments WHERE org = ? AND id = ?`, c.Org, id))
	if errors.Is(err, sqldb.ErrNoRows) {
		return a, nil, none()
	}
	if err != nil {
		return a, nil, fmt.Errorf("blob: %w", err)
	}
	on, err := s.cat.GetUID(ctx, c, a.UID)
	if fault.Is(err, fault.NotFound) {
		err = none()
	}
	return a, on, err
}

func none() error {
	return auth.Refuse(fault.NotFound, "no-attachment", lang.T("There is no such attachment.", "Ese adjunto no existe."))
}

// Open returns the content of an attachment, which the caller closes.
func (s *Service) Open(ctx context.Context, c catalog.Caller, id string) (Attachment, io.ReadCloser, error) {
	a, _, err := s.Get(ctx, c, id)
	if err != nil {
		return a, nil, err
	}
	if !a.Removed.IsZero() {
		return a, nil, auth.Refuse(fault.NotFound, "attachment-removed", lang.T("{0} was removed by {1}.", "{1} quitó {0}."), a.Name, a.RemovedBy)
	}
	r, err := s.Content(ctx, c.Org, a)
	return a, r, err
}

// Content returns what an attachment of an organisation holds, whoever may read
// it. The caller closes it.
func (s *Service) Content(ctx context.Context, org string, a Attachment) (io.ReadCloser, error) {
	r, err := s.store.Open(ctx, path(org, a.SHA256))
	if fault.Is(err, fault.NotFound) {
		err = &fault.Error{Kind: fault.Unavailable, Msg: "the content of " + a.Name + " is missing", Code: "attachment.missing", Args: []any{a.Name}, Hint: "binnacle doctor lists what is missing; restore it from a backup", Err: err}
	}
	return r, err
}

// path is where the content with a hash is kept.
func path(org, sha string) string { return org + "/" + sha[:2] + "/" + sha }

// Add attaches a file to a record. The same content twice is two attachments of
// one content.
func (s *Service) Add(ctx context.Context, c catalog.Caller, on *entity.Entity, name string, content io.Reader) (Attachment, error) {
	if err := s.may(c.Principal, auth.Comment, on); err != nil {
		return Attachment{}, err
	}
	f, err := s.store.Stage()
	if err != nil {
		return Attachment{}, fmt.Errorf("blob: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	a, err := s.receive(f, cleanName(name), content)
	if err != nil {
		return a, err
	}
	a.ID, a.UID, a.Account, a.By, a.Created = strings.ToLower(rand.Text()), on.Metadata.UID, c.Account, c.Name, s.now().UTC().Truncate(time.Microsecond)
	if err := s.room(ctx, c.Org, a); err != nil {
		return a, err
	}
	if err := s.noted(ctx, c.Org, a); err != nil {
		return a, err
	}
	if err := s.store.Keep(ctx, f, path(c.Org, a.SHA256), a.Size); err != nil {
		return a, fmt.Errorf("blob: keep %s: %w", a.Name, err)
	}
	if err := s.db.Tx(ctx, func(tx *sqldb.Tx) error { return s.attach(ctx, tx, c, on, a) }); err != nil {
		return a, err
	}
	s.notify()
	return a, nil
}

// receive writes content to a file, hashing it on the way.
func (s *Service) receive(f *os.File, name string, content io.Reader) (Attachment, error) {
	a := Attachment{Name: name}
	sum := sha256.New()
	var head sniffed
	n, err := io.Copy(io.MultiWriter(f, sum, &head), io.LimitReader(content, s.limits.File+1))
	if err != nil {
		return a, fmt.Errorf("blob: receive %s: %w", name, err)
	}
	if n > s.limits.File {
		return a, auth.Refuse(fault.TooLarge, "attachment-large", lang.T("{0} is larger than {1}, the limit of an attachment.", "{0} supera {1}, el límite de un adjunto."), name, lang.Bytes(lang.English, s.limits.File))
	}
	if n == 0 {
		return a, auth.BadField("file", "attachment-empty", lang.T("{0} is empty.", "{0} está vacío."), name)
	}
	a.Size, a.SHA256, a.Type = n, hex.EncodeToString(sum.Sum(nil)), head.mediaType(name)
	return a, nil
}

// room refuses a content before it is kept. What was removed takes room until
// Sweep comes to it: together with that it may be twice the limit.
func (s *Service) room(ctx context.Context, org string, a Attachment) error {
	var live, all int64
	err := s.db.QueryRow(ctx, `SELECT COALESCE(sum(CASE WHEN live > 0 THEN size ELSE 0 END), 0), COALESCE(sum(size), 0) FROM blobs WHERE org = ? AND sha <> ?`, org, a.SHA256).Scan(&live, &all)
	switch {
	case err != nil:
		return fmt.Errorf("blob: %w", err)
	case live+a.Size > s.limits.Org:
		return s.full()
	case all+a.Size > 2*s.limits.Org:
		return auth.Refuse(fault.TooLarge, "attachments-removed-full", lang.T("What was attached and removed takes too much room; it is freed within two days.", "Lo que se adjuntó y se quitó ocupa demasiado; se libera en dos días."))
	}
	return nil
}

func (s *Service) full() error {
	return auth.Refuse(fault.TooLarge, "attachments-full", lang.T("The attachments of this organisation would take more than {0}; remove some first.", "Los adjuntos de esta organización ocuparían más de {0}; quita alguno antes."), lang.Bytes(lang.English, s.limits.Org))
}

// noted enters a content before it is kept, so that one left behind by a crash
// is found and removed (Sweep).
func (s *Service) noted(ctx context.Context, org string, a Attachment) error {
	_, err := s.db.Exec(ctx, `INSERT INTO blobs (org, sha, size, live, freed) VALUES (?, ?, ?, 0, ?) ON CONFLICT (org, sha) DO UPDATE SET freed = excluded.freed`,
		org, a.SHA256, a.Size, sqldb.Micros(s.now()))
	if err != nil {
		return fmt.Errorf("blob: %w", err)
	}
	return nil
}

// attach makes the attachment while it holds the row of its content, which keeps
// Sweep from removing it.
func (s *Service) attach(ctx context.Context, tx *sqldb.Tx, c catalog.Caller, on *entity.Entity, a Attachment) error {
	res, err := tx.Exec(ctx, `UPDATE blobs SET live = live + 1 WHERE org = ? AND sha = ?`, c.Org, a.SHA256)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	there, err := s.store.Has(ctx, path(c.Org, a.SHA256))
	if err != nil {
		return err
	}
	if n == 0 || !there {
		return fault.New(fault.Conflict, "%s was removed while it was attached", a.Name).Coded("attachment.removed").WithHint("attach it again")
	}
	var total int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(sum(size), 0) FROM blobs WHERE org = ? AND live > 0`, c.Org).Scan(&total); err != nil {
		return err
	}
	if total > s.limits.Org {
		return s.full()
	}
	_, err = tx.Exec(ctx, `INSERT INTO attachments (org, `+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '')`,
		c.Org, a.ID, a.UID, a.Name, a.Type, a.Size, a.SHA256, a.Account, a.By, sqldb.Micros(a.Created))
	if err != nil {
		return err
	}
	return s.record(ctx, tx, c, on, a, "attachment.added")
}

// record writes what happened to the feed and the audit log.
func (s *Service) record(ctx context.Context, tx *sqldb.Tx, c catalog.Caller, on *entity.Entity, a Attachment, what string) error {
	data, err := json.Marshal(map[string]any{"attachment": a.ID, "name": a.Name, "size": a.Size, "sha256": a.SHA256})
	if err != nil {
		return err
	}
	now, ref := s.now(), on.Ref().String()
	if err := feed.Append(ctx, tx, &feed.Entry{Org: c.Org, At: now, Type: what, Ref: ref, UID: a.UID, Actor: c.Account, Data: data}); err != nil {
		return err
	}
	return audit.Append(ctx, tx, &audit.Record{Org: c.Org, At: now, Actor: c.Account, ActorName: c.Name, Action: what, Target: ref, Detail: data, IP: c.IP, Via: c.Via})
}

// Remove removes an attachment; a row that says so stays, with the hash. The
// content goes when no other attachment has it, after a day.
func (s *Service) Remove(ctx context.Context, c catalog.Caller, id string) (Attachment, error) {
	a, on, err := s.Get(ctx, c, id)
	if err != nil {
		return a, err
	}
	if err := s.mayRemove(c.Principal, on, a); err != nil {
		return a, err
	}
	a.Removed, a.RemovedBy = s.now().UTC().Truncate(time.Microsecond), c.Name
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE attachments SET removed = ?, removed_by = ? WHERE org = ? AND id = ? AND removed = 0`, sqldb.Micros(a.Removed), a.RemovedBy, c.Org, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, none())
		}
		if _, err := tx.Exec(ctx, `UPDATE blobs SET live = live - 1, freed = ? WHERE org = ? AND sha = ?`, sqldb.Micros(a.Removed), c.Org, a.SHA256); err != nil {
			return err
		}
		return s.record(ctx, tx, c, on, a, "attachment.removed")
	})
	if err == nil {
		s.notify()
	}
	return a, err
}

// MayRemove reports whether somebody may remove an attachment of a record.
func (s *Service) MayRemove(p auth.Principal, on *entity.Entity, a Attachment) bool {
	return a.Removed.IsZero() && s.mayRemove(p, on, a) == nil
}

func (s *Service) mayRemove(p auth.Principal, on *entity.Entity, a Attachment) error {
	if p.Account != "" && p.Account == a.Account {
		return s.may(p, auth.Comment, on)
	}
	return s.may(p, auth.Delete, on)
}
