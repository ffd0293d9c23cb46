package talk

import (
	"context"
	"errors"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// own returns a comment of the caller's that still says something.
func (s *Service) own(ctx context.Context, c catalog.Caller, id string) (Comment, *entity.Entity, error) {
	was, on, err := s.Get(ctx, c, id)
	if err != nil {
		return was, on, err
	}
	if err := s.may(c.Principal, auth.Comment, on); err != nil {
		return was, on, err
	}
	switch {
	case c.Account == "" || was.Account != c.Account:
		err = auth.Refuse(fault.Forbidden, "not-author", lang.T("Only who wrote a comment may change or correct it.", "Solo quien escribió un comentario puede cambiarlo o corregirlo."))
	case !was.Withdrawn.IsZero():
		err = auth.Refuse(fault.Conflict, "comment-withdrawn", lang.T("This comment was withdrawn.", "Este comentario se retiró."))
	}
	return was, on, err
}

// CanEdit reports whether somebody may still change a comment.
func (s *Service) CanEdit(p auth.Principal, c Comment) bool {
	return p.Account != "" && c.Account == p.Account && c.Withdrawn.IsZero() && s.Now().Sub(c.Created) < EditTerm
}

// Edit changes a comment of the caller's within EditTerm. It then shows that it
// was changed, and what it said before is kept.
func (s *Service) Edit(ctx context.Context, c catalog.Caller, id, body string) (Comment, error) {
	was, on, err := s.own(ctx, c, id)
	if err != nil {
		return was, err
	}
	if !s.CanEdit(c.Principal, was) {
		return was, auth.Refuse(fault.Conflict, "edit-late", lang.T("A comment can be changed for {0} minutes; correct it with another.", "Un comentario se puede cambiar durante {0} minutos; corrígelo con otro."), int(EditTerm.Minutes())).
			WithHint("binnacle comment correct %s, or Correct on its page", id)
	}
	if body, err = checkBody(body); err != nil || body == was.Body {
		return was, err
	}
	now := was
	now.Body, now.Edited = body, s.Now().UTC()
	followers, err := s.called(ctx, c, &now)
	if err != nil {
		return was, err
	}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := s.follow(ctx, tx, c.Org, now.UID, followers); err != nil {
			return err
		}
		return s.rewrite(ctx, tx, c, on, was, now)
	})
	if err == nil {
		s.Notify()
	}
	return now, err
}

// rewrite stores the changed comment, and what it said before.
func (s *Service) rewrite(ctx context.Context, tx *sqldb.Tx, c catalog.Caller, on *entity.Entity, was, now Comment) error {
	res, err := tx.Exec(ctx, `UPDATE comments SET body = ?, mentions = ?, edited = ? WHERE org = ? AND id = ? AND body = ? AND withdrawn = 0`,
		now.Body, joined(now.Mentions), sqldb.Micros(now.Edited), c.Org, now.ID, was.Body)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, auth.Refuse(fault.Conflict, "comment-changed", lang.T("The comment changed meanwhile: look at it again.", "El comentario cambió mientras tanto: míralo otra vez.")))
	}
	if _, err := tx.Exec(ctx, `INSERT INTO comment_edits (id, at, body) VALUES (?, ?, ?)`, now.ID, sqldb.Micros(now.Edited), was.Body); err != nil {
		return err
	}
	fresh := now
	fresh.Mentions = without(now.Mentions, was.Mentions)
	return s.record(ctx, tx, c, happened{what: "comment.edited", on: on, data: told(fresh, nil)})
}

// Correct says what a comment of the caller's should have said, in another one
// beside it.
func (s *Service) Correct(ctx context.Context, c catalog.Caller, id, body string) (Comment, error) {
	was, on, err := s.own(ctx, c, id)
	if err != nil {
		return was, err
	}
	n := Comment{Kind: Remark, Thread: was.Thread, Corrects: was.ID}
	if n.Thread == "" {
		n.Thread = was.ID
	}
	if n.Body, err = checkBody(body); err != nil {
		return n, err
	}
	root, err := s.root(ctx, c.Org, on, n.Thread)
	if err != nil {
		return n, err
	}
	return s.add(ctx, c, on, n, root)
}

