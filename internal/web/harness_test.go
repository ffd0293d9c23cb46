package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// checkPage reports what is wrong with the HTML of a whole page.
func checkPage(page string) []string {
	c := &checker{ids: map[string]int{}}
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return []string{"cannot be parsed: " + err.Error()}
	}
	if problems := wellFormed(page); len(problems) > 0 {
		c.problems = append(c.problems, problems...)
	}
	c.collect(doc)
	c.walk(doc, false)
	if c.h1 != 1 {
		c.add("%d h1", c.h1)
	}
	for id, n := range c.ids {
		if n > 1 {
			c.add("id %q is there %d times", id, n)
		}
	}
	for _, ref := range c.idrefs {
		if c.ids[ref] == 0 {
			c.add("no element has the id %q that another refers to", ref)
		}
	}
	return c.problems
}

// wellFormed checks that tags are closed in the order they were opened.
func wellFormed(page string) []string {
	void := strings.Fields("area base br col embed hr img input link meta source track wbr")
	var open, problems []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch tt := z.Next(); tt {
		case html.ErrorToken:
			if len(open) > 0 {
				problems = append(problems, "not closed: "+strings.Join(open, " "))
			}
			return problems
		case html.StartTagToken:
			name, _ := z.TagName()
			if n := string(name); !slices.Contains(void, n) {
				open = append(open, n)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			n := string(name)
			if len(open) == 0 || open[len(open)-1] != n {
				return append(problems, fmt.Sprintf("</%s> closes %v", n, open[max(0, len(open)-3):]))
			}
			open = open[:len(open)-1]
		}
	}
}

type checker struct {
	problems []string
	ids      map[string]int
	idrefs   []string
	labels   map[string]bool
	h1       int
	level    int
	links    []string
	forms    []link
}

type link struct{ method, href string }

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func attr(n *html.Node, name string) string {
	v, _ := attrOK(n, name)
	return v
}

func attrOK(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// collect finds the ids and what labels point at.
func (c *checker) collect(n *html.Node) {
	if c.labels == nil {
		c.labels = map[string]bool{}
	}
	if n.Type == html.ElementNode {
		if id := attr(n, "id"); id != "" && !inTemplate(n) {
			c.ids[id]++
		}
		if n.Data == "label" {
			c.labels[attr(n, "for")] = true
		}
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.collect(k)
	}
}

func inTemplate(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "template" {
			return true
		}
	}
	return false
}

func textOf(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		b.WriteString(textOf(k))
	}
	return b.String()
}

var customProperty = regexp.MustCompile(`^(\s*--[a-z][a-z0-9-]*:[^;]+;?\s*)+$`)

func (c *checker) walk(n *html.Node, labelled bool) {
	if n.Type == html.ElementNode {
		c.element(n, labelled)
		labelled = labelled || n.Data == "label"
	}
	for k := n.FirstChild; k != nil; k = k.NextSibling {
		c.walk(k, labelled)
	}
}

func (c *checker) element(n *html.Node, labelled bool) {
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") {
			c.add("inline script %s on <%s>", a.Key, n.Data)
		}
	}
	if s, ok := attrOK(n, "style"); ok && !customProperty.MatchString(s) {
		c.add("inline style %q on <%s>", s, n.Data)
	}
	for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "list", "popovertarget"} {
		if v := attr(n, name); v != "" && !inTemplate(n) {
			c.idrefs = append(c.idrefs, strings.Fields(v)...)
		}
	}
	if f := attr(n, "for"); n.Data == "label" && f != "" && !inTemplate(n) {
		c.idrefs = append(c.idrefs, f)
	}
	switch n.Data {
	case "script":
		if attr(n, "src") == "" && attr(n, "type") != "application/json" {
			c.add("inline script")
		}
	case "style":
		c.add("inline style element")
	case "img":
		if _, ok := attrOK(n, "alt"); !ok {
			c.add("image without alt")
		}
	case "svg":
		c.picture(n)
	case "input", "select", "textarea":
		c.control(n, labelled)
	case "button":
		if strings.TrimSpace(textOf(n)) == "" && attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" {
			if _, later := attrOK(n, "data-theme-toggle"); !later {
				c.add("button without a name")
			}
		}
	case "a":
		c.anchor(n)
	case "form":
		c.forms = append(c.forms, link{strings.ToUpper(attr(n, "method")), attr(n, "action")})
		if attr(n, "action") == "" {
			c.add("form without an action")
		}
	case "table":
		c.table(n)
	case "h1", "h2", "h3", "h4", "h5", "h6":
		c.heading(n)
	case "html":
		if attr(n, "lang") == "" {
			c.add("html without lang")
		}
	case "title":
		if n.Parent != nil && n.Parent.Data == "head" && strings.TrimSpace(textOf(n)) == "" {
			c.add("no title")
		}
	}
}

func (c *checker) picture(n *html.Node) {
	if attr(n, "aria-hidden") == "true" || attr(n, "aria-label") != "" || attr(n, "role") == "group" || attr(n, "role") == "none" {
		return
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "svg" || attr(p, "aria-hidden") == "true" {
			return
		}
	}
	c.add("picture without a name that is not hidden")
}

func (c *checker) control(n *html.Node, labelled bool) {
	kind := attr(n, "type")
	if kind == "hidden" || kind == "submit" || attr(n, "aria-hidden") == "true" {
		return
	}
	if !labelled && attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" && !c.labels[attr(n, "id")] {
		c.add("no label for <%s name=%q id=%q>", n.Data, attr(n, "name"), attr(n, "id"))
	}
	if attr(n, "aria-invalid") == "true" && attr(n, "aria-describedby") == "" && attr(n, "autofocus") == "" {
		c.add("<%s name=%q> is invalid and does not say why", n.Data, attr(n, "name"))
	}
}

