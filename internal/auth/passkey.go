package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Passkey is one of a person's passkeys, as lists show it.
type Passkey struct {
	ID      string // of the credential, base64url
	Name    string // given by the person: "laptop"
	Created time.Time
	Used    time.Time // zero: never
}

// Ceremony is what the browser needs to make or use a passkey. Options is JSON
// for PublicKeyCredential.parseCreationOptionsFromJSON, or …RequestOptions…;
// Flow goes back with the answer, within five minutes.
type Ceremony struct {
	Flow    string
	Options json.RawMessage
}

const (
	passkeyTerm = 5 * time.Minute
	maxPasskeys = 20 // of one account
)

// newWebAuthn returns nil for an empty rpID: passkeys are off.
func newWebAuthn(rpID string, origins []string, name string) (*webauthn.WebAuthn, error) {
	if rpID == "" {
		return nil, nil
	}
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: passkeyTerm, TimeoutUVD: passkeyTerm}
	return webauthn.New(&webauthn.Config{
		RPID: rpID, RPDisplayName: name, RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout},
	})
}

// PasskeysOn reports whether this installation takes passkeys.
func (s *Service) PasskeysOn() bool { return s.passkeys != nil }

func (s *Service) needPasskeys() error {
	if s.passkeys != nil {
		return nil
	}
	return refuse(fault.Unavailable, "passkeys-off", "Passkeys need a domain name: they are off on this address.", "Las llaves de acceso necesitan un nombre de dominio: en esta dirección están desactivadas.").
		WithHint("open the installation by a name (localhost will do) or start it with --url https://NAME")
}

// holder is an account as the webauthn library sees it.
type holder struct {
	account
	credentials []webauthn.Credential
}

// WebAuthnID returns the user handle, which says nothing about the person.
func (h holder) WebAuthnID() []byte { return []byte(h.handle) }

// WebAuthnName returns the address.
func (h holder) WebAuthnName() string { return h.email }

// WebAuthnDisplayName returns the name.
func (h holder) WebAuthnDisplayName() string { return h.name }

// WebAuthnCredentials returns the account's credentials of this domain.
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

func (s *Service) holder(ctx context.Context, q sqldb.Querier, column, value string) (holder, error) {
	a, err := accountBy(ctx, q, column, value)
	if err != nil {
		return holder{}, err
	}
	h := holder{account: a}
	h.credentials, err = sqldb.All(ctx, q, func(r sqldb.Row) (c webauthn.Credential, err error) {
		var text string
		if err = r.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &c)
		}
		return c, err
	}, `SELECT credential FROM auth_passkeys WHERE account = ? AND rpid = ?`, a.id, s.passkeys.Config.RPID)
	return h, err
}

// BeginPasskey starts the making of a passkey for p.
func (s *Service) BeginPasskey(ctx context.Context, p Principal) (Ceremony, error) {
	if err := errors.Join(p.canManageCredentials(), s.needPasskeys()); err != nil {
		return Ceremony{}, err
	}
	h, err := s.holder(ctx, s.db, "id", p.Account)
	if err != nil {
		return Ceremony{}, err
	}
	if len(h.credentials) >= maxPasskeys {
		return Ceremony{}, refuse(fault.Conflict, "passkeys-many", "There are {0} passkeys already; remove one first.", "Ya hay {0} llaves de acceso; quita una antes.", maxPasskeys)
	}
	exclude := webauthn.Credentials(h.credentials).CredentialDescriptors()
	options, session, err := s.passkeys.BeginRegistration(h, webauthn.WithExclusions(exclude))
	if err != nil {
		return Ceremony{}, err
	}
	return s.ceremony(ctx, challengeRegister, p.Account, options.Response, session)
}

func (s *Service) ceremony(ctx context.Context, kind, account string, options any, session *webauthn.SessionData) (Ceremony, error) {
	data, err := json.Marshal(session)
	if err != nil {
		return Ceremony{}, err
	}
	text, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	flow, err := s.newChallenge(ctx, s.db, kind, account, string(data), passkeyTerm)
	return Ceremony{Flow: flow, Options: text}, err
}

