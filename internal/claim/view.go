package claim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// View is a claim as a reader sees it at one moment.
type View struct {
	Entity    *entity.Entity
	UID, Ref  string
	Kind      string
	Statement string
	Room      string
	Owner     string // a full reference; "" without one
	Subject   string // as written

	State    State // what is shown
	Own      State // what its own evidence gives
	Disputed bool
	Doubts   []Doubt   // those the reader may read
	Why      lang.Text // the state in one sentence
	Since    time.Time // when it came into its state
	Evidence []Evidence

	Scale    Scale
	Value    *float64
	AsOf     time.Time // the moment Value is about
	Zone     Zone
	Asserted bool // Value is somebody's word
	Closed   bool // it is not tested any more

	hidden int // how many doubts the reader may not read
}

// Health is that of the worst evidence; Missing when there are no tests.
func (v *View) Health() Health {
	order := []Health{Live, Stale, Missing, Against}
	out := 0
	if len(v.Evidence) == 0 {
		return Missing
	}
	for _, ev := range v.Evidence {
		out = max(out, slices.Index(order, ev.Health))
	}
	return order[out]
}

// Get returns the claim that an entity bears.
func (e *Engine) Get(ctx context.Context, caller catalog.Caller, ref entity.Ref) (*View, error) {
	x, err := e.catalog.Get(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	views, err := e.ViewsOf(ctx, caller, []*entity.Entity{x})
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, fault.New(fault.NotFound, "a %s bears no claim", x.Kind).Coded("claim.none")
	}
	return views[0], nil
}

// Filter narrows Views. Empty fields do not narrow.
type Filter struct {
	Kinds   []string // names of kinds
	Room    string
	Subject string // a full reference: claims about it
	UIDs    []string
	States  []State
	Owner   string // a full reference
	Limit   int    // 0: all
}

