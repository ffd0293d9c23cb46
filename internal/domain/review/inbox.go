package review

import (
	"cmp"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/web"
)

func inboxPage() web.PageDef {
	return web.PageDef{ID: "inbox", Pattern: "/inbox", Verb: auth.Read, Template: "inbox.html", Handle: inbox}
}

// actPage takes an act on something that waits. What the act changes asks by
// itself whether the reader may.
func actPage() web.PageDef {
	return web.PageDef{ID: "inbox.act", Nav: "inbox", Method: "POST", Pattern: "/inbox/act", Verb: auth.Comment, Handle: act}
}

// waitingCount is the badge in the navigation: how much waits, with a mark when
// something is late.
func waitingCount(c *web.Ctx) (web.Count, error) {
	if c.App.Morning == nil {
		return web.Count{}, nil
	}
	total, late, err := c.App.Morning.Count(c.R.Context(), c.Caller)
	out := web.Count{N: total}
	if late > 0 {
		out.State = "warn"
	}
	return out, err
}

// inboxView is everything that waits, by sort, with what was done today.
type inboxView struct {
	web.Shell
	Lede string
	Link string // to the reader's own record; "" when the account is linked to none
	Solo bool   // the account is linked to no person of the catalog
	Pile []pileView
	Did  []didLine
}

type pileView struct {
	ID, Title string
	Items     []waitLine
	Failed    bool
}

type didLine struct {
	Title, Href, What string
	At                time.Time
}

func inbox(c *web.Ctx) (any, error) {
	b, err := c.App.Morning.Inbox(c.R.Context(), c.Caller)
	if err != nil {
		return nil, err
	}
	p := &inboxView{Solo: c.Caller.UserRef == "", Lede: c.T("review.inbox.none")}
	p.Title = c.T("review.nav.inbox")
	if b.Total > 0 {
		p.Lede = c.T("review.inbox.lede", b.Total)
	}
	if b.Late > 0 {
		p.Lede += " " + c.T("review.inbox.late", b.Late)
	}
	for _, pile := range b.Piles {
		v := pileView{ID: pile.ID, Title: c.In(pile.Title), Failed: pile.Failed}
		for _, it := range pile.Items {
			v.Items = append(v.Items, waitOf(c, it, b.Now, b.Names))
		}
		if len(v.Items) > 0 || v.Failed {
			p.Pile = append(p.Pile, v)
		}
		for _, d := range pile.Did {
			p.Did = append(p.Did, didLine{d.Title, cmp.Or(d.Href, c.App.HrefOf(d.Ref)), c.In(d.What), d.At.In(b.Now.Location())})
		}
	}
	return p, nil
}

func act(c *web.Ctx) (any, error) {
	said, title, err := c.App.Morning.Act(c.R.Context(), c.Caller, c.Form("item"), c.Form("act"))
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: c.Next("/inbox"), Toast: &web.Toast{Key: "review.said", Args: []string{morning.Said(said, title).In(c.Lang)}}}, nil
}
