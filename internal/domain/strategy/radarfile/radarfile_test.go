package radarfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/fault/faulttest"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/testenv"
)

// anywhere ignores where a blip was read.
var anywhere = cmp.Options{cmpopts.IgnoreFields(Blip{}, "File", "Line"), cmpopts.EquateEmpty()}

func places(problems []fault.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s:%d %s", p.File, p.Line, strings.TrimPrefix(p.Code, "radar.")))
	}
	return out
}

func volumes(t *testing.T) ([]Edition, []fault.Problem) {
	t.Helper()
	editions, problems := ReadPath(os.DirFS(testenv.Data(t, "radar", "thoughtworks")), ".", Options{})
	if len(editions) != 20 {
		t.Fatalf("got %d editions, want 20", len(editions))
	}
	return editions, problems
}

func TestVolumesInOrder(t *testing.T) {
	editions, _ := volumes(t)
	for i, e := range editions {
		if want := fmt.Sprintf("volume-%02d", i+1); e.Name != want || e.Format != Volumes {
			t.Errorf("edition %d is %s (%s), want %s (%s)", i, e.Name, e.Format, want, Volumes)
		}
		if want := []string{"adopt", "trial", "assess", "caution"}; !cmp.Equal(e.Rings, want) {
			t.Errorf("%s: rings %q, want %q", e.Name, e.Rings, want)
		}
		if len(e.Segments) != 4 {
			t.Errorf("%s: segments %q, want 4", e.Name, e.Segments)
		}
	}
}

