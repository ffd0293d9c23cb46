package sigma

import "net/netip"

// Value is what a field is compared with: String, Number, Bool, Null, Regex,
// CIDR, Compare, FieldRef, Exists, TimePart or Any.
type Value interface{ value() }

// String is a text with wildcards. It is compared with the whole text of a
// field, without regard to case unless Cased; a wildcard crosses line ends. A
// number or a truth value in the event is compared by its JSON text.
type String struct {
	Parts []Part // neighbours of kind Text are one part
	Cased bool
}

// Part is a piece of a String.
type Part struct {
	Kind PartKind
	Text string // of Text: the characters; of Placeholder: its name
}

// PartKind is what a Part stands for.
type PartKind uint8

// The kinds of parts.
const (
	Text        PartKind = iota // itself
	Star                        // *: any characters, also none
	Question                    // ?: exactly one character
	Placeholder                 // %name% under the modifier expand, to be replaced by a pipeline
)

// Number is a number, compared by value with a number or a text that is one.
type Number struct {
	Text  string // as the rule writes it
	Value float64
}

// Bool is true or false, compared with a truth value or its text.
type Bool bool

// Null is met by a field that is not there or is null.
type Null struct{}

// Regex is a regular expression, searched for anywhere in the text, with regard
// to case. Compile makes it run.
type Regex struct {
	Expr                              string
	IgnoreCase, MultiLine, DotsAreAll bool
}

// CIDR is a network, IPv4 or IPv6. An IPv4 address that is written as IPv6
// belongs to the networks of the former.
type CIDR struct{ netip.Prefix }

// Compare is met by numbers on one side of another.
type Compare struct {
	Op    Op
	Value float64
}

// Op is a comparison of numbers.
type Op string

// The comparisons.
const (
	Less           Op = "lt"
	LessOrEqual    Op = "lte"
	Greater        Op = "gt"
	GreaterOrEqual Op = "gte"
	Equal          Op = "eq"  // of correlations
	NotEqual       Op = "neq" // of correlations
)

// Holds reports whether a compares to b as the operation says.
func (o Op) Holds(a, b float64) bool {
	switch o {
	case Less:
		return a < b
	case LessOrEqual:
		return a <= b
	case Greater:
		return a > b
	case GreaterOrEqual:
		return a >= b
	case NotEqual:
		return a != b
	}
	return a == b
}

// FieldRef is the value of another field of the same event.
type FieldRef struct {
	Field string
	At    Anchor
	Cased bool
}

// Anchor is where one text stands in another.
type Anchor string

// The anchors.
const (
	Whole    Anchor = ""
	Start    Anchor = "startswith"
	End      Anchor = "endswith"
	Anywhere Anchor = "contains"
)

// Exists is whether the field is there, whatever its value.
type Exists bool

// TimePart is a part of a time: minute, hour, day, week (ISO 8601), month, year.
// The time is read with its own offset, as UTC when it has none.
type TimePart struct {
	Part  string
	Op    Op // "" is equal
	Value int
}

// Any is met when one of its values is: what one value becomes under windash or
// base64offset.
type Any []Value

func (String) value()   {}
func (Number) value()   {}
func (Bool) value()     {}
func (Null) value()     {}
func (Regex) value()    {}
func (CIDR) value()     {}
func (Compare) value()  {}
func (FieldRef) value() {}
func (Exists) value()   {}
func (TimePart) value() {}
func (Any) value()      {}
