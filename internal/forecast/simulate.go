package forecast

import (
	"fmt"
	"slices"
)

// Team is who works in a network: what it finished on each day of its history,
// and the days ahead on which it does not work, in ascending order.
type Team struct {
	Name    string
	Samples []int
	Off     []int
}

// Item is a piece of work in a network. Each of its Work is done by one team;
// it is done when all of them are, and begins when everything in After is done
// and day NotBefore has come.
type Item struct {
	Name      string
	Work      []Work
	After     []string
	NotBefore int
}

// Work is what one team has to do for an item.
type Work struct {
	Team string
	Size PMF
}

// Outlook is what a simulation says of one item.
type Outlook struct {
	Dist
	Critical float64 // share of runs in which it was on a chain that ended last
}

// Runs is how often a network is simulated: a chance of one half is then off by
// less than 1.6 points in 95 runs of 100 (1.96 * sqrt(0.25 / Runs)).
const Runs = 4000

// Simulate plays a network of items forward, Runs times. The order of the items
// is their rank: every day each team finishes as many items of work as one day
// of its history, picked by chance, and spends them on the first item by rank
// that it can work on, what is left on the next. An item begins on the day
// after the last that it waits for.
//
// Items that depend on each other, directly or by others, have a chain in every
// run: it goes back from the one of them that ended last, each time to what held
// the item up, the item its team was busy with or else the last of what it waits
// for. An item's Critical is the share of runs it was on a chain: the
// criticality index of Martin (1965). An item nothing hangs on and that hangs on
// nothing makes no chain.
func Simulate(teams []Team, items []Item) (map[string]Outlook, error) {
	n, err := newNetwork(teams, items)
	if err != nil {
		return nil, err
	}
	rnd := NewRand(NetworkSeed(teams, items))
	for range Runs {
		n.play(rnd)
	}
	out := map[string]Outlook{}
	for i, it := range n.items {
		out[it.Name] = Outlook{FromCounts(n.ended[i], Runs), float64(n.critical[i]) / Runs}
	}
	return out, nil
}

// NetworkSeed returns the seed that Simulate takes: the hash of its inputs.
func NetworkSeed(teams []Team, items []Item) uint64 { return Seed("network", teams, items) }

// network is the state of a simulation.
type network struct {
	teams []Team
	items []Item
	order []int             // the items so that each stands after what it waits for
	after [][]int           // places of what each item waits for
	then  [][]int           // places of what waits for each item
	group []int             // by item: the place of one that stands for all that depend on each other
	jobs  [][]job           // by team, in the order of rank
	opens [MaxDays + 1]bool // by day: whether something begins on it at the earliest

	samples  [][]int  // by team: what days are picked from in this run
	off      []int    // by team: how many days off are past
	live     [][]*job // by team: its jobs on which something is left
	open     []int    // by item: pieces of work left in this run
	waits    []int    // by item: how many it waits for are not done
	end      []int    // by item: the day it was done on; -1 while it is not
	held     []int    // by item: whose work its team was busy with; -1 for nothing
	ended    [][]int  // by item and day: runs
	critical []int    // by item: runs
	last     []int    // by group: its item that ended last; -1 where there is no group
	size     []int    // by group: items
	been     []bool   // by item: on a chain of this run
}

// job is a team's part of an item.
type job struct {
	item int
	size PMF
	left int
	held int // the item the team was busy with while this one could have begun
}

func newNetwork(teams []Team, items []Item) (*network, error) {
	n := &network{teams: teams, items: items, after: make([][]int, len(items)), then: make([][]int, len(items)), jobs: make([][]job, len(teams)),
		samples: make([][]int, len(teams)), off: make([]int, len(teams)), live: make([][]*job, len(teams)),
		open: make([]int, len(items)), waits: make([]int, len(items)), end: make([]int, len(items)), held: make([]int, len(items)),
		last: make([]int, len(items)), size: make([]int, len(items)), been: make([]bool, len(items)),
		ended: make([][]int, len(items)), critical: make([]int, len(items))}
	tasks := make([]Task, len(items))
	for i, it := range items {
		tasks[i] = Task{Name: it.Name, After: it.After}
	}
	order, err := sorted(tasks)
	if err != nil {
		return nil, err
	}
	place := func(name string) int { return slices.IndexFunc(items, func(o Item) bool { return o.Name == name }) }
	for _, t := range order {
		n.order = append(n.order, place(t.Name))
	}
	for i, it := range items {
		if it.NotBefore > 0 && it.NotBefore <= MaxDays {
			n.opens[it.NotBefore] = true
		}
		for _, a := range it.After {
			n.after[i] = append(n.after[i], place(a))
			n.then[place(a)] = append(n.then[place(a)], i)
		}
		for _, w := range it.Work {
			if err := n.assign(i, w); err != nil {
				return nil, err
			}
		}
	}
	n.gather()
	return n, nil
}

