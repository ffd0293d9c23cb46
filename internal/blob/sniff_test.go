package blob

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMediaType(t *testing.T) {
	f := func(name, content, want string) {
		t.Helper()
		var s sniffed
		for _, b := range []byte(content) {
			s.Write([]byte{b})
		}
		if got := s.mediaType(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	f("a.csv", "a,b", "text/csv")
	f("a.pdf", "%PDF-1.7", "application/pdf")
	f("a.png", "\x89PNG\r\n\x1a\n", "image/png")
	f("picture.png", "<html><script>alert(1)</script>", "text/html") // what it is, not what it says
	f("a.docx", "PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
	f("a.docx", "plain words", "text/plain")
	f("a.svg", "<svg xmlns='x'>", "text/plain")
	f("a", "\x00\x01\x02", "application/octet-stream")
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"a.txt": "a.txt", "../../etc/passwd": "passwd", `C:\x\y.doc`: "y.doc", "": "file", "...": "file", "a\x00b\n.txt": "ab.txt", " .hidden": "hidden", `q"uote`: "quote",
		"\u202egpj.exe": "gpj.exe", strings.Repeat("é", 150) + ".pdf": strings.Repeat("é", 98) + ".pdf", "\xff": "file",
	} {
		if got := cleanName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("a/b.txt")
	f.Add(strings.Repeat("x", 300) + "." + strings.Repeat("y", 300))
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanName(s)
		if got == "" || len(got) > maxName || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00\r\n\"") || strings.HasPrefix(got, ".") {
			t.Errorf("%q gives %q", s, got)
		}
	})
}
