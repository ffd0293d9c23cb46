package sigma

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

// Check says what could be better in a rule that loads: what the specification
// asks for and the rule lacks, and what its writer likely did not mean.
func Check(r *Rule) []Problem {
	c := &linter{at: r.Pos}
	c.head(r)
	c.dates(r.Date, r.Modified)
	c.related(r)
	c.tags(r.Tags)
	c.keys(r.Custom)
	c.logsource(r.Logsource)
	detection := r.Detection
	detection.Searches = slices.DeleteFunc(slices.Clone(detection.Searches), func(s *Search) bool { return s.Filter })
	c.searches(detection)
	for item := range detection.Items() {
		c.item(item)
	}
	return c.problems
}

// Check says what could be better in all that was loaded.
func (c *Collection) Check() []Problem {
	var out []Problem
	for _, r := range c.Rules {
		out = append(out, Check(r)...)
	}
	for _, r := range c.Correlations {
		out = append(out, CheckCorrelation(r)...)
	}
	for _, f := range c.Filters {
		out = append(out, CheckFilter(f)...)
	}
	return out
}

// CheckCorrelation says what could be better in a correlation.
func CheckCorrelation(r *Correlation) []Problem {
	c := &linter{at: r.Pos}
	c.title(r.Title)
	c.id(r.ID)
	c.oneOf("status", r.Status, Statuses)
	if r.Level != "" {
		c.oneOf("level", r.Level, Levels)
	}
	c.dates(r.Date, r.Modified)
	c.tags(r.Tags)
	if len(r.GroupBy) == 0 {
		c.add(0, "group-by", "add the fields that tell one from another", "the correlation counts over all hosts and users together: it has no group-by")
	}
	c.aliases(r)
	c.bounds(r.Condition)
	return c.problems
}

// aliases looks for those that are of no use.
func (c *linter) aliases(r *Correlation) {
	for _, alias := range slices.Sorted(maps.Keys(r.Aliases)) {
		if !slices.Contains(r.GroupBy, alias) && !slices.Contains(r.Condition.Fields, alias) {
			c.add(0, "alias", "name it in group-by, or take it away", "nothing uses the alias %q", clip(alias))
		}
		for _, rule := range slices.Sorted(maps.Keys(r.Aliases[alias])) {
			if !slices.Contains(r.Rules, rule) {
				c.add(0, "alias", "name one of "+strings.Join(r.Rules, ", "), "the alias %q is of the rule %q, which the correlation is not of", clip(alias), clip(rule))
			}
		}
	}
}

// bounds looks for a range that no figure is in.
func (c *linter) bounds(condition CorrelationCondition) {
	low, high := math.Inf(-1), math.Inf(1)
	open := false // an end of the range is not in it
	for _, b := range condition.Bounds {
		switch b.Op {
		case Greater, GreaterOrEqual:
			low = max(low, b.Value)
		case Less, LessOrEqual:
			high = min(high, b.Value)
		case Equal:
			low, high = max(low, b.Value), min(high, b.Value)
		}
		open = open || b.Op == Greater || b.Op == Less
	}
	if low > high || low == high && open {
		c.add(condition.Line, "range", "correct the figures", "no figure meets the condition")
	}
}

// CheckFilter says what could be better in a filter.
func CheckFilter(f *Filter) []Problem {
	c := &linter{at: f.Pos}
	c.title(f.Title)
	c.id(f.ID)
	c.dates(f.Date, f.Modified)
	if !f.AnyRule || f.Logsource.Category+f.Logsource.Product+f.Logsource.Service != "" {
		c.logsource(f.Logsource)
	} else {
		c.add(0, "logsource", "name the rules, or a logsource", "the filter is for every rule there is")
	}
	c.searches(f.Detection)
	for item := range f.Detection.Items() {
		c.item(item)
	}
	return c.problems
}

// The values of Status and Level that the specification has.
var (
	Statuses = []string{"stable", "test", "experimental", "deprecated", "unsupported"}
	Levels   = []string{"informational", "low", "medium", "high", "critical"}
)

var relations = []string{"derived", "obsolete", "merged", "renamed", "similar", "correlation"}

type linter struct {
	at       Pos
	problems []Problem
}

