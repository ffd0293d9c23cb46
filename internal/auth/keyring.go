package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// Keyring seals secrets that the database keeps, with XChaCha20-Poly1305 and
// keys from a file beside it. The newest key seals, every key opens. It may be
// used by many goroutines.
//
// The file is read when a secret is first needed, so that whatever needs none
// works without it; a file put back later is found without a new start.
type Keyring struct {
	db   *sqldb.DB
	path string
	also []Sealed // columns of other packages

	mu    sync.Mutex
	keys  []sealKey // the oldest first; none: not read yet
	known bool      // the database knows the newest
}

type sealKey struct {
	id   string
	raw  []byte
	aead cipher.AEAD
}

const keyFileHead = `# Keys that seal the secrets in the database; the last one seals, all of them open.
# Keep a copy apart from the database's. Without this file those secrets are lost.
`

// The reasons for which a key file cannot be used, as ReasonOf has them.
const (
	keyMissing = "key-missing" // it is not there, and the database knows one
	keyOther   = "key-other"   // it lacks a key that the database knows
	keyOpen    = "key-open"    // others may read it
	keyBroken  = "key-broken"  // it is no key file
)

// OpenKeyring returns the keyring of db with the file at path, which only its
// owner may read. On the first start it makes the file. What is wrong with a
// file that should be there is told by Check, and by Seal and Open. The columns
// are those that other packages keep sealed texts in.
func OpenKeyring(ctx context.Context, db *sqldb.DB, path string, also ...Sealed) (*Keyring, error) {
	k := NewKeyring(db, path)
	k.also = also
	known, err := k.canaries(ctx)
	if err != nil || len(known) > 0 {
		return k, err
	}
	_, err = os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = k.add(nil)
	}
	if err == nil {
		err = k.enrol(ctx)
	}
	if _, ok := ReasonOf(err); ok {
		err = nil
	}
	return k, err
}

// NewKeyring returns the keyring of db with the file at path, as it is.
func NewKeyring(db *sqldb.DB, path string) *Keyring { return &Keyring{db: db, path: path} }

// Check reads the file anew and returns what is wrong with it: an Unavailable
// fault that names the file and says what to do, or nil.
func (k *Keyring) Check(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.read(ctx)
}

// Begun reports whether the database knows a key: when it does not, the next
// start makes one.
func (k *Keyring) Begun(ctx context.Context) (bool, error) {
	known, err := k.canaries(ctx)
	return len(known) > 0, err
}

// read reads the file and checks that it opens what each key known to the
// database sealed.
func (k *Keyring) read(ctx context.Context) error {
	keys, err := k.load()
	if err != nil {
		return err
	}
	known, err := k.canaries(ctx)
	if err != nil {
		return err
	}
	for id, canary := range known {
		if !fits(keys, id, canary) {
			return k.fault(keyOther, "The key file {0} lacks the key {1}, with which secrets in the database are sealed.", "Al fichero de clave {0} le falta la clave {1}, con la que están sellados secretos de la base de datos.", id)
		}
	}
	_, k.known = known[keys[len(keys)-1].id]
	k.keys = keys
	return nil
}

// ready returns the keys, having read them when that was not done yet.
func (k *Keyring) ready(ctx context.Context) ([]sealKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		if err := k.read(ctx); err != nil {
			return nil, err
		}
	}
	return k.keys, nil
}

// fault says why the file cannot be used; {0} is its path.
func (k *Keyring) fault(code, en, es string, args ...any) *fault.Error {
	hint := "put the file back from your copy, or name it with --key-file; when it is lost, binnacle key reset begins anew"
	switch code {
	case keyOpen:
		hint = "chmod 600 " + k.path
	case keyBroken:
		hint = "put your copy in its place; when there is none, binnacle key reset begins anew"
	}
	return refuse(fault.Unavailable, code, en, es, append([]any{k.path}, args...)...).WithHint("%s", hint)
}

func (k *Keyring) canaries(ctx context.Context) (map[string]string, error) {
	out := map[string]string{}
	err := sqldb.Each(ctx, k.db, func(r sqldb.Row) error {
		var id, canary string
		if err := r.Scan(&id, &canary); err != nil {
			return err
		}
		out[id] = canary
		return nil
	}, `SELECT id, canary FROM auth_keys`)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return out, nil
}

const canaryContext = "auth/canary"

// fits reports whether keys hold the key that sealed a canary.
func fits(keys []sealKey, id, canary string) bool {
	got, err := unseal(keys, canary, canaryContext)
	return err == nil && string(got) == id
}

// enrol makes the database know the newest key.
func (k *Keyring) enrol(ctx context.Context) error {
	keys, err := k.ready(ctx)
	if err != nil {
		return err
	}
	if err := enrol(ctx, k.db, keys[len(keys)-1]); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = true
	return nil
}

