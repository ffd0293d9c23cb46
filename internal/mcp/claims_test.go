package mcp

import (
	"strings"
	"testing"
	"time"
)

// TestClaimTools: an assistant finds what is doubtful, reads why, and asks what
// was said in the past.
func TestClaimTools(t *testing.T) {
	f := newFixture(t)
	s := f.client(t, owner)
	s.call("apply", map[string]any{"dryRun": false, "yaml": dolphin + "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: sailed, title: Every boat sails}\nspec: {room: strategy, subject: boat:whale, tests: [{name: sail, records: {from: boat, expect: 'spec.type == \"sail\"'}}]}\n"}, nil)
	if _, err := f.Claims.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var list claimsOut
	s.call("list_claims", map[string]any{"state": "contradicted", "about": "boat:whale"}, &list)
	if list.Total != 1 || list.Claims[0].Ref != "claim:default/sailed" || list.Claims[0].Why != "sail: 1 of 2 does not meet it." {
		t.Errorf("list: %+v", list)
	}
	s.call("list_claims", map[string]any{"state": "supported"}, &list)
	if list.Total != 0 {
		t.Errorf("supported: %+v", list)
	}
	var one claimOut
	text := s.call("get_claim", map[string]any{"ref": "sailed"}, &one)
	if one.Claim.State != "contradicted" || len(one.Claim.Evidence) != 1 || !strings.Contains(text, "1 of 2 does not meet it") {
		t.Errorf("get_claim: %+v, %s", one, text)
	}
	var past replayOut
	text = s.call("replay", map[string]any{"ref": "claim:sailed", "asOf": time.Now().UTC().Format(time.DateOnly)}, &past)
	if !past.Same || len(past.Tests) != 1 || !strings.Contains(text, "the same: fail") {
		t.Errorf("replay: %+v, %s", past, text)
	}
	for tool, args := range map[string]map[string]any{"list_claims": {"state": "fine"}, "get_claim": {"ref": "boat:whale"}, "replay": {"ref": "sailed", "asOf": "yesterday"}} {
		if text, failed := s.try(tool, args, nil); !failed {
			t.Errorf("%s %v does not fail: %s", tool, args, text)
		}
	}
	var none claimsOut
	f.client(t, other).call("list_claims", nil, &none)
	if none.Total != 0 {
		t.Errorf("another organisation sees %+v", none)
	}
}
