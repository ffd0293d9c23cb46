package sigma

import "go.yaml.in/yaml/v3"

// ParseSearch reads a node as rules write a search: a mapping of fields, a list
// or keywords. The file is for problems.
func ParseSearch(file string, n *yaml.Node) (Node, []Problem) {
	r := &reader{file: file}
	return r.body(n, 0), r.problems
}
