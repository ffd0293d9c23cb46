package okrfile

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const head = "Order*,Type*,Summary*,Status*,Period*,Owner*,Weight,OKR type,Labels,Teams,Expected start date,Expected end date,Start value*,Current value*,Target value*,Description\n"

const tree = head + `1,Objective,Every payment works,On track,Q3 2026,marta@example.com,,Team,"pay, trust",Payments,2026-07-01,2026-09-30,,,,"Two lines
of text"
1.1,Key Result,First attempt,At risk,Q3 2026,marta@example.com,2,,,,2026-07-01,2026-09-30,92.4%,93.8%,96%,
1.2,Key Result,Refusals,On track,Q3 2026,,,,,,,,1200,"1,100",900,
2,Objective,Trust,Completed,Q3 2026,tomasz@example.com,,,,,,,,,,
2.1,Objective,Evidence,Draft,Q3 2026,,,,,,,,,,,
2.1.1,Key Result,Controls,Off track,Q3 2026,,,,,,,,41,70,80,
`

func n(x float64) *float64 { return &x }

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAppfire(t *testing.T) {
	format, goals, problems := Read("okr.csv", []byte(tree), Options{})
	if format != Appfire || len(problems) > 0 {
		t.Fatalf("%s, %v", format, problems)
	}
	from, to := day("2026-07-01"), day("2026-09-30")
	want := []Goal{
		{Kind: Objective, Parent: -1, Order: "1", Title: "Every payment works", Description: "Two lines\nof text", Status: "On track", State: Active, Period: "Q3 2026", From: from, To: to, Owner: "marta@example.com",
			Level: "Team", Labels: []string{"pay", "trust"}, Teams: []string{"Payments"}, Line: 2},
		{Kind: KeyResult, Parent: 0, Order: "1.1", Title: "First attempt", Status: "At risk", Period: "Q3 2026", From: from, To: to, Owner: "marta@example.com", Weight: n(2), Start: n(92.4), Current: n(93.8), Target: n(96), Unit: "%", Line: 4},
		{Kind: KeyResult, Parent: 0, Order: "1.2", Title: "Refusals", Status: "On track", Period: "Q3 2026", Start: n(1200), Current: n(1100), Target: n(900), Line: 5},
		{Kind: Objective, Parent: -1, Order: "2", Title: "Trust", Status: "Completed", State: Achieved, Period: "Q3 2026", Owner: "tomasz@example.com", Line: 6},
		{Kind: Objective, Parent: 3, Order: "2.1", Title: "Evidence", Status: "Draft", State: Draft, Period: "Q3 2026", Line: 7},
		{Kind: KeyResult, Parent: 4, Order: "2.1.1", Title: "Controls", Status: "Off track", Period: "Q3 2026", Start: n(41), Current: n(70), Target: n(80), Line: 8},
	}
	if diff := cmp.Diff(want, goals, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("goals (-want +got):\n%s", diff)
	}
}

// The same list as a spreadsheet of another country writes it.
func TestSemicolonsAndMarks(t *testing.T) {
	text := "\xef\xbb\xbfOrder;Type;Summary;Status;Period;Expected start date;Start value;Current value;Target value;Weight\r\n" +
		"1;Objetivo;Pagos;En curso;T3 2026;31/07/2026;;;;\r\n" +
		"1.1;Resultado clave;Al primer intento;;T3 2026;01/08/2026;92,4 %;93,85;96;1,5\r\n" +
		";;;;;;;;;\r\n" +
		"1.2;KR;Importe;;T3 2026;2/8/2026;1.200;1.100,50;900;\r\n"
	format, goals, problems := Read("okr.csv", []byte(text), Options{})
	if format != Appfire || len(problems) > 0 || len(goals) != 3 {
		t.Fatalf("%s, %v, %v", format, goals, problems)
	}
	if g := goals[1]; *g.Start != 92.4 || *g.Current != 93.85 || g.Unit != "%" || *g.Weight != 1.5 || !g.From.Equal(day("2026-08-01")) {
		t.Errorf("%+v", g)
	}
	if g := goals[2]; *g.Start != 1200 || *g.Current != 1100.5 || !g.From.Equal(day("2026-08-02")) || g.Line != 5 {
		t.Errorf("%+v", g)
	}
	if goals[0].State != Active {
		t.Errorf("the state is %q", goals[0].State)
	}
}

