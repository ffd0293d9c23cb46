package app_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	cdpwebauthn "github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What a new organisation has lying about.
var brought = map[string]string{
	"catalog.yaml": `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: billing
  title: Billing
  description: Writes and sends the invoices.
spec: {type: service, lifecycle: production, owner: group:default/finance}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: finance, title: Finance engineering}
spec: {type: team, children: []}
`,
	"radar-2026-01.csv": "name,ring,quadrant,isNew,description\nGo,Adopt,Languages,TRUE,What we write services in\nRust,Assess,Languages,TRUE,For what must be fast\n",
	"radar-2026-07.csv": "name,ring,quadrant,isNew,description\nGo,Adopt,Languages,FALSE,What we write services in\nRust,Trial,Languages,FALSE,For what must be fast\n",
	"0001-use-postgresql.md": `# 1. Use PostgreSQL

Date: 2026-02-03

## Status

Accepted

## Context

Two databases cost two sets of skills.

## Decision

We will use PostgreSQL for what must last.

## Consequences

One way to back up.
`,
	"0002-use-queues.md": `# 2. Use queues between services

Date: 2026-03-04

## Status

Accepted

## Context

A slow service made its callers slow.

## Decision

We will put queues between them.

## Consequences

Messages can come twice.
`,
}

// TestJourney is the first day with the program: a fresh folder, files brought
// in by the terminal, the first owner and a passkey in the browser, more files,
// an edit with a mistake in it, its history, and an auditor who looks.
func TestJourney(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	for name, text := range brought {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	browser := newBrowser(t)
	binnacle(t, "apply", "-f", filepath.Join(dir, "catalog.yaml"), "--data", data)
	binnacle(t, "import", "radar", filepath.Join(dir, "radar-2026-01.csv"), "--data", data)
	binnacle(t, "import", "adr", filepath.Join(dir, "0001-use-postgresql.md"), "--data", data)
	said := serve(t, "/welcome/", "serve", "--data", data, "--listen", "127.0.0.1:0")
	base := regexp.MustCompile(`http://localhost:\d+`).FindString(said)
	owner := person(t, browser, base)
	owner.startsUp(regexp.MustCompile(`/welcome/\S+`).FindString(said))
	owner.keepsAPasskey()
	owner.brings(dir, "radar", "radar-2026-07.csv")
	owner.brings(dir, "adr", "0002-use-queues.md")
	owner.readsWhatCame()
	owner.editsAComponent()
	owner.findsIt()
	owner.changesLooks()
	auditor := person(t, browser, base)
	auditor.accepts(owner.invites("paul@audit.example", "auditor"))
	auditor.looksOnly()
}

// startsUp makes the first owner with the link that the program printed.
func (b *tab) startsUp(link string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base + "/"))
	b.at("/welcome")
	b.sees("binnacle user add")
	b.shot("welcome-where")
	b.do(chromedp.Navigate(b.base + link))
	b.at(link)
	b.shot("welcome")
	b.fill("#organisation", "Kestrane")
	b.fill("#name", "Inés Valcárcel")
	b.fill("#email", "ines@kestrane.example")
	b.fill("#password", "short")
	b.do(run("document.querySelector('main form').noValidate = true"), on("main form .btn-primary"))
	b.wants(`#password[aria-invalid="true"]`)
	b.fill("#password", password)
	b.do(on("main form .btn-primary"))
	b.at("/")
	b.sees("Kestrane")
	b.shot("home")
}

// keepsAPasskey registers one, signs out and comes back with it.
func (b *tab) keepsAPasskey() {
	b.Helper()
	device := cdpwebauthn.VirtualAuthenticatorOptions{
		Protocol: cdpwebauthn.AuthenticatorProtocolCtap2, Transport: cdpwebauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if _, err := chromedp.Call(b.ctx, cdpwebauthn.Enable, cdpwebauthn.EnableParams{}); err != nil {
		b.Fatal(err)
	}
	added, err := chromedp.Call(b.ctx, cdpwebauthn.AddVirtualAuthenticator, cdpwebauthn.AddVirtualAuthenticatorParams{Options: &device})
	if err != nil {
		b.Fatal(err)
	}
	touched := func(yes bool) {
		p := cdpwebauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: added.AuthenticatorID, Enabled: yes}
		if _, err := chromedp.Call(b.ctx, cdpwebauthn.SetAutomaticPresenceSimulation, p); err != nil {
			b.Fatal(err)
		}
	}
	b.open("/account")
	b.fill("#pk-name", "This laptop")
	b.do(on(`[data-passkey="register"]`))
	b.sees("This laptop")
	b.at("/account")
	touched(false) // or the page signs in again by itself
	b.opens(`[popovertarget="me"]`, "#me:popover-open")
	b.do(on(`form[action="/sign-out"] button`))
	b.at("/sign-in")
	b.do(chromedp.Navigate(b.base + "/components?q=billing"))
	b.at("/sign-in")
	b.shot("sign-in")
	b.do(on(`[data-passkey="login"]`))
	touched(true)
	b.at("/components")
	b.eventually("location.search", "?q=billing")
	b.sees("Billing")
}

// brings imports a file by the web: a look first, then in.
func (b *tab) brings(dir, format, file string) {
	b.Helper()
	b.open("/import")
	b.do(on(`input[name="format"][value="`+format+`"]`), chromedp.SetUploadFiles(chromedp.CSS("#f-files"), []string{filepath.Join(dir, file)}), on(`button[value="preview"]`))
	b.sees("Nothing is written yet")
	b.shot("import-" + format)
	b.do(on(`button[value="import"]`))
	b.wants("#h-done")
}

