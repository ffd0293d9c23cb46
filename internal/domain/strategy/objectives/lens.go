package objectives

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web"
)

// lens looks at some key results for a page: all that is read of them is read
// at once, and each is judged as of now.
type lens struct {
	c        *web.Ctx
	spans    map[entity.Ref]*okr.Span // by key result
	views    map[string]*claim.View   // by uid
	points   map[string][]okr.Point   // by uid, a value for each day
	measures map[string]*entity.Entity
	checks   map[entity.Ref][]checkIn // the newest first
	blockers map[entity.Ref][]blocker // that are open
	people   map[string]web.Thing     // by the reference as it is written
}

type blocker struct {
	*entity.Entity
	Blocker
}

// look reads what is to be known of key results, their values since a day.
func look(c *web.Ctx, results []*result, spans map[entity.Ref]*okr.Span, since time.Time) (*lens, error) {
	l := &lens{c: c, spans: spans, views: map[string]*claim.View{}, points: map[string][]okr.Point{}, measures: map[string]*entity.Entity{},
		checks: map[entity.Ref][]checkIn{}, blockers: map[entity.Ref][]blocker{}, people: map[string]web.Thing{}}
	if len(results) == 0 {
		return l, nil
	}
	for _, step := range []func([]*result, time.Time) error{l.claims, l.history, l.checkIns, l.obstacles, l.names} {
		if err := step(results, since); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *lens) claims(results []*result, _ time.Time) error {
	if l.c.App.Claims == nil {
		return nil
	}
	var all []*entity.Entity
	for _, kr := range results {
		all = append(all, kr.Entity)
	}
	views, err := l.c.App.Claims.ViewsOf(l.c.R.Context(), l.c.Caller, all)
	for _, v := range views {
		l.views[v.UID] = v
	}
	return err
}

// history reads the values of key results: those of the measure where there is
// one, since it was there before.
func (l *lens) history(results []*result, since time.Time) error {
	if l.c.App.Claims == nil {
		return nil
	}
	var sources []*entity.Entity
	from := map[string][]*result{} // by the uid of the source
	for _, kr := range results {
		source := kr.Entity
		if !kr.typed() {
			m, err := l.measure(kr)
			if err != nil {
				return err
			}
			if m != nil {
				source = m
			}
		}
		if from[source.Metadata.UID] == nil {
			sources = append(sources, source)
		}
		from[source.Metadata.UID] = append(from[source.Metadata.UID], kr)
	}
	by, err := l.c.App.Claims.Histories(l.c.R.Context(), l.c.Caller.Org, sources, claim.ValueTest, since, l.c.Now.Add(time.Minute), 0)
	if err != nil {
		return err
	}
	for uid, points := range by {
		for _, kr := range from[uid] {
			l.points[kr.Metadata.UID] = daily(points, l.spans[kr.Ref()])
		}
	}
	return nil
}

func (l *lens) measure(kr *result) (*entity.Entity, error) {
	ref, err := entity.ParseRef(kr.Measure, "measure", kr.Metadata.Namespace)
	if err != nil {
		return nil, nil
	}
	if m, ok := l.measures[ref.String()]; ok {
		return m, nil
	}
	m, err := l.c.Find(ref)
	l.measures[ref.String()] = m
	return m, err
}

// daily keeps the last value of each day, so that a number that is taken often
// does not outweigh the weeks before.
func daily(points []claim.Point, span *okr.Span) []okr.Point {
	zone := time.UTC
	if span != nil && span.Zone != nil {
		zone = span.Zone
	}
	var out []okr.Point
	last := ""
	for _, p := range points {
		if p.Value == nil {
			continue
		}
		day := p.AsOf.In(zone).Format(time.DateOnly)
		if day == last {
			out[len(out)-1] = okr.Point{At: p.AsOf, V: *p.Value}
			continue
		}
		last = day
		out = append(out, okr.Point{At: p.AsOf, V: *p.Value})
	}
	return out
}

func refsOf(results []*result) []string {
	var refs []string
	for _, kr := range results {
		refs = append(refs, kr.Ref().String())
	}
	return refs
}

func (l *lens) checkIns(results []*result, _ time.Time) error {
	q := catalog.Query{Kinds: []string{auth.KindCheckIn}, Fields: map[string][]string{"spec.keyResult": refsOf(results)}, Sort: "spec.at", Desc: true}
	return l.c.Catalog().Each(l.c.R.Context(), l.c.Caller, q, func(e *entity.Entity) error {
		s, err := catalog.Spec[CheckIn](e)
		if ref, refErr := entity.ParseRef(s.KeyResult, "keyresult", e.Metadata.Namespace); refErr == nil {
			l.checks[ref] = append(l.checks[ref], checkIn{e, s})
		}
		return err
	})
}

func (l *lens) obstacles(results []*result, _ time.Time) error {
	q := catalog.Query{Kinds: []string{auth.KindBlocker}, Fields: map[string][]string{"spec.blocks": refsOf(results), "status.state": {"open"}}, Sort: "spec.opened"}
	return l.c.Catalog().Each(l.c.R.Context(), l.c.Caller, q, func(e *entity.Entity) error {
		s, err := catalog.Spec[Blocker](e)
		if ref, refErr := entity.ParseRef(s.Blocks, "keyresult", e.Metadata.Namespace); refErr == nil {
			l.blockers[ref] = append(l.blockers[ref], blocker{e, s})
		}
		return err
	})
}

// names looks up whom the pages name: owners, and who said what.
func (l *lens) names(results []*result, _ time.Time) error {
	var written []web.Written
	add := func(in *entity.Entity, text, kind string) {
		if text != "" {
			written = append(written, web.Written{In: in, Text: text, Kind: kind})
		}
	}
	for _, kr := range results {
		add(kr.Entity, kr.Metadata.Owner, "group")
		if kr.of != nil {
			add(kr.of.Entity, kr.of.Metadata.Owner, "group")
		}
		for _, x := range l.checks[kr.Ref()] {
			add(kr.Entity, x.Author, "user")
		}
		for _, b := range l.blockers[kr.Ref()] {
			add(b.Entity, b.Metadata.Owner, "group")
		}
		if v := l.views[kr.Metadata.UID]; v != nil {
			for _, ev := range v.Evidence {
				if ev.Last != nil {
					add(kr.Entity, ev.Last.By, "user")
				}
			}
		}
	}
	things, err := l.c.Named(written)
	for i, t := range things {
		l.people[written[i].Text] = t
	}
	return err
}

// who names a person as a page does.
func (l *lens) who(text string) string {
	if t, ok := l.people[text]; ok {
		return t.Title
	}
	return text
}

// reading judges a key result as of now.
func (l *lens) reading(kr *result) reading {
	span := l.spans[kr.Ref()]
	if v := l.views[kr.Metadata.UID]; v != nil {
		value, trust := trusted(v.Evidence)
		return read(&kr.KeyResult, span, value, trust, v.State, l.c.Now)
	}
	return read(&kr.KeyResult, span, kr.status.Value, okr.Trust(kr.status.Trust), claim.State(kr.status.State), l.c.Now)
}

// diverges reports whether people are sure of what the numbers contradict.
func (l *lens) diverges(kr *result) bool {
	span := l.spans[kr.Ref()]
	if span == nil {
		return false
	}
	goal, points := kr.Goal(), l.points[kr.Metadata.UID]
	var checks []okr.Check
	for _, x := range l.checks[kr.Ref()] {
		check := okr.Check{At: x.when(), Confidence: x.Confidence}
		i, found := slices.BinarySearchFunc(points, check.At, func(p okr.Point, at time.Time) int { return p.At.Compare(at) })
		if !found {
			i--
		}
		if i >= 0 {
			pace := okr.Pace(goal.Progress(points[i].V), goal.Expected(span.Elapsed(check.At)))
			check.Pace = &pace
		}
		checks = append(checks, check)
	}
	return okr.Diverges(checks)
}

// krLine is a key result as the pages show it.
type krLine struct {
	Ref, ID, Href, Title string
	State, Word          string
	Note                 string // why it is not green, or what does not fit
	Evidence             []evLine
	Track                bool
	Now, Due             int // per cent of the way, and of the time
	TrackState           string
	TrackLabel           string
	From, At, To         string
	Spark                []float64
	SparkTarget          *float64
	SparkState           string
	SparkTip             string
	Confidence           string
	Diverges             bool
	Owner                *web.Thing // where it is another than the objective's
	Work                 []web.Thing
	Blockers             int
	CheckIn              string // address of the form; "" when the reader may not
	Closed               bool
}

// bare is a line without what its page says already.
func (l krLine) bare() krLine {
	l.Title, l.Note, l.CheckIn = "", "", ""
	return l
}

type evLine struct{ Health, Href, Name, Value, Meta string }

// stateClass is the class that a standing is shown with.
func stateClass(s okr.Standing, green bool) string {
	switch {
	case s == okr.OffTrack:
		return "bad"
	case s == okr.AtRisk:
		return "warn"
	case s == okr.Unknown:
		return "no"
	case green:
		return "ok"
	}
	return "idle"
}

func word(c *web.Ctx, s okr.Standing) string { return c.T("okr.standing." + string(s)) }

// line makes the line of a key result.
func (l *lens) line(kr *result) krLine {
	c, r := l.c, l.reading(kr)
	out := krLine{Ref: shortOf(kr.Ref()), ID: "kr-" + kr.Metadata.UID, Href: c.Href(kr.Ref()), Title: kr.DisplayTitle(), State: stateClass(r.Standing, r.Green), Word: word(c, r.Standing),
		Closed: kr.Final != nil, Blockers: len(l.blockers[kr.Ref()])}
	out.Evidence = l.evidence(kr)
	out.Diverges = kr.Final == nil && l.diverges(kr)
	out.Note = l.note(kr, &r, out.Diverges)
	l.track(&out, kr, &r)
	l.spark(&out, kr, &r)
	for _, x := range l.checks[kr.Ref()] {
		if x.Confidence != nil {
			out.Confidence = c.T("okr.confidence.of", *x.Confidence)
			break
		}
	}
	if owner := kr.Metadata.Owner; owner != "" && (kr.of == nil || kr.of.Metadata.Owner != owner) {
		t := l.people[owner]
		out.Owner = &t
	}
	if !out.Closed && c.Can(auth.Write, mayWrite(auth.KindCheckIn)) {
		out.CheckIn = checkInAddress(kr.Ref())
	}
	return out
}

// note says in one sentence why a key result is not green though its number is,
// or what does not fit.
func (l *lens) note(kr *result, r *reading, diverges bool) string {
	c := l.c
	v := l.views[kr.Metadata.UID]
	switch {
	case kr.Final != nil:
		return c.T("okr.note.final", lang.Float(c.Lang, kr.Final.Score, 2))
	case diverges:
		return c.T("okr.note.diverges")
	case v != nil && v.Disputed:
		return c.T("okr.note.disputed")
	case r.Trust == okr.Stale:
		return c.T("okr.note.stale")
	case r.Trust == okr.Word && !r.Green && stateClass(r.Standing, false) == "idle":
		return c.T("okr.note.word")
	case v != nil && len(v.Doubts) > 0:
		return c.T("okr.note.doubt", v.Doubts[0].Title)
	}
	return ""
}

// evidence writes what a key result rests on.
func (l *lens) evidence(kr *result) []evLine {
	v := l.views[kr.Metadata.UID]
	if v == nil {
		return nil
	}
	var out []evLine
	for i := range v.Evidence {
		ev := &v.Evidence[i]
		if kr.Final != nil && ev.Last == nil {
			continue
		}
		line := evLine{Health: string(ev.Health), Name: ev.Probe.Label(), Href: l.c.Href(kr.Ref())}
		if !kr.typed() {
			if ref, err := entity.ParseRef(kr.Measure, "measure", kr.Metadata.Namespace); err == nil {
				line.Href, line.Name = "", cmp.Or(ev.Probe.Title, ref.Name)
				if m := l.measures[ref.String()]; m != nil {
					line.Href, line.Name = l.c.Href(m.Ref()), m.DisplayTitle()
				}
			}
		}
		l.said(&line, kr, ev)
		out = append(out, line)
	}
	return out
}

// said completes a line of evidence with what was said, when, and by whom.
func (l *lens) said(line *evLine, kr *result, ev *claim.Evidence) {
	c, r := l.c, ev.Last
	if kr.typed() {
		line.Name = c.T("okr.ev.nobody")
	}
	switch {
	case r == nil:
		line.Meta = c.T("okr.ev.never")
		if kr.typed() {
			line.Meta = ""
		}
		return
	case r.Value != nil:
		line.Value = l.write(kr, *r.Value)
	case r.Reason != "":
		line.Meta = r.Reason
		return
	}
	age := sinceText(c, r.AsOf)
	switch {
	case kr.typed():
		line.Name = c.T("okr.ev.typed", l.who(r.By))
		line.Meta = c.T("okr.ev.until", age, lang.Date(c.Lang, r.Until.In(c.Zone()), c.Here()))
		if ev.Health == claim.Stale {
			line.Meta = c.T("okr.ev.ranout", age, lang.Date(c.Lang, r.Until.In(c.Zone()), c.Here()))
		}
	case r.Asserted:
		line.Meta = c.T("okr.ev.word", age, l.who(r.By))
	case r.Value == nil:
		line.Meta = c.T("okr.ev.nodata", age)
	default:
		line.Meta = age
	}
}

// sinceText writes how long ago a moment was: "6 min ago", "on 15 Sep".
func sinceText(c *web.Ctx, t time.Time) string {
	text, age := lang.Ago(c.Lang, t.In(c.Zone()), c.Here()), c.Now.Sub(t)
	switch {
	case age >= time.Minute && age < 24*time.Hour:
		return c.T("okr.ago", text)
	case age >= 24*time.Hour:
		return c.T("okr.on", text)
	}
	return text
}

// write writes a value of a key result: a number with its unit, a step by its
// name, milestones as a count.
func (l *lens) write(kr *result, v float64) string { return writeValue(l.c, &kr.KeyResult, v) }

func writeValue(c *web.Ctx, s *KeyResult, v float64) string {
	switch okr.Kind(s.Kind) {
	case okr.Ordinal:
		return c.T("okr.step." + []string{"none", "commit", "target", "stretch"}[int(math.Min(math.Max(v, 0), 3))])
	case okr.Milestone:
		return c.T("okr.milestones.of", int(v), len(s.Milestones))
	}
	return s.scale().Write(v, c.Lang)
}

func (l *lens) track(out *krLine, kr *result, r *reading) {
	s := &kr.KeyResult
	scale := s.scale()
	switch {
	case s.keeps():
		out.To = bandText(l.c, s)
	case scale.Start != nil && scale.Target != nil:
		out.From, out.To = l.write(kr, *scale.Start), l.write(kr, *scale.Target)
	}
	if r.Value != nil {
		out.At = l.write(kr, *r.Value)
	}
	if r.Progress == nil {
		return
	}
	out.Track, out.Now, out.TrackState = true, percent(*r.Progress), stateClass(r.Standing, true)
	if r.Expected == nil || s.keeps() {
		out.Due = 100
		out.TrackLabel = l.c.T("okr.track.alone", out.Now)
		return
	}
	out.Due = percent(*r.Expected)
	out.TrackLabel = l.c.T("okr.track", out.Now, out.Due)
}

func percent(share float64) int { return int(math.Round(share * 100)) }

// bandText writes the band of a key result that keeps to one.
func bandText(c *web.Ctx, s *KeyResult) string {
	scale := s.scale()
	switch {
	case s.Low != nil && s.High != nil:
		return lang.Float(c.Lang, *s.Low, s.Decimals) + "–" + scale.Write(*s.High, c.Lang)
	case s.Low != nil:
		return "≥ " + scale.Write(*s.Low, c.Lang)
	case s.High != nil:
		return "≤ " + scale.Write(*s.High, c.Lang)
	}
	return ""
}

// sparkPoints is how many values a small line shows.
const sparkPoints = 40

func (l *lens) spark(out *krLine, kr *result, r *reading) {
	points := l.points[kr.Metadata.UID]
	for _, p := range points[max(0, len(points)-sparkPoints):] {
		out.Spark = append(out.Spark, p.V)
	}
	scale := kr.scale()
	out.SparkTarget = cmp.Or(scale.Target, scale.Low, scale.High)
	if r.Standing == okr.OffTrack {
		out.SparkState = "bad"
	}
	out.SparkTip = l.c.T("okr.spark", len(out.Spark))
}

// work adds what is done for a key result, where the house knows of initiatives.
func (l *lens) work(lines []krLine, results []*result) error {
	if l.c.Catalog().Kinds().Get("Initiative") == nil {
		return nil
	}
	for i, kr := range results {
		things, err := l.c.Related(kr.Ref(), "servedBy")
		if err != nil {
			return err
		}
		lines[i].Work = things
	}
	return nil
}

// checkInAddress is where one checks in on a key result.
func checkInAddress(ref entity.Ref) string {
	return "/objectives/check-in?kr=" + strings.ReplaceAll(shortOf(ref), "/", "%2F")
}

// mine reports whose goals a person answers for: their own and those of the
// groups they belong to or lead.
func mine(c *web.Ctx) (map[string]bool, error) {
	out := map[string]bool{}
	if c.Caller.UserRef == "" {
		return out, nil
	}
	out[c.Caller.UserRef] = true
	ref, err := entity.ParseRef(c.Caller.UserRef, "user", "")
	if err != nil || c.Catalog().Kinds().Get("User") == nil {
		return out, nil
	}
	groups, err := c.Related(ref, "memberOf", "leaderOf")
	if fault.Is(err, fault.Forbidden) {
		return out, nil
	}
	for _, g := range groups {
		out[g.Ref.String()] = true
	}
	return out, err
}

// answered reports whether a key result is one of those.
func (kr *result) answered(by map[string]bool) bool {
	for _, e := range []*entity.Entity{kr.Entity, kr.above()} {
		if e == nil || e.Metadata.Owner == "" {
			continue
		}
		ref, err := entity.ParseRef(e.Metadata.Owner, "group", e.Metadata.Namespace)
		return err == nil && by[ref.String()]
	}
	return false
}

// above is the objective of a key result; nil when there is none.
func (kr *result) above() *entity.Entity {
	if kr.of == nil {
		return nil
	}
	return kr.of.Entity
}

// nan is a day without a value.
var nan = math.NaN()