func badPasskey(cause error) *fault.Error {
	err := refuse(fault.Unauthenticated, "bad-passkey", "This passkey was not accepted.", "Esta llave de acceso no se ha aceptado.")
	err.Err = errors.Join(err.Err, cause)
	return err
}

// FinishPasskey keeps the passkey that the browser made, under a name. answer
// is the credential as JSON.
func (s *Service) FinishPasskey(ctx context.Context, p Principal, flow, name string, answer []byte) (Passkey, error) {
	if err := errors.Join(p.canManageCredentials(), s.needPasskeys()); err != nil {
		return Passkey{}, err
	}
	name, err := checkName(name)
	if err != nil {
		return Passkey{}, err
	}
	h, err := s.holder(ctx, s.db, "id", p.Account)
	if err != nil {
		return Passkey{}, err
	}
	session, err := s.takeCeremony(ctx, challengeRegister, flow, p.Account)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, badPasskey(err)
	}
	c, err := s.passkeys.CreateCredential(h, session, parsed)
	if err != nil {
		return Passkey{}, badPasskey(err)
	}
	return s.keepPasskey(ctx, p, name, c)
}

// takeCeremony spends the challenge of a ceremony, whether the answer turns out
// right or not.
func (s *Service) takeCeremony(ctx context.Context, kind, flow, account string) (webauthn.SessionData, error) {
	var c challenge
	err := s.db.Tx(ctx, func(tx *sqldb.Tx) (err error) {
		c, err = s.takeChallenge(ctx, tx, kind, flow)
		return err
	})
	if err != nil {
		return webauthn.SessionData{}, err
	}
	if c.account != account {
		return webauthn.SessionData{}, stepExpired()
	}
	var session webauthn.SessionData
	return session, json.Unmarshal([]byte(c.data), &session)
}

