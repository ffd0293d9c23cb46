package sample

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

// Work returns the export of the tracker as it would have been at the end of a
// day: without what was written down later, and with open what was finished
// later. It is empty when nothing had been written down.
func Work(f catalog.File, day string) (catalog.File, error) {
	rows, err := csv.NewReader(bytes.NewReader(f.Data)).ReadAll()
	if err != nil || len(rows) == 0 {
		return f, fmt.Errorf("%s: %d rows: %w", f.Name, len(rows), err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	state, created, started, closed := column("State"), column("Created Date"), column("Started Date"), column("Closed Date")
	if min(state, created, started, closed) < 0 {
		return f, fmt.Errorf("%s: a column is missing", f.Name)
	}
	out := rows[:1:1]
	for _, r := range rows[1:] {
		if r[created] > day {
			continue
		}
		if r[closed] > day {
			r[closed], r[state] = "", "In Progress"
		}
		if r[started] > day {
			r[started], r[state] = "", "To Do"
		}
		out = append(out, r)
	}
	if len(out) == 1 {
		return catalog.File{Name: f.Name}, nil
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(out); err != nil {
		return f, err
	}
	return catalog.File{Name: f.Name, Data: b.Bytes()}, nil
}

// Day is the day of a moment where the organisation is, as 2006-01-02.
func (o *Organisation) Day(t time.Time) string { return t.In(o.calendar.zone).Format(time.DateOnly) }
