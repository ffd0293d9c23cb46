package strategy

import (
	"html/template"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/adrfile"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func decisionCards() []web.Card {
	of := []string{"Decision"}
	return []web.Card{
		{ID: "decision-head", Kinds: of, Slot: web.Head, Template: "decision-head.html", Load: loadDecisionHead, Replaces: []string{"spec.status"}},
		{ID: "decision-outcome", Kinds: of, Slot: web.Main, Order: 50, Title: "strategy.outcome", Template: "decision-outcome.html", Load: loadOutcome},
		{ID: "decision-text", Kinds: of, Slot: web.Main, Order: 60, Title: "strategy.text", Template: "decision-text.html", Load: loadText, Replaces: []string{"spec.body"}},
		{ID: "decision-people", Kinds: of, Slot: web.Side, Order: 50, Title: "strategy.people", Template: "decision-people.html", Load: loadPeople,
			Replaces: []string{"spec.deciders", "spec.consulted", "spec.informed"}},
		{ID: "decision-concerns", Kinds: of, Slot: web.Side, Order: 60, Title: "strategy.concerns", Template: "decision-things.html", Load: loadConcerns, Replaces: []string{"spec.concerns"}},
		{ID: "decision-chain", Kinds: of, Slot: web.Side, Order: 70, Title: "strategy.chain", Template: "decision-chain.html", Load: loadChain, Flush: true,
			Replaces: []string{"spec.supersedes", "spec.supersededBy"}},
		{ID: "decision-related", Kinds: of, Slot: web.Side, Order: 80, Title: "strategy.related", Template: "decision-related.html", Load: loadRelatedDecisions, Flush: true, Replaces: []string{"spec.related"}},
		{ID: "decision-source", Kinds: of, Slot: web.Side, Order: 450, Title: "strategy.source", Template: "decision-source.html", Load: loadSource, Replaces: []string{"spec.source"}},
		{ID: "decisions", Kinds: []string{"Component", "System", "Domain", "API", "Resource", "Technology", "Group"}, Slot: web.Side, Order: 150, Title: "strategy.decisions",
			Template: "decisions.html", Load: loadDecisions, Flush: true, Replaces: []string{"spec.decisions"}},
	}
}

// proposed counts the decisions that wait for one.
func proposed(c *web.Ctx) (web.Count, error) {
	page, err := c.Catalog().List(c.R.Context(), c.Caller, catalog.Query{Kinds: []string{"Decision"}, Fields: map[string][]string{"spec.status": {"proposed"}}, Limit: 1})
	if err != nil || page.Total == 0 {
		return web.Count{}, err
	}
	return web.Count{N: page.Total, State: "warn"}, nil
}

type decisionHead struct {
	State, Status string
	Review        review
}

func loadDecisionHead(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Decision](e)
	h := decisionHead{Review: reviewOf(c, s.ReviewBy)}
	h.State, h.Status = statusWord(c, s.Status)
	return h, err
}

// outcome is what was decided, in short, and what else was considered.
type outcome struct {
	Text    template.HTML
	Options []option
}

type option struct {
	Text   template.HTML
	Chosen bool
}

func loadOutcome(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Decision](e)
	if err != nil {
		return nil, err
	}
	body, err := linked(c, e, s)
	if err != nil {
		return nil, err
	}
	record := adrfile.Decision{Body: body}
	first := opening(record.Outcome())
	options := record.Options()
	if strings.TrimSpace(first) == "" || len(options) == 0 {
		return nil, nil
	}
	out := outcome{Text: web.Markdown(first)}
	chosen := chosenOption(first)
	for _, o := range options {
		out.Options = append(out.Options, option{web.Markdown(o), chosen != "" && strings.HasPrefix(plainText(o), chosen)})
	}
	return out, nil
}

// unfinished finds a paragraph that its list completes.
var unfinished = regexp.MustCompile(`(?i)(because|porque|:)\s*$`)

// opening returns the first paragraph of an outcome, with the list it leads to.
func opening(outcome string) string {
	first, rest, _ := strings.Cut(outcome, "\n\n")
	if unfinished.MatchString(first) {
		next, _, _ := strings.Cut(strings.TrimLeft(rest, "\n"), "\n\n")
		return first + "\n\n" + next
	}
	return first
}

