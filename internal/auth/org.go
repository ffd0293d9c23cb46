package auth

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/binnaclehq/binnacle/internal/audit"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Org is an organisation: a tenant, whose data no other sees.
type Org struct {
	ID      string
	Title   string
	Home    bool // it runs the installation
	Created time.Time
	Zone    string // its time zone, as "Europe/Madrid"; "" is UTC
}

func noOrg() error {
	return refuse(fault.NotFound, "no-org", "There is no such organisation.", "Esa organización no existe.")
}

func checkTitle(title string) (string, error) {
	title = strings.TrimSpace(title)
	if title == "" || len(title) > 200 || strings.ContainsFunc(title, func(r rune) bool { return r < ' ' }) {
		return "", badField("title", "title", "Write a title of 1 to 200 characters.", "Escribe un título de 1 a 200 caracteres.")
	}
	return title, nil
}

// Org returns an organisation by its id.
func (s *Service) Org(ctx context.Context, id string) (Org, error) {
	all, err := s.orgs(ctx, `WHERE id = ?`, id)
	if err == nil && len(all) == 0 {
		err = noOrg()
	}
	if err != nil {
		return Org{}, err
	}
	return all[0], nil
}

// AllOrgs lists the organisations of the installation, the home one first, for
// work that is done in each. It is not for showing to people.
func (s *Service) AllOrgs(ctx context.Context) ([]Org, error) { return s.orgs(ctx, ``) }

func (s *Service) orgs(ctx context.Context, where string, args ...any) ([]Org, error) {
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (o Org, err error) {
		var created int64
		err = r.Scan(&o.ID, &o.Title, &o.Home, &created, &o.Zone)
		o.Created = sqldb.Time(created)
		return o, err
	}, `SELECT id, title, home, created, zone FROM auth_orgs `+where+` ORDER BY home DESC, lower(title), id`, args...)
}

var orgPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// CreateOrg makes another organisation, of which p becomes an owner.
func (s *Service) CreateOrg(ctx context.Context, p Principal, id, title string) (Org, error) {
	if err := p.Can(Backup, Resource{Kind: KindOrganisation}); err != nil {
		return Org{}, err
	}
	if !orgPattern.MatchString(id) {
		return Org{}, badField("id", "org-id", "Write an id of 1 to 40 small letters, digits and hyphens.", "Escribe un identificador de 1 a 40 letras minúsculas, cifras y guiones.")
	}
	title, err := checkTitle(title)
	if err != nil {
		return Org{}, err
	}
	o := Org{ID: id, Title: title, Created: s.now().UTC().Truncate(time.Microsecond)}
	return o, s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO auth_orgs (id, title, home, created) VALUES (?, ?, 0, ?)`, id, title, sqldb.Micros(o.Created))
		if sqldb.IsUnique(err) {
			return refuse(fault.Conflict, "org-taken", "There is already an organisation {0}.", "Ya hay una organización {0}.", id)
		}
		if err != nil {
			return err
		}
		if p.Account != systemAccount {
			if err := s.insertMembership(ctx, tx, Membership{Account: p.Account, Org: id, Role: RoleOwner}); err != nil {
				return err
			}
		}
		there := p.act("organisation.create", "organisation:"+id, map[string]any{"title": title})
		there.Org = id
		return s.note(ctx, tx, p.act("organisation.create", "organisation:"+id, map[string]any{"title": title}), there)
	})
}

// RenameOrg changes the title of p's organisation.
func (s *Service) RenameOrg(ctx context.Context, p Principal, title string) error {
	if err := p.Can(Admin, Resource{Kind: KindOrganisation}); err != nil {
		return err
	}
	title, err := checkTitle(title)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE auth_orgs SET title = ? WHERE id = ?`, title, p.Org)
		if err := oneRow(res, err, noOrg); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("organisation.rename", "organisation:"+p.Org, map[string]any{"before": p.OrgTitle, "after": title}))
	})
}

// Membership is what an account is in one organisation.
type Membership struct {
	Account  string
	Org      string
	OrgTitle string
	Home     bool
	Role     Role
	UserRef  string    // the person in the catalog, as user:default/ana
	Expires  time.Time // zero: never. An auditor's is never zero
	Created  time.Time
}

