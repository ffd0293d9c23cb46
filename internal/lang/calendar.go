package lang

import (
	"fmt"
	"time"
)

var longMonths = map[Code][]string{
	English: {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	Spanish: {"enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"},
}

var weekdays = map[Code][]string{
	English: {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
	Spanish: {"domingo", "lunes", "martes", "miércoles", "jueves", "viernes", "sábado"},
}

// Weekday writes the day of the week: Tuesday, martes.
func Weekday(c Code, t time.Time) string { return weekdays[c][t.Weekday()] }

// ShortWeekday writes the day of the week in three letters: Tue, mar.
func ShortWeekday(c Code, t time.Time) string { return string([]rune(Weekday(c, t))[:3]) }

// LongDate writes a day in full: Tuesday 22 September, martes 22 de septiembre;
// with the year when it is not that of now.
func LongDate(c Code, t, now time.Time) string {
	of := " "
	if c == Spanish {
		of = " de "
	}
	s := fmt.Sprintf("%s %d%s%s", Weekday(c, t), t.Day(), of, longMonths[c][t.Month()-1])
	if t.Year() != now.Year() {
		s += fmt.Sprintf("%s%d", of, t.Year())
	}
	return s
}

// DayBeside writes a day as people say it near now: today, tomorrow, yesterday,
// within the week Thu 24, else its date. Both moments are in the reader's zone.
func DayBeside(c Code, t, now time.Time) string {
	days := daysBetween(now, t)
	switch {
	case days >= -1 && days <= 1:
		return map[Code][]string{English: {"yesterday", "today", "tomorrow"}, Spanish: {"ayer", "hoy", "mañana"}}[c][days+1]
	case days > 1 && days < 7:
		return fmt.Sprintf("%s %d", ShortWeekday(c, t), t.Day())
	}
	return Date(c, t, now)
}

// daysBetween counts the midnights from a to b.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(day(b).Sub(day(a)) / (24 * time.Hour))
}

var counts = map[Code][]string{
	English: {"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"},
	Spanish: {"ninguna", "una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez"},
}

// Count writes a small number as a word, for sentences: four claims, cuatro
// afirmaciones (feminine in Spanish). Above ten it is written in digits.
func Count(c Code, n int) string {
	if n >= 0 && n < len(counts[c]) {
		return counts[c][n]
	}
	return Int(c, int64(n))
}
