package app_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/event"
)

// TestHunt is somebody who looks for what a key did in the night: words, the
// values of fields, an event with all it holds by the keyboard, a stretch of time
// by dragging, a pasted rule, a saved hunt, and which techniques are covered.
func TestHunt(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	binnacle(t, "apply", "-f", emptyCatalog(t), "--data", data)
	keepEvents(t, data, time.Now())
	said := serve(t, "/welcome/", "serve", "--data", data, "--listen", "127.0.0.1:0")
	b := person(t, newBrowser(t), regexp.MustCompile(`http://localhost:\d+`).FindString(said))
	b.startsUp(regexp.MustCompile(`/welcome/\S+`).FindString(said))
	b.open("/events")
	b.sees("1 to 50 of 62", "PutImage")

	b.fill("textarea[name=q]", "getsecretvalue payments")
	b.do(press("\r"))
	b.sees("1 to 2 of 2", "GetSecretValue")
	b.wants(`a.facet-v[href*="203.0.113.77"]`)
	b.do(on(`a.facet-v[href*="203.0.113.77"]`))
	b.wants(".chip")

	b.do(press("j"), press("\r"))
	b.sees("prod/payments/key", "Same actor, 5 min around")
	b.shot("hunt-event")
	b.do(press("\x1b"))
	b.lacks(".event-more:not([hidden])")

	b.open("/events")
	b.sees("1 to 50 of 62")
	b.do(run(`(svg => { const r = svg.getBoundingClientRect(), at = (type, x) => svg.dispatchEvent(new PointerEvent(type, {bubbles: true, button: 0, pointerType: 'mouse', clientX: r.left + r.width * x, clientY: r.top + 30}));
		at('pointerdown', .70); at('pointermove', .75); at('pointermove', .80); at('pointerup', .80); })(document.querySelector('[data-brush] .plot > svg'))`))
	b.eventually(`new URLSearchParams(location.search).has('from')`, true)
	b.sees("1 to 2 of 2", "GetSecretValue")

	b.open("/events?" + url.Values{"q": {pastedRule}}.Encode())
	b.sees("A Sigma rule, tried on 2 events", "1 to 2 of 2")
	b.open("/events?q=GetSecretValue")
	b.do(chromedp.Click(chromedp.CSS(`a[href^="/events/make/hunt"]`)))
	b.at("/hunts/new")
	b.fill(`[name="metadata.title"]`, "Secrets in the night")
	b.do(on("form button.btn-primary"))
	b.at("/hunts/default/secrets-in-the-night")
	b.do(on(`.page-actions a[href^="/events?"]`))
	b.at("/events")
	b.sees("1 to 2 of 2")

	b.open("/attack")
	b.sees("techniques have a detection that passed a test", "AWS CloudTrail")
	b.fill("input[name=q]", "T1552")
	b.do(press("\r"))
	b.sees("1 technique")
	b.do(run("document.activeElement.blur()"), press("j"), press("\r"))
	b.at("/attack/T1552")
	b.sees("T1552 Unsecured Credentials", "Examples")
	b.shot("attack-technique")
}

const pastedRule = `title: Secrets from elsewhere
logsource: {product: aws, service: cloudtrail}
detection:
  a: {eventName: GetSecretValue}
  b: {sourceIPAddress|cidr: 10.0.0.0/8}
  condition: a and not b
`

func emptyCatalog(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: ines, title: Inés Valcárcel}\nspec: {memberOf: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// keepEvents puts a day of a cloud account into a data folder: sixty of its
// pipeline, and two that read secrets six hours ago.
func keepEvents(t *testing.T, data string, now time.Time) {
	t.Helper()
	ctx := context.Background()
	a, err := app.Open(ctx, app.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	add := func(ago time.Duration, action, from, what string) {
		at := now.Add(-ago).UTC()
		events = append(events, event.Event{ID: fmt.Sprintf("e-%d", len(events)), Time: at, Seen: at.Add(time.Second), Source: "cloud", Format: "cloudtrail",
			Line: fmt.Appendf(nil, `{"eventVersion":"1.09","eventSource":"secretsmanager.amazonaws.com","eventName":%q,"sourceIPAddress":%q,"requestParameters":{"secretId":%q},"event.action":%[1]q,"source.ip":%[2]q,"user.name":"svc-deploy"}`, action, from, what)})
	}
	add(6*time.Hour, "GetSecretValue", "203.0.113.77", "prod/payments/key")
	add(6*time.Hour+2*time.Minute, "GetSecretValue", "203.0.113.77", "prod/payments/db")
	for i := range 60 {
		add(8*time.Hour+time.Duration(i)*10*time.Minute, "PutImage", "10.40.8.14", "builds")
	}
	if err := a.Logs.Add(ctx, "default", events); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
