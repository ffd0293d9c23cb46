package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// entityEndings are the files of a folder that hold entities.
var entityEndings = []string{".yaml", ".yml", ".json", ".ndjson", ".jsonl"}

// stdinName names standard input in messages.
const stdinName = "stdin"

func filesFlag(f *flags, p *[]string) {
	f.texts(p, "file", "f", lang.T("`PATH` of a file or folder, or - for standard input; repeat for several.", "Ruta (`PATH`) de un fichero o carpeta, o - para la entrada estándar; repítela para varias."))
	f.cc.MarkFlagFilename("file", "yaml", "yml", "json", "ndjson", "jsonl")
}

// entityFiles reads the files that -f and the arguments name.
func (s *session) entityFiles(paths, args []string) ([]catalog.File, error) {
	paths = slices.Concat(paths, args)
	if len(paths) == 0 {
		return nil, usage("no file is named", "no se nombra ningún fichero").hinting("give -f PATH, or -f - for standard input", "da -f RUTA, o -f - para la entrada estándar")
	}
	return s.readFiles(paths, entityEndings)
}

// readFiles reads files, folders with all below them, and "-". In a folder,
// files with other endings and hidden ones are passed over; without endings
// none is. What cannot be read ends it.
func (s *session) readFiles(paths, endings []string) ([]catalog.File, error) {
	var files []catalog.File
	for _, path := range paths {
		got, err := s.readPath(path, endings)
		if err != nil {
			return nil, err
		}
		files = append(files, got...)
	}
	return files, nil
}

func (s *session) readPath(path string, endings []string) ([]catalog.File, error) {
	if path == "-" {
		data, err := io.ReadAll(s.In)
		return []catalog.File{{Name: stdinName, Data: data}}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, noFile(path, err)
	}
	if !info.IsDir() {
		data, err := os.ReadFile(path)
		return []catalog.File{{Name: filepath.ToSlash(path), Data: data}}, err
	}
	files, err := readFolder(path, endings)
	if err == nil && len(files) == 0 {
		return nil, failed(exitNotFound, "the folder %s holds no file to read", "la carpeta %s no contiene ningún fichero que leer", path).
			hinting("files that end in %s are read", "se leen los ficheros que terminan en %s", strings.Join(endings, ", "))
	}
	return files, err
}

func noFile(path string, err error) error {
	return failed(exitNotFound, "%s cannot be read", "no se puede leer %s", path).because(err).
		hinting("check the path; - is standard input", "comprueba la ruta; - es la entrada estándar")
}

// readFolder reads a folder in the order of names.
func readFolder(root string, endings []string) ([]catalog.File, error) {
	var files []catalog.File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(d.Name(), ".") && path != root; hidden {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !hasEnding(path, endings) {
			return nil
		}
		data, err := os.ReadFile(path)
		files = append(files, catalog.File{Name: filepath.ToSlash(path), Data: data})
		return err
	})
	return files, err
}

func hasEnding(path string, endings []string) bool {
	return len(endings) == 0 || slices.Contains(endings, strings.ToLower(filepath.Ext(path)))
}