// Withdraw takes the text of a comment back, as when it holds a secret. That it
// was there, whose it was and who withdrew it stays. Its author may, and who may
// delete the record.
func (s *Service) Withdraw(ctx context.Context, c catalog.Caller, id string) (Comment, error) {
	was, on, err := s.Get(ctx, c, id)
	if err != nil {
		return was, err
	}
	verb := auth.Delete
	if c.Account != "" && was.Account == c.Account {
		verb = auth.Comment
	}
	if err := s.may(c.Principal, verb, on); err != nil {
		return was, err
	}
	was.Withdrawn, was.WithdrawnBy, was.Body = s.Now().UTC(), c.Name, ""
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE comments SET body = '', mentions = '', withdrawn = ?, withdrawn_by = ? WHERE org = ? AND id = ? AND withdrawn = 0`,
			sqldb.Micros(was.Withdrawn), c.Name, c.Org, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, auth.Refuse(fault.Conflict, "comment-withdrawn", lang.T("This comment was withdrawn.", "Este comentario se retiró.")))
		}
		if _, err := tx.Exec(ctx, `DELETE FROM comment_edits WHERE id = ?`, id); err != nil {
			return err
		}
		return s.record(ctx, tx, c, happened{what: "comment.withdrawn", on: on, data: map[string]any{"comment": id, "kind": was.Kind}, detail: map[string]any{"author": was.By}})
	})
	if err == nil {
		s.Notify()
	}
	return was, err
}

// MayWithdraw reports whether somebody may take a comment's text back.
func (s *Service) MayWithdraw(p auth.Principal, on *entity.Entity, c Comment) bool {
	return c.Withdrawn.IsZero() && (p.Account != "" && c.Account == p.Account || s.may(p, auth.Delete, on) == nil)
}

// MayClose reports whether somebody may resolve a thread or open it again: who
// began it, and who may write the record. A dispute is let rest by who raised it
// alone; else it is answered.
func (s *Service) MayClose(p auth.Principal, on *entity.Entity, root Comment) bool {
	return s.mayClose(p, on, root) == nil
}

func (s *Service) mayClose(p auth.Principal, on *entity.Entity, root Comment) error {
	mine := p.Account != "" && root.Account == p.Account
	switch {
	case root.Kind == Dispute && mine, mine:
		return s.may(p, auth.Comment, on)
	case root.Kind == Dispute:
		return auth.Refuse(fault.Forbidden, "dispute-others", lang.T("A dispute is answered by the owner of the record, or let rest by who raised it.", "Una objeción la contesta el responsable de la ficha, o la da por zanjada quien la planteó."))
	}
	return s.may(p, auth.Write, on)
}

// Resolve closes a thread, or opens it again.
func (s *Service) Resolve(ctx context.Context, c catalog.Caller, id string, closed bool) (Comment, error) {
	root, on, err := s.Get(ctx, c, id)
	if err != nil {
		return root, err
	}
	if root.Thread != "" {
		return root, auth.Refuse(fault.Invalid, "not-thread", lang.T("This comment is a reply; resolve the thread it is in.", "Este comentario es una respuesta; resuelve el hilo en el que está."))
	}
	if err := s.mayClose(c.Principal, on, root); err != nil {
		return root, err
	}
	what := "comment.reopened"
	if closed {
		what = "comment.resolved"
	}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := s.close(ctx, tx, c, root, closed); err != nil {
			return err
		}
		return s.record(ctx, tx, c, happened{what: what, on: on, data: map[string]any{"comment": id, "kind": root.Kind, "began": root.Account}})
	})
	if err != nil {
		return root, err
	}
	s.Notify()
	again, _, err := s.Get(ctx, c, id)
	return again, err
}
