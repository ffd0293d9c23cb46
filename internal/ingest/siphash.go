package ingest

import (
	"encoding/binary"
	"math/bits"
)

// siphash is SipHash-2-4: a hash that nobody who does not know the key can make
// two texts collide in.
func siphash(k0, k1 uint64, s string) uint64 {
	v0, v1, v2, v3 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	round := func() {
		v0 += v1
		v1 = bits.RotateLeft64(v1, 13) ^ v0
		v0 = bits.RotateLeft64(v0, 32)
		v2 += v3
		v3 = bits.RotateLeft64(v3, 16) ^ v2
		v0 += v3
		v3 = bits.RotateLeft64(v3, 21) ^ v0
		v2 += v1
		v1 = bits.RotateLeft64(v1, 17) ^ v2
		v2 = bits.RotateLeft64(v2, 32)
	}
	var last [8]byte
	n := len(s)
	for ; len(s) >= 8; s = s[8:] {
		copy(last[:], s)
		m := binary.LittleEndian.Uint64(last[:])
		v3 ^= m
		round()
		round()
		v0 ^= m
	}
	last = [8]byte{}
	copy(last[:7], s)
	last[7] = byte(n)
	m := binary.LittleEndian.Uint64(last[:])
	v3 ^= m
	round()
	round()
	v0 ^= m
	v2 ^= 0xff
	round()
	round()
	round()
	round()
	return v0 ^ v1 ^ v2 ^ v3
}
