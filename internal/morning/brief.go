package morning

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Headline says the whole in one paragraph: since when, how many claims changed
// state, and what waits.
func (t *Today) Headline(c lang.Code) string {
	parts := []string{sinceWords(c, t) + t.turnedWords(c), t.waitingWords(c)}
	return strings.Join(parts, " ")
}

// sinceWords begins the sentence about what changed.
func sinceWords(c lang.Code, t *Today) string {
	if t.Asked {
		at := lang.Date(c, t.Since, t.Now)
		clock := t.Since.Format("15:04")
		return lang.T("Since "+at+" at "+clock+", ", "Desde el "+at+" a las "+clock+", ").In(c)
	}
	if t.First {
		return lang.T("In the last seven days ", "En los últimos siete días ").In(c)
	}
	return lang.T("Since you left "+Left(lang.English, t.Since, t.Now)+", ", "Desde que te fuiste "+Left(lang.Spanish, t.Since, t.Now)+", ").In(c)
}

// Left writes when a reader left, inside a sentence: at 08:10 today, on Monday
// at 18:40, on 3 Sep at 18:40.
func Left(c lang.Code, at, now time.Time) string {
	clock := at.Format("15:04")
	day := lang.DayBeside(c, at, now)
	switch {
	case sameDay(at, now):
		return lang.T("at "+clock+" today", "hoy a las "+clock).In(c)
	case sameDay(at.AddDate(0, 0, 1), now):
		return lang.T("yesterday at "+clock, "ayer a las "+clock).In(c)
	case now.Sub(at) < 6*24*time.Hour:
		day = lang.Weekday(c, at)
	}
	return lang.T("on "+day+" at "+clock, "el "+day+" a las "+clock).In(c)
}

func sameDay(a, b time.Time) bool { return a.YearDay() == b.YearDay() && a.Year() == b.Year() }

func (t *Today) turnedWords(c lang.Code) string {
	n := t.Turned
	one := lang.T("claim changed state.", "afirmación cambió de estado.")
	many := lang.T("claims changed state.", "afirmaciones cambiaron de estado.")
	switch {
	case t.Failed["changed"]:
		return lang.T("it is not known what changed.", "no se sabe qué cambió.").In(c)
	case n == 0 && len(t.Changed) == 0:
		return lang.T("nothing changed.", "nada cambió.").In(c)
	case n == 0:
		return lang.T("no claim changed state.", "ninguna afirmación cambió de estado.").In(c)
	case n == 1:
		return lang.Count(c, 1) + " " + one.In(c)
	}
	return lang.Count(c, n) + " " + many.In(c)
}

