package strategy_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sample"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func newHouse(t *testing.T) *webtest.House { return webtest.New(t, strategy.Module()) }

// sampled is the part of the sample organisation that belongs to the room.
func sampled(t testing.TB, c *catalog.Catalog) []catalog.Document {
	t.Helper()
	o, err := sample.Load(sample.Shipped(), time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var all []catalog.Document
	for _, f := range o.Of("strategy") {
		docs, err := c.Decode(f.Name, f.Data)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, docs...)
	}
	return all
}

func sampleHouse(t *testing.T) *webtest.House {
	t.Helper()
	h := newHouse(t)
	res, err := h.Catalog.Apply(ctx, h.Caller(), sampled(t, h.Catalog), catalog.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Warnings) > 0 {
		t.Errorf("warnings: %v", res.Warnings)
	}
	return h
}

// Within the room nothing of the sample points at what is not there.
func TestSampleIsWhole(t *testing.T) {
	h := sampleHouse(t)
	rels, err := h.Catalog.Dangling(ctx, h.Caller(), 500)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rels {
		if k := h.Catalog.Kinds().Get(r.Kind); k != nil && k.Room == strategy.Room {
			t.Errorf("%s %s %s, which does not exist", r.Title, r.Type, r.Ref)
		}
	}
}

func TestRadarPage(t *testing.T) {
	h := sampleHouse(t)
	page, text := h.Page("/radar"), h.Main("/radar")
	h.Wants(text, "Technology radar", "What we say about 42 technologies, in 4 rings and 4 segments.", "March 2026", "June 2026", "September 2026", "December 2025",
		"All entries", "Compare with another edition", "What changed since June 2026", "3 more technologies are known and not on this edition.", "Helm 2", "was Hold")
	h.Wants(page, `class="fig radar"`, `href="/radar?blip=jenkins#chosen"`, `aria-current="true">September 2026`, `href="/export/radar?as=byor-csv&amp;edition=2026-09"`)
	if n := strings.Count(page, `<a class="blip`); n != 42 {
		t.Errorf("%d blips drawn, want 42", n)
	}

	text = h.Main("/radar?blip=jenkins")
	h.Wants(text, "Jenkins", "Hold since December 2025.", "No new pipeline; the last one leaves by December.", "Leave Jenkins Accepted", "Review by", "15 Dec")
	h.Wants(h.Main("/radar?blip=opentelemetry"), "Adopt since September 2026, before that Trial.", "OTel")
	h.Wants(h.Main("/radar?blip=angularjs"), "Review is overdue")
	h.Wants(h.Main("/radar?blip=nothing"), "All entries")

	text = h.Main("/radar?edition=2026-03&blip=redis-6")
	h.Wants(text, "March 2026", "Adopt since December 2025.")
	h.Lacks(text, "Passkeys only")

	text = h.Main("/radar?compare=2025-12")
	h.Wants(text, "December 2025 beside September 2026", "Moved out", "Redis 6 Platforms Adopt Hold", "Moved in", "OpenTelemetry Tools Assess Adopt", "New", "htmx", "No longer shown", "Consul Tools Hold –",
		"technologies stand in the same ring on both.")
	if w := h.Get("/radar", "auditor", lang.English); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "/technologies/new") {
		t.Errorf("an auditor reads the radar with %d, or may propose", w.Code)
	}
	for _, path := range []string{"/radar?edition=1999", "/radar?radar=none", "/radar?compare=1999"} {
		if w := h.Get(path, "owner", lang.English); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
	if body := h.Get("/radar?edition=1999", "owner", lang.Spanish).Body.String(); !strings.Contains(body, "El radar no tiene la edición «1999».") || !strings.Contains(body, "la última es 2026-09") {
		t.Errorf("in Spanish an edition that is not there is\n%s", body)
	}
}

func TestEmptyRadar(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/radar"), "There is no radar yet", "binnacle import radar ./radar.csv", "write the first edition")
	h.Apply("apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: x, title: X}\nspec: {segment: Tools, entries: [{edition: a, ring: Hold}]}\n")
	h.Wants(h.Main("/radar"), "1 technology is known and on no edition")
	h.Wants(h.Main("/technologies/default/x"), "Hold", "Tools")
	h.Apply("apiVersion: binnacle.dev/v1\nkind: RadarEdition\nmetadata: {name: b}\nspec: {rings: [Adopt], segments: [Tools]}\n")
	h.Wants(h.Main("/radar"), "Nothing stands here.", "1 more technology is known")
}

