package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// MaxApply is how many entities one call may apply.
const MaxApply = 200_000

// Apply makes the catalog hold what the documents say, in one transaction.
//
// The same documents applied again change nothing. A field that another hand
// changed since this manager's last apply is left alone unless the documents
// change it too; then the two clash, and the error, a fault.Conflict, names both
// for each field. Force takes the documents' value. Fields a manager no longer
// names are removed if it set them before.
func (c *Catalog) Apply(ctx context.Context, caller Caller, docs []Document, opts ApplyOptions) (*ApplyResult, error) {
	return c.ApplyWith(ctx, caller, docs, opts, nil)
}

// errDryRun rolls a transaction back whose result is wanted all the same.
var errDryRun = errors.New("dry run")

// ApplyWith is Apply that tells how many documents it has compared.
func (c *Catalog) ApplyWith(ctx context.Context, caller Caller, docs []Document, opts ApplyOptions, progress func(done, total int)) (*ApplyResult, error) {
	if len(docs) > MaxApply {
		return nil, fault.New(fault.TooLarge, "an apply may hold %d entities; this one has %d", MaxApply, len(docs)).Coded("apply-too-many").WithHint("apply it in parts")
	}
	if caller.Manager == "" {
		caller.Manager = "apply"
	}
	if err := c.mayWrite(caller, docs); err != nil {
		return nil, err
	}
	if err := twice(docs); err != nil {
		return nil, err
	}
	var result *ApplyResult
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		a := &applying{c: c, ctx: ctx, tx: tx, caller: caller, opts: opts, progress: progress, total: len(docs)}
		var err error
		if result, err = a.run(docs); err == nil && opts.DryRun {
			err = errDryRun
		}
		return err
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	for _, d := range docs {
		result.Warnings = append(result.Warnings, d.Warnings...)
	}
	if !opts.DryRun {
		c.notify()
	}
	return result, nil
}

func (c *Catalog) mayWrite(caller Caller, docs []Document) error {
	asked := map[string]bool{}
	for _, d := range docs {
		k, err := c.kinds.Find(d.Entity.Kind)
		if err != nil {
			return err
		}
		if !asked[k.Name] {
			asked[k.Name] = true
			if err := caller.Can(auth.Write, k.Resource()); err != nil {
				return err
			}
		}
	}
	return nil
}

// twice refuses an entity that two documents name.
func twice(docs []Document) error {
	first := map[entity.Ref]Document{}
	var problems []fault.Problem
	for _, d := range docs {
		ref := d.Entity.Ref()
		if f, ok := first[ref]; ok {
			problems = append(problems, fault.Problem{File: d.File, Line: d.Line, Ref: ref.Short(), Code: "twice",
				Msg: fmt.Sprintf("is also given in %s, line %d", orStdin(f.File), f.Line), Args: []string{orStdin(f.File), strconv.Itoa(f.Line)}})
			continue
		}
		first[ref] = d
	}
	if len(problems) > 0 {
		return fault.Bad("one entity may stand only once in an apply", problems...).Coded("apply-twice")
	}
	return nil
}

// applying is one apply at work.
type applying struct {
	c        *Catalog
	ctx      context.Context
	tx       *sqldb.Tx
	caller   Caller
	opts     ApplyOptions
	progress func(done, total int)
	total    int

	rows    map[string]row       // by reference
	bases   map[int64][]byte     // what this manager said last, by id
	renamed map[string][2]string // former name to the present one and who gave it
	said    [][]any              // rows of applied, of entities that do not change
	result  ApplyResult
	changes []*change
	clashes []fault.Problem
	asking  sync.Mutex // held by a comparison that asks the database
}

// group is how many entities are loaded with one statement.
const group = 500

