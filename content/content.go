// Package content holds what ships as data. Sample is a ticketing company that
// does not exist, with its people, its software and its decisions: things that
// go well and things that do not. Measures are claims and measures that are
// ready to be added. Detections are Sigma rules for the logs most companies
// have, and Playbooks say what is done when one of them finds an attack. Attack
// is what MITRE ATT&CK calls tactics and techniques.
package content

import "embed"

// Sample holds the sample organisation as files to apply, under "sample".
//
//go:embed sample
var Sample embed.FS

// Measures holds a folder for each ready-made claim or measure, under
// "measures": measure.yml, and example.yml with what it must find.
//
//go:embed measures
var Measures embed.FS

// Detections holds a folder for each ready-made detection, under "detections":
// rule.yml, and in hits.jsonl and misses.jsonl events that it must find and
// near ones that it must not. README.md says more.
//
//go:embed detections
var Detections embed.FS

// Playbooks holds templates of the work of a security case, under "playbooks".
//
//go:embed playbooks
var Playbooks embed.FS

// Attack is the catalogue of MITRE ATT&CK Enterprise: tactics and techniques with
// their platforms and log sources. attack/README.md says where it is from.
//
//go:embed attack/enterprise.json
var Attack []byte
