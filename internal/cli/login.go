package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// logins are the servers somebody signed in to, kept in the user's config
// folder, readable by the user alone.
type logins struct {
	Current string           `json:"current"` // address of the last one
	Servers map[string]login `json:"servers"` // by address
}

type login struct {
	Token   string `json:"token"`
	TokenID string `json:"tokenId,omitempty"` // for logout --revoke
	Name    string `json:"name"`
	Org     string `json:"org"`
}

// loginFile is config/binnacle/login.json, where config is BINNACLE_CONFIG or
// the system's place for it.
func (s *session) loginFile() (string, error) {
	dir := s.Env("BINNACLE_CONFIG")
	if dir != "" {
		return filepath.Join(dir, "login.json"), nil
	}
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "binnacle", "login.json"), err
}

func (s *session) readLogins() (*logins, error) {
	l := &logins{Servers: map[string]login{}}
	path, err := s.loginFile()
	if err != nil {
		return l, nil // no home folder: nobody signed in from here
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(data, l)
	}
	if err != nil {
		return nil, failed(exitFailed, "the stored login %s cannot be read", "no se puede leer el inicio de sesión guardado %s", path).
			because(err).hinting("remove the file and run binnacle login again", "borra el fichero y ejecuta de nuevo binnacle login")
	}
	if l.Servers == nil {
		l.Servers = map[string]login{}
	}
	return l, nil
}

