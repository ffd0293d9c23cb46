package people_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/catalog/catalogtest"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func TestExamples(t *testing.T) {
	catalogtest.Examples(t, catalog.NewKinds(people.Module().Kinds...))
}

// group and user write entities as files do.
func group(name, spec string) string {
	return fmt.Sprintf("---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: %s}\nspec: {type: team, %s}\n", name, spec)
}

func user(name, spec string) string {
	return fmt.Sprintf("---\napiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: %s}\nspec: {%s}\n", name, spec)
}

var small = group("tech", "children: [payments]") +
	group("payments", "parent: tech, members: [diego, ghost], leader: marta, profile: {displayName: Payments team, email: payments@example.com}") +
	group("ring-a", "parent: ring-b") + group("ring-b", "parent: ring-c") + group("ring-c", "parent: ring-a") +
	group("torn", "parent: payments") + group("puller", "children: [torn, vanished]") +
	group("orphan", "parent: nowhere") +
	user("marta", "profile: {displayName: Marta Quiroga, email: marta@example.com}, role: Engineering manager, memberOf: [payments], location: Valencia, manager: ines") +
	user("diego", "profile: {displayName: Diego Ruiz}, memberOf: [payments, gone-team], manager: marta") +
	user("ines", "profile: {displayName: Inés Valcárcel}, memberOf: [tech]") +
	user("alone", "profile: {displayName: Ana Sola}")

func TestOrganisation(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Wants(h.Main("/organisation"), "There are no groups yet", "binnacle import backstage ./org")
	h.Apply(small)
	text := h.Main("/organisation")
	h.Wants(text, "Groups 8 People 4 In no group 1 To put right",
		"tech 3 people", "Payments team 2 people, Marta Quiroga", "People in no group AS Ana Sola",
		"in a circle: ring-a → ring-b → ring-c → ring-a.",
		"Payments team names ghost, which does not exist.", "Diego Ruiz names gone-team, which does not exist.",
		"orphan names nowhere, which does not exist.", "puller names vanished, which does not exist.",
		"torn has two groups above it, Payments team and puller;", "Nobody is in orphan.")
	if n := strings.Count(text, "in a circle"); n != 1 {
		t.Errorf("the circle is told %d times", n)
	}
	h.Lacks(text, "Nobody is in tech", "Engineering manager")
	h.Wants(h.Main("/organisation?people=1"), "Marta Quiroga Engineering manager", "Groups only")
}

func TestGroupPage(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Apply(small)
	page := h.Page("/groups/default/payments")
	h.Wants(page, `href="mailto:payments@example.com"`)
	text := h.Main("/groups/default/payments")
	h.Wants(text, "Payments team Team 2 people", "MQ Marta Quiroga lead Engineering manager marta@example.com", "DR Diego Ruiz", "ghost does not exist",
		"In the organisation tech", "torn Team", "Nothing names them as its owner.")
	h.Lacks(text, "Neighbourhood")
	h.Wants(h.Main("/groups/default/ring-a"), "in a circle with", "Nobody is in it yet.")
	h.Wants(h.Main("/groups/default/tech"), "Payments team")
}

func TestUserPage(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Apply(small + "---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: guild, owner: user:diego}\nspec: {type: guild}\n" +
		"---\napiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: squad, owner: payments}\nspec: {type: team}\n")
	text := h.Main("/users/default/diego")
	h.Wants(text, "Diego Ruiz", "Payments team Team tech 2", "gone-team does not exist", "Reports to MQ Marta Quiroga", "Groups 1 guild", "With a group Payments team Groups 1")
	h.Lacks(text, "What is held about you")
	h.Wants(h.Main("/users/default/marta"), "Engineering manager", "leads it", "Leads DR Diego Ruiz", "IV Inés Valcárcel", "marta@example.com")
	h.Wants(h.Main("/users/default/alone"), "In no group yet.", "Nothing by name.")
}

// TestHeld: persons see who looked at their page; others do not see it there.
func TestHeld(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Apply(small)
	p := h.Who["auditor"]
	p.UserRef = "user:default/diego"
	h.Who["diego"] = p
	w := h.Get("/users/default/diego", "diego", lang.English)
	h.Wants(webtest.MainText(w.Body.String()), "What is held about you", "Nobody else has looked at this page.")
	h.Get("/users/default/diego", "owner", lang.English)
	w = h.Get("/users/default/diego", "diego", lang.Spanish)
	h.Wants(webtest.MainText(w.Body.String()), "Qué se guarda sobre ti", "Quién ha mirado IV Inés Valcárcel")
	h.Get("/people", "owner", lang.English)
	w = h.Get("/users/default/diego", "diego", lang.English)
	h.Wants(webtest.MainText(w.Body.String()), "Who looked IV Inés Valcárcel", "in a list of")
	w = h.Get("/users/default/marta", "diego", lang.English)
	h.Lacks(webtest.MainText(w.Body.String()), "What is held about you")
}

func TestDirectory(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Wants(h.Main("/people"), "There is nobody yet")
	h.Apply(small)
	h.Wants(h.Main("/people"), "4 people", "Marta Quiroga Engineering manager Payments team Valencia marta@example.com", "Diego Ruiz Payments team gone-team")
	text := h.Main("/people?q=quiroga")
	h.Wants(text, "1 person", "Marta Quiroga")
	h.Lacks(text, "Diego Ruiz")
	h.Wants(h.Main("/people?q=nobodyatall"), "Nobody is called that")
}

func TestDirectoryPages(t *testing.T) {
	h := webtest.New(t, people.Module())
	var all strings.Builder
	for i := range 130 {
		all.WriteString(user(fmt.Sprintf("person-%03d", i), "memberOf: []"))
	}
	h.Apply(all.String())
	path, seen := "/people", 0
	for range 5 {
		page := h.Page(path)
		seen += strings.Count(page, "row-link")
		_, rest, ok := strings.Cut(page, `rel="next"`)
		if !ok {
			break
		}
		before := page[:len(page)-len(rest)]
		href := before[strings.LastIndex(before, `href="`)+6:]
		path = strings.ReplaceAll(href[:strings.Index(href, `"`)], "&amp;", "&")
	}
	if seen != 130 {
		t.Errorf("the pages hold %d people", seen)
	}
}

// TestFailing: a card that cannot be loaded says so in its place.
func TestFailing(t *testing.T) {
	h := webtest.New(t, people.Module())
	h.Apply(small)
	if _, err := h.Catalog.DB().Exec(t.Context(), `DROP TABLE relations`); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/groups/default/payments", "/users/default/diego"} {
		if page := h.Page(path); strings.Count(page, "This card could not be shown") < 2 {
			t.Errorf("%s does not say that cards failed", path)
		}
	}
}