func (t *Today) waitingWords(c lang.Code) string {
	switch {
	case t.Failed["waiting"]:
		return lang.T("What waits for you could not be found out.", "No se pudo averiguar lo que te espera.").In(c)
	case t.Inbox.Total == 0:
		return lang.T("Nothing waits for you.", "Nada te espera.").In(c)
	}
	var out []string
	if n := t.Inbox.Decide; n > 0 {
		text := lang.T("decisions wait for you.", "decisiones te esperan.")
		if n == 1 {
			text = lang.T("decision waits for you.", "decisión te espera.")
		}
		out = append(out, capital(lang.Count(c, n))+" "+text.In(c))
	}
	if n := t.Inbox.Total - t.Inbox.Decide; n > 0 {
		text := lang.T("things are yours to do.", "cosas por hacer son tuyas.")
		if n == 1 {
			text = lang.T("thing is yours to do.", "cosa por hacer es tuya.")
		}
		out = append(out, capital(lang.Count(c, n))+" "+text.In(c))
	}
	return strings.Join(out, " ")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Section is one part of the overview as plain text.
type Section struct {
	Title string
	Lines []string
}

// part is how a part of Today, named as Failed names it, is written as text.
type part struct {
	of    string
	title lang.Text
	lines func(*Today, lang.Code) []string
}

var (
	waitingPart   = part{"waiting", lang.T("Waiting for you", "Te espera"), (*Today).waitingLines}
	redPart       = part{"red", lang.T("Red now", "En rojo"), (*Today).redLines}
	changedPart   = part{"changed", lang.T("Changed", "Cambios"), (*Today).changedLines}
	exceptionPart = part{"exceptions", lang.T("Exceptions", "Excepciones"), (*Today).exceptionLines}
	stripPart     = part{"instruments", lang.T("Instruments", "Instrumentos"), (*Today).stripLines}
	dayPart       = part{"days", lang.T("Next 14 days", "Próximos 14 días"), (*Today).dayLines}
	doubtedPart   = part{"doubted", lang.T("Not to be trusted today", "Hoy no son de fiar"), (*Today).doubtedLines}
)

// The order of the parts, for those who act on what they read and for those who
// look at the evidence.
var (
	actingParts   = []part{waitingPart, redPart, changedPart, exceptionPart, stripPart, dayPart, doubtedPart}
	evidenceParts = []part{exceptionPart, doubtedPart, redPart, changedPart, waitingPart, stripPart, dayPart}
)

// Sections returns the overview as plain text in a language; parts without
// anything are left out, and one that could not be found out says so.
func (t *Today) Sections(c lang.Code) []Section {
	parts := actingParts
	if t.Evidence {
		parts = evidenceParts
	}
	var out []Section
	for _, p := range parts {
		s := Section{Title: p.title.In(c)}
		if t.Failed[p.of] {
			s.Lines = []string{unknown.In(c)}
		} else {
			s.Lines = p.lines(t, c)
		}
		if len(s.Lines) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// unknown stands for a part that could not be found out.
var unknown = lang.T("This could not be found out just now.", "Esto no se pudo averiguar ahora.")

// andMore ends a list that is cut.
func andMore(n int, c lang.Code) string {
	return lang.T(fmt.Sprintf("and %d more", n), fmt.Sprintf("y %d más", n)).In(c)
}

// Text returns the overview as a brief that can be sent as it is.
func (t *Today) Text(c lang.Code) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", strings.TrimPrefix(t.Org+", ", ", ")+lang.LongDate(c, t.Now, t.Now)+t.Now.Format(", 15:04"), t.Headline(c))
	for _, s := range t.Sections(c) {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(s.Title))
		for _, line := range s.Lines {
			b.WriteString("- " + strings.ReplaceAll(line, "\u00a0", " ") + "\n")
		}
	}
	return b.String()
}

// aside writes the parts of a remark in brackets; nothing without any.
func aside(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

func (t *Today) waitingLines(c lang.Code) (out []string) {
	for _, it := range t.Inbox.Items() {
		out = append(out, it.Line(c, t.Now, t.Name))
	}
	return out
}

// Line writes an item as one line.
func (it *Item) Line(c lang.Code, now time.Time, name func(string) string) string {
	from, due := "", ""
	if it.From != "" {
		from = lang.T("asked by ", "lo pide ").In(c) + name(it.From)
	}
	if !it.Due.IsZero() {
		due = lang.T("due ", "vence ").In(c) + lang.DayBeside(c, it.Due.In(now.Location()), now)
		if it.Late {
			due = lang.T("overdue since ", "vencida desde el ").In(c) + lang.Date(c, it.Due.In(now.Location()), now)
		}
	}
	return it.Title + aside(from, due) + ": " + it.Why.In(c)
}

func (t *Today) redLines(c lang.Code) (out []string) {
	for _, r := range t.Red {
		owner := lang.T("nobody answers for it", "nadie responde de ella").In(c)
		if r.Owner != "" {
			owner = t.Name(r.Owner)
		}
		out = append(out, r.Title+aside(r.Word.In(c), lang.T("since ", "desde el ").In(c)+lang.Date(c, r.Since, t.Now), owner)+": "+r.Why.In(c))
	}
	if t.RedMore > 0 {
		out = append(out, andMore(t.RedMore, c))
	}
	return out
}

func (t *Today) changedLines(c lang.Code) (out []string) {
	for _, x := range t.Changed {
		out = append(out, x.Text(c, t.Now, t.Name))
	}
	if t.More > 0 {
		out = append(out, andMore(t.More, c))
	}
	return out
}

// Text writes a change as one line.
func (x *Line) Text(c lang.Code, now time.Time, name func(string) string) string {
	owner := ""
	if x.Owner != "" {
		owner = name(x.Owner)
	}
	out := cmp.Or(x.Head.In(c), x.Title) + ": "
	switch {
	case x.Was.En != "" && x.Is.En != "":
		out += x.Was.In(c) + " → " + x.Is.In(c)
	default:
		out += cmp.Or(x.Is.In(c), x.Word.In(c))
	}
	if x.More.En != "" {
		out += ". " + strings.TrimSuffix(x.More.In(c), ".")
	}
	return out + aside(owner, lang.DayBeside(c, x.At.In(now.Location()), now)+x.At.In(now.Location()).Format(" 15:04"))
}

func (t *Today) stripLines(c lang.Code) (out []string) {
	for _, x := range t.Strips {
		out = append(out, x.Title.In(c)+": "+x.Standing(c))
		for _, i := range x.Instruments {
			out = append(out, "  "+i.Title+": "+i.Written(c)+aside(i.Word.In(c), i.TargetText(c), i.TrendText(c, t.Now)))
		}
	}
	return out
}

// states are the order in which counts are written, with the word for several.
var states = []struct {
	state claim.State
	many  lang.Text
}{
	{claim.Supported, lang.T("supported", "respaldadas")}, {claim.Weak, lang.T("weak", "débiles")}, {claim.Contradicted, lang.T("contradicted", "contradichas")},
	{claim.Unsupported, lang.T("no evidence", "sin evidencia")}, {claim.Disputed, lang.T("disputed", "en disputa")},
}

// Standing writes how many claims of the room are in which state.
func (s *Strip) Standing(c lang.Code) string {
	var out []string
	for _, st := range states {
		switch n := s.Counts[st.state]; {
		case n == 1:
			out = append(out, "1 "+st.state.Word().In(c))
		case n > 1:
			out = append(out, lang.Int(c, int64(n))+" "+st.many.In(c))
		}
	}
	return strings.Join(out, ", ")
}

// Written is the number with its unit; a dash where there is none.
func (x *Instrument) Written(c lang.Code) string {
	if x.Value == nil {
		return "–"
	}
	return x.Scale.Write(*x.Value, c)
}

// TargetText says what the number should be; "" when nothing is asked of it.
func (x *Instrument) TargetText(c lang.Code) string {
	s := x.Scale
	write := func(v float64) string { return s.Write(v, c) }
	switch {
	case s.Direction == claim.Band && s.Low != nil && s.High != nil:
		return lang.T("from "+write(*s.Low)+" to "+write(*s.High), "de "+write(*s.Low)+" a "+write(*s.High)).In(c)
	case s.Direction == claim.Band && s.Low != nil:
		return lang.T("at least "+write(*s.Low), "al menos "+write(*s.Low)).In(c)
	case s.Direction == claim.Band && s.High != nil:
		return lang.T("at most "+write(*s.High), "como mucho "+write(*s.High)).In(c)
	case s.Target == nil:
		return ""
	case s.Direction == claim.Down:
		return lang.T("at most "+write(*s.Target), "como mucho "+write(*s.Target)).In(c)
	}
	return lang.T("target "+write(*s.Target), "objetivo "+write(*s.Target)).In(c)
}

// Trend is how a number stands against four weeks ago.
type Trend struct {
	Dir  string // up, down, flat; "" when it is not known
	Good string // good, poor or ""
}

// Trend compares the number with the one that held four weeks ago. It is not
// known where none held then, or none does now. A change that its decimals do
// not show is none.
func (x *Instrument) Trend() Trend {
	if x.Value == nil || x.Before == nil || x.Stale {
		return Trend{}
	}
	unit := math.Pow(10, float64(-x.Scale.Decimals))
	delta := math.Round(*x.Value/unit) - math.Round(*x.Before/unit)
	if delta == 0 {
		return Trend{Dir: "flat"}
	}
	out := Trend{Dir: "up"}
	if delta < 0 {
		out.Dir = "down"
	}
	better := 0.0
	switch x.Scale.Direction {
	case claim.Up:
		better = delta
	case claim.Down:
		better = -delta
	case claim.Band:
		better = x.Scale.Outside(*x.Before) - x.Scale.Outside(*x.Value)
	}
	switch {
	case better > 0:
		out.Good = "good"
	case better < 0:
		out.Good = "poor"
	}
	return out
}

// TrendText says how the number moved in four weeks, or why that is not known.
func (x *Instrument) TrendText(c lang.Code, now time.Time) string {
	switch {
	case x.Value == nil:
		return ""
	case x.Stale:
		return lang.T(fmt.Sprintf("%d days old", ageDays(x.AsOf, now)), fmt.Sprintf("de hace %d días", ageDays(x.AsOf, now))).In(c)
	case x.Before == nil:
		return lang.T("no number 4 weeks ago", "sin número hace 4 semanas").In(c)
	}
	by := x.difference(math.Abs(*x.Value-*x.Before), c)
	switch x.Trend().Dir {
	case "flat":
		return lang.T("as 4 weeks ago", "como hace 4 semanas").In(c)
	case "up":
		return lang.T("up "+by+" in 4 weeks", "sube "+by+" en 4 semanas").In(c)
	}
	return lang.T("down "+by+" in 4 weeks", "baja "+by+" en 4 semanas").In(c)
}

// difference writes how far two numbers lie apart: two shares, in points.
func (x *Instrument) difference(delta float64, c lang.Code) string {
	s := x.Scale
	if s.Unit == "%" {
		s.Unit = lang.T("points", "puntos").In(c)
	}
	return s.Write(delta, c)
}

func ageDays(t, now time.Time) int { return int(now.Sub(t) / (24 * time.Hour)) }

func (t *Today) dayLines(c lang.Code) (out []string) {
	for _, d := range t.Days {
		for _, x := range d.Items {
			out = append(out, lang.DayBeside(c, d.Date, t.Now)+": "+x.What.In(c)+", "+x.Title)
		}
		if d.More > 0 {
			out = append(out, lang.DayBeside(c, d.Date, t.Now)+": "+andMore(d.More, c))
		}
	}
	return out
}

func (t *Today) doubtedLines(c lang.Code) (out []string) {
	if t.Doubted.Total == 0 {
		return out
	}
	out = append(out, t.Doubted.Sum(c))
	for _, x := range t.Doubted.List {
		out = append(out, x.Title+aside(x.Word.In(c))+": "+x.Why.In(c))
	}
	if n := t.Doubted.Total - len(t.Doubted.List); n > 0 {
		out = append(out, andMore(n, c))
	}
	return out
}

// Count is how many claims are doubted for one reason.
type Count struct {
	ID   string
	N    int
	Word lang.Text
}

// Counts are the reasons with at least one claim.
func (x *Doubted) Counts() []Count {
	all := []Count{
		{"disputed", x.Disputed, lang.T("disputed", "en disputa")},
		{"unsupported", x.Unsupported, lang.T("without evidence", "sin evidencia")},
		{"stale", x.Stale, lang.T("stale", "caducadas")},
		{"asserted", x.Asserted, lang.T("somebody's word", "palabra de alguien")},
		{"partial", x.Partial, lang.T("with evidence missing", "con evidencia que falta")},
		{"leaning", x.Leaning, lang.T("lean on what is in doubt", "se apoyan en algo en duda")},
	}
	var out []Count
	for _, c := range all {
		if c.N > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Sum writes the counts as one line.
func (x *Doubted) Sum(c lang.Code) string {
	var out []string
	for _, n := range x.Counts() {
		out = append(out, lang.Int(c, int64(n.N))+" "+n.Word.In(c))
	}
	return strings.Join(out, ", ")
}

func (t *Today) exceptionLines(c lang.Code) (out []string) {
	for _, x := range t.Exceptions {
		out = append(out, x.Title+aside(x.Word.In(c), lang.T("until ", "hasta ").In(c)+x.Until, t.Name(x.From)))
	}
	return out
}

// Digest returns the overview of a reader as sections of plain text, for mail.
// Since is when they were told last; it does not count as a look.
func (d *Desk) Digest(ctx context.Context, caller catalog.Caller, since time.Time, c lang.Code) (headline string, sections []Section, err error) {
	t, err := d.Today(ctx, caller, Options{Since: since})
	if err != nil {
		return "", nil, err
	}
	return t.Headline(c), t.Sections(c), nil
}
