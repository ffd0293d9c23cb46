// Package lang holds the words of the interface: one catalogue of texts per
// language with plural rules, and the writing of numbers and dates by locale.
package lang

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Code is a language of the interface: "en" or "es".
type Code string

// The languages, the default one first.
const (
	English Code = "en"
	Spanish Code = "es"
)

// All lists the languages, the default one first.
var All = []Code{English, Spanish}

// Text is one short text in every language, kept beside what it names (the
// label of a field, the title of a kind).
type Text struct {
	En string `yaml:"en"`
	Es string `yaml:"es"`
}

// In returns the text in a language; English where the other is missing.
func (t Text) In(c Code) string {
	if c == Spanish && t.Es != "" {
		return t.Es
	}
	return t.En
}

// T returns a Text.
func T(en, es string) Text { return Text{en, es} }

// Catalog holds texts by key and language. Values may hold {0}, {1}, … for
// arguments; a key with the endings .one and .other is chosen by the first
// argument's count.
type Catalog struct{ texts map[Code]map[string]string }

// Load reads text.<language>.json from each file system, an object of key to
// text. A key given twice, or given in one language only, is an error.
func Load(sources ...fs.FS) (*Catalog, error) {
	c := &Catalog{texts: map[Code]map[string]string{}}
	for _, code := range All {
		c.texts[code] = map[string]string{}
		for _, src := range sources {
			if err := c.add(code, src); err != nil {
				return nil, err
			}
		}
	}
	return c, c.complete()
}

func (c *Catalog) add(code Code, src fs.FS) error {
	data, err := fs.ReadFile(src, "text."+string(code)+".json")
	if err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	var m map[string]string
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("texts in %s: %w", code, err)
	}
	for k, v := range m {
		if _, dup := c.texts[code][k]; dup {
			return fmt.Errorf("text %q is given twice in %s", k, code)
		}
		c.texts[code][k] = v
	}
	return nil
}

func (c *Catalog) complete() error {
	for _, a := range All {
		for _, b := range All {
			for _, k := range slices.Sorted(maps.Keys(c.texts[a])) {
				if _, ok := c.texts[b][k]; !ok {
					return fmt.Errorf("text %q is in %s and not in %s", k, a, b)
				}
			}
		}
	}
	return nil
}

// Keys returns the keys in order.
func (c *Catalog) Keys() []string { return slices.Sorted(maps.Keys(c.texts[English])) }

// Has reports whether the key is known, alone or in its plural forms.
func (c *Catalog) Has(key string) bool {
	_, one := c.texts[English][key]
	_, many := c.texts[English][key+".other"]
	return one || many
}

// Get returns the text of a key with its arguments filled in. An unknown key
// gives the key in brackets, so that a page still renders and a test can see it.
func (c *Catalog) Get(code Code, key string, args ...any) string {
	text, ok := c.texts[code][key]
	if !ok {
		text, ok = c.plural(code, key, args)
	}
	if !ok {
		return "[" + key + "]"
	}
	for i, a := range args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), format(code, a))
	}
	return text
}

func (c *Catalog) plural(code Code, key string, args []any) (string, bool) {
	form := ".other"
	if len(args) > 0 && fmt.Sprint(args[0]) == "1" {
		form = ".one"
	}
	text, ok := c.texts[code][key+form]
	return text, ok
}

func format(code Code, a any) string {
	switch v := a.(type) {
	case int:
		return Int(code, int64(v))
	case int64:
		return Int(code, v)
	case float64:
		return Float(code, v, -1)
	case Text:
		return v.In(code)
	}
	return fmt.Sprint(a)
}

// Match picks the language for an Accept-Language header.
func Match(header string) Code {
	for _, part := range strings.Split(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains(All, Code(base)) {
			return Code(base)
		}
	}
	return English
}

// Parse returns the language named s, or false.
func Parse(s string) (Code, bool) {
	if slices.Contains(All, Code(s)) {
		return Code(s), true
	}
	return English, false
}
