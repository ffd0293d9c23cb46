package sigma

import (
	"math/rand/v2"
	"strings"
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

// TestRepeated: an expression whose repetitions would take milliseconds a character
// is refused; those that rules write are not.
func TestRepeated(t *testing.T) {
	for _, source := range []string{`.{1000,}`, `(.){200,}`, `(?:[A-Za-z0-9+/]{4}){200,}={0,2}`, `(?:a{1,10}){1,100}$`, strings.Repeat("a", 5000), strings.Repeat(".*word", 500), `(?:` + strings.Repeat("longword|", 1000) + `last)+`} {
		if _, err := (Regex{Expr: source}).Compile(); err != nil {
			t.Errorf("%v", err)
		}
	}
	for _, source := range []string{strings.Repeat("[a-z]{1,1000}", 3) + "[0-9]", strings.Repeat("[a-z]*", 2600) + "[0-9]", "(?:(?:[a-z][a-z0-9]?x){1,10}){100}", "(?=" + strings.Repeat("[a-z]{1,1000}", 3) + "[0-9])a"} {
		if _, err := (Regex{Expr: source}).Compile(); err == nil || !strings.Contains(err.Error(), "more than 2500 characters together") || !strings.Contains(err.Error(), "repeat less") {
			t.Errorf("%.40s: %v", source, err)
		}
	}
	if _, err := (Regex{Expr: "a{1001}"}).Compile(); err == nil || !strings.Contains(err.Error(), "{1001}: count to 1000 at most") {
		t.Errorf("a count that is too high: %v", err)
	}
}
