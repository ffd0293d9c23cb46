package logs

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// asker asks questions, whoever answers them.
type asker struct {
	tenants Tenants
	// run runs a query for a tenant and calls rows with what it finds, one call at
	// a time, until rows returns an error, which it returns.
	run func(ctx context.Context, r request, rows func([]Row) error) (cost, error)
}

type request struct {
	tenant  uint32
	query   *logstorage.Query
	partial bool
}

// cost is what an answer took.
type cost struct {
	read, bytes int64
	partial     bool
}

// parse reads a question; the time range is added to its own.
func parse(q Query) (*logstorage.Query, error) {
	parsed, err := parseText(q.Text)
	if err != nil {
		return nil, err
	}
	start, end := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		start = nanos(q.From)
	}
	if !q.To.IsZero() {
		end = nanos(q.To) - 1
	}
	if start != math.MinInt64 || end != math.MaxInt64 {
		parsed.AddTimeFilter(start, end)
	}
	var also []string
	if !q.Known.IsZero() {
		also = append(also, event.FieldSeen+`:string_range("", "`+q.Known.Add(1).UTC().Format(wholeNanos)+`")`)
	}
	if q.And != "" {
		also = append(also, q.And)
	}
	for _, text := range also {
		filter, err := logstorage.ParseFilter(text)
		if err != nil {
			return nil, misread(text, err)
		}
		parsed.AddExtraFilters(filter)
	}
	return parsed, nil
}