// writeLogins stores l in a new file that takes the place of the old one.
func (s *session) writeLogins(l *logins) error {
	path, err := s.loginFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// signingIn is the flags of login.
type signingIn struct {
	stdin, passwordStdin bool
	email                string
}

func loginCommand() *command {
	var l signingIn
	return &command{
		use: "login URL", short: lang.T("Sign in to a server from this machine.", "Inicia sesión en un servidor desde esta máquina."),
		long: lang.T(`Sign in to a server with a token you made in the browser, or with your e-mail address and
password, by which a token for this machine is made. The token is kept in your own config
folder, readable by you alone, and commands without --server or --data go to this server
from now on.`,
			`Inicia sesión en un servidor con un token que creaste en el navegador, o con tu correo y tu
contraseña, con los que se crea un token para esta máquina. El token se guarda en tu carpeta
de configuración, que solo tú puedes leer, y las órdenes sin --server ni --data van desde
ahora a este servidor.`),
		examples: []example{
			{lang.T("It asks for a token, or for your address and password", "Pide un token, o tu dirección y contraseña"), "binnacle login https://binnacle.example"},
			{lang.T("In a pipeline", "En un proceso"), "echo \"$TOKEN\" | binnacle login https://binnacle.example --token-stdin"},
		},
		access: offline(), max: 1,
		flags: func(f *flags) {
			f.yes(&l.stdin, "token-stdin", "", lang.T("Read the token from standard input.", "Lee el token de la entrada estándar."))
			f.text(&l.email, "email", "", "", lang.T("Sign in with this `ADDRESS` and a password.", "Entra con esta dirección (`ADDRESS`) y una contraseña."))
			f.yes(&l.passwordStdin, "password-stdin", "", lang.T("Read the password from standard input.", "Lee la contraseña de la entrada estándar."))
		},
		run: l.run,
	}
}

func (l *signingIn) run(ctx context.Context, s *session, args []string) error {
	if len(args) == 1 {
		s.place.server = args[0]
	}
	if s.place.server == "" {
		s.place.server = s.place.env.server
	}
	if s.place.server == "" {
		return usage("it is not said where to sign in", "no se dice dónde iniciar sesión").hinting("binnacle login https://binnacle.example", "binnacle login https://binnacle.example")
	}
	if err := s.place.settle(&logins{}); err != nil {
		return err
	}
	if strings.HasPrefix(s.place.server, "http://") && !isLoopback(s.place.server) {
		s.tell("warning: %s is not encrypted: others on the way can read the token", "aviso: %s no va cifrado: otros en el camino pueden leer el token", s.place.server)
	}
	token, err := l.token(ctx, s)
	if err != nil {
		return err
	}
	return s.signIn(ctx, token)
}

// token is the one that was given, or that an address and a password get.
func (l *signingIn) token(ctx context.Context, s *session) (string, error) {
	if err := l.askWho(s); err != nil {
		return "", err
	}
	token := s.place.token
	var err error
	switch {
	case l.email != "":
		token, err = l.withPassword(ctx, s)
	case l.stdin:
		token, err = s.line()
	case token == "":
		token, err = s.secret(lang.T("Token: ", "Token: "))
	}
	token = strings.TrimSpace(token)
	if err == nil && !auth.WellFormedToken(token) {
		err = usage("this is not a token of binnacle", "esto no es un token de binnacle").hinting("a token begins with %s; was it copied whole?", "un token empieza por %s; ¿se copió entero?", auth.TokenPrefix)
	}
	return token, err
}

// askWho asks a person which of the two ways they want.
func (l *signingIn) askWho(s *session) error {
	if l.email != "" || l.stdin || s.place.token != "" || !s.InTTY {
		return nil
	}
	var err error
	l.email, err = s.ask(lang.T("E-mail address (empty to give a token): ", "Correo (vacío para dar un token): "))
	return err
}

// withPassword signs in as a browser does, makes a token for this machine, and
// signs out again.
func (l *signingIn) withPassword(ctx context.Context, s *session) (string, error) {
	var password string
	var err error
	if l.passwordStdin {
		password, err = s.line()
	} else {
		password, err = s.secret(lang.T("Password: ", "Contraseña: "))
	}
	if err != nil {
		return "", err
	}
	b, err := newBrowser(s.client(s.place.server, ""))
	if err != nil {
		return "", err
	}
	code := func() (string, error) {
		return s.ask(lang.T("Code of your authenticator, or a recovery code: ", "Código de tu autenticador, o un código de recuperación: "))
	}
	if err := b.signIn(ctx, l.email, password, code); err != nil {
		return "", err
	}
	return b.token(ctx)
}

// signIn checks a token and stores it.
func (s *session) signIn(ctx context.Context, token string) error {
	r := &remote{client: s.client(s.place.server, token)}
	who, err := r.Whoami(ctx)
	if err != nil {
		return err
	}
	logins, err := s.readLogins()
	if err != nil {
		return err
	}
	logins.Current = s.place.server
	logins.Servers[s.place.server] = login{Token: token, TokenID: who.Token, Name: who.Name, Org: who.OrgTitle}
	if err := s.writeLogins(logins); err != nil {
		return err
	}
	s.print("Signed in to %s as %s, %s of %s", "Sesión iniciada en %s como %s, %s de %s", s.place.server, who.Name, who.Role.Info().Title.In(s.code), who.OrgTitle)
	return nil
}

func logoutCommand() *command {
	var revoke bool
	return &command{
		use: "logout [URL]", short: lang.T("Forget the token of a server.", "Olvida el token de un servidor."),
		examples: []example{
			{lang.T("Of the last one", "El del último"), "binnacle logout"},
			{lang.T("And end the token", "Y anularlo"), "binnacle logout https://binnacle.example --revoke"},
		},
		access: offline(), max: 1,
		flags: func(f *flags) {
			f.yes(&revoke, "revoke", "", lang.T("Revoke the token on the server too.", "Anula también el token en el servidor."))
		},
		run: func(ctx context.Context, s *session, args []string) error {
			logins, err := s.readLogins()
			if err != nil {
				return err
			}
			s.place.server = logins.Current
			if len(args) == 1 {
				s.place.server = args[0]
			}
			if s.place.server != "" {
				if err := s.place.settleServer(logins); err != nil {
					return err
				}
			}
			return s.signOut(ctx, logins, revoke)
		},
	}
}

func (s *session) signOut(ctx context.Context, logins *logins, revoke bool) error {
	l, ok := logins.Servers[s.place.server]
	if !ok {
		return failed(exitNotFound, "nobody is signed in to %s from here", "nadie tiene sesión en %s desde aquí", cmp.Or(s.place.server, "-")).
			hinting("binnacle login URL signs in", "binnacle login URL inicia sesión")
	}
	if revoke {
		r := &remote{client: s.client(s.place.server, l.Token)}
		if err := r.RevokeToken(ctx, l.TokenID); err != nil {
			return err
		}
	}
	delete(logins.Servers, s.place.server)
	if logins.Current == s.place.server {
		logins.Current = ""
	}
	if err := s.writeLogins(logins); err != nil {
		return err
	}
	s.print("Signed out of %s", "Sesión cerrada en %s", s.place.server)
	return nil
}
