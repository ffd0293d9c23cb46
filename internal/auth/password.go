package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/binnaclehq/binnacle/internal/fault"
)

// HashParams are the costs of hashing a password with argon2id.
type HashParams struct {
	Memory uint32 // KiB
	Passes uint32
	Lanes  uint8
}

// DefaultHash is the second of the equal choices of OWASP's Password Storage
// Cheat Sheet: 19 MiB, 2 passes, 1 lane. It leaves a small server room for
// several sign-ins at a time.
var DefaultHash = HashParams{Memory: 19456, Passes: 2, Lanes: 1}

// Limits of a password, in characters and in bytes.
const (
	MinPassword = 12
	MaxPassword = 1024
)

const (
	saltSize = 16
	hashSize = 32
)

// hasher hashes passwords, a few at a time: each hash needs Memory.
type hasher struct {
	params HashParams
	slots  chan struct{}
}

func newHasher(p HashParams, slots int) *hasher { return &hasher{p, make(chan struct{}, slots)} }

func (h *hasher) key(ctx context.Context, password string, salt []byte, p HashParams, size uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, p.Passes, p.Memory, p.Lanes, size), nil
}

// hash returns the password's hash in the PHC form,
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	sum, err := h.key(ctx, password, salt, h.params, hashSize)
	if err != nil {
		return "", err
	}
	return phc{h.params, salt, sum}.String(), nil
}

// verify reports whether password has the hash phc, and whether the hash was
// made with other parameters than today's.
func (h *hasher) verify(ctx context.Context, password, encoded string) (ok, stale bool, err error) {
	want, err := parsePHC(encoded)
	if err != nil {
		return false, false, err
	}
	got, err := h.key(ctx, password, want.salt, want.params, uint32(len(want.sum)))
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want.sum) == 1, want.params != h.params, nil
}

type phc struct {
	params    HashParams
	salt, sum []byte
}

func (p phc) String() string {
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.params.Memory, p.params.Passes, p.params.Lanes, enc(p.salt), enc(p.sum))
}

// parsePHC reads a hash; it refuses costs that could exhaust the machine.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, fmt.Errorf("not an argon2id hash of version %d", argon2.Version)
	}
	var p phc
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.params.Memory, &p.params.Passes, &p.params.Lanes); err != nil {
		return phc{}, fmt.Errorf("parameters of a hash: %w", err)
	}
	if p.params.Passes == 0 || p.params.Lanes == 0 || p.params.Memory > 1<<20 || p.params.Passes > 16 {
		return phc{}, fmt.Errorf("parameters of a hash are out of range: %s", parts[3])
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return phc{}, fmt.Errorf("salt of a hash: %w", err)
	}
	if p.sum, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(p.sum) < 16 {
		return phc{}, fmt.Errorf("a hash is too short or damaged")
	}
	return p, nil
}

// CheckPassword returns an Invalid fault when a new password is too short, too
// long, one character repeated, or the person's own name or address.
func CheckPassword(password, email, name string) error {
	n := utf8.RuneCountInString(password)
	switch folded := strings.ToLower(password); {
	case n < MinPassword:
		return badField("password", "password-short", "Choose a password of at least {0} characters.", "Elige una contraseña de al menos {0} caracteres.", MinPassword)
	case len(password) > MaxPassword:
		return badField("password", "password-long", "Choose a password of at most {0} bytes.", "Elige una contraseña de {0} bytes como máximo.", MaxPassword)
	case strings.Count(folded, folded[:1]) == len(folded), folded == strings.ToLower(email), folded == strings.ToLower(name):
		return badField("password", "password-weak", "Choose a password that is harder to guess.", "Elige una contraseña más difícil de adivinar.")
	}
	return nil
}

// badField returns an Invalid fault about one field.
func badField(field, code, en, es string, args ...any) error {
	err := refuse(fault.Invalid, code, en, es, args...)
	err.Problems = []fault.Problem{{Field: field, Code: code, Msg: err.Msg}}
	return err
}
