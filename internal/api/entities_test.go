package api

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

const boats = "/api/v1/boats"

func TestEntityLife(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		one := boats + "/default/dolphin"
		made := h.want(201, h.do("owner", "POST", boats, boat("dolphin")))
		if got := made.Header().Get("Location"); got != one || made.Header().Get("ETag") != `"1"` || made.at("op") != "created" {
			t.Errorf("Location %q, ETag %q, op %v", got, made.Header().Get("ETag"), made.at("op"))
		}
		h.want(409, h.do("owner", "POST", boats, boat("dolphin")))

		got := h.want(200, h.do("reader", "GET", one, ""))
		if got.at("spec", "type") != "sail" || got.at("metadata", "resourceVersion") != "1" || got.Header().Get("ETag") != `"1"` {
			t.Errorf("entity %v", got.body)
		}
		h.want(304, h.do("reader", "GET", one, "", "If-None-Match", `W/"1"`))
		h.want(200, h.do("reader", "GET", one, "", "If-None-Match", `"7"`))
		if y := h.want(200, h.do("reader", "GET", one, "", "Accept", "text/yaml")); !strings.HasPrefix(y.Body.String(), "apiVersion: binnacle.dev/v1\nkind: Boat\nmetadata:\n  name: dolphin\n") {
			t.Errorf("YAML\n%s", y.Body)
		}

		h.want(200, h.do("owner", "PATCH", one, `{"spec":{"length":12.5}}`, "If-Match", `"1"`, "Content-Type", patchType))
		h.want(412, h.do("owner", "PATCH", one, `{"spec":{"length":13}}`, "If-Match", `"1"`, "Content-Type", patchType))
		h.want(412, h.do("owner", "DELETE", one, "", "If-Match", `"1"`))
		h.want(412, h.do("owner", "PUT", one, boat("dolphin"), "If-None-Match", "*"))
		h.want(412, h.do("owner", "PUT", boats+"/default/whale", boat("whale"), "If-Match", `"1"`))

		// An editor who read revision 1 does not undo what came after.
		merged := h.want(200, h.do("owner", "PUT", one, strings.Replace(boat("dolphin"), `"name"`, `"title":"Dolphin","resourceVersion":"1","name"`, 1)))
		if merged.at("entity", "spec", "length") != 12.5 || merged.at("entity", "metadata", "title") != "Dolphin" {
			t.Errorf("merged %v", merged.body)
		}
		clash := h.want(409, h.do("owner", "PUT", one, `{"apiVersion":"binnacle.dev/v1","kind":"Boat","metadata":{"name":"dolphin","resourceVersion":"1"},"spec":{"type":"sail","length":99}}`))
		if clash.at("problems", 0, "field") != "spec.length" {
			t.Errorf("conflict %v", clash.body)
		}

		renamed := h.want(200, h.do("owner", "POST", one+"/rename", `{"name":"orca"}`))
		if renamed.Header().Get("Location") != boats+"/default/orca" {
			t.Errorf("Location %q", renamed.Header().Get("Location"))
		}
		if got := h.want(200, h.do("reader", "GET", one, "")); got.at("metadata", "name") != "orca" {
			t.Errorf("the former name leads to %v", got.body)
		}
		one = boats + "/default/orca"
		h.want(200, h.do("owner", "DELETE", one, ""))
		h.want(404, h.do("reader", "GET", one, ""))
		history := h.want(200, h.do("reader", "GET", one+"/history?limit=2", ""))
		if history.at("items", 0, "op") != "deleted" || history.at("next") != 4.0 || history.Header().Get("Link") != `<`+one+`/history?before=4&limit=2>; rel="next"` {
			t.Errorf("history %v, Link %s", history.body, history.Header().Get("Link"))
		}
		h.want(200, h.do("owner", "POST", one+"/restore", `{"rev":2}`))
		if got := h.want(200, h.do("reader", "GET", one, "")); got.at("spec", "length") != 12.5 {
			t.Errorf("restored %v", got.body)
		}
		diff := h.want(200, h.do("reader", "GET", one+"/history/2/diff", ""))
		if diff.at("fields", 0, "path") != "spec.length" || diff.at("from") != 1.0 {
			t.Errorf("diff %v", diff.body)
		}
		h.want(200, h.do("reader", "GET", one+"/history/1/diff", ""))
		h.want(200, h.do("reader", "GET", one+"/history/2/diff?from=1", ""))
		h.want(200, h.do("reader", "GET", one+"/history/1", ""))
		h.want(404, h.do("reader", "GET", one+"/history/99", ""))
	})
}

