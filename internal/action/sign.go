package action

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// The scheme of Standard Webhooks (github.com/standard-webhooks): a receiver
// computes the same and compares.
const (
	secretPrefix = "whsec_"
	secretBytes  = 32

	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// newHookSecret returns a secret as receivers' libraries take it.
func newHookSecret() string {
	b := make([]byte, secretBytes)
	rand.Read(b)
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// signature returns one signature, v1: HMAC-SHA256 over id, moment and body.
func signature(secret, id string, at time.Time, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		key = []byte(secret)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signatures signs with each secret, for receivers that know one of them.
func signatures(secrets []string, id string, at time.Time, body []byte) string {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		out[i] = signature(s, id, at, body)
	}
	return strings.Join(out, " ")
}