// active reports whether m has not ended.
func (m Membership) active(now time.Time) bool { return m.Expires.IsZero() || now.Before(m.Expires) }

// AuditorTerm is how long an auditor's access lasts when nobody says.
const AuditorTerm = 90 * 24 * time.Hour

// checkMembership checks the role and the end of a membership to be given, and
// fills in an auditor's.
func (s *Service) checkMembership(m *Membership) error {
	switch {
	case !m.Role.Valid() || m.Role == RoleIngest:
		return badField("role", "role-unknown", "{0} is not a role for people.", "{0} no es una función para personas.", m.Role)
	case m.Role == RoleOwner && !m.Expires.IsZero():
		return badField("expires", "owner-expires", "An owner's access has no end.", "El acceso de un propietario no tiene fin.")
	case !m.Expires.IsZero() && !m.Expires.After(s.now()):
		return badField("expires", "expires-past", "The end of the access must be in the future.", "El fin del acceso debe estar en el futuro.")
	}
	if m.Role == RoleAuditor && m.Expires.IsZero() {
		m.Expires = s.now().Add(AuditorTerm)
	}
	return nil
}

func (s *Service) insertMembership(ctx context.Context, tx *sqldb.Tx, m Membership) error {
	_, err := tx.Exec(ctx, `INSERT INTO auth_memberships (org, account, role, user_ref, expires, created) VALUES (?, ?, ?, ?, ?, ?)`,
		m.Org, m.Account, m.Role, m.UserRef, sqldb.Micros(m.Expires), sqldb.Micros(s.now()))
	if sqldb.IsUnique(err) {
		return refuse(fault.Conflict, "member-already", "This account already belongs to the organisation.", "Esta cuenta ya pertenece a la organización.")
	}
	return err
}

// memberships lists the organisations an account belongs to, by title.
func (s *Service) memberships(ctx context.Context, q sqldb.Querier, account string) ([]Membership, error) {
	return sqldb.All(ctx, q, func(r sqldb.Row) (m Membership, err error) {
		var expires, created int64
		err = r.Scan(&m.Account, &m.Org, &m.OrgTitle, &m.Home, &m.Role, &m.UserRef, &expires, &created)
		m.Expires, m.Created = sqldb.Time(expires), sqldb.Time(created)
		return m, err
	}, `SELECT m.account, m.org, o.title, o.home, m.role, m.user_ref, m.expires, m.created
		FROM auth_memberships m JOIN auth_orgs o ON o.id = m.org WHERE m.account = ? ORDER BY lower(o.title), o.id`, account)
}

// Orgs lists the organisations p may switch to, by title.
func (s *Service) Orgs(ctx context.Context, p Principal) ([]Membership, error) {
	all, err := s.memberships(ctx, s.db, p.Account)
	if err != nil {
		return nil, err
	}
	var out []Membership
	for _, m := range all {
		if m.active(s.now()) && (!p.Pinned || m.Org == p.Org) {
			out = append(out, m)
		}
	}
	return out, nil
}

// Member is a person of an organisation, as its administrators see them.
type Member struct {
	Membership
	Email    string
	Name     string
	Disabled bool
	TOTP     bool
	Passkeys int
	SignedIn time.Time // the last sign-in, in whichever organisation
}

// Members lists the people of p's organisation, by name.
func (s *Service) Members(ctx context.Context, p Principal) ([]Member, error) {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return nil, err
	}
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (Member, error) {
		m := Member{Membership: Membership{OrgTitle: p.OrgTitle, Home: p.Home}}
		var expires, created, signedIn int64
		err := r.Scan(&m.Account, &m.Org, &m.Role, &m.UserRef, &expires, &created, &m.Email, &m.Name, &m.Disabled, &m.TOTP, &signedIn, &m.Passkeys)
		m.Expires, m.Created, m.SignedIn = sqldb.Time(expires), sqldb.Time(created), sqldb.Time(signedIn)
		return m, err
	}, `SELECT m.account, m.org, m.role, m.user_ref, m.expires, m.created, a.email, a.name, a.disabled <> 0, a.totp <> '', a.signed_in,
		(SELECT count(*) FROM auth_passkeys k WHERE k.account = a.id)
		FROM auth_memberships m JOIN auth_accounts a ON a.id = m.account WHERE m.org = ? ORDER BY lower(a.name), a.id`, p.Org)
}

