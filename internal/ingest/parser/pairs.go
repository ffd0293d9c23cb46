package parser

// Pair is a name and its value, as lines of text have them.
type Pair struct{ Name, Value string }

// Pairs are the pairs of a line, in their order.
type Pairs []Pair

// First is the value of the first of the names that says something: not empty
// and not the dash that stands for nothing.
func (p Pairs) First(names ...string) string {
	for _, name := range names {
		for _, x := range p {
			if x.Name == name && x.Value != "" && x.Value != "-" {
				return x.Value
			}
		}
	}
	return ""
}

// AddTo adds each pair as a field of its name.
func (p Pairs) AddTo(l *Line) {
	for _, x := range p {
		l.Set(x.Name, []byte(x.Value))
	}
}
