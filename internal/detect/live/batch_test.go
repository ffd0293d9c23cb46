package live

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/detect"
)

// Two matches have the same key when their findings have the same name, and only
// then.
func TestKeyIsAsTheName(t *testing.T) {
	c := rand.New(rand.NewPCG(2026, 11))
	words := []string{"", "a", "b", "1", "1:", "1:a", `"`, `a"="b`, "a b", " ", "\xff", `\xff`, "\x1f"}
	word := func() string { return words[c.IntN(len(words))] + words[c.IntN(len(words))] }
	keys, names := map[string]string{}, map[string]string{}
	for range 200_000 {
		kind, rule := words[c.IntN(3)], words[c.IntN(6)]
		var group []detect.GroupField
		for range c.IntN(3) {
			group = append(group, detect.GroupField{Name: words[c.IntN(4)], Value: word()})
		}
		at := time.Unix(int64(c.IntN(3)), int64(c.IntN(2))*500_000_000)
		key, name := string(appendKey([]byte("xx")[:0], kind, rule, group, at)), nameOf(kind, rule, group, at)
		if was, known := keys[name]; known && was != key {
			t.Fatalf("the finding %s of %q has the keys %q and %q", name, group, was, key)
		}
		if was, known := names[key]; known && was != name {
			t.Fatalf("the key %q is of %s and %s", key, was, name)
		}
		keys[name], names[key] = key, name
	}
	if len(keys) < 1000 || len(keys) > 190_000 {
		t.Fatalf("%d names: the test tests nothing", len(keys))
	}
}
