package backup

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
)

// Sealed returns text as a whole backup file, compressed and sealed.
func Sealed(text []byte) []byte {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	gz.Write(text)
	gz.Close()
	sum := sha256.Sum256(b.Bytes())
	return append(b.Bytes(), seal(sum[:])...)
}
