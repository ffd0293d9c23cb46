package logs

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// parts are a query taken apart, so that it can be asked for less. The engine
// does that to the questions within a question too, which then find less.
type parts struct {
	options, filter, pipes string
	at                     int64
	start, end             int64 // the time it asks for, both ends included
}

var optionsFirst = regexp.MustCompile(`^options\([^()]*\) `)

func split(q *logstorage.Query) parts {
	text, bare := q.String(), *q
	bare.DropAllPipes()
	filter := bare.String()
	p := parts{options: optionsFirst.FindString(filter), pipes: text[len(filter):], at: q.GetTimestamp()}
	p.filter = filter[len(p.options):]
	p.start, p.end = q.GetFilterTimeRange()
	return p
}

// nested reports whether there is a question within the query.
func (p parts) nested() bool {
	depth := 0
	for _, c := range asEngineWrites.ReplaceAllString(p.filter+p.pipes, "") {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth > 0:
			return true
		}
	}
	return false
}

// among is the query for those events alone that meet another filter, with more
// pipes.
func (p parts) among(filter, pipes string) (*logstorage.Query, error) {
	return logstorage.ParseQueryAtTimestamp(p.options+filter+" ("+p.filter+")"+p.pipes+pipes, p.at)
}

// between is a filter for a time, with both its ends.
func between(start, end int64) string {
	return "_time:[" + time.Unix(0, start).UTC().Format(wholeNanos) + "," + time.Unix(0, end).UTC().Format(wholeNanos) + "]"
}

// changesTime reports whether a query may give rows other times than their events
// have: the pipes that do, and those that do when they are told to, or when an
// event says so.
func changesTime(q *logstorage.Query) bool {
	pipes := split(q).pipes
	return timePipes.MatchString(pipes) || strings.Contains(pipes, fieldTime) && toldPipes.MatchString(pipes)
}

var (
	timePipes = regexp.MustCompile(`\| (?:math|time_add|unpack_json|unpack_logfmt|unpack_syslog)\b`)
	toldPipes = regexp.MustCompile(`\| (?:collapse_nums|decolorize|extract|extract_regexp|replace|replace_regexp|unroll)\b`)
)

// newest returns the newest rows of a query without sorting all that it finds: it
// looks for when they are, for which times alone are read, and then reads them.
func (s *search) newest(ctx context.Context, p parts, limit int) ([]Row, error) {
	start, end, ok := s.engine.bounds(s.engine.stats())
	if !ok {
		return nil, nil
	}
	start, end = max(p.start, start), min(p.end, end)
	times, from, err := s.since(ctx, p, start, end, limit)
	if err != nil {
		return nil, err
	}
	filter := between(from, end)
	switch {
	case times == nil: // more than are looked for one by one
	case len(times) == 0:
		return nil, nil
	default:
		slices.SortFunc(times, func(a, b int64) int { return cmp.Compare(b, a) })
		times = times[:min(limit, len(times))]
		filter = at(times)
	}
	q, err := p.among(filter, "")
	if err != nil {
		return nil, err
	}
	q.AddPipeSortByTimeDesc()
	return s.some(ctx, q, limit)
}

// since returns the times of rows, in no order, with the newest n among them; or a
// time since which there are as many, when too many are of one moment.
func (s *search) since(ctx context.Context, p parts, start, end int64, n int) (times []int64, from int64, err error) {
	times = []int64{}
	// There are enough rows from low to until, and those after until are known.
	low, from, until := start, start, end
	for from <= until {
		need := n - len(times)
		list, err := s.times(ctx, p, from, until, 2*need)
		if err != nil {
			return nil, 0, err
		}
		if len(list) < 2*need {
			times = append(times, list...)
			if len(times) >= n || from == start {
				return times, from, nil
			}
			until = from - 1
			from = middle(low, until)
			continue
		}
		slices.SortFunc(list, func(a, b int64) int { return cmp.Compare(b, a) })
		next := max(list[need-1], middle(from, until)) // enough are since the first of these
		if next == from {
			return nil, from, nil
		}
		low, from = from, next
	}
	return times, from, nil
}

func middle(a, b int64) int64 { return a/2 + b/2 + (a%2+b%2)/2 }

// times are the times of at most limit rows.
func (s *search) times(ctx context.Context, p parts, start, end int64, limit int) (list []int64, err error) {
	q, err := p.among(between(start, end), " | fields "+fieldTime)
	if err != nil {
		return nil, err
	}
	rows, err := s.some(ctx, q, limit)
	for _, r := range rows {
		list = append(list, r.Time.UnixNano())
	}
	return list, err
}

// mostStretches bounds a filter for times.
const mostStretches = 200

// at is a filter for times, the newest first, and for as little else as it can
// say.
func at(times []int64) string {
	size := max(1, (len(times)+mostStretches-1)/mostStretches)
	var any []string
	for part := range slices.Chunk(times, size) {
		any = append(any, between(part[len(part)-1], part[0]))
	}
	return between(times[len(times)-1], times[0]) + " (" + strings.Join(any, " or ") + ")"
}

// some returns at most limit rows of a query.
func (s *search) some(ctx context.Context, q *logstorage.Query, limit int) ([]Row, error) {
	q.AddPipeOffsetLimit(0, uint64(limit))
	var list []Row
	err := s.each(ctx, q, func(rows []Row) error {
		list = append(list, rows...)
		return nil
	})
	return list, err
}

func newestOf(list []Row, limit int) []Row {
	slices.SortStableFunc(list, func(a, b Row) int { return b.Time.Compare(a.Time) })
	return list[:min(limit, len(list))]
}
