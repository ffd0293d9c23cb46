package logs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	for word, want := range map[string]int{"": 1, "a": 2, "4624": 1, "Ab": 4, "ab_1": 4, "k": 3, "whoami": 96, "éa": 4, "ſ": 1, "日本": 1} {
		got, small := cases(word, 100), strings.ToLower(word)
		if len(got) != want {
			t.Errorf("%q has %d cases, want %d: %q", word, len(got), want, got)
		}
		for _, one := range got {
			if strings.ToLower(one) != small {
				t.Errorf("%q is no case of %q", one, word)
			}
		}
		if all := slices.Compact(slices.Sorted(slices.Values(got))); len(all) != want {
			t.Errorf("cases of %q stand twice: %q", word, got)
		}
	}
	if got := cases("mimikatz", 100); got != nil {
		t.Errorf("%d cases, more than there may be", len(got))
	}
}

// TestAnyCase: what is asked for in all its cases finds what the engine finds
// without regard to case, whatever the texts are.
func TestAnyCase(t *testing.T) {
	c := rand.New(rand.NewPCG(7, 7))
	letters := []rune(`abkKiIİsSſéÉßΣσς_19 .-"*\` + "\u212a\ufffd日Ⓐⓐ")
	chance := func(most int) string {
		out := make([]rune, c.IntN(most+1))
		for i := range out {
			out[i] = letters[c.IntN(len(letters))]
		}
		return string(out)
	}
	lines := make([][]byte, 2000)
	for i := range lines {
		lines[i] = fmt.Appendf(nil, `{"message":%s,"n":%d,"few":%s,"text":%s}`, jsonText(chance(12)), c.IntN(300), jsonText(chance(1)), jsonText(chance(5)+"\xff"+chance(3)))
	}
	s := opened(t, lines)
	asked, hit := 0, 0
	for range 1500 {
		field := []string{fieldMessage, "n", "few", "text"}[c.IntN(4)]
		text, star := chance(4), c.IntN(3) == 0
		if text == "" || text == "." { // which the engine cannot be asked for so
			continue
		}
		plain := "i(" + Quote(text)
		if star {
			plain += "*"
		}
		name := Quote(field) + ":"
		for _, most := range []int{1, 16, casesOfMessage} {
			filter := anyCase(text, star, most)
			if filter == plain+")" {
				continue
			}
			got, want := found(t, s, name+filter), found(t, s, name+plain+")")
			for id := range want {
				if !got[id] {
					t.Errorf("%s misses event %s, which %s) finds", name+filter, id, plain)
				}
			}
			if asked++; !maps.Equal(got, want) && isASCII(text) {
				t.Errorf("%s finds %d events, %s) %d", name+filter, len(got), plain, len(want))
			}
			hit += len(want)
		}
	}
	if asked < 500 || hit < 1000 {
		t.Errorf("%d questions found %d events", asked, hit)
	}
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

func jsonText(s string) string { return string(appendText(nil, []byte(s))) }

// TestDot: a full stop alone, which the engine writes in a way that it cannot read,
// is found as any other text.
func TestDot(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"message":"so. and so"}`), []byte(`{"message":"no","a":"."}`), []byte(`{"message":"no","a":"1.5"}`), []byte(`{"message":"no"}`)})
	for text, want := range map[string]int{`"."`: 3, `.`: 3, `a:"."`: 2, `a:i(".")`: 2, `a:i("."*)`: 2, `a:"."*`: 2, `!"."`: 1} {
		for _, limit := range []int{0, 10} {
			q, err := Translate(t.Context(), s, Query{Org: "one", Text: text, Limit: limit})
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			n := 0
			if _, err := s.Rows(t.Context(), q, func(Row) error { n++; return nil }); err != nil || n != want {
				t.Errorf("%s, as %s: %d events, want %d: %v", text, q.Text, n, want, err)
			}
		}
	}
}
