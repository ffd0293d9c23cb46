package strategy

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"path"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/catalog"
)

// folder shows files as a file system, for readers that walk folders: an
// archive in memory is one. given tells by the name in it how a file was named.
func folder(files []catalog.File) (fsys fs.FS, given map[string]string, err error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	given = map[string]string{}
	for _, f := range files {
		name := cleanName(f.Name)
		if _, twice := given[name]; twice || name == "" {
			continue
		}
		given[name] = f.Name
		out, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, nil, err
		}
		if _, err := out.Write(f.Data); err != nil {
			return nil, nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, nil, err
	}
	fsys, err = zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	return fsys, given, err
}

// cleanName makes a path one of a file system: "/a/b" and "../a/b" are "a/b".
func cleanName(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// commonFolder returns the deepest folder that holds all names; "." when they
// share none.
func commonFolder(names []string) string {
	var common []string
	for i, name := range names {
		parts := strings.Split(path.Dir(name), "/")
		if i == 0 {
			common = parts
			continue
		}
		n := 0
		for n < min(len(common), len(parts)) && common[n] == parts[n] {
			n++
		}
		common = common[:n]
	}
	return path.Join(append([]string{"."}, common...)...)
}

// nameOf makes a text fit for a name: accents are folded, what cannot stand in
// a name becomes a hyphen. It is "" when nothing is left.
func nameOf(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.", r)):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return strings.Trim(cut(strings.TrimLeft(b.String(), "-_."), 128), "-_.")
}

// cut shortens a text of ASCII.
func cut(s string, n int) string { return s[:min(len(s), n)] }
