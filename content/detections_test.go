package content_test

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/ingest/eventfile"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
)

// TestDetections tries every detection on its events.
func TestDetections(t *testing.T) {
	tested, err := detect.Examples(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	if len(tested) < 60 {
		t.Fatalf("only %d detections", len(tested))
	}
	for _, x := range tested {
		t.Run(path.Base(x.Dir), func(t *testing.T) {
			for _, f := range x.Failures {
				t.Error(f)
			}
			if x.Hits == 0 || x.Misses == 0 {
				t.Errorf("%d hits, %d misses", x.Hits, x.Misses)
			}
			if !x.Correlated && x.Rules != 1 {
				t.Errorf("%d rules and no correlation; give each rule a folder", x.Rules)
			}
			if x.Correlated && x.Near == 0 {
				t.Error("misses.jsonl is not near: no rule of the correlation matches any of its events")
			}
		})
	}
}

// folders are those of the detections, by path.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := content.Detections.ReadDir("detections")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, path.Join("detections", e.Name()))
		}
	}
	return out
}

// TestDetectionsTogether looks at what all of them have to have, and at what no
// two of them may share.
func TestDetectionsTogether(t *testing.T) {
	all, err := sigma.LoadFS(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range slices.Concat(all.Problems, all.Check()) { // ids and names that are there twice are among them
		t.Error(p)
	}
	parts := map[string]bool{} // what correlations are over, by id and name
	for _, c := range all.Correlations {
		for _, name := range c.Rules {
			parts[name] = true
		}
	}
	titles := map[string]sigma.Pos{}
	for _, doc := range documents(all) {
		if was, ok := titles[doc.title]; ok {
			t.Errorf("%s: %s has the title %q too", doc.pos, was, doc.title)
		}
		titles[doc.title] = doc.pos
		doc.check(t, !parts[doc.id] && !parts[doc.name])
	}
	for _, folder := range folders(t) {
		var names []string
		entries, _ := content.Detections.ReadDir(folder)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if want := []string{"hits.jsonl", "misses.jsonl", "rule.yml"}; !slices.Equal(names, want) {
			t.Errorf("%s holds %q, want %q", folder, names, want)
		}
	}
}

// document is what rules and correlations have in common.
type document struct {
	pos                          sigma.Pos
	id, name, title, description string
	author, date, level          string
	tags, falsePositives         []string
}

func documents(c *sigma.Collection) []document {
	var out []document
	for _, r := range c.Rules {
		out = append(out, document{r.Pos, r.ID, r.Name, r.Title, r.Description, r.Author, r.Date, r.Level, r.Tags, r.FalsePositives})
	}
	for _, r := range c.Correlations {
		out = append(out, document{r.Pos, r.ID, r.Name, r.Title, r.Description, r.Author, r.Date, r.Level, r.Tags, r.FalsePositives})
	}
	return out
}

var (
	uuid4     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	tactic    = regexp.MustCompile(`^attack\.[a-z-]+$`)
	technique = regexp.MustCompile(`^attack\.t\d{4}(\.\d{3})?$`)
)

// check says what a document lacks. One that is told to people says what to do.
func (d document) check(t *testing.T, told bool) {
	t.Helper()
	lacks := func(ok bool, what string) {
		if !ok {
			t.Errorf("%s: %q lacks %s", d.pos, d.title, what)
		}
	}
	lacks(uuid4.MatchString(d.id), "an id that is a UUID of version 4")
	lacks(d.author == "Binnacle", "the author Binnacle")
	lacks(d.date != "", "a date")
	lacks(d.description != "", "a description")
	if !told {
		lacks(d.level == "informational", "the level informational of what only feeds a correlation")
		return
	}
	lacks(d.level != "" && d.level != "informational", "a level")
	lacks(strings.Contains(d.description, "What to do: "), "what to do in its description")
	lacks(len(d.falsePositives) > 0, "falsepositives")
	lacks(slices.ContainsFunc(d.tags, tactic.MatchString), "a tactic of ATT&CK")
	lacks(!slices.Contains(d.tags, "attack.defense-evasion"), "the tactics of ATT&CK 19, which split defense-evasion")
	lacks(slices.ContainsFunc(d.tags, technique.MatchString), "a technique of ATT&CK")
}

// TestDetectionsOfAttack runs the rules for CloudTrail over the records of an
// attack that others simulated. What they tell is known: no more, no less.
func TestDetectionsOfAttack(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testenv.Data(t, "cloudtrail"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var inputs []detect.Input
	for _, name := range files {
		inputs = append(inputs, detect.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	all, err := sigma.LoadFS(content.Detections, "detections")
	if err != nil {
		t.Fatal(err)
	}
	folder := map[string]string{} // by id
	for _, doc := range documents(all) {
		folder[doc.id] = path.Base(path.Dir(doc.pos.File))
	}
	rules, err := detect.Prepare(all, nil, nil)
	if err != nil || len(rules.Problems) > 0 {
		t.Fatal(err, rules.Problems)
	}
	got := map[string]int{}
	stats, err := rules.Run(t.Context(), inputs, detect.Sink{
		Match: func(m detect.Match) error {
			if name := folder[m.RuleID]; strings.HasPrefix(name, "aws-") {
				got[name]++
			}
			return nil
		},
		Bad: func(file string, p eventfile.Problem) { t.Errorf("%s:%d: %s", file, p.Line, p.Why) },
	})
	if err != nil || stats.Events < 2000 {
		t.Fatalf("%d events, %v", stats.Events, err)
	}
	want := map[string]int{
		"aws-cloudtrail-stopped": 1, "aws-command-on-machine": 1, "aws-console-without-mfa": 1,
		"aws-flow-logs-deleted": 1, "aws-iam-login-profile": 1, "aws-instance-passwords-read": 1,
		"aws-lambda-public": 1, "aws-log-bucket-expires": 1, "aws-organization-left": 1,
		"aws-secrets-read-in-bulk": 2, "aws-snapshot-shared": 1, "aws-trust-anchor-created": 1,
		// Terraform, which sets up the attack's stage and takes it down
		"aws-mass-deletion": 1, "aws-parameters-read-in-bulk": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
