package sqldb

import (
	"container/list"
	"context"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// The texts of statements whose reading is kept, on each connection.
const (
	keptStatements = 256
	keptText       = 4096 // bytes; a longer one is seldom asked twice
)

// openSQLiteAt returns a way to open connections to a SQLite file that keep the
// statements they have read: to read one takes longer than most of them run.
// PostgreSQL's driver does the same by itself.
func openSQLiteAt(name string) (driver.Connector, error) {
	lowerAll()
	c, err := sqlite.NewConnector(name)
	return keeper{c}, err
}

type keeper struct{ driver.Connector }

func (k keeper) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := c.(connection)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver lacks something that database/sql uses"), c.Close())
	}
	return &keeping{connection: inner, kept: map[string]*list.Element{}}, nil
}

// connection is what database/sql uses of a connection.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keeping is a connection with the statements that it has read and that nobody
// uses at this moment. database/sql calls it from one goroutine at a time.
type keeping struct {
	connection
	kept map[string]*list.Element
	used list.List // of kept statements, the last used in front
}

// statement is one that was read.
type statement struct {
	driver.Stmt
	text string
}

// Unwrap returns the connection itself, as the driver asks of those around it.
func (k *keeping) Unwrap() driver.Conn { return k.connection }

// take returns a statement, which nobody else uses until it is given back.
func (k *keeping) take(ctx context.Context, text string) (*statement, error) {
	if at := k.kept[text]; at != nil {
		delete(k.kept, text)
		return k.used.Remove(at).(*statement), nil
	}
	s, err := k.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &statement{s, text}, nil
}

// give keeps a statement for the next who asks, unless another of the same text
// came back before it.
func (k *keeping) give(s *statement) error {
	if k.kept[s.text] != nil || len(s.text) > keptText {
		return s.Close()
	}
	k.kept[s.text] = k.used.PushFront(s)
	if k.used.Len() <= keptStatements {
		return nil
	}
	last := k.used.Remove(k.used.Back()).(*statement)
	delete(k.kept, last.text)
	return last.Close()
}

func (k *keeping) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err != nil {
		s.fail()
		return nil, err
	}
	return r, k.give(s)
}

func (k *keeping) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := k.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		s.fail()
		return nil, err
	}
	return &reading{r, k, s}, nil
}

// fail closes a statement that failed. SQLite tells of the failure again then,
// which is no second one.
func (s *statement) fail() { _ = s.Close() }

// Close closes the connection with what it kept.
func (k *keeping) Close() error {
	var all []error
	for at := k.used.Front(); at != nil; at = at.Next() {
		all = append(all, at.Value.(*statement).Close())
	}
	k.used.Init()
	clear(k.kept)
	return errors.Join(append(all, k.connection.Close())...)
}

// reading is rows whose statement is given back when they are read.
type reading struct {
	driver.Rows
	k *keeping
	s *statement
}

func (r *reading) Close() error {
	if err := r.Rows.Close(); err != nil {
		r.s.fail()
		return err
	}
	return r.k.give(r.s)
}
