package static

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, name string) string {
	t.Helper()
	body, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if len(body) == 0 {
		t.Fatalf("%s is empty", name)
	}
	return string(body)
}

func get(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestURLIsServedForEver(t *testing.T) {
	for name, kind := range map[string]string{
		"binnacle.css":     "text/css; charset=utf-8",
		"binnacle.js":      "text/javascript; charset=utf-8",
		"htmx.min.js":      "text/javascript; charset=utf-8",
		"icons.svg":        "image/svg+xml",
		"favicon.svg":      "image/svg+xml",
		"htmx.LICENSE.txt": "text/plain; charset=utf-8",
	} {
		url := URL(name)
		if !regexp.MustCompile(`^/static/.+\.[0-9a-f]{12}\.[a-z]+$`).MatchString(url) {
			t.Errorf("URL(%q) = %q has no hash", name, url)
		}
		w := get(url)
		if w.Code != 200 || w.Body.String() != read(t, name) {
			t.Errorf("GET %s = %d, %d bytes", url, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Content-Type"); got != kind {
			t.Errorf("%s is %q, want %q", name, got, kind)
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s may be kept: %q", name, got)
		}
	}
}

func TestAddressOfAnotherVersion(t *testing.T) {
	for _, path := range []string{"/static/binnacle.css", "/static/binnacle.000000000000.css"} {
		w := get(path)
		if w.Code != 200 || w.Body.String() != read(t, "binnacle.css") {
			t.Errorf("GET %s = %d, %d bytes, want today's content", path, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("GET %s may be kept: %q", path, got)
		}
	}
}

func TestUnknownNames(t *testing.T) {
	for _, path := range []string{"/static/", "/static/static.go", "/static/none.css", "/static/../static.go", "/static/nohash", "/static/testdata/classes.txt"} {
		if w := get(path); w.Code != 404 {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
	if got := URL("none.css"); got != "/static/none.css" {
		t.Errorf("URL of an unknown name = %q", got)
	}
}

func TestCompression(t *testing.T) {
	for header, want := range map[string]string{
		"gzip, deflate, br": "gzip", "br;q=1.0, gzip;q=0.5": "gzip", "*": "gzip", "GZIP": "gzip",
		"": "", "br": "", "gzip;q=0": "", "gzip;q=none": "", "x-gzip2": "",
	} {
		w := get(URL("binnacle.css"), "Accept-Encoding", header)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q is answered with %q, want %q", header, got, want)
		}
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: no Vary", header)
		}
	}
	z, err := gzip.NewReader(get(URL("binnacle.css"), "Accept-Encoding", "gzip").Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil || string(body) != read(t, "binnacle.css") {
		t.Errorf("the compressed stylesheet is %d bytes, %v", len(body), err)
	}
}

func TestUnchanged(t *testing.T) {
	for _, encoding := range []string{"", "gzip"} {
		etag := get(URL("binnacle.js"), "Accept-Encoding", encoding).Header().Get("ETag")
		w := get("/static/binnacle.js", "Accept-Encoding", encoding, "If-None-Match", `"other", W/`+etag)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("encoding %q: asked again with its tag, got %d and %d bytes", encoding, w.Code, w.Body.Len())
		}
		if w := get("/static/binnacle.js", "Accept-Encoding", encoding, "If-None-Match", `"other"`); w.Code != 200 {
			t.Errorf("encoding %q: another tag gives %d", encoding, w.Code)
		}
	}
}

func TestMethods(t *testing.T) {
	for method, want := range map[string]int{"HEAD": 200, "POST": 405, "DELETE": 405} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest(method, URL("binnacle.js"), nil))
		if w.Code != want {
			t.Errorf("%s = %d, want %d", method, w.Code, want)
		}
		if method == "HEAD" && (w.Body.Len() != 0 || w.Header().Get("Content-Length") == "") {
			t.Errorf("HEAD answers %d bytes, length %q", w.Body.Len(), w.Header().Get("Content-Length"))
		}
	}
}

func TestSizes(t *testing.T) {
	for name, most := range map[string]int{"binnacle.css": 150_000, "binnacle.js": 40_000, "htmx.min.js": 60_000, "icons.svg": 20_000} {
		if got := len(read(t, name)); got > most {
			t.Errorf("%s has %d bytes, its budget is %d", name, got, most)
		}
	}
}

// Nothing is loaded from elsewhere; the names of XML namespaces are not
// addresses.
func TestNoOtherOrigin(t *testing.T) {
	address := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s"')]*`)
	for _, name := range []string{"binnacle.css", "binnacle.js", "icons.svg", "favicon.svg"} {
		for _, url := range address.FindAllString(read(t, name), -1) {
			if !strings.HasPrefix(url, "http://www.w3.org/") {
				t.Errorf("%s names %s", name, url)
			}
		}
	}
	css := read(t, "binnacle.css")
	if strings.Contains(css, "@import") {
		t.Error("binnacle.css imports another file")
	}
	for _, m := range regexp.MustCompile(`url\(([^)]*)`).FindAllStringSubmatch(css, -1) {
		if !strings.HasPrefix(strings.Trim(m[1], `"'`), "data:") {
			t.Errorf("binnacle.css loads %s", m[1])
		}
	}
}

func TestScriptIsFitForThePolicy(t *testing.T) {
	js := read(t, "binnacle.js")
	for _, bad := range []string{"eval(", "new Function", "document.write", "setAttribute('style'", `setAttribute("style"`, ".cssText", "insertAdjacentHTML", "localStorage"} {
		if strings.Contains(js, bad) {
			t.Errorf("binnacle.js has %s", bad)
		}
	}
}

func TestStylesheetIsBalanced(t *testing.T) {
	css := regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(read(t, "binnacle.css"), "")
	if open, shut := strings.Count(css, "{"), strings.Count(css, "}"); open != shut || open == 0 {
		t.Errorf("%d { and %d }", open, shut)
	}
	tokens := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(--[a-z][a-z0-9-]*)\s*:`).FindAllStringSubmatch(css, -1) {
		tokens[m[1]] = true
	}
	set := regexp.MustCompile(`var\((--[a-z][a-z0-9-]*)\)`) // without a value to fall back on
	for _, m := range set.FindAllStringSubmatch(css, -1) {
		if !tokens[m[1]] && !slices.Contains(fromMarkup, m[1]) {
			t.Errorf("%s is used and never set", m[1])
		}
	}
}

// fromMarkup are the custom properties that pages set in style attributes.
var fromMarkup = []string{"--at", "--done", "--due", "--h", "--now", "--v", "--w", "--x", "--y"}

// The design's classes are what templates and charts are written with.
func TestClassesOfTheDesign(t *testing.T) {
	list, err := os.ReadFile("testdata/classes.txt")
	if err != nil {
		t.Fatal(err)
	}
	css := read(t, "binnacle.css")
	names := strings.Fields(string(list))
	if len(names) < 400 {
		t.Fatalf("only %d classes are listed", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(`\.` + regexp.QuoteMeta(name) + `(?:[^\w-]|$)`).MatchString(css) {
			t.Errorf("the stylesheet has lost .%s", name)
		}
	}
}

func TestIcons(t *testing.T) {
	raw := read(t, "icons.svg")
	if err := xml.Unmarshal([]byte(raw), new(struct{})); err != nil {
		t.Fatalf("icons.svg is not well formed: %v", err)
	}
	if got, want := len(IconIDs()), strings.Count(raw, "<symbol"); got != want || got < 100 {
		t.Errorf("%d icons of %d symbols", got, want)
	}
	for _, id := range []string{"logo", "i-radar", "i-decision", "i-passkey", "s-ok", "s-bad", "e-live", "e-against"} {
		if !HasIcon(id) {
			t.Errorf("no icon %s", id)
		}
	}
	if got := string(Icon("i-plus")); got != `<svg class="icon" aria-hidden="true"><use href="`+URL("icons.svg")+`#i-plus"/></svg>` {
		t.Errorf("Icon = %s", got)
	}
	if got := string(Icon(`"><script>`)); !strings.Contains(got, "#s-idle") || strings.Contains(got, "<script") {
		t.Errorf("an unknown icon gives %s", got)
	}
	if got := string(Icons("i-plus", "none", "i-x")); strings.Count(got, "<symbol") != 2 || strings.Contains(got, "style=") {
		t.Errorf("Icons of two = %s", got)
	}
	if got := strings.Count(string(Icons()), "<symbol"); got != len(IconIDs()) {
		t.Errorf("Icons has %d symbols", got)
	}
}

