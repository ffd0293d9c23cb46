package cli

import (
	"context"
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func userCommand() *command {
	return &command{
		use: "user", aliases: []string{"users"}, short: lang.T("Let people in, and give them a role.", "Da acceso a personas, y una función."),
		children: []*command{userAddCommand(), userListCommand(), userRoleCommand(), userAbleCommand("disable", true), userAbleCommand("enable", false), userResetCommand(), userLinkCommand(), userRemoveCommand()},
	}
}

func roles() []string {
	var out []string
	for _, r := range auth.Roles {
		if r.Role != auth.RoleIngest {
			out = append(out, string(r.Role))
		}
	}
	return out
}

// addingUser is the flags of user add.
type addingUser struct {
	newMember
	role, expires, base    string
	askPassword, readStdin bool
}

func userAddCommand() *command {
	var a addingUser
	return &command{
		use: "add EMAIL", short: lang.T("Let somebody in.", "Da acceso a alguien."),
		long: lang.T(`Let somebody in. In a data folder this makes the account, the first one being the
owner of the installation, and prints a link by which they sign in once, or sets a
password. On a server it makes an invitation and prints its link.`,
			`Da acceso a alguien. En una carpeta de datos crea la cuenta, la primera como propietaria
de la instalación, e imprime un enlace para entrar una vez, o fija una contraseña. En un
servidor crea una invitación e imprime su enlace.`),
		examples: []example{
			{lang.T("The first owner, before the server starts", "El primer propietario, antes de arrancar el servidor"), "binnacle user add ana@example.org --name 'Ana Pérez' --role owner --data ./data"},
			{lang.T("An auditor for a month", "Una auditora durante un mes"), "binnacle user add eva@audit.example --role auditor --expires 30d"},
		},
		access: onHouse(auth.Admin, auth.KindAccount).making(), min: 1, max: 1,
		flags: func(f *flags) {
			f.text(&a.name, "name", "", "", lang.T("`NAME` of the person; the address's first part when not given.", "Nombre (`NAME`) de la persona; la primera parte de la dirección si falta."))
			f.choice(&a.role, "role", "", "", roles(), lang.T("`ROLE`; owner for the first person, else member", "Función (`ROLE`); owner para la primera persona, luego member"))
			f.text(&a.userRef, "user", "", "", lang.T("Who they are in the catalog, as user:ana (`REF`).", "Quién es en el catálogo, como user:ana (`REF`)."))
			f.text(&a.expires, "expires", "", "", lang.T("When the access ends: 30d, or 2027-01-31 (`WHEN`).", "Cuándo termina el acceso: 30d, o 2027-01-31 (`WHEN`)."))
			f.text(&a.orgTitle, "organisation", "", "", lang.T("`TITLE` of the organisation, with the first owner.", "Nombre (`TITLE`) de la organización, con el primer propietario."))
			f.yes(&a.askPassword, "password", "", lang.T("Ask for a password instead of making a link.", "Pide una contraseña en vez de crear un enlace."))
			f.yes(&a.readStdin, "password-stdin", "", lang.T("Read the password from standard input.", "Lee la contraseña de la entrada estándar."))
			baseFlag(f, &a.base)
		},
		run: a.run,
	}
}

func baseFlag(f *flags, p *string) {
	f.text(p, "base-url", "", "http://127.0.0.1:8470", lang.T("`URL` by which people reach the server, for the link.", "`URL` con la que se llega al servidor, para el enlace."))
}

func (a *addingUser) run(ctx context.Context, s *session, args []string) error {
	at, err := s.open(ctx)
	if err != nil {
		return err
	}
	if err := a.fill(ctx, s, at, args[0]); err != nil {
		return err
	}
	made, err := at.AddMember(ctx, a.newMember)
	if err != nil {
		return err
	}
	switch role := a.newMember.role.Info().Title.In(s.code); {
	case made.first:
		s.print("%s is the first owner of this installation", "%s es la primera propietaria de esta instalación", a.email)
	case made.invited:
		s.print("%s is invited as %s", "%s tiene una invitación como %s", a.email, role)
	default:
		s.print("%s may sign in as %s", "%s puede entrar como %s", a.email, role)
	}
	s.printLink(a.base, made.link)
	return nil
}

// fill completes the person from what was left out.
func (a *addingUser) fill(ctx context.Context, s *session, at *installation, email string) error {
	a.email = email
	if address, err := mail.ParseAddress(email); err != nil || address.Address != email {
		return usage("%q is not an e-mail address", "%q no es una dirección de correo", email).hinting("write it as ana@example.org", "escríbela como ana@example.org")
	}
	local, domain, _ := strings.Cut(email, "@")
	if a.name == "" {
		a.name = local
	}
	if a.orgTitle == "" {
		a.orgTitle = domain
	}
	if a.role == "" {
		a.role = string(auth.RoleMember)
		if at.local != nil {
			if done, err := at.local.Auth.SetUp(ctx); err != nil || !done {
				a.role = string(auth.RoleOwner)
			}
		}
	}
	var err error
	if a.newMember.role, err = roleOf(a.role); err != nil {
		return err
	}
	if a.newMember.expires, err = s.until(a.expires); err != nil {
		return err
	}
	a.password, err = s.newPassword(a.askPassword, a.readStdin)
	return err
}

func roleOf(name string) (auth.Role, error) {
	r := auth.Role(name)
	if r.Valid() {
		return r, nil
	}
	list := strings.Join(roles(), ", ")
	return r, usage("there is no role %q", "no hay una función %q", name).hinting("the roles are %s", "las funciones son %s", list)
}

// until reads when something ends: "" never, 30d, 12h, a day, or a moment.
func (s *session) until(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, ok := span(text); ok {
		return s.now().Add(d), nil
	}
	if t, ok := moments(text); ok {
		return t, nil
	}
	return time.Time{}, badTime(text)
}

// since reads when something began, in the past.
func (s *session) since(text string) (time.Time, error) {
	if d, ok := span(text); ok {
		return s.now().Add(-d), nil
	}
	if t, ok := moments(text); ok || text == "" {
		return t, nil
	}
	return time.Time{}, badTime(text)
}

func badTime(text string) error {
	return usage("%q is not a time", "%q no es un momento", text).hinting("write 30d, 12h, 2027-01-31 or 2027-01-31T10:00:00Z", "escribe 30d, 12h, 2027-01-31 o 2027-01-31T10:00:00Z")
}

func span(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err == nil
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

func moments(text string) (time.Time, bool) {
	for _, layout := range []string{time.DateOnly, time.RFC3339, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// printLink writes a one-time link; the zero link not at all.
func (s *session) printLink(base string, l link) {
	if l.path == "" {
		return
	}
	address := l.path
	if strings.HasPrefix(address, "/") {
		address = strings.TrimRight(base, "/") + address
	}
	s.print("This link works once, until %s UTC:", "Este enlace funciona una vez, hasta %s UTC:", moment(l.expires))
	fmt.Fprintln(s.Out, "  "+address)
}

func userListCommand() *command {
	var out string
	return &command{
		use: "list", aliases: []string{"ls"}, short: lang.T("List who may come in.", "Enumera quién tiene acceso."),
		examples: []example{{lang.T("Everybody, and what they last did", "Todos, y su última entrada"), "binnacle user list"}},
		access:   onHouse(auth.Admin, auth.KindAccount),
		flags:    func(f *flags) { tableFlag(f, &out) },
		run: func(ctx context.Context, s *session, _ []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			members, err := at.Members(ctx)
			if err != nil {
				return err
			}
			return s.writeMembers(out, members)
		},
	}
}

func tableFlag(f *flags, p *string) {
	f.choice(p, "output", "o", "table", []string{"table", "json"}, lang.T("What to print", "Qué se imprime"))
}

// memberLine is a member in a list.
type memberLine struct {
	Account  string    `json:"account"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     auth.Role `json:"role"`
	User     string    `json:"user,omitempty"`
	Disabled bool      `json:"disabled"`
	TOTP     bool      `json:"totp"`
	Passkeys int       `json:"passkeys"`
	Expires  time.Time `json:"expires,omitzero"`
	SignedIn time.Time `json:"signedIn,omitzero"`
}

func (s *session) writeMembers(out string, members []auth.Member) error {
	lines := []memberLine{}
	for _, m := range members {
		lines = append(lines, memberLine{m.Account, m.Email, m.Name, m.Role, m.UserRef, m.Disabled, m.TOTP, m.Passkeys, m.Expires, m.SignedIn})
	}
	if out == "json" {
		return writeJSON(s.Out, lines)
	}
	t := &table{head: s.heads(lang.T("E-mail", "Correo"), lang.T("Name", "Nombre"), lang.T("Role", "Función"), lang.T("State", "Estado"), lang.T("Second factor", "Segundo factor"), lang.T("Last sign-in", "Última entrada"), lang.T("Until", "Hasta"))}
	for _, m := range lines {
		t.add(plain(m.Email), plain(m.Name), plain(string(m.Role)), s.memberState(m), plain(s.factors(m)), plain(moment(m.SignedIn)), plain(moment(m.Expires)))
	}
	return s.write(t)
}

func (s *session) memberState(m memberLine) cell {
	switch {
	case m.Disabled:
		return cell{s.say(lang.T("disabled", "desactivada")), "idle"}
	case !m.Expires.IsZero() && m.Expires.Before(s.now()):
		return cell{s.say(lang.T("ended", "terminada")), "idle"}
	}
	return cell{s.say(lang.T("active", "activa")), "ok"}
}

func (s *session) factors(m memberLine) string {
	var out []string
	if m.Passkeys > 0 {
		out = append(out, s.say(lang.T("%d passkey(s)", "%d llave(s)"), m.Passkeys))
	}
	if m.TOTP {
		out = append(out, "TOTP")
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

// member finds a member by e-mail or id.
func (s *session) member(ctx context.Context, at *installation, who string) (auth.Member, error) {
	members, err := at.Members(ctx)
	if err != nil {
		return auth.Member{}, err
	}
	folded, _ := auth.FoldEmail(who)
	for _, m := range members {
		if m.Email == folded || m.Account == who {
			return m, nil
		}
	}
	return auth.Member{}, failed(exitNotFound, "nobody here has the address %s", "nadie aquí tiene la dirección %s", who).
		hinting("binnacle user list names everybody", "binnacle user list nombra a todos")
}

// onMember is a command about one member.
func onMember(use string, short lang.Text, examples []example, do func(ctx context.Context, s *session, at *installation, m auth.Member, args []string) error) *command {
	return &command{
		use: use, short: short, examples: examples, access: onHouse(auth.Admin, auth.KindAccount), min: strings.Count(use, " "), max: strings.Count(use, " "),
		run: func(ctx context.Context, s *session, args []string) error {
			at, err := s.open(ctx)
			if err != nil {
				return err
			}
			m, err := s.member(ctx, at, args[0])
			if err != nil {
				return err
			}
			return do(ctx, s, at, m, args[1:])
		},
	}
}

func userRoleCommand() *command {
	var expires string
	c := onMember("role EMAIL ROLE", lang.T("Give somebody another role.", "Da a alguien otra función."),
		[]example{{lang.T("A new team lead", "Una nueva responsable de equipo"), "binnacle user role eva@example.org lead"}},
		func(ctx context.Context, s *session, at *installation, m auth.Member, args []string) error {
			role, err := roleOf(args[0])
			if err != nil {
				return err
			}
			until := m.Expires
			if expires != "" {
				if until, err = s.until(expires); err != nil {
					return err
				}
			}
			if err := at.SetRole(ctx, m, role, until); err != nil {
				return err
			}
			s.print("%s is now %s", "%s es ahora %s", m.Email, role.Info().Title.In(s.code))
			return nil
		})
	c.flags = func(f *flags) {
		f.text(&expires, "expires", "", "", lang.T("When the access ends: 30d, or 2027-01-31 (`WHEN`); as it was when not given.", "Cuándo termina el acceso: 30d, o 2027-01-31 (`WHEN`); como estaba si falta."))
	}
	return c
}

func userAbleCommand(name string, disabled bool) *command {
	short, done := lang.T("Let somebody in again.", "Devuelve el acceso a alguien."), lang.T("%s may sign in again", "%s puede entrar de nuevo")
	if disabled {
		short, done = lang.T("Shut somebody out at once: sessions end, tokens rest.", "Cierra el acceso a alguien: acaban sus sesiones y paran sus tokens."), lang.T("%s is shut out", "%s ya no tiene acceso")
	}
	return onMember(name+" EMAIL", short, []example{{short, "binnacle user " + name + " eva@example.org"}},
		func(ctx context.Context, s *session, at *installation, m auth.Member, _ []string) error {
			if err := at.SetDisabled(ctx, m.Account, disabled); err != nil {
				return err
			}
			s.print(done.En, done.Es, m.Email)
			return nil
		})
}

func userRemoveCommand() *command {
	return onMember("remove EMAIL", lang.T("Take somebody out of the organisation.", "Saca a alguien de la organización."),
		[]example{{lang.T("Somebody who left", "Alguien que se fue"), "binnacle user remove eva@example.org"}},
		func(ctx context.Context, s *session, at *installation, m auth.Member, _ []string) error {
			if err := at.RemoveMember(ctx, m.Account); err != nil {
				return err
			}
			s.print("%s no longer belongs to the organisation", "%s ya no pertenece a la organización", m.Email)
			return nil
		})
}

// onLink is a command that makes a one-time link for one member and writes it.
func onLink(use string, short lang.Text, e example, make func(context.Context, *installation, auth.Member) (link, error)) *command {
	var base string
	c := onMember(use, short, []example{e}, func(ctx context.Context, s *session, at *installation, m auth.Member, _ []string) error {
		l, err := make(ctx, at, m)
		if err != nil {
			return err
		}
		s.printLink(base, l)
		return nil
	})
	c.flags = func(f *flags) { baseFlag(f, &base) }
	return c
}

func userResetCommand() *command {
	return onLink("reset-link EMAIL", lang.T("Make a link by which somebody sets a new password.", "Crea un enlace para que alguien fije otra contraseña."),
		example{lang.T("For somebody who forgot theirs", "Para quien la olvidó"), "binnacle user reset-link eva@example.org"},
		func(ctx context.Context, at *installation, m auth.Member) (link, error) {
			return at.ResetLink(ctx, m.Account)
		})
}

func userLinkCommand() *command {
	return onLink("sign-in-link EMAIL", lang.T("Make a link by which somebody signs in once.", "Crea un enlace para que alguien entre una vez."),
		example{lang.T("Who holds the data folder lets themselves in", "Quien tiene la carpeta de datos entra"), "binnacle user sign-in-link ana@example.org --data ./data"},
		func(ctx context.Context, at *installation, m auth.Member) (link, error) {
			return at.SignInLink(ctx, m.Email)
		})
}