var (
	chosenWords  = regexp.MustCompile(`(?i)(?:chosen option|opción elegida)\s*:?\s*["“«']?([^"”»\n]+)`)
	markdownLink = regexp.MustCompile(`\[([^\]\n]*)\]\([^)\n]*\)`)
)

// chosenOption returns the option an outcome names, folded; "" when it names
// none.
func chosenOption(outcome string) string {
	m := chosenWords.FindStringSubmatch(outcome)
	if m == nil {
		return ""
	}
	text, _, _ := strings.Cut(m[1], ", because")
	return strings.TrimRight(plainText(text), " .,;:")
}

// plainText folds a line of Markdown for comparison.
func plainText(s string) string {
	s = markdownLink.ReplaceAllString(s, "$1")
	return radarfile.Fold(strings.NewReplacer("*", "", "_", "", "`", "", `"`, "", "“", "", "”", "").Replace(s))
}

func loadText(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Decision](e)
	if err != nil || s.Body == "" {
		return nil, err
	}
	body, err := linked(c, e, s)
	return web.Markdown(body), err
}

// recordLink is a link to another record: text, target, what follows it.
var recordLink = regexp.MustCompile(`\[([^\]\n]*)\]\(<?([^)\s>#]+\.md)(#[^)\s>]*)?>?(?:\s+"[^"\n]*")?\)`)

// linked returns the text of a decision with its links to other records leading
// to their pages; one that leads to no decision is only its words.
func linked(c *web.Ctx, e *entity.Entity, s Decision) (string, error) {
	refs := map[string][]entity.Ref{}
	var all []entity.Ref
	for _, m := range recordLink.FindAllStringSubmatch(s.Body, -1) {
		if !strings.Contains(m[2], "://") && refs[m[2]] == nil {
			refs[m[2]] = candidates(e, s, m[2])
			all = append(all, refs[m[2]]...)
		}
	}
	if len(all) == 0 {
		return s.Body, nil
	}
	titles, err := c.Catalog().Titles(c.R.Context(), c.Caller, all)
	if err != nil {
		return "", err
	}
	return recordLink.ReplaceAllStringFunc(s.Body, func(link string) string {
		m := recordLink.FindStringSubmatch(link)
		for _, ref := range refs[m[2]] {
			if _, ok := titles[ref.String()]; ok {
				return "[" + m[1] + "](" + c.Href(ref) + ")"
			}
		}
		if refs[m[2]] == nil {
			return link
		}
		return m[1]
	}), nil
}

// candidates are the decisions a target may mean: those this one names that are
// called so, then one in its own namespace, then one in the default one.
func candidates(e *entity.Entity, s Decision, target string) []entity.Ref {
	name := nameOf(strings.TrimSuffix(path.Base(target), ".md"))
	var out []entity.Ref
	add := func(text string) {
		if ref, err := entity.ParseRef(text, "decision", e.Metadata.Namespace); err == nil && ref.Name == name {
			out = append(out, ref)
		}
	}
	here := path.Dir(target) == "." || path.Dir(target) == "./"
	if here {
		add(name)
	}
	for _, r := range s.Related {
		add(r.Decision)
	}
	for _, r := range append(slices.Clone(s.Supersedes), s.SupersededBy) {
		add(r)
	}
	add(name)
	if entity.ValidName(name) {
		out = append(out, entity.NewRef("decision", "", name))
	}
	return slices.DeleteFunc(out, func(r entity.Ref) bool { return r == e.Ref() })
}

// peopleOf says who took part, by role.
type peopleOf struct {
	Label  string
	People []participant
}

// participant is a name; Ref leads to the person when the name is a reference.
type participant struct {
	Name string
	Ref  *web.Thing
}

func loadPeople(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Decision](e)
	if err != nil {
		return nil, err
	}
	var out []peopleOf
	for _, r := range []struct {
		key   string
		names []string
	}{{"strategy.people.deciders", s.Deciders}, {"strategy.people.consulted", s.Consulted}, {"strategy.people.informed", s.Informed}} {
		if len(r.names) == 0 {
			continue
		}
		people, err := participants(c, e, r.names)
		if err != nil {
			return nil, err
		}
		out = append(out, peopleOf{c.T(r.key), people})
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}

