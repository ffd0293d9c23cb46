package api

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
)

func TestWhoami(t *testing.T) {
	h := onSQLite(t)
	r := h.want(200, h.do("reader", "GET", "/api/v1/whoami", "", "Accept-Language", "es"))
	if r.at("email") != "ana@example.org" || r.at("organisation", "title") != "Fleet" || r.at("roleTitle") != "Propietario" || r.at("scopes", 0) != "read" {
		t.Errorf("identity %v", r.body)
	}
	h.want(403, h.do("reader", "GET", "/api/v1/account", ""))
}

func TestOwnAccount(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		r := h.want(200, h.do("owner", "PATCH", "/api/v1/account", `{"name":"Ana María","preferences":{"lang":"es"}}`))
		if r.at("name") != "Ana María" || r.at("preferences", "lang") != "es" || r.at("password") != true {
			t.Errorf("account %v", r.body)
		}
		if r := h.want(200, h.do("owner", "GET", "/api/v1/account/sessions", "")); r.at("items", 0, "id") == nil {
			t.Errorf("sessions %v", r.body)
		}
		made := h.want(201, h.do("owner", "POST", "/api/v1/account/tokens", `{"name":"ci","scopes":["read","write:strategy"]}`))
		h.tokens["ci"] = made.at("secret").(string)
		h.want(201, h.do("ci", "POST", boats, boat("a")))
		h.want(403, h.do("ci", "DELETE", boats+"/default/a", ""))
		if r := h.want(200, h.do("owner", "GET", "/api/v1/account/tokens", "")); strings.Contains(r.Body.String(), h.tokens["ci"]) {
			t.Error("a list shows a secret")
		}
		h.want(204, h.do("owner", "DELETE", "/api/v1/account/tokens/"+made.at("id").(string), ""))
		h.want(401, h.do("ci", "GET", boats, ""))
		if strings.Contains(h.log.String(), h.tokens["ci"]) {
			t.Error("the access log has a secret")
		}
	})
}

func TestMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		id := ""
		list := h.want(200, h.do("owner", "GET", "/api/v1/members", ""))
		for i := range list.at("items").([]any) {
			if list.at("items", i, "role") == "member" {
				id = list.at("items", i, "account").(string)
			}
		}
		one := "/api/v1/members/" + id
		if r := h.want(200, h.do("owner", "PUT", one, `{"role":"lead","user":"sailor:eve"}`)); r.at("role") != "lead" || r.at("user") != "sailor:eve" {
			t.Errorf("member %v", r.body)
		}
		h.want(422, h.do("owner", "PUT", one, `{"role":"admiral"}`))
		h.want(204, h.do("owner", "PUT", one+"/disabled", `{"disabled":true}`))
		h.want(401, h.do("member", "GET", boats, ""))
		h.want(204, h.do("owner", "PUT", one+"/disabled", `{"disabled":false}`))
		h.want(200, h.do("member", "GET", boats, ""))
		if r := h.want(201, h.do("owner", "POST", one+"/reset-link", "")); r.at("secret") == "" {
			t.Errorf("link %v", r.body)
		}
		h.want(204, h.do("owner", "DELETE", one, ""))
		h.want(401, h.do("member", "GET", boats, ""))
		h.want(404, h.do("owner", "DELETE", one, ""))
		h.want(404, h.do("owner", "DELETE", "/api/v1/members/..%2f..", ""))
	})
}

func TestInvitations(t *testing.T) {
	h := onSQLite(t)
	r := h.want(201, h.do("owner", "POST", "/api/v1/invitations", `{"email":"eve@example.org","role":"auditor"}`))
	h.want(422, h.do("owner", "POST", "/api/v1/invitations", `{"email":"eve","role":"auditor"}`))
	if list := h.want(200, h.do("owner", "GET", "/api/v1/invitations", "")); list.at("items", 0, "email") != "eve@example.org" {
		t.Errorf("invitations %v", list.body)
	}
	h.want(204, h.do("owner", "DELETE", "/api/v1/invitations/"+r.at("id").(string), ""))
	h.want(404, h.do("owner", "DELETE", "/api/v1/invitations/"+r.at("id").(string), ""))
}

