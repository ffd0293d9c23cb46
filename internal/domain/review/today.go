package review

import (
	"cmp"
	"net/url"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/web"
)

func todayPage() web.PageDef {
	return web.PageDef{ID: "today", Pattern: "/{$}", Verb: auth.Read, Template: "today.html", Handle: today}
}

// todayView is the page Today: the overview of package morning, with addresses
// and in the reader's language.
type todayView struct {
	web.Shell
	web.Start  // what to do first, in an empty house
	Lede       string
	Evidence   bool // evidence stands before decisions
	Failed     map[string]bool
	Decisions  []waitLine
	Todo       []waitLine
	Waiting    int // all that waits
	Decide     int // of it, how many are decisions
	WaitMore   int
	Red        []redLine
	RedAll     int
	Changed    []changeLine
	Since      string // in words
	ChangeMore int
	Strips     []stripView
	Days       []dayView
	Busy       bool // some day has something
	Doubted    doubtView
	Exceptions []exceptionLine
	Claims     int
	Brief      string
}

// mostWaiting is how much of what waits the first page shows, of decisions and
// of the rest together.
const mostWaiting = 5

type waitLine struct {
	ID, Title, Href, Why, From string
	Due                        string // in words; "" for none
	DueAt                      time.Time
	Since                      time.Time
	Late                       bool
	Acts                       []actLine
}

type actLine struct {
	Name, Label, Href string // Href where it is done on a page of its own
	Primary           bool
}

type redLine struct {
	Title, Href, Word, Why, Owner string
	Since                         time.Time
	Mine                          bool
}

type changeLine struct {
	Title, Href, State, Word, Was, Is, More, Owner string
	At                                             time.Time
	Clock                                          string
}

type stripView struct {
	ID, Label, Icon, Href, Standing            string
	Total, OK, Warn, Bad, Idle, Disputed, More int
	Metrics                                    []metricView
}

type metricView struct {
	Title, Href, Value, State, Word, Target string
	Marks                                   []float64
	Line                                    *float64
	SparkState                              string
	Trend                                   morning.Trend
	TrendText                               string
	Stale                                   bool
	By                                      string // whose word it is
	Tip                                     string
}

type dayView struct {
	Number         int
	Weekday, Date  string
	Today, Weekend bool
	Items          []dayItem
	More           int
}

type dayItem struct{ Class, What, Title, Href string }

type doubtView struct {
	Total, More int
	Counts      []morning.Count
	List        []doubtLine
}

type doubtLine struct {
	Title, Href, State, Word, Why, Owner string
	Since                                time.Time
}

type exceptionLine struct{ Title, Href, State, Word, From, Until string }

func today(c *web.Ctx) (any, error) {
	visit := c.R.Header.Get("Sec-Purpose") == "" // a browser that reads ahead has not looked
	t, err := c.App.Morning.Today(c.R.Context(), c.Caller, morning.Options{Visit: visit})
	if err != nil {
		return nil, err
	}
	start, err := c.Start()
	if err != nil {
		return nil, err
	}
	p := &todayView{Start: *start, Lede: t.Headline(c.Lang), Evidence: t.Evidence, Failed: t.Failed, Claims: t.Claims, Brief: t.Text(c.Lang)}
	p.Title, p.Short = capital(lang.LongDate(c.Lang, t.Now, t.Now)), c.T("review.nav.today")
	p.Since = morning.Left(c.Lang, t.Since, t.Now)
	if t.First {
		p.Since = ""
	}
	p.waiting(c, t)
	p.lists(c, t)
	p.strips(c, t)
	p.days(c, t)
	return p, nil
}

// capital begins a text with a capital letter.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

func (p *todayView) waiting(c *web.Ctx, t *morning.Today) {
	p.Waiting, p.Decide = t.Inbox.Total, t.Inbox.Decide
	for i, it := range t.Inbox.Items() {
		switch {
		case i >= mostWaiting:
			p.WaitMore++
		case it.Decides:
			p.Decisions = append(p.Decisions, waitOf(c, it, t.Now, t.Name))
		default:
			p.Todo = append(p.Todo, waitOf(c, it, t.Now, t.Name))
		}
	}
}

// waitOf draws something that waits.
func waitOf(c *web.Ctx, it morning.Item, now time.Time, name func(string) string) waitLine {
	out := waitLine{ID: it.ID, Title: it.Title, Href: cmp.Or(it.Href, c.App.HrefOf(it.Ref)), Why: c.In(it.Why), Since: it.Since, Late: it.Late}
	if it.From != "" {
		out.From = name(it.From)
	}
	if !it.Due.IsZero() {
		out.DueAt = it.Due.In(now.Location())
		out.Due = lang.DayBeside(c.Lang, out.DueAt, now)
	}
	for _, a := range it.Acts {
		line := actLine{Name: a.Name, Label: c.In(a.Label), Primary: a.Primary}
		if a.Do == nil {
			line.Href = out.Href + "/" + a.Page
		}
		out.Acts = append(out.Acts, line)
	}
	return out
}

