package talkweb

import (
	"net/http"
	"strconv"
	"time"

	"github.com/binnaclehq/binnacle/internal/action"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/talk"
	"github.com/binnaclehq/binnacle/internal/web"
)

// bell counts what the reader has not seen.
func (m *module) bell(c *web.Ctx) (web.Count, error) {
	n, err := m.Talk.Unseen(c.R.Context(), c.Caller.Principal)
	return web.Count{N: n}, err
}

func (m *module) inboxPages() []web.PageDef {
	self := func(id, method, pattern, template string, h func(*web.Ctx) (any, error)) web.PageDef {
		return web.PageDef{ID: id, Method: method, Pattern: pattern, Verb: auth.Self, Resource: house, Template: template, Handle: h}
	}
	return []web.PageDef{
		self("notifications", "", "/notifications", "notifications.html", m.inbox),
		self("notifications.open", "", "/notifications/{id}", "", m.openNotification),
		self("notifications.seen", http.MethodPost, "/notifications/seen", "", m.seen),
		self("notify", "", "/account/notifications", "notify.html", func(c *web.Ctx) (any, error) { return m.notifyPage(c) }),
		self("notify.save", http.MethodPost, "/account/notifications", "notify.html", m.saveNotify),
	}
}

// inboxShown is how many notifications a page shows.
const inboxShown = 100

type inboxPage struct {
	web.Shell
	Groups   []groupView
	Unseen   int
	Only     bool // those not seen
	All      string
	OnlyHref string
	Older    string
	Upto     string // the newest shown, for "all seen"
	Here     string
}

type groupView struct {
	talk.Group
	Href string
	Icon string
	Kind string
}

func (m *module) inbox(c *web.Ctx) (any, error) {
	p := &inboxPage{Only: c.Param("only") == "unseen", All: "/notifications", OnlyHref: "/notifications?only=unseen", Here: c.R.URL.RequestURI()}
	p.Title = c.T("talk.notifications")
	var before time.Time
	if v := c.Param("before"); v != "" {
		before, _ = time.Parse(time.RFC3339Nano, v) // what is no moment shows the newest
	}
	items, err := m.Talk.Inbox(c.R.Context(), c.Caller.Principal, p.Only, before, inboxShown+1)
	if err != nil {
		return nil, err
	}
	if len(items) > inboxShown {
		items = items[:inboxShown]
		more := "before=" + items[inboxShown-1].At.Format(time.RFC3339Nano)
		p.Older = "/notifications?" + more
		if p.Only {
			p.Older += "&only=unseen"
		}
	}
	if len(items) > 0 {
		p.Upto = items[0].At.Format(time.RFC3339Nano)
	}
	for _, g := range talk.Grouped(items) {
		v := groupView{Group: g, Icon: "file"}
		switch {
		case g.Thing != nil:
			v.Kind, v.Icon, v.Href = c.In(g.Thing.Kind), g.Thing.Icon, g.Thing.Path
		case g.Entity != nil:
			if k := m.Kinds.Get(g.Entity.Kind); k != nil {
				v.Kind = c.In(k.Title)
				if k.Icon != "" {
					v.Icon = k.Icon
				}
			}
			if !g.Gone {
				v.Href = c.Href(g.Entity.Ref())
			}
		}
		p.Groups, p.Unseen = append(p.Groups, v), p.Unseen+g.Unseen
	}
	return p, nil
}

// openNotification marks one as seen and leads to what it is about.
func (m *module) openNotification(c *web.Ctx) (any, error) {
	it, err := m.Talk.Follow(c.R.Context(), c.Caller.Principal, c.R.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if it.Thing != nil {
		return web.Redirect{To: it.Thing.Path}, nil
	}
	if it.Entity == nil || it.Gone {
		return web.Redirect{To: "/notifications", Toast: &web.Toast{Key: "talk.toast.gone", Args: []string{it.Title}}}, nil
	}
	to := c.Href(it.Entity.Ref())
	if id := (talk.Told{Data: it.Data}).Field("comment"); id != "" {
		to += "#comment-" + id
	}
	return web.Redirect{To: to}, nil
}

func (m *module) seen(c *web.Ctx) (any, error) {
	var upTo time.Time
	if v := c.Form("upto"); v != "" {
		at, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%q is no moment", v).Coded("talk.moment")
		}
		upTo = at
	}
	if _, err := m.Talk.See(c.R.Context(), c.Caller.Principal, c.Form("id"), c.Form("uid"), upTo); err != nil {
		return nil, err
	}
	return web.Redirect{To: c.Next("/notifications")}, nil
}

