package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// Column is one column of a list as a sheet.
type Column struct {
	Title string // the path of its field, so that a sheet can be read by a program
	value func(*entity.Entity) any
}

// Columns returns the columns of a list of one kind: what every entity has,
// then the kind's own. A nil kind is a list of many.
func Columns(k *catalog.Kind) []Column {
	cols := []Column{
		{"kind", func(e *entity.Entity) any { return e.Kind }},
		{"metadata.namespace", func(e *entity.Entity) any { return e.Ref().Namespace }},
		{"metadata.name", func(e *entity.Entity) any { return e.Metadata.Name }},
		{"metadata.title", func(e *entity.Entity) any { return e.Metadata.Title }},
		{"metadata.owner", func(e *entity.Entity) any { return e.Metadata.Owner }},
		{"metadata.tags", func(e *entity.Entity) any { return strings.Join(e.Metadata.Tags, ", ") }},
	}
	if k != nil {
		for _, f := range k.Columns() {
			cols = append(cols, Column{f.Path, f.Get})
		}
	}
	return append(cols, Column{"metadata.updated", func(e *entity.Entity) any {
		if e.Metadata.Updated == nil {
			return ""
		}
		return e.Metadata.Updated.UTC().Format("2006-01-02T15:04:05Z")
	}})
}

// cell returns a value as a sheet holds it: a text, or a number.
func cell(v any) any {
	switch x := v.(type) {
	case nil:
		return ""
	case string, float64, int:
		return x
	case json.Number:
		if f, err := x.Float64(); err == nil {
			return f
		}
		return x.String()
	case bool:
		return fmt.Sprint(x)
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = fmt.Sprint(cell(item))
		}
		return strings.Join(parts, ", ")
	}
	data, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(data)
}

// WriteCSV writes a list as CSV (RFC 4180). A text that a spreadsheet would
// take for a formula gets an apostrophe before it.
func WriteCSV(w io.Writer, cols []Column, each func(func(*entity.Entity) error) error) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = c.Title
	}
	if err := out.Write(row); err != nil {
		return err
	}
	err := each(func(e *entity.Entity) error {
		for i, c := range cols {
			row[i] = plainText(cell(c.value(e)))
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func plainText(v any) string {
	s, isText := v.(string)
	if !isText {
		return fmt.Sprint(v)
	}
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

const maxCell = 32767 // characters a cell of a workbook may hold

// WriteXLSX writes a list as a workbook of one sheet with a frozen head.
func WriteXLSX(w io.Writer, name string, cols []Column, each func(func(*entity.Entity) error) error) error {
	f := excelize.NewFile()
	defer f.Close()
	name = name[:min(len(name), 31)]
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return err
	}
	sheet, err := f.NewStreamWriter(name)
	if err != nil {
		return err
	}
	if err := sheetHead(f, sheet, cols); err != nil {
		return err
	}
	line := 1
	err = each(func(e *entity.Entity) error {
		line++
		row := make([]any, len(cols))
		for i, c := range cols {
			row[i] = fit(cell(c.value(e)))
		}
		return sheet.SetRow(fmt.Sprintf("A%d", line), row)
	})
	if err != nil {
		return err
	}
	if err := sheet.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

func sheetHead(f *excelize.File, sheet *excelize.StreamWriter, cols []Column) error {
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	if err := sheet.SetColWidth(1, len(cols), 24); err != nil {
		return err
	}
	if err := sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	row := make([]any, len(cols))
	for i, c := range cols {
		row[i] = excelize.Cell{StyleID: bold, Value: c.Title}
	}
	return sheet.SetRow("A1", row)
}

func fit(v any) any {
	if s, ok := v.(string); ok {
		if r := []rune(s); len(r) > maxCell {
			return string(r[:maxCell])
		}
	}
	return v
}
