package workfile

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
)

// Write writes items as Lighthouse reads them, with all columns. What Read has
// read comes back the same.
func Write(w io.Writer, items []Item) error {
	out := csv.NewWriter(w)
	var head []string
	for _, f := range fields {
		head = append(head, f.title)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, it := range items {
		row := []string{it.ID, it.Name, it.State, it.Type, date(it.Started), date(it.Closed), date(it.Created), it.Parent, tags(it.Tags), it.URL, it.Team, size(it.Size), strings.Join(it.After, ", ")}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// date writes a moment; of one at midnight only the day.
func date(t time.Time) string {
	switch t = t.UTC(); {
	case t.IsZero():
		return ""
	case t.Equal(t.Truncate(24 * time.Hour)):
		return t.Format(time.DateOnly)
	}
	return t.Format(time.RFC3339Nano)
}

// tags writes a list. A single one that holds another separator gets one of its
// own behind it.
func tags(list []string) string {
	s := strings.Join(list, "|")
	if len(list) == 1 && strings.ContainsAny(s, ";,") {
		s += "|"
	}
	return s
}

func size(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
