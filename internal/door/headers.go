package door

import (
	"net/http"
	"slices"
	"strings"
)

// contentPolicy is the Content-Security-Policy: nothing inline but custom
// properties in style attributes, nothing from elsewhere, no frames.
func contentPolicy(formTargets []string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "style-src-attr 'unsafe-inline'", "img-src 'self' data:",
		"connect-src 'self'", "font-src 'self'", "manifest-src 'self'",
		strings.Join(append([]string{"form-action 'self'"}, formTargets...), " "),
		"frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

var securityHeaders = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Permissions-Policy":           "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

func (h *house) setHeaders(header http.Header, r *http.Request) {
	for name, value := range securityHeaders {
		header.Set(name, value)
	}
	header.Set("Content-Security-Policy", h.csp)
	if h.FormTargets != nil {
		if targets := h.FormTargets(r.Context()); len(targets) > 0 {
			header.Set("Content-Security-Policy", contentPolicy(targets))
		}
	}
	if h.Secure {
		header.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// queryNames returns the names of the query's values, for the log.
func queryNames(r *http.Request) []string {
	var names []string
	for name := range r.URL.Query() {
		names = append(names, loggable(name, 40))
	}
	slices.Sort(names)
	return names[:min(len(names), 20)]
}

// loggedPath returns the path, with a wildcard that holds a secret left as a
// wildcard.
func loggedPath(route *Route, r *http.Request) string {
	if route != nil && slices.ContainsFunc([]string{"{token}", "{secret}", "{code}"}, func(s string) bool { return strings.Contains(route.Pattern, s) }) {
		return route.Pattern
	}
	return loggable(r.URL.Path, 300)
}

// loggable cuts s to n bytes and strikes out what is not printable.
func loggable(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == '\uFFFD' {
			return '?'
		}
		return c
	}, s)
}
