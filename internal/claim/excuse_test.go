package claim

import (
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// excused asks for an exception as max and approves it as leila.
func (w *world) excused(yaml string) {
	w.Helper()
	w.must(w.tryApply(w.as("max", auth.RoleLead), strings.Replace(yaml, "STATE", "requested", 1)))
	w.must(w.tryApply(w.as("leila", auth.RoleLead), strings.Replace(yaml, "STATE", "approved", 1)))
}

func exceptionTo(claim, more string) string {
	return "apiVersion: binnacle.dev/v1\nkind: Exception\nmetadata: {name: ex}\nspec: {claim: \"" + claim + "\", reason: ends in March, until: \"2027-03-31\", state: STATE" + more + "}\n"
}

// TestExceptionTakenBack: what was excused is red again as soon as the exception
// is gone, refused, about something else or shorter, whatever form the test has.
func TestExceptionTakenBack(t *testing.T) {
	ex := entity.NewRef("exception", "", "ex")
	for name, back := range map[string]func(w *world, claim string){
		"deleted": func(w *world, _ string) {
			_, err := w.catalog.Delete(w.Context(), w.as("ana", auth.RoleOwner), ex, 0)
			w.must(err)
		},
		"refused": func(w *world, claim string) {
			w.must(w.tryApply(w.as("leila", auth.RoleLead), strings.Replace(exceptionTo(claim, ""), "STATE", "refused", 1)))
		},
		"of another claim": func(w *world, _ string) {
			w.must(w.tryApply(w.as("max", auth.RoleLead), strings.Replace(exceptionTo("claim:other", ""), "STATE", "requested", 1)))
		},
		"shorter": func(w *world, claim string) {
			w.excused(strings.Replace(exceptionTo(claim, ""), "2027-03-31", w.clock.Format(time.DateOnly), 1))
			w.settle()
			w.state(claim, Supported)
			w.clock = w.clock.Add(24 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(w *world) {
				w.clock = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
				w.apply(strings.Replace(described, "title: Services", "every: 52w\n    title: Services", 1) + aThing("old", "") +
					"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: other, owner: \"user:leila\"}\nspec: {room: operations, tests: [{name: n, records: {from: thing, expect: \"true\"}}]}\n" +
					"---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: pentest, owner: \"user:leila\"}\nspec: {room: operations, tests: [{name: report, attest: {goodFor: 90d}}]}\n")
				_, err := w.engine.Say(w.Context(), w.as("leila", auth.RoleLead), entity.NewRef("claim", "", "pentest"), Word{Note: "nobody came"})
				w.must(err)
				for _, claim := range []string{"claim:described", "claim:pentest"} {
					w.state(claim, Contradicted)
					w.excused(exceptionTo(claim, ""))
					w.settle()
					w.state(claim, Supported)
					back(w, claim)
					w.settle()
					w.state(claim, Contradicted)
					if _, err := w.catalog.Delete(w.Context(), w.as("ana", auth.RoleOwner), ex, 0); !fault.Is(err, fault.NotFound) {
						w.must(err)
					}
					w.settle()
				}
				report, err := w.engine.Verify(w.Context(), org, "")
				w.must(err)
				if len(report.Broken) > 0 {
					w.Errorf("%+v", report.Broken)
				}
			})
		})
	}
}

// TestExcusedMembersAreNamed: another list of members is another request, even
// where the two are printed alike.
func TestExcusedMembersAreNamed(t *testing.T) {
	run(t, nil, func(w *world) {
		w.clock = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
		w.apply(described + aThing("a", "") + aThing("b", ""))
		w.excused(exceptionTo("claim:described", `, items: ["thing:default/a thing:default/b"]`))
		max := w.as("max", auth.RoleLead)
		err := w.tryApply(max, strings.Replace(exceptionTo("claim:described", `, items: ["thing:default/a", "thing:default/b"]`), "STATE", "approved", 1))
		if !fault.Is(err, fault.Invalid) {
			e, _ := w.catalog.Get(w.Context(), max, entity.NewRef("exception", "", "ex"))
			s, _ := catalog.Spec[ExceptionSpec](e)
			w.Errorf("the approval of one list stands for another: %v, %+v", err, s)
		}
	})
}
