package listen

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// memo is the path of a file of what a collector remembers. Its name follows from
// what is collected, so that it stays when other parameters change.
func (c *collector) memo(end string) string {
	sum := sha256.Sum256([]byte(c.name()))
	return filepath.Join(c.cfg.Dir, strings.ReplaceAll(c.Scheme, "+", "-")+"-"+hex.EncodeToString(sum[:8])+end)
}

// recall reads what the collector remembers into v; nothing is no error.
func (c *collector) recall(v any) error {
	path := c.memo(".json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fault.New(fault.Invalid, "%s %q: what it remembers cannot be read: %s: %v", Flag, c.Spec, path, err).WithHint("bring the file back, or remove it: reading then begins anew")
	}
	return nil
}

// remember writes v in the place of what was remembered, wholly or not at all.
func (c *collector) remember(v any) (err error) {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	path := c.memo(".json")
	f, err := os.CreateTemp(c.cfg.Dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
