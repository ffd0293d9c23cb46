package talk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Kind is a sort of comment.
type Kind string

// The kinds.
const (
	Remark   Kind = "comment"
	Dispute  Kind = "dispute"  // says that the record is not so; open until its owner answers
	Answer   Kind = "answer"   // of the owner, to a dispute
	Approval Kind = "approval" // says that who may change the record stands by it
)

// Kinds lists the kinds.
var Kinds = []Kind{Remark, Dispute, Answer, Approval}

// Comment is what somebody said about a record.
type Comment struct {
	ID       string
	UID      string // of the record
	Thread   string // id of the comment it replies to; "" begins a thread
	Kind     Kind
	Body     string   // Markdown; "" when it was withdrawn
	Mentions []string // references of people and groups
	Account  string
	By       string // the name of who said it, then
	Created  time.Time
	Edited   time.Time // zero: never
	Corrects string    // id of a comment of the same author that this one corrects

	// Closed is when the thread that begins here was resolved, or the dispute
	// settled, and ClosedBy by whom; zero while it is open.
	Closed   time.Time
	ClosedBy string

	Withdrawn   time.Time // its text was taken back
	WithdrawnBy string

	CorrectedBy string // id of the newest comment that corrects this one
}

// Open reports whether c is a dispute that waits for its answer.
func (c Comment) Open() bool { return c.Kind == Dispute && c.Closed.IsZero() }

// Limits of comments.
const (
	MaxBody  = 20_000           // bytes
	EditTerm = 15 * time.Minute // how long a comment may be changed
)

// Draft is a comment to be made.
type Draft struct {
	Thread string // the comment it replies to, any of the thread; "" begins one
	Kind   Kind   // "" is Remark
	Body   string
}

const columns = `id, uid, thread, kind, body, mentions, account, by_name, created, edited, corrects, closed, closed_by, withdrawn, withdrawn_by`

func scan(row sqldb.Row) (Comment, error) {
	var c Comment
	var mentions string
	var created, edited, closed, withdrawn int64
	err := row.Scan(&c.ID, &c.UID, &c.Thread, &c.Kind, &c.Body, &mentions, &c.Account, &c.By, &created, &edited, &c.Corrects, &closed, &c.ClosedBy, &withdrawn, &c.WithdrawnBy)
	c.Mentions, c.Created, c.Edited, c.Closed, c.Withdrawn = strings.Fields(mentions), sqldb.Time(created), sqldb.Time(edited), sqldb.Time(closed), sqldb.Time(withdrawn)
	return c, err
}

func (s *Service) comments(ctx context.Context, q sqldb.Querier, where string, args ...any) ([]Comment, error) {
	out, err := sqldb.All(ctx, q, scan, `SELECT `+columns+` FROM comments WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("talk: comments: %w", err)
	}
	return out, nil
}

func noComment() error {
	return auth.Refuse(fault.NotFound, "no-comment", lang.T("There is no such comment.", "Ese comentario no existe."))
}

// Get returns a comment and the record it is about.
func (s *Service) Get(ctx context.Context, c catalog.Caller, id string) (Comment, *entity.Entity, error) {
	if err := c.Can(auth.Whoami, auth.Resource{}); err != nil {
		return Comment{}, nil, err
	}
	list, err := s.comments(ctx, s.db, `org = ? AND id = ?`, c.Org, id)
	if err == nil && len(list) == 0 {
		err = noComment()
	}
	if err != nil {
		return Comment{}, nil, err
	}
	on, err := s.Catalog.GetUID(ctx, c, list[0].UID)
	if fault.Is(err, fault.NotFound) {
		err = noComment()
	}
	return list[0], on, err
}

// Thread is a comment and what was replied to it, the oldest first.
type Thread struct {
	Comment
	Replies []Comment
}

// List returns the threads about a record, the oldest first, as the caller who
// has read it may see them. Before narrows to those that began before it, and
// limit to the newest so many; zero values narrow nothing.
func (s *Service) List(ctx context.Context, p auth.Principal, on *entity.Entity, before time.Time, limit int) ([]Thread, error) {
	if err := s.may(p, auth.Read, on); err != nil {
		return nil, err
	}
	where, args := `org = ? AND uid = ? AND thread = ''`, []any{p.Org, on.Metadata.UID}
	if !before.IsZero() {
		where, args = where+` AND created < ?`, append(args, sqldb.Micros(before))
	}
	where += ` ORDER BY created DESC, id DESC`
	if limit > 0 {
		where, args = where+` LIMIT ?`, append(args, limit)
	}
	roots, err := s.comments(ctx, s.db, where, args...)
	if err != nil || len(roots) == 0 {
		return nil, err
	}
	slices.Reverse(roots)
	replies, err := s.comments(ctx, s.db, `org = ? AND uid = ? AND thread <> '' ORDER BY created, id`, p.Org, on.Metadata.UID)
	if err != nil {
		return nil, err
	}
	return threads(roots, replies), nil
}

// threads puts replies under the comments they reply to and marks what was
// corrected.
func threads(roots, replies []Comment) []Thread {
	out, at := make([]Thread, len(roots)), map[string]int{}
	for i, r := range roots {
		out[i], at[r.ID] = Thread{Comment: r}, i
	}
	corrected := map[string]string{}
	for _, r := range replies {
		if r.Corrects != "" {
			corrected[r.Corrects] = r.ID
		}
	}
	for _, r := range replies {
		r.CorrectedBy = corrected[r.ID]
		if i, ok := at[r.Thread]; ok {
			out[i].Replies = append(out[i].Replies, r)
		}
	}
	for i := range out {
		out[i].CorrectedBy = corrected[out[i].ID]
	}
	return out
}

// Count returns how many comments there are about a record, withdrawn ones
// aside.
func (s *Service) Count(ctx context.Context, org, uid string) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT count(*) FROM comments WHERE org = ? AND uid = ? AND withdrawn = 0`, org, uid).Scan(&n)
	return n, err
}

