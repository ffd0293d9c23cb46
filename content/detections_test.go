package content_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/testenv"
	"github.com/binnaclehq/binnacle/sigma"
	"github.com/binnaclehq/binnacle/sigma/correlate"
)

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
	if len(out) < 60 {
		t.Fatalf("only %d detections", len(out))
	}
	return out
}

// TestDetections tries every detection on its events.
func TestDetections(t *testing.T) {
	for _, folder := range folders(t) {
		t.Run(path.Base(folder), func(t *testing.T) {
			d := load(t, folder)
			hits, misses := events(t, folder+"/hits.jsonl"), events(t, folder+"/misses.jsonl")
			if d.told == nil {
				d.each(t, hits, true)
				d.each(t, misses, false)
				return
			}
			if _, told := d.sequence(t, hits); told == 0 {
				t.Errorf("hits.jsonl does not make %q true", d.told.Title)
			}
			matched, told := d.sequence(t, misses)
			if told != 0 {
				t.Errorf("misses.jsonl makes %q true", d.told.Title)
			}
			if matched == 0 {
				t.Error("misses.jsonl is not near: no rule of the correlation matches any of its events")
			}
		})
	}
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

// detection is a folder: a rule, or a correlation with the rules it is over.
type detection struct {
	scanner *sigma.Scanner
	set     *correlate.Set
	told    *sigma.Correlation // the last of the file, nil when there is none
}

func load(t *testing.T, folder string) detection {
	t.Helper()
	name := folder + "/rule.yml"
	data, err := fs.ReadFile(content.Detections, name)
	if err != nil {
		t.Fatal(err)
	}
	c := sigma.Parse(name, data)
	for _, p := range c.Problems {
		t.Fatal(p)
	}
	engine, err := sigma.Compile(c.Rules)
	if err != nil {
		t.Fatal(err)
	}
	d := detection{scanner: engine.Scanner()}
	if n := len(c.Correlations); n > 0 {
		set, problems := correlate.Compile(c.Rules, c.Correlations)
		for _, p := range problems {
			t.Fatal(p)
		}
		d.set, d.told = set, c.Correlations[n-1]
	} else if len(c.Rules) != 1 {
		t.Fatalf("%s holds %d rules and no correlation; give each rule a folder", name, len(c.Rules))
	}
	return d
}

// events are the lines of a file, of which there must be one.
func events(t *testing.T, name string) [][]byte {
	t.Helper()
	data, err := fs.ReadFile(content.Detections, name)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	if len(lines[0]) == 0 {
		t.Fatalf("%s holds no events", name)
	}
	return lines
}

// each wants every event to be found, or none.
func (d detection) each(t *testing.T, lines [][]byte, want bool) {
	t.Helper()
	for i, line := range lines {
		matched, err := d.scanner.Match(line)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if got := len(matched) > 0; got != want {
			t.Errorf("line %d: found is %t, want %t: %.300s", i+1, got, want, line)
		}
	}
}

// sequence counts the matches of the rules, and how often the correlation over
// them is told.
func (d detection) sequence(t *testing.T, lines [][]byte) (matches, told int) {
	t.Helper()
	over := correlate.New(d.set, correlate.Options{Lateness: correlate.Unbounded})
	for i, line := range lines {
		event, err := fastjson.ParseBytes(line)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		at, ok := moment(event)
		if !ok {
			t.Fatalf("line %d has no time: %.300s", i+1, line)
		}
		matched, err := d.scanner.Match(line)
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		for _, rule := range matched {
			matches++
			over.Add(correlate.Match{
				Rule: rule.ID, Time: at, ID: strconv.Itoa(i), Field: correlate.JSON(event),
			})
		}
	}
	for _, hit := range over.Finish() {
		if hit.Correlation.ID == d.told.ID {
			told++
		}
	}
	if lost := over.Stats().Lost; len(lost) > 0 {
		t.Errorf("matches are not counted: %v", lost)
	}
	return matches, told
}

// TestDetectionsOfAttack runs the rules for CloudTrail over the records of an
// attack that others simulated. What they tell is known: no more, no less.
func TestDetectionsOfAttack(t *testing.T) {
	records := cloudtrail(t)
	got := map[string]int{}
	for _, folder := range folders(t) {
		if !strings.HasPrefix(path.Base(folder), "aws-") {
			continue
		}
		d := load(t, folder)
		if d.told != nil {
			if _, told := d.sequence(t, records); told > 0 {
				got[path.Base(folder)] = told
			}
			continue
		}
		for _, record := range records {
			matched, err := d.scanner.Match(record)
			if err != nil {
				t.Fatal(err)
			}
			if len(matched) > 0 {
				got[path.Base(folder)]++
			}
		}
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

// cloudtrail returns the records of the simulated attack.
func cloudtrail(t *testing.T) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testenv.Data(t, "cloudtrail"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Records []json.RawMessage }
		if err := json.Unmarshal(data, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, record := range file.Records {
			out = append(out, record)
		}
	}
	if len(out) < 2000 {
		t.Fatalf("only %d records", len(out))
	}
	return out
}

// times are the fields that the time of an event is taken from, the first that
// is there. README.md names them.
var times = []string{"@timestamp", "eventTime", "requestReceivedTimestamp", "published", "timestamp", "ts"}

// moment is the time of an event: RFC 3339 or as Suricata writes it, or seconds
// since 1970, or milliseconds when it is too many for seconds.
func moment(v *fastjson.Value) (time.Time, bool) {
	field := correlate.JSON(v)
	for _, name := range times {
		written, ok := field(name)
		if !ok {
			continue
		}
		if n, err := strconv.ParseFloat(written, 64); err == nil {
			if n > 1e11 {
				n /= 1000
			}
			whole, part := math.Modf(n)
			return time.Unix(int64(whole), int64(part*1e9)).UTC(), true
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
			if at, err := time.Parse(layout, written); err == nil {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

func TestMoment(t *testing.T) {
	for event, want := range map[string]string{
		`{"@timestamp":"2026-03-10T09:00:00.5Z","ts":1}`:        "2026-03-10T09:00:00.5Z",
		`{"@timestamp":1773133200250}`:                          "2026-03-10T09:00:00.25Z",
		`{"ts":1773133200.5}`:                                   "2026-03-10T09:00:00.5Z",
		`{"timestamp":"2026-03-10T10:00:00.250000+0100"}`:       "2026-03-10T09:00:00.25Z",
		`{"eventTime":"2026-03-10T09:00:00Z"}`:                  "2026-03-10T09:00:00Z",
		`{"published":"2026-03-10T09:00:00.000Z"}`:              "2026-03-10T09:00:00Z",
		`{"requestReceivedTimestamp":"2026-03-10T09:00:00.1Z"}`: "2026-03-10T09:00:00.1Z",
		`{"message":"2026-03-10T09:00:00Z"}`:                    "",
		`{"@timestamp":"yesterday"}`:                            "",
	} {
		got := ""
		if at, ok := moment(fastjson.MustParse(event)); ok {
			got = at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("the time of %s is %q, want %q", event, got, want)
		}
	}
}
