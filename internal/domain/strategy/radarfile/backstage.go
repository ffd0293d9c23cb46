package radarfile

import (
	"fmt"
	"slices"
	"time"
)

type backstageFile struct {
	Entries   []backstageEntry `json:"entries"`
	Quadrants []backstageName  `json:"quadrants"`
	Rings     []backstageName  `json:"rings"`
}

type backstageName struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Color string `json:"color,omitempty"`
}

type backstageEntry struct {
	Key         string          `json:"key"`
	ID          string          `json:"id"`
	Title       string          `json:"title"`
	Quadrant    string          `json:"quadrant"`
	Description string          `json:"description,omitempty"`
	URL         string          `json:"url,omitempty"`
	Links       []backstageLink `json:"links,omitempty"`
	Timeline    []backstageStep `json:"timeline"`
}

type backstageLink struct {
	URL   string `json:"url"`
	Title string `json:"title"`
}

type backstageStep struct {
	Moved       *int   `json:"moved,omitempty"`
	RingID      string `json:"ringId"`
	Date        string `json:"date"`
	Description string `json:"description,omitempty"`
}

// step is one point of a blip's timeline.
type step struct {
	date time.Time
	blip Blip
}

// readBackstage makes an edition of each date in the timelines: the radar as it
// stood on that day, every blip in the ring it last had.
func (p *parser) readBackstage(data []byte) []Edition {
	f := newJSONFile(data)
	object, err := members(span{data, 0})
	rings := p.backstageNames(f, object, "rings")
	segments := p.backstageNames(f, object, "quadrants")
	list, stopped := elements(object["entries"])
	var timelines [][]step
	for _, item := range list {
		if p.stuffed() {
			break
		}
		if steps := p.backstageEntry(f, item, rings, segments); len(steps) > 0 {
			timelines = append(timelines, steps)
		}
	}
	p.broken(f, stopped)
	p.broken(f, err)
	return p.snapshots(timelines, names(rings), names(segments))
}

func names(list []backstageName) []string {
	var out []string
	for _, n := range list {
		out = append(out, n.Name)
	}
	return out
}

func (p *parser) backstageNames(f *jsonFile, object map[string]span, key string) []backstageName {
	var list []backstageName
	if s, ok := object[key]; ok {
		p.decode(f, s, &list)
	}
	list = list[:min(len(list), MaxRings)]
	for i := range list {
		if list[i].Name == "" {
			list[i].Name = list[i].ID
		}
	}
	return list
}

func (p *parser) backstageEntry(f *jsonFile, item span, rings, segments []backstageName) []step {
	var in backstageEntry
	line := f.line(item.at)
	if !p.decode(f, item, &in) {
		return nil
	}
	segment, ok := byID(segments, in.Quadrant)
	if !ok {
		p.report(line, "unknown-id", "quadrant", in.Quadrant)
		return nil
	}
	if len(in.Timeline) == 0 {
		p.report(line, "timeline", in.Title)
		return nil
	}
	b := Blip{ID: in.ID, Name: in.Title, Segment: segment, Description: in.Description, Link: in.URL, Line: line}
	if len(in.Links) > 0 {
		b.Link = in.Links[0].URL
	}
	return p.timeline(b, in.Timeline, rings)
}

func byID(list []backstageName, id string) (string, bool) {
	i := slices.IndexFunc(list, func(n backstageName) bool { return n.ID == id })
	if i < 0 {
		return "", false
	}
	return list[i].Name, true
}

// timeline returns the steps in order of time; a step of unknown ring or date
// is reported and left out.
func (p *parser) timeline(b Blip, in []backstageStep, rings []backstageName) []step {
	var steps []step
	for _, s := range in {
		date, ok := parseDate(s.Date)
		if !ok {
			p.report(b.Line, "date", s.Date)
			continue
		}
		if b.Ring, ok = byID(rings, s.RingID); !ok {
			p.report(b.Line, "unknown-id", "ringId", s.RingID)
			continue
		}
		next := b
		if next.PublishedMove = backstageMove(s.Moved); s.Description != "" && b.Description == "" {
			next.Description = s.Description
		}
		steps = append(steps, step{date, next})
	}
	slices.SortStableFunc(steps, func(x, y step) int { return x.date.Compare(y.date) })
	return steps
}

func backstageMove(moved *int) Move {
	switch {
	case moved == nil:
		return ""
	case *moved > 0:
		return In
	case *moved < 0:
		return Out
	}
	return Unchanged
}

// snapshots turns timelines into editions, one for each date.
func (p *parser) snapshots(timelines [][]step, rings, segments []string) []Edition {
	var editions []Edition
	for _, date := range dates(timelines) {
		e := Edition{Name: date.Format(time.DateOnly), Date: date, Format: Backstage}
		e.Rings, e.Segments = slices.Clone(rings), slices.Clone(segments)
		p.seen = nil
		for _, steps := range timelines {
			if b, ok := lastBefore(steps, date); ok {
				p.keep(&e, b)
			}
		}
		if p.full {
			break
		}
		editions = append(editions, p.finish(e))
	}
	return editions
}

func dates(timelines [][]step) []time.Time {
	var list []time.Time
	for _, steps := range timelines {
		for _, s := range steps {
			list = append(list, s.date)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return slices.CompactFunc(list, time.Time.Equal)
}

// lastBefore returns the blip as its last step up to a date has it. What was
// published about a move, or of being new, is said of that date alone.
func lastBefore(steps []step, date time.Time) (b Blip, ok bool) {
	for i, s := range steps {
		if s.date.After(date) {
			break
		}
		b, ok = s.blip, true
		b.IsNew = i == 0 && s.date.Equal(date)
		if !s.date.Equal(date) {
			b.PublishedMove = ""
		}
	}
	return b, ok
}

func backstageIDs(list []string) []backstageName {
	var out []backstageName
	for i, name := range list {
		id := Slug(name)
		if _, taken := byID(out, id); taken || id == "" {
			id = fmt.Sprintf("%s-%d", id, i)
		}
		out = append(out, backstageName{ID: id, Name: name})
	}
	return out
}
