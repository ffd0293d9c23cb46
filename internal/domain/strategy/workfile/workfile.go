// Package workfile reads and writes lists of work items as CSV files: what was
// asked for, begun and finished, which is all a forecast needs.
//
// The columns are found by name in the forms that trackers export:
//
//	Lighthouse    ID,Name,State,Type,Started Date,Closed Date[,Created Date,Parent Reference Id,Tags,Url,Owning Team,Estimated Size,Depends On]
//	Azure DevOps  ID,Work Item Type,Title,State,Tags,Activated Date,Closed Date,Parent
//	Jira          Issue key,Summary,Status,Issue Type,Created,Resolved,Parent key,Labels
//	Linear        ID,Title,Status,Created,Started,Completed,Parent issue,Labels,Team
//
// and any other by saying which column is which. How dates are written is found
// over all of them: 7.6.2025 is a day of June, and 7/6/2025 is refused unless
// another date or the caller says which number is the month.
//
// A row that cannot be understood is a problem with its line and column, and
// the rest is returned.
package workfile

import (
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Limits of one file, so that a hostile one costs little.
const (
	MaxBytes = 64 << 20
	MaxItems = 200_000
	MaxText  = 2_000 // bytes of one value
)

// Category is what a state means for a forecast.
type Category string

// The categories.
const (
	Open    Category = "open"    // still to be done
	Done    Category = "done"    // finished
	Removed Category = "removed" // will not be done: neither work left nor work finished
)

// Item is one work item.
type Item struct {
	ID       string
	Name     string
	State    string // as the tracker calls it
	Category Category
	Type     string
	Created  time.Time // zero when not known, as the two below
	Started  time.Time
	Closed   time.Time
	Parent   string // ID
	Tags     []string
	URL      string
	Team     string
	Size     int      // an estimate in items, for one that is not broken down yet; 0 when there is none
	After    []string // IDs of what it waits for
	Line     int      // in the file
}

// Options steer Read.
type Options struct {
	// Map says which column holds a field (see Fields) when its name does not
	// tell: "closed" to "Resolved at". "-" does without the field.
	Map map[string]string
	// Dates says how dates are written, when they do not tell: the order of d,
	// m and y, as "d/m/y".
	Dates string
	// States say what a state means, in any case, beyond the common words.
	Done, Removed []string
}

// field is a column this package knows.
type field struct {
	name    string
	title   string   // as Lighthouse heads it, and as Write does
	aliases []string // as others do
	need    bool
	many    bool // may stand several times
}

var fields = []field{
	{name: "id", title: "ID", aliases: []string{"Issue key", "Key", "Issue ID", "Work Item ID", "Number"}, need: true},
	{name: "name", title: "Name", aliases: []string{"Title", "Summary"}, need: true},
	{name: "state", title: "State", aliases: []string{"Status"}, need: true},
	{name: "type", title: "Type", aliases: []string{"Work Item Type", "Issue Type"}},
	{name: "started", title: "Started Date", aliases: []string{"Started", "Activated Date", "Start Date", "In Progress Date"}, need: true},
	{name: "closed", title: "Closed Date", aliases: []string{"Closed", "Completed", "Completed Date", "Resolved", "Resolved Date", "Done Date", "Closed At"}, need: true},
	{name: "created", title: "Created Date", aliases: []string{"Created", "Created At"}},
	{name: "parent", title: "Parent Reference Id", aliases: []string{"Parent", "Parent key", "Parent issue", "Parent ID", "Epic Link", "Epic"}},
	{name: "tags", title: "Tags", aliases: []string{"Labels", "Label"}, many: true},
	{name: "url", title: "Url", aliases: []string{"Link"}},
	{name: "team", title: "Owning Team", aliases: []string{"Team"}},
	{name: "size", title: "Estimated Size"},
	{name: "after", title: "Depends On", aliases: []string{"Blocked by"}},
}

// Fields lists the names of the fields, as Options.Map takes them.
func Fields() []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// Read reads the items of a file, in its order. An ID that stands twice is
// normal in exports: the later row counts, and repeated says how many did not.
// What is wrong with the file as a whole leaves no items.
func Read(file string, data []byte, opt Options) (items []Item, repeated int, problems []fault.Problem) {
	p := &parser{Sheet: sheet.Sheet{File: file, Coded: newProblem, Limits: sheet.Limits{Bytes: MaxBytes, Rows: MaxItems, Problems: maxProblems}}, opt: opt}
	items = p.read(data)
	return items, p.repeated, p.Problems
}

// doneWords, removedWords and openWords are what states are commonly called.
var (
	doneWords    = words("done,closed,completed,complete,resolved,released,finished,shipped,deployed,accepted,fixed,hecho,cerrado,terminado,completado,resuelto")
	removedWords = words("removed,cancelled,canceled,won't do,wont do,won't fix,wontfix,duplicate,rejected,abandoned,obsolete,descartado,cancelado,rechazado,duplicado")
	openWords    = words("new,to do,todo,open,reopened,backlog,ready,planned,proposed,approved,committed,active,in progress,doing,started,in development,in review,review,testing,in test,verification,blocked,waiting,on hold,triage,analysis,selected for development,pendiente,abierto,en curso,en progreso,bloqueado,nuevo,en revisión,por hacer")
)

func words(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.SplitSeq(list, ",") {
		m[w] = true
	}
	return m
}

// category says what a state means: the words of the options first, then the
// common ones; any other is finished when it has a day it was closed on.
func (o Options) category(state string, closed time.Time) Category {
	s := strings.ToLower(strings.Join(strings.Fields(state), " "))
	has := func(list []string) bool {
		for _, w := range list {
			if strings.EqualFold(strings.TrimSpace(w), s) {
				return true
			}
		}
		return false
	}
	switch {
	case has(o.Removed):
		return Removed
	case has(o.Done):
		return Done
	case removedWords[s]:
		return Removed
	case doneWords[s] && o.Done == nil:
		return Done
	case openWords[s] || o.Done != nil || closed.IsZero():
		return Open
	}
	return Done
}
