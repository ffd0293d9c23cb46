package strategy

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/web"
	"github.com/binnaclehq/binnacle/internal/web/chart"
)

func radarPage() web.PageDef {
	return web.PageDef{ID: "radar", Pattern: "/radar", Verb: auth.Read, Template: "radar.html", Handle: showRadar}
}

// radarView is one edition of a radar, with the technology that was chosen and
// what changed.
type radarView struct {
	web.Shell
	Radar    string   // in the address; "" for the default one
	Radars   []choice // when there are several
	Editions []choice // the newest first
	Recent   []choice // the last few, the newest at the end
	Older    []choice // the others, the newest first
	Shown    string   // name of the edition shown
	Edition  string   // what the edition shown is called
	Heading  string   // the same, as a heading
	Lede     string
	Chart    template.HTML
	Moves    bool // something moved: the legend says how that is drawn
	News     bool // something is new
	Chosen   *chosen
	Changes  *changes
	Compare  *comparison
	Segments []segmentList
	Off      int // technologies that are not on the edition
	All      string
	Here     string // the edition's own page
	Export   string

	Undated []string // editions that stand by their name among dated ones: what to say of each

	CanWrite bool
	Empty    bool
	Known    int // technologies there are while there is no edition
}

// choice is one of several things to look at.
type choice struct {
	Value, Label, Href string
	On                 bool
}

type segmentList struct {
	Name  string
	Rings []ringList
}

type ringList struct {
	Name  string
	Blips []blipLine
}

type blipLine struct {
	N                       int
	ID, Title, Href         string
	Move, MoveLabel, Detail string
	On                      bool
}

// onEdition is a technology as an edition shows it.
type onEdition struct {
	*technology
	Entry         *Entry
	N             int
	Ring, Segment int
	Move          string
}

// name is what the edition calls it.
func (o *onEdition) name() string { return cmp.Or(o.Entry.Title, o.DisplayTitle()) }

// drawing is a page of the radar under way.
type drawing struct {
	c        *web.Ctx
	page     *radarView
	board    *board
	edition  *edition
	before   *edition // the one before it; nil for the first
	rings    []string // of the edition, and any an entry names beyond them
	segments []string
	blips    []*onEdition
}

func showRadar(c *web.Ctx) (any, error) {
	b, err := openBoard(c.R.Context(), c.Catalog(), c.Caller, c.Param("radar"))
	if err != nil {
		return nil, err
	}
	d := &drawing{c: c, board: b, page: &radarView{CanWrite: c.Can(auth.Write, technologyResource())}}
	d.page.Title = c.T("strategy.radar")
	if b.Radar != DefaultRadar {
		d.page.Radar, d.page.Title = b.Radar, c.T("strategy.radar.named", b.Radar)
	}
	d.radars()
	if len(b.Editions) == 0 {
		if d.page.Radar != "" {
			return nil, fault.New(fault.NotFound, "there is no radar %q", b.Radar).Coded("radar.none")
		}
		d.page.Empty, d.page.Known = true, len(b.Techs)
		return d.page, nil
	}
	return d.page, d.draw()
}

func technologyResource() auth.Resource { return auth.Resource{Room: Room, Kind: "Technology"} }

// radars offers the other radars, when there are any.
func (d *drawing) radars() {
	if len(d.board.Radars) < 2 {
		return
	}
	for _, name := range d.board.Radars {
		label, href := name, "/radar?radar="+url.QueryEscape(name)
		if name == DefaultRadar {
			label = d.c.T("strategy.radar")
		}
		d.page.Radars = append(d.page.Radars, choice{name, label, href, name == d.board.Radar})
	}
}

