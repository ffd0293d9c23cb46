package claim

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// Direction says which way a number gets better.
type Direction string

// The directions. A Band is best between its low and its high end.
const (
	Up   Direction = "up"
	Down Direction = "down"
	Band Direction = "band"
)

// Scale says how a number is read.
type Scale struct {
	Unit      string    `json:"unit,omitempty"`
	Decimals  int       `json:"decimals,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	Start     *float64  `json:"start,omitempty"` // where it began; only key results have one
	Target    *float64  `json:"target,omitempty"`
	Limit     *float64  `json:"limit,omitempty"` // beyond the target, still tolerated: amber up to here
	Low       *float64  `json:"low,omitempty"`   // of a Band
	High      *float64  `json:"high,omitempty"`
}

// Zone returns where a value stands. Without a target there is nothing to
// stand against: "".
func (s Scale) Zone(v float64) Zone {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return ""
	case s.Direction == Band:
		return s.band(v)
	case s.Target == nil:
		return ""
	case s.reaches(v, *s.Target):
		return OK
	case s.Limit != nil && s.reaches(v, *s.Limit):
		return Warn
	}
	return Bad
}

func (s Scale) reaches(v, mark float64) bool {
	if s.Direction == Down {
		return v <= mark
	}
	return v >= mark
}

func (s Scale) band(v float64) Zone {
	if s.Low == nil && s.High == nil {
		return ""
	}
	off := s.Outside(v)
	switch {
	case off == 0:
		return OK
	case s.Limit != nil && off <= *s.Limit:
		return Warn
	}
	return Bad
}

// Outside returns how far a value lies outside of the band; 0 inside.
func (s Scale) Outside(v float64) float64 {
	switch {
	case s.Low != nil && v < *s.Low:
		return *s.Low - v
	case s.High != nil && v > *s.High:
		return v - *s.High
	}
	return 0
}

// verdict reads a zone as an answer: within the limit is not met, and not
// contradicted either.
func (z Zone) verdict() Verdict {
	if z == Bad {
		return Fail
	}
	return Pass
}

// must is a comparison that a number has to meet.
type must struct {
	op   string
	a, b float64
}

var mustPattern = regexp.MustCompile(`^\s*(>=|<=|>|<|=|==|!=)?\s*(-?[0-9]+(?:\.[0-9]+)?)\s*(?:(?:to|\.\.)\s*(-?[0-9]+(?:\.[0-9]+)?))?\s*%?\s*$`)

// parseMust reads ">= 95", "<= 3", "= 0" or "3 to 5".
func parseMust(s string) (must, error) {
	m := mustPattern.FindStringSubmatch(s)
	bad := fmt.Errorf("%q is not a comparison: write >= 95, <= 3, = 0 or 3 to 5", s)
	if m == nil || (m[1] == "") == (m[3] == "") {
		return must{}, bad
	}
	a, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		return must{}, bad
	}
	if m[3] == "" {
		return must{op: strings.Replace(m[1], "==", "=", 1), a: a}, nil
	}
	b, err := strconv.ParseFloat(m[3], 64)
	if err != nil || b < a {
		return must{}, bad
	}
	return must{op: "to", a: a, b: b}, nil
}

func (m must) met(v float64) bool {
	switch m.op {
	case ">=":
		return v >= m.a
	case "<=":
		return v <= m.a
	case ">":
		return v > m.a
	case "<":
		return v < m.a
	case "=":
		return v == m.a
	case "!=":
		return v != m.a
	}
	return m.a <= v && v <= m.b
}

// scale says on a scale what the comparison asks for.
// say writes the comparison as people do.
func (m must) say(s Scale, l lang.Code) string {
	if m.op == "to" {
		return s.Write(m.a, l) + "–" + s.Write(m.b, l)
	}
	sign := m.op
	switch m.op {
	case ">=":
		sign = "≥"
	case "<=":
		sign = "≤"
	case "!=":
		sign = "≠"
	case "=":
		return s.Write(m.a, l)
	}
	return sign + " " + s.Write(m.a, l)
}

func (m must) scale(s *Scale) {
	a, b := m.a, m.b
	switch m.op {
	case ">=", ">":
		s.Direction, s.Target = Up, &a
	case "<=", "<":
		s.Direction, s.Target = Down, &a
	case "=":
		s.Direction, s.Low, s.High = Band, &a, &a
	case "to":
		s.Direction, s.Low, s.High = Band, &a, &b
	}
}

// allowance is how many exceptions a test forgives: a number, or a share of the
// population.
type allowance struct {
	n     int
	share float64 // 0 to 1; used when percent
	pct   bool
}

// parseAllow reads "", "3" or "5%".
func parseAllow(s string) (allowance, error) {
	if s == "" {
		return allowance{}, nil
	}
	if p, ok := strings.CutSuffix(s, "%"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || v < 0 || v >= 100 {
			return allowance{}, fmt.Errorf("%q is not a share: write 5%%, at least 0%% and less than 100%%", s)
		}
		return allowance{share: v / 100, pct: true}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return allowance{}, fmt.Errorf("%q is not a number of exceptions: write 0, 3 or 5%%", s)
	}
	return allowance{n: n}, nil
}

func (a allowance) covers(exceptions, n int) bool {
	if a.pct {
		return float64(exceptions) <= a.share*float64(n)
	}
	return exceptions <= a.n
}