// Views returns claims the caller may read, the worst state first, the longest
// in it first.
func (e *Engine) Views(ctx context.Context, caller catalog.Caller, f Filter) ([]*View, error) {
	var entities []*entity.Entity
	err := e.db.View(ctx, func(tx *sqldb.Tx) error {
		uids, err := e.find(ctx, tx, caller, f)
		if err != nil {
			return err
		}
		found, err := e.catalog.ByUIDs(ctx, tx, caller.Org, uids)
		entities = nil
		for _, uid := range uids {
			if x := found[uid]; x != nil {
				entities = append(entities, x)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	views, err := e.ViewsOf(ctx, caller, entities)
	if err != nil {
		return nil, err
	}
	if len(f.States) > 0 {
		views = slices.DeleteFunc(views, func(v *View) bool { return !slices.Contains(f.States, v.State) })
	}
	slices.SortStableFunc(views, func(a, b *View) int {
		if a.State != b.State {
			return worse[b.State] - worse[a.State]
		}
		return a.Since.Compare(b.Since)
	})
	return views, nil
}

func (e *Engine) find(ctx context.Context, q sqldb.Querier, caller catalog.Caller, f Filter) ([]string, error) {
	where, args := []string{"s.org = ?"}, []any{caller.Org}
	in := func(column string, values []string) {
		if len(values) > 0 {
			where = append(where, column+" IN "+sqldb.In(len(values)))
			for _, v := range values {
				args = append(args, v)
			}
		}
	}
	readable := e.readable(caller)
	if len(readable) == 0 {
		return nil, nil
	}
	in("s.kind", readable)
	in("s.kind", f.Kinds)
	in("s.claim", f.UIDs)
	if f.Room != "" {
		in("s.room", []string{f.Room})
	}
	if f.Owner != "" {
		in("s.owner", []string{f.Owner})
	}
	if f.Subject != "" {
		where = append(where, `s.claim IN (SELECT a.uid FROM relations l JOIN entities a ON a.id = l.id JOIN entities b ON b.id = l.target_id WHERE l.org = ? AND l.type = 'claimedOf' AND b.ref = ? AND b.org = ?)`)
		args = append(args, caller.Org, f.Subject, caller.Org)
	}
	text := `SELECT s.claim FROM claim_states s WHERE ` + strings.Join(where, " AND ") + ` ORDER BY s.ref`
	if f.Limit > 0 {
		text += fmt.Sprintf(` LIMIT %d`, f.Limit)
	}
	return sqldb.Values[string](ctx, q, text, args...)
}

// readable lists the kinds that bear claims and that the caller may read.
func (e *Engine) readable(caller catalog.Caller) []string {
	var out []string
	for _, name := range e.bearerNames() {
		if k := e.catalog.Kinds().Get(name); k != nil && caller.Can(auth.Read, k.Resource()) == nil {
			out = append(out, name)
		}
	}
	return out
}

// ViewsOf returns the claims that some entities bear, in their order; those
// that bear none are left out.
func (e *Engine) ViewsOf(ctx context.Context, caller catalog.Caller, entities []*entity.Entity) ([]*View, error) {
	now := e.now().UTC()
	var out []*View
	err := e.db.View(ctx, func(tx *sqldb.Tx) error {
		out = nil
		rows, last, err := e.stored(ctx, tx, caller.Org, entities)
		if err != nil {
			return err
		}
		find := e.finder(ctx, e.catalog.In(tx), caller.Org)
		for _, x := range entities {
			if !e.Bears(x.Kind) {
				continue
			}
			v, err := e.view(caller, x, find, rows[x.Metadata.UID], last[x.Metadata.UID], now)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// stored reads the states and the last runs of some entities.
func (e *Engine) stored(ctx context.Context, q sqldb.Querier, org string, entities []*entity.Entity) (map[string]row, map[string]map[string]*Run, error) {
	rows, last := map[string]row{}, map[string]map[string]*Run{}
	for part := range slices.Chunk(entities, 1000) {
		args := []any{org}
		for _, x := range part {
			args = append(args, x.Metadata.UID)
		}
		in := sqldb.In(len(part))
		err := sqldb.Each(ctx, q, func(s sqldb.Row) error {
			r, err := scanState(s)
			rows[r.uid] = r
			return err
		}, `SELECT `+rowColumns+` FROM claim_states WHERE org = ? AND claim IN `+in, args...)
		if err != nil {
			return nil, nil, err
		}
		err = sqldb.Each(ctx, q, func(s sqldb.Row) error {
			r, err := scanRun(s)
			if err != nil {
				return err
			}
			if last[r.Claim] == nil {
				last[r.Claim] = map[string]*Run{}
			}
			last[r.Claim][r.Test] = r
			return nil
		}, `SELECT `+prefixed+` FROM claim_last l JOIN claim_runs r ON r.org = l.org AND r.claim = l.claim AND r.seq = l.seq WHERE l.org = ? AND l.claim IN `+in, args...)
		if err != nil {
			return nil, nil, err
		}
	}
	return rows, last, nil
}

// view reads a claim at a moment. Its own state is judged anew, so that what
// has grown too old a second ago is not green; doubt is as it was stored.
func (e *Engine) view(caller catalog.Caller, x *entity.Entity, find Find, stored row, last map[string]*Run, now time.Time) (*View, error) {
	d, err := e.define(x, find)
	if err != nil {
		return nil, err
	}
	now = d.judgedAt(now)
	v := &View{Entity: x, UID: x.Metadata.UID, Ref: x.Ref().String(), Kind: x.Kind, Statement: d.Statement, Room: d.Room, Owner: ownerOf(x), Subject: d.Subject,
		Scale: d.Scale, Evidence: d.evidence(last, now), Doubts: stored.doubts, Disputed: stored.disputed, Since: stored.since, Closed: d.Closed}
	v.Own = judgeAll(v.Evidence)
	v.State = v.Own.With(len(v.Doubts))
	if v.Disputed {
		v.State = Disputed
	}
	if v.State != stored.state {
		v.Since = now
	}
	for _, ev := range v.Evidence {
		if ev.Last != nil && ev.Last.Value != nil {
			v.Value, v.AsOf, v.Zone, v.Asserted, v.Scale = ev.Last.Value, ev.Last.AsOf, ev.Last.Zone, ev.Last.Asserted, ev.Scale
			break
		}
	}
	v.Doubts = e.readableDoubts(caller, stored.doubts)
	v.hidden = len(stored.doubts) - len(v.Doubts)
	v.Why = v.why(now, e.naming(caller, find))
	return v, nil
}

// Called returns what a person is called in a sentence the caller reads.
func (e *Engine) Called(ctx context.Context, caller catalog.Caller, by string) string {
	return e.naming(caller, e.finder(ctx, e.catalog, caller.Org))(by)
}

// naming returns how people are called in sentences: by the title of their
// record where the caller may read it, else by the name in a reference, or what
// was written.
func (e *Engine) naming(caller catalog.Caller, find Find) func(by string) string {
	return func(by string) string {
		ref, err := entity.ParseRef(by, "", "")
		if err != nil || !strings.Contains(by, ":") {
			return by
		}
		if k := e.catalog.Kinds().Get(ref.Kind); k != nil && caller.Can(auth.Read, k.Resource()) == nil {
			if x, err := find(ref); err == nil {
				return x.DisplayTitle()
			}
		}
		return ref.Name
	}
}

// readableDoubts returns those doubts that come from what the caller may read.
func (e *Engine) readableDoubts(caller catalog.Caller, list []Doubt) []Doubt {
	if len(list) == 0 {
		return list
	}
	readable := map[string]bool{}
	for _, name := range e.readable(caller) {
		readable[lower(name)] = true
	}
	var out []Doubt
	for _, d := range list {
		if kind, _, _ := strings.Cut(d.Ref, ":"); readable[kind] {
			out = append(out, d)
		}
	}
	return out
}

// why says in one sentence why a claim is in its state.
func (v *View) why(now time.Time, name func(string) string) lang.Text {
	count := func(h Health) (n int, first *Evidence) {
		for i := range v.Evidence {
			if v.Evidence[i].Health == h {
				if n++; first == nil {
					first = &v.Evidence[i]
				}
			}
		}
		return n, first
	}
	against, bad := count(Against)
	stale, old := count(Stale)
	missing, none := count(Missing)
	switch {
	case v.Disputed:
		return lang.T("Somebody disputes it and the owner has not answered.", "Alguien la disputa y el responsable no ha respondido.")
	case len(v.Evidence) == 0:
		return lang.T("It has no test.", "No tiene ninguna prueba.")
	case against > 0:
		return bad.finding(bad.Scale, name)
	case v.State == Unsupported:
		return none.lack()
	case missing > 0:
		return none.lack()
	case stale > 0:
		return old.age(now)
	case v.Asserted:
		return lang.T("The number is somebody's word.", "El número es la palabra de alguien.")
	case len(v.Doubts) > 0:
		d := v.Doubts[0]
		return lang.T("It leans on “"+d.Title+"”, which is "+d.State.Word().En+".", "Se apoya en «"+d.Title+"», que está "+d.State.Word().Es+".")
	case v.hidden > 0:
		return lang.T("It leans on something in doubt that you may not read.", "Se apoya en algo en duda que no puedes leer.")
	case v.State == Weak:
		return lang.T("Some of its evidence is somebody's word.", "Parte de su evidencia es la palabra de alguien.")
	}
	n := len(v.Evidence)
	if n == 1 {
		return lang.T("Its evidence is live.", "Su evidencia está al día.")
	}
	return lang.T(fmt.Sprintf("All %d pieces of evidence are live.", n), fmt.Sprintf("Las %d evidencias están al día.", n))
}

// finding says what contradicts.
func (x *Evidence) finding(s Scale, person func(string) string) lang.Text {
	r := x.Last
	name := x.Probe.Label()
	switch {
	case x.Probe.Attest != nil:
		return lang.T(person(r.By)+" says that it does not hold.", person(r.By)+" dice que no se cumple.")
	case r.Value != nil && x.Probe.Must != "":
		m, err := parseMust(x.Probe.Must)
		if err != nil {
			break // checked when it was written
		}
		return lang.T(fmt.Sprintf("%s is %s; it must be %s.", name, s.Write(*r.Value, lang.English), m.say(s, lang.English)),
			fmt.Sprintf("%s es %s; debe ser %s.", name, s.Write(*r.Value, lang.Spanish), m.say(s, lang.Spanish)))
	case r.Value != nil && s.Target != nil:
		return lang.T(fmt.Sprintf("It stands at %s; the target is %s.", s.Write(*r.Value, lang.English), s.Write(*s.Target, lang.English)),
			fmt.Sprintf("Está en %s; el objetivo es %s.", s.Write(*r.Value, lang.Spanish), s.Write(*s.Target, lang.Spanish)))
	case r.Value != nil && r.N < 0:
		return lang.T("It stands at "+s.Write(*r.Value, lang.English)+".", "Está en "+s.Write(*r.Value, lang.Spanish)+".")
	}
	en, es, left := "do", "cumplen", r.Exceptions-r.Excused
	if left == 1 {
		en, es = "does", "cumple"
	}
	return lang.T(fmt.Sprintf("%s: %d of %d %s not meet it.", name, left, r.N, en), fmt.Sprintf("%s: %d de %d no lo %s.", name, left, r.N, es))
}

// lack says why there is no evidence.
func (x *Evidence) lack() lang.Text {
	name := x.Probe.Label()
	switch {
	case x.Last == nil && x.Probe.Attest != nil:
		return lang.T(name+": nobody has attested it.", name+": nadie la ha atestado.")
	case x.Last == nil && x.Probe.Typed != nil:
		return lang.T("Nobody has typed a number.", "Nadie ha escrito un número.")
	case x.Last == nil:
		return lang.T(name+" has not been run.", name+" no se ha ejecutado.")
	case x.Last.Verdict == Failed:
		return lang.T(name+" could not be carried out: "+x.Last.Reason, name+" no se pudo ejecutar: "+x.Last.Reason)
	case x.Last.N == 0:
		return lang.T(name+" found nobody to ask: not tested.", name+" no encontró a quién preguntar: sin probar.")
	}
	return lang.T(name+" has no data.", name+" no tiene datos.")
}

func (x *Evidence) age(now time.Time) lang.Text {
	name := x.Probe.Label()
	if !x.Last.Until.IsZero() && !now.Before(x.Last.Until) {
		return lang.T("The word given for "+name+" ran out on "+lang.Date(lang.English, x.Last.Until, now)+".", "La palabra dada para "+name+" caducó el "+lang.Date(lang.Spanish, x.Last.Until, now)+".")
	}
	days := int(now.Sub(x.Last.AsOf).Hours() / 24)
	if days < 2 {
		hours := int(now.Sub(x.Last.AsOf).Hours())
		return lang.T(fmt.Sprintf("%s is %d hours old.", name, hours), fmt.Sprintf("%s tiene %d horas.", name, hours))
	}
	return lang.T(fmt.Sprintf("%s is %d days old.", name, days), fmt.Sprintf("%s tiene %d días.", name, days))
}

// Write writes a number with its decimals and unit. Negative Decimals are as
// many as it needs, at most two.
func (s Scale) Write(v float64, l lang.Code) string {
	if s.Decimals < 0 {
		v = math.Round(v*100) / 100
	}
	text := lang.Float(l, v, s.Decimals)
	switch {
	case s.Unit == "":
		return text
	case s.Unit == "%" && l == lang.English:
		return text + "%"
	case l == lang.English && (s.Unit == "€" || s.Unit == "$" || s.Unit == "£"):
		if v < 0 {
			return "−" + s.Unit + lang.Float(l, -v, s.Decimals)
		}
		return s.Unit + text
	}
	return text + "\u00a0" + s.Unit
}

// Runs returns runs of a claim, the newest first; before, when not 0, is the
// run to go on below; test, when not empty, narrows them to one.
func (e *Engine) Runs(ctx context.Context, caller catalog.Caller, ref entity.Ref, test string, before int64, limit int) ([]*Run, error) {
	x, err := e.catalog.Get(ctx, caller, ref)
	if err != nil {
		return nil, err
	}
	where, args := `r.org = ? AND r.claim = ?`, []any{caller.Org, x.Metadata.UID}
	if test != "" {
		where, args = where+` AND r.test = ?`, append(args, test)
	}
	if before > 0 {
		where, args = where+` AND r.seq < ?`, append(args, before)
	}
	return e.runs(ctx, e.db, where+` ORDER BY r.seq DESC LIMIT ?`, append(args, limit)...)
}

// RunOf returns one run of a claim with its question and its answer in full; the
// members only to who may read what was asked.
func (e *Engine) RunOf(ctx context.Context, caller catalog.Caller, ref entity.Ref, seq int64) (*Run, *Answer, json.RawMessage, error) {
	x, err := e.catalog.Get(ctx, caller, ref)
	if err != nil {
		return nil, nil, nil, err
	}
	r, err := one(e.runs(ctx, e.db, `r.org = ? AND r.claim = ? AND r.seq = ?`, caller.Org, x.Metadata.UID, seq))
	if err != nil {
		return nil, nil, nil, err
	}
	if r == nil {
		return nil, nil, nil, fault.New(fault.NotFound, "%s has no run %d", ref.Short(), seq).Coded("claim.no-run")
	}
	doc, err := e.document(ctx, e.db, caller.Org, r.Result)
	if err != nil {
		return nil, nil, nil, err
	}
	var a Answer
	if err := json.Unmarshal(doc, &a); err != nil {
		return nil, nil, nil, err
	}
	asked, err := e.document(ctx, e.db, caller.Org, r.Query)
	if err == nil && !e.mayRead(caller, asked) {
		a.Population, a.Exceptions, a.Terms = nil, nil, nil
	}
	return r, &a, asked, err
}

// mayRead reports whether a caller may see the members of what a stored
// question asks: those of a kind they may read.
func (e *Engine) mayRead(caller catalog.Caller, asked []byte) bool {
	var q question
	return json.Unmarshal(asked, &q) != nil || q.Test == nil || e.MayReadMembers(caller, q.Test) == nil
}

// MayReadMembers refuses those who may not read what a probe asks: the kind its
// members are of, and what an engine is asked about.
func (e *Engine) MayReadMembers(caller catalog.Caller, p *Probe) error {
	if q := p.Query; q != nil {
		if on := e.languages[q.Language].Read; on != (auth.Resource{}) {
			if err := caller.Can(auth.Read, on); err != nil {
				return err
			}
		}
	}
	if asks := p.Asks(); asks != nil {
		if k := e.catalog.Kinds().Get(asks.From); k != nil {
			return caller.Can(auth.Read, k.Resource())
		}
	}
	return nil
}

func (e *Engine) document(ctx context.Context, q sqldb.Querier, org, hash string) ([]byte, error) {
	var doc []byte
	err := q.QueryRow(ctx, `SELECT doc FROM claim_results WHERE org = ? AND hash = ?`, org, hash).Scan(&doc)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "the document %s is not there", hash).Coded("claim.no-document")
	}
	return doc, err
}

// Turn is a change of a claim's state, or of the reading of its number.
type Turn struct {
	UID   string    `json:"uid"`
	Ref   string    `json:"ref"`
	Kind  string    `json:"kind"`
	Title string    `json:"title"`
	Owner string    `json:"owner,omitempty"`
	Room  string    `json:"room"`
	At    time.Time `json:"at"`
	Was   State     `json:"was,omitempty"`
	State State     `json:"state"`
	Zone  Zone      `json:"zone,omitempty"`
	Value *float64  `json:"value,omitempty"`
}

// Turns returns what turned in an organisation after a moment, the newest
// first, of claims the caller may read; uid, when not empty, narrows them to
// one claim.
func (e *Engine) Turns(ctx context.Context, caller catalog.Caller, uid string, after time.Time, limit int) ([]Turn, error) {
	readable := e.readable(caller)
	if len(readable) == 0 {
		return nil, nil
	}
	where, args := `t.org = ? AND t.at > ? AND s.kind IN `+sqldb.In(len(readable)), []any{caller.Org, sqldb.Micros(after)}
	for _, k := range readable {
		args = append(args, k)
	}
	if uid != "" {
		where, args = where+` AND t.claim = ?`, append(args, uid)
	}
	return sqldb.All(ctx, e.db, func(s sqldb.Row) (t Turn, err error) {
		var at int64
		err = s.Scan(&t.UID, &t.Ref, &t.Kind, &t.Title, &t.Owner, &t.Room, &at, &t.Was, &t.State, &t.Zone, &t.Value)
		t.At = sqldb.Time(at)
		return t, err
	}, `SELECT t.claim, s.ref, s.kind, s.title, s.owner, s.room, t.at, t.was, t.state, t.zone, t.value FROM claim_turns t JOIN claim_states s ON s.org = t.org AND s.claim = t.claim
		WHERE `+where+` ORDER BY t.at DESC, t.seq DESC LIMIT ?`, append(args, limit)...)
}
