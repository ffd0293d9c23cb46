package api

import (
	"archive/zip"
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/claim"
)

// TestClaims follows a claim and a measure through every operation on evidence.
func TestClaims(t *testing.T) {
	onBoth(t, func(t *testing.T, h *harness) {
		settle := func() {
			t.Helper()
			_, err := h.api.Claims.Settle(t.Context())
			check(t, err)
		}
		h.want(201, h.do("owner", "POST", "/api/v1/boats", boat("dolphin")))
		h.want(201, h.do("owner", "POST", "/api/v1/boats", strings.Replace(boat("orca"), `{"type":"sail"}`, `{"type":"sail","length":9}`, 1)))
		h.want(201, h.do("owner", "POST", "/api/v1/claims", aClaim))
		h.want(201, h.do("owner", "POST", "/api/v1/measures", aMeasure))
		settle()
		const one, measure = "/api/v1/claims/default/dolphin", "/api/v1/measures/default/dolphin"
		has := func(r reply, want ...string) reply {
			t.Helper()
			for _, w := range want {
				if !strings.Contains(r.Body.String(), w) {
					t.Errorf("%.600s has no %s", r.Body, w)
				}
			}
			return r
		}
		has(h.want(200, h.do("reader", "GET", one+"/evidence", "")), `"state":"contradicted"`, `"health":"against"`, `"health":"missing"`)
		has(h.want(200, h.do("reader", "GET", one+"/evidence", "", "Accept-Language", "es")), "no lo cumple")
		has(h.want(200, h.do("reader", "GET", "/api/v1/evidence?state=contradicted&subject=boat:dolphin", "")), `"ref":"claim:default/dolphin"`)
		if r := h.want(200, h.do("reader", "GET", "/api/v1/evidence?state=supported", "")); strings.Contains(r.Body.String(), "dolphin") {
			t.Errorf("nothing is supported: %s", r.Body)
		}
		h.want(400, h.do("reader", "GET", "/api/v1/evidence?subject=::", ""))
		h.want(404, h.do("reader", "GET", "/api/v1/evidence?kind=clam", ""))
		has(h.want(200, h.do("reader", "GET", one+"/runs/1", "")), `"verdict":"fail"`, `"from":"boat"`, `"key":"boat:default/dolphin"`, `"faults":[]`, "2 records of boat")
		has(h.want(200, h.do("reader", "GET", one+"/runs/1/population?exceptions=true", "")), `"total":1`, `"holds":false`)
		r := has(h.want(200, h.do("reader", "GET", one+"/runs/1/population?limit=1", "")), `"total":2`, `"next":1`)
		if !strings.Contains(r.Header().Get("Link"), "from=1") {
			t.Errorf("the next page is not told: %v", r.Header())
		}
		for range 3 {
			h.want(200, h.do("auditor", "POST", one+"/test", `{}`))
		}
		has(h.want(200, h.do("reader", "GET", one+"/runs?limit=2", "")), `"next":3`)
		has(h.want(200, h.do("reader", "GET", one+"/runs?before=3", "")), `"seq":2`)
		has(h.want(200, h.do("reader", "GET", one+"/series?test=long", "")), `"exceptions":1`)
		h.want(403, h.do("reader", "POST", one+"/test", `{}`))
		h.want(422, h.do("owner", "POST", measure+"/test", `{}`))
		h.want(404, h.do("reader", "GET", one+"/runs/99", ""))
		h.want(404, h.do("reader", "GET", one+"/runs/x", ""))

		h.want(403, h.do("auditor", "POST", one+"/attest", `{"holds":true}`))
		has(h.want(201, h.do("owner", "POST", one+"/attest", `{"holds":true,"note":"seen"}`)), `"why":"word"`)
		h.want(422, h.do("owner", "POST", one+"/attest", `{"holds":false}`))
		h.want(422, h.do("owner", "POST", one+"/type", `{"value":3}`))
		has(h.want(201, h.do("owner", "POST", measure+"/type", `{"value":7.5,"asOf":"2026-01-31T00:00:00Z"}`)), `"value":7.5`)
		settle()

		now := url.QueryEscape(time.Now().UTC().Format(time.RFC3339Nano))
		has(h.want(200, h.do("reader", "GET", one+"/replay?asOf="+now, "")), `"same":true`, `"asked":true`, `"asked":false`)
		h.want(400, h.do("reader", "GET", one+"/replay", ""))
		has(h.want(200, h.do("owner", "GET", "/api/v1/evidence/verify", "")), `"broken":[]`, `"claims":2`)
		has(h.want(200, h.do("owner", "GET", "/api/v1/evidence/verify?ref=dolphin", "")), `"claims":1`)
		h.want(403, h.do("reader", "GET", "/api/v1/evidence/verify", ""))
		has(h.want(200, h.do("reader", "GET", "/api/v1/evidence/tables", "")), `"name":"claims"`)

		r = h.want(200, h.do("reader", "GET", "/api/v1/evidence/pack?ref=dolphin&from=2026-01-01T00:00:00Z&to="+url.QueryEscape(time.Now().Add(time.Hour).UTC().Format(time.RFC3339)), ""))
		report, err := claim.VerifyPack(bytes.NewReader(r.Body.Bytes()), int64(r.Body.Len()))
		check(t, err)
		if len(report.Problems) > 0 || len(report.Claims) != 1 || report.Runs < 5 {
			t.Errorf("the pack: %+v", report)
		}
		if _, err := zip.NewReader(bytes.NewReader(r.Body.Bytes()), int64(r.Body.Len())); err != nil {
			t.Error(err)
		}
		has(h.want(200, h.do("reader", "GET", "/api/v1/evidence/keys", "")), report.Fingerprint)
		h.want(422, h.do("reader", "GET", "/api/v1/evidence/pack?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", ""))
		h.want(400, h.do("reader", "GET", "/api/v1/evidence/pack?from=2026-01-01T00:00:00Z", ""))
	})
}
