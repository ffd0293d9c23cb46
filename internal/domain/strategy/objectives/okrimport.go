package objectives

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okrfile"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// importHand is the manager of everything an import of goals writes.
const importHand = "import/okr"

func importer() catalog.Importer {
	return catalog.Importer{
		Name: "okr", Room: Room, Accept: []string{".csv"},
		Title: lang.T("Objectives and key results", "Objetivos y resultados clave"),
		Doc: lang.T("Lists of objectives as CSV: Appfire OKR for Jira, Betterworks, xto10x. Cycles are made as they are needed. A current value becomes a number that somebody typed, as of the file's date. A row that cannot be understood is reported with its line and column, and the rest is imported. Arguments: date, the day the values are of, today when it is not given; cycle puts all into one cycle; dates=dmy or dates=mdy, decimals=. or decimals=, say how they are written when the file does not tell; force=true takes the file's value where it was changed here as well.",
			"Listas de objetivos en CSV: Appfire OKR for Jira, Betterworks, xto10x. Los ciclos se crean según hacen falta. Un valor actual pasa a ser un número que alguien escribió, con la fecha del fichero. Una fila que no se entiende se informa con su línea y columna, y el resto se importa. Argumentos: date, el día de los valores, hoy si no se da; cycle lo pone todo en un ciclo; dates=dmy o dates=mdy, decimals=. o decimals=, dicen cómo están escritos cuando el fichero no lo dice; force=true toma el valor del fichero donde también se cambió aquí."),
		Args: []catalog.Arg{
			{Name: "date", Doc: lang.T("the day the values are of, as 2026-09-22; today when it is not given", "el día de los valores, como 2026-09-22; hoy si no se da")},
			{Name: "cycle", Doc: lang.T("the cycle that all goes into", "el ciclo en el que entra todo")},
			{Name: "dates", Doc: lang.T("how dates are written when the file does not tell: dmy or mdy", "cómo se escriben las fechas cuando el fichero no lo dice: dmy o mdy")},
			{Name: "decimals", Doc: lang.T("what comes before decimals when the file does not tell: a point or a comma", "qué va delante de los decimales cuando el fichero no lo dice: un punto o una coma")},
			{Name: "force", Doc: lang.T("true takes the file's value where it was changed here as well", "true toma el valor del fichero donde también se cambió aquí")},
		},
		Read: importGoals,
	}
}

func importGoals(ctx context.Context, c *catalog.Catalog, caller catalog.Caller, files []catalog.File, opts catalog.ImportOptions) (*catalog.ImportReport, error) {
	caller.Manager = importHand
	in := &goalImport{ctx: ctx, c: c, caller: caller, cycle: strings.TrimSpace(opts.Args["cycle"]), docs: map[entity.Ref]int{}}
	if err := in.dated(opts.Args["date"]); err != nil {
		return nil, err
	}
	if err := in.load(); err != nil {
		return nil, err
	}
	opt := okrfile.Options{Dates: opts.Args["dates"], Decimals: opts.Args["decimals"]}
	for _, f := range files {
		_, goals, problems := okrfile.Read(f.Name, f.Data, opt)
		in.problems = append(in.problems, problems...)
		if err := in.take(f.Name, goals); err != nil {
			return nil, err
		}
	}
	res, err := c.ApplyWith(ctx, caller, in.out, catalog.ApplyOptions{DryRun: opts.DryRun, Force: opts.Args["force"] == "true"}, opts.Progress)
	if err != nil {
		return nil, err
	}
	return in.outcome(res), nil
}

// goalImport is one import under way.
type goalImport struct {
	ctx    context.Context
	c      *catalog.Catalog
	caller catalog.Caller
	at     time.Time // of the values
	cycle  string    // all goes into this one

	cycles     []*cycleOfGoals
	objectives map[string]*entity.Entity // by cycle and title
	results    map[string]*entity.Entity // by objective and title
	names      map[entity.Ref]bool       // that are taken
	people     map[string]string         // address, name or title, folded, to reference

	out      []catalog.Document
	docs     map[entity.Ref]int // place in out
	problems []fault.Problem
	scored   int // key results left as their cycle was closed
}

type cycleOfGoals struct {
	*entity.Entity
	Cycle
	made bool // by this import, and not yet written
}

