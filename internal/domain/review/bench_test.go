package review_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/domain/review"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

// crowd is 1,000 claims, a tenth of them red, and 300 measures, 60 of them
// instruments, with twelve weeks of daily runs of the instruments.
func crowd(b testing.TB) *webtest.House {
	h := webtest.New(b, people.Module(), review.Module())
	h.Who["ines"] = auth.Principal{Account: "acc-ines", Name: "Inés", Org: "default", OrgTitle: "Kestrane", Role: auth.RoleCTO, UserRef: "user:default/marta", Via: "web"}
	h.Time = webtest.Now.AddDate(0, 0, -84)
	rooms := []string{"strategy", "people", "delivery", "operations", "security", "governance"}
	var y strings.Builder
	y.WriteString(crew)
	for i := range 1000 {
		expect := "has(spec.type)"
		if i%10 == 0 {
			expect = "has(spec.nothing)"
		}
		fmt.Fprintf(&y, "---\napiVersion: binnacle.dev/v1\nkind: Claim\nmetadata: {name: c%d, title: Claim number %d, owner: \"group:payments\"}\nspec: {room: %s, tests: [{name: all, every: 10w, maxAge: 40w, records: {from: group, expect: %s}}]}\n", i, i, rooms[i%6], expect)
	}
	for i := range 300 {
		pinned, every := "", "10w"
		if i < 60 {
			pinned, every = fmt.Sprintf("pinned: %d, ", 1+i/6), "24h"
		}
		fmt.Fprintf(&y, "---\napiVersion: binnacle.dev/v1\nkind: Measure\nmetadata: {name: m%d, title: Measure number %d, owner: \"group:payments\"}\nspec: {room: %s, direction: up, target: 3, limit: 2, %severy: %s, maxAge: 40w, records: {from: user, value: count}}\n", i, i, rooms[i%6], pinned, every)
	}
	h.Apply(y.String())
	h.Settle()
	for day := range 85 {
		h.Time = webtest.Now.AddDate(0, 0, day-84)
		if _, err := h.Claims.Drain(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 200 {
		if i%40 == 0 {
			h.Apply(fmt.Sprintf("apiVersion: binnacle.dev/v1\nkind: Task\nmetadata: {name: t%d, title: Task number %d}\nspec: {assignee: \"group:payments\", due: %q, state: open}\n", i, i, h.Time.AddDate(0, 0, i%14).Format(time.DateOnly)))
		}
	}
	return h
}

// BenchmarkToday draws the whole page with 1,000 claims and 300 measures.
func BenchmarkToday(b *testing.B) {
	h := crowd(b)
	for _, path := range []string{"/", "/inbox", "/today/changes"} {
		b.Run(strings.Trim(path, "/"), func(b *testing.B) {
			for b.Loop() {
				if w := h.Get(path, "ines", lang.English); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