// A radar has any number of segments and rings, and what an entry says beyond
// them is drawn all the same.
func TestRadarOfAnyShape(t *testing.T) {
	for segments := 2; segments <= 8; segments++ {
		rings := max(2, segments-1)
		h := newHouse(t)
		var b strings.Builder
		list := func(word string, n int) string {
			var out []string
			for i := range n {
				out = append(out, fmt.Sprintf("%s %d", word, i+1))
			}
			return strings.Join(out, ", ")
		}
		for i, name := range []string{"one", "two"} {
			fmt.Fprintf(&b, "apiVersion: binnacle.dev/v1\nkind: RadarEdition\nmetadata: {name: %s, title: %s}\nspec: {radar: shapes, order: %d, rings: [%s], segments: [%s]}\n---\n", name, name, i+1, list("Ring", rings), list("Segment", segments))
		}
		for s := range segments {
			fmt.Fprintf(&b, "apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: t%d, title: Thing %d}\nspec: {radar: shapes, segment: Segment %d, rings: [%s], entries: [{edition: one, ring: Ring %d}, {edition: two, ring: Ring 1}]}\n---\n", s, s, s+1, list("Ring", rings), 1+s%rings)
		}
		b.WriteString("apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: odd, title: Odd}\nspec: {radar: shapes, segment: Elsewhere, entries: [{edition: two, ring: Outside}]}\n")
		h.Apply(b.String())
		page := h.Page("/radar?radar=shapes")
		if n := strings.Count(page, `<a class="blip`); n != segments+1 {
			t.Errorf("%d segments: %d blips drawn, want %d", segments, n, segments+1)
		}
		h.Wants(h.Main("/radar?radar=shapes&compare=one"), "Radar: shapes", "Elsewhere", "Outside", "one beside two")
	}
}