// add adds a finding; the line is that of the rule when it is 0.
func (c *linter) add(line int, code, fix, format string, args ...any) {
	at := c.at
	if line > 0 {
		at.Line = line
	}
	c.problems = append(c.problems, Problem{at, code, fmt.Sprintf(format, args...), fix})
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

func (c *linter) title(title string) {
	switch {
	case strings.TrimSpace(title) == "":
		c.add(0, "title", "add one that says what is detected", "the document has no title")
	case utf8.RuneCountInString(title) > 256:
		c.add(0, "title", "shorten it to 256 characters", "the title has %d characters", utf8.RuneCountInString(title))
	}
}

func (c *linter) id(id string) {
	switch {
	case id == "":
		c.add(0, "id", "add a random UUID", "the document has no id")
	case !uuid.MatchString(id):
		c.add(0, "id", "use a random UUID", "the id %q is no UUID", clip(id))
	}
}

func (c *linter) head(r *Rule) {
	c.title(r.Title)
	c.id(r.ID)
	c.oneOf("status", r.Status, Statuses)
	c.oneOf("level", r.Level, Levels)
	if utf8.RuneCountInString(r.Description) > 65535 {
		c.add(0, "description", "shorten it to 65,535 characters", "the description is too long")
	}
	for _, s := range r.FalsePositives {
		if len(s) < 2 {
			c.add(0, "falsepositives", "say what may be matched by mistake, or take it away", "a member of falsepositives says nothing: %q", s)
		}
	}
}

// ruleKeys are the attributes of a rule.
var ruleKeys = []string{
	"title", "id", "name", "related", "taxonomy", "status", "description", "license", "references", "author",
	"date", "modified", "logsource", "detection", "fields", "falsepositives", "level", "tags", "scope",
}

// keys looks among attributes of one's own for misspelt ones of all rules.
func (c *linter) keys(custom map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		if near := strict.Nearest(name, ruleKeys); near != "" {
			c.add(0, "key", "write "+near+" if that is meant", "the specification has no attribute %q", clip(name))
		}
	}
}

func (c *linter) oneOf(what, value string, known []string) {
	switch {
	case value == "" && what == "level":
		c.add(0, what, "add one of "+strings.Join(known, ", "), "the rule has no %s", what)
	case value == "" || slices.Contains(known, value):
	default:
		fix := "use one of " + strings.Join(known, ", ")
		if near := strict.Nearest(value, known); near != "" {
			fix = "write " + near
		}
		c.add(0, what, fix, "there is no %s %q", what, clip(value))
	}
}

func (c *linter) dates(created, modified string) {
	date, dated := c.date("date", created)
	change, changed := c.date("modified", modified)
	if dated && changed && change.Before(date) {
		c.add(0, "date", "correct one of both", "it was modified on %s, before its date %s", modified, created)
	}
}

func (c *linter) date(what, text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		c.add(0, "date", "write it as 2024-12-31", "%s is no date: %q", what, clip(text))
	}
	return t, err == nil
}

func (c *linter) related(r *Rule) {
	for _, rel := range r.Related {
		switch {
		case !uuid.MatchString(rel.ID):
			c.add(0, "related", "write the id of the other rule", "%q in related is no UUID", clip(rel.ID))
		case rel.ID == r.ID:
			c.add(0, "related", "take it away", "the rule is related to itself")
		}
		if !slices.Contains(relations, rel.Type) {
			c.add(0, "related", "use one of "+strings.Join(relations, ", "), "there is no relation %q", clip(rel.Type))
		}
	}
}

// tagForms are the namespaces of tags, and how tags of each look.
var tagForms = map[string]*regexp.Regexp{
	"attack":    regexp.MustCompile(`^(t\d{4}(\.\d{3})?|ta\d{4}|g\d{4}|s\d{4}|ds\d{4}|m\d{4}|a\d{4}|[a-z]+(-[a-z]+)*)$`),
	"car":       regexp.MustCompile(`^\d{4}-\d{2}-\d{3}$`),
	"cve":       regexp.MustCompile(`^\d{4}[-.]\d{4,}$`),
	"d3fend":    regexp.MustCompile(`^(d3-[a-z0-9-]+|d3f-[A-Za-z0-9_-]+|model|harden|detect|isolate|deceive|evict)$`),
	"detection": regexp.MustCompile(`^(dfir|emerging-threats|threat-hunting)$`),
	"stp":       regexp.MustCompile(`^[1-5][auk]?$`),
	"tlp":       regexp.MustCompile(`^(red|amber|amber-strict|green|clear|white)$`),
}

// tactics are those of ATT&CK, with stealth and defense-impairment, which
// take the place of defense-evasion.
var tactics = []string{
	"reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
	"defense-evasion", "stealth", "defense-impairment", "credential-access", "discovery", "lateral-movement",
	"collection", "exfiltration", "command-and-control", "impact",
}

var tag = regexp.MustCompile(`^[a-z0-9_-]+\.[a-z0-9._-]+$`)

