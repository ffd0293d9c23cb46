package forecast

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"math/rand/v2"
)

// Hash returns the SHA-256 of values as hexadecimal, by their JSON: what tells
// whether two forecasts had the same inputs. Values that JSON cannot write
// panic: they are a mistake of the program.
func Hash(values ...any) string { return hash(values) }

// Seed returns a seed that follows from values alone.
func Seed(values ...any) uint64 {
	sum := digest(values)
	return binary.BigEndian.Uint64(sum[:8])
}

func hash(v any) string {
	sum := digest(v)
	return hex.EncodeToString(sum[:])
}

func digest(v any) [sha256.Size]byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return sha256.Sum256(data)
}

// Rand draws numbers that depend on the seed alone: the generator is PCG-DXSM,
// and the reduction to a range is ours, so that no release of Go changes them.
type Rand struct{ src *rand.PCG }

// NewRand returns a generator at the start of its sequence.
func NewRand(seed uint64) *Rand { return &Rand{rand.NewPCG(seed, 0x9e3779b97f4a7c15)} }

// Below returns a number from 0 to n-1, n at least 1: the high half of the
// product of n and 64 random bits (Lemire, 2019). Its bias is below n/2^64.
func (r *Rand) Below(n int) int {
	hi, _ := bits.Mul64(r.src.Uint64(), uint64(n))
	return int(hi)
}

// Unit returns a number from 0 up to 1.
func (r *Rand) Unit() float64 { return float64(r.src.Uint64()>>11) / (1 << 53) }

// Pick returns a count drawn from a distribution.
func (r *Rand) Pick(p PMF) int {
	u := r.Unit()
	for n, chance := range p {
		if u -= chance; u < 0 {
			return n
		}
	}
	return len(p) - 1
}
