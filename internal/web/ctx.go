package web

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// manager is the name of the browser's hand in three-way merges.
const manager = "form"

func (a *App) newCtx(w http.ResponseWriter, r *http.Request) *Ctx {
	c := &Ctx{W: w, R: r, App: a, Lang: language(r), Now: a.Clock()}
	c.Caller = catalog.Caller{Principal: door.PrincipalOf(r.Context()), Manager: manager}
	return c
}

// T returns a text in the reader's language.
func (c *Ctx) T(key string, args ...any) string { return c.App.texts.Get(c.Lang, key, args...) }

// In returns a short text in the reader's language.
func (c *Ctx) In(t lang.Text) string { return t.In(c.Lang) }

// Num writes a whole number in the reader's language.
func (c *Ctx) Num(n int) string { return lang.Int(c.Lang, int64(n)) }

// Zone is the time zone that the reader reads in: their own when they chose one,
// else that of the organisation; UTC when it cannot be known.
func (c *Ctx) Zone() *time.Location {
	zone, err := Shared(c, "zone", func() (*time.Location, error) {
		if c.App.Config.Zone != nil {
			if zone, err := c.App.Config.Zone(c.R.Context(), c.Caller.Principal); err != nil || zone != nil {
				return zone, err
			}
		}
		return auth.Zone(c.R.Context(), c.Catalog().DB(), c.Caller.Org)
	})
	if err != nil {
		c.App.Log.WarnContext(c.R.Context(), "the time zone of a reader cannot be read", "error", err)
		return time.UTC
	}
	return zone
}

// Here is the present on the clocks of the reader.
func (c *Ctx) Here() time.Time { return c.Now.In(c.Zone()) }

// Today is the day it is where the reader lives, as 2006-01-02.
func (c *Ctx) Today() string { return c.Here().Format(time.DateOnly) }

// Param returns a parameter of the address, without spaces around it.
func (c *Ctx) Param(name string) string { return strings.TrimSpace(c.R.URL.Query().Get(name)) }

// Form returns a field of the form that was sent, without spaces around it.
func (c *Ctx) Form(name string) string { return strings.TrimSpace(c.R.PostFormValue(name)) }

// IntParam returns a whole number of the address, or def.
func (c *Ctx) IntParam(name string, def int) int {
	n, err := strconv.Atoi(c.Param(name))
	if err != nil {
		return def
	}
	return n
}

// HTMX reports whether htmx asks for a part of the page. A step back in the
// history asks for the whole of it.
func (c *Ctx) HTMX() bool {
	h := c.R.Header
	return h.Get("HX-Request") == "true" && h.Get("HX-History-Restore-Request") != "true" && h.Get("HX-Boosted") != "true"
}

// Can reports whether the caller may do v to r.
func (c *Ctx) Can(v auth.Verb, r auth.Resource) bool { return c.Caller.Can(v, r) == nil }

// CanKind reports whether the caller may do v to entities of a kind.
func (c *Ctx) CanKind(v auth.Verb, k *catalog.Kind) bool { return c.Can(v, k.Resource()) }

// Catalog is the catalogue of the installation.
func (c *Ctx) Catalog() *catalog.Catalog { return c.App.Catalog }

// Relations returns what an entity points at and what points at it. The cards
// of one page share what was read; it must not be changed.
func (c *Ctx) Relations(ref entity.Ref) ([]catalog.Relation, error) {
	if rels, ok := c.relations[ref]; ok {
		return rels, nil
	}
	rels, err := c.Catalog().Relations(c.R.Context(), c.Caller, ref)
	if err == nil {
		if c.relations == nil {
			c.relations = map[entity.Ref][]catalog.Relation{}
		}
		c.relations[ref] = rels
	}
	return rels, err
}

// Shared returns what load returns, which is asked only once for a key while a
// page is made: the cards of one page share it. It must not be changed.
func Shared[T any](c *Ctx, key string, load func() (T, error)) (T, error) {
	if c.shared == nil {
		c.shared = map[string]func() (any, error){}
	}
	f := c.shared[key]
	if f == nil {
		f = sync.OnceValues(func() (any, error) { return load() })
		c.shared[key] = f
	}
	v, err := f()
	t, _ := v.(T)
	return t, err
}

// Ref returns the reference in the address of a record's page.
func (c *Ctx) Ref(k *catalog.Kind) entity.Ref {
	return entity.NewRef(k.Name, c.R.PathValue("namespace"), c.R.PathValue("name"))
}

// Href returns the address of the record a reference names; "" for a kind the
// program does not know.
func (c *Ctx) Href(ref entity.Ref) string { return c.App.Href(ref) }

// Href returns the address of the record a reference names; "" for a kind the
// program does not know.
func (a *App) Href(ref entity.Ref) string {
	k := a.Catalog.Kinds().Get(ref.Kind)
	if k == nil {
		return ""
	}
	return recordPath(k.Plural, ref)
}

// HrefOf is Href for a reference as text.
func (a *App) HrefOf(text string) string {
	ref, err := entity.ParseRef(text, "", "")
	if err != nil {
		return ""
	}
	return a.Href(ref)
}

