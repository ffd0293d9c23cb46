package sigma

import "time"

// Correlation is a rule about matches of other rules over time. What its types
// and conditions mean over a stream is in package sigma/correlate.
type Correlation struct {
	Pos
	ID, Name, Title        string
	Taxonomy               string // "" is sigma
	Status, Level          string
	Description            string
	Author, Date, Modified string
	References             []string
	FalsePositives, Tags   []string
	Related                []Related
	Type                   CorrelationType
	Rules                  []string // ids or names of rules and correlations, in the order of the file
	GroupBy                []string // fields and aliases; none: all matches are one group
	Aliases                []Alias
	Timespan               time.Duration // more than zero
	Condition              CorrelationCondition
	Generate               bool           // the rules it is of are told on their own as well
	Custom                 map[string]any // attributes the specification does not know
}

// CorrelationType is what a correlation looks at.
type CorrelationType string

// The types of correlations.
const (
	EventCount      CorrelationType = "event_count"      // how many events
	ValueCount      CorrelationType = "value_count"      // how many different values
	Temporal        CorrelationType = "temporal"         // how many of the rules
	TemporalOrdered CorrelationType = "temporal_ordered" // how many of the rules, in their order
	ValueSum        CorrelationType = "value_sum"        // the sum of a number
	ValueAvg        CorrelationType = "value_avg"        // its mean
	ValuePercentile CorrelationType = "value_percentile" // its percentile
	ValueMedian     CorrelationType = "value_median"     // its median
)

// Alias is a name for fields that are called differently in different rules.
type Alias struct {
	Name   string
	Fields map[string]string // the field by the id or name of the rule, as Rules says it
}

// CorrelationCondition is when a correlation holds: within all Bounds, or by
// Expr. The temporal types may have neither: then all rules are needed.
type CorrelationCondition struct {
	Line       int
	Fields     []string // of the value types; several are one value together
	Percentile *float64 // of value_percentile: which, from 0 to 100; nil when the rule does not say
	Bounds     []Bound
	Text       string // the boolean form of the temporal types, as the rule says it
	Expr       Expr   // its logic; a Ref is a rule as Rules says it
}

// Bound compares with a number.
type Bound struct {
	Op    Op // Less to GreaterOrEqual, Equal or NotEqual
	Value float64
}

// The comparisons only correlations know.
const (
	Equal    Op = "eq"
	NotEqual Op = "neq"
)