// The published status of every blip is reproduced by the last-known-ring rule.
func TestMovesEqualPublished(t *testing.T) {
	editions, _ := volumes(t)
	moves, count := Moves(editions, nil), map[Move]int{}
	for i, e := range editions {
		for j, b := range e.Blips {
			count[moves[i][j]]++
			if moves[i][j] != b.PublishedMove {
				t.Errorf("%s:%d %s: moved %q, published %q", b.File, b.Line, b.Name, moves[i][j], b.PublishedMove)
			}
		}
	}
	want := map[Move]int{New: 901, Unchanged: 739, In: 193, Out: 12}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestMalformedVolumeRows(t *testing.T) {
	_, problems := volumes(t)
	want := []string{
		"volume-02.csv:60 columns", "volume-03.csv:71 columns", "volume-04.csv:71 columns", "volume-04.csv:72 columns",
		"volume-05.csv:79 columns", "volume-05.csv:80 columns", "volume-06.csv:98 columns", "volume-06.csv:99 columns",
		"volume-07.csv:89 columns", "volume-07.csv:90 columns", "volume-07.csv:96 columns", "volume-08.csv:85 columns",
		"volume-08.csv:94 columns", "volume-09.csv:77 columns", "volume-10.csv:87 columns",
	}
	if diff := cmp.Diff(want, places(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	const first = `volume-02.csv:60: the row has 8 columns and the header 7; put a value with a comma between double quotes, as "SASS, SCSS"`
	if got := problems[0].String(); got != first {
		t.Errorf("got  %s\nwant %s", got, first)
	}
}

func readShared(t *testing.T, elem ...string) Edition {
	t.Helper()
	path := testenv.Data(t, append([]string{"radar"}, elem...)...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	editions, problems := Read(filepath.Base(path), data, Options{})
	if len(editions) != 1 || len(problems) > 0 {
		t.Fatalf("%s: %d editions, problems %v", path, len(editions), problems)
	}
	return editions[0]
}

func rings(e Edition) map[string]int {
	count := map[string]int{}
	for _, b := range e.Blips {
		count[b.Ring]++
	}
	return count
}

func TestZalandoFile(t *testing.T) {
	e := readShared(t, "zalando-config.json")
	if diff := cmp.Diff(map[string]int{"ADOPT": 35, "TRIAL": 21, "ASSESS": 10, "HOLD": 15}, rings(e)); diff != "" {
		t.Errorf("rings (-want +got):\n%s", diff)
	}
	if want := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC); e.Name != "2026.05" || !e.Date.Equal(want) || len(e.Blips) != 81 {
		t.Errorf("got %q of %s with %d blips, want 2026.05 of %s with 81", e.Name, e.Date, len(e.Blips), want)
	}
	moves := map[Move]int{}
	for _, b := range e.Blips {
		moves[b.PublishedMove]++
	}
	if diff := cmp.Diff(map[Move]int{Unchanged: 76, In: 4, New: 1}, moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if b := e.Blips[1]; b.Name != "AWS EMR" || b.Line != 11 || b.Segment != "Quadrant 4" {
		t.Errorf("second blip is %+v", b)
	}
}

func TestBYORFilesAgree(t *testing.T) {
	sheet, data := readShared(t, "byor", "sheet.csv"), readShared(t, "byor", "data.json")
	want := map[string]int{"Adopt": 12, "Trial": 2, "Assess": 22, "Hold": 2}
	if diff := cmp.Diff(want, rings(sheet)); diff != "" {
		t.Errorf("rings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(sheet.Blips, data.Blips, anywhere); diff != "" {
		t.Errorf("sheet and data differ (-sheet +data):\n%s", diff)
	}
}

func TestRoundTripOfRealFiles(t *testing.T) {
	editions, _ := volumes(t)
	cases := map[Format][]Edition{
		Volumes: editions, BYORCSV: {readShared(t, "byor", "sheet.csv")},
		BYORJSON: {readShared(t, "byor", "data.json")}, Zalando: {readShared(t, "zalando-config.json")},
	}
	for format, list := range cases {
		for _, e := range list {
			if diff := cmp.Diff([]Edition{e}, again(t, format, e), anywhere); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", format, e.Name, diff)
			}
		}
	}
}

// again writes editions and reads what was written.
func again(t testing.TB, format Format, editions ...Edition) []Edition {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, editions...); err != nil {
		t.Fatal(err)
	}
	got, problems := Read(editions[0].Name+".x", b.Bytes(), Options{})
	if len(problems) > 0 {
		t.Fatalf("%s: problems %v in\n%s", format, problems, b.String())
	}
	return got
}

const marked = "\xef\xbb\xbfName, Ring ,quadrant,isNew,status,description\r\n" +
	"Go,Adopt,Languages,TRUE,New,\"first\r\nsecond\"\r\n" +
	"\r\n" +
	"SASS, SCSS,trial,Languages,FALSE,no change,\r\n" +
	" Kafka ,HOLD,Platforms,false,Moved Out,\"says \"\"no\"\"\"\r\n" +
	",trial,Platforms,FALSE,,\r\n" +
	"Rust,trial,Languages,maybe,,\r\n" +
	"Zig,trial,Languages,FALSE,sideways,\r\n" +
	"go,assess,languages,FALSE,,\r\n" +
	",,,,,\r\n" +
	"C\"++,trial,Languages,FALSE,,\r\n" +
	"\"Hand\" made,trial,Languages,FALSE,,\r\n" +
	"go,ADOPT,languages,FALSE,,again\r\n" +
	"Lisp,retired,Languages,FALSE,,\"a stray quote\r\n" +
	"ML,trial,Languages,FALSE,,\"closed here\"\r\n" +
	"Java,retired,Languages,FALSE,,\"never closed\r\n" +
	"Perl,assess,Languages,FALSE,,\r\n"

func TestRowsAndTheirLines(t *testing.T) {
	editions, problems := Read("q3/Radar 2.csv", []byte(marked), Options{})
	want := []Edition{{
		Name: "radar-2", Format: BYORCSV, Rings: []string{"Adopt", "trial", "assess", "HOLD"}, Segments: []string{"Languages", "Platforms"},
		Blips: []Blip{
			{Name: "Go", Ring: "Adopt", Segment: "Languages", Description: "first\nsecond", PublishedMove: New, IsNew: true, File: "q3/Radar 2.csv", Line: 2},
			{Name: "Kafka", Ring: "HOLD", Segment: "Platforms", Description: `says "no"`, PublishedMove: Out, File: "q3/Radar 2.csv", Line: 6},
			{Name: `C"++`, Ring: "trial", Segment: "Languages", File: "q3/Radar 2.csv", Line: 12},
			{Name: "Hand made", Ring: "trial", Segment: "Languages", File: "q3/Radar 2.csv", Line: 13},
			{Name: "go", Ring: "Adopt", Segment: "Languages", Description: "again", File: "q3/Radar 2.csv", Line: 14},
			{Name: "ML", Ring: "trial", Segment: "Languages", Description: "closed here", File: "q3/Radar 2.csv", Line: 16},
			{Name: "Perl", Ring: "assess", Segment: "Languages", File: "q3/Radar 2.csv", Line: 18},
		},
	}}
	if diff := cmp.Diff(want, editions); diff != "" {
		t.Errorf("editions (-want +got):\n%s", diff)
	}
	f := "q3/Radar 2.csv:"
	places, wantPlaces := places(problems), []string{
		f + "15 quote", f + "17 quote", f + "5 columns", f + "7 required", f + "8 truth", f + "9 status", f + "10 twice",
	}
	if diff := cmp.Diff(wantPlaces, places); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestSpreadsheetOfAnotherCountry(t *testing.T) {
	editions, problems := Read("r.csv", []byte("name;ring;quadrant;isNew;description\nSASS, SCSS;hold;Tools;FALSE;a, b\n"), Options{})
	if len(problems) > 0 || len(editions) != 1 || editions[0].Blips[0].Name != "SASS, SCSS" {
		t.Errorf("got %+v, problems %v", editions, problems)
	}
}

func TestDetect(t *testing.T) {
	f := func(data string, want Format) {
		t.Helper()
		got, ok := Detect([]byte(data))
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t; want %q", data, got, ok, want)
		}
	}
	f("name,ring,quadrant,isNew,description\n", BYORCSV)
	f("\xef\xbb\xbfName\tRing\tQuadrant\n", BYORCSV)
	f("name,ring,quadrant,isNew,status,description,relatedBlips\n", Volumes)
	f(` [{"name":"Go"}]`, BYORJSON)
	f(`{"entries":[{"label":"Go"}]}`, Zalando)
	f(`{"entries":[],"date":"2026.05"}`, Zalando)
	f(`{"entries":[{"timeline":[]}]}`, Backstage)
	f(`{"entries":[],"quadrants":[{"id":"a"}]}`, Backstage)
	f(`{"name":"Go"}`, "")
	f("apiVersion: v1\n", "")
	f("", "")
	f("a,\"b\n", "")
}

func TestProblemsOfJSON(t *testing.T) {
	f := func(data string, blips int, want ...string) {
		t.Helper()
		editions, problems := Read("r.json", []byte(data), Options{})
		got := 0
		for _, e := range editions {
			got += len(e.Blips)
		}
		for i := range want {
			want[i] = "r.json:" + want[i]
		}
		if diff := cmp.Diff(want, places(problems)); got != blips || diff != "" {
			t.Errorf("%s\n%d blips, want %d; problems (-want +got):\n%s", data, got, blips, diff)
		}
	}
	const good = `{"name":"Go","ring":"Adopt","quadrant":"Q","isNew":true}`
	f("["+good+",\n {\"name\":7},\n\n 3,\n {\"name\":\"a\",\"ring\":\"b\"}]", 1, "2 json-type", "4 json-type", "5 required")
	f("["+good+",\n{\"name\" \"b\"}]", 1, "2 json")
	f("["+good+",\n{\"name\":", 1, "2 json")
	f("["+good, 1, "1 json")
	f(`[{"name":"Go","ring":"Adopt","quadrant":"Q","isNew":{}}]`, 0, "1 json-type")
	const zalando = "{\"date\":\"soon\",\n\"entries\":[\n{\"label\":\"a\",\"ring\":0,\"quadrant\":3},\n{\"label\":\"b\",\"ring\":4,\"quadrant\":0},\n" +
		"{\"label\":\"c\",\"ring\":0,\"quadrant\":-1},\n{\"label\":\"d\",\"moved\":9},\n{\"label\":\"e\",\"ring\":\"x\"}]}"
	f(zalando, 1, "4 range", "5 range", "6 range", "7 json-type")
	f("{\"entries\":[\n{\"title\":\"a\",\"quadrant\":\"x\",\"timeline\":[]},\n{\"title\":\"a\",\"quadrant\":\"q\",\"timeline\":[]},\n"+
		"{\"title\":\"b\",\"quadrant\":\"q\",\"timeline\":[{\"ringId\":\"r\",\"date\":\"2026-01-02T00:00:00Z\"},{\"ringId\":\"s\",\"date\":\"2026-01-02\"},{\"ringId\":\"r\",\"date\":\"x\"}]}],\n"+
		"\"rings\":[{\"id\":\"r\"}],\"quadrants\":[{\"id\":\"q\",\"name\":\"Q\"}]}", 1, "2 unknown-id", "3 timeline", "4 unknown-id", "4 date")
}

func TestZalandoNames(t *testing.T) {
	data := []byte(`{"date":"2026-05","quadrants":[{"name":"L"},{"name":"M"},{"name":"N"},{"name":"O"},{"name":"P"}],
		"rings":[{"name":"Use"},{"name":"Leave"}],
		"entries":[{"label":"Go","quadrant":4,"ring":1,"active":false,"moved":-1}]}`)
	editions, problems := Read("z.json", data, Options{})
	want := []Edition{{
		Name: "2026-05", Date: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), Format: Zalando,
		Rings: []string{"Use", "Leave"}, Segments: []string{"L", "M", "N", "O", "P"},
		Blips: []Blip{{Name: "Go", Ring: "Leave", Segment: "P", PublishedMove: Out, Inactive: true, File: "z.json", Line: 3}},
	}}
	if diff := cmp.Diff(want, editions); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", problems, diff)
	}
	if err := Write(&bytes.Buffer{}, Zalando, editions[0]); fault.KindOf(err) != fault.Invalid {
		t.Errorf("five quadrants were written: %v", err)
	}
	named, _ := Read("z.json", []byte(`{"entries":[{"label":"Go","quadrant":1,"ring":0}]}`), Options{Segments: []string{"Languages", "Tools"}})
	if got := named[0].Blips[0].Segment; got != "Tools" {
		t.Errorf("segment %q, want Tools", got)
	}
}

func edition(name string, blips ...string) Edition {
	e := Edition{Name: name}
	for _, s := range blips {
		f := strings.Split(s, "/")
		e.Blips = append(e.Blips, Blip{Name: f[0], Segment: f[1], Ring: f[2]})
	}
	return e
}

func TestMoves(t *testing.T) {
	f := func(rings string, want string, editions ...Edition) {
		t.Helper()
		var got []string
		for _, moves := range Moves(editions, strings.Fields(rings)) {
			got = append(got, fmt.Sprint(moves))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("got %s, want %s", s, want)
		}
	}
	f("", "[new] [in] [out] [unchanged]", edition("1", "Go/l/trial"), edition("2", "go/L/ADOPT"), edition("3", "Go/l/hold"), edition("4", " GO /l/Caution"))
	f("", "[new] [] [unchanged] [in]", edition("1", "Go/l/trial"), edition("2"), edition("3", "Go/l/trial"), edition("4", "Go/l/adopt"))
	f("", "[new new] [unchanged new]", edition("1", "Zap/tools/trial", "Go/l/trial"), edition("2", "Zap/tools/trial", "Zap/platforms/hold"))
	f("", "[new] [unchanged]", edition("1", "Go/languages-and-frameworks/trial"), edition("2", "Go/Languages & Frameworks/trial"))
	f("use drop", "[new] [out]", edition("1", "Go/l/use"), edition("2", "Go/l/drop"))
	f("drop use", "[new] [in]", edition("1", "Go/l/use"), edition("2", "Go/l/drop"))
	f("", "[new new] [out in]", edition("1", "Go/l/use", "C/l/drop"), edition("2", "Go/l/drop", "C/l/use"))
}

func TestPublish(t *testing.T) {
	in := []Edition{edition("1", "Go/l/trial"), edition("2", "Go/l/adopt")}
	out := Publish(in, nil)
	if a, b := out[0].Blips[0], out[1].Blips[0]; a.PublishedMove != New || !a.IsNew || b.PublishedMove != In || b.IsNew {
		t.Errorf("got %+v then %+v", a, b)
	}
	if in[0].Blips[0].PublishedMove != "" {
		t.Error("the argument was changed")
	}
}

func TestRingOrder(t *testing.T) {
	f := func(given string, want string, editions ...Edition) {
		t.Helper()
		if got := strings.Join(RingOrder(editions, strings.Fields(given)), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	listing := func(rings string) Edition { return Edition{Rings: strings.Fields(rings)} }
	f("", "adopt trial assess hold", edition("", "a/s/hold", "b/s/assess", "c/s/trial", "d/s/adopt"))
	f("", "adopt hold retired", edition("", "a/s/retired", "b/s/hold", "c/s/adopt"))
	f("", "Adopt caution", edition("", "a/s/caution"), edition("", "a/s/Hold", "b/s/Adopt"))
	f("", "Adopt trial HOLD retired", listing("trial HOLD"), listing("Adopt retired"))
	f("", "adopt trial pilot assess hold", listing("adopt trial assess hold"), listing("adopt trial pilot assess hold"))
	f("", "use try drop", listing("use try drop"))
	f("hold adopt", "hold adopt trial", edition("", "a/s/trial", "b/s/adopt"))
	f("", "")
}

func TestSortAndNatural(t *testing.T) {
	names := func(list []Edition) (out []string) {
		for _, e := range list {
			out = append(out, e.Name)
		}
		return out
	}
	list := []Edition{{Name: "volume-10"}, {Name: "Volume-9"}, {Name: "volume-009b"}, {Name: "volume-2"}, {Name: "a"}}
	Sort(list)
	if diff := cmp.Diff([]string{"a", "volume-2", "Volume-9", "volume-009b", "volume-10"}, names(list)); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	dated := []Edition{{Name: "a", Date: time.Unix(9, 0)}, {Name: "b", Date: time.Unix(3, 0)}}
	if Sort(dated); dated[0].Name != "b" {
		t.Errorf("by date: %v", names(dated))
	}
}

func TestOrder(t *testing.T) {
	f := func(want string, list ...When) {
		t.Helper()
		for range list { // in whatever order they come
			var got []string
			for _, i := range Order(list) {
				got = append(got, list[i].Name)
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("got %q, want %q", s, want)
			}
			list = append(list[1:], list[0])
		}
	}
	day := func(n int64) time.Time { return time.Unix(n*86400, 0) }
	f("")
	f("v2 v9 v10", When{Name: "v10"}, When{Name: "v2"}, When{Name: "v9"})
	// One without a date leaves the dates of the others as they are.
	f("spring autumn b", When{Name: "autumn", Date: day(9)}, When{Name: "spring", Date: day(3)}, When{Name: "b"})
	f("v1 v2 v3 v4", When{Name: "v1", Date: day(1)}, When{Name: "v2"}, When{Name: "v3"}, When{Name: "v4", Date: day(4)})
	f("v0 v1 v9", When{Name: "v9", Date: day(1)}, When{Name: "v0"}, When{Name: "v1"})
	f("v3 v1 v2", When{Name: "v3", Date: day(1)}, When{Name: "v1", Date: day(2)}, When{Name: "v2"})
	f("a b", When{Name: "b", Date: day(3)}, When{Name: "a", Date: day(3)})
	// A place is counted among all; two of one place stand by name.
	f("c b a", When{Name: "a", Place: 3}, When{Name: "b", Place: 2}, When{Name: "c", Place: 1})
	f("d1 x d2 d3", When{Name: "d1", Date: day(1)}, When{Name: "d2", Date: day(2)}, When{Name: "d3", Date: day(3)}, When{Name: "x", Place: 2})
	f("d1 x y d2", When{Name: "d1", Date: day(1)}, When{Name: "d2", Date: day(2)}, When{Name: "y", Place: 2}, When{Name: "x", Place: 2})
	f("d1 far", When{Name: "d1", Date: day(1)}, When{Name: "far", Place: 99})
	// What has a date does not heed its place.
	f("d1 d2", When{Name: "d2", Date: day(2), Place: 1}, When{Name: "d1", Date: day(1)})
}

// One spelling of a ring and of a segment in one edition.
func TestOneSpelling(t *testing.T) {
	editions, problems := Read("a.csv", []byte("name,ring,quadrant,isNew,description\nGo,Adopt,Languages & Frameworks,TRUE,\nC,ADOPT,languages-and-frameworks,TRUE,\nD,adopt,Languages & frameworks,TRUE,\n"), Options{})
	if len(problems) > 0 || len(editions) != 1 {
		t.Fatal(editions, problems)
	}
	for _, b := range editions[0].Blips {
		if b.Ring != "Adopt" || b.Segment != "Languages & Frameworks" {
			t.Errorf("%s stands in %q of %q", b.Name, b.Ring, b.Segment)
		}
	}
}

func TestSlug(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got := Slug(in); got != want {
			t.Errorf("Slug(%q) = %q, want %q", in, got, want)
		}
	}
	f("Volume 1", "volume-1")
	f("2026.05", "2026.05")
	f(" C++ / .NET ", "c-net")
	f("..", "")
	f("Año", "a-o")
}

// tree collects what WriteAOE puts.
func tree(t *testing.T, editions []Edition) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := WriteAOE(editions, func(name string, data []byte) error {
		files[name] = &fstest.MapFile{Data: data}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAOETree(t *testing.T) {
	fsys := fstest.MapFS{
		"radar/2024-01-15/go.md":     {Data: []byte("---\ntitle: Go\nring: trial\nquadrant: languages\ntags: [backend]\n---\n\nFast.\n")},
		"radar/2024-01-15/kafka.md":  {Data: []byte("---\r\ntitle: Kafka\r\nring: adopt\r\nsegment: platforms\r\n---\r\nLog.\r\n")},
		"radar/2024-06-01/go.md":     {Data: []byte("---\nring: adopt\n---\n")},
		"radar/2024-06-01/kafka.md":  {Data: []byte("---\nfeatured: false\n---\n")},
		"radar/2024-06-01/broken.md": {Data: []byte("---\ntitle: a\nring: [\n---\n")},
		"radar/2024-06-01/empty.md":  {Data: []byte("no front matter\n")},
		"radar/2024-09-01/more.md":   {Data: []byte("---\ntitle: More\nring: hold\nquadrant: languages\n---\n")},
		"config.json":                {Data: []byte(`{"rings":[{"id":"adopt","title":"Adopt"},{"id":"trial","title":"Trial"},{"id":"hold","title":"Hold"}],"segments":[{"id":"languages","title":"Languages"},{"id":"platforms","title":"Platforms"}]}`)},
	}
	editions, problems := ReadPath(fsys, ".", Options{})
	want := []string{"radar/2024-06-01/broken.md:3 front-matter", "radar/2024-06-01/empty.md:1 required"}
	if diff := cmp.Diff(want, places(problems)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	golang := Blip{ID: "go", Name: "Go", Ring: "Trial", Segment: "Languages", Tags: []string{"backend"}, Description: "Fast."}
	adopted, kafka := golang, Blip{ID: "kafka", Name: "Kafka", Ring: "Adopt", Segment: "Platforms", Description: "Log."}
	adopted.Ring = "Adopt"
	gone := kafka
	gone.Inactive = true
	more := Blip{ID: "more", Name: "More", Ring: "Hold", Segment: "Languages"}
	wantEditions := []Edition{
		{Name: "2024-01-15", Date: day("2024-01-15"), Blips: []Blip{golang, kafka}},
		{Name: "2024-06-01", Date: day("2024-06-01"), Blips: []Blip{adopted, gone}},
		{Name: "2024-09-01", Date: day("2024-09-01"), Blips: []Blip{adopted, gone, more}},
	}
	for i := range wantEditions {
		wantEditions[i].Format, wantEditions[i].Rings = AOE, []string{"Adopt", "Trial", "Hold"}
		wantEditions[i].Segments = []string{"Languages", "Platforms"}
	}
	if diff := cmp.Diff(wantEditions, editions, anywhere); diff != "" {
		t.Errorf("editions (-want +got):\n%s", diff)
	}
	back, problems := ReadPath(tree(t, editions), ".", Options{})
	if diff := cmp.Diff(editions, back, anywhere); diff != "" || len(problems) > 0 {
		t.Errorf("round trip: problems %v (-want +got):\n%s", problems, diff)
	}
}

func TestWriteAOEGolden(t *testing.T) {
	a, b := edition("a", "Go/Dev & Ops/trial", "C/x/hold"), edition("b", "Go/Dev & Ops/trial")
	a.Date, b.Date = day("2024-01-15"), day("2024-06-01")
	a.Blips[0].Description = "Fast: yes."
	b.Blips[0].Description = "Fast: yes."
	got := map[string]string{}
	for name, f := range tree(t, []Edition{a, b}) {
		got[name] = string(f.Data)
	}
	delete(got, "config.json")
	want := map[string]string{
		"radar/2024-01-15/go.md": "---\ntitle: Go\nring: trial\nquadrant: dev-ops\ntags: []\nfeatured: true\n---\n\nFast: yes.\n",
		"radar/2024-01-15/c.md":  "---\ntitle: C\nring: hold\nquadrant: x\ntags: []\nfeatured: true\n---\n",
		"radar/2024-06-01/c.md":  "---\ntitle: C\nring: hold\nquadrant: x\ntags: []\nfeatured: false\n---\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := WriteAOE([]Edition{{Name: "x"}}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an edition without a date was written: %v", err)
	}
	if err := WriteAOE([]Edition{b, a}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("editions out of order were written: %v", err)
	}
}

const backstage = `{
  "rings": [{"id": "a", "name": "ADOPT"}, {"id": "t", "name": "TRIAL"}],
  "quadrants": [{"id": "l", "name": "Languages"}],
  "entries": [
    {"id": "go", "key": "go", "title": "Go", "quadrant": "l", "description": "Fast.",
     "links": [{"url": "https://go.dev", "title": "home"}],
     "timeline": [{"moved": 1, "ringId": "a", "date": "2024-06-01T10:00:00.000Z"}, {"ringId": "t", "date": "2024-01-15"}]},
    {"id": "c", "key": "c", "title": "C", "quadrant": "l", "timeline": [{"moved": 0, "ringId": "t", "date": "2024-06-01"}]}
  ]
}`

func TestBackstage(t *testing.T) {
	editions, problems := Read("r.json", []byte(backstage), Options{})
	golang := Blip{ID: "go", Name: "Go", Ring: "TRIAL", Segment: "Languages", Description: "Fast.", Link: "https://go.dev", IsNew: true, File: "r.json", Line: 5}
	adopted := golang
	adopted.Ring, adopted.PublishedMove, adopted.IsNew = "ADOPT", In, false
	c := Blip{ID: "c", Name: "C", Ring: "TRIAL", Segment: "Languages", PublishedMove: Unchanged, IsNew: true, File: "r.json", Line: 8}
	want := []Edition{
		{Name: "2024-01-15", Date: day("2024-01-15"), Blips: []Blip{golang}},
		{Name: "2024-06-01", Date: day("2024-06-01"), Blips: []Blip{adopted, c}},
	}
	for i := range want {
		want[i].Format, want[i].Rings, want[i].Segments = Backstage, []string{"ADOPT", "TRIAL"}, []string{"Languages"}
	}
	if diff := cmp.Diff(want, editions); diff != "" || len(problems) > 0 {
		t.Errorf("problems %v (-want +got):\n%s", problems, diff)
	}
	if diff := cmp.Diff(editions, again(t, Backstage, editions...), anywhere); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestWriteGolden(t *testing.T) {
	e := Edition{Name: "q1", Segments: []string{"Tools", "Languages"}, Blips: []Blip{
		{Name: "SASS, SCSS", Ring: "Trial", Segment: "Languages", PublishedMove: New, IsNew: true, Description: `<b>"x"</b>`, Related: []string{"LESS"}},
		{Name: "Make", Ring: "Caution", Segment: "Tools", PublishedMove: Out, Link: "https://gnu.org"},
	}}
	f := func(format Format, want string) {
		t.Helper()
		var b bytes.Buffer
		if err := Write(&b, format, e); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	f(BYORCSV, "name,ring,quadrant,isNew,description,status,link\n"+
		"\"SASS, SCSS\",Trial,Languages,TRUE,\"<b>\"\"x\"\"</b>\",new,\n"+
		"Make,Caution,Tools,FALSE,,moved out,https://gnu.org\n")
	f(Volumes, "name,ring,quadrant,isNew,status,description,relatedBlips,link\n"+
		"\"SASS, SCSS\",Trial,Languages,TRUE,new,\"<b>\"\"x\"\"</b>\",LESS,\n"+
		"Make,Caution,Tools,FALSE,moved out,,,https://gnu.org\n")
	f(BYORJSON, `[
  {
    "name": "SASS, SCSS",
    "ring": "Trial",
    "quadrant": "Languages",
    "isNew": "TRUE",
    "status": "new",
    "description": "<b>\"x\"</b>"
  },
  {
    "name": "Make",
    "ring": "Caution",
    "quadrant": "Tools",
    "isNew": "FALSE",
    "status": "moved out",
    "description": "",
    "link": "https://gnu.org"
  }
]
`)
	f(Zalando, `{
  "date": "q1",
  "quadrants": [
    {
      "name": "Tools"
    },
    {
      "name": "Languages"
    }
  ],
  "rings": [
    {
      "name": "ADOPT"
    },
    {
      "name": "Trial"
    },
    {
      "name": "ASSESS"
    },
    {
      "name": "Caution"
    }
  ],
  "entries": [
    {
      "quadrant": 1,
      "ring": 1,
      "label": "SASS, SCSS",
      "active": true,
      "moved": 2
    },
    {
      "quadrant": 0,
      "ring": 3,
      "label": "Make",
      "link": "https://gnu.org",
      "active": true,
      "moved": -1
    }
  ]
}
`)
	if err := Write(&bytes.Buffer{}, BYORCSV, e, e); fault.KindOf(err) != fault.Invalid {
		t.Errorf("two editions in one CSV: %v", err)
	}
	if err := Write(&bytes.Buffer{}, "tiff", e); fault.KindOf(err) != fault.Invalid {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestLimits(t *testing.T) {
	f := func(data string, want ...string) {
		t.Helper()
		_, problems := Read("r.csv", []byte(data), Options{})
		if diff := cmp.Diff(want, places(problems)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	}
	const head = "name,ring,quadrant,isNew,description\n"
	f(strings.Repeat("x", MaxBytes+1), "r.csv:0 too-large")
	f(head+strings.Repeat("x", MaxName+1)+",a,b,FALSE,\n", "r.csv:2 too-long")
	f(head+"a,b,c,FALSE,"+strings.Repeat("x", MaxText+1)+"\n", "r.csv:2 too-long")
	f(head+"\xff,b,c,FALSE,\n", "r.csv:2 not-utf8")
	f("name,ring\na,b\n", "r.csv:1 header")
	var many, rings strings.Builder
	for i := range MaxBlips + 5 {
		fmt.Fprintf(&many, "n%d,a,b,FALSE,\n", i)
	}
	f(head+many.String(), fmt.Sprintf("r.csv:%d too-many", MaxBlips+2))
	for i := range 2 * MaxRings {
		fmt.Fprintf(&rings, "n%d,r%d,b,FALSE,\n", i, i)
	}
	f(head+rings.String(), "r.csv:129 too-many-rings")
	_, problems := Read("r.csv", []byte(head+strings.Repeat("a,\"b\n", 500)), Options{})
	if len(problems) != maxBroken+1 || problems[maxBroken].Code != "radar.gave-up" {
		t.Errorf("%d problems, the last %v", len(problems), problems[len(problems)-1])
	}
	_, problems = Read("r.csv", []byte(head+strings.Repeat("a,b\n", 500)), Options{})
	if len(problems) != maxProblems+1 || problems[maxProblems].Code != "radar.gave-up" {
		t.Errorf("%d problems, the last %v", len(problems), problems[len(problems)-1])
	}
}

func TestReadPathProblems(t *testing.T) {
	fsys := fstest.MapFS{"a/readme.txt": {}, "b/x.csv": {Data: []byte("nothing\n")}}
	f := func(path string, want string) {
		t.Helper()
		editions, problems := ReadPath(fsys, path, Options{})
		if diff := cmp.Diff([]string{want}, places(problems)); diff != "" || len(editions) > 0 {
			t.Errorf("%d editions, problems (-want +got):\n%s", len(editions), diff)
		}
	}
	f("none", "none:0 unreadable")
	f("a", "a:0 empty-folder")
	f("b", "b/x.csv:0 unknown-format")
	f("b/x.csv", "b/x.csv:0 unknown-format")
}

// Every code that the source reports has a message and a hint, in both
// languages with the same arguments.
func TestTexts(t *testing.T) { faulttest.Texts(t, "radar", Text) }
