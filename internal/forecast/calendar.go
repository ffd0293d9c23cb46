package forecast

import (
	"slices"
	"time"
)

// Span is a run of days, both ends among them.
type Span struct{ From, To time.Time }

// Calendar knows the days on which a team is not expected to finish anything:
// holidays, freezes. They are neither learned from nor counted on. Weekends are
// ordinary days on which little is finished, as the history tells.
type Calendar struct{ off []Span }

// NewCalendar returns a calendar without the days of the spans. A span that ends
// before it begins is none.
func NewCalendar(off ...Span) Calendar {
	var spans []Span
	for _, s := range off {
		if s = (Span{Day(s.From), Day(s.To)}); !s.To.Before(s.From) {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	return Calendar{spans}
}

// Day returns the day of a moment in its own zone, as midnight UTC.
func Day(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Off reports whether a day does not count.
func (c Calendar) Off(day time.Time) bool {
	day = Day(day)
	for _, s := range c.off {
		if s.From.After(day) {
			return false
		}
		if !day.After(s.To) {
			return true
		}
	}
	return false
}

// Date returns the n-th day after from that counts; from itself for 0.
func (c Calendar) Date(from time.Time, n int) time.Time {
	day := Day(from)
	for n = min(n, MaxDays); n > 0; {
		if day = day.AddDate(0, 0, 1); !c.Off(day) || day.Sub(from) > 2*MaxDays*24*time.Hour {
			n--
		}
	}
	return day
}

// Until returns how many days count after from up to a day; -1 when that day
// has passed.
func (c Calendar) Until(from, day time.Time) int {
	from, day = Day(from), Day(day)
	if day.Before(from) {
		return -1
	}
	n := 0
	for from.Before(day) && n < MaxDays {
		if from = from.AddDate(0, 0, 1); !c.Off(from) {
			n++
		}
	}
	return n
}

// DaysOff returns which of the next days, counted from a day, do not count.
func (c Calendar) DaysOff(from time.Time, next int) []int {
	var off []int
	for n := 1; len(c.off) > 0 && n <= next; n++ {
		if c.Off(from.AddDate(0, 0, n)) {
			off = append(off, n)
		}
	}
	return off
}

// Spread turns a distribution over days that count into one over all days from
// a day on, so that what teams with different days off do can be compared.
func (c Calendar) Spread(from time.Time, d Dist) Dist {
	if len(c.off) == 0 || !d.Known() {
		return d
	}
	var cdf []float64
	for day, worked := 0, 0; worked <= d.Last() && day <= MaxDays; day++ {
		if day > 0 && !c.Off(from.AddDate(0, 0, day)) {
			worked++
		}
		cdf = append(cdf, d.By(min(worked, d.Last())))
	}
	return Dist{trim(cdf)}
}

// Samples counts what was finished on each day from one day to another, both
// among them, without the days that do not count. What was finished on a day
// that does not count is not lost: it is counted on the last day before it that
// does, or on the first of all.
func (c Calendar) Samples(from, to time.Time, finished []time.Time) []int {
	from, to = Day(from), Day(to)
	place := map[time.Time]int{}
	n := 0
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		if !c.Off(day) {
			n++
		}
		place[day] = max(0, n-1)
	}
	samples := make([]int, n)
	for _, t := range finished {
		if i, ok := place[Day(t)]; ok && i < n {
			samples[i]++
		}
	}
	return samples
}
