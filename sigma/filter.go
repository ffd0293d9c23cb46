package sigma

// Filter takes matches away from rules: an event that it describes is no match
// of theirs.
type Filter struct {
	Pos
	ID, Name, Title        string
	Taxonomy               string
	Status, Description    string
	Author, Date, Modified string
	References             []string
	Logsource              Logsource
	AnyRule                bool     // every rule of the Logsource
	Rules                  []string // ids or names
	Detection              Detection
	Custom                 map[string]any
}
