package strategy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// rankingView orders the initiatives by what they are worth.
type rankingView struct {
	Method   string
	Methods  []choice
	About    string
	Inputs   []string // heads of the columns
	Rows     []rankRow
	Unranked []laneItem
	Swings   int // initiatives whose place hangs on a quarter more or less
}

type rankRow struct {
	Rank, Title, Href string
	Score             string
	Inputs            []string
	Firm              bool
	Range             string // from which place to which
	Flip              string // what would move it
}

// method is a way to rank.
type method struct {
	name   string
	inputs []string // fields of Worth
	in     func(*roadmapping, *initiative) []float64
	score  func(*roadmapping, []*initiative) forecast.Scores
}

var methods = []method{
	{"rice", []string{"reach", "impact", "confidence", "effort"}, func(_ *roadmapping, in *initiative) []float64 {
		w := in.worth()
		return known(w.Reach, w.Impact, w.Confidence, w.Effort)
	}, func(*roadmapping, []*initiative) forecast.Scores { return forecast.Each(forecast.RICE) }},
	{"wsjf", []string{"businessValue", "timeCriticality", "riskReduction", "jobSize"}, func(_ *roadmapping, in *initiative) []float64 {
		w := in.worth()
		return known(w.BusinessValue, w.TimeCriticality, w.RiskReduction, w.JobSize)
	}, func(*roadmapping, []*initiative) forecast.Scores { return forecast.Each(forecast.WSJF) }},
	{"cd3", []string{"perMonth", "days"}, (*roadmapping).delayInputs, (*roadmapping).delayScores},
}

func (in *initiative) worth() Worth {
	if in.Spec.Worth == nil {
		return Worth{}
	}
	return *in.Spec.Worth
}

// known returns inputs when all of them are given.
func known(in ...*float64) []float64 {
	var out []float64
	for _, v := range in {
		if v == nil {
			return nil
		}
		out = append(out, *v)
	}
	return out
}

// delayInputs are the cost of a month and the days of work: those that were
// given, or the items left at the pace of the teams.
func (r *roadmapping) delayInputs(in *initiative) []float64 {
	w := in.worth()
	days := w.Days
	if days == nil {
		if d := r.workDays(in); d > 0 {
			days = &d
		}
	}
	return known(w.PerMonth, days)
}

// workDays is how many days the work that is left takes its teams, by their
// pace, if they did nothing else; 0 when nobody knows.
func (r *roadmapping) workDays(in *initiative) float64 {
	days := 0.0
	for _, t := range in.outlook.Teams {
		if t.Finished > 0 {
			days = math.Max(days, t.Left*float64(t.Days)/float64(t.Finished))
		}
	}
	return days
}

// delayScores adds to each what stands on it: the initiatives that depend on it.
func (r *roadmapping) delayScores(list []*initiative) forecast.Scores {
	return func(in [][]float64) []float64 {
		delays := make([]forecast.Delay, len(list))
		for i, x := range list {
			delays[i].Name = x.Ref().String()
			if len(x.after) > 0 {
				delays[i].Parent = x.after[0].String()
			}
			if in[i] != nil {
				delays[i].PerDay, delays[i].Size = in[i][0]/forecast.DaysPerMonth, in[i][1]
			}
		}
		scores := forecast.WithChildren(delays)
		out := make([]float64, len(list))
		for i := range list {
			if out[i] = scores[delays[i].Name]; in[i] == nil {
				out[i] = math.NaN()
			}
		}
		return out
	}
}

// ranking fills the view in.
func (r *roadmapping) ranking() error {
	v := &rankingView{}
	r.page.Ranking = v
	var list []*initiative
	for _, in := range r.shown {
		if in.Spec.State != InitiativeDone && in.Spec.State != InitiativeStopped {
			list = append(list, in)
		}
	}
	m, err := r.method(list)
	if err != nil {
		return err
	}
	for _, o := range methods {
		v.Methods = append(v.Methods, choice{o.name, r.c.T("strategy.rank." + o.name), r.at("method", o.name), o.name == m.name})
	}
	v.Method, v.About = m.name, r.c.T("strategy.rank."+m.name+".about")
	for _, name := range m.inputs {
		v.Inputs = append(v.Inputs, r.input(name))
	}
	by := map[string]*initiative{}
	var candidates []forecast.Candidate
	for _, in := range list {
		by[in.Ref().String()] = in
		candidates = append(candidates, forecast.Candidate{Name: in.Ref().String(), In: m.in(r, in)})
	}
	for _, p := range forecast.Rank(candidates, m.score(r, list)) {
		in := by[p.Name]
		if p.Rank == 0 {
			v.Unranked = append(v.Unranked, r.item(in, 0))
			continue
		}
		if !p.Firm() {
			v.Swings++
		}
		v.Rows = append(v.Rows, r.rankRow(m, in, p, by))
	}
	return nil
}

// method is the one asked for, or that with which most can be ranked.
func (r *roadmapping) method(list []*initiative) (method, error) {
	asked, best, most := r.c.Param("method"), methods[0], -1
	for _, m := range methods {
		if m.name == asked {
			return m, nil
		}
		n := 0
		for _, in := range list {
			if m.in(r, in) != nil {
				n++
			}
		}
		if n > most {
			best, most = m, n
		}
	}
	if asked != "" {
		return best, fault.New(fault.NotFound, "there is no way to rank called %q", asked).Coded("roadmap.no-method").WithHint("there is rice, wsjf and cd3")
	}
	return best, nil
}

// input is what a field of Worth is called.
func (r *roadmapping) input(name string) string {
	if f := r.c.Catalog().Kinds().Get("initiative").Field("spec.worth." + name); f != nil {
		return r.c.In(f.Label)
	}
	return name
}

func (r *roadmapping) rankRow(m method, in *initiative, p forecast.Place, by map[string]*initiative) rankRow {
	row := rankRow{Rank: fmt.Sprint(p.Rank), Title: in.DisplayTitle(), Href: r.c.Href(in.Ref()), Score: r.number(p.Score), Firm: p.Firm()}
	for _, v := range p.In {
		row.Inputs = append(row.Inputs, r.number(v))
	}
	if p.Firm() {
		return row
	}
	row.Range = r.c.T("strategy.rank.range", p.Best, p.Worst)
	// The flip that moves it furthest says most.
	flip := slices.MaxFunc(p.Flips, func(a, b forecast.Flip) int {
		return cmp.Or(cmp.Compare(abs(a.Rank-p.Rank), abs(b.Rank-p.Rank)), strings.Compare(b.Of, a.Of))
	})
	key := "strategy.rank.flip.more"
	if flip.Factor < 1 {
		key = "strategy.rank.flip.less"
	}
	row.Flip = r.c.T(key, by[flip.Of].DisplayTitle(), strings.ToLower(r.input(m.inputs[flip.Input])), flip.Rank)
	return row
}

func abs(n int) int { return max(n, -n) }

func (r *roadmapping) number(v float64) string {
	decimals := 1
	if v == math.Trunc(v) || v >= 1000 {
		decimals = 0
	}
	return lang.Float(r.c.Lang, v, decimals)
}
