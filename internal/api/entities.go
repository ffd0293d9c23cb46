package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// kindOps returns the operations of one kind, the same for all.
func (a *API) kindOps(k *catalog.Kind, s schemas) []operation {
	one := "/" + k.Plural + "/{namespace}/{name}"
	what := resource(k.Resource())
	title, many := strings.ToLower(k.Title.In("en")), strings.ToLower(k.Titles.In("en"))
	ops := []operation{
		{method: "GET", path: "/" + k.Plural, id: "list" + k.Name, summary: "List " + many, verb: auth.Read, timeout: exportTimeout,
			doc:   k.Doc.In("en") + " CSV, XLSX and NDJSON give every match; JSON and YAML one page.",
			query: append(listParams(), filterParams(k)...), handle: func(c *call) error { return c.list(k) },
			answers: []answer{{status: 200, doc: "One page.", types: listTypes, schema: listSchema(k), headers: []param{linkHeader}}}},
		{method: "POST", path: "/" + k.Plural, id: "create" + k.Name, summary: "Create " + title, verb: auth.Write,
			query: []param{reasonParam}, body: entityBody(k), handle: func(c *call) error { return c.create(k) },
			answers: []answer{{status: 201, doc: "It was made.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader, locationHeader}}}},
		{method: "GET", path: "/" + k.Plural + "/facets", id: "facets" + k.Name, summary: "Count the values of a field of " + many, verb: auth.Read,
			query: append(append(selectParams(), filterParams(k)...), facetParam, number("limit", "How many values, the most frequent first.", 1, 1000)), handle: func(c *call) error { return c.facets(k) },
			answers: []answer{{status: 200, doc: "The values, the most frequent first.", types: objectTypes, schema: s.typed(facetList{})}}},
		{method: "GET", path: one, id: "get" + k.Name, summary: "Get " + title, verb: auth.Read, header: []param{ifNoneMatch},
			doc: "A former name leads to the entity, whose present name the answer has.", handle: func(c *call) error { return c.getEntity(k) },
			answers: []answer{{status: 200, doc: "The entity.", types: objectTypes, schema: kindSchema(k), headers: []param{etagHeader}}, {status: 304, doc: "It is still the one you have."}}},
		{method: "PUT", path: one, id: "put" + k.Name, summary: "Create or change " + title, verb: auth.Write,
			doc:    "Changes are merged into what others changed since the revision in If-Match or metadata.resourceVersion was read; a field that both changed is a conflict. With If-Match the entity must still be at that revision, with If-None-Match: * there must be none.",
			header: []param{ifMatch, ifNoneMatch}, query: []param{dryRunParam, reasonParam}, body: entityBody(k), handle: func(c *call) error { return c.put(k) },
			answers: []answer{{status: 200, doc: "What changed.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader}}, {status: 201, doc: "It was made.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader, locationHeader}}}},
		{method: "PATCH", path: one, id: "patch" + k.Name, summary: "Change fields of " + title, verb: auth.Write,
			doc:    "A merge patch (RFC 7396): fields that are there are set, null removes, the rest stays.",
			header: []param{ifMatch}, query: []param{dryRunParam, reasonParam}, handle: func(c *call) error { return c.patch(k) },
			body:    &body{types: []string{patchType, jsonType}, schema: schema{"type": "object"}, doc: "The fields to change."},
			answers: []answer{{status: 200, doc: "What changed.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader}}}},
		{method: "DELETE", path: one, id: "delete" + k.Name, summary: "Delete " + title, verb: auth.Delete,
			doc:    "The deletion is a revision: the history stays, and restore brings the entity back.",
			header: []param{ifMatch}, query: []param{reasonParam}, handle: func(c *call) error { return c.remove(k) },
			answers: []answer{{status: 200, doc: "It is deleted.", types: objectTypes, schema: writtenSchema(k)}}},
	}
	ops = append(ops, a.historyOps(k, s, one, title)...)
	ops = append(ops, a.talkKindOps(k, s, one, title)...)
	if k.Once {
		ops = slices.DeleteFunc(ops, operation.changes)
	}
	for i := range ops {
		ops[i].resource, ops[i].tag = what, k.Name
	}
	return ops
}

// changes reports whether an operation of a kind changes what there is.
func (o operation) changes() bool {
	return o.method != "GET" && strings.Contains(o.path, "{name}")
}

// historyOps are the operations on what an entity was and what it touches.
func (a *API) historyOps(k *catalog.Kind, s schemas, one, title string) []operation {
	rev := one + "/history/{rev}"
	return []operation{
		{method: "GET", path: one + "/history", id: "history" + k.Name, summary: "List the revisions of " + title, verb: auth.Read,
			doc:   "The newest first; also of what was deleted.",
			query: []param{number("before", "Only revisions before this one.", 1, 1<<62), number("limit", "How many.", 1, 1000)}, handle: func(c *call) error { return c.history(k) },
			answers: []answer{{status: 200, doc: "The revisions.", types: objectTypes, schema: s.typed(revisionList{}), headers: []param{linkHeader}}}},
		{method: "GET", path: rev, id: "revision" + k.Name, summary: "Get one revision of " + title, verb: auth.Read, handle: func(c *call) error { return c.revision(k) },
			answers: []answer{{status: 200, doc: "The revision.", types: objectTypes, schema: s.typed(catalog.Revision{})}}},
		{method: "GET", path: rev + "/diff", id: "diff" + k.Name, summary: "Compare two revisions of " + title, verb: auth.Read,
			query: []param{number("from", "The revision to compare with; the one before when it is not given.", 0, 1<<62)}, handle: func(c *call) error { return c.compare(k) },
			answers: []answer{{status: 200, doc: "What differs, field by field.", types: objectTypes, schema: s.typed(comparison{})}}},
		{method: "POST", path: one + "/restore", id: "restore" + k.Name, summary: "Bring back an earlier revision of " + title, verb: auth.Write, query: []param{reasonParam},
			body: &body{types: objectTypes, schema: s.typed(restoring{}), doc: "Which revision."}, handle: func(c *call) error { return c.restore(k) },
			answers: []answer{{status: 200, doc: "What changed.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader}}}},
		{method: "POST", path: one + "/rename", id: "rename" + k.Name, summary: "Rename " + title, verb: auth.Write, query: []param{reasonParam},
			doc:  "References in other entities follow; the former name keeps leading here.",
			body: &body{types: objectTypes, schema: s.typed(renaming{}), doc: "The new name."}, handle: func(c *call) error { return c.rename(k) },
			answers: []answer{{status: 200, doc: "What changed.", types: objectTypes, schema: writtenSchema(k), headers: []param{etagHeader, locationHeader}}}},
		{method: "GET", path: one + "/relations", id: "relations" + k.Name, summary: "List what " + title + " refers to and what refers to it", verb: auth.Read, handle: func(c *call) error { return c.relations(k) },
			answers: []answer{{status: 200, doc: "The relations, those it holds first.", types: objectTypes, schema: s.typed(relationList{})}}},
		{method: "GET", path: one + "/graph", id: "graph" + k.Name, summary: "Get the neighbourhood of " + title, verb: auth.Read,
			query: []param{number("depth", "How many steps.", 1, 5), number("max", "How many entities at most.", 1, 500)}, handle: func(c *call) error { return c.graph(k) },
			answers: []answer{{status: 200, doc: "Entities and the references between them.", types: objectTypes, schema: s.typed(catalog.Graph{})}}},
	}
}

// ref returns the reference in the path. What cannot be a name is not found.
func (c *call) ref(k *catalog.Kind) (entity.Ref, error) {
	ns, name := c.path("namespace"), c.path("name")
	if !entity.ValidName(ns) || !entity.ValidName(name) {
		return entity.Ref{}, fault.New(fault.NotFound, "%q cannot be the name of a %s.", printable(ns+"/"+name, 100), k.Name)
	}
	return entity.NewRef(k.Name, ns, name), nil
}

func etag(rev any) string { return fmt.Sprintf(`"%v"`, rev) }

// etagOf is the revision of e and, where it has a status, a mark of that: a new
// status makes no revision, and who holds the old one must see it.
func etagOf(e *entity.Entity) string {
	if len(e.Status) == 0 {
		return etag(e.Metadata.ResourceVersion)
	}
	return etag(fmt.Sprintf("%s.%08x", e.Metadata.ResourceVersion, crc32.ChecksumIEEE(e.Status)))
}

// revOf reads the revision in an entity tag; of weak ones too, as a compressed
// answer has.
func revOf(tag string) (int64, bool) {
	tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
	inner, err := strconv.Unquote(tag)
	if err != nil || !strings.HasPrefix(tag, `"`) {
		return 0, false
	}
	inner, _, _ = strings.Cut(inner, ".")
	rev, err := strconv.ParseInt(inner, 10, 64)
	return rev, err == nil && rev > 0
}

// ifMatchRev returns the revision If-Match asks for; 0 without one, and for "*"
// any.
func (c *call) ifMatchRev() (rev int64, any bool, err error) {
	header := c.r.Header.Get("If-Match")
	switch {
	case header == "":
		return 0, false, nil
	case strings.TrimSpace(header) == "*":
		return 0, true, nil
	}
	rev, ok := revOf(header)
	if !ok {
		return 0, false, badRequest("header", "If-Match is not an ETag of this program, as %s.", etag(3))
	}
	return rev, true, nil
}

func (c *call) getEntity(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	e, err := c.Catalog.Get(c.r.Context(), c.caller, ref)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("ETag", etagOf(e))
	h.Set("Cache-Control", "private, no-cache")
	if e.Metadata.Updated != nil {
		h.Set("Last-Modified", e.Metadata.Updated.UTC().Format(http.TimeFormat))
	}
	if matchesTag(c.r.Header.Values("If-None-Match"), etagOf(e)) {
		h.Set("Vary", "Accept")
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return c.send(http.StatusOK, e)
}

func matchesTag(headers []string, tag string) bool {
	for part := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == tag {
			return true
		}
	}
	return false
}

// entityIn reads the one entity in the body.
func (c *call) entityIn(k *catalog.Kind) (*entity.Entity, []byte, error) {
	data, err := c.readText()
	if err != nil {
		return nil, nil, err
	}
	docs, err := c.Catalog.Decode("", data)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	if len(docs) != 1 {
		return nil, nil, fault.Bad(fmt.Sprintf("The body holds %d entities; here it must be one.", len(docs)), fault.Problem{Code: "count", Msg: "must be one entity", Hint: "send several to " + Prefix + "/apply"})
	}
	e := docs[0].Entity
	if e.Kind != k.Name {
		return nil, nil, fault.Bad("The body is of another kind.", fault.Problem{Field: "kind", Code: "kind", Msg: fmt.Sprintf("must be %s at this address", k.Name)})
	}
	return e, data, nil
}

// unreadable gives errors of syntax the status of a bad request.
func unreadable(err error) error {
	var f *fault.Error
	if errors.As(err, &f) && f.Kind == fault.Invalid && len(f.Problems) > 0 && f.Problems[0].Code == "syntax" {
		return &statusError{f, http.StatusBadRequest}
	}
	return err
}

func (c *call) create(k *catalog.Kind) error {
	e, _, err := c.entityIn(k)
	if err != nil {
		return err
	}
	return c.creating(k, e)
}

func (c *call) creating(k *catalog.Kind, e *entity.Entity) error {
	ch, err := c.Catalog.Create(c.r.Context(), c.caller, e)
	if err != nil {
		return err
	}
	return c.sendChange(http.StatusCreated, k, ch)
}

// sendChange answers with what a change did.
func (c *call) sendChange(status int, k *catalog.Kind, ch *catalog.Change) error {
	h := c.w.Header()
	switch {
	case ch.Op == catalog.Deleted || ch.Rev == 0:
	case ch.Entity != nil:
		h.Set("ETag", etagOf(ch.Entity))
	default:
		h.Set("ETag", etag(ch.Rev))
	}
	if e := ch.Entity; e != nil && (status == http.StatusCreated || ch.Op == catalog.Renamed) {
		h.Set("Location", Prefix+"/"+k.Plural+"/"+url.PathEscape(e.Ref().Namespace)+"/"+url.PathEscape(e.Metadata.Name))
	}
	return c.send(status, written{*ch, ch.Entity})
}

func (c *call) put(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	base, strict, err := c.ifMatchRev()
	if err != nil {
		return err
	}
	e, data, err := c.entityIn(k)
	if err != nil {
		return err
	}
	if e.Ref() != ref {
		return fault.Bad("The body is another entity.", fault.Problem{Ref: e.Ref().Short(), Field: "metadata.name", Code: "name", Msg: fmt.Sprintf("must be %s at this address", ref.Short()), Hint: "rename is an operation of its own"})
	}
	onlyNew := strings.TrimSpace(c.r.Header.Get("If-None-Match")) == "*"
	if base == 0 {
		base = versionIn(data)
	}
	if !onlyNew {
		ch, err := c.Catalog.Update(c.r.Context(), c.caller, e, catalog.UpdateOptions{Base: base, Strict: strict && base > 0, DryRun: c.flag("dryRun")})
		if err == nil {
			return c.sendChange(http.StatusOK, k, ch)
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return c.putNew(k, e, strict, onlyNew)
}

// putNew makes what a PUT did not find.
func (c *call) putNew(k *catalog.Kind, e *entity.Entity, strict, onlyNew bool) error {
	if strict {
		return fault.New(fault.Precondition, "There is no %s, so it is not at the revision in If-Match.", e.Ref().Short())
	}
	if c.flag("dryRun") {
		return c.tryNew(k, e)
	}
	err := c.creating(k, e)
	if onlyNew && fault.Is(err, fault.Conflict) {
		return &fault.Error{Kind: fault.Precondition, Msg: fmt.Sprintf("There already is %s.", e.Ref().Short()), Err: err}
	}
	return err
}

// tryNew says what a creation would do.
func (c *call) tryNew(k *catalog.Kind, e *entity.Entity) error {
	res, err := c.Catalog.Apply(c.r.Context(), c.caller, []catalog.Document{{Entity: e}}, catalog.ApplyOptions{DryRun: true})
	if err != nil {
		return err
	}
	ch := res.Changes[0]
	return c.send(http.StatusOK, written{ch, e})
}

// versionIn returns metadata.resourceVersion of a body; 0 when it has none.
func versionIn(data []byte) int64 {
	asJSON := data
	if !json.Valid(data) {
		var err error
		if asJSON, err = jsonOf(data); err != nil {
			return 0
		}
	}
	var v struct {
		Metadata struct {
			ResourceVersion any `json:"resourceVersion"`
		} `json:"metadata"`
	}
	dec := json.NewDecoder(bytes.NewReader(asJSON))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return 0
	}
	n, err := strconv.ParseInt(fmt.Sprint(v.Metadata.ResourceVersion), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (c *call) patch(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	base, strict, err := c.ifMatchRev()
	if err != nil {
		return err
	}
	data, err := c.readText()
	if err != nil {
		return err
	}
	if err := checkJSON(data); err != nil {
		return err
	}
	ch, err := c.Catalog.Patch(c.r.Context(), c.caller, ref, data, catalog.UpdateOptions{Base: base, Strict: strict && base > 0, DryRun: c.flag("dryRun")})
	if strict && fault.Is(err, fault.NotFound) {
		return fault.New(fault.Precondition, "There is no %s, so it is not at the revision in If-Match.", ref.Short())
	}
	if err != nil {
		return err
	}
	return c.sendChange(http.StatusOK, k, ch)
}

// changing does one thing to the entity in the path, once the body is read into
// in (nil: there is none), and answers with what was done.
func (c *call) changing(k *catalog.Kind, in any, do func(ref entity.Ref) (*catalog.Change, error)) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	if in != nil {
		if err := c.into(in); err != nil {
			return err
		}
	}
	ch, err := do(ref)
	if err != nil {
		return err
	}
	return c.sendChange(http.StatusOK, k, ch)
}

func (c *call) remove(k *catalog.Kind) error {
	return c.changing(k, nil, func(ref entity.Ref) (*catalog.Change, error) {
		base, _, err := c.ifMatchRev()
		if err != nil {
			return nil, err
		}
		return c.Catalog.Delete(c.r.Context(), c.caller, ref, base)
	})
}

func (c *call) history(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	limit := int(c.number("limit", 50))
	revs, err := c.Catalog.History(c.r.Context(), c.caller, ref, c.number("before", 0), limit)
	if err != nil {
		return err
	}
	out := revisionList{Items: orEmpty(revs)}
	if len(revs) == limit && revs[limit-1].Rev > 1 {
		out.Next = revs[limit-1].Rev
		c.linkNext("before", strconv.FormatInt(out.Next, 10))
	}
	return c.send(http.StatusOK, out)
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// linkNext points to the next page, which differs in one parameter.
func (c *call) linkNext(name, value string) {
	q := c.r.URL.Query()
	q.Set(name, value)
	c.w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, c.r.URL.EscapedPath(), q.Encode()))
}

// revNumber returns the revision in the path.
func (c *call) revNumber() (int64, error) {
	n, err := strconv.ParseInt(c.path("rev"), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.NotFound, "%q is not the number of a revision.", printable(c.path("rev"), 40))
	}
	return n, nil
}

func (c *call) revisionIn(k *catalog.Kind) (entity.Ref, *catalog.Revision, error) {
	ref, err := c.ref(k)
	if err != nil {
		return ref, nil, err
	}
	n, err := c.revNumber()
	if err != nil {
		return ref, nil, err
	}
	rev, err := c.Catalog.Revision(c.r.Context(), c.caller, ref, n)
	return ref, rev, err
}

func (c *call) revision(k *catalog.Kind) error {
	_, rev, err := c.revisionIn(k)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, rev)
}

func (c *call) compare(k *catalog.Kind) error {
	ref, to, err := c.revisionIn(k)
	if err != nil {
		return err
	}
	out := comparison{From: c.number("from", to.Rev-1), To: to.Rev}
	before, after := (*entity.Entity)(nil), to.Entity
	if to.Op == catalog.Deleted {
		after = nil
	}
	if out.From > 0 {
		from, err := c.Catalog.Revision(c.r.Context(), c.caller, ref, out.From)
		if err != nil {
			return err
		}
		if before = from.Entity; from.Op == catalog.Deleted {
			before = nil
		}
	}
	out.Fields = orEmpty(catalog.Diff(before, after))
	return c.send(http.StatusOK, out)
}

func (c *call) restore(k *catalog.Kind) error {
	var in restoring
	return c.changing(k, &in, func(ref entity.Ref) (*catalog.Change, error) {
		if in.Rev < 1 {
			return nil, fault.Bad("Which revision is not said.", fault.Problem{Field: "rev", Code: "required", Msg: "is the number of a revision, from 1"})
		}
		return c.Catalog.Restore(c.r.Context(), c.caller, ref, in.Rev)
	})
}

func (c *call) rename(k *catalog.Kind) error {
	var in renaming
	return c.changing(k, &in, func(ref entity.Ref) (*catalog.Change, error) {
		return c.Catalog.Rename(c.r.Context(), c.caller, ref, in.Name)
	})
}

func (c *call) relations(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	rs, err := c.Catalog.Relations(c.r.Context(), c.caller, ref)
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, relationList{orEmpty(rs)})
}

func (c *call) graph(k *catalog.Kind) error {
	ref, err := c.ref(k)
	if err != nil {
		return err
	}
	g, err := c.Catalog.Neighbourhood(c.r.Context(), c.caller, ref, int(c.number("depth", 1)), int(c.number("max", 60)))
	if err != nil {
		return err
	}
	g.Nodes, g.Edges = orEmpty(g.Nodes), orEmpty(g.Edges)
	return c.send(http.StatusOK, g)
}

// exportTimeout is how long a whole list or export may take.
const exportTimeout = 5 * time.Minute
