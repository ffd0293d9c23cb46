package api

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

func form(t *testing.T, files ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		part, err := w.CreateFormFile("file", files[i])
		check(t, err)
		part.Write([]byte(files[i+1]))
	}
	check(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestApplyFiles(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		body, ct := form(t, "boats/a.yaml", file("Boat", "a", "  type: sail\n"), "b.json", boat("b"))
		r := h.want(200, h.do("owner", "POST", "/api/v1/apply?manager=ci", body, "Content-Type", ct))
		if r.at("changes", 1, "op") != "created" {
			t.Errorf("result %v", r.body)
		}
		if r := h.want(200, h.do("owner", "POST", "/api/v1/apply?manager=ci", body, "Content-Type", ct)); r.at("changes", 0, "op") != "unchanged" {
			t.Errorf("the second time %v", r.body)
		}
		// One bad file, and nothing of the others is applied.
		body, ct = form(t, "c.yaml", file("Boat", "c", "  type: sail\n"), "bad/d.yaml", file("Boat", "d", "  type: sail\n  lenght: 3\n"))
		r = h.want(422, h.do("owner", "POST", "/api/v1/apply", body, "Content-Type", ct))
		if p := r.at("problems", 0).(map[string]any); p["file"] != "bad/d.yaml" || p["line"] != 7.0 || p["field"] != "spec.lenght" || !strings.Contains(p["hint"].(string), "length") {
			t.Errorf("problem %v", p)
		}
		h.want(404, h.do("owner", "GET", boats+"/default/c", ""))
		r = h.want(200, h.do("owner", "POST", "/api/v1/apply", boat("e")+"\n"+boat("f"), "Content-Type", ndjsonType, "Accept", ndjsonType))
		lines := strings.Split(strings.TrimSpace(r.Body.String()), "\n")
		var last struct{ Result struct{ Changes []any } }
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(last.Result.Changes) != 2 {
			t.Errorf("last line %s, %v", lines[len(lines)-1], err)
		}
	})
}

func TestImportAndExport(t *testing.T) {
	h := onSQLite(t)
	r := h.want(200, h.do("owner", "POST", "/api/v1/import/names?file=n.txt&arg=note=hello", "a b", "Content-Type", "text/plain"))
	if r.at("summary") != "hello" || len(r.at("changes").([]any)) != 2 {
		t.Errorf("report %v", r.body)
	}
	body, ct := form(t, "n.txt", "a", "m.txt", "c d")
	h.want(200, h.do("owner", "POST", "/api/v1/import/names", body, "Content-Type", ct))
	if r := h.want(200, h.do("reader", "GET", "/api/v1/export/names", "")); r.Body.String() != "a\nb\nc\nd" || r.Header().Get("Content-Disposition") != "attachment; filename=names.txt" {
		t.Errorf("export %q %s", r.Body, r.Header().Get("Content-Disposition"))
	}
	r = h.want(200, h.do("reader", "GET", "/api/v1/export/names?as=many", ""))
	z, err := zip.NewReader(bytes.NewReader(r.Body.Bytes()), int64(r.Body.Len()))
	if err != nil || len(z.File) != 2 || z.File[1].Name != "more/empty.txt" {
		t.Errorf("archive %v", err)
	}
	if r := h.want(404, h.do("owner", "POST", "/api/v1/import/nmaes", "x", "Content-Type", "text/plain")); r.at("hint") != `did you mean "names"?` {
		t.Errorf("hint %v", r.body)
	}
	if r := h.want(200, h.do("reader", "GET", "/api/v1/formats", "")); r.at("import", 0, "name") != "names" {
		t.Errorf("formats %v", r.body)
	}
}

func TestFormNamesCannotClimb(t *testing.T) {
	h := onSQLite(t)
	body, ct := form(t, "../../etc/passwd", "apiVersion: [")
	r := h.want(400, h.do("owner", "POST", "/api/v1/apply", body, "Content-Type", ct))
	if got := r.at("problems", 0, "file"); got != "etc/passwd" {
		t.Errorf("the file is called %v", got)
	}
}

func entries(t *testing.T, body string) (out []feed.Entry) {
	t.Helper()
	for line := range strings.Lines(body) {
		var e feed.Entry
		check(t, json.Unmarshal([]byte(line), &e))
		out = append(out, e)
	}
	return out
}

func TestFeed(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		for _, name := range []string{"a", "b", "c"} {
			h.want(201, h.do("owner", "POST", boats, boat(name)))
		}
		h.want(200, h.do("owner", "POST", "/api/v1/apply", file("Sailor", "eve", "  email: eve@example.org\n"), "Content-Type", yamlType))
		refs := func(query string) (out []string) {
			for _, e := range entries(t, h.want(200, h.do("reader", "GET", "/api/v1/feed"+query, "")).Body.String()) {
				if e.Type != "heartbeat" {
					out = append(out, e.Ref)
				}
			}
			return out
		}
		a, b, c, eve := "boat:default/a", "boat:default/b", "boat:default/c", "sailor:default/eve"
		for query, want := range map[string][]string{
			"": {a, b, c, eve}, "?limit=2": {c, eve}, "?after=0&limit=2": {a, b}, "?kind=boat": {a, b, c}, "?kind=sailors&after=0": {eve},
			"?type=entity.updated": nil, "?type=entity.*&after=3": {eve}, "?after=99": nil,
		} {
			if diff := cmp.Diff(want, refs(query)); diff != "" {
				t.Errorf("%q: %s", query, diff)
			}
		}
	})
}

// TestFeedHidesOthers: the places of one organisation do not move with what
// another does.
func TestFeedHidesOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		h.want(201, h.do("owner", "POST", boats, boat("a")))
		err := h.db.Tx(t.Context(), func(tx *sqldb.Tx) error {
			return feed.Append(t.Context(), tx, &feed.Entry{Org: "other", Type: "run"}, &feed.Entry{Org: "other", Type: "run"}, &feed.Entry{Type: "house"})
		})
		check(t, err)
		h.want(201, h.do("owner", "POST", boats, boat("b")))
		for query, want := range map[string][]int64{"?after=0": {0, 1, 2, 2}, "?after=1": {1, 2, 2}, "": {0, 1, 2, 2}, "?limit=1": {1, 2, 2}} {
			body := h.want(200, h.do("reader", "GET", "/api/v1/feed"+query, "")).Body.String()
			var got []int64
			for _, e := range entries(t, body) {
				got = append(got, e.No)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: %s\n%s", query, diff, body)
			}
		}
	})
}

func TestFeedIsFollowed(t *testing.T) {
	h := onSQLite(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/v1/feed?follow=true", nil)
	check(t, err)
	req.Header.Set("Authorization", "Bearer "+h.tokens["reader"])
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() feed.Entry {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the feed ended: %v", lines.Err())
		}
		return entries(t, lines.Text())[0]
	}
	if e := next(); e.Type != "heartbeat" {
		t.Fatalf("first line %+v", e)
	}
	began := time.Now()
	h.want(201, h.do("owner", "POST", boats, boat("a")))
	if e := next(); e.Ref != "boat:default/a" || time.Since(began) > 5*time.Second {
		t.Errorf("entry %+v after %v", e, time.Since(began))
	}
}
