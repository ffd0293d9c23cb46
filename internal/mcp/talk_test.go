package mcp

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// talking gives a fixture comments.
func (f *fixture) talking(t *testing.T) {
	t.Helper()
	keys, err := auth.OpenKeyring(t.Context(), f.db, filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	service, err := auth.New(t.Context(), auth.Config{DB: f.db, Keys: keys, Hash: auth.HashParams{Memory: 8, Passes: 1, Lanes: 1}})
	if err != nil {
		t.Fatal(err)
	}
	f.Talk = talk.New(talk.Config{Catalog: f.Catalog, Auth: service})
}

func TestComments(t *testing.T) {
	f := newFixture(t)
	f.talking(t)
	s := f.client(t, owner)
	s.call("apply", map[string]any{"yaml": dolphin, "dryRun": false}, nil)
	if text := s.call("comments", map[string]any{"ref": "boat:dolphin"}, nil); text != "Nobody has said anything." {
		t.Errorf("got %s", text)
	}
	var out commentOut
	s.call("comment", map[string]any{"ref": "boat:dolphin", "body": "Is she tight, @eve?"}, &out)
	if !out.DryRun || out.ID != "" || len(out.Calls) != 1 {
		t.Errorf("a dry run: got %+v", out)
	}
	a := f.client(t, auditor)
	a.call("comment", map[string]any{"ref": "boat:dolphin", "body": "Is she tight?", "dryRun": false}, &out)
	s.call("comment", map[string]any{"ref": "boat:dolphin", "body": "She is.", "reply": out.ID, "dryRun": false}, nil)
	var list commentsOut
	text := s.call("comments", map[string]any{"ref": "boat:dolphin"}, &list)
	if len(list.Threads) != 1 || list.Threads[0].By != "Aud" || len(list.Threads[0].Replies) != 1 || !strings.Contains(text, "  Ana (comment") {
		t.Errorf("got %+v\n%s", list, text)
	}
	reads := owner
	reads.Token, reads.Scopes = "t", []auth.Scope{"read"}
	r := f.client(t, reads)
	for _, dry := range []bool{true, false} {
		if text, failed := r.try("comment", map[string]any{"ref": "boat:dolphin", "body": "x", "dryRun": dry}, nil); !failed || !strings.Contains(text, "comment") {
			t.Errorf("a token that only reads, dry run %v: %s", dry, text)
		}
	}
	if _, failed := f.client(t, other).try("comments", map[string]any{"ref": "boat:dolphin"}, nil); !failed {
		t.Error("another organisation reads comments")
	}
	if len(f.refused) != 2 {
		t.Errorf("refusals: %v", f.refused)
	}
}
