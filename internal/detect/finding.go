package detect

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// Finding is what a rule, a correlation or an indicator found while events came
// in, or later over what is stored. A replay gives findings of the same names.
type Finding struct {
	Org  string
	Name string // follows from rule, group and window: the same finding has the same
	Rule Told

	Group []GroupField // what the alert is about: the group of a correlation, else host, user and address as far as they are known
	Start time.Time    // of the first event that counts, in Events or not; where none counts, of the window
	End   time.Time
	Value float64 // what a correlation counted; 1 of a rule

	Events []Seen         // the newest of those that count, the oldest of them first
	More   int            // that count and are not in Events
	Fields map[string]any // what the rule found, by the event's names: a text, or several
	Late   bool           // found over stored events: a gap re-run, or a retro-hunt
	About  []GroupField   // the AssetFields that the first event has, whether the rule looks at them or not
}

// AssetFields are the fields of an event that name what it happened to, the
// surest first.
var AssetFields = []string{event.ServiceName, event.Host, "host.hostname", "host.id", "orchestrator.resource.name", "kubernetes.deployment.name", "kubernetes.pod.name", "objectRef.name", "kubernetes.namespace", "orchestrator.namespace", "container.name",
	"cloud.instance.id", "resource.name", "requestParameters.bucketName", "requestParameters.dBInstanceIdentifier", "requestParameters.functionName", "github.repository", "repo", "repository"}

// Told is what is to be known of the rule of a finding.
type Told struct {
	ID             string
	Title          string
	Description    string
	Level          string // informational, low, medium, high, critical; as tuned
	Tags           []string
	FalsePositives []string
	References     []string
	Author         string
	Kind           string // rule, correlation, indicator
	Origin         string // builtin, own, or the name of the rule set
	Detection      string // reference of the entity that tunes or holds it; "" for none
	Revision       int64  // of that entity
}

// GroupField is a field that findings are grouped by.
type GroupField struct{ Name, Value string }

// Seen is an event of a finding.
type Seen struct {
	ID     string
	Time   time.Time
	Source string
}
