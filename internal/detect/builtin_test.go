package detect_test

import (
	"bytes"
	"io"
	"path"
	"testing"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/route"
)

// The built-in detections find their hits among all of them, and through the
// ready routes: an event of their logs is known for one.
func TestBuiltInDetectionsAreRouted(t *testing.T) {
	c, err := sigma.LoadFS(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	table, err := route.Ready()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := detect.Prepare(c, nil, table)
	if err != nil || len(rules.Problems) > 0 || len(rules.Unrouted) > 0 {
		t.Fatal(err, rules.Problems, rules.Unrouted)
	}
	folders, err := content.Detections.ReadDir("detections")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, d := range folders {
		if !d.IsDir() {
			continue
		}
		tried++
		data, err := content.Detections.ReadFile(path.Join("detections", d.Name(), detect.HitsFile))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		_, err = rules.Run(t.Context(), []detect.Input{{Name: d.Name(), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}},
			detect.Sink{Match: func(m detect.Match) error { found[m.RuleID] = true; return nil }, Bad: func(file string, p eventfile.Problem) { t.Errorf("%s:%d: %s", file, p.Line, p.Why) }})
		if err != nil {
			t.Fatal(err)
		}
		ours := false
		for _, r := range c.Rules {
			ours = ours || path.Base(path.Dir(r.File)) == d.Name() && found[r.ID]
		}
		for _, r := range c.Correlations {
			ours = ours || path.Base(path.Dir(r.File)) == d.Name() && found[r.ID]
		}
		if !ours {
			t.Errorf("%s: its hits are not found, but %v", d.Name(), found)
		}
	}
	if tried < 60 {
		t.Errorf("only %d detections", tried)
	}
}
