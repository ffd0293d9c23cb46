package static

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"
)

// tokens reads the colours of the stylesheet, light then dark.
func tokens(t *testing.T) map[string][2]string {
	t.Helper()
	out := make(map[string][2]string)
	re := regexp.MustCompile(`(--[a-z0-9-]+):\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`)
	for _, m := range re.FindAllStringSubmatch(read(t, "binnacle.css"), -1) {
		if _, again := out[m[1]]; !again { // the first is the usual one, later ones are for more contrast
			out[m[1]] = [2]string{m[2], m[3]}
		}
	}
	if len(out) < 40 {
		t.Fatalf("only %d colours found", len(out))
	}
	return out
}

// luminance and contrast as in WCAG 2.2, "relative luminance" and "contrast
// ratio".
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	v, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	part := func(shift uint) float64 {
		c := float64(v>>shift&0xff) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*part(16) + .7152*part(8) + .0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + .05) / (math.Min(x, y) + .05)
}

func TestContrastFormula(t *testing.T) {
	if got := contrast(t, "#ffffff", "#000000"); math.Abs(got-21) > .001 {
		t.Errorf("black on white is %.2f, want 21", got)
	}
	if got := contrast(t, "#777777", "#ffffff"); math.Abs(got-4.48) > .01 {
		t.Errorf("#777 on white is %.2f, want 4.48", got)
	}
}

func TestContrast(t *testing.T) {
	papers := []string{"--canvas", "--surface", "--sunken", "--raised", "--hover"}
	var pairs []struct {
		on, ink string
		least   float64
	}
	add := func(on, ink string, least float64) {
		pairs = append(pairs, struct {
			on, ink string
			least   float64
		}{on, ink, least})
	}
	for _, p := range papers {
		for _, ink := range []string{"--ink", "--ink-2", "--ink-3", "--accent", "--ok", "--warn", "--bad", "--evidence"} {
			add(p, ink, 4.5)
		}
	}
	for _, s := range []string{"accent", "evidence", "ok", "warn", "bad", "info"} {
		add("--"+s+"-tint", "--"+s, 4.5)
		add("--"+s+"-tint", "--ink", 4.5)
	}
	add("--accent", "--on-accent", 4.5)
	add("--accent-2", "--on-accent", 4.5)
	add("--idle-tint", "--ink-2", 4.5)
	add("--surface", "--field", 3)
	add("--surface", "--focus", 3)
	for i := 1; i <= 7; i++ {
		add("--surface", fmt.Sprintf("--c%d", i), 3)
	}
	for _, ramp := range []string{"q3", "q4", "q5", "gap-3", "gap-2", "gap-1", "gap1", "gap2", "r2", "r3", "r4", "r5"} {
		add("--"+ramp, "--"+ramp+"-ink", 4.5)
	}
	all := tokens(t)
	for _, p := range pairs {
		on, ok1 := all[p.on]
		ink, ok2 := all[p.ink]
		if !ok1 || !ok2 {
			t.Errorf("no colour %s or %s", p.on, p.ink)
			continue
		}
		for i, theme := range []string{"light", "dark"} {
			if got := contrast(t, on[i], ink[i]); got < p.least {
				t.Errorf("%s: %s %s on %s %s is %.2f, want %.1f", theme, p.ink, ink[i], p.on, on[i], got, p.least)
			}
		}
	}
}
