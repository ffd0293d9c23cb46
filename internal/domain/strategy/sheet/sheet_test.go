package sheet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// open begins a file whose problems are told by their code alone.
func open(limits Limits) *Sheet {
	return &Sheet{File: "f", Limits: limits, Coded: func(file string, line int, code string, args ...string) fault.Problem {
		return fault.Problem{File: file, Line: line, Code: code, Msg: strings.Join(args, " ")}
	}}
}

func TestRead(t *testing.T) {
	const head = "ID,Start value*\n"
	for _, c := range []struct {
		name, in string
		want     []string // cells of both columns with their places
		problems []string
	}{
		{"commas", head + "1,a\n", []string{"1 a 2:3"}, nil},
		{"semicolons, a mark and other line ends", "\ufeff\r\nid;START_VALUE\r\n1; a \r\n", []string{"1 a 3:3"}, nil},
		{"tabs", "id\tstart value\n1\ta\n", []string{"1 a 2:3"}, nil},
		{"a value over two lines", head + "\"1\n2\",\"a\"\"b\"\n3,c\n", []string{"1\n2 a\"b 3:4", "3 c 4:3"}, nil},
		{"rows of nothing", ",\n" + head + ",\n1,a\n , \n", []string{"1 a 4:3"}, nil},
		{"a short row and a long one", head + "1\n2,b,c\n3,d\n", []string{"3 d 4:3"}, []string{"columns 2:0 1 2", "columns 3:0 3 2"}},
		{"an open quote", head + "1,a\n2,\"b\n", []string{"1 a 2:3"}, []string{"quote 3:6 "}},
		{"a head alone", head, nil, nil},
		{"nothing", " \n,\n", nil, []string{"empty 0:0 "}},
		{"not Unicode", "ID,\xff", nil, []string{"not-utf8 0:0 "}},
		{"not text", "ID\x00", nil, []string{"not-utf8 0:0 "}},
		{"too large", strings.Repeat("x", 101), nil, []string{"too-large 0:0 0 MB"}},
		{"as many as may be", head + "1,a\n2,b\n3,c\n", []string{"1 a 2:3", "2 b 3:3", "3 c 4:3"}, nil},
		{"too many", head + "1,a\n2,b\n3,c\n4,d\n", nil, []string{"too-many 0:0 3"}},
	} {
		s := open(Limits{Bytes: 100, Rows: 3, Problems: 10})
		rows, ok := s.Read([]byte(c.in))
		if !ok && len(rows) > 0 {
			t.Errorf("%s: there are rows and they are not to be read", c.name)
		}
		at := s.Columns()
		s.Place = map[string][]int{"id": at["id"], "start": at["startvalue"]}
		var got, problems []string
		for _, r := range rows {
			if s.Fits(r) {
				v := s.Cell(r, "start")
				got = append(got, fmt.Sprintf("%s %s %d:%d", s.Cell(r, "id").Text, v.Text, v.Line, v.Column))
			}
		}
		for _, p := range s.Problems {
			problems = append(problems, fmt.Sprintf("%s %d:%d %s", p.Code, p.Line, p.Column, p.Msg))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(c.problems, problems); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", c.name, diff)
		}
	}
}

