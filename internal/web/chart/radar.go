package chart

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Radar is a technology radar with any number of rings and segments. With four
// segments it is drawn as quadrants with the ring names on the horizontal
// axis; with any other number as sectors of a pie.
type Radar struct {
	Name     string   // "Technology radar: 42 entries in four rings"
	Rings    []string // from the centre outward
	Segments []string // four: top left, top right, bottom left, bottom right; else clockwise from the top
	Blips    []Blip
	Words    Words
}

// Blip is one entry of a radar. One whose ring or segment does not exist is
// not drawn.
type Blip struct {
	N       int // the number written on it
	Name    string
	Segment int // index into Segments
	Ring    int // index into Rings
	State   BlipState
	Move    Move
	Href    string
	Tip     string // what the tooltip and the accessible name say; none: Name
}

// BlipState tells how real use compares with the ring.
type BlipState string

// The states of a blip; "" is a plain one.
const (
	Agrees  BlipState = "agrees"
	Unused  BlipState = "unused"
	Drift   BlipState = "drift"
	Against BlipState = "against"
)

// Move tells how a blip came to its ring since the edition before.
type Move string

// The movements of a blip; "" is none.
const (
	MoveNew Move = "new"
	MoveIn  Move = "in"
	MoveOut Move = "out"
)

const (
	radarC = 400.0 // centre; the drawing is 800 wide and high
	radarR = 372.0 // radius of the outermost ring
	blipR  = 12.0  // radius of a blip where there is room
)

// HTML draws the radar.
func (r Radar) HTML() template.HTML {
	if len(r.Rings) == 0 || len(r.Segments) == 0 {
		return empty("", r.Name, r.Words)
	}
	f := newField(r)
	var c canvas
	c.open("svg", "class", "fig radar", "viewBox", "0 0 800 800", "role", "group", "aria-label", r.Name)
	for s := range r.Segments {
		f.sector(&c, s)
		f.segmentName(&c, s)
	}
	f.ringNames(&c)
	for _, p := range f.place(r.Blips) {
		f.blip(&c, p)
	}
	c.end("svg")
	return c.html()
}

// field is the geometry of one radar.
type field struct {
	Radar
	id    string    // prefix of ids, unique by name
	radii []float64 // of each ring's outer edge, radii[0] is 0
	gap   float64   // half the distance between neighbouring segments
	size  float64   // radius of a blip
	names []box     // where ring names stand: no blip goes there
}

type box struct{ x, y, w, h float64 }

func newField(r Radar) *field {
	f := &field{Radar: r, radii: radii(len(r.Rings))}
	switch {
	case f.quadrants():
		f.gap = 11
	case len(r.Segments) > 1:
		f.gap = 3
	}
	f.id = "radar-" + strconv.FormatUint(uint64(hash(r.Name)), 36)
	f.size = f.blipSize()
	f.names = f.nameBoxes()
	return f
}

func (f *field) quadrants() bool { return len(f.Segments) == 4 }

// radii gives inner rings more depth than outer ones, because they have less
// circumference.
func radii(rings int) []float64 {
	if rings == 4 {
		return []float64{0, 158, 246, 316, radarR}
	}
	out := []float64{0}
	for k := 1; k <= rings; k++ {
		out = append(out, radarR*math.Pow(float64(k)/float64(rings), .6))
	}
	return out
}

// sweep is where segment s begins and ends, in radians clockwise from three
// o'clock.
func (f *field) sweep(s int) (from, to float64) {
	if f.quadrants() {
		from = []float64{math.Pi, 1.5 * math.Pi, .5 * math.Pi, 0}[s]
		return from, from + math.Pi/2
	}
	each := 2 * math.Pi / float64(len(f.Segments))
	from = -math.Pi/2 + float64(s)*each
	return from, from + each
}

// origin is the point that segment s is drawn around: the centre, moved away
// from it so that the gap stays open.
func (f *field) origin(s int) (x, y float64) {
	if f.gap == 0 {
		return radarC, radarC
	}
	from, to := f.sweep(s)
	away := f.gap / math.Sin(math.Min((to-from)/2, math.Pi/2))
	mid := (from + to) / 2
	return radarC + away*math.Cos(mid), radarC + away*math.Sin(mid)
}