// nanos is a time of the engine, which knows the years 1678 to 2262.
func nanos(t time.Time) int64 {
	switch {
	case t.Year() < 1678:
		return math.MinInt64 + 1
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func parseText(text string) (*logstorage.Query, error) {
	if strings.TrimSpace(text) == "" {
		text = "*"
	}
	parsed, err := logstorage.ParseQueryAtTimestamp(text, time.Now().UnixNano())
	if err != nil {
		return nil, misread(text, err)
	}
	if strings.Contains(strings.ToLower(text), "options") {
		return restrained(parsed)
	}
	return parsed, nil
}

// misread says where a question is wrong. The parser tells what it read last.
func misread(text string, err error) error {
	message, context, found := strings.Cut(err.Error(), "; context: [")
	p := fault.Problem{Field: "query", Code: "logsql", Msg: message, Args: []string{message}, Hint: "compare it with LogsQL; a text with spaces or signs goes between quotes"}
	if found {
		context, _, _ = strings.Cut(context, "]")
		if i := strings.Index(text, context); i >= 0 {
			p.Line = 1 + strings.Count(text[:i+len(context)], "\n")
			p.Column = i + len(context) - strings.LastIndexByte(text[:i+len(context)], '\n')
		}
	}
	return fault.New(fault.Invalid, "the question cannot be read").Coded("logs.question").With(p)
}

// Check returns what is wrong with a question; nil when nothing is.
func (a *asker) Check(text string) (err error) {
	defer caught(&err)
	_, err = parseText(text)
	return err
}

// ask runs a query for an organisation.
func (a *asker) ask(ctx context.Context, q Query, parsed *logstorage.Query, out *Outcome, rows func([]Row) error) error {
	n, err := a.tenants.Tenant(ctx, q.Org, false)
	if err != nil || n == 0 {
		return err
	}
	partial := q.Partial || strings.Contains(q.Text, "allow_partial_response") // an option of LogsQL
	cost, err := a.run(ctx, request{n, parsed, partial}, rows)
	out.Read += cost.read
	out.Bytes += cost.bytes
	out.Partial = out.Partial || cost.partial
	return told(err)
}

// told is an error of a question as a fault, but what ends it on purpose.
func told(err error) error {
	var known *fault.Error
	var own callerError
	switch {
	case err == nil, errors.Is(err, ErrStop), errors.Is(err, errEnough), errors.As(err, &own), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &known):
		return err
	}
	return problem(err)
}

// callerError is an error of who asked.
type callerError struct{ error }

// Rows answers with rows.
func (a *asker) Rows(ctx context.Context, q Query, row func(Row) error) (out Outcome, err error) {
	defer caught(&err)
	began := time.Now()
	parsed, err := parse(q)
	if err != nil {
		return out, err
	}
	give := func(list []Row) error {
		for _, r := range list {
			if q.Limit > 0 && out.Rows >= int64(q.Limit) {
				out.Limited = true
				return ErrStop
			}
			if err := row(r); err != nil {
				if errors.Is(err, ErrStop) {
					return ErrStop
				}
				return callerError{err}
			}
			out.Rows++
		}
		return nil
	}
	newest, ask := parsed.CanReturnLastNResults(), a.ask
	switch {
	case q.Limit > 0:
		if newest {
			parsed.AddPipeSortByTimeDesc()
		}
		parsed.AddPipeOffsetLimit(uint64(q.Offset), uint64(q.Limit)+1)
	case newest:
		ask = a.walk
	case q.Offset > 0:
		parsed.AddPipeOffsetLimit(uint64(q.Offset), math.MaxInt64)
	}
	err = ask(ctx, q, parsed, &out, give)
	out.Took = time.Since(began)
	var own callerError
	switch {
	case errors.Is(err, ErrStop):
		err = nil
	case errors.As(err, &own):
		err = own.error
	}
	return out, err
}

// What walk holds in memory at a time.
const (
	walkRows  = 20_000
	walkBytes = 64 << 20
)

var errEnough = errors.New("more than is held at a time")

// walk gives all rows of a query, the newest first, stretch by stretch, so that
// they are never all in memory.
func (a *asker) walk(ctx context.Context, q Query, parsed *logstorage.Query, out *Outcome, give func([]Row) error) error {
	start, end, err := a.bounds(ctx, q, parsed, out)
	if err != nil || start > end {
		return err
	}
	whole := split(parsed)
	skip := q.Offset
	for width := end - start + 1; end >= start; {
		width = min(max(width, 1), end-start+1)
		from := end - width + 1
		part, err := whole.among(between(from, end), "")
		if err != nil {
			return err
		}
		list, full, err := a.stretch(ctx, q, part, out, width > 1)
		if err != nil {
			return err
		}
		if full {
			width /= 8
			continue
		}
		if n := min(skip, len(list)); n > 0 {
			skip, list = skip-n, list[n:]
		}
		if err := give(list); err != nil {
			return err
		}
		end = from - 1
		if len(list) < walkRows/4 && width < math.MaxInt64/2 {
			width *= 2
		}
	}
	return nil
}

// stretch returns the rows of a stretch of time, the newest first; full when
// there are more than are held at a time and it can be made shorter.
func (a *asker) stretch(ctx context.Context, q Query, parsed *logstorage.Query, out *Outcome, shorter bool) (list []Row, full bool, err error) {
	size := 0
	err = a.ask(ctx, q, parsed, out, func(rows []Row) error {
		list = append(list, rows...)
		for _, r := range rows {
			for _, f := range r.Fields {
				size += len(f.Value) + 32
			}
		}
		if shorter && (len(list) > walkRows || size > walkBytes) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil, true, nil
	}
	return newestOf(list, len(list)), false, err
}

// bounds are the times between which there are events at all, within those that
// are asked for.
func (a *asker) bounds(ctx context.Context, q Query, parsed *logstorage.Query, out *Outcome) (start, end int64, err error) {
	start, end = parsed.GetFilterTimeRange()
	all, err := parse(Query{Text: "* | stats min(_time) first, max(_time) last", From: q.From, To: q.To})
	if err != nil {
		return 0, 0, err
	}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	err = a.ask(ctx, q, all, out, func(rows []Row) error {
		for _, r := range rows {
			if t := rowTime(r.Get("first")); !t.IsZero() {
				first = t.UnixNano()
			}
			if t := rowTime(r.Get("last")); !t.IsZero() {
				last = t.UnixNano()
			}
		}
		return nil
	})
	return max(start, first), min(end, last), err
}

// Hits counts in steps of time.
func (a *asker) Hits(ctx context.Context, q Query, step time.Duration, field string, limit int) (list []Series, out Outcome, err error) {
	defer caught(&err)
	began := time.Now()
	parsed, err := parse(q)
	if err != nil {
		return nil, out, err
	}
	if step <= 0 {
		return nil, out, fault.New(fault.Invalid, "the step of time must be more than nothing").Coded("logs.step")
	}
	var fields []string
	if field != "" {
		fields = []string{field}
	}
	offset := int64(0)
	if !q.From.IsZero() {
		offset = nanos(q.From) % int64(step)
	}
	parsed.AddCountByTimePipe(int64(step), offset, fields)
	counts := map[string]map[int64]int64{}
	err = a.ask(ctx, q, parsed, &out, func(rows []Row) error {
		for _, r := range rows {
			n, _ := strconv.ParseInt(r.Get("hits"), 10, 64)
			value := ""
			if field != "" {
				value = r.Get(field)
			}
			if counts[value] == nil {
				counts[value] = map[int64]int64{}
			}
			counts[value][r.Time.UnixNano()] += n
			out.Rows++
		}
		return nil
	})
	out.Took = time.Since(began)
	if err != nil {
		return nil, out, err
	}
	return series(counts, q, step, limit), out, nil
}

// caught turns what the engine panics at into an error: it does so at a few
// questions that it reads and cannot write, as a single dot.
func caught(err *error) {
	if cause := recover(); cause != nil {
		*err = fault.New(fault.Invalid, "the engine cannot answer this question: %v", cause).Coded("logs.question").WithHint("put names and texts with signs between quotes")
	}
}

// mostSteps bounds how many steps without events are told.
const mostSteps = 20_000

// series are the counts in order: the most frequent first, the rest last.
func series(counts map[string]map[int64]int64, q Query, step time.Duration, limit int) []Series {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	total := map[string]int64{}
	var values []string
	for value, at := range counts {
		values = append(values, value)
		for t, n := range at {
			first, last = min(first, t), max(last, t)
			total[value] += n
		}
	}
	if len(values) == 0 {
		return nil
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	if !q.From.IsZero() {
		first = nanos(q.From)
	}
	if !q.To.IsZero() {
		last = nanos(q.To) - 1
	}
	if (last-first)/int64(step) > mostSteps {
		first = max(first, last-mostSteps*int64(step))
	}
	var out []Series
	rest := Series{}
	for _, value := range values {
		s := Series{Value: value, Total: total[value]}
		for t := first; t <= last; t += int64(step) {
			s.Start, s.Counts = append(s.Start, time.Unix(0, t).UTC()), append(s.Counts, counts[value][t])
		}
		if value != "" && (limit <= 0 || len(out) < limit) || len(counts) == 1 {
			out = append(out, s)
			continue
		}
		rest.Start, rest.Total = s.Start, rest.Total+s.Total
		rest.Counts = slices.Grow(rest.Counts, len(s.Counts))[:len(s.Counts)]
		for i, n := range s.Counts {
			rest.Counts[i] += n
		}
	}
	if rest.Total > 0 {
		out = append(out, rest)
	}
	return out
}

// Facets returns the fields of what is found with their most frequent values.
func (a *asker) Facets(ctx context.Context, q Query, values int) ([]Facet, Outcome, error) {
	if values <= 0 {
		values = 10
	}
	byField := map[string]int{}
	var list []Facet
	out, err := a.aside(ctx, q, func(parsed *logstorage.Query) *logstorage.Query {
		parsed.AddFacetsPipe(values, 1000, 128, true)
		return parsed
	}, func(r Row) {
		field := r.Get("field_name")
		if hiddenField(field) {
			return
		}
		at, ok := byField[field]
		if !ok {
			at = len(list)
			byField[field] = at
			list = append(list, Facet{Field: field})
		}
		list[at].Values = append(list[at].Values, Value{r.Get("field_value"), hits(r)})
	})
	slices.SortFunc(list, func(a, b Facet) int { return cmp.Compare(a.Field, b.Field) })
	for i := range list {
		sortValues(list[i].Values)
	}
	return list, out, err
}

// Fields returns the names of fields of what is found.
func (a *asker) Fields(ctx context.Context, q Query) ([]Value, Outcome, error) {
	return a.values(ctx, q, "field_names", "name")
}

// Values returns the most frequent values of a field.
func (a *asker) Values(ctx context.Context, q Query, field string, limit int) ([]Value, Outcome, error) {
	if limit <= 0 {
		limit = 10_000
	}
	name := Quote(field)
	list, out, err := a.values(ctx, q, "filter "+name+":* | top "+strconv.Itoa(limit+1)+" by ("+name+")", field)
	if len(list) > limit {
		list, out.Limited = list[:limit], true
	}
	return list, out, err
}

func (a *asker) values(ctx context.Context, q Query, pipes, name string) ([]Value, Outcome, error) {
	var list []Value
	var misread error
	out, err := a.aside(ctx, q, func(parsed *logstorage.Query) *logstorage.Query {
		var piped *logstorage.Query
		if piped, misread = logstorage.ParseQueryAtTimestamp(parsed.String()+" | "+pipes, parsed.GetTimestamp()); misread != nil {
			misread = problem(misread)
		}
		return piped
	}, func(r Row) {
		if v := r.Get(name); name != "name" || !hiddenField(v) {
			list = append(list, Value{v, hits(r)})
		}
	})
	sortValues(list)
	return list, out, cmp.Or(misread, err)
}

// aside asks something about the events that a question finds, whatever pipes it
// has.
func (a *asker) aside(ctx context.Context, q Query, pipe func(*logstorage.Query) *logstorage.Query, row func(Row)) (out Outcome, err error) {
	defer caught(&err)
	began := time.Now()
	parsed, err := parse(q)
	if err != nil {
		return out, err
	}
	parsed.DropAllPipes()
	if parsed = pipe(parsed); parsed == nil {
		return out, nil
	}
	err = a.ask(ctx, q, parsed, &out, func(rows []Row) error {
		for _, r := range rows {
			row(r)
			out.Rows++
		}
		return nil
	})
	out.Took = time.Since(began)
	return out, err
}

func hits(r Row) int64 {
	n, _ := strconv.ParseInt(r.Get("hits"), 10, 64)
	return n
}

func sortValues(list []Value) {
	slices.SortFunc(list, func(a, b Value) int { return cmp.Or(cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.Text, b.Text)) })
}

// hiddenField reports whether a field says nothing of what happened.
func hiddenField(name string) bool {
	switch name {
	case "_stream", "_stream_id":
		return true
	}
	return strings.HasPrefix(name, "binnacle.") && name != "binnacle.source" && name != "binnacle.rules" && !strings.HasPrefix(name, own)
}
