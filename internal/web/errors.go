package web

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/binnaclehq/binnacle/internal/door"
	"github.com/binnaclehq/binnacle/internal/fault"
)

type errorPage struct {
	Shell
	Text     string // what happened
	What     string // what to do
	Hint     string
	Problems []problemLine
	Back     string // where to go on
	Code     int
}

// problemLine is a problem ready to be shown.
type problemLine struct{ Label, Place, Text, Hint, Anchor string }

func faultOf(err error) (*fault.Error, bool) {
	var f *fault.Error
	ok := errors.As(err, &f)
	return f, ok
}

// Error shows a failure as a page, or to a script as problem+json; it is what
// the door calls for the web face.
func (a *App) Error(w http.ResponseWriter, r *http.Request, err error) {
	c, kind := a.newCtx(w, r), fault.KindOf(err)
	if f, ok := faultOf(err); ok && f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	if r.Header.Get("HX-Request") == "true" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		c.problemJSON(kind, err)
		return
	}
	if err := a.draw(c, &PageDef{ID: "error", Template: "error.html"}, c.errorPage(kind, err)); err != nil {
		a.Log.ErrorContext(r.Context(), "error page", "error", err)
		http.Error(w, c.T("error.internal.title"), http.StatusInternalServerError)
	}
}

func (c *Ctx) errorPage(kind fault.Kind, err error) *errorPage {
	p := &errorPage{Code: door.StatusOf(err), Text: c.Say(err), Hint: c.HintOf(err), Back: "/"}
	key := "error." + kind.String()
	p.Title, p.What, p.Status = c.T(key+".title"), c.T(key+".what"), p.Code
	if p.Text == "" || kind == fault.Internal {
		p.Text = c.T(key + ".text")
	}
	for _, pr := range fault.ProblemsOf(err) {
		p.Problems = append(p.Problems, problemLine{Label: pr.Field, Place: pr.Place(), Text: c.Problem(pr), Hint: c.ProblemHint(pr)})
	}
	seg := firstSegment(c.R.URL.Path)
	if k := c.App.Catalog.Kinds().Get(seg); k != nil && k.Plural == seg && c.R.URL.Path != "/"+seg {
		p.Back = "/" + seg
	}
	return p
}

// HintOf is the way out that an error names, in the reader's language.
func (c *Ctx) HintOf(err error) string {
	f, ok := faultOf(err)
	if !ok || f.Kind == fault.Internal || f.Hint == "" {
		return ""
	}
	for _, w := range hintWords {
		if w.said.MatchString(f.Hint) {
			return c.Hint(f.Hint)
		}
	}
	if text, ok := c.said("fault."+f.Code+".hint", f.HintArgs); ok && f.Code != "" {
		return text
	}
	return c.Hint(f.Hint)
}

func (c *Ctx) problemJSON(kind fault.Kind, err error) {
	detail := c.Say(err)
	if detail == "" {
		detail = c.T("error." + kind.String() + ".text")
	}
	if len(fault.ProblemsOf(err)) > 0 {
		detail = c.problemsIn(err)
	}
	code := door.StatusOf(err)
	body, _ := json.Marshal(map[string]any{"type": "about:blank", "title": c.T("error." + kind.String() + ".title"), "status": code, "detail": detail})
	c.W.Header().Set("Content-Type", "application/problem+json")
	c.W.Header().Set("Cache-Control", "no-store")
	c.W.WriteHeader(code)
	c.W.Write(body)
}

// firstSegment is the first part of a path.
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}