// A file's own way to write rings and segments is not what people read, and the
// page follows the editions when their order is changed here.
func TestImportedRadar(t *testing.T) {
	h := newHouse(t)
	files := []catalog.File{text("volume-01.csv", head+"Go,assess,languages-and-frameworks,TRUE,,<p>Why <b>not</b></p><script>x</script>,\n"), text("volume-02.csv", head+"Go,adopt,languages-and-frameworks,FALSE,,,\n")}
	if _, err := importer(t, "radar").Import(ctx, h.Catalog, h.Caller(), files, catalog.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	h.Wants(h.Main("/radar"), "Languages and frameworks", "Volume 2", "Adopt since Volume 2, before that Assess.", "in")
	page := h.Page("/radar?edition=volume-01")
	h.Wants(page, "<p>Why not</p>", "Assess since Volume 1.")
	h.Lacks(page, "<script>x")
	for name, merge := range map[string]string{"volume-01": `{"metadata":{"title":"Later"},"spec":{"order":2}}`, "volume-02": `{"metadata":{"title":"Sooner"},"spec":{"order":1}}`} {
		if _, err := h.Catalog.Patch(ctx, h.Caller(), entity.NewRef("radaredition", "", name), []byte(merge), catalog.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	h.Wants(h.Main("/radar"), "Assess since Later, before that Adopt.", "out")
}

func TestTechnologyPages(t *testing.T) {
	h := sampleHouse(t)
	text := h.Main("/technologies/default/jenkins")
	h.Wants(text, "Jenkins", "Hold", "Tools", "On the radar", "From edition to edition", "September 2026", "Four repositories are left", "Decisions", "Leave Jenkins", "Accepted, 12 May", "One Jenkins for all")
	text = h.Main("/radar-editions/default/2026-09")
	h.Wants(text, "On this edition", "Techniques 4 3 2 2", "On the radar")
	text = h.Main("/technologies?spec.segment=Tools&status.ring=Hold")
	h.Wants(text, "Jenkins", "Moved", "Terraform by hand", "Last edition")
	h.Lacks(text, "Redis 6")
}

// A review is overdue when its day is over where the reader lives, and today is
// the day there.
func TestTodayIsTheReaders(t *testing.T) {
	h := roadmapHouse(t)
	h.Apply(`{apiVersion: binnacle.dev/v1, kind: Decision, metadata: {name: d, title: D}, spec: {status: accepted, date: "2026-01-01", reviewBy: "2026-09-21"}}`)
	for name, isOver := range map[string]bool{"UTC": true, "Pacific/Pago_Pago": false} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		h.App.Zone = func(context.Context, auth.Principal) (*time.Location, error) { return zone, nil }
		if got := strings.Contains(h.Main("/decisions/default/d"), "Review is overdue"); got != isOver {
			t.Errorf("in %s a review is overdue: %v", name, got)
		}
		want := webtest.Now.In(zone).Format("2 Jan")
		if page := h.Page("/roadmap"); !regexp.MustCompile(`(?s)today[^>]*>.{0,200}` + want).MatchString(page) {
			i := strings.Index(strings.ToLower(page), "today")
			t.Errorf("in %s today is not %s: %.400s", name, want, page[max(i-200, 0):])
		}
	}
}

func TestDecisionPages(t *testing.T) {
	h := sampleHouse(t)
	page, text := h.Page("/decisions/default/0061-leave-jenkins"), h.Main("/decisions/default/0061-leave-jenkins")
	h.Wants(text, "Leave Jenkins", "Accepted", "What was decided", "Considered options", "Chosen Pipelines on the forge", "Not chosen Dagger", "Who took part", "What replaced what", "One Jenkins for all Superseded, 5 Mar 2019",
		"What it concerns", "Jenkins")
	h.Wants(page, `<a href="/decisions/default/0012-one-jenkins-for-all" rel="nofollow noreferrer">One Jenkins for all</a>`)
	h.Wants(h.Main("/decisions/default/0067-cells-for-booking"), "Proposed", "Related decisions", "Each service owns its data")
	h.Wants(h.Main("/decisions/default/0056-one-way-to-send-telemetry"), "Review is overdue")
	h.Wants(h.Main("/decisions?spec.status=proposed"), "Cells for booking", "Passkeys for travellers")
	if m := regexp.MustCompile(`(?s)Decisions<span class="nav-count is-warn"><svg.*?</svg>3<span class="vh"> need attention</span></span></a>`).FindString(page); m == "" {
		t.Error("the navigation does not count three decisions that wait")
	}
}

// An imported record shows its page, where it came from, and no link to a file
// that is not there.
func TestImportedDecision(t *testing.T) {
	h := newHouse(t)
	files := []catalog.File{
		text("0001-a.md", "# A\n\n* Status: on hold\n* Deciders: Ana Ruiz\n\nSee [two](0002-b.md#why \"Two\"), [gone](0009-gone.md) and [code](https://example.com/x.md).\n"),
		text("0002-b.md", "# B\n\n* Status: accepted\n\n## Context\n\nFor [A](./0001-a.md).\n"),
	}
	if _, err := importer(t, "adr").Import(ctx, h.Catalog, h.Caller(), files, catalog.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	page := h.Page("/decisions/default/0001-a")
	h.Wants(page, `<a href="/decisions/default/0002-b"`, ", gone and", `href="https://example.com/x.md"`, "<code>0001-a.md</code>", "on hold", "Ana Ruiz", "MADR")
	h.Lacks(page, "0009-gone")
	h.Wants(h.Page("/decisions/default/0002-b"), `<a href="/decisions/default/0001-a"`)
}

// Every page of the sample stands, in both languages.
func TestSamplePages(t *testing.T) {
	h := sampleHouse(t)
	for i, d := range sampled(t, h.Catalog) {
		if i%5 == 0 || d.Entity.Kind == "Decision" {
			h.Page(h.App.Href(d.Entity.Ref()))
		}
	}
}

// A part that fails says so, and no page shows what is inside.
func TestFailing(t *testing.T) {
	h := sampleHouse(t)
	if _, err := h.Catalog.DB().Exec(t.Context(), `DROP TABLE relations`); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(h.Page("/decisions/default/0061-leave-jenkins"), "This card could not be shown"); n < 3 {
		t.Errorf("%d cards say that they failed, want 3", n)
	}
	w := h.Get("/radar", "owner", lang.English)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "relations") {
		t.Errorf("the radar answers %d:\n%s", w.Code, w.Body.String())
	}
}
