package claim

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/feed"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Status is what lists show of an entity that bears a claim.
type Status struct {
	State string   `json:"state" en:"State" es:"Estado" col:"1" filter:"1" enum:"supported:ok=Supported|Respaldada;weak:warn=Weak|Débil;unsupported:no=No evidence|Sin evidencia;contradicted:bad=Contradicted|Contradicha;disputed:bad=Disputed|En disputa" help:"What the evidence gives, as good as the worst of it." ayuda:"Lo que da la evidencia, tan buena como la peor."`
	Value *float64 `json:"value,omitempty" scaled:"1" en:"Value" es:"Valor" col:"2" help:"The present number." ayuda:"El número actual."`
	Zone  string   `json:"zone,omitempty" en:"Reading" es:"Lectura" filter:"1" enum:"ok:ok=On target|En objetivo;warn:warn=At risk|En riesgo;bad:bad=Off track|Fuera de plazo" help:"Where the number stands against its target." ayuda:"Cómo está el número frente a su objetivo."`
	Since string   `json:"since,omitempty" en:"Since" es:"Desde" type:"datetime" help:"Since when it is in this state." ayuda:"Desde cuándo está en este estado."`
}

// Evidence is the last run of one test, and how good it is.
type Evidence struct {
	Probe  *Probe
	Scale  Scale // how its number is written and read
	Health Health
	Last   *Run // nil: never run
	Due    time.Time
}

func (d *Definition) evidence(last map[string]*Run, now time.Time) []Evidence {
	out := make([]Evidence, len(d.Probes))
	for i := range d.Probes {
		p := &d.Probes[i]
		r := last[p.Name]
		if p.Attest != nil && r != nil && r.Query != d.attested(p) {
			r = nil // it was said of something else
		}
		out[i] = Evidence{Probe: p, Scale: d.ScaleOf(p), Last: r, Health: r.Health(now, p.maxAge())}
	}
	return out
}

func judgeAll(list []Evidence) State {
	standings := make([]Standing, len(list))
	for i, x := range list {
		standings[i] = Standing{x.Health, x.Last != nil && x.Last.Asserted}
	}
	return Judge(standings)
}

// row is the present state of a claim as it is stored.
type row struct {
	org, uid, ref, kind, room, owner, title, subject string

	own, state State
	disputed   bool
	zone       Zone
	value      *float64
	doubts     []Doubt
	asserted   bool
	since      time.Time
	turns      time.Time
}

// Doubt is something a claim leans on that is not supported.
type Doubt struct {
	UID   string `json:"uid"`
	Ref   string `json:"ref"`
	Title string `json:"title"`
	State State  `json:"state"`
}

// restate computes the states of some claims from their evidence and writes
// those that are others than before, here and where doubt travels.
func (e *Engine) restate(ctx context.Context, tx *sqldb.Tx, org string, uids []string) error {
	now := e.now().UTC()
	if err := alone(ctx, tx, org); err != nil {
		return err
	}
	disputes, err := e.disputes(ctx, tx, org, uids)
	if err != nil {
		return err
	}
	found, err := e.catalog.ByUIDs(ctx, tx, org, uids)
	if err != nil {
		return err
	}
	var entities []*entity.Entity
	for _, uid := range sortedKeys(found) {
		if e.Bears(found[uid].Kind) {
			entities = append(entities, found[uid])
		}
	}
	rows, last, err := e.stored(ctx, tx, org, entities)
	if err != nil {
		return err
	}
	var changed []row
	find := e.finder(ctx, e.catalog.In(tx), org)
	for _, x := range entities {
		uid := x.Metadata.UID
		_, disputed := disputes[uid]
		r := e.stateOf(org, x, find, last[uid], disputed, now)
		if was, ok := rows[uid]; !ok || e.bearers[x.Kind].Status != nil || !was.likewise(&r) {
			changed = append(changed, r)
		}
	}
	if err := e.store(ctx, tx, changed); err != nil {
		return err
	}
	return e.doubt(ctx, tx, org)
}

