package api

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// The shapes of answers and bodies that are not entities. The tags doc become
// the OpenAPI document.

type entityList struct {
	Items        []*entity.Entity `json:"items"`
	Next         string           `json:"next,omitempty" doc:"The cursor of the next page; not there on the last."`
	Total        *int             `json:"total,omitempty" doc:"How many match."`
	TotalAtLeast bool             `json:"totalAtLeast,omitempty" doc:"Counting stopped: there are more than total."`
}

// written is what a change did.
type written struct {
	catalog.Change
	Entity *entity.Entity `json:"entity" doc:"The entity after the change; what was deleted, as it was before."`
}

type revisionList struct {
	Items []catalog.Revision `json:"items"`
	Next  int64              `json:"next,omitempty" doc:"Value of before for the next page; not there on the last."`
}

type comparison struct {
	From   int64                 `json:"from" doc:"The revision compared with; 0 is nothing."`
	To     int64                 `json:"to"`
	Fields []catalog.FieldChange `json:"fields"`
}

type restoring struct {
	Rev int64 `json:"rev" min:"1" doc:"The revision to bring back."`
}

type renaming struct {
	Name string `json:"name" min:"1" max:"128" doc:"The new name, in the same namespace."`
}

type relationList struct {
	Items []catalog.Relation `json:"items"`
}

type facetList struct {
	Items []catalog.FacetCount `json:"items"`
}

// hit is one result of a search.
type hit struct {
	Ref         string    `json:"ref"`
	Kind        string    `json:"kind"`
	Title       string    `json:"title"`
	Owner       string    `json:"owner,omitempty"`
	Snippet     string    `json:"snippet" doc:"Where it was found, as plain text."`
	SnippetHTML string    `json:"snippetHTML" doc:"The same as HTML: escaped, what was found inside <mark>."`
	Updated     time.Time `json:"updated"`
}

type hitList struct {
	Items []hit `json:"items"`
}

// kindInfo describes a kind.
type kindInfo struct {
	Name        string   `json:"name"`
	Plural      string   `json:"plural" doc:"As in addresses."`
	Short       []string `json:"short" doc:"Other names on the command line."`
	Room        string   `json:"room"`
	Title       string   `json:"title"`
	Titles      string   `json:"titles"`
	Doc         string   `json:"doc"`
	APIVersions []string `json:"apiVersions"`
	Open        bool     `json:"open" doc:"Unknown spec fields are kept."`
	Personal    bool     `json:"personal" doc:"About a person: looks by others go into the audit log."`
	Count       int      `json:"count" doc:"How many there are."`
	Verbs       []string `json:"verbs" doc:"What the caller may do: read, write, delete."`
	Filters     []string `json:"filters" doc:"Paths of fields that a list can be filtered by."`
	Columns     []string `json:"columns" doc:"Paths of fields that a list shows and sorts by."`
}

type kindList struct {
	Items []kindInfo `json:"items"`
}

type kindDetail struct {
	kindInfo
	Schema   map[string]any `json:"schema" doc:"JSON Schema 2020-12 of the whole entity."`
	Examples []string       `json:"examples" doc:"YAML files that apply."`
}

type explanation struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

type versionInfo struct {
	Version string    `json:"version"`
	API     string    `json:"api"`
	Go      string    `json:"go,omitempty" doc:"With started and store: only for who may monitor."`
	Started time.Time `json:"started,omitzero"`
	Store   string    `json:"store,omitempty" doc:"The relational store: sqlite or postgres."`
}

type formatInfo struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Doc     string   `json:"doc"`
	Room    string   `json:"room"`
	Accept  []string `json:"accept,omitempty" doc:"Of an importer: the endings of its files."`
	Formats []string `json:"formats,omitempty" doc:"Of an exporter: what it can write, its usual one first."`
}

type formatList struct {
	Import []formatInfo `json:"import"`
	Export []formatInfo `json:"export"`
}
