package forecast

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Task is a piece of work in a network: how long it takes and what must be done
// before it begins.
type Task struct {
	Name  string
	Days  float64
	After []string
}

// Slot is when a task can happen: the earliest and the latest it may begin and
// end without moving the end of the whole. Slack is the time it may slip; a
// task without any is critical.
type Slot struct {
	EarlyStart, EarlyEnd float64
	LateStart, LateEnd   float64
	Slack                float64
}

// Critical reports whether a slip of the task moves the end.
func (s Slot) Critical() bool { return s.Slack < 1e-9 }

// Plan is a network of tasks laid out in time.
type Plan struct {
	Days  float64         // how long the whole takes
	Slots map[string]Slot // by name of the task
	Path  []string        // one chain of critical tasks from the beginning to the end
}

// CriticalPath lays tasks out by the critical path method (Kelley and Walker,
// 1959): forward for the earliest times, backward for the latest. A name that
// stands twice, one that is not there and tasks that wait for each other are
// errors that name them.
func CriticalPath(tasks []Task) (Plan, error) {
	order, err := sorted(tasks)
	if err != nil {
		return Plan{}, err
	}
	slots, end := map[string]Slot{}, 0.0
	for _, t := range order {
		var s Slot
		for _, a := range t.After {
			s.EarlyStart = math.Max(s.EarlyStart, slots[a].EarlyEnd)
		}
		s.EarlyEnd = s.EarlyStart + t.Days
		s.LateEnd = math.Inf(1)
		slots[t.Name], end = s, math.Max(end, s.EarlyEnd)
	}
	for _, t := range slices.Backward(order) {
		s := slots[t.Name]
		s.LateEnd = math.Min(s.LateEnd, end)
		s.LateStart = s.LateEnd - t.Days
		s.Slack = math.Max(0, s.LateStart-s.EarlyStart)
		slots[t.Name] = s
		for _, a := range t.After {
			before := slots[a]
			before.LateEnd = math.Min(before.LateEnd, s.LateStart)
			slots[a] = before
		}
	}
	return Plan{end, slots, chain(order, slots, end)}, nil
}

// chain goes back from the task that ends last to what it waited for.
func chain(order []Task, slots map[string]Slot, end float64) []string {
	var path []string
	at := end
	for _, t := range slices.Backward(order) {
		s := slots[t.Name]
		next := path == nil || slices.ContainsFunc(order, func(o Task) bool { return o.Name == path[len(path)-1] && slices.Contains(o.After, t.Name) })
		if next && math.Abs(s.EarlyEnd-at) < 1e-9 {
			path, at = append(path, t.Name), s.EarlyStart
		}
	}
	slices.Reverse(path)
	return path
}

// sorted returns the tasks so that each stands after what it waits for, else in
// the order given.
func sorted(tasks []Task) ([]Task, error) {
	by := map[string]Task{}
	for _, t := range tasks {
		if _, twice := by[t.Name]; twice {
			return nil, fmt.Errorf("two tasks are called %q", t.Name)
		}
		if t.Days < 0 || math.IsNaN(t.Days) || math.IsInf(t.Days, 0) {
			return nil, fmt.Errorf("%q takes %v days", t.Name, t.Days)
		}
		by[t.Name] = t
	}
	s := sorter{by: by, state: map[string]int{}}
	for _, t := range tasks {
		if err := s.visit(t.Name); err != nil {
			return nil, err
		}
	}
	return s.order, nil
}

// sorter walks a network depth first.
type sorter struct {
	by    map[string]Task
	state map[string]int // 1: on the way, 2: placed
	way   []string
	order []Task
}

func (s *sorter) visit(name string) error {
	switch s.state[name] {
	case 1:
		return Cycle(append(slices.Clone(s.way[slices.Index(s.way, name):]), name))
	case 2:
		return nil
	}
	s.state[name] = 1
	s.way = append(s.way, name)
	t := s.by[name]
	for _, a := range t.After {
		if _, ok := s.by[a]; !ok {
			return fmt.Errorf("%q waits for %q, which is not there", name, a)
		}
		if err := s.visit(a); err != nil {
			return err
		}
	}
	s.state[name] = 2
	s.way = s.way[:len(s.way)-1]
	s.order = append(s.order, t)
	return nil
}

// Cycle is the error of tasks that wait for each other: their names, each
// waiting for the next, the first again at the end.
type Cycle []string

func (c Cycle) Error() string { return "these wait for each other: " + strings.Join(c, " → ") }
