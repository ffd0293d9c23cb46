package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/binnaclehq/binnacle/internal/sqldb"
)

// version names the encoding that Sum hashes. A new encoding gets a new name,
// so that no record can be read as one of another version.
const version = "binnacle-audit/1"

// Sum returns the hash of the record, in hex: SHA-256 over the fields
//
//	"binnacle-audit/1", prev, org, seq, at, actor, actorName, action, target, detail, ip, via, outcome
//
// each written as its length in bytes (8 bytes, big-endian) and its bytes. Texts
// are UTF-8, prev is lower-case hex as printed, detail is the stored JSON byte
// for byte ("" for none), seq and at (microseconds since 1970 UTC) are 8 bytes,
// big-endian two's complement.
func (r *Record) Sum() string {
	h := sha256.New()
	text := func(b string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write([]byte(b))
	}
	number := func(v int64) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(v))
		text(string(n[:]))
	}
	text(version)
	text(r.Prev)
	text(r.Org)
	number(r.Seq)
	number(sqldb.Micros(r.At))
	for _, s := range []string{r.Actor, r.ActorName, r.Action, r.Target, string(r.Detail), r.IP, r.Via, r.Outcome} {
		text(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
