package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// UpdateOptions steer Update and Patch.
type UpdateOptions struct {
	// Base is the revision the editor read; its changes are merged into what
	// others changed since. 0 means the present one.
	Base   int64
	Strict bool // refuse with fault.Precondition when Base is not the present revision
	DryRun bool
}

// Create stores a new entity. A name that is taken is a fault.Conflict.
func (c *Catalog) Create(ctx context.Context, caller Caller, e *entity.Entity) (*Change, error) {
	k, err := c.kinds.Find(e.Kind)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Write, k.Resource()); err != nil {
		return nil, err
	}
	after, err := c.valid(e)
	if err != nil {
		return nil, err
	}
	return c.one(ctx, caller, false, func(tx *sqldb.Tx) (*change, error) {
		r, err := c.load(ctx, tx, caller.Org, after.Ref())
		if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
			return nil, err
		}
		ch := &change{op: Created, kind: k, after: after, fields: Diff(nil, after)}
		if err == nil {
			if !r.deleted {
				return nil, taken(after.Ref(), r.ref)
			}
			ch.old = &r
		}
		return ch, nil
	})
}

func taken(ref entity.Ref, by string) error {
	e := fault.New(fault.Conflict, "the name %s is taken", ref.Short()).Coded("taken")
	if by != ref.String() {
		e = fault.New(fault.Conflict, "%s was renamed to %s; its former name still leads there", ref.Short(), by).Coded("renamed-away")
	}
	e.Problems = []fault.Problem{{Ref: ref.Short(), Field: "metadata.name", Code: "taken", Msg: "is taken"}}
	return e.WithHint("choose another name, or edit the one that is there")
}

// valid returns e as it would be kept, or what is wrong with it.
func (c *Catalog) valid(e *entity.Entity) (*entity.Entity, error) {
	after, _, problems := c.Validate(e)
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "%s is not valid", e.Ref().Short()).Coded("not-valid").With(problems...)
	}
	return after, nil
}

// one writes a single change; an Unchanged one writes nothing.
func (c *Catalog) one(ctx context.Context, caller Caller, dryRun bool, f func(*sqldb.Tx) (*change, error)) (*Change, error) {
	var out *Change
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		ch, err := f(tx)
		if err != nil {
			return err
		}
		if ch.op == Unchanged {
			out = &Change{Ref: ch.ref().String(), Op: Unchanged, Rev: ch.old.rev, Entity: ch.before}
			return nil
		}
		if err := c.write(ctx, tx, caller, []*change{ch}); err != nil {
			return err
		}
		r, err := c.load(ctx, tx, caller.Org, ch.ref())
		if err != nil {
			return err
		}
		e, err := r.entity()
		if err != nil {
			return err
		}
		out = &Change{Ref: ch.ref().String(), Op: ch.op, Rev: ch.rev, Fields: ch.fields, Entity: e}
		if dryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	if !dryRun {
		c.notify()
	}
	return out, nil
}

// Update changes an entity to e, merging over opts.Base what others changed
// since the editor read it. Fields both changed are a fault.Conflict that names
// both values. The name, namespace and kind of e say which entity it is.
func (c *Catalog) Update(ctx context.Context, caller Caller, e *entity.Entity, opts UpdateOptions) (*Change, error) {
	mine, err := treeOf(e)
	if err != nil {
		return nil, err
	}
	return c.edit(ctx, caller, e.Ref(), opts, func(map[string]any) (map[string]any, error) { return mine, nil })
}

// Patch changes the fields an RFC 7396 merge patch names.
func (c *Catalog) Patch(ctx context.Context, caller Caller, ref entity.Ref, patch json.RawMessage, opts UpdateOptions) (*Change, error) {
	p, err := decodeTree(patch)
	if err == nil && p == nil {
		err = errors.New("it is null")
	}
	if err != nil {
		return nil, fault.Bad("the patch is not a JSON object", fault.Problem{Code: "syntax", Msg: "not JSON: " + err.Error(), Args: []string{err.Error()}}).Coded("patch")
	}
	return c.edit(ctx, caller, ref, opts, func(base map[string]any) (map[string]any, error) {
		out := mergePatch(base, p)
		for _, key := range []string{"apiVersion", "kind"} {
			if !same(out[key], base[key]) {
				return nil, fault.Bad("a patch cannot change what a thing is", fault.Problem{Ref: ref.Short(), Field: key, Code: "fixed", Msg: "cannot be changed"}).Coded("patch-fixed")
			}
		}
		return out, nil
	})
}

