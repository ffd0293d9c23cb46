package mcp

import (
	"context"
	"fmt"
	"strings"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

type claimsIn struct {
	State string `json:"state,omitempty" jsonschema:"only claims in this state: supported, weak, unsupported, contradicted or disputed"`
	Room  string `json:"room,omitempty" jsonschema:"only of this room: strategy, people, delivery, operations, security, governance or review"`
	About string `json:"about,omitempty" jsonschema:"only about this thing, a reference as component:checkout"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many at most; 50 when left out, 200 at most"`
}

type claimLine struct {
	Ref       string   `json:"ref"`
	Statement string   `json:"statement"`
	State     string   `json:"state"`
	Why       string   `json:"why"`
	Owner     string   `json:"owner,omitempty"`
	Value     *float64 `json:"value,omitempty"`
}

type claimsOut struct {
	Total  int         `json:"total"`
	Claims []claimLine `json:"claims"`
}

type claimOut struct {
	Claim claim.Told `json:"claim"`
}

type replayIn struct {
	Ref  string `json:"ref" jsonschema:"the claim, a reference as claim:services-owned or measure:deploys-per-day"`
	AsOf string `json:"asOf" jsonschema:"a past day as 2026-09-01, taken as its end, or a moment as 2026-09-01T12:00:00Z"`
}

type replayOut struct {
	AsOf  time.Time          `json:"asOf"`
	Same  bool               `json:"same"`
	Tests []claim.ToldReplay `json:"tests"`
}

const claimsUsual, claimsMost = 50, 200

// registerClaims adds the tools on claims, where there are claims.
func (t *tools) registerClaims(s *sdk.Server) {
	if t.Claims == nil {
		return
	}
	add(t, s, &sdk.Tool{Name: "list_claims", Description: "List what the organisation claims, the worst state first, with why in one sentence. A claim is as good as its worst evidence.", Annotations: reads("List claims")}, (*tools).listClaims)
	add(t, s, &sdk.Tool{Name: "get_claim", Description: "Read one claim, measure or key result with its state, its tests and the last run of each.", Annotations: reads("Read a claim")}, (*tools).getClaim)
	add(t, s, &sdk.Tool{Name: "replay", Description: "Ask the tests of a claim about a past moment, against what was kept then, and compare with what was recorded. Nothing is written.", Annotations: reads("Replay a claim")}, (*tools).replay)
}

func (t *tools) listClaims(ctx context.Context, in claimsIn) (claimsOut, string, error) {
	out := claimsOut{Claims: []claimLine{}}
	f := claim.Filter{Room: in.Room}
	if in.State != "" {
		st := claim.State(in.State)
		if st.Class() == "" {
			return out, "", fault.New(fault.Invalid, "%q is no state: supported, weak, unsupported, contradicted or disputed", in.State)
		}
		f.States = []claim.State{st}
	}
	if in.About != "" {
		ref, err := t.ref(in.About)
		if err != nil {
			return out, "", err
		}
		f.Subject = ref.String()
	}
	views, err := t.Claims.Views(ctx, t.caller, f)
	if err != nil {
		return out, "", err
	}
	out.Total = len(views)
	var b strings.Builder
	fmt.Fprintf(&b, "%d match", len(views))
	for _, v := range views[:min(len(views), within(in.Limit, claimsUsual, claimsMost))] {
		out.Claims = append(out.Claims, claimLine{v.Ref, v.Statement, string(v.State), v.Why.En, v.Owner, v.Value})
		fmt.Fprintf(&b, "\n%s  %s  %s. %s", v.Ref, v.State, v.Statement, v.Why.En)
	}
	return out, b.String(), nil
}

func (t *tools) getClaim(ctx context.Context, in refIn) (claimOut, string, error) {
	ref, err := t.claimRef(in.Ref)
	if err != nil {
		return claimOut{}, "", err
	}
	v, err := t.Claims.Get(ctx, t.caller, ref)
	if err != nil {
		return claimOut{}, "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s: %s\n", v.Statement, v.State, v.Why.En)
	for _, ev := range v.Evidence {
		fmt.Fprintf(&b, "%s  %s", ev.Probe.Label(), ev.Health)
		if r := ev.Last; r != nil {
			fmt.Fprintf(&b, "  %s as of %s", r.Verdict, r.AsOf.Format(time.RFC3339))
			if r.Value != nil {
				b.WriteString("  " + ev.Scale.Write(*r.Value, lang.English))
			}
			if r.N >= 0 {
				fmt.Fprintf(&b, "  %d of %d do not meet it", r.Exceptions, r.N)
			}
			if r.Reason != "" {
				b.WriteString("  " + r.Reason)
			}
		}
		b.WriteByte('\n')
	}
	for _, d := range v.Doubts {
		fmt.Fprintf(&b, "It leans on %s (%s), which is %s.\n", d.Title, d.Ref, d.State)
	}
	return claimOut{v.Tell(lang.English)}, b.String(), nil
}

// claimRef reads a reference; a name alone is that of a claim.
func (t *tools) claimRef(text string) (entity.Ref, error) {
	if !strings.Contains(text, ":") {
		text = "claim:" + text
	}
	return t.ref(text)
}

func (t *tools) replay(ctx context.Context, in replayIn) (replayOut, string, error) {
	ref, err := t.claimRef(in.Ref)
	if err != nil {
		return replayOut{}, "", err
	}
	at, err := claim.ParseMoment(in.AsOf, time.Now().UTC())
	if err != nil {
		return replayOut{}, "", fault.New(fault.Invalid, "%v", err)
	}
	list, err := t.Claims.Replay(ctx, t.caller, ref, at)
	if err != nil {
		return replayOut{}, "", err
	}
	out := replayOut{AsOf: at, Same: true, Tests: claim.TellReplays(list)}
	var b strings.Builder
	for i := range out.Tests {
		r := &out.Tests[i]
		out.Same = out.Same && !r.Differs()
		fmt.Fprintf(&b, "%s: %s\n", r.Title, r.Says())
	}
	return out, b.String(), nil
}