func (c *linter) tags(tags []string) {
	seen := map[string]bool{}
	for _, t := range tags {
		space, name, _ := strings.Cut(t, ".")
		form, known := tagForms[space]
		switch {
		case seen[t]:
			c.add(0, "tag", "take it away", "the tag %q is there twice", clip(t))
		case space == "d3fend" && form.MatchString(name):
		case !tag.MatchString(t):
			c.add(0, "tag", "write a namespace, a dot, and a name in small letters", "%q is no tag", clip(t))
		case !known:
			c.add(0, "tag", "use attack, car, cve, d3fend, detection, stp or tlp", "there is no namespace of tags %q", clip(space))
		case !form.MatchString(name):
			c.add(0, "tag", "write it as "+tagExamples[space], "the tag %q is none of %s", clip(t), space)
		case space == "attack" && name[0] >= 'a' && !strings.ContainsAny(name, "0123456789") && !slices.Contains(tactics, name):
			c.add(0, "tag", "use one of "+strings.Join(tactics, ", "), "ATT&CK has no tactic %q", clip(name))
		}
		seen[t] = true
	}
}

var tagExamples = map[string]string{
	"attack": "attack.t1059.001 or attack.execution", "car": "car.2016-04-005", "cve": "cve.2021-44228",
	"d3fend": "d3fend.d3-am", "detection": "detection.threat-hunting", "stp": "stp.3k", "tlp": "tlp.amber",
}

var logsourceName = regexp.MustCompile(`^[a-z0-9_.-]+$`)

func (c *linter) logsource(l Logsource) {
	if l.Category == "" && l.Product == "" && l.Service == "" {
		c.add(0, "logsource", "add a category, product or service", "it does not say of which logs it is")
	}
	for _, part := range []struct{ what, value string }{{"category", l.Category}, {"product", l.Product}, {"service", l.Service}} {
		if part.value != "" && !logsourceName.MatchString(part.value) {
			fix := strings.ReplaceAll(strings.ToLower(part.value), " ", "_")
			c.add(0, "logsource", "write "+fix, "the %s %q is not in small letters without spaces", part.what, clip(part.value))
		}
	}
}

// searches looks for those that no condition names.
func (c *linter) searches(d Detection) {
	used := map[string]bool{}
	for _, condition := range d.Conditions {
		for _, name := range Refs(condition.Expr) {
			used[name] = true
		}
		if strings.Contains(" "+strings.Join(conditionTokens(condition.Text), " ")+" ", " all of them ") {
			c.add(condition.Line, "all-of-them", "write all of selection*, so that filters can be added", "the condition takes in every search")
		}
	}
	for _, s := range d.Searches {
		if !used[s.Name] {
			c.add(s.Line, "unused-search", "name it in the condition, or take it away", "no condition names the search %q", clip(s.Name))
		}
	}
}

func (c *linter) item(item *Item) {
	name := item.Field
	if item.All && len(item.Values) == 1 {
		c.add(item.Line, "single-all", "take all away, or write a list", "%q has the modifier all and one value", clip(name))
	}
	if name != strings.TrimSpace(name) {
		c.add(item.Line, "field", "take the spaces away", "the field %q begins or ends with a space", clip(name))
	}
	seen := map[string]bool{}
	for _, v := range item.Values {
		if _, null := v.(Null); null && len(item.Values) > 1 {
			c.add(item.Line, "null-in-list", "put null into a search of its own", "%q has null in a list of values", clip(name))
		}
		key := fmt.Sprintf("%T %v", v, v)
		if s, ok := v.(String); ok && !s.Cased {
			key = strings.ToLower(key)
		}
		if seen[key] {
			c.add(item.Line, "duplicate-value", "take one away", "%q has a value twice", clip(name))
		}
		seen[key] = true
		for _, v := range flat(v) {
			c.value(item, v)
		}
	}
}

func (c *linter) value(item *Item, v Value) {
	s, ok := v.(String)
	if !ok {
		return
	}
	if len(s.Parts) == 1 && s.Parts[0].Kind == Star {
		c.add(item.Line, "only-wildcard", "write "+item.Field+"|exists: true if that is meant", "%q has a value that every text meets", clip(item.Field))
		return
	}
	if slices.ContainsFunc(item.Modifiers, func(m string) bool { return m == "expand" }) {
		return
	}
	for _, p := range s.Parts {
		if p.Kind == Text && standardPlaceholder.MatchString(p.Text) {
			c.add(item.Line, "placeholder", "add the modifier expand if that is meant", "%q has a value that looks like a placeholder: %q", clip(item.Field), clip(p.Text))
		}
	}
}

// standardPlaceholder is what the specification names of them.
var standardPlaceholder = regexp.MustCompile(`^%(Administrators|JumpServers|Workstations|Servers|DomainControllers)%$`)
