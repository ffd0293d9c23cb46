package app

import (
	"cmp"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// digest is what the page Today brings to the digest of a reader.
func (a *App) digest() []talk.Section {
	o := &overviews{app: a}
	section := func(id string, part talk.Part, lines func(*morning.Today, lang.Code) []talk.Line) talk.Section {
		return talk.Section{ID: id, Part: part, Lines: func(ctx context.Context, r talk.Reader) ([]talk.Line, error) {
			t, err := o.of(ctx, r)
			if err != nil {
				return nil, err
			}
			return lines(t, r.Lang), nil
		}}
	}
	return []talk.Section{section("waiting", talk.Waits, a.waitingLines), section("red", talk.Red, a.redLines), section("changed", talk.Changed, a.changedLines)}
}

// overviews keeps the last overview, since the sections of one digest are asked
// for one after the other.
type overviews struct {
	app *App

	mu    sync.Mutex
	who   string
	until time.Time
	last  *morning.Today
}

func (o *overviews) of(ctx context.Context, r talk.Reader) (*morning.Today, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	who := r.Org + "/" + r.Account
	if o.last != nil && o.who == who && o.until.Equal(r.Until) {
		return o.last, nil
	}
	t, err := o.app.Morning.Today(ctx, catalog.Caller{Principal: r.Principal(), Manager: "digest"}, morning.Options{Since: r.Since})
	if err == nil {
		o.last, o.who, o.until = t, who, r.Until
	}
	return t, err
}

// address is the absolute address of a record; "" when the program does not
// know where it is reached.
func (a *App) address(text string) string {
	ref, err := entity.ParseRef(text, "", "")
	if err != nil || len(a.Config.Origins) == 0 {
		return ""
	}
	return a.Config.Origins[0] + a.path(ref)
}

// place is the absolute address of a path of this program, or of a record.
func (a *App) place(ref, path string) string {
	if path != "" && len(a.Config.Origins) > 0 {
		return a.Config.Origins[0] + path
	}
	return a.address(ref)
}

func (a *App) waitingLines(t *morning.Today, c lang.Code) []talk.Line {
	var out []talk.Line
	for _, it := range t.Inbox.Items() {
		line := talk.Line{Title: it.Title, URL: a.place(it.Ref, it.Href), Says: []lang.Text{it.Why}}
		if !it.Due.IsZero() {
			day := lang.Date(c, it.Due.In(t.Now.Location()), t.Now)
			line.Says = append(line.Says, lang.T("Due "+day+".", "Vence el "+day+"."))
		}
		out = append(out, line)
	}
	return out
}

func (a *App) redLines(t *morning.Today, c lang.Code) []talk.Line {
	var out []talk.Line
	for _, r := range t.Red {
		day := lang.Date(c, r.Since, t.Now)
		owner := lang.T("nobody answers for it", "nadie responde de ella")
		if r.Owner != "" {
			owner = lang.T(t.Name(r.Owner), t.Name(r.Owner))
		}
		out = append(out, talk.Line{Title: r.Title, URL: a.address(r.Ref), Says: []lang.Text{r.Why,
			lang.T("Since "+day+"; "+owner.En+".", "Desde el "+day+"; "+owner.Es+".")}})
	}
	return out
}

func (a *App) changedLines(t *morning.Today, c lang.Code) []talk.Line {
	var out []talk.Line
	for _, x := range t.Changed {
		says := cmp.Or(x.Is, x.Word)
		if x.Was.En != "" && x.Is.En != "" {
			says = lang.T(x.Was.En+" → "+x.Is.En, x.Was.Es+" → "+x.Is.Es)
		}
		out = append(out, talk.Line{Title: cmp.Or(x.Head.In(c), x.Title), URL: a.place(x.Ref, x.Href), Says: []lang.Text{says}})
	}
	return out
}

// stateNotice tells those who watch a claim that its state is another.
func stateNotice() talk.Notice {
	turn := func(t talk.Told) (was, state claim.State) {
		var d struct{ Was, State claim.State }
		_ = json.Unmarshal(t.Data, &d) // the program wrote it
		return d.Was, d.State
	}
	return talk.Notice{Type: "claim.state", Icon: "check", State: "info", Alone: true, Says: func(t talk.Told) lang.Text {
		was, state := turn(t)
		if was == "" || was == state {
			return lang.T("is "+state.Word().En+"; its number reads otherwise than before", "está "+state.Word().Es+"; su número se lee de otro modo que antes")
		}
		return lang.T("is "+state.Word().En+", it was "+was.Word().En, "está "+state.Word().Es+", estaba "+was.Word().Es)
	}}
}