func (s *Service) keepPasskey(ctx context.Context, p Principal, name string, c *webauthn.Credential) (Passkey, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return Passkey{}, err
	}
	k := Passkey{ID: credentialID(c.ID), Name: name, Created: s.now().UTC().Truncate(time.Microsecond)}
	err = s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO auth_passkeys (id, account, rpid, name, credential, created) VALUES (?, ?, ?, ?, ?, ?)`,
			k.ID, p.Account, s.passkeys.Config.RPID, k.Name, string(text), sqldb.Micros(k.Created))
		if sqldb.IsUnique(err) {
			return refuse(fault.Conflict, "passkey-taken", "This passkey is already in use.", "Esta llave de acceso ya está en uso.")
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("passkey.add", "passkey:"+k.ID, map[string]any{"name": name}))
	})
	return k, err
}

func credentialID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// BeginPasskeySignIn starts a sign-in with a passkey. It needs no address: the
// passkey says whose it is.
func (s *Service) BeginPasskeySignIn(ctx context.Context) (Ceremony, error) {
	if err := s.needPasskeys(); err != nil {
		return Ceremony{}, err
	}
	options, session, err := s.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return s.ceremony(ctx, challengePasskey, "", options.Response, session)
}

// FinishPasskeySignIn completes a sign-in with the browser's answer, as JSON. A
// passkey is two factors in one: the device, and the finger or PIN it asked for.
func (s *Service) FinishPasskeySignIn(ctx context.Context, flow string, answer []byte, v Visitor) (Step, error) {
	if err := s.needPasskeys(); err != nil {
		return Step{}, err
	}
	session, err := s.takeCeremony(ctx, challengePasskey, flow, "")
	if err != nil {
		return Step{}, err
	}
	limits := ipLimit(v.IP)
	stranger := record(HomeID, "", "", "sign-in", "", v, map[string]any{"method": "passkey"})
	if err := s.charge(ctx, limits, stranger); err != nil {
		return Step{}, err
	}
	h, c, err := s.checkPasskey(ctx, session, answer)
	if why := (*fault.Error)(nil); errors.As(err, &why) && why.Kind == fault.Unauthenticated {
		return Step{}, s.refuseSignIn(ctx, stranger, why)
	}
	if err != nil {
		return Step{}, err
	}
	return s.enterByPasskey(ctx, h, c, limits, v)
}

// checkPasskey verifies an answer and returns the account and the credential
// with its new count of signatures.
func (s *Service) checkPasskey(ctx context.Context, session webauthn.SessionData, answer []byte) (holder, *webauthn.Credential, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return holder{}, nil, badPasskey(err)
	}
	var h holder
	var failed error
	find := func(_, handle []byte) (webauthn.User, error) {
		h, failed = s.holder(ctx, s.db, "handle", string(handle))
		return h, failed
	}
	_, c, err := s.passkeys.ValidatePasskeyLogin(find, session, parsed)
	switch {
	case failed != nil && !fault.Is(failed, fault.NotFound):
		return holder{}, nil, failed
	case err != nil:
		return holder{}, nil, badPasskey(err)
	case c.Authenticator.CloneWarning:
		return holder{}, nil, badPasskey(errors.New("its count of signatures went back: it may have been copied"))
	case h.disabled:
		return holder{}, nil, badPasskey(errors.New("the account is disabled"))
	}
	return h, c, nil
}

func (s *Service) enterByPasskey(ctx context.Context, h holder, c *webauthn.Credential, limits []limit, v Visitor) (Step, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return Step{}, err
	}
	attempt, err := s.attempt(ctx, h.account, h.email, v)
	if err != nil {
		return Step{}, err
	}
	return s.enter(ctx, h.account, methodPasskey, v, attempt, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(ctx, `UPDATE auth_passkeys SET credential = ?, used = ? WHERE id = ? AND account = ?`, string(text), sqldb.Micros(s.now()), credentialID(c.ID), h.id)
		if err := oneRow(res, err, func() error { return badPasskey(nil) }); err != nil {
			return err
		}
		return s.settle(ctx, tx, limits)
	})
}

// passkeysOf lists an account's passkeys, the oldest first.
func (s *Service) passkeysOf(ctx context.Context, account string) ([]Passkey, error) {
	return sqldb.All(ctx, s.db, func(r sqldb.Row) (k Passkey, err error) {
		var created, used int64
		err = r.Scan(&k.ID, &k.Name, &created, &used)
		k.Created, k.Used = sqldb.Time(created), sqldb.Time(used)
		return k, err
	}, `SELECT id, name, created, used FROM auth_passkeys WHERE account = ? ORDER BY created, id`, account)
}

// RemovePasskey takes one of p's passkeys away. The last way in stays: an
// account without a password keeps one passkey.
func (s *Service) RemovePasskey(ctx context.Context, p Principal, id string) error {
	if err := p.canManageCredentials(); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *sqldb.Tx) error {
		if err := lockAccount(ctx, tx, p.Account); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM auth_passkeys WHERE id = ? AND account = ?`, id, p.Account)
		if err := oneRow(res, err, func() error {
			return refuse(fault.NotFound, "no-passkey", "There is no such passkey.", "Esa llave de acceso no existe.")
		}); err != nil {
			return err
		}
		if err := s.keepsWayIn(ctx, tx, p.Account); err != nil {
			return err
		}
		return s.note(ctx, tx, p.act("passkey.remove", "passkey:"+id, nil))
	})
}

// keepsWayIn refuses a change that leaves an account without a password, a
// passkey and an identity. Call it after the change.
func (s *Service) keepsWayIn(ctx context.Context, tx *sqldb.Tx, account string) error {
	var ways int
	err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM auth_passkeys WHERE account = ?) + (SELECT count(*) FROM auth_identities WHERE account = ?)
		+ (SELECT count(*) FROM auth_accounts WHERE id = ? AND password <> '')`, account, account, account).Scan(&ways)
	if err != nil || ways > 0 {
		return err
	}
	return refuse(fault.Conflict, "last-way-in", "This is your only way to sign in; set a password first.", "Es tu única forma de entrar; pon antes una contraseña.")
}