// The words that the script asks for are those listed, neither more nor fewer.
func TestWordKeys(t *testing.T) {
	asked := make(map[string]bool)
	call := regexp.MustCompile(`\bt\(([^)]*)\)`)
	key := regexp.MustCompile(`'([a-z]+(?:\.[a-z]+)*)'`)
	for _, m := range call.FindAllStringSubmatch(read(t, "binnacle.js"), -1) {
		if strings.Contains(m[1], "'theme.' +") {
			asked["theme.system"], asked["theme.light"], asked["theme.dark"] = true, true, true
			continue
		}
		for _, k := range key.FindAllStringSubmatch(m[1], -1) {
			asked[k[1]] = true
		}
	}
	var got []string
	for k := range asked {
		got = append(got, k)
	}
	want := WordKeys()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words of binnacle.js (-listed +asked for):\n%s", diff)
	}
}

func TestHTMXConfig(t *testing.T) {
	var got struct {
		AllowEval              *bool
		IncludeIndicatorStyles *bool
		SelfRequestsOnly       bool
	}
	if err := json.Unmarshal([]byte(HTMXConfig), &got); err != nil {
		t.Fatal(err)
	}
	if got.AllowEval == nil || *got.AllowEval || got.IncludeIndicatorStyles == nil || *got.IncludeIndicatorStyles || !got.SelfRequestsOnly {
		t.Errorf("htmx may do too much: %s", HTMXConfig)
	}
	if !bytes.Contains([]byte(read(t, "htmx.LICENSE.txt")), []byte("Zero-Clause BSD")) {
		t.Error("the licence of htmx is not beside it")
	}
}
