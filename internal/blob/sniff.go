package blob

import (
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"unicode"
)

// sniffed keeps the first bytes of what is written to it.
type sniffed struct{ head []byte }

func (s *sniffed) Write(p []byte) (int, error) {
	if room := 512 - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// within are the endings whose files are of a wider type that can be told from
// the content. The ending only makes the type narrower, never another one.
var within = map[string]map[string]string{
	"text/plain": {".csv": "text/csv", ".md": "text/markdown", ".json": "application/json", ".yaml": "application/yaml", ".yml": "application/yaml", ".log": "text/plain"},
	"application/zip": {
		".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
		".odt":  "application/vnd.oasis.opendocument.text",
		".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	},
}

// mediaType is what the content is, whatever its name and whoever sent it says.
func (s *sniffed) mediaType(name string) string {
	found := http.DetectContentType(s.head)
	base, _, err := mime.ParseMediaType(found)
	if err != nil {
		return "application/octet-stream"
	}
	if narrow := within[base][strings.ToLower(filepath.Ext(name))]; narrow != "" {
		return narrow
	}
	return base
}

const maxName = 200 // bytes

// cleanName is the name of a file without its folders and without what cannot be
// shown; it is never opened.
func cleanName(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || r == '"' {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(strings.TrimLeft(name, ". "))
	if len(name) > maxName {
		ext := filepath.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		name = strings.ToValidUTF8(name[:maxName-len(ext)], "") + ext
	}
	if name == "" {
		return "file"
	}
	return name
}

// Headers are those a content is served with: it is downloaded and never shown,
// whatever it is.
func Headers(a Attachment) http.Header {
	h := http.Header{}
	h.Set("Content-Type", a.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Length", fmt.Sprint(a.Size))
	return h
}
