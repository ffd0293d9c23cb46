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
//     linear time; what refers back is refused. $ without the modifier m is the
//     end of the text.
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