// notifyPage is how the reader wants to be told.
type notifyPage struct {
	web.Shell
	Places   []web.NavLink
	Set      talk.Settings
	Mails    bool // this installation sends mail
	Email    string
	Hours    []choice
	Weekdays []choice
	Zones    []string
	Watches  []watchedView
	Hooks    []hookView
	Secret   string // of a webhook just made, shown this once
	Named    string // its name
	Errors   map[string]string
	Problem  string
	HookForm map[string]string // what was typed into the form of a webhook that failed
}

type choice struct {
	Value, Label string
	On           bool
}

type watchedView struct {
	Title, Href, Path string
	Muted             bool
	Why               string
}

// zones are those that are proposed; any other can be written.
var zones = []string{"UTC", "Europe/Madrid", "Atlantic/Canary", "Europe/Lisbon", "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Rome", "Europe/Warsaw", "Europe/Athens", "Europe/Kyiv", "Europe/Istanbul",
	"America/Mexico_City", "America/Bogota", "America/Lima", "America/Santiago", "America/Buenos_Aires", "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Toronto",
	"Africa/Casablanca", "Africa/Cairo", "Africa/Lagos", "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland"}

func (m *module) notifyPage(c *web.Ctx) (*notifyPage, error) {
	ctx, who := c.R.Context(), c.Caller.Principal
	p := &notifyPage{Places: c.Places(true, "notifications"), Mails: m.Talk.Mails(), Email: who.Email, Zones: zones, Errors: map[string]string{}, HookForm: map[string]string{}}
	p.Title = c.T("talk.notifications")
	p.Crumbs = []web.Crumb{{Href: "/account", Label: c.T("account.title")}}
	var err error
	if p.Set, err = m.Talk.Settings(ctx, who); err != nil {
		return nil, err
	}
	p.choices(c)
	watches, err := m.Talk.Watches(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, w := range watches {
		href := c.Href(w.Entity.Ref())
		p.Watches = append(p.Watches, watchedView{Title: w.Entity.DisplayTitle(), Href: href, Path: href + "/watch", Muted: w.State == talk.Muted, Why: c.In(talk.Notification{Why: w.Why}.Because())})
	}
	hooks, err := m.Hooks.List(ctx, who, true)
	p.Hooks, err = m.hookViews(c, hooks, err)
	return p, err
}

func (p *notifyPage) choices(c *web.Ctx) {
	p.Hours, p.Weekdays = nil, nil
	for h := range 24 {
		label := strconv.Itoa(h) + ":00"
		p.Hours = append(p.Hours, choice{strconv.Itoa(h), label, h == p.Set.Hour})
	}
	for i := range 7 {
		d := (i + 1) % 7 // the week begins on Monday
		p.Weekdays = append(p.Weekdays, choice{strconv.Itoa(d), c.T("talk.weekday." + strconv.Itoa(d)), d == int(p.Set.Weekday)})
	}
}

func (m *module) saveNotify(c *web.Ctx) (any, error) {
	p, err := m.notifyPage(c)
	if err != nil {
		return nil, err
	}
	number := func(name string) int {
		n, err := strconv.Atoi(c.Form(name))
		if err != nil {
			return -1
		}
		return n
	}
	p.Set = talk.Settings{Bell: talk.Level(c.Form("bell")), Mail: talk.Level(c.Form("mail")), Hook: talk.Level(c.Form("hook")), Digest: talk.Rhythm(c.Form("digest")),
		Hour: number("hour"), Weekday: time.Weekday(number("weekday")), Zone: c.Form("zone")}
	err = m.Talk.SetSettings(c.R.Context(), c.Caller.Principal, p.Set)
	if fault.Is(err, fault.Invalid) {
		p.Status = http.StatusUnprocessableEntity
		p.Errors, p.Problem = c.Problems(err)
		p.choices(c)
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return web.Redirect{To: "/account/notifications", Toast: &web.Toast{Key: "talk.toast.saved"}}, nil
}

// hookView is a webhook as it is listed.
type hookView struct {
	action.Hook
	Last  *action.Act // the newest delivery
	State string
}

func (m *module) hookViews(c *web.Ctx, hooks []action.Hook, err error) ([]hookView, error) {
	var out []hookView
	for _, k := range hooks {
		v := hookView{Hook: k, State: "idle"}
		list, err := m.Hooks.Deliveries(c.R.Context(), c.Caller.Principal, k.ID, 1)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			v.Last, v.State = &list[0], stateOf(list[0])
		}
		out = append(out, v)
	}
	return out, err
}

// stateOf is how a delivery is shown.
func stateOf(a action.Act) string {
	switch {
	case a.State == action.Sent:
		return "ok"
	case a.State == action.Waiting && a.Error == "":
		return "run"
	case a.State == action.Waiting:
		return "warn"
	}
	return "bad"
}
