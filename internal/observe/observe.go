// Package observe keeps what machines report about things that have an identity
// and a state: a work item, a deployment, a finding. Each kind of thing is a
// typed Table that a room declares. A row is known by its key, as the source and
// the number it has there, so that the same report read twice changes nothing.
//
// Reports come late, twice and out of order. So a row is kept as the stretches of
// time in which it was so: each holds from the report that first said it to the
// report that said otherwise. The table can then be read as it was known at any
// moment, and a late report goes where it belongs without touching what later
// ones said.
package observe

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Type is the type of a column's values.
type Type string

// The types with what stands for them in a Row: string, int64, float64, bool,
// time.Time (zero for none; to the microsecond) and []string.
const (
	Text   Type = "text"
	Int    Type = "int"
	Float  Type = "float"
	Bool   Type = "bool"
	Moment Type = "moment"
	List   Type = "list"
)

// Column is one value of a row.
type Column struct {
	Name string // letters and underscores; as in SQL
	Type Type
	Doc  lang.Text
}

// Table is one kind of observed thing.
type Table struct {
	Name    string // "work"; the tables in SQL are called after it
	Title   lang.Text
	Doc     lang.Text
	Room    string // whose key decides who may write
	Columns []Column
	Key     []string // columns of type Text that identify a row
	Label   string   // the column that says what a row is about
}

// Row is what one report says of one thing, by the names of its columns. What
// it leaves out is empty.
type Row map[string]any

// Text returns a value of type Text.
func (r Row) Text(name string) string { s, _ := r[name].(string); return s }

// Int returns a value of type Int.
func (r Row) Int(name string) int64 { n, _ := r[name].(int64); return n }

// Time returns a value of type Moment.
func (r Row) Time(name string) time.Time { t, _ := r[name].(time.Time); return t }

// List returns a value of type List.
func (r Row) List(name string) []string { l, _ := r[name].([]string); return l }

// Plain returns the row with what JSON and CEL know: moments as RFC 3339, "" for
// none, and lists without a type.
func (r Row) Plain() map[string]any {
	out := make(map[string]any, len(r))
	for name, v := range r {
		switch x := v.(type) {
		case time.Time:
			out[name] = ""
			if !x.IsZero() {
				out[name] = x.UTC().Format(time.RFC3339Nano)
			}
		case []string:
			list := make([]any, len(x))
			for i, s := range x {
				list[i] = s
			}
			out[name] = list
		default:
			out[name] = v
		}
	}
	return out
}

// KeyOf returns the key of a row: the values of its key columns, as "ado:2502".
// All but the last are escaped, so that two rows never share a key.
func (t *Table) KeyOf(r Row) string {
	var parts []string
	for i, name := range t.Key {
		part := r.Text(name)
		if i < len(t.Key)-1 {
			part = strings.ReplaceAll(url.PathEscape(part), ":", "%3A")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ":")
}

func (t *Table) sql() string { return "observed_" + t.Name }

func (t *Table) columns() string {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

var sqlTypes = map[Type]string{Text: "TEXT", Int: "BIGINT", Float: "DOUBLE PRECISION", Bool: "BIGINT", Moment: "BIGINT", List: "TEXT"}

// Migration makes the table. A column that a later release adds is a migration
// of its own.
func (t *Table) Migration() sqldb.Migration {
	var cols []string
	for _, c := range t.Columns {
		cols = append(cols, c.Name+" "+sqlTypes[c.Type]+" NOT NULL")
	}
	return sqldb.Migration{Name: "observe/" + t.Name + "/001", SQL: fmt.Sprintf(`
CREATE TABLE %[1]s (org TEXT NOT NULL, key TEXT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL, seen BIGINT NOT NULL, %[2]s, PRIMARY KEY (org, key, since))
;;
CREATE INDEX %[1]s_until ON %[1]s (org, until)`, t.sql(), strings.Join(cols, ", "))}
}

// forever is the end of a stretch that no report has ended.
const forever = math.MaxInt64

// cells returns the values of a row as both databases hold them, in the order
// of the columns.
func (t *Table) cells(r Row) ([]any, error) {
	out := make([]any, len(t.Columns))
	for name := range r {
		if !slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == name }) {
			return nil, fmt.Errorf("table %s has no column %q", t.Name, name)
		}
	}
	for i, c := range t.Columns {
		v, ok := cell(c.Type, r[c.Name])
		if !ok {
			return nil, fmt.Errorf("table %s: column %s cannot hold %T", t.Name, c.Name, r[c.Name])
		}
		out[i] = v
	}
	return out, nil
}

func cell(t Type, v any) (any, bool) {
	switch x := v.(type) {
	case nil:
		return map[Type]any{Text: "", Int: int64(0), Float: 0.0, Bool: int64(0), Moment: int64(0), List: "[]"}[t], true
	case string:
		return strings.ReplaceAll(strings.ToValidUTF8(x, "\uFFFD"), "\x00", ""), t == Text
	case int:
		return int64(x), t == Int
	case int64:
		return x, t == Int
	case float64:
		return x, t == Float && !math.IsNaN(x) && !math.IsInf(x, 0)
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		return n, t == Bool
	case time.Time:
		return sqldb.Micros(x), t == Moment
	case []string:
		data, err := json.Marshal(append([]string{}, x...))
		return strings.ReplaceAll(string(data), `\u0000`, ""), t == List && err == nil
	}
	return nil, false
}

// row is cells the other way round.
func (t *Table) row(cells []any) Row {
	r := make(Row, len(cells))
	for i, c := range t.Columns {
		switch x := cells[i].(type) {
		case string:
			r[c.Name] = x
			if c.Type == List {
				var list []string
				_ = json.Unmarshal([]byte(x), &list) // written by cell
				r[c.Name] = list
			}
		case int64:
			switch c.Type {
			case Moment:
				r[c.Name] = sqldb.Time(x)
			case Bool:
				r[c.Name] = x != 0
			default:
				r[c.Name] = x
			}
		default:
			r[c.Name] = x
		}
	}
	return r
}
