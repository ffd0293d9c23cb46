package app

import "testing"

func TestPercentFor(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name                  string
		allocated, live, most uint64
		want                  int
	}{
		{"at rest", mb, 50 * mb, 4000 * mb, 100},
		{"busy", 600 * mb, 200 * mb, 4000 * mb, 200},
		{"busy, and nothing collected yet", 600 * mb, 0, 4000 * mb, 100},
		{"busy, with little room", 600 * mb, 200 * mb, 500 * mb, 150},
		{"busy, with no room", 600 * mb, 200 * mb, 300 * mb, 100},
	} {
		if got := percentFor(c.allocated, c.live, c.most); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
