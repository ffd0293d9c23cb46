package operations

import (
	"cmp"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

// software are the kinds whose pages show lifecycle, owner and neighbours.
var software = []string{"Component", "API", "Resource", "System", "Domain"}

func headCard() web.Card {
	return web.Card{ID: "operations-head", Kinds: software, Slot: web.Head, Template: "head.html", Load: loadHead}
}

// head are the badges beside the title. What is in order is a quiet tag.
type head struct {
	Badges []badge
	Tags   []string
}

type badge struct{ State, Text string }

func loadHead(c *web.Ctx, e *entity.Entity) (any, error) {
	s, k := commonOf(e), c.Catalog().Kinds().Get(e.Kind)
	var h head
	if s.Lifecycle != "" {
		text, state := c.Label(k, "spec.lifecycle", s.Lifecycle), lifecycleState(s.Lifecycle)
		if state == "" {
			h.Tags = append(h.Tags, text)
		} else {
			h.Badges = append(h.Badges, badge{state, text})
		}
	}
	if s.Tier > 0 {
		h.Tags = append(h.Tags, c.T("operations.tier", s.Tier))
	}
	if s.Type != "" {
		h.Tags = append(h.Tags, c.Label(k, "spec.type", s.Type))
	}
	return h, nil
}

// lifecycleState is the state a lifecycle is shown with; "" for one that needs
// nobody's attention.
func lifecycleState(lifecycle string) string {
	switch strings.ToLower(lifecycle) {
	case "deprecated", "retired", "end-of-life", "sunset":
		return "warn"
	case "experimental":
		return "info"
	}
	return ""
}

func isDeprecated(lifecycle string) bool { return lifecycleState(lifecycle) == "warn" }

func actionsCard() web.Card {
	return web.Card{ID: "operations-actions", Kinds: software, Slot: web.Actions, Template: "actions.html", Load: loadActions}
}

// actions are the places people go from here most often.
type actions struct{ Runbook, Repository *outLink }

func loadActions(c *web.Ctx, e *entity.Entity) (any, error) {
	var a actions
	if l := runbooks(e); len(l) > 0 {
		a.Runbook = &l[0]
	}
	a.Repository = repository(e)
	if a.Runbook == nil && a.Repository == nil {
		return nil, nil
	}
	return a, nil
}

func runbooks(e *entity.Entity) []outLink { return linksFor(e, "runbook", "playbook") }

// repository returns where the source lies, from the annotations Backstage
// knows or from a link.
func repository(e *entity.Entity) *outLink {
	a := e.Metadata.Annotations
	candidates := []string{
		strings.TrimPrefix(a["backstage.io/source-location"], "url:"),
		forge("https://"+cmp.Or(a["github.com/host"], "github.com"), a["github.com/project-slug"]),
		forge("https://"+cmp.Or(a["gitlab.com/instance"], "gitlab.com"), a["gitlab.com/project-slug"]),
		forge("https://bitbucket.org", a["bitbucket.org/project-slug"]),
		forge("https://"+a["gitea.com/instance"], a["gitea.com/project-slug"]),
		a["backstage.io/view-url"],
	}
	for _, s := range candidates {
		if l, ok := webLink(s, ""); ok {
			return &l
		}
	}
	if l := linksFor(e, "repository", "source", "github.com/", "gitlab.com/"); len(l) > 0 {
		return &l[0]
	}
	return nil
}

// forge returns the address of a repository on a host; "" without a slug.
func forge(host, slug string) string {
	if slug == "" || strings.Contains(slug, "://") {
		return ""
	}
	return host + "/" + strings.Trim(slug, "/")
}
