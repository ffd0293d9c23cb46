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
// through it. Package sigma/correlate follows what matched over time.
//
// The packages below sigma are a library of their own: they import nothing of
// the program around them.
package sigma