func (c *Catalog) edit(ctx context.Context, caller Caller, ref entity.Ref, opts UpdateOptions, work func(base map[string]any) (map[string]any, error)) (*Change, error) {
	_, k, err := c.find(ctx, c.q(), caller, ref)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Write, k.Resource()); err != nil {
		return nil, err
	}
	return c.one(ctx, caller, opts.DryRun, func(tx *sqldb.Tx) (*change, error) {
		r, _, err := c.find(ctx, tx, caller, ref)
		if err != nil {
			return nil, err
		}
		if opts.Base == 0 {
			opts.Base = r.rev
		}
		if opts.Strict && opts.Base != r.rev {
			return nil, fault.New(fault.Precondition, "%s changed since you read it: it is at revision %d, not %d", ref.Short(), r.rev, opts.Base).Coded("stale").WithHint("read it again and repeat your change")
		}
		return c.merged(ctx, tx, caller, k, r, opts.Base, work)
	})
}

// merged is the change that joins an editor's work on revision base with the
// present state.
func (c *Catalog) merged(ctx context.Context, tx *sqldb.Tx, caller Caller, k *Kind, r row, base int64, edit func(map[string]any) (map[string]any, error)) (*change, error) {
	before, err := r.entity()
	if err != nil {
		return nil, err
	}
	read := before
	if base != r.rev {
		rev, err := c.revision(ctx, tx, r.id, base)
		if fault.Is(err, fault.NotFound) {
			return nil, fault.New(fault.Precondition, "%s has no revision %d; it is at revision %d", before.Ref().Short(), base, r.rev).Coded("no-base").WithHint("read it again and repeat your change")
		}
		if err != nil {
			return nil, err
		}
		read = rev.Entity
	}
	baseTree, err := treeOf(read)
	if err != nil {
		return nil, err
	}
	theirs, err := treeOf(before)
	if err != nil {
		return nil, err
	}
	mine, err := edit(baseTree)
	if err != nil {
		return nil, err
	}
	result, clashes := merge(baseTree, mine, theirs, "")
	if len(clashes) > 0 {
		return nil, c.clashed(ctx, tx, caller, before, r, clashes)
	}
	after, _, problems := c.kinds.validateTree(result)
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "%s would not be valid", before.Ref().Short()).Coded("would-be-invalid").With(problems...)
	}
	if after.Ref() != before.Ref() {
		return nil, fault.Bad("an edit cannot change the name", fault.Problem{Ref: before.Ref().Short(), Field: "metadata.name", Code: "fixed", Msg: "cannot be changed by an edit", Hint: "rename it"}).Coded("edit-renames")
	}
	ch := &change{op: Updated, kind: k, old: &r, before: before, after: after, fields: Diff(before, after)}
	if len(ch.fields) == 0 {
		ch.op = Unchanged
	}
	return ch, nil
}

func (c *Catalog) clashed(ctx context.Context, tx *sqldb.Tx, caller Caller, before *entity.Entity, r row, clashes []clash) error {
	a := &applying{c: c, ctx: ctx, tx: tx, caller: caller}
	e := fault.New(fault.Conflict, "somebody else changed the same field(s) of %s while you edited it", before.Ref().Short()).Coded("edit-clash")
	for _, cl := range clashes {
		p, err := a.clash(Document{Entity: before}, r, cl)
		if err != nil {
			return err
		}
		e.Problems = append(e.Problems, p)
	}
	return e.WithHint("choose for each field which value stays")
}

// Delete removes an entity; the deletion is a revision and can be restored.
// base, when not 0, must be the present revision.
func (c *Catalog) Delete(ctx context.Context, caller Caller, ref entity.Ref, base int64) (*Change, error) {
	return c.one(ctx, caller, false, func(tx *sqldb.Tx) (*change, error) {
		r, _, err := c.find(ctx, tx, caller, ref)
		if err != nil {
			return nil, err
		}
		if base != 0 && base != r.rev {
			return nil, fault.New(fault.Precondition, "%s changed since you read it: it is at revision %d, not %d", ref.Short(), r.rev, base).Coded("stale-delete").WithHint("read it again, then delete it")
		}
		return c.deletion(caller, r)
	})
}

