package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// authenticator is a passkey in software: ES256, discoverable, attestation
// "none". Its fields can be bent to make it lie.
type authenticator struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	id     []byte
	handle []byte
	count  uint32
	rpID   string
	origin string
	flags  byte
}

const (
	flagUP, flagUV, flagAT = 0x01, 0x04, 0x40
)

func newAuthenticator(t *testing.T) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &authenticator{t: t, key: key, id: id, rpID: testRPID, origin: origin, flags: flagUP | flagUV}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) json(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) cbor(v any) []byte {
	b, err := webauthncbor.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a *authenticator) clientData(kind, challenge string) []byte {
	return a.json(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": false})
}

func (a *authenticator) authData(flags byte, rest ...byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	a.count++
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), a.count), rest...)
}

// create answers the options of a registration, as navigator.credentials.create
// does.
func (a *authenticator) create(options json.RawMessage) []byte {
	var o struct {
		Challenge string
		User      struct{ ID string }
	}
	if err := json.Unmarshal(options, &o); err != nil {
		a.t.Fatal(err)
	}
	a.handle, _ = base64.RawURLEncoding.DecodeString(o.User.ID)
	point, err := a.key.PublicKey.Bytes()
	if err != nil {
		a.t.Fatal(err)
	}
	cose := a.cbor(map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})
	attested := append(make([]byte, 16), 0, byte(len(a.id)))
	attested = append(append(attested, a.id...), cose...)
	object := a.cbor(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.authData(a.flags|flagAT, attested...)})
	return a.json(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(a.clientData("webauthn.create", o.Challenge)), "attestationObject": b64(object), "transports": []string{"internal"}}})
}

// get answers the options of a sign-in, as navigator.credentials.get does.
func (a *authenticator) get(options json.RawMessage) []byte {
	var o struct{ Challenge string }
	if err := json.Unmarshal(options, &o); err != nil {
		a.t.Fatal(err)
	}
	data, client := a.authData(a.flags), a.clientData("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		a.t.Fatal(err)
	}
	return a.json(map[string]any{"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(a.handle)}})
}

// register gives p a passkey.
func (h *house) register(p Principal, a *authenticator) (Passkey, error) {
	h.t.Helper()
	c, err := h.BeginPasskey(ctx, p)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.FinishPasskey(ctx, p, c.Flow, "laptop", a.create(c.Options))
}

// present signs in with a passkey.
func (h *house) present(a *authenticator) (Step, error) {
	h.t.Helper()
	c, err := h.BeginPasskeySignIn(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.FinishPasskeySignIn(ctx, c.Flow, a.get(c.Options), from("203.0.113.9"))
}

func TestPasskeys(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		a, b := newAuthenticator(t), newAuthenticator(t)
		for _, x := range []*authenticator{a, b} {
			if k, err := h.register(h.owner, x); err != nil || k.Name != "laptop" || k.ID != b64(x.id) {
				t.Fatalf("register: %+v, %v", k, err)
			}
		}
		_, err := h.register(h.owner, a)
		h.want("the same again", err, fault.Conflict, "passkey-taken")
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		stolen := *b
		_, err = h.register(mia, &stolen)
		h.want("another's again", err, fault.Conflict, "passkey-taken")

		h.enrol(h.owner) // a passkey needs no code on top
		for name, x := range map[string]*authenticator{"a": a, "b": b} {
			step, err := h.present(x)
			if err != nil || step.Session == nil || step.Session.Principal.Account != h.owner.Account {
				t.Fatalf("sign in with %s: %+v, %v", name, step, err)
			}
			if got := h.method(step.Session.Principal); got != "passkey" {
				t.Errorf("method: %s", got)
			}
		}
		me, err := h.Me(ctx, h.owner)
		if err != nil || len(me.Passkeys) != 2 || me.Passkeys[0].Used.IsZero() {
			t.Errorf("passkeys: %+v, %v", me.Passkeys, err)
		}
		h.want("removing another's", h.RemovePasskey(ctx, mia, b64(a.id)), fault.NotFound, "no-passkey")
		if err := h.RemovePasskey(ctx, h.owner, b64(a.id)); err != nil {
			t.Fatal(err)
		}
		_, err = h.present(a)
		h.want("a removed one", err, fault.Unauthenticated, "bad-passkey")
		mias := newAuthenticator(t)
		if _, err := h.register(mia, mias); err != nil {
			t.Fatal(err)
		}
		if err := h.SetDisabled(ctx, h.owner, mia.Account, true); err != nil {
			t.Fatal(err)
		}
		_, err = h.present(mias)
		h.want("of a disabled account", err, fault.Unauthenticated, "bad-passkey")
	})
}

func TestPasskeyRefused(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		good := newAuthenticator(t)
		if _, err := h.register(h.owner, good); err != nil {
			t.Fatal(err)
		}
		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		mias := newAuthenticator(t)
		if _, err := h.register(mia, mias); err != nil {
			t.Fatal(err)
		}
		for name, bend := range map[string]func(*authenticator){
			"another origin":         func(a *authenticator) { a.origin = "https://binnacle.example.evil.example" },
			"another port":           func(a *authenticator) { a.origin = origin + ":8443" },
			"another domain":         func(a *authenticator) { a.rpID = "evil.example" },
			"no finger":              func(a *authenticator) { a.flags = flagUP },
			"nobody there":           func(a *authenticator) { a.flags = flagUV },
			"another key":            func(a *authenticator) { a.key = newAuthenticator(t).key },
			"a copy":                 func(a *authenticator) { a.count = 0 },
			"another's handle":       func(a *authenticator) { a.handle = mias.handle },
			"another's credential":   func(a *authenticator) { a.id = mias.id },
			"an unknown handle":      func(a *authenticator) { a.handle = []byte("nobody") },
			"an unknown credential":  func(a *authenticator) { a.id = []byte("0123456789abcdef") },
			"another's but for keys": func(a *authenticator) { a.id, a.handle = mias.id, mias.handle },
		} {
			bent := *good
			bent.count += 10
			bend(&bent)
			if name == "another's but for keys" {
				bent.count = 1000
			}
			_, err := h.present(&bent)
			h.want(name, err, fault.Unauthenticated, "bad-passkey")
		}
		if got := h.last(HomeID, 1); got != "sign-in refused bad-passkey" {
			t.Errorf("audit: %s", got)
		}
		good.count += 100
		if _, err := h.present(good); err != nil {
			t.Fatalf("the good one: %v", err)
		}
		for name, bend := range map[string]func(*authenticator){
			"another origin": func(a *authenticator) { a.origin = "https://evil.example" },
			"another domain": func(a *authenticator) { a.rpID = "evil.example" },
			"no finger":      func(a *authenticator) { a.flags = flagUP },
		} {
			bent := newAuthenticator(t)
			bend(bent)
			_, err := h.register(h.owner, bent)
			h.want("registering with "+name, err, fault.Unauthenticated, "bad-passkey")
		}
	})
}

