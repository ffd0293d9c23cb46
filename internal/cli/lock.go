package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockName is the file in a data folder that a server holds. It has the
// server's address, for messages.
const lockName = "lock"

// lock is a hold on a data folder: a server's alone, or one of several
// commands'. The operating system lets go of it when the process dies.
type lock struct{ file *os.File }

// errHeld is what tryLock returns when somebody else has the lock.
var errHeld = errors.New("held")

// lockFolder takes the lock of a data folder, made when it is not there.
func lockFolder(dir string, alone bool) (*lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = tryLock(f, alone)
	if err == nil {
		return &lock{f}, nil
	}
	defer f.Close()
	if !errors.Is(err, errHeld) {
		return nil, err
	}
	if alone && tryLock(f, false) == nil {
		return nil, failed(exitFailed, "another command is at work in %s", "otra orden está trabajando en %s", dir).
			hinting("wait until it ends, then start again", "espera a que termine y vuelve a empezar")
	}
	address, _ := io.ReadAll(io.LimitReader(f, 1000))
	return nil, heldError(dir, strings.TrimSpace(string(address)), alone)
}

func heldError(dir, address string, alone bool) error {
	if address == "" {
		address = "http://127.0.0.1:8470"
	}
	f := failed(exitFailed, "a server holds %s", "un servidor usa %s", dir)
	if alone {
		return f.hinting("it answers at %s; stop it first, or choose another folder", "responde en %s; páralo antes, o elige otra carpeta", address)
	}
	return f.hinting("ask the server instead: --server %s", "pregunta al servidor: --server %s", address)
}

// announce writes the address of the server that holds the folder.
func (l *lock) announce(address string) error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.WriteAt([]byte(address+"\n"), 0)
	return err
}

// release lets go.
func (l *lock) release() error { return l.file.Close() }
