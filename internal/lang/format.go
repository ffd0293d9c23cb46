package lang

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var months = map[Code][]string{
	English: {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	Spanish: {"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"},
}

// Some counts things in every language: "1 edition", "901 technologies".
func Some(n int, one, many Text) Text {
	if n != 1 {
		one = many
	}
	return T(Int(English, int64(n))+" "+one.En, Int(Spanish, int64(n))+" "+one.Es)
}

// Int writes a whole number with groups of three: 12,345 in English; 12.345 in
// Spanish, where a number of four digits stays whole (1234).
func Int(c Code, n int64) string {
	s, sign := strconv.FormatInt(n, 10), ""
	if strings.HasPrefix(s, "-") {
		s, sign = s[1:], "-"
	}
	sep, least := ",", 4
	if c == Spanish {
		sep, least = ".", 5
	}
	if len(s) < least {
		return sign + s
	}
	var groups []string
	for len(s) > 3 {
		groups = append([]string{s[len(s)-3:]}, groups...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, groups...), sep)
}

// Float writes a number with the given decimals (-1: as many as it needs) and
// the decimal sign of the language.
func Float(c Code, f float64, decimals int) string {
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	whole, frac, ok := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err == nil && !(n == 0 && strings.HasPrefix(whole, "-")) {
		whole = Int(c, n)
	}
	if !ok {
		return whole
	}
	if c == Spanish {
		return whole + "," + frac
	}
	return whole + "." + frac
}

// Bytes writes a size as people read it: 25 MB, 1.6 kB.
func Bytes(c Code, n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"kB", "MB", "GB", "TB", "PB"} {
		if f < 999.5 {
			break
		}
		f, unit = f/1000, u
	}
	if math.Abs(f) >= 99.95 || math.Abs(f-math.Round(f)) < .05 {
		return Float(c, f, 0) + " " + unit
	}
	return Float(c, f, 1) + " " + unit
}

// Percent writes a share (0.938) as 93.8% or 93,8 %.
func Percent(c Code, share float64, decimals int) string {
	if c == Spanish {
		return Float(c, share*100, decimals) + " %"
	}
	return Float(c, share*100, decimals) + "%"
}

// Date writes a day: 15 Sep, with the year when it is not the year of now.
func Date(c Code, t, now time.Time) string {
	s := fmt.Sprintf("%d %s", t.Day(), months[c][t.Month()-1])
	if t.Year() != now.Year() {
		s += fmt.Sprintf(" %d", t.Year())
	}
	return s
}

// DateTime writes a moment in full with its zone, for title attributes.
func DateTime(c Code, t time.Time) string {
	return fmt.Sprintf("%d %s %d %s", t.Day(), months[c][t.Month()-1], t.Year(), t.Format("15:04:05 MST"))
}

// Ago writes how long before now t was when that is under a day ("6 min"),
// else its date.
func Ago(c Code, t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case d < 0 || d >= 24*time.Hour:
		return Date(c, t, now)
	case d < time.Minute:
		return map[Code]string{English: "just now", Spanish: "ahora"}[c]
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d h", d/time.Hour)
}
