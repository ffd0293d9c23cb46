package action

import (
	"testing"
	"time"
)

// The example of the Standard Webhooks specification.
func TestSignature(t *testing.T) {
	at := time.Unix(1614265330, 0)
	const id, secret, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"test": 2432232314}`
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := signature(secret, id, at, []byte(body)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	other := newHookSecret()
	got := signatures([]string{secret, other}, id, at, []byte(body))
	if got != want+" "+signature(other, id, at, []byte(body)) {
		t.Errorf("got %s", got)
	}
	if a, b := newHookSecret(), newHookSecret(); a == b || len(a) != len("whsec_")+44 {
		t.Errorf("secrets %s and %s", a, b)
	}
}
