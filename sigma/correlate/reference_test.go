package correlate

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/sigma"
)

// This is the plain way to say what a Correlator does: for every instant at
// which a window can change, everything is counted again from the list of all
// matches. It is slow, has no state but that list, and shares no code with what
// it judges.

// refMatch is a match of a correlation: an event, or a hit below it.
type refMatch struct {
	at     int64
	source int
	id     string
	key    string
	value  string
	number float64
	events []string
	fields []func(string) (string, bool) // one of an event; several of a hit
}

// refHit is what is compared.
type refHit struct {
	rule, group string
	start, end  int64
	value       float64
	of, events  string
}

type refEvent struct {
	rule   string
	at     int64
	id     string
	fields map[string]string
}

// reference runs correlations, children first, over all events there are.
func reference(rules []*sigma.Correlation, events []refEvent, repeat Repeat, finish bool) []refHit {
	end := int64(math.MinInt64)
	for _, e := range events {
		if slices.ContainsFunc(rules, func(r *sigma.Correlation) bool { return slices.Contains(r.Rules, e.rule) }) {
			end = max(end, e.at)
		}
	}
	var out []refHit
	up := map[string][]refMatch{} // by rule: matches of it for parents, as hits
	for _, r := range rules {
		isPart, isTold := false, false
		for _, p := range rules {
			if slices.Contains(p.Rules, r.Name) {
				isPart, isTold = true, isTold || p.Generate
			}
		}
		run := refRun{r: r, repeat: repeat, end: end, finish: finish}
		for i, name := range r.Rules {
			for _, e := range events {
				if e.rule == name {
					run.match(i, refMatch{at: e.at, id: e.id, events: []string{e.id}, fields: []func(string) (string, bool){
						func(f string) (string, bool) { v, ok := e.fields[f]; return v, ok }}})
				}
			}
			isTemporal := r.Type == sigma.Temporal || r.Type == sigma.TemporalOrdered
			for _, m := range up[name] {
				if m.number == 1 || isTemporal { // told, or looked at as a rule
					run.match(i, m)
				}
			}
		}
		hits, matches := run.run()
		if !isPart || isTold {
			out = append(out, hits...)
		}
		up[r.Name] = matches
	}
	return out
}

type refRun struct {
	r       *sigma.Correlation
	repeat  Repeat
	end     int64
	finish  bool
	matches []refMatch
}

func (r *refRun) called(name string, source int) string {
	if f, ok := r.r.Aliases[name][r.r.Rules[source]]; ok {
		return f
	}
	return name
}

// match adds a match under each group and value it has.
func (r *refRun) match(source int, m refMatch) {
	byGroup := map[string]*refMatch{}
	order := []string{}
	for _, fields := range m.fields {
		get := func(name string) (string, bool) { return fields(r.called(name, source)) }
		key, any := "", len(r.r.GroupBy) == 0
		for _, name := range r.r.GroupBy {
			v, ok := get(name)
			any = any || ok
			key += fmt.Sprintf("%s=%q/%v;", name, v, ok)
		}
		value, number, ok := r.compared(get)
		if !any || !ok {
			continue
		}
		x := fmt.Sprint(key, "|", value, "|", number)
		if byGroup[x] == nil {
			order = append(order, x)
			byGroup[x] = &refMatch{at: m.at, source: source, id: m.id, key: key, value: value, number: number, events: m.events}
		}
		byGroup[x].fields = append(byGroup[x].fields, get)
	}
	for _, x := range order {
		r.matches = append(r.matches, *byGroup[x])
	}
}

func (r *refRun) compared(get func(string) (string, bool)) (value string, number float64, ok bool) {
	for _, name := range r.r.Condition.Fields {
		v, ok := get(name)
		if !ok {
			return "", 0, false
		}
		value += fmt.Sprintf("%q", v)
		number, _ = strconv.ParseFloat(v, 64)
	}
	switch r.r.Type {
	case sigma.ValueCount:
		return value, 0, true
	case sigma.ValuePercentile:
		if r.r.Condition.Share {
			return value, 0, true
		}
	}
	return "", number, true
}