func (e *Engine) disputes(ctx context.Context, q sqldb.Querier, org string, uids []string) (map[string]Dispute, error) {
	if e.cfg.Disputes == nil || len(uids) == 0 {
		return nil, nil
	}
	return e.cfg.Disputes(ctx, q, org, uids)
}

// stateOf computes what is stored of a claim, before doubt.
func (e *Engine) stateOf(org string, x *entity.Entity, find Find, last map[string]*Run, disputed bool, now time.Time) row {
	d, err := e.define(x, find)
	if err != nil { // adopt has logged it; without tests it has no evidence
		d = Definition{Statement: x.DisplayTitle()}
	}
	now = d.judgedAt(now)
	list := d.evidence(last, now)
	r := row{org: org, uid: x.Metadata.UID, ref: x.Ref().String(), kind: x.Kind, room: d.Room, owner: ownerOf(x), title: d.Statement, subject: d.Subject,
		own: judgeAll(list), disputed: disputed}
	for _, ev := range list {
		if ev.Last == nil {
			continue
		}
		if r.value == nil && ev.Last.Value != nil {
			r.value, r.zone = ev.Last.Value, ev.Last.Zone
		}
		r.asserted = r.asserted || ev.Last.Asserted
		if t := ev.Last.turns(now, ev.Probe.maxAge()); !d.Closed && !t.IsZero() && (r.turns.IsZero() || t.Before(r.turns)) {
			r.turns = t
		}
	}
	return r
}

// likewise reports whether a stored state says all that o says.
func (r row) likewise(o *row) bool {
	value := r.value == o.value || r.value != nil && o.value != nil && *r.value == *o.value
	return value && r.ref == o.ref && r.kind == o.kind && r.room == o.room && r.owner == o.owner && r.title == o.title && r.subject == o.subject &&
		r.own == o.own && r.disputed == o.disputed && r.zone == o.zone && r.asserted == o.asserted && r.turns.Equal(o.turns)
}

