package objectives

import (
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
	"github.com/binnaclehq/binnacle/internal/domain/strategy/okr"
	"github.com/binnaclehq/binnacle/internal/lang"
)

// TestReading: a number that is where it should be is green on live evidence of
// a claim that nobody doubts, and in no other case.
func TestReading(t *testing.T) {
	zero, hundred, value := 0.0, 100.0, 60.0
	s := &KeyResult{Kind: "metric", Start: &zero, Target: &hundred}
	first := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	span := &okr.Span{First: first, Last: first.AddDate(0, 0, 99)}
	day50 := first.AddDate(0, 0, 49).Add(12 * time.Hour)
	for _, c := range []struct {
		name  string
		value *float64
		trust okr.Trust
		state claim.State
		span  *okr.Span
		want  string
	}{
		{"live", &value, okr.Live, claim.Supported, span, "on-track"},
		{"live and in doubt", &value, okr.Live, claim.Weak, span, "on-track-unproven"},
		{"live and disputed", &value, okr.Live, claim.Disputed, span, "on-track-unproven"},
		{"somebody's word", &value, okr.Word, claim.Weak, span, "on-track-unproven"},
		{"stale", &value, okr.Stale, claim.Weak, span, "at-risk"},
		{"no number", nil, okr.Live, claim.Supported, span, "no-evidence"},
		{"no cycle", &value, okr.Live, claim.Supported, nil, "no-evidence"},
	} {
		r := read(s, c.span, c.value, c.trust, c.state, day50)
		if got := r.shown(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	r := read(s, span, &value, okr.Live, claim.Supported, day50)
	if *r.Progress != 0.6 || *r.Expected != 0.5 || round(r.Pace) == nil || *round(r.Pace) != 0.1 {
		t.Errorf("progress %v, expected %v, pace %v", *r.Progress, *r.Expected, *r.Pace)
	}
	s.Final = r.final(day50)
	if r = read(s, span, nil, okr.None, claim.Unsupported, day50.AddDate(1, 0, 0)); r.shown() != "on-track" || *r.Progress != 0.6 || *r.Value != 60 {
		t.Errorf("scored, it is %+v", r)
	}
}

func TestWorst(t *testing.T) {
	for want, all := range map[string][]string{
		"no-evidence": nil, "on-track": {"met", "on-track"}, "on-track-unproven": {"on-track", "met-unproven"}, "met-unproven": {"met", "met-unproven"},
		"off-track": {"met-unproven", "off-track", ""}, "at-risk": {"on-track-unproven", "at-risk"},
	} {
		if got := worst(all); got != want {
			t.Errorf("the worst of %v is %s, want %s", all, got, want)
		}
	}
	if got := worst([]string{"met", ""}); got != "no-evidence" {
		t.Errorf("one without a status gives %s", got)
	}
}

func TestFormNumber(t *testing.T) {
	for text, want := range map[string]float64{"93.8": 93.8, "93,8": 93.8, " 1 200 ": 1200, "12 %": 12, "−4": -4, "-0,5": -0.5, "0.125": 0.125, "1200": 1200} {
		for _, code := range []string{"en", "es"} {
			if got, ok := formNumber(lang.Code(code), text); !ok || got != want {
				t.Errorf("%q in %s is %v, %v", text, code, got, ok)
			}
		}
	}
	for _, text := range []string{"", "ten", "1,200", "1,2,3", "Inf", "NaN", "1e99", "1.2.3"} {
		if got, ok := formNumber("en", text); ok {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	if _, ok := formNumber("es", "1.200"); ok {
		t.Error("1.200 was taken for decimals in Spanish")
	}
}