// Render draws a template of a module's set on its own, for answers that are a
// part of a page.
func (c *Ctx) Render(file, name string, data any) ([]byte, error) {
	s := c.App.sets[setKey{file, c.Lang}]
	if s == nil {
		return nil, fmt.Errorf("web: there is no template file %q", file)
	}
	var b bytes.Buffer
	err := s.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// Next returns the page to go to after a form, from its field "next".
func (c *Ctx) Next(def string) string {
	next := c.R.FormValue("next")
	if next == "" {
		return def
	}
	return door.SafeNext(next)
}

// Problem writes a problem in the reader's language.
func (c *Ctx) Problem(p fault.Problem) string {
	if text, ok := c.said("problem."+p.Code, c.words(p.Args)); ok && p.Code != "" {
		return text
	}
	return p.Msg
}

// said is a text with its arguments; false when there is no such text, or it
// wants more arguments than there are.
func (c *Ctx) said(key string, args []any) (string, bool) {
	if !c.App.texts.Has(key) {
		return "", false
	}
	text := c.T(key, args...)
	return text, !strings.Contains(text, fmt.Sprintf("{%d}", len(args)))
}

// words are the arguments of a problem, with the names that the catalog has for
// types of values in the reader's language.
func (c *Ctx) words(args []string) []any {
	out := make([]any, len(args))
	for i, s := range args {
		out[i] = s
		for _, w := range typeWords {
			if m := w.said.FindStringSubmatch(s); m != nil {
				out[i] = c.T(w.key, asAny(m[1:])...)
			}
		}
	}
	return out
}

func asAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// wording is an English text of another package, and the key of the text that
// says it here, with what the pattern's groups hold.
type wording struct {
	said *regexp.Regexp
	key  string
}

func wordings(pairs ...string) []wording {
	var out []wording
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, wording{regexp.MustCompile("^" + pairs[i] + "$"), pairs[i+1]})
	}
	return out
}

var typeWords = wordings("a whole number", "type.int", "a number", "type.number", "true or false", "type.bool", "a list", "type.list", "an object", "type.object",
	"an object of texts", "type.map", "a text", "type.text", "nothing", "type.nothing", `the text "(.*)"`, "type.the-text", "the number (.*)", "type.the-number")

var hintWords = wordings(`did you mean "(.*)"\?`, "hint.mean", "the fields are (.*)", "hint.fields", `it is "(.*)"`, "hint.is", "write it in quotes: (.*)", "hint.quotes",
	`write (\S+|".*") in (\S+)`, "hint.in", `a field that (\S+) keeps without knowing it is asked for with (has\(.*\)) && …, or written (.*)`, "hint.open",
	"the languages are (.*)", "hint.languages", "no engine is connected that has one", "hint.no-language", "its relations are (.*)", "hint.relations", "its fields are (.*)", "hint.columns",
	"binnacle explain lists the kinds; the tables are (.*)", "hint.sources")

// Hint writes what to do about a problem in the reader's language, where its
// words are known.
func (c *Ctx) Hint(hint string) string {
	for _, w := range hintWords {
		if m := w.said.FindStringSubmatch(hint); m != nil {
			return c.T(w.key, asAny(m[1:])...)
		}
	}
	if c.Lang != lang.English {
		return ""
	}
	return hint
}

// ProblemHint writes what to do about a problem in the reader's language.
func (c *Ctx) ProblemHint(p fault.Problem) string {
	for _, w := range hintWords {
		if w.said.MatchString(p.Hint) {
			return c.Hint(p.Hint)
		}
	}
	if text, ok := c.said("problem."+p.Code+".hint", c.words(p.Args)); ok && p.Hint != "" {
		return text
	}
	return c.Hint(p.Hint)
}

// Say writes what an error says to the person at the screen, in the reader's
// language: by its code; without one in English, or in general. It is "" for
// what must not be told.
func (c *Ctx) Say(err error) string {
	if reason, ok := auth.ReasonOf(err); ok {
		return reason.Text.In(c.Lang)
	}
	kind := fault.KindOf(err)
	f, ok := faultOf(err)
	if kind == fault.Internal || !ok {
		return c.T("error." + kind.String() + ".text")
	}
	if text, ok := c.said("fault."+f.Code, f.Args); ok && f.Code != "" {
		return text
	}
	if c.Lang != lang.English {
		return c.T("error." + kind.String() + ".text")
	}
	return sentence(f.Msg)
}

// Problems returns what an error says about fields of a form, by field, and about
// the form as a whole.
func (c *Ctx) Problems(err error) (fields map[string]string, problem string) {
	fields = map[string]string{}
	for _, p := range fault.ProblemsOf(err) {
		fields[p.Field] = c.Say(err)
	}
	return fields, c.Say(err)
}

// refuse returns a fault that says a text in each language.
func (c *Ctx) refuse(kind fault.Kind, key string, args ...any) *fault.Error {
	en, es := c.App.texts.Get(lang.English, key, args...), c.App.texts.Get(lang.Spanish, key, args...)
	return &fault.Error{Kind: kind, Msg: en, Err: &auth.Reason{Code: key, Text: lang.T(en, es)}}
}

// with returns the address of this page with some parameters changed; an empty
// value takes one out.
func (c *Ctx) with(pairs ...string) string {
	q := c.R.URL.Query()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		} else {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return address(c.R.URL.Path, q)
}

func address(path string, q url.Values) string {
	if enc := q.Encode(); enc != "" {
		return path + "?" + enc
	}
	return path
}
