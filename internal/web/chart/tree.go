package chart

import (
	"cmp"
	"html/template"
	"slices"
	"strings"
)

// Tree is an organisation chart, written as nested lists: a screen reader says
// how deep each group lies, a narrow screen shows an indented tree, a wide one
// lays the first levels side by side.
type Tree struct {
	Name  string
	Roots []Branch
	Words Words
}

// Branch is a group and what is under it.
type Branch struct {
	Name     string
	Sub      string // a second, quiet line, as "11 people"
	Href     string
	Icon     string // id of an icon, as "i-group"
	State    State
	Current  bool // the one the page is about
	Children []Branch
}

// HTML writes the tree; without roots it says so.
func (t Tree) HTML() template.HTML {
	if len(t.Roots) == 0 {
		return empty("", t.Name, t.Words)
	}
	var c canvas
	t.list(&c, t.Roots, 0)
	return c.html()
}

func (t Tree) list(c *canvas, branches []Branch, depth int) {
	if depth == 0 {
		c.open("ul", "class", "org", "aria-label", t.Name)
	} else {
		c.open("ul", "class", t.spread(branches))
	}
	for _, b := range branches {
		c.open("li")
		t.box(c, b)
		if len(b.Children) > 0 {
			t.list(c, b.Children, depth+1)
		}
		c.end("li")
	}
	c.end("ul")
}

// spread marks lists of leaves, which stay one below the other even where
// there is room.
func (t Tree) spread(branches []Branch) string {
	for _, b := range branches {
		if len(b.Children) > 0 {
			return "org-row"
		}
	}
	return "org-leaves"
}

func (t Tree) box(c *canvas, b Branch) {
	tag, class, current := "span", "org-box", ""
	if b.Href != "" {
		tag = "a"
	}
	if b.Current {
		class, current = "org-box me", "true"
	}
	c.open(tag, "class", class, "href", b.Href, "aria-current", current)
	if icon := nodeIcon(Node{Icon: b.Icon, State: b.State}); icon != "" {
		c.open("svg", "class", "icon", "aria-hidden", "true")
		c.void("use", "href", t.Words.icon(icon))
		c.end("svg")
	}
	c.open("span")
	c.leaf("b", b.Name)
	if b.Sub != "" {
		c.leaf("small", b.Sub)
	}
	c.end("span")
	c.end(tag)
}

// Item is a group that names the group above it.
type Item struct {
	ID, Parent string
	Branch
}

// Forest turns items that know their parents into branches, children by name.
// An item whose parent is unknown becomes a root; where parents run in a
// circle, the item with the smallest id of the circle does.
func Forest(items []Item) []Branch {
	byID := make(map[string]Item, len(items))
	for _, it := range items {
		if _, twice := byID[it.ID]; !twice {
			byID[it.ID] = it
		}
	}
	under := make(map[string][]string)
	for _, id := range sorted(byID) {
		parent := byID[id].Parent
		if _, ok := byID[parent]; !ok || cuts(byID, id) {
			parent = rootID
		}
		under[parent] = append(under[parent], id)
	}
	return grow(byID, under, rootID)
}

const rootID = "\x00root" // no id of the caller

// cuts reports whether id lies on a circle of parents and is its smallest.
func cuts(byID map[string]Item, id string) bool {
	least := id
	at := byID[id].Parent
	for range len(byID) {
		if at == id {
			return least == id
		}
		least = min(least, at)
		it, ok := byID[at]
		if !ok {
			return false
		}
		at = it.Parent
	}
	return false
}

func grow(byID map[string]Item, under map[string][]string, id string) []Branch {
	var out []Branch
	for _, child := range under[id] {
		b := byID[child].Branch
		b.Children = grow(byID, under, child)
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b Branch) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Name, b.Name))
	})
	return out
}
