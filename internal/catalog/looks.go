package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Looks gathers what one request shows of people through lists, searches and
// exports, so that it becomes one record of the audit log and not one for each
// query or person. Its methods may be called by many goroutines.
type Looks struct {
	c *Catalog

	mu      sync.Mutex
	caller  Caller
	count   int
	seen    map[string]bool // of refs
	refs    []string        // as many as a record names
	room    int             // bytes left for them
	queries []string

	together string // what records opened one by one are counted under; "": each for itself
}

// What a record names; beyond it says how many more there were.
const (
	namedLooks   = 300
	namedBytes   = 10 << 10
	namedQueries = 5
)

type looksKey struct{}

// GatherLooks returns a context whose looks are gathered until Flush. Call that
// before the answer leaves, so that nothing is shown that is not logged, and
// again at the end for what is streamed.
func (c *Catalog) GatherLooks(ctx context.Context) (context.Context, *Looks) {
	l := &Looks{c: c}
	return context.WithValue(ctx, looksKey{}, l), l
}

// NamesOnly returns a context whose lists and searches are no looks: for what
// shows nothing of people but what they are called, as suggestions.
func NamesOnly(ctx context.Context) context.Context {
	return context.WithValue(ctx, looksKey{}, (*Looks)(nil))
}

// saw notes that a caller was shown entities; those of kinds that are not
// personal, and the caller's own, do not count.
func (c *Catalog) saw(ctx context.Context, caller Caller, query string, refs []string) error {
	if caller.Account == audit.System {
		return nil
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool {
		kind, _, _ := strings.Cut(ref, ":")
		k := c.kinds.Get(kind)
		return k == nil || !k.Personal || ref == caller.UserRef
	})
	if len(refs) == 0 {
		return nil
	}
	gathered, ok := ctx.Value(looksKey{}).(*Looks)
	if ok && gathered == nil {
		return nil
	}
	if ok {
		gathered.add(caller, query, refs)
		return nil
	}
	l := &Looks{c: c}
	l.add(caller, query, refs)
	return l.Flush(ctx)
}

// Together counts the records that are opened from now on as one look at all of
// them, by a query that says what for: an act on many at once.
func (l *Looks) Together(query string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.together = query
}

// togetherIn returns what opened records are counted under in ctx.
func togetherIn(ctx context.Context) string {
	l, _ := ctx.Value(looksKey{}).(*Looks)
	if l == nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.together
}

func (l *Looks) add(caller Caller, query string, refs []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		l.caller, l.seen, l.room = caller, map[string]bool{}, namedBytes
	}
	if len(l.queries) < namedQueries && !slices.Contains(l.queries, query) {
		l.queries = append(l.queries, query)
	}
	for _, ref := range refs {
		if l.seen[ref] {
			continue
		}
		l.count++
		if len(l.refs) < namedLooks && len(ref)+3 <= l.room {
			l.seen[ref] = true
			l.refs, l.room = append(l.refs, ref), l.room-len(ref)-3
		}
	}
}

// Flush writes what was gathered, if anything, and begins anew. Where more
// people were shown than a record names, those beyond are counted once for each
// query that showed them. It is written also when ctx has ended. A nil Looks
// has gathered nothing.
func (l *Looks) Flush(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return nil
	}
	r := audit.NewLook(l.count, l.refs, l.queries)
	p := l.caller
	r.Org, r.At, r.Actor, r.ActorName, r.IP, r.Via = p.Org, l.c.now(), p.Account, p.Name, p.IP, p.Via
	ctx = context.WithoutCancel(ctx)
	err := l.c.tx(ctx, func(tx *sqldb.Tx) error { again := *r; return audit.Append(ctx, tx, &again) })
	if err != nil {
		return fmt.Errorf("catalog: a look at people's data could not be logged: %w", err)
	}
	l.count, l.seen, l.refs, l.queries = 0, nil, nil, nil
	return nil
}

// After flushes at the end of what ended with err, whatever that is.
func (l *Looks) After(ctx context.Context, err error) error {
	if failed := l.Flush(ctx); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// gathering runs visit with the looks in it gathered, into those of ctx when
// there are any.
func (c *Catalog) gathering(ctx context.Context, visit func(context.Context) error) error {
	if ctx.Value(looksKey{}) != nil {
		return visit(ctx)
	}
	ctx, l := c.GatherLooks(ctx)
	return l.After(ctx, visit(ctx))
}

// sawAll notes the entities of a page of a list.
func (c *Catalog) sawAll(ctx context.Context, caller Caller, q Query, items []*entity.Entity) error {
	refs := make([]string, len(items))
	for i, e := range items {
		refs[i] = e.Ref().String()
	}
	return c.saw(ctx, caller, q.String(), refs)
}

// String writes what narrows a query, as "kind=User, text=ana"; "all" for what
// narrows nothing.
func (q Query) String() string {
	var parts []string
	add := func(name string, values ...string) {
		if v := strings.Join(values, "|"); v != "" {
			parts = append(parts, name+"="+v)
		}
	}
	add("kind", q.Kinds...)
	add("text", q.Text)
	add("namespace", q.Namespace)
	add("owner", q.Owner)
	add("labels", q.Labels)
	add("tag", q.Tags...)
	for _, path := range slices.Sorted(maps.Keys(q.Fields)) {
		add(path, q.Fields[path]...)
	}
	add("filter", q.CEL)
	return cmp.Or(strings.Join(parts, ", "), "all")
}