func (c *checker) anchor(n *html.Node) {
	href, ok := attrOK(n, "href")
	if !ok {
		c.add("link without href: %q", textOf(n))
	}
	c.links = append(c.links, href)
	if strings.TrimSpace(textOf(n)) == "" && attr(n, "aria-label") == "" {
		c.add("link without text to %s", href)
	}
}

func (c *checker) table(n *html.Node) {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "template" {
			return
		}
		if strings.Contains(attr(p, "class"), "table-wrap") {
			if attr(p, "tabindex") != "0" || attr(p, "aria-label") == "" && attr(p, "aria-labelledby") == "" {
				c.add("a wide table's wrapper needs tabindex and a name")
			}
			break
		}
	}
	var heads int
	var count func(*html.Node)
	count = func(k *html.Node) {
		if k.Data == "th" {
			heads++
			if attr(k, "scope") == "" {
				c.add("th without scope: %q", textOf(k))
			}
		}
		for s := k.FirstChild; s != nil; s = s.NextSibling {
			count(s)
		}
	}
	count(n)
	if heads == 0 {
		c.add("table without heads")
	}
}

func (c *checker) heading(n *html.Node) {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "dialog" {
			return // a dialog begins its own order
		}
	}
	level := int(n.Data[1] - '0')
	if level == 1 {
		c.h1++
	}
	if level > c.level+1 {
		c.add("h%d after h%d: %q", level, c.level, textOf(n))
	}
	c.level = level
	if strings.TrimSpace(textOf(n)) == "" {
		c.add("empty heading")
	}
}

// pagesOf are the addresses of all pages that a reader can open in a full house.
func pagesOf() []string {
	record := "/services/default/payments"
	return []string{
		"/", "/search", "/search?q=pay", "/search?q=zzz", "/palette?q=pay", "/suggest?kinds=group&q=pay", "/system", "/import", "/audit", "/audit?q=sign&outcome=ok", "/audit?from=nonsense",
		"/account", "/account/data", "/settings", "/settings/people", "/settings/sign-in", "/settings/tokens",
		"/services", "/services?q=pay", "/services?q=zzz", "/services?cel=((", "/services?cel=spec.tier==1&labels=tier%3D1&ns=default", "/services?sort=-updated", "/services?cols=spec.since&cols=spec.endpoints&cols=metadata.tags&cols=spec.languages",
		"/services?spec.type=service&spec.lifecycle=production&tag=go&owner=group:payments-team", "/services/new", "/services/new?spec.type=website",
		record, record + "/edit", record + "/copy", record + "/yaml", record + "/rename", record + "/delete", record + "/history", record + "/compare", record + "/compare?a=1&b=1", record + "/relations", record + "/relations?depth=3",
		"/groups", "/groups/default/platform", "/groups/default/platform/edit", "/groups/default/platform/relations", "/users", "/users/default/marta", "/users/default/marta/edit",
		"/services/default/failing", "/services/default/payments/board",
	}
}

func TestPages(t *testing.T) {
	h := fullHouse(t)
	empty := newHouse(t)
	if err := h.app.Check(); err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	for _, r := range h.routes {
		routes.HandleFunc(r.Method+" "+r.Pattern, func(http.ResponseWriter, *http.Request) {})
	}
	check := func(house *house, path, as string, code lang.Code) {
		w := house.do(request{path: path, as: as, lang: code})
		if w.Code >= 500 || w.Code == 303 {
			t.Errorf("%s as %s: status %d", path, as, w.Code)
			return
		}
		body := w.Body.String()
		problems := checkPage(body)
		if path != "/services/default/payments" { // whose cards fail on purpose
			problems = append(problems, webtest.Faults(body)...)
		}
		for _, problem := range problems {
			t.Errorf("%s as %s in %s: %s", path, as, code, problem)
		}
		if i := strings.Index(body, ">["); i >= 0 && regexp.MustCompile(`>\[[a-z0-9.+-]+\]<`).MatchString(body) {
			t.Errorf("%s as %s: a text is missing: %s", path, as, regexp.MustCompile(`>\[[a-z0-9.+-]+\]<`).FindString(body))
		}
		checkLinks(t, routes, path, body)
	}
	for _, code := range lang.All {
		for _, path := range pagesOf() {
			check(h, path, "owner", code)
			check(h, path, "auditor", code)
			check(empty, path, "owner", code)
		}
		for _, path := range []string{"/sign-in", "/sign-in?next=/services", "/sign-in/link/nonsense", "/invitation/nonsense", "/reset/nonsense", "/nothing/here"} {
			check(h, path, "-", code)
		}
	}
}

// checkLinks fails for a link or form of a page that leads to no route.
func checkLinks(t *testing.T, routes *http.ServeMux, path, body string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{ids: map[string]int{}}
	c.walk(doc, false)
	targets := c.forms
	for _, href := range c.links {
		targets = append(targets, link{"GET", href})
	}
	for _, l := range targets {
		if !strings.HasPrefix(l.href, "/") || strings.HasPrefix(l.href, "/static/") {
			continue
		}
		u, err := url.Parse(l.href)
		if err != nil {
			t.Errorf("%s: link %q: %v", path, l.href, err)
			continue
		}
		if l.method == "" {
			l.method = "GET"
		}
		req, _ := http.NewRequest(l.method, u.Path, nil)
		if _, pattern := routes.Handler(req); pattern == "" {
			t.Errorf("%s: %s %s leads nowhere", path, l.method, l.href)
		}
	}
}
