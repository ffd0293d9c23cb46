package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/sqldb"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// decode reads an answer.
func decode[T any](h *harness, status int, who, method, path, body string, headers ...string) T {
	h.t.Helper()
	var out T
	r := h.want(status, h.do(who, method, path, body, headers...))
	check(h.t, json.Unmarshal(r.Body.Bytes(), &out))
	return out
}

func TestTalk(t *testing.T) {
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) {
		h := newHarness(t, db)
		at := boats + "/default/dolphin"
		h.want(201, h.do("owner", "POST", boats, boat("dolphin")))
		said := decode[comment](h, 201, "auditor", "POST", at+"/comments", `{"body":"Is she tight?","kind":"dispute"}`)
		if !said.Open || said.By != "auditor" || said.Kind != "dispute" {
			t.Errorf("got %+v", said)
		}
		answer := decode[comment](h, 201, "owner", "POST", at+"/comments", `{"body":"She is.","kind":"answer","thread":"`+said.ID+`"}`)
		list := decode[commentList](h, 200, "member", "GET", at+"/comments", "")
		if len(list.Items) != 1 || list.Items[0].Open || len(list.Items[0].Replies) != 1 || list.Items[0].Replies[0].ID != answer.ID {
			t.Errorf("got %+v", list)
		}
		if got := decode[comment](h, 200, "owner", "PATCH", "/api/v1/comments/"+answer.ID, `{"body":"She was."}`); got.Body != "She was." || got.Edited.IsZero() || got.Ref != "boat:default/dolphin" {
			t.Errorf("got %+v", got)
		}
		h.want(403, h.do("auditor", "PATCH", "/api/v1/comments/"+answer.ID, `{"body":"x"}`))
		h.want(422, h.do("auditor", "POST", at+"/comments", `{"body":"  "}`))
		h.want(422, h.do("auditor", "POST", at+"/comments", `{"bdy":"x"}`))
		h.want(403, h.do("reader", "POST", at+"/comments", `{"body":"x"}`))
		h.want(404, h.do("owner", "GET", "/api/v1/comments/none", ""))
		fix := decode[comment](h, 200, "owner", "POST", "/api/v1/comments/"+answer.ID+"/correct", `{"body":"She is again."}`)
		if fix.Corrects != answer.ID {
			t.Errorf("got %+v", fix)
		}
		if got := decode[comment](h, 200, "auditor", "POST", "/api/v1/comments/"+said.ID+"/reopen", ""); !got.Open {
			t.Errorf("got %+v", got)
		}
		if got := decode[comment](h, 200, "auditor", "POST", "/api/v1/comments/"+said.ID+"/resolve", ""); got.Open || got.ClosedBy != "auditor" {
			t.Errorf("got %+v", got)
		}
		if got := decode[comment](h, 200, "auditor", "POST", "/api/v1/comments/"+said.ID+"/withdraw", ""); got.Body != "" || got.Withdrawn.IsZero() {
			t.Errorf("got %+v", got)
		}
		w := decode[watch](h, 200, "auditor", "GET", at+"/watch", "")
		if !w.On || w.Why != "commented" {
			t.Errorf("got %+v", w)
		}
		if w = decode[watch](h, 200, "auditor", "PUT", at+"/watch", `{"state":"muted"}`); w.On || w.State != "muted" {
			t.Errorf("got %+v", w)
		}
		h.want(422, h.do("auditor", "PUT", at+"/watch", `{"state":"loud"}`))
	})
}

