package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// formOf reads the values of the form with an action from a page, as a browser
// would send them.
func formOf(t *testing.T, page, action string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var form *html.Node
	var find func(*html.Node)
	find = func(n *html.Node) {
		if n.Data == "form" && attr(n, "action") == action && attr(n, "method") == "post" {
			form = n
		}
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			find(k)
		}
	}
	find(doc)
	if form == nil {
		t.Fatalf("no form with action %s in\n%s", action, clipText(page))
	}
	out := url.Values{}
	var read func(*html.Node)
	read = func(n *html.Node) {
		if n.Data == "template" {
			return
		}
		readControl(n, out)
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			read(k)
		}
	}
	read(form)
	return out
}

func readControl(n *html.Node, out url.Values) {
	name := attr(n, "name")
	if name == "" {
		return
	}
	switch n.Data {
	case "input":
		_, checked := attrOK(n, "checked")
		if kind := attr(n, "type"); (kind == "checkbox" || kind == "radio") && !checked {
			return
		}
		out.Add(name, attr(n, "value"))
	case "textarea":
		out.Add(name, strings.ReplaceAll(textOf(n), "\n", "\r\n"))
	case "select":
		for k := n.FirstChild; k != nil; k = k.NextSibling {
			if _, on := attrOK(k, "selected"); on {
				out.Add(name, attr(k, "value"))
			}
		}
	}
}

