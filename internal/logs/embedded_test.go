package logs

import (
	"errors"
	"testing"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
)

// TestDroppedDays adds events of a day that was dropped for want of room, which
// the engine would drop without a word.
func TestDroppedDays(t *testing.T) {
	s := opened(t, nil)
	s.options.KeepBytes = 1 << 40
	now := time.Now().UTC().Truncate(24 * time.Hour)
	add := func(days int) error {
		s.floor.looked = time.Time{}
		err := s.Add(t.Context(), "one", []event.Event{{Time: now.AddDate(0, 0, -days), Line: []byte(`{}`)}})
		return errors.Join(err, s.Flush(t.Context()))
	}
	for _, days := range []int{1, 3, 2, 5} {
		if err := add(days); err != nil {
			t.Fatalf("%d days ago: %v", days, err)
		}
	}
	if err := add(1); err != nil { // looks at what is there
		t.Fatal(err)
	}
	for _, days := range []int{5, 3} {
		if err := s.storage.PartitionDetach(now.AddDate(0, 0, -days).Format(dayLayout)); err != nil {
			t.Fatal(err)
		}
	}
	var refused Refused
	if err := add(3); !errors.As(err, &refused) || refused[0].Reason != TooOld {
		t.Errorf("added to a day that was dropped: %v", err)
	}
	if err := add(2); err != nil {
		t.Error(err)
	}
}

// TestPanicInAnAnswer: who breaks while it reads an answer is told so, though it is
// called in a goroutine of the engine, and the next question is answered.
func TestPanicInAnAnswer(t *testing.T) {
	s := opened(t, [][]byte{[]byte(`{"a":"b"}`)})
	n := 0
	for _, breaks := range []bool{true, false} {
		_, err := s.Rows(t.Context(), Query{Org: "one", Text: "* | fields a"}, func(Row) error {
			if breaks {
				panic("oh")
			}
			n++
			return nil
		})
		if (err != nil) != breaks {
			t.Errorf("breaks %v: %v", breaks, err)
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
}
