package sigma

import (
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/binnaclehq/binnacle/sigma/internal/literal"
)

// Finding is a field of an event that a rule asks for, and the text there that
// is as the rule says.
type Finding struct {
	Search string
	Field  string // as the event calls it; of keywords, where the text stands
	Text   string
}

// Findings are what the rule of a match found: of the searches that its
// condition asks for, not of those that it excludes. The match is given by its
// index in what the last call of Match returned. This is worked out anew, at a
// cost that only matches have to bear.
func (s *Scanner) Findings(match int) []Finding {
	rule := s.as[match]
	event, err := fastjson.ParseBytes(s.line)
	if err != nil {
		return nil // the line was changed
	}
	f := finder{event: event, seen: map[Finding]bool{}}
	wanted := map[Ref]bool{}
	for _, c := range rule.Detection.Conditions {
		asked(c.Expr, false, wanted)
	}
	for _, search := range rule.Detection.Searches {
		if wanted[Ref(search.Name)] {
			f.search = search.Name
			f.node(search.Body)
		}
	}
	return f.found
}

// asked notes the searches that an expression wants to hold.
func asked(e Expr, not bool, into map[Ref]bool) {
	switch e := e.(type) {
	case And:
		for _, part := range e {
			asked(part, not, into)
		}
	case Or:
		for _, part := range e {
			asked(part, not, into)
		}
	case Not:
		asked(e.Of, !not, into)
	case Ref:
		if !not {
			into[e] = true
		}
	}
}

type finder struct {
	event  *fastjson.Value
	search string
	found  []Finding
	seen   map[Finding]bool
	text   string // the last that was folded
	folded string
}

func (f *finder) node(n Node) {
	switch n := n.(type) {
	case *Group:
		for _, child := range n.Nodes {
			f.node(child)
		}
	case *Item:
		if !n.Not {
			f.item(n)
		}
	}
}

func (f *finder) item(item *Item) {
	see := func(field, text string) {
		for _, v := range item.Values {
			if f.meets(v, text) {
				f.add(Finding{f.search, field, text})
				return
			}
		}
	}
	if item.Field == "" {
		texts(f.event, "", see)
		return
	}
	f.field(item.Field, func(text string) { see(item.Field, text) })
}

func (f *finder) add(found Finding) {
	if !f.seen[found] {
		f.seen[found] = true
		f.found = append(f.found, found)
	}
}

// field hands out the texts of a field.
func (f *finder) field(name string, see func(text string)) {
	if v := f.event.Get(name); v != nil {
		members(v, see)
		return
	}
	if strings.Contains(name, ".") {
		descend(f.event, strings.Split(name, "."), see)
	}
}

func descend(v *fastjson.Value, path []string, see func(text string)) {
	if len(path) == 0 {
		members(v, see)
		return
	}
	switch v.Type() {
	case fastjson.TypeObject:
		if next := v.Get(path[0]); next != nil {
			descend(next, path[1:], see)
		}
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			descend(one, path, see)
		}
	}
}

// members hands out the text of a value, or of those of a list.
func members(v *fastjson.Value, see func(text string)) {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, one := range v.GetArray() {
			members(one, see)
		}
	case fastjson.TypeObject, fastjson.TypeNull:
	default:
		see(textOf(v))
	}
}

func textOf(v *fastjson.Value) string {
	if v.Type() == fastjson.TypeString {
		return string(v.GetStringBytes())
	}
	return string(v.MarshalTo(nil))
}

// texts hands out every text of an event and where it stands.
func texts(v *fastjson.Value, path string, see func(path, text string)) {
	object := v.GetObject()
	if object == nil {
		members(v, func(text string) { see(path, text) })
		for _, one := range v.GetArray() {
			if one.Type() == fastjson.TypeObject || one.Type() == fastjson.TypeArray {
				texts(one, path, see)
			}
		}
		return
	}
	object.Visit(func(key []byte, v *fastjson.Value) {
		texts(v, strings.TrimPrefix(path+"."+string(key), "."), see)
	})
}

// meets reports whether a text is as a value says.
func (f *finder) meets(v Value, text string) bool {
	switch v := v.(type) {
	case Any:
		for _, one := range v {
			if f.meets(one, text) {
				return true
			}
		}
		return false
	case Number:
		number, ok := ParseNumber(text)
		return ok && number == v.Value
	case Bool:
		return strings.EqualFold(text, strconv.FormatBool(bool(v)))
	case Exists:
		return bool(v)
	case Regex:
		m, err := v.Compile()
		return err == nil && m.Match(text)
	case FieldRef:
		return f.refers(v, text)
	case String:
		return f.may(v, text) && v.holds(text, nil)
	case checker:
		return v.holds(text, nil)
	}
	return false
}

// may reports whether a text has the literal that a value needs, which is known
// sooner than whether it is as the value says.
func (f *finder) may(v String, text string) bool {
	if f.text != text {
		f.text, f.folded = text, literal.FoldString(text)
	}
	n, _ := shape(v)
	return strings.Contains(f.folded, n.text)
}

func (f *finder) refers(v FieldRef, text string) bool {
	var ev event
	met := false
	f.field(v.Field, func(other string) {
		mine, theirs := ev.form(&ev.mine, text, v.Cased), ev.form(&ev.theirs, other, v.Cased)
		met = met || (reference{FieldRef: v}).stands(mine, theirs)
	})
	return met
}
