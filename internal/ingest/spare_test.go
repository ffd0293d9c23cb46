package ingest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/sigma/jsonline"
)

func TestMain(m *testing.M) {
	Spoil = true
	os.Exit(m.Run())
}

// TestSpare: what is in memory that was used before is what came last.
func TestSpare(t *testing.T) {
	s := newStore()
	in := open(t, t.TempDir(), s, func(*Config) {})
	in.cfg.Stages = []Stage{looks(func(events []event.Event) {
		for _, e := range events {
			places, err := jsonline.Places(nil, e.Line)
			if err != nil || e.Members.Places != nil && !slices.Equal(places, e.Members.Places) {
				t.Errorf("%.80s: %v", e.Line, err)
			}
		}
	})}
	const senders, batches, events = 4, 12, 150
	text := strings.Repeat("x", 700)
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for batch := range batches {
				var texts []string
				for n := range events {
					fields := ""
					for k := range 80 * (batch % 2) { // many places
						fields += fmt.Sprintf(`"f%d":%d,`, k, n)
					}
					texts = append(texts, fmt.Sprintf(`{"event.id":"%d-%d-%d",%s"text":"%s%s"}`, sender, batch, n, fields, text[:n], text))
				}
				if _, err := in.Take(t.Context(), Batch{Org: "a", Source: "s", Records: lines(texts...)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	drained(t, in)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events["a"] {
		var sender, batch, n int
		if _, err := fmt.Sscanf(e.ID, "%d-%d-%d", &sender, &batch, &n); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`"text":"%s%s"}`, text[:n], text); !strings.HasPrefix(string(e.Line), `{"event.id":"`+e.ID+`",`) || !strings.HasSuffix(string(e.Line), want) {
			t.Fatalf("%s became %s", e.ID, e.Line)
		}
	}
	if len(s.events["a"]) != senders*batches*events {
		t.Errorf("%d events are stored", len(s.events["a"]))
	}
}

// TestSpoil: the memory of a frame that is done is spoilt, unless others read it too.
func TestSpoil(t *testing.T) {
	var s spare
	for _, own := range []bool{true, false} {
		b := append(s.forLines(leastLines), "abc"...)
		places := append(s.forPlaces(placesRoom), jsonline.PlaceOf(1, 2, 3, 4))
		s.back(&frame{own: own, lines: b, places: [][]jsonline.Place{places}})
		if spoilt := string(b) == "!!!" && places[0] == (jsonline.Place{}); spoilt != own {
			t.Errorf("%s and %v are left, own: %v", b, places, own)
		}
		if cap(b) != stepLines || cap(places) != placesRoom {
			t.Errorf("there is room for %d bytes and %d places", cap(b), cap(places))
		}
	}
}