func (r *refRun) run() (hits []refHit, up []refMatch) {
	groups := map[string][]refMatch{}
	for _, m := range r.matches {
		groups[m.key] = append(groups[m.key], m)
	}
	for key, matches := range groups {
		sort.SliceStable(matches, func(i, j int) bool {
			a, b := matches[i], matches[j]
			if a.at != b.at {
				return a.at < b.at
			}
			return a.id < b.id
		})
		h, u := r.group(key, r.once(matches))
		hits, up = append(hits, h...), append(up, u...)
	}
	return hits, up
}

// once drops what is the same event at the same time with the same value.
func (r *refRun) once(matches []refMatch) []refMatch {
	var out []refMatch
	seen := map[string]int{}
	for _, m := range matches {
		x := fmt.Sprint(m.at, m.id, m.value, m.number)
		if r.r.Type == sigma.Temporal || r.r.Type == sigma.TemporalOrdered {
			x += fmt.Sprint("/", m.source)
		}
		if i, ok := seen[x]; ok {
			out[i].fields = append(slices.Clone(out[i].fields), m.fields...)
			continue
		}
		seen[x] = len(out)
		out = append(out, m)
	}
	return out
}

func within(matches []refMatch, from, to int64) []refMatch {
	var out []refMatch
	for _, m := range matches {
		if m.at >= from && m.at <= to {
			out = append(out, m)
		}
	}
	return out
}