func TestPasskeyChallengeIsAnsweredOnce(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		a := newAuthenticator(t)
		if _, err := h.register(h.owner, a); err != nil {
			t.Fatal(err)
		}
		v := from("203.0.113.9")
		c, _ := h.BeginPasskeySignIn(ctx)
		answer := a.get(c.Options)
		if _, err := h.FinishPasskeySignIn(ctx, c.Flow, answer, v); err != nil {
			t.Fatal(err)
		}
		_, err := h.FinishPasskeySignIn(ctx, c.Flow, answer, v)
		h.want("replayed", err, fault.Unauthenticated, "step-expired")
		d, _ := h.BeginPasskeySignIn(ctx)
		_, err = h.FinishPasskeySignIn(ctx, d.Flow, answer, v)
		h.want("an answer to another challenge", err, fault.Unauthenticated, "bad-passkey")
		_, err = h.FinishPasskeySignIn(ctx, d.Flow, a.get(d.Options), v)
		h.want("a second try at a challenge", err, fault.Unauthenticated, "step-expired")
		late, _ := h.BeginPasskeySignIn(ctx)
		h.pass(passkeyTerm)
		_, err = h.FinishPasskeySignIn(ctx, late.Flow, a.get(late.Options), v)
		h.want("late", err, fault.Unauthenticated, "step-expired")

		mia := h.join(h.owner, "mia", RoleMember, time.Time{})
		r, _ := h.BeginPasskey(ctx, h.owner)
		_, err = h.FinishPasskey(ctx, mia, r.Flow, "x", newAuthenticator(t).create(r.Options))
		h.want("another's registration", err, fault.Unauthenticated, "step-expired")
		r, _ = h.BeginPasskey(ctx, h.owner)
		_, err = h.FinishPasskeySignIn(ctx, r.Flow, a.get(r.Options), v)
		h.want("a registration answered by a sign-in", err, fault.Unauthenticated, "step-expired")
		_, err = h.FinishPasskeySignIn(ctx, "", []byte("{"), v)
		h.want("nonsense", err, fault.Unauthenticated, "step-expired")
		n, _ := h.BeginPasskeySignIn(ctx)
		_, err = h.FinishPasskeySignIn(ctx, n.Flow, []byte("{"), v)
		h.want("a broken answer", err, fault.Unauthenticated, "bad-passkey")
	})
}

func TestPasskeysOff(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		h.passkeys = nil
		_, err := h.BeginPasskeySignIn(ctx)
		h.want("sign-in", err, fault.Unavailable, "passkeys-off")
		_, err = h.BeginPasskey(ctx, h.owner)
		h.want("register", err, fault.Unavailable, "passkeys-off")
		if h.PasskeysOn() {
			t.Error("on")
		}
	})
}

// TestLastWayIn: an account without a password keeps its only passkey.
func TestLastWayIn(t *testing.T) {
	both(t, func(t *testing.T, h *house) {
		a := newAuthenticator(t)
		if _, err := h.register(h.owner, a); err != nil {
			t.Fatal(err)
		}
		h.db.Exec(ctx, `UPDATE auth_accounts SET password = ''`)
		h.want("the only one", h.RemovePasskey(ctx, h.owner, b64(a.id)), fault.Conflict, "last-way-in")
		if err := h.ChangePassword(ctx, h.owner, "", password); err != nil {
			t.Fatal(err)
		}
		if err := h.RemovePasskey(ctx, h.owner, b64(a.id)); err != nil {
			t.Error(err)
		}
	})
}