func TestProviders(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		const settings = `{"title":"Id","issuer":"https://id.example","clientId":"b","roles":{"boss":"lead"}`
		r := h.want(201, h.do("owner", "POST", "/api/v1/providers", settings+`,"secret":"hush"}`))
		one := "/api/v1/providers/" + r.at("id").(string)
		if r := h.want(200, h.do("owner", "PUT", one, settings+`,"disabled":true}`)); r.at("disabled") != true || r.at("roles", "boss") != "lead" {
			t.Errorf("provider %v", r.body)
		}
		if r := h.want(200, h.do("owner", "GET", "/api/v1/providers", "")); len(r.at("items").([]any)) != 1 || strings.Contains(r.Body.String(), "hush") {
			t.Errorf("providers %v", r.body)
		}
		h.want(422, h.do("owner", "PUT", one, strings.Replace(settings, "https", "ftp", 1)+"}"))
		h.want(403, h.do("ciso", "GET", "/api/v1/providers", ""))
		h.want(204, h.do("owner", "DELETE", one, ""))
		h.want(404, h.do("owner", "DELETE", one, ""))
	})
}

func TestOrganisations(t *testing.T) {
	h := onSQLite(t)
	h.want(201, h.do("owner", "POST", boats, boat("mine")))
	h.want(200, h.do("owner", "PATCH", "/api/v1/organisation", `{"title":"The fleet"}`))
	h.want(201, h.do("owner", "POST", "/api/v1/organisations", `{"id":"harbour","title":"Harbour"}`))
	if r := h.want(200, h.do("owner", "GET", "/api/v1/account/organisations", "")); len(r.at("items").([]any)) != 2 {
		t.Errorf("organisations %v", r.body)
	}
	there, err := h.api.Auth.Switch(t.Context(), h.owner, "harbour")
	check(t, err)
	h.addToken("there", there, auth.Scopes...)
	if r := h.want(200, h.do("there", "GET", boats, "")); r.at("total") != 0.0 {
		t.Errorf("another organisation sees %v", r.body)
	}
	h.want(404, h.do("there", "GET", boats+"/default/mine", ""))
	h.want(404, h.do("there", "GET", boats+"/default/mine/history", ""))
	h.want(403, h.do("there", "GET", "/api/v1/backup", ""))
	if r := h.want(200, h.do("there", "GET", "/api/v1/feed?after=0", "")); strings.Contains(r.Body.String(), "mine") {
		t.Errorf("another organisation reads the feed: %s", r.Body)
	}
}

func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		h.want(201, h.do("owner", "POST", boats+"?reason=new+boat", boat("a")))
		r := h.want(200, h.do("auditor", "GET", "/api/v1/audit?action=entity.*&limit=1", ""))
		if r.at("items", 0, "action") != "entity.created" || r.at("items", 0, "via") != "api" || r.at("items", 0, "actorName") != "Ana" {
			t.Errorf("record %v", r.body)
		}
		if r := h.want(200, h.do("auditor", "GET", "/api/v1/audit/verify", "")); r.at("ok") != true {
			t.Errorf("report %v", r.body)
		}
		if r := h.want(200, h.do("auditor", "GET", "/api/v1/audit/export", "")); !strings.Contains(r.Body.String(), `{"end":`) {
			t.Errorf("export %s", r.Body)
		}
		if r := h.want(200, h.do("auditor", "GET", "/api/v1/audit/export?format=csv", "")); !strings.HasPrefix(r.Header().Get("Content-Type"), "text/csv") {
			t.Errorf("export %v", r.Header())
		}
		if r := h.want(200, h.do("owner", "GET", "/api/v1/backup", "")); r.Body.String() != "copy" {
			t.Errorf("backup %q", r.Body)
		}
		if r := h.want(200, h.do("auditor", "GET", "/api/v1/audit?action=backup.download", "")); r.at("items", 0, "actorName") != "Ana" || r.at("items", 0, "detail", "events") != false {
			t.Errorf("record %v", r.body)
		}
		h.want(200, h.do("owner", "GET", "/api/v1/backup?events=true", ""))
		if r := h.want(200, h.do("auditor", "GET", "/api/v1/audit?action=backup.download", "")); r.at("items", 0, "detail", "events") != true {
			t.Errorf("nobody is told that the events were taken: %v", r.body)
		}
	})
}