func (a *applying) run(docs []Document) (*ApplyResult, error) {
	a.result = ApplyResult{DryRun: a.opts.DryRun, Changes: []Change{}}
	for i := 0; i < len(docs); i += group {
		part := docs[i:min(i+group, len(docs))]
		if err := a.load(part); err != nil {
			return nil, err
		}
		if err := a.compare(part); err != nil {
			return nil, err
		}
		if a.progress != nil {
			a.progress(i+len(part), a.total)
		}
	}
	if len(a.clashes) > 0 {
		return nil, clashed(a.clashes)
	}
	if err := a.prune(docs); err != nil {
		return nil, err
	}
	if err := a.c.write(a.ctx, a.tx, a.caller, a.changes); err != nil {
		return nil, err
	}
	if err := saveApplied(a.ctx, a.tx, a.said); err != nil {
		return nil, err
	}
	revs := map[string]int64{}
	for _, ch := range a.changes {
		revs[ch.ref().String()] = ch.rev
	}
	for i := range a.result.Changes {
		if rev, ok := revs[a.result.Changes[i].Ref]; ok {
			a.result.Changes[i].Rev = rev
		}
	}
	return &a.result, nil
}

// clashed is the error of an apply that cannot go on. Names that were changed
// come before fields, since force does not settle them.
func clashed(problems []fault.Problem) error {
	renamed := 0
	for _, p := range problems {
		if p.Code == "renamed" {
			renamed++
		}
	}
	e := fault.New(fault.Conflict, "%d field(s) were changed by two hands", len(problems)-renamed).Coded("clash").WithHint("look at both values, then change the file, or apply with --force to take the file's")
	if renamed > 0 {
		e = fault.New(fault.Conflict, "%d name(s) in the file are former names, and %d field(s) were changed by two hands", renamed, len(problems)-renamed).Coded("former-names").WithHint("use the new names in the file")
	}
	e.Problems = problems
	return e
}

// load reads what is stored of the entities in part.
func (a *applying) load(part []Document) error {
	refs := make([]string, len(part))
	for i, d := range part {
		refs[i] = d.Entity.Ref().String()
	}
	a.rows, a.bases, a.renamed = map[string]row{}, map[int64][]byte{}, map[string][2]string{}
	among, args := sqldb.Among(a.tx.Dialect(), "e.ref", refs)
	var known []int64
	err := sqldb.Each(a.ctx, a.tx, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		a.rows[r.ref] = r
		known = append(known, r.id)
		return nil
	}, `SELECT `+rowColumns+` FROM entities e WHERE e.org = ? AND `+among, append([]any{a.caller.Org}, args...)...)
	if err != nil {
		return err
	}
	if err := a.loadBases(known); err != nil {
		return err
	}
	return a.loadAliases(refs)
}

func (a *applying) loadBases(known []int64) error {
	if len(known) == 0 {
		return nil
	}
	among, args := sqldb.Among(a.tx.Dialect(), "id", known)
	var id int64
	var doc []byte
	to := []any{&id, &doc}
	return sqldb.Each(a.ctx, a.tx, func(r sqldb.Row) error {
		if err := r.Scan(to...); err != nil {
			return err
		}
		a.bases[id] = doc
		return nil
	}, `SELECT id, doc FROM applied WHERE manager = ? AND `+among, append([]any{a.caller.Manager}, args...)...)
}

func (a *applying) loadAliases(refs []string) error {
	among, args := sqldb.Among(a.tx.Dialect(), "a.ref", refs)
	return sqldb.Each(a.ctx, a.tx, func(r sqldb.Row) error {
		var from, to, by string
		if err := r.Scan(&from, &to, &by); err != nil {
			return err
		}
		a.renamed[from] = [2]string{to, by}
		return nil
	}, `SELECT a.ref, e.ref, a.by_name FROM aliases a JOIN entities e ON e.id = a.id AND e.deleted = 0 WHERE a.org = ? AND `+among, append([]any{a.caller.Org}, args...)...)
}

