package web

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/util"
)

var (
	markdown  = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(lowerHeadings{}, 100))))
	sanitizer = safeHTML()
)

// safeHTML allows what Markdown makes and nothing that runs, loads or styles.
func safeHTML() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.AllowElements("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href", "title").OnElements("a")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements("th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AllowRelativeURLs(true)
	return p
}

// Markdown writes a text in Markdown as safe HTML: no raw HTML, no images, no
// script; headings begin at h3, under the heading of the panel around it.
func Markdown(text string) template.HTML {
	var b bytes.Buffer
	if err := markdown.Convert([]byte(text), &b); err != nil {
		return template.HTML("<p>" + esc(text) + "</p>")
	}
	return template.HTML(sanitizer.SanitizeBytes(b.Bytes()))
}

// SafeHTML keeps of a text in HTML what Markdown could have made of it.
func SafeHTML(text string) template.HTML {
	return template.HTML(sanitizer.Sanitize(text))
}