// DeleteAll removes entities in one transaction: all of them, or none. Those
// that are not there any more are passed over.
func (c *Catalog) DeleteAll(ctx context.Context, caller Caller, refs []entity.Ref) (int, error) {
	if len(refs) > MaxApply {
		return 0, fault.New(fault.TooLarge, "%d entities may be deleted at once; these are %d", MaxApply, len(refs)).Coded("delete-too-many")
	}
	var changes []*change
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		changes = nil
		seen := map[int64]bool{}
		for _, ref := range refs {
			r, _, err := c.find(ctx, tx, caller, ref)
			if fault.Is(err, fault.NotFound) || err == nil && seen[r.id] {
				continue
			}
			if err != nil {
				return err
			}
			ch, err := c.deletion(caller, r)
			if err != nil {
				return err
			}
			seen[r.id] = true
			changes = append(changes, ch)
		}
		return c.write(ctx, tx, caller, changes)
	})
	if err != nil {
		return 0, err
	}
	c.notify()
	return len(changes), nil
}

// Restore brings back an earlier state, also of what was deleted, as a new
// revision.
func (c *Catalog) Restore(ctx context.Context, caller Caller, ref entity.Ref, rev int64) (*Change, error) {
	k, err := c.kinds.Find(ref.Kind)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Write, k.Resource()); err != nil {
		return nil, err
	}
	ref.Kind = lower(k.Name)
	return c.one(ctx, caller, false, func(tx *sqldb.Tx) (*change, error) {
		r, err := c.load(ctx, tx, caller.Org, ref)
		if errors.Is(err, sqldb.ErrNoRows) {
			return nil, c.missing(ctx, caller, ref)
		}
		if err != nil {
			return nil, err
		}
		return c.restored(ctx, tx, k, r, rev)
	})
}

func (c *Catalog) restored(ctx context.Context, tx *sqldb.Tx, k *Kind, r row, rev int64) (*change, error) {
	old, err := c.revision(ctx, tx, r.id, rev)
	if err != nil {
		return nil, err
	}
	now, err := r.entity()
	if err != nil {
		return nil, err
	}
	want := old.Entity.Clone()
	want.Metadata.Name, want.Metadata.Namespace = now.Metadata.Name, now.Metadata.Namespace
	after, err := c.valid(want)
	if err != nil {
		return nil, err
	}
	ch := &change{op: Restored, kind: k, old: &r, after: after}
	if !r.deleted {
		ch.before = now
	}
	ch.fields = Diff(ch.before, after)
	if ch.before != nil && len(ch.fields) == 0 {
		ch.op = Unchanged
	}
	return ch, nil
}

// Rename gives an entity another name in its namespace. References in other
// entities are rewritten as revisions of theirs, and the former name keeps
// leading to the entity, so that files that still use it in a reference resolve.
func (c *Catalog) Rename(ctx context.Context, caller Caller, from entity.Ref, name string) (*Change, error) {
	if !entity.ValidName(name) {
		return nil, fault.Bad("the new name is not valid", fault.Problem{Ref: from.Short(), Field: "metadata.name", Code: "name", Args: []string{name},
			Msg: strconv.Quote(name) + " cannot be a name: use 1 to 128 letters, digits, - _ and ., beginning and ending with a letter or digit"}).Coded("new-name")
	}
	var out *Change
	err := c.writing(ctx, func(tx *sqldb.Tx) error {
		changes, err := c.renaming(ctx, tx, caller, from, name)
		if err != nil {
			return err
		}
		if ch := changes[0]; ch.op == Unchanged {
			out = &Change{Ref: ch.ref().String(), Op: Unchanged, Rev: ch.old.rev, Entity: ch.before}
			return nil
		}
		if err := c.write(ctx, tx, caller, changes); err != nil {
			return err
		}
		ch := changes[0]
		out = &Change{Ref: ch.ref().String(), Op: Renamed, Rev: ch.rev, Fields: ch.fields, Entity: ch.after}
		return nil
	})
	if err == nil {
		c.notify()
	}
	return out, err
}

