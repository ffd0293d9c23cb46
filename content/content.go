// Package content holds what ships as data. Sample is a ticketing company that
// does not exist, with its people, its software and its decisions: things that
// go well and things that do not.
package content

import "embed"

// Sample holds the sample organisation as files to apply, under "sample".
//
//go:embed sample
var Sample embed.FS
