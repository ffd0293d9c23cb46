package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what one record holds, in bytes.
const (
	MaxText   = 1024
	MaxDetail = 16 << 10
)

const redacted = "[redacted]"

// clean makes the record storable and free of secrets.
func (r *Record) clean(now time.Time) error {
	if r.At.IsZero() {
		r.At = now
	}
	r.At = r.At.UTC().Truncate(time.Microsecond)
	if r.Outcome == "" {
		r.Outcome = OK
	}
	for _, s := range []*string{&r.Actor, &r.ActorName, &r.Action, &r.Target, &r.IP, &r.Via, &r.Outcome} {
		*s = cleanText(*s)
	}
	var err error
	r.Detail, err = cleanDetail(r.Detail)
	return err
}

// cleanText drops what PostgreSQL cannot store, cuts long texts, and strikes
// out secrets.
func cleanText(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	s = strike(s)
	if len(s) <= MaxText {
		return s
	}
	cut := MaxText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func cleanDetail(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	raw = bytes.ReplaceAll(bytes.ToValidUTF8(raw, []byte("\uFFFD")), []byte{0}, nil)
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, fmt.Errorf("the detail is not a JSON object: %w", err)
	}
	if dec.More() {
		return nil, fmt.Errorf("the detail is more than one JSON object")
	}
	out, err := encode(redact("", object))
	if err != nil || len(out) <= MaxDetail {
		return out, err
	}
	sum := sha256.Sum256(out)
	return encode(map[string]any{"omitted": map[string]any{"bytes": len(out), "sha256": hex.EncodeToString(sum[:])}})
}

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// redact returns v with every secret replaced: texts under a telling key, and
// texts that have the form of a secret.
func redact(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = redact(k, v[k])
		}
	case []any:
		for i := range v {
			v[i] = redact(key, v[i])
		}
	case string:
		if v != "" && secretKey(key) {
			return redacted
		}
		return strike(v)
	case json.Number:
		if secretKey(key) {
			return redacted
		}
	}
	return v
}

var secretEndings = []string{
	"password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie", "privatekey",
	"apikey", "credentials", "totp", "otp", "recoverycode", "recoverycodes", "clientsecret", "sessionid",
}

var withoutMarks = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

func secretKey(key string) bool {
	key = strings.ToLower(withoutMarks.Replace(key))
	for _, end := range secretEndings {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

var (
	pemKey   = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic) [A-Za-z0-9._~+/=-]{8,}`)
	jwt      = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)
	userinfo = regexp.MustCompile(`(://[^/\s:@]*):[^/\s@]+@`)
)

// strike replaces what has the form of a secret inside a text. Few texts have
// what each form begins with, so the expressions seldom run.
func strike(s string) string {
	if len(s) < 8 || !strings.Contains(s, "-----BEGIN ") && !strings.Contains(s, "eyJ") && !strings.Contains(s, "://") && !scheme(s) {
		return s
	}
	s = pemKey.ReplaceAllString(s, redacted)
	s = bearer.ReplaceAllString(s, "$1 "+redacted)
	s = jwt.ReplaceAllString(s, redacted)
	return userinfo.ReplaceAllString(s, "$1:"+redacted+"@")
}

// scheme reports whether a text has a blank behind what could be "bearer" or
// "basic".
func scheme(s string) bool {
	for i := 5; i < len(s); i++ {
		if s[i] == ' ' && (s[i-1]|0x20 == 'r' || s[i-1]|0x20 == 'c') {
			return true
		}
	}
	return false
}
