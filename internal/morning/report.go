package morning

import (
	"cmp"
	"math"
	"time"

	"github.com/binnaclehq/binnacle/internal/lang"
)

// Overview is Today as programs read it, with its sentences in one
// language.
type Overview struct {
	Now         time.Time       `json:"now"`
	Since       time.Time       `json:"since" doc:"Since when changes are told: when the reader left the page Today, or a week ago."`
	Headline    string          `json:"headline"`
	Waiting     []WaitingReport `json:"waiting" doc:"Decisions first, then by urgency."`
	Red         []RedReport     `json:"red" doc:"Claims that are contradicted or disputed, the worst first."`
	RedMore     int             `json:"redMore,omitempty" doc:"How many more there are."`
	Changed     []ChangeReport  `json:"changed" doc:"Net changes since then, the worst first."`
	ChangedMore int             `json:"changedMore,omitempty"`
	Rooms       []RoomReport    `json:"rooms"`
	Agenda      []AgendaReport  `json:"agenda" doc:"The next fourteen days."`
	Doubted     map[string]int  `json:"doubted" doc:"How many claims are not to be trusted today, by why."`
	Failed      []string        `json:"failed,omitempty" doc:"Parts that could not be found out just now."`
	Text        string          `json:"text" doc:"All of it as a brief in plain text."`
}

// WaitingReport is one thing that waits for the reader.
type WaitingReport struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind" doc:"exceptions, disputes, decisions, words, tasks, dates or another sort."`
	Ref     string    `json:"ref"`
	Title   string    `json:"title"`
	Why     string    `json:"why"`
	From    string    `json:"from,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Due     time.Time `json:"due,omitzero"`
	Late    bool      `json:"late,omitempty"`
	Decides bool      `json:"decides,omitempty" doc:"It asks for a decision."`
	Acts    []string  `json:"acts,omitempty" doc:"What can be done with it in one step."`
}

// RedReport is a claim in the red.
type RedReport struct {
	Ref   string    `json:"ref"`
	Title string    `json:"title"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Owner string    `json:"owner,omitempty"`
	Why   string    `json:"why"`
}

// ChangeReport is a change that is worth a line.
type ChangeReport struct {
	Ref   string    `json:"ref"`
	Title string    `json:"title"`
	Owner string    `json:"owner,omitempty"`
	At    time.Time `json:"at"`
	Was   string    `json:"was,omitempty"`
	Is    string    `json:"is"`
	Text  string    `json:"text"`
}

// RoomReport is how the claims and instruments of a room stand.
type RoomReport struct {
	Room        string             `json:"room"`
	Claims      map[string]int     `json:"claims" doc:"How many are in which state."`
	Instruments []InstrumentReport `json:"instruments"`
}

// InstrumentReport is one number on the wall.
type InstrumentReport struct {
	Ref      string     `json:"ref"`
	Title    string     `json:"title"`
	Value    *float64   `json:"value,omitempty"`
	Written  string     `json:"written"`
	Reading  string     `json:"reading"`
	Target   string     `json:"target,omitempty"`
	Before   *float64   `json:"fourWeeksAgo,omitempty"`
	Trend    string     `json:"trend,omitempty"`
	AsOf     time.Time  `json:"asOf,omitzero"`
	Stale    bool       `json:"stale,omitempty"`
	Asserted bool       `json:"asserted,omitempty" doc:"It is somebody's word."`
	Weeks    []*float64 `json:"weeks" doc:"What held at the end of each of the last twelve weeks; null where no number did."`
}

// AgendaReport is something on a day.
type AgendaReport struct {
	Day   string `json:"day"`
	What  string `json:"what"`
	Ref   string `json:"ref"`
	Title string `json:"title"`
}

// Report writes the overview for programs.
func (t *Today) Report(c lang.Code) Overview {
	r := Overview{Now: t.Now, Since: t.Since, Headline: t.Headline(c), Waiting: t.Inbox.Report(c), Red: []RedReport{}, RedMore: t.RedMore, Changed: []ChangeReport{}, ChangedMore: t.More,
		Rooms: []RoomReport{}, Agenda: []AgendaReport{}, Doubted: map[string]int{}, Text: t.Text(c)}
	for _, x := range t.Red {
		r.Red = append(r.Red, RedReport{x.Ref, x.Title, x.Word.In(c), x.Since, x.Owner, x.Why.In(c)})
	}
	for _, x := range t.Changed {
		r.Changed = append(r.Changed, ChangeReport{x.Ref, cmp.Or(x.Head.In(c), x.Title), x.Owner, x.At, x.Was.In(c), x.Is.In(c), x.Text(c, t.Now, t.Name)})
	}
	for _, s := range t.Strips {
		r.Rooms = append(r.Rooms, s.report(c, t.Now))
	}
	for _, d := range t.Days {
		for _, x := range d.Items {
			r.Agenda = append(r.Agenda, AgendaReport{d.Date.Format(time.DateOnly), x.What.In(c), x.Ref, x.Title})
		}
	}
	for _, n := range t.Doubted.Counts() {
		r.Doubted[n.ID] = n.N
	}
	for _, name := range []string{"waiting", "red", "changed", "instruments", "days", "doubted", "exceptions"} {
		if t.Failed[name] {
			r.Failed = append(r.Failed, name)
		}
	}
	return r
}

func (s *Strip) report(c lang.Code, now time.Time) RoomReport {
	out := RoomReport{Room: s.ID, Claims: map[string]int{}, Instruments: []InstrumentReport{}}
	for state, n := range s.Counts {
		out.Claims[string(state)] = n
	}
	for i := range s.Instruments {
		x := &s.Instruments[i]
		ir := InstrumentReport{Ref: x.Ref, Title: x.Title, Value: x.Value, Written: x.Written(c), Reading: x.Word.In(c), Target: x.TargetText(c), Before: x.Before, Trend: x.TrendText(c, now), AsOf: x.AsOf, Stale: x.Stale, Asserted: x.Asserted, Weeks: []*float64{}}
		for _, m := range x.Marks {
			if math.IsNaN(m) {
				ir.Weeks = append(ir.Weeks, nil)
			} else {
				ir.Weeks = append(ir.Weeks, &m)
			}
		}
		out.Instruments = append(out.Instruments, ir)
	}
	return out
}

// Report writes what waits for programs.
func (b *Inbox) Report(c lang.Code) []WaitingReport {
	out := []WaitingReport{}
	for _, it := range b.Items() {
		w := WaitingReport{ID: it.ID, Kind: it.Waiter, Ref: it.Ref, Title: it.Title, Why: it.Why.In(c), From: it.From, Since: it.Since, Due: it.Due, Late: it.Late, Decides: it.Decides}
		for _, a := range it.Acts {
			w.Acts = append(w.Acts, a.Name)
		}
		out = append(out, w)
	}
	return out
}

// Text writes what waits as plain text, sort by sort.
func (b *Inbox) Text(c lang.Code) string {
	if b.Total == 0 && len(b.Piles) == 0 {
		return lang.T("Nothing waits for you.\n", "Nada te espera.\n").In(c)
	}
	out := ""
	for _, p := range b.Piles {
		if out != "" {
			out += "\n"
		}
		out += p.Title.In(c) + "\n"
		if p.Failed {
			out += "- " + unknown.In(c) + "\n"
		}
		for i := range p.Items {
			out += "- " + p.Items[i].Line(c, b.Now, b.Names) + "\n"
		}
		for _, x := range p.Did {
			out += "✓ " + x.Title + aside(x.What.In(c), x.At.In(b.Now.Location()).Format("15:04")) + "\n"
		}
	}
	return out
}
