package sqldb

import (
	"context"
	"fmt"
	"strings"
)

// chunkArgs is how many arguments one INSERT of SQLite carries: enough that the
// cost of a statement does not count, few enough that preparing it does not.
const chunkArgs = 1000

// Rows are what Insert writes: Values[i] belongs to Columns. A value is an int,
// int64, string, *string, *int64 or []byte, the same type in each row of a
// column.
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
	if len(r.Values) == 0 {
		return nil
	}
	if tx.dialect == Postgres {
		return tx.insertArrays(ctx, r)
	}
	n := max(1, chunkArgs/len(r.Columns))
	if whole := len(r.Values) / n; whole > 1 {
		if err := tx.insertChunks(ctx, r, n, whole); err != nil {
			return err
		}
		r.Values = r.Values[whole*n:]
	}
	for len(r.Values) > 0 {
		m := min(n, len(r.Values))
		if _, err := tx.tx.ExecContext(ctx, r.statement(m), flat(r.Values[:m], len(r.Columns))...); err != nil {
			return err
		}
		r.Values = r.Values[m:]
	}
	return nil
}

func (tx *Tx) insertChunks(ctx context.Context, r Rows, n, chunks int) error {
	stmt, err := tx.tx.PrepareContext(ctx, r.statement(n))
	if err != nil {
		return err
	}
	defer stmt.Close()
	for i := range chunks {
		if _, err := stmt.ExecContext(ctx, flat(r.Values[i*n:(i+1)*n], len(r.Columns))...); err != nil {
			return err
		}
	}
	return nil
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

func (tx *Tx) insertArrays(ctx context.Context, r Rows) error {
	arrays := make([]string, len(r.Columns))
	for i := range arrays {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, postgresType(r.Values, i))
	}
	query := r.head() + `SELECT * FROM unnest(` + strings.Join(arrays, ", ") + `) ` + r.Conflict
	for len(r.Values) > 0 {
		n := min(arrayRows, len(r.Values))
		args := make([]any, len(r.Columns))
		for i := range args {
			args[i] = array(r.Values[:n], i)
		}
		if _, err := tx.tx.ExecContext(ctx, query, args...); err != nil {
			return err
		}
		r.Values = r.Values[n:]
	}
	return nil
}

func postgresType(rows [][]any, i int) string {
	switch rows[0][i].(type) {
	case int, int64, *int64:
		return "bigint"
	case []byte:
		return "bytea"
	}
	return "text"
}

// array is column i of the rows, as the driver takes an array.
func array(rows [][]any, i int) any {
	switch rows[0][i].(type) {
	case int, int64:
		return column(rows, i, func(v any) int64 {
			if n, ok := v.(int); ok {
				return int64(n)
			}
			return v.(int64)
		})
	case *int64:
		return column(rows, i, func(v any) *int64 { return v.(*int64) })
	case *string:
		return column(rows, i, func(v any) *string { return v.(*string) })
	case []byte:
		return column(rows, i, func(v any) []byte { return v.([]byte) })
	}
	return column(rows, i, func(v any) string { return v.(string) })
}

func column[T any](rows [][]any, i int, as func(any) T) []T {
	out := make([]T, len(rows))
	for j, row := range rows {
		out[j] = as(row[i])
	}
	return out
}
