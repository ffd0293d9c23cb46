package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// chunkArgs is how many arguments one INSERT of SQLite carries: enough that the
// cost of a statement does not count, few enough that preparing it does not.
const chunkArgs = 1000

// Rows are what Insert writes: Values[i] belongs to Columns. A value is an int,
// int64, float64, string, a pointer to one of the last three, []byte or nil, the
// same type in each row of a column but for nil.
type Rows struct {
	Table   string
	Columns []string
	Values  [][]any
	// Conflict is what follows the values: "ON CONFLICT …" or nothing.
	Conflict string
}

// Insert writes many rows: on SQLite by a statement of some rows that is
// prepared once, on PostgreSQL by one statement over arrays, the text of which
// does not depend on how many rows there are.
func (tx *Tx) Insert(ctx context.Context, r Rows) error {
	_, err := tx.InsertNew(ctx, r)
	return err
}

// InsertNew is Insert that tells how many rows were written: of those that are
// there already, none when Conflict says to do nothing.
func (tx *Tx) InsertNew(ctx context.Context, r Rows) (written int64, err error) {
	if len(r.Values) == 0 {
		return 0, nil
	}
	if tx.dialect == Postgres {
		return tx.insertArrays(ctx, r)
	}
	n := max(1, chunkArgs/len(r.Columns))
	if whole := len(r.Values) / n; whole > 1 {
		if written, err = tx.insertChunks(ctx, r, n, whole); err != nil {
			return written, err
		}
		r.Values = r.Values[whole*n:]
	}
	for len(r.Values) > 0 {
		m := min(n, len(r.Values))
		res, err := tx.tx.ExecContext(ctx, r.statement(m), flat(r.Values[:m], len(r.Columns))...)
		if err := plus(&written, res, err); err != nil {
			return written, err
		}
		r.Values = r.Values[m:]
	}
	return written, nil
}

// plus counts the rows that a statement wrote, if it did not fail.
func plus(written *int64, r sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	*written += n
	return err
}

func (tx *Tx) insertChunks(ctx context.Context, r Rows, n, chunks int) (written int64, err error) {
	stmt, err := tx.tx.PrepareContext(ctx, r.statement(n))
	if err != nil {
		return 0, err
	}
	defer stmt.Close()
	for i := range chunks {
		res, err := stmt.ExecContext(ctx, flat(r.Values[i*n:(i+1)*n], len(r.Columns))...)
		if err := plus(&written, res, err); err != nil {
			return written, err
		}
	}
	return written, nil
}

func (r Rows) head() string {
	return `INSERT INTO ` + r.Table + ` (` + strings.Join(r.Columns, ", ") + `) `
}

// statement is the INSERT of n rows.
func (r Rows) statement(n int) string {
	one := In(len(r.Columns))
	return r.head() + `VALUES ` + one + strings.Repeat(","+one, n-1) + ` ` + r.Conflict
}

func flat(rows [][]any, width int) []any {
	args := make([]any, 0, len(rows)*width)
	for _, row := range rows {
		args = append(args, row...)
	}
	return args
}

// arrayRows bounds what one statement holds in memory on both sides.
const arrayRows = 2000

func (tx *Tx) insertArrays(ctx context.Context, r Rows) (written int64, err error) {
	like := make([]any, len(r.Columns))
	var arrays, names, picked []string
	for i := range like {
		if like[i] = some(r.Values, i); like[i] == nil {
			picked = append(picked, "NULL") // of whatever type the column is
			continue
		}
		name := fmt.Sprintf("c%d", i)
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", len(arrays)+1, postgresType(like[i])))
		names, picked = append(names, name), append(picked, name)
	}
	query := r.head() + `SELECT ` + strings.Join(picked, ", ") + ` FROM unnest(` + strings.Join(arrays, ", ") + `) AS r(` + strings.Join(names, ", ") + `) ` + r.Conflict
	for len(r.Values) > 0 {
		n := min(arrayRows, len(r.Values))
		var args []any
		for i, x := range like {
			if x != nil {
				args = append(args, array(x, r.Values[:n], i))
			}
		}
		res, err := tx.tx.ExecContext(ctx, query, args...)
		if err := plus(&written, res, err); err != nil {
			return written, err
		}
		r.Values = r.Values[n:]
	}
	return written, nil
}

func postgresType(like any) string {
	switch like.(type) {
	case int, int64, *int64:
		return "bigint"
	case float64, *float64:
		return "double precision"
	case []byte:
		return "bytea"
	}
	return "text"
}

// some returns a value of column i that is not nil; nil when there is none.
func some(rows [][]any, i int) any {
	for _, row := range rows {
		if row[i] != nil {
			return row[i]
		}
	}
	return nil
}

// array is column i of the rows, whose values are of the type of like, as the
// driver takes an array.
func array(like any, rows [][]any, i int) any {
	switch like.(type) {
	case int, int64:
		return column(rows, i, func(v any) int64 {
			if n, ok := v.(int); ok {
				return int64(n)
			}
			return v.(int64)
		})
	case float64:
		return column(rows, i, func(v any) float64 { return v.(float64) })
	case *int64:
		return pointers[int64](rows, i)
	case *float64:
		return pointers[float64](rows, i)
	case *string:
		return pointers[string](rows, i)
	case []byte:
		return column(rows, i, func(v any) []byte { return v.([]byte) })
	}
	return column(rows, i, func(v any) string { return v.(string) })
}

// column returns the values of a column, by pointers where some are nil.
func column[T any](rows [][]any, i int, as func(any) T) any {
	out := make([]T, len(rows))
	var within []*T
	for j, row := range rows {
		switch {
		case row[i] == nil && within == nil:
			within = make([]*T, len(rows))
			for k := range j {
				within[k] = &out[k]
			}
		case row[i] != nil:
			if out[j] = as(row[i]); within != nil {
				within[j] = &out[j]
			}
		}
	}
	if within != nil {
		return within
	}
	return out
}

func pointers[T any](rows [][]any, i int) []*T {
	out := make([]*T, len(rows))
	for j, row := range rows {
		out[j], _ = row[i].(*T)
	}
	return out
}
