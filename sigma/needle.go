package sigma

import (
	"regexp/syntax"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

const (
	maxNeedles = 24 // of one regular expression
	minNeedle  = 3  // shorter ones are met too often to be worth it
)

// needles are literals of which one stands, folded, in every text that an
// expression matches; nil when there are none that help.
func (m *Matcher) needles() []string {
	if m.Plain == nil {
		return nil
	}
	tree, err := syntax.Parse(m.Plain.String(), syntax.Perl)
	if err != nil {
		return nil
	}
	found := required(tree.Simplify())
	if shortest(found) < minNeedle {
		return nil
	}
	return found
}

func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	least := len(texts[0])
	for _, t := range texts {
		least = min(least, len(t))
	}
	return least
}

// required are texts of which one must stand in what a tree matches.
func required(tree *syntax.Regexp) []string {
	switch tree.Op {
	case syntax.OpLiteral:
		return []string{literal.FoldString(string(tree.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return required(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return required(tree.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range tree.Sub {
			if texts := required(sub); shortest(texts) > shortest(best) {
				best = texts
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range tree.Sub {
			texts := required(sub)
			if len(texts) == 0 || len(all)+len(texts) > maxNeedles {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}
