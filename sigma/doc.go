// Package sigma reads and runs Sigma rules: the open format for detections in
// logs, version 2.1 of its specification.
//
// The language comes first. Load reads rules, correlations and filters from
// files, folders and archives; what cannot be honoured is reported with file,
// line and reason, never dropped. A Rule is what a document says after its
// modifiers were applied: its searches are trees of Items, each a field with
// typed Values, and its conditions are logic over the searches.
//
// A pipeline (package sigma/pipeline) rewrites rules for a source of logs, as
// pySigma's do. An Engine compiles many rules into one matcher and runs events
// through it, a Router those whose routes (package sigma/route) an event takes.
// Package sigma/correlate follows what matched over time.
//
// # The matcher
//
// Compile makes an Engine of many rules; a Router makes one for each class of
// events, as Channel and EventID tell them apart, when the first event of the
// class comes. Engines never change. Each goroutine has a Scanner of its own and
// meets no lock: of a Router it asks only for classes that it has not seen yet.
//
// An event goes through these steps, each of which leaves less for the next:
//
//   - It is read where it stands (package jsonline): one pass finds its
//     members and what is no JSON. The name of each is looked up once, for
//     routes and rules together; the texts that no rule of the class asks for
//     are not looked at.
//   - A text is folded eight bytes at a time, and its predicates are found
//     (package internal/literal). Predicates that are alike in many rules are
//     one: SigmaHQ's rules have 39,164 values and 29,642 predicates. Whole texts
//     and their ends are found by hash; what may stand anywhere by its rarest
//     runs of four bytes, which the text is sampled for. An automaton would wait
//     for memory at each byte and grow with every rule; a sample is 1 ns, and
//     the shortest literal of a field says how far apart samples may be.
//   - Keywords are first looked for in the line as it is, at such steps, unless
//     one of them is too short. Only if one may be there, every value is read.
//   - What literals cannot decide (regular expressions, networks, comparisons,
//     wildcards within) is left until a rule asks. A regular expression runs
//     when each literal that it demands is in the text.
//   - What many rules have in common is kept once: predicates, parts of their
//     logic, lists of the rules that wait for them, and in a Router the texts of
//     all classes. A route that only renames fields has no rule of its own.
//   - Each rule waits for its witness: the cheapest predicates of which it needs
//     one. Only rules whose witness was found are evaluated: 2.1 of 3,141 for an
//     event of Windows in its class. One rule has no witness.
//   - What is known of an event is kept in arrays by number, and is of this event
//     when its stamp is: nothing is cleared, and an event that matches nothing
//     allocates nothing.
//
// Measured by bench/detect on 11,838 events of Windows of 2,345 bytes, with the
// 3,141 rules of SigmaHQ, on one core of a busy machine (time of the processor,
// median of five; fastjson alone parses 0.9 million of these events a second):
//
//	                     rules  events/s  heap of the engine
//	routed               3,141   250,000    4.0 MB
//	unrouted             3,141    99,000    4.5 MB
//	routed, rules ×8    25,128   228,000    7.9 MB
//	unrouted, rules ×8  25,128    86,000    7.5 MB
//
// The copies are mutated, so that they ask for other texts; unrouted they match
// nine times as much, which is half of their further time. Of a routed event a quarter
// of the time is reading it, a quarter the keywords of one rule, and a quarter
// finding literals. Unrouted, half of it is for keywords of rules that are of
// other logs, too short to be looked for in the line.
//
// A line may be of any size. Values are nested 300 deep at most. The memory that
// an extraordinary event takes is let go after it.
//
// # The language
//
// Where the specification leaves something open, or tools differ, this is how
// it is read:
//
//   - A field is looked up by its name as it is written, and only when the event
//     has none of that name as a path. Names have regard to case, values have
//     none unless cased; letters are equal by Unicode's simple folding.
//   - Number 5 is met by 5, 5.0 and "5"; text '5' by 5 and "5". A number that is
//     not decimal, as 0x1f or 0755, is met by its value and by its text. Whole
//     numbers above 2^53 are compared as text.
//   - neq turns the outcome of the whole item round, so that a field that is not
//     there is different from every value.
//   - windash writes a dash (- / – — ―) in all five ways where a word follows
//     and none stands before: -param-name has one such dash. A value may have
//     five of them.
//   - base64offset leaves off the characters that hold bits of what stands
//     around the value, at both ends.
//   - Regular expressions have RE2's syntax and look around besides, all in
//     linear time; what refers back is refused, and so are repetitions of more
//     than 2,500 characters together, each of which costs 10 ns at each character
//     of a text. $ without the modifier m is the end of the text.
//   - A cidr may have bits after its prefix, which are not looked at. An IPv4
//     address in the form of IPv6 belongs to networks of IPv4.
//   - Keywords are met by values, not by names of fields.
//   - "1 of" a pattern that no search has is refused, as is every name that is
//     unknown. Words of conditions are in small letters.
//   - A key that is written twice in a mapping is refused, since one of both
//     would be lost.
//   - A filter takes away what it describes: its condition is "selection". Where
//     the condition is of nothing but negations ("not selection", as pySigma
//     writes) it says what is kept, which comes to the same.
//   - The older form of several rules in a file (action: global, reset, repeat)
//     is read; its aggregations after a pipe are refused.
//   - Months and years as timespans have their mean length.
//
// The packages below sigma are a library of their own: they import nothing of
// the program around them.
package sigma
