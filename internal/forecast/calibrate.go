package forecast

import (
	"math"
	"slices"
)

// Outcome is an earlier forecast whose end is known.
type Outcome struct {
	Of       string  // what was forecast; several forecasts of one thing share its weight
	Promised [4]int  // days ahead at each of Levels; -1 where there was no date
	Took     int     // days ahead it was done
	Wanted   bool    // a date was wanted
	Chance   float64 // what the forecast gave for that date
	Met      bool    // whether it was met
}

// Calibration says how good earlier forecasts were.
type Calibration struct {
	Things    int        // done things that had a forecast
	Forecasts int        // their forecasts
	Hits      [4]float64 // share of things done by the date of each of Levels
	Wanted    int        // things with a wanted date
	Brier     float64    // mean of (chance - met)²: 0 is perfect, 0.25 is what "50 %" always gets
	Widen     float64    // what to multiply the days of the next forecast with; 1 for nothing
}

// EnoughThings is the least number of done things from which a widening is
// learned: below it no order statistic can stand for the 85th percentile.
const EnoughThings = 6

// Calibrate scores forecasts against what came. Each thing counts once, however
// often it was forecast.
//
// Widen is what the 85 % dates should have been multiplied with to hold: the
// ceil((n+1)*0.85)-th smallest of the things' ratios of days taken to days
// promised, each the median of its forecasts (split conformal prediction; Vovk
// et al., 2005). It is never below 1: luck is no reason to promise more.
func Calibrate(list []Outcome) Calibration {
	c := Calibration{Forecasts: len(list), Widen: 1}
	things := map[string][]Outcome{}
	for _, o := range list {
		things[o.Of] = append(things[o.Of], o)
	}
	c.Things = len(things)
	var ratios []float64
	for _, name := range sortedKeys(things) {
		of := things[name]
		share := 1 / float64(len(of))
		wanted, brier := 0, 0.0
		for _, o := range of {
			for i, day := range o.Promised {
				if day >= 0 && o.Took <= day {
					c.Hits[i] += share
				}
			}
			if o.Wanted {
				wanted++
				brier += math.Pow(o.Chance-truth(o.Met), 2)
			}
		}
		if wanted > 0 {
			c.Wanted++
			c.Brier += brier / float64(wanted)
		}
		if r := medianRatio(of); r >= 0 {
			ratios = append(ratios, r)
		}
	}
	for i := range c.Hits {
		c.Hits[i] /= math.Max(1, float64(c.Things))
	}
	if c.Wanted > 0 {
		c.Brier /= float64(c.Wanted)
	}
	slices.Sort(ratios)
	if k := int(math.Ceil(float64(len(ratios)+1)*Levels[2] - hair)); len(ratios) >= EnoughThings && k <= len(ratios) {
		c.Widen = math.Max(1, ratios[k-1])
	}
	return c
}

// medianRatio returns the median of days taken to days promised at 85 %; -1 when
// nothing was promised. Days promised as none count as one.
func medianRatio(of []Outcome) float64 {
	var all []float64
	for _, o := range of {
		if day := o.Promised[2]; day >= 0 {
			all = append(all, float64(o.Took)/math.Max(1, float64(day)))
		}
	}
	if len(all) == 0 {
		return -1
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
