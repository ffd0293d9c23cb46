package correlate

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomFloat covers all magnitudes, subnormals and whole numbers.
func randomFloat(rnd *rand.Rand) float64 {
	for {
		x := math.Float64frombits(rnd.Uint64())
		switch rnd.IntN(4) {
		case 0:
			x = float64(rnd.IntN(2001) - 1000)
		case 1:
			x = rnd.NormFloat64() * 1e6
		case 2:
			x = math.Float64frombits(rnd.Uint64() & (1<<63 | 1<<53 - 1))
		}
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			return x
		}
	}
}

// A sum that slides is the sum of what is in it, to the last bit, and of nothing
// it is 0.
func TestExactSum(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var s exactSum
		var in []float64
		for range rnd.IntN(40) {
			if len(in) > 0 && rnd.IntN(3) == 0 {
				s.sub(in[0])
				in = in[1:]
			} else {
				x := randomFloat(rnd)
				s.add(x)
				in = append(in, x)
			}
			if rnd.IntN(4) == 0 {
				s.carry()
			}
			want := new(big.Float).SetPrec(2200)
			for _, x := range in {
				want.Add(want, new(big.Float).SetFloat64(x))
			}
			if w, _ := want.Float64(); s.float() != w {
				t.Fatalf("sum of %v is %v, want %v", in, s.float(), w)
			}
		}
		for _, x := range in {
			s.sub(x)
		}
		if s.float() != 0 {
			t.Fatalf("nothing sums to %v", s.float())
		}
	}
}

// What a running float64 would get wrong.
func TestExactSumDoesNotDrift(t *testing.T) {
	var s exactSum
	for range 100_000 {
		s.add(0.1)
		s.add(1e16)
		s.sub(1e16)
	}
	if got, want := s.float(), 10000.000000000000555111512312578; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestExactSumOfManyAdds(t *testing.T) {
	var s exactSum
	s.add(math.MaxFloat64)
	s.adds = manyAdds - 2
	s.add(-3)
	s.add(-3)
	s.sub(math.MaxFloat64)
	if got := s.float(); got != -6 {
		t.Error(got)
	}
	s.add(math.MaxFloat64)
	s.add(math.MaxFloat64)
	if got := s.float(); !math.IsInf(got, 1) {
		t.Errorf("twice the largest number is %v", got)
	}
}

func TestSorted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var s sorted
	var in, want []float64
	for i := range 30_000 {
		if x := float64(rnd.IntN(3000)); i < 15_000 && rnd.IntN(4) > 0 || len(in) == 0 {
			s.put(x)
			in = append(in, x)
			at, _ := slices.BinarySearch(want, x)
			want = slices.Insert(want, at, x)
		} else {
			j := rnd.IntN(len(in))
			s.take(in[j])
			at, _ := slices.BinarySearch(want, in[j])
			want = slices.Delete(want, at, at+1)
			in = slices.Delete(in, j, j+1)
		}
		if k := rnd.IntN(len(want) + 1); s.n != len(want) || k < len(want) && s.at(k) != want[k] {
			t.Fatalf("step %d: the %d-th of %d is %v, want %v", i, k, s.n, s.at(k), want[k])
		}
		if i%1000 == 0 {
			if got := slices.Concat(s.rows...); !slices.Equal(got, want) {
				t.Fatal("rows are not in order")
			}
		}
	}
}

// The definition's own numbers: R's quantile(x, type = 7).
func TestPercentile(t *testing.T) {
	var s sorted
	for _, x := range []float64{50, 15, 40, 20, 35} {
		s.put(x)
	}
	for p, want := range map[float64]float64{0: 15, 5: 16, 30: 23, 40: 29, 50: 35, 95: 48, 100: 50} {
		if got := s.percentile(p); math.Abs(got-want) > 1e-12 {
			t.Errorf("percentile %v is %v, want %v", p, got, want)
		}
	}
}

func TestDeque(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var d deque[int]
	var want []int
	for i := range 10_000 {
		if rnd.IntN(5) > 1 || len(want) == 0 {
			d.push(i)
			want = append(want, i)
		} else {
			d.pop()
			want = want[1:]
		}
		if d.len() != len(want) || len(want) > 0 && (*d.front() != want[0] || *d.back() != want[len(want)-1] || *d.at(len(want) / 2) != want[len(want)/2]) {
			t.Fatalf("step %d", i)
		}
	}
}

func TestPack(t *testing.T) {
	long := string(make([]byte, 300))
	b := packValue(packMissing(packValue(packValue(nil, "a"), "")), long)
	for i, want := range []string{"a", "", "", long} {
		got, ok := unpack(string(b), i)
		if got != want || ok != (i != 2) {
			t.Errorf("value %d is %q, %v", i, got, ok)
		}
	}
}
