package pipeline

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

//go:embed ready/*.yml
var readyFiles embed.FS

// ReadyNames returns the names of the pipelines that come with the library,
// sorted. What each is for stands at its head.
func ReadyNames() []string {
	var names []string
	entries, _ := readyFiles.ReadDir("ready")
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yml"))
	}
	slices.Sort(names)
	return names
}

// ReadyText returns the file of a pipeline that comes with the library.
func ReadyText(name string) ([]byte, error) {
	data, err := readyFiles.ReadFile(path.Join("ready", name+".yml"))
	if err != nil {
		return nil, fmt.Errorf("there is no ready pipeline %q%s; there are %s", name, strict.Near(name, ReadyNames()), strings.Join(ReadyNames(), ", "))
	}
	return data, nil
}

// Ready returns a pipeline that comes with the library.
func Ready(name string) (*Pipeline, error) {
	data, err := ReadyText(name)
	if err != nil {
		return nil, err
	}
	p, problems := Read(name+".yml", data)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	return p, nil
}
