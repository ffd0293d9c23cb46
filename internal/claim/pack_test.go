package claim

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/sqldb/sqldbtest"
)

// TestPack: a pack verifies anywhere, and with any byte of it changed it does
// not.
func TestPack(t *testing.T) {
	run(t, nil, func(w *world) {
		ana := w.as("ana", auth.RoleOwner)
		w.apply(described + aThing("a", ", description: x"))
		w.apply(aThing("b", ""))
		w.clock = w.clock.Add(24 * time.Hour)
		w.settle()
		var b bytes.Buffer
		o := PackOptions{Refs: []entity.Ref{entity.NewRef("claim", "", "described")}, From: noon.Add(-time.Hour), To: w.clock}
		m, err := w.engine.Pack(w.Context(), ana, o, &b)
		w.must(err)
		r, err := VerifyPack(bytes.NewReader(b.Bytes()), int64(b.Len()))
		w.must(err)
		if len(r.Problems) > 0 || r.Runs < 3 || len(r.Claims) != 1 || r.Claims[0].State != Contradicted {
			w.Fatalf("%+v", r)
		}
		keys, err := w.engine.PublicKeys(w.Context())
		w.must(err)
		if len(keys) != 1 || keys[0] != m.Key {
			w.Errorf("signed with %s, the keys are %v", m.Key, keys)
		}
		o.From = w.clock.Add(-time.Hour)
		var part bytes.Buffer
		_, err = w.engine.Pack(w.Context(), ana, o, &part)
		w.must(err)
		r, err = VerifyPack(bytes.NewReader(part.Bytes()), int64(part.Len()))
		w.must(err)
		if len(r.Problems) > 0 || r.Claims[0].First < 2 || r.Claims[0].Before == "" {
			w.Errorf("a part of the chain: %+v", r)
		}
		if w.db.Dialect() == "sqlite" {
			w.tampered(b.Bytes())
		}
	})
}

// tampered changes every byte of a pack, one at a time.
func (w *world) tampered(pack []byte) {
	w.Helper()
	for i := range pack {
		changed := bytes.Clone(pack)
		changed[i] ^= 0x20 // the case of a letter
		if r, err := VerifyPack(bytes.NewReader(changed), int64(len(changed))); err == nil && len(r.Problems) == 0 {
			w.Fatalf("byte %d of %d was changed unseen", i, len(pack))
		}
	}
	for _, changed := range [][]byte{pack[:len(pack)-1], append(bytes.Clone(pack), 'x'), append([]byte("x"), pack...)} {
		if r, err := VerifyPack(bytes.NewReader(changed), int64(len(changed))); err == nil && len(r.Problems) == 0 {
			w.Error("a byte more or less was not seen")
		}
	}
}

// TestPackHoldsEveryRevision of a claim that was edited often.
func TestPackHoldsEveryRevision(t *testing.T) {
	steps := append(append(append(feed.Migrations(), audit.Migrations()...), catalog.Migrations()...), Migrations()...)
	w := newWorld(t, sqldbtest.SQLite(t, steps), nil)
	const edits = 2*revisionsAtOnce + 5
	for i := range edits {
		w.must(w.tryApply(w.as("ana", auth.RoleOwner), strings.Replace(described, "Every service", fmt.Sprintf("Service %d", i), 1)))
	}
	w.settle()
	var b bytes.Buffer
	_, err := w.engine.Pack(w.Context(), w.as("ana", auth.RoleOwner), PackOptions{From: noon.Add(-time.Hour), To: w.clock}, &b)
	w.must(err)
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	w.must(err)
	data, err := fs.ReadFile(z, "claims/"+w.view("described").UID+"/revisions.jsonl")
	w.must(err)
	if n := bytes.Count(data, []byte("\n")); n != edits {
		t.Errorf("the pack holds %d of %d revisions", n, edits)
	}
}

func FuzzVerifyPack(f *testing.F) {
	if data, err := os.ReadFile("testdata/pack.zip"); err == nil {
		f.Add(data)
	}
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = VerifyPack(bytes.NewReader(data), int64(len(data)))
	})
}