// dated sets the moment the values are of.
func (in *goalImport) dated(text string) error {
	now := in.c.Now().UTC()
	in.at = now.Truncate(time.Second)
	if text == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fault.New(fault.Invalid, "date=%s is not a day", text).Coded("goal.date").WithHint("write it as 2026-09-22")
	}
	if day.After(now) {
		return fault.New(fault.Invalid, "date=%s lies in the future", text).Coded("goal.date-future").WithHint("give the day the file was written")
	}
	if day.Format(time.DateOnly) != now.Format(time.DateOnly) {
		in.at = day.Add(12 * time.Hour)
	}
	return nil
}

// load reads what is there already.
func (in *goalImport) load() error {
	in.objectives, in.results, in.names, in.people = map[string]*entity.Entity{}, map[string]*entity.Entity{}, map[entity.Ref]bool{}, map[string]string{}
	steps := map[string]func(*entity.Entity) error{
		"Cycle": func(e *entity.Entity) error {
			s, err := catalog.Spec[Cycle](e)
			in.cycles = append(in.cycles, &cycleOfGoals{Entity: e, Cycle: s})
			return err
		},
		"Objective": func(e *entity.Entity) error {
			s, err := catalog.Spec[Objective](e)
			if ref, refErr := entity.ParseRef(s.Cycle, "cycle", e.Metadata.Namespace); refErr == nil {
				in.objectives[keyOf(ref, e.DisplayTitle())] = e
			}
			return err
		},
		"KeyResult": func(e *entity.Entity) error {
			s, err := catalog.Spec[KeyResult](e)
			if ref, refErr := s.objective(e); refErr == nil {
				in.results[keyOf(ref, e.DisplayTitle())] = e
			}
			return err
		},
		"User": in.person, "Group": in.person,
	}
	for _, kind := range slices.Sorted(maps.Keys(steps)) {
		k := in.c.Kinds().Get(kind)
		if k == nil || in.caller.Can(auth.Read, k.Resource()) != nil {
			continue
		}
		err := in.c.Each(in.ctx, in.caller, catalog.Query{Kinds: []string{kind}}, func(e *entity.Entity) error {
			in.names[e.Ref()] = true
			return steps[kind](e)
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(in.cycles, func(a, b *cycleOfGoals) int { return strings.Compare(a.Start, b.Start) })
	return nil
}

func keyOf(in entity.Ref, title string) string { return in.String() + "\x00" + foldText(title) }

// foldText makes titles comparable.
func foldText(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// person remembers by which words a person or group is meant. Groups come
// first, and do not hide a person's address.
func (in *goalImport) person(e *entity.Entity) error {
	ref := strings.ToLower(e.Kind) + ":" + shortOf(e.Ref())
	for _, word := range append([]string{ref, e.Ref().String(), e.Metadata.Name, e.DisplayTitle()}, emailOf(e), displayNameOf(e)) {
		if word = foldText(word); word != "" && in.people[word] == "" {
			in.people[word] = ref
		}
	}
	return nil
}

func (in *goalImport) report(file string, line int, code string, args ...string) {
	in.problems = append(in.problems, newProblem(file, line, code, args...))
}

// take turns the goals of a file into entities.
func (in *goalImport) take(file string, goals []okrfile.Goal) error {
	refs := make([]entity.Ref, len(goals)) // the zero Ref for what was refused
	cycles := make([]*cycleOfGoals, len(goals))
	for i := range goals {
		g := &goals[i]
		if g.Parent >= 0 && refs[g.Parent] == (entity.Ref{}) {
			in.report(file, g.Line, "below", g.Title, goals[g.Parent].Title)
			continue
		}
		var err error
		if g.Kind == okrfile.Objective {
			if cycles[i] = in.cycleFor(file, g, cycles, goals); cycles[i] == nil {
				continue
			}
			refs[i], err = in.objective(file, g, cycles[i], refs, goals)
		} else {
			cycles[i] = cycles[g.Parent]
			refs[i], err = in.keyResult(file, g, cycles[i], refs[g.Parent])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cycleFor finds the cycle a goal belongs to, or makes it; nil when it cannot be
// known.
func (in *goalImport) cycleFor(file string, g *okrfile.Goal, cycles []*cycleOfGoals, goals []okrfile.Goal) *cycleOfGoals {
	period, from, to := cmp.Or(in.cycle, g.Period), g.From, g.To
	if g.Parent >= 0 && period == "" && from.IsZero() {
		return cycles[g.Parent]
	}
	for _, c := range in.cycles {
		if period != "" && (foldText(c.DisplayTitle()) == foldText(period) || foldText(c.Metadata.Name) == foldText(period)) {
			return c
		}
	}
	if in.cycle != "" {
		in.report(file, g.Line, "cycle", in.cycle)
		return nil
	}
	if first, last, ok := periodDays(period); ok {
		from, to = first, last
	}
	if from.IsZero() || to.IsZero() {
		in.report(file, g.Line, "period", period)
		return nil
	}
	for _, c := range in.cycles {
		if c.Start == from.Format(time.DateOnly) && c.End == to.Format(time.DateOnly) {
			return c
		}
	}
	return in.newCycle(file, g, cmp.Or(period, periodName(from, to)), from, to)
}

func (in *goalImport) newCycle(file string, g *okrfile.Goal, title string, from, to time.Time) *cycleOfGoals {
	c := &cycleOfGoals{made: true, Cycle: Cycle{Start: from.Format(time.DateOnly), End: to.Format(time.DateOnly), State: Running}}
	span, _ := c.Span()
	switch day := span.Day(in.c.Now()); {
	case day < 1:
		c.State = Planning
	case day > span.Days():
		c.State = InReview
	}
	c.Entity = &entity.Entity{APIVersion: entity.APIVersion, Kind: "Cycle", Metadata: entity.Metadata{Name: in.free("cycle", title), Title: title}}
	c.Spec = encode(c.Cycle)
	in.add(file, g.Line, c.Entity)
	in.cycles = append(in.cycles, c)
	return c
}

var (
	quarterPattern = regexp.MustCompile(`(?i)^(?:FY ?)?(?:([QT])([1-4])|([HS])([12]))?[ \-/]*(\d{4})(?:[ \-/]*(?:([QT])([1-4])|([HS])([12])))?$`)
)

// periodDays reads "Q3 2026", "2026-Q3", "T3 2026", "H2 2026", "S2 2026" and
// "2026".
func periodDays(s string) (first, last time.Time, ok bool) {
	m := quarterPattern.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return first, last, false
	}
	year, _ := strconv.Atoi(m[5])
	quarter, half := cmp.Or(m[2], m[7]), cmp.Or(m[4], m[9])
	month, months := 1, 12
	switch {
	case quarter != "" && half != "", m[2] != "" && m[7] != "", m[4] != "" && m[9] != "":
		return first, last, false
	case quarter != "":
		n, _ := strconv.Atoi(quarter)
		month, months = 3*n-2, 3
	case half != "":
		n, _ := strconv.Atoi(half)
		month, months = 6*n-5, 6
	}
	first = time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)
	return first, first.AddDate(0, months, -1), year >= 1970 && year <= 2200
}

// periodName is what people call a stretch of days.
func periodName(from, to time.Time) string {
	for _, name := range []string{fmt.Sprintf("Q%d %d", (int(from.Month())+2)/3, from.Year()), fmt.Sprintf("H%d %d", (int(from.Month())+5)/6, from.Year()), fmt.Sprint(from.Year())} {
		if first, last, ok := periodDays(name); ok && first.Equal(from) && last.Equal(to) {
			return name
		}
	}
	return from.Format(time.DateOnly) + " – " + to.Format(time.DateOnly)
}

// free makes a name that is not taken.
func (in *goalImport) free(kind, title string) string {
	base := cmp.Or(nameOf(title), kind)
	name := base
	for i := 2; in.names[entity.NewRef(kind, "", name)]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	in.names[entity.NewRef(kind, "", name)] = true
	return name
}

func (in *goalImport) add(file string, line int, e *entity.Entity) {
	in.docs[e.Ref()] = len(in.out)
	in.out = append(in.out, catalog.Document{Entity: e, File: file, Line: line})
}

// draftOf begins the document of a goal: under the name of the one there is, or
// a new one.
func (in *goalImport) draftOf(kind string, there *entity.Entity, cycle *cycleOfGoals, g *okrfile.Goal) *entity.Entity {
	if there == nil {
		e := &entity.Entity{APIVersion: entity.APIVersion, Kind: kind, Metadata: entity.Metadata{Title: g.Title}}
		e.Metadata.Name = in.free(strings.ToLower(kind), cycle.Metadata.Name+"-"+g.Title)
		return e
	}
	return &entity.Entity{APIVersion: there.APIVersion, Kind: kind, Metadata: entity.Metadata{Name: there.Metadata.Name, Namespace: there.Metadata.Namespace, Title: cmp.Or(there.Metadata.Title, g.Title)}}
}

const teamsKey = "binnacle.dev/okr-teams"

// common writes what objectives and key results have: owner, labels, teams and
// description. What says the same as what is there is written as that is.
func (in *goalImport) common(file string, e, there *entity.Entity, g *okrfile.Goal) {
	m := &e.Metadata
	m.Tags, m.Description = slices.Clone(g.Labels), g.Description
	if len(g.Teams) > 0 {
		m.Annotations = map[string]string{teamsKey: strings.Join(g.Teams, ", ")}
	}
	words := []string{g.Owner}
	if g.Owner == "" {
		words = g.Teams
	}
	for _, word := range words {
		if m.Owner == "" && word != "" {
			m.Owner = in.called(word)
		}
	}
	if g.Owner != "" && m.Owner == "" {
		in.report(file, g.Line, "owner", g.Owner)
	}
	if there == nil {
		return
	}
	old := there.Metadata
	if strings.TrimSpace(old.Description) == g.Description {
		m.Description = old.Description
	}
	if slices.Equal(slices.Sorted(slices.Values(old.Tags)), slices.Sorted(slices.Values(m.Tags))) {
		m.Tags = old.Tags
	}
	m.Owner = sameRef(old.Owner, m.Owner, "group", there)
}

// called returns whom a word means: a person or group that is known here, or a
// reference to one; "" for nobody.
func (in *goalImport) called(word string) string {
	if ref := in.people[foldText(word)]; ref != "" {
		return ref
	}
	if ref, err := entity.ParseRef(word, "", ""); err == nil && (ref.Kind == "user" || ref.Kind == "group") {
		return word
	}
	return ""
}

// sameRef returns the reference as it stands where it names the same as the new
// one.
func sameRef(old, now, kind string, in *entity.Entity) string {
	a, errA := entity.ParseRef(old, kind, in.Metadata.Namespace)
	b, errB := entity.ParseRef(now, kind, in.Metadata.Namespace)
	if errA == nil && errB == nil && a == b {
		return old
	}
	return now
}

// levelWords are what the levels of objectives are called.
var levelWords = map[string]string{"company": "organisation", "organization": "organisation", "organisation": "organisation", "empresa": "organisation", "organización": "organisation", "corporate": "organisation",
	"area": "area", "department": "area", "área": "area", "departamento": "area", "business unit": "area", "team": "team", "equipo": "team", "person": "person", "individual": "person", "personal": "person", "persona": "person"}

var stateOfFile = map[okrfile.State]string{okrfile.Draft: Draft, okrfile.Active: Active, okrfile.Achieved: Achieved, okrfile.Missed: Missed, okrfile.Dropped: Dropped}

func (in *goalImport) objective(file string, g *okrfile.Goal, cycle *cycleOfGoals, refs []entity.Ref, goals []okrfile.Goal) (entity.Ref, error) {
	key := keyOf(cycle.Ref(), g.Title)
	there := in.objectives[key]
	e := in.draftOf("Objective", there, cycle, g)
	if _, twice := in.docs[e.Ref()]; twice {
		in.report(file, g.Line, "twice", g.Title)
		return entity.Ref{}, nil
	}
	in.common(file, e, there, g)
	s := Objective{Cycle: shortOf(cycle.Ref()), State: cmp.Or(stateOfFile[g.State], Active), Level: levelWords[foldText(g.Level)], Weight: g.Weight}
	if g.Parent >= 0 {
		above := refs[g.Parent]
		s.Parent = shortOf(above)
		if goals[g.Parent].Kind == okrfile.KeyResult {
			s.Parent = "keyresult:" + s.Parent
		}
	}
	if there != nil {
		old, err := catalog.Spec[Objective](there)
		if err != nil {
			return entity.Ref{}, err
		}
		s.Cycle, s.Parent = sameRef(old.Cycle, s.Cycle, "cycle", there), sameRef(old.Parent, s.Parent, "objective", there)
		if g.State == "" {
			s.State = old.State
		}
	}
	e.Spec = encode(s)
	in.add(file, g.Line, e)
	in.objectives[key] = e
	return e.Ref(), nil
}

func (in *goalImport) keyResult(file string, g *okrfile.Goal, cycle *cycleOfGoals, objective entity.Ref) (entity.Ref, error) {
	key := keyOf(objective, g.Title)
	there := in.results[key]
	var old KeyResult
	if there != nil {
		var err error
		if old, err = catalog.Spec[KeyResult](there); err != nil {
			return entity.Ref{}, err
		}
	}
	if old.Final != nil {
		in.scored++
		return there.Ref(), nil
	}
	if there == nil && g.Start == nil && !g.Milestone {
		in.report(file, g.Line, "values", g.Title)
		return entity.Ref{}, nil
	}
	e := in.draftOf("KeyResult", there, cycle, g)
	if _, twice := in.docs[e.Ref()]; twice {
		in.report(file, g.Line, "twice", g.Title)
		return entity.Ref{}, nil
	}
	in.common(file, e, there, g)
	s := resultOf(g, objective)
	if there != nil {
		s = old.with(s, there)
	}
	e.Spec = encode(s)
	in.add(file, g.Line, e)
	in.results[key] = e
	if g.Current != nil && s.typed() {
		return e.Ref(), in.value(file, g, e, &s, there)
	}
	return e.Ref(), nil
}

// resultOf is a key result as its row says.
func resultOf(g *okrfile.Goal, objective entity.Ref) KeyResult {
	s := KeyResult{Objective: shortOf(objective), Kind: string(okr.Metric), Start: g.Start, Target: g.Target, Unit: g.Unit, Weight: g.Weight}
	if g.Milestone {
		return KeyResult{Objective: s.Objective, Kind: string(okr.Milestone), Milestones: []string{g.Title}, Weight: g.Weight}
	}
	return s
}

// with is what a row says of a key result that is there: one that is not a
// number with a start and a target keeps how it is counted.
func (s KeyResult) with(row KeyResult, there *entity.Entity) KeyResult {
	out := KeyResult{Objective: sameRef(s.Objective, row.Objective, "objective", there), Kind: s.Kind, Unit: cmp.Or(row.Unit, s.Unit), Weight: row.Weight, Measure: s.Measure}
	if s.Kind == string(okr.Metric) && !s.keeps() && row.Kind == s.Kind && row.Start != nil {
		out.Start, out.Target = row.Start, row.Target
		if s.Direction != "" {
			out.Direction = string((&KeyResult{Kind: s.Kind, Start: row.Start, Target: row.Target}).Goal().Direction)
		}
		return out
	}
	out.Direction, out.Start, out.Target, out.Low, out.High, out.Tolerance, out.Steps, out.Milestones = s.Direction, s.Start, s.Target, s.Low, s.High, s.Tolerance, s.Steps, s.Milestones
	return out
}

// value makes a check-in of the current value of a row, unless that is the
// number there is.
func (in *goalImport) value(file string, g *okrfile.Goal, e *entity.Entity, s *KeyResult, there *entity.Entity) error {
	if err := s.takes(*g.Current); err != nil {
		in.report(file, g.Line, "value", g.Title)
		return nil
	}
	if there != nil {
		now, err := present(in.ctx, in.c, in.caller, there)
		if err != nil || now != nil && *now == *g.Current {
			return err
		}
	}
	h := fnv.New32a()
	fmt.Fprint(h, *g.Current)
	x := &entity.Entity{APIVersion: entity.APIVersion, Kind: auth.KindCheckIn, Metadata: entity.Metadata{Namespace: e.Metadata.Namespace}}
	x.Metadata.Name = fmt.Sprintf("%s-%s-%08x", cut(e.Metadata.Name, 100), in.at.Format(time.DateOnly), h.Sum32())
	if _, err := in.c.Get(in.ctx, in.caller, x.Ref()); !fault.Is(err, fault.NotFound) {
		return err
	}
	x.Spec = encode(CheckIn{KeyResult: e.Metadata.Name, At: in.at.Format(time.RFC3339), Value: g.Current, Note: file})
	in.add(file, g.Line, x)
	return nil
}

func (in *goalImport) outcome(res *catalog.ApplyResult) *catalog.ImportReport {
	r := &catalog.ImportReport{ApplyResult: *res, Problems: in.problems}
	r.TellChanges()
	if in.scored > 0 {
		r.Tell(lang.T(fmt.Sprintf("%d scored in a closed cycle and left", in.scored), fmt.Sprintf("%d con puntuación en un ciclo cerrado, sin tocar", in.scored)))
	}
	r.TellProblems()
	return r
}
