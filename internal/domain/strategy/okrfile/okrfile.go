// Package okrfile reads and writes lists of objectives and key results as CSV
// files. Which tool wrote a file is told by its header:
//
//	Appfire OKR for Jira  Order,Type,Summary,Status,Period,Owner,Weight,OKR type,Labels,Teams,Expected start date,Expected end date,Start value,Current value,Target value,Description
//	Betterworks           name,type,progress,start_date,end_date,owner_email,categories,description
//	xto10x                Objective Title,Owner_Email_ID,Start_Date,Due_Date,Description,Metric_Name,Metric_Type,Metric_Start_Value,Metric_Target_Value
//
// In Appfire's the order gives the tree: 1.2 is below 1. Values are separated by
// commas, semicolons or tabs, with or without a byte order mark. How dates and
// numbers are written is found over all of them together; one that fits two ways
// when nothing tells which is refused with its line and column. A row that is
// refused takes along those below it, and the rest is returned.
package okrfile

import (
	"embed"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/domain/strategy/sheet"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Text holds the messages of problems in each language, as lang.Load reads
// them.
//
//go:embed text.en.json text.es.json
var Text embed.FS

// newProblem makes a problem from its code, "okr." before it.
var newProblem = fault.Coded("okr", Text)

// Limits of one file, so that a hostile one costs little.
const (
	MaxBytes = 16 << 20
	MaxGoals = 20_000
	MaxText  = 4_000 // bytes of one value
	MaxDepth = 10    // parts of an order

	maxProblems = 200
)

// Format names who writes a form of file.
type Format string

// The formats.
const (
	Appfire     Format = "appfire"
	Betterworks Format = "betterworks"
	Xto10x      Format = "xto10x"
)

// Kind is what a row is.
type Kind string

// The kinds.
const (
	Objective Kind = "objective"
	KeyResult Kind = "key-result"
)

// State is where an objective stands; "" when the file does not say in a way
// that is known.
type State string

// The states.
const (
	Draft    State = "draft"
	Active   State = "active"
	Achieved State = "achieved"
	Missed   State = "missed"
	Dropped  State = "dropped"
)

// Goal is one objective or key result.
type Goal struct {
	Kind        Kind
	Parent      int    // place among the goals of what it is below; -1: nothing
	Order       string // as "1.2.1"; made up for formats without one
	Title       string
	Description string
	Status      string // as the file has it
	State       State  // of an objective
	Period      string // as "Q3 2026"; "" when only its days are known
	From, To    time.Time
	Owner       string // a name, an address, or what a tool has
	Level       string
	Labels      []string
	Teams       []string
	Weight      *float64
	Milestone   bool // a key result that is done or not, and has no numbers
	Start       *float64
	Current     *float64
	Target      *float64
	Unit        string
	Line        int
}

// Options steer Read.
type Options struct {
	Dates    string // how dates are written, when they do not tell: "dmy" or "mdy"
	Decimals string // what comes before decimals, when the numbers do not tell: "." or ","
}

// Read reads the goals of a file in its order. What is wrong with the file as a
// whole leaves none.
func Read(file string, data []byte, opt Options) (format Format, goals []Goal, problems []fault.Problem) {
	p := &parser{Sheet: sheet.Sheet{File: file, Coded: newProblem, Limits: sheet.Limits{Bytes: MaxBytes, Rows: MaxGoals, Problems: maxProblems}}, opt: opt}
	goals = p.read(data)
	return p.form.format, goals, p.Problems
}

// field is a column that this package knows.
type field struct {
	name string
	head string // as the tool writes it
	need bool
}

// form is how one tool lays its files out.
type form struct {
	format Format
	marks  []string // names of the fields by which it is told
	fields []field
	goals  func(*parser, []sheet.Row) []Goal
}

func forms() []form {
	return []form{
		{Appfire, []string{"order", "summary"}, appfireFields, (*parser).appfire},
		{Xto10x, []string{"objective", "metric"}, []field{{"objective", "Objective Title", true}, {"owner", "Owner_Email_ID", false}, {"from", "Start_Date", false}, {"to", "Due_Date", false}, {"description", "Description", false},
			{"metric", "Metric_Name", true}, {"kind", "Metric_Type", false}, {"start", "Metric_Start_Value", false}, {"target", "Metric_Target_Value", false}}, (*parser).xto10x},
		{Betterworks, []string{"name", "type"}, []field{{"name", "name", true}, {"type", "type", true}, {"current", "progress", false}, {"from", "start_date", false}, {"to", "end_date", false},
			{"owner", "owner_email", false}, {"labels", "categories", false}, {"description", "description", false}}, (*parser).betterworks},
	}
}

var appfireFields = []field{
	{"order", "Order", true}, {"type", "Type", true}, {"summary", "Summary", true}, {"status", "Status", false}, {"period", "Period", false}, {"owner", "Owner", false}, {"weight", "Weight", false},
	{"level", "OKR type", false}, {"labels", "Labels", false}, {"teams", "Teams", false}, {"from", "Expected start date", false}, {"to", "Expected end date", false},
	{"start", "Start value", false}, {"current", "Current value", false}, {"target", "Target value", false}, {"description", "Description", false},
}

// statusWords are what the states of objectives are called.
var statusWords = map[State][]string{
	Draft:    {"draft", "planned", "not started", "to do", "todo", "backlog", "proposed", "borrador", "pendiente", "no iniciado", "planificado"},
	Active:   {"active", "open", "in progress", "on track", "at risk", "off track", "behind", "started", "activo", "abierto", "en curso", "en progreso", "en plazo", "en riesgo", "fuera de plazo"},
	Achieved: {"achieved", "done", "completed", "complete", "closed", "met", "logrado", "completado", "cerrado", "hecho", "cumplido"},
	Missed:   {"missed", "not achieved", "failed", "not met", "no logrado", "no cumplido", "fallido"},
	Dropped:  {"dropped", "cancelled", "canceled", "abandoned", "archived", "won't do", "abandonado", "cancelado", "archivado", "descartado"},
}

// stateOf reads a status.
func stateOf(status string) State {
	s := squeeze(status)
	for _, state := range []State{Draft, Active, Achieved, Missed, Dropped} {
		if slices.Contains(statusWords[state], s) {
			return state
		}
	}
	return ""
}
