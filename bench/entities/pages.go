package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
)

const origin = "http://localhost"

// visitor is somebody who is signed in, before the program's handler.
type visitor struct {
	handler http.Handler
	session string
	seen    int
}

// signIn makes the installation's owner, or signs in the one of a run before.
func signIn(ctx context.Context, a *app.App) (*visitor, error) {
	faces, err := a.Faces(false)
	if err != nil {
		return nil, err
	}
	v := &visitor{handler: a.Handler(faces, false)}
	owner := auth.NewAccount{Email: "bench@binnacle.example", Name: "Bench", Password: "only for measuring"}
	if first, err := a.Auth.CreateFirstOwner(ctx, owner, "Bench", auth.Visitor{Via: "cli"}); err == nil {
		v.session = first.Secret
		return v, nil
	}
	step, err := a.Auth.SignIn(ctx, owner.Email, owner.Password, auth.Visitor{Via: "web"})
	if err != nil {
		return nil, err
	}
	v.session = step.Session.Secret
	return v, nil
}

// get asks for a page as a browser does; from changing addresses, since the
// program limits how much one asks for.
func (v *visitor) get(path string) error {
	v.seen++
	r := httptest.NewRequest(http.MethodGet, origin+path, nil)
	r.RemoteAddr = fmt.Sprintf("198.18.%d.%d:1000", v.seen>>8&255, v.seen&255)
	r.AddCookie(&http.Cookie{Name: "binnacle_session", Value: v.session})
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Errorf("GET %s: %d", path, w.Code)
	}
	return nil
}

// pages are whole pages, from the request to the last byte.
func (b *bench) pages(v *visitor) []question {
	rng := rand.New(rand.NewPCG(5, 6))
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	page := func(path string, kv ...string) error {
		q := url.Values{}
		for i := 0; i < len(kv); i += 2 {
			q.Add(kv[i], kv[i+1])
		}
		if len(q) > 0 {
			path += "?" + q.Encode()
		}
		return v.get(path)
	}
	record := func() string { return "/components/default/" + name(rng.IntN(b.n)) }
	return []question{
		{"page: floor, one without data", func() error { return page("/healthz") }},
		{"page: list", func() error { return page("/components") }},
		{"page: list, newest first", func() error { return page("/components", "sort", "-updated") }},
		{"page: list, two filters", func() error { return page("/components", "spec.type", pick(types), "spec.lifecycle", pick(lives)) }},
		{"page: list, a rare label", func() error { return page("/components", "labels", fmt.Sprintf("cell=%d", rng.IntN(2000))) }},
		{"page: list, an owner of 2000", func() error {
			return page("/components", "spec.owner", fmt.Sprintf("group:default/team-%d", rng.IntN(500)))
		}},
		{"page: list, words", func() error { return page("/components", "q", pick(verbs)+" "+pick(nouns)) }},
		{"page: list, CEL", func() error { return page("/components", "cel", `spec.tier == 1 && metadata.labels.env == "prod"`) }},
		{"page: search, two words", func() error { return page("/search", "q", pick(verbs)+" "+pick(nouns)) }},
		{"page: search, a name", func() error { return page("/search", "q", name(rng.IntN(b.n))) }},
		{"page: palette, three letters", func() error { return page("/palette", "q", pick(verbs)[:3]) }},
		{"page: palette, a name half typed", func() error { return page("/palette", "q", name(rng.IntN(b.n))[:12]) }},
		{"page: suggestions of a field", func() error { return page("/suggest", "kinds", "component", "q", pick(nouns)[:4]) }},
		{"page: record", func() error { return page(record()) }},
		{"page: record's relations", func() error { return page(record() + "/relations") }},
		{"page: record's history", func() error { return page(record() + "/history") }},
		{"page: edit form", func() error { return page(record() + "/edit") }},
		{"api: list of two filters", func() error {
			return page("/api/v1/components", "spec.type", pick(types), "spec.lifecycle", pick(lives))
		}},
		{"api: record", func() error { return page("/api/v1" + record()) }},
	}
}
