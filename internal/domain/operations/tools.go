package operations

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/web"
)

func toolsCard() web.Card {
	return web.Card{ID: "tools", Kinds: append(slices.Clone(software), "Location"), Slot: web.Side, Order: 420, Title: "operations.tools", Template: "tools.html", Load: loadTools,
		Replaces: []string{"labels"}}
}

// tools is what other tools attached to an entity: those this program knows by
// name, the rest as they are.
type tools struct {
	Labels []outLink // to the list of all that have the label
	Known  []note
	Rest   []note
}

type note struct{ Label, Value, Href string }

// known names the annotations of widely used tools. An address, where there is
// one, holds the value at {}.
var known = []struct{ key, tool, address string }{
	{"github.com/project-slug", "GitHub", "https://github.com/{}"},
	{"gitlab.com/project-slug", "GitLab", "https://gitlab.com/{}"},
	{"bitbucket.org/project-slug", "Bitbucket", "https://bitbucket.org/{}"},
	{"circleci.com/project-slug", "CircleCI", "https://app.circleci.com/pipelines/{}"},
	{"buildkite.com/project-slug", "Buildkite", "https://buildkite.com/{}"},
	{"backstage.io/techdocs-ref", "TechDocs", ""},
	{"backstage.io/source-location", "Source", ""},
	{"backstage.io/managed-by-location", "Catalog file", ""},
	{"sonarqube.org/project-key", "SonarQube", ""},
	{"sentry.io/project-slug", "Sentry", ""},
	{"rollbar.com/project-slug", "Rollbar", "https://rollbar.com/{}"},
	{"pagerduty.com/integration-key", "PagerDuty", ""},
	{"pagerduty.com/service-id", "PagerDuty", ""},
	{"opsgenie.com/component-selector", "Opsgenie", ""},
	{"grafana/dashboard-selector", "Grafana", ""},
	{"grafana/alert-label-selector", "Grafana alerts", ""},
	{"prometheus.io/rule", "Prometheus", ""},
	{"jira/project-key", "Jira", ""},
	{"jenkins.io/job-full-name", "Jenkins", ""},
	{"argocd/app-name", "Argo CD", ""},
	{"backstage.io/kubernetes-id", "Kubernetes", ""},
	{"backstage.io/kubernetes-label-selector", "Kubernetes", ""},
	{"snyk.io/org-name", "Snyk", "https://app.snyk.io/org/{}"},
	{"lighthouse.com/website-url", "Lighthouse", "{}"},
}

func loadTools(c *web.Ctx, e *entity.Entity) (any, error) {
	if len(e.Metadata.Labels)+len(e.Metadata.Annotations) == 0 {
		return nil, nil
	}
	t := &tools{}
	list := "/" + c.Catalog().Kinds().Get(e.Kind).Plural
	for _, key := range slices.Sorted(maps.Keys(e.Metadata.Labels)) {
		pair := key + "=" + e.Metadata.Labels[key]
		t.Labels = append(t.Labels, outLink{pair, list + "?" + url.Values{"labels": {pair}}.Encode()})
	}
	rest := maps.Clone(e.Metadata.Annotations)
	for _, k := range known {
		if v, ok := rest[k.key]; ok {
			delete(rest, k.key)
			t.Known = append(t.Known, noteOf(k.tool, v, k.address))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		t.Rest = append(t.Rest, noteOf(key, rest[key], ""))
	}
	return t, nil
}

// noteOf links a value to its address in the tool, or to itself.
func noteOf(label, value, address string) note {
	href := strings.TrimPrefix(strings.TrimPrefix(value, "url:"), "dir:")
	if address != "" {
		href = strings.Replace(address, "{}", strings.Trim(value, "/"), 1)
	}
	n := note{Label: label, Value: cmp.Or(value, "–")}
	if l, ok := webLink(href, ""); ok {
		n.Href = l.Href
	}
	return n
}
