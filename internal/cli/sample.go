package cli

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Who signs in to the sample organisation.
const (
	sampleEmail = "demo@binnacle.example"
	sampleHand  = "sample"
)

var sampleTitle = lang.T("Sample organisation", "Organización de ejemplo")

// fill puts the sample organisation into a data folder and returns the address
// of its owner. In a folder that has one already it changes nothing.
func (s *session) fill(ctx context.Context, g *Ground) (email string, err error) {
	done, err := g.Auth.SetUp(ctx)
	if err != nil || done {
		return sampleEmail, err
	}
	files, imports, err := sampleFiles(s.Sample)
	if err != nil {
		return "", err
	}
	at := &local{g, s.Program, auth.Local(auth.HomeID, sampleTitle.In(s.code), "cli"), s.code}
	h := hand{manager: sampleHand}
	if _, err := at.Apply(ctx, files, catalog.ApplyOptions{}, h); err != nil {
		return "", err
	}
	for _, format := range slices.Sorted(maps.Keys(imports)) {
		args, data := sampleArgs(imports[format])
		if _, err := at.Import(ctx, format, data, catalog.ImportOptions{Args: args}, h); err != nil {
			return "", err
		}
	}
	owner := auth.NewAccount{Email: sampleEmail, Name: "Demo"}
	return sampleEmail, g.firstOwner(ctx, owner, sampleTitle.In(s.code))
}

// firstOwner makes the first owner and ends the session that begins with it,
// since nobody at a terminal could use it.
func (g *Ground) firstOwner(ctx context.Context, owner auth.NewAccount, title string) error {
	visitor := auth.Visitor{Via: "cli"}
	session, err := g.Auth.CreateFirstOwner(ctx, owner, title, visitor)
	if err != nil {
		return err
	}
	return g.Auth.SignOut(ctx, session.Secret, visitor)
}

// sampleArgs takes the file "args" from those of a format: what it asks for
// beside files, one name=value to a line.
func sampleArgs(files []catalog.File) (args map[string]string, data []catalog.File) {
	args = map[string]string{}
	for _, f := range files {
		if f.Name != "args" {
			data = append(data, f)
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				args[name] = value
			}
		}
	}
	return args, data
}

// sampleFiles reads the files that apply, and those of other formats by the
// name of the format.
func sampleFiles(sample fs.FS) (files []catalog.File, imports map[string][]catalog.File, err error) {
	imports = map[string][]catalog.File{}
	err = fs.WalkDir(sample, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(sample, name)
		if err != nil {
			return err
		}
		rest, foreign := strings.CutPrefix(name, "import/")
		format, inside, _ := strings.Cut(rest, "/")
		switch {
		case foreign:
			imports[format] = append(imports[format], catalog.File{Name: inside, Data: data})
		case hasEnding(path.Base(name), entityEndings):
			files = append(files, catalog.File{Name: name, Data: data})
		}
		return nil
	})
	return files, imports, err
}
