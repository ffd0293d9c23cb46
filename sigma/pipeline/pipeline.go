// Package pipeline rewrites rules for a source of logs.
package pipeline

import "github.com/binnaclehq/binnacle/sigma"

// Pipeline is a list of rewritings.
type Pipeline struct{ Name string }

// Apply returns a rewritten copy of a rule.
func (p *Pipeline) Apply(rule *sigma.Rule) (*sigma.Rule, error) { return rule.Clone(), nil }
