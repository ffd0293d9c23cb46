package strategy_test

import (
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// radarOf returns the radar of an edition; "" is the default one.
func radarOf(t testing.TB, c *catalog.Catalog, edition string) string {
	t.Helper()
	return spec[strategy.RadarEdition](t, get(t, c, "radaredition:"+edition)).Radar
}

func facets(t testing.TB, c *catalog.Catalog, path string) map[string]int {
	t.Helper()
	counts, err := c.Facets(ctx, owner, catalog.Query{Kinds: []string{"Technology"}}, path, 100)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range counts {
		out[f.Value] = f.Count
	}
	return out
}

func codes(warnings []catalog.Warning) string {
	var out []string
	for _, w := range warnings {
		out = append(out, w.Code)
	}
	return strings.Join(out, " ")
}

// Zalando's radar beside the published volumes is a radar of its own: neither's
// movements, rings and order change by the other.
func TestASecondSource(t *testing.T) {
	data, err := os.ReadFile(path.Join(testenv.Data(t, "radar"), "zalando-config.json"))
	if err != nil {
		t.Fatal(err)
	}
	zalando := catalog.File{Name: "/home/ana/radar/zalando-config.json", Data: data}
	want := published(t)
	c := newCatalog(t)
	load(t, c, "radar", nil, volumes(t)...)
	report := load(t, c, "radar", nil, zalando)
	if codes(report.Warnings) != "radar.own" || !strings.HasPrefix(report.Summary, "radar zalando: 1 edition;") {
		t.Errorf("told %v, summary %q", report.Warnings, report.Summary)
	}
	if got := radarOf(t, c, "zalando-2026.05"); got != "zalando" {
		t.Errorf("the edition is of radar %q", got)
	}
	got := shown(t, c)
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %q, published %q", k, got[k], w)
		}
	}
	// One spelling of a ring is one facet, in any case, and sorts by its place.
	rings := facets(t, c, "status.ring")
	if len(rings) != 4 || rings["adopt"] == 0 || rings["hold"] == 0 {
		t.Errorf("rings %v", rings)
	}
	for _, spelling := range []string{"adopt", "ADOPT", "Adopt"} {
		page, err := c.List(ctx, owner, catalog.Query{Kinds: []string{"Technology"}, Fields: map[string][]string{"status.ring": {spelling}}, Sort: "status.ring"})
		if err != nil || page.Total != rings["adopt"] {
			t.Errorf("%s: %d, %v, want %d", spelling, page.Total, err, rings["adopt"])
		}
	}
	page, err := c.List(ctx, owner, catalog.Query{Kinds: []string{"Technology"}, Sort: "status.ring", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, e := range page.Items {
		if ring := strings.ToLower(statusOf(t, e).Ring); !slices.Contains(order, ring) {
			order = append(order, ring)
		}
	}
	if len(order) < 4 || order[0] != "adopt" || order[1] != "trial" || order[2] != "assess" {
		t.Errorf("sorted by ring: %q", order)
	}
	// Each finds its own again.
	for _, files := range [][]catalog.File{volumes(t)[:3], {zalando}} {
		again := load(t, c, "radar", nil, files...)
		for _, ch := range again.Changes {
			if ch.Op != catalog.Unchanged {
				t.Errorf("again: %s %s %v", ch.Ref, ch.Op, ch.Fields)
			}
		}
		if len(again.Warnings) > 0 {
			t.Errorf("again: %v", again.Warnings)
		}
	}
	// On purpose they are one.
	merged := newCatalog(t)
	load(t, merged, "radar", nil, volumes(t)[:2]...)
	load(t, merged, "radar", map[string]string{"radar": "Technology"}, zalando)
	if got := radarOf(t, merged, "2026.05"); got != "" {
		t.Errorf("merged on purpose it is of radar %q", got)
	}
}

// Which radar an import goes to.
func TestRadarOfAnImport(t *testing.T) {
	sheet := func(name string) catalog.File { return text(name, head+"Go,trial,Languages,TRUE,,,\n") }
	other := func(name string) catalog.File { return text(name, head+"Go,trial,Runtimes,TRUE,,,\n") }
	f := func(want string, first, second catalog.File) {
		t.Helper()
		c := newCatalog(t)
		load(t, c, "radar", nil, first)
		report, err := importer(t, "radar").Import(ctx, c, owner, []catalog.File{second}, catalog.ImportOptions{})
		switch {
		case want == "?":
			if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "--radar NAME") {
				t.Errorf("%s after %s: %v, want to be asked", second.Name, first.Name, err)
			}
		case err != nil:
			t.Errorf("%s after %s: %v", second.Name, first.Name, err)
		case !strings.HasPrefix(report.Summary, "radar "+want+":"):
			t.Errorf("%s after %s: %s, want %s", second.Name, first.Name, report.Summary, want)
		}
	}
	f("technology", sheet("volume-1.csv"), sheet("elsewhere/volume-2.csv"))
	f("technology", sheet("2026-03.csv"), sheet("2026-09.csv"))
	f("technology", sheet("radars/2026-03.csv"), sheet("radars/2026-09.csv"))
	f("technology", sheet("acme/2026-03.csv"), other("acme/2026-09.csv"))
	f("technology", sheet("acme-spring.csv"), sheet("acme-autumn.csv"))
	f("technology", sheet("sheet.csv"), sheet("sheet.csv"))
	f("technology", sheet("first.csv"), sheet("2026.csv"))
	f("zalando", sheet("volume-1.csv"), sheet("zalando-config.csv"))
	f("byor", sheet("acme/2026.csv"), sheet("byor-export/sheet.csv"))
	f("technology", sheet("2026-03.csv"), sheet("acme/2026-03.csv")) // the same edition, from a folder
	f("acme", sheet("2026-03.csv"), other("acme/2026-03.csv"))
	f("acme", sheet("2026-03.csv"), sheet("acme/2026-09.csv"))
	f("?", sheet("volume-1.csv"), other("2026-09.csv"))
}

