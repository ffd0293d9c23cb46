package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// Writers who meet at the same values, and a rebuild while they write, lose
// nothing: each world is checked at its end.
func TestWritersTogether(t *testing.T) {
	each(t, func(w *world) {
		catalog.Small()(w.c)
		w.apply(file, partYAML("p1", "{type: service}"))
		var wg sync.WaitGroup
		for hand := range 4 {
			wg.Go(func() { w.scribble(hand) })
		}
		wg.Go(func() {
			for range 3 {
				if err := w.c.Rebuild(w.ctx); err != nil {
					w.Error(err)
				}
			}
		})
		wg.Wait()
	})
}

// scribble changes a few parts that all writers know, some at once.
func (w *world) scribble(hand int) {
	rng := rand.New(rand.NewPCG(uint64(hand), 7))
	who := file
	who.Manager = fmt.Sprint("hand", hand)
	for range 25 {
		yaml := ""
		for i := range 5 {
			yaml += fmt.Sprintf("%s{name: p%d, tags: [go, t%d], labels: {env: e%d}}\nspec: {type: service, tier: %d}\n---\n", head, i, rng.IntN(4), rng.IntN(3), 2+rng.IntN(3))
		}
		ref := w.ref(fmt.Sprintf("part:p%d", rng.IntN(5)))
		var err error
		switch rng.IntN(4) {
		case 0:
			_, err = w.c.Delete(w.ctx, who, ref, 0)
		case 1:
			_, err = w.c.Patch(w.ctx, who, ref, []byte(`{"metadata":{"labels":null,"tags":["patched"]}}`), catalog.UpdateOptions{})
		default:
			_, err = w.c.Apply(w.ctx, who, w.docs(yaml), catalog.ApplyOptions{Force: true})
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			w.Error(err)
		}
	}
}

// A kind that is named twice is listed once.
func TestKindNamedTwice(t *testing.T) {
	each(t, func(w *world) {
		w.apply(file, partYAML("a", "{type: service}")+"---\n"+partYAML("b", "{type: library}"))
		for _, sort := range []string{"", "kind", "title", "spec.type"} {
			q := catalog.Query{Kinds: []string{"Part", "parts", "part"}, Sort: sort}
			page, err := w.c.List(w.ctx, ana, q)
			if err != nil || len(page.Items) != 2 || page.Total != 2 {
				t.Errorf("by %q: %d of %d, %v; want 2", sort, len(page.Items), page.Total, err)
			}
			counts, err := w.c.Facets(w.ctx, ana, q, "spec.type", 10)
			if err != nil || len(counts) != 2 || counts[0].Count != 1 {
				t.Errorf("counts %v, %v", counts, err)
			}
		}
	})
}
