package web_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// token reads the colours of the stylesheet: a token's value in the light and in
// the dark theme.
func tokens(t *testing.T) map[string][2]string {
	t.Helper()
	data, err := os.ReadFile("static/binnacle.css")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]string{}
	for _, m := range regexp.MustCompile(`(--[a-z0-9-]+):\s*light-dark\((#[0-9a-f]{3,6}),\s*(#[0-9a-f]{3,6})\)`).FindAllStringSubmatch(string(data), -1) {
		if _, again := out[m[1]]; !again {
			out[m[1]] = [2]string{m[2], m[3]}
		}
	}
	for _, m := range regexp.MustCompile(`(--[a-z0-9-]+):\s*var\((--[a-z0-9-]+)\)`).FindAllStringSubmatch(string(data), -1) {
		if _, again := out[m[1]]; !again {
			out[m[1]] = out[m[2]]
		}
	}
	if len(out) < 40 {
		t.Fatalf("only %d colours were read", len(out))
	}
	return out
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(hex string) float64 {
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			panic(err)
		}
		c := float64(v) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

// Text reaches 4.5:1 and marks 3:1 on every ground they stand on, in both
// themes (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	colours := tokens(t)
	text := func(ink string, grounds ...string) {
		for _, g := range grounds {
			check(t, colours, ink, g, 4.5)
		}
	}
	mark := func(ink string, grounds ...string) {
		for _, g := range grounds {
			check(t, colours, ink, g, 3)
		}
	}
	paper := []string{"--canvas", "--surface", "--sunken", "--raised", "--hover"}
	for _, ink := range []string{"--ink", "--ink-2", "--ink-3", "--accent", "--evidence", "--ok", "--warn", "--bad"} {
		text(ink, paper...)
	}
	text("--on-accent", "--accent", "--accent-2")
	text("--accent", "--accent-tint")
	text("--accent-2", "--accent-tint")
	for _, s := range []string{"ok", "warn", "bad", "info"} {
		text("--"+s, "--"+s+"-tint")
	}
	text("--ink-2", "--idle-tint")
	text("--ink", "--evidence-tint", "--warn-tint", "--bad-tint", "--accent-tint")
	mark("--field", "--surface", "--canvas")
	mark("--focus", paper...)
	mark("--evidence-line", "--surface")
	for i := range 7 {
		mark(fmt.Sprintf("--c%d", i+1), "--surface")
	}
	for _, ramp := range []string{"q0", "q1", "q2", "q3", "q4", "q5", "r1", "r2", "r3", "r4", "r5", "gap-3", "gap-2", "gap-1", "gap0", "gap1", "gap2"} {
		text("--"+ramp+"-ink", "--"+ramp)
	}
}

func check(t *testing.T, colours map[string][2]string, ink, ground string, least float64) {
	t.Helper()
	a, okA := colours[ink]
	b, okB := colours[ground]
	if !okA || !okB {
		t.Errorf("no colour %s or %s", ink, ground)
		return
	}
	for i, theme := range []string{"light", "dark"} {
		if got := contrast(a[i], b[i]); got < least {
			t.Errorf("%s: %s on %s has %.2f:1, needs %.1f:1", theme, ink, ground, got, least)
		}
	}
}
