package strategy_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

func volumes(t testing.TB) []catalog.File {
	t.Helper()
	files := filesIn(t, testenv.Data(t, "radar", "thoughtworks"), "volumes")
	if len(files) != 20 {
		t.Fatalf("%d volumes, want 20", len(files))
	}
	return files
}

// published is what the volumes themselves say: by edition, segment and name,
// the ring and the movement. It is read here without the program's parser, which
// also reads the one name that begins with a quotation mark.
func published(t testing.TB) map[string]string {
	t.Helper()
	words := map[string]string{"new": "new", "moved in": "in", "moved out": "out", "no change": "unchanged"}
	out := map[string]string{}
	for _, f := range volumes(t) {
		r := csv.NewReader(bytes.NewReader(f.Data))
		r.LazyQuotes, r.FieldsPerRecord = true, -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if len(row) != 7 || words[row[4]] == "" {
				continue // the heading, or a malformed row
			}
			name := strings.TrimSuffix(path.Base(f.Name), ".csv")
			out[key(name, row[2], row[0])] = row[1] + " " + words[row[4]]
		}
	}
	return out
}

func key(edition, segment, title string) string {
	return edition + "|" + radarfile.FoldSegment(segment) + "|" + radarfile.Fold(title)
}

// shown is what the catalog says of every technology on every edition.
func shown(t testing.TB, c *catalog.Catalog) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, e := range all(t, c, "Technology") {
		for _, s := range statusOf(t, e).Editions {
			out[key(s.Edition, s.Segment, e.Metadata.Title)] = s.Ring + " " + s.Moved
		}
	}
	return out
}

// The movement computed over twenty volumes is the published one, whichever way
// they came in.
func TestVolumes(t *testing.T) {
	want := published(t)
	if len(want) < 1800 {
		t.Fatalf("the volumes publish %d movements", len(want))
	}
	once := newCatalog(t)
	report := load(t, once, "radar", nil, volumes(t)...)
	got := shown(t, once)
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %q, published %q", k, got[k], w)
		}
	}
	if len(got) != 1845 {
		t.Errorf("%d standings, the volumes have 1,845 rows that can be read", len(got))
	}
	if want := "radar technology: 20 editions; 901 technologies; 921 created, 0 updated, 0 unchanged; 15 problems"; report.Summary != want {
		t.Errorf("summary %q, want %q", report.Summary, want)
	}
	var places []string
	for _, p := range report.Problems {
		places = append(places, fmt.Sprintf("%s %s", p.Place(), p.Code))
	}
	if len(places) != 15 || places[0] != "volumes/volume-02.csv:60 radar.columns" || places[14] != "volumes/volume-10.csv:87 radar.columns" {
		t.Errorf("problems %q", places)
	}

	again := load(t, once, "radar", nil, volumes(t)...)
	for _, ch := range again.Changes {
		if ch.Op != catalog.Unchanged {
			t.Errorf("a second import: %s %s %v", ch.Ref, ch.Op, ch.Fields)
		}
	}

	steps := newCatalog(t)
	for _, f := range volumes(t) {
		load(t, steps, "radar", nil, f)
	}
	for _, kind := range []string{"Technology", "RadarEdition"} {
		if diff := cmp.Diff(all(t, once, kind), all(t, steps, kind)); diff != "" {
			t.Errorf("%s: one call and twenty differ (-one +twenty):\n%s", kind, diff)
		}
	}
}

// Older editions may follow newer ones.
func TestOlderVolumesFollow(t *testing.T) {
	want, c := published(t), newCatalog(t)
	files := volumes(t)
	load(t, c, "radar", nil, files[10:]...)
	load(t, c, "radar", nil, files[:10]...)
	got := shown(t, c)
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %q, published %q", k, got[k], w)
		}
	}
}

const head = "name,ring,quadrant,isNew,status,description,relatedBlips\n"

func TestOneNameInTwoSegments(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "radar", nil, text("2026-03.csv", head+"Go,trial,Languages,TRUE,,,\nGo,assess,Games,TRUE,,,\nC++,hold,Languages,TRUE,,,\nC#,hold,Languages,TRUE,,,\nC,hold,Languages,TRUE,,,\n日本,hold,Languages,TRUE,,,\n"))
	got := slices.Sorted(maps.Keys(all(t, c, "Technology")))
	want := []string{"technology:default/c", "technology:default/c-plus-plus", "technology:default/c-sharp", "technology:default/go", "technology:default/go-games", "technology:default/technology-9f26ee51"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	load(t, c, "radar", nil, text("2026-09.csv", head+"Go,adopt,Languages,FALSE,,,\nGo,hold,Games,FALSE,,,\n"))
	if s := statusOf(t, get(t, c, "technology:go")); s.Moved != "in" || s.Ring != "adopt" {
		t.Errorf("go %+v", s)
	}
	if s := statusOf(t, get(t, c, "technology:go-games")); s.Moved != "out" {
		t.Errorf("go-games %+v", s)
	}
}