// at returns the address of the page with some parameters; an empty value
// leaves one out.
func (d *drawing) at(pairs ...string) string {
	q := url.Values{}
	if d.page.Radar != "" {
		q.Set("radar", d.page.Radar)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if enc := q.Encode(); enc != "" {
		return "/radar?" + enc
	}
	return "/radar"
}

// shown is the edition as a parameter: nothing for the latest.
func (d *drawing) shown() string {
	if d.edition == d.board.latest() {
		return ""
	}
	return d.edition.name()
}

func (d *drawing) draw() error {
	d.edition = d.board.latest()
	if name := d.c.Param("edition"); name != "" {
		if d.edition = d.board.edition(name); d.edition == nil {
			return fault.New(fault.NotFound, "the radar has no edition %q", name).Coded("radar.no-edition").WithHint("the latest is %s", d.board.latest().name())
		}
	}
	if i := slices.Index(d.board.Editions, d.edition); i > 0 {
		d.before = d.board.Editions[i-1]
	}
	d.collect()
	d.choices()
	d.lists()
	d.chart()
	p := d.page
	p.Shown, p.Here = d.edition.name(), d.c.Href(d.edition.Ref())
	if p.Edition = label(d.c, d.edition); d.edition != d.board.latest() {
		p.Crumbs, p.Short = []web.Crumb{{Href: d.at(), Label: p.Title}}, p.Edition
	}
	p.Heading = capital(p.Edition)
	p.Export = "/export/radar?as=byor-csv&edition=" + url.QueryEscape(p.Shown)
	if p.Radar != "" {
		p.Export += "&radar=" + url.QueryEscape(p.Radar)
	}
	p.Lede = d.c.T("strategy.radar.lede", len(d.blips), len(d.rings), len(d.segments))
	p.Off, p.All = len(d.board.Techs)-len(d.blips), "/technologies"
	if p.Radar != "" {
		p.All += "?spec.radar=" + url.QueryEscape(p.Radar)
	}
	d.undated()
	d.changes()
	if err := d.compare(); err != nil {
		return err
	}
	return d.choose()
}

// undated tells which editions stand by their name alone.
func (d *drawing) undated() {
	for _, u := range d.board.undated() {
		text := d.c.T("strategy.radar.undated.first", label(d.c, u.edition))
		if u.after != nil {
			text = d.c.T("strategy.radar.undated", label(d.c, u.edition), label(d.c, u.after))
		}
		d.page.Undated = append(d.page.Undated, text)
	}
}

// collect finds what the edition shows and numbers it by segment, ring and
// name.
func (d *drawing) collect() {
	d.rings, d.segments = slices.Clone(d.edition.Spec.Rings), slices.Clone(d.edition.Spec.Segments)
	for _, t := range d.board.Techs {
		x := t.on(d.edition.name())
		if x == nil || x.Hidden {
			continue
		}
		o := &onEdition{technology: t, Entry: x, Move: t.moved(d.edition.name())}
		o.Ring, d.rings = placeIn(d.rings, x.Ring, radarfile.FoldRing)
		o.Segment, d.segments = placeIn(d.segments, cmp.Or(x.Segment, t.Spec.Segment), radarfile.FoldSegment)
		d.blips = append(d.blips, o)
	}
	slices.SortStableFunc(d.blips, func(x, y *onEdition) int {
		return cmp.Or(cmp.Compare(x.Segment, y.Segment), cmp.Compare(x.Ring, y.Ring), strings.Compare(radarfile.Fold(x.name()), radarfile.Fold(y.name())))
	})
	for i, o := range d.blips {
		o.N = i + 1
	}
}

// placeIn returns where a name stands in a list, added at its end when it does
// not.
func placeIn(list []string, name string, fold func(string) string) (int, []string) {
	i := slices.IndexFunc(list, func(s string) bool { return fold(s) == fold(name) })
	if i < 0 {
		return len(list), append(list, name)
	}
	return i, list
}

// recentEditions is how many editions have a button of their own.
const recentEditions = 3

func (d *drawing) choices() {
	n := len(d.board.Editions)
	for i := n - 1; i >= 0; i-- {
		e := d.board.Editions[i]
		name := e.name()
		if i == n-1 {
			name = ""
		}
		ch := choice{e.name(), label(d.c, e), d.at("edition", name), e == d.edition}
		d.page.Editions = append(d.page.Editions, ch)
		if i >= n-recentEditions {
			d.page.Recent = slices.Insert(d.page.Recent, 0, ch)
		} else {
			d.page.Older = append(d.page.Older, ch)
		}
	}
}

// label is what people call an edition: its title, the month of its date, or
// its name.
func label(c *web.Ctx, e *edition) string {
	if e.Metadata.Title != "" {
		return e.Metadata.Title
	}
	day, err := time.Parse(time.DateOnly, e.Spec.Date)
	if err != nil {
		return e.name()
	}
	months := strings.Split(c.T("strategy.months"), ",")
	return c.T("strategy.month", months[(int(day.Month())-1)%len(months)], fmt.Sprint(day.Year()))
}

// spoken writes a ring or segment as people do, where a file has it in the form
// of a program: "languages-and-frameworks" is "Languages and frameworks". The
// rings everybody knows are written in one way: "ADOPT" is "Adopt".
func spoken(name string) string {
	if name == strings.ToUpper(name) && radarfile.Known(name) {
		name = strings.ToLower(name)
	}
	if name == "" || name != strings.ToLower(name) {
		return name
	}
	return capital(strings.NewReplacer("-", " ", "_", " ").Replace(name))
}

// capital writes the first letter of a text large.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

func allSpoken(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = spoken(n)
	}
	return out
}

