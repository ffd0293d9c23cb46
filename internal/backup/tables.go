package backup

import (
	"context"
	"fmt"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// table is one table as the database describes it and as a backup names it.
type table struct {
	Name    string   `json:"name"`
	Columns []column `json:"columns"`
	Derived bool     `json:"-"` // full-text search
}

type column struct {
	Name     string `json:"name"`
	Type     kind   `json:"type"`
	declared string
	sequence bool // PostgreSQL fills it from a sequence
}

// kind is the type of a column's values, the same for both databases.
type kind string

const (
	integers kind = "int"
	floats   kind = "float"
	texts    kind = "text"
	bytes_   kind = "bytes"
)

// kindOf returns the kind of a declared type, "" for one that is not portable.
func kindOf(declared string) kind {
	d := strings.ToUpper(declared)
	for _, k := range []struct {
		part string
		kind kind
	}{
		{"INT", integers}, {"CHAR", texts}, {"TEXT", texts}, {"BLOB", bytes_}, {"BYTEA", bytes_}, {"REAL", floats}, {"DOUBLE", floats},
	} {
		if strings.Contains(d, k.part) && d != "INTERVAL" {
			return k.kind
		}
	}
	return ""
}

// portable returns an error when the table has a column of which the two
// databases do not hold the same values.
func (t table) portable() error {
	for _, c := range t.Columns {
		if c.Type == "" {
			return fault.New(fault.Internal, "table %s cannot be backed up: its column %s has the type %q", t.Name, c.Name, c.declared)
		}
	}
	return nil
}

func (t table) columnList() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// discover lists the tables of the program, by name, with the columns that are
// stored and not computed. The list of migrations is not among them.
func discover(ctx context.Context, q sqldb.Querier) ([]table, error) {
	query := sqliteTables
	if q.Dialect() == sqldb.Postgres {
		query = postgresTables
	}
	var tables []table
	err := sqldb.Each(ctx, q, func(r sqldb.Row) error {
		var name string
		var c column
		if err := r.Scan(&name, &c.Name, &c.declared, &c.sequence); err != nil {
			return err
		}
		c.Type = kindOf(c.declared)
		if len(tables) == 0 || tables[len(tables)-1].Name != name {
			tables = append(tables, table{Name: name})
		}
		t := &tables[len(tables)-1]
		t.Columns = append(t.Columns, c)
		t.Derived = t.Derived || c.declared == "tsvector"
		return nil
	}, query)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return tables, nil
}

const sqliteTables = `SELECT t.name, c.name, c.type, 0 FROM pragma_table_list t, pragma_table_xinfo(t.name) c
	WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name <> 'migrations' AND c.hidden = 0
	ORDER BY t.name, c.cid`

const postgresTables = `SELECT c.table_name::text, c.column_name::text, c.data_type::text,
	c.is_identity = 'YES' OR COALESCE(c.column_default, '') LIKE 'nextval(%'
	FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
	WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.table_name <> 'migrations' AND c.is_generated = 'NEVER'
	ORDER BY c.table_name COLLATE "C", c.ordinal_position`

// applied lists the migrations of a database; none when it was never migrated.
func applied(ctx context.Context, q sqldb.Querier) ([]string, error) {
	query := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'migrations'`
	if q.Dialect() == sqldb.Postgres {
		query = `SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'migrations'`
	}
	var n int
	if err := q.QueryRow(ctx, query).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	return sqldb.Applied(ctx, q)
}

func count(ctx context.Context, q sqldb.Querier, name string) (n int64, err error) {
	err = q.QueryRow(ctx, `SELECT count(*) FROM `+quote(name)).Scan(&n)
	return n, err
}

func total(ctx context.Context, q sqldb.Querier, tables []table) (sum int64, err error) {
	for _, t := range tables {
		n, err := count(ctx, q, t.Name)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}
