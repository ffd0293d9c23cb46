// Package correlate runs Sigma correlations over a stream of matches of rules:
// which correlation holds, for which group, in which window of time.
//
//	set, problems := correlate.Compile(rules, correlations)
//	c := correlate.New(set, correlate.Options{Lateness: time.Minute})
//	for each event that a rule matched:
//		hits := c.Add(correlate.Match{Rule: id, Time: t, ID: event, Field: correlate.JSON(v)})
//	every second: hits := c.Advance(time.Now())
//	at the end of a file: hits := c.Finish()
//
// A correlation that cannot be honoured is refused by Compile with file, line
// and reason: a rule that is not there or there twice, a circle, an alias for a
// rule that is none of its own, a condition that no count can meet, several
// fields where one number is needed.
//
// # Time
//
// All times are those of events, in nanoseconds. An instant is worked when
// nothing older is to come: when the watermark, the newest time seen (of a match
// or of Advance) less Options.Lateness, is past it. Until then its matches wait.
// So the outcome is a function of the matches alone: those of one stream in any
// order within the lateness give the same hits with the same names. What is
// older than the watermark is not counted, and told by Stats and Options.Lost.
//
// The price is that a hit is told a lateness after it happened. Peers decide on
// arrival: they tell at once, and what comes late is missed or counted in the
// wrong window.
//
// # Windows
//
// The window of an instant t is from t - timespan to t, both included: it slides
// with the events, and two events exactly one timespan apart are in one window.
// All matches of an instant are in its windows. An event counts once in it though
// several rules of the correlation matched it, where events are counted, and
// once for each rule where rules are.
//
// When a condition is decided depends on what could undo it:
//
//   - At each match, when more matches could not: at least so many (gt, gte), and
//     temporal conditions without "not". The window that ends with the match is
//     looked at.
//   - When the window is full, for conditions about too few or none: lt, lte,
//     eq 0, and temporal conditions of nothing but "not". They are looked at when
//     a group is known for one whole timespan, and from then on whenever its window
//     changes; the one after the last match of it left, when the count is 0, is
//     the last. Then the group is forgotten until it matches again: silence is told
//     once. A group that never matched is not known, so nothing is told of it,
//     and without group-by neither while nothing ever matched.
//   - At the peak, when more would undo it and less would as well: eq, neq, ranges
//     with an upper bound, and temporal conditions with "not" beside rules that
//     must match. A window is at its peak when what it counts is about to leave
//     and nothing came since something left before: no window of the timespan
//     holds all of it and more. So "eq: 3" is exactly three, not three on the way to
//     ten, and in "a and b and not c" c may not come shortly before, between
//     or shortly after. Such a hit is told one timespan after its first match, at
//     the window's end. neq is not about silence: use lt for that.
//   - Averages, medians, percentiles and shares go up and down: all their
//     conditions are decided at each match, as peers do. Of an empty window they do
//     not exist. A sum is decided as a count is; the sum of nothing is 0.
//
// Windows that wait for their end are decided when the watermark is past it. When
// a stream ends, Finish decides those with matches in them.
//
// # Types
//
//	event_count       events
//	value_count       different values of the field, or of all fields together
//	temporal          different rules; without a condition all are needed. A
//	                  condition may be logic over the rules
//	temporal_ordered  the most rules met in the order of the list: matches of
//	                  different rules whose times do not fall, neighbours being
//	                  different events. Two at the same time are in order, for logs
//	                  of whole seconds cannot tell. With logic: the rules of one way to
//	                  meet it are met in the order of the list
//	value_sum         the sum of the field, the exact one, rounded once
//	value_avg         the exact sum, rounded, by the number of matches
//	value_percentile  of n numbers x[0] <= … <= x[n-1] and the percentile p (0 to
//	                  100), with h = (n-1)·p/100:
//	                      x[⌊h⌋] + (h - ⌊h⌋)·(x[⌊h⌋+1] - x[⌊h⌋])
//	                  This is definition 7 of Hyndman and Fan, "Sample Quantiles in
//	                  Statistical Packages", The American Statistician 50 (1996):
//	                  PERCENTILE_CONT of SQL, and what R and NumPy do unasked
//	value_median      the percentile of 50: the middle number, or the mean of two
//
// A value_percentile that says no percentile (CorrelationCondition.Share) is what
// the specification's example describes, "a process name in less than 1 % of all
// the processes": the share, in percent, of a match's value among all matches
// of its window. It is decided at each match for the value of that match.
//
// A match that lacks a field which is compared, or has no finite number where one
// is needed, is not counted, and told as lost. A number is read from its text as
// strconv.ParseFloat does.
//
// # Groups
//
// Values are grouped as their texts are, with regard to case. A match that lacks
// some of the fields belongs to the group of those that lack the same; one that
// lacks all of them belongs to no group, and is told as lost. An alias is read,
// per rule, as the field it says; a rule it does not mention has the field under
// the alias's own name. Aliases work in the condition's field as well.
//
// # Chains
//
// A hit of a correlation is a match of the correlations over it, at its window's
// end, with the fields of its group. A field the parent needs that the child does
// not group by is that of the child's events: the hit stands once for each set
// of values among the events it shows. temporal parents see a child whenever
// it holds, whatever Options.Repeat holds back; parents that count see the hits
// that are told.
//
// Rules and correlations under others are not told on their own unless one of
// these says generate: Set.Alone answers it for rules.
//
// # Repeats
//
// While a condition goes on holding, each new match would be a hit. Peers leave
// the choice to their user: rsigma tells each, or none for a time, or clears the
// window; Elastic and Splunk suppress for a time. Options.Repeat has the same:
// Spaced, the default, tells a group again only when a timespan has passed
// since its last hit, so that no two windows that are told overlap and an attack
// that goes on for a day is told again and again, but not a thousand times.
//
// # Memory and time
//
// A group is forgotten when its last match is a timespan old. What it keeps:
//
//	event_count       a time for each instant with matches
//	value_count       each different value once, in a map, in a list by the time it
//	                  was last met: constant time per match, never a recount
//	temporal          the newest match of each rule
//	temporal_ordered  for each length and last rule the chain that began last
//	sum, avg          the numbers, and a fixed-point accumulator of 2,176 bits that
//	                  adds and subtracts without rounding, so that nothing drifts
//	percentile        the numbers, by time and in sorted rows of at most 512
//	share             the values, by time and counted
//
// and the newest Options.MaxEvents events to show. MaxGroups, MaxEntries and
// MaxWaiting bound them; what a bound costs is counted and told.
//
// A match costs, for one correlation on one core of the two-core development
// machine while others work on it (median of five; go test -bench .): event_count
// 320 ns, value_count 250 ns with 1,800 values in the window and 290 ns with
// 100,000, sum 270 ns, percentile 430 ns with 60 numbers and 640 ns with 60,000,
// conditions that wait for a clock 790 ns, temporal 1.3 µs and temporal_ordered
// 1.7 µs (with hits in 5 and 1 % of matches). rsigma says of itself that 1,800
// values slow its value_count from 1,100,000 to 63,000 matches a second, because
// it counts the window again for each; here they are 4,000,000.
//
// Snapshot and Restore carry all of it over a restart. A replay of the stream
// from at least one timespan (of chains: their sum) and the lateness before
// builds the same, and hits have the same names.
//
// # Goroutines
//
// A Set is shared by any number of goroutines. A Correlator is for one. To use
// more cores, give each goroutine its own with Options.Shard and hand every match
// to all of them: each follows the groups whose hash is its own, and no state is
// shared. Correlations that are linked in a chain stay together on one shard.
// Hits of all shards together are those of one Correlator.
package correlate
