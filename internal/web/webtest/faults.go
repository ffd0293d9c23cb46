package webtest

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// unknownKey is how the program writes a text it does not have.
var unknownKey = regexp.MustCompile(`\[[a-z]+(\.[\w.-]+)+\]`)

// Faults lists what is wrong with a page: texts that are missing, arguments
// that were not filled in, cards that failed, ids given twice, labels that
// lead nowhere, headings that skip a level, pictures and fields without a name,
// and what the security policy would refuse.
func Faults(page string) []string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return []string{err.Error()}
	}
	f := &finder{ids: map[string]int{}}
	f.walk(root, nil)
	f.references()
	f.headings()
	if m := unknownKey.FindString(page); m != "" {
		f.add("a text is missing: %s", m)
	}
	for _, bad := range []string{"ZgotmplZ", "%!", "<no value>", "{0}", "{1}"} {
		if strings.Contains(page, bad) {
			f.add("%q stands in the page", bad)
		}
	}
	return f.faults
}

// MainText returns the text of the main part of a page, white space folded.
func MainText(page string) string {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return ""
	}
	var b strings.Builder
	var walk func(n *html.Node, in bool)
	walk = func(n *html.Node, in bool) {
		in = in || n.Type == html.ElementNode && n.Data == "main"
		if n.Type == html.TextNode && in {
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, in)
		}
	}
	walk(root, false)
	return strings.Join(strings.Fields(b.String()), " ")
}

type finder struct {
	faults []string
	ids    map[string]int
	refs   [][2]string // attribute and id
	heads  []int
}

func (f *finder) add(format string, args ...any) {
	f.faults = append(f.faults, fmt.Sprintf(format, args...))
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (f *finder) walk(n *html.Node, above []string) {
	if n.Type == html.ElementNode {
		f.element(n, above)
		above = append(above[:len(above):len(above)], n.Data)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		f.walk(c, above)
	}
}

func (f *finder) element(n *html.Node, above []string) {
	for _, a := range n.Attr {
		switch {
		case a.Key == "id":
			f.ids[a.Val]++
		case a.Key == "aria-labelledby", a.Key == "aria-describedby", a.Key == "aria-controls", a.Key == "for", a.Key == "popovertarget":
			for _, id := range strings.Fields(a.Val) {
				f.refs = append(f.refs, [2]string{a.Key, id})
			}
		case strings.HasPrefix(a.Key, "on"):
			f.add("<%s> has a script in %s", n.Data, a.Key)
		case a.Key == "style" && !strings.HasPrefix(strings.TrimSpace(a.Val), "--"):
			f.add("<%s> has the style %q", n.Data, a.Val)
		case a.Key == "href" && (a.Val == "" || strings.HasPrefix(a.Val, "javascript:")):
			f.add("a link leads to %q", a.Val)
		}
	}
	inLink := false
	for _, a := range above {
		inLink = inLink || a == "a" || a == "button"
	}
	switch n.Data {
	case "a", "button":
		if inLink {
			f.add("a link or button lies in another: %s", strings.TrimSpace(text(n)))
		}
		if strings.TrimSpace(text(n)) == "" && attr(n, "aria-label") == "" {
			f.add("a link or button to %q has no name", attr(n, "href"))
		}
	case "h1", "h2", "h3", "h4":
		f.heads = append(f.heads, int(n.Data[1]-'0'))
		if strings.TrimSpace(text(n)) == "" {
			f.add("an empty %s", n.Data)
		}
	case "img":
		if attr(n, "alt") == "" && attr(n, "role") != "presentation" {
			f.add("a picture without words: %s", attr(n, "src"))
		}
	case "script":
		if attr(n, "src") == "" && !strings.Contains(attr(n, "type"), "json") {
			f.add("a script in the page")
		}
	}
}

func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c))
	}
	return b.String()
}

func (f *finder) references() {
	for id, n := range f.ids {
		if n > 1 {
			f.add("the id %q stands %d times", id, n)
		}
	}
	for _, r := range f.refs {
		if f.ids[r[1]] == 0 {
			f.add("%s names %q, which is not there", r[0], r[1])
		}
	}
}

func (f *finder) headings() {
	ones, last := 0, 0
	for _, level := range f.heads {
		if level == 1 {
			ones++
		}
		if last > 0 && level > last+1 {
			f.add("a heading of level %d follows one of level %d", level, last)
		}
		last = level
	}
	if ones != 1 {
		f.add("the page has %d first headings", ones)
	}
}
