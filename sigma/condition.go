package sigma

import (
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/sigma/internal/strict"
)

const (
	maxCondition      = 64 << 10
	maxConditionDepth = 100
)

// ParseCondition reads a condition over searches of these names, given in the
// order of the rule.
func ParseCondition(text string, searches []string) (Expr, error) {
	expr, err := parseCondition(text, searches)
	if err != nil {
		return nil, Problem{Code: err.code, Message: err.message, Fix: err.fix}
	}
	return expr, nil
}

func parseCondition(text string, searches []string) (Expr, *refusal) {
	p := &conditionParser{searches: searches}
	return p.parse(text)
}

// conditionParser reads the grammar
//
//	or   = and { "or" and }
//	and  = not { "and" not }
//	not  = { "not" } part
//	part = "(" or ")" | ("1" | "any" | "all") "of" pattern | name
type conditionParser struct {
	tokens   []string
	searches []string
	anyName  bool // names are not known yet: each is taken
	depth    int
}

func (p *conditionParser) parse(text string) (Expr, *refusal) {
	if len(text) > maxCondition {
		return nil, refuse("condition", "split it into a list of conditions", "a condition of %d bytes is too long", len(text))
	}
	if strings.Contains(text, "|") {
		return nil, refuse("condition", "write a correlation rule instead", "a condition with | is of the old form of aggregations")
	}
	p.tokens = conditionTokens(text)
	if len(p.tokens) == 0 {
		return nil, refuse("condition", "name a search", "the condition is empty")
	}
	expr, err := p.or()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, p.unexpected()
	}
	return expr, nil
}

func conditionTokens(text string) []string {
	text = strings.ReplaceAll(text, "(", " ( ")
	return strings.Fields(strings.ReplaceAll(text, ")", " ) "))
}

func (p *conditionParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *conditionParser) take(token string) bool {
	if p.peek() != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *conditionParser) unexpected() *refusal {
	token := p.peek()
	switch lower := strings.ToLower(token); {
	case token == "":
		return refuse("condition", "add what is missing, or take the last word away", "the condition ends too early")
	case token == ")":
		return refuse("condition", "take it away, or open a bracket before", "a bracket is closed that was not opened")
	case token != lower && (lower == "and" || lower == "or" || lower == "not" || lower == "of" || lower == "them"):
		return refuse("condition", "write "+lower, "%s is written in capitals", token)
	}
	return refuse("condition", "join searches with and, or and not", "%q stands where the condition should go on with and or or", clip(token))
}

func (p *conditionParser) or() (Expr, *refusal) {
	return p.join("or", p.and, func(parts []Expr) Expr { return Or(parts) })
}

func (p *conditionParser) and() (Expr, *refusal) {
	return p.join("and", p.not, func(parts []Expr) Expr { return And(parts) })
}

