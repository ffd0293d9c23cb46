package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

const flashCookie = "binnacle_toast"

// flash keeps a toast for the next page. The cookie holds the key of a text and
// not the text, and what it offers to undo is asked of the door again.
func (c *Ctx) flash(t *Toast) {
	data, err := json.Marshal(t)
	if err != nil {
		return
	}
	http.SetCookie(c.W, &http.Cookie{Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(data), Path: "/", MaxAge: 60, Secure: c.App.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// Shown is a toast ready to be drawn.
type Shown struct {
	Text string
	Undo *Undo
}

// takeFlash returns the toast kept for this page, once.
func (c *Ctx) takeFlash() *Shown {
	k, err := c.R.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	http.SetCookie(c.W, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, Secure: c.App.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode})
	data, err := base64.RawURLEncoding.DecodeString(k.Value)
	if err != nil {
		return nil
	}
	var t Toast
	if json.Unmarshal(data, &t) != nil || !c.App.texts.Has(t.Key) {
		return nil
	}
	args := make([]any, len(t.Args))
	for i, a := range t.Args {
		args[i] = a
	}
	return &Shown{Text: c.T(t.Key, args...), Undo: t.Undo}
}