// readsWhatCame looks at what both imports brought.
func (b *tab) readsWhatCame() {
	b.Helper()
	b.open("/decisions")
	b.sees("Use PostgreSQL", "Use queues between services")
	b.open("/technologies")
	b.sees("Go", "Rust", "Trial")
	b.open("/radar")
	b.sees("Rust")
}

// editsAComponent makes a mistake, mends it, compares and brings back.
func (b *tab) editsAComponent() {
	b.Helper()
	const page = "/components/default/billing"
	b.open(page + "/edit")
	b.fill(`[name="spec.type"]`, " ")
	b.fill(`[name="metadata.description"]`, "Writes, sends and chases the invoices.")
	b.do(on(`button[value="save"]`))
	b.wants(`[name="spec.type"][aria-invalid="true"]`)
	b.eventually(`document.getElementById(document.querySelector('[name="spec.type"]').getAttribute('aria-describedby').split(' ').find(id => id.endsWith('-e'))).checkVisibility()`, true)
	b.eventually(`document.querySelector('[name="metadata.description"]').value`, "Writes, sends and chases the invoices.")
	b.shot("form-error")
	b.fill(`[name="spec.type"]`, "service")
	b.fill(`[name="reason"]`, "It also chases")
	b.do(on(`button[value="save"]`))
	b.at(page)
	b.sees("Writes, sends and chases the invoices.")
	b.open(page + "/history")
	b.sees("It also chases", "Inés Valcárcel")
	b.shot("history")
	b.do(on(`#r2 a[href*="compare"]`))
	b.at(page + "/compare")
	b.sees("Writes and sends the invoices.", "Writes, sends and chases the invoices.")
	b.shot("compare")
	b.open(page + "/history")
	b.do(on(`#r1 form[action$="/restore"] button`))
	b.at(page)
	b.sees("Writes and sends the invoices.")
	b.open(page + "/history")
	b.wants("#r3")
}

// findsIt goes to the component by the palette.
func (b *tab) findsIt() {
	b.Helper()
	b.open("/")
	b.do(press("k", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.eventually("document.activeElement === document.querySelector('#cmdk input')", true)
	b.do(press("bill"))
	b.eventually("[...document.querySelectorAll('.cmdk-item')].filter(i => i.checkVisibility()).some(i => i.textContent.includes('Billing'))", true)
	b.shot("palette")
	for range 10 {
		if b.eval("document.getElementById(document.querySelector('#cmdk input').getAttribute('aria-activedescendant'))?.textContent.includes('Billing')") == true {
			break
		}
		b.do(press(kb.ArrowDown))
	}
	b.do(press(kb.Enter))
	b.at("/components/default/billing")
}

// changesLooks switches the theme and the language, and finds them kept.
func (b *tab) changesLooks() {
	b.Helper()
	b.open("/components/default/billing")
	colours := map[string]bool{}
	for range 3 {
		b.do(on("[data-theme-toggle]"))
		theme := b.eval("document.documentElement.dataset.theme ?? ''")
		if s, ok := theme.(string); ok && s != "" {
			b.eventually("getComputedStyle(document.documentElement).colorScheme", s)
		}
		colours[b.eval("getComputedStyle(document.body).backgroundColor").(string)] = true
	}
	if len(colours) != 2 {
		b.Errorf("the themes have the backgrounds %v, want a light and a dark one", colours)
	}
	b.do(on(`button[name="lang"][value="es"]`))
	b.eventually("document.documentElement.lang", "es")
	b.sees("Historial")
	b.shot("spanish")
	b.open("/")
	b.eventually("document.documentElement.lang", "es")
	b.do(on(`button[name="lang"][value="en"]`))
	b.eventually("document.documentElement.lang", "en")
}

// invites returns the address of the link for somebody.
func (b *tab) invites(email, role string) string {
	b.Helper()
	b.open("/settings/people")
	b.fill("#i-email", email)
	b.do(chromedp.SetValue(chromedp.CSS("#i-role"), role), on(`form[action="/settings/people/invite"] .btn-primary`))
	b.wants("#made-link")
	link, _ := b.eval("document.querySelector('#made-link').textContent").(string)
	u, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, b.base+"/invitation/") {
		b.Fatalf("the invitation is %q", link)
	}
	return u.Path
}

// accepts takes an invitation.
func (b *tab) accepts(path string) {
	b.Helper()
	b.open(path)
	b.fill("#name", "Paul Audit")
	b.fill("#password", password)
	b.do(on("main form .btn-primary"))
	b.at("/")
}

// looksOnly reads, finds nothing to change with but may say something about it,
// and is refused.
func (b *tab) looksOnly() {
	b.Helper()
	const page = "/components/default/billing"
	const says = `[action$="/comments"], [action$="/attachments"], [action$="/watch"]`
	b.open(page)
	b.sees("Writes and sends the invoices.")
	b.shot("auditor")
	for _, path := range []string{page, page + "/history", page + "/yaml", "/components", "/decisions", "/technologies"} {
		b.open(path)
		b.lacks(`main a[href$="/edit"], main a[href$="/new"], main a[href$="/delete"], main form[method="post"]:not(` + says + `) :is(button, input), main textarea:not([data-mentions])`)
	}
	b.open(page + "/edit")
	b.sees("You may not do this")
	b.open(page)
	send := `fetch("` + page + `/restore", {method: "POST", body: new URLSearchParams({rev: "1"})}).then(r => document.title = "status " + r.status)`
	b.do(run(send))
	b.eventually("document.title", "status 403")
	b.open("/audit")
	b.sees("Paul Audit")
}
