package ingest

import (
	"testing"
	"time"
)

// TestKnown: while an event waits, what came after it is not known to be all,
// also when the program begins anew.
func TestKnown(t *testing.T) {
	s := newStore()
	dir := t.TempDir()
	in := open(t, dir, s)
	if got := in.Known(); time.Since(got) > time.Second {
		t.Errorf("with nothing under way it is known until %s", got)
	}
	s.mu.Lock()
	s.away = true
	s.mu.Unlock()
	take := func(text string) {
		t.Helper()
		if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "x", Records: lines(text)}); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now()
	take(`{"m":1}`)
	after := time.Now()
	time.Sleep(20 * time.Millisecond)
	take(`{"m":2}`)
	within := func(when string) {
		t.Helper()
		if got := in.Known(); got.Before(before.Add(-time.Millisecond)) || got.After(after) {
			t.Errorf("%s it is known until %s; the first came between %s and %s", when, got, before, after)
		}
	}
	within("while it waits")
	in.crash()
	in = open(t, dir, s)
	within("after a new start")
	s.mu.Lock()
	s.away = false
	s.mu.Unlock()
	drained(t, in)
	if got := in.Known(); !got.After(after.Add(20 * time.Millisecond)) {
		t.Errorf("when all is stored it is known until %s", got)
	}
}