func TestAttachments(t *testing.T) {
	sqldbtest.Run(t, migrations(), func(t *testing.T, db *sqldb.DB) {
		h := newHarness(t, db)
		at := boats + "/default/dolphin"
		h.want(201, h.do("owner", "POST", boats, boat("dolphin")))
		got := decode[attachmentList](h, 201, "auditor", "POST", at+"/attachments?file=a%2Fsurvey.csv", "a,b\n", "Content-Type", "application/octet-stream")
		if len(got.Items) != 1 || got.Items[0].Name != "survey.csv" || got.Items[0].Type != "text/csv" || got.Items[0].Size != 4 {
			t.Fatalf("got %+v", got)
		}
		id := got.Items[0].ID
		r := h.want(200, h.do("member", "GET", "/api/v1/attachments/"+id+"/content", "", "Accept", "*/*"))
		if r.Body.String() != "a,b\n" || !strings.Contains(r.Header().Get("Content-Security-Policy"), "sandbox") || !strings.HasPrefix(r.Header().Get("Content-Disposition"), "attachment") || r.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("got %q, %v", r.Body, r.Header())
		}
		if meta := decode[attachment](h, 200, "member", "GET", "/api/v1/attachments/"+id, ""); meta.SHA256 != got.Items[0].SHA256 {
			t.Errorf("got %+v", meta)
		}
		h.want(400, h.do("auditor", "POST", at+"/attachments", "x", "Content-Type", "application/octet-stream"))
		h.want(422, h.do("auditor", "POST", at+"/attachments?file=x", "", "Content-Type", "application/octet-stream"))
		h.want(413, h.do("auditor", "POST", at+"/attachments?file=x", strings.Repeat("x", 1<<20+1), "Content-Type", "application/octet-stream"))
		h.want(413, h.do("auditor", "POST", at+"/attachments?file=x", strings.Repeat("x", 3<<20), "Content-Type", "application/octet-stream"))
		h.want(403, h.do("member", "DELETE", "/api/v1/attachments/"+id, ""))
		h.want(204, h.do("auditor", "DELETE", "/api/v1/attachments/"+id, ""))
		h.want(404, h.do("auditor", "GET", "/api/v1/attachments/"+id+"/content", "", "Accept", "*/*"))
		if list := decode[attachmentList](h, 200, "member", "GET", at+"/attachments", ""); len(list.Items) != 1 || list.Items[0].RemovedBy != "auditor" {
			t.Errorf("got %+v", list)
		}
	})
}

func TestWebhooks(t *testing.T) {
	h := newHarness(t, sqldbtest.SQLite(t, migrations()))
	made := decode[hookWithSecret](h, 201, "owner", "POST", "/api/v1/webhooks", hookBody)
	if !strings.HasPrefix(made.Secret, "whsec_") || len(made.Types) != 1 {
		t.Errorf("got %+v", made)
	}
	at := "/api/v1/webhooks/" + made.ID
	h.want(403, h.do("member", "GET", at, ""))
	h.want(404, h.do("owner", "GET", "/api/v1/account/webhooks/"+made.ID, ""))
	if got := decode[hook](h, 200, "owner", "PUT", at, `{"name":"phone","url":"https://hooks.example/b"}`); got.Name != "phone" || len(got.Types) != 0 {
		t.Errorf("got %+v", got)
	}
	if got := decode[hookWithSecret](h, 200, "owner", "POST", at+"/rotate", ""); got.Secret == made.Secret || got.OldUntil.IsZero() {
		t.Errorf("got %+v", got)
	}
	h.want(202, h.do("owner", "POST", at+"/test", ""))
	if list := decode[deliveryList](h, 200, "owner", "GET", at+"/deliveries", ""); len(list.Items) != 1 || list.Items[0].State != "waiting" || !strings.Contains(list.Items[0].Body, `"test"`) {
		t.Errorf("got %+v", list)
	}
	if got := decode[hook](h, 200, "owner", "PUT", at+"/disabled", `{"disabled":true}`); got.Disabled.IsZero() {
		t.Errorf("got %+v", got)
	}
	h.want(409, h.do("owner", "POST", at+"/test", ""))
	h.want(204, h.do("owner", "DELETE", at, ""))
	h.want(422, h.do("owner", "POST", "/api/v1/webhooks", `{"name":"x","url":"ftp://x"}`))
	mine := decode[hookWithSecret](h, 201, "member", "POST", "/api/v1/account/webhooks", hookBody)
	h.want(404, h.do("owner", "GET", "/api/v1/webhooks/"+mine.ID, ""))
	if got := decode[hookList](h, 200, "member", "GET", "/api/v1/account/webhooks", ""); len(got.Items) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestNotifySettings(t *testing.T) {
	h := newHarness(t, sqldbtest.SQLite(t, migrations()))
	if got := decode[notifySettings](h, 200, "member", "GET", "/api/v1/account/notifications", ""); got.Digest != "never" || got.Mail != "direct" {
		t.Errorf("got %+v", got)
	}
	want := notifySettings{"direct", "none", "all", "weekly", 18, 5, "America/Bogota"}
	body, err := json.Marshal(want)
	check(t, err)
	if got := decode[notifySettings](h, 200, "member", "PUT", "/api/v1/account/notifications", string(body)); got != want {
		t.Errorf("got %+v", got)
	}
	h.want(422, h.do("member", "PUT", "/api/v1/account/notifications", strings.Replace(string(body), "America/Bogota", "Local", 1)))
	if got := decode[notificationList](h, 200, "member", "GET", "/api/v1/notifications?unseen=true", ""); len(got.Items) != 0 || got.Unseen != 0 {
		t.Errorf("got %+v", got)
	}
	if got := decode[seenCount](h, 200, "member", "POST", "/api/v1/notifications/seen", `{}`); got.Seen != 0 {
		t.Errorf("got %+v", got)
	}
}
