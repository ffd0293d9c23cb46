package okrfile

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// Write writes goals as Appfire's OKR for Jira reads them, with all columns.
// What Read has read comes back the same; units are written behind the numbers
// unless plain is set.
func Write(w io.Writer, goals []Goal, plain bool) error {
	out := csv.NewWriter(w)
	var head []string
	for _, f := range appfireFields {
		head = append(head, f.head)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for i := range goals {
		if err := out.Write(record(&goals[i], plain)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func record(g *Goal, plain bool) []string {
	unit := g.Unit
	if plain {
		unit = ""
	}
	kind := "Objective"
	if g.Kind == KeyResult {
		kind = "Key Result"
	}
	return []string{g.Order, kind, g.Title, g.Status, g.Period, g.Owner, amount(g.Weight, ""), g.Level, strings.Join(g.Labels, ", "), strings.Join(g.Teams, ", "),
		dayText(g.From), dayText(g.To), amount(g.Start, unit), amount(g.Current, unit), amount(g.Target, unit), g.Description}
}

func dayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// amount writes a number so that it is read in one way: 1.234 gets a fourth
// decimal.
func amount(v *float64, unit string) string {
	if v == nil {
		return ""
	}
	s := strconv.FormatFloat(*v, 'f', -1, 64)
	if decimalOf(strings.TrimPrefix(s, "-")) == "" && strings.Contains(s, ".") {
		s += "0"
	}
	switch {
	case unit == "":
		return s
	case unit == "%":
		return s + unit
	case strings.ContainsAny(unit, "€$£¥") && len([]rune(unit)) == 1:
		return unit + s
	}
	if _, ok := cutNumber(s + " " + unit); !ok {
		return s // a unit that would not be read again
	}
	return s + " " + unit
}
