package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// set is the frame and one template file, parsed for one language when it is
// first needed: a program that starts draws no page yet.
type set struct {
	parse func() (*template.Template, error)
}

func (s *set) ExecuteTemplate(w io.Writer, name string, data any) error {
	t, err := s.parse()
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, data)
}

type setKey struct {
	file string // "list.html", or with its room "strategy/radar.html"
	lang lang.Code
}

// shared are the files whose templates every page may use.
var shared = []string{"layout.html", "parts.html"}

// collectTemplates finds every template file, for each language.
func (a *App) collectTemplates() error {
	for _, code := range lang.All {
		base := sync.OnceValues(func() (*template.Template, error) {
			return template.New("").Funcs(a.funcs(code)).ParseFS(files, shared...)
		})
		if err := a.collectFolder(base, code, "", files); err != nil {
			return err
		}
		for _, m := range a.Modules {
			if m.Templates == nil {
				continue
			}
			if err := a.collectFolder(base, code, m.Room.ID+"/", m.Templates); err != nil {
				return fmt.Errorf("templates of %s: %w", m.Room.ID, err)
			}
		}
	}
	return a.checkTemplates()
}

// collectFolder makes a set of each file; a name that begins with "_" holds
// parts for the others of its folder.
func (a *App) collectFolder(base func() (*template.Template, error), code lang.Code, prefix string, fsys fs.FS) error {
	names, err := fs.Glob(fsys, "*.html")
	if err != nil {
		return err
	}
	var parts []string
	for _, name := range names {
		if strings.HasPrefix(name, "_") {
			parts = append(parts, name)
		}
	}
	for _, name := range names {
		if prefix == "" && slices.Contains(shared, name) || strings.HasPrefix(name, "_") {
			continue
		}
		a.sets[setKey{prefix + name, code}] = &set{sync.OnceValues(func() (*template.Template, error) {
			t, err := base()
			if err == nil {
				t, err = t.Clone()
			}
			if err == nil {
				t, err = t.ParseFS(fsys, append(parts[:len(parts):len(parts)], name)...)
			}
			return t, err
		})}
	}
	return nil
}

// Check parses every template, which otherwise happens when it is first drawn.
func (a *App) Check() error {
	for key, s := range a.sets {
		if _, err := s.parse(); err != nil {
			return fmt.Errorf("template %s: %w", key.file, err)
		}
	}
	return nil
}

// checkTemplates finds pages and cards whose template is not there.
func (a *App) checkTemplates() error {
	for i := range a.pages {
		if p := &a.pages[i]; p.Template != "" && a.setOf(p.Room, p.Template, lang.English) == nil {
			return fmt.Errorf("web: page %s: there is no template %q", p.ID, p.Template)
		}
	}
	for i := range a.cards {
		if c := &a.cards[i]; a.cardSet(c, lang.English) == nil {
			return fmt.Errorf("web: card %s: there is no template %q", c.ID, c.Template)
		}
	}
	return nil
}

// setOf finds a template file among those of a room, then among the kit's.
func (a *App) setOf(room, file string, code lang.Code) *set {
	if s := a.sets[setKey{room + "/" + file, code}]; s != nil {
		return s
	}
	return a.sets[setKey{file, code}]
}

// cardSet finds the template file of a card, whichever room brought it.
func (a *App) cardSet(c *Card, code lang.Code) *set {
	return a.setOf(c.room, c.Template, code)
}

// isList reports whether the page is the kit's list of a kind.
func (p *PageDef) isList() bool { return p.Template == "list.html" }

// method is the page's method.
func (p *PageDef) method() string {
	if p.Method == "" {
		return http.MethodGet
	}
	return p.Method
}

// Routes returns what the door lets in. The static files are not among them.
func (a *App) Routes() []door.Route {
	routes := make([]door.Route, len(a.pages))
	for i := range a.pages {
		routes[i] = a.route(&a.pages[i])
	}
	return routes
}