func (p *conditionParser) join(word string, part func() (Expr, *refusal), group func([]Expr) Expr) (Expr, *refusal) {
	var parts []Expr
	for {
		expr, err := part()
		if err != nil {
			return nil, err
		}
		parts = append(parts, expr)
		if !p.take(word) {
			break
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return group(parts), nil
}

func (p *conditionParser) not() (Expr, *refusal) {
	if !p.take("not") {
		return p.part()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	of, err := p.not()
	if err != nil {
		return nil, err
	}
	return Not{of}, nil
}

func (p *conditionParser) enter() *refusal {
	if p.depth++; p.depth > maxConditionDepth {
		return refuse("condition", "write it flatter", "the condition is nested more than %d deep", maxConditionDepth)
	}
	return nil
}

func (p *conditionParser) leave() { p.depth-- }

func (p *conditionParser) part() (Expr, *refusal) {
	if p.take("(") {
		return p.bracket()
	}
	token := p.peek()
	if len(p.tokens) > 1 && p.tokens[1] == "of" {
		p.tokens = p.tokens[2:]
		return p.quantified(token)
	}
	switch token {
	case "", ")", "and", "or", "of":
		return nil, p.missing()
	}
	if !p.anyName && !slices.Contains(p.searches, token) {
		return nil, p.unknown(token)
	}
	p.tokens = p.tokens[1:]
	return Ref(token), nil
}

func (p *conditionParser) missing() *refusal {
	if token := p.peek(); token != "" && token != ")" {
		return refuse("condition", "name a search before it", "%q stands where a search should", token)
	}
	return p.unexpected()
}

func (p *conditionParser) bracket() (Expr, *refusal) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.peek() == ")" {
		return nil, refuse("condition", "name a search between them", "there is nothing between brackets")
	}
	expr, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		if p.peek() == "" {
			return nil, refuse("condition", "close it", "a bracket is not closed")
		}
		return nil, p.unexpected()
	}
	return expr, nil
}

// unknown says what of a name that is no search was likely meant.
func (p *conditionParser) unknown(name string) *refusal {
	switch lower := strings.ToLower(name); {
	case name != lower && (lower == "not" || lower == "and" || lower == "or"),
		name != lower && (lower == "all" || lower == "any") && len(p.tokens) > 1 && strings.EqualFold(p.tokens[1], "of"):
		return refuse("condition", "write "+lower, "%s is written in capitals", name)
	case name == "them" || strings.Contains(name, "*"):
		return refuse("condition", "write 1 of "+name+" or all of "+name, "%q names several searches", clip(name))
	}
	if near := strict.Nearest(name, p.searches); near != "" {
		return refuse("condition-name", "write "+near, "the condition names the search %q, which the rule does not have", clip(name))
	}
	return refuse("condition-name", "name one of "+strings.Join(p.searches, ", "), "the condition names the search %q, which the rule does not have", clip(name))
}

// quantified is 1, any or all of a pattern or of them. Searches whose name
// begins with _ are meant only by patterns that do too.
func (p *conditionParser) quantified(how string) (Expr, *refusal) {
	if how != "1" && how != "any" && how != "all" {
		return nil, refuse("condition", "write 1 of, any of or all of", "%q of is no quantity", clip(how))
	}
	pattern := p.peek()
	switch pattern {
	case "", "(", ")", "and", "or", "not", "of":
		return nil, refuse("condition", "write them, or a pattern as selection*", "%s of names nothing", how)
	}
	p.tokens = p.tokens[1:]
	glob := pattern
	if pattern == "them" {
		glob = "*"
	}
	var parts []Expr
	for _, name := range p.searches {
		hidden := strings.HasPrefix(name, "_") && !strings.HasPrefix(glob, "_")
		if !hidden && globMatch(glob, name) {
			parts = append(parts, Ref(name))
		}
	}
	switch {
	case len(parts) == 0:
		return nil, refuse("condition-name", "name some of "+strings.Join(p.searches, ", "), "%s of %s means no search of the rule", how, clip(pattern))
	case len(parts) == 1:
		return parts[0], nil
	case how == "all":
		return And(parts), nil
	}
	return Or(parts), nil
}

// globMatch reports whether a name is as a pattern says, in which * is any
// characters.
func globMatch(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	if len(pieces) == 1 {
		return pattern == name
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for _, piece := range pieces[1 : len(pieces)-1] {
		i := strings.Index(name, piece)
		if i < 0 {
			return false
		}
		name = name[i+len(piece):]
	}
	return strings.HasSuffix(name, last)
}

// Refs are the names that an expression has, each once, in their order.
func Refs(e Expr) []string {
	var names []string
	var walk func(Expr)
	walk = func(e Expr) {
		switch e := e.(type) {
		case And:
			for _, part := range e {
				walk(part)
			}
		case Or:
			for _, part := range e {
				walk(part)
			}
		case Not:
			walk(e.Of)
		case Ref:
			if !slices.Contains(names, string(e)) {
				names = append(names, string(e))
			}
		}
	}
	walk(e)
	return names
}
