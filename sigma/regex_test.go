package sigma

import (
	"math/rand/v2"
	"testing"
)

// TestLong: an expression that asks for many characters is answered as the package
// regexp answers it.
func TestLong(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "é", "\n", "\xff", "€", " ", "bcd"}
	for source, is := range map[string]bool{`.{5,}`: true, `(?s).{5,}`: true, `.{5}`: true, `(.{5,9})`: true, `((?s:.){6})`: true, `(?i).{3,}?`: true, `.{0,2}`: true, `^.{5}`: false, `.{5}a`: false, `(?:a.){5}`: false, `a{5}`: false, `.`: false} {
		m, err := Regex{Expr: source}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		if (m.long != nil) != is {
			t.Errorf("%s asks for length: %v", source, !is)
		}
		matched := 0
		const texts = 2000
		for range texts {
			text := ""
			for range chance.IntN(10) {
				text += pieces[chance.IntN(len(pieces))]
			}
			got, want := m.Match(text), m.Plain.MatchString(text)
			if got != want {
				t.Fatalf("%s in %q: %v, want %v", source, text, got, want)
			}
			if got {
				matched++
			}
		}
		if is && source != `.{0,2}` && (matched < texts/10 || matched > texts*9/10) {
			t.Errorf("%s is found in %d texts: the test tests nothing", source, matched)
		}
	}
}
