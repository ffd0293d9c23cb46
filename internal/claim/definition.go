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

	measured *Scale // of the measure that the test asks; nil: not known
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
	// moment, and says how.
	Judge func(value float64, asOf time.Time) (Zone, []Step)
	// Closed says that the claim is not tested any more, as a key result of a
	// cycle that is closed. Its evidence is as good as it was at ClosedAt.
	Closed   bool
	ClosedAt time.Time
}

// judgedAt returns the moment at which the evidence is judged: now, until the
// claim is closed.
func (d *Definition) judgedAt(now time.Time) time.Time {
	if d.Closed && !d.ClosedAt.IsZero() && d.ClosedAt.Before(now) {
		return d.ClosedAt
	}
	return now
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
	if d.Scale.Direction != "" || d.Scale.Unit != "" {
		return d.Scale
	}
	s := Scale{Decimals: -1}
	if p.measured != nil {
		s.Unit, s.Decimals = p.measured.Unit, p.measured.Decimals
	}
	if r := p.Asks(); r != nil && r.Value == "share" {
		s.Unit, s.Decimals = "%", 1
	}
	if m, err := parseMust(p.Must); p.Must != "" && err == nil {
		m.scale(&s)
	}
	return s
}

// shown returns the probe whose number stands for the claim: the first that can
// give one, else the first that is no attestation, else the first; nil without
// any.
func (d *Definition) shown() *Probe {
	number := func(p Probe) bool { return p.Attest == nil && (p.Asks() == nil || p.Asks().Value != "") }
	tested := func(p Probe) bool { return p.Attest == nil }
	for _, is := range []func(Probe) bool{number, tested, func(Probe) bool { return true }} {
		if i := slices.IndexFunc(d.Probes, is); i >= 0 {
			return &d.Probes[i]
		}
	}
	return nil
}

// zone reads a number, and says what it was held against.
func (d *Definition) zone(v float64, asOf time.Time) (Zone, []Step) {
	if d.Judge != nil {
		return d.Judge(v, asOf)
	}
	return d.Scale.Zone(v), d.Scale.steps(v)
}

// Find returns another entity as it was at the moment a claim is looked at,
// whoever may read it; a fault.NotFound when there was none.
type Find func(entity.Ref) (*entity.Entity, error)

// Bearer says that every entity of a kind bears a claim, and which. The claim
// may follow from others beside the entity, as a key result's from its cycle.
type Bearer struct {
	Kind  string
	Claim func(*entity.Entity, Find) (Definition, error)
	// Status, when not nil, returns what is stored as the entity's status; nil
	// stores Stating.Status.
	Status func(*Stating) (any, error)
}

// Stating is what the status of an entity that bears a claim is made of.
type Stating struct {
	Context  context.Context
	Catalog  *catalog.Catalog // in the transaction that writes the status
	Org      string
	Entity   *entity.Entity
	Status   Status // of its claim
	Evidence []Evidence
}

// Words says that entities of a kind carry a person's word about the claim that
// another bears, as a check-in carries the number of a key result. The word is
// kept once, when the entity is made.
type Words struct {
	Kind string
	// Word returns the claim it is about, the word and who gave it; false for an
	// entity that carries none. A word without a moment is not kept.
	Word func(*entity.Entity) (about entity.Ref, w Word, by string, ok bool)
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
	return []Bearer{{Kind: auth.KindClaim, Claim: ofClaim}, {Kind: auth.KindMeasure, Claim: ofMeasure}}
}

func ofClaim(e *entity.Entity, find Find) (Definition, error) {
	s, err := catalog.Spec[Spec](e)
	if err != nil {
		return Definition{}, err
	}
	d := Definition{Statement: e.DisplayTitle(), Room: s.Room, Subject: s.Subject}
	for _, t := range s.Tests {
		p := Probe{Test: t}
		if t.Measure != nil {
			if p.measured, err = scaleOf(t.Measure.Measure, e.Metadata.Namespace, find); err != nil {
				return d, err
			}
		}
		d.Probes = append(d.Probes, p)
	}
	return d, nil
}

// scaleOf returns how a measure's number is written; nil when it is not there.
func scaleOf(text, ns string, find Find) (*Scale, error) {
	ref, err := entity.ParseRef(text, "measure", ns)
	if err != nil {
		return nil, nil // checked when it was written
	}
	m, err := find(ref)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := catalog.Spec[MeasureSpec](m)
	if err != nil {
		return nil, nil // whatever is wrong with it is said there
	}
	scale := s.scale()
	return &scale, nil
}

func ofMeasure(e *entity.Entity, _ Find) (Definition, error) {
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
	Page   string // address of the page of a row, before its key; "" where rows have none
	// Kinds are those whose entities the rows follow from: when one changes, the
	// tests that ask the table are run.
	Kinds []string
	// Scan yields the rows of an organisation as they were known at a moment, by
	// key in order.
	Scan func(ctx context.Context, q sqldb.Querier, org string, at Moment, yield Yield) error
}

// Yield takes a row of a Table. A row holds strings, int64, float64, bool and
// lists or maps of these.
type Yield func(key, title string, row map[string]any) error

// Column describes a field of a Table.
type Column struct {
	Name string
	Doc  lang.Text
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
func (e *Engine) define(x *entity.Entity, find Find) (Definition, error) {
	b, ok := e.bearers[x.Kind]
	if !ok {
		return Definition{}, fault.New(fault.NotFound, "a %s bears no claim", x.Kind).Coded("claim.none").WithHint("claims are borne by %s", fmt.Sprint(e.bearerNames()))
	}
	d, err := b.Claim(x, find)
	d.Statement = cmp.Or(d.Statement, x.DisplayTitle())
	return d, err
}

// finder returns a Find over the present, that reads each entity once.
func (e *Engine) finder(ctx context.Context, c *catalog.Catalog, org string) Find {
	return once(func(ref entity.Ref) (*entity.Entity, error) { return c.Get(ctx, catalog.Program(org, "claims"), ref) })
}

// once keeps what a Find has found.
func once(find Find) Find {
	type found struct {
		x   *entity.Entity
		err error
	}
	kept := map[entity.Ref]found{}
	return func(ref entity.Ref) (*entity.Entity, error) {
		f, ok := kept[ref]
		if !ok {
			f.x, f.err = find(ref)
			kept[ref] = f
		}
		return f.x, f.err
	}
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
		out = e.kept(p.Records.From, p.Records.usesLinks())
	case p.Query != nil && p.Query.from() != "":
		out = e.kept(p.Query.from(), p.Query.usesLinks())
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

// kept names what a population of what is kept here follows from.
func (e *Engine) kept(from string, links bool) []string {
	out := []string{e.source(from)}
	if t := e.tables[out[0]]; t != nil {
		out = append(out, lowerAll(t.Kinds)...)
	}
	if links {
		out = append(out, e.linkSources(from)...)
	}
	return out
}

func measureSource(uid string) string { return "measure:" + uid }
