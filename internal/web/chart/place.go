package chart

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Where a blip stands is drawn from its own name and segment, not from its
// place in the list, so that it stays when others come and go. Blips that are
// new in this edition are placed last: they give way to those the reader
// knows.

const (
	tries = 60 // drawn places per wanted distance
	touch = 2.15
)

// distances are how far apart two blips should be, in radii, best first.
var distances = [...]float64{4.2, 3.4, 2.8, 2.4, touch}

// blipSize is the largest radius at which the blips of the fullest cell find
// room. It has few steps, so that one more blip seldom changes it.
func (f *field) blipSize() float64 {
	counts := make(map[[2]int]int)
	for _, b := range f.known(f.Blips) {
		counts[[2]int{b.Segment, b.Ring}]++
	}
	for _, size := range []float64{blipR, 10, 8.5} {
		if f.hold(counts, size) {
			return size
		}
	}
	return 7
}

// hold reports whether discs of a radius fill no cell beyond what drawing
// places at random can still arrange.
func (f *field) hold(counts map[[2]int]int, size float64) bool {
	const full = .5
	for k, count := range counts {
		lo, hi := f.depth(k[1], size)
		if hi < lo {
			return false
		}
		from, to := f.sweep(k[0])
		area := (to - from) / 2 * ((hi+size)*(hi+size) - (lo-size)*(lo-size))
		if float64(count)*math.Pi*size*size*touch*touch/4 > area*full {
			return false
		}
	}
	return true
}

// depth is between which distances from the origin a blip of ring k stands.
func (f *field) depth(k int, size float64) (lo, hi float64) {
	margin := size + 5
	lo, hi = f.radii[k]+margin, f.radii[k+1]-margin
	if k == 0 {
		lo = math.Min(46, f.radii[1]*.3)
	}
	return lo, hi
}

// place finds a place for every blip, in reading order.
func (f *field) place(blips []Blip) []spot {
	known := f.known(blips)
	spots := make([]spot, len(known))
	cells := make(map[[2]int][]int)
	for i, b := range known {
		spots[i].Blip = b
		key := [2]int{b.Segment, b.Ring}
		cells[key] = append(cells[key], i)
	}
	for s := range f.Segments {
		for k := range f.Rings {
			f.cell(spots, cells[[2]int{s, k}])
		}
	}
	return spots
}

// cell places the blips of one ring in one segment. Cells do not know of each
// other: the margins between them keep their blips apart.
func (f *field) cell(spots []spot, members []int) {
	slices.SortStableFunc(members, func(i, j int) int {
		a, b := spots[i], spots[j]
		return cmp.Or(late(a)-late(b), cmp.Compare(seed(a), seed(b)), strings.Compare(a.Name, b.Name))
	})
	var taken []spot
	for _, i := range members {
		spots[i].x, spots[i].y = f.find(spots[i], taken)
		taken = append(taken, spots[i])
	}
}

func late(p spot) int {
	if p.Move == MoveNew {
		return 1
	}
	return 0
}

func seed(p spot) uint32 {
	segment := string(rune('0' + p.Segment))
	return hash(p.Name, segment)
}

// find tries ever smaller distances to the places taken, and where even
// touching is too much takes the place farthest from its neighbours.
func (f *field) find(p spot, taken []spot) (x, y float64) {
	rng := rand.New(rand.NewPCG(uint64(seed(p)), 7))
	best, bestD := [2]float64{radarC, radarC}, -1.0
	for _, want := range distances {
		for range tries {
			x, y, ok := f.draw(p, rng.Float64(), rng.Float64())
			if !ok {
				continue
			}
			d := nearest(x, y, taken)
			if d >= want*f.size {
				return x, y
			}
			if d > bestD {
				best, bestD = [2]float64{x, y}, d
			}
		}
	}
	return f.search(p, taken, best, bestD)
}

// search looks through the whole cell on a fine grid for the emptiest place.
func (f *field) search(p spot, taken []spot, best [2]float64, bestD float64) (x, y float64) {
	const steps = 48
	for i := range steps {
		for j := range steps {
			x, y, ok := f.draw(p, (float64(i)+.5)/steps, float64(j)/(steps-1))
			if !ok {
				continue
			}
			if d := nearest(x, y, taken); d > bestD {
				best, bestD = [2]float64{x, y}, d
			}
		}
	}
	return best[0], best[1]
}

// draw turns two numbers in [0,1] into a place in the blip's cell; ok is false
// where a ring's name stands.
func (f *field) draw(p spot, along, out float64) (x, y float64, ok bool) {
	lo, hi := f.depth(p.Ring, f.size)
	if hi < lo {
		lo = (f.radii[p.Ring] + f.radii[p.Ring+1]) / 2
		hi = lo
	}
	rad := math.Sqrt(lo*lo + out*(hi*hi-lo*lo))
	from, to := f.sweep(p.Segment)
	margin := 0.0
	if len(f.Segments) > 1 {
		margin = math.Min(math.Asin(math.Min((f.size+7)/math.Max(rad, 1), 1)), (to-from)/2)
	}
	a := from + margin + along*(to-from-2*margin)
	ox, oy := f.origin(p.Segment)
	x, y = ox+rad*math.Cos(a), oy+rad*math.Sin(a)
	for _, b := range f.names {
		if x > b.x-f.size && x < b.x+b.w+f.size && y > b.y-f.size && y < b.y+b.h+f.size {
			return x, y, false
		}
	}
	return x, y, true
}

// nearest is the distance to the closest place taken; a halo or a wedge needs
// a little more.
func nearest(x, y float64, taken []spot) float64 {
	d := math.Inf(1)
	for _, o := range taken {
		d = math.Min(d, math.Hypot(o.x-x, o.y-y))
	}
	return d
}
