package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// The cookies of a reader's preferences. They hold no secret and script may
// not read them; an account keeps the same values, so that they follow a
// person to another browser.
const (
	langCookie  = "binnacle_lang"
	themeCookie = "binnacle_theme"
	keysCookie  = "binnacle_keys"
)

func cookie(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// language returns the reader's choice, or what the browser prefers.
func language(r *http.Request) lang.Code {
	if code, ok := lang.Parse(cookie(r, langCookie)); ok {
		return code
	}
	return lang.Match(r.Header.Get("Accept-Language"))
}

// theme returns "light", "dark" or, for the system's own, "".
func theme(r *http.Request) string {
	if t := cookie(r, themeCookie); t == "light" || t == "dark" {
		return t
	}
	return ""
}

// keysOn reports whether single keys do something.
func keysOn(r *http.Request) bool { return cookie(r, keysCookie) != "off" }

func (a *App) setPreference(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", Expires: a.Clock().Add(400 * 24 * time.Hour), Secure: a.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// preferences keeps what a reader chose; without an account it is kept in the
// browser only.
func preferences(c *Ctx) (any, error) {
	if c.R.PostFormValue("keys-form") != "" && c.Form("keys") == "" {
		c.R.PostForm.Set("keys", "off")
	}
	for _, p := range []struct{ field, cookie, allowed string }{
		{"lang", langCookie, "en es"}, {"theme", themeCookie, "system light dark"}, {"keys", keysCookie, "on off"},
	} {
		value := c.Form(p.field)
		if value == "" {
			continue
		}
		if !strings.Contains(" "+p.allowed+" ", " "+value+" ") {
			return nil, fault.New(fault.Invalid, "%q is no choice for %s", value, p.field).Coded("choice").WithHint("choose one of: %s", p.allowed)
		}
		c.App.setPreference(c.W, p.cookie, value)
	}
	if err := c.keepPreferences(); err != nil {
		return nil, err
	}
	if strings.Contains(c.R.Header.Get("Accept"), "application/json") {
		c.W.WriteHeader(http.StatusNoContent)
		return nil, nil
	}
	return Redirect{To: c.Next("/")}, nil
}
