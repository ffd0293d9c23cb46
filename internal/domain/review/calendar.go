package review

import "time"

// every lists how often a task may come back.
var every = map[string]struct{ days, months int }{
	"daily": {days: 1}, "weekly": {days: 7}, "fortnightly": {days: 14},
	"monthly": {months: 1}, "quarterly": {months: 3}, "half-yearly": {months: 6}, "yearly": {months: 12},
}

// occurrence returns the day of the n-th time something comes back that began on
// a day: always counted from the first one, so that what begins on the 31st
// falls on the last day of shorter months and on the 31st again after them, and
// what begins on a leap day falls on the last of February in other years.
func occurrence(first time.Time, how string, n int) time.Time {
	step := every[how]
	if step.months == 0 {
		return first.AddDate(0, 0, n*step.days)
	}
	month := time.Date(first.Year(), first.Month()+time.Month(n*step.months), 1, 0, 0, 0, 0, time.UTC)
	last := month.AddDate(0, 1, -1).Day()
	return month.AddDate(0, 0, min(first.Day(), last)-1)
}

// next returns which time comes after the n-th, and how many are passed over: a
// time that lies before the day on which the last one was done is not opened any
// more.
func next(first time.Time, how string, n int, done time.Time) (number, missed int) {
	number = n + 1
	for occurrence(first, how, number).Before(done) {
		number++
		missed++
	}
	return number, missed
}
