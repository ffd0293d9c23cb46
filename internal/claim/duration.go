package claim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var durationPattern = regexp.MustCompile(`^([0-9]{1,5})(m|h|d|w)$`)

// ParseDuration reads a length of time as tests write it: 30m, 24h, 7d, 2w. A
// day has 24 hours. It must be longer than zero and at most ten years.
func ParseDuration(s string) (time.Duration, error) {
	m := durationPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a length of time: write 30m, 24h, 7d or 2w", s)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, err
	}
	d := time.Duration(n) * map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
	if d <= 0 || d > 3660*24*time.Hour {
		return 0, fmt.Errorf("%q is out of range: at least 1m and at most ten years", s)
	}
	return d, nil
}

// DurationOr is ParseDuration for a text that was checked before; def when it
// is empty.
func DurationOr(s string, def time.Duration) time.Duration {
	if d, err := ParseDuration(s); err == nil {
		return d
	}
	return def
}

func lower(s string) string { return strings.ToLower(s) }
