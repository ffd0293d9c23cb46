package detect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/sigma"
)

// The files beside a rule that say what it must match, and what it must not.
const (
	HitsFile   = "hits.jsonl"
	MissesFile = "misses.jsonl"
)

// Failure is an example that came out otherwise.
type Failure struct {
	File string
	Line int
	Why  string
}

func (f Failure) String() string {
	return sigma.Pos{File: f.File, Line: f.Line}.String() + ": " + f.Why
}

// Tested is what the examples of a folder showed.
type Tested struct {
	Dir      string
	Rules    int // rules and correlations
	Hits     int // events that must match
	Misses   int // events that must not
	Failures []Failure

	Correlated bool  // the folder has a correlation
	Near       int64 // matches of its rules among the misses
}

// Examples runs the rules of every folder that has hits or misses beside them, by
// path: each event of its hits must match one of its rules, and none of its
// misses may. Where the folder has a correlation, it is what must hold over all
// the hits, and over none of the misses, whatever its rules match.
func Examples(fsys fs.FS, root string) ([]Tested, error) {
	var out []Tested
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		hits, err := example(fsys, path.Join(name, HitsFile))
		if err != nil {
			return err
		}
		misses, err := example(fsys, path.Join(name, MissesFile))
		if err != nil || hits == nil && misses == nil {
			return err
		}
		t, err := exampleOf(fsys, name, hits, misses)
		out = append(out, t)
		return err
	})
	return out, err
}

// example reads a file of examples; nil when there is none.
func example(fsys fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return append([]byte{}, data...), err
}

func exampleOf(fsys fs.FS, dir string, hits, misses []byte) (Tested, error) {
	t := Tested{Dir: dir}
	c := &sigma.Collection{}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return t, err
	}
	for _, e := range entries {
		if ext := path.Ext(e.Name()); e.IsDir() || ext != ".yml" && ext != ".yaml" {
			continue
		}
		data, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return t, err
		}
		c.Add(path.Join(dir, e.Name()), data)
	}
	c.Link()
	rules, err := Prepare(c, nil, nil)
	if err != nil {
		return t, err
	}
	t.Rules = len(c.Rules) + len(c.Correlations)
	for _, p := range rules.Problems {
		t.Failures = append(t.Failures, Failure{p.File, p.Line, p.Message})
	}
	if t.Rules == 0 {
		t.Failures = append(t.Failures, Failure{dir, 0, "there are examples but no rule"})
		return t, nil
	}
	t.Correlated = len(c.Correlations) > 0
	run := exampleRun{rules: rules, out: &t}
	if t.Hits, err = run.of(path.Join(dir, HitsFile), hits, true); err != nil {
		return t, err
	}
	t.Misses, err = run.of(path.Join(dir, MissesFile), misses, false)
	return t, err
}

// exampleRun looks at the examples of one folder.
type exampleRun struct {
	rules *Rules
	out   *Tested
}

// of returns how many events a file of examples has.
func (x *exampleRun) of(name string, data []byte, hits bool) (int, error) {
	fail := func(line int, format string, args ...any) {
		x.out.Failures = append(x.out.Failures, Failure{name, line, fmt.Sprintf(format, args...)})
	}
	matched := map[int64][]string{} // by the number of the event
	held := false
	in := Input{name, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	stats, err := x.rules.Run(context.Background(), []Input{in}, Sink{
		Match: func(m Match) error {
			if held = held || m.Correlation != nil; m.Correlation != nil || !x.out.Correlated {
				matched[m.Event] = append(matched[m.Event], m.Title)
			}
			return nil
		},
		Bad: func(_ string, p eventfile.Problem) { fail(p.Line, "%s", p.Why) }})
	if err != nil {
		return 0, err
	}
	if !hits {
		x.out.Near = stats.Followed
	}
	lines := 0
	err = eventfile.Read(bytes.NewReader(data), func(e eventfile.Event) error {
		titles := matched[int64(lines)]
		lines++
		switch {
		case hits && !x.out.Correlated && len(titles) == 0:
			fail(e.Line, "no rule matches it")
		case !hits && len(titles) > 0:
			fail(e.Line, "it matches %s", strings.Join(titles, ", "))
		}
		return nil
	}, func(eventfile.Problem) {})
	switch silent := matched[-1]; {
	case !hits && len(silent) > 0:
		fail(lines, "%s holds after these %d events", strings.Join(silent, ", "), lines)
	case hits && lines == 0:
		fail(0, "there is no event that must match")
	case stats.Lost > 0:
		fail(lines, "%d matches of these %d events could not be counted: they lack a time, a field of the group, or a number", stats.Lost, lines)
	case hits && x.out.Correlated && !held:
		fail(lines, "no correlation holds over these %d events", lines)
	}
	return lines, err
}
