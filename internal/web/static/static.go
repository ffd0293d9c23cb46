// Package static holds what the browser loads: the stylesheet, the scripts and
// the icons, embedded in the binary and served under names that carry a hash
// of their content, so that a browser keeps them for ever and still never
// shows an old one.
//
// binnacle.js acts on attributes; without script the same markup still works.
//
//	data-open="id" [data-src="/url"]   opens a dialog; a .drawer gets #id as its address and its .drawer-body from data-src
//	data-close, data-dismiss           closes the dialog, the toast or the notice around it
//	data-theme-toggle, data-set-theme  system, light, dark: at once here, by POST to html[data-preferences] for the next page
//	data-key="r" on a link             g and the letter go there; html[data-keys=off] switches single keys off
//	data-filter-key, data-new-key, data-edit-key   what the keys /, n and e mean on this page
//	data-copy, data-copy-from="id"     copies; data-reveal="id" shows a password
//	data-more="id"                     shows a row; with data-src on the row its [data-body] is loaded first; e opens and Esc closes it
//	data-enter                         in a text of several lines: Enter sends the form while there is one line, Shift+Enter begins another
//	data-find="selector"               shows what of the panel has the words typed, by data-name or text
//	data-brush="/x?from=FROM&to=TO"    with data-from, data-to (ms): dragging over the chart in it goes there with the stretch that was chosen
//	data-cancel="id"                   ends the request of an htmx part and shows its [data-cancelled]; data-elapsed="{n} s" counts till then
//	data-js hidden                     shown only where there is script
//	data-bulk > data-pick, data-pick-all, data-bulkbar hidden > data-bulk-count, data-unpick   choosing rows
//	data-rows="spec.links" [data-max]  > data-item (data-up, data-down, data-remove), template with __i__ for the place, data-add,
//	                                   data-rows-empty; names are spec.links.0.url, ids may have a prefix and a dash before that
//	.tags[data-tags] > input           comma separated value as chips
//	data-shows="how", data-when="how=a b"   fields that follow a select or a check box; hidden ones are not sent
//	data-submits                       a field that sends its form when it changes
//	form[data-dirty], data-dirty-note  warns before unsaved changes are lost
//	form[data-confirm="text"]          asks first; data-confirm-title, -button, -type (a word to type), -quiet
//	data-passkey="register|login"      data-options, data-finish (addresses), data-fields="name #id", data-next, data-conditional
//	data-count in a swapped part       its text is announced in #say
//	HX-Trigger {"toast": {"text", "bad", "undo": {"action", "fields"}}}   a toast from a response
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.css *.js *.svg *.txt
var files embed.FS

// Prefix is the path under which Handler expects to be mounted.
const Prefix = "/static/"

// HTMXConfig is the content of <meta name="htmx-config">: nothing is
// evaluated, no style element is added, nothing leaves the origin, and a form
// sent back with its errors (422) is shown.
const HTMXConfig = `{"allowEval":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,` +
	`"responseHandling":[{"code":"204","swap":false},{"code":"[23]..","swap":true},{"code":"422","swap":true},{"code":"[45]..","swap":false,"error":true}]}`

const hashLen = 12 // hexadecimal digits of SHA-256 in a name

type file struct {
	hash, kind string
	plain, gz  []byte
}

// assets reads and compresses every embedded file, once per process.
var assets = sync.OnceValue(func() map[string]*file {
	all := make(map[string]*file)
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic("static: embedded files unreadable: " + err.Error())
	}
	for _, e := range entries {
		body, err := files.ReadFile(e.Name())
		if err != nil {
			panic("static: " + err.Error())
		}
		all[e.Name()] = newFile(e.Name(), body)
	}
	return all
})

func newFile(name string, body []byte) *file {
	sum := sha256.Sum256(body)
	return &file{
		hash:  hex.EncodeToString(sum[:])[:hashLen],
		kind:  contentType(name),
		plain: body,
		gz:    compress(body),
	}
}

// compress returns nil when gzip does not make body smaller.
func compress(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(body)
	w.Close()
	if b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "text/plain; charset=utf-8"
}

// URL returns the address of an embedded file, as "/static/binnacle.<hash>.css"
// for "binnacle.css". The address of a name that is not embedded is that name
// under Prefix, which Handler answers with 404.
func URL(name string) string {
	f, ok := assets()[name]
	if !ok {
		return Prefix + name
	}
	ext := path.Ext(name)
	return Prefix + strings.TrimSuffix(name, ext) + "." + f.hash + ext
}

// split undoes URL: the embedded name, and the hash if the path had one.
func split(p string) (name, hash string) {
	name = strings.TrimPrefix(p, Prefix)
	if _, ok := assets()[name]; ok {
		return name, ""
	}
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	at := strings.LastIndexByte(stem, '.')
	if at < 0 {
		return name, ""
	}
	return stem[:at] + ext, stem[at+1:]
}

// Handler serves the embedded files under Prefix. A name with the right hash
// may be kept for a year; one without, or with the hash of another version
// (a page opened before an upgrade), gets today's content and must be asked
// for again.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name, hash := split(r.URL.Path)
		f, ok := assets()[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r, hash == f.hash)
	})
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, immutable bool) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	etag := `"` + f.hash + `"`
	body := f.plain
	if f.gz != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		etag = `"` + f.hash + `-gz"`
		body = f.gz
	}
	h.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	w.Write(body)
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		coding = strings.TrimSpace(coding)
		if !strings.EqualFold(coding, "gzip") && coding != "*" {
			continue
		}
		if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			return err == nil && v > 0
		}
		return true
	}
	return false
}

func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}