func (p *todayView) lists(c *web.Ctx, t *morning.Today) {
	owner := func(ref string) string {
		if ref == "" {
			return ""
		}
		return t.Name(ref)
	}
	for _, r := range t.Red {
		p.Red = append(p.Red, redLine{r.Title, c.App.HrefOf(r.Ref), capital(c.In(r.Word)), c.In(r.Why), owner(r.Owner), r.Since, r.Mine})
	}
	p.RedAll = len(t.Red) + t.RedMore
	for _, x := range t.Changed {
		p.Changed = append(p.Changed, changeOf(c, x, t.Now, owner))
	}
	p.ChangeMore = t.More
	p.Doubted = doubtView{Total: t.Doubted.Total, More: t.Doubted.Total - len(t.Doubted.List), Counts: t.Doubted.Counts()}
	for _, x := range t.Doubted.List {
		p.Doubted.List = append(p.Doubted.List, doubtLine{x.Title, c.App.HrefOf(x.Ref), x.State, capital(c.In(x.Word)), c.In(x.Why), owner(x.Owner), x.Since})
	}
	for _, x := range t.Exceptions {
		state := map[string]string{"requested": "warn", "approved": "info"}[x.State]
		p.Exceptions = append(p.Exceptions, exceptionLine{x.Title, c.App.HrefOf(x.Ref), state, capital(c.In(x.Word)), owner(x.From), day(c, x.Until, t.Now)})
	}
}

// day writes a date as 2006-01-02 in the reader's language.
func day(c *web.Ctx, text string, now time.Time) string {
	at, err := time.ParseInLocation(time.DateOnly, text, now.Location())
	if err != nil {
		return text
	}
	return lang.Date(c.Lang, at, now)
}

// changeOf draws a change.
func changeOf(c *web.Ctx, x morning.Line, now time.Time, owner func(string) string) changeLine {
	at := x.At.In(now.Location())
	clock := at.Format("15:04")
	if at.YearDay() != now.YearDay() || at.Year() != now.Year() {
		clock = lang.DayBeside(c.Lang, at, now) + " " + clock
		if now.Sub(at) < 6*24*time.Hour {
			clock = capital(lang.ShortWeekday(c.Lang, at)) + " " + at.Format("15:04")
		}
	}
	return changeLine{cmp.Or(c.In(x.Head), x.Title), cmp.Or(x.Href, c.App.HrefOf(x.Ref)), x.State, capital(c.In(x.Word)), c.In(x.Was), c.In(x.Is), c.In(x.More), owner(x.Owner), at, clock}
}

func (p *todayView) strips(c *web.Ctx, t *morning.Today) {
	for _, s := range t.Strips {
		v := stripView{ID: s.ID, Label: c.In(s.Title), Icon: s.Icon, Href: "/claims?" + url.Values{"spec.room": {s.ID}}.Encode(), Standing: s.Standing(c.Lang), Total: s.Total, More: s.More,
			OK: s.Counts[claim.Supported], Warn: s.Counts[claim.Weak], Bad: s.Counts[claim.Contradicted], Idle: s.Counts[claim.Unsupported], Disputed: s.Counts[claim.Disputed]}
		for i := range s.Instruments {
			v.Metrics = append(v.Metrics, metricOf(c, &s.Instruments[i], t))
		}
		p.Strips = append(p.Strips, v)
	}
}

func metricOf(c *web.Ctx, x *morning.Instrument, t *morning.Today) metricView {
	v := metricView{Title: x.Title, Href: c.App.HrefOf(x.Ref), Value: x.Written(c.Lang), State: x.State, Word: capital(c.In(x.Word)), Target: x.TargetText(c.Lang), Marks: x.Marks, Line: x.Target,
		Trend: x.Trend(), TrendText: x.TrendText(c.Lang, t.Now), Stale: x.Stale}
	switch x.State {
	case "bad":
		v.SparkState = "bad"
	case "idle", "no":
		v.SparkState = "quiet"
	}
	if x.Asserted {
		v.By = t.Name(x.By)
	}
	if !x.AsOf.IsZero() {
		v.Tip = lang.DateTime(c.Lang, x.AsOf)
	}
	return v
}

func (p *todayView) days(c *web.Ctx, t *morning.Today) {
	for i, d := range t.Days {
		v := dayView{Number: d.Date.Day(), Weekday: capital(lang.ShortWeekday(c.Lang, d.Date)), Date: lang.LongDate(c.Lang, d.Date, t.Now), Today: i == 0,
			Weekend: d.Date.Weekday() == time.Saturday || d.Date.Weekday() == time.Sunday, More: d.More}
		for _, x := range d.Items {
			class := x.How
			if class == "" && x.Mine {
				class = "decide"
			}
			v.Items = append(v.Items, dayItem{class, c.In(x.What), x.Title, c.App.HrefOf(x.Ref)})
		}
		p.Busy = p.Busy || len(v.Items) > 0
		p.Days = append(p.Days, v)
	}
}
