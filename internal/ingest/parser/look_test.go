package parser

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLook(t *testing.T) {
	for _, test := range []struct {
		text         string
		clean, plain bool
	}{
		{``, true, true}, {`{"a":"b"}`, true, true}, {`\n\\\"\/\b\f\r\t`, true, true}, {`\\u`, true, true}, {`\u00e9`, true, false}, {`\\\u00E9`, true, false}, {"é", true, false},
		{`\`, false, false}, {`\\\`, false, false}, {`\x`, false, false}, {`\u00e`, false, false}, {`\U00e9`, false, false}, {"a\n", false, false}, {"\x1f", false, false},
		{"\x7f", true, true}, {"\xff", false, false}, {"é\xff", false, false}, {`\\U`, true, true},
	} {
		for _, before := range []int{0, 1, 7, 8, 55, 62, 63, 64, 65, 127, 129} { // 64 bytes are read at a time
			for _, after := range []int{0, 7, 62, 63, 64} {
				text := strings.Repeat("a", before) + test.text + strings.Repeat(" ", after)
				if clean, plain := look([]byte(text)); clean != test.clean || plain != test.plain {
					t.Errorf("%q is clean %v and plain %v", text, clean, plain)
				}
			}
		}
	}
}

// TestLookPlainly holds look against one that looks at a byte at a time.
func TestLookPlainly(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "a", "abcdefghij", `\\`, `\"`, `\u00e9`, `\\u`, "é", `\u00`, `\`, "\x1f", "\xc3"}
	seen := map[[2]bool]int{}
	for range 200_000 {
		var text []byte
		for range chance.IntN(60) {
			text = append(text, pieces[min(chance.IntN(len(pieces)), chance.IntN(len(pieces)))]...)
		}
		clean, plain := lookPlainly(text)
		if c, p := look(text); c != clean || p != plain {
			t.Fatalf("%q is clean %v and plain %v, want %v and %v", text, c, p, clean, plain)
		}
		seen[[2]bool{clean, plain}]++
	}
	if len(seen) != 3 || seen[[2]bool{true, false}] < 10_000 || seen[[2]bool{true, true}] < 10_000 {
		t.Errorf("the test tests nothing: %v", seen)
	}
}

func lookPlainly(text []byte) (clean, plain bool) {
	plain = true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < ' ':
			return false, false
		case c >= utf8.RuneSelf:
			plain = false
		case c == '\\':
			if !isEscape(text[i+1:]) {
				return false, false
			}
			i++
			plain = plain && text[i] != 'u'
		}
	}
	if !utf8.Valid(text) {
		return false, false
	}
	return true, plain
}
