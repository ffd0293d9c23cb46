package catalog

import (
	"encoding/json"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Caller is who asks, and through which hand. Manager names the hand that holds
// fields in a three-way merge ("form", "apply", "api"); files applied by two
// pipelines should use two names. Reason is kept with each revision.
type Caller struct {
	auth.Principal
	Manager string
	Reason  string
}

// Document is one entity read from a file, with the lines its fields stand on.
type Document struct {
	Entity   *entity.Entity
	File     string
	Line     int
	Warnings []Warning
	// Base, when not 0, is the revision this document was made from: it is
	// merged over that one, and not over what its manager said last.
	Base  int64
	lines map[string][2]int // field path to line and column
}

// Warning is something odd that was accepted. As a note it tells only what was
// done, as that an unknown field was kept.
type Warning struct {
	File  string   `json:"file,omitempty"`
	Line  int      `json:"line,omitempty"`
	Ref   string   `json:"ref,omitempty"`
	Field string   `json:"field,omitempty"`
	Code  string   `json:"code,omitempty"` // as of a fault.Problem
	Msg   string   `json:"message"`
	Args  []string `json:"args,omitempty"`
	Hint  string   `json:"hint,omitempty"`
	Note  bool     `json:"note,omitempty"`
}

// Problem returns the warning in the form of a problem, to be shown like one.
func (w Warning) Problem() fault.Problem {
	return fault.Problem{File: w.File, Line: w.Line, Ref: w.Ref, Field: w.Field, Code: w.Code, Msg: w.Msg, Args: w.Args, Hint: w.Hint}
}

// Op is what a change did.
type Op string

// The operations, as revisions and results name them.
const (
	Created   Op = "created"
	Updated   Op = "updated"
	Unchanged Op = "unchanged"
	Deleted   Op = "deleted"
	Renamed   Op = "renamed"
	Restored  Op = "restored"
	Restated  Op = "restated" // a new status, without a revision
)

// ApplyOptions steer Apply.
type ApplyOptions struct {
	DryRun bool // say what would happen and write nothing
	Force  bool // take the file's value where another hand changed the same field
	// Prune deletes entities with these labels that an earlier apply of the
	// same manager made and this one does not name. Empty: nothing is pruned.
	Prune string
}

// ApplyResult says what an apply did, entity by entity in the order given,
// pruned ones last.
type ApplyResult struct {
	Changes  []Change  `json:"changes"`
	Warnings []Warning `json:"warnings,omitempty"`
	DryRun   bool      `json:"dryRun,omitempty"`
}

// Change is what was done to one entity.
type Change struct {
	Ref    string         `json:"ref"`
	Op     Op             `json:"op"`
	Rev    int64          `json:"rev"`
	Fields []FieldChange  `json:"fields,omitempty"`
	Entity *entity.Entity `json:"-"`
}

// FieldChange is the change of one field; Before or After is nil where the
// field was not there.
type FieldChange struct {
	Path   string          `json:"path"` // "spec.owner", "metadata.labels.tier", "spec.entries[3].ring"
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Query asks for a list. The zero Query lists everything the caller may read,
// by name.
type Query struct {
	Kinds     []string            // names of kinds; empty: all
	Namespace string              // empty: all
	Labels    string              // selector: "tier=1,team in (a, b),!legacy,env!=dev"
	Tags      []string            // all of them
	Owner     string              // a reference; its exact owner
	Refs      []string            // these alone, by their full references
	Fields    map[string][]string // path of a filterable field to allowed values: {"spec.type": {"service"}}
	CEL       string              // spec.tier == 1 && !has(metadata.owner)
	// Text holds words that must all be found, each as the beginning of one.
	Text    string
	Sort    string // "name" (default), "title", "updated", "created", "kind", "owner" or the path of a column
	Desc    bool
	Limit   int    // 1 to 1000; 0: 50
	Cursor  string // Page.Next of the page before
	NoTotal bool   // do not count
}

// Page is one page of a list.
type Page struct {
	Items []*entity.Entity
	Next  string // cursor of the next page; "" at the end
	// Total counts all matches; -1 when they were not counted, as under a CEL
	// filter. More says that it means "at least" and that there are more than the
	// pages show: thousands of words begin as one of Query.Text does.
	Total int
	More  bool
}

// FacetCount is how many entities have one value of a field.
type FacetCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Hit is one result of a search.
type Hit struct {
	Ref     string    `json:"ref"`
	Kind    string    `json:"kind"`
	Title   string    `json:"title"`
	Owner   string    `json:"owner,omitempty"`
	Snippet string    `json:"snippet"` // plain text; matches stand between \x02 and \x03
	Updated time.Time `json:"updated"`
}

// Revision is one state of an entity that was kept.
type Revision struct {
	Rev     int64          `json:"rev"`
	Op      Op             `json:"op"`
	At      time.Time      `json:"at"`
	Author  string         `json:"author"`     // account id, or "system"
	Name    string         `json:"authorName"` // as it was then
	Manager string         `json:"manager"`
	Reason  string         `json:"reason,omitempty"`
	Ref     string         `json:"ref"`
	Entity  *entity.Entity `json:"entity"` // for a deletion: as it was before
}

// Relation is one edge seen from one end.
type Relation struct {
	Type   string `json:"type"` // "ownedBy"; from the other end the inverse, "ownerOf"
	Field  string `json:"field"`
	Ref    string `json:"ref"` // the other end, by its present name
	Kind   string `json:"kind"`
	Title  string `json:"title,omitempty"`
	Out    bool   `json:"out"`           // the edge is written in the entity asked about
	Exists bool   `json:"exists"`        // false: the reference dangles
	Sub    string `json:"sub,omitempty"` // a second line: the type of a component
}

// Graph is the neighbourhood of an entity.
type Graph struct {
	Nodes []Node `json:"nodes"` // the first is the one asked about
	Edges []Edge `json:"edges"`
	More  int    `json:"more"` // neighbours left out over the limit
}

// Node is an entity of a graph, Depth steps from the centre.
type Node struct {
	Ref    string `json:"ref"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Sub    string `json:"sub,omitempty"`
	Depth  int    `json:"depth"`
	Exists bool   `json:"exists"`
}

// Edge goes from the entity that holds the reference to the one it names.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Type string `json:"type"`
}