func (f *field) sector(c *canvas, s int) {
	x, y := f.origin(s)
	from, to := f.sweep(s)
	for k := len(f.Rings); k >= 1; k-- {
		class := "rr rr" + strconv.Itoa(f.shade(k))
		if len(f.Segments) == 1 {
			c.void("circle", "class", class, "cx", n(x), "cy", n(y), "r", n(f.radii[k]))
			continue
		}
		rad := f.radii[k]
		c.void("path", "class", class, "d", fmt.Sprintf("M%s %sL%s %sA%s %s 0 0 1 %s %sZ", n(x), n(y),
			n(x+rad*math.Cos(from)), n(y+rad*math.Sin(from)), n(rad), n(rad),
			n(x+rad*math.Cos(to)), n(y+rad*math.Sin(to))))
	}
}

// shade spreads the stylesheet's four ring colours over the rings.
func (f *field) shade(ring int) int {
	if len(f.Rings) == 1 {
		return 2
	}
	return 1 + int(math.Round(3*float64(ring-1)/float64(len(f.Rings)-1)))
}

func (f *field) segmentName(c *canvas, s int) {
	if f.quadrants() {
		x, anchor, y := "8", "start", "26"
		if s%2 == 1 {
			x, anchor = "792", "end"
		}
		if s >= 2 {
			y = "786"
		}
		c.leaf("text", f.Segments[s], "class", "quad", "x", x, "y", y, "text-anchor", anchor)
		return
	}
	f.curvedName(c, s)
}

// curvedName writes a segment's name along the rim, never upside down.
func (f *field) curvedName(c *canvas, s int) {
	from, to := f.sweep(s)
	mid := (from + to) / 2
	half := math.Min((to-from)/2, math.Pi*.45)
	rad, a, b, flag := radarR+9, mid-half, mid+half, "1"
	if math.Sin(mid) > .05 {
		rad, a, b, flag = radarR+20, mid+half, mid-half, "0"
	}
	id := f.id + "-" + strconv.Itoa(s)
	c.void("path", "id", id, "fill", "none", "d", fmt.Sprintf("M%s %sA%s %s 0 0 %s %s %s",
		n(radarC+rad*math.Cos(a)), n(radarC+rad*math.Sin(a)), n(rad), n(rad), flag,
		n(radarC+rad*math.Cos(b)), n(radarC+rad*math.Sin(b))))
	c.open("text", "class", "quad", "text-anchor", "middle")
	c.leaf("textPath", fit(f.Segments[s], 14.5, 2*half*radarR-6), "href", "#"+id, "startOffset", "50%")
	c.title(f.Segments[s])
	c.end("text")
}

const ringNameSize = 11.5 // px of a ring's name, as in the stylesheet

func (f *field) ringNames(c *canvas) {
	for k, name := range f.Rings {
		for _, at := range f.nameSpots(k) {
			class := "ring-name"
			if !f.quadrants() {
				class = "ring-name ring-name-on"
			}
			c.leaf("text", f.ringName(k, name), "class", class, "x", n(at[0]), "y", n(at[1]), "text-anchor", "middle")
		}
	}
}

func (f *field) ringName(k int, name string) string {
	if f.quadrants() {
		return fit(name, ringNameSize, f.radii[k+1]-f.radii[k]-4)
	}
	return fit(name, ringNameSize, 110)
}

// nameSpots is where the name of ring k is written: in the gap left and right
// of the centre, or above the centre on the rings themselves.
func (f *field) nameSpots(k int) [][2]float64 {
	mid := (f.radii[k] + f.radii[k+1]) / 2
	if !f.quadrants() {
		if k == 0 && len(f.Rings) > 1 {
			mid = f.radii[1] * .62
		}
		return [][2]float64{{radarC, radarC - mid + 4}}
	}
	if k == 0 {
		mid = f.radii[1] * .5443
	}
	return [][2]float64{{radarC - mid - f.gap, radarC + 4.5}, {radarC + mid + f.gap, radarC + 4.5}}
}

