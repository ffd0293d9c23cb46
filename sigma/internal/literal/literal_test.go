package literal

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func build(literals []Literal, weights Weights) (*Set, *Texts) {
	texts := new(Texts)
	b := texts.Builder(weights)
	defer b.Done()
	return b.Build(literals), texts
}

// naive is what Find must do, written so that it cannot be wrong.
func naive(literals []Literal, text string) []uint32 {
	var ids []uint32
	for _, l := range literals {
		holds := map[Kind]bool{
			Whole:  text == l.Text,
			Prefix: strings.HasPrefix(text, l.Text),
			Suffix: strings.HasSuffix(text, l.Text),
			Inside: strings.Contains(text, l.Text),
		}[l.Kind]
		if holds && !slices.Contains(ids, l.ID) {
			ids = append(ids, l.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestFindsWhatIsThere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := func(n, of int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "a\x00bc"[random.IntN(of)]
		}
		return string(b)
	}
	matches := 0
	for range 3000 {
		least, of := random.IntN(20), 1+random.IntN(4)
		var literals []Literal
		weights := Weights{}
		for id := range 1 + random.IntN(40) {
			text := letters(least+random.IntN(12), of)
			kind := Kind(random.IntN(4))
			if text == "" {
				kind = Whole
			}
			weights.Count(text)
			literals = append(literals, Literal{kind, text, uint32(id / 2)})
		}
		set, texts := build(literals, weights)
		var found Found
		for range 10 {
			text := letters(random.IntN(60), of)
			if random.IntN(2) == 0 {
				text = letters(random.IntN(9), of) + literals[random.IntN(len(literals))].Text + letters(random.IntN(9), of)
			}
			found.Next(len(literals), texts)
			set.Find([]byte(text), &found)
			got, want := slices.Sorted(slices.Values(found.IDs)), naive(literals, text)
			if !slices.Equal(got, want) {
				t.Fatalf("in %q of %v found %v, want %v", text, literals, got, want)
			}
			matches += len(got)
		}
	}
	if matches < 10000 {
		t.Fatalf("only %d literals were found: the test tests nothing", matches)
	}
}

// Sets that are built later add to the texts, and take nothing from the earlier.
func TestSharedTexts(t *testing.T) {
	texts := new(Texts)
	var sets []*Set
	sizes := []int{}
	for n := range 5 {
		b := texts.Builder(Weights{})
		var literals []Literal
		for i := range 10 {
			literals = append(literals, Literal{Kind(i % 4), strings.Repeat("t", 300) + strings.Repeat("x", i) + string(rune('0'+n/2)), uint32(i)})
		}
		sets = append(sets, b.Build(append(literals, Literal{ID: 10})))
		b.Done()
		sizes = append(sizes, len(texts.String()))
	}
	if sizes[0] != sizes[1] || sizes[2] != sizes[3] || sizes[2] == sizes[1] {
		t.Errorf("after each set the texts have the sizes %v: they are not shared", sizes)
	}
	var found Found
	for n, set := range sets {
		for i := range 10 {
			for _, of := range []int{0, 1, 2} {
				text := strings.Repeat("t", 300) + strings.Repeat("x", i) + string(rune('0'+of))
				found.Next(11, texts)
				set.Find([]byte(text), &found)
				if got := found.Has(uint32(i)); got != (of == n/2) {
					t.Errorf("set %d finds %q: %v", n, text[300:], got)
				}
			}
		}
		found.Next(11, texts)
		if set.Find(nil, &found); !slices.Equal(found.IDs, []uint32{10}) {
			t.Errorf("in an empty text set %d finds %v", n, found.IDs)
		}
	}
}

func TestFold(t *testing.T) {
	for _, same := range [][]string{
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZ[@`{", "abcdefghijklmnopqrstuvwxyz[@`{"},
		{"ÄÖÜ.exe", "äöü.EXE"},
		{"\u212a", "K", "k"}, // the sign of kelvin
		{"ſ", "S", "s"},
		{"Σ", "σ", "ς"},
		{"a\xffB", "A\xffb"},
	} {
		for _, text := range same {
			if got, want := FoldString(text), FoldString(same[0]); got != want {
				t.Errorf("%q folds to %q, %q to %q", text, got, same[0], want)
			}
		}
	}
	if FoldString("\xff") == FoldString("\ufffd") {
		t.Error("a byte that is not UTF-8 folds to the replacement character")
	}
	for r := rune(0); r < unicode.MaxRune; r++ {
		if got, again := FoldRune(r), FoldRune(FoldRune(r)); got != again || got != FoldRune(unicode.SimpleFold(r)) {
			t.Fatalf("%q folds to %q, then to %q", r, got, again)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("powershell", "-enc", "POWERSHELL.exe -Enc AAAA")
	f.Add("äö", "\xff", "xÄÖ\xff")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		a, b = a[:min(len(a), MaxSize)], b[:min(len(b), MaxSize)]
		var literals []Literal
		weights := Weights{}
		for id, text := range []string{FoldString(a), FoldString(b)} {
			for kind := Whole; kind <= Inside; kind++ {
				if kind == Whole || text != "" {
					literals = append(literals, Literal{kind, text, uint32(id)*4 + uint32(kind)})
				}
			}
			weights.Count(text)
		}
		folded := FoldString(text)
		var found Found
		set, texts := build(literals, weights)
		found.Next(8, texts)
		set.Find([]byte(folded), &found)
		if got, want := slices.Sorted(slices.Values(found.IDs)), naive(literals, folded); !slices.Equal(got, want) {
			t.Fatalf("in %q of %v found %v, want %v", folded, literals, got, want)
		}
	})
}

// The short ways of FoldRune say what Unicode says.
func TestFoldRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if got, want := FoldRune(r), foldRune(r); got != want {
			t.Fatalf("%U folds to %U, want %U", r, got, want)
		}
	}
}