func (a *App) route(p *PageDef) door.Route {
	resource := p.Resource
	if resource == nil && p.Room != "" {
		room := a.asked(p.Room)
		resource = func(*http.Request) (auth.Resource, error) { return auth.Resource{Room: room}, nil }
	}
	return door.Route{
		Method: p.method(), Pattern: p.Pattern, Face: door.Web, Verb: p.Verb, Resource: resource, MaxBody: p.MaxBody, Stream: p.Stream,
		Handle: func(w http.ResponseWriter, r *http.Request) error {
			ctx, looks := a.Catalog.GatherLooks(r.Context())
			c := a.newCtx(w, r.WithContext(ctx))
			c.looks, c.Caller.Reason = looks, reasonOf(c.R)
			answer, err := p.Handle(c)
			if a.Morning != nil && r.Method != http.MethodGet {
				a.Morning.Forget(c.Caller) // what waits may be another now
			}
			if err == nil {
				err = a.answer(c, p, answer)
			}
			return looks.After(ctx, err) // what was streamed, or gathered before it failed
		},
	}
}

// reasonOf reads why a change is made; a form that is too large or wrong is
// left to the handler.
func reasonOf(r *http.Request) string {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return ""
	}
	if err := r.ParseForm(); err != nil {
		return ""
	}
	return strings.TrimSpace(r.PostForm.Get("reason"))
}

// page is what embeds Shell.
type page interface{ shell() *Shell }

func (s *Shell) shell() *Shell { return s }

// view is what the layout is drawn with: the common part beside the page, so
// that no field of a page can hide one of the frame.
type view struct {
	*Shell
	Page any
}

func (a *App) answer(c *Ctx, def *PageDef, answer any) error {
	switch v := answer.(type) {
	case nil:
		return nil
	case Redirect:
		return c.redirect(v)
	case File:
		return c.download(v)
	case page:
		return a.draw(c, def, v)
	}
	return fmt.Errorf("web: page %s answers with %T", def.ID, answer)
}

func (a *App) draw(c *Ctx, def *PageDef, p page) error {
	sh := p.shell()
	file := cmp.Or(sh.Template, def.Template)
	tmpl := a.setOf(def.Room, file, c.Lang)
	if tmpl == nil {
		return fmt.Errorf("web: page %s has no template %q", def.ID, file)
	}
	name, data := "layout", any(&view{sh, p})
	if sh.Fragment != "" && c.HTMX() {
		sh.Frame = &Frame{Lang: c.Lang, ctx: c}
		name, data = sh.Fragment, p
	} else {
		sh.Frame = a.frame(c, def, sh)
	}
	var b bytes.Buffer
	if err := tmpl.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("page %s: %w", def.ID, err)
	}
	if err := c.looks.Flush(c.R.Context()); err != nil {
		return err
	}
	h := c.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Add("Vary", "HX-Request")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-store")
	}
	status := sh.Status
	if status == 0 {
		status = http.StatusOK
	}
	c.W.WriteHeader(status)
	_, err := c.W.Write(a.drawn(c, a.told(c, b.Bytes())))
	return err
}

func (c *Ctx) redirect(v Redirect) error {
	if v.Toast != nil {
		c.flash(v.Toast)
	}
	to := door.SafeNext(v.To)
	if c.R.Header.Get("HX-Request") == "true" {
		c.W.Header().Set("HX-Redirect", to)
		c.W.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(c.W, c.R, to, http.StatusSeeOther)
	return nil
}

func (c *Ctx) download(f File) error {
	if err := c.looks.Flush(c.R.Context()); err != nil {
		return err
	}
	h := c.W.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(f.Name)}))
	h.Set("Cache-Control", "private, no-store")
	if f.Write != nil {
		return f.Write(c.W)
	}
	h.Set("Content-Length", strconv.Itoa(len(f.Data)))
	_, err := c.W.Write(f.Data)
	return err
}