// renaming is the rename and what it changes in others.
func (c *Catalog) renaming(ctx context.Context, tx *sqldb.Tx, caller Caller, from entity.Ref, name string) ([]*change, error) {
	r, k, err := c.find(ctx, tx, caller, from)
	if err != nil {
		return nil, err
	}
	if err := caller.Can(auth.Write, k.Resource()); err != nil {
		return nil, err
	}
	before, err := r.entity()
	if err != nil {
		return nil, err
	}
	if before.Metadata.Name == name {
		return []*change{{op: Unchanged, kind: k, old: &r, before: before, after: before}}, nil
	}
	after := before.Clone()
	after.Metadata.Name = name
	if after, err = c.valid(after); err != nil {
		return nil, err
	}
	other, err := c.load(ctx, tx, caller.Org, after.Ref())
	switch {
	case err != nil && !errors.Is(err, sqldb.ErrNoRows):
		return nil, err
	case err == nil && other.ref == after.Ref().String():
		e := fault.New(fault.Conflict, "the name %s is taken", after.Ref().Short()).Coded("name-taken")
		if other.deleted {
			e = fault.New(fault.Conflict, "the name %s belongs to something deleted, whose history it keeps", after.Ref().Short()).Coded("name-of-deleted")
		}
		e.Problems = []fault.Problem{{Ref: from.Short(), Field: "metadata.name", Code: "taken", Msg: "is taken"}}
		return nil, e.WithHint("choose another name")
	}
	changes := []*change{{op: Renamed, kind: k, old: &r, before: before, after: after, fields: Diff(before, after), alias: r.ref}}
	others, err := c.repointed(ctx, tx, caller, r, before.Ref(), after.Ref())
	if err != nil {
		return nil, err
	}
	for _, ch := range others {
		switch err := c.guard(ctx, tx, caller, []*change{ch}); {
		case err == nil:
			changes = append(changes, ch)
		case !isRefusal(err):
			return nil, err
		}
	}
	return changes, nil
}

// isRefusal reports whether an error says that something may not be, and not
// that it failed.
func isRefusal(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Kind != fault.Internal && f.Kind != fault.Unavailable
}

// repointed rewrites the references to a renamed entity in those who hold them,
// where the caller may write; elsewhere the former name goes on leading to it.
func (c *Catalog) repointed(ctx context.Context, tx *sqldb.Tx, caller Caller, r row, from, to entity.Ref) ([]*change, error) {
	var out []*change
	err := sqldb.Each(ctx, tx, func(s sqldb.Row) error {
		h, err := scanRow(s)
		if err != nil {
			return err
		}
		ch, err := c.repoint(h, from, to)
		if err != nil {
			return err
		}
		if ch != nil && caller.Can(auth.Write, ch.kind.Resource()) == nil {
			out = append(out, ch)
		}
		return nil
	}, `SELECT DISTINCT `+rowColumns+` FROM relations l JOIN entities e ON e.id = l.id AND e.deleted = 0 WHERE l.target_id = ? AND e.id <> ? ORDER BY e.id`, r.id, r.id)
	return out, err
}

func (c *Catalog) repoint(h row, from, to entity.Ref) (*change, error) {
	before, err := h.entity()
	if err != nil {
		return nil, err
	}
	k, err := c.kinds.Find(before.Kind)
	if err != nil {
		return nil, err
	}
	tree, err := treeOf(before)
	if err != nil {
		return nil, err
	}
	swap := func(s string, kinds []string) string {
		kind := kinds[0]
		if kind == "*" {
			kind = ""
		}
		ref, err := entity.ParseRef(s, kind, before.Metadata.Namespace)
		if err != nil || ref != from {
			return s
		}
		return s[:len(s)-len(from.Name)] + to.Name
	}
	rewriteRefs(metaFields, tree["metadata"], swap)
	rewriteRefs(k.Fields, tree["spec"], swap)
	after, _, problems := c.kinds.validateTree(tree)
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "after the rename %s would not be valid", before.Ref().Short()).Coded("rename-breaks").With(problems...)
	}
	fields := Diff(before, after)
	if len(fields) == 0 {
		return nil, nil
	}
	return &change{op: Updated, kind: k, old: &h, before: before, after: after, fields: fields, follows: true}, nil
}

// rewriteRefs replaces reference texts in place.
func rewriteRefs(fields []Field, v any, swap func(string, []string) string) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for i := range fields {
		if val, ok := m[fields[i].Name]; ok {
			m[fields[i].Name] = rewriteRef(&fields[i], val, swap)
		}
	}
}

func rewriteRef(f *Field, v any, swap func(string, []string) string) any {
	switch x := v.(type) {
	case string:
		if f.Type == Reference {
			return swap(x, f.Refs)
		}
	case map[string]any:
		rewriteRefs(f.Fields, x, swap)
	case []any:
		if f.Item != nil {
			for i := range x {
				x[i] = rewriteRef(f.Item, x[i], swap)
			}
		}
	}
	return v
}
