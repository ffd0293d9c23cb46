package catalog

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/entity"
)

// What is kept beside an entity's document so that it can be found: references,
// facets and words. All of it is computed from the document and can be rebuilt.

// derived is all that is stored of an entity, computed from its state.
type derived struct {
	tree        map[string]any // without the status
	doc         []byte         // as it is stored
	status      string         // that it was computed with
	refs        []reference
	facets      []facet
	title, body []string // words, each once and in one of the two
}

// derive computes what is stored of the state after the change, once for each
// status it gets.
func (ch *change) derive() error {
	if ch.doc != nil && ch.status == string(ch.after.Status) {
		return nil
	}
	ch.status = string(ch.after.Status)
	clean := Clean(ch.after)
	data, err := json.Marshal(clean)
	if err != nil {
		return err
	}
	if ch.tree, err = decodeTree(data); err != nil {
		return err
	}
	clean.Status = ch.after.Status
	status := map[string]any{}
	ch.doc = data
	if len(clean.Status) > 0 {
		if status, err = decodeTree(clean.Status); err != nil {
			return err
		}
		if ch.doc, err = json.Marshal(clean); err != nil {
			return err
		}
	}
	ch.refs, ch.facets = ch.kind.references(ch.after, ch.tree), ch.kind.facets(ch.after, ch.tree, status)
	title, body := ch.kind.textsOf(ch.after, ch.tree)
	ch.title = distinct(words(title))
	ch.body = slices.DeleteFunc(distinct(words(body)), func(w string) bool { return slices.Contains(ch.title, w) })
	return nil
}

