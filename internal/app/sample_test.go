package app_test

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/app"
	"github.com/binnaclehq/binnacle/internal/sample"
)

// sampleDay is the day on which the tests look at the sample organisation.
var sampleDay = time.Date(2026, 9, 22, 9, 30, 0, 0, time.UTC)

// organisation is the sample organisation as seen from a moment.
func organisation(t testing.TB, now time.Time) *sample.Organisation {
	t.Helper()
	o, err := sample.Load(sample.Shipped(), now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func openSample(t testing.TB, cfg app.Config, now time.Time) *app.App {
	t.Helper()
	cfg.Data, cfg.Now = t.TempDir(), func() time.Time { return now }
	a, err := app.OpenSample(t.Context(), cfg, organisation(t, now), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func TestSampleLives(t *testing.T) {
	openSample(t, app.Config{}, sampleDay)
}
