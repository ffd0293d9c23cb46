package claim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Probe is a test with the forms that only a measure may have.
type Probe struct {
	Test
	Formula *Formula `json:"formula,omitempty"`
	Typed   *Typed   `json:"typed,omitempty"`
}

// every is Test.every; numbers that people type come when they come.
func (p *Probe) every() time.Duration {
	if p.Typed != nil {
		return 0
	}
	return p.Test.every()
}

func (p *Probe) maxAge() time.Duration {
	if p.Typed != nil {
		return 0
	}
	return p.Test.maxAge()
}

// Form names the form of the probe.
func (p *Probe) Form() string {
	switch {
	case p.Formula != nil:
		return "formula"
	case p.Typed != nil:
		return "typed"
	}
	return p.Test.Form()
}

// asked reports whether the program itself can carry the probe out.
func (p *Probe) asked() bool { return p.Typed == nil && p.Attest == nil }

// Definition is the claim that an entity bears: what is tested, and how its
// number is read.
type Definition struct {
	Statement string
	Room      string
	Subject   string // a reference; "" for the entity itself
	Probes    []Probe
	Scale     Scale
	// Judge, when not nil, reads the number instead of the scale, as of a
	// moment.
	Judge func(value float64, asOf time.Time) Zone
	// NoRun says that the claim is not tested any more, as a key result of a
	// cycle that is closed.
	Closed bool
}

// probe returns the probe of a name; nil when there is none.
func (d *Definition) probe(name string) *Probe {
	i := slices.IndexFunc(d.Probes, func(p Probe) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Probes[i]
}

// ScaleOf returns how the number of a probe is written and what it is held
// against: that of the claim where it has one, else what the test itself says.
func (d *Definition) ScaleOf(p *Probe) Scale {
	if d.Scale.Direction != "" {
		return d.Scale
	}
	s := Scale{Decimals: -1}
	if p.Records != nil && p.Records.Value == "share" {
		s.Unit, s.Decimals = "%", 1
	}
	if m, err := parseMust(p.Must); p.Must != "" && err == nil {
		m.scale(&s)
	}
	return s
}

// zone reads a number.
func (d *Definition) zone(v float64, asOf time.Time) Zone {
	if d.Judge != nil {
		return d.Judge(v, asOf)
	}
	return d.Scale.Zone(v)
}

// Bearer says that every entity of a kind bears a claim, and which.
type Bearer struct {
	Kind  string
	Claim func(*entity.Entity) (Definition, error)
}

// ValueTest is the name of the one test of a measure.
const ValueTest = "value"

// OwnBearers names the kinds of this package that bear a claim.
func OwnBearers() []string {
	var out []string
	for _, b := range bearers() {
		out = append(out, b.Kind)
	}
	return out
}

func bearers() []Bearer {
	return []Bearer{{auth.KindClaim, ofClaim}, {auth.KindMeasure, ofMeasure}}
}

func ofClaim(e *entity.Entity) (Definition, error) {
	s, err := catalog.Spec[Spec](e)
	d := Definition{Statement: e.DisplayTitle(), Room: s.Room, Subject: s.Subject}
	for _, t := range s.Tests {
		d.Probes = append(d.Probes, Probe{Test: t})
	}
	return d, err
}

func ofMeasure(e *entity.Entity) (Definition, error) {
	s, err := catalog.Spec[MeasureSpec](e)
	p := Probe{Test: Test{Name: ValueTest, Title: e.DisplayTitle(), Every: s.Every, MaxAge: s.MaxAge, Records: s.Records, Number: s.Number, Query: s.Query},
		Formula: s.Formula, Typed: s.Typed}
	return Definition{Statement: e.DisplayTitle(), Room: s.Room, Probes: []Probe{p}, Scale: s.scale()}, err
}

// Table is a table of observations that record queries may ask: what machines
// reported, each row with an identity.
type Table struct {
	Name   string // as "work"
	Title  lang.Text
	Doc    lang.Text
	Fields []Column
	// Scan yields the rows of an organisation as they were known at a moment, by
	// key in order. A row holds strings, int64, float64, bool and lists or maps
	// of these.
	Scan func(ctx context.Context, q sqldb.Querier, org string, at Moment, yield func(key, title string, row map[string]any) error) error
}

// Column describes a field of a Table.
type Column struct {
	Name string
	Doc  lang.Text
}

// Language answers questions in the language of an engine, as LogsQL.
type Language struct {
	Name  string
	Check func(text string) error
	// Ask returns a number as of a moment; nil when there is none. Detail is
	// kept with the run.
	Ask func(ctx context.Context, org, text string, asOf time.Time) (value *float64, detail []Step, err error)
}

// Moment is when an answer is about. Feed is the last entry of the feed that
// belongs to it, so that what was written at the same time is cut sharply; 0 is
// the present.
type Moment struct {
	At   time.Time
	Feed int64
}

// define returns the claim an entity bears; a NotFound fault for a kind that
// bears none.
func (e *Engine) define(x *entity.Entity) (Definition, error) {
	b, ok := e.bearers[x.Kind]
	if !ok {
		return Definition{}, fault.New(fault.NotFound, "a %s bears no claim", x.Kind).WithHint("claims are borne by %s", fmt.Sprint(e.bearerNames()))
	}
	d, err := b.Claim(x)
	d.Statement = cmp.Or(d.Statement, x.DisplayTitle())
	return d, err
}

func (e *Engine) bearerNames() []string {
	var out []string
	for name := range e.bearers {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Bears reports whether entities of a kind bear a claim.
func (e *Engine) Bears(kind string) bool {
	k := e.catalog.Kinds().Get(kind)
	return k != nil && e.bearers[k.Name].Claim != nil
}

// sources names what a probe reads: kinds in lower case, tables, and measures
// as measure:<uid>, so that a change of one leads to the tests that read it.
func (e *Engine) sources(p *Probe, uid func(ref string) string) []string {
	var out []string
	switch {
	case p.Records != nil:
		out = append(out, e.source(p.Records.From))
		if p.Records.usesLinks() {
			out = append(out, e.linkSources(p.Records.From)...)
		}
	case p.Measure != nil:
		out = append(out, measureSource(uid(p.Measure.Measure)))
	case p.Formula != nil:
		for _, in := range p.Formula.Of {
			out = append(out, measureSource(uid(in.Measure)))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func measureSource(uid string) string { return "measure:" + uid }
