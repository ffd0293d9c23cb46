package sigma

import (
	"iter"
	"slices"
)

// Pos is a place in a file. Lines count from 1; 0 is unknown.
type Pos struct {
	File string
	Line int
}

// Rule is a Sigma rule.
type Rule struct {
	Pos
	ID, Name, Title        string
	Taxonomy               string // "" is sigma
	Status, Level          string
	Description, License   string
	Author, Date, Modified string
	References, Fields     []string
	FalsePositives         []string
	Tags, Scope            []string
	Related                []Related
	Logsource              Logsource
	Detection              Detection
	Custom                 map[string]any // attributes the specification does not know
}

// Related is another rule and how this one stands to it: derived, obsolete,
// merged, renamed, similar or correlation.
type Related struct{ ID, Type string }

// Logsource says of which logs a rule is.
type Logsource struct {
	Category, Product, Service string
	Definition                 string
	Custom                     map[string]string
}

// Detection is what a rule looks for.
type Detection struct {
	Searches   []*Search   // in the order of the file
	Conditions []Condition // one of them is enough
}

// Search is a named part of a detection.
type Search struct {
	Name   string
	Line   int
	Body   Node
	Filter bool // a Filter put it there
}

// Node is a Group or an Item.
type Node interface{ node() }

// Group joins nodes: all of them must hold, or one when Any. An empty group
// holds never when Any, else always.
type Group struct {
	Any   bool
	Nodes []Node
}

// Item is one line of a search: a field and what it may be. Of several values
// one is enough, or all are needed when All. Not turns the outcome round.
//
// A field that is a list in the event meets a value when one of its members
// does, and so does one in a list in it. A field of dots is looked up as it is
// written, and when the event has no such field, as a path: one key a step, and
// into each member of a list.
//
// Keywords are met by any text, number or truth value of the event, however
// deep. Strings among them have their stars already.
type Item struct {
	Field     string // "" looks at every value of the event: keywords
	Modifiers []string
	Values    []Value
	All       bool
	Not       bool
	Line      int
}

func (*Group) node() {}
func (*Item) node()  {}

// Condition is logic over the searches of a rule.
type Condition struct {
	Text string // as the rule says it
	Line int
	Expr Expr
}

// Expr is And, Or, Not or Ref.
type Expr interface{ expr() }

// And holds when all of its parts do, and when it has none.
type And []Expr

// Or holds when one of its parts does.
type Or []Expr

// Not holds when what it is of does not.
type Not struct{ Of Expr }

// Ref is a search by its name. "1 of x*" and its kin are written out as Or and
// And of these.
type Ref string

func (And) expr() {}
func (Or) expr()  {}
func (Not) expr() {}
func (Ref) expr() {}

// Items are the items of all searches.
func (d Detection) Items() iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		var walk func(Node) bool
		walk = func(n Node) bool {
			switch n := n.(type) {
			case *Item:
				return yield(n)
			case *Group:
				for _, part := range n.Nodes {
					if !walk(part) {
						return false
					}
				}
			}
			return true
		}
		for _, s := range d.Searches {
			if !walk(s.Body) {
				return
			}
		}
	}
}

// Placeholders are the names between percent signs that no pipeline has
// replaced yet. A rule that has some cannot be run.
func (r *Rule) Placeholders() []string {
	var names []string
	for item := range r.Detection.Items() {
		for _, v := range item.Values {
			for _, v := range flat(v) {
				s, _ := v.(String)
				for _, p := range s.Parts {
					if p.Kind == Placeholder && !slices.Contains(names, p.Text) {
						names = append(names, p.Text)
					}
				}
			}
		}
	}
	return names
}
