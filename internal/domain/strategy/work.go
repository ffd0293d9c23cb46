package strategy

import (
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/workfile"
	"github.com/binnaclehq/binnacle/internal/forecast"
	"github.com/binnaclehq/binnacle/internal/observe"
)

// item is a work item as a forecast sees it.
type item struct {
	key, id, source string
	name, url       string
	category        workfile.Category
	team            string // reference of the group; "" when nobody knows
	parent          string
	tags            []string
	size            int
	closed          time.Time
	first           time.Time // when it was first heard of
	parts           []*item   // what it was broken down into
}

// leaf reports whether it is work itself, and not a heading over work.
func (it *item) leaf() bool { return len(it.parts) == 0 }

// left is how many items it counts for while it is open: what it is expected to
// become, if that was said.
func (it *item) left() int { return max(1, it.size) }

// backlog is all work items of an organisation.
type backlog struct {
	items []*item
	byID  map[[2]string]*item  // by source and number
	told  map[string]time.Time // the last report of each source
	seen  time.Time            // the last of all; now, when there is none
}

func newBacklog(rows []observe.Row, told map[string]time.Time, now time.Time) *backlog {
	b := &backlog{byID: map[[2]string]*item{}, told: told}
	for _, t := range told {
		if t.After(b.seen) {
			b.seen = t
		}
	}
	if b.seen.IsZero() || b.seen.After(now) {
		b.seen = now
	}
	for _, r := range rows {
		it := &item{key: workTable.KeyOf(r), id: r.Text("id"), source: r.Text("source"), name: r.Text("name"), url: r.Text("url"), category: workfile.Category(r.Text("category")),
			team: r.Text("team"), parent: r.Text("parent"), tags: r.List("tags"), size: int(r.Int("size")), closed: r.Time("closed")}
		for _, name := range []string{"created", "started", "closed"} {
			if t := r.Time(name); !t.IsZero() && (it.first.IsZero() || t.Before(it.first)) {
				it.first = t
			}
		}
		b.items = append(b.items, it)
		b.byID[[2]string{it.source, it.id}] = it
	}
	for _, it := range b.items {
		if p := b.byID[[2]string{it.source, it.parent}]; p != nil && it.parent != "" && p != it {
			p.parts = append(p.parts, it)
		}
	}
	return b
}

// picked returns the leaves that an initiative's lines pick, each once.
func (b *backlog) picked(lines []Work) []*item {
	var out []*item
	been := map[*item]bool{}
	var take func(it *item)
	take = func(it *item) {
		if been[it] {
			return
		}
		been[it] = true
		if it.leaf() {
			out = append(out, it)
		}
		for _, part := range it.parts {
			take(part)
		}
	}
	for _, it := range b.items {
		for _, w := range lines {
			switch {
			case w.Source != "" && w.Source != it.source:
			case w.Parent != "" && (it.parent != w.Parent || it.parent == it.id):
			case w.Tag != "" && !slices.ContainsFunc(it.tags, func(t string) bool { return strings.EqualFold(t, w.Tag) }):
			default:
				take(it)
			}
		}
	}
	return out
}

// historyDays is how many days back a forecast learns from.
const historyDays = 90

// asOf returns the day forecasts are counted from: that of the last report. Of
// that day nothing is learned, unless it was reported at its very end.
func (b *backlog) asOf() time.Time { return forecast.Day(b.seen) }

// seenOf returns until when a team's work is known: the oldest of the last
// reports of the sources its items come from. Days after that say nothing, least
// of all that nothing was finished.
func (b *backlog) seenOf(team string) time.Time {
	seen := b.seen
	for _, it := range b.items {
		if t := b.told[it.source]; it.team == team && t.Before(seen) {
			seen = t
		}
	}
	return seen
}

// learned returns the first and the last day that a team's pace is learned
// from: the last 90 that have ended and are known, and none before the first
// thing that was heard of it.
func (b *backlog) learned(team string) (from, to time.Time) {
	to = forecast.Day(b.seenOf(team).Add(time.Microsecond)).AddDate(0, 0, -1)
	from = to.AddDate(0, 0, 1-historyDays)
	var first time.Time
	for _, it := range b.items {
		if it.team == team && !it.first.IsZero() && (first.IsZero() || it.first.Before(first)) {
			first = it.first
		}
	}
	if day := forecast.Day(first); !first.IsZero() && day.After(from) {
		from = day
	}
	return from, to
}

// finished returns when a team finished its items.
func (b *backlog) finished(team string) []time.Time {
	var out []time.Time
	for _, it := range b.items {
		if it.team == team && it.leaf() && it.category == workfile.Done && !it.closed.IsZero() {
			out = append(out, it.closed)
		}
	}
	return out
}
