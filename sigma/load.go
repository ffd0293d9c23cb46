package sigma

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxArchive bounds what an archive may unpack to.
const maxArchive = 1 << 30

// Load reads rules from files, folders and archives (.tar, .tar.gz, .tgz,
// .zip). Of folders and archives it takes the files that end in .yml or .yaml.
// The error is of what cannot be read at all; what is refused is among the
// Problems of the Collection.
func Load(paths ...string) (*Collection, error) {
	c := &Collection{}
	for _, p := range paths {
		if err := c.load(p); err != nil {
			return nil, fmt.Errorf("loading rules from %s: %w", p, err)
		}
	}
	c.Link()
	return c, nil
}

// LoadFS reads the rules below a folder of a file system.
func LoadFS(fsys fs.FS, root string) (*Collection, error) {
	c := &Collection{}
	if err := c.walk(fsys, root, ""); err != nil {
		return nil, fmt.Errorf("loading rules from %s: %w", root, err)
	}
	c.Link()
	return c, nil
}

func (c *Collection) load(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.walk(os.DirFS(name), ".", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	switch lower := strings.ToLower(name); {
	case strings.HasSuffix(lower, ".tar.gz"), strings.HasSuffix(lower, ".tgz"):
		unzipped, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		return c.tar(name, unzipped)
	case strings.HasSuffix(lower, ".tar"):
		return c.tar(name, f)
	case strings.HasSuffix(lower, ".zip"):
		return c.zip(name, f, info.Size())
	}
	return c.read(name, f)
}

func (c *Collection) read(name string, r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return err
	}
	c.Add(name, data)
	return nil
}

func isRuleFile(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yml", ".yaml":
		return !strings.HasPrefix(path.Base(name), ".")
	}
	return false
}

// walk reads the rule files below a folder, in the order of their names. Names
// in problems begin with prefix.
func (c *Collection) walk(fsys fs.FS, root, prefix string) error {
	return fs.WalkDir(fsys, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isRuleFile(name) {
			return err
		}
		f, err := fsys.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil
		}
		if prefix != "" {
			return c.read(filepath.Join(prefix, filepath.FromSlash(name)), f)
		}
		return c.read(name, f)
	})
}

var errBigArchive = errors.New("the archive unpacks to more than 1 GiB")

// tar reads the rule files of an archive. Their names in problems are those of
// the archive and, after an exclamation mark, of the file.
func (c *Collection) tar(name string, r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: maxArchive}
	files := tar.NewReader(limited)
	for {
		head, err := files.Next()
		switch {
		case limited.N <= 0:
			return errBigArchive
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if head.Typeflag != tar.TypeReg || !isRuleFile(head.Name) {
			continue
		}
		if err := c.read(name+"!"+head.Name, files); err != nil {
			return err
		}
	}
}

func (c *Collection) zip(name string, r io.ReaderAt, size int64) error {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	left := int64(maxArchive)
	for _, file := range archive.File {
		if file.FileInfo().IsDir() || !isRuleFile(file.Name) {
			continue
		}
		f, err := file.Open()
		if err != nil {
			return err
		}
		limited := &io.LimitedReader{R: f, N: left}
		err = c.read(name+"!"+file.Name, limited)
		f.Close()
		if left = limited.N; left <= 0 {
			return errBigArchive
		}
		if err != nil {
			return err
		}
	}
	return nil
}