// compare compares the documents with what is stored, on all cores.
func (a *applying) compare(part []Document) error {
	found := make([]comparison, len(part))
	err := inParallel(len(part), func(i int) (err error) {
		found[i], err = a.document(part[i])
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range found {
		a.clashes = append(a.clashes, f.clashes...)
		if f.ch != nil {
			a.keep(f.ch)
		}
	}
	return nil
}

// comparison is what came of one document: a change, which may be to nothing,
// or no change; and where it clashes.
type comparison struct {
	ch      *change
	clashes []fault.Problem
}

// document compares one document with what is stored.
func (a *applying) document(d Document) (comparison, error) {
	ref := d.Entity.Ref().String()
	r, there := a.rows[ref]
	if to, ok := a.renamed[ref]; ok && (!there || r.deleted) {
		return comparison{clashes: []fault.Problem{{File: d.File, Line: d.Line, Ref: d.Entity.Ref().Short(), Field: "metadata.name", Code: "renamed",
			Msg: fmt.Sprintf("was renamed to %s by %s", to[0], to[1]), Args: to[:], Hint: "use the new name in the file"}}}, nil
	}
	ch := &change{kind: a.c.kinds.Get(d.Entity.Kind), op: Created}
	mine, err := treeOf(d.Entity)
	if err != nil {
		return comparison{}, err
	}
	if ch.applied, err = json.Marshal(mine); err != nil {
		return comparison{}, err
	}
	out := comparison{ch: ch}
	result := mine
	if there {
		ch.old = &r
	}
	if there && !r.deleted {
		ch.op = Updated
		if ch.before, err = r.entity(); err != nil {
			return out, err
		}
		if result, out.clashes, err = a.merge(d, r, ch.before, mine); err != nil {
			return out, err
		}
	}
	return out, a.settle(d, ch, result)
}

// merge joins the document with the stored state over what the manager said
// last.
func (a *applying) merge(d Document, r row, before *entity.Entity, mine map[string]any) (map[string]any, []fault.Problem, error) {
	base, err := a.base(d, r, before)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := treeOf(before)
	if err != nil {
		return nil, nil, err
	}
	var problems []fault.Problem
	if len(base) == 0 {
		base = map[string]any{"apiVersion": theirs["apiVersion"], "kind": theirs["kind"]}
	}
	result, clashes := merge(base, mine, theirs, "")
	for _, cl := range clashes {
		if cl.path == "apiVersion" || a.opts.Force {
			continue
		}
		p, err := a.clash(d, r, cl)
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, p)
	}
	return result, problems, nil
}

// base is what a document's changes are counted from.
func (a *applying) base(d Document, r row, before *entity.Entity) (map[string]any, error) {
	if d.Base == r.rev {
		return treeOf(before)
	}
	if d.Base != 0 {
		a.asking.Lock()
		defer a.asking.Unlock()
		rev, err := a.c.revision(a.ctx, a.tx, r.id, d.Base)
		if err != nil {
			return nil, err
		}
		return treeOf(rev.Entity)
	}
	if doc := a.bases[r.id]; doc != nil {
		return decodeTree(doc)
	}
	return map[string]any{}, nil
}

// clash says who else changed a field, when, and to what.
func (a *applying) clash(d Document, r row, cl clash) (fault.Problem, error) {
	a.asking.Lock()
	defer a.asking.Unlock()
	by, err := a.c.lastToChange(a.ctx, a.tx, r.id, cl.path)
	if err != nil {
		return fault.Problem{}, err
	}
	who := fmt.Sprintf("%s (%s)", by.Name, by.Manager)
	when := by.At.Format("2006-01-02 15:04 UTC")
	line := d.Line
	if at, ok := d.lines[cl.path]; ok {
		line = at[0]
	}
	return fault.Problem{File: d.File, Line: line, Ref: d.Entity.Ref().Short(), Field: cl.path, Code: "conflict",
		Msg:  fmt.Sprintf("%s (%s) says %s; %s set it to %s on %s", a.caller.Name, a.caller.Manager, show(cl.mine), who, show(cl.theirs), when),
		Args: []string{a.caller.Name, a.caller.Manager, show(cl.mine), who, show(cl.theirs), when}}, nil
}

func show(v any) string {
	if v == nil {
		return "nothing"
	}
	return cut(string(raw(v)), 80)
}

// settle validates the merged state and says what changes.
func (a *applying) settle(d Document, ch *change, tree map[string]any) error {
	after, _, problems := a.c.kinds.validateTree(tree)
	if len(problems) > 0 {
		for i := range problems {
			problems[i].File, problems[i].Line = d.File, d.Line
		}
		return fault.New(fault.Invalid, "merged with what others changed, %s is not valid", d.Entity.Ref().Short()).Coded("merged").With(problems...)
	}
	ch.after = after
	ch.carry()
	if err := ch.derive(); err != nil {
		return err
	}
	before, err := treeOf(ch.before)
	if err != nil {
		return err
	}
	ch.fields = diff(before, ch.tree, "")
	ch.tree = nil // many are kept until all are written
	if ch.before != nil && len(ch.fields) == 0 && ch.sameStatus() {
		ch.op = Unchanged
	}
	return nil
}

// keep records what came of a document. Of one that changes nothing it keeps
// what the manager says now, so that a later change by another hand is told
// from the manager's own.
func (a *applying) keep(ch *change) {
	if ch.op != Unchanged {
		a.changes = append(a.changes, ch)
		a.result.Changes = append(a.result.Changes, Change{Ref: ch.ref().String(), Op: ch.op, Fields: ch.fields, Entity: ch.after})
		return
	}
	a.result.Changes = append(a.result.Changes, Change{Ref: ch.ref().String(), Op: Unchanged, Rev: ch.old.rev, Entity: ch.before})
	if string(a.bases[ch.old.id]) != string(ch.applied) {
		a.said = append(a.said, []any{ch.old.id, a.caller.Manager, string(ch.applied)})
	}
}

// prune deletes what an earlier apply of this manager made under the selector
// and the documents no longer name.
func (a *applying) prune(docs []Document) error {
	if a.opts.Prune == "" {
		return nil
	}
	sel, err := ParseSelector(a.opts.Prune)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, d := range docs {
		named[d.Entity.Ref().String()] = true
	}
	where, args := sel.sql()
	return sqldb.Each(a.ctx, a.tx, func(s sqldb.Row) error {
		r, err := scanRow(s)
		if err != nil {
			return err
		}
		if named[r.ref] {
			return nil
		}
		return a.drop(r)
	}, `SELECT `+rowColumns+` FROM entities e JOIN applied p ON p.id = e.id AND p.manager = ? WHERE e.org = ? AND e.deleted = 0 AND `+where+` ORDER BY e.ref`,
		append([]any{a.caller.Manager, a.caller.Org}, args...)...)
}

func (a *applying) drop(r row) error {
	ch, err := a.c.deletion(a.caller, r)
	if err != nil {
		return err
	}
	a.changes = append(a.changes, ch)
	a.result.Changes = append(a.result.Changes, Change{Ref: r.ref, Op: Deleted, Entity: ch.after})
	return nil
}

// deletion is the change that deletes a row, if the caller may.
func (c *Catalog) deletion(caller Caller, r row) (*change, error) {
	e, err := r.entity()
	if err != nil {
		return nil, err
	}
	k, err := c.kinds.Find(e.Kind)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Delete, k.Resource()); err != nil {
		return nil, err
	}
	return &change{op: Deleted, kind: k, old: &r, before: e, after: e}, nil
}

// lastToChange returns the revision that last changed a field.
func (c *Catalog) lastToChange(ctx context.Context, q sqldb.Querier, id int64, path string) (Revision, error) {
	revs, err := c.revisions(ctx, q, id, 0, 200)
	if err != nil {
		return Revision{}, err
	}
	for i, r := range revs {
		var before *entity.Entity
		if i+1 < len(revs) {
			before = revs[i+1].Entity
		}
		if slices.ContainsFunc(Diff(before, r.Entity), func(f FieldChange) bool { return within(f.Path, path) }) {
			return r, nil
		}
	}
	if len(revs) == 0 {
		return Revision{}, fmt.Errorf("entity %d has no revisions", id)
	}
	return revs[len(revs)-1], nil
}

// within reports whether one path is the other or below it.
func within(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	return a == b || len(a) > len(b) && a[:len(b)] == b && (a[len(b)] == '.' || a[len(b)] == '[')
}
