package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
)

// month is the history of Lighthouse's ForecastServiceTest (LetPeopleWork, MIT),
// whose ranges its simulations fall into.
var month = []int{2, 0, 0, 5, 1, 3, 2, 4, 0, 0, 1, 1, 2, 4, 0, 0, 0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0}

func mustWhen(t testing.TB, samples []int, remaining int) Dist {
	t.Helper()
	d, err := When(samples, remaining)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func days4(t testing.TB, d Dist) (out [4]int) {
	t.Helper()
	for i, p := range Levels {
		day, ok := d.Day(p)
		if !ok {
			day = -1
		}
		out[i] = day
	}
	return out
}

func TestPublishedWhen(t *testing.T) {
	for _, c := range []struct {
		remaining int
		ranges    [4][2]int
		want      [4]int
	}{
		{35, [4][2]int{{32, 34}, {36, 39}, {40, 43}, {46, 49}}, [4]int{34, 38, 43, 49}},
		{28, [4][2]int{{26, 28}, {29, 31}, {33, 36}, {38, 41}}, [4]int{27, 31, 35, 41}},
	} {
		got := days4(t, mustWhen(t, month, c.remaining))
		if got != c.want {
			t.Errorf("%d items: days %v, want %v", c.remaining, got, c.want)
		}
		for i, r := range c.ranges {
			if got[i] < r[0] || got[i] > r[1] {
				t.Errorf("%d items: %v is outside of the published %v", c.remaining, got[i], r)
			}
		}
	}
	if p := mustWhen(t, month, 28).By(30); p < 0.65 || p > 0.73 || math.Abs(p-0.664) > 0.0005 {
		t.Errorf("28 items within 30 days: %.4f, want 0.664", p)
	}
}

func TestPublishedHowMany(t *testing.T) {
	for _, c := range []struct {
		days   int
		ranges [4][2]int
		want   [4]int
	}{
		{10, [4][2]int{{9, 11}, {7, 9}, {5, 7}, {3, 5}}, [4]int{10, 8, 6, 4}},
		{30, [4][2]int{{30, 33}, {27, 29}, {23, 25}, {19, 21}}, [4]int{31, 27, 23, 19}},
	} {
		p, err := HowMany(month, c.days)
		if err != nil {
			t.Fatal(err)
		}
		for i, level := range Levels {
			if n := p.Least(level); n != c.want[i] || n < c.ranges[i][0] || n > c.ranges[i][1] {
				t.Errorf("%d days at %v: %d, want %d in %v", c.days, level, n, c.want[i], c.ranges[i])
			}
		}
	}
}

// A team that finishes one item a day needs as many days as there are items.
func TestOneADay(t *testing.T) {
	for _, n := range []int{7, 14, 30, 90, 900} {
		if got := days4(t, mustWhen(t, []int{1}, n)); got != [4]int{n, n, n, n} {
			t.Errorf("%d items: %v", n, got)
		}
		p, err := HowMany([]int{1}, n)
		if err != nil || p.Least(0.5) != n || p.Least(0.95) != n {
			t.Errorf("in %d days: %d to %d, %v", n, p.Least(0.95), p.Least(0.5), err)
		}
	}
}

func TestEdges(t *testing.T) {
	d := mustWhen(t, month, 35)
	if d.By(-1) != 0 || d.By(0) != 0 || d.By(1e6) != 1 {
		t.Errorf("before %v, today %v, at last %v", d.By(-1), d.By(0), d.By(1e6))
	}
	if got := days4(t, mustWhen(t, month, 0)); got != [4]int{} {
		t.Errorf("nothing to do: %v", got)
	}
	for _, c := range []struct {
		samples   []int
		remaining int
		want      error
	}{
		{nil, 3, ErrNoHistory}, {[]int{0, 0, 0}, 3, ErrNoThroughput}, {[]int{0, 0, 0}, 0, ErrNoThroughput}, {[]int{1, -1}, 3, ErrNegative},
		{[]int{1}, -1, ErrNegative}, {[]int{1}, MaxItems + 1, ErrTooMuch},
	} {
		if d, err := When(c.samples, c.remaining); !errors.Is(err, c.want) || d.Known() {
			t.Errorf("When(%v, %d) = %v, want %v", c.samples, c.remaining, err, c.want)
		}
	}
	if _, err := HowMany([]int{0}, 3); err != ErrNoThroughput {
		t.Errorf("HowMany of nothing: %v", err)
	}
	slow := make([]int, 400)
	slow[0] = 1
	d = mustWhen(t, slow, 50) // fifty items at one in 400 days: about 55 years
	if day, ok := d.Day(0.5); ok {
		t.Errorf("fifty-five years away has the date %d", day)
	}
	if d.Never() < 0.999 {
		t.Errorf("the chance of never is %v", d.Never())
	}
}

// A sum of coin flips is known: P(done by d) is a tail of the binomial.
func TestBinomial(t *testing.T) {
	d := mustWhen(t, []int{0, 1}, 20)
	for day := range 120 {
		want := 0.0
		for k := 20; k <= day; k++ {
			lc, _ := math.Lgamma(float64(day + 1))
			lk, _ := math.Lgamma(float64(k + 1))
			lr, _ := math.Lgamma(float64(day - k + 1))
			want += math.Exp(lc - lk - lr - float64(day)*math.Ln2)
		}
		if got := d.By(day); math.Abs(got-want) > 1e-11 {
			t.Fatalf("by day %d: %v, want %v", day, got, want)
		}
	}
}

// Large work keeps its precision: the mean follows from Wald's equation and the
// overshoot is below one day's most.
func TestLarge(t *testing.T) {
	for _, n := range []int{100, 600, 3000} {
		d := mustWhen(t, month, n)
		pace := 32.0 / 31
		if m := d.Mean() * pace; m < float64(n) || m > float64(n)+5 {
			t.Errorf("%d items: %v were done in the mean time", n, m)
		}
		if d.By(d.Last()) != 1 {
			t.Errorf("%d items: the last chance is %v", n, d.By(d.Last()))
		}
	}
}

// What a day cannot hold is finished late, but a burst is not worth more than
// the work there is.
func TestBurst(t *testing.T) {
	got := days4(t, mustWhen(t, []int{5000, 0}, 3))
	if got != [4]int{1, 2, 3, 5} {
		t.Errorf("a burst every other day: %v", got)
	}
	if p, err := HowMany([]int{5000, 0}, 300); err != nil || p.Least(0.5) != MaxItems || math.Abs(p.Reach(0)-1) > 1e-9 {
		t.Errorf("counts end at %d with %v, %v", p.Least(0.5), p.Reach(0), err)
	}
}

// Work done one after the other by one team is the sum of what came before.
func TestSequence(t *testing.T) {
	all, err := Sequence(month, []PMF{Exactly(15), Exactly(0), Exactly(20)})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range []int{15, 15, 35} {
		if got, want := days4(t, all[i]), days4(t, mustWhen(t, month, n)); got != want {
			t.Errorf("piece %d: %v, want %v", i, got, want)
		}
	}
	one, err := Sequence([]int{1}, []PMF{Exactly(35), Exactly(20)})
	if err != nil || days4(t, one[1]) != [4]int{55, 55, 55, 55} {
		t.Errorf("35 and 20 at one a day: %v, %v", days4(t, one[1]), err)
	}
	// An uncertain size is the mean of certain ones.
	mixed, err := Sequence(month, []PMF{{0, 0, 0, 0.5, 0, 0, 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	three, six := mustWhen(t, month, 3), mustWhen(t, month, 6)
	for day := range 30 {
		if want := (three.By(day) + six.By(day)) / 2; math.Abs(mixed[0].By(day)-want) > 1e-12 {
			t.Fatalf("day %d: %v, want %v", day, mixed[0].By(day), want)
		}
	}
}

// Magennis' throughput exercise: 50 to 58 stories, each split in one to two, 3
// to 6 a week. The worksheet publishes weeks 13, 19, 23 and 25 of 500 runs.
func TestPublishedWeeks(t *testing.T) {
	size := make(PMF, 117)
	for stories := 50; stories <= 58; stories++ {
		for n := stories; n <= 2*stories; n++ { // the split is uniform: n-1 < stories × split <= n
			lo, hi := math.Max(float64(n-1), float64(stories)), math.Min(float64(n), float64(2*stories))
			size[n] += math.Max(0, hi-lo) / float64(stories) / 9
		}
	}
	d, err := Sequence([]int{3, 4, 5, 6}, []PMF{size})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    float64
		want int
	}{{0.05, 13}, {0.5, 18}, {0.85, 23}, {0.95, 25}} {
		if got, _ := d[0].Day(c.p); got != c.want {
			t.Errorf("%v: week %d, want %d", c.p, got, c.want)
		}
	}
}

func TestThin(t *testing.T) {
	samples := []int{0, 2, 0, 1, 0, 3, 0}
	f, err := Ahead(samples, []PMF{Exactly(12)})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Ahead(slices.Clone(samples), []PMF{Exactly(12)})
	plain := mustWhen(t, samples, 12)
	if !f[0].Thin || f[0].Samples != 7 || f[0].Done != 6 || f[0].PerDay != 6.0/7 {
		t.Errorf("forecast is %+v", f[0])
	}
	if !slices.Equal(f[0].cdf, again[0].cdf) {
		t.Error("the same question has two answers")
	}
	if w, p := days4(t, f[0].Dist), days4(t, plain); w[2] <= p[2] || w[3] <= p[3] {
		t.Errorf("widened to %v from %v", w, p)
	}
	// One finished item is not enough to be all but certain of anything.
	one, err := Ahead([]int{0, 0, 0, 1}, []PMF{Exactly(2)})
	if err != nil {
		t.Fatal(err)
	}
	if day, ok := one[0].Day(0.85); ok {
		t.Errorf("one item in four days promises day %d at 85 %%", day)
	}
	if rich, _ := Ahead(month, []PMF{Exactly(28)}); rich[0].Thin || days4(t, rich[0].Dist) != [4]int{27, 31, 35, 41} {
		t.Errorf("a long history is widened: %v", days4(t, rich[0].Dist))
	}
	if _, err := Ahead([]int{0, 0}, []PMF{Exactly(1)}); err != ErrNoThroughput {
		t.Errorf("nothing finished: %v", err)
	}
	if none, err := Ahead([]int{0, 1}, []PMF{Exactly(0)}); err != nil || none[0].By(0) != 1 {
		t.Errorf("nothing to do: %v, %v", none, err)
	}
}

func TestStretch(t *testing.T) {
	d := mustWhen(t, month, 28)
	if got := days4(t, d.Stretch(1)); got != days4(t, d) {
		t.Errorf("stretched by 1: %v", got)
	}
	got := days4(t, d.Stretch(1.3))
	for i, day := range days4(t, d) {
		if want := int(math.Ceil(float64(day)*1.3 - 1e-9)); got[i] != want {
			t.Errorf("day %d became %d, want %d", day, got[i], want)
		}
	}
	if nothing := (Dist{}).Stretch(2); nothing.Known() {
		t.Error("nothing became known")
	}
}

// FuzzWhen holds a forecast to what must be so of every history.
func FuzzWhen(f *testing.F) {
	f.Add([]byte{2, 0, 0, 5, 1}, uint16(28), uint16(3))
	f.Add([]byte{0}, uint16(1), uint16(0))
	f.Add([]byte{255, 0, 0, 0}, uint16(300), uint16(300))
	f.Fuzz(func(t *testing.T, raw []byte, a, b uint16) {
		samples := make([]int, min(len(raw), 120))
		for i := range samples {
			samples[i] = int(raw[i])
		}
		first, second := int(a)%400, int(b)%400
		all, err := Ahead(samples, []PMF{Exactly(first), Exactly(second)})
		if err != nil {
			if all != nil {
				t.Fatal("an error with a forecast")
			}
			return
		}
		before := 1.0
		for i, d := range all {
			day, p := 0, 0.0
			for ; day <= d.Last(); day++ {
				now := d.By(day)
				if now < p || now > 1 || math.IsNaN(now) {
					t.Fatalf("piece %d, day %d: %v after %v", i, day, now, p)
				}
				p = now
			}
			if d.By(0) > before {
				t.Fatal("what comes later is done earlier")
			}
			before = d.By(0)
			for _, level := range Levels {
				if day, ok := d.Day(level); ok && (d.By(day) < level-1e-9 || day > 0 && d.By(day-1) >= level) {
					t.Fatalf("piece %d: day %d is not the first with %v", i, day, level)
				}
			}
		}
		for day := 0; day <= all[1].Last(); day++ {
			if all[1].By(day) > all[0].By(day)+1e-9 {
				t.Fatalf("by day %d the second piece is likelier than the first", day)
			}
		}
	})
}

func BenchmarkWhen(b *testing.B) {
	for _, n := range []int{30, 300, 3000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := When(month, n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkThin(b *testing.B) {
	for b.Loop() {
		if _, err := Ahead(month[:10], []PMF{Exactly(60)}); err != nil {
			b.Fatal(err)
		}
	}
}
