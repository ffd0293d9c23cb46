package web

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/chart"
	"github.com/binnaclehq/binnacle/internal/web/static"
)

// funcs are the functions of templates in one language.
func (a *App) funcs(code lang.Code) template.FuncMap {
	w := writer{a, code}
	return template.FuncMap{
		"t": w.text, "in": func(t lang.Text) string { return t.In(code) },
		"lang": func() lang.Code { return code },
		"icon": func(id string) template.HTML { return static.Icon("i-" + id) }, "icon2": static.Icon,
		"state": w.state, "badge": w.badge, "mark": w.mark, "health": w.health, "ev": w.evidence,
		"person": person, "trend": w.trend, "spark": w.spark, "sparkline": a.drawings.sparkline,
		"date": w.date, "day": w.moment("day"), "datetime": w.moment("datetime"), "ago": w.moment("ago"), "when": w.moment("when"), "until": w.moment("until"),
		"num": w.num, "pct": func(share float64) string { return lang.Percent(code, share, 1) },
		"md": Markdown, "static": static.URL, "agent": w.agent, "method": w.method, "json": encode, "initials": initials,
		"dict": dict, "list": func(v ...any) []any { return v }, "join": strings.Join,
		"add": func(a, b int) int { return a + b }, "sub": func(a, b int) int { return a - b },
		"lower": strings.ToLower, "minpassword": func() int { return auth.MinPassword }, "logo": func() string { return static.IconURL("logo") }, "path": recordPath, "query": url.QueryEscape, "deref": deref,
		"has": func(key string) bool { return a.texts.Has(key) },
	}
}

// writer writes what templates ask for in one language.
type writer struct {
	app  *App
	lang lang.Code
}

func (w writer) text(key string, args ...any) string { return w.app.texts.Get(w.lang, key, args...) }

func esc(s string) string { return html.EscapeString(s) }

// states are the classes of a state; anything else is idle.
var states = map[string]bool{"ok": true, "warn": true, "bad": true, "info": true, "idle": true, "run": true, "no": true}

func stateOf(s string) string {
	if states[s] {
		return s
	}
	return "idle"
}

func (w writer) state(kind, label string) template.HTML {
	kind = stateOf(kind)
	return template.HTML(`<span class="state state-` + kind + `">` + string(static.Icon("s-"+kind)) + esc(label) + `</span>`)
}

func (w writer) badge(kind, label string) template.HTML {
	kind = stateOf(kind)
	return template.HTML(`<span class="badge badge-` + kind + `">` + string(static.Icon("s-"+kind)) + esc(label) + `</span>`)
}

func (w writer) mark(kind, label string) template.HTML {
	kind = stateOf(kind)
	return template.HTML(`<span class="state state-mark state-` + kind + `" title="` + esc(label) + `">` + string(static.Icon("s-"+kind)) + `<span class="vh">` + esc(label) + `</span></span>`)
}

// healths are the states of evidence.
var healths = map[string]bool{"live": true, "stale": true, "missing": true, "against": true}

func healthOf(s string) string {
	if healths[s] {
		return s
	}
	return "missing"
}

func (w writer) health(kind, label string) template.HTML {
	kind = healthOf(kind)
	return template.HTML(`<span class="health health-` + kind + `">` + string(static.Icon("e-"+kind)) + esc(label) + `</span>`)
}

// evidence writes one line of evidence under a claim; href may be empty.
func (w writer) evidence(kind, href, name, value, meta string) template.HTML {
	kind = healthOf(kind)
	var b strings.Builder
	fmt.Fprintf(&b, `<li class="ev" data-health="%s"><svg class="icon" role="img" aria-label="%s"><use href="%s"/></svg>`, kind, esc(w.text("health."+kind)), static.IconURL("e-"+kind))
	if href != "" {
		fmt.Fprintf(&b, `<a class="ev-name" href="%s">%s</a>`, esc(href), esc(name))
	} else {
		fmt.Fprintf(&b, `<span class="ev-name">%s</span>`, esc(name))
	}
	if value != "" {
		fmt.Fprintf(&b, ` <span class="ev-value">%s</span>`, esc(value))
	}
	if meta != "" {
		fmt.Fprintf(&b, ` <span class="ev-meta">%s</span>`, esc(meta))
	}
	b.WriteString(`</li>`)
	return template.HTML(b.String())
}

func initials(name string) string {
	var out []rune
	for _, word := range strings.Fields(name) {
		out = append(out, []rune(word)[0])
	}
	if len(out) > 2 {
		out = out[:2]
	}
	return strings.ToUpper(string(out))
}

func person(name string) template.HTML {
	return template.HTML(`<span class="person"><span class="avatar" aria-hidden="true">` + esc(initials(name)) + `</span>` + esc(name) + `</span>`)
}

var trendIcons = map[string]string{"up": "i-up2", "down": "i-down2", "flat": "i-flat"}

