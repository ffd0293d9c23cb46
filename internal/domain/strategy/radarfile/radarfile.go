// Package radarfile reads and writes technology radars in the formats people
// already keep them in, and computes how each blip moved between editions.
//
//	BYORCSV       name,ring,quadrant,isNew,description[,status]: "build your own radar"
//	BYORJSON      the same as an array of objects; isNew is the string "TRUE" or "FALSE"
//	Volumes       the published volumes: BYOR's columns with status and relatedBlips
//	Zalando       {date, entries:[{quadrant 0-3, ring 0-3, label, moved}]}
//	Backstage     {entries:[{timeline:[{ringId, date}]}], quadrants, rings}
//	AOE           a tree radar/<date>/<id>.md, each file with YAML front matter
//
// Any number of rings and segments is read. A row that cannot be understood is
// a problem with its file and physical line, and the rest is returned.
package radarfile

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Limits of one file, so that a hostile one costs little.
const (
	MaxBytes = 8 << 20   // of a file
	MaxBlips = 20_000    // of a file, over all editions in it
	MaxName  = 300       // bytes of a name, a ring, a segment or a link
	MaxText  = 256 << 10 // bytes of a description
	MaxFiles = 5_000     // in a folder
	MaxRings = 64        // of an edition, and as many segments
)

// Format names a file format.
type Format string

// The formats.
const (
	BYORCSV   Format = "byor-csv"
	BYORJSON  Format = "byor-json"
	Volumes   Format = "volumes-csv"
	Zalando   Format = "zalando-json"
	Backstage Format = "backstage-json"
	AOE       Format = "aoe"
)

// Formats lists the formats, AOE, which is a tree of files, last.
func Formats() []Format {
	return []Format{BYORCSV, BYORJSON, Volumes, Zalando, Backstage, AOE}
}

// Move says how a blip stands to its last known ring.
type Move string

// The moves. An empty Move means that none was published.
const (
	New       Move = "new"
	In        Move = "in"
	Out       Move = "out"
	Unchanged Move = "unchanged"
)

// An Edition is a radar as it stood at one time.
type Edition struct {
	Name     string    // "volume-01", or the date a Zalando file states: "2026.05"
	Date     time.Time // zero when the file states none
	Format   Format    // what it was read from
	Rings    []string  // from the centre outwards, as the file spells them
	Segments []string  // in the file's order
	Blips    []Blip
}

// A Blip is one technology on one edition.
type Blip struct {
	ID            string // the file's own identifier (AOE, Backstage); empty elsewhere
	Name          string
	Ring          string
	Segment       string
	Description   string // Markdown or HTML, as the file has it: not to be trusted
	Link          string
	Tags          []string
	Related       []string // names of other blips
	PublishedMove Move     // as the file states it; empty when it does not
	IsNew         bool     // the file marks it new
	Inactive      bool     // the file keeps it without showing it (active: false, featured: false)
	File          string
	Line          int // where its row begins, from 1
}

// Options says what a file leaves open.
type Options struct {
	Rings    []string // from the centre outwards, placed before the file's own
	Segments []string // names of quadrants that a file only numbers from 0
}

// Detect tells the format of a file from its content.
func Detect(data []byte) (Format, bool) {
	data = bytes.TrimSpace(trimBOM(data))
	switch {
	case len(data) == 0:
		return "", false
	case data[0] == '[':
		return BYORJSON, true
	case data[0] == '{':
		return detectObject(data)
	}
	return detectCSV(data)
}

// Read reads the editions in one file, of whichever format its content shows.
// The file's name is for the problems and, in formats without a date, for the
// edition's name. What is wrong is in the problems; the rest is returned.
func Read(name string, data []byte, opt Options) ([]Edition, []fault.Problem) {
	p := &parser{file: name, opt: opt}
	if len(data) > MaxBytes {
		p.report(0, "too-large", size(MaxBytes))
		return nil, p.problems
	}
	format, ok := Detect(data)
	if !ok {
		p.report(0, "unknown-format")
		return nil, p.problems
	}
	return p.read(format, trimBOM(data)), p.problems
}

func (p *parser) read(format Format, data []byte) []Edition {
	switch format {
	case BYORJSON:
		return p.one(p.readBYORJSON(data))
	case Zalando:
		return p.one(p.readZalando(data))
	case Backstage:
		return p.readBackstage(data)
	}
	return p.one(p.readCSV(data, format))
}

// ReadPath reads a file, or a folder: a tree of dated folders as AOE keeps it,
// or every CSV and JSON file directly in it that is a radar. The editions come
// in order (see Sort).
func ReadPath(fsys fs.FS, name string, opt Options) ([]Edition, []fault.Problem) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		p := &parser{file: name}
		p.report(0, "unreadable", reason(err))
		return nil, p.problems
	}
	if !info.IsDir() {
		return readFile(fsys, name, opt)
	}
	if releases := aoeReleases(fsys, name); len(releases) > 0 {
		return readAOE(fsys, name, releases, opt)
	}
	return readFolder(fsys, name, opt)
}

func readFile(fsys fs.FS, name string, opt Options) ([]Edition, []fault.Problem) {
	data, problem := load(fsys, name, MaxBytes)
	if problem != nil {
		return nil, []fault.Problem{*problem}
	}
	return Read(name, data, opt)
}

func readFolder(fsys fs.FS, dir string, opt Options) ([]Edition, []fault.Problem) {
	p := &parser{file: dir}
	var editions []Edition
	for _, name := range radarFiles(fsys, dir) {
		got, problems := readFile(fsys, name, opt)
		editions, p.problems = append(editions, got...), append(p.problems, problems...)
	}
	if len(editions) == 0 && len(p.problems) == 0 {
		p.report(0, "empty-folder")
	}
	Sort(editions)
	return editions, p.problems
}

func radarFiles(fsys fs.FS, dir string) []string {
	var names []string
	for _, pattern := range []string{"*.csv", "*.json"} {
		found, _ := fs.Glob(fsys, path.Join(dir, pattern))
		names = append(names, found...)
	}
	slices.SortFunc(names, Natural)
	return names[:min(len(names), MaxFiles)]
}

// editionName makes a slug of a file's name: "radars/Volume 1.csv" is "volume-1".
func editionName(file string) string {
	base := path.Base(strings.ReplaceAll(file, `\`, "/"))
	if slug := Slug(strings.TrimSuffix(base, path.Ext(base))); slug != "" {
		return slug
	}
	return "edition"
}

// Slug folds a text to lower-case letters, digits and single hyphens; a dot
// between two of them stays ("2026.05").
func Slug(s string) string {
	var b strings.Builder
	gap := ""
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if b.Len() > 0 {
				b.WriteString(gap)
			}
			gap = ""
			b.WriteRune(r)
		case r == '.' && gap == "":
			gap = "."
		default:
			gap = "-"
		}
	}
	return b.String()
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