// A corrected file corrects the catalog; what was changed by hand stays unless
// the file changes it too.
func TestCorrectedFile(t *testing.T) {
	first := head + "Go,trial,Languages,TRUE,,old,\nRust,assess,Languages,TRUE,,,\nPerl,hold,Languages,TRUE,,,\nLisp,hold,Languages,TRUE,,,\n"
	c := newCatalog(t)
	load(t, c, "radar", nil, text("2026-03.csv", first))
	patch(t, c, "technology:rust", `{"metadata":{"owner":"group:platform"},"spec":{"entries":[{"edition":"2026-03","ring":"trial","description":"by hand"}]}}`)
	patch(t, c, "technology:perl", `{"metadata":{"title":"Perl 5"},"spec":{"entries":[{"edition":"2026-03","ring":"adopt"}]}}`)

	report := load(t, c, "radar", nil, text("2026-03.csv", head+"GO,adopt,languages,TRUE,,new,\nRust,assess,Languages,TRUE,,said so,\nPerl,trial,Languages,TRUE,,,\n"))
	want := []string{
		"2026-03.csv:3 technology:rust: the description in the file is said so; here it was changed to by hand, which stays",
		"2026-03.csv:4 technology:perl: the ring in the file is trial; here it was changed to adopt, which stays",
	}
	var got []string
	for _, p := range report.Problems {
		got = append(got, p.Place()+" "+p.Ref+": "+p.Msg)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	goNow := get(t, c, "technology:go")
	if s := spec[strategy.Technology](t, goNow); goNow.Metadata.Title != "GO" || s.Segment != "languages" || !cmp.Equal(s.Entries, []strategy.Entry{{Edition: "2026-03", Ring: "adopt", Description: "new"}}) {
		t.Errorf("go is %q: %+v", goNow.Metadata.Title, s)
	}
	rust := get(t, c, "technology:rust")
	if s := spec[strategy.Technology](t, rust); rust.Metadata.Owner != "group:platform" || s.Entries[0].Ring != "trial" || s.Entries[0].Description != "by hand" {
		t.Errorf("rust: %+v", s)
	}
	if s := spec[strategy.Technology](t, get(t, c, "technology:lisp")); len(s.Entries) != 0 {
		t.Errorf("lisp is still on the edition: %+v", s.Entries)
	}
	if perl := get(t, c, "technology:perl"); perl.Metadata.Title != "Perl 5" {
		t.Errorf("perl is called %q", perl.Metadata.Title)
	}

	load(t, c, "radar", map[string]string{"force": "true"}, text("2026-03.csv", head+"Perl,trial,Languages,TRUE,,,\n"))
	if s := statusOf(t, get(t, c, "technology:perl")); s.Ring != "trial" {
		t.Errorf("forced: %+v", s)
	}
}

func TestOtherRingsAndRadars(t *testing.T) {
	c := newCatalog(t)
	file := text("spring.csv", "name,ring,quadrant,isNew,description\nFeature store,Try,Blocks,TRUE,\nLake,Core,Blocks,TRUE,\nMesh,Leave,Ways,TRUE,\n")
	args := map[string]string{"radar": "data", "rings": "Core,Try,Leave", "edition": "Spring 2026", "date": "2026-04-01"}
	load(t, c, "radar", args, file)
	later := text("autumn.csv", "name,ring,quadrant,isNew,description\nFeature store,Core,Blocks,FALSE,\nLake,Leave,Blocks,FALSE,\n")
	load(t, c, "radar", map[string]string{"radar": "data", "rings": "Core,Try,Leave", "edition": "Autumn 2026", "date": "2026-10-01"}, later)
	if s := statusOf(t, get(t, c, "technology:feature-store")); s.Moved != "in" || s.Edition != "data-autumn-2026" {
		t.Errorf("feature store: %+v", s)
	}
	if s := statusOf(t, get(t, c, "technology:lake")); s.Moved != "out" {
		t.Errorf("lake: %+v", s)
	}
	e := get(t, c, "radaredition:data-spring-2026")
	if s := spec[strategy.RadarEdition](t, e); e.Metadata.Title != "Spring 2026" || s.Radar != "data" || s.Date != "2026-04-01" {
		t.Errorf("%q %+v", e.Metadata.Title, s)
	}
	load(t, c, "radar", nil, text("2026.csv", head+"Lake,hold,Blocks,TRUE,,,\n"))
	if s := statusOf(t, get(t, c, "technology:lake-blocks")); s.Ring != "hold" || s.Moved != "new" {
		t.Errorf("another radar's lake: %+v", s)
	}
}

func TestAOETree(t *testing.T) {
	c := newCatalog(t)
	item := func(ring, quadrant string) string {
		return "---\ntitle: \"Go\"\nring: " + ring + "\nquadrant: " + quadrant + "\ntags: [backend]\n---\nText.\n"
	}
	report := load(t, c, "radar", nil,
		text("/tmp/r/radar/2024-03-01/go.md", item("trial", "languages")), text("/tmp/r/radar/2025-03-01/go.md", item("adopt", "languages")),
		text("/tmp/r/radar/2025-03-01/bad.md", "---\nring: [\n---\n"), text("/tmp/r/README.md", "# x"))
	if len(report.Problems) != 1 || report.Problems[0].File != "/tmp/r/radar/2025-03-01/bad.md" {
		t.Errorf("problems %v", report.Problems)
	}
	e := get(t, c, "technology:go")
	if s := statusOf(t, e); len(s.Editions) != 2 || s.Moved != "in" || s.Edition != "2025-03-01" || !cmp.Equal(e.Metadata.Tags, []string{"backend"}) {
		t.Errorf("%+v, tags %v", s, e.Metadata.Tags)
	}
	names := []string{}
	for _, f := range export(t, c, "radar", "aoe", nil) {
		names = append(names, f.Name)
	}
	if !slices.Contains(names, "radar/2025-03-01/go.md") {
		t.Errorf("exported %q", names)
	}
}

// What is exported in each format and imported elsewhere is the same radar.
func TestExportsComeBack(t *testing.T) {
	dir := testenv.Data(t, "radar")
	for _, from := range []string{"zalando-config.json", "byor/sheet.csv", "byor/data.json"} {
		data, err := os.ReadFile(path.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		c := newCatalog(t)
		args := map[string]string{"edition": "2026-05", "date": "2026-05-01"}
		load(t, c, "radar", args, catalog.File{Name: from, Data: data})
		want := shown(t, c)
		if len(want) < 30 {
			t.Fatalf("%s: %d standings", from, len(want))
		}
		for _, format := range []string{"byor-csv", "byor-json", "zalando", "volumes", "backstage", "aoe"} {
			files := export(t, c, "radar", format, nil)
			other, args := newCatalog(t), args
			if format == "aoe" {
				args = nil
			}
			load(t, other, "radar", args, files...)
			got := map[string]string{}
			for k, v := range shown(t, other) {
				_, rest, _ := strings.Cut(k, "|")
				got["2026-05|"+rest] = strings.ToLower(v)
			}
			for k, v := range want {
				if got[k] != strings.ToLower(v) {
					t.Errorf("%s as %s: %s is %q, want %q", from, format, k, got[k], v)
				}
			}
		}
	}
}

func TestExportOfAnEdition(t *testing.T) {
	c := newCatalog(t)
	load(t, c, "radar", nil, text("v1.csv", head+"Go,trial,Languages,TRUE,new,why,Rust;C\n"), text("v2.csv", head+"Go,adopt,Languages,FALSE,no change,,\n"))
	got := export(t, c, "radar", "volumes", nil)
	if want := head + "Go,adopt,Languages,FALSE,moved in,,\n"; len(got) != 1 || got[0].Name != "v2.csv" || string(got[0].Data) != want {
		t.Errorf("latest: %s %q, want %q", got[0].Name, got[0].Data, want)
	}
	got = export(t, c, "radar", "volumes", map[string]string{"edition": "v1"})
	if want := head + "Go,trial,Languages,TRUE,new,why,Rust;C\n"; string(got[0].Data) != want {
		t.Errorf("v1: %q, want %q", got[0].Data, want)
	}
	if got = export(t, c, "radar", "byor-json", map[string]string{"edition": "all"}); len(got) != 2 {
		t.Errorf("%d files, want 2", len(got))
	}
}

func TestImportsThatCannotBe(t *testing.T) {
	c := newCatalog(t)
	f := func(args map[string]string, want string, files ...catalog.File) {
		t.Helper()
		_, err := importer(t, "radar").Import(ctx, c, owner, files, catalog.ImportOptions{Args: args})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error()+fault.HintOf(err), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	a, b := text("a.csv", head+"Go,trial,Languages,TRUE,,,\n"), text("b.csv", head+"Go,trial,Languages,TRUE,,,\n")
	f(nil, "no radar was found", text("x.csv", "a,b\n1,2\n"))
	f(map[string]string{"editoin": "x"}, `no argument "editoin"`, a)
	f(map[string]string{"edition": "x"}, "one by one", a, b)
	f(map[string]string{"date": "soon"}, "is not a day", a)
	report := load(t, c, "radar", nil, a, text("more/a.csv", head+"Rust,trial,Languages,TRUE,,,\n"))
	if len(report.Problems) != 1 || report.Problems[0].Code != "radar.edition-again" || report.Problems[0].File != "more/a.csv" {
		t.Errorf("problems %v", report.Problems)
	}
	dry, err := importer(t, "radar").Import(ctx, c, owner, []catalog.File{b}, catalog.ImportOptions{DryRun: true})
	if err != nil || !dry.DryRun || len(all(t, c, "RadarEdition")) != 1 {
		t.Errorf("dry run: %v, %v, editions %d", dry, err, len(all(t, c, "RadarEdition")))
	}
}
