package door

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// compressFrom is the size from which an answer is worth compressing, in bytes.
const compressFrom = 1400

// recorder keeps what an answer was, and compresses it when that is worth it.
// The first bytes of a text wait until there are enough of them to know; a
// failure in that time still gets a status of its own.
type recorder struct {
	http.ResponseWriter
	gzips   bool // the reader takes gzip
	head    bool
	stream  bool
	patient time.Duration // how long a stream waits for the reader to take more
	status  int
	bytes   int64 // of the body as sent
	sent    bool  // the header is on its way
	waiting []byte
	gz      *gzip.Writer
	aborted bool
}

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	return w
}}

func newRecorder(w http.ResponseWriter, r *http.Request) *recorder {
	return &recorder{ResponseWriter: w, gzips: acceptsGzip(r.Header.Get("Accept-Encoding")), head: r.Method == http.MethodHead}
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		v, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && v > 0
	}
	return false
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader chooses the status; the header goes out with the body.
func (w *recorder) WriteHeader(status int) {
	if w.sent || w.status != 0 {
		return
	}
	if status >= 100 && status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.status = status
	if !w.holds() {
		w.send()
	}
}

func (w *recorder) send() {
	if !w.sent {
		w.sent = true
		w.ResponseWriter.WriteHeader(w.code())
	}
}

// Write sends b, or keeps it until the answer is large enough to compress.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		if w.Header().Get("Content-Type") == "" {
			w.Header().Set("Content-Type", http.DetectContentType(b))
		}
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.gz != nil:
		return w.gz.Write(b)
	case w.sent:
		return w.raw(b)
	}
	w.waiting = append(w.waiting, b...)
	if len(w.waiting) >= compressFrom {
		return len(b), w.begin()
	}
	return len(b), nil
}

// begin sends what waits, and from then on everything as it comes.
func (w *recorder) begin() (err error) {
	b := w.waiting
	w.waiting = nil
	if w.gzips && !w.head {
		w.startGzip()
		_, err = w.gz.Write(b)
		return err
	}
	w.send()
	_, err = w.raw(b)
	return err
}

func (w *recorder) raw(b []byte) (int, error) {
	defer w.hurry()()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// hurry gives the reader of a stream a time to take what is written until relax
// is called. A stream may think as long as it likes between two writes: the
// deadline of a stream of HTTP/2 would end it meanwhile.
func (w *recorder) hurry() (relax func()) {
	if !w.stream {
		return func() {}
	}
	control := http.NewResponseController(w.ResponseWriter)
	control.SetWriteDeadline(time.Now().Add(w.patient))
	return func() { control.SetWriteDeadline(time.Time{}) }
}

// rawWriter is where the compressor writes.
type rawWriter struct{ *recorder }

func (w rawWriter) Write(b []byte) (int, error) { return w.raw(b) }

// holds reports whether the first bytes of the answer wait, by status and
// headers alone, and tells caches that it may be compressed.
func (w *recorder) holds() bool {
	h := w.Header()
	if w.stream || h.Get("Content-Encoding") != "" || w.status == http.StatusNoContent || w.status == http.StatusNotModified || w.status == http.StatusPartialContent || !isText(h.Get("Content-Type")) {
		return false
	}
	h.Add("Vary", "Accept-Encoding")
	return true
}

func isText(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "yaml") || strings.HasSuffix(kind, "xml") || kind == "text/javascript" || kind == "application/x-ndjson"
}

func (w *recorder) startGzip() {
	h := w.Header()
	h.Set("Content-Encoding", "gzip")
	h.Del("Content-Length")
	if tag := h.Get("ETag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		h.Set("ETag", "W/"+tag) // the same thing in other bytes
	}
	w.send()
	w.gz = gzipWriters.Get().(*gzip.Writer)
	w.gz.Reset(rawWriter{w})
}

// Flush sends what is waiting.
func (w *recorder) Flush() {
	w.release()
	if w.gz != nil {
		w.gz.Flush()
	}
	defer w.hurry()()
	http.NewResponseController(w.ResponseWriter).Flush()
}

// release sends what was too small to compress.
func (w *recorder) release() {
	if w.gz != nil || w.sent {
		return
	}
	w.send()
	if len(w.waiting) > 0 {
		w.raw(w.waiting)
		w.waiting = nil
	}
}

// restart forgets an answer that has not gone out; false when it has.
func (w *recorder) restart() bool {
	if w.sent {
		return false
	}
	w.status, w.waiting = 0, nil
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition", "ETag", "Last-Modified", "Link"} {
		w.Header().Del(name)
	}
	w.Header().Set("Cache-Control", "no-store")
	return true
}

// finish ends the answer. Its last bytes leave after it, so that the time for them
// goes on.
func (w *recorder) finish() {
	w.end()
	_ = w.hurry()
}

func (w *recorder) end() {
	if w.aborted {
		return
	}
	if w.gz != nil {
		w.gz.Close()
		gzipWriters.Put(w.gz)
		w.gz = nil
		return
	}
	if !w.sent && w.status != 0 && !w.head && w.Header().Get("Content-Length") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(w.waiting)))
	}
	w.release()
}