// store writes states before doubt; doubt completes them. One whose evidence has
// only grown younger keeps its place; what else is new is finished, and so is
// always what has a status of its own, that may follow from more.
func (e *Engine) store(ctx context.Context, tx *sqldb.Tx, list []row) error {
	var rows [][]any
	for i := range list {
		r := &list[i]
		var value any
		if r.value != nil {
			value = *r.value
		}
		updated := 0
		if e.bearers[r.kind].Status != nil {
			updated = -1
		}
		rows = append(rows, []any{r.org, r.uid, r.ref, r.kind, r.room, r.owner, r.title, r.subject, string(r.own), "", bit(r.disputed), string(r.zone), value, "[]", bit(r.asserted), 0, sqldb.Micros(r.turns), updated})
	}
	same := func(column string) string { return "claim_states." + column + " = excluded." + column }
	columns := []string{"org", "claim", "ref", "kind", "room", "owner", "title", "subject", "own", "state", "disputed", "zone", "value", "doubts", "asserted", "since", "turns", "updated"}
	return tx.Insert(ctx, sqldb.Rows{Table: "claim_states", Columns: columns, Values: rows, Conflict: `ON CONFLICT (org, claim) DO UPDATE SET ref = excluded.ref, kind = excluded.kind, room = excluded.room, owner = excluded.owner, title = excluded.title, subject = excluded.subject,
		own = excluded.own, disputed = excluded.disputed, zone = excluded.zone, value = excluded.value, asserted = excluded.asserted, turns = excluded.turns,
		updated = CASE WHEN excluded.updated = 0 AND ` + same("ref") + ` AND ` + same("own") + ` AND ` + same("disputed") + ` AND ` + same("zone") + ` AND COALESCE(claim_states.value, -1e308) = COALESCE(excluded.value, -1e308) THEN claim_states.updated ELSE excluded.updated END`})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

const rowColumns = `org, claim, ref, kind, room, owner, title, subject, own, state, disputed, zone, value, doubts, asserted, since, turns`

func scanState(s sqldb.Row, extra ...any) (row, error) {
	var r row
	var disputed, asserted int
	var since, turns int64
	var value sql.NullFloat64
	var doubts []byte
	err := s.Scan(append([]any{&r.org, &r.uid, &r.ref, &r.kind, &r.room, &r.owner, &r.title, &r.subject, &r.own, &r.state, &disputed, &r.zone, &value, &doubts, &asserted, &since, &turns}, extra...)...)
	if err != nil {
		return r, err
	}
	r.disputed, r.asserted, r.since, r.turns = disputed != 0, asserted != 0, sqldb.Time(since), sqldb.Time(turns)
	if value.Valid {
		r.value = &value.Float64
	}
	if string(doubts) == "[]" {
		return r, nil
	}
	return r, json.Unmarshal(doubts, &r.doubts)
}

// doubt lets doubt travel over what leans on what, and finishes the states that
// came out otherwise: it writes them, their turn, and the status in the catalog.
func (e *Engine) doubt(ctx context.Context, tx *sqldb.Tx, org string) error {
	rows := map[string]*row{}
	fresh := map[string]bool{}
	was := map[string]row{}
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		var updated int64
		r, err := scanState(s, &updated)
		rows[r.uid], was[r.uid] = &r, r
		fresh[r.uid] = updated <= 0
		return err
	}, `SELECT `+rowColumns+`, updated FROM claim_states WHERE org = ?`, org)
	if err != nil {
		return err
	}
	g, err := e.graph(ctx, tx, org)
	if err != nil {
		return err
	}
	turned := false
	var moved []*row
	for _, uid := range sortedKeys(rows) {
		r := rows[uid]
		r.doubts = g.doubts(uid, doubtful(rows))
		r.state = r.own.With(len(r.doubts))
		if r.disputed {
			r.state = Disputed
		}
		if !fresh[uid] && r.same(was[uid]) {
			continue
		}
		turned = turned || r.state != was[uid].state
		moved = append(moved, r)
	}
	if err := e.finish(ctx, tx, org, moved, was); err != nil || !turned {
		return err
	}
	return e.makeDue(ctx, tx, org, e.now().Add(reasked), claimsName)
}

