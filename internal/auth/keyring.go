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
type Keyring struct {
	path string
	mu   sync.RWMutex
	keys []sealKey // the oldest first
}

type sealKey struct {
	id   string
	raw  []byte
	aead cipher.AEAD
}

const keyFileHead = `# Keys that seal the secrets in the database; the last one seals, all of them open.
# Keep a copy apart from the database's. Without this file those secrets are lost.
`

// OpenKeyring reads the key file at path, which only its owner may read, and
// checks it against db. On the first start it makes the file; it refuses to
// when db already holds secrets, since a new key could not open them.
func OpenKeyring(ctx context.Context, db *sqldb.DB, path string) (*Keyring, error) {
	k := &Keyring{path: path}
	known, err := canaries(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	err = k.load()
	if errors.Is(err, fs.ErrNotExist) && len(known) == 0 {
		err = k.add()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Unavailable, "The key file %s is missing, and the database holds secrets sealed with it.", path).
			WithHint("put the file back from your copy, or name it with --key-file")
	}
	if err != nil {
		return nil, err
	}
	return k, k.agree(ctx, db, known)
}

func canaries(ctx context.Context, db *sqldb.DB) (map[string]string, error) {
	rows, err := db.Query(ctx, `SELECT id, canary FROM auth_keys`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, canary string
		if err := rows.Scan(&id, &canary); err != nil {
			return nil, err
		}
		out[id] = canary
	}
	return out, rows.Err()
}

const canaryContext = "auth/canary"

// agree checks that the file opens what each key known to the database sealed,
// and makes the database know the newest key.
func (k *Keyring) agree(ctx context.Context, db *sqldb.DB, known map[string]string) error {
	for id, canary := range known {
		if got, err := k.Open(canary, canaryContext); err != nil || string(got) != id {
			return fault.New(fault.Unavailable, "The key file %s does not hold the key %s, with which secrets in the database are sealed.", k.path, id).
				WithHint("put the right file back from your copy, or name it with --key-file")
		}
	}
	id := k.newest().id
	if _, ok := known[id]; ok {
		return nil
	}
	_, err := db.Exec(ctx, `INSERT INTO auth_keys (id, canary, created) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		id, k.Seal([]byte(id), canaryContext), sqldb.Micros(time.Now()))
	return err
}

func (k *Keyring) newest() sealKey {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[len(k.keys)-1]
}

// Seal encrypts secret. The context says what it is and whose ("auth/totp/ID")
// and must be given again to open it, so that a sealed text moved to another
// row does not open there.
func (k *Keyring) Seal(secret []byte, context string) string {
	key := k.newest()
	nonce := make([]byte, key.aead.NonceSize())
	rand.Read(nonce)
	return "s1." + key.id + "." + base64.RawURLEncoding.EncodeToString(key.aead.Seal(nonce, nonce, secret, []byte(context)))
}

var errUnsealed = errors.New("a sealed secret does not open: it was changed, moved, or sealed with another key file")

// Open decrypts what Seal returned for the same context.
func (k *Keyring) Open(sealed, context string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != "s1" {
		return nil, errUnsealed
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, errUnsealed
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.keys {
		if key.id == parts[1] && len(raw) > key.aead.NonceSize() {
			n := key.aead.NonceSize()
			if secret, err := key.aead.Open(nil, raw[:n], raw[n:], []byte(context)); err == nil {
				return secret, nil
			}
		}
	}
	return nil, errUnsealed
}

// Current reports whether sealed was sealed with the newest key; what was not
// should be opened and sealed again after a rotation.
func (k *Keyring) Current(sealed string) bool {
	return strings.HasPrefix(sealed, "s1."+k.newest().id+".")
}

// Rotate adds a new key to the file and makes db know it. What older keys
// sealed still opens.
func (k *Keyring) Rotate(ctx context.Context, db *sqldb.DB) error {
	if err := k.add(); err != nil {
		return err
	}
	known, err := canaries(ctx, db)
	if err != nil {
		return err
	}
	return k.agree(ctx, db, known)
}

func (k *Keyring) load() error {
	data, err := os.ReadFile(k.path)
	if err != nil {
		return err
	}
	info, err := os.Stat(k.path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Unavailable, "The key file %s can be read by others.", k.path).WithHint("chmod 600 %s", k.path)
	}
	keys, err := parseKeys(data)
	if err != nil {
		return fmt.Errorf("key file %s: %w", k.path, err)
	}
	k.keys = keys
	return nil
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

// add appends a random key to the file. The file is replaced whole, so that a
// crash leaves the old one or the new one.
func (k *Keyring) add() error {
	raw := make([]byte, chacha20poly1305.KeySize)
	rand.Read(raw)
	key, err := newSealKey(strings.ToLower(rand.Text()[:8]), raw)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	keys := append(k.keys[:len(k.keys):len(k.keys)], key)
	text := keyFileHead
	for _, key := range keys {
		text += key.id + " " + hex.EncodeToString(key.raw) + "\n"
	}
	if err := replaceFile(k.path, []byte(text)); err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	k.keys = keys
	return nil
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
