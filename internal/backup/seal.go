package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// seal returns the end of a backup whose bytes so far have the given SHA-256: a
// gzip member without content (RFC 1952) that holds the sum in the extra field
// "BN". Programs that know nothing of it read the file as any gzip file.
func seal(sum []byte) []byte {
	b := []byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255} // deflate, with an extra field
	b = append(b, 36, 0, 'B', 'N', 32, 0)
	b = append(b, sum...)
	b = append(b, 3, 0)                      // an empty last block
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0) // CRC-32 and length of nothing
}

var sealLen = len(seal(make([]byte, sha256.Size)))

// sealer passes bytes on and ends them with their seal.
type sealer struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

func newSealer(w io.Writer) *sealer { return &sealer{w: w, hash: sha256.New()} }

func (s *sealer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.hash.Write(p[:n])
	s.size += int64(n)
	return n, err
}

func (s *sealer) close() error {
	n, err := s.w.Write(seal(s.hash.Sum(nil)))
	s.size += int64(n)
	return err
}

func (s *sealer) sum() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// unsealer reads what stands before the seal, and checks the seal at the end.
type unsealer struct {
	r      io.Reader
	hash   hash.Hash
	size   int64
	buf    []byte // read ahead; its last sealLen bytes may be the seal
	ended  bool
	failed error // of r
}

func newUnsealer(r io.Reader) *unsealer { return &unsealer{r: r, hash: sha256.New()} }

func (u *unsealer) Read(p []byte) (int, error) {
	for len(u.buf) <= sealLen && !u.ended {
		if err := u.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, u.buf[:max(0, len(u.buf)-sealLen)])
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	u.hash.Write(u.buf[:n])
	u.buf = u.buf[n:]
	return n, nil
}

func (u *unsealer) fill() error {
	next := make([]byte, 64<<10)
	n, err := u.r.Read(next)
	u.size += int64(n)
	u.buf = append(bytes.Clone(u.buf), next[:n]...)
	if err == io.EOF {
		u.ended, err = true, nil
	}
	u.failed = err
	return err
}

// finish reads to the end and returns a fault unless the seal fits.
func (u *unsealer) finish() error {
	rest, err := io.Copy(io.Discard, u)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(u.buf, seal(u.hash.Sum(nil))):
		return damaged("its checksum does not match, or its end is missing")
	case rest > 0:
		return damaged("something stands after the end")
	}
	return nil
}

// explain returns the error of the reader, if that is what was wrong, or err.
func (u *unsealer) explain(err error) error {
	if u.failed != nil {
		return u.failed
	}
	return err
}

func (u *unsealer) sum() string { return hex.EncodeToString(u.hash.Sum(nil)) }
