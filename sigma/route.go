package sigma

// Route is a way from events to a rule: an event that meets all of When is
// looked at with Rule, whose fields are those of such events once Names has
// renamed them. Without When it is every event. A rule may have several routes,
// with different fields: process_creation is Sysmon's event 1 and, with other
// names, Security's 4688. An event that meets several routes of a rule is still
// one match of it.
type Route struct {
	When  []Test
	Rule  *Rule
	Names map[string]string // what such events call a field of Rule; others, and those whose name here is "", keep theirs, and keywords have none
}

// called is what events call a field of a rule.
func called(field string, names map[string]string) string {
	if name := names[field]; name != "" && field != "" {
		return name
	}
	return field
}

// Test is a demand on one field of an event: that it is there and is one of
// Values, as text, without regard to case. In a value * stands for any
// characters. Without Values it is enough that the field is there.
type Test struct {
	Field  string
	Values []string
}