// makeDue brings the tests that read one of some sources forward to a moment.
func (e *Engine) makeDue(ctx context.Context, tx *sqldb.Tx, org string, at time.Time, sources ...string) error {
	due := sqldb.Micros(at)
	for part := range slices.Chunk(sources, 500) {
		args := []any{due, due, org, org}
		for _, s := range part {
			args = append(args, s)
		}
		_, err := tx.Exec(ctx, `UPDATE claim_due SET due = CASE WHEN due > ? THEN ? ELSE due END, why = 'change', mark = mark + 1 WHERE org = ? AND (claim, test) IN (
			SELECT s.claim, s.test FROM claim_sources s WHERE s.org = ? AND s.source IN `+sqldb.In(len(part))+`)`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *row) same(o row) bool { return r.state == o.state && slices.Equal(r.doubts, o.doubts) }

// finish writes states, the turns of those that are others than before, and what
// the catalog shows of them.
func (e *Engine) finish(ctx context.Context, tx *sqldb.Tx, org string, list []*row, was map[string]row) error {
	if len(list) == 0 {
		return nil
	}
	now := e.now().UTC().Truncate(time.Microsecond)
	var entries []*feed.Entry
	var shown []catalog.Statement
	for _, r := range list {
		before := was[r.uid].state
		if r.state != before {
			r.since = now
		}
		moved, err := e.finishOne(ctx, tx, r, before, now)
		if err != nil {
			return err
		}
		if moved {
			data, err := json.Marshal(map[string]string{"was": string(before), "state": string(r.state), "zone": string(r.zone)})
			if err != nil {
				return err
			}
			entries = append(entries, &feed.Entry{Org: org, At: now, Type: "claim.state", Ref: r.ref, UID: r.uid, Actor: "system", Data: data})
		}
		s, err := e.stating(ctx, tx, r)
		if fault.Is(err, fault.NotFound) {
			continue // deleted or renamed in the meantime: the watch comes to it
		}
		if err != nil {
			return err
		}
		shown = append(shown, s)
	}
	if err := e.catalog.In(tx).SetStatuses(ctx, catalog.Program(org, "claims"), shown); err != nil {
		return err
	}
	return feed.Append(ctx, tx, entries...)
}

// finishOne writes one state, and reports whether it turned or is read
// otherwise.
func (e *Engine) finishOne(ctx context.Context, tx *sqldb.Tx, r *row, was State, now time.Time) (bool, error) {
	doubts, err := json.Marshal(r.doubts)
	if err != nil {
		return false, err
	}
	if r.doubts == nil {
		doubts = []byte("[]")
	}
	if _, err := tx.Exec(ctx, `UPDATE claim_states SET state = ?, doubts = ?, since = ?, updated = ? WHERE org = ? AND claim = ?`,
		string(r.state), string(doubts), sqldb.Micros(r.since), sqldb.Micros(now), r.org, r.uid); err != nil {
		return false, err
	}
	moved, err := e.turn(ctx, tx, r, was, now)
	return moved || r.state != was, err
}

// turn keeps a change of state, or of the reading of its number.
func (e *Engine) turn(ctx context.Context, tx *sqldb.Tx, r *row, was State, now time.Time) (bool, error) {
	var state, zone string
	var seq int64
	err := tx.QueryRow(ctx, `SELECT state, zone, seq FROM claim_turns WHERE org = ? AND claim = ? ORDER BY seq DESC LIMIT 1`, r.org, r.uid).Scan(&state, &zone, &seq)
	if err != nil && err != sql.ErrNoRows {
		return false, err
	}
	if err == nil && state == string(r.state) && zone == string(r.zone) {
		return false, nil
	}
	var value any
	if r.value != nil {
		value = *r.value
	}
	_, err = tx.Exec(ctx, `INSERT INTO claim_turns (org, claim, at, seq, was, state, zone, value, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.org, r.uid, sqldb.Micros(now), seq+1, string(was), string(r.state), string(r.zone), value, string(r.own))
	return true, err
}

// stating returns the state as the status of the entity, as the kind that bears
// the claim shows it.
func (e *Engine) stating(ctx context.Context, tx *sqldb.Tx, r *row) (catalog.Statement, error) {
	ref, err := entity.ParseRef(r.ref, "", "")
	if err != nil {
		return catalog.Statement{}, err
	}
	status := Status{State: string(r.state), Value: r.value, Zone: string(r.zone), Since: r.since.Format(time.RFC3339)}
	b, ok := e.bearers[r.kind]
	if !ok || b.Status == nil {
		return catalog.Statement{Ref: ref, Status: status}, nil
	}
	x, err := e.catalog.ByUID(ctx, tx, r.org, r.uid)
	if err != nil {
		return catalog.Statement{}, err
	}
	if x == nil {
		return catalog.Statement{}, fault.New(fault.NotFound, "there is no %s", r.ref).Coded("no-thing")
	}
	c := e.catalog.In(tx)
	d, err := e.define(x, e.finder(ctx, c, r.org))
	if err != nil {
		return catalog.Statement{}, err
	}
	_, last, err := e.stored(ctx, tx, r.org, []*entity.Entity{x})
	if err != nil {
		return catalog.Statement{}, err
	}
	list := d.evidence(last[r.uid], d.judgedAt(e.now().UTC()))
	shown, err := b.Status(&Stating{Context: ctx, Catalog: c, Org: r.org, Entity: x, Status: status, Evidence: list})
	return catalog.Statement{Ref: ref, Status: shown}, err
}

// graph is what leans on what. A thing that bears no claim passes on the doubt
// about the claims whose subject it is.
type graph map[string][]string

func (e *Engine) graph(ctx context.Context, q sqldb.Querier, org string) (graph, error) {
	g := graph{}
	leans, err := e.catalog.Links(ctx, q, org, "leansOn")
	if err != nil {
		return nil, err
	}
	about, err := e.catalog.Links(ctx, q, org, "claimedOf")
	if err != nil {
		return nil, err
	}
	for _, l := range leans {
		g[l.From] = append(g[l.From], l.To)
	}
	for _, l := range about {
		g[l.To] = append(g[l.To], l.From)
	}
	return g, nil
}

// doubts returns what is in doubt among all that uid leans on, near or far,
// without uid itself. A claim about its own foundation leads round in a circle,
// which is walked once.
func (g graph) doubts(uid string, doubtful func(string) (Doubt, bool)) []Doubt {
	var out []Doubt
	seen := map[string]bool{uid: true}
	todo := slices.Clone(g[uid])
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if seen[next] {
			continue
		}
		seen[next] = true
		if d, ok := doubtful(next); ok {
			out = append(out, d)
		}
		todo = append(todo, g[next]...)
	}
	slices.SortFunc(out, func(a, b Doubt) int { return cmp.Compare(a.Ref, b.Ref) })
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func ownerOf(x *entity.Entity) string {
	ref, err := entity.ParseRef(x.Metadata.Owner, "group", x.Metadata.Namespace)
	if err != nil {
		return ""
	}
	return ref.String()
}

// claimsName is the name of the table of claims.
const claimsName = "claims"

// claimsTable lets record queries ask about claims themselves.
func (e *Engine) claimsTable() *Table {
	col := func(name, en, es string) Column { return Column{name, lang.T(en, es)} }
	return &Table{
		Name: claimsName, Title: lang.T("Claims and measures with their states", "Afirmaciones y medidas con sus estados"),
		Doc: lang.T("One row for each thing that bears a claim: a claim, a measure, a key result.", "Una fila por cada cosa que lleva una afirmación: una afirmación, una medida, un resultado clave."),
		Fields: []Column{col("ref", "The reference.", "La referencia."), col("kind", "The kind in lower case.", "La clase en minúsculas."), col("room", "The room.", "La sala."),
			col("owner", "The owner, in full; empty without one.", "El responsable, completo; vacío si no hay."), col("subject", "What a claim is about, as written.", "De qué trata, tal como se escribió."),
			col("state", "supported, weak, unsupported, contradicted or disputed.", "supported, weak, unsupported, contradicted o disputed."), col("zone", "ok, warn, bad or empty.", "ok, warn, bad o vacío.")},
		Scan: e.scanClaims,
	}
}

// scanClaims yields claims with the state they had at a moment.
func (e *Engine) scanClaims(ctx context.Context, q sqldb.Querier, org string, m Moment, yield Yield) error {
	type found struct{ ref, kind, room, owner, title, subject, state, zone string }
	var list []found
	text, args := `SELECT ref, kind, room, owner, title, subject, state, zone FROM claim_states WHERE org = ? ORDER BY ref`, []any{org}
	if m.Feed > 0 {
		text = `SELECT s.ref, s.kind, s.room, s.owner, s.title, s.subject, t.state, t.zone FROM claim_states s JOIN claim_turns t ON t.org = s.org AND t.claim = s.claim
			WHERE s.org = ? AND (t.at, t.seq) = (SELECT x.at, x.seq FROM claim_turns x WHERE x.org = s.org AND x.claim = s.claim AND x.at <= ? ORDER BY x.at DESC, x.seq DESC LIMIT 1) ORDER BY s.ref`
		args = append(args, sqldb.Micros(m.At))
	}
	err := sqldb.Each(ctx, q, func(s sqldb.Row) error {
		var f found
		err := s.Scan(&f.ref, &f.kind, &f.room, &f.owner, &f.title, &f.subject, &f.state, &f.zone)
		list = append(list, f)
		return err
	}, text, args...)
	if err != nil {
		return err
	}
	for _, f := range list {
		row := map[string]any{"ref": f.ref, "kind": lower(f.kind), "room": f.room, "owner": f.owner, "subject": f.subject, "state": f.state, "zone": f.zone}
		if err := yield(f.ref, f.title, row); err != nil {
			return err
		}
	}
	return nil
}
