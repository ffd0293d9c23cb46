package operations_test

import (
	"strings"
	"testing"

	"github.com/binnaclehq/binnacle/internal/domain/operations"
	"github.com/binnaclehq/binnacle/internal/domain/people"
	"github.com/binnaclehq/binnacle/internal/lang"
	"github.com/binnaclehq/binnacle/internal/web/webtest"
)

func newHouse(t *testing.T) *webtest.House {
	return webtest.New(t, operations.Module(), people.Module())
}

const software = `
apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: payments
  title: Payments
  links: [{url: "https://chat.example.com/payments", title: "#payments", type: chat}]
spec: {type: team, profile: {email: payments@kestrane.example}, members: [marta, gone-person], leader: marta}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: marta}
spec: {profile: {displayName: Marta Quiroga}, memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: diego, title: Diego Ruiz}
spec: {memberOf: [payments]}
---
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata: {name: selling, title: Selling, description: All about sales.}
spec: {owner: payments}
---
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata: {name: payouts, title: Payouts}
spec: {owner: payments, subdomainOf: selling}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: checkout, title: Checkout, description: From seat to ticket.}
spec: {owner: payments, domain: selling}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: lost}
spec: {domain: nowhere}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: pay
  title: Pay
  description: Takes the money.
  tags: [go]
  labels: {pci: "yes"}
  annotations: {github.com/project-slug: kestrane/pay, internal/cost-centre: "4711"}
  links:
    - {url: "https://runbooks.example.com/pay", title: Runbook}
    - {url: "https://kestrane.pagerduty.com/x", title: Payments on call}
spec:
  type: service
  lifecycle: production
  tier: 1
  owner: payments
  system: checkout
  providesApis: [pay-api]
  consumesApis: [score-api, lost-api]
  dependsOn: ["resource:pay-db", "component:old-ledger", "component:nothing"]
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: shop}
spec: {type: website, lifecycle: production, owner: group:nobody-here, system: checkout, consumesApis: [pay-api], subcomponentOf: pay}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: score}
spec: {type: service, lifecycle: experimental, owner: user:diego, providesApis: [score-api]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: old-ledger, title: Old ledger}
spec: {type: service, lifecycle: deprecated}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: bare}
spec: {type: library}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: pay-db}
spec: {type: database, owner: payments, system: checkout}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: pay-api, title: Payments API}
spec:
  type: openapi
  lifecycle: production
  owner: payments
  system: checkout
  definition: |
    openapi: 3.1.0
    info: {title: Payments of Kestrane, version: 4.2.0}
    servers: [{url: "https://api.kestrane.example/pay"}]
    paths:
      /charges:
        parameters: []
        post: {summary: Charge a card}
        get: {operationId: listCharges}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: score-api}
spec: {type: grpc, lifecycle: production, owner: user:diego, definition: {$text: "https://example.com/score.proto"}}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: events}
spec:
  type: asyncapi
  definition: "asyncapi: 3.0.0\ninfo: {title: Events, version: '1'}\nservers: {main: {host: kafka.example}}\nchannels: {paid: {description: A charge went through}}\n"
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: elsewhere}
spec: {target: "https://example.com/all.yaml"}
`

func TestServicePage(t *testing.T) {
	h := newHouse(t)
	h.Apply(software)
	page := h.Page("/components/default/pay")
	text := h.Main("/components/default/pay")
	h.Wants(text, "tier 1", "Takes the money.", "Runbook", "Repository",
		"Team Payments , 2 people", "Lead MQ Marta Quiroga", "DR Diego Ruiz", "Payments on call", "#payments", "payments@kestrane.example",
		"nothing does not exist", "Payments API", "offered", "called",
		"Catalog facts 5 of 7", "It names what does not exist: lost-api, nothing.", "Old ledger", "GitHub kestrane/pay", "internal/cost-centre")
	h.Wants(page, `href="https://github.com/kestrane/pay"`, `href="/components/default/old-ledger"`, "node-warn", "node-bad", `href="/components?labels=pci%3Dyes"`)
	h.Lacks(text, "gone-person", "Neighbourhood")
}

func TestOtherPages(t *testing.T) {
	h := newHouse(t)
	h.Apply(software)
	for path, want := range map[string][]string{
		"/components/default/bare":       {"Nobody is named.", "No dependency is written here.", "No owner that exists. Name the team", "3 of 7"},
		"/components/default/shop":       {"nobody-here", "There is no such group or person.", "Payments API", "Selling", "Checkout"},
		"/components/default/score":      {"Experimental", "Person DR Diego Ruiz", "Pay"},
		"/components/default/old-ledger": {"Deprecated", "Pay"},
		"/apis/default/pay-api":          {"OpenAPI 3.1.0", "Payments of Kestrane", "4.2.0", "https://api.kestrane.example/pay", "POST", "Charge a card", "listCharges", "The text, 8 lines", "shop"},
		"/apis/default/score-api":        {"It lies in", "https://example.com/score.proto"},
		"/apis/default/events":           {"AsyncAPI 3.0.0", "kafka.example", "paid", "A charge went through", "No component offers it."},
		"/resources/default/pay-db":      {"Database", "Pay"},
		"/systems/default/checkout":      {"What is in it", "Services and components 2", "Payments API", "pay-db", "Selling"},
		"/systems/default/lost":          {"nowhere", "Nothing names it yet."},
		"/domains/default/selling":       {"Checkout", "Payouts"},
		"/locations/default/elsewhere":   {"example.com/all.yaml"},
		"/components":                    {"Services and components", "Pay"},
	} {
		t.Run(path, func(t *testing.T) { h.TB = t; h.Wants(h.Main(path), want...) })
	}
}

func TestMap(t *testing.T) {
	h := newHouse(t)
	h.Wants(h.Main("/map"), "The map is empty", "binnacle import backstage")
	h.Apply(software)
	text := h.Main("/map")
	h.Wants(text, "Domains 2 Systems 2 Components 5 APIs 3 Resources 1 Without an owner 3", "Selling All about sales.", "Checkout Payments",
		"Without a domain", "lost No owner", "Without a system", "Old ledger", "1 API, 1 resource", "Its owner nobody-here does not exist")
	if w := h.Get("/map", "auditor", lang.English); w.Code != 200 {
		t.Errorf("an auditor reads the map with %d", w.Code)
	}
}

// TestFailing: a card that cannot be loaded says so in its place.
func TestFailing(t *testing.T) {
	h := newHouse(t)
	h.Apply(software)
	if _, err := h.Catalog.DB().Exec(t.Context(), `DROP TABLE relations`); err != nil {
		t.Fatal(err)
	}
	for path, cards := range map[string]int{"/components/default/pay": 5, "/apis/default/pay-api": 4, "/systems/default/checkout": 3} {
		if n := strings.Count(h.Page(path), "This card could not be shown"); n < cards {
			t.Errorf("%s says of %d cards that they failed, want %d", path, n, cards)
		}
	}
}