func (d *drawing) line(o *onEdition) blipLine {
	return blipLine{N: o.N, ID: fmt.Sprintf("b%d", o.N), Title: o.name(), Href: d.at("edition", d.shown(), "blip", o.Metadata.Name) + "#chosen", Move: o.Move, MoveLabel: moveLabel(d.c, o.Move)}
}

// moveLabel is the word for a movement; "" for none.
func moveLabel(c *web.Ctx, move string) string {
	switch radarfile.Move(move) {
	case radarfile.New, radarfile.In, radarfile.Out, radarfile.Unchanged:
		return c.T("strategy.move." + move)
	}
	return ""
}

func (d *drawing) lists() {
	for s, segment := range d.segments {
		l := segmentList{Name: spoken(segment)}
		for r, ring := range d.rings {
			rl := ringList{Name: spoken(ring)}
			for _, o := range d.blips {
				if o.Segment == s && o.Ring == r {
					rl.Blips = append(rl.Blips, d.line(o))
				}
			}
			if len(rl.Blips) > 0 {
				l.Rings = append(l.Rings, rl)
			}
		}
		d.page.Segments = append(d.page.Segments, l)
	}
}

var chartMoves = map[string]chart.Move{string(radarfile.New): chart.MoveNew, string(radarfile.In): chart.MoveIn, string(radarfile.Out): chart.MoveOut}

func (d *drawing) chart() {
	r := chart.Radar{
		Name:  d.c.T("strategy.radar.chart", len(d.blips), label(d.c, d.edition)),
		Rings: allSpoken(d.rings), Segments: allSpoken(d.segments), Words: d.c.App.ChartWords(d.c),
	}
	for _, o := range d.blips {
		b := chart.Blip{N: o.N, Name: o.name(), Segment: o.Segment, Ring: o.Ring, Move: chartMoves[o.Move], Href: d.line(o).Href, Tip: o.name() + ": " + spoken(o.Entry.Ring)}
		if o.Move != "" {
			b.Tip += ", " + d.c.T("strategy.tip."+o.Move)
		}
		d.page.News = d.page.News || b.Move == chart.MoveNew
		d.page.Moves = d.page.Moves || b.Move == chart.MoveIn || b.Move == chart.MoveOut
		r.Blips = append(r.Blips, b)
	}
	d.page.Chart = r.HTML()
}