// participants finds the people and groups that names mean: by reference, or
// by the name somebody in the directory bears.
func participants(c *web.Ctx, e *entity.Entity, names []string) ([]participant, error) {
	out := make([]participant, len(names))
	var at []int
	var written []web.Written
	for i, name := range names {
		out[i] = participant{Name: name}
		if strings.HasPrefix(name, "user:") || strings.HasPrefix(name, "group:") {
			at, written = append(at, i), append(written, web.Written{In: e, Text: name})
			continue
		}
		known, err := called(c, name)
		if err != nil {
			return nil, err
		}
		out[i].Ref = known
	}
	things, err := c.Named(written)
	for i, t := range things {
		out[at[i]] = participant{t.Title, &t}
	}
	return out, err
}

// called returns who in the directory bears a name; nil when nobody does, or
// several.
func called(c *web.Ctx, name string) (*web.Thing, error) {
	user := c.Catalog().Kinds().Get("User")
	if user == nil || !c.CanKind(auth.Read, user) {
		return nil, nil
	}
	page, err := c.Catalog().List(catalog.NamesOnly(c.R.Context()), c.Caller, catalog.Query{Kinds: []string{user.Name}, Text: name, Limit: 20, NoTotal: true})
	if err != nil {
		return nil, err
	}
	var found []web.Thing
	for _, e := range page.Items {
		if radarfile.Fold(e.DisplayTitle()) == radarfile.Fold(name) {
			found = append(found, c.Thing(e))
		}
	}
	if len(found) != 1 {
		return nil, nil
	}
	return &found[0], nil
}

func loadConcerns(c *web.Ctx, e *entity.Entity) (any, error) {
	things, err := c.Related(e.Ref(), "decides")
	if err != nil || len(things) == 0 {
		return nil, err
	}
	return things, nil
}

// link is a decision in a chain; Here is the one the page is about.
type link struct {
	decided
	Here bool
}

// chainLength is how far a chain is followed in each direction.
const chainLength = 6

// loadChain follows what a decision superseded and what superseded it, the
// oldest first.
func loadChain(c *web.Ctx, e *entity.Entity) (any, error) {
	seen := map[entity.Ref]bool{e.Ref(): true}
	older, err := follow(c, e.Ref(), "supersedes", seen)
	if err != nil {
		return nil, err
	}
	newer, err := follow(c, e.Ref(), "supersededBy", seen)
	if err != nil || len(older)+len(newer) == 0 {
		return nil, err
	}
	me, err := decidedOf(c, c.Thing(e))
	if err != nil {
		return nil, err
	}
	slices.Reverse(older)
	return append(append(older, link{me, true}), newer...), nil
}

func follow(c *web.Ctx, from entity.Ref, relation string, seen map[entity.Ref]bool) ([]link, error) {
	var out []link
	level := []entity.Ref{from}
	for range chainLength {
		var next []entity.Ref
		for _, ref := range level {
			things, err := c.Related(ref, relation)
			if err != nil {
				return nil, err
			}
			for _, t := range things {
				if seen[t.Ref] {
					continue
				}
				seen[t.Ref] = true
				x, err := decidedOf(c, t)
				if err != nil {
					return nil, err
				}
				out, next = append(out, link{x, false}), append(next, t.Ref)
			}
		}
		level = next
	}
	return out, nil
}

func loadRelatedDecisions(c *web.Ctx, e *entity.Entity) (any, error) {
	things, err := c.Related(e.Ref(), "relatesTo")
	if err != nil || len(things) == 0 {
		return nil, err
	}
	return statuses(c, things)
}

func statuses(c *web.Ctx, things []web.Thing) ([]decided, error) {
	var out []decided
	for _, t := range things {
		x, err := decidedOf(c, t)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// formats are the names of the forms of records.
var formats = map[adrfile.Format]string{adrfile.MADR4: "MADR 4", adrfile.MADR: "MADR", adrfile.Log4brains: "log4brains", adrfile.Nygard: "adr-tools"}

type sourceCard struct{ File, Form, Raw string }

func loadSource(c *web.Ctx, e *entity.Entity) (any, error) {
	s, err := catalog.Spec[Decision](e)
	if err != nil || s.Source == nil {
		return nil, err
	}
	out := sourceCard{File: s.Source.File, Form: formats[adrfile.Format(s.Source.Format)]}
	status, known := adrfile.ParseStatus(s.Source.RawStatus)
	if !known && string(status) == s.Status {
		out.Raw = s.Source.RawStatus
	}
	return out, nil
}

func loadDecisions(c *web.Ctx, e *entity.Entity) (any, error) {
	list, err := decisionsOf(c, e.Ref())
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list, nil
}
