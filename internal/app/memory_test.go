package app

import "testing"

func TestPercent(t *testing.T) {
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
		if got := (heap{allocated: c.allocated, live: c.live}).percent(c.most); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestIdle(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		name                           string
		allocated, live, objects, free uint64
		want                           bool
	}{
		{"nothing to give", mb, 40 * mb, 44 * mb, 3 * mb, false},
		{"garbage of a burst", mb, 40 * mb, 200 * mb, 0, true},
		{"free memory after a burst", mb, 40 * mb, 41 * mb, 100 * mb, true},
		{"a burst goes on", 600 * mb, 40 * mb, 200 * mb, 100 * mb, false},
		{"nothing collected yet", mb, 0, 6 * mb, mb, false},
	} {
		if got := (heap{c.allocated, c.live, c.objects, c.free}).idle(); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