func TestDryRunsWriteNothing(t *testing.T) {
	h := onSQLite(t)
	h.want(200, h.do("owner", "PUT", boats+"/default/dolphin?dryRun=true", boat("dolphin")))
	h.want(404, h.do("owner", "GET", boats+"/default/dolphin", ""))
	h.want(201, h.do("owner", "PUT", boats+"/default/dolphin", boat("dolphin")))
	if r := h.want(200, h.do("owner", "PATCH", boats+"/default/dolphin?dryRun=true", `{"spec":{"length":3}}`)); r.at("entity", "spec", "length") != 3.0 {
		t.Errorf("dry run %v", r.body)
	}
	h.want(200, h.do("owner", "POST", "/api/v1/diff", boat("whale")))
	if r := h.want(200, h.do("owner", "GET", boats, "")); r.at("total") != 1.0 || r.at("items", 0, "spec", "length") != nil {
		t.Errorf("something was written: %v", r.body)
	}
}

func TestRights(t *testing.T) {
	h := onSQLite(t)
	h.want(201, h.do("member", "POST", boats, boat("dolphin")))
	for who, status := range map[string]int{"": 401, "reader": 403, "auditor": 403, "ciso": 403} {
		h.want(status, h.do(who, "POST", boats, boat("whale")))
		if who != "" {
			h.want(403, h.do(who, "POST", "/api/v1/apply", boat("whale")))
			h.want(403, h.do(who, "PATCH", boats+"/default/dolphin", `{}`))
			h.want(403, h.do(who, "DELETE", boats+"/default/dolphin", ""))
			h.want(403, h.do(who, "POST", boats+"/default/dolphin/rename", `{"name":"x"}`))
			h.want(403, h.do(who, "POST", boats+"/default/dolphin/restore", `{"rev":1}`))
			h.want(403, h.do(who, "POST", "/api/v1/import/names?file=a.txt", "whale", "Content-Type", "text/plain"))
			h.want(200, h.do(who, "GET", boats, ""))
		}
	}
	h.want(403, h.do("member", "DELETE", boats+"/default/dolphin", ""))
	h.want(403, h.do("member", "GET", "/api/v1/audit", ""))
	h.want(403, h.do("member", "GET", "/api/v1/members", ""))
	h.want(403, h.do("ciso", "GET", "/api/v1/backup", ""))
	h.want(200, h.do("ciso", "GET", "/api/v1/tokens", ""))
	refused := h.want(200, h.do("auditor", "GET", "/api/v1/audit?outcome=refused&limit=1000", ""))
	if n := len(refused.at("items").([]any)); n != 3*7+4 {
		t.Errorf("the audit log has %d refusals, want %d", n, 3*7+4)
	}
}

