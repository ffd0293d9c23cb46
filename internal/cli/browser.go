package cli

import (
	"cmp"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
)

// browser signs in at the pages of a server: accounts with a password have no
// other door, so that limits and second factors are the same for all.
type browser struct{ *client }

func newBrowser(c *client) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c.http = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &browser{c}, nil
}

// codePage is where a sign-in goes that needs a second factor.
const codePage = "/sign-in/code"

// signIn sends the password and, where one is asked for, the second factor.
func (b *browser) signIn(ctx context.Context, email, password string, code func() (string, error)) error {
	next, err := b.post(ctx, "/sign-in", url.Values{"email": {email}, "password": {password}})
	if err != nil || !strings.HasPrefix(next, codePage) {
		return err
	}
	answer, err := code()
	if err != nil {
		return err
	}
	_, err = b.post(ctx, codePage, url.Values{"code": {answer}})
	return err
}

// post sends a form and returns where the server goes on from there. A server
// that shows the form again has refused it.
func (b *browser) post(ctx context.Context, path string, form url.Values) (next string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	b.dress(req, ask{accept: "text/html", bodyType: "application/x-www-form-urlencoded"})
	resp, err := b.http.Do(req)
	if err != nil {
		return "", b.unreachable(err)
	}
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusSeeOther:
		return resp.Header.Get("Location"), nil
	case http.StatusTooManyRequests:
		return "", failed(exitRefused, "there were too many tries", "hubo demasiados intentos").hinting("wait a few minutes, then try again", "espera unos minutos y repite")
	case http.StatusNotFound:
		return "", failed(exitFailed, "%s is no server of binnacle", "%s no es un servidor de binnacle", b.base).hinting("check the address", "comprueba la dirección")
	}
	return "", failed(exitRefused, "the address, the password or the code is wrong", "el correo, la contraseña o el código no es correcto").
		hinting(`try again; "binnacle user reset-link EMAIL" makes a link for a new password`, `repite; "binnacle user reset-link CORREO" crea un enlace para otra contraseña`)
}

// machineScopes are all but ingest: the token of a person at a terminal may do
// what their role may.
func machineScopes() []auth.Scope {
	return slices.DeleteFunc(slices.Clone(auth.Scopes), func(s auth.Scope) bool { return s == auth.Scope(auth.Ingest) })
}

// token makes a token for this machine and ends the session.
func (b *browser) token(ctx context.Context) (string, error) {
	host, _ := os.Hostname()
	r := &remote{client: b.client}
	_, secret, err := r.CreateToken(ctx, newToken{name: "binnacle login, " + cmp.Or(host, "?"), scopes: machineScopes()})
	if err != nil {
		return "", err
	}
	_, err = b.post(ctx, "/sign-out", url.Values{})
	return secret, err
}
