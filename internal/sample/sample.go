// Package sample reads the sample organisation, as content/sample holds it, and
// sets its dates: they are written relative to the day on which it is looked at.
//
// A date stands between double braces, in any file:
//
//	{{day -30}}             thirty days ago, as 2026-08-23
//	{{day -30 long}}        23 August; also full, month (2026-08), monthname and year
//	{{moment -3 09:30}}     half past nine of the day three days ago
//	{{monday -1}}           the last Monday before today; {{monday -2 10:30}} is a moment
//	{{ago 9h}}              nine hours ago
//	{{month -2}}            the month before the last, as 2026-07
//	{{year 2}}              the year after the next
//	{{quarter 0 start}}     the first day of the quarter; also end, name and slug (q3-2026)
//
// The quarter of the story is at the same place on every day: it began 83 days
// ago and ends in 8. Days and times of day are those of Europe/Madrid.
//
// The folders hold the organisation as it is now: entities that apply, and under
// import files of other formats. The files that end in .story say how it became
// so: a list of steps, each with who did it and when (see Step). A step that
// changed something says what it was before, so that the present stands in one
// place. The files that end in .traffic say what its machines send (see Traffic).
package sample

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the machine need not have the zone

	"github.com/binnaclehq/binnacle/content"
	"github.com/binnaclehq/binnacle/internal/catalog"
)

// Zone is the time zone of the organisation.
const Zone = "Europe/Madrid"

// storyEnd is how the names of files with steps end.
const storyEnd = ".story"

// Organisation is the sample organisation with its dates.
type Organisation struct {
	Now     time.Time                 // the moment from which its dates are seen
	Files   []catalog.File            // entities that apply, as they are now
	Imports map[string][]catalog.File // files of other formats, by the name of the format
	Stories []catalog.File            // how it became so
	Steps   []Step                    // of Stories

	calendar calendar
	traffic  []*Traffic
}

// Shipped is the organisation that comes with the program, as Load reads it.
func Shipped() fs.FS {
	files, err := fs.Sub(content.Sample, "sample")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return files
}

// Load reads the organisation as it is to be seen from a moment.
func Load(fsys fs.FS, now time.Time) (*Organisation, error) {
	zone, err := time.LoadLocation(Zone)
	if err != nil {
		return nil, err
	}
	o := &Organisation{Now: now, Imports: map[string][]catalog.File{}, calendar: newCalendar(now, zone)}
	if err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		if err == nil {
			data, err = o.calendar.render(name, data)
		}
		if err != nil {
			return err
		}
		return o.add(catalog.File{Name: name, Data: data})
	}); err != nil {
		return nil, err
	}
	return o, o.addCheckIns()
}

func (o *Organisation) add(f catalog.File) error {
	rest, foreign := strings.CutPrefix(f.Name, "import/")
	format, inside, _ := strings.Cut(rest, "/")
	switch {
	case foreign:
		o.Imports[format] = append(o.Imports[format], catalog.File{Name: inside, Data: f.Data})
	case path.Ext(f.Name) == trafficEnd:
		t, err := readTraffic(f)
		o.traffic = append(o.traffic, t)
		return err
	case path.Ext(f.Name) == storyEnd:
		steps, err := readSteps(f, o.calendar)
		o.Stories, o.Steps = append(o.Stories, f), append(o.Steps, steps...)
		return err
	default:
		o.Files = append(o.Files, f)
	}
	return nil
}

// Of returns the files that apply of some folders, as "people".
func (o *Organisation) Of(folders ...string) []catalog.File {
	var out []catalog.File
	for _, f := range o.Files {
		if folder, _, _ := strings.Cut(f.Name, "/"); slices.Contains(folders, folder) {
			out = append(out, f)
		}
	}
	return out
}

// Written returns the files with their dates, as they would stand in a folder: all
// but what machines send.
func (o *Organisation) Written() []catalog.File {
	out := slices.Concat(o.Files, o.Stories)
	for format, files := range o.Imports {
		for _, f := range files {
			out = append(out, catalog.File{Name: path.Join("import", format, f.Name), Data: f.Data})
		}
	}
	slices.SortFunc(out, func(a, b catalog.File) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Args are what an importer is told beside its files: the file "args" among
// them, one name=value to a line.
func (o *Organisation) Args(format string) (args map[string]string, data []catalog.File) {
	args = map[string]string{}
	for _, f := range o.Imports[format] {
		if f.Name != "args" {
			data = append(data, f)
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				args[name] = value
			}
		}
	}
	return args, data
}

// addCheckIns adds the check-ins of the steps to the files that apply. Those on
// key results that are scored belong to the past alone: nobody checks in there
// any more.
func (o *Organisation) addCheckIns() error {
	closed, err := o.scored()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, s := range o.Steps {
		if s.ChecksIn == "" || closed[s.ChecksIn] {
			continue
		}
		for _, doc := range s.checkIns(o.calendar) {
			b.WriteString(doc.yaml())
		}
	}
	if b.Len() > 0 {
		o.Files = append(o.Files, catalog.File{Name: "strategy/check-ins.yaml", Data: b.Bytes()})
	}
	return nil
}
