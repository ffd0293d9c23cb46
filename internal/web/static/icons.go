package static

import (
	"html/template"
	"regexp"
	"sort"
	"sync"
)

const sprite = "icons.svg"

var symbol = regexp.MustCompile(`<symbol id="([a-z0-9-]+)".*</symbol>`)

// icons maps the id of each symbol of the sprite to its element.
var icons = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	for _, m := range symbol.FindAllStringSubmatch(string(assets()[sprite].plain), -1) {
		all[m[1]] = m[0]
	}
	return all
})

// IconIDs lists the symbols of the sprite: "i-…" things and actions, "s-…"
// states, "e-…" evidence, and "logo".
func IconIDs() []string {
	ids := make([]string, 0, len(icons()))
	for id := range icons() {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

// HasIcon reports whether the sprite has a symbol of that id.
func HasIcon(id string) bool { return icons()[id] != "" }

// IconURL is the address of one symbol in the served sprite, for
// <use href="…">.
func IconURL(id string) string { return URL(sprite) + "#" + id }

// Icon is <svg class="icon"> showing one symbol of the served sprite, hidden
// from screen readers: the word beside it carries the meaning. An unknown id
// gives the empty dashed circle "s-idle".
func Icon(id string) template.HTML {
	if !HasIcon(id) {
		id = "s-idle"
	}
	return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + IconURL(id) + `"/></svg>`)
}

// Icons is the whole sprite for use inside a page, as <use href="#i-plus">
// needs it. With ids only those symbols are in it.
func Icons(ids ...string) template.HTML {
	if len(ids) == 0 {
		ids = IconIDs()
	}
	out := `<svg class="sprite" width="0" height="0" aria-hidden="true" focusable="false"><defs>`
	for _, id := range ids {
		out += icons()[id]
	}
	return template.HTML(out + `</defs></svg>`)
}
