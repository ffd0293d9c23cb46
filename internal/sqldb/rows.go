package sqldb

import "context"

// Row is what a query found last, to be read.
type Row interface {
	Scan(to ...any) error
}

// Each reads the rows of a query one after the other, until one cannot be read
// or f returns an error. f must not ask by the same transaction of PostgreSQL.
func Each(ctx context.Context, q Querier, f func(Row) error, query string, args ...any) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// All returns what scan makes of each row of a query, in their order; nil when
// there are none.
func All[T any](ctx context.Context, q Querier, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	var out []T
	err := Each(ctx, q, func(r Row) error {
		x, err := scan(r)
		out = append(out, x)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Values returns the first column of each row of a query, of one type.
func Values[T any](ctx context.Context, q Querier, query string, args ...any) ([]T, error) {
	return All(ctx, q, func(r Row) (x T, err error) {
		err = r.Scan(&x)
		return x, err
	}, query, args...)
}
