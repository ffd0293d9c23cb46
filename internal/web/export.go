package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// export writes all that the filter of a list finds, in a format of the
// address: csv, xlsx, yaml or json.
func export(c *Ctx, k *catalog.Kind) (any, error) {
	state := readState(c, k)
	state.Cursor = ""
	q := state.query(k)
	q.Limit = 0
	e := &exporting{c: c, kind: k, query: q, cols: exportColumns(k, state.Columns)}
	name := k.Plural + "-" + c.Now.UTC().Format("2006-01-02")
	if _, err := c.Catalog().List(catalog.NamesOnly(c.R.Context()), c.Caller, catalog.Query{Kinds: q.Kinds, Labels: q.Labels, CEL: q.CEL, Fields: q.Fields, Owner: q.Owner, Sort: q.Sort, Limit: 1, NoTotal: true}); err != nil {
		return nil, err // while it can still be a page
	}
	switch format := c.Param("format"); format {
	case "csv", "":
		return File{Name: name + ".csv", Type: "text/csv; charset=utf-8", Write: e.csv}, nil
	case "xlsx":
		return File{Name: name + ".xlsx", Type: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Write: e.xlsx}, nil
	case "yaml":
		return File{Name: name + ".yaml", Type: "application/yaml", Write: e.yaml}, nil
	case "json":
		return File{Name: name + ".json", Type: "application/json", Write: e.json}, nil
	default:
		return nil, fault.New(fault.Invalid, "there is no format %q", format).Coded("list-format").WithHint("use csv, xlsx, yaml or json")
	}
}

type exporting struct {
	c     *Ctx
	kind  *catalog.Kind
	query catalog.Query
	cols  []exportColumn
}

type exportColumn struct {
	path  string
	label func(*Ctx) string
}

// exportColumns are the name, what identifies a thing, and the columns shown.
func exportColumns(k *catalog.Kind, chosen []string) []exportColumn {
	if len(chosen) == 0 {
		chosen = defaultColumns(k)
	}
	var out []exportColumn
	for _, path := range append([]string{"metadata.name", "metadata.namespace", "metadata.title"}, chosen...) {
		out = append(out, exportColumn{path, func(c *Ctx) string { return c.fieldLabel(k, path) }})
	}
	return out
}

// each calls f with the cells of every entity.
func (e *exporting) each(f func([]any) error) error {
	return e.c.Catalog().Each(e.c.R.Context(), e.c.Caller, e.query, func(en *entity.Entity) error {
		tree, err := treeOf(en)
		if err != nil {
			return err
		}
		cells := make([]any, len(e.cols))
		for i, col := range e.cols {
			cells[i] = dig(tree, col.path)
		}
		return f(cells)
	})
}

func (e *exporting) heads() []string {
	out := make([]string, len(e.cols))
	for i, col := range e.cols {
		out[i] = col.label(e.c)
	}
	return out
}

// Harmless makes a text that a spreadsheet would run as a formula a text. See
// OWASP, "CSV Injection".
func Harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (e *exporting) csv(w http.ResponseWriter) error {
	if _, err := w.Write([]byte("\ufeff")); err != nil { // so that spreadsheets read UTF-8
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(e.heads()); err != nil {
		return err
	}
	err := e.each(func(cells []any) error {
		row := make([]string, len(cells))
		for i, v := range cells {
			row[i] = plain(v)
			if _, number := v.(json.Number); !number {
				row[i] = Harmless(row[i])
			}
		}
		return out.Write(row)
	})
	out.Flush()
	if err != nil {
		return err
	}
	return out.Error()
}

// xlsx writes the rows as they come; in a workbook a text is never a formula.
func (e *exporting) xlsx(w http.ResponseWriter) error {
	f := excelize.NewFile()
	defer f.Close()
	sheet := sheetName(e.c.In(e.kind.Titles))
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return err
	}
	out, err := f.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	if err := e.sheet(f, out); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = f.WriteTo(w)
	return err
}

func (e *exporting) sheet(f *excelize.File, out *excelize.StreamWriter) error {
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	if err := out.SetColWidth(1, len(e.cols), 22); err != nil {
		return err
	}
	var heads []any
	for _, h := range e.heads() {
		heads = append(heads, excelize.Cell{StyleID: bold, Value: h})
	}
	if err := out.SetRow("A1", heads); err != nil {
		return err
	}
	n := 1
	return e.each(func(cells []any) error {
		n++
		row := make([]any, len(cells))
		for i, v := range cells {
			row[i] = sheetValue(v)
		}
		return out.SetRow(fmt.Sprintf("A%d", n), row)
	})
}

// sheetValue keeps numbers and truth as they are; a cell holds 32,767 characters.
func sheetValue(v any) any {
	switch x := v.(type) {
	case json.Number:
		if f, err := x.Float64(); err == nil {
			return f
		}
	case bool:
		return x
	}
	s := []rune(plain(v))
	return string(s[:min(len(s), excelize.TotalCellChars)])
}

// sheetName is a title without the characters a sheet may not have.
func sheetName(s string) string {
	r := []rune(strings.NewReplacer(":", " ", `\`, " ", "/", " ", "?", " ", "*", " ", "[", " ", "]", " ").Replace(s))
	return string(r[:min(len(r), 31)])
}

func (e *exporting) yaml(w http.ResponseWriter) error {
	first := true
	return e.c.Catalog().Each(e.c.R.Context(), e.c.Caller, e.query, func(en *entity.Entity) error {
		if !first {
			if _, err := w.Write([]byte("---\n")); err != nil {
				return err
			}
		}
		first = false
		return e.c.Catalog().Kinds().EncodeYAML(w, en)
	})
}

func (e *exporting) json(w http.ResponseWriter) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	sep := "["
	err := e.c.Catalog().Each(e.c.R.Context(), e.c.Caller, e.query, func(en *entity.Entity) error {
		if _, err := w.Write([]byte(sep)); err != nil {
			return err
		}
		sep = ","
		return enc.Encode(catalog.Clean(en))
	})
	if err != nil {
		return err
	}
	end := "]\n"
	if sep == "[" {
		end = "[]\n"
	}
	_, err = w.Write([]byte(end))
	return err
}
