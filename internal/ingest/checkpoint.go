package ingest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// checkpoint is what is known of the frames up to a place: everything about
// them is settled, and they are no longer needed.
type checkpoint struct {
	Version int          `json:"version"`
	Seed    [2]uint64    `json:"seed"` // of the hashes of ids
	Node    uint32       `json:"node"` // the upper part of batch numbers
	Seq     uint64       `json:"seq"`  // the last frame before Place
	Place   place        `json:"place"`
	IDs     []genState   `json:"ids,omitempty"`
	Lost    bool         `json:"lost,omitempty"` // ids were forgotten
	Sources []sourceLine `json:"sources,omitempty"`
}

type sourceLine struct {
	Org     string   `json:"org"`
	Source  string   `json:"source"`
	Counts  Counts   `json:"counts"`
	Samples []Sample `json:"samples,omitempty"`
}

const checkpointFile = "checkpoint.json"

// version is that of what is in the folder. In the first, lines lay in frames as they
// are; a program that knows no other would take packed ones for damaged.
const version = 2

// readCheckpoint reads what the folder says, and makes the first one of a new
// folder.
func readCheckpoint(dir string) (*checkpoint, error) {
	data, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, os.ErrNotExist) {
		c := newCheckpoint()
		return c, c.write(dir)
	}
	if err != nil {
		return nil, err
	}
	c := &checkpoint{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, fmt.Errorf("read %s: %w", checkpointFile, err)
	}
	if c.Version < 1 || c.Version > version {
		return nil, fmt.Errorf("%s is of version %d, which a newer program wrote", checkpointFile, c.Version)
	}
	if c.Version < version {
		c.Version = version
		return c, c.write(dir)
	}
	return c, nil
}

func newCheckpoint() *checkpoint {
	var b [20]byte
	rand.Read(b[:])
	return &checkpoint{Version: version, Seed: [2]uint64{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}, Node: binary.LittleEndian.Uint32(b[16:])&(1<<nodeBits-1) | 1}
}

// write puts the checkpoint in the place of the one before, all of it or
// nothing, and removes the files of ids that it no longer names.
func (c *checkpoint) write(dir string) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	tmp := filepath.Join(dir, checkpointFile+".new")
	if err := writeSynced(tmp, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, filepath.Join(dir, checkpointFile)); err != nil {
		return err
	}
	if err := syncFolder(dir); err != nil {
		return err
	}
	return c.sweep(dir)
}

func (c *checkpoint) sweep(dir string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(c.IDs) == 0 {
		return nil
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), "ids-") && !slices.ContainsFunc(c.IDs, func(g genState) bool { return g.Name == e.Name() }) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
