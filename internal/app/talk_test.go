package app_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/entity"
	"github.com/binnaclehq/binnacle/internal/morning"
	"github.com/binnaclehq/binnacle/internal/talk"
)

// TestTalk is two people talking about a record in browsers: a comment with a
// name completed after an @, a file, a dispute and its answer, what the other is
// told, and the settings of it.
func TestTalk(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	catalog, file := filepath.Join(dir, "c.yaml"), filepath.Join(dir, "evidence.csv")
	for path, text := range map[string]string{file: "moment,what\n2026-03-01,restored\n", catalog: `apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: billing, title: Billing, description: Writes and sends the invoices.}
spec: {type: service, lifecycle: production, owner: user:default/ines}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: ines, title: Inés Valcárcel}
spec: {memberOf: []}
`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	browser := newBrowser(t)
	binnacle(t, "apply", "-f", catalog, "--data", data)
	said := serve(t, "/welcome/", "serve", "--data", data, "--listen", "127.0.0.1:0")
	base := regexp.MustCompile(`http://localhost:\d+`).FindString(said)
	owner := person(t, browser, base)
	owner.startsUp(regexp.MustCompile(`/welcome/\S+`).FindString(said))
	owner.isUser("user:default/ines")
	auditor := person(t, browser, base)
	auditor.accepts(owner.invites("paul@audit.example", "auditor"))
	auditor.open("/components/default/billing")
	auditor.comments()
	auditor.attaches(file)
	auditor.disputes()
	owner.isTold()
	owner.answers()
	owner.choosesWhatToBeTold()
}

// TestHeldAboutMe: the file of what is held about a person has what they said,
// attached and were told.
func TestHeldAboutMe(t *testing.T) {
	w := newWorld(t, app.Config{})
	v := &visit{world: w, of: w.owner, who: w.owner}
	v.comment()
	v.attachment()
	v.notification()
	rec := w.send(w.owner, "GET", request{path: "/account/data?format=json"})
	for _, want := range []string{`"comments"`, "Words of zqsecret.", `"attachments"`, "zqsecret.txt", `"notifications"`, `"watches"`, `"notification settings"`} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s is not in it: %s", want, rec.Body)
		}
	}
	rec = w.send(w.actors[5], "GET", request{path: "/account/data?format=json"})
	if strings.Contains(rec.Body.String(), "Words of zqsecret.") {
		t.Error("another sees it")
	}
}

// isUser links the account to a person of the catalog.
func (b *tab) isUser(ref string) {
	b.Helper()
	b.open("/account")
	b.eventually(`fetch('/api/v1/members').then(r => r.json()).then(m => fetch('/api/v1/members/' + m.items[0].account, {method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({role: 'owner', user: '`+ref+`'})})).then(r => { window.linked = r.status }) && window.linked`, 200)
}

// comments writes a comment and chooses who is meant from the list.
func (b *tab) comments() {
	b.Helper()
	b.do(run("document.querySelector('#new-comment').scrollIntoView()"), chromedp.SendKeys(chromedp.CSS("#new-comment"), "Is this **still** so, @in"))
	b.wants(".mention-list [role=option]")
	b.shot("mention")
	b.do(press(kb.Enter))
	b.eventually("document.querySelector('#new-comment').value", "Is this **still** so, @ines ")
	b.do(on(".talk-new button[value=comment]"))
	b.sees("Is this still so, @Inés Valcárcel")
	b.eventually("document.querySelector('.talk-comment a[href=\"/users/default/ines\"]').textContent", "@Inés Valcárcel")
	b.wants(`.talk-comment a[href$="/edit"]`)
	b.do(on(`.talk-comment a[href$="/edit"]`))
	b.sees("It will say that it was changed")
	b.fill("#body", "Is this still so, @ines?")
	b.do(on("main form .btn-primary"))
	b.at("/components/default/billing")
	b.sees("changed", "Is this still so, @Inés Valcárcel?")
}

// attaches uploads a file and removes nothing.
func (b *tab) attaches(file string) {
	b.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#new-file"), []string{file}), on(`form[enctype] button`))
	b.sees("evidence.csv", "text/csv")
	b.shot("record-with-talk")
	b.eventually(`fetch(document.querySelector('a[href^="/attachments/"]').href).then(r => { window.head = r.headers.get('content-disposition') + ' ' + r.headers.get('content-security-policy') }) && window.head`,
		"attachment; filename=evidence.csv sandbox; default-src 'none'")
}

func (b *tab) disputes() {
	b.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS("#new-comment"), "The log says otherwise."), on(".talk-new button[value=dispute]"))
	b.sees("Disputes this", "1 open dispute")
}

// isTold reads what the bell counts.
func (b *tab) isTold() {
	b.Helper()
	for range 100 { // the watch follows at its own pace
		b.open("/notifications")
		if text, _ := b.eval("document.body.innerText").(string); strings.Contains(text, "disputes this") {
			break
		}
	}
	b.sees("disputes this", "mentioned you", "attached evidence.csv")
	b.wants(".bar-count")
	b.shot("notifications")
	b.do(on(`a.feed-title[href^="/notifications/"]`))
	b.at("/components/default/billing")
	b.sees("The log says otherwise.")
}

