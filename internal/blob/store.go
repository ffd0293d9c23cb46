package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Store keeps content by name. A name is made of the organisation and the hash:
// slash-separated, without anything that climbs. What is kept under a name never
// changes. A Store is safe for concurrent use.
type Store interface {
	// Stage returns an empty temporary file for content on its way in. Who asked
	// closes and removes it, also after Keep.
	Stage() (*os.File, error)
	// Keep keeps a staged file of a size under a name. When it returns, the
	// content is durable, or not there.
	Keep(ctx context.Context, staged *os.File, name string, size int64) error
	// Open returns the content of a name; a NotFound fault when there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	Has(ctx context.Context, name string) (bool, error)
	// Remove removes a content; one that is not there is none.
	Remove(ctx context.Context, name string) error
	// String says where it is, without secrets.
	String() string
}

// OpenStore returns the store at an address: "" is the folder, s3://… a bucket
// (see newS3).
func OpenStore(address, folder string) (Store, error) {
	if address == "" {
		return Folder(folder), nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, fault.New(fault.Invalid, "%q is not a place for attachments", address).Coded("attachments-place").WithHint("write it as s3://bucket/prefix?endpoint=https://s3.example.com, or leave it out for the data folder")
	}
	return newS3(u)
}

// Folder keeps content in a folder, readable by its owner alone.
type Folder string

func (d Folder) String() string { return string(d) }

const staging = ".incoming"

// Stage makes a file on the same file system, so that Keep is a rename.
func (d Folder) Stage() (*os.File, error) {
	dir := filepath.Join(string(d), staging)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, "*") // mode 0600
}

func (d Folder) path(name string) (string, error) {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || strings.HasPrefix(local, ".") {
		return "", fmt.Errorf("blob: the name %q leaves the folder", name)
	}
	return filepath.Join(string(d), local), nil
}

// Keep renames a synced file, then syncs the folders on the way.
func (d Folder) Keep(_ context.Context, staged *os.File, name string, _ int64) error {
	to, err := d.path(name)
	if err != nil {
		return err
	}
	if err := staged.Sync(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(staged.Name(), to); err != nil {
		return err
	}
	for dir := filepath.Dir(to); len(dir) >= len(string(d)); dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open opens the file.
func (d Folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	p, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(name)
	}
	return f, err
}

func missing(name string) error {
	return fault.New(fault.NotFound, "there is no content %s", name).Coded("attachment.gone")
}

// Has looks for the file.
func (d Folder) Has(_ context.Context, name string) (bool, error) {
	p, err := d.path(name)
	if err != nil {
		return false, err
	}
	_, err = os.Stat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Remove removes the file.
func (d Folder) Remove(_ context.Context, name string) error {
	p, err := d.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(p); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tidy removes what uploads that broke off left behind.
func (d Folder) tidy(old func(fs.FileInfo) bool) error {
	dir := filepath.Join(string(d), staging)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range list {
		info, failed := f.Info()
		if failed == nil && old(info) {
			failed = os.Remove(filepath.Join(dir, f.Name()))
		}
		if !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}
