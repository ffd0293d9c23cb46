package strategy

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/forecast"
)

// forecastRule names how forecasts are computed. It changes when the same inputs
// would give another answer; earlier forecasts keep the rule they were made by.
const forecastRule = "throughput-1"

// Outlook is the forecast of one initiative, or why there is none.
type Outlook struct {
	AsOf      time.Time     // the day that days are counted from
	Dist      forecast.Dist // days ahead, all of them counted; before it was widened
	Widen     float64       // what the days are multiplied with; 1 for nothing
	Open      int           // work items left
	Done      int
	Remaining float64 // expected items left, what is not written yet among them
	Teams     []Pace
	Simulated bool    // it hangs on others, so it was simulated
	Critical  float64 // share of runs in which it was on a chain that ended last
	Why       string  // the reason for no forecast: a key below "strategy.forecast.why."; "" when there is one
	WhyOf     string  // what the reason is about: references, or names
	Hash      string  // of the inputs
	Seed      uint64  // of the simulation; 0 when it was exact
}

// Pace is what one team has to do and how fast it was.
type Pace struct {
	Team     string    `json:"team"` // reference; "" when nobody knows
	Left     float64   `json:"left"` // expected items left of this initiative
	Ahead    float64   `json:"ahead"`
	Days     int       `json:"days"` // days learned from
	Finished int       `json:"finished"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Thin     bool      `json:"thin,omitempty"`
}

// Known reports whether there is a forecast.
func (o *Outlook) Known() bool { return o != nil && o.Why == "" }

// Widened returns the distribution as it is shown.
func (o *Outlook) Widened() forecast.Dist { return o.Dist.Stretch(o.Widen) }

// Date returns the day by which it is done with a chance of p; zero when there
// is none.
func (o *Outlook) Date(p float64) time.Time {
	if !o.Known() {
		return time.Time{}
	}
	day, ok := o.Widened().Day(p)
	if !ok {
		return time.Time{}
	}
	return o.AsOf.AddDate(0, 0, day)
}

// By returns the chance that it is done by the end of a day.
func (o *Outlook) By(day time.Time) float64 {
	return o.Widened().By(daysBetween(o.AsOf, day))
}

func daysBetween(a, b time.Time) int {
	return int(math.Floor(forecast.Day(b).Sub(forecast.Day(a)).Hours() / 24))
}

// Thin reports whether a history is too short to be sure of.
func (o *Outlook) Thin() bool {
	return slices.ContainsFunc(o.Teams, func(t Pace) bool { return t.Thin })
}

// foresee is the computation of all outlooks of a plan.
type foresee struct {
	p     *plan
	teams map[string]*crew
	queue []*initiative // those that have a forecast, in order
}

// crew is a team with what it is to do, in order.
type crew struct {
	ref     string
	samples []int
	pace    Pace
	cal     forecast.Calendar
	err     error
	ahead   float64 // expected items of what was queued so far
	queue   []*initiative
	sizes   []forecast.PMF
	depends bool // something it does waits for others, or for a day
}

// foresee computes the outlook of every initiative.
func (p *plan) foresee() error {
	f := &foresee{p: p, teams: map[string]*crew{}}
	for _, in := range p.initiatives {
		in.outlook = &Outlook{AsOf: p.backlog.asOf(), Widen: p.widen, Open: sum(in.open), Done: sum(in.done)}
		for _, size := range in.parts() {
			in.outlook.Remaining += size.Mean()
		}
		in.outlook.Why, in.outlook.WhyOf = f.whyNot(in)
	}
	f.waiting()
	for _, in := range p.initiatives {
		if in.outlook.Why == "" {
			f.enqueue(in)
		}
	}
	f.exact()
	f.inherit()
	return f.simulate()
}

// whyNot says what in the initiative itself leaves it without a forecast.
func (f *foresee) whyNot(in *initiative) (why, of string) {
	switch {
	case in.Spec.State == InitiativeDone, in.Spec.State == InitiativeStopped, in.Spec.State == InitiativePaused:
		return in.Spec.State, ""
	case in.Spec.Lane == LaneLater:
		return "later", ""
	case !in.sized():
		return "size", ""
	}
	for _, team := range slices.Sorted(maps.Keys(in.parts())) {
		c := f.crew(team)
		if len(in.parts()[team]) > 1 && c.err != nil {
			if errors.Is(c.err, forecast.ErrNoHistory) || len(f.p.backlog.finished(team)) == 0 {
				return "history", team
			}
			return "throughput", team
		}
	}
	return "", ""
}

// crew returns a team with its history.
func (f *foresee) crew(team string) *crew {
	if c := f.teams[team]; c != nil {
		return c
	}
	b := f.p.backlog
	c := &crew{ref: team, cal: f.p.calendar(team)}
	from, to := b.learned(team)
	c.samples = c.cal.Samples(from, to, b.finished(team))
	c.pace = Pace{Team: team, Days: len(c.samples), From: from, To: to, Thin: len(c.samples) < forecast.Thin}
	for _, n := range c.samples {
		c.pace.Finished += n
	}
	_, c.err = forecast.When(c.samples, 0)
	f.teams[team] = c
	return c
}

// waiting takes the forecast from what waits for each other, and from what waits
// for something that has none.
func (f *foresee) waiting() {
	for {
		var tasks []forecast.Task
		for _, in := range f.p.initiatives {
			if in.outlook.Why == "" {
				tasks = append(tasks, forecast.Task{Name: in.Ref().String(), After: f.after(in)})
			}
		}
		var cycle forecast.Cycle
		if _, err := forecast.CriticalPath(tasks); !errors.As(err, &cycle) {
			break
		}
		for _, name := range cycle {
			ref, _ := entity.ParseRef(name, "", "")
			f.p.by[ref].outlook.Why, f.p.by[ref].outlook.WhyOf = "cycle", strings.Join(cycle, " ")
		}
	}
	f.inherit()
}

// inherit takes the forecast from what waits for something that has none.
func (f *foresee) inherit() {
	for again := true; again; {
		again = false
		for _, in := range f.p.initiatives {
			if in.outlook.Why != "" {
				continue
			}
			for _, ref := range in.after {
				if o := f.p.by[ref]; o != nil && o.outlook.Why != "" && o.Spec.State != InitiativeDone {
					in.outlook.Why, in.outlook.WhyOf, again = "waits", ref.String(), true
					break
				}
			}
		}
	}
}

// after returns what an initiative still waits for, among those with a forecast.
func (f *foresee) after(in *initiative) []string {
	var out []string
	for _, ref := range in.after {
		if o := f.p.by[ref]; o != nil && o.outlook.Why == "" && !slices.Contains(out, ref.String()) {
			out = append(out, ref.String())
		}
	}
	return out
}

// enqueue puts an initiative behind what its teams do before it.
func (f *foresee) enqueue(in *initiative) {
	f.queue = append(f.queue, in)
	parts := in.parts()
	for _, team := range slices.Sorted(maps.Keys(parts)) {
		size := parts[team]
		if len(size) <= 1 {
			continue // nothing to do
		}
		c := f.crew(team)
		pace := c.pace
		pace.Left, pace.Ahead = size.Mean(), c.ahead
		in.outlook.Teams = append(in.outlook.Teams, pace)
		c.queue, c.sizes, c.ahead = append(c.queue, in), append(c.sizes, size), c.ahead+size.Mean()
		if len(f.after(in)) > 0 || f.notBefore(in) > 0 {
			c.depends = true
		}
		in.outlook.Simulated = in.outlook.Simulated || c.depends
	}
	if len(f.after(in)) > 0 || f.notBefore(in) > 0 {
		in.outlook.Simulated = true
	}
}

// notBefore returns how many days ahead an initiative is to begin.
func (f *foresee) notBefore(in *initiative) int {
	start := dayOfText(in.Spec.Start)
	if start.IsZero() || in.Spec.State == InitiativeActive {
		return 0
	}
	return min(forecast.MaxDays, max(0, daysBetween(f.p.backlog.asOf(), start)))
}

// exact computes what hangs on nothing but the teams' own order.
func (f *foresee) exact() {
	dists := map[*initiative][]forecast.Dist{}
	for _, team := range slices.Sorted(maps.Keys(f.teams)) {
		c := f.teams[team]
		if len(c.queue) == 0 {
			continue
		}
		ahead, err := forecast.Ahead(c.samples, c.sizes)
		if err != nil {
			for _, in := range c.queue {
				in.outlook.Why, in.outlook.WhyOf = "toomuch", team
			}
			continue
		}
		for i, in := range c.queue {
			dists[in] = append(dists[in], c.cal.Spread(f.p.backlog.asOf(), ahead[i].Dist))
		}
	}
	for _, in := range f.queue {
		if in.outlook.Why != "" || in.outlook.Simulated {
			continue
		}
		if in.outlook.Dist = forecast.All(dists[in]...); len(dists[in]) == 0 {
			in.outlook.Dist = forecast.At(0)
		}
		in.outlook.Hash = f.hash(in, 0)
	}
}

// hash returns the hash of what an outlook follows from.
func (f *foresee) hash(in *initiative, seed uint64) string {
	type input struct {
		Team    string
		Samples []int
		Sizes   []forecast.PMF
	}
	var inputs []input
	for _, t := range in.outlook.Teams {
		c := f.teams[t.Team]
		n := slices.Index(c.queue, in) + 1
		inputs = append(inputs, input{t.Team, c.samples, c.sizes[:n]})
	}
	return forecast.Hash(forecastRule, f.p.backlog.asOf(), in.outlook.Widen, seed, inputs)
}

// simulate plays the whole plan forward when something in it waits.
func (f *foresee) simulate() error {
	if !slices.ContainsFunc(f.queue, func(in *initiative) bool { return in.outlook.Simulated && in.outlook.Why == "" }) {
		return nil
	}
	var teams []forecast.Team
	for _, name := range slices.Sorted(maps.Keys(f.teams)) {
		if c := f.teams[name]; len(c.queue) > 0 {
			teams = append(teams, forecast.Team{Name: name, Samples: c.samples, Off: c.cal.DaysOff(f.p.backlog.asOf(), forecast.MaxDays)})
		}
	}
	var items []forecast.Item
	for _, in := range f.queue {
		if in.outlook.Why != "" {
			continue
		}
		it := forecast.Item{Name: in.Ref().String(), After: f.after(in), NotBefore: f.notBefore(in)}
		parts := in.parts()
		for _, t := range in.outlook.Teams {
			it.Work = append(it.Work, forecast.Work{Team: t.Team, Size: parts[t.Team]})
		}
		items = append(items, it)
	}
	out, err := forecast.Simulate(teams, items)
	if err != nil {
		return err
	}
	seed := forecast.NetworkSeed(teams, items)
	for _, in := range f.queue {
		o, ok := out[in.Ref().String()]
		if !ok {
			continue
		}
		in.outlook.Critical = o.Critical
		if in.outlook.Simulated {
			in.outlook.Dist, in.outlook.Seed = o.Dist, seed
			in.outlook.Hash = f.hash(in, seed)
		}
	}
	return nil
}
