package forecast

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/testenv"
)

func TestCriticalPath(t *testing.T) {
	p, err := CriticalPath([]Task{
		{Name: "ship", Days: 1, After: []string{"build", "train"}}, {Name: "design", Days: 3},
		{Name: "build", Days: 5, After: []string{"design"}}, {Name: "train", Days: 2, After: []string{"design"}}, {Name: "party"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.Days != 9 || !slices.Equal(p.Path, []string{"design", "build", "ship"}) {
		t.Errorf("%v days by %v", p.Days, p.Path)
	}
	for name, want := range map[string]Slot{"design": {0, 3, 0, 3, 0}, "build": {3, 8, 3, 8, 0}, "train": {3, 5, 6, 8, 3}, "ship": {8, 9, 8, 9, 0}, "party": {0, 0, 9, 9, 9}} {
		if got := p.Slots[name]; got != want || got.Critical() != (want.Slack == 0) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if p, err := CriticalPath(nil); err != nil || p.Days != 0 || p.Path != nil {
		t.Errorf("nothing: %+v, %v", p, err)
	}
}

func TestNoPath(t *testing.T) {
	for _, c := range []struct {
		tasks []Task
		want  string
	}{
		{[]Task{{Name: "a", After: []string{"c"}}, {Name: "b", After: []string{"a"}}, {Name: "c", After: []string{"b"}}}, "these wait for each other: a → c → b → a"},
		{[]Task{{Name: "x", After: []string{"a"}}, {Name: "a", After: []string{"a"}}}, "these wait for each other: a → a"},
		{[]Task{{Name: "a", After: []string{"z"}}}, `"a" waits for "z", which is not there`},
		{[]Task{{Name: "a"}, {Name: "a"}}, `two tasks are called "a"`},
		{[]Task{{Name: "a", Days: -1}}, `"a" takes -1 days`},
	} {
		if _, err := CriticalPath(c.tasks); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	var cycle Cycle
	if _, err := CriticalPath([]Task{{Name: "a", After: []string{"a"}}}); !errors.As(err, &cycle) || len(cycle) != 2 {
		t.Errorf("a cycle is not told apart: %v", err)
	}
}

// PSPLIB's instance j301_1 (Kolisch and Sprecher, 1996) states the length of its
// critical path: MPM-Time 38.
func TestPSPLIB(t *testing.T) {
	data, err := os.ReadFile(testenv.Data(t, "psplib", "j301_1.sm"))
	if err != nil {
		t.Fatal(err)
	}
	tasks, want := readPSPLIB(t, string(data))
	if len(tasks) != 32 || want != 38 {
		t.Fatalf("%d tasks and a length of %v", len(tasks), want)
	}
	p, err := CriticalPath(tasks)
	if err != nil {
		t.Fatal(err)
	}
	if p.Days != want {
		t.Errorf("%v days, want %v", p.Days, want)
	}
	length := 0.0
	for _, name := range p.Path {
		i := slices.IndexFunc(tasks, func(t Task) bool { return t.Name == name })
		length += tasks[i].Days
		if !p.Slots[name].Critical() {
			t.Errorf("task %s on the path has slack", name)
		}
	}
	if length != want || p.Path[0] != "1" || p.Path[len(p.Path)-1] != "32" {
		t.Errorf("the path %v takes %v days", p.Path, length)
	}
}

// readPSPLIB reads the successors and durations of a single-mode instance, and
// the length it states.
func readPSPLIB(t *testing.T, text string) (tasks []Task, length float64) {
	t.Helper()
	part, by := "", map[string]*Task{}
	var order []string
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if strings.HasPrefix(line, "PRECEDENCE") || strings.HasPrefix(line, "REQUESTS") || strings.HasPrefix(line, "PROJECT INF") || strings.HasPrefix(line, "RESOURCEAVAIL") {
			part = line[:3]
			continue
		}
		if len(f) < 3 || f[0] < "0" || f[0] > "99" {
			continue
		}
		task := func(name string) *Task {
			if by[name] == nil {
				by[name] = &Task{Name: name}
				order = append(order, name)
			}
			return by[name]
		}
		switch part {
		case "PRO":
			length, _ = strconv.ParseFloat(f[5], 64)
		case "PRE":
			task(f[0])
			for _, after := range f[3:] {
				task(after).After = append(task(after).After, f[0])
			}
		case "REQ":
			task(f[0]).Days, _ = strconv.ParseFloat(f[2], 64)
		}
	}
	for _, name := range order {
		tasks = append(tasks, *by[name])
	}
	return tasks, length
}

func FuzzCriticalPath(f *testing.F) {
	f.Add([]byte{3, 1, 0, 5, 2, 1, 1, 3, 2})
	f.Add([]byte{1, 1, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var tasks []Task
		for i := 0; i+1 < len(raw) && i < 60; i += 2 {
			task := Task{Name: strconv.Itoa(i / 2), Days: float64(raw[i] % 16)}
			for bit := range 8 {
				if raw[i+1]&(1<<bit) != 0 {
					task.After = append(task.After, strconv.Itoa(bit*3))
				}
			}
			tasks = append(tasks, task)
		}
		p, err := CriticalPath(tasks)
		if err != nil {
			return
		}
		length := 0.0
		for _, task := range tasks {
			s := p.Slots[task.Name]
			if s.EarlyEnd > p.Days || s.LateStart < s.EarlyStart-1e-9 || s.LateEnd > p.Days {
				t.Fatalf("%s: %+v of %v days", task.Name, s, p.Days)
			}
			for _, a := range task.After {
				if p.Slots[a].EarlyEnd > s.EarlyStart || p.Slots[a].LateEnd > s.LateStart+1e-9 {
					t.Fatalf("%s begins before %s ends", task.Name, a)
				}
			}
			if slices.Contains(p.Path, task.Name) {
				length += task.Days
			}
		}
		if math.Abs(length-p.Days) > 1e-9 {
			t.Fatalf("the path %v takes %v of %v days", p.Path, length, p.Days)
		}
	})
}

var alternating = []int{0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 2}

func simulate(t testing.TB, teams []Team, items ...Item) map[string]Outlook {
	t.Helper()
	out, err := Simulate(teams, items)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Without dependencies a simulation must come to what is exact.
func TestSimulateIsNearExact(t *testing.T) {
	teams := []Team{{Name: "a", Samples: month}, {Name: "b", Samples: alternating}}
	out := simulate(t, teams,
		Item{Name: "one", Work: []Work{{"a", Exactly(15)}}}, Item{Name: "two", Work: []Work{{"a", Exactly(20)}, {"b", Exactly(25)}}})
	a, _ := Sequence(month, []PMF{Exactly(15), Exactly(20)})
	b, _ := Sequence(teams[1].Samples, []PMF{Exactly(25)})
	for name, want := range map[string]Dist{"one": a[0], "two": All(a[1], b[0])} {
		for day := range 80 {
			if got := out[name].By(day); math.Abs(got-want.By(day)) > 0.03 {
				t.Errorf("%s by day %d: %.3f, exact %.3f", name, day, got, want.By(day))
			}
		}
	}
}

func TestSimulateIsRepeatable(t *testing.T) {
	items := []Item{{Name: "x", Work: []Work{{"a", Between(3, 5, 9)}}}, {Name: "y", Work: []Work{{"a", Exactly(4)}}, After: []string{"x"}}}
	one, two := simulate(t, []Team{{Name: "a", Samples: month}}, items...), simulate(t, []Team{{Name: "a", Samples: month}}, items...)
	if !slices.Equal(one["y"].cdf, two["y"].cdf) || one["x"].Critical != two["x"].Critical {
		t.Error("the same question has two answers")
	}
	// Pinned, so that another machine or another release of Go shows itself.
	if got := days4(t, one["y"].Dist); got != [4]int{10, 13, 16, 20} {
		t.Errorf("days %v", got)
	}
	if got := NewRand(Seed("x", 1)).Below(1_000_000); got != 634_114 {
		t.Errorf("the first number is %d", got)
	}
}

// A steady team shows the order of things: who waits, who goes on with what is
// left of the day, what the chain is.
func TestNetwork(t *testing.T) {
	steady := []Team{{Name: "a", Samples: []int{1}}, {Name: "b", Samples: []int{2}}}
	out := simulate(t, steady,
		Item{Name: "first", Work: []Work{{"a", Exactly(3)}}},
		Item{Name: "second", Work: []Work{{"a", Exactly(2)}}},
		Item{Name: "follows", Work: []Work{{"b", Exactly(4)}}, After: []string{"first"}},
		Item{Name: "free", Work: []Work{{"b", Exactly(3)}}},
		Item{Name: "launch", After: []string{"second", "follows"}},
		Item{Name: "later", Work: []Work{{"b", Exactly(1)}}, NotBefore: 30},
		Item{Name: "nothing"},
	)
	for name, want := range map[string]struct {
		day      int
		critical float64
	}{"first": {3, 1}, "second": {5, 1}, "free": {2, 0}, "follows": {5, 0}, "launch": {5, 1}, "later": {30, 0}, "nothing": {0, 0}} {
		day, ok := out[name].Day(1)
		if !ok || day != want.day || out[name].Critical != want.critical {
			t.Errorf("%s: day %d, critical %v; want %+v", name, day, out[name].Critical, want)
		}
	}
	out = simulate(t, steady,
		Item{Name: "first", Work: []Work{{"a", Exactly(3)}}}, Item{Name: "second", Work: []Work{{"a", Exactly(9)}}},
		Item{Name: "aside", Work: []Work{{"b", Exactly(3)}}}, Item{Name: "launch", After: []string{"second", "aside"}})
	for name, want := range map[string]float64{"first": 1, "second": 1, "aside": 0, "launch": 1} {
		if got := out[name].Critical; got != want {
			t.Errorf("%s is critical in %v of the runs, want %v", name, got, want)
		}
	}
}

// Days off move a team and what waits for it; a thin history is as uncertain
// in a network as it is alone.
func TestSimulateDaysOff(t *testing.T) {
	teams := []Team{{Name: "a", Samples: []int{1}, Off: []int{2, 3, 7}}, {Name: "b", Samples: []int{1}}}
	out := simulate(t, teams, Item{Name: "x", Work: []Work{{"a", Exactly(4)}}}, Item{Name: "y", Work: []Work{{"b", Exactly(1)}}, After: []string{"x"}}, Item{Name: "z", Work: []Work{{"a", Exactly(1)}}})
	for name, want := range map[string]int{"x": 6, "y": 7, "z": 8} {
		if day, _ := out[name].Day(1); day != want {
			t.Errorf("%s is done on day %d, want %d", name, day, want)
		}
	}
	thin := []int{0, 2, 0, 1, 0, 3, 0}
	alone, err := Ahead(thin, []PMF{Exactly(12)})
	if err != nil {
		t.Fatal(err)
	}
	network := simulate(t, []Team{{Name: "a", Samples: thin}}, Item{Name: "x", Work: []Work{{"a", Exactly(12)}}})
	for _, day := range []int{8, 14, 25, 60} {
		if a, n := alone[0].By(day), network["x"].By(day); math.Abs(a-n) > 0.05 {
			t.Errorf("by day %d: alone %.3f, in a network %.3f", day, a, n)
		}
	}
}

func TestSimulateRefuses(t *testing.T) {
	for _, c := range []struct {
		teams []Team
		items []Item
		want  string
	}{
		{nil, []Item{{Name: "x", Work: []Work{{"a", Exactly(1)}}}}, `"x" is work of "a", which is not there`},
		{[]Team{{Name: "a", Samples: []int{0}}}, []Item{{Name: "x", Work: []Work{{"a", Exactly(1)}}}}, "a: nothing was finished on any day of the history"},
		{nil, []Item{{Name: "x", After: []string{"x"}}}, "these wait for each other: x → x"},
		{[]Team{{Name: "a", Samples: []int{1}}}, []Item{{Name: "x", Work: []Work{{"a", nil}}}}, "x: there is more work than a forecast can be asked about"},
	} {
		if _, err := Simulate(c.teams, c.items); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	// What a team can never finish has no date.
	slow := make([]int, 1000)
	slow[0] = 1
	out := simulate(t, []Team{{Name: "a", Samples: slow}}, Item{Name: "x", Work: []Work{{"a", Exactly(100)}}}, Item{Name: "y", After: []string{"x"}})
	if _, ok := out["y"].Day(0.5); ok || out["y"].Never() != 1 {
		t.Errorf("y is done with %v", 1-out["y"].Never())
	}
}

func BenchmarkSimulate(b *testing.B) {
	var items []Item
	for i := range 30 {
		it := Item{Name: fmt.Sprint(i), Work: []Work{{fmt.Sprint(i % 5), Between(5, 12, 30)}}}
		if i > 5 {
			it.After = []string{fmt.Sprint(i - 5)}
		}
		items = append(items, it)
	}
	var teams []Team
	for i := range 5 {
		teams = append(teams, Team{Name: fmt.Sprint(i), Samples: month})
	}
	for b.Loop() {
		if _, err := Simulate(teams, items); err != nil {
			b.Fatal(err)
		}
	}
}
