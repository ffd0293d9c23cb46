package chart

import (
	"html"
	"html/template"
	"strings"
)

// canvas collects markup. It escapes every attribute value and every text;
// an attribute without a value is left out.
type canvas struct{ b strings.Builder }

func (c *canvas) start(tag string, attrs []string) {
	c.b.WriteByte('<')
	c.b.WriteString(tag)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] == "" {
			continue
		}
		c.b.WriteByte(' ')
		c.b.WriteString(attrs[i])
		c.b.WriteString(`="`)
		c.b.WriteString(html.EscapeString(attrs[i+1]))
		c.b.WriteByte('"')
	}
}

// open begins an element; attrs are names and values by turns.
func (c *canvas) open(tag string, attrs ...string) {
	c.start(tag, attrs)
	c.b.WriteByte('>')
}

// void writes an element without content, closed as SVG asks.
func (c *canvas) void(tag string, attrs ...string) {
	c.start(tag, attrs)
	c.b.WriteString("/>")
}

// leaf writes an element that holds only text.
func (c *canvas) leaf(tag, text string, attrs ...string) {
	c.open(tag, attrs...)
	c.text(text)
	c.end(tag)
}

func (c *canvas) end(tag string) {
	c.b.WriteString("</")
	c.b.WriteString(tag)
	c.b.WriteByte('>')
}

func (c *canvas) text(s string) { c.b.WriteString(html.EscapeString(s)) }

func (c *canvas) title(s string) {
	if s != "" {
		c.leaf("title", s)
	}
}

func (c *canvas) html() template.HTML { return template.HTML(c.b.String()) }

// route is the d attribute of a path under construction.
type route struct{ b strings.Builder }

func (r *route) move(x, y float64) { r.step("M", x, y) }
func (r *route) line(x, y float64) { r.step("L", x, y) }
func (r *route) close()            { r.b.WriteByte('Z') }

func (r *route) step(letter string, x, y float64) {
	r.b.WriteString(letter)
	r.b.WriteString(n(x))
	r.b.WriteByte(' ')
	r.b.WriteString(n(y))
}

func (r *route) String() string { return r.b.String() }
