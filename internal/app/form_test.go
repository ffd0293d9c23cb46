package app_test

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// formOf reads the form of a page that is sent to action, with what a browser
// would send if nobody touched it. The button pressed is its last one.
func formOf(page, action string) (url.Values, bool) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, false
	}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && attr(n, "action") == action {
			return fieldsOf(n), true
		}
	}
	return nil, false
}

func fieldsOf(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name := attr(n, "name")
		if n.Type != html.ElementNode || name == "" || has(n, "disabled") || inTemplate(n) {
			continue
		}
		switch n.Data {
		case "input":
			if t := attr(n, "type"); t == "checkbox" || t == "radio" {
				if has(n, "checked") {
					values.Add(name, value(n, "on"))
				}
			} else if t != "file" {
				values.Add(name, value(n, ""))
			}
		case "textarea":
			values.Add(name, strings.TrimPrefix(textOf(n), "\n"))
		case "select":
			chosen(values, name, n)
		case "button":
			values.Set(name, value(n, ""))
		}
	}
	return values
}

// chosen adds the options a select has: the marked ones, or without one the
// first.
func chosen(values url.Values, name string, list *html.Node) {
	var first *html.Node
	found := false
	for n := range list.Descendants() {
		if n.Type != html.ElementNode || n.Data != "option" {
			continue
		}
		if first == nil {
			first = n
		}
		if has(n, "selected") {
			values.Add(name, value(n, textOf(n)))
			found = true
		}
	}
	if !found && first != nil && !has(list, "multiple") {
		values.Add(name, value(first, textOf(first)))
	}
}

// inTemplate reports whether n is a row that a script would add.
func inTemplate(n *html.Node) bool {
	for p := range n.Ancestors() {
		if p.Data == "template" {
			return true
		}
	}
	return false
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func value(n *html.Node, otherwise string) string {
	if has(n, "value") {
		return attr(n, "value")
	}
	return otherwise
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}
