package strategy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/domain/strategy"
	"github.com/binnaclehq/binnacle/internal/lang"
)

func TestExamples(t *testing.T) {
	catalogtest.Examples(t, catalog.NewKinds(strategy.Module().Kinds...))
}

// The words of the two file formats come with those of the room.
func TestTexts(t *testing.T) {
	texts, err := lang.Load(strategy.Module().Texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"problem.radar.columns", "problem.adr.front-matter", "problem.radar.conflict", "problem.supersedes-itself"} {
		if !texts.Has(key) {
			t.Errorf("no text %s", key)
		}
	}
}

func TestMovement(t *testing.T) {
	f := func(entries, rings string, want ...string) {
		t.Helper()
		c := newCatalog(t)
		apply(t, c, "apiVersion: binnacle.dev/v1\nkind: Technology\nmetadata: {name: x, title: X}\nspec: {segment: Tools, entries: ["+entries+"], rings: ["+rings+"]}\n")
		var got []string
		s := statusOf(t, get(t, c, "technology:x"))
		for _, e := range s.Editions {
			got = append(got, e.Edition+" "+e.Ring+" "+e.Segment+" "+e.Moved)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if len(want) > 0 {
			if last := want[len(want)-1]; s.Edition+" "+s.Ring+" Tools "+s.Moved != last {
				t.Errorf("stands %+v, want %s", s, last)
			}
		}
	}
	f(``, ``)
	f(`{edition: a, ring: trial}, {edition: radaredition:b, ring: Adopt}, {edition: c, ring: caution}, {edition: d, ring: Hold}`, ``,
		"a trial Tools new", "b Adopt Tools in", "c caution Tools out", "d Hold Tools unchanged")
	f(`{edition: a, ring: Try, segment: Old}, {edition: b, ring: Core}, {edition: c, ring: Leave}`, `Core, Try, Leave`,
		"a Try Old new", "b Core Tools in", "c Leave Tools out")
}
