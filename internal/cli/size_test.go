package cli

import "testing"

func TestParseSize(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		got, ok := parseSize(text)
		if got != want && want > 0 || ok != (want > 0) {
			t.Errorf("%q is %d, %v; want %d", text, got, ok, want)
		}
	}
	f("1048576", 1<<20)
	f("100GB", 100e9)
	f("1.5 GiB", 3<<29)
	f("2tb", 2e12)
	f("", 0)
	f("GB", 0)
	f("-1GB", 0)
	f("1 parsec", 0)
	f("1e9", 0)
	f("99999999999TB", 0)
}