// SetMembership changes the role, the end and the catalog user of a member of
// p's organisation. Both the role they have and the one they get must be p's to
// give; the last owner stays one.
func (s *Service) SetMembership(ctx context.Context, p Principal, m Membership) error {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return err
	}
	m.Org = p.Org
	if err := s.checkMembership(&m); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		before, err := s.lockMember(ctx, tx, p, m.Account)
		if err != nil {
			return err
		}
		if err := p.gives(m.Role); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE auth_memberships SET role = ?, user_ref = ?, expires = ? WHERE org = ? AND account = ?`,
			m.Role, m.UserRef, sqldb.Micros(m.Expires), m.Org, m.Account); err != nil {
			return err
		}
		if err := s.keepsOwner(ctx, tx, p.Org); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("member.change", "account:"+m.Account, map[string]any{"before": memberDetail(before), "after": memberDetail(m)}))
	})
}

func memberDetail(m Membership) map[string]any {
	d := map[string]any{"role": m.Role}
	if m.UserRef != "" {
		d["userRef"] = m.UserRef
	}
	if !m.Expires.IsZero() {
		d["expires"] = m.Expires.UTC().Format(time.RFC3339)
	}
	return d
}

// lockMember returns a membership of p's organisation that p may change, and
// keeps every other change of its memberships waiting until tx ends.
func (s *Service) lockMember(ctx context.Context, tx *sqldb.Tx, p Principal, account string) (Membership, error) {
	if err := lockOrg(ctx, tx, p.Org); err != nil {
		return Membership{}, err
	}
	m, err := s.membership(ctx, tx, p.Org, account)
	if err != nil {
		return Membership{}, err
	}
	return m, p.gives(m.Role)
}

// lockOrg holds an organisation's row until tx ends.
func lockOrg(ctx context.Context, tx *sqldb.Tx, org string) error {
	_, err := tx.Exec(ctx, `UPDATE auth_orgs SET id = id WHERE id = ?`, org)
	return err
}

// membership returns what an account is in one organisation; NotFound when it
// does not belong to it.
func (s *Service) membership(ctx context.Context, q sqldb.Querier, org, account string) (Membership, error) {
	m := Membership{Org: org, Account: account}
	var expires, created int64
	err := q.QueryRow(ctx, `SELECT role, user_ref, expires, created FROM auth_memberships WHERE org = ? AND account = ?`, org, account).
		Scan(&m.Role, &m.UserRef, &expires, &created)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Membership{}, noAccount()
	}
	m.Expires, m.Created = sqldb.Time(expires), sqldb.Time(created)
	return m, err
}

// keepsOwner refuses a change that leaves an organisation without an owner who
// can sign in. Call it after the change, with the organisation locked.
func (s *Service) keepsOwner(ctx context.Context, tx *sqldb.Tx, org string) error {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM auth_memberships m JOIN auth_accounts a ON a.id = m.account
		WHERE m.org = ? AND m.role = ? AND m.expires = 0 AND a.disabled = 0`, org, RoleOwner).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	return refuse(fault.Conflict, "last-owner", "The last owner of an organisation cannot be removed, disabled or given another role.", "El último propietario de una organización no se puede quitar, desactivar ni cambiar de función.").
		WithHint("make somebody else an owner first")
}

// RemoveMember takes an account out of p's organisation: its sessions there
// end and its tokens there are revoked. Everybody may remove themselves.
func (s *Service) RemoveMember(ctx context.Context, p Principal, account string) error {
	if account == p.Account {
		if err := p.Can(Self, Resource{}); err != nil {
			return err
		}
	} else if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		m, err := s.lockMember(ctx, tx, p, account)
		if leaving := account == p.Account && fault.Is(err, fault.Forbidden); err != nil && !leaving {
			return err
		}
		for _, q := range []string{
			`DELETE FROM auth_memberships WHERE org = ? AND account = ?`,
			`DELETE FROM auth_sessions WHERE org = ? AND account = ?`,
			`DELETE FROM auth_tokens WHERE org = ? AND account = ?`,
		} {
			if _, err := tx.Exec(ctx, q, p.Org, account); err != nil {
				return err
			}
		}
		if m.Role == RoleOwner {
			if err := s.keepsOwner(ctx, tx, p.Org); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, p.act("member.remove", "account:"+account, memberDetail(m)))
	})
}