func (r *refRun) group(key string, matches []refMatch) (hits []refHit, up []refMatch) {
	span := int64(r.r.Timespan)
	instants := map[int64]bool{}
	for _, m := range matches {
		instants[m.at], instants[m.at+span], instants[m.at+span+1] = true, true, true
	}
	times := []int64{}
	for t := range instants {
		if t <= r.end || r.finish {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	grown, quiet, reset := false, int64(math.MinInt64), int64(math.MinInt64)
	for _, t := range times {
		live := within(matches, reset, t)
		first, last := int64(0), int64(math.MinInt64)
		for _, m := range live {
			if last == math.MinInt64 || m.at > last+span+1 {
				first = m.at
			}
			last = m.at
		}
		if len(live) == 0 || t > last+span+1 {
			continue
		}
		was, before := r.counted(within(live, t-1-span, t-1)), r.counted(within(live, t-span, t-1))
		window := within(live, t-span, t)
		now, next := r.counted(window), r.counted(within(live, t+1-span, t))
		isMet, hasLeft := last == t, lacks(was, before)
		if hasLeft {
			grown = false
		}
		grown = grown || lacks(now, before)
		decides := false
		switch full := first + span; r.when() {
		case atMatch:
			decides = isMet
		case whenFull:
			decides = t == full || t > full && t <= r.end && (isMet || hasLeft)
		case atPeak:
			decides = grown && lacks(now, next)
		}
		if !decides {
			continue
		}
		value, of, ok := r.holds(window, t)
		if !ok {
			continue
		}
		told := r.repeat != Spaced || t > quiet
		shown := r.shown(window)
		if told {
			quiet = t + span
			hits = append(hits, refHit{r.r.Name, key, t - span, t, value, of, r.eventsOf(shown)})
		}
		up = append(up, r.up(key, t, shown, told, t-span))
		if told && r.repeat == Reset {
			reset, grown = t+1, false
		}
	}
	return hits, up
}

// up is a hit as a match for parents. Its number is 1 when it was told.
func (r *refRun) up(key string, t int64, shown []refMatch, told bool, start int64) refMatch {
	m := refMatch{at: t}
	if told {
		m.number = 1
	}
	group := func(name string) (string, bool, bool) {
		i := slices.Index(r.r.GroupBy, name)
		if i < 0 {
			return "", false, false
		}
		part := strings.Split(key, ";")[i]
		v, ok := strings.CutSuffix(strings.TrimPrefix(part, name+"="), "/true")
		if !ok {
			return "", false, true
		}
		v, _ = strconv.Unquote(v)
		return v, true, true
	}
	var packed []byte // the name decides which of two hits at one time is the newer
	for _, name := range r.r.GroupBy {
		if v, ok, _ := group(name); ok {
			packed = packValue(packed, v)
		} else {
			packed = packMissing(packed)
		}
	}
	m.id = hitName(r.r.Name, string(packed), start, t)
	for _, s := range shown {
		m.events = append(m.events, s.events...)
		for _, fields := range s.fields {
			m.fields = append(m.fields, func(name string) (string, bool) {
				if v, ok, is := group(name); is {
					return v, ok
				}
				return fields(name)
			})
		}
	}
	if len(m.fields) == 0 {
		m.fields = append(m.fields, func(name string) (string, bool) { v, ok, _ := group(name); return v, ok })
	}
	return m
}

// shown are the matches of a window that are shown.
func (r *refRun) shown(window []refMatch) []refMatch {
	label := func(i int, m refMatch) string { return fmt.Sprint(i) }
	switch r.r.Type {
	case sigma.ValueCount:
		label = func(i int, m refMatch) string { return m.value }
	case sigma.Temporal:
		label = func(i int, m refMatch) string { return fmt.Sprint(m.source) }
	}
	newest := map[string]refMatch{}
	for i, m := range window {
		newest[label(i, m)] = m
	}
	out := []refMatch{}
	for _, m := range newest {
		out = append(out, m)
	}
	return out
}

func (r *refRun) eventsOf(shown []refMatch) string {
	if r.r.Type == sigma.TemporalOrdered {
		return "" // which of several chains is shown is not part of the meaning
	}
	ids := []string{}
	for _, m := range shown {
		ids = append(ids, m.events...)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " ")
}

// lacks reports whether b lacks something of a.
func lacks(a, b map[string]bool) bool {
	for x := range a {
		if !b[x] {
			return true
		}
	}
	return false
}

// counted names what a condition counts in a window.
func (r *refRun) counted(window []refMatch) map[string]bool {
	out := map[string]bool{}
	for _, m := range window {
		switch r.r.Type {
		case sigma.ValueCount:
			out[m.value] = true
		case sigma.Temporal:
			out[fmt.Sprint(m.source)] = true
		case sigma.TemporalOrdered:
		default:
			out[fmt.Sprint(m.at, m.id, m.value, m.number)] = true
		}
	}
	if r.r.Type == sigma.TemporalOrdered {
		for n := range longest(chains(window)) {
			out[fmt.Sprint(n)] = true
		}
	}
	return out
}

// chains returns the sets of rules, as bits, that matches of a window met in
// their order.
func chains(window []refMatch) map[uint]bool {
	out := map[uint]bool{}
	sort.SliceStable(window, func(i, j int) bool {
		a, b := window[i], window[j]
		if a.at != b.at {
			return a.at < b.at
		}
		return a.source < b.source
	})
	ends := make([]map[uint]bool, len(window))
	for i, m := range window {
		ends[i] = map[uint]bool{1 << m.source: true}
		for j, f := range window[:i] {
			if f.source < m.source && f.id != m.id {
				for set := range ends[j] {
					ends[i][set|1<<m.source] = true
				}
			}
		}
		for set := range ends[i] {
			out[set] = true
		}
	}
	return out
}

func longest(sets map[uint]bool) int {
	n := 0
	for set := range sets {
		n = max(n, strings.Count(strconv.FormatUint(uint64(set), 2), "1"))
	}
	return n
}

// when says how a condition is decided, by trying it on counts.
func (r *refRun) when() decision {
	if e := r.r.Condition.Expr; e != nil {
		met, not := false, false
		refPolarity(e, false, &met, &not)
		switch {
		case !not:
			return atMatch
		case !met:
			return whenFull
		}
		return atPeak
	}
	switch r.r.Type {
	case sigma.ValueAvg, sigma.ValueMedian, sigma.ValuePercentile:
		return atMatch
	}
	try := []float64{}
	for n := range 100 {
		if r.isTemporal() && n > len(r.r.Rules) {
			break
		}
		try = append(try, float64(n))
	}
	if r.r.Type == sigma.ValueSum {
		for n := range 20 {
			try = append(try, float64(n)/2)
		}
		slices.Sort(try)
		try = append([]float64{-1e9, -1000}, append(try, 1e9)...)
	}
	rises, falls := r.accepts(try[len(try)-1]), true
	for i, x := range try {
		if i == 0 {
			continue
		}
		isPair := r.r.Type == sigma.ValueSum || i > 1 // a match is met: a count of 0 is never asked
		rises = rises && !(isPair && r.accepts(try[i-1]) && !r.accepts(x))
		falls = falls && !(r.accepts(x) && !r.accepts(try[i-1]))
	}
	switch {
	case rises:
		return atMatch
	case falls:
		return whenFull
	}
	return atPeak
}

func refPolarity(e sigma.Expr, negative bool, met, not *bool) {
	switch e := e.(type) {
	case sigma.Ref:
		*met, *not = *met || !negative, *not || negative
	case sigma.Not:
		refPolarity(e.Of, !negative, met, not)
	case sigma.And:
		for _, x := range e {
			refPolarity(x, negative, met, not)
		}
	case sigma.Or:
		for _, x := range e {
			refPolarity(x, negative, met, not)
		}
	}
}

func (r *refRun) isTemporal() bool {
	return r.r.Type == sigma.Temporal || r.r.Type == sigma.TemporalOrdered
}

func (r *refRun) accepts(x float64) bool {
	if len(r.r.Condition.Bounds) == 0 {
		return x >= float64(len(r.r.Rules))
	}
	for _, b := range r.r.Condition.Bounds {
		if !b.Holds(x) {
			return false
		}
	}
	return true
}

func (r *refRun) holds(window []refMatch, t int64) (float64, string, bool) {
	numbers := []float64{}
	values := map[string]float64{}
	total := new(big.Float).SetPrec(4000)
	for _, m := range window {
		numbers = append(numbers, m.number)
		values[m.value]++
		total.Add(total, new(big.Float).SetFloat64(m.number))
	}
	slices.Sort(numbers)
	sum, _ := total.Float64()
	x := 0.0
	switch r.r.Type {
	case sigma.EventCount:
		x = float64(len(window))
	case sigma.ValueCount:
		x = float64(len(r.counted(window)))
	case sigma.Temporal, sigma.TemporalOrdered:
		return r.holdsRules(window)
	case sigma.ValueSum:
		x = sum
	default:
		if len(window) == 0 {
			return 0, "", false
		}
	}
	switch r.r.Type {
	case sigma.ValueAvg:
		x = sum / float64(len(window))
	case sigma.ValueMedian:
		x = refPercentile(numbers, 50)
	case sigma.ValuePercentile:
		if !r.r.Condition.Share {
			x = refPercentile(numbers, r.r.Condition.Percentile)
			break
		}
		fresh := []string{}
		for _, m := range within(window, t, t) {
			fresh = append(fresh, m.value)
		}
		slices.Sort(fresh)
		for _, v := range fresh {
			if x := 100 * values[v] / float64(len(window)); r.accepts(x) {
				of, _ := strconv.Unquote(v)
				return x, of, true
			}
		}
		return 0, "", false
	}
	return x, "", r.accepts(x)
}

func (r *refRun) holdsRules(window []refMatch) (float64, string, bool) {
	present := uint(0)
	for _, m := range window {
		present |= 1 << m.source
	}
	sets := map[uint]bool{present: true}
	if r.r.Type == sigma.TemporalOrdered {
		sets = chains(slices.Clone(window))
		sets[0] = true
	}
	if r.r.Condition.Expr == nil {
		n := float64(longest(sets))
		return n, "", r.accepts(n)
	}
	for set := range sets {
		if r.refLogic(r.r.Condition.Expr, false, set, present) {
			if r.r.Type == sigma.TemporalOrdered {
				return 0, "", true // the chain that is shown is one of several
			}
			return float64(longest(sets)), "", true
		}
	}
	return 0, "", false
}

// refLogic takes rules that must be met from a set in order, and rules that
// must not from all that are there.
func (r *refRun) refLogic(e sigma.Expr, negative bool, set, present uint) bool {
	isAll := !negative
	var parts []sigma.Expr
	switch e := e.(type) {
	case sigma.Ref:
		bit := uint(1) << slices.Index(r.r.Rules, string(e))
		if negative {
			return present&bit == 0
		}
		return set&bit != 0
	case sigma.Not:
		return r.refLogic(e.Of, !negative, set, present)
	case sigma.And:
		parts = e
	case sigma.Or:
		parts, isAll = e, negative
	}
	for _, part := range parts {
		if r.refLogic(part, negative, set, present) != isAll {
			return !isAll
		}
	}
	return isAll
}

// refPercentile is the definition in the documentation, word by word.
func refPercentile(x []float64, p float64) float64 {
	h := float64(len(x)-1) * p / 100
	low, high := int(math.Floor(h)), int(math.Ceil(h))
	part := h - math.Floor(h)
	return x[low]*(1-part) + x[high]*part
}
