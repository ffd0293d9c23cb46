package sigma

import "time"

// Correlation is a rule over what other rules matched: how many, of how many
// kinds, in which order, within a span of time.
type Correlation struct {
	Pos
	ID, Name, Title        string
	Taxonomy               string // "" is sigma
	Status, Level          string
	Description, License   string
	Author, Date, Modified string
	References             []string
	FalsePositives         []string
	Tags                   []string
	Type                   CorrelationType
	Rules                  []string // ids or names; a condition in words may name them instead
	GroupBy                []string // fields or aliases
	Timespan               time.Duration
	Aliases                map[string]map[string]string // alias, rule (id or name), field
	Condition              CorrelationCondition
	Generate               bool           // what its rules match is reported too
	Custom                 map[string]any // attributes the specification does not know
}

// CorrelationType is what a Correlation looks at.
type CorrelationType string

// The types of correlations.
const (
	EventCount      CorrelationType = "event_count"      // how many events
	ValueCount      CorrelationType = "value_count"      // how many different values, or tuples of values
	Temporal        CorrelationType = "temporal"         // which rules matched
	TemporalOrdered CorrelationType = "temporal_ordered" // which rules matched, in their order
	ValueSum        CorrelationType = "value_sum"        // the sum of a field
	ValueAvg        CorrelationType = "value_avg"        // the mean of a field
	ValuePercentile CorrelationType = "value_percentile" // a percentile of a field
	ValueMedian     CorrelationType = "value_median"     // the median of a field
)

// CorrelationCondition says when a Correlation matches. The bounds must all
// hold: a range has two. A temporal correlation without bounds asks for all of
// its rules, or for what Expr says.
type CorrelationCondition struct {
	Line       int
	Fields     []string // of value_count one or more; of the other value types one
	Percentile float64  // of value_percentile; 50 when the rule does not say
	Share      bool     // of value_percentile when the rule says no percentile: see package correlate
	Bounds     []Bound
	Text       string // "a and not b" over the rules, of temporal types
	Expr       Expr   // Text as logic; a Ref is a rule by id or name
}

// Bound is one side of a range.
type Bound struct {
	Op    Op
	Value float64
}

// Holds reports whether a figure is on the right side.
func (b Bound) Holds(figure float64) bool { return b.Op.Holds(figure, b.Value) }
