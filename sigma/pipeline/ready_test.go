package pipeline_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/internal/plain"
	"github.com/binnaclehq/binnacle/sigma/internal/testdata"
	"github.com/binnaclehq/binnacle/sigma/pipeline"
)

func TestReadyAreThere(t *testing.T) {
	names := pipeline.ReadyNames()
	if got, want := strings.Join(names, " "), "auditd cloudtrail kubernetes-audit ocsf sysmon windows-security winlogbeat"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range names {
		if p, err := pipeline.Ready(name); err != nil || p.Name != name {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := pipeline.ReadyText(name); err != nil || !bytes.HasPrefix(text, []byte("# ")) {
			t.Errorf("%s does not begin with what it is for: %v", name, err)
		}
	}
	if _, err := pipeline.Ready("sysmn"); err == nil || !strings.Contains(err.Error(), `did you mean "sysmon"?`) {
		t.Errorf("got %v", err)
	}
}

// TestReady runs testdata/ready: for each a list of ready pipelines, a rule and
// what it becomes, and events as they really are.
func TestReady(t *testing.T) {
	data, err := fs.ReadFile(os.DirFS("testdata/ready"), "cases.yml")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Use    []string
		Rule   string
		Want   string
		Error  string
		Hits   []string // JSON
		Misses []string
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for i, c := range cases {
		var all []*pipeline.Pipeline
		for _, name := range c.Use {
			used[name] = true
			p, err := pipeline.Ready(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
		rule, err := pipeline.Join(all...).Apply(parse(t, "title: t\n"+c.Rule))
		if err != nil {
			if c.Error == "" || !strings.Contains(err.Error(), c.Error) {
				t.Errorf("case %d %v: %v, want %s", i, c.Use, err, c.Error)
			}
			continue
		}
		if got := show(rule); got != strings.TrimSpace(c.Want) {
			t.Errorf("case %d %v: got\n%s\nwant\n%s", i, c.Use, got, c.Want)
		}
		for j, text := range append(c.Hits, c.Misses...) {
			event := map[string]any{}
			dec := json.NewDecoder(strings.NewReader(text))
			dec.UseNumber()
			if err := dec.Decode(&event); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if hit, err := plain.Match(rule, event); err != nil || hit != (j < len(c.Hits)) {
				t.Errorf("case %d %v: match is %v, %v of\n%s", i, c.Use, hit, err, text)
			}
		}
	}
	for _, name := range pipeline.ReadyNames() {
		if !used[name] {
			t.Errorf("no case uses %s", name)
		}
	}
}

// TestReadyRewriteAll shows that the ready pipelines rewrite all of SigmaHQ's
// rules, but for those whose logs do not have what they look for.
func TestReadyRewriteAll(t *testing.T) {
	c, err := sigma.Load(testdata.Path(t, "sigma", "sigmahq-rules.tar.gz"))
	if err != nil || len(c.Rules) != 3780 {
		t.Fatalf("%d rules, %v", len(c.Rules), err)
	}
	for _, use := range [][]string{{"sysmon"}, {"windows-security"}, {"auditd"}, {"cloudtrail"}, {"kubernetes-audit"}, {"ocsf"}, {"sysmon", "winlogbeat"}, {"windows-security", "winlogbeat"}} {
		var all []*pipeline.Pipeline
		for _, name := range use {
			p, err := pipeline.Ready(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, p)
		}
		joined, changed := pipeline.Join(all...), 0
		for _, rule := range c.Rules {
			out, err := joined.Apply(rule)
			if err != nil {
				if use[0] != "auditd" || !strings.Contains(err.Error(), "no path and no command line of the parent") {
					t.Errorf("%v: %v", use, err)
				}
				continue
			}
			if show(out) != show(rule) {
				changed++
			}
		}
		if changed < 10 {
			t.Errorf("%v changed %d rules", use, changed)
		}
	}
}
