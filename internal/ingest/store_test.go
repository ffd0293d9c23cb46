package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/binnaclehq/binnacle/internal/event"
	"github.com/binnaclehq/binnacle/internal/logs"
)

// store is an event engine in memory that can fail as a real one does: it loses
// what it has not settled, stores a part of a batch, and goes away.
type store struct {
	logs.Store
	mu      sync.Mutex
	events  map[string][]event.Event // by organisation
	added   []stamped
	settled time.Time
	away    bool
	partial float64 // share of calls that store a part and fail
	keep    time.Duration
	adds    int
}

type stamped struct {
	at  time.Time
	org string
	id  string
}

func newStore() *store { return &store{events: map[string][]event.Event{}, keep: 365 * 24 * time.Hour} }

var errAway = errors.New("the engine does not answer")

func (s *store) Add(_ context.Context, org string, events []event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adds++
	if s.away {
		return errAway
	}
	failed := rand.Float64() < s.partial
	if failed {
		events = events[:rand.IntN(len(events)+1)]
	}
	for _, e := range events {
		e.Line, e.Rules = slices.Clone(e.Line), slices.Clone(e.Rules)
		s.events[org] = append(s.events[org], e)
		s.added = append(s.added, stamped{time.Now(), org, e.ID})
	}
	if failed {
		return errAway
	}
	return nil
}

func (s *store) Settled(context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return time.Time{}, errAway
	}
	return s.settled, nil
}

func (s *store) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	return nil
}

// Limits are those of an engine that keeps events for a time.
func (s *store) Limits() logs.Limits {
	return logs.Limits{Bytes: MaxEvent, Fields: MaxFields - 1, Past: s.keep, Future: logs.Future}
}

// settle says that everything is on the disk that was added so far.
func (s *store) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled, s.added = time.Now(), nil
}

// crash loses some of what is not settled.
func (s *store) crash(share float64) (lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.added {
		if rand.Float64() >= share {
			continue
		}
		list := s.events[x.org]
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].ID == x.id {
				s.events[x.org] = slices.Delete(list, i, i+1)
				lost++
				break
			}
		}
	}
	s.added = nil
	return lost
}

var asked = regexp.MustCompile(`^([a-z.]+):in\((.*?)\) \| (.*)$`)

func (s *store) Rows(_ context.Context, q logs.Query, row func(logs.Row) error) (logs.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return logs.Outcome{}, errAway
	}
	m := asked.FindStringSubmatch(q.Text)
	if m == nil {
		return logs.Outcome{}, fmt.Errorf("the store of the test does not know the question %s", q.Text)
	}
	wanted := map[string]bool{}
	for _, v := range strings.Split(m[2], ",") {
		text, err := strconv.Unquote(v)
		if err != nil {
			return logs.Outcome{}, err
		}
		wanted[text] = true
	}
	n := 0
	for _, e := range s.events[q.Org] {
		has := e.ID
		if m[1] == event.FieldBatch {
			has = strconv.FormatUint(e.Batch, 10)
		}
		if !wanted[has] || e.Time.Before(q.From) || !e.Time.Before(q.To) {
			continue
		}
		n++
		if strings.HasPrefix(m[3], "stats") {
			continue
		}
		if err := row(logs.Row{Fields: []logs.Field{{Name: event.FieldID, Value: e.ID}, {Name: event.FieldBatch, Value: strconv.FormatUint(e.Batch, 10)}, {Name: event.FieldRules, Value: strings.Join(e.Rules, " ")}}}); err != nil {
			return logs.Outcome{}, err
		}
	}
	if strings.HasPrefix(m[3], "stats") {
		return logs.Outcome{}, row(logs.Row{Fields: []logs.Field{{Name: "n", Value: strconv.Itoa(n)}}})
	}
	return logs.Outcome{}, nil
}

// ids counts how often each id is stored.
func (s *store) ids(org string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int{}
	for _, e := range s.events[org] {
		out[e.ID]++
	}
	return out
}
