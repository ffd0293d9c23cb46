package auth

import (
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// Principal is who asks, in which organisation, and by which means. The zero
// Principal is nobody: it may do only what is Public.
type Principal struct {
	Account  string // id; "" for a machine
	Name     string
	Email    string
	Org      string // id of the organisation
	OrgTitle string
	Home     bool // Org is the one that runs the installation
	Role     Role
	Cap      Role    // of a token: it may do no more than this role; "" is no cap
	UserRef  string  // the person in the catalog, as user:default/ana; "" when not linked
	Scopes   []Scope // of a token; a token without scopes may only see who it is
	Session  string  // public id of the session; "" without one
	Token    string  // id of the token; "" without one
	Expires  time.Time
	// Pinned says that the session came by the single sign-on of Org, which is
	// trusted for Org alone: it cannot switch, nor touch the account's own
	// credentials.
	Pinned bool
	Via    string // "web", "api", "cli", "mcp", "system"
	IP     string

	clock func() time.Time // by which Expires is; nil: the time
}

// ended reports whether p's time is over.
func (p Principal) ended() bool {
	now := time.Now
	if p.clock != nil {
		now = p.clock
	}
	return !p.Expires.IsZero() && !now().Before(p.Expires)
}

// systemAccount is the account of the program itself and of whoever holds the
// data folder. No account in the database has this id.
const systemAccount = audit.System

// Local returns the principal of whoever holds the data folder itself, as the
// command line does while no server runs: it may do everything in org.
func Local(org, name, via string) Principal {
	return Principal{Account: systemAccount, Name: name, Org: org, Home: true, Role: RoleOwner, Via: via}
}

// canManageCredentials refuses all but a person with a session that is good
// for their whole account.
func (p Principal) canManageCredentials() error {
	if err := p.Can(Self, Resource{}); err != nil {
		return err
	}
	switch {
	case p.Session == "":
		return refuse(fault.Forbidden, "session-needed", "Only a person signed in with a browser may do this, not a token.", "Solo puede hacerlo una persona con sesión en un navegador, no un token.")
	case p.Pinned:
		return refuse(fault.Forbidden, "pinned", "Single sign-on of {0} is trusted for {0} alone; sign in with your password or a passkey to do this.", "El inicio de sesión único de {0} solo vale para {0}; entra con tu contraseña o una llave de acceso para hacerlo.", p.orgName())
	}
	return nil
}

// SignedIn reports whether p is somebody.
func (p Principal) SignedIn() bool { return p.Role != "" }

// Can returns nil when p may do v to r, and else an Unauthenticated or
// Forbidden fault whose sentence says which role could. It is the one place
// where that is decided: every route, command and tool asks it.
//
// A role allows what the table in policy.go says; the scopes and the cap of a
// token only narrow that, and so does the end of a membership.
func (p Principal) Can(v Verb, r Resource) error {
	switch {
	case v == Public:
		return nil
	case !p.SignedIn():
		return refuse(fault.Unauthenticated, "sign-in-first", "Sign in first.", "Inicia sesión primero.")
	case p.ended():
		return refuse(fault.Forbidden, "membership-ended", "Your access to {0} ended on {1}.", "Tu acceso a {0} terminó el {1}.", p.orgName(), p.Expires.UTC().Format(time.DateOnly))
	case !p.Role.allows(v, r, p.Home), p.Cap != "" && !p.Cap.allows(v, r, p.Home):
		return p.denied(v, r)
	case p.Token != "" && v != Whoami && !p.scoped(v, r):
		return refuse(fault.Forbidden, "scope", "This token's scopes do not allow {0}; it needs the scope {1}.", "Los ámbitos de este token no permiten {0}; necesita el ámbito {1}.", action(v, r), string(v))
	}
	return nil
}

func (p Principal) scoped(v Verb, r Resource) bool {
	return slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.allows(v, r) })
}

func (p Principal) orgName() string {
	if p.OrgTitle != "" {
		return p.OrgTitle
	}
	return p.Org
}

func (p Principal) denied(v Verb, r Resource) error {
	role := p.Role
	if p.Cap != "" && role.allows(v, r, p.Home) {
		role = p.Cap
	}
	could := rolesFor(v, r, p.Home)
	if len(could) == 0 {
		return refuse(fault.Forbidden, "home-only", "Only an account with the role {0} in the organisation that runs this installation may {1}.", "Solo una cuenta con la función {0} en la organización que gestiona esta instalación puede {1}.", anyOf(rolesFor(v, r, true)), action(v, r))
	}
	return refuse(fault.Forbidden, "role", "The role {0} may not {1}; {2} may.", "La función {0} no puede {1}; sí puede: {2}.", role.Info().Title, action(v, r), anyOf(could))
}

var verbNames = map[Verb]lang.Text{
	Whoami: lang.T("see who is signed in", "ver quién ha iniciado sesión"), Self: lang.T("manage an own account", "gestionar una cuenta propia"),
	Read: lang.T("read", "leer"), Comment: lang.T("comment", "comentar"), Write: lang.T("write", "escribir"), Delete: lang.T("delete", "borrar"),
	Admin: lang.T("administer", "administrar"), Audit: lang.T("read the audit log", "leer el registro de auditoría"),
	Backup:  lang.T("back up the installation or add organisations", "copiar la instalación o añadir organizaciones"),
	Monitor: lang.T("see how the program does", "ver cómo está el programa"), Ingest: lang.T("write events", "escribir eventos"),
}

var roomNames = map[string]lang.Text{
	Strategy: lang.T("strategy", "estrategia"), People: lang.T("people", "personas"), Delivery: lang.T("delivery", "entrega"), Operations: lang.T("operations", "operaciones"),
	Security: lang.T("security", "seguridad"), Governance: lang.T("governance", "gobierno"), Review: lang.T("review", "revisión"),
}

// action writes "delete in security".
func action(v Verb, r Resource) lang.Text {
	t := verbNames[v]
	if room, ok := roomNames[r.Room]; ok {
		t = lang.T(t.En+" in "+room.En, t.Es+" en "+room.Es)
	}
	return t
}

// anyOf writes "CTO or Owner", the narrowest role first.
func anyOf(roles []Role) lang.Text {
	var en, es []string
	for _, r := range slices.Backward(roles) {
		en, es = append(en, r.Info().Title.En), append(es, r.Info().Title.Es)
	}
	return lang.T(join(en, " or "), join(es, " o "))
}

func join(names []string, last string) string {
	if len(names) == 1 {
		return names[0]
	}
	n := len(names) - 1
	return strings.Join(names[:n], ", ") + last + names[n]
}