func (f *field) nameBoxes() []box {
	if f.quadrants() {
		return nil // they stand in the gap
	}
	var out []box
	for k, name := range f.Rings {
		at := f.nameSpots(k)[0]
		w := width(f.ringName(k, name), ringNameSize)
		out = append(out, box{at[0] - w/2 - 3, at[1] - 11, w + 6, 14})
	}
	return out
}

// spot is a blip and where it stands.
type spot struct {
	Blip
	x, y float64
}

func (f *field) blip(c *canvas, p spot) {
	tag := "g"
	if p.Href != "" {
		tag = "a"
	}
	tip := p.Tip
	if tip == "" {
		tip = p.Name
	}
	label := strconv.Itoa(p.N) + " " + strings.ReplaceAll(tip, "\n", ". ")
	attrs := []string{"class", f.blipClass(p.Blip), "href", p.Href, "aria-label", label}
	if tag == "g" {
		attrs = append(attrs, "role", "img")
	}
	c.open(tag, attrs...)
	c.title(tip)
	f.moved(c, p)
	f.shape(c, p)
	c.end(tag)
}

func (f *field) blipClass(b Blip) string {
	class := "blip"
	switch b.State {
	case Agrees, Unused, Drift, Against:
		class += " blip-" + string(b.State)
	}
	if b.N > 99 {
		class += " blip-long"
	}
	switch {
	case f.size < 8:
		class += " blip-xs"
	case f.size < 11:
		class += " blip-s"
	}
	return class
}

// moved draws a small wedge toward or away from the centre, or a ring around
// what is new.
func (f *field) moved(c *canvas, p spot) {
	k := f.size / blipR
	switch p.Move {
	case MoveNew:
		c.void("circle", "class", "halo", "cx", n(p.x), "cy", n(p.y), "r", n(15.5*k))
	case MoveIn, MoveOut:
		away := math.Hypot(radarC-p.x, radarC-p.y)
		if away == 0 {
			return
		}
		dx, dy := (radarC-p.x)/away, (radarC-p.y)/away
		if p.Move == MoveOut {
			dx, dy = -dx, -dy
		}
		off := 15.5 * k
		if p.State == Drift || p.State == Against {
			off = 19 * k
		}
		bx, by := p.x+dx*off, p.y+dy*off
		var d route
		d.move(bx+dx*7*k, by+dy*7*k)
		d.line(bx-dy*6*k, by+dx*6*k)
		d.line(bx+dy*6*k, by-dx*6*k)
		d.close()
		c.void("path", "class", "wedge", "d", d.String())
	}
}

func (f *field) shape(c *canvas, p spot) {
	k, down := f.size/blipR, 4.0
	switch p.State {
	case Against:
		side := 21 * k
		c.void("rect", "x", n(p.x-side/2), "y", n(p.y-side/2), "width", n(side), "height", n(side), "rx", "3",
			"transform", "rotate(45 "+n(p.x)+" "+n(p.y)+")")
	case Drift:
		down = 5
		var d route
		d.move(p.x, p.y-16*k)
		d.line(p.x+14*k, p.y+7.5*k)
		d.line(p.x-14*k, p.y+7.5*k)
		d.close()
		c.void("path", "d", d.String())
	default:
		c.void("circle", "cx", n(p.x), "cy", n(p.y), "r", n(f.size))
	}
	c.leaf("text", strconv.Itoa(p.N), "x", n(p.x), "y", n(p.y+down*k), "text-anchor", "middle")
}

// known are the blips that have a ring and a segment, in reading order.
func (f *field) known(blips []Blip) []Blip {
	var out []Blip
	for _, b := range blips {
		if b.Ring >= 0 && b.Ring < len(f.Rings) && b.Segment >= 0 && b.Segment < len(f.Segments) {
			out = append(out, b)
		}
	}
	slices.SortStableFunc(out, func(a, b Blip) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Ring, b.Ring), cmp.Compare(a.N, b.N), strings.Compare(a.Name, b.Name))
	})
	return out
}

func hash(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum32()
}