// gives refuses roles that p may not give or take. Who runs the installation
// from its data folder gives all.
func (p Principal) gives(r Role) error {
	for _, mine := range p.Role.Gives() {
		if mine == r && (p.Cap == "" || p.Cap == RoleOwner || p.Cap == p.Role) {
			return nil
		}
	}
	return refuse(fault.Forbidden, "role-above", "The role {0} may not give or take the role {1}.", "La función {0} no puede dar ni quitar la función {1}.", p.Role.Info().Title, r.Info().Title)
}

// govern refuses what concerns a whole account (its password, its being
// enabled) unless every organisation it belongs to is p's, or p is an owner of
// the organisation that runs the installation. It returns the memberships.
func (s *Service) govern(ctx context.Context, tx *sqldb.Tx, p Principal, account string) ([]Membership, error) {
	if err := p.Can(Admin, Resource{Kind: KindAccount}); err != nil {
		return nil, err
	}
	all, err := s.memberships(ctx, tx, account)
	if err != nil {
		return nil, err
	}
	operator := p.Home && p.Role == RoleOwner && p.Cap == ""
	if !operator && !slices.ContainsFunc(all, func(m Membership) bool { return m.Org == p.Org }) {
		return nil, noAccount()
	}
	for _, m := range all {
		if err := p.gives(m.Role); err != nil {
			return nil, err
		}
		if m.Org != p.Org && !operator {
			return nil, refuse(fault.Forbidden, "account-elsewhere", "This account also belongs to another organisation: only an owner of the one that runs this installation may do this.", "Esta cuenta también pertenece a otra organización: solo puede hacerlo un propietario de la que gestiona esta instalación.")
		}
	}
	return all, nil
}

// SetDisabled disables an account everywhere, ending its sessions and
// suspending its tokens, or enables it again.
func (s *Service) SetDisabled(ctx context.Context, p Principal, account string, disabled bool) error {
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		all, err := s.govern(ctx, tx, p, account)
		if err != nil {
			return err
		}
		for _, m := range byOrgID(all) {
			if err := lockOrg(ctx, tx, m.Org); err != nil {
				return err
			}
		}
		if err := s.setDisabled(ctx, tx, account, disabled); err != nil {
			return err
		}
		for _, m := range all {
			if m.Role == RoleOwner {
				if err := s.keepsOwner(ctx, tx, m.Org); err != nil {
					return err
				}
			}
		}
		action := "account.enable"
		if disabled {
			action = "account.disable"
		}
		return s.appendEverywhere(ctx, tx, all, p.act(action, "account:"+account, nil))
	})
}

// byOrgID returns memberships in the order in which organisations are locked.
func byOrgID(all []Membership) []Membership {
	return slices.SortedFunc(slices.Values(all), func(a, b Membership) int { return strings.Compare(a.Org, b.Org) })
}

func (s *Service) setDisabled(ctx context.Context, tx *sqldb.Tx, account string, disabled bool) error {
	at := int64(0)
	if disabled {
		at = sqldb.Micros(s.now())
	}
	res, err := tx.Exec(ctx, `UPDATE auth_accounts SET disabled = ? WHERE id = ?`, at, account)
	if err := oneRow(res, err, noAccount); err != nil {
		return err
	}
	if !disabled {
		return nil
	}
	_, err = tx.Exec(ctx, `DELETE FROM auth_sessions WHERE account = ?`, account)
	return err
}

// appendEverywhere writes one act on an account to the audit log of the actor's
// organisation and of every other the account belongs to.
func (s *Service) appendEverywhere(ctx context.Context, tx *sqldb.Tx, all []Membership, r *audit.Record) error {
	records := []*audit.Record{r}
	for _, m := range all {
		if m.Org != r.Org {
			copied := *r
			copied.Org = m.Org
			records = append(records, &copied)
		}
	}
	return s.note(ctx, tx, records...)
}
