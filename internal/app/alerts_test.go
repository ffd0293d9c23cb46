package app_test

import (
	"slices"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/catalog"
	"github.com/binnaclehq/binnacle/internal/detect"
	"github.com/binnaclehq/binnacle/internal/domain/security/alerts"
)

// alerted leaves an alert that somebody was called about, a suppression, and a
// case with an event.
func (w *world) alerted() {
	w.Helper()
	ctx, owner := w.Context(), catalog.Caller{Principal: w.owner.principal, Manager: "form"}
	d := alerts.NewDesk(w.app.Catalog, alerts.Config{})
	w.apply(w.as(), "apiVersion: binnacle.dev/v1\nkind: OnCall\nmetadata: {name: security}\nspec: {people: [\"user:leila\"], every: 1w, start: \"2020-01-06\", handOver: \"09:00\", zone: UTC, from: high}\n")
	now := time.Now()
	w.must(d.Take(ctx, []detect.Finding{{Org: auth.HomeID, Name: "shell/web-1", Rule: detect.Told{ID: "shell", Title: "A shell", Level: "critical"}, Start: now, End: now,
		Group: []detect.GroupField{{Name: "host.name", Value: "web-1"}}, Events: []detect.Seen{{ID: "said", Time: now, Source: "linux"}}}}))
	w.must(d.Escalate(ctx))
	w.must(d.Answer(ctx, owner, 1, "Is it ours?", "No."))
	_, err := d.Suppress(ctx, owner, 1, false, now.Add(time.Hour), "It is worked on.")
	w.must(err)
	name, err := d.OpenCase(ctx, owner, alerts.Opening{Title: "A shell", Alerts: []int64{1}})
	w.must(err)
	_, err = d.Pin(ctx, owner, name, "", []*alerts.Pinned{{Event: "said", Time: now, Source: "linux", Line: `{"message":"said"}`}})
	w.must(err)
}

// detected leaves what detection keeps: what it told and missed, what it was
// proved with, what is known to be bad, and what sources sent.
func (w *world) detected() {
	w.Helper()
	i := slices.IndexFunc(app.Importers(), func(i catalog.Importer) bool { return i.Name == "indicators" })
	_, err := app.Importers()[i].Import(w.Context(), w.app.Catalog, w.as(), []catalog.File{{Name: "bad.csv", Data: []byte("value\n198.51.100.7\n")}}, catalog.ImportOptions{Args: map[string]string{"source": "us"}})
	w.must(err)
	for _, row := range []string{
		`detection_told VALUES ('default', 'shell/web-1', 'shell', 'event', 'web-1', 'critical', 1, 2, 3)`,
		`detection_gaps VALUES ('default', 'gap', 'shell', 'stopped', '', 1, 2, 0, 0, '', 0)`,
		`detection_alive VALUES (1, 1)`,
		`rule_proofs VALUES ('default', 'shell', 1, 1, '')`,
		`source_hours VALUES ('default', 'linux', 0, 'node', 1, 1, 0, 0, 0, 1, 0, 20, 1, 1, '', '')`,
		`source_totals VALUES ('default', 'linux', 'node', '{}', '[]', 1)`,
	} {
		_, err := w.app.DB.Exec(w.Context(), `INSERT INTO `+row)
		w.must(err)
	}
}
