package strategy

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// capacityMonths is how far the comparison of people with work looks.
const capacityMonths = 6

// capacityView compares what teams have with what is asked of them.
type capacityView struct {
	Months []string
	Rows   []capacityRow
	Breaks []capacityBreak
	Loose  []laneItem // work without an end: in no month
	AsWas  bool       // some team's people are not known
}

type capacityRow struct {
	Team, Href, Sub string
	Cells           []capacityCell
}

type capacityCell struct {
	Text, Tip, Class string
}

// capacityBreak is the first month in which a team cannot do what is asked.
type capacityBreak struct {
	Team, Month, Item, Href string
}

// stand is a team's people and pace.
type stand struct {
	team    string
	spec    *TeamCapacity // nil: nothing is said of its people
	perItem float64       // person-days that an item took; NaN when nobody can say
}

// capacity fills the view in. Effort is counted in person-days of planned work:
// an item costs what it cost in the days that were learned from, the people
// there were then by the items they finished. Of a team whose people are not
// known, a person-day is a day of the team as it was.
func (r *roadmapping) capacity() {
	v := &capacityView{}
	r.page.Capacity = v
	today := r.today()
	first := forecast.Month(today)
	var supply []forecast.Supply
	stands := map[string]*stand{}
	for _, team := range r.teamsShown() {
		s := r.stand(team)
		stands[team] = s
		v.AsWas = v.AsWas || s.spec == nil && !math.IsNaN(s.perItem)
		for i := range capacityMonths {
			month := first.AddDate(0, i, 0)
			if people, ok := s.people(month); ok {
				from := month
				if today.After(from) {
					from = today // what is left of this month
				}
				supply = append(supply, forecast.Supply{Team: team, Month: month, Days: people * r.p.workdays(team, from, month.AddDate(0, 1, -1))})
			}
		}
	}
	cells, breaks := forecast.Load(first, capacityMonths, supply, r.demand(stands))
	for i := range capacityMonths {
		v.Months = append(v.Months, monthName(r.c.Lang, first.AddDate(0, i, 0), r.c.Now))
	}
	for row := range slices.Chunk(cells, capacityMonths) {
		v.Rows = append(v.Rows, r.capacityRow(row, stands[row[0].Team]))
	}
	slices.SortStableFunc(v.Rows, func(a, b capacityRow) int { return strings.Compare(strings.ToLower(a.Team), strings.ToLower(b.Team)) })
	for _, b := range breaks {
		in := r.initiative(b.Item)
		v.Breaks = append(v.Breaks, capacityBreak{Team: r.teamName(b.Team), Month: monthName(r.c.Lang, b.Month, r.c.Now), Item: in.DisplayTitle(), Href: r.c.Href(in.Ref())})
	}
}

func (r *roadmapping) teamsShown() []string {
	asked := r.c.Param("team")
	var out []string
	for _, ref := range r.p.teamRefs() {
		if name := ref.String(); asked == "" || asked == name {
			out = append(out, name)
		}
	}
	return out
}

func (r *roadmapping) teamName(team string) string {
	if team == "" {
		return r.c.T("strategy.noteam")
	}
	return nameIn(r.names, team)
}

func (r *roadmapping) initiative(ref string) *initiative {
	i := slices.IndexFunc(r.p.initiatives, func(in *initiative) bool { return in.Ref().String() == ref })
	return r.p.initiatives[i] // every demand names one of them
}

// stand finds a team's people and what an item cost it.
func (r *roadmapping) stand(team string) *stand {
	s := &stand{team: team, perItem: math.NaN()}
	for i := range r.p.capacities {
		if r.p.capacities[i].Team == team {
			s.spec = &r.p.capacities[i]
		}
	}
	from, to := r.p.backlog.learned(team)
	finished := 0
	for _, t := range r.p.backlog.finished(team) {
		if day := forecast.Day(t); !day.Before(from) && !day.After(to) {
			finished++
		}
	}
	if finished == 0 {
		return s
	}
	effort := 0.0
	for month := forecast.Month(from); !month.After(to); month = month.AddDate(0, 1, 0) {
		begin, end := month, month.AddDate(0, 1, -1)
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		people, ok := s.people(month)
		if !ok { // nothing is said of the past: as in the first month that something is said of
			people, _ = s.people(s.firstMonth())
		}
		effort += people * r.p.workdays(team, begin, end)
	}
	s.perItem = effort / float64(finished)
	return s
}