func TestList(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		h.want(200, h.do("owner", "POST", "/api/v1/apply", "["+boat("a")+","+boat("b")+","+strings.Replace(boat("c"), "sail", "motor", 1)+"]"))
		page := h.want(200, h.do("reader", "GET", boats+"?limit=2&sort=-name", ""))
		names := func(r reply) (out []string) {
			for i := range r.at("items").([]any) {
				out = append(out, r.at("items", i, "metadata", "name").(string))
			}
			return out
		}
		if diff := cmp.Diff([]string{"c", "b"}, names(page)); diff != "" || page.at("total") != 3.0 {
			t.Errorf("first page, total %v: %s", page.at("total"), diff)
		}
		next, ok := strings.CutSuffix(strings.TrimPrefix(page.Header().Get("Link"), "<"), `>; rel="next"`)
		if !ok {
			t.Fatalf("Link %q", page.Header().Get("Link"))
		}
		page = h.want(200, h.do("reader", "GET", next, ""))
		if diff := cmp.Diff([]string{"a"}, names(page)); diff != "" || page.at("next") != nil {
			t.Errorf("last page: %s", diff)
		}
		for query, want := range map[string][]string{"?spec.type=motor": {"c"}, "?spec.type=motor&spec.type=sail": {"a", "b", "c"}, "?filter=spec.type+%3D%3D+'motor'": {"c"}, "?namespace=other": nil, "?q=motor": {"c"}} {
			if diff := cmp.Diff(want, names(h.want(200, h.do("reader", "GET", boats+query, "")))); diff != "" {
				t.Errorf("%s: %s", query, diff)
			}
		}
		facets := h.want(200, h.do("reader", "GET", boats+"/facets?path=spec.type", ""))
		if facets.at("items", 0, "value") != "sail" || facets.at("items", 0, "count") != 2.0 {
			t.Errorf("facets %v", facets.body)
		}
		if r := h.want(200, h.do("reader", "GET", "/api/v1/entities?kind=b&total=false", "")); len(names(r)) != 3 || r.at("total") != nil {
			t.Errorf("entities %v", r.body)
		}
	})
}

func TestListFormats(t *testing.T) {
	h := onSQLite(t)
	h.want(201, h.do("owner", "POST", boats, strings.Replace(boat("a"), `"name"`, `"title":"=1+1","name"`, 1)))
	r := h.want(200, h.do("reader", "GET", boats, "", "Accept", "text/csv"))
	rows, err := csv.NewReader(r.Body).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := []string{"kind", "metadata.namespace", "metadata.name", "metadata.title", "metadata.owner", "metadata.tags", "spec.type", "spec.length", "metadata.updated"}
	if diff := cmp.Diff(want, rows[0]); diff != "" {
		t.Errorf("head: %s", diff)
	}
	if diff := cmp.Diff([]string{"Boat", "default", "a", "'=1+1", "", "", "sail", ""}, rows[1][:8]); diff != "" {
		t.Errorf("row: %s", diff)
	}
	r = h.want(200, h.do("reader", "GET", boats+"?format=xlsx", ""))
	book, err := excelize.OpenReader(bytes.NewReader(r.Body.Bytes()))
	check(t, err)
	if v, err := book.GetCellValue("boats", "D2"); err != nil || v != "=1+1" {
		t.Errorf("cell %q, %v", v, err)
	}
	if r := h.want(200, h.do("reader", "GET", boats+"?format=ndjson", "")); strings.Count(r.Body.String(), "\n") != 1 {
		t.Errorf("NDJSON %s", r.Body)
	}
	h.want(406, h.do("reader", "GET", boats, "", "Accept", "image/png"))
	h.want(400, h.do("reader", "GET", boats+"?format=csv&limit=3", ""))
	if r := h.want(200, h.do("reader", "GET", "/api/v1/entities/export", "")); !strings.HasPrefix(r.Body.String(), "apiVersion: binnacle.dev/v1\nkind: Boat\n") {
		t.Errorf("export %s", r.Body)
	}
}

func TestRelationsAndGraph(t *testing.T) {
	h := onSQLite(t)
	h.want(200, h.do("owner", "POST", "/api/v1/apply", file("Sailor", "eve", "  email: eve@example.org\n")+"---\n"+file("Boat", "dolphin", "  type: sail\n  crew: [eve, sailor:bob]\n"), "Content-Type", yamlType))
	r := h.want(200, h.do("reader", "GET", boats+"/default/dolphin/relations", ""))
	if len(r.at("items").([]any)) != 2 || r.at("items", 0, "type") != "crewedBy" {
		t.Errorf("relations %v", r.body)
	}
	g := h.want(200, h.do("reader", "GET", "/api/v1/sailors/default/eve/graph?depth=2", ""))
	if len(g.at("nodes").([]any)) != 3 || len(g.at("edges").([]any)) != 2 {
		t.Errorf("graph %v", g.body)
	}
	r = h.want(200, h.do("reader", "GET", "/api/v1/search?q=dolph", ""))
	if r.at("items", 0, "ref") != "boat:default/dolphin" || strings.ContainsAny(r.Body.String(), "\x02\x03") {
		t.Errorf("search %v", r.body)
	}
}
