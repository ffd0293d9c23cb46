package radarfile

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Write writes editions as one file. BYOR, Volumes and Zalando hold one edition
// each; Backstage holds all of them in its timelines, and needs their dates.
// AOE is a tree: see WriteAOE. What a format has no place for is left out.
func Write(w io.Writer, f Format, editions ...Edition) error {
	if f == Backstage {
		return writeBackstage(w, editions)
	}
	if len(editions) != 1 {
		return fault.New(fault.Invalid, "%s holds one edition, not %d", f, len(editions)).Coded("radar.holds-one").
			WithHint("name the edition, or export to %s", Backstage)
	}
	switch f {
	case BYORCSV, Volumes:
		return writeCSV(w, f, editions[0])
	case BYORJSON:
		return writeBYORJSON(w, editions[0])
	case Zalando:
		return writeZalando(w, editions[0])
	}
	return fault.New(fault.Invalid, "%q is no format of a radar file", f).Coded("radar.file-format").WithHint("choose one of %s", formatNames())
}

func formatNames() string {
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// extra says which optional columns an edition needs.
type extra struct{ status, link, related bool }

func extras(e Edition) extra {
	var x extra
	for _, b := range e.Blips {
		x.status = x.status || b.PublishedMove != ""
		x.link = x.link || b.Link != ""
		x.related = x.related || len(b.Related) > 0
	}
	return x
}

func writeCSV(w io.Writer, f Format, e Edition) error {
	x := extras(e)
	head := []string{"name", "ring", "quadrant", "isNew"}
	switch {
	case f == Volumes:
		head = append(head, "status", "description", "relatedBlips")
	case x.status:
		head = append(head, "description", "status")
	default:
		head = append(head, "description")
	}
	if x.link {
		head = append(head, "link")
	}
	out := csv.NewWriter(w)
	_ = out.Write(head) // kept by the writer: Error below
	for _, b := range e.Blips {
		_ = out.Write(csvRecord(b, head))
	}
	out.Flush()
	return out.Error()
}

func csvRecord(b Blip, head []string) []string {
	values := map[string]string{
		"name": b.Name, "ring": b.Ring, "quadrant": b.Segment, "isNew": truth(b.IsNew), "link": b.Link,
		"status": statuses[b.PublishedMove], "description": b.Description, "relatedBlips": strings.Join(b.Related, ";"),
	}
	var record []string
	for _, column := range head {
		record = append(record, values[column])
	}
	return record
}

func truth(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// statuses are the published words for the moves.
var statuses = map[Move]string{New: "new", In: "moved in", Out: "moved out", Unchanged: "no change"}

func writeBYORJSON(w io.Writer, e Edition) error {
	list := []byorEntry{}
	for _, b := range e.Blips {
		list = append(list, byorEntry{
			Name: b.Name, Ring: b.Ring, Quadrant: b.Segment, IsNew: loose(truth(b.IsNew)),
			Status: statuses[b.PublishedMove], Description: b.Description, Link: b.Link,
		})
	}
	return writeJSON(w, list)
}

func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

type zalandoFile struct {
	Date      string         `json:"date"`
	Quadrants []zalandoName  `json:"quadrants,omitempty"`
	Rings     []zalandoName  `json:"rings,omitempty"`
	Entries   []zalandoEntry `json:"entries"`
}

func writeZalando(w io.Writer, e Edition) error {
	rings, err := zalandoPlaces(e)
	if err != nil {
		return err
	}
	out := zalandoFile{Date: zalandoDate(e), Entries: []zalandoEntry{}}
	if !slices.Equal(rings, zalandoRings) {
		out.Rings = zalandoNames(rings)
	}
	if !slices.Equal(e.Segments, zalandoSegments) {
		out.Quadrants = zalandoNames(e.Segments)
	}
	for _, b := range e.Blips {
		active := !b.Inactive
		out.Entries = append(out.Entries, zalandoEntry{
			Quadrant: slices.IndexFunc(e.Segments, func(s string) bool { return FoldSegment(s) == FoldSegment(b.Segment) }),
			Ring:     indexRing(rings, b.Ring), Label: b.Name, Link: b.Link, Active: &active, Moved: zalandoMove(b),
		})
	}
	return writeJSON(w, out)
}

// zalandoPlaces returns the edition's rings by their numbers. The page that
// draws this format has four of each.
func zalandoPlaces(e Edition) ([]string, error) {
	rings := RingOrder([]Edition{e}, e.Rings)
	if len(rings) > 4 || len(e.Segments) > 4 {
		return nil, fault.New(fault.Invalid, "Zalando's format has four rings and four quadrants; %s has %d and %d",
			e.Name, len(rings), len(e.Segments)).Coded("radar.four").WithHint("export to %s or %s", BYORCSV, Backstage)
	}
	if len(rings) < 4 && !slices.ContainsFunc(rings, func(r string) bool { return knownRank(r) == len(knownRings) }) {
		rings = RingOrder([]Edition{e, {Rings: zalandoRings}}, nil)
	}
	return rings, nil
}

func zalandoDate(e Edition) string {
	if e.Date.IsZero() {
		return e.Name
	}
	if d, ok := parseDate(e.Name); ok && d.Equal(e.Date) {
		return e.Name
	}
	return e.Date.Format("2006.01.02")
}

func zalandoNames(names []string) []zalandoName {
	var list []zalandoName
	for _, n := range names {
		list = append(list, zalandoName{n})
	}
	return list
}

func zalandoMove(b Blip) int {
	if b.PublishedMove == "" && b.IsNew {
		return 2
	}
	if i := slices.Index(zalandoMoves, b.PublishedMove); i >= 0 {
		return i - 1
	}
	return 0
}

// writeBackstage writes one entry for each (name, segment), as the last edition
// to hold it has it, with a step for each edition that brings it, moves it or
// publishes a move.
func writeBackstage(w io.Writer, editions []Edition) error {
	if err := datedOnce(editions); err != nil {
		return err
	}
	rings, segments := backstageIDs(RingOrder(editions, nil)), backstageIDs(allSegments(editions))
	out := backstageFile{Entries: []backstageEntry{}, Quadrants: segments, Rings: colored(rings)}
	places, ids := map[string]int{}, newIDs()
	for i, moves := range Moves(editions, nil) {
		for j, b := range editions[i].Blips {
			at, ok := places[b.key()]
			if !ok {
				at = len(out.Entries)
				places[b.key()] = at
				id := ids.of(b)
				out.Entries = append(out.Entries, backstageEntry{Key: id, ID: id, Quadrant: idOf(segments, b.Segment, FoldSegment)})
			}
			describe(&out.Entries[at], b)
			if moves[j] != Unchanged || b.PublishedMove != "" {
				addStep(&out.Entries[at], editions[i].Date, idOf(rings, b.Ring, FoldRing), b.PublishedMove)
			}
		}
	}
	return writeJSON(w, out)
}

// ringColors are those of the plug-in's own example.
var ringColors = []string{"#5BA300", "#009EB0", "#C7BA00", "#E09B96"}

func colored(rings []backstageName) []backstageName {
	list := slices.Clone(rings)
	for i := range list {
		list[i].Color = ringColors[min(i, len(ringColors)-1)]
	}
	return list
}

func idOf(list []backstageName, name string, fold func(string) string) string {
	for _, n := range list {
		if fold(n.Name) == fold(name) {
			return n.ID
		}
	}
	return ""
}

func describe(e *backstageEntry, b Blip) {
	e.Title, e.Description, e.Links = b.Name, b.Description, nil
	if b.Link != "" {
		e.Links = []backstageLink{{URL: b.Link, Title: b.Link}}
	}
}

// addStep puts a step first: the newest leads a timeline.
func addStep(e *backstageEntry, date time.Time, ring string, move Move) {
	step := backstageStep{RingID: ring, Date: date.Format(time.DateOnly)}
	switch move {
	case In:
		step.Moved = new(1)
	case Out:
		step.Moved = new(-1)
	case Unchanged:
		step.Moved = new(0)
	}
	e.Timeline = slices.Insert(e.Timeline, 0, step)
}
