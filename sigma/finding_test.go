package sigma

import (
	"slices"
	"strings"

	"github.com/valyala/fastjson"
)

// PlainFindings is Findings as simply as it can be said: nothing is kept or known
// sooner.
func (s *Scanner) PlainFindings(match int) []Finding {
	rule := s.as[match].rule
	event, err := fastjson.ParseBytes(s.line)
	if err != nil {
		return nil
	}
	f := plainFinder{event: event, seen: map[Finding]bool{}}
	var asks finder
	for _, c := range rule.Detection.Conditions {
		asks.asked(c.Expr, false)
	}
	for _, search := range rule.Detection.Searches {
		if slices.Contains(asks.wanted, Ref(search.Name)) {
			f.search = search.Name
			wantedOf(search.Body, f.item)
		}
	}
	return f.found
}

type plainFinder struct {
	event  *fastjson.Value
	search string
	found  []Finding
	seen   map[Finding]bool
}

func (f *plainFinder) item(item *Item) {
	see := func(field, text string) {
		for _, v := range item.Values {
			if f.meets(v, text) {
				f.add(Finding{f.search, field, text})
				return
			}
		}
	}
	if item.Field == "" {
		plainTexts(f.event, "", see)
		return
	}
	fieldTexts(f.event, item.Field, func(text string) { see(item.Field, text) })
}

func (f *plainFinder) add(found Finding) {
	if !f.seen[found] {
		f.seen[found] = true
		f.found = append(f.found, found)
	}
}

// plainTexts hands out every text of an event and where it stands.
func plainTexts(v *fastjson.Value, path string, see func(path, text string)) {
	object := v.GetObject()
	if object == nil {
		members(v, func(text string) { see(path, text) })
		for _, one := range v.GetArray() {
			if one.Type() == fastjson.TypeObject || one.Type() == fastjson.TypeArray {
				plainTexts(one, path, see)
			}
		}
		return
	}
	object.Visit(func(key []byte, v *fastjson.Value) {
		plainTexts(v, strings.TrimPrefix(path+"."+string(key), "."), see)
	})
}

// meets reports whether a text is as a value says.
func (f *plainFinder) meets(v Value, text string) bool {
	switch v := v.(type) {
	case Any:
		for _, one := range v {
			if f.meets(one, text) {
				return true
			}
		}
		return false
	case Regex:
		m, err := v.Compile()
		return err == nil && m.Match(text)
	case FieldRef:
		return refers(new(event), f.event, v, text)
	}
	return simple(v, text)
}
