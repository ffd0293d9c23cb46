package radarfile

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// Text holds the messages of problems in each language, as lang.Load reads
// them: problem.<code> and problem.<code>.hint, with {0}, {1}, … for Args.
//
//go:embed text.en.json text.es.json
var Text embed.FS

// newProblem makes a problem from its code, "radar." before it.
var newProblem = fault.Coded("radar", Text)

// maxProblems stops a file that is not a radar at all from filling the screen.
const maxProblems = 200

// parser reads one file: it collects problems, and checks each blip.
type parser struct {
	file     string
	opt      Options
	problems []fault.Problem
	seen     map[string]Blip // by key, within one edition
	kinds    map[string]bool // rings and segments met
	blips    int
	full     bool
}

func (p *parser) report(line int, code string, args ...string) {
	problem := newProblem(p.file, line, code, args...)
	switch same := func(q fault.Problem) bool { return q.Place() == problem.Place() && q.Msg == problem.Msg }; {
	case len(p.problems) > maxProblems || slices.ContainsFunc(p.problems, same):
	case len(p.problems) == maxProblems:
		p.problems = append(p.problems, newProblem(p.file, line, "gave-up", fmt.Sprint(maxProblems)))
	default:
		p.problems = append(p.problems, problem)
	}
}

// stuffed reports whether there are so many problems that reading on is no use.
func (p *parser) stuffed() bool { return len(p.problems) > maxProblems }

// one closes an edition and returns it alone; nothing when it has no blip and
// there is a problem to tell why.
func (p *parser) one(e Edition) []Edition {
	if len(e.Blips) == 0 && len(p.problems) > 0 {
		return nil
	}
	return []Edition{p.finish(e)}
}

// finish fills in the edition's name, rings and segments, and spells those of
// its blips as the edition lists them.
func (p *parser) finish(e Edition) Edition {
	if e.Name == "" {
		e.Name = editionName(p.file)
	}
	e.Rings = RingOrder([]Edition{e}, ringsHere(p.opt.Rings, e))
	for _, b := range e.Blips {
		if !containsFolded(e.Segments, b.Segment) {
			e.Segments = append(e.Segments, b.Segment)
		}
	}
	for i := range e.Blips {
		b := &e.Blips[i]
		b.Ring, b.Segment = Spelled(e.Rings, b.Ring, FoldRing), Spelled(e.Segments, b.Segment, FoldSegment)
	}
	return e
}

// Spelled returns a name as a list spells it; the name itself when the list
// does not have it.
func Spelled(list []string, name string, fold func(string) string) string {
	if i := slices.IndexFunc(list, func(s string) bool { return fold(s) == fold(name) }); i >= 0 {
		return list[i]
	}
	return name
}

// ringsHere returns the given rings that the edition has.
func ringsHere(given []string, e Edition) []string {
	have := append(blipRings(e), e.Rings...)
	var here []string
	for _, r := range given {
		if indexRing(have, r) >= 0 {
			here = append(here, r)
		}
	}
	return here
}

func containsFolded(segments []string, s string) bool {
	return slices.ContainsFunc(segments, func(have string) bool { return FoldSegment(have) == FoldSegment(s) })
}

// keep checks a blip and appends it to the edition.
func (p *parser) keep(e *Edition, b Blip) {
	b = clean(b)
	if !p.complete(b) || !p.fits(b) || !p.agrees(b) || !p.few(b) || !p.room(b.Line) {
		return
	}
	b.File = p.file
	e.Blips = append(e.Blips, b)
}

func clean(b Blip) Blip {
	for _, s := range []*string{&b.ID, &b.Name, &b.Ring, &b.Segment, &b.Link} {
		*s = strings.Join(strings.Fields(*s), " ")
	}
	b.Description = strings.TrimSpace(unixLines(b.Description))
	return b
}

func unixLines(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (p *parser) complete(b Blip) bool {
	for _, f := range []struct{ name, value string }{{"name", b.Name}, {"ring", b.Ring}, {"quadrant", b.Segment}} {
		if f.value == "" {
			p.report(b.Line, "required", f.name)
			return false
		}
	}
	return true
}

func (p *parser) fits(b Blip) bool {
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"name", b.Name, MaxName}, {"ring", b.Ring, MaxName}, {"quadrant", b.Segment, MaxName},
		{"id", b.ID, MaxName}, {"link", b.Link, 4 * MaxName}, {"description", b.Description, MaxText},
	} {
		if len(f.value) > f.most {
			p.report(b.Line, "too-long", f.name, size(f.most))
			return false
		}
		if !utf8.ValidString(f.value) {
			p.report(b.Line, "not-utf8", f.name)
			return false
		}
	}
	return true
}

// agrees refuses a second blip of one name and segment in another ring; one in
// the same ring does no harm, and published radars have such.
func (p *parser) agrees(b Blip) bool {
	if p.seen == nil {
		p.seen = map[string]Blip{}
	}
	before, ok := p.seen[b.key()]
	if ok && FoldRing(before.Ring) != FoldRing(b.Ring) {
		p.report(b.Line, "twice", b.Name, b.Segment, before.Ring, fmt.Sprint(before.Line))
		return false
	}
	p.seen[b.key()] = b
	return true
}

// few refuses what is no radar but a table with other columns.
func (p *parser) few(b Blip) bool {
	if p.kinds == nil {
		p.kinds = map[string]bool{}
	}
	p.kinds["ring "+FoldRing(b.Ring)], p.kinds["segment "+FoldSegment(b.Segment)] = true, true
	if len(p.kinds) <= 2*MaxRings {
		return true
	}
	p.report(b.Line, "too-many-rings", fmt.Sprint(MaxRings))
	return false
}

func (p *parser) room(line int) bool {
	if p.blips++; p.blips <= MaxBlips {
		return true
	}
	if !p.full {
		p.report(line, "too-many", fmt.Sprint(MaxBlips))
		p.full = true
	}
	return false
}

// load reads a file of at most limit bytes.
func load(fsys fs.FS, name string, limit int) ([]byte, *fault.Problem) {
	f, err := fsys.Open(name)
	if err != nil {
		p := newProblem(name, 0, "unreadable", reason(err))
		return nil, &p
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, int64(limit)+1)); err != nil {
		p := newProblem(name, 0, "unreadable", reason(err))
		return nil, &p
	}
	if b.Len() > limit {
		p := newProblem(name, 0, "too-large", size(limit))
		return nil, &p
	}
	return b.Bytes(), nil
}

// reason returns the cause of a failure to read, without the path in it.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// size writes a number of bytes: "8 MiB", "256 KiB", "300 B".
func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