// OpenDisputes returns the disputes of records, by identity, that their owners
// have not answered.
func (s *Service) OpenDisputes(ctx context.Context, q sqldb.Querier, org string, uids ...string) (map[string][]Comment, error) {
	out := map[string][]Comment{}
	for part := range slices.Chunk(uids, 1000) {
		args := []any{org}
		for _, u := range part {
			args = append(args, u)
		}
		list, err := s.comments(ctx, q, `org = ? AND kind = 'dispute' AND closed = 0 AND uid IN `+sqldb.In(len(part))+` ORDER BY created, id`, args...)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			out[c.UID] = append(out[c.UID], c)
		}
	}
	return out, nil
}

// Add makes a comment about a record.
func (s *Service) Add(ctx context.Context, c catalog.Caller, on *entity.Entity, n Draft) (Comment, error) {
	if n.Kind == "" {
		n.Kind = Remark
	}
	out := Comment{Kind: n.Kind, Thread: n.Thread}
	root, err := s.checkNew(ctx, c, on, &out, n)
	if err != nil {
		return out, err
	}
	return s.add(ctx, c, on, out, root)
}

// checkNew checks a comment to be made, and returns the one whose thread it is
// in.
func (s *Service) checkNew(ctx context.Context, c catalog.Caller, on *entity.Entity, out *Comment, n Draft) (root *Comment, err error) {
	if err := s.may(c.Principal, auth.Comment, on); err != nil {
		return nil, err
	}
	if !slices.Contains(Kinds, n.Kind) {
		return nil, auth.BadField("kind", "comment-kind", lang.T("{0} is no kind of comment.", "{0} no es un tipo de comentario."), n.Kind)
	}
	if out.Body, err = checkBody(n.Body); err != nil {
		return nil, err
	}
	if root, err = s.root(ctx, c.Org, on, n.Thread); err != nil {
		return nil, err
	}
	if root != nil {
		out.Thread = root.ID
	}
	return root, s.checkKind(ctx, c, on, n.Kind, root)
}

func checkBody(body string) (string, error) {
	body = clean(body)
	switch {
	case body == "":
		return "", auth.BadField("body", "comment-empty", lang.T("Write something.", "Escribe algo."))
	case len(body) > MaxBody:
		return "", auth.BadField("body", "comment-long", lang.T("A comment has at most {0} bytes; attach a file instead.", "Un comentario tiene como mucho {0} bytes; adjunta un fichero."), MaxBody)
	}
	return body, nil
}