// trend writes a change: dir is up, down or flat; good is good, poor or "".
func (w writer) trend(dir, good, text string) template.HTML {
	class := "trend"
	if good == "good" || good == "poor" {
		class += " trend-" + good
	}
	icon, word := "", ""
	if id, ok := trendIcons[dir]; ok {
		icon = string(static.Icon(id))
		word = `<span class="vh">` + esc(w.text("trend."+dir)) + ` </span>`
	}
	return template.HTML(`<span class="` + class + `">` + icon + word + esc(text) + `</span>`)
}

func (w writer) spark(values []float64, target *float64, state, tip string) template.HTML {
	return chart.Spark{Y: values, Target: target, State: state, Tip: tip}.HTML()
}

func timeOf(v any) time.Time {
	switch t := v.(type) {
	case time.Time:
		return t
	case *time.Time:
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}

func (w writer) now() time.Time { return w.app.Clock() }

// stamp writes a time in one of the forms, in the zone it is in.
func (w writer) stamp(t time.Time, form func(writer, time.Time) string) template.HTML {
	return template.HTML(`<time datetime="` + t.UTC().Format(time.RFC3339) + `" title="` + esc(lang.DateTime(w.lang, t)) + `">` + esc(form(w, t)) + `</time>`)
}

// moment writes a time in a form: in the reader's zone, unless it was put into
// another; nothing for the zero time.
func (w writer) moment(form string) func(any) template.HTML {
	return func(v any) template.HTML {
		switch t := timeOf(v); {
		case t.IsZero():
			return ""
		case open(t):
			return w.app.moments.write(form, t)
		default:
			return w.stamp(t, forms[form])
		}
	}
}

// date writes a day as it is, in whatever zone its reader lives; nothing for the
// zero time. The day of a moment is "day".
func (w writer) date(v any) template.HTML {
	t := timeOf(v)
	if t.IsZero() {
		return ""
	}
	return w.stamp(t, forms["day"])
}

// since writes how long ago a moment was when it is recent, else its day.
func (w writer) since(t time.Time) string { return lang.Ago(w.lang, t, w.now().In(t.Location())) }

// sinceInWords is since inside a sentence: "6 min ago", "on 15 Sep".
func (w writer) sinceInWords(t time.Time) string {
	text, age := w.since(t), w.now().Sub(t)
	switch {
	case age >= time.Minute && age < 24*time.Hour:
		return w.text("when.ago", text)
	case age >= 24*time.Hour || age < 0:
		return w.text("when.on", text)
	}
	return text
}

// left writes how long is left to a moment.
func (w writer) left(t time.Time) string {
	switch left := t.Sub(w.now()); {
	case left < 0:
		return w.text("until.past", lang.Date(w.lang, t, w.now().In(t.Location())))
	case left < time.Hour:
		return w.text("until.minutes", int(left/time.Minute)+1)
	case left < 48*time.Hour:
		return w.text("until.hours", int(left.Round(time.Hour)/time.Hour))
	default:
		return w.text("until.days", int(left.Round(24*time.Hour)/(24*time.Hour)))
	}
}

func (w writer) num(v any) string {
	switch n := v.(type) {
	case int:
		return lang.Int(w.lang, int64(n))
	case int64:
		return lang.Int(w.lang, n)
	case float64:
		return lang.Float(w.lang, n, -1)
	case json.Number:
		if f, err := n.Float64(); err == nil {
			return lang.Float(w.lang, f, -1)
		}
	}
	return fmt.Sprint(v)
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

// dict makes a map of its arguments, key and value in turn.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments", len(pairs))
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: key %v is no string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

func deref(p *float64) float64 {
	if p == nil {
		return 0
	}
	return *p
}

// escapeName makes a name part of a path; names hold no slash.
func escapeName(s string) string { return url.PathEscape(s) }

// RecordPath is the address of the page of a record whose kind has a plural.
func RecordPath(plural string, ref entity.Ref) string { return recordPath(plural, ref) }

func recordPath(plural string, ref entity.Ref) string {
	return "/" + plural + "/" + escapeName(ref.Namespace) + "/" + escapeName(ref.Name)
}

// browsers are names by which a User-Agent tells a browser, the more special
// ones first; systems likewise.
var (
	browsers = []struct{ mark, name string }{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"binnacle-cli/", "binnacle"}}
	systems  = []struct{ mark, name string }{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// agent names the browser and system of a User-Agent as people know them.
func (w writer) agent(s string) string {
	find := func(list []struct{ mark, name string }) string {
		for _, x := range list {
			if strings.Contains(s, x.mark) {
				return x.name
			}
		}
		return ""
	}
	browser, system := find(browsers), find(systems)
	switch {
	case browser == "" && system == "":
		return w.text("agent.unknown")
	case browser == "" || system == "":
		return browser + system
	}
	return w.text("agent.on", browser, system)
}

// method names a way to sign in, as "password+totp".
func (w writer) method(s string) string {
	if key := "method." + s; w.app.texts.Has(key) {
		return w.text(key)
	}
	return s
}
