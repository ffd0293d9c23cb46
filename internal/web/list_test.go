package web_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

func many(h *house, n int) {
	h.t.Helper()
	var b strings.Builder
	for i := range n {
		name := "svc-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		b.WriteString("---\napiVersion: binnacle.dev/v1\nkind: Service\nmetadata: {name: " + name + ", tags: [bulk]}\nspec: {type: library, lifecycle: experimental}\n")
	}
	h.apply(b.String())
}

func TestListPagesThroughEverything(t *testing.T) {
	h := fullHouse(t)
	many(h, 120)
	seen, path := map[string]bool{}, "/services?spec.type=library"
	for pages := 0; path != ""; pages++ {
		if pages > 4 {
			t.Fatal("the pages do not end")
		}
		body := h.get(path, 200)
		for _, part := range strings.Split(body, `name="ref" value="`)[1:] {
			ref, _, _ := strings.Cut(part, `"`)
			if seen[ref] {
				t.Errorf("%s is there twice", ref)
			}
			seen[ref] = true
		}
		path = ""
		if i := strings.Index(body, `rel="next"`); i >= 0 {
			href := body[strings.LastIndex(body[:i], `href="`)+6:]
			path, _, _ = strings.Cut(href, `"`)
			path = strings.ReplaceAll(path, "&amp;", "&")
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d services, want 120", len(seen))
	}
}

func TestListAnswersHTMXWithItsResults(t *testing.T) {
	h := fullHouse(t)
	w := h.do(request{path: "/services?q=ledger", htmx: true})
	body := w.Body.String()
	if strings.Contains(body, "<html") || !strings.Contains(body, `id="results"`) || !strings.Contains(body, "Ledger") || strings.Contains(body, "Payments<") {
		t.Errorf("not the results alone:\n%s", clipText(body))
	}
	if whole := h.get("/services?q=ledger", 200); !strings.Contains(whole, "<html") {
		t.Error("without htmx the page is not whole")
	}
}

func TestListFilters(t *testing.T) {
	h := fullHouse(t)
	for query, want := range map[string]string{
		"spec.tier=1": "Payments", "tag=java": "Ledger", "owner=group:payments-team": "Payments", "labels=tier%3D1": "Payments",
		"cel=spec.tier+%3D%3D+2": "Ledger", "q=captures": "Payments",
	} {
		body := mainOf(h.get("/services?"+query, 200))
		other := map[string]string{"Payments": "Ledger", "Ledger": "Payments"}[want]
		if !strings.Contains(body, ">"+want+"</a>") && !strings.Contains(h.get("/services?"+query, 200), ">"+want+"</a>") {
			t.Errorf("%s: no %s", query, want)
		}
		if strings.Contains(h.get("/services?"+query, 200), ">"+other+"</a>") {
			t.Errorf("%s: %s is there too", query, other)
		}
	}
	if body := h.get("/services?cel=((", 200); !strings.Contains(body, "The filter cannot be read.") {
		t.Error("a broken expression is not named")
	}
}

func TestViews(t *testing.T) {
	h := fullHouse(t)
	w := h.post("/services/views", url.Values{"name": {"Tier one"}, "query": {"spec.tier=1&cursor=x"}, "shared": {"1"}})
	if w.Code != 303 || w.Header().Get("Location") != "/services?spec.tier=1" {
		t.Fatalf("status %d to %q", w.Code, w.Header().Get("Location"))
	}
	if body := h.get("/services?spec.tier=1", 200); !strings.Contains(body, `aria-current="true">`) || !strings.Contains(body, "Tier one") {
		t.Error("the view is not shown as the current one")
	}
	if body := h.do(request{path: "/services", as: "auditor"}).Body.String(); !strings.Contains(body, "Tier one") {
		t.Error("a shared view is not shared")
	}
	if w := h.do(request{method: "POST", path: "/services/views", as: "auditor", form: url.Values{"name": {"Mine"}, "query": {""}, "shared": {"1"}}}); w.Code != 403 {
		t.Errorf("an auditor shared a view: %d", w.Code)
	}
	form := formOf(t, h.get("/services?spec.tier=1", 200), "/services/views/delete")
	if w := h.do(request{method: "POST", path: "/services/views/delete", as: "auditor", form: form}); w.Code != 404 {
		t.Errorf("an auditor deleted somebody's view: %d", w.Code)
	}
	if w := h.post("/services/views/delete", form); w.Code != 303 {
		t.Errorf("status %d", w.Code)
	}
	if body := h.get("/services", 200); strings.Contains(body, "Tier one") {
		t.Error("the view is still there")
	}
}

func TestBulkPreviewsAndApplies(t *testing.T) {
	h := fullHouse(t)
	refs := []string{"service:default/payments", "service:default/ledger"}
	w := h.post("/services/bulk", url.Values{"ref": refs, "step": {"choose"}})
	if w.Code != 200 {
		t.Fatalf("status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	form := formOf(t, w.Body.String(), "/services/bulk")
	form.Set("addtags", "reviewed")
	form.Set("removetags", "java")
	form.Set("spec.lifecycle", "deprecated")
	form.Set("labelkey", "team.example/cost")
	form.Set("labelvalue", "42")
	form.Set("step", "preview")
	w = h.post("/services/bulk", form)
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "2 change") {
		t.Fatalf("status %d\n%s", w.Code, mainOf(body))
	}
	for _, problem := range checkPage(body) {
		t.Error(problem)
	}
	if h.spec("service:ledger")["lifecycle"] != "production" {
		t.Error("a preview changed something")
	}
	form = formOf(t, body, "/services/bulk")
	form.Set("step", "apply")
	if w := h.post("/services/bulk", form); w.Code != 303 {
		t.Fatalf("status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	e := h.entity("service:ledger")
	if h.spec("service:ledger")["lifecycle"] != "deprecated" || strings.Join(e.Metadata.Tags, " ") != "reviewed" || e.Metadata.Labels["team.example/cost"] != "42" {
		t.Errorf("after: %+v %s", e.Metadata, e.Spec)
	}
	form.Set("spec.lifecycle", "no-such")
	form.Set("step", "apply")
	if w := h.post("/services/bulk", form); w.Code != 422 {
		t.Errorf("a wrong value: status %d", w.Code)
	}
	if w := h.post("/services/bulk", url.Values{"ref": refs, "step": {"delete-now"}}); w.Code != 303 {
		t.Fatalf("delete: status %d", w.Code)
	}
	h.get("/services/default/ledger", 404)
	if w := h.post("/services/bulk", url.Values{"step": {"choose"}}); w.Code != 422 {
		t.Errorf("nothing chosen: status %d", w.Code)
	}
}

func TestExportGuardsFormulas(t *testing.T) {
	h := fullHouse(t)
	h.apply("apiVersion: binnacle.dev/v1\nkind: Service\nmetadata: {name: evil, title: \"=HYPERLINK(1)\"}\nspec: {type: \"@cmd\", tier: 2}\n")
	w := h.do(request{path: "/services/export?format=csv&spec.tier=2"})
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(w.Body.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v\n%s", len(rows), err, w.Body)
	}
	if rows[1][0] != "evil" || rows[1][2] != "'=HYPERLINK(1)" || rows[1][3] != "'@cmd" {
		t.Errorf("row %q", rows[1])
	}
	w = h.do(request{path: "/services/export?format=xlsx"})
	f, err := excelize.OpenReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	cells, err := f.GetRows("Services")
	if err != nil || len(cells) != 4 || cells[1][2] != "=HYPERLINK(1)" {
		t.Errorf("cells %q, %v", cells, err)
	}
	if formula, err := f.GetCellFormula("Services", "C2"); err != nil || formula != "" {
		t.Errorf("a text became the formula %q, %v", formula, err)
	}
	w = h.do(request{path: "/services/export?format=yaml"})
	docs, err := h.catalog.Decode("x.yaml", w.Body.Bytes())
	if err != nil || len(docs) != 3 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	if w := h.do(request{path: "/services/export?format=doc"}); w.Code != 422 {
		t.Errorf("an unknown format: status %d", w.Code)
	}
	if w := h.do(request{path: "/services/export?format=csv&cel=(("}); w.Code != 422 {
		t.Errorf("a broken filter: status %d", w.Code)
	}
}

// upload sends files to the import page.
func (h *house) upload(step, format string, kept map[string]string, files map[string]string) *httptest.ResponseRecorder {
	h.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	m.WriteField("step", step)
	m.WriteField("format", format)
	for name, data := range kept {
		m.WriteField("keptname", name)
		m.WriteField("keptdata", data)
	}
	for name, data := range files {
		f, err := m.CreateFormFile("files", name)
		if err != nil {
			h.t.Fatal(err)
		}
		f.Write([]byte(data))
	}
	m.Close()
	return h.do(request{method: "POST", path: "/import", body: b.String(), kind: m.FormDataContentType()})
}

func TestImportPreviewsThenApplies(t *testing.T) {
	lines := catalog.Importer{Name: "lines", Title: lang.T("Lines", "Líneas"), Doc: lang.T("A group a line.", "Un grupo por línea."), Room: "people", Accept: []string{".txt"},
		Read: func(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, o catalog.ImportOptions) (*catalog.ImportReport, error) {
			var yaml strings.Builder
			for _, f := range files {
				if len(f.Data) == 0 {
					return nil, fault.New(fault.Conflict, "%s holds nothing", f.Name).WithHint("give word=x")
				}
				for line := range strings.Lines(string(f.Data)) {
					yaml.WriteString("---\napiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: " + strings.TrimSpace(line) + "}\nspec: {}\n")
				}
			}
			docs, err := c.Decode("lines", []byte(yaml.String()))
			if err != nil {
				return nil, err
			}
			res, err := c.Apply(ctx, caller, docs, catalog.ApplyOptions{DryRun: o.DryRun})
			return &catalog.ImportReport{ApplyResult: *res}, err
		}}
	modules := testModules()
	modules[1].Importers = []catalog.Importer{lines}
	h := newHouse(t, modules...)
	w := h.upload("preview", "lines", nil, map[string]string{"teams.txt": "alpha\nbeta\n"})
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, "alpha") {
		t.Fatalf("status %d\n%s", w.Code, mainOf(body))
	}
	for _, problem := range checkPage(body) {
		t.Error(problem)
	}
	h.get("/groups/default/alpha", 404)
	kept := body[strings.Index(body, `name="keptdata" value="`)+len(`name="keptdata" value="`):]
	kept, _, _ = strings.Cut(kept, `"`)
	w = h.upload("import", "lines", map[string]string{"teams.txt": strings.ReplaceAll(kept, "&#43;", "+")}, nil)
	if w.Code != 200 || len(checkPage(w.Body.String())) > 0 {
		t.Fatalf("status %d %v\n%s", w.Code, checkPage(w.Body.String()), mainOf(w.Body.String()))
	}
	h.get("/groups/default/alpha", 200)

	w = h.upload("preview", "catalog", nil, map[string]string{"bad.yaml": "apiVersion: binnacle.dev/v1\nkind: Group\nmetadata: {name: ok}\n---\nkind: Grup\nmetadata: {name: x}\n"})
	body = w.Body.String()
	if !strings.Contains(body, "bad.yaml:5") || len(checkPage(body)) > 0 {
		t.Errorf("the place of a problem is not named: %v\n%s", checkPage(body), mainOf(body))
	}
	if w := h.upload("import", "catalog", nil, map[string]string{"bad.yaml": "kind: Grup\n"}); w.Code != 422 {
		t.Errorf("a bad file was imported: %d", w.Code)
	}
	w = h.upload("preview", "lines", nil, map[string]string{"none.txt": ""})
	if body := w.Body.String(); w.Code != 409 || !strings.Contains(body, `None.txt holds nothing <span class="muted">give word=x</span>`) || len(checkPage(body)) > 0 {
		t.Errorf("what is refused as a whole names no way out: %d %v\n%s", w.Code, checkPage(body), mainOf(body))
	}
	if w := h.upload("preview", "catalog", nil, nil); w.Code != 422 {
		t.Errorf("no file: %d", w.Code)
	}
	if w := h.do(request{method: "POST", path: "/import", as: "auditor", form: url.Values{"step": {"import"}}}); w.Code < 400 {
		t.Errorf("an auditor imports: %d", w.Code)
	}
}

func TestCards(t *testing.T) {
	h := fullHouse(t)
	body := h.get("/services/default/payments", 200)
	for want, n := range map[string]int{"card says fine": 3, "tool fine": 3, "badge-ok": 1, "This card could not be shown.": 3} {
		if got := strings.Count(body, want); got != n {
			t.Errorf("%q is there %d times, want %d", want, got, n)
		}
	}
	if strings.Contains(body, "the secret cause") || strings.Contains(body, "oh<") {
		t.Error("a card's failure tells what is inside")
	}
	if body := h.get("/services/default/payments/board", 200); !strings.Contains(body, "card says fine") {
		t.Error("the tab is empty")
	}
	if body := h.get("/groups/default/platform", 200); strings.Contains(body, "card says") {
		t.Error("a card of services stands on a group")
	}
}

// What is found says whose it is by the name that people use.
func TestHitsNameTheirOwners(t *testing.T) {
	h := fullHouse(t)
	if page := h.get("/search?q=payments", 200); !strings.Contains(page, "Service, Payments team, ") || strings.Contains(page, ", payments-team, ") {
		t.Errorf("the owner is not named by its title:\n%s", clipText(page))
	}
}

// A field that the program fills in with a person leads to that person's page;
// an account without a person is written as it is.
func TestWhoIsAPerson(t *testing.T) {
	h := fullHouse(t)
	h.apply("apiVersion: binnacle.dev/v1\nkind: Service\nmetadata: {name: asked}\nspec: {type: library, asked: \"user:default/marta\"}\n---\n" +
		"apiVersion: binnacle.dev/v1\nkind: Service\nmetadata: {name: told}\nspec: {type: library, asked: console}\n")
	if page := h.get("/services/default/asked", 200); !strings.Contains(page, `href="/users/default/marta"`) || !strings.Contains(page, "Marta Quiroga") {
		t.Errorf("who asked is not a link to Marta Quiroga:\n%s", clipText(page))
	}
	if page := h.get("/services/default/told", 200); !strings.Contains(page, "<dd>console</dd>") {
		t.Errorf("the account is not written as it is")
	}
}

func TestMarkdownIsSafe(t *testing.T) {
	for _, in := range []string{"<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://e.example/x.png)", `<a href="x" onclick="y">z</a>`, `<p style="color:red">a</p>`, "<iframe src=x></iframe>", "[x](data:text/html;base64,PHNjcmlwdD4=)"} {
		out := string(web.Markdown(in))
		for _, bad := range []string{"<script", "javascript:", "<img", "onclick", "style=", "<iframe", "data:"} {
			if strings.Contains(out, bad) {
				t.Errorf("%q gives %q", in, out)
			}
		}
	}
	if got := string(web.Markdown("# A\n\n### B\n\n# C")); strings.Contains(got, "<h1") || !strings.Contains(got, "<h3>A</h3>") || !strings.Contains(got, "<h4>B</h4>") || !strings.Contains(got, "<h3>C</h3>") {
		t.Errorf("headings: %s", got)
	}
}

func TestBulkOfAllThatMatch(t *testing.T) {
	h := fullHouse(t)
	many(h, 120)
	body := h.get("/services?spec.type=library", 200)
	if !strings.Contains(body, "all 120 of the list") {
		t.Error("all of the list cannot be chosen")
	}
	w := h.post("/services/bulk", url.Values{"all": {"1"}, "query": {"spec.type=library"}, "step": {"apply"}, "addtags": {"swept"}})
	if w.Code != 303 {
		t.Fatalf("status %d\n%s", w.Code, mainOf(w.Body.String()))
	}
	page, err := h.catalog.List(t.Context(), h.caller(), catalog.Query{Tags: []string{"swept"}, Limit: 200})
	if err != nil || len(page.Items) != 120 {
		t.Errorf("%d were changed, want 120 (%v)", len(page.Items), err)
	}
}
