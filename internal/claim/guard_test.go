package claim

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/fault"
)

// TestAskedOfNothing: what is not there is an error when it is written, with
// what was probably meant; the same spec again is none.
func TestAskedOfNothing(t *testing.T) {
	languages := func(c *Config) {
		c.Languages = []Language{{Name: "logsql", Check: func(text string) error {
			if text == "*" {
				return nil
			}
			return errors.New("is no query")
		}, Rows: func(context.Context, string, Question) ([]Row, error) { return []Row{{"n": "1"}}, nil }}}
	}
	run(t, languages, func(w *world) {
		claim := func(test string) string {
			return "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c}\nspec: {room: operations, tests: [{name: t, " + test + "}]}\n"
		}
		records := func(from, where, expect string) string {
			return claim("records: {from: " + from + ", where: '" + where + "', expect: '" + expect + "'}")
		}
		for _, c := range []struct{ yaml, want, hint string }{
			{records("thin", "", "true"), `spec.tests[0].records.from: there is no kind or table "thin"`, `"thing"`},
			{records("claim", "", "true"), "", ""},
			{records("claims", "row.state == \"weak\"", "has(row.owner)"), "", ""},
			{records("Claims", "", "row.stat != \"weak\""), "the table claims has no field stat", `"state"`},
			{records("claims", "", "row[\"nothing\"] == 1"), "the table claims has no field nothing", "its fields are ref"},
			{records("claims", "", "has(spec.owner)"), "spec is of kinds; the table claims has row", ""},
			{records("thing", "", "has(row.owner)"), "row is of tables", ""},
			{records("thing", "spec.typ == \"service\"", "true"), "at 1:1: Thing has no field spec.typ", `"spec.type"`},
			{records("things", "spec.cost == \"much\"", "true"), "spec.cost is a number and cannot be compared", ""},
			{records("thing", "metadata.labels.tier == \"1\"", "has(spec.cost)"), "", ""},
			{claim("must: \"> 0\", records: {from: thing, value: sum(spec.coast)}"), "spec.tests[0].records.value: at 1:1: Thing has no field spec.coast", `"spec.cost"`},
			{claim("must: \"> 0\", query: {language: logsq, text: \"*\"}"), `spec.tests[0].query.language: there is no query language "logsq" here`, `"logsql"`},
			{claim("must: \"> 0\", query: {language: promql, text: up}"), "there is no query language", "the languages are logsql"},
			{claim("must: \"> 0\", query: {language: logsql, text: \"|\"}"), "spec.tests[0].query.text: is no query", ""},
			{claim("must: \"> 0\", query: {language: logsql, text: \"*\"}"), "", ""},
			{"apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m}\nspec: {room: operations, direction: up, records: {from: thingy, value: count}}\n", `spec.records.from: there is no kind`, `"thing"`},
		} {
			err := w.tryApply(w.as("ana", auth.RoleOwner), c.yaml)
			if c.want == "" {
				if err != nil {
					w.Errorf("%s: %v", c.yaml, err)
				}
				continue
			}
			var hints []string
			for _, p := range fault.ProblemsOf(err) {
				hints = append(hints, p.Hint)
			}
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) || !strings.Contains(strings.Join(hints, " "), c.hint) {
				w.Errorf("%s: got %v %q, want %q %q", c.yaml, err, hints, c.want, c.hint)
			}
		}
		// What was written while it was right stays editable in all but its spec.
		w.must(w.tryApply(w.as("ana", auth.RoleOwner), claim("must: \"> 0\", query: {language: logsql, text: \"*\"}")))
		delete(w.engine.languages, "logsql")
		w.must(w.tryApply(w.as("ana", auth.RoleOwner), strings.Replace(claim("must: \"> 0\", query: {language: logsql, text: \"*\"}"), "{name: c}", "{name: c, title: Another}", 1)))
		if _, err := w.catalog.Delete(w.Context(), w.as("ana", auth.RoleOwner), entity.NewRef("claim", "", "c"), 0); err != nil {
			w.Error(err)
		}
	})
}

// TestSecretsAreLent: a test sends a stored secret where its author says, so that
// who names one, or another address for it, must be who may set secrets.
func TestSecretsAreLent(t *testing.T) {
	run(t, nil, func(w *world) {
		claim := func(url, secret, title string) string {
			return "apiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: up, title: " + title + "}\nspec: {room: operations, tests: [{name: t, must: \"> 0\", number: {url: \"" + url + "\", path: v, secret: " + secret + "}}]}\n"
		}
		const home, evil = "https://status.example.com/v", "https://evil.example/v"
		ana, max := w.as("ana", auth.RoleOwner), w.as("max", auth.RoleMember)
		if err := w.tryApply(max, claim(evil, "status", "x")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a member had a secret sent to an address of their own: %v", err)
		}
		measure := "apiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m}\nspec: {room: operations, direction: up, number: {url: \"" + evil + "\", path: v, secret: status}}\n"
		if err := w.tryApply(max, measure); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a member had a secret sent by a measure: %v", err)
		}
		w.must(w.tryApply(ana, claim(home, "status", "x")))
		if err := w.tryApply(max, claim(evil, "status", "x")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a member sent a secret elsewhere: %v", err)
		}
		if err := w.tryApply(max, claim(home, "other", "x")); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a member had another secret sent: %v", err)
		}
		if err := w.tryApply(max, strings.Replace(claim(home, "status", "y"), "path: v", "path: w", 1)); err != nil {
			t.Errorf("a member cannot edit the rest: %v", err)
		}
	})
}
