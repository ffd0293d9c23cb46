package claim

import (
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
)

// TestLinks: a test looks along relations from either end, runs again when what
// is at the other end changes, and is replayed with what was there then.
func TestLinks(t *testing.T) {
	run(t, nil, func(w *world) {
		grouped := func(name, typ, group string) string {
			return "---\napiVersion: binnacle.dev/v1\nkind: Thing\nmetadata: {name: " + name + "}\nspec: {type: " + typ + group + "}\n"
		}
		const claim = "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c}\nspec: {room: operations, tests: [" +
			`{name: out, records: {from: thing, where: 'spec.type == "service"', expect: 'links.memberOf.all(x, x.exists && x.spec.type == "team")'}}, ` +
			`{name: in, records: {from: thing, where: 'spec.type == "team"', expect: 'size(links.hasMember) > 0'}}]}` + "\n"
		w.apply(claim + grouped("t", "team", "") + grouped("a", "service", ", group: t") + grouped("b", "service", ""))
		w.state("c", Supported)
		then := w.clock
		w.clock = w.clock.Add(time.Hour)
		w.apply(grouped("b", "service", ", group: nowhere"))
		v := w.state("c", Contradicted)
		if v.Evidence[0].Last.Exceptions != 1 || v.Evidence[1].Health != Live {
			w.Errorf("%+v", v.Evidence)
		}
		w.apply(grouped("nowhere", "team", ""))
		w.state("c", Supported)
		w.apply(grouped("t", "club", ""))
		w.state("c", Contradicted)
		list, err := w.engine.Replay(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("claim", "", "c"), then)
		w.must(err)
		for _, r := range list {
			if !r.Same || r.Run.Verdict != Pass {
				w.Errorf("as of then %s: %+v", r.Test, r.Run)
			}
		}
		err = w.tryApply(w.as("ana", auth.RoleOwner), strings.Replace(claim, "links.memberOf", "links.membersOf", 1))
		if err == nil || !strings.Contains(err.Error(), "a Thing has no relation membersOf") {
			w.Errorf("an unknown relation: %v", err)
		}
	})
}