func (b *tab) answers() {
	b.Helper()
	b.do(on(".talk-open .talk-reply summary"), chromedp.SendKeys(chromedp.CSS(".talk-open .talk-reply textarea"), "It was restored; the log is of the day before."))
	b.shot("answering")
	b.do(on(".talk-open .talk-reply button[value=answer]"))
	b.sees("Answer of the owner", "Dispute, settled")
	b.lacks(".talk-open")
	b.open("/notifications")
	b.do(on(".page-actions form button"))
	b.lacks(".bar-count")
}

// types sets a field that proposes values: the list of them is the browser's own
// and takes the keys.
func (b *tab) types(selector, text string) {
	b.Helper()
	b.do(run(fmt.Sprintf("document.querySelector(%q).value = %q", selector, text)))
}

func (b *tab) choosesWhatToBeTold() {
	b.Helper()
	b.open("/account/notifications")
	b.do(run(`document.querySelector('#n-digest').value = 'weekly'; document.querySelector('[name=mail][value=all]').click()`))
	b.types("#n-zone", "Nowhere/Land")
	b.do(on("main form.stack .btn-primary"))
	b.sees("is no time zone")
	b.types("#n-zone", "Europe/Madrid")
	b.do(on("main form.stack .btn-primary"))
	b.sees("Saved")
	b.eventually("document.readyState === 'complete' && document.querySelector('#n-digest').value + document.querySelector('#n-zone').value + document.querySelector('[name=mail]:checked').value", "weeklyEurope/Madridall")
	b.shot("notify-settings")
	b.open("/settings/webhooks")
	b.fill("#h-name", "Chat")
	b.fill("#h-url", "https://hooks.example.com/in")
	b.types("#h-types", "comment.*")
	b.do(on("main form .btn-primary"))
	b.eventually("document.querySelector('#hook-secret')?.textContent.slice(0, 6)", "whsec_")
	b.shot("webhooks")
	b.do(on(`.setting a[href^="/settings/webhooks/"]`))
	b.wants(`form[action$="/test"] button`)
	b.do(on(`form[action$="/test"] button`))
	b.sees("Deliveries", "msg_")
	b.shot("webhook")
}

// TestPackHoldsAttachedFiles: what is attached to a claim travels with its
// evidence.
func TestPackHoldsAttachedFiles(t *testing.T) {
	w := newWorld(t, app.Config{})
	ref := entity.NewRef("claim", "", "named")
	w.apply(w.as(), claimed)
	w.settle()
	e, err := w.app.Catalog.Get(w.Context(), w.as(), ref)
	w.must(err)
	a, err := w.app.Files.Add(w.Context(), w.as(), e, "minutes.txt", strings.NewReader("We looked at every name."))
	w.must(err)
	var pack bytes.Buffer
	_, err = w.app.Claims.Pack(w.Context(), w.as(), claim.PackOptions{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, &pack)
	w.must(err)
	report, err := claim.VerifyPack(bytes.NewReader(pack.Bytes()), int64(pack.Len()))
	w.must(err)
	if len(report.Problems) > 0 {
		t.Errorf("the pack does not verify: %q", report.Problems)
	}
	z, err := zip.NewReader(bytes.NewReader(pack.Bytes()), int64(pack.Len()))
	w.must(err)
	i := slices.IndexFunc(z.File, func(f *zip.File) bool { return f.Name == "attachments/"+a.SHA256 })
	if i < 0 {
		t.Fatal("the pack does not hold the file")
	}
	f, err := z.File[i].Open()
	w.must(err)
	if data, err := io.ReadAll(f); err != nil || string(data) != "We looked at every name." {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

// TestDisputesWaitForWhoMayAnswer: the inbox asks those who can answer a
// dispute, not who leads a group further up.
func TestDisputesWaitForWhoMayAnswer(t *testing.T) {
	w := newWorld(t, app.Config{})
	w.fill()
	w.apply(w.as(), strings.Replace(claimed, "metadata: {name: named,", "metadata: {name: named, owner: \"group:payments\",", 1))
	w.settle()
	ref := entity.NewRef("claim", "", "named")
	e, err := w.app.Catalog.Get(w.Context(), w.as(), ref)
	w.must(err)
	_, err = w.app.Talk.Add(w.Context(), catalog.Caller{Principal: w.owner.principal, Manager: "form"}, e, talk.Draft{Kind: talk.Dispute, Body: "Two have none."})
	w.must(err)
	w.settle()
	for user, waits := range map[string]bool{"ines.valcarcel": false, "marta.quiroga": true} {
		caller := w.as()
		caller.UserRef = "user:default/" + user
		box, err := w.app.Morning.Inbox(w.Context(), caller)
		w.must(err)
		got := slices.ContainsFunc(box.Items(), func(i morning.Item) bool { return i.Ref == ref.String() })
		if got != waits {
			t.Errorf("it waits for %s: %v, want %v", user, got, waits)
		}
	}
}
