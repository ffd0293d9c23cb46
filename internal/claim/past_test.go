package claim

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// TestSayAll: words brought in together are those that would have been given one
// by one, chained, and one that may not be given leaves none.
func TestSayAll(t *testing.T) {
	const two = "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: mood, owner: \"user:ana\"}\nspec: {room: people, direction: up, target: 7, typed: {goodFor: 30d}}\n" +
		"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: pentest, owner: \"user:leila\"}\nspec: {room: security, tests: [{name: report, attest: {goodFor: 90d}}]}\n"
	run(t, nil, func(w *world) {
		w.apply(two)
		mood, pentest := entity.NewRef("measure", "", "mood"), entity.NewRef("claim", "", "pentest")
		ana, leila := w.as("ana", auth.RoleOwner), w.as("leila", auth.RoleMember)
		began := w.clock
		day := func(n int) time.Time { return began.Add(time.Duration(n) * 24 * time.Hour).Truncate(time.Microsecond) }
		words := []Said{
			{ana, mood, Word{Value: 6, AsOf: day(1)}, day(1)},
			{leila, pentest, Word{Holds: true, Note: "by a firm", AsOf: day(2)}, day(2)},
			{ana, mood, Word{Value: 8, AsOf: day(3)}, day(3)},
		}
		w.clock = day(3)
		refused := append(words[:len(words):len(words)], Said{w.as("max", auth.RoleMember), mood, Word{Value: 1, AsOf: day(3)}, day(3)})
		if err := w.engine.SayAll(w.Context(), org, refused); !fault.Is(err, fault.Forbidden) {
			w.Fatalf("a member who does not answer for it typed a number: %v", err)
		}
		w.state("measure:mood", Unsupported)
		w.must(w.engine.SayAll(w.Context(), org, words))
		w.settle()
		w.state("pentest", Supported)
		if v := w.state("measure:mood", Weak); *v.Value != 8 {
			w.Errorf("the number is %v, want the last", *v.Value)
		}
		runs, err := w.engine.runs(w.Context(), w.db, `r.org = ? ORDER BY r.at`, org)
		w.must(err)
		type said struct {
			At, AsOf time.Time
			By, Why  string
			Seq      int64
		}
		var got []said
		for _, r := range runs {
			got = append(got, said{r.At, r.AsOf, r.By, r.Why, r.Seq})
		}
		want := []said{{day(1), day(1), "user:default/ana", word, 1}, {day(2), day(2), "user:default/leila", word, 1}, {day(3), day(3), "user:default/ana", word, 2}}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("runs (-want +got):\n%s", diff)
		}
		if v, err := w.engine.Verify(w.Context(), org, ""); err != nil || len(v.Broken) > 0 || v.Runs != 3 {
			w.Errorf("%+v, %v", v, err)
		}
		records := 0
		w.must(w.db.QueryRow(w.Context(), `SELECT count(*) FROM audit WHERE org = ? AND action IN ('claim.typed', 'claim.attest')`, org).Scan(&records))
		if records != 3 {
			w.Errorf("%d audit records of words, want 3", records)
		}
	})
}

func TestUsesLinks(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                 false,
		"size(links.hasMember) > 0":        true,
		`1 < 2 && links["dependsOn"] != 0`: true,
		"metadata.links.exists(l, true)":   false,
		"has(metadata.links)":              false,
		"spec.mylinks > 1":                 false,
		"blinks":                           false,
		"[links.a, metadata.links]":        true,
	} {
		if got := (&Records{Expect: text}).usesLinks(); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		if got := (&Records{Where: text}).usesLinks(); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