// assign gives a team its part of an item.
func (n *network) assign(item int, w Work) error {
	t := slices.IndexFunc(n.teams, func(t Team) bool { return t.Name == w.Team })
	if t < 0 {
		return fmt.Errorf("%q is work of %q, which is not there", n.items[item].Name, w.Team)
	}
	if _, err := empirical(n.teams[t].Samples); err != nil {
		return fmt.Errorf("%s: %w", w.Team, err)
	}
	if len(w.Size) == 0 || len(w.Size) > MaxItems+1 {
		return fmt.Errorf("%s: %w", n.items[item].Name, ErrTooMuch)
	}
	n.jobs[t] = append(n.jobs[t], job{item: item, size: w.Size})
	return nil
}

// play runs the future once.
func (n *network) play(rnd *Rand) {
	n.begin(rnd)
	left := len(n.items) - n.close(0)
	for day := 1; left > 0 && day <= MaxDays; day++ {
		done := n.opens[day]
		for t := range n.teams {
			if len(n.jobs[t]) > 0 && !n.idle(t, day) {
				done = n.work(t, day, n.samples[t][rnd.Below(len(n.samples[t]))]) || done
			}
		}
		if done {
			left -= n.close(day)
		}
	}
	n.trace()
}

// idle reports whether a day is off for a team. Days are asked for in order.
func (n *network) idle(t, day int) bool {
	off := n.teams[t].Off
	for n.off[t] < len(off) && off[n.off[t]] < day {
		n.off[t]++
	}
	return n.off[t] < len(off) && off[n.off[t]] == day
}

// begin draws how much there is to do, and from what.
func (n *network) begin(rnd *Rand) {
	for t, team := range n.teams {
		n.samples[t], n.off[t] = team.Samples, 0
		if len(team.Samples) < Thin {
			n.samples[t] = redraw(rnd, team.Samples)
		}
	}
	for i := range n.items {
		n.open[i], n.waits[i], n.end[i], n.held[i] = 0, len(n.after[i]), -1, -1
	}
	for t := range n.jobs {
		n.live[t] = n.live[t][:0]
		for j := range n.jobs[t] {
			w := &n.jobs[t][j]
			w.left, w.held = rnd.Pick(w.size), -1
			if w.left > 0 {
				n.open[w.item]++
				n.live[t] = append(n.live[t], w)
			}
		}
	}
}

// work spends what a team finishes on a day, and reports whether it finished its
// part of an item.
func (n *network) work(t, day, amount int) (done bool) {
	busy := -1
	live := n.live[t][:0]
	for _, w := range n.live[t] {
		if n.ready(w.item, day) {
			if busy < 0 {
				busy = w.item
			} else {
				w.held = busy
			}
			spent := min(amount, w.left)
			amount -= spent
			if w.left -= spent; w.left == 0 {
				n.open[w.item]--
				n.held[w.item] = w.held
				done = true
				continue
			}
		}
		live = append(live, w)
	}
	n.live[t] = live
	return done
}

// ready reports whether an item can be worked on. Items end after the work of a
// day, so what waits for one begins on the next.
func (n *network) ready(item, day int) bool {
	return n.waits[item] == 0 && day >= n.items[item].NotBefore
}

// close ends the items on which nothing is left to do, and returns how many.
func (n *network) close(day int) int {
	closed := 0
	for _, i := range n.order {
		if n.end[i] >= 0 || n.open[i] > 0 || !n.ready(i, day) {
			continue
		}
		n.end[i] = day
		for len(n.ended[i]) <= day {
			n.ended[i] = append(n.ended[i], 0)
		}
		n.ended[i][day]++
		for _, o := range n.then[i] {
			n.waits[o]--
		}
		closed++
	}
	return closed
}

// gather finds which items depend on each other.
func (n *network) gather() {
	n.group = make([]int, len(n.items))
	for i := range n.group {
		n.group[i] = i
	}
	for again := true; again; {
		again = false
		for i, after := range n.after {
			for _, a := range after {
				if least := min(n.group[i], n.group[a]); n.group[i] != least || n.group[a] != least {
					n.group[i], n.group[a], again = least, least, true
				}
			}
		}
	}
}

// trace counts the items of the chains, each once.
func (n *network) trace() {
	for i := range n.items {
		n.last[i], n.size[i], n.been[i] = -1, 0, false
	}
	for _, i := range n.order {
		g := n.group[i]
		n.size[g]++
		if end := n.last[g]; end < 0 || !later(n.end[end], n.end[i]) {
			n.last[g] = i // of those that end together, the one that waits for the others
		}
	}
	for g, i := range n.last {
		for n.size[g] > 1 && i >= 0 && !n.been[i] {
			n.been[i] = true
			n.critical[i]++
			i = n.before(i)
		}
	}
}

// before returns what held an item up; -1 for nothing.
func (n *network) before(item int) int {
	if n.held[item] >= 0 {
		return n.held[item]
	}
	before := -1
	for _, a := range n.after[item] {
		if before < 0 || later(n.end[a], n.end[before]) {
			before = a
		}
	}
	return before
}

// later reports whether a day is after another; never done is the last of all.
func later(a, b int) bool {
	if a < 0 || b < 0 {
		return a < 0 && b >= 0
	}
	return a > b
}