func TestBetterworks(t *testing.T) {
	text := "name,type,progress,start_date,end_date,owner_email,categories,description\n" +
		"Grow,goal,40,2026-07-01,2026-09-30,ana@example.com,growth;money,Why\n" +
		"Sign five,milestone,60%,2026-07-01,2026-08-30,ana@example.com,,\n" +
		"Sign ten,milestone,,2026-07-01,2026-09-30,ana@example.com,,\n" +
		"Learn,goal,25,2026-07-01,2026-09-30,max@example.com,,\n"
	format, goals, problems := Read("bw.csv", []byte(text), Options{})
	if format != Betterworks || len(problems) > 0 {
		t.Fatalf("%s, %v", format, problems)
	}
	var got []string
	for _, g := range goals {
		line := fmt.Sprintf("%s %s %s %d", g.Order, g.Kind, g.Title, g.Parent)
		if g.Start != nil {
			line += fmt.Sprintf(" %v..%v%s", *g.Start, *g.Target, g.Unit)
		}
		if g.Current != nil {
			line += fmt.Sprintf(" at %v", *g.Current)
		}
		got = append(got, line)
	}
	want := []string{"1 objective Grow -1", "1.1 key-result Sign five 0 0..100% at 60", "1.2 key-result Sign ten 0 0..100%", "2 objective Learn -1", "2.1 key-result Learn 3 0..100% at 25"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("goals (-want +got):\n%s", diff)
	}
	if !cmp.Equal(goals[0].Labels, []string{"growth", "money"}) || goals[0].Owner != "ana@example.com" {
		t.Errorf("%+v", goals[0])
	}
	_, goals, problems = Read("bw.csv", []byte("name,type,progress\nLost,milestone,4\n"), Options{})
	if len(goals) != 0 || len(problems) != 1 || problems[0].Code != "okr.milestone-alone" {
		t.Errorf("%v, %v", goals, problems)
	}
}

func TestXto10x(t *testing.T) {
	text := "Objective Title,Owner_Email_ID,Start_Date,Due_Date,Description,Metric_Name,Metric_Type,Metric_Start_Value,Metric_Target_Value\n" +
		"Grow,ana@example.com,2026-07-01,2026-09-30,Why,Customers,Number,10,20\n" +
		"Learn,max@example.com,2026-07-01,2026-09-30,,,,,\n" +
		"grow,ana@example.com,2026-07-01,2026-09-30,Why,Share,Percentage,1,2\n" +
		"Grow,ana@example.com,2026-07-01,2026-09-30,Why,Office open,Boolean,,\n" +
		"Grow,ana@example.com,2026-07-01,2026-09-30,Why,Nothing,Number,5,5\n"
	format, goals, problems := Read("x.csv", []byte(text), Options{})
	if format != Xto10x || len(goals) != 5 {
		t.Fatalf("%s, %v, %v", format, goals, problems)
	}
	if len(problems) != 1 || problems[0].Code != "okr.same" || problems[0].Line != 6 {
		t.Errorf("problems %v", problems)
	}
	for i, want := range []string{"1", "1.1", "2", "1.2", "1.3"} {
		if goals[i].Order != want {
			t.Errorf("goal %d has the order %s, want %s", i, goals[i].Order, want)
		}
	}
	if goals[3].Unit != "%" || goals[3].Parent != 0 || !goals[4].Milestone || goals[4].Start != nil {
		t.Errorf("%+v\n%+v", goals[3], goals[4])
	}
}