func enrol(ctx context.Context, q sqldb.Querier, key sealKey) error {
	_, err := q.Exec(ctx, `INSERT INTO auth_keys (id, canary, created) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		key.id, seal(key, []byte(key.id), canaryContext), sqldb.Micros(time.Now()))
	return err
}

// Seal encrypts secret. The context says what it is and whose ("auth/totp/ID")
// and must be given again to open it, so that a sealed text moved to another
// row does not open there. It may write to the database, so call it outside
// transactions.
func (k *Keyring) Seal(ctx context.Context, secret []byte, context string) (string, error) {
	keys, err := k.ready(ctx)
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	known := k.known
	k.mu.Unlock()
	if !known {
		if err := k.enrol(ctx); err != nil {
			return "", err
		}
	}
	return seal(keys[len(keys)-1], secret, context), nil
}

func seal(key sealKey, secret []byte, context string) string {
	nonce := make([]byte, key.aead.NonceSize())
	rand.Read(nonce)
	return "s1." + key.id + "." + base64.RawURLEncoding.EncodeToString(key.aead.Seal(nonce, nonce, secret, []byte(context)))
}

var errUnsealed = errors.New("a sealed secret does not open: it was changed, moved, or sealed with another key file")

// Open decrypts what Seal returned for the same context.
func (k *Keyring) Open(ctx context.Context, sealed, context string) ([]byte, error) {
	keys, err := k.ready(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := unseal(keys, sealed, context)
	if err == nil || holds(keys, keyOf(sealed)) {
		return secret, err
	}
	// Another node may have sealed it with a key added since.
	if err := k.Check(ctx); err != nil {
		return nil, err
	}
	if keys, err = k.ready(ctx); err != nil {
		return nil, err
	}
	return unseal(keys, sealed, context)
}

func unseal(keys []sealKey, sealed, context string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != "s1" {
		return nil, errUnsealed
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errUnsealed
	}
	for _, key := range keys {
		if key.id == parts[1] && len(raw) > key.aead.NonceSize() {
			n := key.aead.NonceSize()
			if secret, err := key.aead.Open(nil, raw[:n], raw[n:], []byte(context)); err == nil {
				return secret, nil
			}
		}
	}
	return nil, errUnsealed
}

// keyOf returns the id of the key that sealed a text.
func keyOf(sealed string) string {
	_, rest, _ := strings.Cut(sealed, ".")
	id, _, _ := strings.Cut(rest, ".")
	return id
}

func holds(keys []sealKey, id string) bool {
	return slices.ContainsFunc(keys, func(key sealKey) bool { return key.id == id })
}

// Rotate adds a new key to the file, makes the database know it and returns its
// id. What older keys sealed still opens.
func (k *Keyring) Rotate(ctx context.Context) (id string, err error) {
	if err := k.Check(ctx); err != nil {
		return "", err
	}
	keys, err := k.ready(ctx)
	if err != nil {
		return "", err
	}
	key, err := k.add(keys)
	if err != nil {
		return "", err
	}
	return key.id, k.enrol(ctx)
}

// load reads the file.
func (k *Keyring) load() ([]sealKey, error) {
	data, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, k.fault(keyMissing, "The key file {0} is missing, and the database holds secrets sealed with it.", "Falta el fichero de clave {0}, y la base de datos tiene secretos sellados con él.")
	}
	if err != nil {
		return nil, k.fault(keyBroken, "The key file {0} cannot be read: {1}.", "No se puede leer el fichero de clave {0}: {1}.", err)
	}
	info, err := os.Stat(k.path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return nil, k.fault(keyOpen, "The key file {0} can be read by others.", "Otros pueden leer el fichero de clave {0}.")
	}
	keys, err := parseKeys(data)
	if err != nil {
		return nil, k.fault(keyBroken, "The key file {0} is none: {1}.", "El fichero de clave {0} no lo es: {1}.", err)
	}
	return keys, nil
}

// parseKeys reads lines of an id and 32 bytes in hex; # begins a comment.
func parseKeys(data []byte) ([]sealKey, error) {
	var keys []sealKey
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, secret, _ := strings.Cut(line, " ")
		raw, err := hex.DecodeString(strings.TrimSpace(secret))
		if err != nil || len(raw) != chacha20poly1305.KeySize || strings.Contains(id, ".") {
			return nil, fmt.Errorf("line %d is not a key: want an id and 64 hexadecimal digits", n)
		}
		key, err := newSealKey(id, raw)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	return keys, nil
}

func newSealKey(id string, raw []byte) (sealKey, error) {
	aead, err := chacha20poly1305.NewX(raw)
	return sealKey{id, raw, aead}, err
}

// add writes a file of keys and a random one, which it returns. The file is
// replaced whole, so that a crash leaves the old one or the new one.
func (k *Keyring) add(keys []sealKey) (sealKey, error) {
	raw := make([]byte, chacha20poly1305.KeySize)
	rand.Read(raw)
	key, err := newSealKey(strings.ToLower(rand.Text()[:8]), raw)
	if err != nil {
		return sealKey{}, err
	}
	keys = append(slices.Clone(keys), key)
	text := keyFileHead
	for _, key := range keys {
		text += key.id + " " + hex.EncodeToString(key.raw) + "\n"
	}
	if err := replaceFile(k.path, []byte(text)); err != nil {
		return sealKey{}, fmt.Errorf("write key file: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys, k.known = keys, false
	return key, nil
}

func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
