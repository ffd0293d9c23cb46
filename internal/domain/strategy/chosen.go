package strategy

import (
	"cmp"
	"html/template"
	"regexp"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// chosen is the technology beside the radar.
type chosen struct {
	N           int
	Title, Href string
	Edit        string // where its ring is changed; "" when the reader may not
	Stands      string
	Move        string // its word; "" when it did not move
	Text        template.HTML
	Link        string
	History     []historyLine
	More        int
	Owner       *web.Thing
	Decisions   []decided
	Aliases     []string
	Related     []blipLine
	Review      review
}

// historyLine is a technology on one edition.
type historyLine struct {
	Edition, Href   string
	Ring            string
	Move, MoveLabel string
	Text            template.HTML
	On              bool // the edition shown
}

// review is the day by which something is to be looked at again.
type review struct {
	By   time.Time
	Late bool
}

func reviewOf(c *web.Ctx, day string) review {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return review{}
	}
	return review{t, day < c.Today()}
}

// shownHistory is how many editions stand beside the radar.
const shownHistory = 6

// choose fills in the technology the address names; without one, what moved
// outwards, inwards or is new, in that order, else the first.
func (d *drawing) choose() error {
	o := d.named(d.c.Param("blip"))
	if o == nil {
		return nil
	}
	ch := &chosen{N: o.N, Title: o.name(), Href: d.c.Href(o.Ref()), Stands: d.stands(o), Text: prose(o.Entry.Description), Link: webAddress(o.Entry.Link),
		Aliases: o.Spec.Aliases, Review: reviewOf(d.c, o.Spec.ReviewBy)}
	if o.Move != string(radarfile.Unchanged) {
		ch.Move = moveLabel(d.c, o.Move)
	}
	if d.page.CanWrite {
		ch.Edit = ch.Href + "/edit"
	}
	lines := history(d.c, o.technology, d.board, d.edition.name())
	if ch.History = lines; len(lines) > shownHistory {
		ch.History, ch.More = lines[:shownHistory], len(lines)-shownHistory
	}
	ch.Related = d.related(o)
	d.page.Chosen = ch
	return ch.linked(d.c, o.Entity)
}

func (d *drawing) named(name string) *onEdition {
	for _, o := range d.blips {
		if o.Metadata.Name == name {
			return o
		}
	}
	for _, move := range []radarfile.Move{radarfile.Out, radarfile.In, radarfile.New} {
		for _, o := range d.blips {
			if o.Move == string(move) {
				return o
			}
		}
	}
	if len(d.blips) > 0 {
		return d.blips[0]
	}
	return nil
}

// stands says in a sentence where a technology is, since when, and where it
// was before.
func (d *drawing) stands(o *onEdition) string {
	since, before := d.edition.name(), ""
	for i := len(o.Spec.Entries) - 1; i >= 0; i-- {
		x := o.Spec.Entries[i]
		name := editionOf(o.Entity, x.Edition)
		switch at := d.board.edition(name); {
		case at == nil || slices.Index(d.board.Editions, at) > slices.Index(d.board.Editions, d.edition):
			continue
		case radarfile.FoldRing(x.Ring) != radarfile.FoldRing(o.Entry.Ring):
			before = x.Ring
		default:
			since = name
			continue
		}
		break
	}
	when := label(d.c, d.board.edition(since))
	if before == "" {
		return d.c.T("strategy.radar.stands", spoken(o.Entry.Ring), when)
	}
	return d.c.T("strategy.radar.stands.before", spoken(o.Entry.Ring), when, spoken(before))
}

// history lists what the editions say of a technology, the newest first.
func history(c *web.Ctx, t *technology, b *board, shown string) []historyLine {
	var out []historyLine
	for i := len(t.Spec.Entries) - 1; i >= 0; i-- {
		x := t.Spec.Entries[i]
		name := editionOf(t.Entity, x.Edition)
		l := historyLine{Edition: name, Ring: spoken(x.Ring), Text: prose(x.Description), On: name == shown, Move: t.moved(name)}
		if l.Move != string(radarfile.Unchanged) {
			l.MoveLabel = moveLabel(c, l.Move)
		}
		if e := b.edition(name); e != nil {
			l.Edition = label(c, e)
			l.Href = (&drawing{page: &radarView{Radar: notDefault(b.Radar)}}).at("edition", name, "blip", t.Metadata.Name)
		}
		out = append(out, l)
	}
	return out
}

func notDefault(radar string) string {
	if radar == DefaultRadar {
		return ""
	}
	return radar
}

// related finds the technologies the edition points to from this one.
func (d *drawing) related(o *onEdition) []blipLine {
	var out []blipLine
	for _, name := range o.Entry.Related {
		for _, other := range d.blips {
			if radarfile.Fold(other.name()) == radarfile.Fold(name) {
				out = append(out, d.line(other))
				break
			}
		}
	}
	return out
}

// linked fills in what relations tell: who answers, and what was decided.
func (ch *chosen) linked(c *web.Ctx, e *entity.Entity) error {
	owners, err := c.Related(e.Ref(), "ownedBy")
	if err != nil {
		return err
	}
	if len(owners) > 0 {
		ch.Owner = &owners[0]
	}
	ch.Decisions, err = decisionsOf(c, e.Ref())
	return err
}

// htmlText finds a text that is HTML, as published volumes have it.
var htmlText = regexp.MustCompile(`(?i)<(p|br|ul|ol|li|a|div|h[1-6]|strong|em)\b[^>]*>`)

// prose draws a description in Markdown or HTML.
func prose(text string) template.HTML {
	switch {
	case text == "":
		return ""
	case htmlText.MatchString(text):
		return web.SafeHTML(text)
	}
	return web.Markdown(text)
}

var absolute = regexp.MustCompile(`^https?://[^\s]+$`)

// webAddress returns an address that a browser may follow, or "".
func webAddress(s string) string {
	if absolute.MatchString(s) {
		return s
	}
	return ""
}

// decided is a decision as others name it.
type decided struct {
	web.Thing
	State, Status string
	Date          time.Time
}

// decisionsOf returns the decisions that concern an entity, those in force and
// waiting first, the newest first.
func decisionsOf(c *web.Ctx, ref entity.Ref) ([]decided, error) {
	things, err := c.Related(ref, "decidedBy")
	if err != nil {
		return nil, err
	}
	var out []decided
	for _, t := range things {
		x, err := decidedOf(c, t)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b decided) int {
		return cmp.Or(cmp.Compare(over(a.State), over(b.State)), b.Date.Compare(a.Date))
	})
	return out, nil
}

// over puts what is no longer in force after the rest.
func over(state string) int {
	if state == "idle" {
		return 1
	}
	return 0
}

// decidedOf reads the status and date of a decision.
func decidedOf(c *web.Ctx, t web.Thing) (decided, error) {
	x := decided{Thing: t}
	x.Icon = "" // its status stands there
	if t.Missing {
		return x, nil
	}
	e, err := c.Find(t.Ref)
	if err != nil || e == nil {
		return x, err
	}
	s, err := catalog.Spec[Decision](e)
	x.State, x.Status = statusWord(c, s.Status)
	x.Date, _ = time.Parse(time.DateOnly, s.Date) // a day or empty, by the schema
	return x, err
}

// statusWord returns the state and the word a decision's status is shown with.
func statusWord(c *web.Ctx, status string) (state, word string) {
	if k := c.Catalog().Kinds().Get("Decision"); k != nil {
		if e := k.Field("spec.status").EnumFor(status); e != nil {
			return e.State, c.In(e.Label)
		}
	}
	return "idle", status
}