// Bad rows are refused with their place, and the rest is read.
func TestProblems(t *testing.T) {
	const short = "Order,Type,Summary,Weight,Expected start date,Start value,Current value,Target value\n"
	for _, c := range []struct {
		name, text string
		opt        Options
		goals      int
		want       []string
	}{
		{"empty", "", Options{}, 0, []string{"okr.empty 0:0"}},
		{"not a list", "a,b\n1,2\n", Options{}, 0, []string{"okr.header 1:0"}},
		{"not text", "Order,Type,Summary\n1,Objective,\xff\n", Options{}, 0, []string{"okr.not-utf8 0:0"}},
		{"lacks a column", "Order,Summary\n1,x\n", Options{}, 0, []string{"okr.column 1:0"}},
		{"columns", short + "1,Objective,a\n2,Objective,b,,,,,\n", Options{}, 1, []string{"okr.columns 2:0"}},
		{"no order", short + "x,Objective,a,,,,,\n1.0,Objective,b,,,,,\n,Objective,c,,,,,\n1.2.3.4.5.6.7.8.9.10.11,Objective,d,,,,,\n", Options{}, 0, []string{"okr.order 2:1", "okr.order 3:1", "okr.required 4:1", "okr.order 5:1"}},
		{"twice", short + "1,Objective,a,,,,,\n1,Objective,b,,,,,\n", Options{}, 1, []string{"okr.order-twice 3:1"}},
		{"type", short + "1,Epic,a,,,,,\n2,,b,,,,,\n", Options{}, 0, []string{"okr.type 2:3", "okr.required 3:3"}},
		{"no summary", short + "1,Objective,,,,,,\n1.1,KR,a,,,1,,2\n1.1.1,Objective,b,,,,,\n", Options{}, 0, []string{"okr.required 2:13", "okr.above-refused 3:1", "okr.above-refused 4:1"}},
		{"nothing above", short + "1.1,KR,a,,,1,,2\n3.1,Objective,b,,,,,\n4,KR,c,,,1,,2\n", Options{}, 0, []string{"okr.above 2:1", "okr.above 3:1", "okr.result-alone 4:1"}},
		{"below a result", short + "1,Objective,a,,,,,\n1.1,KR,b,,,1,,2\n1.1.1,KR,c,,,1,,2\n1.1.2,Objective,d,,,,,\n", Options{}, 3, []string{"okr.below-result 4:7"}},
		{"start and target", short + "1,Objective,a,,,,,\n1.1,KR,b,,,1,,1\n1.2,KR,c,,,,,1\n1.3,KR,d,,,1,,\n1.4,KR,e,,,,,\n", Options{}, 2, []string{"okr.same 3:15", "okr.required 4:12", "okr.required 5:15"}},
		{"numbers", short + "1,Objective,a,lots,,,,\n2,Objective,b,0,,,,\n3,Objective,c,101,,,,\n4,Objective,d,,,,,\n4.1,KR,e,,,ten,,1\n4.2,KR,f,,,1.2.3.4,,1\n", Options{}, 1,
			[]string{"okr.number 2:15", "okr.weight 3:15", "okr.weight 4:15", "okr.number 6:12", "okr.number 7:12"}},
		{"thousand or decimals", short + "1,Objective,a,,,,,\n1.1,KR,b,,,1.200,,5\n", Options{}, 1, []string{"okr.number-unsure 3:12"}},
		{"told by another", short + "1,Objective,a,,,,,\n1.1,KR,b,,,1.200,7.5,5\n", Options{}, 2, nil},
		{"said", short + "1,Objective,a,,,,,\n1.1,KR,b,,,1.200,,5\n", Options{Decimals: ","}, 2, nil},
		{"day or month", short + "1,Objective,a,,01/07/2026,,,\n2,Objective,b,,02/02/2026,,,\n3,Objective,c,,2026-07-01,,,\n4,Objective,d,,1 Jul 2026,,,\n", Options{}, 3, []string{"okr.date-unsure 2:16"}},
		{"day or month, said", short + "1,Objective,a,,01/07/2026,,,\n", Options{Dates: "mdy"}, 1, nil},
		{"day or month, told", short + "1,Objective,a,,01/07/2026,,,\n2,Objective,b,,13/07/2026,,,\n", Options{}, 2, nil},
		{"two ways", short + "1,Objective,a,,07/13/2026,,,\n2,Objective,b,,13/07/2026,,,\n3,Objective,c,,01/07/2026,,,\n", Options{}, 2, []string{"okr.date-unsure 4:16"}},
		{"no such day", short + "1,Objective,a,,2026-02-30,,,\n2,Objective,b,,soon,,,\n3,Objective,c,,2028-02-29,,,\n", Options{}, 1, []string{"okr.date 2:16", "okr.date 3:16"}},
		{"quote", short + "1,Objective,a,,,,,\n2,Objective,\"b,,,,,\n", Options{}, 1, []string{"okr.quote"}},
		{"long", short + "1,Objective," + strings.Repeat("x", MaxText+1) + ",,,,,\n", Options{}, 0, []string{"okr.too-long 2:13"}},
	} {
		_, goals, problems := Read("f.csv", []byte(c.text), c.opt)
		var got []string
		for _, p := range problems {
			line := fmt.Sprintf("%s %d:%d", p.Code, p.Line, p.Column)
			if p.Code == "okr.quote" {
				line = p.Code
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || len(goals) != c.goals {
			t.Errorf("%s: %d goals, want %d; problems (-want +got):\n%s", c.name, len(goals), c.goals, diff)
		}
	}
}

func TestDaysOfACycle(t *testing.T) {
	_, goals, problems := Read("f.csv", []byte("Order,Type,Summary,Expected start date,Expected end date\n1,Objective,a,2026-09-30,2026-07-01\n"), Options{})
	if len(goals) != 0 || len(problems) != 1 || problems[0].Code != "okr.days" {
		t.Errorf("%v, %v", goals, problems)
	}
}

func TestMonthFirst(t *testing.T) {
	_, goals, problems := Read("f.csv", []byte("Order,Type,Summary,Expected start date\n1,Objective,a,07/01/2026\n2,Objective,b,07/13/26\n3,Objective,c,Jul 4 2026\n4,Objective,d,01.08.2026\n"), Options{})
	if len(problems) > 0 || len(goals) != 4 {
		t.Fatal(problems)
	}
	for i, want := range []string{"2026-07-01", "2026-07-13", "2026-07-04", "2026-08-01"} {
		if !goals[i].From.Equal(day(want)) {
			t.Errorf("%d begins on %s, want %s", i, goals[i].From, want)
		}
	}
}

func TestGivesUp(t *testing.T) {
	_, _, problems := Read("f.csv", []byte("Order,Type,Summary\n"+strings.Repeat("x,y,z\n", 1000)), Options{})
	if len(problems) != maxProblems+1 || problems[maxProblems].Code != "okr.gave-up" {
		t.Errorf("%d problems, the last %v", len(problems), problems[len(problems)-1])
	}
}

// check holds the reader to its promises: every goal is whole and below one
// that comes before it, every problem names its place and a way out, and what
// is read can be written and read again the same.
func check(t *testing.T, data []byte) {
	_, goals, problems := Read("f", data, Options{})
	lines := bytes.Count(data, []byte("\n")) + 1
	for _, p := range problems {
		if p.File != "f" || p.Line > lines || p.Msg == "" || p.Hint == "" || strings.Contains(p.Msg, "{0}") {
			t.Fatalf("problem %+v in %d lines", p, lines)
		}
	}
	for i, g := range goals {
		if g.Title == "" || g.Order == "" || g.Line < 1 || g.Line > lines || g.Parent >= i || g.Kind == KeyResult && g.Parent < 0 {
			t.Fatalf("goal %d is %+v", i, g)
		}
		if g.Parent >= 0 && g.Kind == KeyResult && goals[g.Parent].Kind != Objective {
			t.Fatalf("goal %d is below a %s", i, goals[g.Parent].Kind)
		}
		if g.Start != nil && (g.Target == nil || *g.Start == *g.Target) {
			t.Fatalf("goal %d goes nowhere: %+v", i, g)
		}
	}
	var b bytes.Buffer
	if err := Write(&b, goals, false); err != nil {
		t.Fatal(err)
	}
	_, again, problems := Read("f", b.Bytes(), Options{})
	if len(problems) > 0 {
		t.Fatalf("wrote\n%s\nproblems %v", b.String(), problems)
	}
	same := cmp.Options{cmpopts.IgnoreFields(Goal{}, "Line", "State", "Milestone", "Unit"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(goals, again, same...); diff != "" {
		t.Fatalf("wrote\n%s\n(-want +got):\n%s", b.String(), diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(tree))
	f.Add([]byte("name,type,progress\nGrow,goal,40\nSign,milestone,\n"))
	f.Add([]byte("Objective Title,Metric_Name,Metric_Start_Value,Metric_Target_Value,Start_Date\na,b,1,2 min,1/2/2026\n"))
	f.Add([]byte("Order;Type;Summary;Start value;Target value\n1;O;a;;\n1.1;KR;b;€ 1.234,5;-2'000\n"))
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

func TestWritten(t *testing.T) {
	check(t, []byte(tree))
	_, goals, _ := Read("f", []byte(tree), Options{})
	var b bytes.Buffer
	if err := Write(&b, goals, true); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, "1.1,Key Result,First attempt,At risk,Q3 2026,marta@example.com,2,,,,2026-07-01,2026-09-30,92.4,93.8,96,\n") {
		t.Errorf("wrote\n%s", text)
	}
	for v, want := range map[float64]string{1.234: "1.2340", 0.123: "0.123", 1234.567: "1234.567", -1.5: "-1.5", 1e6: "1000000"} {
		if got := amount(&v, ""); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
	v := 3.5
	for unit, want := range map[string]string{"%": "3.5%", "€": "€3.5", "min": "3.5 min", "per 100 km": "3.5", "": "3.5"} {
		if got := amount(&v, unit); got != want {
			t.Errorf("3.5 in %s is written %s, want %s", unit, got, want)
		}
	}
}
