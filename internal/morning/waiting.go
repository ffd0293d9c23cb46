package morning

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Waiter finds what of one sort waits for a reader.
type Waiter struct {
	ID      string
	Title   lang.Text // of many: "Exceptions to decide on"
	Order   int
	Decides bool     // the reader decides; else there is something to do
	Kinds   []string // names of kinds whose dates it takes care of
	Find    func(*Look) ([]Item, error)
	// Done, when not nil, tells what the reader did of it since a moment.
	Done func(*Look, time.Time) ([]Did, error)
}

// Item is one thing that waits.
type Item struct {
	Waiter  string // its ID
	ID      string // among all that waits for the reader; filled in by the desk
	Ref     string // what it is about: a full reference
	Part    string // tells several of one thing apart, as the name of a test
	Href    string // where it leads, as a path; "": to the thing of Ref
	Title   string
	Why     lang.Text // in one sentence
	From    string    // who asks: a full reference or a name
	Since   time.Time // since when it waits; zero: not known
	Due     time.Time // midnight of its day in the reader's zone, or a moment; zero: none
	Timed   bool      // Due is a moment
	Late    bool      // filled in by the desk: it was due before today, or before now
	Decides bool      // filled in by the desk
	Acts    []Act
}

// Act is something a reader does with an item in one step.
type Act struct {
	Name    string
	Label   lang.Text // begins with a verb
	Primary bool
	Said    lang.Text // what is said when it is done; {0} is the title
	Do      func(*Look) error
	// Page, without a Do, is where it is done when it takes more than a step: a
	// page of the thing, as "complete".
	Page string
}

// Did is something a reader did.
type Did struct {
	Ref, Title string
	Href       string // as of an Item
	What       lang.Text
	At         time.Time
}

// Pile is what waits of one sort.
type Pile struct {
	Waiter
	Items  []Item
	Did    []Did
	Failed bool // it could not be found out
}

// Inbox is everything that waits for a reader.
type Inbox struct {
	Now    time.Time
	Piles  []Pile // those with something, or that failed
	Total  int
	Decide int // of Total, how many are decisions
	Late   int // of Total, how many are overdue
	Names  func(ref string) string
}

// Items returns what waits, decisions first, then by urgency.
func (b *Inbox) Items() []Item {
	var out []Item
	for _, p := range b.Piles {
		out = append(out, p.Items...)
	}
	slices.SortStableFunc(out, func(x, y Item) int {
		if x.Decides != y.Decides {
			if x.Decides {
				return -1
			}
			return 1
		}
		return urgency(x, y)
	})
	return out
}

// urgency orders what waits: by its day, then what has waited longest.
func urgency(x, y Item) int {
	switch {
	case x.Due.IsZero() != y.Due.IsZero():
		if y.Due.IsZero() {
			return -1
		}
		return 1
	case !x.Due.Equal(y.Due):
		return x.Due.Compare(y.Due)
	}
	return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Title, y.Title))
}

// Inbox returns everything that waits for a reader, and what they did today.
func (d *Desk) Inbox(ctx context.Context, caller catalog.Caller) (*Inbox, error) {
	l, err := d.look(ctx, caller)
	if err != nil {
		return nil, err
	}
	return d.inbox(l, true)
}

func (d *Desk) inbox(l *Look, withDone bool) (*Inbox, error) {
	b := &Inbox{Now: l.Now, Names: l.Name}
	var refs []string
	for _, w := range d.waiters {
		p := Pile{Waiter: w}
		var err error
		if p.Items, err = w.Find(l); err == nil && withDone && w.Done != nil {
			p.Did, err = w.Done(l, l.Midnight(0))
		}
		if err != nil {
			if l.Ctx.Err() != nil {
				return nil, l.Ctx.Err()
			}
			d.Log.ErrorContext(l.Ctx, "what waits cannot be found out", "waiter", w.ID, "error", err)
			p.Failed, p.Items = true, nil
		}
		for i := range p.Items {
			b.take(l, w, &p.Items[i])
			refs = append(refs, p.Items[i].From)
		}
		slices.SortStableFunc(p.Items, urgency)
		if len(p.Items)+len(p.Did) > 0 || p.Failed {
			b.Piles = append(b.Piles, p)
		}
	}
	d.keep(l, b)
	return b, l.Names(refs...)
}

func (b *Inbox) take(l *Look, w Waiter, it *Item) {
	it.Waiter, it.Decides = w.ID, w.Decides
	it.ID = w.ID + "~" + it.Ref
	if it.Part != "" {
		it.ID += "~" + it.Part
	}
	if !it.Due.IsZero() {
		it.Late = it.Due.Before(l.Midnight(0)) || it.Timed && it.Due.Before(l.Now)
	}
	b.Total++
	if it.Decides {
		b.Decide++
	}
	if it.Late {
		b.Late++
	}
}

// Act carries out an act on something that waits for the reader, and returns
// what is to be said.
func (d *Desk) Act(ctx context.Context, caller catalog.Caller, item, act string) (lang.Text, string, error) {
	l, err := d.look(ctx, caller)
	if err != nil {
		return lang.Text{}, "", err
	}
	b, err := d.inbox(l, false)
	if err != nil {
		return lang.Text{}, "", err
	}
	defer d.Forget(caller)
	for _, it := range b.Items() {
		if it.ID != item {
			continue
		}
		for _, a := range it.Acts {
			if a.Name == act && a.Do != nil {
				return a.Said, it.Title, a.Do(l)
			}
		}
	}
	return lang.Text{}, "", fault.New(fault.NotFound, "this does not wait for you any more").Coded("not-waiting").WithHint("look at what waits now")
}

// reader is one account in one organisation.
type reader struct{ org, account, user string }

func readerOf(c catalog.Caller) reader { return reader{c.Org, c.Account, c.UserRef} }

// kept is how much waits for a reader, for a short time.
type kept struct {
	total, late int
	until       time.Time
}

const (
	keepCount = 15 * time.Second
	mostKept  = 10_000 // readers
)

func (d *Desk) keep(l *Look, b *Inbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.counts) >= mostKept {
		clear(d.counts)
	}
	d.counts[readerOf(l.Caller)] = kept{b.Total, b.Late, l.Now.Add(keepCount)}
}

// Forget lets the next Count count anew, after a reader did something.
func (d *Desk) Forget(caller catalog.Caller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.counts, readerOf(caller))
}

// Count returns how many things wait for a reader and how many of them are late.
// Every page asks, so the answer is kept for some seconds.
func (d *Desk) Count(ctx context.Context, caller catalog.Caller) (total, late int, err error) {
	d.mu.Lock()
	k, ok := d.counts[readerOf(caller)]
	d.mu.Unlock()
	if ok && d.Now().Before(k.until) {
		return k.total, k.late, nil
	}
	l, err := d.look(ctx, caller)
	if err != nil {
		return 0, 0, err
	}
	b, err := d.inbox(l, false)
	if err != nil {
		return 0, 0, err
	}
	return b.Total, b.Late, nil
}

// Said fills the title into what is said of an act.
func Said(text lang.Text, title string) lang.Text {
	return lang.T(strings.ReplaceAll(text.En, "{0}", title), strings.ReplaceAll(text.Es, "{0}", title))
}
