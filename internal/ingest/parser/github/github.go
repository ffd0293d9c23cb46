// Package github reads the audit log of GitHub, as it is streamed and as the API
// gives it, and the bodies of webhooks.
//
// Of the audit log the id is _document_id, the time @timestamp or created_at
// (milliseconds). Added are user.name (actor), source.ip (actor_ip),
// event.action, organization.name, github.repository (repo) and a message.
//
// Which event a webhook is of stands in the header X-GitHub-Event, its id in
// X-GitHub-Delivery: they are given with the body. The action is the two together,
// as repository.publicized; user.name is the sender. The time is that of what it
// is about, where the body has it.
package github

import (
	"strings"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/ingest/parser"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Format is the format "github".
func Format() parser.Format {
	return parser.JSON(parser.Format{
		Name:  "github",
		Title: lang.T("GitHub audit log and webhooks", "Registro de auditoría y webhooks de GitHub"),
		Doc: lang.T("An entry of the audit log, or the body of a webhook with its headers X-GitHub-Event and X-GitHub-Delivery.",
			"Una entrada del registro de auditoría, o el cuerpo de un webhook con sus cabeceras X-GitHub-Event y X-GitHub-Delivery."),
	}, known, add)
}

func known(r *parser.Reader) bool { return isAudit(r) || hook(r, "Event") != "" || isHook(r) }

func isAudit(r *parser.Reader) bool {
	action := r.Str("action")
	return strings.IndexByte(action, '.') > 0 && (r.Get("_document_id") != nil || r.Get("actor") != nil && (r.Get("@timestamp") != nil || r.Get("created_at") != nil))
}

func isHook(r *parser.Reader) bool {
	return r.Get("sender.login") != nil && (r.Get("repository.full_name") != nil || r.Get("organization.login") != nil)
}

// hook is a header of a webhook.
func hook(r *parser.Reader, name string) string {
	for _, prefix := range []string{"X-GitHub-", "X-Github-", "x-github-"} {
		if v := r.Env.Given[prefix+name]; v != "" {
			return v
		}
	}
	return r.Env.Given["x-github-"+strings.ToLower(name)]
}

func add(r *parser.Reader) {
	if isAudit(r) {
		audit(r)
		return
	}
	webhook(r)
}

func audit(r *parser.Reader) {
	r.Time("@timestamp", "created_at")
	r.ID("_document_id")
	r.Copy(event.Action, "action")
	r.Copy(event.User, "actor")
	r.Copy(event.SourceIP, "actor_ip")
	r.Copy("organization.name", "org", "business")
	r.Copy("github.repository", "repo", "repository")
	r.Copy("user.target.name", "user")
	r.Copy("user_agent.original", "user_agent")
	r.Copy("source.geo.country_iso_code", "actor_location.country_code")
	r.Say(r.Str("action"), with("by", r, "actor"), r.Str("actor"), with("on", r, "repo"), r.Str("repo"))
}

func with(word string, r *parser.Reader, name string) string {
	if len(r.Text(name)) == 0 {
		return ""
	}
	return word
}

// times are where the bodies of webhooks have the time of what they tell.
var times = []string{"workflow_run.updated_at", "check_run.completed_at", "check_run.started_at", "deployment_status.updated_at", "deployment.updated_at", "review.submitted_at",
	"pull_request.updated_at", "comment.updated_at", "issue.updated_at", "release.published_at", "release.created_at", "alert.updated_at", "alert.created_at", "repository.pushed_at", "repository.updated_at"}

func webhook(r *parser.Reader) {
	r.Time(times...)
	r.Out.ID = hook(r, "Delivery")
	name, action := hook(r, "Event"), r.Str("action")
	if name == "" {
		name = subject(r)
	}
	full := name
	if action != "" {
		full = strings.TrimPrefix(name+"."+action, ".")
	}
	r.AddText("github.event", name)
	r.AddText(event.Action, full)
	r.Copy(event.User, "sender.login", "pusher.name")
	r.Copy("github.repository", "repository.full_name")
	r.Copy("organization.name", "organization.login", "repository.owner.login")
	r.Copy("url.full", "pull_request.html_url", "issue.html_url", "release.html_url", "alert.html_url", "workflow_run.html_url", "check_run.html_url", "compare", "repository.html_url")
	r.Say(full, with("by", r, "sender.login"), r.Str("sender.login"), with("on", r, "repository.full_name"), r.Str("repository.full_name"))
}

// subject is which event a body without headers is of, by what it holds.
func subject(r *parser.Reader) string {
	for _, name := range []string{"workflow_run", "check_run", "deployment_status", "deployment", "review", "pull_request", "issue", "release", "member"} {
		if r.Get(name) != nil {
			if name == "review" {
				return "pull_request_review"
			}
			if name == "issue" {
				return "issues"
			}
			return name
		}
	}
	if r.Get("commits") != nil && r.Get("pusher") != nil {
		return "push"
	}
	return ""
}