func (s *stand) firstMonth() time.Time {
	var first time.Time
	for _, m := range s.spec.Months {
		if t := m.first(); first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}

// people returns how many people's time goes to planned work in a month: one,
// the team as it was, when nothing is said of its people.
func (s *stand) people(month time.Time) (float64, bool) {
	if s.spec == nil {
		return 1, true
	}
	m, ok := s.spec.in(month)
	return m.people().Effective(), ok
}

// workdays counts the days from Monday to Friday on which a team works, from
// one day to another, both among them.
func (p *plan) workdays(team string, from, to time.Time) float64 {
	cal, n := p.calendar(team), 0
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday && !cal.Off(day) {
			n++
		}
	}
	return float64(n)
}

// demand is what the initiatives ask of the teams, in their order. What has no
// end is in no month and is listed.
func (r *roadmapping) demand(stands map[string]*stand) []forecast.Demand {
	var out []forecast.Demand
	for _, in := range r.p.initiatives {
		if !slices.Contains([]string{InitiativeActive, InitiativePlanned}, in.Spec.State) || in.Spec.Lane == LaneLater || !in.sized() {
			continue
		}
		begin, end, today := r.p.begins(in), in.aim(), r.today()
		if end.Before(today) { // none, or one that has passed
			end = in.outlook.Date(forecast.Levels[2])
		}
		if end.Before(today) {
			end = time.Time{}
		}
		if begin.Before(today) {
			begin = today
		}
		asked := false
		for team, size := range in.parts() {
			if s := stands[team]; s != nil && !math.IsNaN(s.perItem) && size.Mean() > 0 {
				asked = true
				if !end.IsZero() {
					out = append(out, forecast.Demand{Item: in.Ref().String(), Team: team, From: begin, To: end, Days: size.Mean() * s.perItem})
				}
			}
		}
		if asked && end.IsZero() {
			r.page.Capacity.Loose = append(r.page.Capacity.Loose, r.item(in, 0))
		}
	}
	return out
}

func (r *roadmapping) capacityRow(cells []forecast.Cell, s *stand) capacityRow {
	row := capacityRow{Team: r.teamName(cells[0].Team), Href: r.c.App.HrefOf(cells[0].Team)}
	switch {
	case s == nil || math.IsNaN(s.perItem):
		row.Sub = r.c.T("strategy.capacity.nopace")
	case s.spec == nil:
		row.Sub = r.c.T("strategy.capacity.aswas")
	default:
		row.Sub = r.c.T("strategy.capacity.people", lang.Float(r.c.Lang, s.perItem, 1))
	}
	for _, cell := range cells {
		row.Cells = append(row.Cells, r.capacityCell(cell))
	}
	return row
}

func (r *roadmapping) capacityCell(cell forecast.Cell) capacityCell {
	days := func(d float64) string { return lang.Float(r.c.Lang, d, 0) }
	c := capacityCell{Text: "–", Class: "q0", Tip: r.c.T("strategy.capacity.tip", days(cell.Need), days(cell.Supply))}
	load := cell.Load()
	switch {
	case !cell.Known:
		c.Class, c.Tip = "gapx", r.c.T("strategy.capacity.unknown")
	case math.IsInf(load, 1):
		c.Text, c.Class = r.c.T("strategy.capacity.nobody"), "gap-3"
	case cell.Need > 0:
		c.Text = r.percent(load)
		c.Class = loadClass(load)
	}
	if cell.Breaks != "" {
		c.Tip += " " + r.c.T("strategy.capacity.breaks", r.initiative(cell.Breaks).DisplayTitle())
	}
	return c
}

func loadClass(load float64) string {
	for _, step := range []struct {
		most  float64
		class string
	}{{0.5, "q1"}, {0.85, "q2"}, {1.0005, "q3"}, {1.25, "gap-2"}} {
		if load <= step.most {
			return step.class
		}
	}
	return "gap-3"
}
