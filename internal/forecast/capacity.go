package forecast

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// People is who a team has in a month.
type People struct {
	FTE     float64 // full-time people
	Absence float64 // share of the time they are away
	Ramp    float64 // share of their pace that new people have reached; 1 when all are settled
	Focus   float64 // share of the time that goes to planned work
}

// Effective returns how many people's time goes to planned work:
// FTE × (1 - absence) × ramp × focus.
func (p People) Effective() float64 {
	return math.Max(0, p.FTE) * (1 - clamp(p.Absence)) * clamp(p.Ramp) * clamp(p.Focus)
}

func clamp(x float64) float64 { return math.Min(1, math.Max(0, x)) }

// Ramp returns the share of its pace that a new person has reached so many weeks
// after the first day: nothing at first, all after 13 weeks, in a straight line.
func Ramp(weeks float64) float64 { return clamp(weeks / 13) }

// Supply is the person-days of planned work a team has in a month.
type Supply struct {
	Team  string
	Month time.Time // its first day
	Days  float64
}

// Demand is what an item asks of a team, spread evenly over the days from From
// to To, both among them.
type Demand struct {
	Item, Team string
	From, To   time.Time
	Days       float64 // person-days
}

// Cell is a team's month.
type Cell struct {
	Team         string
	Month        time.Time
	Supply, Need float64 // person-days
	Known        bool    // a supply is known
	Parts        []Part  // what is asked, in the order of rank
	Breaks       string  // the first item by rank that does not fit; "" when all do
}

// Part is one item's share of a month.
type Part struct {
	Item string
	Days float64
}

// Load returns need by supply; +Inf when there is need and nobody to do it.
func (c Cell) Load() float64 {
	switch {
	case c.Need == 0:
		return 0
	case c.Supply <= 0:
		return math.Inf(1)
	}
	return c.Need / c.Supply
}

// Over reports whether more is asked than there is; a hundredth of a person-day
// is forgiven. It is false where the supply is not known.
func (c Cell) Over() bool { return c.Known && c.Need > c.Supply+0.01 }

// Break is the first month in which a team cannot do what is asked of it.
type Break struct {
	Team  string
	Month time.Time
	Item  string // the first by rank that does not fit
}

// Load spreads demand, given in the order of rank, over the months from first,
// so many of them, and compares it with the supply, by team and month. What
// lies outside of these months is left out.
func Load(first time.Time, months int, supply []Supply, demand []Demand) ([]Cell, []Break) {
	first = Month(first)
	by := map[string][]Cell{}
	row := func(team string) []Cell {
		if by[team] == nil {
			by[team] = make([]Cell, months)
			for i := range by[team] {
				by[team][i] = Cell{Team: team, Month: first.AddDate(0, i, 0)}
			}
		}
		return by[team]
	}
	for _, s := range supply {
		if i := monthsBetween(first, s.Month); i >= 0 && i < months {
			c := &row(s.Team)[i]
			c.Supply, c.Known = c.Supply+s.Days, true
		}
	}
	for _, d := range demand {
		d.spread(row(d.Team))
	}
	var cells []Cell
	var breaks []Break
	for _, team := range sortedKeys(by) {
		cells = append(cells, by[team]...)
		if i := slices.IndexFunc(by[team], Cell.Over); i >= 0 {
			breaks = append(breaks, Break{team, by[team][i].Month, by[team][i].Breaks})
		}
	}
	slices.SortStableFunc(breaks, func(a, b Break) int { return cmp.Or(a.Month.Compare(b.Month), cmp.Compare(a.Team, b.Team)) })
	return cells, breaks
}

// spread adds a demand to the months of its team.
func (d Demand) spread(row []Cell) {
	from, to := Day(d.From), Day(d.To)
	if to.Before(from) {
		to = from
	}
	all := days(from, to)
	for i := range row {
		c := &row[i]
		end := c.Month.AddDate(0, 1, -1)
		begin, until := from, to
		if begin.Before(c.Month) {
			begin = c.Month
		}
		if until.After(end) {
			until = end
		}
		if until.Before(begin) || d.Days <= 0 {
			continue
		}
		part := d.Days * days(begin, until) / all
		c.Need += part
		c.Parts = append(c.Parts, Part{d.Item, part})
		if c.Breaks == "" && c.Over() {
			c.Breaks = d.Item
		}
	}
}

func days(from, to time.Time) float64 { return to.Sub(from).Hours()/24 + 1 }

// Month returns the first day of the month of t.
func Month(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

func monthsBetween(a, b time.Time) int {
	return (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
}
