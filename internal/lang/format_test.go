package lang

import (
	"testing"
)

func TestBytes(t *testing.T) {
	for n, want := range map[int64][2]string{
		0: {"0 B", "0 B"}, 999: {"999 B", "999 B"}, 1000: {"1 kB", "1 kB"}, 1_550: {"1.6 kB", "1,6 kB"}, 25_000_000: {"25 MB", "25 MB"}, 99_960_000: {"100 MB", "100 MB"},
		3_400_000: {"3.4 MB", "3,4 MB"}, 999_499: {"999 kB", "999 kB"}, 999_999: {"1 MB", "1 MB"}, 10_000_000_000: {"10 GB", "10 GB"}, 7e18: {"7,000 PB", "7000 PB"},
	} {
		if en, es := Bytes(English, n), Bytes(Spanish, n); en != want[0] || es != want[1] {
			t.Errorf("%d: %q and %q, want %q", n, en, es, want)
		}
	}
}
