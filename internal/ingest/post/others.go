package post

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/binnaclehq/binnacle/internal/auth"
	"github.com/binnaclehq/binnacle/internal/fault"
	"github.com/binnaclehq/binnacle/internal/ingest"
	"github.com/binnaclehq/binnacle/internal/ingest/otlp"
)

// otlp takes logs of OpenTelemetry, all or nothing.
func (c Config) otlp(w http.ResponseWriter, r *http.Request) error {
	form := otlp.Protobuf
	if media(r) == "application/json" {
		form = otlp.JSON
	}
	got, err := c.takeOTLP(r, form)
	status, body := http.StatusOK, otlp.Answer(got, form)
	if err != nil {
		var f *fault.Error
		if f, status = told(w, err); f == nil {
			return err
		}
		body = otlp.Failure(grpcCode(f.Kind), strings.TrimSuffix(f.Msg+": "+f.Hint, ": "), form)
	}
	w.Header().Set("Content-Type", form.Media())
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

func (c Config) takeOTLP(r *http.Request, form otlp.Form) (ingest.Receipt, error) {
	switch kind := media(r); kind {
	case "", "application/json", "application/x-protobuf", "application/protobuf", "application/octet-stream":
	default: // some text is protobuf by chance, and holds no logs
		return ingest.Receipt{}, fault.New(fault.Invalid, "logs do not come as %s", kind).Coded("ingest.otlp").WithHint("send them as application/x-protobuf, or JSON as application/json")
	}
	b, data, done, err := c.request(r)
	if err != nil {
		return ingest.Receipt{}, err
	}
	defer done()
	if b.Records, err = otlp.Decode(data, form); err != nil {
		return ingest.Receipt{}, err
	}
	return c.Taker.Take(r.Context(), b)
}

// grpcCode is a kind of failure in the numbers of gRPC.
func grpcCode(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return 3
	case fault.RateLimited, fault.TooLarge:
		return 8
	case fault.Unavailable:
		return 14
	}
	return 2
}

// github takes a webhook of GitHub, signed with the secret github-SOURCE of the
// organisation that ?org= names; without it, of the one that runs the installation.
func (c Config) github(w http.ResponseWriter, r *http.Request) error {
	b := ingest.Batch{Org: r.URL.Query().Get("org"), Source: r.PathValue("source"), Format: "github"}
	if b.Org == "" {
		b.Org = auth.HomeID
	}
	if err := ingest.CheckSource(b.Source); err != nil {
		return err
	}
	secret, err := c.Secret(r.Context(), b.Org, "github-"+b.Source)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	var data []byte
	signature := r.Header.Get("X-Hub-Signature-256")
	if err == nil && signature != "" { // strangers are not read
		var done func()
		if data, done, err = (Config{held: c.unsigned}).whole(r); err != nil {
			return wait(w, err)
		}
		defer done()
	}
	if err != nil || !signed(data, secret, signature) {
		return fault.New(fault.Unauthenticated, "The webhook is not signed with the secret that is kept here.").Coded("ingest.signature").WithHint("set the same secret on GitHub and with: binnacle secret set github-%s", b.Source)
	}
	record := ingest.Record{Data: data, ID: r.Header.Get("X-GitHub-Delivery")}
	for _, name := range []string{"X-GitHub-Event", "X-GitHub-Delivery", "X-GitHub-Hook-Installation-Target-Type"} {
		if v := r.Header.Get(name); v != "" {
			record.Fields = append(record.Fields, ingest.Field{Name: strings.ToLower(name), Value: v})
		}
	}
	if media(r) == "application/x-www-form-urlencoded" {
		return fault.New(fault.Invalid, "The webhook is a form.").Coded("ingest.form").WithHint("choose the content type application/json on GitHub")
	}
	b.Records = []ingest.Record{record}
	got, err := c.Taker.Take(r.Context(), b)
	var a answer
	a.add(got)
	return a.send(w, err)
}

// signed reports whether a body is signed with a secret.
func signed(data []byte, secret, signature string) bool {
	text, ok := strings.CutPrefix(signature, "sha256=")
	sum, err := hex.DecodeString(text)
	if !ok || err != nil || secret == "" {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(data)
	return hmac.Equal(sum, mac.Sum(nil))
}