// A cell names the head of its column; one that is not there has its line.
func TestCell(t *testing.T) {
	s := open(Limits{Bytes: 100, Rows: 3, Problems: 10})
	rows, _ := s.Read([]byte("ID, Tags ,Tags\n1,a,b\n"))
	s.Place = map[string][]int{"tags": s.Columns()["tags"]}
	if got, want := s.Cell(rows[0], "tags"), (Cell{Text: "a", Line: 2, Column: 3, Head: "Tags"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := s.CellAt(rows[0], s.Place["tags"][1]).Text, "b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.Cell(rows[0], "name"), (Cell{Line: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReportGivesUp(t *testing.T) {
	s := open(Limits{Problems: 2})
	for range 5 {
		s.Report(Cell{Line: 7, Column: 3, Head: "Tags"}, "odd")
	}
	if n := len(s.Problems); !s.Full() || n != 3 || s.Problems[1].Code != "odd" || s.Problems[1].Field != "Tags" || s.Problems[2].Code != "gave-up" || s.Problems[2].Msg != "2" {
		t.Errorf("%+v", s.Problems)
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		in    string
		order Order
		want  string // RFC 3339; "" when it is none
	}{
		{"2025-06-07", "", "2025-06-07T00:00:00Z"}, {"2025/6/7", "", "2025-06-07T00:00:00Z"}, {"7.6.2025", "mdy", "2025-06-07T00:00:00Z"}, {"07.06.25 9:05", "", "2025-06-07T09:05:00Z"},
		{"7.6.2025 14:59:28", "", "2025-06-07T14:59:28Z"}, {"2025-06-07T14:59:28Z", "", "2025-06-07T14:59:28Z"}, {"2025-06-07T14:59:28.123456789+02:00", "", "2025-06-07T12:59:28.123456Z"},
		{"2025-06-07 14:59 +0530", "", "2025-06-07T09:29:00Z"}, {"7/6/2025 2:59 PM", "dmy", "2025-06-07T14:59:00Z"}, {"6/7/2025, 12:05:00 a.m.", "mdy", "2025-06-07T00:05:00Z"},
		{"07/Jun/25 3:04 PM", "", "2025-06-07T15:04:00Z"}, {"Jun 7, 2025", "", "2025-06-07T00:00:00Z"}, {"7 de", "", ""}, {"7 junio 2025", "", "2025-06-07T00:00:00Z"}, {"7-sept.-2025", "", "2025-09-07T00:00:00Z"},
		{"31/6/2025", "dmy", ""}, {"2025-06-07T25:00", "", ""}, {"0.6.2025", "", ""}, {"7.6.1900", "", ""}, {"7.6.202", "", ""}, {"13:00", "", ""}, {"yesterday", "", ""}, {"6/7/2025 13:05 PM", "mdy", ""}, {"7 foo 2025", "", ""},
	} {
		text := ""
		if d, ok := CutDate(c.in); ok {
			if got, ok := d.Moment(c.order); ok {
				text = got.Format(time.RFC3339Nano)
			}
		}
		if text != c.want {
			t.Errorf("%q: %s, want %s", c.in, text, c.want)
		}
	}
}

// What a date tells of others, and its day whatever its clock says.
func TestDay(t *testing.T) {
	for _, c := range []struct {
		in    string
		order Order // of itself
		tells bool
		want  string // read with the month first where it does not tell
	}{
		{"2026-07-01T00:30:00+02:00", YearFirst, false, "2026-07-01"}, {"1.7.2026", DayFirst, false, "2026-07-01"}, {"1 jul 26", DayFirst, false, "2026-07-01"}, {"Jul 1 2026", MonthFirst, false, "2026-07-01"},
		{"7/1/2026", "", true, "2026-07-01"}, {"13/7/2026", DayFirst, true, "2026-07-13"}, {"7/13/2026", MonthFirst, true, "2026-07-13"}, {"29/2/2028", DayFirst, true, "2028-02-29"}, {"29/2/2026", DayFirst, true, ""},
	} {
		d, ok := CutDate(c.in)
		if !ok || d.Order() != c.order || d.Tells() != c.tells {
			t.Errorf("%q: order %q, tells %v", c.in, d.Order(), d.Tells())
			continue
		}
		text := ""
		if day, ok := d.Day(MonthFirst); ok {
			text = day.Format(time.DateOnly)
		}
		if text != c.want {
			t.Errorf("%q is the day %q, want %q", c.in, text, c.want)
		}
	}
	if d, _ := CutDate("5/5/2025"); !d.Same() {
		t.Error("5/5/2025 is not the same both ways")
	}
}

// Whatever a file holds, its cells and problems lie in it.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\ufeffID;Date\r\n\"1\n2\";7.6.2025 14:59:28\n"))
	f.Add([]byte("a,b\n1,\"x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := open(Limits{Bytes: 1 << 16, Rows: 1000, Problems: 10})
		rows, _ := s.Read(data)
		lines := strings.Count(string(data), "\n") + 1
		for _, r := range rows {
			for i := range r.Values {
				if c := s.CellAt(r, i); c.Line < 1 || c.Line > lines || c.Column < 1 {
					t.Fatalf("cell %+v in %d lines", c, lines)
				}
				if d, ok := CutDate(r.Values[i]); ok {
					if at, ok := d.Moment(DayFirst); ok && (at.Year() < 1969 || at.Year() > 2201) {
						t.Fatalf("%q is read as %s", r.Values[i], at)
					}
				}
			}
			s.Fits(r)
		}
		for _, p := range s.Problems {
			if p.Line > lines {
				t.Fatalf("problem %+v in %d lines", p, lines)
			}
		}
	})
}
