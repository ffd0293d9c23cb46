package review

import (
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/web"
)

func changesPage() web.PageDef {
	return web.PageDef{ID: "changes", Nav: "today", Pattern: "/today/changes", Verb: auth.Read, Template: "changes.html", Handle: changes}
}

// changesView is every change worth a line, day by day.
type changesView struct {
	web.Shell
	Lede    string
	Windows []window
	Days    []changesDay
}

// window is a choice of how far back to look.
type window struct {
	ID, Label, Href string
	Current         bool
}

type changesDay struct {
	Label string
	Lines []changeLine
}

// windows are the choices beside the last look, in days.
var windows = []struct {
	id   string
	days int
}{{"day", 1}, {"week", 7}, {"month", 30}, {"quarter", 91}}

func changes(c *web.Ctx) (any, error) {
	desk := c.App.Morning
	chosen, since := c.Param("since"), time.Time{}
	for _, w := range windows {
		if w.id == chosen {
			since = c.Now.AddDate(0, 0, -w.days)
		}
	}
	if since.IsZero() {
		chosen = "look"
		left, err := desk.Since(c.R.Context(), c.Caller, morning.Page)
		if err != nil {
			return nil, err
		}
		if since = left; left.IsZero() {
			chosen, since = "week", c.Now.AddDate(0, 0, -7)
		}
	}
	log, err := desk.Changes(c.R.Context(), c.Caller, since)
	if err != nil {
		return nil, err
	}
	p := &changesView{Lede: c.T("review.changes.lede", len(log.Lines), morning.Left(c.Lang, log.Since, log.Now))}
	p.Title = c.T("review.changes")
	p.Crumbs = []web.Crumb{{Href: "/", Label: c.T("review.nav.today")}}
	p.Windows = append(p.Windows, window{"look", c.T("review.window.look"), "/today/changes", chosen == "look"})
	for _, w := range windows {
		p.Windows = append(p.Windows, window{w.id, c.T("review.window." + w.id), "/today/changes?since=" + w.id, chosen == w.id})
	}
	p.days(c, log)
	return p, nil
}

func (p *changesView) days(c *web.Ctx, log *morning.Log) {
	name := func(ref string) string {
		if ref == "" {
			return ""
		}
		return log.Names(ref)
	}
	for _, x := range log.Lines {
		at := x.At.In(log.Now.Location())
		label := capital(lang.LongDate(c.Lang, at, log.Now))
		if n := len(p.Days); n == 0 || p.Days[n-1].Label != label {
			p.Days = append(p.Days, changesDay{Label: label})
		}
		line := changeOf(c, x, log.Now, name)
		line.Clock = at.Format("15:04")
		d := &p.Days[len(p.Days)-1]
		d.Lines = append(d.Lines, line)
	}
}
