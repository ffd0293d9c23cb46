package logs

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A word in any case costs much: the engine reads every value and makes its
// letters small. By a word as it is written it knows without reading which blocks
// cannot have it. So a word is asked for in every way in which its letters can be
// large or small, which finds the same: 96 for whoami. Each way costs a look at each
// block, some 0.1 µs, so there may be more where values are long.
const (
	casesOfMessage = 1024
	casesOfField   = 128
	casesOfAll     = 4000 // of all fields but the message together
)

// casesOf is how many ways a text may have to be asked for in a field.
func casesOf(field string) int {
	if field == fieldMessage {
		return casesOfMessage
	}
	return casesOfField
}

// anyCase is a filter, to come after the name of a field, for a text in any case;
// with star, for a text that begins so.
func anyCase(text string, star bool, most int) string {
	end := ""
	if star {
		end = "*"
	}
	whole := "i(" + Quote(text) + end + ")"
	if strings.ContainsRune(text, utf8.RuneError) {
		return whole // beside it the engine finds no word
	}
	if text == "." {
		return `~"[.]"` // the engine writes it without quotes, and cannot read that again
	}
	words := words(text)
	if n := len(words); star && n > 0 && strings.HasSuffix(text, words[n-1]) {
		words = words[:n-1] // it may go on
	}
	if all := cases(text, most); len(words) > 0 && (len(all) == 1 || all != nil && !star) {
		return or(each(all, func(one string) string { return Quote(one) + end }))
	}
	var best []string
	length := 0
	for _, word := range words {
		if len(word) > length {
			if all := cases(word, most); all != nil {
				best, length = all, len(word)
			}
		}
	}
	if best == nil {
		return whole
	}
	return and([]string{or(each(best, Quote)), whole})
}

// words are the words that the engine finds in a text.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !wordRune(r) })
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// cases are all texts that become the same as a word when their letters are made
// small; nil when there are more than most.
func cases(word string, most int) []string {
	all := []string{""}
	for _, r := range strings.ToLower(word) {
		ways := append([]rune{r}, capitals()[r]...)
		if len(all)*len(ways) > most {
			return nil
		}
		next := make([]string, 0, len(all)*len(ways))
		for _, way := range ways {
			if wordRune(way) != wordRune(r) {
				return nil
			}
			for _, begun := range all {
				next = append(next, begun+string(way))
			}
		}
		all = next
	}
	return all
}

// capitals are the letters that become a letter when they are made small: of k
// there are two, as the sign of Kelvin is one.
var capitals = sync.OnceValue(func() map[rune][]rune {
	of := map[rune][]rune{}
	for _, c := range unicode.CaseRanges {
		for r := rune(c.Lo); r <= rune(c.Hi); r++ {
			if small := unicode.ToLower(r); small != r {
				of[small] = append(of[small], r)
			}
		}
	}
	return of
})