// inParallel calls f for 0 to n-1 on all cores and returns the error of the
// lowest that failed.
func inParallel(n int, f func(int) error) error {
	const step = 32
	var next atomic.Int64
	errs := make([]error, n)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+step-1)/step) {
		wg.Go(func() {
			for {
				end := int(next.Add(step))
				for i := end - step; i < min(end, n); i++ {
					if errs[i] = f(i); errs[i] != nil {
						next.Store(int64(n))
					}
				}
				if end >= n {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// reference is one typed reference an entity holds.
type reference struct{ relation, field, target string }

// references returns what e, whose tree is given, points at, each target once a
// relation.
func (k *Kind) references(e *entity.Entity, tree map[string]any) []reference {
	var out []reference
	k.eachTarget(e, tree, func(f *Field, target string) {
		if !slices.ContainsFunc(out, func(o reference) bool { return o.relation == f.Relation && o.target == target }) {
			out = append(out, reference{f.Relation, f.Path, target})
		}
	})
	return out
}

// eachTarget calls visit with each field of e, whose tree is given, that holds a
// reference, and what that names in full.
func (k *Kind) eachTarget(e *entity.Entity, tree map[string]any, visit func(f *Field, target string)) {
	read := func(f *Field, v any) {
		s, ok := v.(string)
		if !ok {
			return
		}
		kind := f.Refs[0]
		if kind == "*" {
			kind = ""
		}
		if ref, err := entity.ParseRef(s, kind, e.Metadata.Namespace); err == nil {
			visit(f, ref.String())
		}
	}
	eachRef(metaFields, tree["metadata"], read)
	eachRef(k.Fields, tree["spec"], read)
}

// eachRef visits the references in a JSON object with its fields.
func eachRef(fields []Field, v any, visit func(*Field, any)) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for i := range fields {
		eachRefIn(&fields[i], m[fields[i].Name], visit)
	}
}

func eachRefIn(f *Field, v any, visit func(*Field, any)) {
	switch {
	case v == nil:
	case f.Type == Reference:
		visit(f, v)
	case f.Type == Object:
		eachRef(f.Fields, v, visit)
	case f.Type == List:
		items, _ := v.([]any)
		for _, item := range items {
			eachRefIn(f.Item, item, visit)
		}
	}
}

// facet is one value a list can filter by; ord, when not empty or the value is
// of a column, is the text that sorts it.
type facet struct {
	key, value string
	ord        *string
}

// facets returns the values of e by which lists are filtered and sorted, each
// once.
func (k *Kind) facets(e *entity.Entity, tree, status map[string]any) []facet {
	whole := maps.Clone(tree)
	whole["status"] = status
	var out []facet
	for _, t := range e.Metadata.Tags {
		out = append(out, facet{key: "metadata.tags", value: t})
	}
	for name, value := range e.Metadata.Labels {
		out = append(out, facet{key: "metadata.labels." + name, value: value})
	}
	k.walk(func(f *Field) {
		if f.Column > 0 || f.Filter {
			out = append(out, f.facets(lookup(whole, f.Path), e)...)
		}
	})
	return unique(out, func(f facet) [2]string { return [2]string{f.key, f.value} })
}

// unique keeps the first of those with the same key.
func unique[T any, K comparable](list []T, key func(T) K) []T {
	seen := make(map[K]bool, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		k := key(v)
		again := seen[k]
		seen[k] = true
		return again
	})
}

func (f *Field) facets(v any, e *entity.Entity) []facet {
	if f.Type == List {
		items, _ := v.([]any)
		var out []facet
		for _, item := range items {
			if s := f.Item.facetValue(item, e); s != "" {
				out = append(out, facet{key: f.Path, value: s})
			}
		}
		return out
	}
	value := f.facetValue(v, e)
	ord := f.order(v, value)
	return []facet{{key: f.Path, value: value, ord: &ord}}
}

// facetValue writes a value as filters name it; references in full, folded
// values as Fold makes them.
func (f *Field) facetValue(v any, e *entity.Entity) string {
	switch x := v.(type) {
	case string:
		if f.Type == Reference {
			if ref, err := entity.ParseRef(x, strings.TrimPrefix(f.Refs[0], "*"), e.Metadata.Namespace); err == nil {
				return ref.String()
			}
		}
		return cut(f.Key(x), 200)
	case json.Number, bool:
		return fmt.Sprint(x)
	}
	return ""
}

// order returns a text that sorts as the value does: numbers by size, enums by
// their place in the list, texts without case and accents. What is not set
// sorts first.
func (f *Field) order(v any, value string) string {
	if value == "" {
		return ""
	}
	if n, ok := v.(json.Number); ok {
		if x, err := n.Float64(); err == nil {
			return orderFloat(x)
		}
	}
	for i := range f.Enum {
		if f.Enum[i].Value == value && (!f.Suggest || f.Fold != nil) {
			return fmt.Sprintf("%04d", i+1)
		}
	}
	return fold(value)
}

// orderFloat writes a float so that the texts sort as the numbers do.
func orderFloat(x float64) string {
	bits := math.Float64bits(x)
	if bits>>63 == 1 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// fold writes a text in lower case without accents, as search and sorting
// compare it.
func fold(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

const (
	maxWords = 20_000 // words kept of one entity
	maxWord  = 60     // bytes of one word
)

// words splits a text into folded words of letters and digits; a name in camel
// case gives its parts as well as the whole.
func words(s string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) }) {
		if len(out) >= maxWords {
			break
		}
		out = append(out, cut(fold(w), maxWord))
		if parts := camel(w); len(parts) > 1 {
			for _, p := range parts {
				out = append(out, cut(fold(p), maxWord))
			}
		}
	}
	return out
}

// camel splits at a lower-case letter followed by an upper-case one.
func camel(s string) []string {
	var parts []string
	start, prev := 0, rune(0)
	for i, r := range s {
		if unicode.IsUpper(r) && unicode.IsLower(prev) {
			parts = append(parts, s[start:i])
			start = i
		}
		prev = r
	}
	return append(parts, s[start:])
}

// texts returns what search reads of e: its title and name, and the rest.
func (k *Kind) texts(e *entity.Entity) (title, body string) {
	tree, err := treeOf(e)
	if err != nil {
		tree = nil
	}
	return k.textsOf(e, tree)
}

func (k *Kind) textsOf(e *entity.Entity, tree map[string]any) (title, body string) {
	m := e.Metadata
	parts := append([]string{m.Description, m.Owner}, m.Tags...)
	for _, key := range slices.Sorted(maps.Keys(m.Labels)) {
		parts = append(parts, key, m.Labels[key])
	}
	for _, key := range slices.Sorted(maps.Keys(m.Annotations)) {
		parts = append(parts, key, cut(m.Annotations[key], 1000))
	}
	for _, l := range m.Links {
		parts = append(parts, l.Title, l.URL)
	}
	collect(k.Fields, tree["spec"], &parts)
	return m.Title + " " + m.Name, plainText(strings.Join(parts, " \n"))
}

var markup = regexp.MustCompile(`</?[A-Za-z][^<>]*>`)

// plainText leaves out the tags of HTML, which nobody searches for.
func plainText(s string) string {
	if !strings.Contains(s, "<") {
		return s
	}
	return html.UnescapeString(markup.ReplaceAllString(s, " "))
}

// collect gathers the texts of the fields that are searched.
func collect(fields []Field, v any, parts *[]string) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for i := range fields {
		f := &fields[i]
		switch val := m[f.Name]; {
		case f.Search:
			*parts = append(*parts, flatten(val)...)
		case f.Type == Object:
			collect(f.Fields, val, parts)
		case f.Type == List && f.Item.Type == Object:
			items, _ := val.([]any)
			for _, item := range items {
				collect(f.Item.Fields, item, parts)
			}
		}
	}
}

func flatten(v any) []string {
	var out []string
	switch x := v.(type) {
	case string:
		out = append(out, x)
	case json.Number:
		out = append(out, x.String())
	case []any:
		for _, item := range x {
			out = append(out, flatten(item)...)
		}
	case map[string]any:
		for _, key := range keysOf(x) {
			out = append(out, flatten(x[key])...)
		}
	}
	return out
}
