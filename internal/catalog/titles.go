package catalog

import (
	"context"
	"slices"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Titles returns what the entities that references name are called, by the
// reference in full form. What does not exist, or not for the caller, is left
// out; a former name leads to the present title.
func (c *Catalog) Titles(ctx context.Context, caller Caller, refs []entity.Ref) (map[string]string, error) {
	out, readable := map[string]string{}, c.readable(caller)
	var names []string
	for _, r := range refs {
		if s := r.String(); slices.Contains(readable, r.Kind) && !slices.Contains(names, s) {
			names = append(names, s)
		}
	}
	for part := range slices.Chunk(names, 500) {
		if err := c.titles(ctx, caller, part, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *Catalog) titles(ctx context.Context, caller Caller, names []string, out map[string]string) error {
	in, args := sqldb.In(len(names)), append([]any{caller.Org}, sqldb.Args(names)...)
	return sqldb.Each(ctx, c.q(), func(r sqldb.Row) error {
		var ref string
		var doc []byte
		if err := r.Scan(&ref, &doc); err != nil {
			return err
		}
		if _, taken := out[ref]; !taken {
			var e end
			e.describe(doc)
			out[ref] = e.title
		}
		return nil
	}, `SELECT ref, doc FROM entities WHERE org = ? AND deleted = 0 AND ref IN `+in+
		` UNION ALL SELECT a.ref, e.doc FROM aliases a JOIN entities e ON e.id = a.id AND e.deleted = 0 WHERE a.org = ? AND a.ref IN `+in, append(args, args...)...)
}
