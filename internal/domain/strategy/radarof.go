package strategy

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/radarfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// An import goes to one radar. The argument radar names it; without that the
// editions go
//
//  1. to technology, when there is no radar yet;
//  2. to the radar that has an edition of their series: names that are alike but
//     for numbers, days and seasons, as volume-01 and volume-20. Where a name is
//     nothing but those, as 2026-09, they must be from one source, and have the
//     same rings and segments as well; the very name is enough for one of the
//     two, where the source of the edition that is here is not known;
//  3. to the radar that is from the same source, or bears its name;
//  4. to the radar with the same rings and segments, when their source is not
//     known;
//  5. to a radar of their own, named after the source or the series; to
//     technology, when that is not there and nothing gives a name.
//
// What was decided without being asked for is told.

// choose decides which radar the editions belong to.
func (in *radarImport) choose(files []catalog.File) error {
	radars, err := allBoards(func(q catalog.Query, f func(*entity.Entity) error) error {
		return in.c.Each(in.ctx, in.caller, q, f)
	})
	if err != nil {
		return err
	}
	in.source = sourceOf(files)
	if asked := strings.TrimSpace(in.args["radar"]); asked != "" {
		in.name = spelledAs(radars, asked)
		return nil
	}
	if len(radars) == 0 {
		in.name = DefaultRadar
		return nil
	}
	for _, like := range []func(*board) bool{in.continues, in.fromThere, in.shaped} {
		for _, name := range slices.Sorted(maps.Keys(radars)) {
			if like(radars[name]) {
				in.name = name
				return nil
			}
		}
	}
	if in.name = radarfile.Slug(cmp.Or(in.source, series(in.firstName()))); in.name == "" {
		if in.name = DefaultRadar; radars[DefaultRadar] == nil {
			return nil
		}
		return fault.New(fault.Invalid, "the files do not say which radar they belong to").Coded("radar.which").
			WithHint("name it: --radar NAME for one of its own, or one that is here: %s", strings.Join(slices.Sorted(maps.Keys(radars)), ", "))
	}
	in.note("own", in.name, strings.Join(slices.Sorted(maps.Keys(radars)), ", "))
	return nil
}

// spelledAs returns the radar of a name in any case; the name itself when there
// is none.
func spelledAs(radars map[string]*board, name string) string {
	for have := range radars {
		if radarfile.Fold(have) == radarfile.Fold(name) {
			return have
		}
	}
	return name
}

func (in *radarImport) firstName() string { return cmp.Or(in.args["edition"], in.editions[0].Name) }

// continues reports whether a radar has an edition of the series of those read.
func (in *radarImport) continues(b *board) bool {
	stem := series(in.firstName())
	return slices.ContainsFunc(b.Editions, func(e *edition) bool {
		name := e.name()
		if b.Radar != DefaultRadar {
			name = strings.TrimPrefix(name, radarfile.Slug(b.Radar)+"-")
		}
		if stem != "" {
			return series(name) == stem
		}
		again, from := name == radarfile.Slug(in.firstName()), radarfile.Fold(e.Spec.Source) == radarfile.Fold(in.source)
		return series(name) == "" && (from && (again || in.alike(e)) || again && e.Spec.Source == "" && in.alike(e))
	})
}

// fromThere reports whether a radar is from the source of the files.
func (in *radarImport) fromThere(b *board) bool {
	return in.source != "" && (radarfile.Fold(b.Radar) == radarfile.Fold(in.source) ||
		slices.ContainsFunc(b.Editions, func(e *edition) bool { return radarfile.Fold(e.Spec.Source) == radarfile.Fold(in.source) }))
}

// shaped reports whether a radar has the rings and segments of editions that
// are from nobody knows where.
func (in *radarImport) shaped(b *board) bool {
	if in.source != "" || !slices.ContainsFunc(b.Editions, in.alike) {
		return false
	}
	in.note("joined", b.Radar)
	return true
}

// alike reports whether an edition has the rings and segments of those read.
func (in *radarImport) alike(e *edition) bool {
	first := in.editions[0]
	rings := alike(e.Spec.Rings, first.Rings, radarfile.FoldRing) || !orders(e.Spec.Rings) && !orders(first.Rings)
	return rings && alike(e.Spec.Segments, first.Segments, radarfile.FoldSegment)
}

// alike reports whether one list of names holds the other.
func alike(a, b []string, fold func(string) string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	return !slices.ContainsFunc(b, func(s string) bool {
		return !slices.ContainsFunc(a, func(o string) bool { return fold(o) == fold(s) })
	})
}

// untelling are words in the names of files and folders that do not say whose
// radar it is.
var untelling = regexp.MustCompile(`^(\d+|[a-z]|v\d+|q[1-4]|h[12]|` +
	`radars?|tech|technology|technologies|techradar|data|config|export|sheet|csv|json|docs?|content|src|public|files?|downloads?|tmp|temp|home|new|old|latest|` +
	`spring|summer|autumn|fall|winter|primavera|verano|otoño|otono|invierno|` +
	`jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sep(t|tember)?|oct(ober)?|nov(ember)?|dec(ember)?|` +
	`enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre)$`)

// counting are words that say which one of a series an edition is.
var counting = regexp.MustCompile(`^(volumes?|vol|editions?|issues?|releases?|ediciones|edicion|edición|volumen|volúmenes)$`)

// series is what the names of the editions of one series have in common: the
// name without numbers, days, seasons and what says nothing. It is "" when
// nothing is left.
func series(name string) string { return strings.Join(telling(name, nil), "-") }

// telling returns the words of a name that say something, those that also say
// nothing left out.
func telling(name string, also *regexp.Regexp) []string {
	var out []string
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_. ,()[]", r) }) {
		w = strings.TrimRight(w, "0123456789")
		if w != "" && !untelling.MatchString(w) && (also == nil || !also.MatchString(w)) {
			out = append(out, w)
		}
	}
	return out
}

// sourceOf names where files are from: the file that is alone, or the folder
// they share, or the folder of that; the first one that says something.
func sourceOf(files []catalog.File) string {
	var names []string
	for _, f := range files {
		names = append(names, cleanName(f.Name))
	}
	var places []string
	if len(names) == 1 {
		places = append(places, strings.TrimSuffix(path.Base(names[0]), path.Ext(names[0])))
	}
	dir := commonFolder(names)
	places = append(places, path.Base(dir), path.Base(path.Dir(dir)))
	for _, p := range places {
		if words := telling(p, counting); len(words) > 0 {
			return strings.Join(words, "-")
		}
	}
	return ""
}

// note tells about something that is no problem, in the words of text.en.json.
func (in *radarImport) note(code string, args ...string) {
	w := newWarning("radar."+code, args...)
	w.Note = true
	in.notes = append(in.notes, w)
}

// unplaced warns of editions that have no date among others that have one.
func (in *radarImport) unplaced() {
	for _, u := range in.board.undated() {
		w := newWarning("radar.undated-first", u.edition.name())
		if u.after != nil {
			w = newWarning("radar.undated", u.edition.name(), u.after.name())
		}
		w.Ref, w.Field = u.edition.Ref().Short(), "spec.date"
		w.File = in.files[u.edition.name()]
		in.notes = append(in.notes, w)
	}
}