func (h *house) entity(ref string) *entity.Entity {
	h.t.Helper()
	r, err := entity.ParseRef(ref, "", "")
	if err != nil {
		h.t.Fatal(err)
	}
	e, err := h.catalog.Get(h.t.Context(), h.caller(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

func (h *house) spec(ref string) map[string]any {
	h.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(h.entity(ref).Spec, &m); err != nil {
		h.t.Fatal(err)
	}
	return m
}

const editPath = "/services/default/payments/edit"

// An untouched form changes nothing, whatever the types of the fields: unknown
// fields, numbers, line ends and order survive.
func TestFormKeepsWhatItDoesNotChange(t *testing.T) {
	h := fullHouse(t)
	before := h.entity("service:payments")
	for c, share := range map[lang.Code]string{lang.English: "0.42", lang.Spanish: "0,42"} {
		form := formOf(t, h.do(request{path: editPath, lang: c}).Body.String(), editPath)
		if got := form.Get("spec.share"); got != share {
			t.Errorf("in %s a number is shown as %q, want %q", c, got, share)
		}
		w := h.post(editPath, form)
		if w.Code != 303 {
			t.Fatalf("in %s: status %d\n%s", c, w.Code, clipText(w.Body.String()))
		}
		after := h.entity("service:payments")
		if diff := cmp.Diff(catalog.Diff(before, after), []catalog.FieldChange(nil)); diff != "" {
			t.Errorf("in %s the form changed what nobody touched (-got +want):\n%s", c, diff)
		}
		if after.Metadata.ResourceVersion != before.Metadata.ResourceVersion {
			t.Errorf("in %s a revision %s was made of nothing", c, after.Metadata.ResourceVersion)
		}
	}
}

func TestFormChangesEveryType(t *testing.T) {
	h := fullHouse(t)
	form := formOf(t, h.get(editPath, 200), editPath)
	for name, v := range map[string]string{
		"metadata.title": "Payments 2", "metadata.tags": "go, new", "spec.lifecycle": "deprecated", "spec.tier": "3", "spec.share": "0,75", "spec.languages": "Go, Rust",
		"spec.plain": "line one\r\nline two", "spec.config": `{"retry": {"times": 5}}`, "spec.since": "2025-01-02", "reason": "a new year",
		"spec.endpoints.0.path": "/charge", "spec.endpoints.2.path": "/void", "spec.endpoints.2.method": "GET", "spec.env.0.value": "eu-south-2", "spec.env.1.key": "ZONE", "spec.env.1.value": "b",
		"metadata.labels.0.value": "2", "spec.limits.requests": "250",
	} {
		form.Set(name, v)
	}
	form.Del("spec.public")
	if w := h.post(editPath, form); w.Code != 303 {
		t.Fatalf("status %d\n%s", w.Code, clipText(w.Body.String()))
	}
	got := h.spec("service:payments")
	want := map[string]any{
		"type": "service", "lifecycle": "deprecated", "tier": 3.0, "share": 0.75, "dependsOn": []any{"ledger", "fraud-score"}, "contact": "payments@kestrane.example", "runbook": "https://runbook.example/payments",
		"since": "2025-01-02", "seen": "2026-09-22T09:00:00Z", "languages": []any{"Go", "Rust"}, "plain": "line one\nline two", "config": map[string]any{"retry": map[string]any{"times": 5.0}},
		"notes": got["notes"], "limits": map[string]any{"requests": 250.0, "window": "1 min"}, "env": map[string]any{"REGION": "eu-south-2", "ZONE": "b"}, "extra": map[string]any{"kept": true},
		"endpoints": []any{map[string]any{"path": "/charge", "method": "POST", "owner": "platform", "public": true}, map[string]any{"path": "/refund", "method": "POST"}, map[string]any{"path": "/void", "method": "GET"}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("spec (-got +want):\n%s", diff)
	}
	e := h.entity("service:payments")
	if e.Metadata.Title != "Payments 2" || e.Metadata.Labels["tier"] != "2" || strings.Join(e.Metadata.Tags, " ") != "go new" {
		t.Errorf("metadata: %+v", e.Metadata)
	}
	revs, err := h.catalog.History(t.Context(), h.caller(), e.Ref(), 0, 1)
	if err != nil || revs[0].Reason != "a new year" || revs[0].Manager != "form" {
		t.Errorf("revision %+v, %v", revs, err)
	}
}

func TestFormShowsWhatIsWrongBesideTheField(t *testing.T) {
	h := fullHouse(t)
	form := formOf(t, h.get(editPath, 200), editPath)
	form.Set("spec.tier", "9")
	form.Set("spec.since", "nobody")
	form.Set("spec.config", "{broken")
	form.Set("spec.endpoints.1.path", "")
	form.Set("spec.notes", "text that must survive")
	for _, code := range lang.All {
		w := h.do(request{method: "POST", path: editPath, form: form, lang: code})
		if w.Code != 422 {
			t.Fatalf("status %d, want 422", w.Code)
		}
		body := w.Body.String()
		for _, problem := range checkPage(body) {
			t.Errorf("in %s: %s", code, problem)
		}
		if !strings.Contains(body, "text that must survive") || !strings.Contains(body, "{broken") {
			t.Errorf("in %s: what was typed is gone", code)
		}
	}
	form.Set("spec.config", "{}")
	w := h.do(request{method: "POST", path: editPath, form: form, lang: lang.Spanish})
	body := w.Body.String()
	for _, want := range []string{"Debe ser como mucho 4", "«nobody» no es un día", "Es obligatorio", `href="#f-spec.tier"`, `aria-describedby="f-spec.since-e"`, `href="#f-spec.endpoints.1.path"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer does not hold %q\n%s", want, mainOf(body))
		}
	}
}

func mainOf(body string) string {
	if i := strings.Index(body, "<main"); i >= 0 {
		body = body[i:]
	}
	return clipText(body)
}

func TestCreate(t *testing.T) {
	h := fullHouse(t)
	form := formOf(t, h.get("/services/new", 200), "/services/new")
	form.Set("metadata.title", "Búsqueda de Trenes")
	form.Set("spec.type", "service")
	w := h.post("/services/new", form)
	if w.Code != 303 || w.Header().Get("Location") != "/services/default/busqueda-de-trenes" {
		t.Fatalf("status %d to %q\n%s", w.Code, w.Header().Get("Location"), mainOf(w.Body.String()))
	}
	if w := h.post("/services/new", form); w.Code != 422 || !strings.Contains(w.Body.String(), "f-metadata.name-e") {
		t.Errorf("a name that is taken: status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	form.Set("spec.type", "forbidden")
	form.Set("metadata.name", "another")
	if w := h.post("/services/new", form); w.Code != 422 || !strings.Contains(w.Body.String(), "is not a type anybody may use") {
		t.Errorf("the kind's own check: status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
}

// Two hands change the same entity: what does not clash is joined, what does is
// asked, and either answer is kept.
func TestConflict(t *testing.T) {
	for _, keep := range []string{"mine", "theirs"} {
		t.Run(keep, func(t *testing.T) {
			h := fullHouse(t)
			form := formOf(t, h.get(editPath, 200), editPath)
			theirs := formOf(t, h.get(editPath, 200), editPath)
			theirs.Set("spec.contact", "theirs@kestrane.example")
			theirs.Set("spec.lifecycle", "deprecated")
			if w := h.post(editPath, theirs); w.Code != 303 {
				t.Fatal(w.Code)
			}
			form.Set("spec.contact", "mine@kestrane.example")
			form.Set("spec.runbook", "https://new.example/")
			w := h.post(editPath, form)
			body := w.Body.String()
			if w.Code != 409 {
				t.Fatalf("status %d, want 409\n%s", w.Code, mainOf(body))
			}
			for _, problem := range checkPage(body) {
				t.Error(problem)
			}
			for _, want := range []string{"mine@kestrane.example", "theirs@kestrane.example", "Inés Valcárcel", "https://new.example/"} {
				if !strings.Contains(body, want) {
					t.Errorf("the question does not name %q", want)
				}
			}
			form = formOf(t, body, editPath)
			form.Set("keep:spec.contact", keep)
			if w := h.post(editPath, form); w.Code != 303 {
				t.Fatalf("status %d\n%s", w.Code, mainOf(w.Body.String()))
			}
			got := h.spec("service:payments")
			if got["contact"] != keep+"@kestrane.example" || got["lifecycle"] != "deprecated" || got["runbook"] != "https://new.example/" {
				t.Errorf("contact %v, lifecycle %v, runbook %v", got["contact"], got["lifecycle"], got["runbook"])
			}
		})
	}
}

func TestReviewWritesNothing(t *testing.T) {
	h := fullHouse(t)
	form := formOf(t, h.get(editPath, 200), editPath)
	form.Set("spec.tier", "4")
	form.Set("step", "review")
	w := h.post(editPath, form)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "<del>1</del> <ins>4</ins>") {
		t.Errorf("status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	if h.spec("service:payments")["tier"] != 1.0 {
		t.Error("a review changed the entity")
	}
}

func TestDeleteUndoAndHistory(t *testing.T) {
	h := fullHouse(t)
	record := "/services/default/ledger"
	w := h.post(record+"/delete", formOf(t, h.get(record+"/delete", 200), record+"/delete"))
	if w.Code != 303 {
		t.Fatal(w.Code)
	}
	gone := h.get(record, 404)
	if !strings.Contains(gone, "Ledger was deleted") {
		t.Errorf("no word of the deletion\n%s", mainOf(gone))
	}
	h.get(record+"/history", 200)
	list := h.do(request{path: "/services", cookies: w.Result().Cookies()})
	undo := formOf(t, list.Body.String(), record+"/restore")
	if w := h.post(record+"/restore", undo); w.Code != 303 {
		t.Fatalf("undo: status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	h.get(record, 200)
}

func TestRenameAndYAML(t *testing.T) {
	h := fullHouse(t)
	record := "/services/default/ledger"
	w := h.post(record+"/rename", url.Values{"name": {"not a name"}})
	if w.Code != 422 || len(checkPage(w.Body.String())) > 0 {
		t.Errorf("a bad name: status %d %v", w.Code, checkPage(w.Body.String()))
	}
	if w := h.post(record+"/rename", url.Values{"name": {"general-ledger"}}); w.Header().Get("Location") != "/services/default/general-ledger" {
		t.Fatalf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
	if w := h.do(request{path: record + "/history"}); w.Code != 200 && w.Code != 303 {
		t.Errorf("history by the former name: %d", w.Code)
	}
	if w := h.do(request{path: record}); w.Code != 303 || w.Header().Get("Location") != "/services/default/general-ledger" {
		t.Errorf("the former name: status %d to %q", w.Code, w.Header().Get("Location"))
	}
	record = "/services/default/general-ledger"
	form := formOf(t, h.get(record+"/yaml", 200), record+"/yaml")
	form.Set("yaml", strings.Replace(form.Get("yaml"), "tier: 2", "tier: 3", 1))
	if w := h.post(record+"/yaml", form); w.Code != 303 {
		t.Fatalf("status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	if h.spec("service:general-ledger")["tier"] != 3.0 {
		t.Error("the YAML was not stored")
	}
	for _, bad := range []string{"tier: 3", "kind: [", strings.Replace(form.Get("yaml"), "tier: 3", "tier: many", 1), strings.Replace(form.Get("yaml"), "name: general-ledger", "name: other", 1), form.Get("yaml") + "---\n" + form.Get("yaml")} {
		form.Set("yaml", bad)
		w := h.post(record+"/yaml", form)
		if w.Code != 422 || !strings.Contains(w.Body.String(), html.EscapeString(strings.TrimSpace(bad)[:5])) {
			t.Errorf("%q: status %d\n%s", bad, w.Code, mainOf(w.Body.String()))
		}
		for _, problem := range checkPage(w.Body.String()) {
			t.Error(problem)
		}
	}
}

func TestAuditorReadsOnly(t *testing.T) {
	h := fullHouse(t)
	record := "/services/default/payments"
	for _, path := range []string{"/services", record, record + "/history", record + "/yaml"} {
		w := h.do(request{path: path, as: "auditor"})
		body := mainOf(w.Body.String())
		if w.Code != 200 || strings.Contains(body, "/edit\"") || strings.Contains(body, "/new\"") || strings.Contains(body, "restore") || strings.Contains(body, "textarea") {
			t.Errorf("%s: status %d, or it offers to write", path, w.Code)
		}
	}
	for _, path := range []string{record + "/edit", record + "/delete", "/services/new", "/settings/people"} {
		w := h.do(request{path: path, as: "auditor"})
		if w.Code != http.StatusForbidden || len(checkPage(w.Body.String())) > 0 {
			t.Errorf("%s: status %d, want 403 %v", path, w.Code, checkPage(w.Body.String()))
		}
	}
	if w := h.do(request{method: "POST", path: record + "/delete", as: "auditor", form: url.Values{}}); w.Code != http.StatusForbidden {
		t.Errorf("delete: status %d", w.Code)
	}
}
