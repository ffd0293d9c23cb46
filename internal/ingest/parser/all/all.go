// Package all lists every format of events that the program reads.
package all

import (
	"slices"

	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/auditd"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/cef"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/cloudtrail"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/filebeat"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/github"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/keyvalue"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/kubernetes"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/leef"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/linux"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/okta"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/suricata"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/weblog"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/windows"
	"github.com/binnaclehq/binnacle/internal/ingest/parser/zeek"
)

// objects and lines are in the order in which a record is tried on them: those
// that are sure of theirs first.
var (
	objects = []parser.Format{cloudtrail.Format(), kubernetes.Format(), okta.Format(), windows.Format(), suricata.Format(), zeek.Format(), github.Format(), linux.Journal()}
	lines   = slices.Concat([]parser.Format{auditd.Format(), cef.Format(), leef.Format(), linux.Format()}, weblog.Formats(), []parser.Format{keyvalue.Format()})
	formats = slices.Concat(objects, []parser.Format{filebeat.Format(lines)}, lines)
)

// others are formats that fit everything.
var others = []parser.Format{parser.Object(), parser.Text(), parser.Auto(formats)}

// Formats returns every format: "auto" first, then the others as they are tried.
func Formats() []parser.Format {
	list := []parser.Format{others[2]}
	list = append(list, formats...)
	return append(list, others[:2]...)
}

// Get returns the format of a name. The empty name is "auto".
func Get(name string) (parser.Format, bool) {
	if name == "" {
		name = "auto"
	}
	list := Formats()
	i := slices.IndexFunc(list, func(f parser.Format) bool { return f.Name == name })
	if i < 0 {
		return parser.Format{}, false
	}
	return list[i], true
}