// root returns the comment that begins the thread a reply belongs to; nil for a
// comment that begins one.
func (s *Service) root(ctx context.Context, org string, on *entity.Entity, id string) (*Comment, error) {
	if id == "" {
		return nil, nil
	}
	list, err := s.comments(ctx, s.db, `org = ? AND uid = ? AND id IN (SELECT CASE WHEN thread = '' THEN id ELSE thread END FROM comments WHERE org = ? AND uid = ? AND id = ?)`,
		org, on.Metadata.UID, org, on.Metadata.UID, id)
	if err == nil && len(list) == 0 {
		err = noComment()
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// checkKind checks what each kind asks for beside the right to comment.
func (s *Service) checkKind(ctx context.Context, c catalog.Caller, on *entity.Entity, kind Kind, root *Comment) error {
	k, err := s.Catalog.Kinds().Find(on.Kind)
	if err != nil || kind == Remark {
		return err
	}
	if err := named(c.Principal); err != nil {
		return err
	}
	switch kind {
	case Approval:
		return c.Can(auth.Write, k.Resource())
	case Dispute:
		if root != nil {
			return auth.BadField("thread", "dispute-thread", lang.T("A dispute begins a thread; it is no reply.", "Una objeción abre un hilo; no es una respuesta."))
		}
		if !s.CanDispute(k) {
			return auth.Refuse(fault.Invalid, "not-disputable", lang.T("A {0} claims nothing that could be disputed.", "Nada de lo que dice {0} se puede objetar."), k.Title)
		}
		return nil
	}
	if root == nil || !root.Open() {
		return auth.Refuse(fault.Conflict, "no-dispute", lang.T("There is no open dispute to answer here.", "Aquí no hay una objeción abierta que contestar."))
	}
	may, err := s.MayAnswer(ctx, c.Principal, on)
	if err == nil && !may {
		err = auth.Refuse(fault.Forbidden, "not-owner", lang.T("Only the owner of this record answers its disputes; a plain reply says what you know.", "Solo el responsable de esta ficha contesta sus objeciones; con una respuesta normal puedes decir lo que sepas."))
	}
	return err
}

// CanDispute reports whether records of a kind can be disputed.
func (s *Service) CanDispute(k *catalog.Kind) bool { return s.Disputable == nil || s.Disputable(k) }

// MayAnswer reports whether somebody answers the disputes of a record: its owner,
// and who is in the group that owns it. Where no owner can sign in, it is who may
// write the record, so that no dispute stays open for want of anybody.
func (s *Service) MayAnswer(ctx context.Context, p auth.Principal, on *entity.Entity) (bool, error) {
	k, err := s.Catalog.Kinds().Find(on.Kind)
	if err != nil || named(p) != nil || p.Can(auth.Comment, k.Resource()) != nil {
		return false, err
	}
	d, err := s.directory(ctx, s.db, p.Org)
	if err != nil {
		return false, err
	}
	owners, err := d.owners(ctx, k, on)
	if err != nil {
		return false, err
	}
	if len(owners) == 0 {
		return p.Can(auth.Write, k.Resource()) == nil, nil
	}
	return slices.Contains(owners, p.Account), nil
}

// types are what the feed calls a new comment of each kind.
var types = map[Kind]string{Remark: "comment.added", Approval: "comment.added", Dispute: "comment.disputed", Answer: "comment.answered"}

// add stores a checked comment with all that follows from it.
func (s *Service) add(ctx context.Context, c catalog.Caller, on *entity.Entity, n Comment, root *Comment) (Comment, error) {
	n.ID, n.UID, n.Account, n.By, n.Created = strings.ToLower(rand.Text()), on.Metadata.UID, c.Account, c.Name, s.Now().UTC().Truncate(time.Microsecond)
	followers, err := s.called(ctx, c, &n)
	if err != nil {
		return n, err
	}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if n.Kind == Answer {
			if err := s.close(ctx, tx, c, *root, true); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO comments (org, `+columns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, '', 0, '')`,
			c.Org, n.ID, n.UID, n.Thread, n.Kind, n.Body, joined(n.Mentions), n.Account, n.By, sqldb.Micros(n.Created), n.Corrects)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, tx, c.Org, n.UID, followers); err != nil {
			return err
		}
		return s.record(ctx, tx, c, happened{what: types[n.Kind], on: on, data: told(n, root)})
	})
	if err == nil {
		s.Notify()
	}
	return n, err
}

// told is what the feed says of a comment. Its text is not in it: the feed is
// kept for ever, and a comment may be withdrawn.
func told(n Comment, root *Comment) map[string]any {
	data := map[string]any{"comment": n.ID, "kind": n.Kind}
	if n.Thread != "" {
		data["thread"] = n.Thread
	}
	if root != nil {
		data["began"] = root.Account
	}
	if n.Corrects != "" {
		data["corrects"] = n.Corrects
	}
	if len(n.Mentions) > 0 {
		data["mentions"] = n.Mentions
	}
	return data
}

// called finds whom a comment mentions, and returns the accounts that watch the
// record from now on, and why: theirs and the author's. It asks before the
// transaction begins, which then holds no connection while it waits for another.
func (s *Service) called(ctx context.Context, c catalog.Caller, n *Comment) (map[string]Why, error) {
	var err error
	if n.Mentions, err = s.mentioned(ctx, s.db, c.Org, n.Body); err != nil {
		return nil, err
	}
	d, err := s.directory(ctx, s.db, c.Org)
	if err != nil {
		return nil, err
	}
	out := map[string]Why{}
	for _, ref := range n.Mentions {
		accounts, err := d.accounts(ctx, ref)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			out[a] = Mentioned
		}
	}
	if d.person(c.Account) != nil {
		out[c.Account] = Commented
	}
	return out, nil
}

// follow makes people watch a record, unless they muted it.
func (s *Service) follow(ctx context.Context, tx *sqldb.Tx, org, uid string, who map[string]Why) error {
	for _, account := range slices.Sorted(maps.Keys(who)) {
		if err := s.begin(ctx, tx, org, uid, account, who[account]); err != nil {
			return err
		}
	}
	return nil
}

// close sets or clears when a thread was closed; it refuses when somebody else
// did so meanwhile.
func (s *Service) close(ctx context.Context, tx *sqldb.Tx, c catalog.Caller, root Comment, closed bool) error {
	at, by, was := int64(0), "", `closed > 0`
	if closed {
		at, by, was = sqldb.Micros(s.Now()), c.Name, `closed = 0`
	}
	res, err := tx.Exec(ctx, `UPDATE comments SET closed = ?, closed_by = ? WHERE org = ? AND id = ? AND `+was, at, by, c.Org, root.ID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, auth.Refuse(fault.Conflict, "thread-changed", lang.T("Somebody else was faster: look at the thread again.", "Alguien se adelantó: mira el hilo otra vez.")))
	}
	return nil
}