// Movement is within one radar, also for what was written by hand.
func TestEntriesOfTwoRadars(t *testing.T) {
	c := newCatalog(t)
	apply(t, c, `apiVersion: binnacle.dev/v1
kind: RadarEdition
metadata: {name: "2026-01"}
spec: {date: "2026-01-01", rings: [Adopt, Hold], segments: [Tools]}
---
apiVersion: binnacle.dev/v1
kind: RadarEdition
metadata: {name: "2026-07"}
spec: {date: "2026-07-01", rings: [Adopt, Hold], segments: [Tools]}
---
apiVersion: binnacle.dev/v1
kind: RadarEdition
metadata: {name: data-2026}
spec: {radar: data, date: "2026-03-01", rings: [Core, Adopt], segments: [Tools]}
---
apiVersion: binnacle.dev/v1
kind: Technology
metadata: {name: x, title: X}
spec: {segment: TOOLS, entries: [{edition: "2026-07", ring: ADOPT}, {edition: data-2026, ring: adopt}, {edition: "2026-01", ring: hold}]}
`)
	got := statusOf(t, get(t, c, "technology:x"))
	want := strategy.Standing{Ring: "Adopt", Moved: "in", Edition: "2026-07", Editions: []strategy.Showing{
		{Edition: "data-2026", Ring: "Adopt", Segment: "Tools", Moved: "new"},
		{Edition: "2026-01", Ring: "Hold", Segment: "Tools", Moved: "new"},
		{Edition: "2026-07", Ring: "Adopt", Segment: "Tools", Moved: "in"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What an edition changes by hand changes the stored standing of what is on it.
func TestEditionsChangeStandings(t *testing.T) {
	c := newCatalog(t)
	files := []catalog.File{text("a-1.csv", head+"Go,trial,Languages,TRUE,,,\n"), text("a-2.csv", head+"Go,adopt,Languages,FALSE,,,\n")}
	load(t, c, "radar", map[string]string{"date": "2026-01-01"}, files[0])
	load(t, c, "radar", map[string]string{"date": "2026-07-01"}, files[1])
	standing := func(ring, moved, edition string) {
		t.Helper()
		if s := statusOf(t, get(t, c, "technology:go")); s.Ring != ring || s.Moved != moved || s.Edition != edition {
			t.Errorf("%s, %s on %s, want %s, %s on %s", s.Ring, s.Moved, s.Edition, ring, moved, edition)
		}
	}
	standing("adopt", "in", "a-2")
	patch(t, c, "radaredition:a-2", `{"spec":{"date":"2025-07-01"}}`)
	standing("trial", "out", "a-1")
	if n := facets(t, c, "status.moved")["out"]; n != 1 {
		t.Errorf("%d moved out by the list", n)
	}
	// Rings in another order turn the movement round.
	patch(t, c, "radaredition:a-2", `{"spec":{"rings":["Core","Try"]}}`)
	patch(t, c, "technology:go", `{"spec":{"entries":[{"edition":"a-2","ring":"core"},{"edition":"a-1","ring":"TRY"}]}}`)
	patch(t, c, "radaredition:a-1", `{"spec":{"rings":["Core","Try"]}}`)
	standing("Try", "out", "a-1")
	patch(t, c, "radaredition:a-1", `{"spec":{"rings":["Try","Core"]}}`)
	patch(t, c, "radaredition:a-2", `{"spec":{"rings":["Try","Core"]}}`)
	standing("Try", "in", "a-1")
	if _, err := c.Delete(ctx, owner, entity.NewRef("radaredition", "", "a-1"), 0); err != nil {
		t.Fatal(err)
	}
	standing("Core", "out", "a-2") // an edition that is gone comes before the others
}

// One edition without a date leaves the others in the order of their dates, and
// is told of.
func TestAnUndatedEdition(t *testing.T) {
	c := newCatalog(t)
	row := func(ring string) string { return head + "Go," + ring + ",Languages,TRUE,,,\n" }
	load(t, c, "radar", map[string]string{"date": "2026-07-01"}, text("team-1.csv", row("adopt")))
	load(t, c, "radar", map[string]string{"date": "2026-01-01"}, text("team-2.csv", row("trial")))
	report := load(t, c, "radar", nil, text("team-3.csv", row("assess")))
	if codes(report.Warnings) != "radar.undated" || !strings.Contains(report.Warnings[0].Msg, "team-3 has no date; by its name it stands after team-2") {
		t.Errorf("told %v", report.Warnings)
	}
	var got []string
	for _, e := range statusOf(t, get(t, c, "technology:go")).Editions {
		got = append(got, e.Edition+" "+e.Moved)
	}
	if diff := cmp.Diff([]string{"team-2 new", "team-3 out", "team-1 in"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRadarsOnPages(t *testing.T) {
	h := newHouse(t)
	sheet := func(name, ring string) catalog.File { return text(name, head+"Go,"+ring+",Languages,TRUE,,,\n") }
	take := func(args map[string]string, f catalog.File) {
		t.Helper()
		if _, err := importer(t, "radar").Import(ctx, h.Catalog, h.Caller(), []catalog.File{f}, catalog.ImportOptions{Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	take(map[string]string{"radar": "data"}, sheet("2026.csv", "HOLD"))
	// The only radar there is is shown, whatever it is called.
	page := h.Page("/radar")
	h.Wants(h.Main("/radar"), "data", "Hold")
	h.Lacks(page, `name="radar" aria-label`)
	take(map[string]string{"radar": "technology", "date": "2026-01-01"}, sheet("volume-1.csv", "adopt"))
	take(nil, sheet("volume-2.csv", "ADOPT"))
	page = h.Page("/radar")
	h.Wants(page, `<option value="data">data</option>`, `<option value="technology" selected>Technology radar</option>`)
	h.Wants(h.Main("/radar"), "Volume 2 has no date: by its name it stands after Volume 1.", "Adopt")
	h.Lacks(h.Main("/radar"), "ADOPT")
	h.Wants(h.Main("/radar?radar=DATA"), "Hold")
	list := h.Page("/technologies")
	h.Wants(list, `value="adopt"`, ">Adopt")
	h.Lacks(list, "ADOPT", "HOLD")
	h.Wants(h.Main("/technologies?status.ring=ADOPT"), "Go")
}
